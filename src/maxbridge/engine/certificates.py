"""Records when certificates end: those that connections have shown go to the database, those that end soon to the log."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from maxbridge.observe import log
from maxbridge.observe.certificates import Peers, told
from maxbridge.store.certificates import DAY, Certificate, CertificateStore, Kind, Urgency, urgency


class CertificateKeeper:
    """The housekeeper's helper for certificates."""

    def __init__(
        self,
        certificates: CertificateStore,
        peers: Peers,
        bundled: Callable[[], list[Certificate]],
        hosts: Collection[tuple[Kind, str]],
        *,
        now: Callable[[], float],
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            certificates: The table of known certificates.
            peers: What the connections have shown.
            bundled: Reads the authorities that come with this program.
            hosts: Both ends, as far as they have certificates.
            now: Our clock.
        """
        self._store = certificates
        self._peers = peers
        self._bundled = bundled
        self._hosts = hosts
        self._now = now
        self._known: dict[tuple[Kind, str], Certificate] | None = None
        self._warned: dict[tuple[Kind, str], float] = {}
        self._log: Any = log.get("certificates")

    def step(self) -> None:
        """Do one round; write if something changed, or a day has passed.

        Raises:
            sqlite3.Error, peewee.PeeweeException: The database cannot be used.
        """
        now = self._now()
        if self._known is None:
            self._store.begin(self._bundled(), self._hosts)
            self._known = {(each.kind, each.name): each for each in self._store.all()}
        new = [each for each in self._peers.take(now) if self._is_news(each, self._known)]
        if new:
            self._store.write(new, now)
            self._known.update({(each.kind, each.name): each for each in new})
        for where, each in self._known.items():
            self._warn(where, each, now)

    @staticmethod
    def _is_news(shown: Certificate, known: dict[tuple[Kind, str], Certificate]) -> bool:
        before = known.get((shown.kind, shown.name))
        # A desk is connected to every few seconds.
        return (
            before is None
            or before.ends_at != shown.ends_at
            or not 0 <= shown.seen_at - before.seen_at < DAY
        )

    def _warn(self, where: tuple[Kind, str], certificate: Certificate, now: float) -> None:
        """Log a warning, once a day."""
        if urgency(certificate, now) is Urgency.NONE:
            return
        last = self._warned.get(where)
        if last is not None and 0 <= now - last < DAY:
            return
        self._warned[where] = now
        what, remedy = told(certificate, now)
        self._log.warning("a certificate ends", what=what.rstrip(":"), advice=remedy)
