"""Floods: what one chat sends beyond the limit of an hour is put aside as it comes, and its agents get one note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maxbridge.core.delivery import State
from maxbridge.core.events import Event, What
from maxbridge.core.pace import Arrival, FloodCounter
from maxbridge.core.plan_inbound import Duty, InboundPolicy, Triage, triage
from maxbridge.core.texts import Texts
from maxbridge.engine.customers import record_contact
from maxbridge.observe import log
from maxbridge.store.dialogs import DialogTable, FloodStore
from maxbridge.store.inbox import NewUpdate


@dataclass(frozen=True, slots=True)
class FloodPolicy:
    """What the administrator wants.

    Attributes:
        limit: Events of one chat in an hour; 0 for no limit.
        inbound: Which events are anybody's business at all.
        texts: The agents' language.
    """

    limit: int
    inbound: InboundPolicy
    texts: Texts


class Floods:
    """Asked by the poller for every page, and by the housekeeper every minute.

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
            dialogs: Who can be written to.
            policy: What the administrator wants.
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
        """The updates of a page or of a history as they are to be stored, some of them put aside.

        To be called inside the transaction that stores them: an administrator may let a flood go at any time.
        They count once :meth:`stored` is called. Whether a customer can be written to is obeyed at once.

        Args:
            items: The updates.
            events: What was read of them.
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
        """Write down whether the customer can be written to; only what it says to agents waits."""
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
        """The page that was sorted out last is in the database."""
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
        """Queue the notes that are due; of a flood before the first ticket, when there is one.

        Raises:
            peewee.DatabaseError: The database cannot be read or written.
        """
        for chat_id, ticket in self._store.untold():
            words = self.policy.texts.put_aside.format(chat=chat_id)
            self._store.tell(chat_id, ticket, words, self._now())
            self._wake_writer()
