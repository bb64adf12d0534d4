"""Who gets which tables: each worker those that it needs, and no other."""

from __future__ import annotations

from maxbridge.store.store import Store
from maxbridge.workers.adoption import AdoptionTables
from maxbridge.workers.audit import AuditTables
from maxbridge.workers.bursts import BurstTables
from maxbridge.workers.desk_channel import DeskChannelTables
from maxbridge.workers.desk_poller import DeskPollerTables
from maxbridge.workers.desk_writer import WriterTables
from maxbridge.workers.housekeeper import HousekeeperTables
from maxbridge.workers.max_channel import SenderTables
from maxbridge.workers.max_lookup import LookUpTables
from maxbridge.workers.message_writer import MessageTables
from maxbridge.workers.recovery import RecoveryTables
from maxbridge.workers.takeover import TakeoverTables
from maxbridge.workers.ticket_finder import FinderTables


def audit(store: Store) -> AuditTables:
    """For :class:`maxbridge.workers.audit.Audit`."""
    return AuditTables(store.dialogs, store.backfill, store.meta)


def writer(store: Store) -> WriterTables:
    """For :class:`maxbridge.workers.desk_writer.DeskWriter`."""
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
    """For :class:`maxbridge.workers.desk_poller.DeskPoller`."""
    return DeskPollerTables(
        store.outbox,
        store.dialogs,
        store.tickets,
        store.threads,
        store.readings,
        store.notes,
        AdoptionTables(
            inbox=store.inbox,
            dialogs=store.dialogs,
            tickets=store.tickets,
            unmatched=store.unmatched,
            relinking=store.relinking,
            notes=store.notes,
        ),
    )


def sender(store: Store) -> SenderTables:
    """For :class:`maxbridge.workers.max_sender.MaxSender`."""
    look_up = LookUpTables(store.outbox, store.restored, store.backfill, store.meta)
    return SenderTables(store.outbox, store.dialogs, look_up)


def recovery(store: Store) -> RecoveryTables:
    """For :class:`maxbridge.workers.recovery.Recovery`."""
    return RecoveryTables(store.dialogs, store.tickets, store.restored)


def housekeeper(store: Store) -> HousekeeperTables:
    """For :class:`maxbridge.workers.housekeeper.Housekeeper`."""
    return HousekeeperTables(store.health, store.clocks, store.tidying)


def takeover(store: Store) -> TakeoverTables:
    """For :func:`maxbridge.workers.takeover.carry_out`."""
    return TakeoverTables(store.db, store.meta, store.relinking, store.notes)
