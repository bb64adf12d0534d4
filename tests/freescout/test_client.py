"""freescout.client: every call is one exchange; what comes back is data or a classified failure."""

from __future__ import annotations

import gzip
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.errors import ApiError, Kind
from maxbridge.freescout import exchange
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import DeskClock
from maxbridge.freescout.parse import format_time
from recorded import desk_exchanges
from virtual_time import virtual

KEY = "5f4dcc3b5aa765d61d8327deb882cf99"
URL = "https://desk.romashka.ru"
DATE = "Sun, 22 Nov 2026 22:37:06 GMT"
AT = 1_795_387_026.0
OURS = 1_700_000_000.0  # our clock may be anything


class Desk:
    """Answers from a list, on a clock that goes on by what each exchange takes."""

    def __init__(self, *answers: httpx.Response | Exception, url: str = URL) -> None:
        self.asked: list[httpx.Request] = []
        self.time = OURS
        self.takes = 0.0
        self._answers = list(answers)
        self.client = FreeScoutClient(
            url, KEY, now=lambda: self.time, transport=httpx.MockTransport(self._answer)
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.time += self.takes
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def ok(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={"Date": DATE} | headers)


def recorded(case: str, index: int) -> Any:
    return desk_exchanges(case)[index]["response"]["body"]


def listing(*rows: Any) -> Any:
    return {"_embedded": {"conversations": list(rows)}}


TICKET = recorded("71", 1)
THREAD = TICKET["_embedded"]["threads"][0]

Call = Callable[[FreeScoutClient], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "mailboxes": lambda client: client.mailboxes(),
    "users": lambda client: client.users(),
    "changed_since": lambda client: client.changed_since(AT),
    "chats_changed_last": lambda client: client.chats_changed_last(AT, 100),
    "created_since": lambda client: client.created_since(AT, page=1, page_size=50),
    "by_number": lambda client: client.by_number(36),
    "conversation": lambda client: client.conversation(36, threads=True),
    "profiles_of": lambda client: client.profiles_of(1),
    "talks_of": lambda client: client.talks_of(8),
    "customers_named": lambda client: client.customers_named("Марина", "Тестова"),
    "customer": lambda client: client.customer(7),
    "update_customer_phones": lambda client: client.update_customer_phones(7, "+79990000017"),
    "open_conversation": lambda client: client.open_conversation({"subject": "x"}),
    "add_thread": lambda client: client.add_thread(36, {"text": "x"}),
}
POSTS = ("open_conversation", "add_thread")
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


async def failing(desk: Desk, call: Call) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await call(desk.client)
    return caught.value


# --- what is asked -------------------------------------------------------------------------------------


@every_call
async def test_the_key_goes_in_its_header_to_the_desk_alone(call: Call) -> None:
    desk = Desk(ok({"message": ""}, 404))
    await failing(desk, call)
    (request,) = desk.asked
    assert str(request.url).startswith("https://desk.romashka.ru/api/")
    assert request.headers["X-FreeScout-API-Key"] == KEY
    # Contract freescout.md 1: ?api_key= lands in access logs, Bearer does not work.
    assert KEY not in str(request.url)
    assert "Authorization" not in request.headers
    # Without it errors are HTML pages [83].
    assert request.headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (f"{URL}/", f"{URL}/api/mailboxes?pageSize=500"),
        (f"{URL}/support", f"{URL}/support/api/mailboxes?pageSize=500"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/mailboxes?pageSize=500"),
    ],
)
async def test_a_desk_may_live_anywhere(url: str, asked: str) -> None:
    desk = Desk(ok(recorded("02", 0)), url=url)
    await desk.client.mailboxes()
    assert [str(request.url) for request in desk.asked] == [asked]


@every_call
async def test_no_redirect_is_followed(call: Call) -> None:
    # It would carry the key to wherever it points.
    for status in (301, 302, 307, 308):
        desk = Desk(httpx.Response(status, headers={"Location": "https://evil.example/api/"}))
        error = await failing(desk, call)
        assert error.failure.code == "desk.redirect"
        assert len(desk.asked) == 1


@pytest.mark.parametrize("name", POSTS)
@pytest.mark.parametrize(
    "answer",
    [
        ok({"message": "Server Error"}, 500),
        httpx.Response(502),
        httpx.ReadTimeout("x"),
        httpx.ReadError("x"),
        httpx.ConnectError("x"),
    ],
)
async def test_a_post_is_never_repeated(name: str, answer: httpx.Response | Exception) -> None:
    # There is no idempotency key (contract freescout.md 4 [81]).
    desk = Desk(answer)
    await failing(desk, CALLS[name])
    assert len(desk.asked) == 1


READINGS = [name for name in CALLS if name not in POSTS]


@pytest.mark.parametrize("name", READINGS)
@virtual
async def test_a_reading_is_made_again_once_when_the_connection_broke(name: str) -> None:
    # Web servers close idle connections just when they are used again.
    desk = Desk(httpx.RemoteProtocolError("x"), ok({"message": ""}, 404))
    assert (await failing(desk, CALLS[name])).failure.code == "desk.module_off"
    assert len(desk.asked) == 2
    desk = Desk(httpx.ReadError("x"))
    assert (await failing(desk, CALLS[name])).failure.code == "desk.dropped"
    assert len(desk.asked) == 2


@pytest.mark.parametrize(
    "answer", [httpx.ReadTimeout("x"), httpx.ConnectError("x"), ok({"message": ""}, 500)]
)
async def test_a_reading_that_failed_otherwise_is_left_to_the_loops_patience(
    answer: httpx.Response | Exception,
) -> None:
    desk = Desk(answer)
    await failing(desk, CALLS["mailboxes"])
    assert len(desk.asked) == 1


async def test_a_ticket_is_read_with_or_without_its_threads() -> None:
    desk = Desk(ok(TICKET), ok(recorded("71", 0)))
    ticket, _ = await desk.client.conversation(36, threads=True)
    assert ticket.threads is not None
    assert [each.id for each in ticket.threads] == [79]
    ticket, _ = await desk.client.conversation(36, threads=False)
    assert not ticket.threads
    # Case 71: any embed but "threads" leaves the threads out, which costs a 60th (case 75).
    assert [dict(request.url.params) for request in desk.asked] == [{}, {"embed": "tags"}]
    assert {request.url.path for request in desk.asked} == {"/api/conversations/36"}


async def test_changes_are_asked_for_without_threads_and_without_filters() -> None:
    desk = Desk(ok(listing(TICKET)))
    found, desk_time = await desk.client.changed_since(AT + 0.9, 250)
    assert [each.id for each in found] == [36]
    assert desk_time == AT
    # Trap 7: tickets are closed on reply, moved and merged; sortOrder only in lower case.
    assert dict(desk.asked[0].url.params) == {
        "updatedSince": "2026-11-22T22:37:06Z",
        "sortField": "updatedAt",
        "sortOrder": "asc",
        "pageSize": "250",
    }


async def test_chats_that_changed_last_are_asked_for_from_the_other_end() -> None:
    desk = Desk(ok(listing(TICKET)))
    found, desk_time = await desk.client.chats_changed_last(AT, 100)
    assert ([each.id for each in found], desk_time) == ([36], AT)
    assert dict(desk.asked[0].url.params) == {
        "updatedSince": "2026-11-22T22:37:06Z",
        "type": "chat",
        "sortField": "updatedAt",
        "sortOrder": "desc",
        "pageSize": "100",
    }


async def test_new_chat_tickets_are_asked_for_page_by_page() -> None:
    desk = Desk(ok(listing(TICKET)))
    (found,) = await desk.client.created_since(AT, page=3, page_size=50)
    assert found.threads
    params = dict(desk.asked[0].url.params)
    assert params["createdSince"] == format_time(AT)
    assert (params["type"], params["embed"], params["page"]) == ("chat", "threads", "3")


async def test_the_desk_ignores_filters_so_a_number_is_compared() -> None:
    # Contract freescout.md 1: a mistyped filter returns everything.
    desk = Desk(ok(listing(TICKET | {"id": 9, "number": 35}, TICKET)))
    found = await desk.client.by_number(36)
    assert found is not None
    assert found.id == 36
    assert await desk.client.by_number(37) is None


async def test_a_customer_shows_his_profiles_and_a_merged_one_is_none() -> None:
    # Case 65: the loser's id is nobody's, the winner has his profile.
    gone, winner = desk_exchanges("65")[1:3]
    desk = Desk(ok(gone["response"]["body"], 404), ok(winner["response"]["body"]))
    assert await desk.client.profiles_of(2) is None
    assert await desk.client.profiles_of(1) == ("max:222",)
    assert [each.url.path for each in desk.asked] == ["/api/customers/2", "/api/customers/1"]
    # A module that is switched off is no merged customer (trap 8).
    desk = Desk(ok({"message": ""}, 404))
    assert (await failing(desk, CALLS["profiles_of"])).failure.code == "desk.module_off"


async def test_talks_that_are_too_much_for_one_answer_are_read_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = TICKET | {"id": 37}
    rows = ok(listing(TICKET, broken))
    answers = (ok({"message": "memory"}, 500), rows, ok(TICKET), ok({"message": "memory"}, 500))
    desk = Desk(*answers)
    assert [each.id for each in await desk.client.talks_of(8)] == [36]
    assert [each.url.path.removeprefix("/api/") for each in desk.asked] == [
        "conversations",
        "conversations",
        "conversations/36",
        "conversations/37",
    ]
    # More than may be in memory is no answer either.
    monkeypatch.setattr(exchange, "LARGEST_ANSWER", len(rows.content) - 1)
    desk = Desk(rows, ok(listing(TICKET)), ok(TICKET))
    assert [each.id for each in await desk.client.talks_of(8)] == [36]
    # A desk that is away is asked twice, and no more.
    desk = Desk(*[ok({"message": "memory"}, 500)] * 9)
    assert (await failing(desk, CALLS["talks_of"])).failure.code == "desk.server_error"
    assert len(desk.asked) == 2


async def test_a_customers_talks_are_his_though_the_desk_may_ignore_the_filter() -> None:
    other = TICKET | {"id": 9, "customer": TICKET["customer"] | {"id": 9}}
    desk = Desk(ok(listing(other, TICKET)))
    assert [each.id for each in await desk.client.talks_of(8)] == [36]
    assert dict(desk.asked[0].url.params) == {
        "customerId": "8",
        "embed": "threads",
        "pageSize": "20",
    }


async def test_names_of_mailboxes_and_users() -> None:
    desk = Desk(ok(recorded("02", 0)), ok(recorded("02", 4)))
    assert await desk.client.mailboxes() == {1: "MAX messenger", 2: "Second box"}
    assert await desk.client.users() == {1: "Ada Admin", 2: "Boris Agent"}


async def test_customers_are_found_by_name_with_their_profiles() -> None:
    row = {
        "id": 7,
        "_embedded": {"social_profiles": [{"value": "max:1"}, None, {"value": None}]},
    }
    body = {"_embedded": {"customers": [row, {"id": 8}, None, {"id": "9"}]}}
    desk = Desk(ok(body))
    found = await desk.client.customers_named("Марина", "")
    assert [each.id for each in found] == [7, 8]
    assert found[0].profiles[0] == "max:1"
    assert dict(desk.asked[0].url.params) == {"firstName": "Марина", "pageSize": "100"}


@pytest.mark.parametrize("text", ["Привет <b>&</b> \"'", "😀 🇷🇺", "a\ufffdb", "\u2028"])
async def test_a_body_is_utf8_json(text: str) -> None:
    desk = Desk(ok(THREAD, 201))
    await desk.client.add_thread(36, {"type": "customer", "text": text})
    (request,) = desk.asked
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content.decode("utf-8")) == {"type": "customer", "text": text}


async def test_a_lone_surrogate_never_makes_broken_json() -> None:
    # The desk reads broken JSON as "parameter required" [03]; the text is cleaned before, so this
    # is the last net.
    desk = Desk(ok(THREAD, 201))
    await desk.client.add_thread(36, {"text": "a\ud83d"})
    assert json.loads(desk.asked[0].content.decode("utf-8"))["text"].startswith("a")


# --- what comes back ------------------------------------------------------------------------------------


async def test_a_new_ticket_tells_its_ids() -> None:
    desk = Desk(ok(recorded("20", 0), 201))
    posted = await desk.client.open_conversation({"subject": "x"})
    assert (posted.conversation_id, posted.thread_id, posted.customer_id) == (1, 1, 1)
    assert posted.desk_time == AT


async def test_a_new_thread_tells_its_id() -> None:
    posted = await Desk(ok(THREAD, 201)).client.add_thread(36, {"text": "x"})
    assert (posted.conversation_id, posted.thread_id) == (36, 79)


BAD_BODIES = {
    "an HTML page": b"<html><body>Login</body></html>",
    "truncated JSON": json.dumps(TICKET).encode()[:-20],
    "nothing": b"",
    "invalid UTF-8": b'{"id": "\xff\xfe"}',
    "nested too deeply": b"[" * 100_000,
    "a list": b"[]",
    "a list of one": b"[{}]",
    "null": b"null",
    "a number": b"36",
    "a text": b'"ok"',
    "an empty object": b"{}",
    "wrong types": b'{"id": "36", "status": [], "_embedded": {"conversations": {}}}',
    "a bad row": b'{"_embedded": {"conversations": [{}], "mailboxes": 1, "users": 1, "customers": {}}}',
}


@pytest.mark.parametrize("content", BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_a_success_that_is_none_is_uncertain(content: bytes) -> None:
    # The work was probably done: a POST must be looked up before it is repeated.
    for name, call in CALLS.items():
        status = 201 if name in POSTS else 200
        desk = Desk(httpx.Response(status, content=content, headers={"Date": DATE}))
        failure = (await failing(desk, call)).failure
        assert (failure.code, failure.kind) == ("desk.bad_answer", Kind.TRANSIENT), name
        assert not failure.certain


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sun, 22 Nov 9999999999999 22:37:06 GMT"])
async def test_an_answer_without_a_usable_date_is_an_answer(date: str | None) -> None:
    headers = {} if date is None else {"Date": date}
    desk = Desk(httpx.Response(200, json=recorded("02", 0), headers=headers))
    assert await desk.client.mailboxes() == {1: "MAX messenger", 2: "Second box"}
    assert not desk.client.clock.known


@every_call
@pytest.mark.parametrize(
    "answer",
    [
        ok({"message": "Not Authorized"}, 401),
        ok({"message": f"no {KEY}"}, 400),
        httpx.Response(200, content=b"<html>"),
        ok([]),
        httpx.ConnectError(f"refused {KEY}"),
        httpx.ReadError("x"),
        httpx.InvalidURL("x"),
    ],
)
@virtual
async def test_the_key_is_in_no_error_and_no_traceback(
    call: Call, answer: httpx.Response | Exception
) -> None:
    desk = Desk(answer)
    error = await failing(desk, call)
    shown = "".join(traceback.format_exception(error))
    assert KEY not in f"{error!s} {error!r} {error.failure!r} {shown}"
    assert KEY not in f"{desk.client!r} {desk.client!s} {desk.client.clock!r}"
    # Chained exceptions of httpx carry the request with its headers.
    assert error.__cause__ is None or type(error.__cause__).__module__.startswith("maxbridge")
    assert error.__context__ is None or error.__cause__ or error.__suppress_context__


# --- the desk's clock -----------------------------------------------------------------------------------


def test_a_clock_that_was_never_told_is_ours() -> None:
    clock = DeskClock(lambda: OURS)
    assert (clock.known, clock.skew, clock.now()) == (False, 0.0, OURS)


async def test_every_answer_tells_the_time_refusals_too() -> None:
    desk = Desk(ok({"message": ""}, 404))
    await failing(desk, CALLS["mailboxes"])
    assert desk.client.clock.known
    assert desk.client.clock.now() == AT
    desk.time += 100
    assert AT + 99.9 < desk.client.clock.now() <= AT + 100


@virtual
async def test_a_broken_exchange_leaves_the_clock_alone() -> None:
    desk = Desk(httpx.ReadError("x"))
    await failing(desk, CALLS["mailboxes"])
    assert not desk.client.clock.known


@given(
    before=st.floats(min_value=0, max_value=30),
    between=st.floats(min_value=0, max_value=30),
    after=st.floats(min_value=0, max_value=30),
    desk_ahead=st.floats(min_value=-1e6, max_value=1e6),
)
@law
def test_the_time_of_a_reading_is_never_later_than_the_reading(
    before: float, between: float, after: float, desk_ahead: float
) -> None:
    # design.md 6: the undo window is judged by the time at which the desk read its database. It
    # writes the header some time after that, cut to whole seconds, and the answer travels.
    desk = Desk(httpx.Response(404))
    read_at = OURS + before + desk_ahead
    written = datetime.fromtimestamp(int(read_at + between), UTC)
    desk.time = OURS + before + between + after
    answer = httpx.Response(200, headers={"Date": format_datetime(written, usegmt=True)})
    desk_time = desk.client._desk.learn_time(answer, OURS)
    assert read_at - before - after - 1.001 <= desk_time <= read_at + 0.001


async def test_a_slow_answer_makes_the_reading_earlier() -> None:
    desk = Desk(ok(TICKET))
    desk.takes = 7.0
    _, desk_time = await desk.client.conversation(36, threads=True)
    assert desk_time == AT - 7.0
    assert desk.client.clock.now() == AT


def heard(desk: Desk, *, ahead: float, takes: float) -> None:
    """An exchange with a desk whose clock is ahead of ours; it writes its header half way through."""
    asked_at = desk.time
    written = datetime.fromtimestamp(int(asked_at + takes / 2 + ahead), UTC)
    desk.time += takes
    answer = httpx.Response(200, headers={"Date": format_datetime(written, usegmt=True)})
    desk.client._desk.learn_time(answer, asked_at)


@given(
    exchanges=st.lists(
        st.tuples(st.floats(min_value=0, max_value=60), st.floats(min_value=0, max_value=3)),
        min_size=1,
        max_size=30,
    ),
    ahead=st.floats(min_value=-1e6, max_value=1e6),
    drift=st.floats(min_value=-4e-4, max_value=4e-4),
)
@law
def test_the_clock_is_never_ahead_of_the_desks_and_never_further_behind_than_the_last_answer(
    exchanges: list[tuple[float, float]], ahead: float, drift: float
) -> None:
    desk = Desk(httpx.Response(404))
    for pause, takes in exchanges:
        desk.time += pause
        ahead += drift * pause
        heard(desk, ahead=ahead, takes=takes)
        assert desk.time + ahead - 1.001 - takes <= desk.client.clock.now()
        assert desk.client.clock.now() <= desk.time + ahead + 0.001


def test_what_the_turn_of_a_second_told_is_kept() -> None:
    desk = Desk(httpx.Response(404))
    desk.time = OURS + 0.99
    heard(desk, ahead=0.0, takes=0.04)  # written at .01, and the header says .00
    for pause in (5.3, 5.6, 14.2, 4.9):
        desk.time += pause
        heard(desk, ahead=0.0, takes=0.04)
        assert desk.time - 0.05 < desk.client.clock.now() <= desk.time


@pytest.mark.parametrize("jump", [-86400.0, -1.5, 1.5, 86400.0])
def test_a_clock_that_was_set_is_followed_at_the_next_answer(jump: float) -> None:
    desk = Desk(httpx.Response(404))
    for _ in range(5):
        desk.time += 5.2
        heard(desk, ahead=0.0, takes=0.1)
    desk.time += 5.0
    heard(desk, ahead=jump, takes=0.1)
    assert desk.time + jump - 1.1 <= desk.client.clock.now() <= desk.time + jump


# --- answers without end -------------------------------------------------------------------------------


class Endless(httpx.AsyncByteStream):
    """A body that nobody reads to its end."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += len(self.piece)
            yield self.piece


@pytest.mark.parametrize("status", [200, 401, 500])
async def test_an_endless_answer_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("maxbridge.freescout.exchange.LARGEST_ANSWER", 1 << 20)
    body = Endless(b" " * 1000)
    desk = Desk(httpx.Response(status, stream=body, headers={"Date": DATE}))
    failure = (await failing(desk, CALLS["users"])).failure
    assert (failure.code, failure.detail) == ("desk.bad_answer", "more than 1 MiB")
    assert body.sent < 3 << 20


async def test_a_small_body_that_unpacks_to_a_huge_one_is_given_up() -> None:
    bomb = gzip.compress(bytes(100 << 20))
    assert len(bomb) < 200_000
    packed = {"Date": DATE, "Content-Encoding": "gzip"}
    desk = Desk(httpx.Response(200, stream=httpx.ByteStream(bomb), headers=packed))
    assert (await failing(desk, CALLS["users"])).failure.code == "desk.bad_answer"


async def test_a_packed_answer_is_unpacked() -> None:
    body = gzip.compress(json.dumps(listing()).encode())
    packed = {"Date": DATE, "Content-Encoding": "gzip"}
    desk = Desk(httpx.Response(200, stream=httpx.ByteStream(body), headers=packed))
    assert await desk.client.by_number(36) is None
