"""Raw updates of MAX to inbox items, whichever way they came: by a poll or from a chat's history."""

from __future__ import annotations

from typing import Any

from maxbridge import log
from maxbridge.core.delivery import State
from maxbridge.core.events import Event, What
from maxbridge.max.parse import canonical, hash_key, parse_update
from maxbridge.store.inbox import NewUpdate

MESSAGE = "message_created"


def read_update(raw: Any, logger: Any) -> Event:
    """Read an update; no event may ever block the marker, so a bug makes it an unreadable one.

    Args:
        raw: Any JSON value.
        logger: Where a bug is named.
    """
    try:
        return parse_update(raw)
    except Exception as error:  # noqa: BLE001 - see above
        # No traceback: it could quote customers' words.
        logger.critical("bug: event parked", error=type(error).__name__, at=log.where(error))
        return Event(What.UNREADABLE, "?", hash_key(raw))


def to_item(raw: Any, event: Event, *, ignored: bool = False) -> NewUpdate:
    """What the inbox stores of an update.

    Args:
        raw: The update.
        event: What was read of it.
        ignored: Nobody needs to see it.
    """
    state = State.PARKED if event.what is What.UNREADABLE else State.QUEUED
    return NewUpdate(
        key=event.key,
        update_type=event.update_type,
        payload=canonical(raw),
        chat_id=event.chat_id,
        user_id=event.sender.user_id if event.sender else None,
        state=State.IGNORED if ignored else state,
    )


def from_history(message: dict[str, Any]) -> dict[str, Any]:
    """The update that polling would have brought for a message of a chat's history.

    It gets the same key, so whichever of the two comes first is the only one.
    """
    return {"update_type": MESSAGE, "timestamp": message.get("timestamp"), "message": message}
