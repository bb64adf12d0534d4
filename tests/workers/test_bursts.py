"""What one person sends at once: in one thread, in order, each message marked, none lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bridge import OTHER, USER, Bridge, running
from file_samples import JPEG
from logged import logging_to
from maxbridge.core.delivery import Outcome, State
from maxbridge.core.desk_html import MOST_BYTES, SPLIT
from maxbridge.core.events import Event
from maxbridge.core.markup import marked_keys
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.inbound import lookup
from maxbridge.inbound.words import DeskWords
from maxbridge.store.backup import back_up
from maxbridge.store.restore import commit, replacing
from maxbridge.store.restored import Posted, RestoredStore
from virtual_time import virtual

THREADS = "/api/conversations/*/threads"
OPEN = "/api/conversations"
GROUP = -73000000000042


def many(count: int, first: int = 1) -> list[str]:
    return [f"сообщение {number:03}" for number in range(first, first + count)]


def say_all(bridge: Bridge, texts: list[str]) -> list[str]:
    return [bridge.say(each) for each in texts]


def sizes(bridge: Bridge, ticket: int = 1) -> list[int]:
    """How many messages each thread of a ticket has."""
    return [len(marked_keys(body)) for body in bridge.bodies(ticket)]


def keys(bridge: Bridge, ticket: int = 1) -> list[str]:
    return [key for body in bridge.bodies(ticket) for key in marked_keys(body)]


async def known(bridge: Bridge) -> None:
    """Марина has a ticket, and the last thread is a while ago."""
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    await bridge.quiet()


def items(bridge: Bridge) -> list[Any]:
    assert bridge.journal is not None
    inbox = bridge.journal.db.tables.inbox
    return list(inbox.select().order_by(inbox.id))


# --- what goes together --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "threads"),
    [
        (1, [1]),
        (3, [1, 1, 1]),
        (4, [4]),
        (50, [50]),
        (51, [50, 1]),
        (120, [50, 50, 20]),
    ],
)
@virtual
async def test_what_waits_goes_together(tmp_path: Path, count: int, threads: list[int]) -> None:
    async with running(tmp_path) as bridge:
        mids = say_all(bridge, many(count))
        await bridge.quiet()
        assert bridge.words() == many(count)
        assert sizes(bridge) == threads
        assert keys(bridge) == mids
        times = [each.created_at for each in bridge.desk.state.threads.values()]
        assert len(set(times)) == len(times), "threads of one second have no order in the page"
        assert {each.state for each in items(bridge)} == {State.DONE}
        assert {each.conversation_id for each in items(bridge)} == {1}


@virtual
async def test_who_types_has_a_thread_for_each_message(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        for text in many(8):
            bridge.say(text)
            await asyncio.sleep(0.6)
        await bridge.quiet()
        assert bridge.words() == many(8)
        assert sizes(bridge) == [1] * 8


@virtual
async def test_a_picture_ends_one_burst_and_another_begins_behind_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        before = say_all(bridge, many(5))
        picture = bridge.say(attachments=[bridge.max.state.attach("image", JPEG, "")])
        behind = say_all(bridge, many(6, 6))
        await bridge.quiet()
        assert sizes(bridge) == [5, 1, 6]
        assert keys(bridge) == [*before, picture, *behind]
        names = [
            file.name for each in bridge.desk.state.threads.values() for file in each.attachments
        ]
        assert len(names) == 1


@virtual
async def test_an_edit_behind_a_burst_is_a_thread_of_its_own_with_the_old_words(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        mids = say_all(bridge, many(5))
        bridge.max.state.edit(mids[1], "исправлено")
        say_all(bridge, many(5, 6))
        await bridge.quiet()
        assert sizes(bridge) == [5, 1, 5]
        edit = bridge.bodies(1)[1]
        assert "исправлено" in edit
        assert "сообщение 002" in edit


@virtual
async def test_forwarded_messages_go_together(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.max.state.person(OTHER, "Олег")
        source = [bridge.say(f"чужое {number}", OTHER) for number in range(6)]
        await bridge.quiet()
        for mid in source:
            bridge.say(None, link={"type": "forward", "mid": mid})
        await bridge.quiet()
        assert sizes(bridge, 1) == [1, 6]
        assert bridge.bodies(1)[1].count("↪ Переслано от:") == 6


@virtual
async def test_two_people_of_a_group_are_not_joined(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.max.state.person(OTHER, "Олег", "Ким")
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        for user, texts in ((USER, many(5)), (OTHER, many(4, 6)), (USER, many(2, 10))):
            for text in texts:
                bridge.max.state.say(user, text, chat_id=GROUP)
        for number, user in enumerate((USER, OTHER) * 3, 12):
            bridge.max.state.say(user, f"сообщение {number:03}", chat_id=GROUP)
        await bridge.quiet()
        assert sizes(bridge) == [5, 4, *[1] * 8]
        found = [word for word in many(17) for body in bridge.bodies(1) if word in body]
        assert found == many(17)
        assert bridge.bodies(1)[0].count("Марина Тестова") == 5


@virtual
async def test_a_deep_link_stands_before_the_first_message_only(tmp_path: Path) -> None:
    async with running(tmp_path, greeting="Здравствуйте!") as bridge:
        bridge.max.state.start(USER, "promo7")
        say_all(bridge, many(6))
        await bridge.quiet()
        assert sizes(bridge) == [6]
        assert bridge.bodies(1)[0].count("promo7") == 1
        assert bridge.bodies(1)[0].index("promo7") < bridge.bodies(1)[0].index("сообщение 001")


@virtual
async def test_a_typed_start_among_them_is_greeted_and_parts_them(tmp_path: Path) -> None:
    async with running(tmp_path, greeting="Здравствуйте!") as bridge:
        say_all(bridge, [*many(4), "/start", *many(4, 5)])
        await bridge.quiet()
        assert sizes(bridge) == [4, 4]
        assert bridge.sent() == ["Здравствуйте!"]


@virtual
async def test_no_thread_is_larger_than_its_limit(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        texts = [f"{text} {'слово ' * 600}" for text in many(30)]
        mids = say_all(bridge, texts)
        await bridge.quiet()
        assert keys(bridge) == mids
        assert max(len(body.encode()) for body in bridge.bodies(1)) <= MOST_BYTES
        assert max(sizes(bridge)) > 3


@virtual
async def test_messages_are_separated_and_have_their_own_time_when_they_are_older(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.break_desk("refuse", times=None)
        await asyncio.sleep(60)
        for text in many(3):
            bridge.say(text)
            await asyncio.sleep(20)
        await asyncio.sleep(200)
        say_all(bridge, many(2, 4))
        await asyncio.sleep(3600)
        bridge.desk_line.clear()
        await bridge.quiet()
        # The one that met the refusals goes alone; the others wait behind it.
        assert sizes(bridge) == [1, 1, 4]
        body = bridge.bodies(1)[2]
        assert body.count(SPLIT) == 3
        assert body.count("🕓 Написано в ") == 1, "only where the time is another one"
        assert (
            body.index("сообщение 003") < body.index("🕓 Написано в ") < body.index("сообщение 004")
        )
        assert body.count("сюда попало позже") == 1
        assert bridge.journal is not None
        dialog = bridge.journal.db.tables.dialog.get_by_id(bridge.chat())
        assert dialog.reachable_at == items(bridge)[-1].created_at, (
            "heard of until the last of them"
        )


@virtual
async def test_each_of_them_has_its_line_in_the_log(tmp_path: Path) -> None:
    lines = next(logging := logging_to())
    async with running(tmp_path) as bridge:
        say_all(bridge, many(5))
        await bridge.quiet()
    rows = [each for each in lines.of("delivered") if each["kind"] == "message"]
    next(logging, None)
    assert len(rows) == 5
    assert {each["reason"] for each in rows} == {"no ticket, 5 messages in one thread"}
    assert {(each["ticket"], each["thread"]) for each in rows} == {(1, 1)}
    assert len({each["item"] for each in rows}) == 5


@virtual
async def test_a_message_alone_costs_one_look_into_the_queue_more(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        assert bridge.journal is not None
        asked: list[int] = []
        behind = bridge.journal.bursts.behind

        def counted(item: Any, limit: int) -> Any:
            asked.append(limit)
            return behind(item, limit)

        bridge.journal.bursts.behind = counted  # type: ignore[method-assign]
        bridge.say("одно")
        await bridge.quiet()
        assert asked == [3]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Look-ups: did each find what it looked for?"""
    seen: list[bool] = []
    for name in ("find_thread", "find_new_ticket"):
        original = getattr(lookup, name)

        async def look(*args: Any, original: Any = original) -> Any:
            found = await original(*args)
            seen.append(found is not None)
            return found

        monkeypatch.setattr(lookup, name, look)
    return seen


# --- doubt ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [OPEN, THREADS])
@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "drop_after"},
        {"kind": "status_after", "status": 500},
        {"kind": "html_after", "status": 502},
        {"kind": "truncate"},
        {"kind": "stall_after", "seconds": 120.0},
    ],
    ids=lambda kind: kind["kind"],
)
@virtual
async def test_what_was_done_though_the_answer_was_lost_is_found_with_one_look(
    tmp_path: Path, kind: dict[str, Any], path: str, looks: list[bool]
) -> None:
    async with running(tmp_path) as bridge:
        first = []
        if path == THREADS:
            await known(bridge)
            first = keys(bridge)
        bridge.break_desk(method="POST", path=path, **kind)
        mids = say_all(bridge, many(12))
        await bridge.quiet(3600)
        assert keys(bridge) == first + mids
        assert sizes(bridge)[-1] == 12
        assert len(bridge.tickets()) == 1
        assert looks.count(True) == 1, "all of them are found in the one thread"
        assert {each.state for each in items(bridge)} == {State.DONE}
        assert {each.thread_id for each in items(bridge)[-12:]} == {len(first) + 1}


@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "drop_before"},
        {"kind": "stall_before", "seconds": 120.0},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502},
    ],
    ids=lambda kind: f"{kind['kind']}-{kind.get('status', '')}",
)
@virtual
async def test_what_was_not_done_is_done_once_by_each_alone(
    tmp_path: Path, kind: dict[str, Any]
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.break_desk(method="POST", path=THREADS, **kind)
        say_all(bridge, many(6))
        await asyncio.sleep(5)
        say_all(bridge, many(6, 7))
        await bridge.quiet(3600)
        await bridge.desk_line.settle()
        assert bridge.words() == ["вопрос", *many(12)]
        # Nobody knows what was wrong with the first six; the others are not to blame.
        assert sizes(bridge) == [1, *[1] * 6, 6]


@pytest.mark.parametrize("fresh", [True, False], ids=["new ticket", "old ticket"])
@virtual
async def test_killed_after_the_post_nothing_is_posted_again(tmp_path: Path, fresh: bool) -> None:
    async with running(tmp_path) as bridge:
        if not fresh:
            await known(bridge)
        first = keys(bridge)
        bridge.break_desk(
            "stall_after", method="POST", path=OPEN if fresh else THREADS, seconds=30.0
        )
        mids = say_all(bridge, many(20))
        await bridge.until(lambda: len(keys(bridge)) == len(first) + 20)
        assert {each.state for each in items(bridge)[-20:]} == {State.SENDING}
        await bridge.kill()
        bridge.start()
        await bridge.quiet(3600)
        assert keys(bridge) == first + mids
        assert {each.state for each in items(bridge)} == {State.DONE}


@virtual
async def test_killed_before_the_post_all_are_posted_once(
    tmp_path: Path, looks: list[bool]
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.break_desk("stall_before", method="POST", path=THREADS, seconds=30.0)
        say_all(bridge, many(7))
        await bridge.until(lambda: items(bridge)[-1].state == State.SENDING)
        await bridge.kill()
        bridge.start()
        await bridge.quiet(3600)
        assert bridge.words() == ["вопрос", *many(7)]
        # At once, and once more when a call that hung has had its time; for the first one only.
        assert looks == [False, False]


@virtual
async def test_an_agent_who_merges_the_ticket_meanwhile_takes_the_burst_along(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.break_desk("stall_after", method="POST", path=THREADS, seconds=120.0)
        mids = say_all(bridge, many(5))
        await bridge.until(lambda: len(keys(bridge)) == 6)
        other = bridge.desk.state.new_conversation("<div>x</div>", customer_id=1, kind="chat")
        bridge.desk.state.merge(other, 1)
        await bridge.quiet(3600)
        assert [key for key in keys(bridge, other) if key in mids] == mids
        assert {each.state for each in items(bridge) if each.key.endswith(tuple(mids))} == {
            State.DONE
        }
        bridge.say("дальше")
        await bridge.quiet()
        assert "дальше" in bridge.bodies(other)[-1]


@virtual
async def test_when_nothing_can_tell_all_of_them_are_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_desk("drop_after", method="POST", path=OPEN)

        pages = []

        async def endless(*_args: Any, **more: Any) -> Any:
            pages.append(more["page"])
            return [await anything(1) for _ in range(25)]

        async def anything(number: int) -> Any:
            return (await client.conversation(number, threads=False))[0]

        client = bridge.ends().desk
        bridge.desk.state.new_conversation("<div>x</div>")
        monkeypatch.setattr(FreeScoutClient, "created_since", endless)
        say_all(bridge, many(4))
        await bridge.quiet(3600)
        rows = [each for each in items(bridge) if each.update_type == "message_created"]
        assert {(each.state, each.error) for each in rows} == {(State.HELD, "desk.undecidable")}
        assert pages == [*range(1, 41)], "one look for all of them"
        await client.close()


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 413])
@virtual
async def test_what_is_refused_together_goes_alone_and_nothing_is_held(
    tmp_path: Path, status: int
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.break_desk(
            "status", method="POST", path=THREADS, status=status, body={"message": "no"}
        )
        say_all(bridge, many(6))
        await asyncio.sleep(5)
        say_all(bridge, many(5, 7))
        await bridge.quiet(3600)
        assert bridge.words() == ["вопрос", *many(11)]
        assert sizes(bridge) == [1, *[1] * 6, 5]
        assert {each.state for each in items(bridge)} == {State.DONE}


@pytest.mark.parametrize("status", [400, 403, 413])
@virtual
async def test_a_message_that_the_desk_never_takes_stops_only_itself(
    tmp_path: Path, status: int
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        texts = [*many(4), "яд", *many(5, 5)]
        refuse(bridge, "яд", status)
        say_all(bridge, texts)
        await bridge.quiet(20_000)
        # A firewall that reads words does not read files.
        assert bridge.words() == ["вопрос", *many(4), "", *many(5, 5)]
        assert {each.state for each in items(bridge)} == {State.DONE}


def refuse(bridge: Bridge, word: str, status: int) -> None:
    """The desk's firewall does not like a word."""
    original = bridge.desk_line.handle

    async def handle(request: Any) -> Any:
        if request.method == "POST" and word.encode() in request.body:
            bridge.break_desk(
                "status", method="POST", path=request.path, status=status, body={"message": "no"}
            )
        return await original(request)

    bridge.desk_line.handle = handle  # type: ignore[method-assign]


@virtual
async def test_an_end_that_is_away_is_nobodys_fault(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.break_desk("refuse", method="POST", path=THREADS)
        say_all(bridge, many(10))
        await bridge.quiet()
        assert bridge.words() == ["вопрос", *many(10)]
        assert sizes(bridge) == [1, 1, 9]


@virtual
async def test_a_bug_in_one_message_holds_that_one_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DeskWords.event

    def event(self: DeskWords, event: Event, *args: Any, **more: Any) -> str:
        assert "яд" not in event.message.text
        return original(self, event, *args, **more)

    monkeypatch.setattr(DeskWords, "event", event)
    async with running(tmp_path) as bridge:
        say_all(bridge, [*many(5), "яд", *many(4, 6)])
        await bridge.quiet()
        assert bridge.words() == many(9)
        assert sizes(bridge) == [5, 4]
        messages = [each for each in items(bridge) if not each.key.startswith("note:")]
        states = [(each.state, each.error) for each in messages]
        assert states == [
            *[(State.DONE, None)] * 5,
            (State.HELD, "internal"),
            *[(State.DONE, None)] * 4,
        ]


# --- the ticket, meanwhile -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sizes_by_ticket"),
    [
        (lambda desk: desk.set_status(1, "closed"), {1: [1, 6]}),
        (lambda desk: desk.set_status(1, "spam"), {1: [1, 6]}),
        (lambda desk: desk.delete(1), {1: [1], 2: [6]}),
        (lambda desk: desk.delete_forever(1), {2: [6]}),
    ],
    ids=["closed", "spam", "deleted", "gone"],
)
@virtual
async def test_all_land_where_one_would(
    tmp_path: Path, change: Callable[[Any], None], sizes_by_ticket: dict[int, list[int]]
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        change(bridge.desk.state)
        say_all(bridge, many(6))
        await bridge.quiet()
        assert {each: sizes(bridge, each) for each in bridge.tickets()} == sizes_by_ticket
        assert bridge.words(max(bridge.tickets()))[-6:] == many(6)


@virtual
async def test_a_ticket_deleted_for_ever_under_the_post_is_left_together(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        body = {"message": "Not Found"}
        bridge.break_desk("status", method="POST", path=THREADS, status=404, body=body)
        say_all(bridge, many(6))
        await bridge.quiet()
        assert bridge.words(2) == many(6)
        assert sizes(bridge, 2) == [1, 5]


@virtual
async def test_a_card_that_is_refused_costs_one_refusal(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.desk.state.delete_forever(1)
        winner = bridge.desk.state.add_customer(first_name="Марина")
        bridge.desk.state.merge_customers(winner.id, 1)
        say_all(bridge, many(6))
        await bridge.quiet()
        assert bridge.words(2) == many(6)
        assert sum(each.status == 400 for each in bridge.desk.requests) <= 1
        assert len(bridge.tickets()) == 1


# --- replies -------------------------------------------------------------------------------------------


@virtual
async def test_a_burst_does_not_cross_a_reply_from_another_ticket_that_he_may_have_read(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        away = bridge.desk.state.new_conversation("<div>второе</div>", customer_id=1, kind="chat")
        await bridge.until(bridge.sent)
        await bridge.quiet()
        bridge.reply(1, "<div>к первому</div>")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        bridge.say("да")
        await bridge.quiet()
        assert bridge.words(1) == ["вопрос", "да"]
        # The way to the desk is closed for everybody by somebody else's trouble: all of them wait, untried.
        bridge.max.state.person(OTHER, "Олег")
        bridge.break_desk("refuse", method="POST", path=OPEN, times=None)
        bridge.say("новый человек", OTHER)
        await asyncio.sleep(120)
        # A reply from the other ticket reaches him, but nobody can tell.
        bridge.break_max("drop_after", method="POST", path="/messages")
        bridge.break_max("refuse", method="GET", path="/messages", times=None)
        bridge.reply(away, "<div>а здесь?</div>")
        say_all(bridge, many(5))
        await bridge.until(lambda: len(bridge.sent()) == 3)
        await asyncio.sleep(2)
        say_all(bridge, many(5, 6))
        await asyncio.sleep(2)
        assert {each.attempts for each in items(bridge)[-10:]} == {0}
        bridge.desk_line.clear()
        await bridge.until(lambda: bridge.words(away), 600)
        bridge.max_line.clear()
        await bridge.quiet(3600)
        assert bridge.words(1) == ["вопрос", "да", *many(5)]
        assert bridge.words(away) == many(5, 6)
        assert sizes(bridge, 1) == [1, 1, 5]
        assert sizes(bridge, away) == [5]


# --- people beside the daemon --------------------------------------------------------------------------


@virtual
async def test_what_an_administrator_takes_out_between_reading_and_posting_is_left_out(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.break_desk("stall_before", method="GET", path="/api/conversations/1", seconds=10.0)
        mids = say_all(bridge, many(6))
        await asyncio.sleep(5)
        assert bridge.journal is not None
        inbox, now = bridge.journal.inbox, bridge.our_now()
        rows = {each.key.partition(":")[2]: each.id for each in items(bridge)}
        assert inbox.decide(rows[mids[2]], Outcome.HOLD, error="held", now=now)
        assert inbox.decide(rows[mids[4]], Outcome.DROP, error=None, now=now)
        await bridge.quiet()
        assert bridge.words() == ["вопрос", *(many(6)[each] for each in (0, 1, 3, 5))]
        assert sizes(bridge) == [1, 4]
        assert inbox.retry(rows[mids[2]], anyway=False, now=bridge.our_now())
        await bridge.quiet()
        assert bridge.words()[-1] == "сообщение 003"


@virtual
async def test_when_the_first_is_taken_out_the_others_go_without_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        bridge.break_desk("stall_before", method="GET", path="/api/conversations/1", seconds=10.0)
        say_all(bridge, many(6))
        await asyncio.sleep(5)
        assert bridge.journal is not None
        head = items(bridge)[-6].id
        bridge.journal.inbox.decide(head, Outcome.HOLD, error="held", now=bridge.our_now())
        await bridge.quiet()
        assert bridge.words() == ["вопрос", *many(5, 2)]
        assert sizes(bridge) == [1, 5]


# --- an older database is put back ---------------------------------------------------------------------


@virtual
async def test_a_burst_that_a_lost_database_posted_is_not_posted_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        store, copy = bridge.settings.store.path, tmp_path / "copy.db"
        back_up(store, copy, overwrite=True, now=bridge.our_now())
        first = say_all(bridge, many(9))
        await bridge.quiet()
        await bridge.kill()
        with replacing(copy, store) as ready:
            commit(ready, bridge.our_now())
        bridge.start()
        later = say_all(bridge, many(4, 10))
        await bridge.quiet(3600)
        assert keys(bridge)[1:] == [*first, *later]
        assert bridge.words() == ["вопрос", *many(13)]


@virtual
async def test_one_that_the_desk_had_already_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as bridge:
        await known(bridge)
        mids: list[str] = []

        def posted(_self: RestoredStore, key: str) -> Posted | None:
            return Posted(key, 1, 1, bridge.clock.now()) if mids and key == mids[2] else None

        monkeypatch.setattr(RestoredStore, "posted", posted)
        assert bridge.journal is not None
        # The door: as if a restore had just been read.
        bridge.journal.inbox.may_be_posted = lambda key: bool(mids) and key.endswith(mids[2])
        mids += say_all(bridge, many(8))
        await bridge.quiet()
        assert bridge.words() == ["вопрос", *many(2), *many(5, 4)]
        assert sizes(bridge) == [1, 1, 1, 5]
        assert {each.state for each in items(bridge)} == {State.DONE}


# --- at random -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@virtual
async def test_bursts_killed_and_disturbed_at_random(tmp_path: Path, seed: int) -> None:
    """People who write little and much, faults on the line, kills: all arrives once and in order."""
    chance = Random(seed)
    bridge = Bridge(tmp_path, seed=seed)
    bridge.max.state.person(OTHER, "Олег")
    bridge.start()
    await asyncio.sleep(1)
    said: dict[int, list[str]] = {USER: [], OTHER: []}
    count = 0
    faults: list[dict[str, Any]] = [
        {"kind": "drop_after"}, {"kind": "drop_before"}, {"kind": "status", "status": 500},
        {"kind": "status_after", "status": 500}, {"kind": "status", "status": 403},
        {"kind": "refuse"}, {"kind": "status", "status": 429},
        {"kind": "stall_after", "seconds": 3.0}, {"kind": "late", "seconds": 3.0},
    ]  # fmt: skip
    for _ in range(25):
        user = chance.choice([USER, OTHER])
        for _ in range(chance.choice([1, 1, 3, 4, 9, 60])):
            count += 1
            said[user].append(f"сообщение {count}")
            bridge.say(said[user][-1], user)
        if chance.random() < 0.6:
            bridge.break_desk(method="POST", **chance.choice(faults))
        await asyncio.sleep(chance.random() * 3)
        if chance.random() < 0.4:
            await bridge.kill()
            bridge.start()
    await bridge.quiet(7200)
    await bridge.desk_line.settle()
    assert len(bridge.tickets()) == 2
    for number in bridge.tickets():
        words = bridge.words(number)
        mine = said[USER] if words[0] in said[USER] else said[OTHER]
        lost = [each for each in mine if each not in words]
        doubled = [each for each in set(words) if words.count(each) > 1]
        assert (lost, doubled) == ([], [])
        assert words == mine
        assert len(keys(bridge, number)) == len(set(keys(bridge, number))) == len(words)
    assert max(map(max, (sizes(bridge, each) for each in bridge.tickets()))) > 3
    await bridge.stop()


@virtual
async def test_a_burst_that_begins_with_a_greeting_is_called_by_what_it_is_about(
    tmp_path: Path,
) -> None:
    """In the list of tickets every greeting looks like every other."""
    async with running(tmp_path) as bridge:
        say_all(bridge, ["Здравствуйте!", "👋", "Где мой заказ № 15?", "Жду уже неделю", "Спасибо"])
        await bridge.until(lambda: sizes(bridge) == [5])
        assert bridge.desk.state.conversations[1].subject == "MAX: Где мой заказ № 15?"
