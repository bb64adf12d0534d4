"""Every key, built and read here only: what a delivery is known by, what people call it, names of single rows.

A key is the identity of a delivery: the same one twice is one delivery. It begins with a word for what the
delivery is, and goes on with what it is about. Keys outlive texts, so no part of a key is anybody's words. Keys
in databases of older versions are of the same form: a form that is changed here needs a migration.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 512
"""Characters of a key that are kept; MAX's ids are an eighth of that."""
BEHIND: Final = "\uffff"
"""Sorts behind every character that a key has."""

# --- events of MAX (contract max.md 8) ---------------------------------------------------------------

_MESSAGE: Final = "message_created"
_EDITED: Final = "message_edited"
_MID = re.compile(r"mid\.[0-9a-f]{32}")
_STAMP = re.compile(r":(\d{12,14})$")


def message(mid: str) -> str:
    """A customer's message, by MAX's id of it."""
    return f"{_MESSAGE}:{mid}"


def event(update_type: str, about: str | int, user_id: int | str, timestamp: int) -> str:
    """Another event: an edit is about a message, a start about a chat.

    Args:
        update_type: MAX's word.
        about: MAX's id of the message, or the chat.
        user_id: Who did it; empty when nobody can say.
        timestamp: MAX's time, in milliseconds.
    """
    return f"{update_type}:{about}:{user_id}:{timestamp}"


def raw(digest: str) -> str:
    """An event that has no identity of its own, by a hash of all that it says."""
    return f"raw:{digest}"


def edits(mid: str) -> tuple[str, str]:
    """Between these two are the keys of all edits of a message."""
    first = f"{_EDITED}:{mid}:"
    return first, first + BEHIND


def mid_of(key: str) -> str:
    """MAX's id of the message of a message or of an edit; empty for everything else."""
    kind, _, rest = key.partition(":")
    if kind == _MESSAGE:
        return rest
    return rest.rsplit(":", 2)[0] if kind == _EDITED else ""


def edited_at(key: str) -> int:
    """MAX's time of an edit in milliseconds; 0 for what is none."""
    kind, _, rest = key.partition(":")
    when = rest.rpartition(":")[2]
    return int(when) if kind == _EDITED and when.isdecimal() else 0


def stamp_of(key: str) -> int | None:
    """MAX's time, in milliseconds, of every event but a new message; None where a key has none."""
    found = _STAMP.search(key)
    return None if found is None else int(found[1])


def mid_in(key: str) -> str | None:
    """MAX's id of a message, wherever a key names one."""
    found = _MID.search(key)
    return None if found is None else found[0]


def stored(key: str) -> str:
    """As the inbox keeps it."""
    return key[:LONGEST]


# --- markers: which thread of the desk was made of what ----------------------------------------------

_FURTHER = re.compile(r"\+\d+$")


def further(key: str, covered: int) -> str:
    """A further thread of a message, with more of its files; the first one has the key alone.

    Args:
        key: MAX's id of the message, or the key of the delivery.
        covered: How many of its files the threads before carried.
    """
    return f"{key}+{covered}" if covered else key


def first_of(key: str) -> str:
    """The key without the count of files."""
    return _FURTHER.sub("", key)


def is_message_id(mark: str) -> bool:
    """Is what a marker says MAX's id of a message? Edits, pressed buttons and the like are marked by their key."""
    return ":" not in mark


# --- what goes to MAX --------------------------------------------------------------------------------

_REPLY: Final = "thread"
REPLIES: Final = f"{_REPLY}:%"
"""For LIKE: agents' replies; nothing else is a question to the customer."""
_KINDS: Final = {
    _REPLY: "reply",
    "edit": "edit",
    "greeting": "greeting",
    "tell": "notice",
    "alert": "alert",
    "privacy": "privacy",
    "accepted": "accepted",
    "away": "away",
    "closed": "closed",
    "thanks": "thanks",
    "answer": "answer",
}
_SENTENCES: Final = frozenset({"tell", "privacy", "accepted", "away", "closed", "thanks", "answer"})
_LIVES: Final = {
    "accepted": 86400.0,
    "away": 1800.0,
    "closed": 86400.0,
    "thanks": 3600.0,
    "answer": 600.0,
}
"""Seconds for which the bot's own sentences make sense."""


def reply(thread_id: int, revision: int) -> str:
    """An agent's reply; one that was taken back and sent again has another revision."""
    return f"{_REPLY}:{thread_id}:{revision}"


def edit(thread_id: int, count: int) -> str:
    """An agent's edit of a reply, by how many deliveries were made of the thread before."""
    return f"edit:{thread_id}:{count}"


def greeting(start: str) -> str:
    """The answer to a customer's start of the bot, by the key of that."""
    return f"greeting:{start}"


def notice(chat_id: int, now: float) -> str:
    """What a customer is told at most once an hour, by our clock."""
    return f"tell:{chat_id}:{now // 3600:.0f}"


def privacy(chat_id: int) -> str:
    """The notice about personal data."""
    return f"privacy:{chat_id}"


def is_privacy(key: str) -> bool:
    """Is this the notice about personal data?"""
    return word(key) == "privacy"


def is_sentence(key: str) -> bool:
    """Is this a sentence of the bot's own that may be asked for again, but is told once?"""
    return word(key) in _SENTENCES


def accepted(conversation_id: int) -> str:
    """A customer's ticket was opened."""
    return f"accepted:{conversation_id}"


def answer(chat_id: int, command: str, now: float) -> str:
    """The answer to a customer's command: once a minute is often enough."""
    return f"answer:{chat_id}:{command}:{now // 60:.0f}"


def closed(conversation_id: int, at: float) -> str:
    """Agents have closed a ticket, by the desk's time of that."""
    return f"closed:{conversation_id}:{at:.0f}"


def closed_ones(conversation_id: int) -> tuple[str, str]:
    """Between these two is whatever was said of a ticket's ends: ``;`` follows ``:``."""
    return f"closed:{conversation_id}:", f"closed:{conversation_id};"


def thanks(conversation_id: int) -> str:
    """A customer has rated a ticket: thanks."""
    return f"thanks:{conversation_id}"


def rated(conversation_id: int) -> str:
    """A note with the stars that a customer gave."""
    return f"rated:{conversation_id}"


def rated_ticket(note_key: str) -> int | None:
    """The ticket of which a note tells the rating; None for every other note."""
    found = _RATED.fullmatch(note_key)
    return None if found is None else int(found[1])


_STARS = re.compile(r"maxbridge:rating:(\d{1,18}):([1-5])")


def rating(conversation_id: int, stars: int) -> str:
    """What a button says that rates a ticket."""
    return f"maxbridge:rating:{conversation_id}:{stars}"


def read_rating(payload: str) -> tuple[int, int] | None:
    """The ticket and the stars of a pressed button; None when it is none of ours."""
    found = _STARS.fullmatch(payload)
    return None if found is None else (int(found[1]), int(found[2]))


def away(conversation_id: int, *, since: int, until: int) -> str:
    """Nobody is there: once for a ticket and the time between two openings.

    Args:
        conversation_id: The ticket.
        since: When the last one left, seconds; 0 when nobody ever was there.
        until: When somebody comes, seconds; 0 when nobody ever does.
    """
    return f"away:{conversation_id}:{since}:{until}"


def ticket_of(key: str) -> int | None:
    """The ticket of a sentence that is true for a while only, such as that it is closed; None for every other key."""
    kind, number, *_ = f"{key}::".split(":")
    return int(number) if kind in ("away", "closed") else None


def stale_at(key: str, made_at: float) -> float | None:
    """When a sentence of the bot's own has lost its sense, our clock; None for what never does.

    Args:
        key: The delivery.
        made_at: When it was queued.
    """
    lifetime = _LIVES.get(word(key))
    if lifetime is None:
        return None
    until = int(key.rpartition(":")[2]) if word(key) == "away" else 0
    return min(made_at + lifetime, until) if until else made_at + lifetime


def alert(trouble: str, since: float, *, over: bool) -> str:
    """What the administrator is told of a trouble, by when that began, our clock."""
    return f"alert:{trouble}:{since:.0f}:{'over' if over else 'begun'}"


def known_message(chat_id: int) -> str:
    """The newest message of another program in a chat that was taken over."""
    return f"relinked:{chat_id}"


def is_reply(key: str) -> bool:
    """Is this an agent's reply (and no edit of one)?"""
    return key.startswith(f"{_REPLY}:")


def kind_to_max(key: str) -> str:
    """What goes to MAX, in a word for the log and the counts."""
    return _KINDS.get(word(key), "other")


def word(key: str) -> str:
    """What a key begins with."""
    return key.partition(":")[0]


# --- what goes to the desk besides events ------------------------------------------------------------

_NOTE: Final = "note"
NOTES: Final = f"{_NOTE}:"
"""How notes begin."""
_LATE: Final = "late"
_RATED = re.compile(rf"{NOTES}rated:(\d{{1,18}})")
_GIVEN_UP = re.compile(rf"{NOTES}(?:(?:bounce|held):{_REPLY}:(\d+):\d+|(?:skipped|relink):(\d+))")
LATE_NOTES: Final = f"{NOTES}{_LATE}:"
"""How notes about late replies begin: the ticket and the reply follow."""


def phone(key: str) -> str:
    """A number for the customer's card, by the key of the message that shared it."""
    return f"phone:{key}"


def note(about: str) -> str:
    """A private note, by what it is about: one of the functions below."""
    return f"{NOTES}{about}"


def is_about(note_key: str, key: str) -> bool:
    """Is a note about this delivery?"""
    about = f":{key}"
    return note_key.endswith(about) or f"{about}:" in note_key


def late(conversation_id: int, reply_key: str) -> str:
    """A reply is late."""
    return f"{_LATE}:{conversation_id}:{reply_key}"


def late_notes_of(conversation_id: int) -> tuple[str, str]:
    """Between these two are a ticket's notes about late replies: ``;`` follows ``:``."""
    return f"{LATE_NOTES}{conversation_id}:", f"{LATE_NOTES}{conversation_id};"


def is_late_note(key: str) -> bool:
    """Is this a note about a late reply, which loses its sense when the reply leaves?"""
    return key.startswith(LATE_NOTES)


def late_reply_of(note_key: str) -> str:
    """The late reply that a note is about."""
    return note_key.removeprefix(LATE_NOTES).partition(":")[2]


def held(key: str) -> str:
    """A delivery is held."""
    return f"held:{key}"


def bounce(key: str) -> str:
    """A reply was given back."""
    return f"bounce:{key}"


def reply_given_up(note_key: str) -> int | None:
    """The thread of a reply of which a note says that it did not, or may not, reach the customer."""
    found = _GIVEN_UP.fullmatch(note_key)
    return None if found is None else int(found[1] or found[2])


def not_edited(key: str) -> str:
    """A message of MAX's could not be changed."""
    return f"edit:{key}"


def edit_refused(thread_id: int, body_hash: str) -> str:
    """An agent's edit of these words does not reach the customer."""
    return f"edit:{thread_id}:{body_hash}"


def file_lost(key: str, file: str) -> str:
    """A file of a reply stays behind."""
    return f"file:{key}:{file}"


def files_lost(key: str, covered: int) -> str:
    """The desk did not keep files of a message."""
    return f"lost:{key}:{covered}"


def rights(key: str) -> str:
    """The bot's rights in a group have changed, by the key of the event."""
    return f"rights:{key}"


def skipped(thread_id: int) -> str:
    """A thread is not for the customer."""
    return f"skipped:{thread_id}"


def blocked(chat_id: int, at: float) -> str:
    """A customer has stopped the bot, by the time of that, our clock."""
    return f"blocked:{chat_id}:{at:.0f}"


def flood(chat_id: int, item_id: int) -> str:
    """Messages of a chat are put aside, from this item of the inbox on."""
    return f"flood:{chat_id}:{item_id}"


def followed(conversation_id: int, by: int) -> str:
    """A ticket got too long, and another one follows it."""
    return f"followed:{conversation_id}:{by}"


def unlinked(conversation_id: int, now: float) -> str:
    """The administrator took a ticket from its chat."""
    return f"unlinked:{conversation_id}:{now:.0f}"


_UNREADABLE: Final = "unreadable:"


def unreadable(conversation_id: int, since: float) -> str:
    """The desk does not give a ticket, since a desk time."""
    return f"{_UNREADABLE}{conversation_id}:{since:.0f}"


def is_unreadable_note(key: str) -> bool:
    """Does this note say that its ticket cannot be read?"""
    return key.startswith(f"{NOTES}{_UNREADABLE}")


def adopted(conversation_id: int) -> str:
    """A ticket that an agent began goes to MAX from now on."""
    return f"adopted:{conversation_id}"


def merged(deleted: int, survivor: int) -> str:
    """Replies in the survivor of a merge do not arrive."""
    return f"merged:{deleted}:{survivor}"


def of_two_bots(deleted: int, survivor: int) -> str:
    """A merge made one ticket of two bots' tickets."""
    return f"bots:{deleted}:{survivor}"


def awaited(conversation_id: int) -> str:
    """The chat of a ticket's customer is not known yet."""
    return f"awaited:{conversation_id}"


def unclear(conversation_id: int) -> str:
    """Two chats have a ticket's customer."""
    return f"unclear:{conversation_id}"


def not_taken_over(thread_id: int) -> str:
    """A reply that no program carried, found when a talk was taken over."""
    return f"relink:{thread_id}"


# --- what people call a delivery ---------------------------------------------------------------------

TO_DESK: Final = "in"
TO_MAX: Final = "out"
_NAME = re.compile(f"({TO_DESK}|{TO_MAX})-([0-9]{{1,20}})")


def name(which: str, item_id: int) -> str:
    """What ``maxbridge queue`` calls an item of the inbox (``TO_DESK``) or of the outbox (``TO_MAX``)."""
    return f"{which}-{item_id}"


def read_name(name: str) -> tuple[str, int] | None:
    """Which queue (``TO_DESK`` or ``TO_MAX``), and which item; None when it is no such name."""
    found = _NAME.fullmatch(name)
    return None if found is None else (found[1], int(found[2]))


# --- names of single rows that one module writes and another reads -----------------------------------

MARKER: Final = "max"
"""In ``marker``: MAX's, and when it was stored."""
DESK_MARKER: Final = "desk"
"""In ``marker``: desk time up to which the list of changes was followed."""
ASIDE: Final = "aside:"
"""In ``marker``, followed by a conversation's id: desk time from which on its words are news; it could not be
looked at, and since when that is so."""
GAP: Final = "gap"
"""In ``meta``: the last gap, as JSON of a :class:`maxbridge.store.snapshot.GapRecord`."""
DEAF: Final = "deaf:"
"""In ``meta``, followed by the chat's id: ``yes`` while the bot may not read a group."""
RIGHTS_AT: Final = "rights_at:"
"""In ``meta``, followed by the chat's id: MAX's time of the newest event about the bot's rights in a group, in ms."""
STARTED: Final = "started"
"""In ``meta``: ``yes`` once it is decided what becomes of MAX's events of before the first start."""
SKIP: Final = "skip_backlog"
"""In ``meta``: ``yes`` while they are passed over."""
ALERTS: Final = "alerts"
"""In ``meta``: the administrator's troubles, told or not yet, as JSON."""
CERTIFICATE: Final = "certificate:"
"""In ``meta``, followed by the kind, a colon and the name: JSON of a
:class:`maxbridge.store.certificates.Certificate`'s times."""


def deaf(chat_id: int) -> str:
    """The row of a group that the bot may not read."""
    return f"{DEAF}{chat_id}"


def rights_at(chat_id: int) -> str:
    """The row of the time from which on the bot's rights in a group are known."""
    return f"{RIGHTS_AT}{chat_id}"


def certificate(kind: str, name: str) -> str:
    """The row of a certificate."""
    return f"{CERTIFICATE}{kind}:{name}"


def read_certificate(key: str) -> tuple[str, str]:
    """The kind and the name of a certificate, by its row."""
    kind, _, name = key.removeprefix(CERTIFICATE).partition(":")
    return kind, name
