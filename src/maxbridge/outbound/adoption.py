"""Decide whether a conversation that the bridge did not open belongs to one of its customers.

Called for rows of the list of changes, so for everything that happens at the desk. What the row and
the store tell costs no request. The desk is asked about two kinds of conversations whose customer
FreeScout cannot mail, once each: one that a customer began (is it a copy of messages that came
through our bot, whatever customer record it has now?), and one that an agent began: is the customer
record our bot's?
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from maxbridge.core import keys
from maxbridge.core.errors import ApiError
from maxbridge.core.events import Conversation
from maxbridge.core.marks import (
    begun_by_agent,
    chats_named,
    given_at,
    history_cutoff_of,
    last_came_through_us,
    markers_of,
    needs_max,
    opening,
    own_keys,
    record_on,
)
from maxbridge.core.markup import has_marker
from maxbridge.core.plan_inbound import bots_of, groups_of, is_others_record, users_of
from maxbridge.core.texts import Texts
from maxbridge.engine.customers import OwnChats, UnknownChatError
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.observe import log
from maxbridge.outbound.look_ups import LookUps
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.event_commits import NoteStore
from maxbridge.store.inbox import InboxTable
from maxbridge.store.readings import UnmatchedTable
from maxbridge.store.relinking import Relinking
from maxbridge.store.restored import RestoredStore
from maxbridge.store.tickets import TicketTable

_LOOK_UPS = 20
"""Questions to the desk for one walk along the list; the rest is listed again by the next ones."""
_BEING_MADE = 5.0
"""Seconds within which a conversation that is listed may have no threads yet: the desk saves them after it."""
_UNCLEAR = 0
"""No chat of MAX: nobody can tell which bot's a conversation is, until agents act in it again."""
_REMEMBERED = 10_000
"""Looks that are remembered; what else is listed again costs its questions once more."""


class _Before(Enum):
    """Result of earlier examinations of a conversation: none, or not ours, and by which customer record."""

    NEVER = auto()
    BY_ANOTHER_RECORD = auto()
    BY_THIS_RECORD = auto()

    @classmethod
    def of(cls, row: Conversation, cards: Mapping[int, int | None]) -> _Before:
        """Derive it from the customer records that conversations had when examined."""
        if row.id not in cards:
            return cls.NEVER
        return cls.BY_THIS_RECORD if cards[row.id] == row.customer_id else cls.BY_ANOTHER_RECORD


class _Examined(NamedTuple):
    """A conversation as it was when examined.

    Attributes:
        card: Its customer record.
        acted_at: When agents last acted in it.
        chats: The chats of that record.
        is_anothers: An agent began it for a customer record of ours, and another bot answers it.
    """

    card: int | None
    acted_at: float | None
    chats: tuple[int, ...]
    is_anothers: bool = False


class AdoptionTables(NamedTuple):
    """The tables that :class:`Adoption` uses."""

    inbox: InboxTable
    dialogs: DialogTable
    tickets: TicketTable
    unmatched: UnmatchedTable
    relinking: Relinking
    notes: NoteStore
    restored: RestoredStore


class Adoption:
    """Links conversations that agents began or copied to their customers' dialogs."""

    def __init__(
        self,
        tables: AdoptionTables,
        desk: FreeScoutClient,
        own_chats: OwnChats,
        texts: Texts,
        look_ups: LookUps,
        *,
        now: Callable[[], float],
    ) -> None:
        self._tables = tables
        self._desk = desk
        self._own_chats = own_chats
        self._texts = texts
        self._look_ups = look_ups
        self._now = now
        self._asked = 0
        self._looked: dict[int, _Examined] = {}
        """By conversation, the last look at it; the oldest first."""
        self._log: Any = log.get("adoption")

    @property
    def bot_id(self) -> int | None:
        """Our bot."""
        return self._own_chats.bot_id()

    def begin(self) -> None:
        """Begin a new walk along the list of changes."""
        self._asked = 0

    async def examine_listed(
        self, rows: Iterable[Conversation], *, since: float, beat: Callable[[], None]
    ) -> set[int]:
        """Adopt those of these conversations that belong to a dialog.

        Every step may be repeated: unfinished ones are found in the list again.

        Args:
            rows: A page of the list of changes.
            since: Desk time from which the list is followed without a gap.
            beat: Called after each conversation.

        Returns:
            Those that could not be examined now and must be listed again.
        """
        rows = list(rows)
        self._tell_awaited(rows)
        rows = [row for row in rows if needs_max(row)]
        again: set[int] = set()
        if not rows:
            return again
        ids = [row.id for row in rows]
        known = self._tables.tickets.ever_known(ids)
        looked_at = self._tables.unmatched.among(ids)
        chats = self._tables.dialogs.chats_of({row.customer_id or 0 for row in rows})
        for row in rows:
            if row.id in known:
                continue
            beat()
            its_chats = chats.get(row.customer_id or 0, [])
            if not await self._consider(row, its_chats, since, _Before.of(row, looked_at)):
                again.add(row.id)
        return again

    def _tell_awaited(self, rows: Sequence[Conversation]) -> None:
        """Tell an agent once that the chat of their ticket's customer is not known yet."""
        awaited = self._tables.relinking.awaited_since([row.id for row in rows])
        for row in rows:
            since = awaited.get(row.id)
            if since is None or (row.user_updated_at or 0.0) <= since:
                continue
            # A note is no message to anybody: its place in line is its own.
            self._tables.notes.add(
                keys.awaited(row.id), -row.id, row.id, self._texts.awaited, self._now()
            )

    async def _consider(
        self, row: Conversation, chats: Sequence[int], since: float, before: _Before
    ) -> bool:
        """Examine one conversation; False if that must wait for the next walk.

        Args:
            row: The conversation.
            chats: The chats of its customer record.
            since: Desk time from which the list is followed without a gap.
            before: The result of earlier examinations.
        """
        by_agent = begun_by_agent(row)
        known = by_agent and len(chats) == 1
        if known and (self._is_anothers(row) or not self._has_changed(row, chats)):
            return True
        if not by_agent and chats and not self._has_changed(row, chats):
            return True
        if before is _Before.BY_THIS_RECORD and not known and (by_agent or not chats):
            return True
        if by_agent and len(chats) > 1:
            self._leave_unclear(row, chats)
            return True
        if self._asked >= _LOOK_UPS and not known:
            return False

        async def look(since: float) -> None:
            self._asked += not known
            await self._look_at(row, chats, since, before)

        return await self._look_ups.done(row.id, since, look)

    async def examine_unlisted(self, row: Conversation, since: float) -> None:
        """Examine a conversation that is no longer listed, and adopt it if it belongs to a dialog.

        Args:
            row: The conversation as it is now.
            since: Desk time from which its replies are not history.

        Raises:
            ApiError: The desk could not be asked.
            UnknownChatError: MAX could not.
        """
        if not needs_max(row) or self._tables.tickets.ever_known([row.id]):
            return
        looked_at = self._tables.unmatched.among([row.id])
        chats = self._tables.dialogs.chats_of({row.customer_id or 0}).get(row.customer_id or 0, [])
        if len(chats) > 1 and begun_by_agent(row):
            self._leave_unclear(row, chats)
        else:
            await self._look_at(row, chats, since, _Before.of(row, looked_at))

    def _leave_unclear(self, row: Conversation, chats: Sequence[int]) -> None:
        """Leave a conversation that an agent began for a record with several chats to a person's decision."""
        self._tell_unclear(row, chats[0], self._texts.two_chats)
        self._tables.unmatched.remember(row.id, row.customer_id, self._now())

    async def _look_at(
        self, row: Conversation, chats: Sequence[int], since: float, before: _Before
    ) -> None:
        """Ask the desk and store whose it is."""
        chat_id = await self._owner(row, chats, since, before)
        is_anothers = chat_id is None and begun_by_agent(row) and len(chats) == 1
        self._remember(row, _examined(row, chats)._replace(is_anothers=is_anothers))
        if chat_id == _UNCLEAR:
            return
        if chat_id is not None:
            self._adopt(row, chat_id, since)
            return
        self._tables.unmatched.remember(row.id, row.customer_id, self._now())

    def _has_changed(self, row: Conversation, chats: Sequence[int]) -> bool:
        """Whether a conversation has changed since it was examined: a merge may have brought messages of ours."""
        last = self._looked.get(row.id)
        return last is None or last._replace(is_anothers=False) != _examined(row, chats)

    def _is_anothers(self, row: Conversation) -> bool:
        last = self._looked.get(row.id)
        return last is not None and last.is_anothers and last.card == row.customer_id

    def _remember(self, row: Conversation, look: _Examined) -> None:
        self._looked.pop(row.id, None)
        self._looked[row.id] = look
        if len(self._looked) > _REMEMBERED:
            del self._looked[next(iter(self._looked))]

    async def _owner(
        self, row: Conversation, chats: Sequence[int], since: float, before: _Before
    ) -> int | None:
        """Return a conversation's chat; None if it has none of ours, or ``_UNCLEAR``."""
        if begun_by_agent(row):
            return await self._by_record(row, chats, since, before)
        ticket = await self._whole(row)
        if ticket is None:
            return None
        if not _has_words(ticket):
            if self._desk.clock.now() - ticket.created_at < _BEING_MADE:
                raise UnknownChatError("it is being made")
            return await self._by_record(row, chats, since, before)
        return await self._by_marker(ticket, chats)

    async def _whole(self, row: Conversation) -> Conversation | None:
        """Return a conversation with its threads; None if it was just deleted permanently."""
        try:
            return (await self._desk.conversation(row.id, threads=True))[0]
        except ApiError as error:
            if is_ticket_gone(error.failure):
                return None
            raise

    def _adopt(self, row: Conversation, chat_id: int, since: float) -> None:
        self._tables.tickets.adopt(
            row.id,
            chat_id,
            row.customer_id,
            history_cutoff=history_cutoff_of(row, since),
            desk_now=self._desk.clock.now(),
        )
        self._log.info("ticket adopted", conversation=row.id, chat=chat_id)

    async def _by_record(
        self, row: Conversation, chats: Sequence[int], since: float, before: _Before
    ) -> int | None:
        """Return the chat of a customer record, or of the MAX user in its profiles, who may have another record by now."""
        card = await self._desk.find_customer(row.customer_id or 0)
        profiles = () if card is None else card.profiles
        others = is_others_record(profiles, self.bot_id)
        found = set(chats) or {
            chat for user in users_of(profiles) for chat in self._tables.dialogs.chats_of_user(user)
        }
        if not (found or others) and (users_of(profiles) or groups_of(profiles)):
            self._see_that_dialogs_are_known()
        nobodys = not (found or others) and _was_acted_in(row)
        if len(found) != 1 and not (others or nobodys):
            return None
        ticket = await self._whole(row)
        if ticket is None:
            return None
        if others or nobodys:
            return await self._before_it_was_given(ticket, since, is_anothers=others)
        at = _has_record_since(ticket)
        if not await self._is_ours_to_answer(ticket, profiles, at):
            return await self._before_it_was_given(ticket, since, is_anothers=True)
        (chat_id,) = found
        # Which bot heard the customer last tells this for the moment of its beginning: the words may move later.
        fresh = (
            at >= since
            and before is not _Before.BY_THIS_RECORD
            and card is not None
            and card.updated_at < at
        )
        if len(bots_of(profiles)) < 2 or card is None or fresh:
            dialog = self._tables.dialogs.get(chat_id)
            if dialog is not None and dialog.customer_id is None:
                self._tables.dialogs.set_customer(chat_id, row.customer_id)
            return chat_id
        # Cards of two bots were merged since, or it began before our database: the other bot may have taken it then.
        if (
            before is _Before.NEVER
            and max(ticket.created_at, ticket.user_updated_at or 0.0) >= since
        ):
            self._tell_unclear(ticket, chat_id, self._texts.two_bots)
        return _UNCLEAR if before is _Before.NEVER else None

    def _see_that_dialogs_are_known(self) -> None:
        """Check that a chat missing in the store is certainly not ours: a restored backup may lack some.

        Raises:
            UnknownChatError: The reading that finds those again is not finished
                (restore/recovery.py).
        """
        if self._tables.restored.must_read() is not None:
            raise UnknownChatError("what the desk has of before the restore is not read yet")

    async def _before_it_was_given(
        self, ticket: Conversation, since: float, *, is_anothers: bool
    ) -> int | None:
        """Return the chat for which an agent first wrote here, before giving the ticket to a customer of none of our chats.

        The bot of that customer does not send such replies; it sends those written later. A record of no bot's is
        a better one of the first customer's.
        """
        if given_at(ticket) is None or ticket.created_at < since:
            return None
        written = [each for each in ticket.threads or () if each.type == "message"]
        records = [
            each.customer_id or 0
            for each in sorted(written, key=lambda each: (each.created_at, each.id))
            if each.customer_id != ticket.customer_id
        ]
        found = self._tables.dialogs.chats_of(set(records))
        own = next((record for record in records if record in found), None)
        if own is None or not (is_anothers or own == records[0]):
            return None
        (chat_id, *more), record = found[own], await self._desk.find_customer(own)
        shared = record is not None and len(bots_of(record.profiles)) > 1
        if more or shared:
            # The other bot may have sent it before the records were merged.
            words = self._texts.two_chats if more else self._texts.two_bots
            self._tell_unclear(ticket, chat_id, words)
            return _UNCLEAR
        return chat_id

    async def _is_ours_to_answer(
        self, ticket: Conversation, profiles: Sequence[str], at: float
    ) -> bool:
        """Whether our bot must send what an agent begins for this customer record.

        A record of older versions has no bot mark, and a merged one may have two. Then the bot
        sends to which the customer last wrote before; every bot decides the same. If the ticket has
        messages of this customer, the bot that brought the last of them sends.

        Args:
            ticket: The conversation that was begun, with threads.
            profiles: The profiles of its customer record.
            at: Desk time at which it got this record.
        """
        here = await self._own_chats.voices(ticket.threads)
        said = [
            each for each in ticket.threads or () if record_on(each, ticket) == ticket.customer_id
        ]
        heard = last_came_through_us(said, here, math.inf)
        if heard is not None:
            return heard
        own, bots = self.bot_id, bots_of(profiles)
        if own is None or bots == {own}:
            return True
        talks = await self._desk.talks_of(ticket.customer_id or 0)
        threads = [
            each
            for talk in talks
            for each in talk.threads or ()
            if record_on(each, talk) == ticket.customer_id
        ]
        heard = last_came_through_us(threads, await self._own_chats.voices(threads), at)
        return own == min(bots, default=own) if heard is None else heard

    async def _by_marker(self, ticket: Conversation, chats: Sequence[int]) -> int | None:
        """Return the chat whose messages were copied here, by their markers; another program's conversation has none.

        Messages of the record's chat may have come by a merge. Without any, the conversation
        belongs to the customer whose message opened it: the copy may have another record, given to
        it or merged with theirs.
        """
        marked = markers_of(ticket, self.bot_id)
        found = {self._tables.inbox.chat_of_marker(key) for key in marked} & set(chats)
        if not found and marked and chats:
            found = await self._by_original(ticket, marked)
        return found.pop() if len(found) == 1 else self._by_opening(ticket)

    def _by_opening(self, ticket: Conversation) -> int | None:
        begun = opening(ticket)
        marked = [] if begun is None else own_keys(begun.body, self.bot_id)
        told = {self._tables.inbox.chat_of_marker(key) for key in marked} - {None}
        found = {
            chat
            for chat in told or chats_named(marked)
            if chat is not None and self._tables.dialogs.get(chat) is not None
        }
        if marked and not found:
            self._see_that_dialogs_are_known()
        return found.pop() if len(found) == 1 else None

    async def _by_original(self, ticket: Conversation, keys: Sequence[str]) -> set[int | None]:
        """Return the chats of old messages whose ids the store no longer has, by the threads they were copied from."""
        talks = await self._desk.talks_of(ticket.customer_id or 0)
        ours = self._tables.tickets.known_tickets(talk.id for talk in talks)
        return {
            ours[talk.id].chat_id
            for talk in talks
            if talk.id in ours
            for thread in talk.threads or ()
            if any(has_marker(thread.body, key) for key in keys)
        }

    def _tell_unclear(self, row: Conversation, chat_id: int, words: str) -> None:
        """Tell agents that their words may reach nobody; not in a phone conversation, which is for taking notes."""
        if row.type != "phone":
            self._tables.notes.add(keys.unclear(row.id), chat_id, row.id, words, self._now())
        self._log.warning("ticket not adopted: nobody can tell its chat", conversation=row.id)


def _examined(row: Conversation, chats: Sequence[int]) -> _Examined:
    return _Examined(row.customer_id, row.user_updated_at, tuple(chats))


def _was_acted_in(row: Conversation) -> bool:
    """Whether agents have done anything in a conversation since one began it."""
    return row.user_updated_at is not None and row.user_updated_at > row.created_at


def _has_record_since(ticket: Conversation) -> float:
    """Return the desk time from which a conversation has its customer record.

    Being given to a record that was later merged into its own does not count.
    """
    given = given_at(ticket)
    if given is None or any(
        each.type == "message"
        and record_on(each, ticket) == ticket.customer_id
        and each.created_at < given
        for each in ticket.threads or ()
    ):
        return ticket.created_at
    return given


def _has_words(ticket: Conversation) -> bool:
    """Whether a conversation has customer threads. One that was merged away has none."""
    return any(each.type == "customer" for each in ticket.threads or ())
