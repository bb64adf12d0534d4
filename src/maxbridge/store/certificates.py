"""Expiry of certificates: how long each is valid, when somebody should be told, and its row in the store."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from maxbridge.core import keys
from maxbridge.store.schema import Rows

if TYPE_CHECKING:
    from maxbridge.store.db import Database

DAY = 86400.0
TOLD_BEFORE = 30 * DAY
"""So long before its last day a certificate is told, at most."""
_RENEWED = 1 / 3
"""Certificates that live for 90 days or less are renewed by a program, the usual one when this share of their life
is left. Before that nothing is to be done about one, however few days it has: some live for six."""
_RENEWED_LATE = 0.25
"""One that has less than this share of its life left was not renewed."""
FORGOTTEN_AFTER = 30 * DAY
"""A host of MAX's storage that nobody has connected to for so long is forgotten."""
_STALE = 7 * DAY
"""What such a host showed so long ago says nothing about today: MAX has many of them, and renews them."""


class Kind(StrEnum):
    """Whose certificate it is."""

    BUNDLED = "bundled"
    """An authority's, shipped with maxbridge."""
    MAX = "max"
    FILES = "files"
    """A host of MAX's storage."""
    DESK = "desk"


class Urgency(IntEnum):
    """How urgent its expiry is today."""

    NONE = 0
    TOLD = 1
    """It expires soon; it may still be renewed automatically."""
    URGENT = 2
    """It expires soon and was not renewed when it should have been."""
    OVER = 3


@dataclass(frozen=True, slots=True)
class Certificate:
    """A known certificate.

    Attributes:
        kind: Whose it is.
        name: The authority or host.
        begins_at: Start of its validity, seconds since the epoch.
        ends_at: End of its validity.
        seen_at: When a connection last showed it, our clock, to the day; for a bundled one, the
            last start.
    """

    kind: Kind
    name: str
    begins_at: float
    ends_at: float
    seen_at: float


def days_left(ends_at: float, now: float) -> int:
    """Return the days from today's date to the last day's, in UTC; 0 for today, negative after it."""
    return math.floor(ends_at / DAY) - math.floor(now / DAY)


def urgency(certificate: Certificate, now: float) -> Urgency:
    """Return how urgent a certificate's expiry is at a moment of our clock.

    MAX and the desk are connected to all the time, so their last shown certificate is the present
    one.
    """
    if certificate.kind is Kind.FILES and now - certificate.seen_at > _STALE:
        return Urgency.NONE
    left = certificate.ends_at - now
    if left < 0:
        return Urgency.OVER
    if left < urgent_before(certificate):
        return Urgency.URGENT
    return Urgency.TOLD if left < _share(certificate, _RENEWED) else Urgency.NONE


def urgent_before(certificate: Certificate) -> float:
    """Return the seconds before its end from which it is urgent."""
    return _share(certificate, _RENEWED_LATE)


def _share(certificate: Certificate, share: float) -> float:
    """Return this share of its validity, at most 30 days, as for authorities, which no program renews."""
    if certificate.kind is Kind.BUNDLED:
        return TOLD_BEFORE
    return min(TOLD_BEFORE, share * (certificate.ends_at - certificate.begins_at))


# --- One row for each host or authority, so that ``status`` knows while the daemon is off


_ALL = "SELECT key, value FROM meta WHERE key GLOB ? ORDER BY key"
_WRITE = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
_FORGET = "DELETE FROM meta WHERE key = ?"


class CertificateStore:
    """Transactions of known certificates."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[Certificate]:
        """Return every known certificate."""
        return read_certificates(self._db.rows)

    def begin(self, bundled: Iterable[Certificate], hosts: Collection[tuple[Kind, str]]) -> None:
        """At the daemon's start: keep only the present authorities, and the present hosts of both services.

        Args:
            bundled: The shipped authorities.
            hosts: The configured hosts.
        """
        bundled = list(bundled)
        keep = {(each.kind, each.name) for each in bundled} | set(hosts)
        gone = [
            each
            for each in self.all()
            if each.kind is not Kind.FILES and (each.kind, each.name) not in keep
        ]
        self._change(bundled, gone)

    def write(self, certificates: Iterable[Certificate], now: float) -> None:
        """Store what connections have shown; delete storage hosts not seen for long.

        Args:
            certificates: New ones.
            now: Our clock.
        """
        gone = [
            each
            for each in self.all()
            if each.kind is Kind.FILES and now - each.seen_at > FORGOTTEN_AFTER
        ]
        self._change(certificates, gone)

    def _change(self, new: Iterable[Certificate], gone: Iterable[Certificate]) -> None:
        with self._db.transaction(durable=False):
            for each in gone:
                self._db.rows(_FORGET, (_key(each),))
            for each in new:
                times = {name: getattr(each, name) for name in ("begins_at", "ends_at", "seen_at")}
                self._db.rows(_WRITE, (_key(each), json.dumps(times)))


def read_certificates(rows: Rows) -> list[Certificate]:
    """Return every known certificate, for read-only commands."""
    found = []
    for key, value in rows(_ALL, (f"{keys.CERTIFICATE}*",)):
        kind, name = keys.read_certificate(key)
        found.append(Certificate(kind=Kind(kind), name=name, **json.loads(value)))
    return found


def _key(certificate: Certificate) -> str:
    return keys.certificate(certificate.kind, certificate.name)
