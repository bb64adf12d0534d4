"""max.client: every call is one request; what comes back is a value or a classified failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from bridge import SimTransport
from max_world import BOT, CHAT, GROUP, USER
from maxbridge.core.errors import ApiError, Kind, Scope
from maxbridge.core.events import LinkKind, Person
from maxbridge.max.answers import (
    Chat,
    Me,
    SentFile,
    Slot,
    classify_answer,
    read_films,
    read_me,
    usable_marker,
)
from maxbridge.max.client import MaxClient
from maxbridge.sim.max import MaxSim
from maxbridge.sim.transport import max_caller
from recorded import max_body
from virtual_time import Clock, virtual

MID = "mid.000000001e89b02101a177213f300001"


class Wire:
    """Answers from a list; remembers what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[tuple[str, str, dict[str, Any], Any]] = []
        self._answers = list(answers)
        self.client = MaxClient(self, self)

    async def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        self.asked.append((method, path, dict(params), body))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    async def close(self) -> None:
        """Nothing to close."""


class World:
    """A client of a simulated MAX in which Марина has started the bot."""

    def __init__(self) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.sim = MaxSim(now=self.clock.now)
        self.sim.state.person(USER, "Марина", "Тестова")
        self.sim.state.start(USER)
        transport = SimTransport(self.sim, 45.0, self.sim.token)
        self.client = MaxClient(transport, transport)

    def sent(self) -> dict[str, Any]:
        """The last message that the bot posted."""
        message: dict[str, Any] = self.sim.state.sent(CHAT)[-1]
        return message

    def shown(self) -> list[str]:
        return [each["body"].get("text", "") for each in self.sim.state.visible(CHAT)]


async def failing(call: Awaitable[Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value


# --- sending -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "params", "body"),
    [
        ({}, {}, {"text": "Привет"}),
        ({"html": True}, {}, {"text": "Привет", "format": "html"}),
        ({"attachments": []}, {}, {"text": "Привет"}),
        (
            {"attachments": [{"type": "image", "payload": {"token": "t"}}]},
            {},
            {"text": "Привет", "attachments": [{"type": "image", "payload": {"token": "t"}}]},
        ),
        ({"disable_link_preview": True}, {"disable_link_preview": "true"}, {"text": "Привет"}),
    ],
)
async def test_a_message_says_what_it_must_and_no_more(
    more: dict[str, Any], params: dict[str, Any], body: dict[str, Any]
) -> None:
    wire = Wire(max_body("response.post_messages"))
    sent = await wire.client.send(CHAT, "Привет", **more)
    assert wire.asked == [("POST", "/messages", {"chat_id": CHAT, **params}, body)]
    assert (sent.mid, sent.sender_id, sent.files) == (MID, BOT, ())


async def test_a_file_may_go_without_a_word() -> None:
    wire = Wire(max_body("response.post_messages"))
    attachment = {"type": "file", "payload": {"token": "t"}}
    await wire.client.send(CHAT, "", html=True, attachments=[attachment])
    assert wire.asked[0][3] == {"attachments": [attachment]}


@virtual
async def test_markup_arrives_as_markup() -> None:
    world = World()
    sent = await world.client.send(CHAT, "<b>Да</b> &amp; нет", html=True)
    assert sent.text == "Да & нет"
    assert world.sent()["body"]["markup"] == [{"from": 0, "length": 2, "type": "strong"}]


@virtual
async def test_refused_markup_is_told_from_everything_else() -> None:
    world = World()
    link = '<a href="http://server/x">x</a>'
    error = await failing(world.client.send(CHAT, link, html=True))
    assert error.failure.code == "max.markup_refused"
    assert error.failure.certain
    await world.client.send(CHAT, link)


@virtual
async def test_a_refused_attachment_is_told_from_everything_else() -> None:
    world = World()
    unknown = {"type": "video", "payload": {"token": "somebody-elses"}}
    error = await failing(world.client.send(CHAT, "x", attachments=[unknown]))
    assert error.failure.code == "max.attachment_refused"
    both = [unknown, {"type": "file", "payload": {"token": "t"}}]
    error = await failing(world.client.send(CHAT, "x", attachments=both))
    assert error.failure.code == "max.attachment_refused"
    await asyncio.sleep(1.0)  # MAX's pace
    error = await failing(world.client.send(CHAT, ""))
    assert error.failure.code == "max.refused"


# --- history -------------------------------------------------------------------------------------------


@virtual
async def test_history_tells_messages_with_files_apart() -> None:
    # Two messages without words are the same but for their files.
    world = World()
    part = world.sim.state.attach("file", b"1", "Счёт.pdf")
    image = world.sim.state.attach("image", b"2", "x.png")
    world.sim.state.say(USER, attachments=[part])
    world.sim.state.say(USER, text="Снимки", attachments=[image, image])
    sent = await world.client.history(CHAT)
    assert [(each.text, each.files) for each in sent] == [
        ("Снимки", (SentFile("image"), SentFile("image"))),
        ("", (SentFile("file", "Счёт.pdf"),)),
    ]


@pytest.mark.parametrize("attachments", [None, {}, "x", [None, 1, "x"], 7])
async def test_attachments_of_any_shape_are_no_obstacle(attachments: Any) -> None:
    message = {"body": {"mid": "m", "attachments": attachments}}
    (sent,) = await Wire({"messages": [message, {"body": None}, None, 5]}).client.history(CHAT)
    assert (sent.mid, sent.files) == ("m", ())


async def test_what_a_file_is_called_may_be_anything() -> None:
    attachments = [{"type": 5, "filename": []}, {"filename": "a\ud83d"}, {"type": "sticker"}]
    wire = Wire({"messages": [{"body": {"mid": "m", "attachments": attachments}}]})
    (sent,) = await wire.client.history(CHAT)
    assert sent.files == (SentFile("?"), SentFile("?", "a\ufffd"), SentFile("sticker"))


# --- changing ------------------------------------------------------------------------------------------


@virtual
async def test_an_edit_keeps_the_attachments() -> None:
    # Trap 14: an empty list would remove them.
    world = World()
    world.sim.state.say(USER, attachments=[world.sim.state.attach("image", b"1", "x.png")])
    token = world.sim.state.visible(CHAT)[-1]["body"]["attachments"][0]["payload"]["token"]
    attachment = {"type": "image", "payload": {"token": token}}
    sent = await world.client.send(CHAT, "Было", attachments=[attachment])
    await world.client.edit(sent.mid, "<i>Стало</i>", html=True)
    body = world.sent()["body"]
    assert body["text"] == "Стало"
    assert len(body["attachments"]) == 1


async def test_an_edit_is_one_request_without_attachments() -> None:
    wire = Wire({"success": True})
    await wire.client.edit(MID, "x")
    assert wire.asked == [("PUT", "/messages", {"message_id": MID}, {"text": "x"})]


@virtual
async def test_a_message_can_be_deleted_once() -> None:
    world = World()
    sent = await world.client.send(CHAT, "Ошибка")
    await world.client.delete(sent.mid)
    assert world.shown() == []
    error = await failing(world.client.delete(sent.mid))
    assert (error.failure.code, error.failure.kind) == ("max.not_found", Kind.PERMANENT)


@virtual
async def test_after_seven_days_nothing_can_be_changed() -> None:
    world = World()
    sent = await world.client.send(CHAT, "Давно")
    world.clock.skew = 8 * 86400.0
    failure = (await failing(world.client.edit(sent.mid, "x"))).failure
    assert (failure.code, failure.kind, failure.certain) == (
        "max.change_refused", Kind.PERMANENT, True,
    )  # fmt: skip
    assert world.shown() == ["Давно"]


CHANGES: dict[str, Callable[[MaxClient], Awaitable[None]]] = {
    "edit": lambda client: client.edit(MID, "x"),
    "delete": lambda client: client.delete(MID),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_is_done_only_when_max_says_so(
    change: Callable[[MaxClient], Awaitable[None]],
) -> None:
    await change(Wire(max_body("response.simple_success")).client)
    refused = await failing(change(Wire(max_body("response.simple_failure")).client))
    assert refused.failure.code == "max.change_refused"
    for answer in ({}, {"success": None}, {"success": "true"}, {"message": "ok"}):
        error = await failing(change(Wire(answer).client))
        assert (error.failure.code, error.failure.certain) == ("max.bad_answer", False)


# --- reading -------------------------------------------------------------------------------------------


@virtual
async def test_a_message_comes_with_fresh_links() -> None:
    world = World()
    part = world.sim.state.attach("file", b"1", "Счёт.pdf")
    mid = world.sim.state.say(USER, "Вот", attachments=[part])
    event = await world.client.message(mid)
    assert (event.message.mid, event.message.text, event.chat_id) == (mid, "Вот", CHAT)
    assert event.sender is not None
    assert event.sender.user_id == USER
    assert event.message.attachments[0].url == part["payload"]["url"]


@virtual
async def test_a_forwards_files_are_read_as_well() -> None:
    # Contract max.md 4: the real content is in the link.
    world = World()
    part = world.sim.state.attach("image", b"1", "x.png")
    mid = world.sim.state.say(USER, attachments=[part])
    forward = world.sim.state.say(USER, None, link={"type": "forward", "mid": mid})
    event = await world.client.message(forward)
    assert event.link is not None
    assert event.link.kind is LinkKind.FORWARD
    assert event.link.message.attachments[0].url == part["payload"]["url"]


@virtual
async def test_a_deleted_message_is_not_found() -> None:
    world = World()
    mid = world.sim.state.say(USER, "x")
    world.sim.state.remove(mid)
    assert (await failing(world.client.message(mid))).failure.code == "max.not_found"


@pytest.mark.parametrize("answer", [{}, {"message": 1}, {"body": {}}, {"body": None, "link": None}])
async def test_what_is_no_message_is_a_bad_answer(answer: Any) -> None:
    assert (await failing(Wire(answer).client.message(MID))).failure.code == "max.bad_answer"


IDENTS = ["../me", "a/b", "a?b=c", "a#b", "%2e%2e", "mid.1 2", "№", "a\ud83d", "a\\b"]


@pytest.mark.parametrize("ident", IDENTS)
async def test_an_id_leads_nowhere_else(ident: str) -> None:
    # maxapi pastes ids into the path unescaped (contract max.md 8).
    wire = Wire(ApiError((await failing(Wire({}).client.message(MID))).failure))
    for call, prefix in ((wire.client.message, "/messages/"), (wire.client.video, "/videos/")):
        await failing(call(ident))
        path = wire.asked[-1][1]
        assert path.startswith(prefix)
        assert path.isascii()
        assert not set(path.removeprefix(prefix)) & set("/?#\\ ")


@pytest.mark.parametrize("ident", ["", ".", "..", "..."])
async def test_an_id_that_is_a_step_in_a_path_is_not_found_unasked(ident: str) -> None:
    wire = Wire({})
    for call in (wire.client.message, wire.client.video):
        assert (await failing(call(ident))).failure.code == "max.not_found"
    assert wire.asked == []


@virtual
async def test_an_escaped_id_is_one_id_for_max() -> None:
    world = World()
    # Unescaped this would be GET /me, and answered.
    assert (await failing(world.client.message("../me"))).failure.code == "max.not_found"
    status, _ = await max_caller(world.sim, 45.0)("GET", "/messages/../me", {}, None)
    assert status == 404


@virtual
async def test_a_videos_films_come_best_first() -> None:
    world = World()
    part = world.sim.state.attach("video", b"film", "a.mp4")
    films = await world.client.video(part["payload"]["token"])
    assert list(films) == ["mp4_720", "mp4_360"]
    assert (await failing(world.client.video("unknown"))).failure.code == "max.not_found"


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (max_body("response.get_video")["urls"], ["mp4_720", "mp4_360"]),
        ({"mp4_144": "a", "mp4_1080": "b", "hls": "c", "mp4_480": None, "mp4_x": "d"},
         ["mp4_1080", "mp4_144"]),
        (None, []),  # not ready yet
        ([], []),
        ({"mp4_720": {"url": "x"}}, []),
    ],
)  # fmt: skip
async def test_films_that_are_there(urls: Any, names: list[str]) -> None:
    assert list(await Wire({"token": "t", "urls": urls}).client.video("t")) == names


async def test_a_slot_says_where_a_file_goes() -> None:
    wire = Wire(
        max_body("upload.1.post_uploads.image_or_file"),
        max_body("upload.1.post_uploads.video_or_audio"),
    )
    assert await wire.client.upload_slot("image") == Slot(
        "https://iu.oneme.ru/uploadImage?apiToken=EXAMPLE&photoIds=EXAMPLE"
    )
    slot = await wire.client.upload_slot("video")
    assert slot.token == "EXAMPLE_VIDEO_TOKEN"
    assert wire.asked == [("POST", "/uploads", {"type": kind}, None) for kind in ("image", "video")]


@pytest.mark.parametrize("answer", [{}, {"url": None}, {"url": ""}, {"token": "t"}])
async def test_a_slot_without_a_place_is_none(answer: Any) -> None:
    failure = (await failing(Wire(answer).client.upload_slot("file"))).failure
    assert (failure.code, failure.certain) == ("max.bad_answer", True)


async def test_a_slot_that_was_perhaps_given_is_simply_asked_for_again() -> None:
    # Nobody was sent anything: there is nothing to look up.
    doubtful = (await failing(Wire({}).client.send(CHAT, "x"))).failure
    assert not doubtful.certain
    failure = (await failing(Wire(ApiError(doubtful)).client.upload_slot("file"))).failure
    assert failure.certain


@virtual
async def test_a_refused_slot_is_no_customer_who_stopped_the_bot() -> None:
    forbidden = classify_answer(403, {"code": "access.denied", "message": "x"})
    failure = (await failing(Wire(ApiError(forbidden)).client.upload_slot("file"))).failure
    assert (failure.code, failure.scope) == ("max.upload_refused", Scope.ITEM)


# --- chats ---------------------------------------------------------------------------------------------


async def test_a_dialog_tells_its_other_side() -> None:
    wire = Wire(max_body("response.get_chat.dialog"))
    assert await wire.client.chat(CHAT) == Chat("dialog", "", Person(USER, "Марина", "Тестова"))
    assert wire.asked == [("GET", f"/chats/{CHAT}", {}, None)]


async def test_a_group_has_a_title() -> None:
    chat = await Wire(max_body("response.get_chat.group")).client.chat(GROUP)
    assert chat == Chat("chat", "Рабочий чат", None)


@virtual
async def test_a_chat_of_the_simulator() -> None:
    world = World()
    chat = await world.client.chat(CHAT)
    assert (chat.type, chat.user and chat.user.name) == ("dialog", "Марина Тестова")
    assert (await failing(world.client.chat(1))).failure.code == "max.chat_gone"


@pytest.mark.parametrize("answer", [{}, {"type": 5}, {"title": "x"}])
async def test_a_chat_without_a_type_is_a_bad_answer(answer: Any) -> None:
    assert (await failing(Wire(answer).client.chat(CHAT))).failure.code == "max.bad_answer"


def test_answers_at_their_edges() -> None:
    assert read_me({"user_id": 7, "name": "Бот", "first_name": "Имя"}) == Me(7, "Бот")
    assert read_me({"user_id": 7, "first_name": "Имя"}) == Me(7, "Имя")
    assert read_me({"name": "Бот"}) is None
    assert [usable_marker(each) for each in (5, 0, None)] == [5, None, None]
    assert read_films({"mp4_99999": "u", "mp4_100000": "v"}) == {"mp4_99999": "u"}
    assert classify_answer(300, "").code == "max.redirect"
