"""Late replies are told once, and the bridge's notes are in nobody's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import OTHER, USER, Bridge, running
from logged import Lines, logging_to
from long_times import look_seldom, on_a_fast_disk
from maxbridge.core.parts import Part
from maxbridge.observe.status import assess
from maxbridge.sim.faults import Faulty
from maxbridge.sim.wire import Request, Response
from virtual_time import virtual

HOUR = 3600.0
NOTES = "/api/conversations/1/threads"
LATE = "задерживается: "


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    look_seldom(monkeypatch, every=60.0)


async def ticket(bridge: Bridge) -> None:
    on_a_fast_disk(bridge)
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)


def late_notes(bridge: Bridge, conversation_id: int = 1) -> list[str]:
    return [note for note in bridge.bodies(conversation_id, "note") if LATE in note]


# --- late replies ----------------------------------------------------------------------------------


@virtual
async def test_a_reply_that_waits_for_a_quarter_of_an_hour_is_told_once(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        bridge.break_max("refuse", times=None)
        bridge.reply(1, "<div>ответ</div>")
        await asyncio.sleep(14 * 60)
        assert not bridge.bodies(1, "note")
        await bridge.until(lambda: late_notes(bridge), 300)
        await asyncio.sleep(3 * HOUR)
        (note,) = bridge.bodies(1, "note")
        assert note.startswith(
            "<div>⏳ Ответ «ответ» задерживается: MAX не отвечает. Он уйдёт сам, делать ничего не нужно. "
            "Если доставить не удастся за 5 дн., здесь появится примечание."
        )
        bridge.max_line.clear()
        await bridge.until(bridge.sent, 400)
        await asyncio.sleep(HOUR)
        assert len(bridge.bodies(1, "note")) == 1


@virtual
async def test_many_replies_that_wait_are_one_note_for_each_ticket(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=60.0, language="en") as bridge:
        for user in range(600, 620):
            bridge.max.state.person(user, f"Имя {user}")
            bridge.say("вопрос", user)
        await bridge.until(lambda: len(bridge.tickets()) == 20, 600)
        bridge.break_max("refuse", times=None)
        for number in range(3):
            for each in bridge.tickets():
                bridge.reply(each, f"<div>ответ {number}</div>")
            await asyncio.sleep(60)
        await asyncio.sleep(2 * HOUR)
        for each in bridge.tickets():
            (note,) = bridge.bodies(each, "note")
            assert "“ответ 0” is late: MAX does not answer." in note
        bridge.max_line.clear()
        await bridge.quiet(1200)
        assert all(len(bridge.bodies(each, "note")) == 1 for each in bridge.tickets())
        assert all(len(bridge.sent(user)) == 3 for user in range(600, 620))


@virtual
async def test_max_that_comes_and_goes_does_not_fill_the_ticket_with_notes(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        for number in range(4):
            bridge.break_max("refuse", method="POST", times=None)
            bridge.reply(1, f"<div>ответ {number}</div>")
            await asyncio.sleep(HOUR)
            bridge.max_line.clear()
            await bridge.until(lambda: len(bridge.sent()) > number, 400)  # noqa: B023
        assert len(late_notes(bridge)) == 1


@virtual
async def test_a_reply_that_max_does_not_take_alone_is_given_back_within_a_quarter_of_an_hour(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        bridge.break_max(
            "status", method="POST", status=400, times=None,
            body={"code": "attachment.not.ready", "message": "errors.process.attachment.file.not.processed"},
        )  # fmt: skip
        bridge.reply(1, "<div>ответ</div>")
        await bridge.until(lambda: bridge.bodies(1, "note"), 900)
        assert "Не доставлено в MAX: «ответ»" in bridge.bodies(1, "note")[0]
        assert not late_notes(bridge)


@virtual
async def test_no_late_note_for_who_stopped_the_bot_nor_for_what_is_held_or_given_up(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, poll_interval=60.0, lifetime=2 * HOUR) as bridge:
        await ticket(bridge)
        bridge.max.state.person(OTHER, "Олег")
        bridge.say("сосед", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        bridge.max.state.stop(USER)
        await asyncio.sleep(5)
        bridge.reply(1, "<div>ответ в пустоту</div>")
        # The other one is about to be given up before anybody could be told that it is late.
        bridge.break_max("refuse", times=None)
        assert bridge.journal is not None
        with bridge.journal.db.transaction():
            bridge.journal.outbox.add(
                "thread:900:0", bridge.chat(OTHER), [Part("старый")], now=bridge.our_now() - 1.5 * HOUR,
                conversation_id=2, thread_id=900, excerpt="старый",
            )  # fmt: skip
        await asyncio.sleep(3 * HOUR)
        assert not late_notes(bridge)
        assert not late_notes(bridge, 2)
        assert ["Не доставлено" in note for note in bridge.bodies(2, "note")] == [True]


@virtual
async def test_a_desk_that_was_away_gets_no_notes_about_replies_that_have_left_meanwhile(
    tmp_path: Path, lines: Lines
) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        for user in range(600, 610):
            bridge.max.state.person(user, f"Имя {user}")
            bridge.say("вопрос", user)
        await bridge.until(lambda: len(bridge.tickets()) == 10, 600)
        for each in bridge.tickets():
            bridge.reply(each, "<div>ответ</div>")
        bridge.break_max("refuse", times=None)
        await bridge.until(lambda: _waiting(bridge) == 10, 300)
        bridge.break_desk("refuse", times=None)
        await asyncio.sleep(2 * HOUR)
        bridge.max_line.clear()
        await bridge.until(lambda: all(bridge.sent(user) for user in range(600, 610)), 600)
        bridge.desk_line.clear()
        await bridge.quiet(1200)
        assert not any(bridge.bodies(each, "note") for each in bridge.tickets())
        dropped = [each["reason"] for each in lines.of("ignored")]
        assert dropped.count("the reply has left") == 10


def _waiting(bridge: Bridge) -> int:
    assert bridge.journal is not None
    return bridge.journal.outbox.depth().waiting


@virtual
async def test_a_queue_that_is_being_worked_off_after_an_outage_brings_no_notes(
    tmp_path: Path,
) -> None:
    # Two hours' replies of one chat leave at two a second: most of them are late, none needs a note.
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        assert bridge.journal is not None
        with bridge.journal.db.transaction():
            for number in range(200):
                bridge.journal.outbox.add(
                    f"thread:{900 + number}:0", bridge.chat(), [Part(f"{number}")],
                    now=bridge.our_now() - 2 * HOUR,
                    conversation_id=1, thread_id=900 + number, excerpt=f"{number}",
                )  # fmt: skip
        await bridge.quiet(600)
        assert bridge.sent() == [f"{number}" for number in range(200)]
        assert not bridge.bodies(1, "note")


@virtual
async def test_a_reply_that_waits_across_a_restart_is_told_once(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        bridge.break_max("refuse", times=None)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.until(lambda: late_notes(bridge), 1300)
        for _ in range(3):
            await bridge.kill()
            bridge.start()
            await asyncio.sleep(20 * 60)
        assert len(late_notes(bridge)) == 1


# --- notes make way --------------------------------------------------------------------------------


def refuse(bridge: Bridge) -> None:
    """MAX refuses the next reply for good: the agent is to be told."""
    bridge.refuse_sends("text: size must be between 0 and 4000")


class _NoNotes:
    """A desk whose notes end in an error of its own, before or after the work."""

    def __init__(self, line: Faulty, *, done: bool, status: int = 500) -> None:
        self._simulator = line.simulator
        line.simulator = self
        self.working = False
        self.refused = 0
        self._done = done
        self._status = status

    async def handle(self, request: Request) -> Response:
        is_note = request.method == "POST" and json.loads(request.body).get("type") == "note"
        if not is_note or self.working:
            return await self._simulator.handle(request)
        self.refused += 1
        if self._done:
            await self._simulator.handle(request)
        return Response.json(self._status, {"message": "Server Error"})


@pytest.mark.parametrize("status", [500, 400, 504])
@virtual
async def test_a_note_that_the_desk_does_not_take_delays_no_message(
    tmp_path: Path, status: int
) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        desk = _NoNotes(bridge.desk_line, done=False, status=status)
        refuse(bridge)
        bridge.reply(1, "<div>раз</div>")
        await bridge.until(lambda: desk.refused, 60)
        for number in range(5):
            bridge.say(f"слово {number}")
            await bridge.until(lambda: len(bridge.bodies(1)) == number + 2, 20)  # noqa: B023
            await asyncio.sleep(60)
        desk.working = True
        if status != 400:
            await bridge.quiet(1200)
            assert ["Не доставлено в MAX" in note for note in bridge.bodies(1, "note")] == [True]


@virtual
async def test_a_note_in_doubt_that_made_way_is_still_written_once(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await ticket(bridge)
        desk = _NoNotes(bridge.desk_line, done=True)
        refuse(bridge)
        bridge.reply(1, "<div>раз</div>")
        await bridge.until(lambda: desk.refused, 60)
        bridge.say("слово")
        await bridge.quiet(900)
        assert len(bridge.bodies(1, "note")) == 1
        assert len(bridge.bodies(1)) == 2


@virtual
async def test_a_note_that_is_refused_for_hours_is_held_and_shown(
    tmp_path: Path, lines: Lines
) -> None:
    # The agent has not been told that the reply did not arrive: somebody has to know.
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        desk = _NoNotes(bridge.desk_line, done=False)
        refuse(bridge)
        bridge.reply(1, "<div>раз</div>")
        await asyncio.sleep(4 * HOUR)
        assert bridge.journal is not None
        snapshot = bridge.journal.health.snapshot()
        (held,) = snapshot.held
        assert held.key.startswith("note:bounce:")
        report = assess(snapshot, running=True, now=bridge.our_now())
        assert "inbox: 1 held, waiting for your decision: maxbridge queue list" in report.reasons
        (told,) = lines.of("held")
        assert (told["kind"], told["level"]) == ("note", "error")
        assert told["reason"] == "the desk does not take it: desk.server_error (HTTP 500)"
        # The administrator mends the desk and lets it go: it is looked up, then written.
        desk.working = True
        assert bridge.journal.inbox.retry(int(held.name[3:]), anyway=False, now=bridge.our_now())
        await bridge.quiet(900)
        assert len(bridge.bodies(1, "note")) == 1


@pytest.mark.parametrize("status", [500, 400])
@virtual
async def test_a_late_note_that_the_desk_refuses_is_dropped(tmp_path: Path, status: int) -> None:
    # It loses its sense with time; nobody has to decide anything about it.
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        desk = _NoNotes(bridge.desk_line, done=False, status=status)
        bridge.break_max("refuse", times=None)
        bridge.reply(1, "<div>раз</div>")
        await asyncio.sleep(5 * HOUR)
        assert desk.refused
        assert bridge.journal is not None
        assert bridge.journal.inbox.depth().waiting == 0
        assert not bridge.journal.health.snapshot().held


@virtual
async def test_an_outage_of_the_desk_does_not_count_against_a_note(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        refuse(bridge)
        bridge.break_desk("refuse", method="POST", times=None)
        bridge.reply(1, "<div>раз</div>")
        await asyncio.sleep(8 * HOUR)
        bridge.desk_line.clear()
        await bridge.quiet(900)
        assert len(bridge.bodies(1, "note")) == 1


@virtual
async def test_a_message_that_the_desk_refuses_is_held_and_the_status_says_so(
    tmp_path: Path,
) -> None:
    # There is nobody to bounce it to: the desk is where it cannot go.
    async with running(tmp_path) as bridge:
        errors = [{"path": "threads", "message": "x", "source": "JSON"}]
        bridge.break_desk(
            "status", method="POST", path="/api/conversations", status=400, times=2,
            body={"message": "Error occurred", "_embedded": {"errors": errors}},
        )  # fmt: skip
        bridge.say("вопрос")
        await asyncio.sleep(30)
        assert bridge.journal is not None
        snapshot = bridge.journal.health.snapshot()
        (held,) = snapshot.held
        assert held.error == "desk.invalid"
        report = assess(snapshot, running=True, now=bridge.our_now())
        assert "inbox: 1 held, waiting for your decision: maxbridge queue list" in report.reasons


# --- when it was written ---------------------------------------------------------------------------


@virtual
async def test_messages_that_come_hours_late_say_when_they_were_written(tmp_path: Path) -> None:
    async with running(tmp_path, poll_interval=60.0) as bridge:
        await ticket(bridge)
        bridge.break_desk("refuse", times=None)
        bridge.say("во время аварии")
        await asyncio.sleep(2 * HOUR)
        bridge.desk_line.clear()
        bridge.say("после аварии")
        await bridge.quiet(900)
        first, during, after = bridge.bodies(1)
        assert "Написано" not in first + after
        assert "во время аварии</div><div style=" in during
        assert "🕓 Написано " in during
        assert ", сюда попало позже.</div><!-- maxbridge-bot:" in during
