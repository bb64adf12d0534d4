"""Rows as plain data, for workers and ``status``."""

from __future__ import annotations

from dataclasses import dataclass

from maxbridge.core import keys
from maxbridge.core.delivery import Doubt, State
from maxbridge.core.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Fields common to items of both queues; no customer's or agent's words.

    Attributes:
        chat_id: 0 if unknown.
        doubt: Why it may have been carried out although nobody confirmed it.
        attempts: Failed tries.
        attempted_at: When the last attempt was begun, our clock; None if there was none.
        next_at: When it is due again, our clock.
        error: Code of the last failure since then; for people, no rule reads it.
    """

    id: int
    key: str
    chat_id: int
    state: State
    doubt: Doubt = Doubt.NONE
    created_at: float
    attempts: int
    first_try_at: float | None
    attempted_at: float | None
    next_at: float
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a delivery ended, for the log and the counters; no customer's or agent's words.

    Attributes:
        name: Its name in ``maxbridge queue``.
        direction: ``in`` to the desk, ``out`` to MAX.
        kind: ``message``, ``reply``, ``edit``, ``note`` …
        seconds: From when it was stored to its end, by our clock.
        tries: Number of tries including the last one; for a delivery in parts, of the last part.
        ticket: The conversation; None if unknown or none.
        mid: MAX's id of the last message sent.
        files: Number of its files.
        error: Code of the failure that ended it, None for a success.
        reason: Why, in a few words of ours.
        at_once: Decided when it was stored: no worker has seen it.
    """

    name: str
    direction: str
    kind: str
    key: str
    chat_id: int
    state: State
    seconds: float
    tries: int
    ticket: int | None = None
    thread: int | None = None
    mid: str | None = None
    files: int = 0
    error: str | None = None
    reason: str = ""
    at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem(Item):
    """A delivery to the desk.

    Attributes:
        payload: The raw update as JSON.
        target_id: Conversation of the last attempt; None if it was to open a new one.
        desk_at: When the last POST was begun, the desk's clock.
        conversation_id: Ticket of its first thread; None before.
        covered: Number of the message's files that have arrived or were named.
        covering: Value of ``covered`` once the last attempt succeeds; None before the first.
        carrying: Number of files attached to the last attempt.
        rung: How far it has stepped down to simpler forms.
    """

    update_type: str
    payload: str
    target_id: int | None
    desk_at: float | None
    conversation_id: int | None = None
    covered: int = 0
    covering: int | None = None
    carrying: int = 0
    rung: int = 0

    @property
    def name(self) -> str:
        """Its name in ``maxbridge queue`` and in the log."""
        return keys.name(keys.TO_DESK, self.id)


@dataclass(frozen=True, slots=True)
class PartItem:
    """One MAX message of an outbox item; ``mid`` is None until MAX accepted it."""

    seq: int
    part: Part
    mid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem(Item):
    """A delivery to MAX."""

    conversation_id: int | None
    thread_id: int | None
    excerpt: str
    parts: tuple[PartItem, ...]

    @property
    def name(self) -> str:
        """Its name in ``maxbridge queue`` and in the log."""
        return keys.name(keys.TO_MAX, self.id)


@dataclass(frozen=True, slots=True)
class PostResult:
    """Where an inbox item was posted.

    Attributes:
        conversation_id: The ticket.
        thread_id: The thread, if known.
        customer_id: The ticket's customer, if the desk told.
        desk_time: The desk's time of the answer.
        opened: The ticket was opened for this item.
        recovered: A look-up found it after a call in doubt, perhaps much later.
        history_cutoff: For a ticket that was not opened: unknown threads up to this desk time are
            history; None for all up to now.
        files: Names of the files that the desk kept with the thread; None if it did not tell.
        reason: Why there, for the log.
        marks: Keys of all markers in the thread, if a look-up has read it.
        threads: How many threads it added to the ticket: 0 for a message in another one's thread.
        size: Bytes that it added.
        number: Visible number of the ticket; 0 if the desk did not tell.
    """

    conversation_id: int
    thread_id: int | None
    customer_id: int | None
    desk_time: float
    opened: bool
    recovered: bool = False
    history_cutoff: float | None = None
    files: tuple[str, ...] | None = None
    reason: str = ""
    marks: tuple[str, ...] = ()
    threads: int = 1
    size: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class DialogRecord:
    """What is known of one MAX chat."""

    chat_id: int
    user_id: int | None
    customer_id: int | None
    conversation_id: int | None
    blocked: bool

    @property
    def is_group(self) -> bool:
        """Whether it is a group's chat, without a single customer."""
        return self.user_id is None


@dataclass(frozen=True, slots=True)
class TicketRecord:
    """What is known of a dialog's conversation; times are desk times."""

    conversation_id: int
    chat_id: int
    history_cutoff: float | None
    user_updated_at: float | None
    read_at: float | None
    posted_at: float | None
    next_read_at: float | None
    noticed_since: float | None
    read_failures: int
    customer_id: int | None
    given_at: float | None
    threads: int
    size: int
    adopted: bool
