"""Build and parse every key: identities of deliveries, names for people, names of single rows.

A key identifies a delivery: queueing the same key twice makes one delivery. It begins with a word
for the kind and goes on with what it is about. Keys outlive texts, so they contain no one's words.
Databases of older versions contain keys of the same form: changing a form needs a migration.
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
    """Key of a customer's message, by MAX's message id."""
    return f"{_MESSAGE}:{mid}"


def event(update_type: str, about: str | int, user_id: int | str, timestamp: int) -> str:
    """Key of any other event: an edit is about a message, a start about a chat.

    Args:
        update_type: MAX's type.
        about: MAX's message id, or the chat.
        user_id: Who caused it; empty if unknown.
        timestamp: MAX's time, in milliseconds.
    """
    return f"{update_type}:{about}:{user_id}:{timestamp}"


def raw(digest: str) -> str:
    """Key of an event without an identity, by a hash of its content."""
    return f"raw:{digest}"


def edits(mid: str) -> tuple[str, str]:
    """Return the bounds of the keys of all edits of a message."""
    first = f"{_EDITED}:{mid}:"
    return first, first + BEHIND


def mid_of(key: str) -> str:
    """Return MAX's message id of a message or an edit; empty for any other key."""
    kind, _, rest = key.partition(":")
    if kind == _MESSAGE:
        return rest
    return rest.rsplit(":", 2)[0] if kind == _EDITED else ""


def edited_at(key: str) -> int:
    """Return MAX's time of an edit in milliseconds; 0 if it is not an edit."""
    kind, _, rest = key.partition(":")
    when = rest.rpartition(":")[2]
    return int(when) if kind == _EDITED and when.isdecimal() else 0


def stamp_of(key: str) -> int | None:
    """Return MAX's time in milliseconds of any event but a new message; None if the key has none."""
    found = _STAMP.search(key)
    return None if found is None else int(found[1])


def mid_in(key: str) -> str | None:
    """Return MAX's message id anywhere in a key, or None."""
    found = _MID.search(key)
    return None if found is None else found[0]


def stored(key: str) -> str:
    """Return a key as the inbox stores it."""
    return key[:LONGEST]


# --- markers: which thread of the desk was made of what ----------------------------------------------

_FURTHER = re.compile(r"\+\d+$")


def further(key: str, covered: int) -> str:
    """Key of a further thread of a message, with more of its files; the first thread has the plain key.

    Args:
        key: MAX's message id, or the delivery's key.
        covered: How many of its files the previous threads brought.
    """
    return f"{key}+{covered}" if covered else key


def first_of(key: str) -> str:
    """Return the key without the count of files."""
    return _FURTHER.sub("", key)


def is_message_id(mark: str) -> bool:
    """Whether a marker's content is MAX's message id. Edits, pressed buttons and the like are marked by their key."""
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
    """Key of an agent's reply; a reply that was undone and sent again has another revision."""
    return f"{_REPLY}:{thread_id}:{revision}"


def edit(thread_id: int, count: int) -> str:
    """Key of an agent's edit of a reply, by how many deliveries of the thread preceded it."""
    return f"edit:{thread_id}:{count}"


def greeting(start: str) -> str:
    """Key of the answer to a customer's start of the bot, by the start's key."""
    return f"greeting:{start}"


def notice(chat_id: int, now: float) -> str:
    """Key of a notice that a customer gets at most once an hour (our clock)."""
    return f"tell:{chat_id}:{now // 3600:.0f}"


def privacy(chat_id: int) -> str:
    """Key of the privacy notice."""
    return f"privacy:{chat_id}"


def is_privacy(key: str) -> bool:
    """Whether it is the key of the privacy notice."""
    return word(key) == "privacy"


def is_sentence(key: str) -> bool:
    """Whether it is an automatic message that may be requested again but is sent once."""
    return word(key) in _SENTENCES


def accepted(conversation_id: int) -> str:
    """Key of the message that a ticket was opened."""
    return f"accepted:{conversation_id}"


def answer(chat_id: int, command: str, now: float) -> str:
    """Key of the answer to a customer's command: at most one a minute."""
    return f"answer:{chat_id}:{command}:{now // 60:.0f}"


def closed(conversation_id: int, at: float) -> str:
    """Key of the message that a ticket was closed at this desk time."""
    return f"closed:{conversation_id}:{at:.0f}"


def closed_ones(conversation_id: int) -> tuple[str, str]:
    """Return the bounds of the keys about a ticket's closing: ``;`` follows ``:``."""
    return f"closed:{conversation_id}:", f"closed:{conversation_id};"


def thanks(conversation_id: int) -> str:
    """Key of the thanks for a rating."""
    return f"thanks:{conversation_id}"


def rated(conversation_id: int) -> str:
    """Key of the note with a customer's rating."""
    return f"rated:{conversation_id}"


def rated_ticket(note_key: str) -> int | None:
    """Return the ticket of a rating note's key; None for any other note."""
    found = _RATED.fullmatch(note_key)
    return None if found is None else int(found[1])


_STARS = re.compile(r"maxbridge:rating:(\d{1,18}):([1-5])")


def rating(conversation_id: int, stars: int) -> str:
    """Return the payload of a rating button."""
    return f"maxbridge:rating:{conversation_id}:{stars}"


def read_rating(payload: str) -> tuple[int, int] | None:
    """Return the ticket and the stars of a button's payload; None if it is not a rating button."""
    found = _STARS.fullmatch(payload)
    return None if found is None else (int(found[1]), int(found[2]))


def away(conversation_id: int, *, since: int, until: int) -> str:
    """Key of the out-of-hours message: once per ticket and closed period.

    Args:
        conversation_id: The ticket.
        since: When the desk closed, in seconds; 0 if it was never open.
        until: When it opens, in seconds; 0 if it never does.
    """
    return f"away:{conversation_id}:{since}:{until}"


def ticket_of(key: str) -> int | None:
    """Return the ticket of a message that is true only for a while (such as "closed"); None for any other key."""
    kind, number, *_ = f"{key}::".split(":")
    return int(number) if kind in ("away", "closed") else None


def stale_at(key: str, made_at: float) -> float | None:
    """Return when an automatic message has become pointless, our clock; None if it never does.

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
    """Key of an alert to the administrator, by the trouble and when it began (our clock)."""
    return f"alert:{trouble}:{since:.0f}:{'over' if over else 'begun'}"


def known_message(chat_id: int) -> str:
    """Key of another program's newest message in a chat that was taken over."""
    return f"relinked:{chat_id}"


def is_reply(key: str) -> bool:
    """Whether it is an agent's reply (not an edit of one)."""
    return key.startswith(f"{_REPLY}:")


def kind_to_max(key: str) -> str:
    """Return the kind of a delivery to MAX, for the log and the counters."""
    return _KINDS.get(word(key), "other")


def word(key: str) -> str:
    """Return the first word of a key."""
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
    """Key of a phone number for the customer record, by the key of the message that shared it."""
    return f"phone:{key}"


def note(about: str) -> str:
    """Key of a private note, by its subject: the result of one of the functions below."""
    return f"{NOTES}{about}"


def is_about(note_key: str, key: str) -> bool:
    """Whether a note is about this delivery."""
    about = f":{key}"
    return note_key.endswith(about) or f"{about}:" in note_key


def late(conversation_id: int, reply_key: str) -> str:
    """Subject of a note: a reply is late."""
    return f"{_LATE}:{conversation_id}:{reply_key}"


def late_notes_of(conversation_id: int) -> tuple[str, str]:
    """Return the bounds of a ticket's keys of notes about late replies: ``;`` follows ``:``."""
    return f"{LATE_NOTES}{conversation_id}:", f"{LATE_NOTES}{conversation_id};"


def is_late_note(key: str) -> bool:
    """Whether it is a note about a late reply; such a note is pointless once the reply is sent."""
    return key.startswith(LATE_NOTES)


def late_reply_of(note_key: str) -> str:
    """Return the late reply that a note is about."""
    return note_key.removeprefix(LATE_NOTES).partition(":")[2]


def held(key: str) -> str:
    """Subject of a note: a delivery is held."""
    return f"held:{key}"


def bounce(key: str) -> str:
    """Subject of a note: a reply was returned."""
    return f"bounce:{key}"


def reply_given_up(note_key: str) -> int | None:
    """Return the thread of a reply of which a note says that it did not, or may not, reach the customer."""
    found = _GIVEN_UP.fullmatch(note_key)
    return None if found is None else int(found[1] or found[2])


def not_edited(key: str) -> str:
    """Subject of a note: a message in MAX could not be changed."""
    return f"edit:{key}"


def edit_refused(thread_id: int, body_hash: str) -> str:
    """Subject of a note: an agent's edit to these words does not reach the customer."""
    return f"edit:{thread_id}:{body_hash}"


def file_lost(key: str, file: str) -> str:
    """Subject of a note: a file of a reply was not sent."""
    return f"file:{key}:{file}"


def files_lost(key: str, covered: int) -> str:
    """Subject of a note: the desk did not keep files of a message."""
    return f"lost:{key}:{covered}"


def rights(key: str) -> str:
    """Subject of a note: the bot's rights in a group changed; by the event's key."""
    return f"rights:{key}"


def skipped(thread_id: int) -> str:
    """Subject of a note: a thread is not for the customer."""
    return f"skipped:{thread_id}"


def blocked(chat_id: int, at: float) -> str:
    """Subject of a note: a customer stopped the bot at this time (our clock)."""
    return f"blocked:{chat_id}:{at:.0f}"


def flood(chat_id: int, item_id: int) -> str:
    """Subject of a note: messages of a chat are put aside, from this inbox item on."""
    return f"flood:{chat_id}:{item_id}"


def followed(conversation_id: int, by: int) -> str:
    """Subject of a note: a ticket became too long, and another one follows it."""
    return f"followed:{conversation_id}:{by}"


def unlinked(conversation_id: int, now: float) -> str:
    """Subject of a note: the administrator unlinked a ticket from its chat."""
    return f"unlinked:{conversation_id}:{now:.0f}"


_UNREADABLE: Final = "unreadable:"


def unreadable(conversation_id: int, since: float) -> str:
    """Subject of a note: a ticket has been unreadable since this desk time."""
    return f"{_UNREADABLE}{conversation_id}:{since:.0f}"


def is_unreadable_note(key: str) -> bool:
    """Whether it is a note about an unreadable ticket."""
    return key.startswith(f"{NOTES}{_UNREADABLE}")


def adopted(conversation_id: int) -> str:
    """Subject of a note: replies in a ticket that an agent began are sent to MAX from now on."""
    return f"adopted:{conversation_id}"


def merged(deleted: int, survivor: int) -> str:
    """Subject of a note: replies in the survivor of a merge are not sent."""
    return f"merged:{deleted}:{survivor}"


def of_two_bots(deleted: int, survivor: int) -> str:
    """Subject of a note: a merge joined tickets of two bots."""
    return f"bots:{deleted}:{survivor}"


def awaited(conversation_id: int) -> str:
    """Subject of a note: the chat of a ticket's customer is not known yet."""
    return f"awaited:{conversation_id}"


def unclear(conversation_id: int) -> str:
    """Subject of a note: a ticket's customer has two chats."""
    return f"unclear:{conversation_id}"


def not_taken_over(thread_id: int) -> str:
    """Subject of a note: a reply that no program sent, found during a takeover."""
    return f"relink:{thread_id}"


# --- what people call a delivery ---------------------------------------------------------------------

TO_DESK: Final = "in"
TO_MAX: Final = "out"
_NAME = re.compile(f"({TO_DESK}|{TO_MAX})-([0-9]{{1,20}})")


def name(which: str, item_id: int) -> str:
    """Return the name by which ``maxbridge queue`` calls an inbox (``TO_DESK``) or outbox (``TO_MAX``) item."""
    return f"{which}-{item_id}"


def read_name(name: str) -> tuple[str, int] | None:
    """Parse such a name into queue (``TO_DESK`` or ``TO_MAX``) and item id; None if malformed."""
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
    """Row name of a group that the bot may not read."""
    return f"{DEAF}{chat_id}"


def rights_at(chat_id: int) -> str:
    """Row name of the time since which the bot's rights in a group are known."""
    return f"{RIGHTS_AT}{chat_id}"


def certificate(kind: str, name: str) -> str:
    """Row name of a certificate."""
    return f"{CERTIFICATE}{kind}:{name}"


def read_certificate(key: str) -> tuple[str, str]:
    """Return kind and name of a certificate from its row name."""
    kind, _, name = key.removeprefix(CERTIFICATE).partition(":")
    return kind, name
