"""Raw updates of MAX to events: reads whatever can be read and never raises.

maxapi's own models drop a whole message for one unknown part (contract max.md 9, trap 5), so the raw
JSON is read here, each member on its own: a member of the wrong type is as good as absent, and what
was there but could not be read is named in :attr:`Message.broken`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from maxbridge.core.events import Attachment, Event, Link, LinkKind, Message, Person, What
from maxbridge.core.text import clean

_KINDS = {
    "message_created": What.MESSAGE,
    "message_edited": What.EDITED,
    "message_removed": What.REMOVED,
    "message_callback": What.CALLBACK,
    "bot_started": What.STARTED,
    "bot_stopped": What.STOPPED,
    "dialog_removed": What.STOPPED,
}
_GROUPS = ("chat", "channel")


def canonical(raw: Any) -> str:
    """The raw update as stored: one ASCII text for equal values, lone surrogates included.

    A value nested too deeply to be written again becomes a note of that: the marker has to move on.
    """
    try:
        return json.dumps(raw, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    except (RecursionError, ValueError):
        return json.dumps({"maxbridge": "nested too deeply to be stored"})


def parse_update(raw: Any) -> Event:
    """Read one element of ``updates``.

    Args:
        raw: Any JSON value whatsoever.
    """
    if not isinstance(raw, dict):
        return Event(What.UNREADABLE, "", hash_key(raw))
    update_type = _text(raw.get("update_type"))
    what = _KINDS.get(update_type, What.OTHER)
    message = _dict(raw.get("message"))
    recipient = _dict(message.get("recipient"))
    callback = _dict(raw.get("callback"))
    chat_id = _int(recipient.get("chat_id"))
    if chat_id is None:
        chat_id = _int(raw.get("chat_id"))
    sender = _person(message.get("sender")) if what is not What.CALLBACK else None
    sender = sender or _person(callback.get("user")) or _person(raw.get("user"))
    if sender is None and (user_id := _int(raw.get("user_id"))) is not None:
        sender = Person(user_id)
    timestamp = _int(raw.get("timestamp")) or _int(message.get("timestamp")) or 0
    content = _message(message) if what in (What.MESSAGE, What.EDITED) else Message()
    removed = _text(raw.get("message_id"))
    ident = content.mid or removed or _text(callback.get("callback_id"))
    payload = removed or _text(raw.get("payload")) or _text(callback.get("payload"))
    unreadable = chat_id is None and sender is None
    if what in (What.MESSAGE, What.EDITED):
        unreadable = unreadable or (sender is None and not _is_group(recipient, raw))
    return Event(
        what=What.UNREADABLE if unreadable else what,
        update_type=update_type,
        key=_key(raw, (update_type, timestamp), ident, (chat_id, sender)),
        chat_id=chat_id,
        sender=sender,
        chat_type=_text(recipient.get("chat_type")) or _chat_type_without_recipient(raw),
        timestamp=timestamp,
        message=content,
        link=_link(message.get("link")),
        payload=payload,
    )


def _key(
    raw: dict[str, Any],
    when: tuple[str, int],
    ident: str,
    whose: tuple[int | None, Person | None],
) -> str:
    """Identity of an update (contract max.md 8: type, id, timestamp; a hash when it has no id)."""
    update_type, timestamp = when
    chat_id, sender = whose
    if update_type == "message_created" and ident:
        return f"{update_type}:{ident}"
    if update_type and timestamp and (ident or chat_id is not None):
        user = sender.user_id if sender else ""
        return f"{update_type}:{ident or chat_id}:{user}:{timestamp}"
    return hash_key(raw)


def hash_key(raw: Any) -> str:
    """Identity of an update that brings none of its own."""
    return f"raw:{hashlib.sha256(canonical(raw).encode()).hexdigest()[:32]}"


def _is_group(recipient: dict[str, Any], raw: dict[str, Any]) -> bool:
    return _text(recipient.get("chat_type")) in _GROUPS or raw.get("is_channel") is True


def _chat_type_without_recipient(raw: dict[str, Any]) -> str:
    channel = raw.get("is_channel")
    if isinstance(channel, bool):
        return "channel" if channel else "chat"
    return ""


def _message(message: dict[str, Any]) -> Message:
    """Content of a message: body, sender, attachments."""
    body = message.get("body")
    broken: list[str] = []
    if "body" in message and body is not None and not isinstance(body, dict):
        broken.append("body")
    return _content(_dict(body), _person(message.get("sender")), broken)


def _content(body: dict[str, Any], sender: Person | None, broken: list[str]) -> Message:
    text = body.get("text")
    if text is not None and not isinstance(text, str):
        broken.append("text")
    raw_attachments = body.get("attachments")
    if raw_attachments is not None and not isinstance(raw_attachments, list):
        broken.append("attachments")
    attachments = raw_attachments if isinstance(raw_attachments, list) else []
    return Message(
        mid=_text(body.get("mid")),
        text=_text(text),
        sender=sender,
        attachments=tuple(_attachment(each) for each in attachments),
        broken=tuple(broken),
    )


def _link(raw: Any) -> Link | None:
    if raw is None:
        return None
    link = _dict(raw)
    try:
        kind = LinkKind(_text(link.get("type")))
    except ValueError:
        kind = LinkKind.OTHER
    inner = link.get("message")
    broken = [] if isinstance(inner, dict) else ["message"]
    return Link(kind, _content(_dict(inner), _person(link.get("sender")), broken))


def _attachment(raw: Any) -> Attachment:
    item = _dict(raw)
    payload = _dict(item.get("payload"))
    kind = _text(item.get("type")) or "?"
    name = _text(item.get("filename")) or _text(item.get("title"))
    detail = _text(item.get("transcription"))
    if kind == "contact":
        name, detail = _contact(payload)
    elif kind == "location":
        detail = _coordinates(item)
    return Attachment(
        kind=kind,
        name=name,
        size=_int(item.get("size")),
        url=_text(payload.get("url")),
        detail=detail,
    )


def _contact(payload: dict[str, Any]) -> tuple[str, str]:
    """Name and phone of a contact card; the phone stands only in the vCard (contract max.md 4)."""
    person = _person(payload.get("max_info"))
    name, phone = person.name if person else "", ""
    for line in _text(payload.get("vcf_info")).split("\n"):
        label, _, value = line.partition(":")
        field = label.split(";")[0].strip().upper()
        if field == "TEL" and not phone:
            phone = value.strip()
        elif field == "FN" and not name:
            name = value.strip()
    return name, phone


def _coordinates(item: dict[str, Any]) -> str:
    latitude, longitude = item.get("latitude"), item.get("longitude")
    for each, bound in ((latitude, 90), (longitude, 180)):
        if isinstance(each, bool) or not isinstance(each, int | float) or abs(each) > bound:
            return ""
    return f"{latitude},{longitude}"


def _person(raw: Any) -> Person | None:
    person = _dict(raw)
    user_id = _int(person.get("user_id"))
    if user_id is None:
        return None
    return Person(
        user_id=user_id,
        first_name=_text(person.get("first_name")) or _text(person.get("name")),
        last_name=_text(person.get("last_name")),
        username=_text(person.get("username")),
        is_bot=person.get("is_bot") is True,
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def _int(value: Any) -> int | None:
    """A 64-bit integer; a bool is not a number here, and SQLite takes no longer ones."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        return None
    return value
