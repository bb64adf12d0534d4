"""What happens at the two ends, as plain immutable data that the rules work on.

Texts here are as the wire gave them, only cleaned of what no end can store (:func:`text.clean`).
Times of MAX are milliseconds, as MAX gives them; times of the desk are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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
class Attachment:
    """One attachment of a MAX message, reduced to what a placeholder needs.

    Attributes:
        kind: MAX's ``type``, or ``"?"`` when it had none.
        name: File name, contact name or title of a shared page; may be empty.
        size: Bytes, or None when unknown.
        url: Where MAX says the content is; not yet judged.
        detail: What can be said in words: a phone number, coordinates, a transcription.
    """

    kind: str
    name: str = ""
    size: int | None = None
    url: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """The content of a message, its own or the one that it replies to or forwards.

    Attributes:
        mid: MAX's message id; empty when it had none.
        text: Plain text without markup.
        sender: None for channel posts.
        attachments: In MAX's order.
        broken: Names of parts that could not be read at all.
    """

    mid: str = ""
    text: str = ""
    sender: Person | None = None
    attachments: tuple[Attachment, ...] = ()
    broken: tuple[str, ...] = ()


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
    OTHER = "other"
    """Of a known or unknown type that carries nothing for an agent."""
    UNREADABLE = "unreadable"
    """Nobody can say whom it is from: parked, counted and shown."""


@dataclass(frozen=True, slots=True)
class Event:
    """One update of MAX.

    Attributes:
        what: Which rule applies.
        update_type: MAX's own word for it, for logs.
        key: Identity for de-duplication: MAX may deliver an update more than once
            (contract max.md 1) and gives it no id of its own.
        chat_id: The dialog; None when unknown.
        sender: Who did it; None when unknown.
        chat_type: ``dialog``, ``chat``, ``channel`` or what else MAX said; empty when it did not
            say. The sign of the chat id proves nothing (contract max.md 3.1).
        timestamp: Milliseconds; 0 when unknown.
        message: The message, for MESSAGE and EDITED.
        link: The message it replies to or forwards.
        payload: Deep-link payload of a start, data of a pressed button, removed message's id.
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


class Fate(StrEnum):
    """What became of a thread of the desk, remembered by thread id over all tickets."""

    SENT = "sent"
    """Queued for MAX, or delivered."""
    HISTORY = "history"
    """It was there before the ticket was ours; never sent."""
    SKIPPED = "skipped"
    """Not for the customer, or not to be told which customer it is for."""


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
    author_name: str = ""
    customer_id: int | None = None
    action: str = ""
    action_text: str = ""
    attachments: tuple[str, ...] = ()
    """File names."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A FreeScout conversation; ``threads`` is None where they were not asked for."""

    id: int
    number: int
    status: str
    state: str
    mailbox_id: int | None = None
    customer_id: int | None = None
    created_at: float = 0.0
    closed_at: float | None = None
    updated_at: float = 0.0
    user_updated_at: float | None = None
    threads: tuple[Thread, ...] | None = None


@dataclass(frozen=True, slots=True)
class KnownThread:
    """What the store remembers of a thread."""

    fate: Fate
    created_at: float
    body_hash: str
    revision: int = 0
