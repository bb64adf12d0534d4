"""The main job: a customer's message becomes a ticket, an agent's answer reaches the customer."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from bridge import BRIDGE_USER, OTHER, USER, Bridge, running
from logged import Lines, logging_to
from recorded import max_update
from virtual_time import virtual


@virtual
async def test_message_becomes_a_chat_ticket_and_the_answer_reaches_the_customer(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        mid = bridge.say("Где мой заказ № 15?\nЖду <b>ответа</b> & привет 😀")
        await bridge.until(bridge.tickets)
        ticket = bridge.desk.state.conversations[1]
        assert ticket.type == "chat"
        assert ticket.subject == "MAX: Где мой заказ № 15?"
        words = "<div>Где мой заказ № 15?<br>Жду &lt;b&gt;ответа&lt;/b&gt; &amp; привет 😀</div>"
        bot = bridge.max.state.bot.user_id
        marks = f"<!-- maxbridge-bot:{bot} --><!-- maxbridge:{mid} -->"
        assert bridge.bodies(1) == [words + marks]
        bridge.reply(1, "<div>Здравствуйте! a &lt; b</div><div>Вторая строка<br>третья</div>")
        await bridge.until(bridge.sent)
        assert bridge.sent() == ["Здравствуйте! a < b\nВторая строка\nтретья"]


@virtual
async def test_customer_has_no_email_and_carries_his_max_id(tmp_path: Path) -> None:
    # An e-mail would bring auto replies by mail (contract freescout.md 6).
    async with running(tmp_path) as bridge:
        bridge.say("привет")
        await bridge.until(bridge.tickets)
        customer = bridge.desk.state.customers[1]
        assert (customer.first_name, customer.last_name) == ("Марина", "Тестова")
        assert not customer.emails
        assert [(each.type, each.value) for each in customer.social_profiles] == [
            ("other", f"max:{USER}"),
            ("other", f"max-bot:{bridge.max.state.bot.user_id}"),
        ]


@virtual
async def test_later_messages_go_into_the_same_ticket_without_naming_the_customer(
    tmp_path: Path,
) -> None:
    # `customer` would change an agent's choice back; `imported` would silence agents (trap 13, 16).
    async with running(tmp_path) as bridge:
        for text in ("раз", "два", "три"):
            bridge.say(text)
            await asyncio.sleep(1)
        await bridge.quiet()
        assert bridge.tickets() == [1]
        assert [body.split("</div>")[0] for body in bridge.bodies(1)] == [
            "<div>раз", "<div>два", "<div>три",
        ]  # fmt: skip
        posts = [each for each in bridge.desk.requests if each.path.endswith("/threads")]
        assert posts
        for post in posts:
            assert set(post.json or {}) == {"type", "text"}


@virtual
async def test_a_burst_of_first_messages_makes_one_customer_and_one_ticket(tmp_path: Path) -> None:
    # Parallel first messages of one person make two customers (trap 15).
    async with running(tmp_path) as bridge:
        for number in range(30):
            bridge.say(f"сообщение {number}")
        await bridge.quiet()
        assert bridge.tickets() == [1]
        assert len(bridge.desk.state.customers) == 1
        assert bridge.words() == [f"сообщение {number}" for number in range(30)]


@virtual
async def test_a_long_answer_arrives_in_parts_in_order_at_the_pace_of_max(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        lines = [f"строка {number} с эмодзи 😀 и словами" for number in range(500)]
        bridge.reply(1, "".join(f"<div>{line}</div>" for line in lines))
        await bridge.quiet()
        assert len(bridge.sent()) > 3
        assert "\n".join(bridge.sent()).split("\n") == lines
        refused = [each for each in bridge.max.requests if each.status == 429]
        assert not refused


@virtual
async def test_polling_and_sending_never_break_the_limits_of_max(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег")
        for number in range(250):
            bridge.say(f"{number}", USER if number % 2 else OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
        for number in range(10):
            bridge.reply(1 + number % 2, f"<div>ответ {number}</div>")
        await bridge.quiet()
        polls = bridge.max.starts("/updates")
        assert all(later - earlier >= 0.5 for earlier, later in pairwise(polls))
        assert not [each for each in bridge.max.requests if each.status == 429]
        marked = [each.query for each in bridge.max.requests if each.path == "/updates"]
        assert {each["limit"] for each in marked} == {"100"}
        # The first one is to be answered at once: the start is complete when it is stored.
        first, *others = [each["timeout"] for each in marked]
        assert first == "0"
        assert set(others) == {"30"}


@virtual
async def test_group_chats_are_recorded_and_ignored(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        group = bridge.max.state.group(-73000000000042, "Рабочий чат", USER)
        bridge.max.state.say(USER, "не для поддержки", chat_id=group.chat_id)
        bridge.say("для поддержки")
        await bridge.quiet()
        assert bridge.tickets() == [1]
        assert "не для" not in "".join(bridge.bodies(1))
        assert not bridge.sent()


@virtual
async def test_what_cannot_be_shown_yet_arrives_as_a_named_line(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say(
            "смотрите",
            attachments=[
                {"type": "file", "filename": "Счёт № 17.pdf", "size": 183204, "payload": {}},
                {"type": "location", "latitude": 55.75, "longitude": 37.61},
                {"type": "poll", "payload": {"question": "?"}},
            ],
        )
        await bridge.until(bridge.tickets)
        body = bridge.bodies(1)[0]
        assert "смотрите" in body
        assert "📎 Файл «Счёт № 17.pdf» (179 КБ)" in body
        assert "?pt=37.61,55.75&amp;z=16&amp;l=map" in body
        assert "Вложение «poll» здесь показать нельзя" in body


@virtual
async def test_edits_and_deletions_of_a_customer_are_new_lines_with_the_old_one_kept(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        mid = bridge.say("Заказ № 15")
        await bridge.until(bridge.tickets)
        bridge.max.state.edit(mid, "Заказ № 16")
        await bridge.until(lambda: len(bridge.bodies(1)) == 2)
        bridge.max.state.remove(mid)
        await bridge.until(lambda: len(bridge.bodies(1)) == 3)
        first, second, third = bridge.bodies(1)
        assert "Заказ № 15" in first
        assert "изменил сообщение" in second
        assert "Заказ № 16" in second
        assert "удалил сообщение" in third


@virtual
async def test_greeting_answers_a_start_and_opens_no_ticket(tmp_path: Path) -> None:
    async with running(tmp_path, greeting="Здравствуйте! Напишите свой вопрос.") as bridge:
        bridge.max.state.start(USER)
        await bridge.quiet()
        assert bridge.sent() == ["Здравствуйте! Напишите свой вопрос."]
        assert not bridge.tickets()


@virtual
async def test_a_signature_names_the_agent(tmp_path: Path) -> None:
    async with running(tmp_path, signature="— {name}, поддержка") as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["ответ\n\n— Boris Agent, поддержка"]


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        17,
        {},
        {"update_type": "message_created", "timestamp": 1, "user_locale": "ru"},
        {"update_type": "reaction_added", "timestamp": 2},
        {"update_type": "message_created", "message": None, "timestamp": 3},
        {"update_type": "message_created", "message": {"body": []}, "timestamp": 4},
        {"update_type": ["message_created"], "timestamp": "x"},
        {"update_type": "message_created", "timestamp": 2**70, "chat_id": 2**70},
    ],
    ids=str,
)
@virtual
async def test_no_event_blocks_the_next_one(tmp_path: Path, event: object) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.raw(event)
        bridge.say("после этого")
        await bridge.quiet()
        assert len(bridge.bodies(1)) == 1


@virtual
async def test_an_event_of_wrong_types_gives_what_text_there_is(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.raw(
            {
                "update_type": "message_created",
                "timestamp": 5,
                "message": {
                    "recipient": {"chat_id": bridge.chat(), "chat_type": "dialog"},
                    "sender": {"user_id": USER},
                    "body": {
                        "mid": "mid.odd",
                        "text": "живой текст \ud83d\ude00 \udc00",
                        "attachments": {"type": "image"},
                    },
                },
            }
        )
        await bridge.until(bridge.tickets)
        body = bridge.bodies(1)[0]
        assert "живой текст 😀 \ufffd" in body
        assert "не удалось прочитать (attachments)" in body


@virtual
async def test_a_text_of_a_megabyte_arrives_whole(tmp_path: Path) -> None:
    text = "ж<&" * 350_000
    async with running(tmp_path) as bridge:
        bridge.max.state.raw(
            {
                "update_type": "message_created",
                "timestamp": 5,
                "message": {
                    "recipient": {"chat_id": bridge.chat(), "chat_type": "dialog"},
                    "sender": {"user_id": USER},
                    "body": {"mid": "mid.long", "text": text},
                },
            }
        )
        await bridge.until(bridge.tickets)
        assert bridge.bodies(1)[0].count("ж&lt;&amp;") == 350_000


@virtual
async def test_first_start_new_leaves_the_backlog_alone(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path, first_start="new")
    bridge.max.no_marker = "all"
    for number in range(150):
        bridge.say(f"старое {number}")
    await asyncio.sleep(10)
    bridge.start()
    await asyncio.sleep(10)
    bridge.say("новое")
    await bridge.quiet()
    assert ["новое" in body for body in bridge.bodies(1)] == [True]
    await bridge.stop()


@virtual
async def test_first_start_new_delivers_the_first_message_of_a_quiet_bot(tmp_path: Path) -> None:
    async with running(tmp_path, first_start="new") as bridge:
        await asyncio.sleep(100)
        bridge.say("первое")
        await bridge.until(bridge.tickets)


@virtual
async def test_first_start_all_delivers_the_backlog(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path, first_start="all")
    bridge.max.no_marker = "all"
    for number in range(150):
        bridge.say(f"старое {number}")
    bridge.start()
    await bridge.quiet()
    assert bridge.words() == [f"старое {number}" for number in range(150)]
    await bridge.stop()


@virtual
async def test_our_own_posts_never_come_back_as_replies(tmp_path: Path) -> None:
    # Threads made over the API have source.type api (trap 21).
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        await bridge.daemon.ends.desk.add_thread(  # type: ignore[union-attr]
            1, {"type": "message", "text": "<div>другая программа</div>", "user": BRIDGE_USER}
        )
        await asyncio.sleep(60)
        assert not bridge.sent()


@virtual
async def test_a_message_arrives_whatever_its_event_and_its_chat_are_called(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        raw = max_update("message_created.text")
        for number, (kind, chat_type) in enumerate(
            (
                ("voice_message_created", "dialog"),
                ("message_created", "secret_dialog"),
                ("circle", "new"),
            )
        ):
            event = copy.deepcopy(raw) | {"update_type": kind}
            event["message"]["body"] |= {"mid": f"mid.{number}", "text": f"слово {number}"}
            event["message"]["recipient"]["chat_type"] = chat_type
            bridge.max.state.raw(event)
            bridge.max.state.raw(event | {"update_type": "message_created"})
        await bridge.until(lambda: len(bridge.words()) == 3)
        await bridge.quiet()
        assert bridge.tickets() == [1]
        assert bridge.words() == ["слово 0", "слово 1", "слово 2"]


@virtual
async def test_times_are_those_of_the_desks_zone_with_the_date_on_another_day(
    tmp_path: Path,
) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    mid = bridge.say("Заказ № 15")
    written = datetime.fromtimestamp(bridge.clock.now(), timezone(timedelta(hours=3)))
    await bridge.until(bridge.tickets)
    await asyncio.sleep(60)
    bridge.max.state.edit(mid, "Заказ № 16")
    await bridge.until(lambda: len(bridge.bodies(1)) == 2)
    assert f"изменил сообщение от {written:%H:%M}<" in bridge.bodies(1)[1]
    await bridge.stop()
    await asyncio.sleep(2 * 86400)
    bridge.start()
    bridge.max.state.edit(mid, "Заказ № 17")
    await bridge.until(lambda: len(bridge.bodies(1)) == 3)
    assert f"изменил сообщение от {written:%d.%m.%Y в %H:%M}<" in bridge.bodies(1)[2]
    await bridge.stop()


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


@virtual
async def test_a_zone_that_this_machine_does_not_know_is_told_and_costs_nothing(
    tmp_path: Path, lines: Lines
) -> None:
    bridge = Bridge(tmp_path)
    bridge.desk.state.zone = "Moon/Crater"
    bridge.start()
    bridge.say("Заказ № 15")
    await bridge.until(bridge.tickets)
    await bridge.stop()
    assert "does not know FreeScout's time zone" in lines.text()


@virtual
async def test_long_words_wrap_for_agents_and_come_back_whole(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        address = "https://shop.example/" + "x" * 300
        mid = bridge.say(f"см. {address} и {'я' * 300}")
        await bridge.until(bridge.tickets)
        (body,) = bridge.bodies(1)
        assert f'<a href="{address}">' in body
        assert "я" * 81 not in body
        # An agent quotes it, the customer edits it: neither sees any of that.
        bridge.reply(1, f"<blockquote>{body}</blockquote><div>да</div>")
        await bridge.until(bridge.sent)
        assert bridge.sent() == [f"> см. {address} и {'я' * 300}\nда"]
        bridge.max.state.edit(mid, "другое")
        await bridge.until(lambda: len(bridge.bodies(1)) == 2)
        assert f'<a href="{address}">' in bridge.bodies(1)[1]
        assert bridge.tickets() == [1]
