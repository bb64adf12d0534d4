"""What people do in MAX: each method is one action and queues the bot's events."""

from __future__ import annotations

import copy
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from maxbridge.sim.max.events import MaxEvents, keyboards
from maxbridge.sim.max.store import (
    FIRST_DIALOG,
    Chat,
    ChatType,
    Json,
    MaxEvent,
    Person,
    mid_of,
)

__all__ = ["MaxEvent", "MaxState"]

PAYLOAD_LIMIT = 512  # of a deep link; a longer one is dropped whole (contract max.md 3)


class MaxState(MaxEvents):
    """The shared state plus the people.

    An action that the app does not offer raises ValueError: the test is wrong.
    """

    # --- people and dialogs ---

    def person(
        self,
        user_id: int,
        first_name: str,
        last_name: str = "",
        username: str | None = None,
        *,
        chat_id: int | None = None,
        locale: str = "ru",
        has_photo: bool = True,
    ) -> Person:
        """Make a person with an unopened dialog: the bot can write only after start or say."""
        if user_id in self.people:
            raise ValueError(f"person {user_id} exists")
        dialog = FIRST_DIALOG + len(self.people) if chat_id is None else chat_id
        person = Person(user_id, first_name, last_name, username, dialog)
        person.locale, person.has_photo = locale, has_photo
        person.last_activity_time = self.now_ms()
        self.people[user_id] = person
        self.chats[dialog] = Chat(dialog, "dialog", person)
        return person

    def start(self, user_id: int, payload: str | None = None) -> bool:
        """Press Start, perhaps by a deep link.

        Gives False and queues nothing when the dialog goes on already: then the link only opens it
        (contract max.md 3, bot_started).
        """
        person, chat = self._dialog_of(user_id)
        if chat.opened and not chat.suspended:
            return False
        chat.opened, chat.suspended = True, False
        extra: Json = {"user_locale": person.locale, "user_id": user_id}
        if payload is not None and len(payload) <= PAYLOAD_LIMIT:
            extra = {"payload": payload, **extra}
        self._chat_event("bot_started", chat, person, extra)
        return True

    def stop(self, user_id: int) -> None:
        """Stop the bot: sends fail with 403 until the next start (contract max.md 9.20)."""
        person, chat = self._dialog_of(user_id)
        chat.suspended = True
        self._dialog_event("bot_stopped", chat, person)

    def remove_dialog(self, user_id: int) -> None:
        """Delete the dialog; that stops the bot too, and both events come (contract max.md 3)."""
        person, chat = self._dialog_of(user_id)
        chat.suspended = True
        self._dialog_event("dialog_removed", chat, person)
        self._dialog_event("bot_stopped", chat, person)

    def clear_dialog(self, user_id: int) -> None:
        """Clear the history on the person's side; whether the bot's side goes too is unknown."""
        person, chat = self._dialog_of(user_id)
        self._dialog_event("dialog_cleared", chat, person)

    def mute(self, user_id: int, seconds: float = 3600) -> None:
        """Switch notifications off."""
        person, chat = self._dialog_of(user_id)
        until = int((self.now() + seconds) * 1000)
        self._dialog_event("dialog_muted", chat, person, {"muted_until": until})

    def unmute(self, user_id: int) -> None:
        """Switch notifications on."""
        person, chat = self._dialog_of(user_id)
        self._dialog_event("dialog_unmuted", chat, person)

    # --- messages ---

    def say(
        self,
        user_id: int,
        text: str | None = None,
        attachments: Sequence[Json] | None = None,
        link: Json | None = None,
        markup: Sequence[Json] | None = None,
        *,
        chat_id: int | None = None,
    ) -> str:
        """Write a message in the dialog or in a group; gives its mid.

        Args:
            user_id: Who writes.
            text: None for a message of attachments or a forward only.
            attachments: As messages carry them; :meth:`attach` makes one that can be downloaded.
            link: Either as messages carry it, or ``{"type": "reply" | "forward", "mid": ...}``.
            markup: Formatting, offsets in UTF-16 units.
            chat_id: A group; the person's dialog when None.
        """
        person, chat = self._dialog_of(user_id)
        if chat_id is not None:
            chat = self.chats[chat_id]
        elif chat.suspended:
            raise ValueError(f"person {user_id} stopped the bot and must start it first")
        chat.opened = True
        content: Json = {} if text is None else {"text": text}
        if attachments is not None:
            content["attachments"] = list(attachments)
            self.media.learn(attachments)
        if markup is not None:
            content["markup"] = list(markup)
        if link is not None and "mid" in link:
            link = self.link_to(link["type"], link["mid"])
        message = self.add(chat, person, content, link)
        self._message_event("message_created", chat, message, person)
        return mid_of(message)

    def attach(self, kind: str, content: bytes, filename: str, mime: str = "") -> Json:
        """Make an image, video, audio or file attachment whose link really gives the content."""
        return self.media.attachment(self.media.add(kind, content, filename, mime))

    def contact(self, user_id: int, phone: str) -> Json:
        """Make the attachment that a request_contact button sends, signed (contract max.md 4)."""
        person = self.people[user_id]
        name = f"{person.first_name} {person.last_name}".strip()
        lines = ("BEGIN:VCARD", "VERSION:3.0", f"TEL;TYPE=cell:{phone}", f"FN:{name}", "END:VCARD")
        card = "".join(f"{line}\r\n" for line in lines)
        seal = hmac.new(self.token.encode(), card.encode(), hashlib.sha256).hexdigest()
        payload = {"vcf_info": card, "hash": seal, "max_info": person.user()}
        return {"payload": payload, "type": "contact"}

    def edit(self, mid: str, text: str) -> None:
        """Change one's own message; its mid and time stay (contract max.md 3)."""
        chat, message = self.find(mid)
        message["body"]["text"] = text
        message["body"].pop("markup", None)
        self._push_timed("message_edited", chat, {"message": message}, mid)

    def remove(self, mid: str) -> None:
        """Delete one's own message."""
        chat, message = self.find(mid)
        self.discard(mid)
        user_id = message["sender"]["user_id"]
        data = {"message_id": mid, "chat_id": chat.chat_id, "user_id": user_id}
        self._push_timed("message_removed", chat, data, mid)

    def press(self, user_id: int, payload: str, *, mid: str | None = None) -> str:
        """Press a callback button of the bot's newest message that has it; gives the callback id.

        With ``mid`` of a message that is deleted by now, the event's message is null.
        """
        person, chat = self._dialog_of(user_id)
        pool = chat.sent if mid is None else [one for one in chat.sent if mid_of(one) == mid]
        for message in reversed(pool):
            for keyboard in keyboards(message):
                if payload in _payloads(keyboard):
                    return self._pressed(person, chat, message, keyboard["callback_id"], payload)
        raise ValueError(f"no button with the payload {payload!r}")

    def voice(self, locale: str = "ru") -> None:
        """Record a native voice message: an event without sender or chat, and no history."""
        stub = {"timestamp": self.now_ms(), "user_locale": locale}
        self.raw({**stub, "update_type": "message_created"})

    # --- groups and channels ---

    def group(
        self,
        chat_id: int,
        title: str,
        owner_id: int,
        *,
        channel: bool = False,
        bot_reads: bool = True,
    ) -> Chat:
        """Make a group or channel of a person and add the bot to it."""
        kind: ChatType = "channel" if channel else "chat"
        chat = Chat(chat_id, kind, title=title, opened=True, bot_reads=bot_reads)
        self.chats[chat_id] = chat
        self._group_event("bot_added", chat, self.people[owner_id])
        return chat

    def post(self, chat_id: int, text: str) -> str:
        """Publish in a channel: such messages have no sender (contract max.md 3.3)."""
        chat = self.chats[chat_id]
        message = self.add(chat, None, {"text": text})
        message |= {"stat": {"views": 1}, "url": f"https://max.ru/channel/{chat.counter}"}
        self._message_event("message_created", chat, message, None)
        return mid_of(message)

    def rename(self, chat_id: int, user_id: int, title: str) -> None:
        """Change the title of a group."""
        chat, person = self.chats[chat_id], self.people[user_id]
        chat.title = title
        extra = {"title": title, "user_id": user_id}
        self._chat_event("chat_title_changed", chat, person, extra)

    def expel_bot(self, chat_id: int, user_id: int) -> None:
        """Throw the bot out of a group."""
        chat = self.chats[chat_id]
        chat.removed = True
        self._group_event("bot_removed", chat, self.people[user_id])

    def rights(self, chat_id: int, user_id: int, permissions: Sequence[str] | None) -> None:
        """Change what the bot may do in a group; None makes it an ordinary member (contract max.md 12)."""
        chat = self.chats[chat_id]
        chat.bot_reads = "read_all_messages" in (permissions or ())
        event: Json = {
            "timestamp": self.now_ms(),
            "chat_id": chat_id,
            "user_id": user_id,
            "bot_id": self.bot.user_id,
            "is_channel": chat.type == "channel",
            "is_admin": permissions is not None,
        }
        if permissions is not None:
            event["permissions"] = list(permissions)
        self._push("bot_admin_permissions_changed", chat, event)

    def join(self, chat_id: int, user_id: int, inviter_id: int) -> None:
        """Be added to a group by somebody."""
        chat, person = self.chats[chat_id], self.people[user_id]
        self._group_event("user_added", chat, person, {"inviter_id": inviter_id})

    def leave(self, chat_id: int, user_id: int, admin_id: int) -> None:
        """Be removed from a group by somebody."""
        chat, person = self.chats[chat_id], self.people[user_id]
        self._group_event("user_removed", chat, person, {"admin_id": admin_id})

    # --- the line to the bot ---

    def raw(self, event: Any) -> None:
        """Queue any JSON value as an event."""
        self.queue.push(event)
        self.changed("raw", None)

    def duplicate_last(self) -> None:
        """Deliver the last event twice."""
        self.queue.repeat_last()

    def swap_last(self) -> None:
        """Deliver the last two events in the wrong order."""
        self.queue.swap_last()

    # --- what the bot did, for assertions ---

    def sent(self, chat_id: int) -> list[Json]:
        """Give everything the bot posted in a chat, in order, also what it deleted since."""
        return copy.deepcopy(self.chats[chat_id].sent)

    def texts(self, chat_id: int) -> list[str]:
        """Give the texts of everything the bot posted in a chat; empty for attachments only."""
        return [one["body"].get("text", "") for one in self.chats[chat_id].sent]

    def visible(self, chat_id: int) -> list[Json]:
        """Give the chat as people see it now, oldest first."""
        return copy.deepcopy(self.chats[chat_id].history)

    def inbox(self, user_id: int) -> list[str]:
        """Give the texts that the person sees from the bot now."""
        _, chat = self._dialog_of(user_id)
        return [one["body"].get("text", "") for one in chat.history if self.is_own(one)]

    def dump(self) -> Json:
        """Give everything as JSON, for assertions from another process."""
        chats = [
            {
                **chat.describe(),
                "suspended": chat.suspended,
                "opened": chat.opened,
                "messages": chat.history,
                "sent": chat.sent,
            }
            for chat in self.chats.values()
        ]
        queue = self.queue
        return copy.deepcopy(
            {
                "chats": chats,
                "events": queue.kept(),
                "unread": len(queue.waiting()),
                "acknowledged": queue.acknowledged,
                "marker": queue.next,
                "webhooks": self.webhooks,
                "media": self.media.contents(),
            }
        )

    def _dialog_of(self, user_id: int) -> tuple[Person, Chat]:
        person = self.people.get(user_id)
        if person is None:
            raise ValueError(f"no such person: {user_id}")
        return person, self.chats[person.chat_id]


def _payloads(keyboard: Json) -> list[str]:
    rows = keyboard["payload"]["buttons"]
    return [button["payload"] for row in rows for button in row if button["type"] == "callback"]
