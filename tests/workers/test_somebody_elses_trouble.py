"""One delivery's trouble is nobody else's (cases A1, A3): every status code, page and silence, both ways.

In one world live many customers; each has one message, or one reply, that its service answers in a way of its
own each time, while others pass. Nobody else may wait, the customer's next one goes within minutes, and an agent
reads that one is missing or finds it in a simpler form.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import Bridge, running
from maxbridge.core.delivery import State
from maxbridge.observe.status import assess
from maxbridge.sim.faults import Dropped, Faulty
from maxbridge.sim.wire import Request, Response
from virtual_time import virtual

MINUTE = 60.0
SHARES = 6
POISON = "яд"
Answer = Callable[[], Response]


def page(status: int) -> Response:
    return Response(status, b"<html><body>No</body></html>", {"Content-Type": "text/html"})


def words(status: int) -> Response:
    return Response.json(status, {"message": "Server Error", "code": "something.odd"})


def dropped() -> Response:
    raise Dropped("drop_before")


def truncated() -> Response:
    return Response(200, b'{"id": 1, "mess', {"Content-Type": "application/json"})


class Poisoned:
    """A service that answers what bears a mark in one way for ever, and all the rest as ever."""

    def __init__(self, line: Faulty, answers: dict[str, Answer]) -> None:
        self._simulator = line.simulator
        line.simulator = self
        self._answers = answers
        self.tries: dict[str, int] = dict.fromkeys(answers, 0)

    async def handle(self, request: Request) -> Response:
        if request.method == "POST":
            said = json.loads(request.body or b"{}")
            text = json.dumps(said, ensure_ascii=False)
            mark = next((each for each in self._answers if f"{POISON}-{each}." in text), None)
            if mark is not None:
                self.tries[mark] += 1
                return self._answers[mark]()
        return await self._simulator.handle(request)


def all_answers(share: int) -> dict[str, Answer]:
    """A share of all statuses, every second one as a page and the others as JSON; silence, half an answer."""
    answers: dict[str, Answer] = {"drop": dropped, "half": truncated}
    for number, status in enumerate(range(300 + share, 600, SHARES)):
        make = page if number % 2 else words
        answers[str(status)] = functools.partial(make, status)
    return answers


async def people(bridge: Bridge, names: list[str], first: int = 500) -> dict[str, int]:
    """Customers with a ticket each; gives their MAX users."""
    users = {}
    for number, name in enumerate(names, first):
        bridge.max.state.person(number, f"Имя{number}")
        bridge.say(f"здравствуйте {name}", number)
        users[name] = number
    await bridge.until(lambda: len(bridge.tickets()) == len(names), 600)
    return users


def in_tickets(bridge: Bridge, text: str, kind: str = "customer") -> bool:
    return any(text in body for each in bridge.tickets() for body in bridge.bodies(each, kind))


@pytest.mark.parametrize("share", range(SHARES))
@virtual
async def test_whatever_the_desk_says_to_one_message_the_others_pass(
    tmp_path: Path, share: int
) -> None:
    answers = all_answers(share)
    async with running(tmp_path) as bridge:
        users = await people(bridge, [*answers, "чистый"])
        poisoned = Poisoned(bridge.desk_line, answers)
        for mark in answers:
            bridge.say(f"{POISON}-{mark}.", users[mark])
            bridge.say(f"следующее {mark}.", users[mark])
        await asyncio.sleep(5)
        for number in range(25):
            bridge.say(f"чистое {number}.", users["чистый"])
            # The others do not wait, however many are in trouble.
            await bridge.until(lambda: in_tickets(bridge, f"чистое {number}."), 10)  # noqa: B023
            await asyncio.sleep(MINUTE)
        late = [mark for mark in answers if not in_tickets(bridge, f"следующее {mark}.")]
        assert late == []
        assert max(poisoned.tries.values()) < 40
        assert bridge.journal is not None
        held = len(bridge.journal.inbox.waiting(None, states=(State.HELD,)))
        files = [each.data.decode() for each in bridge.desk.state.attachments.values()]
        # Each of them is in its ticket, as a file, which no firewall reads; nothing is lost.
        missing = [
            mark for mark in answers if not any(f"{POISON}-{mark}." in words for words in files)
        ]
        assert len(missing) == held == 0, missing


@pytest.mark.parametrize("share", range(SHARES))
@virtual
async def test_whatever_max_says_to_one_reply_the_others_pass(tmp_path: Path, share: int) -> None:
    answers = all_answers(share)
    async with running(tmp_path) as bridge:
        users = await people(bridge, [*answers, "чистый"])
        poisoned = Poisoned(bridge.max_line, answers)
        ticket: dict[str, int] = {}
        for number in bridge.tickets():
            (body,) = bridge.bodies(number)
            ticket[body.split("здравствуйте ")[1].split("<")[0].strip()] = number
        for mark in answers:
            bridge.reply(ticket[mark], f"<div>{POISON}-{mark}.</div>")
            bridge.reply(ticket[mark], f"<div>следующий {mark}.</div>")
        await asyncio.sleep(30)
        for number in range(25):
            bridge.reply(ticket["чистый"], f"<div>чистый {number}.</div>")
            await bridge.until(
                lambda: f"чистый {number}." in bridge.sent(users["чистый"]),  # noqa: B023
                40,
            )
            await asyncio.sleep(MINUTE)
        late = [mark for mark in answers if f"следующий {mark}." not in bridge.sent(users[mark])]
        assert late == []
        assert max(poisoned.tries.values()) < 40
        untold = [mark for mark in answers if not in_note(bridge, ticket[mark])]
        assert untold == []


def in_note(bridge: Bridge, number: int) -> bool:
    return any(POISON in body for body in bridge.bodies(number, "note"))


class Unreadable:
    """A desk that does not give one ticket with its threads."""

    def __init__(self, line: Faulty, number: int, status: int) -> None:
        self._simulator = line.simulator
        line.simulator = self
        self._path = f"/api/conversations/{number}"
        self._status = status
        self.mended = False

    async def handle(self, request: Request) -> Response:
        whole = request.path == self._path and "embed" not in request.query
        if request.method == "GET" and whole and not self.mended:
            return page(self._status)
        return await self._simulator.handle(request)


@pytest.mark.parametrize("status", [500, 403, 404, 502])
@virtual
async def test_a_ticket_that_cannot_be_read_is_told_and_stops_nobody(
    tmp_path: Path, status: int
) -> None:
    # Case A5: PHP runs out of memory over the threads of one ticket.
    async with running(tmp_path) as bridge:
        users = await people(bridge, ["длинный", "чистый"])
        big, other = bridge.tickets()
        unreadable = Unreadable(bridge.desk_line, big, status)
        bridge.reply(big, "<div>не уйдёт</div>")
        await asyncio.sleep(1)
        bridge.reply(other, "<div>уйдёт</div>")
        await bridge.until(lambda: bridge.sent(users["чистый"]), 40)
        await bridge.until(lambda: in_note_of(bridge, big, "не отдаёт этот тикет"), 15 * MINUTE)
        assert bridge.journal is not None
        snapshot = bridge.journal.health.snapshot()
        assert snapshot.unreadable == (big,)
        report = assess(snapshot, running=True, now=bridge.our_now())
        assert any(
            f"tickets, so replies in them do not leave: {big};" in each for each in report.reasons
        )
        unreadable.mended = True
        await bridge.until(lambda: bridge.sent(users["длинный"]) == ["не уйдёт"], 40 * MINUTE)
        assert bridge.journal.health.snapshot().unreadable == ()


def in_note_of(bridge: Bridge, number: int, words: str) -> bool:
    return any(words in body for body in bridge.bodies(number, "note"))


def _later(status: int) -> Response:
    headers = {"Content-Type": "application/json", "Retry-After": "300"}
    return Response(status, b'{"message": "Too Many Attempts."}', headers)


AS_IF_FOR_ALL: dict[str, Answer] = {
    "429": lambda: _later(429),
    "503": lambda: _later(503),
    "401": lambda: words(401),
    "403": lambda: Response.json(403, {"message": "Untrusted Host"}),
}
"""What a service says when it is in trouble itself, here to one delivery only."""


class Closed:
    """A desk that answers so to what is asked of these tickets and customers, and else as ever."""

    def __init__(self, bridge: Bridge, tickets: set[int], answer: Answer) -> None:
        self._line, self._answer = bridge.desk_line.simulator, answer
        self._paths = {f"/api/conversations/{each}" for each in tickets}
        bridge.desk_line.simulator = self

    async def handle(self, request: Request) -> Response:
        if request.method == "GET" and request.path in self._paths:
            return self._answer()
        if f"{POISON}." in json.dumps(json.loads(request.body or b"{}"), ensure_ascii=False):
            return self._answer()
        return await self._line.handle(request)


@pytest.mark.parametrize(
    "many", [1, 2]
)  # what three chats meet, and nobody gets past, is the service's
@pytest.mark.parametrize("what", ["messages", "readings"])
@pytest.mark.parametrize("answer", AS_IF_FOR_ALL)
@virtual
async def test_what_sounds_like_everybodys_trouble_is_that_of_those_who_meet_it(
    tmp_path: Path, answer: str, what: str, many: int
) -> None:
    """What is of a few is told to come in 300 s, or that the key is wrong; others get through."""
    async with running(tmp_path, undo_window=0.0, poll_interval=0.5) as bridge:
        users = await people(bridge, [*map(str, range(many)), "чистый"])
        numbers = {
            bridge.desk.state.customers[ticket.customer_id or 0].first_name: number
            for number, ticket in bridge.desk.state.conversations.items()
        }
        tickets = {name: numbers[f"Имя{user}"] for name, user in users.items()}
        clean, mine = users.pop("чистый"), tickets.pop("чистый")
        Closed(bridge, set(tickets.values()), AS_IF_FOR_ALL[answer])
        for name, user in users.items():
            if what == "messages":
                bridge.say(f"{POISON}.", user)
            else:
                bridge.reply(tickets[name], "<div>не уйдёт</div>")
        await asyncio.sleep(1)
        for turn in range(4):
            bridge.say(f"чистое {turn}.", clean)
            bridge.reply(mine, f"<div>ответ {turn}.</div>")
            await bridge.until(lambda: in_tickets(bridge, f"чистое {turn}."), 5)  # noqa: B023
            await bridge.until(lambda: f"ответ {turn}." in bridge.sent(clean), 5)  # noqa: B023
            await asyncio.sleep(20)


# --- many at once ----------------------------------------------------------------------------------------

MANY = 30
"""Chats, or tickets: more than either lane has places and spare ones."""
PROMPT = 3.0
"""Seconds within which texts and replies of others pass; quiet ones take 0.2."""


class Ill:
    """A service that does so with some requests for ever, and with all others as ever."""

    def __init__(
        self, line: Faulty, concerns: Callable[[Request], bool], answer: Answer | None
    ) -> None:
        self._simulator = line.simulator
        line.simulator = self
        self._concerns, self._answer = concerns, answer
        self.asked = 0

    async def handle(self, request: Request) -> Response:
        if not self._concerns(request):
            return await self._simulator.handle(request)
        self.asked += 1
        if self._answer is None:
            await asyncio.sleep(1e6)
            raise AssertionError
        return self._answer()


def refused() -> Response:
    raise Dropped("refuse")


MET: dict[str, Answer | None] = {"silence": None, "refused": refused, "429": lambda: _later(429)}


@pytest.mark.parametrize("what", ["readings", "posts", "sends", "edits"])
@pytest.mark.parametrize(("answer", "many"), [("silence", MANY), ("refused", 4), ("429", 3)])
@virtual
async def test_what_many_meet_at_once_delays_nobody_else(
    tmp_path: Path, answer: str, many: int, what: str
) -> None:
    """They are silent, not reached or told to come in 300 s; only then somebody else begins to write."""
    async with running(tmp_path, undo_window=0.0, poll_interval=0.5) as bridge:
        users = await people(bridge, [str(number) for number in range(many + 2)])
        desk = bridge.desk.state
        numbers = {
            desk.customers[each.customer_id or 0].first_name: each.id
            for each in desk.conversations.values()
        }
        tickets = {user: numbers[f"Имя{user}"] for user in users.values()}
        first = {
            user: bridge.reply(number, "<div>первое.</div>") for user, number in tickets.items()
        }
        await bridge.until(lambda: all(map(bridge.sent, tickets)), 60)
        *ill, good, other = tickets
        if what in ("sends", "edits"):
            chats = {str(bridge.chat(user)) for user in ill}

            def concerns(request: Request) -> bool:
                edit = (
                    request.method == "PUT" and POISON in json.loads(request.body or b"{}")["text"]
                )
                send = request.method == "POST" and request.query.get("chat_id") in chats
                return request.path == "/messages" and (edit or send)
        else:
            method = "GET" if what == "readings" else "POST"
            tail = "" if what == "readings" else "/threads"
            paths = {f"/api/conversations/{tickets[user]}{tail}" for user in ill}

            def concerns(request: Request) -> bool:
                return request.method == method and request.path in paths

        met = Ill(
            bridge.max_line if what in ("sends", "edits") else bridge.desk_line,
            concerns,
            MET[answer],
        )
        for user in ill:
            if what == "edits":
                desk.edit_thread(first[user], f"<div>{POISON}</div>")
            elif what == "posts":
                bridge.say(POISON, user)
            else:
                bridge.reply(tickets[user], f"<div>{POISON}</div>")
            if what == "readings":
                bridge.say(POISON, user)
        await asyncio.sleep(5)
        # Longer than any of these calls lasts: they are given up meanwhile, and begun again.
        for turn in range(20):
            writes, answered = (good, other) if turn % 2 else (other, good)
            bridge.say(f"чистое {turn}.", writes)
            bridge.reply(tickets[answered], f"<div>ответ {turn}.</div>")
            words = f"чистое {turn}.", f"ответ {turn}."
            await bridge.until(functools.partial(arrived, bridge, *words, answered), PROMPT)
            await asyncio.sleep(4)
        assert met.asked >= many


def arrived(bridge: Bridge, text: str, reply: str, user: int) -> bool:
    return in_tickets(bridge, text) and reply in bridge.sent(user)


# --- many changes at the desk ----------------------------------------------------------------------------


class Busy:
    """A desk that needs its time for each row and each ticket that it gives (contract freescout.md 7)."""

    ROW = 0.0017
    TICKET = 0.05

    def __init__(self, bridge: Bridge) -> None:
        self._simulator = bridge.desk_line.simulator
        bridge.desk_line.simulator = self
        self.read = 0

    async def handle(self, request: Request) -> Response:
        answer = await self._simulator.handle(request)
        if request.method == "GET" and request.path == "/api/conversations":
            rows = json.loads(answer.body)["_embedded"]["conversations"]
            await asyncio.sleep(self.ROW * len(rows))
        elif request.method == "GET" and request.path.startswith("/api/conversations/"):
            self.read += 1
            await asyncio.sleep(self.TICKET)
        return answer


@pytest.mark.parametrize("while_it_goes_on", [False, True])
@virtual
async def test_a_bulk_change_of_our_tickets_delays_no_reply(
    tmp_path: Path, *, while_it_goes_on: bool
) -> None:
    """A workflow assigns 200 of our tickets: an agent's reply in another one does not wait for their readings."""
    async with running(tmp_path, undo_window=0.0, poll_interval=0.5) as bridge:
        users = await people(bridge, [str(number) for number in range(201)])
        await asyncio.sleep(120)
        *bulk, other = bridge.tickets()
        customer = bridge.desk.state.conversations[other].customer_id
        name = bridge.desk.state.customers[customer or 0].first_name
        user = next(each for each in users.values() if f"Имя{each}" == name)
        busy = Busy(bridge)

        async def workflow() -> None:
            for number in bulk:
                bridge.desk.state.assign(number, 2)
                if while_it_goes_on:
                    await asyncio.sleep(Busy.TICKET / 4)

        working = asyncio.create_task(workflow())
        await asyncio.sleep(1)
        for turn in range(3):
            bridge.reply(other, f"<div>ответ {turn}.</div>")
            await bridge.until(lambda: f"ответ {turn}." in bridge.sent(user), PROMPT)  # noqa: B023
        assert busy.read < len(bulk), "the bulk was over before"
        await working
        # They are read all the same.
        await bridge.until(lambda: busy.read > len(bulk), 60)


@virtual
async def test_a_long_list_of_changes_delays_no_reply(tmp_path: Path) -> None:
    """5,000 foreign conversations of one second are one page of the list, for which the desk takes nine seconds."""
    async with running(tmp_path, undo_window=0.0, poll_interval=0.5) as bridge:
        bridge.say("здравствуйте")
        await bridge.until(bridge.tickets, 10)
        await asyncio.sleep(30)
        Busy(bridge)
        desk = bridge.desk.state
        mailed = desk.add_customer(emails=[desk.make_email("a@example.org")]).id
        for _ in range(5000):
            desk.new_conversation("<div>всем</div>", customer_id=mailed)
        for turn in range(6):
            await asyncio.sleep(1.5)
            bridge.reply(1, f"<div>ответ {turn}.</div>")
            await bridge.until(lambda: f"ответ {turn}." in bridge.sent(), PROMPT)  # noqa: B023
