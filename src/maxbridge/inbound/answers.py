"""Automatic answers to customers: to a start, a command, a rating, a message; agents need not see these events."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from maxbridge.core import keys
from maxbridge.core.events import Event, What
from maxbridge.core.plan_inbound import Duty, InboundPolicy
from maxbridge.core.told import LATELY, Landing, Saying, ToldPolicy, after_message, privacy
from maxbridge.inbound.tickets import TicketFinder
from maxbridge.inbound.words import DeskWords
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.event_commits import EventCommits
from maxbridge.store.inbox import InboxTable
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.records import DialogRecord, InboxItem, PostResult
from maxbridge.store.restored import RestoredStore
from maxbridge.store.tickets import TicketTable


class AnswerTables(NamedTuple):
    """The tables that :class:`Answers` uses."""

    inbox: InboxTable
    outbox: OutboxTable
    dialogs: DialogTable
    tickets: TicketTable
    restored: RestoredStore
    events: EventCommits


class Answers:
    """Decides the answer, and queues it in one transaction with the end of the event."""

    def __init__(
        self,
        tables: AnswerTables,
        *,
        tickets: TicketFinder,
        words: DeskWords,
        inbound: InboundPolicy,
        told: ToldPolicy,
        now: Callable[[], float],
        max_now: Callable[[], float | None],
        wake_sender: Callable[[], None],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            tickets: Reads a customer's tickets.
            words: The sentences.
            inbound: How a start is answered.
            told: The automatic messages.
            now: Our clock.
            max_now: MAX's clock; None while unknown.
            wake_sender: Called when an answer was queued for MAX.
        """
        self._tables = tables
        self._tickets = tickets
        self._words = words
        self._inbound = inbound
        self._told = told
        self._now = now
        self._max_now = max_now
        self._wake_sender = wake_sender

    async def command(
        self, item: InboxItem, event: Event, dialog: DialogRecord, duty: Duty
    ) -> None:
        """Answer a customer's command, unless it is too old.

        Raises:
            ApiError: The desk could not be asked.
        """
        now = self._now()
        if abs(self._by_max() - event.timestamp / 1000) > LATELY:
            self._tables.inbox.ignore(item, now, reason="the command was given long ago")
            return
        in_doubt = self._tables.restored.may_have_been_answered(event.timestamp)
        words = self._told.help or self._words.help()
        if duty is Duty.STATUS:
            if in_doubt is not None:
                # The words of an answer were others then: no look-up would know it.
                reason = "the lost database may have answered the command"
                self._tables.inbox.ignore(item, now, reason=reason)
                return
            words = self._words.statuses(await self._tickets.of(dialog))
        key = keys.answer(item.chat_id, duty.value, now)
        says = [*self._privacy(item.chat_id, event), Saying(key, words, in_doubt)]
        self._tables.events.greet(item, "", "", self._now(), says=says)
        self._wake_sender()

    def is_answered(self, item: InboxItem, event: Event, duty: Duty, now: float) -> bool:
        """Answer a start of the bot, if configured; return whether the event needs no agent."""
        if duty is Duty.RATE:
            self._rate(item, event, now)
            return True
        started = event.what is What.STARTED and event.is_dialog
        greets = duty is Duty.GREET
        says = self._privacy(item.chat_id, event) if started or greets else []
        if not greets and not says:
            return False
        policy = self._inbound
        self._tables.events.greet(
            item,
            policy.greeting if greets else "",
            policy.phone_button,
            now,
            in_doubt=self._tables.restored.may_have_been_answered(event.timestamp),
            says=says,
        )
        self._wake_sender()
        return True

    def _rate(self, item: InboxItem, event: Event, now: float) -> None:
        """Queue a note with a customer's rating; only the first answer to each request counts."""
        ticket, stars = keys.read_rating(event.payload) or (0, 0)
        note = self._words.rated(stars)
        in_doubt = self._tables.restored.may_have_been_answered(event.timestamp)
        if not self._counts(item, ticket, before_restore=in_doubt is not None):
            self._tables.inbox.ignore(item, now, reason="nobody asks for this rating (any more)")
            return
        self._tables.events.rate(
            item,
            ticket,
            stars,
            note=note,
            thanks=self._words.thanks(),
            now=now,
            in_doubt=in_doubt,
        )
        self._wake_sender()

    def _counts(self, item: InboxItem, ticket: int, *, before_restore: bool) -> bool:
        """Whether this customer was recently asked to rate this ticket and has not done so.

        For a press from before a restore, the database that asked is lost; MAX only reports presses
        of buttons that it had shown. The rating in the agents' note counts, and may have been
        counted again already; then the later press is the second one.
        """
        if self._tables.tickets.owner(ticket) != item.chat_id:
            return False
        told = self._tables.restored.posted(keys.note(keys.rated(ticket))) is not None
        if before_restore:
            return told or not self._tables.outbox.is_rated(ticket)
        return not told and self._tables.outbox.may_be_rated(item.chat_id, ticket)

    def about_message(
        self, chat_id: int, event: Event, result: PostResult, *, before_restore: bool
    ) -> list[Saying]:
        """Return the automatic messages that follow a message.

        If the message had arrived before a restore, all but the privacy notice were sent then or
        are pointless now. The notice is looked up: whether the customer has it matters for their
        next message.
        """
        if before_restore:
            says_more = event.what is What.MESSAGE and event.is_dialog
            return self._privacy(chat_id, event) if says_more else []
        landing = Landing(
            result.conversation_id,
            result.number or result.conversation_id,
            result.opened,
            event.timestamp / 1000,
            self._tables.restored.may_have_been_answered(event.timestamp),
        )
        says = after_message(
            self._told,
            landing,
            now=self._by_max(),
            agent_wrote=lambda ago: self._tables.outbox.agent_wrote(chat_id, self._now() - ago),
        )
        return [*self._privacy(chat_id, event), *says]

    def _privacy(self, chat_id: int, event: Event) -> list[Saying]:
        """Return the privacy notice, if this customer has not had it."""
        if not self._told.privacy:
            return []
        shown = self._tables.dialogs.privacy_shown(chat_id)
        in_doubt = self._tables.restored.may_have_been_answered(event.timestamp)
        return privacy(self._told, chat_id, shown=shown, in_doubt=in_doubt)

    def _by_max(self) -> float:
        """MAX's clock, by which messages are dated; ours may differ."""
        max_now = self._max_now()
        return self._now() if max_now is None else max_now
