"""One conversation, or one card, that the desk does not give is nobody else's trouble, whatever it answers."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import Bridge, running
from maxbridge.observe.status import assess
from maxbridge.sim.faults import Dropped, Faulty
from maxbridge.sim.wire import Request, Response
from virtual_time import virtual

FAST = {"undo_window": 0.0, "poll_interval": 0.5}
PROMPT = 5.0
"""Seconds in which a reply leaves."""
MINUTE = 60.0
NOT_GIVEN = "does not give these tickets, so replies in them do not leave:"


def words(status: int, **headers: str) -> Response:
    body = json.dumps({"message": "Error", "code": "something.odd"}).encode()
    given = {name.replace("_", "-"): each for name, each in headers.items()}
    return Response(status, body, {"Content-Type": "application/json", **given})


def page(status: int) -> Response:
    return Response(status, b"<html><body>No</body></html>", {"Content-Type": "text/html"})


def refused() -> Response:
    raise Dropped("refuse")


def half() -> Response:
    return Response(200, b'{"id": 1, "mess', {"Content-Type": "application/json"})


ANSWERS: dict[str, Callable[[], Response] | None] = {
    "401": functools.partial(words, 401),
    "403 page": functools.partial(page, 403),
    "429": functools.partial(words, 429, Retry_After="300"),
    "500": functools.partial(words, 500),
    "503": functools.partial(words, 503),
    "refused": refused,
    "half": half,
    "silence": None,
}


class Odd:
    """A desk that answers some readings in one odd way; ``None`` is silence."""

    def __init__(self, line: Faulty, answer: Callable[[], Response] | None) -> None:
        self._simulator = line.simulator
        line.simulator = self
        self._answer = answer
        self.paths: set[str] = set()
        self.asked = 0

    async def handle(self, request: Request) -> Response:
        if request.method == "GET" and request.path in self.paths:
            self.asked += 1
            if self._answer is None:
                await asyncio.sleep(1e6)
            else:
                return self._answer()
        return await self._simulator.handle(request)


async def people(bridge: Bridge, count: int) -> list[tuple[int, int]]:
    """Customers, and their tickets."""
    found = []
    for number in range(count):
        user = 500 + number
        bridge.max.state.person(user, f"Имя{user}")
        bridge.say("здравствуйте", user)
        await bridge.until(lambda: len(bridge.tickets()) == number + 1)  # noqa: B023
        found.append((user, bridge.tickets()[-1]))
    return found


def begin(bridge: Bridge, number: int, odd: Odd) -> int:
    """An agent begins a conversation with the customer of a ticket, and the desk does not give it."""
    card = bridge.desk.state.conversations[number].customer_id
    begun = bridge.desk.state.new_conversation("<div>начал</div>", customer_id=card)
    odd.paths.add(f"/api/conversations/{begun}")
    return begun


async def replies_leave(bridge: Bridge, user: int, ticket: int, *, for_: float) -> None:
    """An agent's replies in one ticket leave at once, for some time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + for_
    while loop.time() < until:
        text = f"ответ {loop.time():.0f}."
        bridge.reply(ticket, f"<div>{text}</div>")
        await bridge.until(lambda: text in bridge.sent(user), PROMPT)  # noqa: B023
        await asyncio.sleep(20)


def status(bridge: Bridge) -> str:
    assert bridge.journal is not None
    found = assess(bridge.journal.health.snapshot(), running=True, now=bridge.our_now())
    return " ".join(map(str, found.reasons))


@pytest.mark.parametrize("what", ["conversation", "card"])
@pytest.mark.parametrize("answer", ANSWERS)
@virtual
async def test_others_replies_leave_while_one_cannot_be_looked_at(
    tmp_path: Path, answer: str, what: str
) -> None:
    async with running(tmp_path, **FAST) as bridge:
        *ill, (user, ticket) = await people(bridge, 4)
        odd = Odd(bridge.desk_line, ANSWERS[answer])
        begun = []
        for _, number in ill:
            card = bridge.desk.state.conversations[number].customer_id
            if what == "card":
                odd.paths.add(f"/api/customers/{card}")
            begun.append(bridge.desk.state.new_conversation("<div>начал</div>", customer_id=card))
        if what == "conversation":
            odd.paths |= {f"/api/conversations/{number}" for number in begun}
        await replies_leave(bridge, user, ticket, for_=7 * MINUTE)
        # Each is asked for with a backoff of its own, and an administrator is told which they are.
        assert 0 < odd.asked < 15 * len(begun)
        assert all(str(number) in status(bridge) for number in begun)
        odd.paths.clear()
        # Nothing is lost: what the agents began leaves when the desk gives it.
        await bridge.until(lambda: all("начал" in bridge.sent(each) for each, _ in ill), 400)
        assert not any(str(number) in status(bridge) for number in begun)


@virtual
async def test_what_is_put_aside_is_asked_for_again_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, **FAST) as bridge:
        (ill, number), (user, ticket) = await people(bridge, 2)
        odd = Odd(bridge.desk_line, ANSWERS["401"])
        begin(bridge, number, odd)
        await replies_leave(bridge, user, ticket, for_=10 * MINUTE)
        await bridge.stop()
        odd.paths.clear()
        bridge.start()
        # It was written before the place from which the list goes on, and is no history all the same.
        await bridge.until(lambda: "начал" in bridge.sent(ill), 60)


@virtual
async def test_what_is_put_aside_for_days_stays_in_status_and_is_asked_for_by_itself(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, **FAST) as bridge:
        ((ill, number),) = await people(bridge, 1)
        odd = Odd(bridge.desk_line, ANSWERS["500"])
        begun = begin(bridge, number, odd)
        await asyncio.sleep(MINUTE)
        assert odd.asked
        # The list goes a day back, and no further.
        await bridge.stop()
        await asyncio.sleep(30 * 60 * MINUTE)
        bridge.start()
        await asyncio.sleep(MINUTE)
        assert f"{NOT_GIVEN} {begun};" in status(bridge)
        assert bridge.journal is not None
        assert bridge.journal.health.snapshot().not_given == 1
        odd.paths.clear()
        await bridge.until(lambda: "начал" in bridge.sent(ill), 40 * MINUTE)
        await bridge.until(lambda: NOT_GIVEN not in status(bridge), MINUTE)


@virtual
async def test_what_is_put_aside_and_deleted_for_ever_is_waited_for_no_more(tmp_path: Path) -> None:
    async with running(tmp_path, **FAST) as bridge:
        ((_, number),) = await people(bridge, 1)
        odd = Odd(bridge.desk_line, ANSWERS["500"])
        begun = begin(bridge, number, odd)
        await asyncio.sleep(MINUTE)
        await bridge.stop()
        await asyncio.sleep(30 * 60 * MINUTE)
        odd.paths.clear()
        bridge.desk.state.delete_forever(begun)
        bridge.start()
        await asyncio.sleep(MINUTE)
        assert NOT_GIVEN not in status(bridge)


@pytest.mark.parametrize("answer", ["500", "403 page", "half", "silence"])
@virtual
async def test_a_ticket_that_is_not_given_takes_a_note_and_the_next_message_opens_a_new_one(
    tmp_path: Path, answer: str
) -> None:
    async with running(tmp_path, **FAST) as bridge:
        (ill, number), (user, ticket) = await people(bridge, 2)
        odd = Odd(bridge.desk_line, ANSWERS[answer])
        odd.paths.add(f"/api/conversations/{number}")
        bridge.reply(number, "<div>не уйдёт</div>")
        await replies_leave(bridge, user, ticket, for_=5 * MINUTE)
        bridge.say("новое слово", ill)
        # When its agents have been told that it cannot be read, nothing is tried there any more.
        await bridge.until(lambda: len(bridge.tickets()) == 3, 10 * MINUTE)
        assert "новое слово" in " ".join(bridge.bodies(bridge.tickets()[-1]))
        await replies_leave(bridge, user, ticket, for_=9.5 * MINUTE)
        assert bridge.bodies(number, "note")


@pytest.mark.parametrize("answer", ["500", "503", "silence"])
@virtual
async def test_no_second_ticket_while_the_desk_gives_nobody_his_ticket(
    tmp_path: Path, answer: str
) -> None:
    async with running(tmp_path, **FAST) as bridge:
        ours = await people(bridge, 3)
        odd = Odd(bridge.desk_line, ANSWERS[answer])
        odd.paths |= {f"/api/conversations/{number}" for _, number in ours}
        for _, number in ours:
            bridge.reply(number, "<div>ответ</div>")
        await asyncio.sleep(4 * MINUTE)  # more readings have failed than ``status`` bears
        for user, _ in ours:
            bridge.say(f"слово {user}", user)
        await asyncio.sleep(2 * MINUTE)
        odd.paths.clear()
        await bridge.until(
            lambda: all(f"слово {user}" in " ".join(bridge.bodies(at)) for user, at in ours), 400
        )
        assert len(bridge.tickets()) == len(ours)
