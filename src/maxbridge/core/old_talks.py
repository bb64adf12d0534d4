"""Talks that began before this database did: what is known of them, and what becomes of each thread.

Used when the database is made anew, from the desk (``maxbridge relink``) or from another bridge's
mapping (``maxbridge import``). Everything that is in a ticket by then is history and is never sent; what
an agent wrote and the chat's history proves not to have is left to the daemon, which sends it as it
sends any other reply.
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
from maxbridge.core.told import STAR

MOST_STARS = 5


@dataclass(frozen=True, slots=True)
class Handled:
    """A thread of the desk that is dealt with: whatever the daemon reads, it never leaves (again)."""

    thread_id: int
    created_at: float
    body_hash: str
    merged: bool = False
    """It is the line that tells of a merge."""


@dataclass(frozen=True, slots=True)
class Rated:
    """A rating as a note of ours tells agents.

    Attributes:
        ticket: What was rated; agents may have merged it into another one since.
        stars: With how many.
        at: Desk time of the note.
    """

    ticket: int
    stars: int
    at: float


@dataclass(frozen=True, slots=True)
class OldTicket:
    """A ticket as it was when the database was made anew; times are desk times.

    Attributes:
        conversation_id: FreeScout's id.
        customer_id: The card that it bears.
        border: Unknown threads up to this time are history.
        handled: Threads behind the border that are dealt with all the same.
        spoke_at: When the customer or an agent last spoke in it.
        read_at: When it was read; None when it was not.
        user_updated_at: The desk's own time of the last agent activity.
        unread: Behind the border there is something that must leave: the daemon is to read it.
        deleted: Agents have deleted it, or merged it away.
        foreign: It bears the card of another MAX user: an agent has given it away.
        only_chat: MAX does not give us the chat that its messages name: it is ours only if the customer is
            heard of in that chat. None where it is ours in any case.
        unsure: Nobody says that it is ours: its agents are not told that replies wait.
        said_at: When the oldest message of the customer's in it was written, MAX's seconds; None where nothing tells.
        rated: Ratings of which notes in it tell.
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
    """0 where nobody has looked."""
    only_chat: int | None = None
    unsure: bool = False
    said_at: float | None = None
    rated: tuple[Rated, ...] = ()


@dataclass(frozen=True, slots=True)
class OldTalk:
    """One customer's dialog with all of its tickets.

    Attributes:
        user_id: The MAX user; None for a group chat.
        chat_id: The MAX chat; None when only his next message can tell it.
        customer_id: His card at the desk.
        tickets: What belongs to the dialog.
        keys: Identities of messages that are at the desk already.
        newest_own: The bot's newest message in the chat: no later look-up needs to go beyond it.
        read_since: MAX's milliseconds from which on the chat's history may have more than the desk;
            None when it is not to be read.
        heard_at: When the customer last spoke, desk time; None when he never did.
        notes: By thread id, the ticket and the words for agents about a reply of unknown fate.
        doubts: By ticket, the words for agents where nobody can tell whether another bot answers it.
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
        """The ticket that spoke last; one that is deleted only where none lives, to follow its merge."""
        own = [each for each in self.tickets if not each.foreign]
        best = max(
            own,
            key=lambda each: (not each.deleted, each.spoke_at, each.conversation_id),
            default=None,
        )
        return None if best is None else best.conversation_id

    def of_chat(self, chat_id: int) -> OldTalk | None:
        """What of it is ours, now that the customer was heard of in a chat; None when that is nothing."""
        tickets = tuple(each for each in self.tickets if each.only_chat in (None, chat_id))
        return replace(self, tickets=tickets) if tickets or not self.tickets else None


def messages_at_desk(ticket: Conversation, bot_id: int | None = None) -> list[str]:
    """Ids of the customers' messages whose markers stand in a ticket, newest first.

    Those of another bot's threads are left out. What the ticket's own customer said comes before what a merge brought of others.
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
    # Several in one thread (core/burst.py) stand in the order in which they were written.
    keys = [first_of(key) for thread in said for key in reversed(own_keys(thread.body, bot_id))]
    return list(dict.fromkeys(key for key in keys if is_message_id(key)))


def oldest(mids: Iterable[str]) -> float | None:
    """When the first of these messages was written, MAX's seconds; None where an id does not tell."""
    times = [written_at(mid) for mid in mids]
    return None if None in times else min(filter(None, times), default=None)


def keys_at_desk(ticket: Conversation, bot_id: int | None = None) -> set[str]:
    """Identities of everything of the customer's that is marked in a ticket."""
    keys = {first_of(key) for key in markers_of(ticket, bot_id)}
    return {message(key) if is_message_id(key) else key for key in keys}


def marked_at(ticket: Conversation) -> dict[str, float]:
    """Desk times of the threads that messages have become."""
    return {
        first_of(key): thread.created_at
        for thread in ticket.threads or ()
        if thread.type == "customer"
        for key in marked_keys(thread.body)
    }


def unfinished(ticket: Conversation, bot_id: int | None = None) -> set[int]:
    """Threads that say that more files of their message follow, where no further thread brings them."""
    said = [each for each in ticket.threads or () if each.type == "customer"]
    there = set(markers_of(ticket, bot_id))
    found: set[int] = set()
    for thread in said:
        covered, names = covered_by(thread.body), own_keys(thread.body, bot_id)
        if covered is not None and names and further(first_of(names[0]), covered) not in there:
            found.add(thread.id)
    return found


def given_up(ticket: Conversation) -> set[int]:
    """Replies of which a note says that they did not, or may not, reach the customer, be it of another bot's."""
    return {
        thread_id
        for thread in ticket.threads or ()
        if thread.type == "note"
        for key in marked_keys(thread.body)
        if (thread_id := reply_given_up(key)) is not None
    }


def ratings_at_desk(ticket: Conversation, bot_id: int | None) -> tuple[Rated, ...]:
    """Ratings of which our bot's notes in a ticket tell, each by the signs in its words."""
    told = [
        (number, each.body.count(STAR), each.created_at)
        for each in ticket.threads or ()
        if each.type == "note"
        for key in own_keys(each.body, bot_id)
        if (number := rated_ticket(key)) is not None
    ]
    return tuple(Rated(*one) for one in told if 1 <= one[1] <= MOST_STARS)


def replies_of(ticket: Conversation, since: float) -> list[Thread]:
    """Agents' published replies of after a desk time, in the order of writing."""
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
    """May a conversation be a MAX customer's of our bot: is it marked, and no draft?"""
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
    """Say what of a ticket is history.

    The border lies a second before the newest thread, because times are whole seconds and a reply may
    still come in that one; and before everything unsent. Whatever else lies behind it is named.

    Args:
        ticket: As it was read, with threads.
        unsent: Threads that certainly did not reach the customer.
        hashed: Fingerprints of its threads by id.
        read_at: Desk time of the reading.
        foreign: It bears another MAX user's card.
        only_chat: See :class:`OldTicket`.
        unsure: Likewise.
        said_at: Likewise.
        rated: Likewise.
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
            if each.id not in unsent and _is_kept(each, border)
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


def _is_kept(thread: Thread, border: float) -> bool:
    """A merge that is known is not followed again, and moves no border."""
    if thread.type == "lineitem":
        return thread.action == "merged"
    return thread.type == "message" and thread.created_at > border


def card_of(
    user_id: int,
    tickets: Sequence[OldTicket],
    cards: Mapping[int, Collection[int]],
    *,
    but: Collection[int] = (),
) -> int | None:
    """A MAX user's card: that of his newest ticket, unless it is another user's; else the one with his key.

    Args:
        user_id: The user.
        tickets: Of his chat.
        cards: MAX users by card, of every card that has any.
        but: Those that another bot has marked as its own.
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
    """Does a card belong to other MAX users only?"""
    users = cards.get(card or 0, ())
    return bool(users) and user_id not in users


def ask_about(mids: Iterable[str], most: int = 3) -> list[str]:
    """The messages that MAX is asked about to learn a chat: a few, for people delete messages."""
    return list(dict.fromkeys(mids))[:most]
