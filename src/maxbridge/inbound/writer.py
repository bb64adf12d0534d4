"""Inbox → desk: build the desk's channel for the administrator's present settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from maxbridge.core.markup import UrlRule
from maxbridge.core.plan_inbound import InboundPolicy
from maxbridge.core.retry import RetryPolicy
from maxbridge.core.texts import Texts, ToldPolicy
from maxbridge.engine.customers import OwnChats
from maxbridge.engine.gate import Gate
from maxbridge.engine.pool import Lane
from maxbridge.engine.runner import Runner
from maxbridge.files import heic_child
from maxbridge.files.heic import Pictures
from maxbridge.files.patience import FilePatience
from maxbridge.files.spool import Spool
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import longest_call
from maxbridge.inbound.batch import Bursts
from maxbridge.inbound.channel import DeskChannel, DeskRules
from maxbridge.inbound.files import InboundFiles
from maxbridge.inbound.message_writer import MessageWriter
from maxbridge.inbound.tickets import TicketFinder, WriterTables
from maxbridge.inbound.words import DeskWords
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia
from maxbridge.store.records import InboxItem


@dataclass(frozen=True, slots=True)
class WriterEnds:
    """The services that a message needs: the desk, and MAX for its files."""

    desk: FreeScoutClient
    max: MaxClient
    media: MaxMedia
    spool: Spool


@dataclass(frozen=True, slots=True)
class WriterPolicy:
    """The administrator's settings, and rules, for the desk."""

    inbound: InboundPolicy
    retry: RetryPolicy
    texts: Texts
    url_rule: UrlRule
    verified: Callable[[str, str], bool]
    """Whether MAX signed this vCard with this signature."""
    local_time: Callable[[float], datetime]
    """Converts a moment to the time zone that agents read."""
    note_user_id: int
    request_limit: int
    """Bytes of one request to the desk."""
    file_wait: float
    """Seconds for which a message waits for a file whose host is in trouble."""
    overlap: float
    """Seconds by which readings of the desk's list of changes overlap."""
    told: ToldPolicy
    """The automatic messages."""


class DeskWriter:
    """Delivers one inbox item at a time per chat; see :class:`maxbridge.engine.pool.Pool`."""

    def __init__(
        self,
        tables: WriterTables,
        ends: WriterEnds,
        policy: WriterPolicy,
        gate: Gate,
        lane: Lane,
        *,
        chats: OwnChats,
        now: Callable[[], float],
        jitter: Callable[[], float],
        wake_sender: Callable[[], None],
        answers: Callable[[str], int],
    ) -> None:
        """Prepare the loop.

        Args:
            tables: The tables it uses.
            ends: The services.
            policy: The administrator's settings.
            gate: Closed while the desk is in trouble.
            lane: How many chats are served at once.
            chats: Tells our bot's chats from another's.
            now: Our clock.
            jitter: Random numbers in [0, 1).
            wake_sender: Called when something was queued for MAX.
            answers: How often a service (``max``, ``desk``) has answered a reading so far.
        """
        self._tables = tables
        self._answers = answers
        self._chats = chats
        self._ends = ends
        self._gate = gate
        self._lane = lane
        self._now = now
        self._jitter = jitter
        self._wake_sender = wake_sender
        self._pictures = Pictures(heic_child.command()) if heic_child.is_installed() else None
        self.use(policy)

    def use(self, policy: WriterPolicy) -> None:
        """Use this policy from now on; deliveries under way continue as after a restart."""
        tables, ends = self._tables, self._ends
        tickets = TicketFinder(
            tables,
            ends.desk,
            ends.max,
            policy.inbound,
            policy.texts,
            chats=self._chats,
            overlap=policy.overlap,
        )
        files = InboundFiles(
            ends.max,
            ends.media,
            policy.texts,
            limit=policy.request_limit,
            patience=FilePatience(
                wait=policy.file_wait, words_wait=True, now=self._now, answers=self._answers
            ),
            pictures=self._pictures,
        )
        words = DeskWords(
            policy.texts,
            policy.url_rule,
            policy.inbound,
            local_time=policy.local_time,
            desk_now=ends.desk.clock.now,
            page_of=ends.desk.page_of,
        )
        bursts = Bursts(
            tables,
            words,
            policy.inbound,
            policy.texts,
            local_time=policy.local_time,
            now=self._now,
        )
        messages = MessageWriter(
            tables,
            tickets,
            files,
            words,
            bursts=bursts,
            spool=ends.spool,
            lane=self._lane,
            verified=policy.verified,
            now=self._now,
        )
        self._channel = DeskChannel(
            tables,
            ends.desk,
            messages,
            tickets=tickets,
            words=words,
            rules=DeskRules(
                policy.inbound,
                policy.retry,
                policy.note_user_id,
                policy.overlap,
                longest_call(policy.request_limit),
                policy.told,
            ),
            now=self._now,
            max_now=ends.max.timing.now,
            too_large=files.too_large,
            wake_sender=self._wake_sender,
            healthy=self._gate.ok,
        )
        self._runner = Runner(
            self._channel, self._gate, policy.retry, now=self._now, jitter=self._jitter
        )

    async def deliver(self, item: InboxItem) -> None:
        """Deliver one item to FreeScout, or defer it with a reason."""
        await self._runner.deliver(item)

    def hold_after_bug(self, item: InboxItem, code: str) -> None:
        """Hold an item after a bug: what was done with it is unknown, so a person decides."""
        self._channel.hold_after_bug(item, code)
