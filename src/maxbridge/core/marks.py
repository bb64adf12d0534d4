"""Whose a thread or a conversation of the desk is, also where several bots share it: each names itself in its words.

Under every thread of a bridge stands the mark of its message (:func:`markup.marker`), and before it the
mark of its bot. Threads of version 1.0 lack the latter; of those the message's id tells the chat, and
a chat that a bot does not have is another bot's (contract max.md 3.2).
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
    """What stands invisibly at the end of a thread of ours.

    Args:
        key: What it is.
        bot_id: Our bot; None before MAX has named it.
        covered: How many of its message's files are dealt with after it; None where that is all of them.
    """
    bot = "" if bot_id is None else f"<!-- maxbridge-bot:{bot_id} -->"
    return bot + ("" if covered is None else f"<!-- maxbridge-covered:{covered} -->") + marker(key)


def covered_by(body: str) -> int | None:
    """How many of a message's files are dealt with after this thread; None where that is all of them.

    Threads of version 1.0 and before never say it.
    """
    found = _COVERED.search(body)
    return None if found is None else int(found[1])


def bot_of(body: str) -> int | None:
    """The bot that wrote a thread; None when nobody says."""
    found = _BOT.search(body)
    return None if found is None else int(found[1])


def may_be_of(body: str, bot_id: int | None) -> bool:
    """Does a thread bear this bot's mark, or none?"""
    named = bot_of(body)
    return named is None or bot_id is None or named == bot_id


def own_keys(body: str, bot_id: int | None) -> list[str]:
    """The keys of all marks under a thread; none under one of another bot's."""
    return marked_keys(body) if may_be_of(body, bot_id) else []


def chats_named(keys: Iterable[str]) -> set[int]:
    """The chats that marks name."""
    return {chat for chat in map(chat_in, keys) if chat is not None}


@dataclass(frozen=True, slots=True)
class Voices:
    """Which customers' threads of a ticket came through our bot, and which through another.

    Attributes:
        ours: By thread id. A thread that nobody can judge is not in here.
        since: Desk time from which on they count: an administrator gave us the ticket then.
    """

    ours: Mapping[int, bool]
    since: float = 0.0

    @property
    def has_others(self) -> bool:
        """Has another bot brought words here?"""
        return not all(self.ours.values())

    @property
    def has_ours(self) -> bool:
        """Has our bot brought words here?"""
        return any(self.ours.values())

    def answers_another(
        self, reply: Thread, ticket: Conversation, others: Collection[int] = ()
    ) -> bool:
        """Is a reply for another bot to send?

        Every bot that has the ticket judges alike, by what the desk shows to each: a reply goes where that
        customer wrote last before it. Where they have not written here, it goes through the bot by whose words the
        ticket was begun; where an agent began it, their card tells.

        Args:
            reply: An agent's.
            ticket: Where it stands, with threads.
            others: Cards that other bots have marked, and ours has not.
        """
        heard = self.heard(reply, ticket)
        if heard is None:
            began = self.began(ticket)
            if began is None or ticket.via == "user":
                is_theirs = card_on(reply, ticket) in others
                return is_theirs and (ticket.via == "user" or not self.has_ours)
            return not began
        return not heard

    def began(self, ticket: Conversation) -> bool | None:
        """Was a ticket begun by words that came through our bot? Then our bot has it, whatever its card is by now.

        None where nobody can tell, or where an administrator has given us the ticket since.
        """
        if ticket.via == "user":
            return False
        begun = opening(ticket)
        if begun is None or begun.created_at < self.since:
            return None
        return self.ours.get(begun.id)

    def heard(self, reply: Thread, ticket: Conversation) -> bool | None:
        """Did the last words of its customer before a reply come through our bot? None when there are none."""
        card, place = card_on(reply, ticket), (reply.created_at, reply.id)
        before = [
            each
            for each in ticket.threads or ()
            if each.id in self.ours
            and each.created_at >= self.since
            and (each.created_at, each.id) < place
            and card_on(each, ticket) == card
        ]
        newest = max(before, key=lambda each: (each.created_at, each.id), default=None)
        return None if newest is None else self.ours[newest.id]

    def are_mixed(self, card: int | None, ticket: Conversation) -> bool:
        """Have both our bot and another brought words of this card here?"""
        found = {
            self.ours[each.id]
            for each in ticket.threads or ()
            if each.id in self.ours and card_on(each, ticket) == card
        }
        return len(found) > 1

    def others_cards(self, ticket: Conversation) -> set[int | None]:
        """Cards of those for whom another bot has brought words here."""
        return {
            card_on(each, ticket)
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
    """Judge the customers' threads of a ticket.

    Args:
        threads: All of its threads.
        bot_id: Our bot.
        has_chat: Is this chat one of our bot's?
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
    """The customer's words by which a conversation was begun; None where none of them are left, or nobody can tell.

    What merges have brought is older than it, or younger than its first words. Times are whole seconds: of what several
    customers wrote in that second, its own customer's words are its first, if agents have not changed that one.
    """
    said = [
        each
        for each in ticket.threads or ()
        if each.type == "customer" and each.created_at >= ticket.created_at
    ]
    at = min((each.created_at for each in said), default=0.0)
    first = [each for each in said if each.created_at == at]
    if len({card_on(each, ticket) for each in first}) > 1:
        given = any(each.action == GIVEN for each in ticket.threads or ())
        own = None if given else ticket.customer_id
        first = [each for each in first if card_on(each, ticket) == own]
    return min(first, key=lambda each: each.id, default=None)


def last_heard(threads: Iterable[Thread], judged: Voices, until: float) -> bool | None:
    """Did the last of these words up to a desk time come through our bot? None when there are none."""
    said = [each for each in threads if each.id in judged.ours and each.created_at <= until]
    newest = max(said, key=lambda each: (_written_at(each), each.id), default=None)
    return None if newest is None else judged.ours[newest.id]


def _written_at(thread: Thread) -> float:
    """When a customer wrote this: an agent's clone is younger than its words."""
    times = [at / 1000 for key in marked_keys(thread.body) if (at := told_at(key))]
    return max(times, default=thread.created_at)


def card_on(thread: Thread, ticket: Conversation) -> int | None:
    """Whose a thread is: a merge leaves each its own customer (contract freescout.md 6)."""
    return ticket.customer_id if thread.customer_id is None else thread.customer_id


# --- Conversations that the bridge did not open


def needs_max(row: Conversation) -> bool:
    """Can what an agent writes here reach the customer through MAX only?

    Chats are never mailed, and nobody without an address is (contract freescout.md 6, case 63).
    Everything else FreeScout mails: it must not arrive twice. A draft is nobody's yet (case 67). The list
    tells the address on the customer's record only; one that has left it may go on standing in the
    conversation, so each reply is judged by its own (:func:`maxbridge.core.plan_outbound.is_mailed`).
    """
    if row.state != "published" or row.customer_id is None:
        return False
    return row.type == "chat" or not row.customer_email


def given_at(ticket: Conversation) -> float | None:
    """Desk time at which an agent last gave a conversation to another customer; None where nobody did."""
    return max(
        (each.created_at for each in ticket.threads or () if each.action == GIVEN), default=None
    )


def begun_by_agent(row: Conversation) -> bool:
    """Did an agent begin it, and not a customer, a copy or another program in a customer's name?"""
    return row.via == "user"


def history_cutoff_of(row: Conversation, listed_since: float) -> float:
    """Desk time up to which what is in an adopted conversation is history.

    Args:
        row: The conversation.
        listed_since: Desk time from which on the list of changes was followed: what agents wrote
            before cannot have been meant for a chat that it was not tied to.
    """
    # Times are whole seconds: an agent's first message has the very time of its conversation, and so
    # may have the first answer in a copy. What a copy took over is a customer's message, or, by an
    # address typed by hand, one of source "api" (measured on 1.8.235): neither ever leaves.
    return max(row.created_at - 1.0, listed_since)


def markers_of(ticket: Conversation, bot_id: int | None) -> list[str]:
    """Keys under customers' words of our bot's in a conversation; a copy has those of what it was made of."""
    return [
        key
        for thread in ticket.threads or ()
        if thread.type == "customer"
        for key in own_keys(thread.body, bot_id)
    ]
