"""Certificates that matter to us: what live connections have shown, what is said of each one's last day, and when."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

from maxbridge.advice import advice
from maxbridge.config.settings import MaxSettings, Settings
from maxbridge.files.trust import Heard, authorities, lifetime
from maxbridge.observe import log
from maxbridge.saying import later, say
from maxbridge.store.certificates import (
    DAY,
    Certificate,
    CertificateStore,
    Kind,
    Urgency,
    days_left,
    urgency,
)

_MOST = 100
"""Hosts that are remembered: MAX's storage has many, and they are named by its messages."""
_WHOSE = {
    Kind.BUNDLED: later("the certificate of the authority {name}, which maxbridge brings,"),
    Kind.MAX: later("the certificate of MAX's API, {name},"),
    Kind.FILES: later("the certificate of {name}, which keeps MAX's files,"),
    Kind.DESK: later("the certificate of FreeScout, {name},"),
}


class Peers:
    """Certificates that the live connections of this process have shown; in memory."""

    def __init__(self) -> None:
        self._shown: dict[tuple[Kind, str], tuple[float, float]] = {}

    def listener(self, kind: Kind, host: str | None = None) -> Heard:
        """What a TLS context tells its handshakes to.

        Args:
            kind: Whose certificates these are.
            host: The one that is wanted; None for all. Others are a proxy's.
        """

        def heard(name: str, certificate: dict[str, Any]) -> None:
            times = lifetime(certificate)
            if times is None or not name or (host is not None and name.lower() != host.lower()):
                return
            where = (kind, name.lower())
            # The newest one last, so that the oldest makes way.
            self._shown.pop(where, None)
            self._shown[where] = times
            if len(self._shown) > _MOST:
                del self._shown[next(iter(self._shown))]

        return heard

    def take(self, now: float) -> list[Certificate]:
        """Those that were shown since the last time."""
        shown = [Certificate(*where, *times, now) for where, times in self._shown.items()]
        self._shown.clear()
        return shown


def told(certificate: Certificate, now: float) -> tuple[str, str]:
    """What is the matter with a certificate whose last day is near or over, and what to do."""
    whose = say(_WHOSE[certificate.kind], name=certificate.name)
    over = urgency(certificate, now) is Urgency.OVER
    when = _ended(certificate.ends_at, now) if over else _ends(certificate.ends_at, now)
    code = f"certificate.{certificate.kind}" + ("_over" if over else "")
    return f"{whose} {when}", advice(code)


def _ends(at: float, now: float) -> str:
    left = days_left(at, now)
    if left == 0:
        return say("ends on {day}, today:", day=day(at))
    return say(
        "ends on {day}, in {left} day:" if left == 1 else "ends on {day}, in {left} days:",
        day=day(at),
        left=left,
    )


def _ended(at: float, now: float) -> str:
    past = -days_left(at, now)
    if past == 0:
        return say("ended on {day}, today:", day=day(at))
    return say(
        "ended on {day}, {past} day ago:" if past == 1 else "ended on {day}, {past} days ago:",
        day=day(at),
        past=past,
    )


def day(at: float) -> str:
    """The day of a moment in UTC, as certificates have it."""
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(at))
    except (ValueError, OverflowError, OSError):
        return say("an impossible day")


def by_end(certificates: Iterable[Certificate]) -> list[Certificate]:
    """The one that ends first comes first."""
    return sorted(certificates, key=lambda each: (each.ends_at, each.kind, each.name))


def shown_by(settings: Settings) -> set[tuple[Kind, str]]:
    """Both ends, as far as they have certificates."""
    ends = ((Kind.MAX, settings.max.api_url), (Kind.DESK, settings.freescout.url))
    parts = [(kind, urlsplit(url)) for kind, url in ends]
    return {
        (kind, each.hostname) for kind, each in parts if each.scheme == "https" and each.hostname
    }


def bundled(settings: MaxSettings, now: float) -> list[Certificate]:
    """The authorities that maxbridge brings for MAX; none where MAX is a simulator on plain http."""
    if urlsplit(settings.api_url).scheme != "https":
        return []
    from maxbridge.max.media import russian_roots  # noqa: PLC0415 - status needs none of that

    try:
        found = authorities(russian_roots())
    except (OSError, ssl.SSLError):
        return []  # ``maxbridge check`` says so, and no call to MAX succeeds
    times = [(name, lifetime(each)) for name, each in found.items()]
    return [Certificate(Kind.BUNDLED, name, *each, now) for name, each in times if each is not None]


# --- The housekeeper's round


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
