"""What an agent means reaches the customer: pictures, files, formatting, edits, whatever MAX says to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge import USER, Bridge, running
from file_samples import EXE, HEIC, JPEG, MP3, MP4, PDF, PNG, WEBP, png
from maxbridge.store.tidying import Retention
from virtual_time import virtual

MIB = 1 << 20


def messages(bridge: Bridge, user: int = USER) -> list[dict[str, Any]]:
    """Bodies of the messages that a customer sees of the bot, in order."""
    bot = bridge.max.state.bot.user_id
    return [
        each["body"]
        for each in bridge.max.state.visible(bridge.chat(user))
        if each.get("sender", {}).get("user_id") == bot
    ]


def shown(bridge: Bridge) -> list[tuple[str, list[str]]]:
    """Text and kinds of attachments of each message of the bot."""
    return [
        (body.get("text", ""), [one["type"] for one in body.get("attachments", [])])
        for body in messages(bridge)
    ]


def stored(bridge: Bridge, body: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    """Names and contents behind the attachments of a message."""
    found = []
    for one in body.get("attachments", []):
        media = bridge.max.state.media.find(one["type"], one["payload"]["token"])
        assert media is not None
        found.append((media.filename, media.content))
    return found


def notes(bridge: Bridge) -> str:
    return " ".join(bridge.bodies(1, "note"))


async def asked(bridge: Bridge) -> None:
    """A customer has written, so there is a ticket to answer in."""
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)


@virtual
async def test_a_file_follows_the_words_under_its_own_name(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, "<div>счёт</div>", attachments=[("Счёт «май».pdf", "application/pdf", PDF)])
        await bridge.quiet()
        assert shown(bridge) == [("счёт", []), ("", ["file"])]
        assert stored(bridge, messages(bridge)[1]) == [("Счёт_«май».pdf", PDF)]
        assert not bridge.max.leaks, "the bot's token went to the storage"


@virtual
async def test_pictures_travel_with_the_words_attached_or_pasted(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        url = bridge.desk.state.paste_picture("image.png", "image/png", PNG).replace("&", "&amp;")
        bridge.reply(
            1,
            f'<div>см.&nbsp;<img src="{url}" alt="image.png"></div>',
            attachments=[("a.jpg", "image/jpeg", JPEG)],
        )
        await bridge.quiet()
        ((text, kinds),) = shown(bridge)
        assert text.strip() == "см."
        assert kinds == ["image", "image"]
        assert [content for _, content in stored(bridge, messages(bridge)[0])] == [PNG, JPEG]


@pytest.mark.parametrize(
    ("name", "mime", "content", "kind"),
    [
        ("фото.jpg", "image/jpeg", JPEG, "image"),
        ("клип.mp4", "video/mp4", MP4, "video"),
        ("песня.mp3", "audio/mpeg", MP3, "audio"),
        ("картинка.webp", "image/webp", WEBP, "file"),
        ("photo.heic", "image/heic", HEIC, "image"),
        ("на самом деле pdf.jpg", "image/jpeg", PDF, "file"),
        ("report.pdf", "application/pdf", PDF, "file"),
        ("без имени", "application/octet-stream", PNG, "image"),
    ],
)
@virtual
async def test_a_file_is_sent_as_what_its_content_is(
    tmp_path: Path, name: str, mime: str, content: bytes, kind: str
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, "<div>.</div>", attachments=[(name, mime, content)])
        await bridge.quiet()
        sent = messages(bridge)
        assert [one["type"] for body in sent for one in body.get("attachments", [])] == [kind]
        assert not notes(bridge)


@virtual
async def test_several_replies_in_a_row_stay_in_order_with_their_files(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        for number in range(4):
            files = [(f"{number}.pdf", "application/pdf", PDF + b"%d" % number)]
            bridge.reply(1, f"<div>ответ {number}</div>", attachments=files)
            await asyncio.sleep(1)
        await bridge.quiet()
        order = [
            text or stored(bridge, body)[0][0]
            for (text, _), body in zip(shown(bridge), messages(bridge), strict=True)
        ]
        assert order == [
            each for number in range(4) for each in (f"ответ {number}", f"{number}.pdf")
        ]


@virtual
async def test_formatting_reaches_the_customer_as_formatting(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, "<div>обычный <b>жирный</b> &lt;не тег&gt;</div>")
        await bridge.quiet()
        (body,) = messages(bridge)
        assert body["text"] == "обычный жирный <не тег>"
        assert [(each["type"], each["from"], each["length"]) for each in body["markup"]] == [
            ("strong", 8, 6)
        ]


@virtual
async def test_the_desks_variables_are_filled(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(
            1,
            "<div>Добрый день, {%customer.firstName%}! {%user.fullName%} {%mailbox.name%} "
            "№ {%conversation.number%} {%unknown.thing%}{%customer.phone,fallback=нет%}</div>"
            "<div>{%mailbox.email%} {%user.email%} {%subject%}{%customer.email%}</div>",
        )
        await bridge.quiet()
        state = bridge.desk.state
        known = f"mailbox1@lab.test {state.users[2].email} {state.conversations[1].subject}"
        words = "Добрый день, Марина! Boris Agent MAX № 1 {%unknown.thing%}нет"
        assert bridge.sent() == [f"{words}\n{known}"]


# --- what goes wrong -------------------------------------------------------------------------------------


@virtual
async def test_what_is_not_ready_is_sent_a_little_later(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.max.state.media.not_ready_tries = 3
        bridge.reply(1, "<div>видео</div>", attachments=[("v.mp4", "video/mp4", MP4)])
        await bridge.quiet()
        assert shown(bridge) == [("видео", []), ("", ["video"])]
        uploads = [each for each in bridge.max.requests if each.path == "/uploads"]
        assert len(uploads) == 1, "what MAX holds is not uploaded again"


@virtual
async def test_what_is_never_ready_goes_as_a_plain_file(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        for _ in range(8):
            bridge.refuse_sends(
                "Key: errors.process.attachment.video.not.processed",
                code="attachment.not.ready",
                skip=1,
            )
        bridge.reply(1, "<div>видео</div>", attachments=[("v.mp4", "video/mp4", MP4)])
        await bridge.quiet(3600)
        assert shown(bridge) == [("видео", []), ("", ["file"])]


@virtual
async def test_a_refused_picture_goes_as_a_file_and_the_words_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.refuse_sends("Key: errors.process.attachment.image.not.owner")
        bridge.reply(1, "<div>смотрите</div>", attachments=[("a.png", "image/png", PNG)])
        await bridge.quiet()
        assert shown(bridge) == [("смотрите", []), ("", ["file"])]
        assert not notes(bridge)


@virtual
async def test_refused_markup_goes_as_plain_text(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.refuse_sends("Must have only http/https links format in buttons", times=1)
        bridge.reply(1, '<div><b>важно</b>: <a href="https://a.example/x?y=1&amp;z">сайт</a></div>')
        await bridge.quiet()
        (text,) = bridge.sent()
        assert "важно" in text
        assert "https://a.example/x?y=1&z" in text
        assert "markup" not in messages(bridge)[0]


@virtual
async def test_a_forbidden_kind_of_file_is_told_to_the_agent_and_the_words_go(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(
            1, "<div>программа</div>", attachments=[("setup.exe", "application/x-dosexec", EXE)]
        )
        await bridge.quiet()
        assert bridge.sent() == ["программа"]
        assert "setup.exe" in notes(bridge)
        assert "архив" in notes(bridge)


@virtual
async def test_a_file_that_the_desk_no_longer_has_is_told_to_the_agent(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, "<div>раз</div>", attachments=[("a.pdf", "application/pdf", PDF)])
        bridge.desk.state.attachments.clear()
        await bridge.quiet()
        assert bridge.sent() == ["раз"]
        assert "a.pdf" in notes(bridge)


@virtual
async def test_the_words_do_not_wait_long_for_a_picture_that_cannot_be_had(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.break_desk("status", path="/storage/*", status=503, times=6)
        bridge.reply(1, "<div>срочно</div>", attachments=[("a.png", "image/png", PNG)])
        await bridge.until(bridge.sent, 60)
        assert shown(bridge) == [("срочно", [])]
        await bridge.quiet(3600)
        assert shown(bridge) == [("срочно", []), ("", ["image"])]


@virtual
async def test_a_doubtful_send_with_files_is_found_in_the_history(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.break_max("drop_after", method="POST", path="/messages", times=1)
        bridge.reply(1, "<div>счёт</div>", attachments=[("a.png", "image/png", PNG)])
        await bridge.quiet()
        assert shown(bridge) == [("счёт", ["image"])]


@virtual
async def test_a_doubtful_file_without_words_is_found_in_the_history(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.break_max("drop_after", method="POST", path="/messages", times=1, skip=1)
        bridge.reply(1, "<div>счёт</div>", attachments=[("a.pdf", "application/pdf", PDF)])
        await bridge.quiet()
        assert shown(bridge) == [("счёт", []), ("", ["file"])]


@virtual
async def test_an_upload_that_breaks_off_is_made_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.break_max("drop_after", method="POST", path="/cdn/upload")
        bridge.reply(1, "<div>счёт</div>", attachments=[("a.pdf", "application/pdf", PDF)])
        await bridge.quiet()
        assert shown(bridge) == [("счёт", []), ("", ["file"])]


@virtual
async def test_a_kill_between_words_and_file_repeats_neither(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    await asked(bridge)
    bridge.reply(1, "<div>счёт</div>", attachments=[("a.pdf", "application/pdf", png(padding=MIB))])
    await bridge.until(bridge.sent)
    await bridge.kill()
    bridge.start()
    await bridge.quiet()
    assert [text for text, _ in shown(bridge)] == ["счёт", ""]
    await bridge.stop()


@virtual
async def test_files_that_appear_a_moment_after_their_thread_are_not_lost(tmp_path: Path) -> None:
    # 2 of 12 replies were seen with no files first (contract freescout.md 7, case 82).
    async with running(tmp_path, undo_window=0.0) as bridge:
        await asked(bridge)
        bridge.desk.state.late_attachments = True
        bridge.reply(1, "<div>счёт</div>", attachments=[("a.pdf", "application/pdf", PDF)])
        await bridge.quiet()
        assert shown(bridge) == [("счёт", []), ("", ["file"])]


@virtual
async def test_pictures_from_elsewhere_are_not_fetched_but_shown_as_a_link(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, '<div>вот <img src="https://elsewhere.example/a.png" alt="схема"></div>')
        await bridge.quiet()
        (text,) = bridge.sent()
        assert "схема" in text
        assert messages(bridge)[0].get("attachments") in (None, [])


# --- agents' edits ----------------------------------------------------------------------------------------


@virtual
async def test_an_agents_edit_of_the_last_reply_changes_the_message(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        thread = bridge.reply(1, "<div>завтра в 8</div>")
        await bridge.until(bridge.sent)
        bridge.desk.state.edit_thread(thread, "<div>завтра в <b>9</b></div>")
        await bridge.until(lambda: messages(bridge)[0]["text"] == "завтра в 9")
        assert len(messages(bridge)) == 1
        assert messages(bridge)[0]["markup"]


@virtual
async def test_an_edit_leaves_the_pictures_of_the_message_alone(tmp_path: Path) -> None:
    # Sending "attachments" with an edit would wipe them (contract max.md 9, trap 14).
    async with running(tmp_path) as bridge:
        await asked(bridge)
        thread = bridge.reply(1, "<div>вот</div>", attachments=[("a.png", "image/png", PNG)])
        await bridge.until(bridge.sent)
        bridge.desk.state.edit_thread(thread, "<div>вот, смотрите</div>")
        await bridge.until(lambda: messages(bridge)[0]["text"] == "вот, смотрите")
        assert shown(bridge) == [("вот, смотрите", ["image"])]
        bridge.desk.state.edit_thread(thread, "<div>вот, смотрите же</div>")
        await bridge.until(lambda: messages(bridge)[0]["text"] == "вот, смотрите же")
        await bridge.quiet()
        assert shown(bridge) == [("вот, смотрите же", ["image"])], "nor is it sent again"


@virtual
async def test_a_picture_that_an_agent_takes_out_of_a_reply_is_taken_back(tmp_path: Path) -> None:
    # Somebody else's screenshot in a reply is the very edit that matters.
    async with running(tmp_path) as bridge:
        await asked(bridge)
        wrong, right = (
            bridge.desk.state.paste_picture("image.png", "image/png", content).replace("&", "&amp;")
            for content in (png(width=1), png(width=2))
        )
        thread = bridge.reply(1, f'<div>вот <img src="{wrong}"> и <img src="{right}"></div>')
        await bridge.until(bridge.sent)
        bridge.desk.state.edit_thread(thread, f'<div>сначала это: <img src="{right}"></div>')
        await bridge.until(lambda: shown(bridge) == [("сначала это:", ["image"])])
        assert stored(bridge, messages(bridge)[0])[0][1] == png(width=2)
        bridge.desk.state.edit_thread(thread, f'<div><img src="{right}"></div>')
        await bridge.until(lambda: shown(bridge) == [("", ["image"])])
        bridge.desk.state.edit_thread(thread, "<div>без картинок</div>")
        await bridge.until(lambda: shown(bridge) == [("без картинок", [])])
        uploads = [each for each in bridge.max.requests if each.path == "/uploads"]
        assert len(uploads) == 2, "what MAX holds is not uploaded again"


@virtual
async def test_an_edit_of_an_earlier_reply_is_carried_over_with_the_next_reading(
    tmp_path: Path,
) -> None:
    # The desk shows it on a full reading only (contract freescout.md 6).
    async with running(tmp_path) as bridge:
        await asked(bridge)
        first = bridge.reply(1, "<div>первый</div>")
        await asyncio.sleep(2)
        bridge.reply(1, "<div>второй</div>")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        bridge.desk.state.edit_thread(first, "<div>первый, исправлен</div>")
        await asyncio.sleep(30)
        bridge.reply(1, "<div>третий</div>")
        await bridge.quiet()
        assert [text for text, _ in shown(bridge)] == ["первый, исправлен", "второй", "третий"]


@virtual
async def test_an_edit_before_the_reply_has_left_leaves_as_one_message(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        thread = bridge.reply(1, "<div>черновой</div>")
        await asyncio.sleep(5)
        bridge.desk.state.edit_thread(thread, "<div>чистовой</div>")
        await bridge.quiet()
        assert shown(bridge) == [("чистовой", [])]


@virtual
async def test_an_edit_while_the_reply_waits_for_max_reaches_the_customer(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.break_max("refuse", method="POST", path="/messages", times=6)
        thread = bridge.reply(1, "<div>старый</div>")
        await asyncio.sleep(25)
        bridge.desk.state.edit_thread(thread, "<div>новый</div>")
        await bridge.quiet()
        await bridge.until(lambda: shown(bridge) == [("новый", [])], 300)


@virtual
async def test_edits_back_and_forth_end_with_the_last_text(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        thread = bridge.reply(1, "<div>а</div>")
        await bridge.until(bridge.sent)
        for text in ("б", "а", "в", "а"):
            bridge.desk.state.edit_thread(thread, f"<div>{text}</div>")
            await asyncio.sleep(12)
        await bridge.quiet()
        assert shown(bridge) == [("а", [])]


@virtual
async def test_messages_of_the_customer_cost_no_reading_of_the_threads(tmp_path: Path) -> None:
    # They move updatedAt as an edit does; a reading of a long ticket costs a second (contract 7).
    async with running(tmp_path) as bridge:
        await asked(bridge)
        await bridge.quiet()
        before = _readings(bridge)
        for number in range(5):
            bridge.say(f"ещё {number}")
            await asyncio.sleep(20)
        assert _readings(bridge) == before


def _readings(bridge: Bridge) -> int:
    return sum(
        1
        for each in bridge.desk.requests
        if each.path == "/api/conversations/1" and "embed" not in each.query
    )


@virtual
async def test_what_is_to_be_taken_back_may_be_gone_already(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        long = "".join(f"<div>{number:05} {'слово ' * 20}</div>" for number in range(60))
        thread = bridge.reply(1, long)
        await bridge.until(lambda: len(bridge.sent()) > 1)
        await bridge.quiet()
        bridge.break_max(
            "status",
            method="DELETE",
            path="/messages",
            status=404,
            body={"code": "not.found", "message": "Message not found"},
        )
        bridge.desk.state.edit_thread(thread, "<div>короче</div>")
        await bridge.until(lambda: messages(bridge)[0]["text"] == "короче")
        await bridge.quiet()
        assert not notes(bridge)


# --- greeting ---------------------------------------------------------------------------------------------


@virtual
async def test_the_greeting_can_carry_a_button_that_shares_the_phone(tmp_path: Path) -> None:
    async with running(
        tmp_path, greeting="Здравствуйте!", phone_button="Поделиться телефоном"
    ) as bridge:
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent)
        (body,) = messages(bridge)
        (keyboard,) = body["attachments"]
        assert keyboard["payload"]["buttons"] == [
            [{"type": "request_contact", "text": "Поделиться телефоном"}]
        ]


@virtual
async def test_a_doubtful_greeting_with_a_button_is_found_in_the_history(tmp_path: Path) -> None:
    async with running(tmp_path, greeting="Здравствуйте!", phone_button="Телефон") as bridge:
        bridge.break_max("drop_after", method="POST", path="/messages")
        bridge.max.state.start(USER)
        await bridge.until(bridge.sent)
        await bridge.quiet()
        assert bridge.sent() == ["Здравствуйте!"]


@virtual
async def test_an_edit_of_a_reply_whose_text_is_forgotten_sends_nothing_twice(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        thread = bridge.reply(1, "<div>завтра в 8</div>")
        await bridge.until(bridge.sent)
        assert bridge.journal is not None
        bridge.journal.tidying.run(bridge.our_now() + 60, Retention(payloads=30))
        bridge.desk.state.edit_thread(thread, "<div>завтра в 9</div>")
        await bridge.quiet()
        assert bridge.sent() == ["завтра в 8"]


@pytest.mark.parametrize("page", ["<html>Login</html>", '{"message": "Server Error"}', ""])
@virtual
async def test_a_page_that_comes_in_the_place_of_an_agents_file_does_not_go_to_the_customer(
    tmp_path: Path, page: str
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        kind = "status" if page else "empty"
        bridge.break_desk(kind, path="/storage/*", method="GET", status=200, body=page)
        bridge.reply(1, "<div>счёт</div>", attachments=[("Счёт.pdf", "application/pdf", PDF)])
        await bridge.until(lambda: len(messages(bridge)) == 2)
        assert [stored(bridge, each) for each in messages(bridge)] == [[], [("Счёт.pdf", PDF)]]
        assert not notes(bridge)
