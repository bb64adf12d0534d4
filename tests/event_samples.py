"""Events of MAX as the tests of the pure rules need them."""

from __future__ import annotations

from typing import Any

from maxbridge.core.events import Attachment, Event, Link, LinkKind, Message, Person, What

CHAT = 512340001
BOT = Person(900100200, "Поддержка Ромашка", is_bot=True)
MARINA = Person(410000017, "Марина", "Тестова")
OLEG = Person(777001, "Олег", "Ким")
PHOTO = Attachment("image", url="https://cdn.example/2")
PDF = Attachment("file", "счёт.pdf", 183204, "https://cdn.example/1")


def event(text: str = "", *attachments: Attachment, **more: Any) -> Event:
    """A message of Марина's, or another event with more said."""
    members: dict[str, Any] = {
        "what": What.MESSAGE,
        "update_type": "message_created",
        "key": "message_created:mid.1",
        "chat_id": CHAT,
        "sender": MARINA,
        "chat_type": "dialog",
        "message": Message("mid.1", text, more.get("sender", MARINA), attachments),
    }
    return Event(**(members | more))


def link(kind: LinkKind, text: str = "", *attachments: Attachment, sender: Any = BOT) -> Link:
    """A message that another one replies to or forwards."""
    return Link(kind, Message("mid.0", text, sender, attachments))
