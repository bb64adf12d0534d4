"""What the recordings do not replay: agents' refusals, files, hooks, hosts, filters."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from maxbridge.sim.desk import DeskEvent, DeskSim
from maxbridge.sim.desk.php import parse_time
from maxbridge.sim.desk.state import DeskRefusedError
from maxbridge.sim.wire import Request, Response

NOW = 1_795_387_025
HOST = "desk.example.org"
Files = list[tuple[str, str, bytes | str]]


@dataclass
class Desk:
    """The simulator with a clock and a client."""

    now: float = NOW
    sim: DeskSim = field(init=False)

    def __post_init__(self) -> None:
        self.sim = DeskSim(now=lambda: self.now, app_url=f"http://{HOST}")

    async def raw(
        self, method: str, path: str, body: bytes = b"", /, **headers: str | None
    ) -> Response:
        path, _, query = path.partition("?")
        given: dict[str, str | None] = {
            "accept": "application/json",
            "content-type": "application/json",
            "host": HOST,
            "x-freescout-api-key": self.sim.key,
        }
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in given.items() if value is not None}
        pairs = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        return await self.sim.handle(Request(method, path, pairs, sent, body))

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        text = b"" if body is None else json.dumps(body).encode()
        answer = await self.raw(method, f"/api/{path}", text)
        assert answer.status < 300, answer.body.decode()
        return json.loads(answer.body) if answer.body else None

    async def chat(self, text: str = "start", **more: Any) -> int:
        body = {
            "type": "chat",
            "mailboxId": 1,
            "subject": "S",
            "customer": {"firstName": "Иван"},
            "threads": [{"type": "customer", "text": text}],
            **more,
        }
        answer = await self.call("POST", "conversations", body)
        return int(answer["id"])

    async def threads(self, conversation: int = 1) -> list[dict[str, Any]]:
        answer = await self.call("GET", f"conversations/{conversation}")
        threads: list[dict[str, Any]] = answer["_embedded"]["threads"]
        return sorted(threads, key=lambda row: (row["createdAt"], row["id"]), reverse=True)

    async def ids(self, query: str, what: str = "conversations") -> list[int]:
        answer = await self.call("GET", f"{what}?{query}")
        return [row["id"] for row in answer["_embedded"][what]]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_date_is_freescouts_own_clock(desk: Desk) -> None:
    desk.now = NOW + 0.9
    for path in ("/api/mailboxes", "/api/nosuch", "/elsewhere"):
        answer = await desk.raw("GET", path)
        assert answer.headers["date"] == "Sun, 22 Nov 2026 22:37:05 GMT"
    await desk.chat()
    assert (await desk.threads())[0]["createdAt"] == "2026-11-22T22:37:05Z"


async def test_untrusted_host(desk: Desk) -> None:
    answer = await desk.raw("GET", "/api/mailboxes", host="127.0.0.1:8080")
    assert answer.status == 403
    assert json.loads(answer.body)["message"].startswith("Untrusted Host: 127.0.0.1. Add")
    assert (await desk.raw("GET", "/storage/attachment/1/1/1/a", host="evil")).status == 403
    page = await desk.raw("GET", "/api/mailboxes", host="evil", accept="*/*")
    assert page.body.startswith(b"<!DOCTYPE html>")
    desk.sim.check_host = False
    assert (await desk.raw("GET", "/api/mailboxes", host="evil")).status == 200


async def test_a_file_that_is_asked_for_with_the_key_is_a_leak(desk: Desk) -> None:
    file = desk.sim.state.store_file("a.pdf", "application/pdf", b"%PDF-1.4")
    path = f"/storage/attachment/{file.folder}/a.pdf?id={file.id}&token={file.token}"
    answer = await desk.raw("GET", path, x_freescout_api_key=None)
    assert (answer.status, answer.headers["content-length"]) == (200, "8")
    assert desk.sim.leaks == []
    assert (await desk.raw("GET", path)).status == 200
    await desk.raw("GET", f"{path}&api_key={desk.sim.key}", x_freescout_api_key=None)
    assert len(desk.sim.leaks) == 2


async def test_body_limits(desk: Desk) -> None:
    await desk.chat()
    path = "/api/conversations/1/threads"
    answer = await desk.raw("POST", path, b"x" * (desk.sim.max_body + 1))
    assert (answer.status, answer.body) == (413, b'{"message": ""}')
    answer = await desk.raw("POST", path, b"x" * (21 * 1024 * 1024))
    assert (answer.status, answer.headers["content-type"]) == (413, "text/html")


@pytest.mark.parametrize(
    "body",
    [b"\xff", b'{"text": "\\ud83d"}', b'{"text": NaN}', b"[" * 100_000, b"7", b'{"text": "a\nb"}'],
)
async def test_unreadable_json_is_an_empty_body(desk: Desk, body: bytes) -> None:
    await desk.chat()
    answer = await desk.raw("POST", "/api/conversations/1/threads", body)
    assert answer.status == 400
    assert json.loads(answer.body)["_embedded"]["errors"][0]["path"] == "text"


async def test_surrogate_pairs_are_fine(desk: Desk) -> None:
    await desk.chat()
    body = b'{"type": "customer", "text": "\\ud83d\\ude00"}'
    assert (await desk.raw("POST", "/api/conversations/1/threads", body)).status == 201
    assert "😀" in {row["body"] for row in await desk.threads()}


async def test_over_long_values_are_cut_after_the_answer(desk: Desk) -> None:
    customer = await desk.call("POST", "customers", {"firstName": "Я" * 300, "notes": "я" * 40000})
    assert len(customer["firstName"]) == 300
    customer = await desk.call("GET", "customers/1")
    assert (len(customer["firstName"]), len(customer["notes"])) == (255, 32767)
    number = await desk.chat(subject="s" * 2000)
    assert len((await desk.call("GET", f"conversations/{number}"))["subject"]) == 998


async def test_orphan_customer_of_a_bad_mailbox(desk: Desk) -> None:
    body = {
        "type": "chat",
        "mailboxId": 99,
        "subject": "S",
        "customer": {"firstName": "Иван"},
        "threads": [{"type": "customer", "text": "x"}],
    }
    answer = await desk.raw("POST", "/api/conversations", json.dumps(body).encode())
    assert answer.status == 400
    assert await desk.ids("firstName=Иван", "customers") == [1]
    assert await desk.ids("") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("email=ivan@example.org", [2]),
        ("email=IVAN@EXAMPLE.ORG", [2]),
        ("phone=9001234567", [1]),
        ("phone=abc", [1]),
        ("firstName=иван", [1]),
        ("firstName=Ива", []),
        ("firstName=Иван&lastName=Петров", [1]),
        ("notes=zzz", [3, 2, 1]),
        ("pageSize=2", [3, 2]),
        ("pageSize=2&page=2", [1]),
        ("pageSize=2&page=9", []),
        ("sortField=firstName&sortOrder=asc", [3, 2, 1]),
    ],
)
async def test_customers_list(desk: Desk, query: str, found: list[int]) -> None:
    await desk.call(
        "POST",
        "customers",
        {"firstName": "Иван", "lastName": "Петров", "phone": "+7 900 123-45-67"},
    )
    await desk.call("POST", "customers", {"firstName": "Mail", "email": "ivan@example.org"})
    await desk.call("POST", "customers", {"firstName": "Anna"})
    assert await desk.ids(query, "customers") == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3]),
        ("status=closed", [2]),
        ("status=active, closed", [2, 3]),
        ("status=zzz", [1, 2, 3]),
        ("status=active,zzz", [3]),
        ("state=published", [1, 2]),
        ("state=deleted", [3]),
        ("state=published,deleted", [1, 2, 3]),
        ("type=chat", [1, 3]),
        ("type=zzz", [1, 2, 3]),
        ("mailboxId=2", [3]),
        ("mailboxId=1,2", [1, 2, 3]),
        ("mailboxId=abc", []),
        ("mailboxId=0", [1, 2, 3]),
        ("mailboxId=", [1, 2, 3]),
        ("assignedTo=2", [1]),
        ("assignedTo=", [2, 3]),
        ("customerId=1", [1]),
        ("customerEmail=MARIA@example.org", [2]),
        ("folderId=3", [1]),
        ("number=2", [2]),
        ("subject=втор", [2]),
        ("createdByCustomerId=2", [2]),
        ("createdByUserId=2", []),
        ("tag=x&mailbox=7", [1, 2, 3]),
        ("createdSince=tomorrow", []),
        ("updatedSince=2026-11-22", [1, 2, 3]),
    ],
)
async def test_conversation_filters(desk: Desk, query: str, found: list[int]) -> None:
    await desk.chat()
    await desk.chat(
        type="email", subject="Второй", customer={"email": "maria@example.org"}, status="closed"
    )
    await desk.chat(mailboxId=2)
    desk.sim.state.reply(1, "reply")
    desk.sim.state.delete(3)
    assert sorted(await desk.ids(query)) == found


async def test_threads_only_on_request_in_lists(desk: Desk) -> None:
    await desk.chat()
    for query, amount in (
        ("", 0),
        ("embed=tags", 0),
        ("embed=threads", 1),
        ("embed=tags, threads", 1),
    ):
        answer = await desk.call("GET", f"conversations?{query}")
        assert len(answer["_embedded"]["conversations"][0]["_embedded"]["threads"]) == amount


async def test_imported_times(desk: Desk) -> None:
    """Case 33b: what counts as imported, and since when the customer waits then."""
    old = "2024-01-02T03:04:05Z"
    given = ((True, True), ("true", False), ("false", False), (1, True), ("1", True), (0, False))
    for value, kept in given:
        number = await desk.chat(
            threads=[{"type": "customer", "text": "x", "createdAt": old}], imported=value
        )
        assert ((await desk.threads(number))[0]["createdAt"] == old) == kept, value
        shown = await desk.call("GET", f"conversations/{number}")
        waits = shown["customerWaitingSince"]["time"]
        assert (waits == old) == (kept and value != "1"), value


async def test_message_over_the_api(desk: Desk) -> None:
    await desk.chat()
    body = {"type": "message", "user": 2, "text": "x"}
    await desk.call("POST", "conversations/1/threads", body)
    assert (await desk.call("GET", "conversations/1"))["status"] == "pending"
    await desk.call("POST", "conversations/1/threads", {**body, "status": "closed"})
    shown = await desk.call("GET", "conversations/1")
    assert (shown["status"], shown["closedBy"]) == ("closed", 2)
    assert shown["closedByUser"]["firstName"] == "Boris"
    assert (await desk.threads())[0]["source"] == {"type": "api", "via": "user"}


async def test_undo_to_the_second(desk: Desk) -> None:
    await desk.chat()
    state = desk.sim.state
    desk.now = NOW + 0.9
    thread = state.reply(1, "reply")
    desk.now = NOW + 15.99  # createdAt is a whole second, and so is the clock
    state.undo(thread)
    state.resend(thread, "again")
    desk.now += 16
    with pytest.raises(DeskRefusedError):
        state.undo(thread)
    assert [row["body"] for row in await desk.threads()] == ["again", "start"]


async def test_agents_cannot(desk: Desk) -> None:
    await desk.chat(type="phone")
    state = desk.sim.state
    with pytest.raises(DeskRefusedError, match="Reply"):
        state.reply(1, "x")
    with pytest.raises(DeskRefusedError, match="enter"):
        state.reply(1, "  ")
    with pytest.raises(DeskRefusedError, match="notes"):
        state.delete_note(1)
    with pytest.raises(DeskRefusedError, match="undo"):
        state.undo(1)
    with pytest.raises(DeskRefusedError, match="draft"):
        state.publish_draft(1)


async def test_reply_turns_a_phone_conversation_into_mail(desk: Desk) -> None:
    await desk.chat(type="phone", customer={"email": "a@example.org"})
    desk.sim.state.reply(1, "x")
    assert (await desk.call("GET", "conversations/1"))["type"] == "email"
    assert (await desk.threads())[0]["to"] == ["a@example.org"]


async def test_published_draft_has_an_old_id_and_a_new_time(desk: Desk) -> None:
    await desk.chat()
    state = desk.sim.state
    draft = state.save_draft(1, "draft")
    newer = state.reply(1, "newer")
    desk.now += 60
    state.publish_draft(draft)
    first, second, _ = await desk.threads()
    assert (first["id"], second["id"]) == (draft, newer)
    assert draft < newer
    assert first["createdAt"] > second["createdAt"]


async def test_files_of_a_reply(desk: Desk) -> None:
    await desk.chat()
    files: Files = [
        ("Отчёт 100%.pdf", "application/pdf", b"%PDF-1"),
        ("b.txt", "text/plain", "eA=="),
    ]
    desk.sim.state.reply(1, "look", attachments=files)
    report, text = (await desk.threads())[0]["_embedded"]["attachments"]
    assert report["fileName"] == "Отчёт_100%.pdf"
    assert "/Отчёт_100%25.pdf?id=1&token=" in report["fileUrl"]
    answer = await desk.raw("GET", report["fileUrl"].removeprefix(f"http://{HOST}"))
    assert (answer.status, answer.body) == (200, b"%PDF-1")
    assert text["size"] == 1


async def test_files_may_be_late(desk: Desk) -> None:
    await desk.chat()
    desk.sim.state.late_attachments = True
    desk.sim.state.reply(1, "look", attachments=[("a.txt", "text/plain", b"x")])
    await desk.ids("")  # shows no threads, so it does not count
    assert (await desk.threads())[0]["_embedded"]["attachments"] == []
    assert len((await desk.threads())[0]["_embedded"]["attachments"]) == 1


async def test_pasted_picture_is_in_the_body_only(desk: Desk) -> None:
    await desk.chat()
    url = desk.sim.state.paste_picture("image.png", "image/png", b"\x89PNG\r\n\x1a\n")
    desk.sim.state.reply(1, f'<div><img src="{url}"><br></div>')
    shown = (await desk.threads())[0]
    assert shown["_embedded"]["attachments"] == []
    answer = await desk.raw("GET", url.removeprefix(f"http://{HOST}"), x_freescout_api_key=None)
    assert answer.headers["content-type"] == "image/png"


async def test_clone_copies_the_marker(desk: Desk) -> None:
    await desk.chat("hello<!-- maxbridge:mid.1 -->")
    desk.sim.state.reply(1, "reply")
    copy = desk.sim.state.clone(1)
    (thread,) = await desk.threads(copy)
    assert thread["body"] == "hello<!-- maxbridge:mid.1 -->"
    assert thread["source"] == {"type": "api", "via": "customer"}
    shown = await desk.call("GET", f"conversations/{copy}")
    assert (shown["type"], shown["customer"]["id"], shown["preview"]) == ("chat", 1, "hello")


async def test_only_a_customers_message_can_be_cloned_and_only_that_one_is(desk: Desk) -> None:
    await desk.chat("one")
    await desk.call("POST", "conversations/1/threads", {"type": "customer", "text": "two"})
    reply = desk.sim.state.reply(1, "reply")
    with pytest.raises(DeskRefusedError):
        desk.sim.state.clone(1, reply)
    first = desk.sim.state.clone(1, 1)
    last = desk.sim.state.clone(1)
    assert [row["body"] for row in await desk.threads(first)] == ["one"]
    assert [row["body"] for row in await desk.threads(last)] == ["two"]
    shown = await desk.call("GET", f"conversations/{last}")
    assert (shown["userUpdatedAt"], shown["source"]["via"]) == (None, "customer")
    assert shown["assignee"]["id"] == 2  # as the original


async def test_a_draft_of_a_conversation_is_sent_to_its_addressee(desk: Desk) -> None:
    await desk.chat()
    number = desk.sim.state.new_conversation("<div>x</div>", draft=True)
    assert await desk.threads(number) == []
    desk.now += 600
    desk.sim.state.publish_conversation(number, 1)
    shown = await desk.call("GET", f"conversations/{number}")
    assert (shown["state"], shown["status"], shown["customer"]["id"]) == ("published", "pending", 1)
    (thread,) = await desk.threads(number)
    assert (thread["type"], thread["customer"]["id"]) == ("message", 1)
    assert thread["createdAt"] == shown["updatedAt"] > shown["createdAt"]


async def test_merged_conversation_comes_back_to_life(desk: Desk) -> None:
    for _ in range(2):
        await desk.chat()
    desk.sim.state.merge(into=1, source=2)
    assert (await desk.call("GET", "conversations/2"))["state"] == "deleted"
    await desk.call("POST", "conversations/2/threads", {"type": "customer", "text": "late"})
    assert (await desk.call("GET", "conversations/2"))["state"] == "published"
    assert [row["type"] for row in await desk.threads(1)].count("customer") == 2


async def test_requests_are_remembered(desk: Desk) -> None:
    await desk.chat("start")
    await desk.raw("GET", "/api/nosuch?a=b")
    first, second = desk.sim.requests
    assert (first.method, first.path, first.status) == ("POST", "/api/conversations", 201)
    assert first.json is not None
    assert first.json["threads"][0]["text"] == "start"
    assert second == ("GET", "/api/nosuch", {"a": "b"}, None, 405)


async def test_changes_are_told(desk: Desk) -> None:
    seen: list[DeskEvent] = []
    desk.sim.on_change = seen.append
    await desk.call("POST", "customers", {"firstName": "Иван"})
    await desk.chat(customer={"id": 1})
    await desk.call("POST", "conversations/1/threads", {"type": "customer", "text": "more"})
    await desk.call("PUT", "conversations/1", {"subject": "new"})
    await desk.call("DELETE", "conversations/1")
    assert seen == [
        DeskEvent("customer created"),
        DeskEvent("conversation created", 1, 1),
        DeskEvent("thread created", 1, 2),
        DeskEvent("conversation changed", 1),
        DeskEvent("conversation deleted", 1),
    ]


async def test_attachment_rubbish_is_dropped(desk: Desk) -> None:
    await desk.chat()
    good = {"fileName": "a.bin", "mimeType": "x/y", "data": base64.b64encode(b"\0\1").decode()}
    bad = [{**good, "data": ""}, {**good, "fileName": ""}, "x", None, {**good, "data": "MA=="}]
    body = {"type": "customer", "text": "x", "attachments": [*bad, good]}
    answer = await desk.call("POST", "conversations/1/threads", body)
    assert [row["size"] for row in answer["_embedded"]["attachments"]] == [2]


async def test_draft_conversation(desk: Desk) -> None:
    number = desk.sim.state.new_conversation("draft", draft=True)
    shown = await desk.call("GET", f"conversations/{number}")
    assert (shown["state"], shown["customer"], shown["_embedded"]) == (
        "draft",
        None,
        {"threads": []},
    )


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-11-22T22:37:05Z", NOW),
        ("2026-11-22 22:37:05.9+00:00", NOW),
        ("2026-11-23T01:37:05", NOW),
        ("2026-11-23T01:37", NOW - 5),
        ("-10 minutes", NOW - 600),
        ("1 hour ago", NOW - 3600),
        ("@1700000000", 1_700_000_000),
        ("now", NOW),
        ("today", NOW - 5825),
        ("yesterday", NOW - 5825 - 86400),
    ],
)
def test_dates(text: str, second: int) -> None:
    assert parse_time(text, NOW) == second
