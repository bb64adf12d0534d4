"""Dialogs that began before this database: what is known of them, and which threads count as history.

Used to rebuild the database from the desk (``maxbridge relink``) or from another bridge's mapping
(``maxbridge import``). Everything that a ticket contains by then is history and never sent. A reply
that the chat's history proves missing is left to the daemon, which sends it like any other reply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from maxbridge.core.events import Conversation, Thread, written_at
from maxbridge.core.keys import (
    first_of,
    further,
    is_message_id,
    message,
    rated_ticket,
    reply_given_up,
)
from maxbridge.core.marks import covered_by, markers_of, own_keys
from maxbridge.core.markup import marked_keys
from maxbridge.core.texts import STAR

MOST_STARS = 5
_MAY_MOVE = 6 * 86400.0
"""Seconds back for which replies are remembered one by one: a merge may bring them into a ticket whose history ended earlier.

A day longer than replies may be unsent (takeover/relink.py): after that, all replies of a chat have been seen."""


@dataclass(frozen=True, slots=True)
class Handled:
    """A desk thread that is already dealt with: the daemon never sends it (again)."""

    thread_id: int
    created_at: float
    body_hash: str
    merged: bool = False
    """It is FreeScout's line about a merge."""


@dataclass(frozen=True, slots=True)
class Rated:
    """A rating according to our note for agents.

    Attributes:
        ticket: The rated ticket; agents may have merged it into another one since.
        stars: The rating.
        at: Desk time of the note.
    """

    ticket: int
    stars: int
    at: float


@dataclass(frozen=True, slots=True)
class OldTicket:
    """A ticket as it was when the database was rebuilt; times are desk times.

    Attributes:
        conversation_id: FreeScout's id.
        customer_id: Its customer record.
        border: Unknown threads up to this time are history.
        handled: Later threads that are dealt with all the same.
        spoke_at: When the customer or an agent last wrote in it.
        read_at: When it was read; None if it was not.
        user_updated_at: The desk's time of the last agent activity.
        unread: It has an unsent reply after ``border``, so the daemon must read it.
        deleted: Agents have deleted it, or merged it into another.
        foreign: It has another MAX user's customer record: an agent has given it away.
        only_chat: MAX does not show us the chat that its messages name, so it is ours only if the
            customer writes in that chat. None if it is ours in any case.
        unsure: It is unknown whether it is ours, so its agents are not told that replies wait.
        said_at: When the customer's oldest message in it was written, in seconds, MAX's clock; None
            if unknown.
        rated: Ratings according to its notes.
    """

    conversation_id: int
    customer_id: int | None = None
    border: float = 0.0
    handled: tuple[Handled, ...] = ()
    spoke_at: float = 0.0
    read_at: float | None = None
    user_updated_at: float | None = None
    unread: bool = False
    deleted: bool = False
    foreign: bool = False
    created_at: float = 0.0
    """0 if not determined."""
    only_chat: int | None = None
    unsure: bool = False
    said_at: float | None = None
    rated: tuple[Rated, ...] = ()


@dataclass(frozen=True, slots=True)
class OldTalk:
    """A customer's dialog with all of its tickets.

    Attributes:
        user_id: The MAX user; None for a group chat.
        chat_id: The MAX chat; None if only the customer's next message can tell it.
        customer_id: The customer record.
        tickets: The dialog's tickets.
        keys: Keys of messages that are at the desk already.
        newest_own: The bot's newest message in the chat; look-ups need not read further back.
        read_since: MAX's milliseconds from which the chat's history may contain messages that the
            desk lacks; None if it need not be read.
        heard_at: When the customer last wrote, desk time; None if never.
        notes: By thread id, the ticket and the note for agents about a reply whose outcome is
            unknown.
        doubts: By ticket, the note for agents where another bot may answer it.
    """

    user_id: int | None
    chat_id: int | None
    customer_id: int | None
    tickets: tuple[OldTicket, ...]
    keys: frozenset[str] = frozenset()
    newest_own: str = ""
    read_since: int | None = None
    heard_at: float | None = None
    notes: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    doubts: Mapping[int, str] = field(default_factory=dict)

    @property
    def current(self) -> int | None:
        """The ticket with the latest message; a deleted one only if none exists, to follow its merge."""
        own = [each for each in self.tickets if not each.foreign]
        best = max(
            own,
            key=lambda each: (not each.deleted, each.spoke_at, each.conversation_id),
            default=None,
        )
        return None if best is None else best.conversation_id

    def of_chat(self, chat_id: int) -> OldTalk | None:
        """Return the part that is ours now that the customer has written in a chat; None if nothing is."""
        tickets = tuple(each for each in self.tickets if each.only_chat in (None, chat_id))
        return replace(self, tickets=tickets) if tickets or not self.tickets else None


def messages_at_desk(ticket: Conversation, bot_id: int | None = None) -> list[str]:
    """Return the ids of customers' messages whose markers are in a ticket, newest first.

    Threads of another bot are left out. Messages of the ticket's own customer precede those that a
    merge brought.
    """
    said = sorted(
        (each for each in ticket.threads or () if each.type == "customer"),
        key=lambda each: (
            each.customer_id in (None, ticket.customer_id),
            each.created_at,
            each.id,
        ),
        reverse=True,
    )
    # Several in one thread (core/desk_html.py) stand in the order in which they were written.
    keys = [first_of(key) for thread in said for key in reversed(own_keys(thread.body, bot_id))]
    return list(dict.fromkeys(key for key in keys if is_message_id(key)))


def oldest(mids: Iterable[str]) -> float | None:
    """Return when the first of these messages was written, in seconds, MAX's clock; None if an id does not tell."""
    times = [written_at(mid) for mid in mids]
    return None if None in times else min(filter(None, times), default=None)


def keys_at_desk(ticket: Conversation, bot_id: int | None = None) -> set[str]:
    """Return the keys of everything of the customer that is marked in a ticket."""
    keys = {first_of(key) for key in markers_of(ticket, bot_id)}
    return {message(key) if is_message_id(key) else key for key in keys}


def marked_at(ticket: Conversation) -> dict[str, float]:
    """Return the desk time of each marked message's thread."""
    return {
        first_of(key): thread.created_at
        for thread in ticket.threads or ()
        if thread.type == "customer"
        for key in marked_keys(thread.body)
    }


def unfinished(ticket: Conversation, bot_id: int | None = None) -> set[int]:
    """Return threads that announce more files of their message although no further thread brings them."""
    said = [each for each in ticket.threads or () if each.type == "customer"]
    there = set(markers_of(ticket, bot_id))
    found: set[int] = set()
    for thread in said:
        covered, names = covered_by(thread.body), own_keys(thread.body, bot_id)
        if covered is not None and names and further(first_of(names[0]), covered) not in there:
            found.add(thread.id)
    return found


def given_up(ticket: Conversation, bot_id: int | None = None) -> set[int]:
    """Return the replies of which a note says that they did not, or may not, arrive: this bot's note, or any bot's."""
    return {
        thread_id
        for thread in ticket.threads or ()
        if thread.type == "note"
        for key in own_keys(thread.body, bot_id)
        if (thread_id := reply_given_up(key)) is not None
    }


def ratings_at_desk(ticket: Conversation, bot_id: int | None) -> tuple[Rated, ...]:
    """Return the ratings in our bot's notes of a ticket, recognised by the stars in their words."""
    told = [
        (number, each.body.count(STAR), each.created_at)
        for each in ticket.threads or ()
        if each.type == "note"
        for key in own_keys(each.body, bot_id)
        if (number := rated_ticket(key)) is not None
    ]
    return tuple(Rated(*one) for one in told if 1 <= one[1] <= MOST_STARS)


def replies_of(ticket: Conversation, since: float) -> list[Thread]:
    """Return agents' published replies after a desk time, in the order of writing."""
    found = [
        each
        for each in ticket.threads or ()
        if each.type == "message"
        and each.state == "published"
        and each.author_type == "user"
        and each.source != "api"
        and each.created_at > since
    ]
    return sorted(found, key=lambda each: (each.created_at, each.id))


def is_theirs(ticket: Conversation, bot_id: int | None = None) -> bool:
    """Whether a conversation may be that of a MAX customer of our bot: it has marks and is no draft."""
    return ticket.state != "draft" and bool(messages_at_desk(ticket, bot_id))


def old_ticket(
    ticket: Conversation,
    *,
    unsent: Collection[int],
    hashed: Mapping[int, str],
    read_at: float,
    foreign: bool = False,
    only_chat: int | None = None,
    unsure: bool = False,
    said_at: float | None = None,
    rated: tuple[Rated, ...] = (),
) -> OldTicket:
    """Decide which part of a ticket is history.

    ``border`` is a second before the newest thread, because times are whole seconds and a reply may
    still come in that second; and it is before every unsent reply. Other later threads are listed
    as handled, and replies of the last days: a merge may bring them into another ticket.

    Args:
        ticket: The ticket with threads.
        unsent: Threads that certainly did not reach the customer.
        hashed: Fingerprints of its threads by id.
        read_at: Desk time of the reading.
        foreign: It has another MAX user's customer record.
        only_chat: See :class:`OldTicket`.
        unsure: See :class:`OldTicket`.
        said_at: See :class:`OldTicket`.
        rated: See :class:`OldTicket`.
    """
    threads = list(ticket.threads or ())
    newest = max((each.created_at for each in threads), default=ticket.created_at)
    missing = [each.created_at for each in threads if each.id in unsent]
    border = min([newest, *missing]) - 1.0
    spoke = [each.created_at for each in threads if each.type in ("customer", "message")]
    return OldTicket(
        conversation_id=ticket.id,
        customer_id=ticket.customer_id,
        border=border,
        handled=tuple(
            Handled(each.id, each.created_at, hashed[each.id], merged=each.type == "lineitem")
            for each in threads
            if each.id not in unsent and _is_kept(each, min(border, read_at - _MAY_MOVE))
        ),
        spoke_at=max(spoke, default=ticket.created_at),
        read_at=read_at,
        user_updated_at=ticket.user_updated_at,
        unread=bool(missing),
        deleted=ticket.state == "deleted",
        foreign=foreign,
        created_at=ticket.created_at,
        only_chat=only_chat,
        unsure=unsure,
        said_at=said_at,
        rated=rated,
    )


def _is_kept(thread: Thread, since: float) -> bool:
    """Whether a thread is listed as handled. A known merge is not followed again and does not move ``border``."""
    if thread.type == "lineitem":
        return thread.action == "merged"
    return thread.type == "message" and thread.state == "published" and thread.created_at > since


def record_of(
    user_id: int,
    tickets: Sequence[OldTicket],
    cards: Mapping[int, Collection[int]],
    *,
    but: Collection[int] = (),
) -> int | None:
    """Return a MAX user's customer record.

    That of their newest ticket, unless it is another user's; otherwise the one with their key.

    Args:
        user_id: The user.
        tickets: Tickets of their chat.
        cards: MAX users by customer record, for every record that has any.
        but: Records that another bot has marked.
    """
    newest = max(tickets, key=lambda each: (each.spoke_at, each.conversation_id), default=None)
    own = min(
        (card for card, users in cards.items() if user_id in users and card not in but),
        default=None,
    )
    if newest is None or newest.customer_id is None or newest.customer_id in but:
        return own
    users = cards.get(newest.customer_id, ())
    return newest.customer_id if not users or user_id in users else own


def is_foreign(user_id: int, card: int | None, cards: Mapping[int, Collection[int]]) -> bool:
    """Whether a customer record belongs to other MAX users only."""
    users = cards.get(card or 0, ())
    return bool(users) and user_id not in users


def ask_about(mids: Iterable[str], most: int = 3) -> list[str]:
    """Return a few messages to ask MAX about to learn their chat: people delete messages."""
    return list(dict.fromkeys(mids))[:most]
