"""What ``check`` says of last days: of the authorities that maxbridge brings, and of what each host shows."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

from maxbridge.advice import advice
from maxbridge.checks.network import Way
from maxbridge.checks.records import Finding, Outcome, ok, shown, warning, wrong
from maxbridge.core.certificates import Certificate, Kind, Urgency, urgency
from maxbridge.core.errors import UserError
from maxbridge.files.trust import authorities, lifetime
from maxbridge.max.media import russian_roots
from maxbridge.observe.certificates import by_end, day, told
from maxbridge.saying import say
from maxbridge.store.certificates import read_certificates
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.readonly import open_readonly


def check_roots(now: float) -> Finding:
    """The authorities that maxbridge brings for MAX."""
    file = russian_roots()
    try:
        found = authorities(file)
    except (OSError, ssl.SSLError):
        found = {}
    if not found:
        return wrong(
            "max.roots",
            say("the Russian root certificates are missing: {file}", file=file),
            say(
                "Install maxbridge anew, into a fresh environment; they come with its library maxapi."
            ),
        )
    times = [(name, lifetime(each)) for name, each in found.items()]
    known = [Certificate(Kind.BUNDLED, name, *each, now) for name, each in times if each]
    listed = ", ".join(
        say("{name} until {day}", name=shown(each.name), day=day(each.ends_at))
        for each in by_end(known)
    )
    words = say("the Russian certificates that the library maxapi brings: {listed}", listed=listed)
    return _judged(ok("max.roots", words), known, now)


def with_last_day(finding: Finding, way: Way, kind: Kind, host: str, now: float) -> Finding:
    """A way that can be gone, with the last day of the certificate that the host has shown."""
    if way.begins_at is None or way.ends_at is None:
        return finding
    shows = Certificate(kind, host, way.begins_at, way.ends_at, now)
    return _judged(
        replace(
            finding, words=say("{words}, until {day}", words=finding.words, day=day(way.ends_at))
        ),
        [shows],
        now,
    )


def check_storage(path: Path, now: float) -> tuple[str, list[Certificate]]:
    """The hosts of MAX's storage that the daemon has met, in words; and those whose last day is near."""
    try:
        with open_readonly(path) as rows:
            known = read_certificates(rows)
    except (UserError, OSError, *SQLITE_ERRORS):
        return "", []  # store.open says what is wrong with it
    hosts = [each for each in known if each.kind is Kind.FILES]
    ending = [each for each in hosts if urgency(each, now) is not Urgency.NONE]
    words = ", ".join(
        say("{name} until {day}", name=shown(each.name), day=day(each.ends_at))
        for each in by_end(hosts)[:5]
    )
    return words, by_end(ending)


def _judged(finding: Finding, certificates: list[Certificate], now: float) -> Finding:
    """The finding as it is, or a warning: what ends soon is told while everything still works."""
    near = [each for each in by_end(certificates) if urgency(each, now) is not Urgency.NONE]
    if not near or finding.outcome is not Outcome.OK:
        return finding
    words = [told(each, now)[0].rstrip(":") for each in near]
    over = any(urgency(each, now) is Urgency.OVER for each in near)
    kind = near[0].kind
    remedy = advice(f"certificate.{kind}_over" if over else f"certificate.{kind}")
    return warning(finding.name, "\n".join([finding.words, *words]), remedy)
