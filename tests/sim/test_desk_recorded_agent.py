"""Compares what the API shows after an agent's actions with what the recorded one did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from desk_replay import DATA, Replay, by_id, recorded
from maxbridge.sim.desk.state import DeskRefusedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maxbridge.sim.desk.state import DeskState


@pytest.fixture
def replay() -> Replay:
    return Replay()


def nothing(_state: DeskState) -> None:
    """Do what changes nothing: star, open, follow, fail to edit."""


async def test_reply(replay: Replay) -> None:
    replay.customers("Иван Петров")
    await replay.chat(1, 1)
    body = "<div>Здравствуйте! <b>Ответ</b><br>строка 2</div>"
    await replay.run("50", {1: lambda state: state.reply(1, body)})


async def test_note(replay: Replay) -> None:
    replay.customers("Иван Петров")
    await replay.chat(3, 8)
    await replay.run(
        "52",
        {
            0: lambda state: state.note(3, "<div>секрет</div>"),
            2: lambda state: state.note(3, "<div>секрет 2</div>"),
            4: lambda state: state.delete_note(10),
        },
    )


async def test_draft(replay: Replay) -> None:
    replay.customers("Иван Петров")
    await replay.chat(4, 11)
    await replay.run(
        "53",
        {
            0: lambda state: state.save_draft(4, "<div>чер</div>"),
            2: lambda state: state.update_draft(12, "<div>черновик готов</div>"),
            4: lambda state: state.publish_draft(12),
            7: lambda state: state.save_draft(4, "<div>ещё</div>"),
            9: lambda state: state.discard_draft(13),
        },
    )


async def test_undo(replay: Replay) -> None:
    def late(state: DeskState) -> None:
        replay.now += 18
        replay.since = int(replay.now)
        with pytest.raises(DeskRefusedError):
            state.undo(15)

    replay.customers("Иван Петров")
    await replay.chat(5, 14)
    await replay.run(
        "54",
        {
            0: lambda state: state.reply(5, "<div>ой</div>"),
            2: lambda state: state.undo(15),
            4: lambda state: state.resend(15, "<div>исправлено</div>"),
            7: late,
        },
    )


async def test_edit(replay: Replay) -> None:
    replay.customers("Иван Петров")
    await replay.chat(6, 16)
    replay.agent(lambda state: state.reply(6, "<div>первый ответ</div>"))
    replay.agent(lambda state: state.reply(6, "<div>второй ответ</div>"))
    edited = "<div>start, edited by the agent</div>"
    await replay.run(
        "55",
        {
            0: nothing,
            2: lambda state: state.edit_thread(18, "<div>второй ответ, правка админа</div>"),
            4: lambda state: state.edit_thread(17, "<div>первый ответ, правка</div>"),
            7: lambda state: state.edit_thread(16, edited),
        },
    )


async def test_status_and_assignee(replay: Replay) -> None:
    replay.customers("Кто-то", "Иван Петров")
    await replay.chat(8, 26, customer=2)
    await replay.chat(7, 19, customer=2)

    def bulk(state: DeskState) -> None:
        replay.ids_from(thread=27)
        state.set_status(7, "closed")
        state.set_status(8, "closed")

    await replay.run(
        "56",
        {
            0: lambda state: state.set_status(7, "closed"),
            2: lambda state: state.set_status(7, "active"),
            4: lambda state: state.set_status(7, "spam"),
            6: lambda state: state.set_status(7, "active"),
            8: lambda state: state.assign(7, 2),
            10: lambda state: state.assign(7, None),
            12: lambda state: state.set_subject(7, "Новая"),
            14: nothing,
            16: nothing,
            18: nothing,
            20: bulk,
        },
    )


async def test_merge(replay: Replay) -> None:
    replay.customers("Кто-то", "Иван Петров")
    await replay.chat(9, 29, "A first", customer=2)
    await replay.chat(10, 30, "B first", customer=2)
    replay.agent(lambda state: state.reply(10, "<div>B reply</div>"))
    await replay.run("57", {2: lambda state: state.merge(9, 10)})


async def test_merge_of_two_customers(replay: Replay) -> None:
    replay.customers("Иван", "Пётр")
    await replay.chat(1, 8, "A of customer 1")
    await replay.chat(2, 9, "B of customer 2", customer=2)
    replay.agent(lambda state: state.reply(2, "<div>only for customer 2</div>"))
    replay.agent(lambda state: state.merge(1, 2))
    (wanted,) = recorded("57b")
    threads = [
        {"id": row.id, "type": row.type, "body": row.body, "customer": row.customer_id}
        for row in replay.state.published_of(1)
    ]
    assert by_id(threads) == by_id(wanted["threads"])
    assert replay.state.conversations[1].customer_id == wanted["conversation_customer"]


async def test_move(replay: Replay) -> None:
    replay.customers("Кто-то", "Иван Петров")
    await replay.chat(11, 36, customer=2)
    await replay.run(
        "58",
        {
            0: lambda state: state.move(11, 2),
            3: lambda state: state.reply(11, "<div>из второго ящика</div>"),
        },
    )


async def test_forward(replay: Replay) -> None:
    replay.customers("Кто-то", "Иван Петров", "Мария")
    await replay.chat(12, 39, customer=2)
    await replay.run(
        "59", {0: lambda state: state.forward(12, "boss@example.org", "<div>смотри</div>")}
    )


async def test_delete_and_restore(replay: Replay) -> None:
    def second(state: DeskState) -> None:
        replay.ids_from(thread=46)
        state.delete(15)
        state.restore(15)

    replay.customers("Кто-то", "Иван Петров")
    await replay.chat(15, 45, customer=2)
    await replay.chat(14, 42, customer=2)
    await replay.run(
        "60",
        {
            0: lambda state: state.delete(14),
            6: lambda state: state.reply(14, "<div>в удалённый</div>", user=1),
            8: second,
            10: lambda state: state.delete_forever(15),
        },
        skip=(14,),
    )


async def test_customer_changed(replay: Replay) -> None:
    replay.customers("Кто-то", "Иван Петров")
    replay.state.add_customer(
        first_name="Мария", emails=[replay.state.make_email("maria@example.org")]
    )
    await replay.chat(17, 49, customer=2)
    await replay.run("61", {0: lambda state: state.change_customer(17, 3)})


async def test_conversations_begun_by_agents(replay: Replay) -> None:
    def begin(html: str, kind: str, customer: int) -> Callable[[DeskState], object]:
        return lambda state: state.new_conversation(
            f"<div>{html}</div>", kind=kind, customer_id=customer
        )

    replay.customers("Кто-то", "Иван Петров")
    replay.state.add_customer(emails=[replay.state.make_email("maria@example.org")])
    replay.customers("Босс", "Телефон")
    replay.ids_from(conversation=18, thread=53)
    await replay.run(
        "62",
        {
            0: begin("здравствуйте", "email", 3),
            1: begin("перезвонить", "phone", 5),
            2: begin("перезвонить 2", "phone", 2),
        },
    )


async def test_customers_merged(replay: Replay) -> None:
    replay.customers("Иван Петров", "Иван Петров")
    profiles = [{"value": "max:222", "type": "other"}]
    await replay.own("PUT", "/api/customers/2", {"socialProfiles": profiles})
    await replay.chat(1, 1, customer=2)
    await replay.run("65", {0: lambda state: state.merge_customers(1, 2)})


async def test_drafts_of_conversations_and_undo(replay: Replay) -> None:
    state = replay.state
    replay.customers("Пётр Петров", "Кто-то")
    state.add_customer(emails=[state.make_email("undo@example.org")])
    await replay.chat(5, 6)
    replay.ids_from(conversation=3, thread=3)

    def undo_new(state: DeskState) -> None:
        state.new_conversation("<div>x</div>", customer_id=3)
        replay.now += 1
        replay.since = int(replay.now)
        state.undo(4)

    def undo_forward(state: DeskState) -> None:
        replay.ids_from(conversation=6, thread=7)
        note = state.forward(5, "boss@example.org", "<div>смотри</div>")
        replay.now += 2
        replay.since = int(replay.now)
        state.undo(note)

    await replay.run(
        "67",
        {
            0: lambda state: state.new_conversation("набросок", draft=True),
            4: lambda state: state.delete_forever(3),
            6: undo_new,
            8: undo_forward,
        },
    )


async def test_which_events_move_updated_at(replay: Replay) -> None:
    """Case 76: every event of the table, on one conversation."""
    replay.customers("Иван", "Мария")
    await replay.chat(1, 1)
    await replay.chat(11, 110)
    await replay.chat(10, 100)
    replay.state.reply(10, "two threads, as the merged one had")
    replay.ids_from(conversation=20, thread=2)
    script = events(replay)
    rows = json.loads((DATA / "76_which_events_move_updatedAt.json").read_text())["rows"]
    assert [row["event"] for row in rows] == list(script)
    for row in rows:
        number = 11 if row["event"] == "merge: the source" else 1
        before = await look(replay, number)
        replay.now += 1
        await script[row["event"]]()
        after = await look(replay, number)
        assert after[2:] == (row["threadsCount"][1], row["threads_listed"][1]), row["event"]
        assert before[2:] == (row["threadsCount"][0], row["threads_listed"][0]), row["event"]
        assert (after[0] != before[0]) == row["updatedAt_moves"], row["event"]
        assert (after[1] != before[1]) == row["userUpdatedAt_moves"], row["event"]


async def look(replay: Replay, number: int) -> tuple[Any, ...]:
    answer = await replay.own("GET", f"/api/conversations/{number}")
    if answer.status != 200:
        return "gone", "gone", "404", "404"
    row = json.loads(answer.body)
    threads = len(row["_embedded"]["threads"])
    return row["updatedAt"], row["userUpdatedAt"], row["threadsCount"], threads


def events(replay: Replay) -> dict[str, Callable[[], Awaitable[object]]]:
    """Script the events of case 76 in their order."""
    state = replay.state
    drafts: list[int] = []
    long_text = "x" * 400

    def agent(action: Callable[[], object]) -> Callable[[], Awaitable[object]]:
        async def act() -> None:
            action()

        return act

    async def idle() -> None:
        pass

    def post(**body: Any) -> Callable[[], Awaitable[object]]:
        return lambda: replay.own("POST", "/api/conversations/1/threads", body)

    def put(path: str, **body: Any) -> Callable[[], Awaitable[object]]:
        return lambda: replay.own("PUT", f"/api/{path}", body)

    def draft() -> None:
        drafts.append(state.save_draft(1, "draft"))

    def discard() -> None:
        # Its first autosave was not part of the measured step.
        before = state.conversations[1].updated_at, state.conversations[1].user_updated_at
        draft()
        state.conversations[1].updated_at, state.conversations[1].user_updated_at = before
        state.discard_draft(drafts[-1])

    return {
        "customer thread over the API": post(type="customer", text="second"),
        "agent reply (UI)": agent(lambda: state.reply(1, "reply")),
        "undo of it": agent(lambda: state.undo(3)),
        "undone draft sent again (same thread id)": agent(lambda: state.resend(3, "again")),
        "note": agent(lambda: state.note(1, "note")),
        "note deleted": agent(lambda: state.delete_note(4)),
        "draft autosaved (first)": agent(draft),
        "draft autosaved (again)": agent(lambda: state.update_draft(drafts[0], "more")),
        "draft published": agent(lambda: state.publish_draft(drafts[0])),
        "draft discarded": agent(discard),
        "last reply edited": agent(lambda: state.edit_thread(drafts[0], "edited")),
        "last reply replaced by a 400-letter text": agent(
            lambda: state.edit_thread(drafts[0], long_text)
        ),
        "last reply edited only beyond letter 255 (the preview stays equal)": agent(
            lambda: state.edit_thread(drafts[0], long_text + "y")
        ),
        "earlier reply edited": agent(lambda: state.edit_thread(3, "edited")),
        "customer message edited by an agent": agent(lambda: state.edit_thread(1, "edited")),
        "status closed (UI)": agent(lambda: state.set_status(1, "closed")),
        "status set by API PUT": put("conversations/1", status="active", byUser=2),
        "assigned": agent(lambda: state.assign(1, 1)),
        "subject": agent(lambda: state.set_subject(1, "other")),
        "moved to mailbox 2": agent(lambda: state.move(1, 2)),
        "customer changed": agent(lambda: state.change_customer(1, 2)),
        "starred": idle,
        "opened by an agent": idle,
        "followed": idle,
        "forward": agent(lambda: state.forward(1, "boss@example.org", "look")),
        "merge: the target": agent(lambda: state.merge(1, 10)),
        "merge: the source": agent(lambda: state.merge(1, 11)),
        "deleted to folder": agent(lambda: state.delete(1)),
        "restored": agent(lambda: state.restore(1)),
        "API note": post(type="note", user=2, text="note"),
        "API message": post(type="message", user=2, text="message"),
        "customer renamed": put("customers/2", firstName="Анна"),
        "deleted forever": agent(lambda: state.delete_forever(1)),
    }
