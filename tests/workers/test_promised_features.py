"""Features that docs/features.md promises and no other test shows from one end to the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridge import OTHER, USER, Bridge, running
from file_samples import JPEG, PDF, PNG
from virtual_time import virtual

GROUP = -73000000000042
MIB = 1 << 20


def notes(bridge: Bridge) -> str:
    return " ".join(bridge.bodies(1, "note"))


def attachments(bridge: Bridge) -> list[str]:
    """Kinds of the files that the customer got of the bot, in order."""
    bot = bridge.max.state.bot.user_id
    return [
        one["type"]
        for each in bridge.max.state.visible(bridge.chat())
        if each.get("sender", {}).get("user_id") == bot
        for one in each["body"].get("attachments", [])
    ]


async def asked(bridge: Bridge) -> None:
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)


# --- from the customer --------------------------------------------------------------------------------


@virtual
async def test_formatting_reaches_the_agent_and_counts_emoji_as_max_does(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bold = {"type": "strong", "from": 3, "length": 5}
        bridge.say("👍 важно и нет", markup=[bold])
        await bridge.quiet()
        assert bridge.bodies(1)[0].startswith("<div>👍 <b>важно</b> и нет</div>")


@virtual
async def test_an_answer_to_a_reply_quotes_it_with_its_look_and_its_picture(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, "<div>это <b>здесь</b></div>", attachments=[("a.png", "image/png", PNG)])
        await bridge.until(bridge.sent)
        mid = bridge.max.state.visible(bridge.chat())[-1]["body"]["mid"]
        bridge.say("спасибо", link={"type": "reply", "mid": mid})
        await bridge.quiet()
        quoted, _, words = bridge.bodies(1)[-1].partition("</blockquote>")
        assert "это <b>здесь</b>" in quoted
        assert "🖼 Изображение" in quoted
        assert words.startswith("<div>спасибо</div>")


@virtual
async def test_links_that_lie_about_where_they_lead_or_would_run_a_script(tmp_path: Path) -> None:
    def link(text: str, url: str) -> dict[str, Any]:
        return {"type": "link", "from": 0, "length": len(text), "url": url}

    async with running(tmp_path) as bridge:
        for text, url in (
            ("https://bank.example", "https://evil.example/x"),
            ("жми", "javascript:alert(1)"),
            ("жми", "https://bank.example@evil.example/"),
        ):
            bridge.say(text, markup=[link(text, url)])
        share = {"type": "share", "payload": {"url": "https://evil.example/x"}}
        bridge.say(attachments=[share | {"title": "https://bank.example"}])
        await bridge.quiet()
        liar, script, disguised, preview = bridge.bodies(1)
        assert "(https://evil.example/x)" in liar
        assert "href" not in script
        assert "href" not in disguised
        assert "(https://evil.example/x)" in preview


@virtual
async def test_rubbish_in_every_place_of_a_message_costs_neither_it_nor_the_next(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        rubbish: list[Any] = [
            *(None, 5, "x", {}),
            {"type": "image", "payload": None},
            {"type": "file", "payload": {"url": 5}, "filename": ["a"], "size": -5},
            {"type": "video", "payload": {"token": "../../me"}},
            {"type": "contact", "payload": {"vcf_info": "BEGIN:VCARD\n" + "я" * 100_000}},
            {"type": "location", "latitude": "1e999", "longitude": True},
        ]
        event = {
            "update_type": "message_created",
            "timestamp": 1,
            "message": {
                "sender": {"user_id": USER, "first_name": "Марина", "is_bot": False},
                "recipient": {"chat_id": bridge.chat(), "chat_type": "dialog", "user_id": 1},
                "timestamp": 1,
                "body": {"mid": "mid.r", "seq": 1, "text": "вот", "attachments": rubbish},
            },
        }
        bridge.max.state.raw(event)
        bridge.say("дальше")
        await bridge.quiet()
        first, second = bridge.bodies(1)
        assert first.startswith("<div>вот</div>")
        assert first.count("⚠️") == len(rubbish)
        assert second.startswith("<div>дальше</div>")


@virtual
async def test_a_pressed_button_is_told_by_its_words(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        button = {"type": "callback", "text": "Позвать оператора", "payload": "op"}
        keyboard = {"type": "inline_keyboard", "payload": {"buttons": [[button]]}}
        bridge.max.state.raw(
            {
                "update_type": "message_callback",
                "timestamp": 2,
                "callback": {
                    "timestamp": 2,
                    "callback_id": "c1",
                    "payload": "op",
                    "user": {"user_id": USER, "first_name": "Марина", "is_bot": False},
                },
                "message": {
                    "recipient": {"chat_id": bridge.chat(), "chat_type": "dialog"},
                    "body": {"mid": "mid.b", "seq": 1, "attachments": [keyboard]},
                },
            }
        )
        await bridge.quiet()
        assert "🔘 Нажата кнопка: <b>Позвать оператора</b>" in bridge.bodies(1)[0]


@virtual
async def test_a_group_that_is_wanted_has_one_ticket_with_its_authors_named(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket", greeting="Здравствуйте!") as bridge:
        bridge.max.state.person(OTHER, "Олег", "Ким")
        bridge.max.state.group(GROUP, "Рабочий чат", USER)
        photo = bridge.max.state.attach("image", JPEG, "")
        mid = bridge.max.state.say(USER, "сломалось", chat_id=GROUP, attachments=[photo])
        bridge.max.state.say(OTHER, "+1", chat_id=GROUP, link={"type": "reply", "mid": mid})
        await bridge.quiet()
        first, second = bridge.bodies(1)
        assert first.startswith("<div><b>Марина Тестова</b></div><div>сломалось</div>")
        assert second.startswith("<div><b>Олег Ким</b></div><blockquote")
        bridge.reply(1, "<div>чиним</div>", attachments=[("a.pdf", "application/pdf", PDF)])
        await bridge.quiet()
        said = bridge.max.state.sent(GROUP)
        assert [each["body"].get("text", "") for each in said] == ["чиним", ""]
        assert not bridge.sent(), "the bot greets nobody there and writes to no member alone"


# --- from the agent -----------------------------------------------------------------------------------


@virtual
async def test_files_that_cannot_go_are_told_and_the_others_go(tmp_path: Path) -> None:
    async with running(tmp_path, max_file_mb=1) as bridge:
        await asked(bridge)
        files = [
            ("пусто.txt", "text/plain", b""),
            ("большой.zip", "application/zip", b"PK\x03\x04" + b"x" * (2 * MIB)),
            ("счёт.pdf", "application/pdf", PDF),
        ]
        bridge.reply(1, "<div>файлы</div>", attachments=files)
        await bridge.quiet()
        assert bridge.sent() == ["файлы", ""]
        assert attachments(bridge) == ["file"]
        assert "«пусто.txt»" in notes(bridge)
        assert "«большой.zip»" in notes(bridge)


@virtual
async def test_a_file_at_another_desk_is_asked_for_at_ours_and_told_as_gone(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        picture = "https://evil.example/storage/attachment/1/1/1/a.png?id=999&amp;token=z"
        bridge.reply(1, f'<div>вот <img src="{picture}"></div>')
        await bridge.quiet()
        assert bridge.sent() == ["вот"]
        assert "«a.png»" in notes(bridge)


@virtual
async def test_a_copied_marker_a_script_and_a_private_link_never_leave(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(
            1,
            "<div>см. <script>alert(1)</script>"
            '<a href="javascript:alert(1)">сюда</a></div><!-- maxbridge:mid.1 -->',
        )
        await bridge.quiet()
        assert bridge.sent() == ["см. сюда"]


@virtual
async def test_pictures_beyond_a_message_and_long_words_all_arrive(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        words = "".join(f"<div>{number} {'слово ' * 100}</div>" for number in range(20))
        pictures = [(f"{number}.png", "image/png", PNG) for number in range(23)]
        bridge.reply(1, words, attachments=pictures)
        await bridge.quiet()
        assert attachments(bridge) == ["image"] * 23
        assert len(" ".join(bridge.sent()).split()) == 20 * 101
        assert not notes(bridge)
