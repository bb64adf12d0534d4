"""A customer is heard of with an event: that makes his dialog, and says perhaps whether he can be reached."""

from __future__ import annotations

from typing import Any

from maxbridge import log
from maxbridge.core.events import Event
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.records import DialogRecord, InboxItem

_log: Any = log.get("desk_writer")


def heard(
    dialogs: DialogTable, item: InboxItem, event: Event, now: float, *, blocked: bool | None
) -> tuple[DialogRecord, bool]:
    """Write it down, and tell the log when he stopped the bot or is back.

    Args:
        dialogs: Chats and their customers.
        item: What was heard.
        event: The same, read.
        now: Our clock.
        blocked: He stopped the bot, or can be reached; None when it says neither.

    Returns:
        The dialog, and whether it is news that he can or cannot be reached.
    """
    user_id = event.sender.user_id if event.sender and not event.is_group else None
    dialog, news = dialogs.heard(item.chat_id, user_id, now, blocked=blocked, at=item.created_at)
    if news:
        words = "customer stopped the bot" if blocked else "customer is back"
        _log.info(words, chat=item.chat_id)
    return dialog, news
