"""What MAX answers to the calls that are no events, as values; None for what is no such answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maxbridge.core.events import Person
from maxbridge.core.file_names import decoded_name
from maxbridge.core.text import clean
from maxbridge.max.parse import milliseconds, parse_update


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
class SentFile:
    """One attachment of a message in a chat's history.

    Attributes:
        kind: MAX's ``type``, or ``"?"``.
        name: File name; MAX keeps it for the type ``file`` only.
    """

    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message in a chat's history, or the one just sent.

    Attributes:
        mid: MAX's message id.
        text: As MAX shows it: without markup.
        sender_id: None for a channel's post.
        timestamp: Milliseconds, MAX's clock.
        files: Its attachments in order: with the text they tell which message it is.
    """

    mid: str
    text: str
    sender_id: int | None
    timestamp: int
    files: tuple[SentFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one upload (contract max.md 7).

    Attributes:
        url: Where the file goes; no token of ours may go there.
        token: What the file will be known by, for video and audio; None where the upload's answer
            tells it.
    """

    url: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """What MAX tells of a chat.

    Attributes:
        type: ``dialog``, ``chat``, ``channel`` or what else MAX says.
        title: Of a group or channel; empty for a dialog.
        user: The other side of a dialog, None when there is none or it is not told.
    """

    type: str
    title: str = ""
    user: Person | None = None


def read_me(answer: dict[str, Any]) -> Me | None:
    """Answer of ``GET /me``."""
    user_id = _int(answer.get("user_id"))
    if user_id is None:
        return None
    return Me(user_id, _text(answer.get("name")) or _text(answer.get("first_name")))


def read_list(answer: dict[str, Any], member: str) -> list[Any] | None:
    """A member that must be a list; what is in it is unjudged."""
    value = answer.get(member)
    return value if isinstance(value, list) else None


def usable_marker(value: Any) -> int | None:
    """A marker worth storing; 0 is what other clients sent when they had lost theirs."""
    return _int(value) or None


def read_sent(message: Any) -> Sent | None:
    """A message of ``POST /messages`` or of a chat's history."""
    body = message.get("body") if isinstance(message, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("mid"), str):
        return None
    text, timestamp = body.get("text"), message.get("timestamp")
    return Sent(
        mid=_text(body["mid"]),
        text=_text(text),
        sender_id=sender_of(message),
        timestamp=milliseconds(timestamp),
        files=tuple(
            SentFile(_text(each.get("type")) or "?", decoded_name(_text(each.get("filename"))))
            for each in read_list(body, "attachments") or ()
            if isinstance(each, dict)
        ),
    )


def sender_of(message: dict[str, Any]) -> int | None:
    """Who wrote a message; None where MAX does not tell."""
    sender = message.get("sender")
    return _int(sender.get("user_id")) if isinstance(sender, dict) else None


def read_films(urls: Any) -> dict[str, str]:
    """Links by quality, best first, of ``GET /videos``; null stands for what is not ready."""
    found = urls if isinstance(urls, dict) else {}
    films = {name: _text(url) for name, url in found.items() if _lines(name) and _text(url)}
    return dict(sorted(films.items(), key=lambda film: -_lines(film[0])))


def _lines(quality: str) -> int:
    """Height of a film by its name: ``mp4_720`` has 720 lines; 0 for what is no film."""
    prefix, _, lines = quality.partition("_")
    return int(lines) if prefix == "mp4" and lines.isdecimal() and len(lines) < 6 else 0


def read_slot(answer: dict[str, Any]) -> Slot | None:
    """Answer of ``POST /uploads``."""
    url = _text(answer.get("url"))
    return Slot(url, _text(answer.get("token")) or None) if url else None


def read_chat(answer: dict[str, Any]) -> Chat | None:
    """Answer of ``GET /chats/{id}``."""
    kind = _text(answer.get("type"))
    # The other side of a dialog is told as the user of an event is.
    user = parse_update({"user": answer.get("dialog_with_user")}).sender
    return Chat(kind, _text(answer.get("title")), user) if kind else None


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def _int(value: Any) -> int | None:
    """A 64-bit integer; a bool is not a number here, and SQLite takes no longer ones."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        return None
    return value
