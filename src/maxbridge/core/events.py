"""What MAX and the desk report, as immutable data that the rules work on.

Texts are as received, except that characters which neither service can store are removed
(:func:`text.clean`). MAX's times are milliseconds, as MAX gives them; the desk's times are seconds
since the epoch.
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
        """Display name; empty if MAX gave none."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


@dataclass(frozen=True, slots=True)
class Mark:
    """Formatting of a part of a text, in UTF-16 code units (contract max.md 4).

    Attributes:
        kind: MAX's ``type``: strong, emphasized, link, …; may be unknown to us.
        start: Units before it.
        length: Units in it.
        url: A link's address, not yet checked.
    """

    kind: str
    start: int
    length: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class ContactCard:
    """One vCard of a contact.

    Attributes:
        name: The formatted name, or one made of its parts; may be empty.
        firm: Company with department.
        title: The person's position.
        phones: Numbers as written, without repetitions.
        mails: E-mail addresses, not yet checked.
        addresses: Postal addresses, each on one line.
        sites: Web addresses, not yet checked.
        note: May have several lines.
        left_out: ``photo``, ``logo``, ``sound``: present in the card but not shown.
        more: How many other properties are not shown.
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
        kind: MAX's ``type``, or ``"?"`` if it had none.
        name: File name, contact name or title of a shared page; may be empty.
        size: Bytes, or None if unknown.
        url: MAX's address of the content, not yet checked.
        detail: A phone number, ``latitude,longitude``, a transcription, or a shared page's
            description.
        token: MAX's handle of the content; videos are fetched by it.
        seconds: Duration of a video or audio as MAX gave it, None if unknown.
        user_id: The MAX user of a contact, None if MAX names none.
        vcf: A contact's vCard, unchanged: the signature is computed over it.
        signature: Hex HMAC; only a contact sent by the "share my phone" button has one.
        phones: Every number of a contact as written; the first one is also ``detail``.
        cards: The cards of a contact.
        more_cards: How many more cards it has.
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
    """A message's content: its own, or that of the message it replies to or forwards.

    Attributes:
        mid: MAX's message id; empty if it had none.
        text: Plain text without markup.
        sender: None for channel posts.
        attachments: In MAX's order.
        broken: Names of parts that could not be read.
        markup: Formatting of the text, in MAX's order; entries may nest and overlap.
        timestamp: When it was written, in milliseconds; an edit does not change it (contract max.md
            3). 0 if unknown.
    """

    mid: str = ""
    text: str = ""
    sender: Person | None = None
    attachments: tuple[Attachment, ...] = ()
    broken: tuple[str, ...] = ()
    markup: tuple[Mark, ...] = ()
    timestamp: int = 0


class LinkKind(StrEnum):
    """How a message refers to another one."""

    REPLY = "reply"
    FORWARD = "forward"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Link:
    """A message that another message replies to or forwards."""

    kind: LinkKind
    message: Message


class What(StrEnum):
    """The kinds of events that the rules distinguish."""

    MESSAGE = "message"
    EDITED = "edited"
    REMOVED = "removed"
    STARTED = "started"
    STOPPED = "stopped"
    CALLBACK = "callback"
    RIGHTS = "rights"
    """The bot's rights in a group or channel have changed."""
    OTHER = "other"
    """Carries nothing for agents; its type may be unknown."""
    UNREADABLE = "unreadable"
    """Its sender is unknown: parked, counted and shown in ``status``."""


@dataclass(frozen=True, slots=True)
class Event:
    """One update of MAX.

    Attributes:
        what: Which rule applies.
        update_type: MAX's own name of the type. A whole message under an unknown type gets the type
            of what it is.
        key: Identity for de-duplication: MAX may deliver an update more than once (contract max.md
            1) and gives it no id of its own.
        chat_id: The dialog; None if unknown.
        sender: Who caused it; None if unknown.
        chat_type: ``dialog``, ``chat``, ``channel`` or another word of MAX's for a dialog; empty if
            not given. The sign of the chat id alone proves nothing (contract max.md 3.1).
        timestamp: Milliseconds; 0 if unknown.
        message: The message, for MESSAGE and EDITED.
        link: The message that it replies to or forwards.
        payload: A start's deep-link payload, a pressed button's data, a removed message's id.
        button: The pressed button's label; empty if its message does not tell.
        is_deaf: For RIGHTS: the bot no longer gets messages of this chat.
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
        """Whether it is of a dialog with one person. MAX does not always say (contract max.md 3.1)."""
        return self.chat_type not in ("chat", "channel")

    @property
    def is_group(self) -> bool:
        """Whether it is of a group chat (not of a channel)."""
        return self.chat_type == "chat"


class Fate(StrEnum):
    """What became of a desk thread, remembered by thread id over all tickets."""

    SENT = "sent"
    """Queued for MAX, or delivered."""
    HISTORY = "history"
    """Older than the link of its ticket to a chat; never sent."""
    SKIPPED = "skipped"
    """Not for the customer, or it is unclear for which customer."""


@dataclass(frozen=True, slots=True)
class DeskFile:
    """A file of a desk thread.

    Attributes:
        id: FreeScout's id of it; 0 if not given.
        name: As FreeScout stores it: spaces have become ``_`` (contract freescout.md 5).
        url: Address of its content; needs no key.
        mime: FreeScout's guess of its type; not to be trusted.
        size: Bytes, None if unknown.
    """

    id: int
    name: str
    url: str = ""
    mime: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """First and last name of an agent or a customer at the desk."""

    first: str = ""
    last: str = ""

    @property
    def full(self) -> str:
        """Both names, joined for display."""
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
        """Whether an agent wrote it by answering FreeScout's notification by mail."""
        return self.type == "message" and self.source == "email"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A FreeScout conversation; ``threads`` is None if they were not requested."""

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
    """``chat``, ``email``, ``phone`` or ``custom``; decides whether FreeScout mails replies."""
    customer_email: str = ""
    """The first address on the customer record *now*; empty if it has none. Mail goes to ``Thread.to``."""
    via: str = ""
    """``source.via``: who began it, ``user`` or ``customer``."""
    spoken_at: float | None = None
    """When the customer or an agent last wrote to the other; None if not given."""
    threads_count: int = 0
    """The desk's thread count; it leaves out notes and threads that a merge brought (contract freescout.md 8)."""


@dataclass(frozen=True, slots=True)
class KnownThread:
    """What the store knows about a thread."""

    fate: Fate
    created_at: float
    body_hash: str
    revision: int = 0


# --- MAX's message ids: what they tell of themselves (contract max.md 3.2), never the last word on it.


_MID = re.compile(r"mid\.([0-9a-f]{16})([0-9a-f]{16})")
_SIGN = 1 << 63


def chat_of_mid(mid: str) -> int | None:
    """Return the chat encoded in a message id, or None for an id of another form.

    MAX does not document the form of its ids. Use this only where nothing else tells the chat, and
    ask MAX to confirm it where possible.

    Args:
        mid: The id; our own suffix such as "+3" is ignored.
    """
    found = _found(mid)
    if found is None:
        return None
    number = int(found[1], 16)
    return number - 2 * _SIGN if number >= _SIGN else number


def chat_in(key: str) -> int | None:
    """Return the chat encoded in the message id within one of our keys (``message_edited:mid.0123…:1``)."""
    found = _MID.search(key)
    return None if found is None else chat_of_mid(found[0])


def written_at(mid: str) -> float | None:
    """Return when a message was written (seconds, MAX's clock), from its id; None for an id of another form."""
    found = _found(mid)
    return None if found is None else (int(found[2], 16) >> 16) / 1000


def told_at(key: str) -> int | None:
    """Return when the event of a key happened (milliseconds, MAX's clock), or None if the key does not tell.

    The key's own timestamp counts first, then its message id.
    """
    stamp, mid = stamp_of(key), mid_in(key)
    if stamp is not None:
        return stamp
    written = None if mid is None else written_at(mid)
    return None if written is None else round(written * 1000)


def _found(mid: str) -> re.Match[str] | None:
    return _MID.fullmatch(mid.partition("+")[0])
