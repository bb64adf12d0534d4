"""The MAX Bot API calls that the bridge makes; each is a single request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

from maxbridge.core import keys
from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.core.events import Event
from maxbridge.core.filetype import Family
from maxbridge.core.parts import STARS, Part, rated_by
from maxbridge.max.answers import (
    Chat,
    Me,
    Page,
    Sent,
    Slot,
    classify_answer,
    read_chat,
    read_films,
    read_list,
    read_me,
    read_sent,
    read_slot,
    usable_marker,
)
from maxbridge.max.parse import parse_update
from maxbridge.max.transport import POLL, Judged, Timing, Transport

__all__ = ["HISTORY_PAGE", "POLL_LIMIT", "POLL_SECONDS", "MaxClient", "Page", "Sent"]

POLL_LIMIT = 100
"""Events in one answer (contract max.md 1)."""
POLL_SECONDS = 30
HISTORY_PAGE = 100
_NO_UPLOAD = frozenset({"max.blocked", "max.access_denied", "max.forbidden"})
"""No customer is in this call who could have stopped the bot: MAX does not take this file."""
_T = TypeVar("_T")


class MaxClient:
    """MAX for one bot; polling and other calls have separate connections, so neither waits for the other.

    Attributes:
        timing: What the connections tell beside their answers.
    """

    def __init__(
        self, poller: Transport, caller: Transport, *, timing: Timing | None = None
    ) -> None:
        self._poller = Judged(poller)
        self._caller = Judged(caller)
        self.timing = timing or Timing()

    def watch(self, told: Callable[[str], None]) -> None:
        """Report the end of each call to ``told``: ``ok``, or the code of its failure."""
        self._poller.told = self._caller.told = told

    async def close(self) -> None:
        """Close both connections."""
        await self._poller.close()
        await self._caller.close()

    async def me(self) -> Me:
        """Return the bot that the token belongs to."""
        return _good(read_me(await self._caller.call("GET", "/me", {})))

    async def webhooks(self) -> list[str]:
        """Return the addresses of active webhooks; any of them stops events for polling (contract max.md 1)."""
        answer = await self._caller.call("GET", "/subscriptions", {})
        subscriptions = _good(read_list(answer, "subscriptions"))
        return [str(each.get("url", "?")) for each in subscriptions if isinstance(each, dict)]

    async def remove_webhook(self, url: str) -> None:
        """Remove one webhook; MAX then gives events to polling (contract max.md 1).

        Raises:
            ApiError: ``max.change_refused``: there is no such webhook (any more).
        """
        _agreed(await self._caller.call("DELETE", "/subscriptions", {"url": url}))

    async def set_commands(self, commands: Sequence[tuple[str, str]]) -> None:
        """Set the commands that MAX offers to customers (contract max.md 5.2).

        Args:
            commands: Names without the slash, with descriptions; an empty list removes all.
        """
        listed = [{"name": name, "description": words} for name, words in commands]
        await self._caller.call("PATCH", "/me/commands", {}, {"commands": listed})

    async def updates(self, marker: int | None, *, seconds: int = POLL_SECONDS) -> Page:
        """Wait for events.

        Args:
            marker: Position to continue from; MAX forgets everything before it. None only before
                the very first poll; 0 is never sent (contract max.md 1).
            seconds: How long MAX may wait for an event.
        """
        params: dict[str, str | int] = {"limit": POLL_LIMIT, "timeout": seconds}
        if marker is not None:
            params["marker"] = marker
        answer = await self._poller.call("GET", POLL, params)
        return Page(_good(read_list(answer, "updates")), usable_marker(answer.get("marker")))

    async def send(
        self,
        chat_id: int,
        text: str,
        *,
        html: bool = False,
        attachments: Sequence[dict[str, Any]] | None = None,
        disable_link_preview: bool = False,
    ) -> Sent:
        """Send a message; it may have been carried out even if an uncertain failure is raised.

        Args:
            chat_id: The chat.
            text: May be empty beside attachments.
            html: The text is MAX's HTML (contract max.md 5.1), otherwise plain.
            attachments: As MAX takes them; a file or audio must be the only one (trap 18).
            disable_link_preview: Show no previews of links.

        Raises:
            ApiError: ``max.markup_refused``: send the text without markup;
                ``max.attachment_refused``: send the file as another kind; ``max.not_ready``: MAX
                still processes the upload, send again later.
        """
        params: dict[str, str | int] = {"chat_id": chat_id}
        if disable_link_preview:
            params["disable_link_preview"] = "true"
        body: dict[str, Any] = _text(text, html=html) if text or not attachments else {}
        if attachments:
            body["attachments"] = list(attachments)
        answer = await self._caller.call("POST", "/messages", params, body)
        return _good(read_sent(answer.get("message")))

    async def edit(self, mid: str, text: str, *, html: bool = False) -> None:
        """Replace the text of a message of ours; its attachments stay (trap 14).

        May be repeated without harm.

        Raises:
            ApiError: ``max.change_refused``: after seven days, or not ours; ``max.not_found``.
        """
        body = _text(text, html=html)
        _agreed(await self._caller.call("PUT", "/messages", {"message_id": mid}, body))

    async def delete(self, mid: str) -> None:
        """Delete a message of ours. Repeated, it fails with ``max.not_found``.

        Raises:
            ApiError: ``max.change_refused``, ``max.not_found``.
        """
        _agreed(await self._caller.call("DELETE", "/messages", {"message_id": mid}))

    async def history(self, chat_id: int, *, before: int | None = None) -> list[Sent]:
        """A page of a chat's messages, newest first.

        Args:
            chat_id: The chat.
            before: Upper bound in milliseconds; the API calls it ``from`` (contract max.md 6).
        """
        page = [read_sent(each) for each in await self.messages(chat_id, before=before)]
        return [each for each in page if each is not None]

    async def messages(
        self, chat_id: int, *, before: int | None = None, count: int = HISTORY_PAGE
    ) -> list[dict[str, Any]]:
        """Return a page of a chat's messages as MAX gives them, newest first.

        The lower bound (``to``) is not used: its exact meaning was never observed, and a
        misunderstood bound would look like a chat without messages (contract max.md 6).

        Args:
            chat_id: The chat.
            before: As for :meth:`history`.
            count: Most messages, up to 100.
        """
        params: dict[str, str | int] = {"chat_id": chat_id, "count": count}
        if before is not None:
            params["from"] = before
        answer = await self._caller.call("GET", "/messages", params)
        messages = _good(read_list(answer, "messages"))
        return [each for each in messages if isinstance(each, dict)]

    async def message(self, mid: str) -> Event:
        """Return one message as an event, as if just written: with fresh links to its files.

        Raises:
            ApiError: ``max.not_found``: it was deleted, or the bot has left the chat.
        """
        answer = await self._caller.call("GET", f"/messages/{_segment(mid)}", {})
        event = parse_update({"update_type": "message_created", "message": answer})
        if not event.message.mid and event.link is None:
            raise ApiError(classify_answer(200, None))
        return event

    async def video(self, token: str) -> dict[str, str]:
        """Return links to a video's content by quality, best first; empty while MAX is still processing it.

        Only whole files are returned: ``hls`` is a list of segments.

        Raises:
            ApiError: ``max.not_found``.
        """
        answer = await self._caller.call("GET", f"/videos/{_segment(token)}", {})
        return read_films(answer.get("urls"))

    async def upload_slot(self, kind: Family) -> Slot:
        """Request an upload slot for one file.

        Raises:
            ApiError: Certain in every case: an unused slot costs nothing.
        """
        try:
            return _good(read_slot(await self._caller.call("POST", "/uploads", {"type": kind})))
        except ApiError as error:
            failure = replace(error.failure, certain=True)
            if failure.code in _NO_UPLOAD:
                detail = failure.detail
                failure = Failure("max.upload_refused", Kind.PERMANENT, True, Scope.ITEM, detail)
            raise ApiError(failure) from None

    async def chat(self, chat_id: int) -> Chat:
        """Return a chat's type and, for a dialog, the other person."""
        return _good(read_chat(await self._caller.call("GET", f"/chats/{chat_id}", {})))


def _text(text: str, *, html: bool) -> dict[str, Any]:
    return {"text": text, "format": "html"} if html else {"text": text}


def _segment(ident: str) -> str:
    """Quote an id as one segment of a path, so that its content cannot change the path."""
    if not ident.strip("."):
        raise ApiError(classify_answer(404, {"code": "not.found"}))
    return quote(ident, safe="", errors="replace")


def _agreed(answer: dict[str, Any]) -> None:
    """Check the ``success`` that MAX answers to a change (contract max.md 5.2)."""
    if answer.get("success") is not True:
        raise ApiError(classify_answer(200, None))


def _good(value: _T | None) -> _T:
    """Return the parsed value; raise for a success without it."""
    if value is None:
        raise ApiError(classify_answer(200, None))
    return value


# --- A planned message in the shape that ``POST /messages`` wants its attachments (contract max.md 5.1).


def attachments_of(part: Part) -> list[dict[str, Any]]:
    """Return the attachments of a message whose files are all uploaded."""
    attachments: list[dict[str, Any]] = [
        {"type": file.kind, "payload": {"token": file.token}} for file in part.files
    ]
    ticket = rated_by(part.button)
    if ticket is not None:
        stars = [
            {"type": "callback", "text": "⭐" * count, "payload": keys.rating(ticket, count)}
            for count in range(STARS, 0, -1)
        ]
        rows = {"buttons": [[each] for each in stars]}
        attachments.append({"type": "inline_keyboard", "payload": rows})
    elif part.button:
        button = {"type": "request_contact", "text": part.button}
        attachments.append({"type": "inline_keyboard", "payload": {"buttons": [[button]]}})
    return attachments
