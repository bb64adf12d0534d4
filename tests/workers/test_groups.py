"""Group chats: ignored politely, or one ticket a group with the authors named."""

from __future__ import annotations

from pathlib import Path

from bridge import OTHER, USER, running
from maxbridge.i18n import RU
from virtual_time import virtual

GROUP = -73000000000042


@virtual
async def test_a_group_is_ignored_by_default_and_the_bot_keeps_silent(tmp_path: Path) -> None:
    async with running(tmp_path, greeting="Здравствуйте!") as bridge:
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        mid = bridge.max.state.say(USER, "не для поддержки", chat_id=GROUP)
        bridge.max.state.remove(mid)
        await bridge.quiet()
        assert not bridge.tickets()
        assert not bridge.max.state.sent(GROUP)
        assert bridge.journal is not None
        assert bridge.journal.dialogs.get(GROUP) is None


@virtual
async def test_a_group_has_one_ticket_with_its_authors_named(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket", greeting="Здравствуйте!") as bridge:
        bridge.max.state.person(OTHER, "Олег", "Ким")
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        bridge.max.state.say(USER, "у нас не работает", chat_id=GROUP)
        bridge.max.state.say(OTHER, "и у меня", chat_id=GROUP)
        await bridge.quiet()
        assert bridge.tickets() == [1]
        first, second = bridge.bodies(1)
        assert first.startswith("<div><b>Марина Тестова</b></div><div>у нас не работает</div>")
        assert second.startswith("<div><b>Олег Ким</b></div><div>и у меня</div>")
        customer = bridge.desk.state.customers[1]
        assert customer.first_name == "Рабочий чат"
        values = [each.value for each in customer.social_profiles]
        assert values == [f"max-chat:{GROUP}", f"max-bot:{bridge.max.state.bot.user_id}"]
        bridge.reply(1, "<div>чиним</div>")
        await bridge.quiet()
        assert [each["body"]["text"] for each in bridge.max.state.sent(GROUP)] == ["чиним"]
        assert not bridge.sent(), "what is said in a group is not said to one of its members alone"


@virtual
async def test_a_group_and_the_dialog_of_its_member_are_two_tickets(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        bridge.max.state.say(USER, "в группе", chat_id=GROUP)
        bridge.say("лично")
        await bridge.quiet()
        assert len(bridge.tickets()) == 2
        bridge.reply(2, "<div>личный ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["личный ответ"]
        assert not bridge.max.state.sent(GROUP)


@virtual
async def test_a_reply_to_a_group_without_the_bot_waits_until_it_is_back(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        bridge.max.state.say(USER, "вопрос", chat_id=GROUP)
        await bridge.quiet()
        bridge.max.state.expel_bot(GROUP, USER)
        await bridge.until(lambda: len(bridge.bodies(1)) == 2)
        assert "Бота удалили из группы" in bridge.bodies(1)[1]
        bridge.reply(1, "<div>вы здесь?</div>")
        await bridge.until(lambda: bridge.bodies(1, "note"))
        assert bridge.journal is not None
        found = bridge.journal.health.snapshot()
        assert (found.blocked, found.removed) == (1, 1)
        bridge.max.state.chats[GROUP].removed = False
        added = {"timestamp": bridge.max.state.now_ms(), "chat_id": GROUP, "is_channel": False}
        bridge.max.state.raw({"update_type": "bot_added", **added})
        await bridge.quiet()
        assert bridge.max.state.texts(GROUP) == ["вы здесь?"]
        (note,) = bridge.bodies(1, "note")
        assert RU.waits_removed.format(excerpt="вы здесь?", days=5) in note


@virtual
async def test_a_group_that_removed_the_bot_is_no_customer_who_stopped_it(tmp_path: Path) -> None:
    """Neither in what comes when the reply expires, nor where MAX refuses without an event."""
    async with running(tmp_path, groups="ticket", lifetime=900.0) as bridge:
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        bridge.max.state.say(USER, "вопрос", chat_id=GROUP)
        await bridge.quiet()
        bridge.max.state.chats[GROUP].removed = True
        bridge.reply(1, "<div>вы здесь?</div>")
        await bridge.until(lambda: len(bridge.bodies(1, "note")) == 2, 3600.0, step=60.0)
        waits, bounced = bridge.bodies(1, "note")
        assert RU.waits_removed.partition("{days}")[0].format(excerpt="вы здесь?") in waits
        assert f"{RU.reason_removed} {RU.what_now_removed}" in bounced
        assert "клиент" not in f"{waits}{bounced}".lower()


@virtual
async def test_an_event_of_before_says_nothing_about_the_rights_of_today(tmp_path: Path) -> None:
    """MAX's events come late and in any order: in both directions the newest one counts."""
    async with running(tmp_path, groups="ticket") as bridge:
        state = bridge.max.state
        state.group(GROUP, "Рабочий чат", USER)
        state.say(USER, "вопрос", chat_id=GROUP)
        await bridge.until(bridge.tickets)
        journal = bridge.journal
        assert journal is not None

        def late(*, hears: bool, seconds: float) -> None:
            state.raw(
                {
                    "update_type": "bot_admin_permissions_changed",
                    "timestamp": state.now_ms() - int(seconds * 1000),
                    "chat_id": GROUP,
                    "user_id": USER,
                    "bot_id": state.bot.user_id,
                    "is_channel": False,
                    "is_admin": hears,
                    "permissions": ["read_all_messages"] if hears else [],
                }
            )

        state.rights(GROUP, USER, ["read_all_messages"])
        await bridge.quiet()
        late(hears=False, seconds=9000.0)
        await bridge.quiet()
        assert not bridge.bodies(1, "note")
        assert journal.health.snapshot().deaf == 0
        state.rights(GROUP, USER, ["write"])
        await bridge.quiet()
        late(hears=True, seconds=9000.0)
        await bridge.quiet()
        assert [RU.group_deaf in each for each in bridge.bodies(1, "note")] == [True]
        assert journal.health.snapshot().deaf == 1


@virtual
async def test_rights_in_a_group_that_has_removed_the_bot_are_told_to_nobody(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        state = bridge.max.state
        state.group(GROUP, "Рабочий чат", USER)
        state.say(USER, "вопрос", chat_id=GROUP)
        await bridge.until(bridge.tickets)
        state.expel_bot(GROUP, USER)
        state.rights(GROUP, USER, None)
        await bridge.quiet()
        assert bridge.journal is not None
        assert not bridge.bodies(1, "note")
        assert bridge.journal.health.snapshot().deaf == 0


@virtual
async def test_a_group_whose_name_cannot_be_had_has_its_ticket_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        bridge.break_max("status", path="/chats/*", status=500, times=None)
        bridge.max.state.say(USER, "вопрос", chat_id=GROUP)
        await bridge.quiet()
        assert bridge.tickets() == [1]
        assert bridge.desk.state.customers[1].first_name == "Группа MAX"


@virtual
async def test_a_group_that_the_bot_may_no_longer_read_is_told_once_and_counted(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        state = bridge.max.state
        state.group(GROUP, "Рабочий чат", USER)
        state.say(USER, "вопрос", chat_id=GROUP)
        await bridge.until(bridge.tickets)
        assert bridge.journal is not None
        state.rights(GROUP, USER, ["write", "read_all_messages"])
        await bridge.quiet()
        assert not bridge.bodies(1, "note"), "it reads as before"
        for permissions in (["write"], ["write", "pin_message"], None):
            state.rights(GROUP, USER, permissions)
            await bridge.quiet()
        (told,) = bridge.bodies(1, "note")
        assert RU.group_deaf in told
        assert bridge.journal.health.snapshot().deaf == 1
        state.rights(GROUP, USER, ["read_all_messages"])
        await bridge.quiet()
        assert RU.group_hears in bridge.bodies(1, "note")[1]
        assert bridge.journal.health.snapshot().deaf == 0
        # A group that has thrown the bot out is not one that it must be made to read.
        state.rights(GROUP, USER, None)
        state.expel_bot(GROUP, USER)
        await bridge.quiet()
        assert bridge.journal.health.snapshot().deaf == 0


@virtual
async def test_rights_in_groups_that_nobody_wants_concern_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        bridge.max.state.rights(GROUP, USER, None)
        await bridge.quiet()
        assert not bridge.tickets()
        assert bridge.journal is not None
        assert bridge.journal.health.snapshot().deaf == 0


@virtual
async def test_a_groups_ticket_that_was_given_to_a_person_answers_nobody_in_the_group(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        bridge.max.state.say(USER, "в группе", chat_id=GROUP)
        bridge.say("лично")
        await bridge.quiet()
        state = bridge.desk.state
        cards = {each.social_profiles[0].value: number for number, each in state.customers.items()}
        group = next(
            number
            for number, each in state.conversations.items()
            if each.customer_id == cards[f"max-chat:{GROUP}"]
        )
        state.change_customer(group, cards[f"max:{USER}"])
        bridge.reply(group, "<div>лично вам</div>")
        await bridge.quiet()
        assert not bridge.max.state.sent(GROUP), "what is for one person is not said to all"
