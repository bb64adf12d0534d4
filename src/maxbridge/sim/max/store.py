"""People, chats and messages as MAX stores them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from maxbridge.sim.max.errors import denied, no_chat, no_dialog, not_found, suspended
from maxbridge.sim.max.media import MediaStore
from maxbridge.sim.max.queue import EventQueue
from maxbridge.sim.wire import Now

Json = dict[str, Any]
ChatType = Literal["dialog", "chat", "channel"]

FIRST_DIALOG = 512_340_001
AVATAR = "https://i.oneme.ru/i?r=SMALL_EXAMPLE"
FULL_AVATAR = "https://i.oneme.ru/i?r=FULL_EXAMPLE"


@dataclass(frozen=True, slots=True)
class MaxEvent:
    """Something happened, for an observer (the demo prints it).

    Attributes:
        kind: An ``update_type`` for people's actions, ``bot_sent``, ``bot_edited``,
            ``bot_deleted``, ``bot_action`` or ``bot_answered`` for the bot's.
        chat_id: The chat; None for an injected event.
        mid: The message, if it is about one.
    """

    kind: str
    chat_id: int | None
    mid: str | None = None


@dataclass(slots=True)
class Person:
    """A user of MAX, or a bot; ``chat_id`` is the dialog with our bot and never the user id."""

    user_id: int
    first_name: str
    last_name: str
    username: str | None
    chat_id: int
    is_bot: bool = False
    locale: str = "ru"
    has_photo: bool = True
    last_activity_time: int = 0

    def user(self, *, photo: bool = False) -> Json:
        """Describe the person; absent members are left out, not null (contract max.md 3)."""
        data: Json = {"user_id": self.user_id, "first_name": self.first_name}
        if not self.is_bot:
            data["last_name"] = self.last_name
        if self.username is not None:
            data["username"] = self.username
        data["is_bot"] = self.is_bot
        data["last_activity_time"] = self.last_activity_time
        data["name"] = f"{self.first_name} {self.last_name}".strip()
        if photo and self.has_photo:
            data |= {"avatar_url": AVATAR, "full_avatar_url": FULL_AVATAR}
        return data


@dataclass(slots=True)
class Chat:
    """A dialog, group or channel with its history.

    Attributes:
        opened: Whether the person ever started the bot or wrote to it.
        suspended: Whether the person stopped the bot.
        removed: Whether the bot was thrown out of the group.
        bot_reads: Whether the bot sees the messages of the group (contract max.md 0).
        history: The messages that exist, oldest first.
        sent: Everything that the bot posted, in order, also what was deleted since.
    """

    chat_id: int
    type: ChatType
    person: Person | None = None
    title: str | None = None
    opened: bool = False
    suspended: bool = False
    removed: bool = False
    bot_reads: bool = True
    last_event_time: int = 0
    history: list[Json] = field(default_factory=list)
    sent: list[Json] = field(default_factory=list)
    counter: int = 0

    def describe(self) -> Json:
        """Answer ``GET /chats/{id}`` (contract max.md 5.2)."""
        data: Json = {
            "chat_id": self.chat_id,
            "type": self.type,
            "status": "removed" if self.removed else "active",
            "last_event_time": self.last_event_time,
            "participants_count": 2 if self.person else 3,
            "is_public": False,
        }
        if self.person is not None:
            return {**data, "dialog_with_user": self.person.user(photo=True)}
        return {**data, "title": self.title, "messages_count": len(self.history)}


class MaxStore:
    """What MAX knows about one bot.

    Attributes:
        queue: The events that wait for the bot.
        media: Files and their links.
        on_change: Called after everything that people or the bot do.
        webhooks: Subscriptions; while there is one, polling gives nothing (contract max.md 1).
        callbacks: The message of every button that was pressed, by callback id.
    """

    def __init__(self, *, now: Now, bot: Person, token: str) -> None:
        self.now = now
        self.bot = bot
        self.token = token
        self.queue = EventQueue(now)
        self.media = MediaStore(now)
        self.on_change: Callable[[MaxEvent], None] | None = None
        self.webhooks: list[Json] = []
        self.callbacks: dict[str, tuple[Chat, Json]] = {}
        self.people: dict[int, Person] = {}
        self.chats: dict[int, Chat] = {}
        self._by_mid: dict[str, tuple[Chat, Json]] = {}

    def now_ms(self) -> int:
        """Give the time in the API's unit."""
        return int(self.now() * 1000)

    def changed(self, kind: str, chat_id: int | None, mid: str | None = None) -> None:
        """Tell the watcher."""
        if self.on_change is not None:
            self.on_change(MaxEvent(kind, chat_id, mid))

    def chat(self, chat_id: int) -> Chat:
        """Find a chat the bot knows; a dialog exists once the person wrote (contract max.md 0)."""
        chat = self.chats.get(chat_id)
        if chat is None or (chat.type == "dialog" and not chat.opened):
            raise no_chat(chat_id)
        return chat

    def dialog(self, user_id: int) -> Chat:
        """Find the dialog with a person."""
        person = self.people.get(user_id)
        chat = self.chats.get(person.chat_id) if person else None
        if chat is None or not chat.opened:
            raise no_dialog()
        return chat

    @staticmethod
    def check_access(chat: Chat) -> None:
        """Refuse where the bot was stopped or thrown out (contract max.md 5.3, 6)."""
        if chat.suspended:
            raise suspended()
        if chat.removed:
            raise denied()

    def find(self, mid: str) -> tuple[Chat, Json]:
        """Find a message by its id; ids of other bots' chats and deleted ones are unknown."""
        found = self._by_mid.get(mid)
        if found is None:
            raise not_found()
        return found

    def is_own(self, message: Json) -> bool:
        """Tell whether the bot wrote the message."""
        sender = message.get("sender")
        return isinstance(sender, dict) and sender["user_id"] == self.bot.user_id

    def add(
        self,
        chat: Chat,
        sender: Person | None,
        content: Json,
        link: Json | None = None,
    ) -> Json:
        """Put a message with this text, attachments and markup into a chat's history."""
        timestamp = self.now_ms()
        chat.counter = chat.counter % 0xFFFF + 1
        seq = timestamp << 16 | chat.counter
        recipient: Json = {"chat_id": chat.chat_id, "chat_type": chat.type}
        if chat.person is not None:
            # The other side of the sender (contract max.md 3.1).
            other = chat.person if sender is self.bot else self.bot
            recipient["user_id"] = other.user_id
        body = {"mid": make_mid(chat.chat_id, seq), "seq": seq, **content}
        message: Json = {"recipient": recipient, "timestamp": timestamp, "body": body}
        if sender is not None:
            sender.last_activity_time = timestamp
            message["sender"] = sender.user()
        if link is not None:
            message["link"] = link
        chat.last_event_time = timestamp
        chat.history.append(message)
        self._by_mid[body["mid"]] = (chat, message)
        return message

    def discard(self, mid: str) -> Json:
        """Take a message out of the history."""
        chat, message = self.find(mid)
        chat.history.remove(message)
        del self._by_mid[mid]
        return message

    def subscribe(self, url: str, update_types: list[str] | None = None) -> None:
        """Set a webhook, as some other program with the same token might."""
        self.unsubscribe(url)
        self.webhooks.append({"url": url, "time": self.now_ms(), "update_types": update_types})

    def unsubscribe(self, url: str) -> bool:
        """Remove a webhook; False when there was none."""
        before = len(self.webhooks)
        self.webhooks = [one for one in self.webhooks if one["url"] != url]
        return len(self.webhooks) < before

    def link_to(self, kind: str, mid: str) -> Json:
        """Describe the message that another one answers or forwards (contract max.md 4)."""
        chat, message = self.find(mid)
        link: Json = {"type": kind}
        if "sender" in message:
            link["sender"] = message["sender"]
        if kind == "forward":
            link["chat_id"] = chat.chat_id
        return {**link, "message": copy.deepcopy(message["body"])}


def make_mid(chat_id: int, seq: int) -> str:
    """Build a message id (contract max.md 3.2)."""
    return f"mid.{chat_id & 0xFFFF_FFFF_FFFF_FFFF:016x}{seq:016x}"


def mid_of(message: Json) -> str:
    """Read a message's id."""
    mid: str = message["body"]["mid"]
    return mid
