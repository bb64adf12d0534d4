"""Certificates in the store: one row for each host or authority, so that ``status`` knows while the daemon is off."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from maxbridge.core import keys
from maxbridge.core.certificates import FORGOTTEN_AFTER, Certificate, Kind
from maxbridge.store.schema import Rows

if TYPE_CHECKING:  # ``status`` reads this table without loading Peewee
    from maxbridge.store.db import Database

_ALL = "SELECT key, value FROM meta WHERE key GLOB ? ORDER BY key"
_WRITE = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
_FORGET = "DELETE FROM meta WHERE key = ?"


class CertificateStore:
    """Transactions of what is known of certificates."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[Certificate]:
        """Every one that is known."""
        return read_certificates(self._db.rows)

    def begin(self, bundled: Iterable[Certificate], hosts: Collection[tuple[Kind, str]]) -> None:
        """A daemon starts: of authorities and of both ends nothing stays but what it has now.

        Args:
            bundled: Those that this program brings.
            hosts: The ends that it is set up for.
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
        """Write down what connections have shown; forget storage hosts of long ago.

        Args:
            certificates: What is new.
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
    """Every one that is known, for whoever only looks."""
    found = []
    for key, value in rows(_ALL, (f"{keys.CERTIFICATE}*",)):
        kind, name = keys.read_certificate(key)
        found.append(Certificate(kind=Kind(kind), name=name, **json.loads(value)))
    return found


def _key(certificate: Certificate) -> str:
    return keys.certificate(certificate.kind, certificate.name)
