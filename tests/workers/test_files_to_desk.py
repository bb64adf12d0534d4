"""Everything people send arrives: files, pictures, videos, sounds, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge import USER, Bridge, running
from file_samples import HEIC, HEIC_TURNED, JPEG, MP3, MP4, OGG, PDF, WEBP, png
from maxbridge.files.heic_child import is_installed
from virtual_time import virtual

MIB = 1 << 20


def names(bridge: Bridge, conversation_id: int = 1) -> list[list[str]]:
    """Names of the files of each customer thread, in order of making."""
    threads = sorted(bridge.desk.state.threads.values(), key=lambda each: each.id)
    return [
        [file.name for file in each.attachments]
        for each in threads
        if each.conversation_id == conversation_id and each.type == "customer"
    ]


def contents(bridge: Bridge) -> list[bytes]:
    return [each.data for each in bridge.desk.state.attachments.values()]


def fetched(bridge: Bridge) -> int:
    """How often MAX's storage was asked for a content."""
    return sum(1 for each in bridge.max.requests if each.path == "/cdn/get")


def notes(bridge: Bridge) -> str:
    return " ".join(bridge.bodies(1, "note"))


@virtual
async def test_a_photo_with_a_caption_is_one_thread_with_words_and_file(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        photo = bridge.max.state.attach("image", WEBP, "")
        mid = bridge.say("вот скриншот", attachments=[photo])
        await bridge.quiet()
        (body,) = bridge.bodies(1)
        assert body.startswith("<div>вот скриншот</div>")
        assert body.endswith(f"<!-- maxbridge:{mid} -->")
        assert names(bridge) == [["Фото.webp"]]
        assert contents(bridge) == [WEBP]
        assert not bridge.max.leaks, "the bot's token went to the storage"


@virtual
async def test_an_album_is_one_thread_with_all_pictures_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        pictures = [png(width=number) for number in (1, 2, 3)]
        bridge.say(
            "альбом", attachments=[bridge.max.state.attach("image", each, "") for each in pictures]
        )
        await bridge.quiet()
        assert names(bridge) == [["Фото_1.png", "Фото_2.png", "Фото_3.png"]]
        assert contents(bridge) == pictures


@virtual
async def test_a_file_keeps_its_name_and_a_message_of_files_alone_has_words(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        name = "Счёт № 17 «май».pdf"
        bridge.say(attachments=[bridge.max.state.attach("file", PDF, name)])
        await bridge.quiet()
        assert names(bridge) == [["Счёт_№_17_«май».pdf"]]
        (body,) = bridge.bodies(1)
        assert "Счёт № 17 «май».pdf" in body
        assert "Счёт" in bridge.desk.state.conversations[1].subject


@pytest.mark.parametrize(
    ("kind", "content", "name"),
    [
        ("audio", OGG, "ogg"),
        ("audio", MP3, "mp3"),
        ("file", HEIC, "heic"),
        ("image", JPEG, "jpg"),
        ("sticker", WEBP, "webp"),
    ],
)
@virtual
async def test_every_kind_arrives_under_a_name_that_its_content_deserves(
    tmp_path: Path, kind: str, content: bytes, name: str
) -> None:
    async with running(tmp_path) as bridge:
        attachment = bridge.max.state.attach("image" if kind == "sticker" else kind, content, "")
        attachment["type"] = kind
        bridge.say(attachments=[attachment])
        await bridge.quiet()
        ((stored,),) = names(bridge)
        assert stored.endswith(f".{name}")
        assert contents(bridge) == [content]


NEEDS_PILLOW_HEIF = pytest.mark.skipif(
    not is_installed(), reason="pillow-heif is missing: pip install pillow-heif"
)


@NEEDS_PILLOW_HEIF
@virtual
async def test_a_heic_picture_has_a_jpeg_beside_it(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        files = [("Фото с дачи.HEIC", HEIC_TURNED), ("битое.heic", HEIC), ("Счёт.pdf", PDF)]
        attached = [bridge.max.state.attach("file", content, name) for name, content in files]
        bridge.say("вот", attachments=attached)
        await bridge.quiet()
        # What cannot be read costs that picture its JPEG alone.
        assert names(bridge) == [["Фото_с_дачи.HEIC", "Фото_с_дачи.jpg", "битое.heic", "Счёт.pdf"]]
        original, jpeg, broken, pdf = contents(bridge)
        assert (original, broken, pdf) == (HEIC_TURNED, HEIC, PDF)
        assert jpeg.startswith(b"\xff\xd8\xff")
        assert len(bridge.bodies(1)) == 1
        notes = [each for each in bridge.desk.state.threads.values() if each.type == "note"]
        assert notes == [], "all that was posted was kept"


@virtual
async def test_without_the_library_a_heic_picture_arrives_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maxbridge.files.heic_child.is_installed", lambda: False)
    async with running(tmp_path) as bridge:
        bridge.say(attachments=[bridge.max.state.attach("file", HEIC_TURNED, "a.heic")])
        await bridge.quiet()
        assert names(bridge) == [["a.heic"]]


@NEEDS_PILLOW_HEIF
@virtual
async def test_a_jpeg_that_does_not_fit_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 3_000_000

    async def jpeg(_: object, path: Path, most: int) -> bytes | str:
        made = b"\xff\xd8\xff" + bytes(size)
        return made if len(made) <= most else "it is too large"

    monkeypatch.setattr("maxbridge.files.heic.Pictures.jpeg", jpeg)
    async with running(tmp_path) as bridge:
        attached = [
            bridge.max.state.attach("file", content, name)
            for name, content in (("a.pdf", PDF + bytes(4_000_000)), ("b.heic", HEIC_TURNED))
        ]
        bridge.say(attachments=attached)
        await bridge.quiet()
        # It takes its original with it into the next thread, where both fit.
        assert names(bridge) == [["a.pdf"], ["b.heic", "b.jpg"]]
        size = 7_000_000
        bridge.say(attachments=[bridge.max.state.attach("file", HEIC_TURNED, "c.heic")])
        await bridge.quiet()
        assert names(bridge)[2:] == [["c.heic"]]


@virtual
async def test_a_video_comes_through_its_own_call_in_the_best_quality_that_fits(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        bridge.say(attachments=[bridge.max.state.attach("video", MP4, "")])
        await bridge.quiet()
        assert names(bridge) == [["Видео.mp4"]]
        assert [each.path for each in bridge.max.requests if each.path.startswith("/videos/")]


@virtual
async def test_a_video_that_max_is_still_at_work_on_is_waited_for_but_not_for_ever(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        media = bridge.max.state.media
        video = media.add("video", MP4, "")
        media.not_ready_tries = video.tries + 1
        bridge.say("видео", attachments=[media.attachment(video)])
        await asyncio.sleep(20)
        assert not bridge.tickets()
        video.tries += 1
        await bridge.quiet()
        assert names(bridge) == [["Видео.mp4"]]
        never = media.add("video", MP4, "")
        never.tries = 0
        bridge.say("никогда", attachments=[media.attachment(never)])
        await bridge.until(lambda: len(names(bridge)) == 2, 90)
        assert names(bridge)[1] == []
        assert "никогда" in bridge.bodies(1)[1]


@virtual
async def test_a_forward_brings_its_words_its_author_and_its_files(tmp_path: Path) -> None:
    # The outer body is empty: a known source of lost media (contract max.md 4).
    async with running(tmp_path) as bridge:
        group = bridge.max.state.group(-73000000000042, "Чат", USER)
        inner = bridge.max.state.say(
            USER,
            "посмотрите",
            attachments=[bridge.max.state.attach("image", JPEG, "")],
            chat_id=group.chat_id,
        )
        bridge.say(attachments=[], link={"type": "forward", "mid": inner})
        await bridge.quiet()
        assert names(bridge) == [["Фото.jpg"]]
        assert "посмотрите" in bridge.bodies(1)[0]


# --- what does not fit -----------------------------------------------------------------------------------


@virtual
async def test_a_file_over_the_limit_of_the_desk_arrives_as_name_size_and_link(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        big = bridge.max.state.attach("file", b"%PDF" + b"x" * (7 * MIB), "Проект.pdf")
        bridge.say("большой", attachments=[big])
        await bridge.quiet()
        (body,) = bridge.bodies(1)
        assert "большой" in body
        assert "Проект.pdf" in body
        assert "7.0 МБ" in body
        assert big["payload"]["url"].replace("&", "&amp;") in body
        assert names(bridge) == [[]]
        assert fetched(bridge) == 0, "what is declared too large is not worth a download"


@virtual
async def test_a_declared_size_of_10_gb_and_a_lie_about_the_size_cost_nothing(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        bomb = bridge.max.state.attach("file", b"x", "bomb.zip") | {"size": 10 << 30}
        liar = bridge.max.state.attach("file", b"y" * (7 * MIB), "liar.zip") | {"size": 5}
        bridge.say("смотри", attachments=[bomb])
        bridge.say("ещё", attachments=[liar])
        await bridge.quiet()
        assert names(bridge) == [[], []]
        assert "bomb.zip" in bridge.bodies(1)[0]
        assert "liar.zip" in bridge.bodies(1)[1]


@virtual
async def test_files_that_do_not_fit_into_one_request_go_on_in_further_threads(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        pictures = [png(width=number, padding=2 * MIB) for number in range(1, 6)]
        mid = bridge.say(
            "пять", attachments=[bridge.max.state.attach("image", each, "") for each in pictures]
        )
        bridge.say("потом")
        await bridge.quiet()
        assert names(bridge) == [
            ["Фото_1.png", "Фото_2.png"],
            ["Фото_3.png", "Фото_4.png"],
            ["Фото_5.png"],
            [],
        ]
        bodies = bridge.bodies(1)
        assert [body.rsplit("<!-- ", 1)[1] for body in bodies[:3]] == [
            f"maxbridge:{mid} -->",
            f"maxbridge:{mid}+2 -->",
            f"maxbridge:{mid}+4 -->",
        ]
        assert "потом" in bodies[3], "order is kept: what was said later comes later"
        assert contents(bridge) == pictures
        times = [each.created_at for each in bridge.desk.state.threads.values()]
        assert len(set(times)) == len(times), "threads of one second have no order in the page"


@virtual
async def test_a_hundred_files_arrive(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        files = [
            bridge.max.state.attach("file", b"%d" % (number + 100), f"{number}.txt")
            for number in range(100)
        ]
        bridge.say("сто", attachments=files)
        await bridge.quiet()
        assert [name for thread in names(bridge) for name in thread] == [
            f"{number}.txt" for number in range(100)
        ]


@virtual
async def test_a_web_server_with_a_smaller_limit_gets_fewer_files_at_a_time(tmp_path: Path) -> None:
    # nginx refuses with a page of its own, at 1 MiB by default (contract freescout.md 5).
    async with running(tmp_path) as bridge:
        bridge.desk.max_body = 2 * MIB
        pictures = [png(width=number, padding=MIB // 2) for number in range(1, 5)]
        bridge.say(
            "четыре", attachments=[bridge.max.state.attach("image", each, "") for each in pictures]
        )
        await bridge.quiet()
        assert contents(bridge) == pictures
        assert len(bridge.tickets()) == 1


@virtual
async def test_a_limit_that_a_refusal_taught_is_forgotten_after_an_hour(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.desk.max_body = 2 * MIB
        large = png(width=1, padding=3 * MIB)

        def send() -> None:
            bridge.say("фото", attachments=[bridge.max.state.attach("image", large, "")])

        send()
        await bridge.quiet()
        assert contents(bridge) == []
        # Somebody raises the web server's limit.
        bridge.desk.max_body = 8 * MIB
        send()
        await bridge.quiet()
        assert contents(bridge) == []
        await asyncio.sleep(3600)
        send()
        await bridge.quiet()
        assert contents(bridge) == [large]


# --- what goes wrong -------------------------------------------------------------------------------------


@virtual
async def test_the_words_do_not_wait_for_a_storage_that_is_away(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        photo = bridge.max.state.attach("image", JPEG, "")
        bridge.break_max("status", path="/cdn/get", status=503, times=None)
        bridge.say("срочно", attachments=[photo])
        await bridge.until(bridge.tickets, 30)
        (body,) = bridge.bodies(1)
        assert "срочно" in body
        assert photo["payload"]["url"].replace("&", "&amp;") in body
        assert names(bridge) == [[]]
        await bridge.until(bridge.sent, 30)
        assert "не дошла до поддержки" in bridge.sent()[0]


@pytest.mark.parametrize("status", [403, 404, 410])
@virtual
async def test_words_and_what_follows_do_not_wait_long_for_a_file_that_was_deleted(
    tmp_path: Path, status: int
) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_max("status", path="/cdn/get", status=status, times=None)
        attach = bridge.max.state.attach
        files = [attach("file", bytes([number]), f"{number}.bin") for number in range(2)]
        bridge.say("срочно", attachments=files)
        bridge.say("и ещё")
        await bridge.until(lambda: len(bridge.bodies(1)) == 2, 60.0)
        first, second = bridge.bodies(1)
        assert first.count("0.bin") == first.count("1.bin") == 1
        assert ("срочно" in first, "и ещё" in second) == (True, True)


@virtual
async def test_a_storage_that_stumbles_is_asked_again(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_max("drop_before", path="/cdn/get")
        bridge.say("фото", attachments=[bridge.max.state.attach("image", JPEG, "")])
        await bridge.quiet()
        assert contents(bridge) == [JPEG]
        assert not bridge.sent()


@virtual
async def test_a_link_that_has_expired_is_replaced_by_a_fresh_one(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.break_max("status", path="/cdn/get", status=403)
        bridge.say("фото", attachments=[bridge.max.state.attach("image", JPEG, "")])
        await bridge.quiet()
        assert contents(bridge) == [JPEG]
        assert [each for each in bridge.max.requests if each.path.startswith("/messages/mid.")]


@virtual
async def test_files_that_the_desk_drops_in_silence_are_named_in_a_note(tmp_path: Path) -> None:
    # Anything wrong with an attachment drops it, and the answer is 201 all the same (contract 5).
    async with running(tmp_path) as bridge:
        zero = bridge.max.state.attach("file", b"0", "ноль.txt")
        bridge.say("файл", attachments=[zero])
        await bridge.quiet()
        assert names(bridge) == [[]]
        assert "ноль.txt" in notes(bridge)


@virtual
async def test_a_thread_that_was_made_without_its_file_is_not_made_again(tmp_path: Path) -> None:
    # 500, but the thread exists without the file (trap 1, case 84).
    async with running(tmp_path) as bridge:
        bridge.say("сначала")
        await bridge.quiet()
        bridge.desk.state.storage_broken = True
        bridge.say("с файлом", attachments=[bridge.max.state.attach("file", PDF, "a.pdf")])
        await bridge.quiet()
        assert [body.split("</div>")[0] for body in bridge.bodies(1)] == [
            "<div>сначала",
            "<div>с файлом",
        ]
        assert "a.pdf" in notes(bridge)


@virtual
async def test_an_answer_that_was_lost_does_not_double_a_file(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("сначала")
        await bridge.quiet()
        bridge.break_desk("drop_after", method="POST")
        bridge.say("с файлом", attachments=[bridge.max.state.attach("file", PDF, "a.pdf")])
        await bridge.quiet()
        assert names(bridge) == [[], ["a.pdf"]]
        assert not notes(bridge)


@virtual
@pytest.mark.parametrize(
    ("killed", "late"), [(False, 110.0), (True, 200.0)], ids=["given up", "killed"]
)
async def test_a_file_that_the_desk_takes_long_after_we_left_is_not_sent_again(
    tmp_path: Path, *, killed: bool, late: float
) -> None:
    """What was handed over is in the desk's hands: it may take its time with it, counted from then."""
    bridge = Bridge(tmp_path)
    bridge.start()
    bridge.say("сначала")
    await bridge.quiet()
    bridge.break_desk("late", method="POST", seconds=late)
    bridge.say("с файлом", attachments=[bridge.max.state.attach("file", PDF, "a.pdf")])
    if killed:
        await bridge.until(lambda: bool(bridge.desk_line.injected))
        await bridge.kill()
        bridge.start()
    await bridge.quiet(900.0)
    await bridge.desk_line.settle()
    assert names(bridge) == [[], ["a.pdf"]]
    await bridge.stop()


@virtual
async def test_a_kill_between_two_threads_of_one_message_repeats_neither(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    pictures = [png(width=number, padding=3 * MIB) for number in (1, 2, 3)]
    bridge.say("три", attachments=[bridge.max.state.attach("image", each, "") for each in pictures])
    await bridge.until(lambda: len(contents(bridge)) == 1)
    await bridge.kill()
    bridge.start()
    await bridge.quiet()
    assert contents(bridge) == pictures
    assert len(bridge.bodies(1)) == 3
    await bridge.stop()


@virtual
async def test_nothing_of_a_file_is_left_in_the_spool(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("фото", attachments=[bridge.max.state.attach("image", JPEG, "")])
        await bridge.quiet()
        assert {each.name for each in tmp_path.rglob("*")} == {  # noqa: ASYNC240
            "maxbridge.db", "maxbridge.db-shm", "maxbridge.db-wal", "maxbridge.db.files",
            "maxbridge.db.lock",
        }  # fmt: skip


@virtual
async def test_an_empty_file_is_named_and_malicious_names_are_harmless(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        empty = bridge.max.state.attach("file", b"", "пусто.txt")
        evil = bridge.max.state.attach("file", PDF, "../../etc/<img src=x onerror=1>\u202efdp.exe")
        bridge.say("раз", attachments=[empty])
        bridge.say("два", attachments=[evil])
        await bridge.quiet()
        assert "пусто.txt" in bridge.bodies(1)[0]
        assert "<img" not in bridge.bodies(1)[1]
        (stored,) = names(bridge)[1]
        assert "/" not in stored
        assert "\u202e" not in stored


@virtual
async def test_links_that_lead_elsewhere_are_never_fetched(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        for url in (
            "http://169.254.169.254/latest/meta-data",
            "https://evil.example/x.jpg",
            "file:///etc/passwd",
            "http://127.0.0.1:1/x",
        ):
            bridge.say(
                "файл", attachments=[{"type": "image", "payload": {"url": url, "token": "t"}}]
            )
        await bridge.quiet()
        assert len(bridge.bodies(1)) == 4
        assert not contents(bridge)
        assert fetched(bridge) == 0
        for body in bridge.bodies(1):
            assert "href" not in body


# --- edits and deletions ----------------------------------------------------------------------------------


@virtual
async def test_an_edit_shows_the_new_words_and_keeps_the_old_ones(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        mid = bridge.say("Заказ № 15")
        await bridge.quiet()
        bridge.max.state.edit(mid, "Заказ № 16")
        await bridge.quiet()
        line = bridge.bodies(1)[1]
        assert "Заказ № 16" in line
        assert "<s>Заказ № 15</s>" in line


@virtual
async def test_edits_within_seconds_are_one_line(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        mid = bridge.say("раз")
        await bridge.quiet()
        for text in ("два", "три", "четыре"):
            bridge.max.state.edit(mid, text)
            await asyncio.sleep(1)
        await bridge.quiet()
        assert len(bridge.bodies(1)) == 2
        assert "четыре" in bridge.bodies(1)[1]
        assert "<s>раз</s>" in bridge.bodies(1)[1]


@virtual
async def test_an_edit_that_changes_nothing_is_no_line(tmp_path: Path) -> None:
    # MAX edits a message by itself when the preview of a link comes.
    async with running(tmp_path) as bridge:
        mid = bridge.say("смотри https://romashka.ru")
        await bridge.quiet()
        bridge.max.state.edit(mid, "смотри https://romashka.ru")
        await bridge.quiet()
        assert len(bridge.bodies(1)) == 1


@virtual
async def test_a_deleted_message_stays_readable_in_the_ticket(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        mid = bridge.say("секретный вопрос")
        await bridge.quiet()
        bridge.max.state.remove(mid)
        await bridge.quiet()
        assert "<s>секретный вопрос</s>" in bridge.bodies(1)[1]
        assert "секретный вопрос" in bridge.bodies(1)[0]


# --- contacts ---------------------------------------------------------------------------------------------


@virtual
async def test_a_shared_phone_number_goes_onto_the_customers_card(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("привет")
        bridge.say(attachments=[bridge.max.state.contact(USER, "79990000017")])
        await bridge.quiet()
        assert "+7 999 000-00-17" in bridge.bodies(1)[1]
        phones = [each.value for each in bridge.desk.state.customers[1].phones]
        assert phones == ["+79990000017"]


@virtual
async def test_somebody_elses_card_or_a_forged_one_does_not(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        forged = bridge.max.state.contact(USER, "79990000017")
        forged["payload"]["hash"] = "0" * 64
        unsigned = bridge.max.state.contact(USER, "79990000018")
        del unsigned["payload"]["hash"]
        bridge.say("привет", attachments=[forged])
        bridge.say(attachments=[unsigned])
        await bridge.quiet()
        assert not bridge.desk.state.customers[1].phones


@virtual
async def test_a_number_shared_in_a_group_is_not_the_groups(tmp_path: Path) -> None:
    async with running(tmp_path, groups="ticket") as bridge:
        group = bridge.max.state.group(-73000000000042, "Чат", USER).chat_id
        card = bridge.max.state.contact(USER, "79990000017")
        bridge.max.state.say(USER, attachments=[card], chat_id=group)
        await bridge.quiet()
        assert "+79990000017" in bridge.bodies(1)[0]
        assert not bridge.desk.state.customers[1].phones


@pytest.mark.parametrize("kind", ["image", "file"])
@pytest.mark.parametrize(
    "page", [b'{"success": false, "code": "internal.error"}', b"<html>Login</html>", b""]
)
@virtual
async def test_a_page_that_comes_in_the_place_of_a_file_is_not_filed(
    tmp_path: Path, kind: str, page: bytes
) -> None:
    async with running(tmp_path) as bridge:
        kinds = "status" if page else "empty"
        bridge.break_max(kinds, path="/cdn/get", method="GET", status=200, body=page.decode())
        bridge.say(attachments=[bridge.max.state.attach(kind, png(), "Счёт.png")])
        await bridge.quiet()
        assert contents(bridge) == [png()], "the second try brought it"


@virtual
async def test_a_text_that_a_customer_sends_is_a_file_like_any_other(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        page = "<html>отчёт</html>".encode()
        bridge.say(attachments=[bridge.max.state.attach("file", page, "отчёт.html")])
        await bridge.quiet()
        assert contents(bridge) == [page]
