"""Decide whose a chat and a ticket are; record contacts of customers; put aside what a chat sends too much.

Agents change the customer record of a ticket, and merge records (cases 61, 65). What a chat sends
beyond its hourly limit is put aside, and its agents are told once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maxbridge.core.delivery import State
from maxbridge.core.errors import ApiError, MaxbridgeError
from maxbridge.core.events import Conversation, Event, Thread, What
from maxbridge.core.marks import Voices, bot_of, chats_named, voices
from maxbridge.core.markup import marked_keys
from maxbridge.core.pace import Arrival, FloodCounter
from maxbridge.core.plan_inbound import (
    Duty,
    InboundPolicy,
    Triage,
    groups_of,
    is_others_record,
    triage,
    users_of,
)
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.client import MaxClient
from maxbridge.observe import log
from maxbridge.store.dialogs import DialogTable, FloodStore
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.records import DialogRecord

_log: Any = log.get("desk_writer")


async def is_still_theirs(
    dialogs: DialogTable,
    desk: FreeScoutClient,
    chat_id: int,
    ticket: Conversation,
    *,
    bot_id: int | None,
) -> bool:
    """Whether a dialog's ticket still has a customer record of that dialog; learns a new record.

    A record that belongs to nobody else is the same person's: an agent found or created a better
    one. It may belong to a customer of another bot only; then its profiles say so. A record that
    another bot created for the same person is not learnt, because that bot sends what agents begin
    for it. A record of another dialog means one of two things: either the dialog's own record was
    merged into it, so its old id no longer exists; or an agent gave the ticket to the other
    customer.

    Args:
        dialogs: Chats and their customers.
        desk: The desk; called only if the record differs.
        chat_id: The dialog that the ticket belongs to.
        ticket: The ticket as just read.
        bot_id: Our bot.

    Returns:
        False if it was given to the customer of another dialog, or of another bot.

    Raises:
        ApiError: The desk could not be asked.
    """
    dialog, card = dialogs.get(chat_id), ticket.customer_id
    if dialog is None or card is None or card == dialog.customer_id:
        return True
    own = dialog.customer_id
    if not dialogs.foreign_customers(chat_id, [card]):
        profiles = await desk.profiles_of(card) or ()
        others = is_others_record(profiles, bot_id)
        if others if own is None else _is_somebody_elses(profiles, dialog):
            return False
        if not others and (own is None or dialog.conversation_id == ticket.id):
            dialogs.set_customer(chat_id, card)
        return True
    # An unknown card is one that the desk has refused: it was merged away.
    if own is not None and await desk.profiles_of(own) is not None:
        return False
    # It may have been merged into a third one, while the ticket was given away.
    if _is_somebody_elses(await desk.profiles_of(card) or (), dialog):
        return False
    dialogs.set_customer(chat_id, card)
    return True


def _is_somebody_elses(profiles: Collection[str], dialog: DialogRecord) -> bool:
    """Whether a record names other MAX users or groups, and not this dialog's."""
    people, groups = users_of(profiles), groups_of(profiles)
    if dialog.user_id is None:
        return bool(people or groups) and dialog.chat_id not in groups
    return bool(people or groups) and dialog.user_id not in people


def record_contact(
    dialogs: DialogTable,
    chat_id: int,
    event: Event,
    now: float,
    *,
    blocked: bool | None,
    at: float,
) -> tuple[DialogRecord, bool]:
    """Store a sign of life of a customer; log it if they stopped the bot or came back.

    Creates their dialog if necessary.

    Args:
        dialogs: Chats and their customers.
        chat_id: Their dialog.
        event: The event.
        now: Our clock.
        blocked: True if they stopped the bot, False if they can be reached, None if the event tells
            neither.
        at: When the event was received, our clock.

    Returns:
        The dialog, and whether ``blocked`` has changed.
    """
    user_id = event.sender.user_id if event.sender and not event.is_group else None
    dialog, news = dialogs.record_contact(chat_id, user_id, now, blocked=blocked, at=at)
    if news:
        stopped = "group removed the bot" if dialog.is_group else "customer stopped the bot"
        back = "the bot is back in the group" if dialog.is_group else "customer is back"
        _log.info(stopped if blocked else back, chat=chat_id)
    return dialog, news


# --- Which chats are our bot's: what the store knows, and for the rest MAX is asked, once for each


_NOT_OURS = frozenset({"max.blocked", "max.chat_gone", "max.not_found"})
"""Other refusals say nothing about the chat: MAX has answered every call with 403 for some hours."""
_MOST = 10_000


class UnknownChatError(MaxbridgeError):
    """MAX cannot say now whether a chat is our bot's."""


class OwnChats:
    """Tells our bot's chats from another bot's in a ticket that both may have written into."""

    def __init__(
        self, bot_id: Callable[[], int | None], knows: Callable[[int], bool], client: MaxClient
    ) -> None:
        """Create it.

        Args:
            bot_id: Our bot.
            knows: Whether the store has a dialog of this chat.
            client: MAX.
        """
        self.bot_id = bot_id
        self._knows = knows
        self._client = client
        self._told: dict[int, bool] = {}

    async def has(self, chat_id: int) -> bool:
        """Whether this chat is our bot's.

        Raises:
            UnknownChatError: MAX cannot say now.
        """
        if self._knows(chat_id):
            return True
        if chat_id not in self._told:
            if len(self._told) >= _MOST:
                self._told.clear()
            self._told[chat_id] = await self._ask(chat_id)
        return self._told[chat_id]

    async def voices(self, threads: Sequence[Thread] | None, *, since: float = 0.0) -> Voices:
        """Judge the customer threads of a ticket; see :func:`maxbridge.core.marks.voices`.

        Raises:
            UnknownChatError: MAX cannot say now.
        """
        threads = threads or ()
        own = {chat for chat in _unsigned(threads) if await self.has(chat)}
        return voices(threads, self.bot_id(), own.__contains__, since=since)

    async def _ask(self, chat_id: int) -> bool:
        try:
            await self._client.chat(chat_id)
        except ApiError as error:
            if error.failure.code in _NOT_OURS:
                return False
            raise UnknownChatError(str(error.failure)) from error
        return True


def _unsigned(threads: Sequence[Thread]) -> set[int]:
    """Chats named in threads without a bot mark."""
    return {
        chat
        for thread in threads
        if thread.type == "customer" and bot_of(thread.body) is None
        for chat in chats_named(marked_keys(thread.body))
    }


@dataclass(frozen=True, slots=True)
class FloodPolicy:
    """The administrator's settings.

    Attributes:
        limit: Events of one chat in an hour; 0 for no limit.
        inbound: Which events concern the desk at all.
        texts: The agents' language.
    """

    limit: int
    inbound: InboundPolicy
    texts: Texts


class Floods:
    """Called by the poller for every page, and by the housekeeper every minute.

    Attributes:
        policy: May be replaced at any time.
    """

    def __init__(
        self,
        store: FloodStore,
        dialogs: DialogTable,
        policy: FloodPolicy,
        *,
        bot_id: Callable[[], int | None],
        now: Callable[[], float],
        wake_writer: Callable[[], None],
        wake_sender: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            store: What is put aside.
            dialogs: Chats and their customers.
            policy: The administrator's settings.
            bot_id: Our own user at MAX, once it is known.
            now: Our clock.
            wake_writer: Called after notes are queued.
            wake_sender: Called when a customer can be written to again.
        """
        self._store = store
        self._dialogs = dialogs
        self._wake_sender = wake_sender
        self.policy = policy
        self._bot_id = bot_id
        self._now = now
        self._wake_writer = wake_writer
        self._counter = FloodCounter()
        self._log: Any = log.get("max_poller")

    def sorted_out(self, items: Sequence[NewUpdate], events: Sequence[Event]) -> list[NewUpdate]:
        """Return the updates of a page or a history to store, some of them marked as put aside.

        To be called inside the transaction that stores them, because an administrator may release a
        flood at any time. They count once :meth:`stored` is called. A start or stop of the bot
        takes effect at once.

        Args:
            items: The updates.
            events: Their parsed events.
        """
        if not items:
            return []
        waiting = self._store.chats()
        arrivals = [self._arrival(*each) for each in zip(items, events, strict=True)]
        aside = self._counter.put_aside(arrivals, limit=self.policy.limit, waiting=waiting)
        if any(aside):
            known = self._store.known({each.key for each in items})
            new = [
                None if item.key in known else arrival
                for item, arrival in zip(items, arrivals, strict=True)
            ]
            aside = self._counter.put_aside(new, limit=self.policy.limit, waiting=waiting)
        for item, event, is_aside in zip(items, events, aside, strict=True):
            if is_aside:
                self._obey(item, event)
        for chat in {each.chat_id for each, is_aside in zip(items, aside, strict=True) if is_aside}:
            if chat not in waiting:
                self._log.warning(
                    "a chat sends too much, the rest is put aside",
                    chat=chat,
                    limit=self.policy.limit,
                    advice=f"Nothing is lost. To deliver it: maxbridge queue release {chat}",
                )
        return [
            replace(item, state=State.PARKED, put_aside=True) if is_aside else item
            for item, is_aside in zip(items, aside, strict=True)
        ]

    def _obey(self, item: NewUpdate, event: Event) -> None:
        """Store whether the customer can be written to; only the words for agents wait."""
        verdict = self._triage(event)
        if item.chat_id is None or not (verdict.blocks or verdict.unblocks):
            return
        now = self._now()
        _, news = record_contact(
            self._dialogs, item.chat_id, event, now, blocked=verdict.blocks, at=now
        )
        if news:
            self._wake_sender()

    def _triage(self, event: Event) -> Triage:
        return triage(event, bot_id=self._bot_id() or 0, policy=self.policy.inbound)

    def stored(self) -> None:
        """The page last given to :meth:`sorted_out` is committed."""
        self._counter.stored()

    def _arrival(self, item: NewUpdate, event: Event) -> Arrival | None:
        if item.chat_id is None or item.state is not State.QUEUED:
            return None
        duty = self._triage(event).duty
        if duty in (Duty.IGNORE, Duty.PARK):
            return None
        at = event.timestamp or int(self._now() * 1000)
        return Arrival(item.chat_id, at, content=duty is Duty.POST or event.what is What.REMOVED)

    def tell(self) -> None:
        """Queue the notes that are due; for a flood before the customer's first ticket, once there is one.

        Raises:
            peewee.DatabaseError: The database cannot be read or written.
        """
        for chat_id, ticket in self._store.untold():
            words = self.policy.texts.put_aside.format(chat=chat_id)
            self._store.tell(chat_id, ticket, words, self._now())
            self._wake_writer()
