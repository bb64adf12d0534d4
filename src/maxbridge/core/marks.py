"""Decide which bot a thread or conversation belongs to, also if several bots share one desk.

Every thread of a bridge ends with its message's mark (:func:`markup.marker`), preceded by the bot's
mark. Threads of version 1.0 have no bot mark; their message id tells the chat, and a chat that this
bot does not have is another bot's (contract max.md 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from maxbridge.core.events import Conversation, Thread, chat_in, told_at
from maxbridge.core.markup import marked_keys, marker

GIVEN = "changed-ticket-customer"
"""The line item of an agent who gives a conversation to another customer (contract freescout.md 6)."""
_BOT = re.compile(r"<!-- maxbridge-bot:(\d{1,18}) -->")
_COVERED = re.compile(r"<!-- maxbridge-covered:(\d{1,6}) -->")


def marks(key: str, bot_id: int | None, *, covered: int | None = None) -> str:
    """Return the invisible marks at the end of a thread of ours.

    Args:
        key: The message's identity.
        bot_id: Our bot; None before MAX has named it.
        covered: How many of its message's files are handled after this thread; None if all of them.
    """
    bot = "" if bot_id is None else f"<!-- maxbridge-bot:{bot_id} -->"
    return bot + ("" if covered is None else f"<!-- maxbridge-covered:{covered} -->") + marker(key)


def covered_by(body: str) -> int | None:
    """Return how many of a message's files are handled after this thread; None if all of them.

    Threads of version 1.0 and before never say it.
    """
    found = _COVERED.search(body)
    return None if found is None else int(found[1])


def bot_of(body: str) -> int | None:
    """Return the bot that wrote a thread; None if it has no bot mark."""
    found = _BOT.search(body)
    return None if found is None else int(found[1])


def may_be_of(body: str, bot_id: int | None) -> bool:
    """Whether a thread has this bot's mark or no bot mark."""
    named = bot_of(body)
    return named is None or bot_id is None or named == bot_id


def own_keys(body: str, bot_id: int | None) -> list[str]:
    """Return the keys of all marks of a thread; empty if another bot wrote it."""
    return marked_keys(body) if may_be_of(body, bot_id) else []


def chats_named(keys: Iterable[str]) -> set[int]:
    """Return the chats encoded in the keys."""
    return {chat for chat in map(chat_in, keys) if chat is not None}


@dataclass(frozen=True, slots=True)
class Voices:
    """Which customer threads of a ticket came through our bot, and which through another.

    Attributes:
        ours: By thread id, whether it came through our bot. Threads that cannot be judged are left
            out.
        since: Desk time from which they count: an administrator gave us the ticket then.
    """

    ours: Mapping[int, bool]
    since: float = 0.0

    @property
    def has_others(self) -> bool:
        """Whether another bot brought messages here."""
        return not all(self.ours.values())

    @property
    def has_ours(self) -> bool:
        """Whether our bot brought messages here."""
        return any(self.ours.values())

    def answers_another(
        self, reply: Thread, ticket: Conversation, others: Collection[int] = ()
    ) -> bool:
        """Whether another bot must send this reply.

        Every bot that has the ticket decides the same from what the desk shows: a reply goes
        through the bot through which its customer last wrote before it. If the customer has not
        written here, it goes through the bot that opened the ticket; if an agent began it, the bot
        marks of the customer record decide.

        Args:
            reply: An agent's reply.
            ticket: Its ticket, with threads.
            others: Customer records marked by other bots and not by ours.
        """
        heard = self.came_through_us(reply, ticket)
        if heard is None:
            began = self.began(ticket)
            if began is None or ticket.via == "user":
                is_theirs = record_on(reply, ticket) in others
                return is_theirs and (ticket.via == "user" or not self.has_ours)
            return not began
        return not heard

    def began(self, ticket: Conversation) -> bool | None:
        """Whether our bot opened the ticket; then it is ours whatever its customer record is now.

        None if unknown, or if an administrator has given us the ticket since.
        """
        if ticket.via == "user":
            return False
        begun = opening(ticket)
        if begun is None or begun.created_at < self.since:
            return None
        return self.ours.get(begun.id)

    def came_through_us(self, reply: Thread, ticket: Conversation) -> bool | None:
        """Whether the customer's last message before a reply came through our bot; None if there is none."""
        card, place = record_on(reply, ticket), (reply.created_at, reply.id)
        before = [
            each
            for each in ticket.threads or ()
            if each.id in self.ours
            and each.created_at >= self.since
            and (each.created_at, each.id) < place
            and record_on(each, ticket) == card
        ]
        newest = max(before, key=lambda each: (each.created_at, each.id), default=None)
        return None if newest is None else self.ours[newest.id]

    def are_mixed(self, card: int | None, ticket: Conversation) -> bool:
        """Whether both our bot and another brought messages of this customer record here."""
        found = {
            self.ours[each.id]
            for each in ticket.threads or ()
            if each.id in self.ours and record_on(each, ticket) == card
        }
        return len(found) > 1

    def others_records(self, ticket: Conversation) -> set[int | None]:
        """Return the customer records for which another bot brought messages here."""
        return {
            record_on(each, ticket)
            for each in ticket.threads or ()
            if not self.ours.get(each.id, True)
        }


ALONE = Voices({})
"""Nobody else's words are here."""


def voices(
    threads: Sequence[Thread],
    bot_id: int | None,
    has_chat: Callable[[int], bool],
    *,
    since: float = 0.0,
) -> Voices:
    """Judge the customer threads of a ticket.

    Args:
        threads: All of its threads.
        bot_id: Our bot.
        has_chat: Whether our bot has this chat.
        since: See :class:`Voices`.
    """
    ours: dict[int, bool] = {}
    for thread in threads:
        if thread.type != "customer" or not (keys := marked_keys(thread.body)):
            continue
        named = bot_of(thread.body)
        if named is not None and bot_id is not None:
            ours[thread.id] = named == bot_id
        elif chats := chats_named(keys):
            ours[thread.id] = any(map(has_chat, chats))
    return Voices(ours, since)


def opening(ticket: Conversation) -> Thread | None:
    """Return the customer's thread that opened a conversation; None if it is gone or cannot be determined.

    Threads that a merge brought are older than the conversation or younger than its first thread.
    Times are whole seconds: if several customers wrote in the first second, its own customer's
    first thread counts, unless agents changed the conversation's customer.
    """
    said = [
        each
        for each in ticket.threads or ()
        if each.type == "customer" and each.created_at >= ticket.created_at
    ]
    at = min((each.created_at for each in said), default=0.0)
    first = [each for each in said if each.created_at == at]
    if len({record_on(each, ticket) for each in first}) > 1:
        given = any(each.action == GIVEN for each in ticket.threads or ())
        own = None if given else ticket.customer_id
        first = [each for each in first if record_on(each, ticket) == own]
    return min(first, key=lambda each: each.id, default=None)


def last_came_through_us(threads: Iterable[Thread], judged: Voices, until: float) -> bool | None:
    """Whether the last of these threads up to a desk time came through our bot; None if there are none."""
    said = [each for each in threads if each.id in judged.ours and each.created_at <= until]
    newest = max(said, key=lambda each: (_written_at(each), each.id), default=None)
    return None if newest is None else judged.ours[newest.id]


def _written_at(thread: Thread) -> float:
    """Return when a customer wrote a thread: an agent's clone is younger than its words."""
    times = [at / 1000 for key in marked_keys(thread.body) if (at := told_at(key))]
    return max(times, default=thread.created_at)


def record_on(thread: Thread, ticket: Conversation) -> int | None:
    """Return the customer record of a thread; after a merge each thread keeps its own (contract freescout.md 6)."""
    return ticket.customer_id if thread.customer_id is None else thread.customer_id


# --- Conversations that the bridge did not open


def needs_max(row: Conversation) -> bool:
    """Whether an agent's reply here can reach the customer through MAX only.

    Chats are never mailed, nor is a customer without an address (contract freescout.md 6, case 63).
    Everything else is mailed by FreeScout and must not arrive twice. A draft belongs to nobody yet
    (case 67). The list shows only the address on the customer record; the conversation may keep an address
    that the record no longer has, so each reply is judged by its own
    (:func:`maxbridge.core.plan_outbound.is_mailed`).
    """
    if row.state != "published" or row.customer_id is None:
        return False
    return row.type == "chat" or not row.customer_email


def _gifts(ticket: Conversation) -> list[Thread]:
    """Return the line items of the changes of a conversation's customer, in order."""
    gifts = (each for each in ticket.threads or () if each.action == GIVEN)
    return sorted(gifts, key=lambda each: (each.created_at, each.id))


def given_at(ticket: Conversation) -> float | None:
    """Return the desk time at which an agent last changed a conversation's customer; None if nobody did."""
    gifts = _gifts(ticket)
    return gifts[-1].created_at if gifts else None


def last_gift(reply: Thread, ticket: Conversation) -> Thread | None:
    """Return the line item by which a conversation got the customer of a reply; None if it was theirs from the beginning.

    The last one before the reply may be of another conversation, which a merge brought.
    """
    place = (reply.created_at, reply.id)
    before = [each for each in _gifts(ticket) if (each.created_at, each.id) < place]
    whose = (None, record_on(reply, ticket))
    return before[-1] if before and before[-1].customer_id in whose else None


def next_gift(reply: Thread, ticket: Conversation) -> Thread | None:
    """Return the line item of the first change of the customer after a reply; None if there is none."""
    place = (reply.created_at, reply.id)
    return next((each for each in _gifts(ticket) if (each.created_at, each.id) > place), None)


def first_record(ticket: Conversation) -> int | None:
    """Return the record for which a conversation was begun, whatever it has now; None if that is unclear."""
    begun = opening(ticket)
    if ticket.via == "user":
        written = [each for each in ticket.threads or () if each.type == "message"]
        begun = min(written, key=lambda each: (each.created_at, each.id), default=None)
    return None if begun is None else record_on(begun, ticket)


def begun_by_agent(row: Conversation) -> bool:
    """Whether an agent began it: not a customer, a copy, or another program in a customer's name."""
    return row.via == "user"


def history_cutoff_of(row: Conversation, listed_since: float) -> float:
    """Return the desk time up to which the threads of an adopted conversation are history.

    Args:
        row: The conversation.
        listed_since: Desk time from which the list of changes was followed: earlier replies of
            agents cannot have been meant for a chat to which the conversation was not linked.
    """
    # Times are whole seconds: an agent's first message has the very time of its conversation, and so
    # may have the first answer in a copy. What a copy took over is a customer's message, or, by an
    # address typed by hand, one of source "api" (measured on 1.8.235): neither ever leaves.
    return max(row.created_at - 1.0, listed_since)


def markers_of(ticket: Conversation, bot_id: int | None) -> list[str]:
    """Return the keys under customer messages of our bot in a conversation; a copy has its original's keys."""
    return [
        key
        for thread in ticket.threads or ()
        if thread.type == "customer"
        for key in own_keys(thread.body, bot_id)
    ]
