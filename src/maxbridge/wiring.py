"""Who gets which tables: each worker those that it needs, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxbridge.engine.housekeeper import HousekeeperTables
from maxbridge.gaps.watch import AuditTables
from maxbridge.inbound.batch import BurstTables
from maxbridge.inbound.channel import DeskChannelTables
from maxbridge.inbound.message_writer import MessageTables
from maxbridge.inbound.tickets import FinderTables
from maxbridge.inbound.writer import WriterTables
from maxbridge.outbound.adoption import AdoptionTables
from maxbridge.outbound.channel import SenderTables
from maxbridge.outbound.lookup import LookUpTables
from maxbridge.outbound.poller import DeskPollerTables
from maxbridge.outbound.reading import ReadingTables
from maxbridge.restore.recovery import RecoveryTables
from maxbridge.store.store import Store

if TYPE_CHECKING:
    from maxbridge.takeover.plan import TakeoverTables


def audit(store: Store) -> AuditTables:
    """For :class:`maxbridge.gaps.watch.Audit`."""
    return AuditTables(store.dialogs, store.backfill, store.meta)


def writer(store: Store) -> WriterTables:
    """For :class:`maxbridge.inbound.writer.DeskWriter`."""
    return WriterTables(
        FinderTables(store.outbox, store.dialogs, store.tickets, store.readings, store.notes),
        BurstTables(store.outbox, store.bursts, store.dialogs, store.meta),
        MessageTables(store.inbox, store.dialogs, store.meta),
        DeskChannelTables(
            inbox=store.inbox,
            outbox=store.outbox,
            bursts=store.bursts,
            dialogs=store.dialogs,
            tickets=store.tickets,
            readings=store.readings,
            restored=store.restored,
            notes=store.notes,
            meta=store.meta,
            events=store.events,
        ),
    )


def desk_poller(store: Store) -> DeskPollerTables:
    """For :class:`maxbridge.outbound.poller.DeskPoller`."""
    return DeskPollerTables(
        ReadingTables(
            outbox=store.outbox,
            dialogs=store.dialogs,
            tickets=store.tickets,
            threads=store.threads,
            readings=store.readings,
            notes=store.notes,
            restored=store.restored,
        ),
        AdoptionTables(
            inbox=store.inbox,
            dialogs=store.dialogs,
            tickets=store.tickets,
            unmatched=store.unmatched,
            relinking=store.relinking,
            notes=store.notes,
            restored=store.restored,
        ),
        store.aside,
    )


def sender(store: Store) -> SenderTables:
    """For :class:`maxbridge.outbound.sender.MaxSender`."""
    look_up = LookUpTables(store.outbox, store.restored, store.backfill, store.meta)
    return SenderTables(store.outbox, store.dialogs, look_up)


def recovery(store: Store) -> RecoveryTables:
    """For :class:`maxbridge.restore.recovery.Recovery`."""
    return RecoveryTables(store.dialogs, store.tickets, store.restored)


def housekeeper(store: Store) -> HousekeeperTables:
    """For :class:`maxbridge.engine.housekeeper.Housekeeper`."""
    return HousekeeperTables(store.health, store.clocks, store.tidying)


def takeover(store: Store) -> TakeoverTables:
    """For :func:`maxbridge.takeover.plan.carry_out`, of which the daemon knows nothing."""
    from maxbridge.takeover.plan import TakeoverTables  # noqa: PLC0415

    return TakeoverTables(store.db, store.meta, store.relinking, store.notes)
