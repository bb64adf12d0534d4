"""What happens at the two ends, as plain immutable data that the rules work on.

Texts here are as the wire gave them, only cleaned of what no end can store (:func:`text.clean`).
Times of MAX are milliseconds, as MAX gives them; times of the desk are seconds since the epoch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from maxbridge.core.keys import mid_in, stamp_of


@dataclass(frozen=True, slots=True)
class Person:
    """A MAX user or bot."""

    user_id: int
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    is_bot: bool = False

    @property
    def name(self) -> str:
        """Name for people to read; empty when MAX gave none."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


@dataclass(frozen=True, slots=True)
class Mark:
    """A formatted stretch of a text, in UTF-16 code units (contract max.md 4).

    Attributes:
        kind: MAX's ``type``: strong, emphasized, link, …; may be one that nobody knows.
        start: Units before it.
        length: Units in it.
        url: Where a link leads; not yet judged.
    """

    kind: str
    start: int
    length: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class ContactCard:
    """One card of a contact: what it tells of a person or a firm.

    Attributes:
        name: The formatted name, or the one made of its parts; may be empty.
        firm: With its department.
        title: What the person is there.
        phones: Numbers as they are written, each once.
        mails: E-mail addresses, not yet judged.
        addresses: Where to send letters, each on one line.
        sites: Addresses in the web, not yet judged.
        note: May have several lines.
        left_out: ``photo``, ``logo``, ``sound``: what is in the card and is not shown.
        more: How many other things it tells that are not shown.
    """

    name: str = ""
    firm: str = ""
    title: str = ""
    phones: tuple[str, ...] = ()
    mails: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    note: str = ""
    left_out: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment of a MAX message.

    Attributes:
        kind: MAX's ``type``, or ``"?"`` when it had none.
        name: File name, contact name or title of a shared page; may be empty.
        size: Bytes, or None when unknown.
        url: Where MAX says the content is; not yet judged.
        detail: What can be said in words: a phone number, ``latitude,longitude``, a transcription,
            the description of a shared page.
        token: MAX's handle of the content; videos are fetched by it.
        seconds: Duration of a video or audio as MAX gave it, None when unknown.
        user_id: The MAX user that a contact card is of, None when it is of nobody known.
        vcf: A contact's vCard, unchanged: what its signature was made of.
        signature: Hex HMAC that only a card sent by the "share my phone" button has.
        phones: Every number of a contact as it is written there; the first is its detail as well.
        cards: The cards of a contact.
        more_cards: How many more it has.
    """

    kind: str
    name: str = ""
    size: int | None = None
    url: str = ""
    detail: str = ""
    token: str = ""
    seconds: float | None = None
    user_id: int | None = None
    vcf: str = ""
    signature: str = ""
    phones: tuple[str, ...] = ()
    cards: tuple[ContactCard, ...] = ()
    more_cards: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """The content of a message, its own or the one that it replies to or forwards.

    Attributes:
        mid: MAX's message id; empty when it had none.
        text: Plain text without markup.
        sender: None for channel posts.
        attachments: In MAX's order.
        broken: Names of parts that could not be read at all.
        markup: Formatted stretches of the text, in MAX's order; they may nest and overlap.
        timestamp: Milliseconds, when it was written; an edit leaves it (contract max.md 3). 0 when
            unknown.
    """

    mid: str = ""
    text: str = ""
    sender: Person | None = None
    attachments: tuple[Attachment, ...] = ()
    broken: tuple[str, ...] = ()
    markup: tuple[Mark, ...] = ()
    timestamp: int = 0


class LinkKind(StrEnum):
    """How a message points to another one."""

    REPLY = "reply"
    FORWARD = "forward"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Link:
    """A message quoted by, or forwarded in, another message."""

    kind: LinkKind
    message: Message


class What(StrEnum):
    """The kinds of events that the bridge tells apart."""

    MESSAGE = "message"
    EDITED = "edited"
    REMOVED = "removed"
    STARTED = "started"
    STOPPED = "stopped"
    CALLBACK = "callback"
    RIGHTS = "rights"
    """What the bot may do in a group or channel has changed."""
    OTHER = "other"
    """Of a known or unknown type that carries nothing for an agent."""
    UNREADABLE = "unreadable"
    """Nobody can say whom it is from: parked, counted and shown."""


@dataclass(frozen=True, slots=True)
class Event:
    """One update of MAX.

    Attributes:
        what: Which rule applies.
        update_type: MAX's own word for it, for logs and where two of them need different words. A whole
            message under a word that nobody knows has the word of what it is.
        key: Identity for de-duplication: MAX may deliver an update more than once
            (contract max.md 1) and gives it no id of its own.
        chat_id: The dialog; None when unknown.
        sender: Who did it; None when unknown.
        chat_type: ``dialog``, ``chat``, ``channel`` or what else MAX calls a talk with one person;
            empty when it did not say. The sign of the chat id alone proves nothing (contract max.md 3.1).
        timestamp: Milliseconds; 0 when unknown.
        message: The message, for MESSAGE and EDITED.
        link: The message it replies to or forwards.
        payload: Deep-link payload of a start, data of a pressed button, removed message's id.
        button: What the pressed button says; empty when its message does not tell.
        is_deaf: For RIGHTS: the bot gets no messages of this chat any more.
    """

    what: What
    update_type: str
    key: str
    chat_id: int | None = None
    sender: Person | None = None
    chat_type: str = ""
    timestamp: int = 0
    message: Message = field(default_factory=Message)
    link: Link | None = None
    payload: str = ""
    button: str = ""
    is_deaf: bool = False

    @property
    def is_dialog(self) -> bool:
        """Is it of a talk with one person? MAX does not always say (contract max.md 3.1)."""
        return self.chat_type not in ("chat", "channel")

    @property
    def is_group(self) -> bool:
        """Is it of a chat of many people, not of a channel?"""
        return self.chat_type == "chat"


class Fate(StrEnum):
    """What became of a thread of the desk, remembered by thread id over all tickets."""

    SENT = "sent"
    """Queued for MAX, or delivered."""
    HISTORY = "history"
    """It was there before the ticket was ours; never sent."""
    SKIPPED = "skipped"
    """Not for the customer, or not to be told which customer it is for."""


@dataclass(frozen=True, slots=True)
class DeskFile:
    """A file of a desk's thread.

    Attributes:
        id: FreeScout's id of it; 0 when it told none.
        name: As FreeScout stores it: spaces have become ``_`` (contract freescout.md 5).
        url: Where its content is; needs no key.
        mime: What FreeScout believes it is; not to be trusted.
        size: Bytes, None when unknown.
    """

    id: int
    name: str
    url: str = ""
    mime: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """First and last name of an agent or a customer, as the desk has them."""

    first: str = ""
    last: str = ""

    @property
    def full(self) -> str:
        """Both, as people write them."""
        return f"{self.first} {self.last}".strip()


@dataclass(frozen=True, slots=True)
class Thread:
    """One published thread of a FreeScout conversation (contract freescout.md 4)."""

    id: int
    type: str
    state: str
    body: str
    created_at: float
    source: str = ""
    """``source.type``: web, email, api."""
    author_type: str = ""
    """``createdBy.type``: user or customer."""
    author: Names = Names()
    author_id: int | None = None
    author_email: str = ""
    customer_id: int | None = None
    action: str = ""
    action_text: str = ""
    files: tuple[DeskFile, ...] = ()
    """What an agent attached; pictures pasted into the text are in the body only (trap 12)."""
    to: tuple[str, ...] | None = None
    """The conversation's addresses when it was written; None where nobody says."""

    @property
    def is_by_mail(self) -> bool:
        """Did an agent answer a notification of FreeScout's by mail?"""
        return self.type == "message" and self.source == "email"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A FreeScout conversation; ``threads`` is None where they were not asked for."""

    id: int
    number: int
    status: str
    state: str
    subject: str = ""
    mailbox_id: int | None = None
    customer_id: int | None = None
    customer: Names = Names()
    created_at: float = 0.0
    closed_at: float | None = None
    updated_at: float = 0.0
    user_updated_at: float | None = None
    threads: tuple[Thread, ...] | None = None
    type: str = ""
    """``chat``, ``email``, ``phone`` or ``custom``: decides whether FreeScout mails replies."""
    customer_email: str = ""
    """The first address on the customer's record *now*; empty when it has none. Mail goes to ``Thread.to``."""
    via: str = ""
    """``source.via``: who began it, ``user`` or ``customer``."""
    spoken_at: float | None = None
    """When the customer or an agent last wrote to the other; None where it does not tell."""
    threads_count: int = 0
    """What the desk counts of its threads: notes, and what a merge brought, are not in it (contract freescout.md 8)."""


@dataclass(frozen=True, slots=True)
class KnownThread:
    """What the store remembers of a thread."""

    fate: Fate
    created_at: float
    body_hash: str
    revision: int = 0


# --- MAX's message ids: what they tell of themselves (contract max.md 3.2), never the last word on it.


_MID = re.compile(r"mid\.([0-9a-f]{16})([0-9a-f]{16})")
_SIGN = 1 << 63


def chat_of_mid(mid: str) -> int | None:
    """The chat that an id names; None for an id of another make.

    MAX promises nothing about its ids: this is for what is known from nowhere else, and whoever acts
    on the answer asks MAX whether it is so where that can be asked.

    Args:
        mid: The id; a count of ours behind it ("+3") is passed over.
    """
    found = _found(mid)
    if found is None:
        return None
    number = int(found[1], 16)
    return number - 2 * _SIGN if number >= _SIGN else number


def chat_in(key: str) -> int | None:
    """The chat that the id within a key of ours names (``message_edited:mid.0123…:1``)."""
    found = _MID.search(key)
    return None if found is None else chat_of_mid(found[0])


def written_at(mid: str) -> float | None:
    """When the message was written, seconds by MAX's clock; None for an id of another make."""
    found = _found(mid)
    return None if found is None else (int(found[2], 16) >> 16) / 1000


def told_at(key: str) -> int | None:
    """When what a key names happened, MAX's milliseconds: by its stamp, else by its message's id; None where neither tells."""
    stamp, mid = stamp_of(key), mid_in(key)
    if stamp is not None:
        return stamp
    written = None if mid is None else written_at(mid)
    return None if written is None else round(written * 1000)


def _found(mid: str) -> re.Match[str] | None:
    return _MID.fullmatch(mid.partition("+")[0])
