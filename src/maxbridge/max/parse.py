"""Parse MAX's raw updates into events; reads whatever is readable and never raises.

maxapi's own models drop a whole message because of one unknown part (contract max.md 9, trap 5), so
the raw JSON is parsed here, each member separately: a member of the wrong type counts as absent,
and unreadable parts are named in :attr:`Message.broken`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from maxbridge.core import keys
from maxbridge.core.events import Attachment, Event, Link, LinkKind, Mark, Message, Person, What
from maxbridge.core.file_names import decoded_name
from maxbridge.core.text import clean, cleaned_offsets, int_in, text_in
from maxbridge.max.vcard import read_cards

_KINDS = {
    "message_created": What.MESSAGE,
    "message_edited": What.EDITED,
    "message_removed": What.REMOVED,
    "message_callback": What.CALLBACK,
    "bot_started": What.STARTED,
    "bot_stopped": What.STOPPED,
    "dialog_removed": What.STOPPED,
    "bot_added": What.STARTED,
    "bot_removed": What.STOPPED,
    "bot_admin_permissions_changed": What.RIGHTS,
}
_MANY_PEOPLE = frozenset({"chat", "channel"})
_NUMBER = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,9})?")
_DEGREES = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,20})?")
_LEAST_MILLISECONDS = 10**11
_LEAST_MICROSECONDS = 10**14
_READS = "read_all_messages"
"""The right without which the bot gets no messages of a group (contract max.md 0)."""


def canonical(raw: Any) -> str:
    """Return the raw update as stored: the same ASCII text for equal values, lone surrogates included.

    A value nested too deeply to be serialised is replaced by a note, because the marker must move
    on.
    """
    try:
        return json.dumps(raw, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    except (RecursionError, ValueError):
        return json.dumps({"maxbridge": "nested too deeply to be stored"})


def parse_update(raw: Any) -> Event:
    """Parse one element of ``updates``.

    Args:
        raw: Any JSON value.
    """
    if not isinstance(raw, dict):
        return Event(What.UNREADABLE, "", hash_key(raw))
    message = _dict(raw.get("message"))
    recipient = _dict(message.get("recipient"))
    update_type = text_in(raw.get("update_type"))
    if update_type not in _KINDS and _is_whole(message):
        update_type = _what_it_is(update_type)
    what = _KINDS.get(update_type, What.OTHER)
    callback = _dict(raw.get("callback"))
    chat_id = int_in(recipient.get("chat_id"))
    if chat_id is None:
        chat_id = int_in(raw.get("chat_id"))
    sender = _person(message.get("sender")) if what is not What.CALLBACK else None
    sender = sender or _person(callback.get("user")) or _person(raw.get("user"))
    if sender is None and (user_id := int_in(raw.get("user_id"))) is not None:
        sender = Person(user_id)
    timestamp = milliseconds(raw.get("timestamp")) or milliseconds(message.get("timestamp"))
    worded = what in (What.MESSAGE, What.EDITED)
    content = _message(message) if worded else Message()
    removed = text_in(raw.get("message_id"))
    if what is What.REMOVED:
        removed = removed or text_in(_dict(message.get("body")).get("mid"))
    ident = content.mid or removed or text_in(callback.get("callback_id"))
    payload = removed or text_in(raw.get("payload")) or text_in(callback.get("payload"))
    chat_type = _chat_type(raw, recipient)
    unreadable = chat_id is None and sender is None
    if worded:
        unreadable = unreadable or (sender is None and chat_type not in _MANY_PEOPLE)
    return Event(
        what=What.UNREADABLE if unreadable else what,
        update_type=update_type,
        key=_key(raw, (update_type, timestamp), ident, (chat_id, sender)),
        chat_id=chat_id,
        sender=sender,
        chat_type=chat_type,
        timestamp=timestamp,
        message=content,
        link=_link(message.get("link")) if worded else None,
        payload=payload,
        button=_button(message, payload) if what is What.CALLBACK else "",
        is_deaf=what is What.RIGHTS and not _hears(raw),
    )


def _is_whole(message: dict[str, Any]) -> bool:
    """Whether an event has all parts of a message: who wrote what to whom. A comment has not."""
    recipient = _dict(message.get("recipient"))
    written = bool(_dict(message.get("sender")) and recipient) and "body" in message
    return written and recipient.get("post_id") is None


def _what_it_is(update_type: str) -> str:
    """Return the known event type of an unknown one with a whole message.

    MAX adds event types without notice. If it is no new message, its id is that of a known message,
    and it is skipped as a duplicate.
    """
    if "edit" in update_type:
        return "message_edited"
    return "message_removed" if "remov" in update_type else "message_created"


def _hears(raw: dict[str, Any]) -> bool:
    """Whether the bot may read a group, according to an event about its rights."""
    permissions = raw.get("permissions")
    if not isinstance(permissions, list):
        # Without a list there is none: it is no administrator (any more), unless it says so.
        return raw.get("is_admin") is True
    return _READS in permissions and raw.get("is_admin") is not False


def _key(
    raw: dict[str, Any],
    when: tuple[str, int],
    ident: str,
    whose: tuple[int | None, Person | None],
) -> str:
    """Return an update's identity (contract max.md 8: type, id, timestamp; a hash if it has no id)."""
    update_type, timestamp = when
    chat_id, sender = whose
    if update_type == "message_created" and ident:
        return keys.message(ident)
    if update_type and timestamp and (ident or chat_id is not None):
        user = sender.user_id if sender else ""
        return keys.event(update_type, ident or chat_id or 0, user, timestamp)
    return hash_key(raw)


def hash_key(raw: Any) -> str:
    """Return the identity of an update that has none of its own."""
    return keys.raw(hashlib.sha256(canonical(raw).encode()).hexdigest()[:32])


def _chat_type(raw: dict[str, Any], recipient: dict[str, Any]) -> str:
    """Return the kind of chat: only ``chat`` and ``channel`` have many people (contract max.md 3.1).

    Any other type counts as a dialog with one person, unless it has no other person
    (``recipient.user_id``) and the id of a group.
    """
    if recipient.get("post_id") is not None or raw.get("post_id") is not None:
        return "channel"  # a comment under a post
    told = text_in(recipient.get("chat_type")) or text_in(raw.get("chat_type"))
    if not told:
        channel = raw.get("is_channel")
        return ("channel" if channel else "chat") if isinstance(channel, bool) else ""
    chat_id = int_in(recipient.get("chat_id")) or 0
    is_known = told in _MANY_PEOPLE or told == "dialog"
    return "chat" if not is_known and recipient.get("user_id") is None and chat_id < 0 else told


def _message(message: dict[str, Any]) -> Message:
    """Parse a message's content: body, sender, attachments."""
    body = message.get("body")
    broken: list[str] = []
    if "body" in message and body is not None and not isinstance(body, dict):
        broken.append("body")
    content = _content(_dict(body), _person(message.get("sender")), broken)
    return replace(content, timestamp=milliseconds(message.get("timestamp")))


def _content(body: dict[str, Any], sender: Person | None, broken: list[str]) -> Message:
    text = body.get("text")
    if text is not None and not isinstance(text, str):
        broken.append("text")
    raw_attachments = body.get("attachments")
    if raw_attachments is not None and not isinstance(raw_attachments, list):
        broken.append("attachments")
    return Message(
        mid=text_in(body.get("mid")),
        text=text_in(text),
        sender=sender,
        attachments=tuple(_attachment(each) for each in _list(raw_attachments)),
        broken=tuple(broken),
        markup=_marks(body.get("markup"), text),
    )


def _marks(raw: Any, text: Any) -> tuple[Mark, ...]:
    """Parse formatting. MAX's offsets refer to its text, ours to the cleaned one."""
    if not _list(raw) or not isinstance(text, str):
        return ()
    offsets = cleaned_offsets(text)
    marks = []
    for item in map(_dict, _list(raw)):
        start, length = int_in(item.get("from")), int_in(item.get("length"))
        if start is None or length is None:
            continue
        first, last = (
            offsets[min(max(place, 0), len(offsets) - 1)] for place in (start, start + length)
        )
        if first < last:
            kind, url = text_in(item.get("type")), text_in(item.get("url"))
            marks.append(Mark(kind, first, last - first, url))
    return tuple(marks)


def _button(message: dict[str, Any], payload: str) -> str:
    """Return the label of the pressed button: the one of the message's buttons with this payload."""
    words = {
        text_in(button.get("text"))
        for item in map(_dict, _list(_dict(message.get("body")).get("attachments")))
        for row in _list(_dict(item.get("payload")).get("buttons"))
        for button in map(_dict, _list(row))
        if payload and text_in(button.get("payload")) == payload
    }
    return words.pop() if len(words) == 1 else ""


def _link(raw: Any) -> Link | None:
    if raw is None:
        return None
    link = _dict(raw)
    try:
        kind = LinkKind(text_in(link.get("type")))
    except ValueError:
        kind = LinkKind.OTHER
    inner = link.get("message")
    broken = [] if isinstance(inner, dict) else ["message"]
    return Link(kind, _content(_dict(inner), _person(link.get("sender")), broken))


def _attachment(raw: Any) -> Attachment:
    item = _dict(raw)
    payload = _dict(item.get("payload"))
    kind = text_in(item.get("type")) or "?"
    if kind == "contact":
        return _contact(payload)
    detail = {
        "audio": text_in(item.get("transcription")),
        "location": _coordinates(item),
        "share": text_in(item.get("description")),
    }
    return Attachment(
        kind=kind,
        name=_name(item.get("filename")) or text_in(item.get("title")),
        size=int_in(item.get("size")),
        url=text_in(payload.get("url")),
        detail=detail.get(kind, ""),
        token=text_in(payload.get("token")),
        seconds=_seconds(item.get("duration")),
    )


def _contact(payload: dict[str, Any]) -> Attachment:
    """Parse a contact; its numbers are only in the vCard (contract max.md 4)."""
    person = _person(payload.get("max_info"))
    vcf = payload.get("vcf_info")
    vcf = vcf if isinstance(vcf, str) else ""
    cards, more = read_cards(vcf)
    phones = tuple(dict.fromkeys(phone for card in cards for phone in card.phones))
    return Attachment(
        kind="contact",
        name=(person.name if person else "") or (cards[0].name if cards else ""),
        detail=phones[0] if phones else "",
        user_id=person.user_id if person else None,
        vcf=vcf,
        signature=text_in(payload.get("hash")),
        phones=phones,
        cards=cards,
        more_cards=more,
    )


def _coordinates(item: dict[str, Any]) -> str:
    """Return ``latitude,longitude`` in plain digits; empty if not on Earth."""
    places = []
    for given, bound in ((item.get("latitude"), 90), (item.get("longitude"), 180)):
        each = float(given) if isinstance(given, str) and _DEGREES.fullmatch(given) else given
        # Not "abs(each) > bound": that is false for what is no number at all.
        if not isinstance(each, int | float) or isinstance(each, bool) or not abs(each) <= bound:
            return ""
        digits = f"{each:.6f}".rstrip("0").rstrip(".")  # six are less than a metre
        places.append("0" if digits == "-0" else digits)
    return ",".join(places)


def _seconds(value: Any) -> float | None:
    """Return a duration as MAX gave it; its unit is unclear (contract max.md 4)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**63:
        return None
    return float(value)


def milliseconds(value: Any) -> int:
    """Convert MAX's moment, in seconds or milliseconds, to milliseconds; 0 if there is none.

    The two are told apart by size: milliseconds before 1973 and seconds after 5138 do not occur.
    """
    if isinstance(value, str):
        value = _written_moment(value)
    if isinstance(value, float) and abs(value) < 2**63:
        value = int(value * 1000) if value < _LEAST_MILLISECONDS else int(value)
    moment = int_in(value) or 0
    if 0 < moment < _LEAST_MILLISECONDS:
        return moment * 1000
    while moment >= _LEAST_MICROSECONDS:  # micro- or nanoseconds
        moment //= 1000
    return moment if moment > -_LEAST_MILLISECONDS else 0


def _written_moment(value: str) -> float | None:
    """Parse a moment sent as text: a number, or an ISO 8601 date (UTC by default)."""
    if _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    try:
        moment = datetime.fromisoformat(value)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _person(raw: Any) -> Person | None:
    person = _dict(raw)
    user_id = int_in(person.get("user_id"))
    if user_id is None:
        return None
    return Person(
        user_id=user_id,
        first_name=text_in(person.get("first_name")) or text_in(person.get("name")),
        last_name=text_in(person.get("last_name")),
        username=text_in(person.get("username")),
        is_bot=person.get("is_bot") is True,
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(value: Any) -> str:
    """Return a file's name, decoded before cleaning, because cleaning would remove characters of a garbled name."""
    return clean(decoded_name(value)) if isinstance(value, str) else ""
