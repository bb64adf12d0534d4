"""The calls of the MAX Bot API that the bridge makes; every one is a single request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maxbridge.core.errors import ApiError
from maxbridge.max.failures import classify_answer
from maxbridge.max.transport import Transport

POLL_LIMIT = 100
"""Events in one answer (contract max.md 1)."""
POLL_SECONDS = 30
HISTORY_PAGE = 100


@dataclass(frozen=True, slots=True)
class Me:
    """Who the token belongs to."""

    user_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of ``GET /updates``.

    Attributes:
        updates: Any JSON values, unjudged.
        marker: Position of the next update; None when the answer had no usable one.
    """

    updates: list[Any]
    marker: int | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message in a chat's history, or the one just sent."""

    mid: str
    text: str
    sender_id: int | None
    timestamp: int
    """Milliseconds, MAX's clock."""


class MaxClient:
    """MAX for one bot; polling and calling have a connection each, so neither waits for the other."""

    def __init__(self, poller: Transport, caller: Transport) -> None:
        self._poller = poller
        self._caller = caller

    async def close(self) -> None:
        """Close both connections."""
        await self._poller.close()
        await self._caller.close()

    async def me(self) -> Me:
        """Who the token belongs to."""
        answer = await self._caller.call("GET", "/me", {})
        user_id = answer.get("user_id")
        if not isinstance(user_id, int) or isinstance(user_id, bool):
            raise ApiError(classify_answer(200, None))
        name = answer.get("name") or answer.get("first_name") or ""
        return Me(user_id, name if isinstance(name, str) else "")

    async def webhooks(self) -> list[str]:
        """Addresses of active webhooks; any of them silences polling (contract max.md 1)."""
        answer = await self._caller.call("GET", "/subscriptions", {})
        subscriptions = answer.get("subscriptions")
        if not isinstance(subscriptions, list):
            raise ApiError(classify_answer(200, None))
        return [str(each.get("url", "?")) for each in subscriptions if isinstance(each, dict)]

    async def updates(self, marker: int | None, *, seconds: int = POLL_SECONDS) -> Page:
        """Wait for events.

        Args:
            marker: Where to go on; everything before it is forgotten by MAX. None only before the
                first poll ever; 0 is never sent (contract max.md 1).
            seconds: How long MAX may wait for an event.
        """
        params: dict[str, str | int] = {"limit": POLL_LIMIT, "timeout": seconds}
        if marker is not None:
            params["marker"] = marker
        answer = await self._poller.call("GET", "/updates", params)
        updates = answer.get("updates")
        if not isinstance(updates, list):
            raise ApiError(classify_answer(200, None))
        return Page(updates, _usable_marker(answer.get("marker")))

    async def send(self, chat_id: int, text: str) -> Sent:
        """Send plain text; may have been carried out even when it raises an uncertain failure."""
        answer = await self._caller.call("POST", "/messages", {"chat_id": chat_id}, {"text": text})
        message = answer.get("message")
        sent = _sent(message) if isinstance(message, dict) else None
        if sent is None:
            raise ApiError(classify_answer(200, None))
        return sent

    async def history(self, chat_id: int, *, before: int | None = None) -> list[Sent]:
        """A page of a chat's messages, newest first.

        Args:
            chat_id: The chat.
            before: Upper bound in milliseconds; the API calls it ``from`` (contract max.md 6).
        """
        params: dict[str, str | int] = {"chat_id": chat_id, "count": HISTORY_PAGE}
        if before is not None:
            params["from"] = before
        answer = await self._caller.call("GET", "/messages", params)
        messages = answer.get("messages")
        if not isinstance(messages, list):
            raise ApiError(classify_answer(200, None))
        page = [_sent(each) for each in messages if isinstance(each, dict)]
        return [each for each in page if each is not None]


def _usable_marker(value: Any) -> int | None:
    """A marker worth storing; 0 is what other clients sent when they had lost theirs."""
    if isinstance(value, bool) or not isinstance(value, int) or value == 0:
        return None
    return value if -(2**63) <= value < 2**63 else None


def _sent(message: dict[str, Any]) -> Sent | None:
    body = message.get("body")
    sender = message.get("sender")
    if not isinstance(body, dict) or not isinstance(body.get("mid"), str):
        return None
    text, timestamp = body.get("text"), message.get("timestamp")
    sender_id = sender.get("user_id") if isinstance(sender, dict) else None
    return Sent(
        mid=body["mid"],
        text=text if isinstance(text, str) else "",
        sender_id=sender_id if isinstance(sender_id, int) else None,
        timestamp=timestamp if isinstance(timestamp, int) else 0,
    )
