"""Collect the certificates that live connections have shown, and describe their expiry."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from maxbridge.advice import advice
from maxbridge.config.settings import MaxSettings, Settings
from maxbridge.files.trust import Heard, authorities, lifetime
from maxbridge.saying import later, say
from maxbridge.store.certificates import (
    Certificate,
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
    """Certificates that this process's live connections have shown; in memory."""

    def __init__(self) -> None:
        self._shown: dict[tuple[Kind, str], tuple[float, float]] = {}

    def listener(self, kind: Kind, host: str | None = None) -> Heard:
        """Return the function that a TLS context calls after handshakes.

        Args:
            kind: Whose certificates these are.
            host: The wanted host; None for all. Others are a proxy's.
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
        """Return those shown since the last call."""
        shown = [Certificate(*where, *times, now) for where, times in self._shown.items()]
        self._shown.clear()
        return shown


def told(certificate: Certificate, now: float) -> tuple[str, str]:
    """Say what is wrong with a certificate that expires soon or has expired, and what to do."""
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
    """Format a moment as a date in UTC, as certificates count."""
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(at))
    except (ValueError, OverflowError, OSError):
        return say("an impossible day")


def by_end(certificates: Iterable[Certificate]) -> list[Certificate]:
    """Sort certificates by expiry, soonest first."""
    return sorted(certificates, key=lambda each: (each.ends_at, each.kind, each.name))


def shown_by(settings: Settings) -> set[tuple[Kind, str]]:
    """Return the hosts of both services that use TLS."""
    ends = ((Kind.MAX, settings.max.api_url), (Kind.DESK, settings.freescout.url))
    parts = [(kind, urlsplit(url)) for kind, url in ends]
    return {
        (kind, each.hostname) for kind, each in parts if each.scheme == "https" and each.hostname
    }


def bundled(settings: MaxSettings, now: float) -> list[Certificate]:
    """Return the authorities shipped with maxbridge for MAX; none if MAX is a simulator on plain http."""
    if urlsplit(settings.api_url).scheme != "https":
        return []
    from maxbridge.max.media import russian_roots  # noqa: PLC0415 - status needs none of that

    try:
        found = authorities(russian_roots())
    except (OSError, ssl.SSLError):
        return []  # ``maxbridge check`` says so, and no call to MAX succeeds
    times = [(name, lifetime(each)) for name, each in found.items()]
    return [Certificate(Kind.BUNDLED, name, *each, now) for name, each in times if each is not None]
