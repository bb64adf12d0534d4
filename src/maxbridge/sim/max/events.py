"""Builds the events that people's actions cause, with the members and order of the samples."""

from __future__ import annotations

from maxbridge.sim.max.store import Chat, Json, MaxStore, Person, mid_of


class MaxEvents(MaxStore):
    """The store, able to tell the bot about what happens in it (contract max.md 3)."""

    def _push(self, kind: str, chat: Chat, event: Json, mid: str | None = None) -> None:
        if chat.bot_reads or "message" not in event:
            self.queue.push({**event, "update_type": kind})
        self.changed(kind, chat.chat_id, mid)

    def _push_timed(self, kind: str, chat: Chat, data: Json, mid: str | None) -> None:
        self._push(kind, chat, {**data, "timestamp": self.now_ms()}, mid)

    def _chat_event(self, kind: str, chat: Chat, person: Person, extra: Json) -> None:
        now = self.now_ms()
        person.last_activity_time = chat.last_event_time = now
        head = {"timestamp": now, "chat_id": chat.chat_id, "user": person.user(photo=True)}
        self._push(kind, chat, {**head, **extra})

    def _dialog_event(
        self, kind: str, chat: Chat, person: Person, extra: Json | None = None
    ) -> None:
        self._chat_event(kind, chat, person, {**(extra or {}), "user_locale": person.locale})

    def _group_event(
        self, kind: str, chat: Chat, person: Person, extra: Json | None = None
    ) -> None:
        tail = {"user_id": person.user_id, "is_channel": chat.type == "channel"}
        self._chat_event(kind, chat, person, {**(extra or {}), **tail})

    def _message_event(self, kind: str, chat: Chat, message: Json, person: Person | None) -> None:
        event: Json = {"message": message, "timestamp": message["timestamp"]}
        if chat.type == "dialog" and person is not None:
            event["user_locale"] = person.locale
        self._push(kind, chat, event, mid_of(message))

    def _pressed(
        self, person: Person, chat: Chat, message: Json, callback_id: str, payload: str
    ) -> str:
        now = self.now_ms()
        callback = {"timestamp": now, "callback_id": callback_id, "user": person.user()}
        event = {
            "callback": {**callback, "payload": payload},
            "message": message if message in chat.history else None,
            "timestamp": now,
            "user_locale": person.locale,
        }
        self._push("message_callback", chat, event, mid_of(message))
        self.callbacks[callback_id] = (chat, message)
        return callback_id


def keyboards(message: Json) -> list[Json]:
    """Give the inline keyboards of a message."""
    attachments = message["body"].get("attachments", [])
    return [one for one in attachments if one.get("type") == "inline_keyboard"]
