"""Calls whose outcome is unknown: looked up before they are repeated, so nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bridge import OTHER, USER, Bridge, running
from maxbridge.core.delivery import Outcome, State
from virtual_time import virtual

THREADS = "/api/conversations/*/threads"
OPEN = "/api/conversations"
AFTER_THE_WORK: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("status_after", {"status": 500, "body": {"message": "Server Error"}}),
    ("status_after", {"status": 502}),
    ("status_after", {"status": 504}),
    ("html_after", {"status": 200}),
    ("html_after", {"status": 502}),
    ("html_after", {"status": 403}),  # a firewall that reads answers
    ("truncate", {}),
    ("empty", {}),
    ("wrong_type", {"body": []}),
    ("stall_after", {"seconds": 120.0}),
    ("late", {"seconds": 40.0}),
]
BEFORE_THE_WORK: list[tuple[str, dict[str, Any]]] = [
    ("refuse", {}),
    ("drop_before", {}),
    ("status", {"status": 500}),
    ("status", {"status": 503, "headers": {"Retry-After": "7"}, "body": {"message": "Updating"}}),
    ("status", {"status": 429}),
    ("html", {"status": 200}),
    ("html", {"status": 404}),
    ("stall_before", {"seconds": 120.0}),
]
FAULTS = AFTER_THE_WORK + BEFORE_THE_WORK
IDS = [f"{kind}-{more.get('status', '')}" for kind, more in FAULTS]


@pytest.mark.parametrize(("kind", "more"), FAULTS, ids=IDS)
@pytest.mark.parametrize("times", [1, 3])
@virtual
async def test_a_customers_message_lands_once_whatever_the_desk_answers(
    tmp_path: Path, kind: str, more: dict[str, Any], times: int
) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_desk(kind, method="POST", path=OPEN, times=times, **more)
        bridge.say("первое")
        await asyncio.sleep(2)
        bridge.break_desk(kind, method="POST", path=THREADS, times=times, **more)
        bridge.say("второе")
        await bridge.quiet(3600)
        await bridge.desk_line.settle()
        assert bridge.tickets() == [1]
        assert len(bridge.desk.state.customers) == 1
        assert ["первое" in body for body in bridge.bodies(1)] == [True, False]
        assert ["второе" in body for body in bridge.bodies(1)] == [False, True]


@pytest.mark.parametrize(("kind", "more"), FAULTS, ids=IDS)
@pytest.mark.parametrize("times", [1, 3])
@virtual
async def test_a_reply_arrives_once_whatever_max_answers(
    tmp_path: Path, kind: str, more: dict[str, Any], times: int
) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max(kind, method="POST", path="/messages", times=times, **more)
        bridge.reply(1, "<div>первый ответ</div>")
        await asyncio.sleep(2)
        bridge.reply(1, "<div>второй ответ</div>")
        await bridge.quiet(3600)
        await bridge.max_line.settle()
        assert bridge.sent() == ["первый ответ", "второй ответ"]


@virtual
async def test_two_equal_replies_are_two_messages_even_when_both_are_doubtful(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>Да.</div>")
        await bridge.quiet()
        bridge.break_max("drop_after", method="POST", path="/messages")
        bridge.reply(1, "<div>Да.</div>")
        await bridge.quiet()
        bridge.break_max("drop_before", method="POST", path="/messages")
        bridge.reply(1, "<div>Да.</div>")
        await bridge.quiet()
        assert bridge.sent() == ["Да."] * 3


@pytest.mark.parametrize("second", ["второй ответ", "первый ответ"])
@virtual
async def test_a_reply_that_is_sent_late_does_not_hide_an_earlier_one_in_doubt(
    tmp_path: Path, second: str
) -> None:
    # Found by tests/explore: what is newest in the history need not have been sent last by its order.
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max("refuse", method="POST", path="/messages")
        bridge.reply(1, "<div>первый ответ</div>")
        assert bridge.journal is not None
        outbox = bridge.journal.outbox
        await bridge.until(lambda: outbox.waiting(None, states=(State.DEFERRED,)), step=0.01)
        (first,) = outbox.waiting(None)
        assert outbox.decide(first.id, Outcome.HOLD, error="by a person", now=bridge.our_now())
        bridge.break_max("drop_after", method="POST", path="/messages")
        bridge.reply(1, f"<div>{second}</div>")
        await bridge.until(lambda: bridge.sent() == [second])
        assert outbox.retry(first.id, anyway=False, now=bridge.our_now())
        await bridge.quiet(3600)
        assert bridge.sent() == [second, "первый ответ"]


@virtual
async def test_a_parts_doubt_concerns_that_part_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max("drop_after", method="POST", path="/messages", skip=1)
        bridge.reply(1, f"<div>{'а' * 3999}</div><div>{'б' * 3999}</div><div>в</div>")
        await bridge.quiet()
        assert [text[0] for text in bridge.sent()] == ["а", "б", "в"]


@virtual
async def test_what_no_look_up_can_decide_is_held_and_the_agent_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max("drop_after", method="POST", path="/messages")
        # The history never reaches back to the attempt: every page is full of newer messages.
        newer = {
            "messages": [
                {
                    "body": {"mid": f"mid.{number}", "text": "x"},
                    "timestamp": 9_999_999_999_999,
                    "sender": {"user_id": 5},
                }
                for number in range(100)
            ]
        }
        for page in range(45):  # it is read twice
            rows = [
                {**each, "body": {"mid": f"mid.{page}.{number}", "text": "x"}}
                for number, each in enumerate(newer["messages"])
            ]
            bridge.break_max("status", method="GET", path="/messages", status=200,
                             body={"messages": rows})  # fmt: skip
        bridge.reply(1, "<div>дошло ли?</div>")
        await bridge.quiet()
        assert bridge.journal is not None
        assert [each.error for each in bridge.journal.health.snapshot().held] == ["max.undecidable"]
        assert ["Неизвестно, дошёл ли" in note for note in bridge.bodies(1, "note")] == [True]
        bridge.reply(1, "<div>следующий</div>")
        await bridge.quiet()
        assert bridge.sent()[-1] == "следующий"


@virtual
async def test_one_customers_trouble_never_delays_another(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        bridge.say("первый")
        await bridge.until(bridge.tickets)
        bridge.break_desk("status_after", method="POST", path="/api/conversations/1/threads",
                          times=None, status=500)  # fmt: skip
        bridge.say("этот застрял")
        await asyncio.sleep(1)
        bridge.say("а этот проходит", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2, 30)


@virtual
async def test_a_broken_desk_does_not_stop_replies_nor_a_broken_max_messages(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>ответ</div>")
        await asyncio.sleep(7)  # read, waiting for its undo window
        bridge.break_max("refuse", method="*", path="/updates", times=None)
        await bridge.until(bridge.sent)
        bridge.max_line.clear()
        await asyncio.sleep(600)
        bridge.break_max("refuse", method="POST", path="/messages", times=None)
        bridge.say("и всё же дошло")
        await bridge.until(lambda: len(bridge.bodies(1)) == 2)


@pytest.mark.parametrize("seed", range(6))
@virtual
async def test_killed_anywhere_it_goes_on_correctly(tmp_path: Path, seed: int) -> None:
    """Both directions busy, the process killed again and again: all arrives once and in order."""
    chance = Random(seed)
    bridge = Bridge(tmp_path, seed=seed, undo_window=2.0, poll_interval=1.0)
    bridge.max.state.person(OTHER, "Олег")
    bridge.start()
    await asyncio.sleep(1)
    said: dict[int, list[str]] = {USER: [], OTHER: []}
    answered: dict[int, list[str]] = {USER: [], OTHER: []}
    owners: dict[int, int] = {}
    slow = {"kind": "stall_after", "times": None, "probability": 0.3, "seconds": 0.4}
    bridge.break_desk(method="POST", **slow)
    bridge.break_max(method="POST", **slow)
    for step in range(40):
        user = chance.choice([USER, OTHER])
        said[user].append(f"вопрос {step}")
        bridge.say(f"вопрос {step}", user)
        for number in set(bridge.tickets()) - owners.keys():
            name = bridge.desk.state.customers[
                bridge.desk.state.conversations[number].customer_id or 0
            ].first_name
            owners[number] = USER if name == "Марина" else OTHER
        if owners and chance.random() < 0.6:
            number = chance.choice(sorted(owners))
            answered[owners[number]].append(f"ответ {step}")
            bridge.reply(number, f"<div>ответ {step}</div>")
        await asyncio.sleep(chance.random() * 2)
        if chance.random() < 0.5:
            await bridge.kill()
            bridge.start()
    await bridge.quiet(3600)
    for number, user in owners.items():
        assert bridge.words(number) == said[user]
    for user, texts in answered.items():
        assert bridge.sent(user) == texts
    assert len(bridge.tickets()) == 2
    await bridge.stop()


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
@virtual
async def test_a_jump_of_the_desks_clock_does_not_hide_a_new_ticket_from_the_look_up(
    tmp_path: Path, jump: float
) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_desk("drop_after", method="POST", path=OPEN)
        bridge.break_desk("refuse", method="GET", path=OPEN, times=2)
        bridge.say("первое")
        await asyncio.sleep(0.3)
        bridge.desk_skew = jump
        await bridge.quiet(3600)
        assert bridge.tickets() == [1]


@pytest.mark.parametrize("skew", [-3 * 3600.0, 3 * 3600.0])
@virtual
async def test_our_own_clock_may_be_wrong_by_hours(tmp_path: Path, skew: float) -> None:
    bridge = Bridge(tmp_path)
    bridge.max_skew = skew
    bridge.start()
    await asyncio.sleep(1)
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    bridge.break_max("drop_after", method="POST", path="/messages")
    bridge.reply(1, "<div>Да.</div>")
    await bridge.quiet()
    bridge.break_max("drop_before", method="POST", path="/messages")
    bridge.reply(1, "<div>Да.</div>")
    await bridge.quiet()
    assert bridge.sent() == ["Да.", "Да."]
    await bridge.stop()
