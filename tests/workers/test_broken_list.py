"""A list of changes that the desk cannot give because of one conversation stops nobody's replies.

What stands in the list is found when it is answered again, as after an outage: nothing is lost, doubled, or taken for
history.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import Bridge, running
from maxbridge.observe.status import assess
from maxbridge.outbound.poller import NOT_LISTED
from maxbridge.sim.faults import Dropped, Faulty
from maxbridge.sim.wire import Request, Response
from virtual_time import virtual

MINUTE = 60.0
SOON = 17.0 + 45.0
"""Seconds in which a reply leaves: the undo window, and how long it may take until it is noticed."""
LIST = "/api/conversations"
Answer = Callable[[], Response] | None


def words(status: int) -> Response:
    body = json.dumps({"message": "Server Error", "code": "something.odd"}).encode()
    return Response(status, body, {"Content-Type": "application/json", "Retry-After": "300"})


def page(status: int) -> Response:
    return Response(status, b"<html><body>No</body></html>", {"Content-Type": "text/html"})


def half() -> Response:
    return Response(200, b'{"_embedded": {"conv', {"Content-Type": "application/json"})


def dropped() -> Response:
    raise Dropped("drop_before")


ANSWERS: dict[str, Answer] = {
    **{f"{status}": functools.partial(words, status) for status in range(300, 600)},
    **{f"{status} page": functools.partial(page, status) for status in range(300, 600)},
    "half": half,
    "dropped": dropped,
    "silence": None,
}
SHARES = 4
SOME = ("500", "500 page", "403 page", "401", "429", "503", "302 page", "404", "half", "silence")


class Unlisted:
    """A desk that stumbles over some conversations wherever a list has them; alone it gives them, or not."""

    def __init__(self, line: Faulty, answer: Answer, *, alone: bool = True) -> None:
        self._simulator = line.simulator
        line.simulator = self
        self._alone = alone
        self.ill: set[int] = set()
        self.answer = answer
        self.refused = self.listed = self.given = 0
        """Lists that were refused, lists and tickets that were given."""

    async def handle(self, request: Request) -> Response:
        answer = await self._simulator.handle(request)
        if not self.ill or not self._stumbles(request, answer):
            if request.method == "GET" and answer.status == 200:
                self.listed += request.path == LIST
                self.given += request.path.startswith(f"{LIST}/")
            return answer
        self.refused += 1
        if self.answer is None:
            await asyncio.sleep(1e6)
            raise AssertionError
        return self.answer()

    def _stumbles(self, request: Request, answer: Response) -> bool:
        if request.method != "GET":
            return False
        if request.path == LIST:
            rows = json.loads(answer.body)["_embedded"]["conversations"]
            return any(row["id"] in self.ill for row in rows)
        return not self._alone and any(request.path == f"{LIST}/{each}" for each in self.ill)


async def people(bridge: Bridge, count: int) -> dict[int, int]:
    """Customers with a ticket each."""
    found = {}
    for number in range(count):
        user = 500 + number
        bridge.max.state.person(user, f"Имя{user}")
        bridge.say("здравствуйте", user)
        await bridge.until(lambda: len(bridge.tickets()) == number + 1)  # noqa: B023
        found[user] = bridge.tickets()[-1]
    return found


def foreign(bridge: Bridge) -> int:
    """A mail customer's conversation."""
    desk = bridge.desk.state
    mailed = desk.add_customer(emails=[desk.make_email("a@example.org")]).id
    return int(desk.new_conversation("<div>по почте</div>", customer_id=mailed))


def begin(bridge: Bridge, ticket: int, text: str) -> int:
    """An agent begins a conversation with the customer of a ticket."""
    card = bridge.desk.state.conversations[ticket].customer_id
    return int(bridge.desk.state.new_conversation(f"<div>{text}</div>", customer_id=card))


def status(bridge: Bridge) -> str:
    assert bridge.journal is not None
    found = assess(bridge.journal.health.snapshot(), running=True, now=bridge.our_now())
    return " ".join(map(str, found.reasons))


async def others_are_answered(bridge: Bridge, ours: dict[int, int], tag: str) -> None:
    """Agents answer in each ticket; all of it leaves soon, once."""
    for user, ticket in ours.items():
        bridge.reply(ticket, f"<div>{tag} {user}.</div>")
        await asyncio.sleep(1)
    await bridge.until(
        lambda: all(bridge.sent(user).count(f"{tag} {user}.") == 1 for user in ours), SOON
    )


async def through_a_broken_list(tmp_path: Path, answer: Answer, *, ours_is_ill: bool) -> None:
    async with running(tmp_path) as bridge:
        ours = await people(bridge, 5)
        desk = Unlisted(bridge.desk_line, answer, alone=not ours_is_ill)
        await asyncio.sleep(2 * MINUTE)
        if ours_is_ill:
            ill, number = ours.popitem()
            bridge.reply(number, "<div>позже.</div>")
        else:
            number = foreign(bridge)
        desk.ill.add(number)
        await asyncio.sleep(1)
        await others_are_answered(bridge, ours, "первое")
        begun = {user: begin(bridge, ticket, f"начал {user}.") for user, ticket in ours.items()}
        await asyncio.sleep(10 * MINUTE)
        assert NOT_LISTED in status(bridge)
        await others_are_answered(bridge, ours, "второе")
        for user in ours:
            bridge.say(f"слово {user}", user)
        assert desk.refused
        # A reply in what is not adopted yet waits; nothing of it is history when it is adopted.
        for user, number in begun.items():
            bridge.reply(number, f"<div>продолжил {user}.</div>")
        await asyncio.sleep(2 * MINUTE)
        assert not any(f"начал {user}." in bridge.sent(user) for user in ours)
        desk.ill.clear()
        await bridge.until(
            lambda: all(f"продолжил {user}." in bridge.sent(user) for user in ours), 3 * MINUTE
        )
        if ours_is_ill:
            await bridge.until(lambda: "позже." in bridge.sent(ill), 40 * MINUTE)
        await bridge.quiet()
        assert NOT_LISTED not in status(bridge)
        for user in ours:
            got = [each for each in bridge.sent(user) if each.endswith(".")]
            assert got == [f"{tag} {user}." for tag in ("первое", "второе", "начал", "продолжил")]


@pytest.mark.parametrize("ours_is_ill", [False, True], ids=["foreign", "ours"])
@pytest.mark.parametrize("answer", SOME)
@virtual
async def test_replies_leave_while_one_conversation_cannot_be_listed(
    tmp_path: Path, answer: str, *, ours_is_ill: bool
) -> None:
    await through_a_broken_list(tmp_path, ANSWERS[answer], ours_is_ill=ours_is_ill)


@pytest.mark.parametrize("share", range(SHARES))
@virtual
async def test_whatever_the_desk_says_of_the_list_replies_leave(tmp_path: Path, share: int) -> None:
    async with running(tmp_path) as bridge:
        ((user, ticket),) = (await people(bridge, 1)).items()
        desk = Unlisted(bridge.desk_line, None)
        number = foreign(bridge)
        for name in list(ANSWERS)[share::SHARES]:
            desk.answer, refused, listed = ANSWERS[name], desk.refused, desk.listed
            bridge.desk.state.set_subject(number, name)
            desk.ill.add(number)
            await bridge.until(lambda: desk.refused > refused, 20)  # noqa: B023
            bridge.reply(ticket, f"<div>{name}.</div>")
            await bridge.until(lambda: f"{name}." in bridge.sent(user), SOON)  # noqa: B023
            assert desk.listed == listed
            desk.ill.clear()
            # Without being asked to wait, the list is asked for again within a minute.
            wait = 300 if name in ("429", "429 page", "503") else MINUTE
            await bridge.until(lambda: desk.listed > listed, wait + 1)  # noqa: B023
        await bridge.quiet()
        assert bridge.sent(user).count("500.") <= 1
        assert NOT_LISTED not in status(bridge)


@pytest.mark.parametrize(("answer", "most"), [("500", 60), ("429", 30)])
@virtual
async def test_tickets_are_asked_for_at_a_bounded_pace(
    tmp_path: Path, answer: str, most: int
) -> None:
    async with running(tmp_path) as bridge:
        ours = await people(bridge, 5)
        desk = Unlisted(bridge.desk_line, ANSWERS[answer])
        desk.ill.add(foreign(bridge))
        await bridge.until(lambda: desk.refused, 20)
        await asyncio.sleep(MINUTE)
        given = desk.given
        await asyncio.sleep(10 * MINUTE)
        # Each once in five seconds, or all of them together every two.
        assert 8 * most <= desk.given - given <= 10 * (most + 1)
        # The pace is that of before when the list is given again.
        desk.ill.clear()
        await asyncio.sleep(5 * MINUTE)
        given = desk.given
        await asyncio.sleep(10 * MINUTE)
        assert desk.given == given
        assert ours


@pytest.mark.parametrize("answer", ["500", "503", "silence"])
@virtual
async def test_a_desk_that_gives_nothing_is_the_desks_trouble(tmp_path: Path, answer: str) -> None:
    async with running(tmp_path) as bridge:
        ours = await people(bridge, 4)
        desk = Unlisted(bridge.desk_line, ANSWERS[answer], alone=False)
        number = foreign(bridge)
        desk.ill |= {number, *ours.values()}
        await bridge.until(lambda: desk.refused, 20)
        refused = desk.refused
        await asyncio.sleep(30 * MINUTE)
        assert NOT_LISTED not in status(bridge)
        assert "desk_poller has been in trouble" in status(bridge)
        # The list, and one ticket, with pauses that grow to a minute.
        assert desk.refused - refused < 2 * 50
        for user, ticket in ours.items():
            bridge.reply(ticket, f"<div>потом {user}.</div>")
        desk.ill.clear()
        await bridge.until(lambda: all(f"потом {user}." in bridge.sent(user) for user in ours), 400)


@virtual
async def test_it_goes_on_after_a_restart_and_other_tickets_have_their_turns(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, reopen_days=0) as bridge:
        ours = await people(bridge, 3)
        user, ticket = next(iter(ours.items()))
        desk = Unlisted(bridge.desk_line, ANSWERS["500"])
        # Its customer has gone on in another ticket.
        bridge.desk.state.set_status(ticket, "closed")
        await asyncio.sleep(2 * MINUTE)
        bridge.say("снова", user)
        await bridge.until(lambda: len(bridge.tickets()) == 4)
        desk.ill.add(foreign(bridge))
        await bridge.until(lambda: desk.refused, 20)
        await bridge.stop()
        bridge.start()
        await asyncio.sleep(MINUTE)
        bridge.reply(ticket, "<div>в старом.</div>")
        await others_are_answered(bridge, ours, "дальше")
        await bridge.until(lambda: "в старом." in bridge.sent(user), SOON)
        desk.ill.clear()
        await bridge.until(lambda: desk.listed, 2 * MINUTE)


@virtual
async def test_a_conversation_that_only_the_look_back_meets_keeps_nothing_waiting(
    tmp_path: Path,
) -> None:
    """It last changed ten hours ago, and the list is walked from a day ago every half hour."""
    async with running(tmp_path) as bridge:
        ours = await people(bridge, 2)
        desk = Unlisted(bridge.desk_line, ANSWERS["500"])
        number = foreign(bridge)
        await asyncio.sleep(600 * MINUTE)
        desk.ill.add(number)
        await bridge.until(lambda: desk.refused, 40 * MINUTE)
        asked = desk.listed + desk.refused
        for user, ticket in ours.items():
            begin(bridge, ticket, f"начал {user}.")
        await bridge.until(
            lambda: all(bridge.sent(user) == [f"начал {user}."] for user in ours), 3 * MINUTE
        )
        await asyncio.sleep(60 * MINUTE)
        # As often as ever, and what each look back asks for.
        assert desk.listed + desk.refused - asked < 6 * 60


@virtual
async def test_what_is_begun_after_the_desks_clock_was_set_back_is_no_history(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        bridge.desk_skew = 3600.0
        ours = await people(bridge, 2)
        desk = Unlisted(bridge.desk_line, ANSWERS["500"])
        await asyncio.sleep(2 * MINUTE)
        desk.ill.add(foreign(bridge))
        await asyncio.sleep(2 * MINUTE)
        bridge.desk_skew = 0.0
        await asyncio.sleep(MINUTE)
        for user, ticket in ours.items():
            begin(bridge, ticket, f"начал {user}.")
        await asyncio.sleep(20 * MINUTE)
        desk.ill.clear()
        await asyncio.sleep(20 * MINUTE)
        assert all(bridge.sent(user) == [f"начал {user}."] for user in ours)
