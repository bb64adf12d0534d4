"""What must be true of tickets, whatever happens to them: a small model beside the big thing.

Every text has a word of its own (``C1`` of a customer, ``R1`` a reply, ``N1`` a note, ``D1`` a draft),
so that it is found wherever it stands. The promises are those of the README.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge import Bridge
from crash.dumps import plain, tokens_in
from maxbridge.i18n import CATALOGUE
from maxbridge.sim.desk.model import Thread

_MERGED_AWAY = CATALOGUE["ru"].merged_away[:30]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it was published last.

    Attributes:
        user: Whose ticket it was written in; None for a ticket that is nobody's at MAX.
        published: When and under which id, which is the order in which replies leave.
    """

    token: str
    user: int | None
    ticket: int
    published: tuple[int, int]


@dataclass(slots=True)
class Model:
    """What people did.

    Attributes:
        told: What each customer wrote, in order.
        filed: The threads in which each of these was ever seen.
        places: How far down in the first of these; several messages may share a thread.
        owners: Whose tickets these are: who wrote first in them.
        copies: Threads that are clones of messages.
        shaken: Tickets that were merged, deleted for ever, given to another customer, or made by an
            agent: it is enough that agents are told what does not arrive from there.
        clones: Whose tickets were cloned into these; replies there may reach that customer.
        shared: Customers of the desk that agents gave to tickets of somebody else: whose chat a reply
            to them is for, nobody can say, and agents are told.
        erased: Messages that an agent has deleted for ever; no look-up can find them any more.
        replies: By thread.
        drafts: By thread.
        private: What must not be seen outside.
        folded: Edits after which the same message was edited again; they need not be shown.
    """

    told: dict[int, list[str]]
    filed: dict[str, set[int]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)
    copies: set[int] = field(default_factory=set)
    shaken: set[int] = field(default_factory=set)
    clones: dict[int, int | None] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    replies: dict[int, Reply] = field(default_factory=dict)
    drafts: dict[int, str] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    folded: set[str] = field(default_factory=set)

    def observe(self, bridge: Bridge) -> None:
        """Note where messages stand, before anybody can move or delete them."""
        for thread in sorted(bridge.desk.state.threads.values(), key=lambda each: each.id):
            if thread.type != "customer" or thread.id in self.copies:
                continue
            for place, token in enumerate(tokens_of(thread)):
                self.places.setdefault(token, place)
                self._seen(token, thread)

    def _seen(self, token: str, thread: Thread) -> None:
        user = next((user for user, row in self.told.items() if token in row), None)
        if user is None:
            return  # a line of the bridge's own
        if token not in self.filed:
            owner = self.owners.setdefault(thread.conversation_id, user)
            assert owner == user, f"{token} of {user} in a ticket of {owner}"
        self.filed.setdefault(token, set()).add(thread.id)

    def check(self, bridge: Bridge) -> None:
        """What must be true at every moment."""
        self.observe(bridge)
        self._check_messages()
        for user in self.told:
            self._check_received(user, received_by(bridge, user))

    def _check_messages(self) -> None:
        """Customers' messages are there once, in order, in tickets of their own."""
        for token, threads in self.filed.items():
            assert len(threads) <= (2 if token in self.erased else 1), f"{token} is doubled"
        for user, told in self.told.items():
            order = [
                (min(self.filed[token]), self.places[token])
                for token in told
                if token in self.filed and token not in self.erased
            ]
            assert order == sorted(order), f"messages of {user} out of order"

    def _check_received(self, user: int, received: list[str]) -> None:
        """Replies are received once, in order, by the right person; nothing else is."""
        assert not self.private & set(received), "private words came out"
        assert len(received) == len(set(received)), f"doubled: {received}"
        replies = {each.token: each for each in self.replies.values()}
        for token in received:
            reply = replies[token]
            maybe = reply.user is None and reply.ticket in self.shaken
            maybe = maybe and self.clones.get(reply.ticket, user) == user
            assert reply.user == user or maybe, f"{token} misdirected"
        for ticket in {replies[token].ticket for token in received} - self.shaken:
            order = [replies[each].published for each in received if replies[each].ticket == ticket]
            assert order == sorted(order), f"replies of ticket {ticket} out of order"

    def check_at_rest(self, bridge: Bridge) -> None:
        """What must be true when nothing is on its way: nothing is missing without a word."""
        self.check(bridge)
        for told in self.told.values():
            missing = [each for each in told if each not in self.filed and each not in self.folded]
            assert not missing, f"messages lost: {missing}"
        for reply in self._undelivered(bridge):
            ticket = bridge.desk.state.conversations.get(reply.ticket)
            shared = ticket is not None and ticket.customer_id in self.shared
            assert shared or reply.ticket in self.shaken, f"reply not delivered: {reply}"
            assert self._is_told(bridge, reply), f"reply lost without a word: {reply}"
        assert bridge.journal is not None
        held = [each.error for each in bridge.journal.health.snapshot().held]
        assert all(str(error).endswith(".undecidable") for error in held), f"held: {held}"

    def _undelivered(self, bridge: Bridge) -> Iterator[Reply]:
        for thread, reply in self.replies.items():
            if reply.user is None or thread not in bridge.desk.state.threads:
                continue
            if reply.token not in received_by(bridge, reply.user):
                yield reply

    def _is_told(self, bridge: Bridge, reply: Reply) -> bool:
        """Does a note say that this reply, or any reply in its ticket, does not arrive?"""
        threads = bridge.desk.state.threads
        thread = next(number for number, each in self.replies.items() if each is reply)
        here = threads[thread].conversation_id
        notes = [
            each for each in threads.values() if each.type == "note" and each.source_type == "api"
        ]
        return any(
            reply.token in tokens_of(each)
            or (each.conversation_id == here and _MERGED_AWAY in (each.body or ""))
            for each in notes
        )


def tokens_of(thread: Thread) -> list[str]:
    """The words that name what a thread is."""
    return tokens_in(plain(thread.body or ""))


def received_by(bridge: Bridge, user: int) -> list[str]:
    """What a customer got from the bot, in order."""
    return [token for text in bridge.sent(user) for token in tokens_in(plain(text))]
