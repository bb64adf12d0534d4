"""Give each worker only the tables that it needs, and derive its policy from the settings.

Everything that a reload may change is here; :mod:`maxbridge.daemon` wires the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from maxbridge.config.settings import SECTIONS, MaxSettings, Secret, Settings
from maxbridge.core.hours import Hours, read_holidays, week_of
from maxbridge.core.plan_inbound import InboundPolicy
from maxbridge.core.plan_outbound import OutboundPolicy
from maxbridge.core.retry import RetryPolicy
from maxbridge.core.texts import ToldPolicy
from maxbridge.engine.alerts import AlertPolicy
from maxbridge.engine.customers import FloodPolicy
from maxbridge.engine.housekeeper import HousekeeperTables
from maxbridge.files.egress import media_rule
from maxbridge.gaps.watch import AuditTables
from maxbridge.i18n import CATALOGUE
from maxbridge.inbound.tickets import WriterTables
from maxbridge.inbound.writer import WriterPolicy
from maxbridge.max.vcard import card_verifier
from maxbridge.outbound.adoption import AdoptionTables
from maxbridge.outbound.channel import SenderPolicy
from maxbridge.outbound.lookup import SenderTables
from maxbridge.outbound.poller import DeskPollerTables
from maxbridge.outbound.reading import PollerPolicy, ReadingTables
from maxbridge.restore.recovery import RecoveryTables
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention

if TYPE_CHECKING:
    from maxbridge.takeover.relink import TakeoverTables


def audit(store: Store) -> AuditTables:
    """For :class:`maxbridge.gaps.watch.Audit`."""
    return AuditTables(store.dialogs, store.backfill, store.meta)


def writer(store: Store) -> WriterTables:
    """For :class:`maxbridge.inbound.writer.DeskWriter`."""
    return WriterTables(
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
    """For :class:`maxbridge.outbound.channel.MaxSender`."""
    return SenderTables(store.outbox, store.dialogs, store.restored, store.backfill, store.meta)


def recovery(store: Store) -> RecoveryTables:
    """For :class:`maxbridge.restore.recovery.Recovery`."""
    return RecoveryTables(store.dialogs, store.tickets, store.restored)


def housekeeper(store: Store) -> HousekeeperTables:
    """For :class:`maxbridge.engine.housekeeper.Housekeeper`."""
    return HousekeeperTables(store.health, store.clocks, store.tidying)


def takeover(store: Store) -> TakeoverTables:
    """For :func:`maxbridge.takeover.relink.carry_out`, which the daemon does not use."""
    from maxbridge.takeover.relink import TakeoverTables  # noqa: PLC0415

    return TakeoverTables(store.db, store.meta, store.relinking, store.notes)


# --- The rules that the settings mean for each, and which of them a reload takes over: the one place where keys become rules


_DAY = 86400.0
_MINUTE = 60.0
_MB = 1_000_000
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Policies:
    """The administrator's settings for each worker."""

    writer: WriterPolicy
    poller: PollerPolicy
    sender: SenderPolicy
    flood: FloodPolicy
    retention: Retention
    alerts: AlertPolicy


def file_limit(settings: MaxSettings) -> int:
    """Bytes of the largest file that is transferred."""
    return settings.max_file_mb * _MB


def told_policy(settings: Settings, moment: str) -> ToldPolicy:
    """Return the policy of automatic messages.

    Args:
        settings: Checked.
        moment: Format of a moment.
    """
    hours, texts = settings.hours, settings.texts
    stated = any(hours.week)
    return ToldPolicy(
        privacy=texts.privacy,
        help=texts.help,
        accepted=texts.accepted,
        closed=texts.closed,
        rated=texts.rating == "yes",
        away=texts.away,
        hours=Hours(week_of(hours.week), read_holidays(hours.holidays)) if stated else None,
        zone=ZoneInfo(hours.timezone),
        moment=moment,
    )


def policies(
    settings: Settings, retry: RetryPolicy, local_time: Callable[[float], datetime]
) -> Policies:
    """Derive the policies.

    Args:
        settings: The settings.
        retry: The times between tries, which are not configurable.
        local_time: Converts a moment to the time zone that agents read.
    """
    texts = CATALOGUE[settings.texts.language]
    outbound = OutboundPolicy(settings.freescout.undo_window)
    inbound = InboundPolicy(
        mailbox_id=settings.freescout.mailbox_id,
        reopen_days=settings.tickets.reopen_days,
        max_threads=settings.tickets.max_threads,
        max_bytes=settings.tickets.max_mb * _MIB,
        subject=settings.tickets.subject,
        status=settings.tickets.status,
        greeting=settings.texts.greeting,
        phone_button=settings.texts.phone_button,
        tell_not_received=settings.texts.tell_not_received == "yes",
        groups=settings.max.groups == "ticket",
        commands=settings.texts.commands == "yes",
    )
    return Policies(
        writer=WriterPolicy(
            inbound=inbound,
            retry=retry,
            texts=texts,
            url_rule=media_rule(settings.max),
            verified=card_verifier(settings.max.token.reveal()),
            local_time=local_time,
            note_user_id=settings.freescout.user_id,
            request_limit=settings.freescout.max_request_mb * _MIB,
            file_wait=settings.files.wait_minutes * _MINUTE,
            overlap=outbound.overlap,
            told=told_policy(settings, texts.moment_told),
        ),
        poller=PollerPolicy(
            outbound=outbound,
            retry=retry,
            texts=texts,
            interval=settings.freescout.poll_interval,
            signature=settings.texts.signature,
            told=told_policy(settings, texts.moment_told),
        ),
        sender=SenderPolicy(
            retry, texts, file_limit(settings.max), settings.files.wait_minutes * _MINUTE
        ),
        flood=FloodPolicy(settings.max.flood_limit, inbound, texts),
        retention=Retention(
            settings.store.keep_texts_days * _DAY, settings.store.keep_ids_days * _DAY
        ),
        alerts=AlertPolicy(
            ping_url=settings.alerts.ping_url.reveal(),
            command=settings.alerts.command,
            chat_id=settings.alerts.max_chat,
            after=settings.alerts.after_minutes * _MINUTE,
            texts=texts,
        ),
    )


# --- Which settings a reload takes over ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reload:
    """The result of a reload.

    Attributes:
        settings: In force from now on.
        taken: ``[section] key`` of applied changes.
        kept: ``[section] key`` of changes that need a restart.
    """

    settings: Settings
    taken: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def merge(old: Settings, new: Settings) -> Reload:
    """Apply from ``new`` what may change at run time.

    Only names are reported, no values: some are secrets, some are long texts.
    """
    taken: list[str] = []
    kept: list[str] = []
    merged: dict[str, Any] = {}
    for name, cls in SECTIONS.items():
        before, after = getattr(old, name), getattr(new, name)
        changes: dict[str, Any] = {}
        for each in fields(cls):
            value = getattr(after, each.name)
            if _plain(value) == _plain(getattr(before, each.name)):
                continue
            if each.metadata.get("live"):
                changes[each.name] = value
                taken.append(f"[{name}] {each.name}")
            else:
                kept.append(f"[{name}] {each.name}")
        merged[name] = replace(before, **changes)
    return Reload(Settings(**merged), tuple(taken), tuple(kept))


def _plain(value: Any) -> Any:
    """Return a secret's text for comparison."""
    return value.reveal() if isinstance(value, Secret) else value
