"""After a restore: read once what the desk has of ours, so that nothing is posted a second time.

Also after a pause in which another host may have taken over: then this reading shows whether it
has.

Messages of another bot of the same desk do not count (core/marks.py). Agents read and write
meanwhile; nothing of ours is written before this has ended. Customers' messages are still received
from MAX and wait in the inbox. What the lost database's daemon had begun to post may still be
carried out for a while, so the reading waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from maxbridge.core.errors import ApiError, ConfigError
from maxbridge.core.events import Conversation, Thread
from maxbridge.core.marks import (
    Voices,
    begun_by_agent,
    bot_of,
    chats_named,
    covered_by,
    opening,
    own_keys,
)
from maxbridge.core.old_talks import Rated, messages_at_desk, oldest, ratings_at_desk
from maxbridge.core.plan_inbound import users_of
from maxbridge.core.polling import Walk
from maxbridge.engine.customers import OwnChats, UnknownChatError
from maxbridge.engine.gate import LONGEST_NAP, Gate, store_failure, wait_any
from maxbridge.freescout.client import PAGE_SIZE, FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.observe import log
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.restored import Posted, Restoration, RestoredStore
from maxbridge.store.tickets import TicketTable

_MOST_PAGES = 10_000


class RecoveryTables(NamedTuple):
    """The tables that :class:`Recovery` uses."""

    dialogs: DialogTable
    tickets: TicketTable
    restored: RestoredStore


class Recovery:
    """The reading; if interrupted, it begins again."""

    def __init__(
        self,
        tables: RecoveryTables,
        desk: FreeScoutClient,
        chats: OwnChats,
        gate: Gate,
        *,
        settle: float,
        now: Callable[[], float],
        beat: Callable[[], None],
        noticed: Callable[[], None],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            desk: FreeScout.
            chats: Tells our bot's chats from another bot's.
            gate: Closed while the desk is in trouble.
            settle: Seconds for which a hanging POST may still be carried out.
            now: Our clock.
            beat: Called regularly: the loops that wait for this are healthy.
            noticed: Called when more histories are to be read.
        """
        self._tables = tables
        self._desk = desk
        self._chats = chats
        self._gate = gate
        self._settle = settle
        self._now = now
        self._beat = beat
        self._noticed = noticed
        self.returned = False
        """Nothing was restored: another host may have worked in place of this one, and may still."""
        self._waits = 0.0
        """Seconds until the desk may be read."""
        self._log: Any = log.get("recovery")

    async def run(self, stop: asyncio.Event) -> None:
        """Read if a restore was not followed by a reading yet, until finished or stopped.

        Raises:
            ConfigError: Another host has worked in place of this one.
        """
        while not stop.is_set():
            self._beat()
            if self._gate.closed_for() == 0 and await self._attempt():
                return
            pause = max(self._gate.closed_for(), self._waits, 0.05)
            await wait_any(stop, seconds=min(pause, LONGEST_NAP))

    async def _attempt(self) -> bool:
        try:
            restoration = self._tables.restored.must_read()
            if restoration is None:
                return True
            if self._must_wait(restoration):
                return False
            await self._read(restoration)
        except UnknownChatError as error:
            self._log.info("MAX cannot tell whose tickets these are", error=str(error))
            self._waits = LONGEST_NAP
        except ApiError as error:
            self._gate.failed(error.failure)
        except SQLITE_ERRORS as error:
            self._gate.failed(store_failure(error))
        else:
            self._gate.answered()
            return True
        return False

    def _must_wait(self, restoration: Restoration) -> bool:
        if self.returned:
            return False  # of ours nothing is under way; another host's posts are told by the next reading, too
        first = not self._waits
        left = restoration.restored_at + self._settle - self._now()
        # More than all of it: the clock was set back.
        self._waits = left if left <= self._settle else 0.0
        if self._waits <= 0:
            self._waits = 0.0
            return False
        if first:
            seconds = round(self._waits)
            self._log.info(
                "a backup was restored: what was under way gets its time", seconds=seconds
            )
        return True

    async def _read(self, restoration: Restoration) -> None:
        self._log.info(
            "after a pause: has another host worked meanwhile?"
            if self.returned
            else "a backup was restored: what the desk has already is read"
        )
        known = self._tables.tickets.ever_known
        unknown: list[Conversation] = []
        rated: dict[int, tuple[Rated, ...]] = {}
        threads = 0
        read: set[int] = set()
        async for row in _changed(self._desk, restoration.desk_from):
            self._beat()
            if row.id in read or not (_may_be_ours(row) or known([row.id])):
                continue
            read.add(row.id)
            ticket = await self._whole(row.id)
            if ticket is None:
                continue
            voices = await self._chats.voices(ticket.threads)
            posted = list(_posted(ticket, voices, self._chats.bot_id()))
            self._refuse_if_replaced(posted)
            threads += len(posted)
            self._tables.restored.remember(posted)
            rated[row.id] = ratings_at_desk(ticket, self._chats.bot_id())
            if posted and not known([row.id]):
                unknown.append(ticket)
        linked = 0
        for ticket in sorted(unknown, key=lambda each: (each.created_at, each.id)):
            self._beat()
            linked += await self._link(ticket)
        self._count(rated)
        self._tables.restored.finish()
        if linked:
            self._noticed()
        self._log.info(
            "the desk is read", conversations=len(read), threads=threads, new_tickets=linked
        )

    def _count(self, rated: Mapping[int, Sequence[Rated]]) -> None:
        """Count the ratings in notes: MAX need not send the button presses again."""
        for number, ratings in rated.items():
            chat_id = self._tables.tickets.owner(number)
            if ratings and chat_id is not None:
                self._tables.tickets.rated(chat_id, ratings)

    def _refuse_if_replaced(self, posted: Sequence[Posted]) -> None:
        others = self._tables.restored.others(posted) if self.returned else []
        if not others:
            return
        self._log.error(
            "another host has worked for this bot",
            conversation=others[0].conversation_id,
            thread=others[0].thread_id,
        )
        raise ConfigError(
            "[store] second_host: another host has served this bot while this one was away. Two at work would take each "
            "other's messages and answer twice, so this one stops. Is this host to go on? Stop the other one, and bring "
            "its database here: maxbridge restore --from-replica (docs/second-host.md)."
        )

    async def _whole(self, conversation_id: int) -> Conversation | None:
        try:
            return (await self._desk.conversation(conversation_id, threads=True))[0]
        except ApiError as error:
            if is_ticket_gone(error.failure):
                return None
            raise

    async def _link(self, ticket: Conversation) -> bool:
        """Link a ticket that was opened since the backup to its chat."""
        bot_id = self._chats.bot_id()
        voices = await self._chats.voices(ticket.threads)
        said = {
            each.id: own_keys(each.body, bot_id)
            for each in ticket.threads or ()
            if each.type == "customer" and voices.ours.get(each.id, True)
        }
        first = None if begun_by_agent(ticket) else opening(ticket)
        begun = [] if first is None else said.get(first.id, [])
        posted = [self._tables.restored.posted(key) for key in begun]
        if not any(one is not None and one.conversation_id == ticket.id for one in posted):
            return False  # a clone, or begun by an agent: adoption sees to these
        chats = chats_named(begun) or chats_named(key for keys in said.values() for key in keys)
        if len(chats) != 1 or ticket.customer_id is None:
            return False  # its customer's next message, or MAX's telling it again, ties it
        chat_id, now = chats.pop(), self._now()
        said_at = oldest(messages_at_desk(ticket, bot_id))
        if self._tables.dialogs.was_erased_since(chat_id, ticket.created_at, said_at):
            return False  # of before the customer was erased
        profiles = await self._desk.profiles_of(ticket.customer_id)
        users = users_of(profiles or ())
        self._tables.dialogs.ensure(chat_id, users.pop() if len(users) == 1 else None, now)
        heard_at = max(each.created_at for each in ticket.threads or () if said.get(each.id))
        # Our clock may be another one than the desk's; the time orders chats, nothing more.
        self._tables.restored.has_dialog(chat_id, ticket.customer_id, min(heard_at, now), now)
        linked = self._tables.tickets.link(
            ticket.id, chat_id, history_cutoff=None, desk_now=self._desk.clock.now()
        )
        self._log.info("ticket found again", conversation=ticket.id, chat=chat_id)
        return linked


async def _changed(desk: FreeScoutClient, since: float) -> AsyncIterator[Conversation]:
    """Yield rows of the list of changes from a desk time; a row may come twice."""
    walk = Walk(since, PAGE_SIZE)
    for _ in range(_MOST_PAGES):
        rows, _ = await desk.changed_since(walk.start, walk.size)
        for row in rows:
            yield row
        if not walk.goes_on([row.updated_at for row in rows]):
            return


def _may_be_ours(row: Conversation) -> bool:
    """Whether a conversation may be ours; mail is not, unless the store says so."""
    return row.type in ("", "chat") or not row.customer_email


def _posted(ticket: Conversation, voices: Voices, bot_id: int | None) -> Iterator[Posted]:
    """Yield our bot's threads. A note without a bot mark is ours if no other bot brought a customer's message."""
    for thread in ticket.threads or ():
        if thread.type == "note" and (_is_signed(thread) or not voices.has_others):
            ours = True
        else:
            ours = thread.type == "customer" and voices.ours.get(thread.id, True)
        if ours:
            covered = covered_by(thread.body)
            for key in own_keys(thread.body, bot_id):
                yield Posted(key, ticket.id, thread.id, thread.created_at, covered)


def _is_signed(thread: Thread) -> bool:
    return bot_of(thread.body) is not None
