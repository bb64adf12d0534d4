"""Raw updates of MAX to inbox items, whichever way they came: by a poll or from a chat's history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from maxbridge.core.delivery import State
from maxbridge.core.events import Event, What
from maxbridge.engine.beside import HUGE, beside
from maxbridge.max.parse import canonical, hash_key, parse_update
from maxbridge.observe import log
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


async def read_all(raws: Iterable[Any], logger: Any) -> list[tuple[Event, str]]:
    """Read a page of updates, large ones beside the loop, which gets its turn between them.

    Args:
        raws: Any JSON values.
        logger: Where a bug is named.

    Returns:
        What was read of each, and what is stored of it.
    """
    found: list[tuple[Event, str]] = []
    size = 0
    for raw in raws:
        payload = canonical(raw)
        event = await beside(len(payload), read_update, raw, logger)
        found.append((event, payload))
        size += len(payload)
        if size > HUGE:
            size = 0
            await asyncio.sleep(0)
    return found


def to_item(payload: str, event: Event, *, ignored: bool = False) -> NewUpdate:
    """What the inbox stores of an update.

    Args:
        payload: The update as it is stored.
        event: What was read of it.
        ignored: Nobody needs to see it.
    """
    state = State.PARKED if event.what is What.UNREADABLE else State.QUEUED
    return NewUpdate(
        key=event.key,
        update_type=event.update_type,
        payload=payload,
        chat_id=event.chat_id,
        user_id=event.sender.user_id if event.sender else None,
        state=State.IGNORED if ignored else state,
    )


def from_history(message: dict[str, Any]) -> dict[str, Any]:
    """The update that polling would have brought for a message of a chat's history.

    It gets the same key, so whichever of the two comes first is the only one.
    """
    return {"update_type": MESSAGE, "timestamp": message.get("timestamp"), "message": message}
