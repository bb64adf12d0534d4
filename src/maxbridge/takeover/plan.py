"""The results of ``relink`` and ``import`` as a plan, and storing a plan in whole steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from maxbridge.core import keys
from maxbridge.core.old_talks import OldTalk
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.parse import own_file
from maxbridge.max.client import MaxClient
from maxbridge.outbound.replies import ReplyMaker
from maxbridge.restore.old_chats import OldChats, retry_read
from maxbridge.restore.rebuild import Carried, Findings, Rebuilder
from maxbridge.store.db import Database
from maxbridge.store.event_commits import NoteStore
from maxbridge.store.meta import MetaTable
from maxbridge.store.relinking import Relinked, Relinking
from maxbridge.takeover.relink import Progress, Relink

WINDOW = 5 * 86400.0
"""Seconds back for which replies may be unsent: older ones the bridge has given up, and said so."""

_TOGETHER = 100
"""Talks that are written in one transaction: the disk takes longer for each than everything else."""


@dataclass(slots=True)
class Plan:
    """Results, ready to be stored.

    Attributes:
        bot: Id and name of the bot; None if MAX was not asked.
        desk_now: The desk's time before anything was read.
        since: Desk time from which replies are in question; None if none are.
        talks: The dialogs to store.
        findings: The results for the administrator.
        threads: Further threads that were sent, in any ticket.
        keys: Further messages that are at the desk.
    """

    bot: tuple[int, str] | None
    desk_now: float
    since: float | None
    talks: Sequence[OldTalk]
    findings: Findings
    threads: frozenset[int] = frozenset()
    keys: frozenset[str] = frozenset()


@dataclass(slots=True)
class Sums:
    """Totals of what was stored."""

    dialogs: int = 0
    tickets: int = 0
    awaited: int = 0
    conflicts: list[str] = field(default_factory=list)

    def add(self, one: Relinked) -> None:
        """Count one dialog."""
        self.dialogs += one.dialog
        self.tickets += one.tickets
        self.awaited += one.awaited
        self.conflicts += one.conflicts


@dataclass(frozen=True, slots=True)
class Words:
    """How the bridge formats messages, to compare replies with what it would have sent.

    Attributes:
        texts: The language of customers and agents.
        signature: ``[texts] signature``.
        greeting: ``[texts] greeting``.
        linked: Which of these tickets the database has already.
        told: Templates of the other automatic messages.
    """

    texts: Texts
    signature: str
    greeting: str
    linked: Callable[[Collection[int]], Collection[int]]
    told: tuple[str, ...] = ()

    def rebuilder(
        self,
        chats: OldChats,
        desk: FreeScoutClient,
        findings: Findings,
        carried: Carried | None = None,
    ) -> Rebuilder:
        """Create the rebuilder of dialogs."""
        maker = ReplyMaker(
            self.texts,
            self.signature,
            own_file=own_file,
            directory=lambda: desk.directory,
        )
        own_words = (self.greeting, self.texts.not_received, *self.told)
        return Rebuilder(
            chats,
            maker,
            self.texts,
            findings,
            own_words=own_words,
            carried=carried or Carried(),
            linked=self.linked,
        )


async def look_for_talks(
    client: MaxClient,
    desk: FreeScoutClient,
    words: Words,
    *,
    since: float | None,
    progress: Progress,
) -> Plan:
    """Read everything that ``relink`` needs.

    Args:
        client: MAX.
        desk: FreeScout.
        words: How the bridge formats messages.
        since: When unsent replies may begin; None for :data:`WINDOW`.
        progress: Called with the progress.

    Raises:
        ApiError: A service is in trouble.
    """
    me = await retry_read(client.me)
    await retry_read(desk.mailboxes)
    await retry_read(desk.users)
    desk_now = desk.clock.now()
    since = desk_now - WINDOW if since is None else since
    findings = Findings()
    chats = OldChats(client, me.user_id)
    rebuilder = words.rebuilder(chats, desk, findings)
    talks = await Relink(desk, chats, rebuilder, findings, progress=progress).find_talks(since)
    return Plan((me.user_id, me.name), desk_now, since, talks, findings)


class TakeoverTables(NamedTuple):
    """The tables that a takeover uses."""

    db: Database
    meta: MetaTable
    relinking: Relinking
    notes: NoteStore


def carry_out(tables: TakeoverTables, plan: Plan, now: Callable[[], float]) -> Sums:
    """Store a plan; repeating it changes nothing.

    Raises:
        ConfigError: The database belongs to another bot.
    """
    if plan.bot is not None:
        tables.meta.claim(*plan.bot)
    relinking = tables.relinking
    relinking.begin(plan.desk_now, now())
    sums = Sums()
    for at in range(0, len(plan.talks), _TOGETHER):
        with tables.db.transaction():
            for talk in plan.talks[at : at + _TOGETHER]:
                for thread_id, (ticket, words) in talk.notes.items():
                    if talk.chat_id is not None:
                        key = keys.not_taken_over(thread_id)
                        tables.notes.add(key, talk.chat_id, ticket, words, now())
                for ticket, words in talk.doubts.items():
                    if talk.chat_id is not None:
                        key = keys.unclear(ticket)
                        tables.notes.add(key, talk.chat_id, ticket, words, now())
                sums.add(relinking.link(talk, now()))
    relinking.know(plan.keys, plan.threads, max(now(), plan.desk_now))
    return sums
