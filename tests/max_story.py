"""Everything that can happen in the simulated MAX, once, under the names of the recorded samples."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from max_world import CHAT, GROUP, USER, World, sample
from virtual_time import run

CHANNEL = -73000000000077
OTHER = 410000099
BUTTON = {"type": "callback", "text": "👍 Решено", "payload": "rate:5", "intent": "default"}
KEYBOARD = {"type": "inline_keyboard", "payload": {"buttons": [[BUTTON]]}}


class Story:
    """Everything happens once; keeps an event for each recorded one."""

    def __init__(self) -> None:
        self.world = World()
        self.state = self.world.state
        self.state.person(OTHER, "Олег", username="oleg_demo", has_photo=False)
        self.events: dict[str, Any] = {}

    def happened(self, name: str) -> None:
        self.events[name] = self.state.queue.kept()[-1]

    async def beginning(self) -> str:
        """Start, write in plain, ask; gives the mid of the first question."""
        state = self.state
        state.start(USER)
        self.happened("bot_started")
        state.stop(USER)
        self.happened("bot_stopped")
        state.start(USER, "order-4821")
        self.happened("bot_started.payload")
        question = state.say(USER, "Здравствуйте!")
        self.happened("message_created.text")
        answer = await self.world.sent("Мы проверим и ответим.")
        state.say(USER, "Это по поводу этого ответа", link={"type": "reply", "mid": answer})
        self.happened("message_created.reply")
        state.edit(question, "Здравствуйте! (исправлено)")
        self.happened("message_edited")
        return question

    def contents(self) -> None:
        """Write with all that a message can carry."""
        state = self.state
        state.say(USER, "👍 Важно", markup=[{"type": "strong", "from": 3, "length": 5}])
        self.happened("message_created.markup")
        state.say(USER, attachments=[state.attach("file", b"%PDF", "Счёт.pdf")])
        self.happened("message_created.file")
        pictures = [state.attach("image", b"PNG", "a.png") for _ in range(2)]
        state.say(USER, "Два скриншота", attachments=pictures)
        self.happened("message_created.two_images_with_caption")
        state.say(USER, "текст", attachments=[sample("attachment.unknown_type")])
        self.happened("message_created.unknown_attachment")
        state.voice()
        self.happened("message_created.native_voice_empty")

    async def buttons(self) -> None:
        """Press a button twice, the second time of a message that is gone."""
        body = {"text": "Вопрос решён?", "attachments": [KEYBOARD]}
        _, data = await self.world.send(body)
        mid = data["message"]["body"]["mid"]
        self.state.press(USER, "rate:5")
        self.happened("message_callback")
        await self.world.call("DELETE", "/messages", None, {"message_id": mid})
        self.state.press(USER, "rate:5", mid=mid)
        self.happened("message_callback.message_null")

    def groups(self) -> None:
        """Take the bot into a group and a channel, and forward from both."""
        state = self.state
        state.group(GROUP, "Рабочий чат", USER)
        self.happened("bot_added")
        state.say(USER, "Сообщение в группе", chat_id=GROUP)
        self.happened("message_created.group")
        picture = state.attach("image", b"PNG", "a.png")
        in_group = state.say(OTHER, "Пересланный текст", [picture], chat_id=GROUP)
        state.say(USER, attachments=[], link={"type": "forward", "mid": in_group})
        self.happened("message_created.forward")
        state.rename(GROUP, USER, "Новое название")
        self.happened("chat_title_changed")
        state.join(GROUP, OTHER, USER)
        self.happened("user_added")
        state.leave(GROUP, OTHER, USER)
        self.happened("user_removed")
        state.group(CHANNEL, "Канал", USER, channel=True)
        post = state.post(CHANNEL, "Пост канала")
        self.happened("message_created.channel_no_sender")
        state.say(USER, link={"type": "forward", "mid": post})
        self.happened("message_created.forward_from_channel")

    def end(self, question: str) -> None:
        """Take everything back."""
        state = self.state
        state.expel_bot(GROUP, USER)
        self.happened("bot_removed")
        state.remove(question)
        self.happened("message_removed")
        state.clear_dialog(USER)
        self.happened("dialog_cleared")
        state.mute(USER)
        self.happened("dialog_muted")
        state.unmute(USER)
        self.happened("dialog_unmuted")
        state.remove_dialog(USER)
        self.events["dialog_removed"] = state.queue.kept()[-2]


async def everything() -> tuple[dict[str, Any], dict[str, Any]]:
    """Give an event for each recorded one and an answer for each recorded one."""
    story = Story()
    question = await story.beginning()
    story.contents()
    await story.buttons()
    story.groups()
    answers = await read_all(story.world)
    story.end(question)
    return story.events, answers


async def read_all(world: World) -> dict[str, Any]:
    """Give an answer for each recorded one."""
    video = world.state.attach("video", b"film", "a.mp4")
    requests: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
        "response.get_me": ("GET", "/me", None, {}),
        "response.get_chat.dialog": ("GET", f"/chats/{CHAT}", None, {}),
        "response.get_chat.group": ("GET", f"/chats/{GROUP}", None, {}),
        "response.get_messages": ("GET", "/messages", None, {"chat_id": CHAT, "to": 0}),
        "response.get_subscriptions.empty": ("GET", "/subscriptions", None, {}),
        "response.get_video": ("GET", f"/videos/{video['payload']['token']}", None, {}),
        "response.post_messages": ("POST", "/messages", {"text": "а"}, {"chat_id": CHAT}),
        "response.post_messages.group": ("POST", "/messages", {"text": "а"}, {"chat_id": GROUP}),
        "upload.1.post_uploads.image_or_file": ("POST", "/uploads", None, {"type": "image"}),
        "upload.1.post_uploads.video_or_audio": ("POST", "/uploads", None, {"type": "video"}),
        "updates.empty": ("GET", "/updates", None, {"marker": world.state.queue.next}),
    }
    answers = {}
    for name, (method, path, body, query) in requests.items():
        await asyncio.sleep(0.5)
        status, answers[name] = await world.call(method, path, body, query)
        assert status == 200, (name, answers[name])
    world.state.subscribe("https://bot.example.com/webhook", ["message_created", "bot_started"])
    name = "response.get_subscriptions.active"
    _, answers[name] = await world.get("/subscriptions")
    world.state.webhooks.clear()
    return answers


@functools.cache
def happenings() -> tuple[dict[str, Any], dict[str, Any]]:
    return run(everything())
