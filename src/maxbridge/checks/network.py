"""Connect to a host step by step (name, connection, proxy, certificate and its expiry), and run other programs.

A failure names its step. :class:`OutsideChecks` contains everything that tests replace.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import httpx

from maxbridge.advice import advice
from maxbridge.checks.records import Finding, Outcome, ok, shown, warning, wrong
from maxbridge.checks.records import shown as legible
from maxbridge.config.settings import FreeScoutSettings, MaxSettings
from maxbridge.core.errors import UserError
from maxbridge.files.failures import tls_fault
from maxbridge.files.heic_child import is_installed
from maxbridge.files.trust import authorities, common_name, lifetime, trusted
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.client import MaxClient
from maxbridge.max.media import russian_roots
from maxbridge.observe.certificates import by_end, day, told
from maxbridge.saying import later, say
from maxbridge.store.certificates import Certificate, Kind, Urgency, read_certificates, urgency
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.schema import open_readonly

PATIENCE = 10.0
"""Seconds for each step, as the daemon's own connections have."""
_ANSWER = 4096
NO_TLS = later("encryption")
"""The step that fails if a host answers https with something else."""


class StepError(Exception):
    """A step failed.

    Attributes:
        step: ``name``, ``connection``, ``proxy``, ``encryption`` or ``certificate``.
        why: The system's message, without secrets.
        wrong: A setting is wrong; otherwise the host does not answer.
    """

    def __init__(self, step: str, why: str, *, wrong: bool = False) -> None:
        super().__init__(f"{step}: {why}")
        self.step = step
        self.why = why
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class Way:
    """A working connection to a host.

    Attributes:
        addresses: What the name resolves to; with a proxy, the proxy's name.
        proxied: It goes through a proxy.
        certificate: The issuer of the host's certificate, empty without TLS.
        begins_at: Start of the host's certificate, seconds since the epoch; None if it does not
            say.
        ends_at: End of the host's certificate.
    """

    addresses: tuple[str, ...]
    proxied: bool
    certificate: str
    begins_at: float | None = None
    ends_at: float | None = None


async def walk(
    url: str, context: ssl.SSLContext, proxy: str = "", *, patience: float = PATIENCE
) -> Way:
    """Connect up to the TLS handshake; no request is made, and no secret is sent but the proxy's.

    Args:
        url: The host's address.
        context: The trusted certificates.
        proxy: HTTP proxy, empty for none.
        patience: Seconds for each step.

    Raises:
        StepError: A step failed.
    """
    end, first = urlsplit(url), urlsplit(proxy or url)
    host, port = _target(first)
    addresses = await _resolve(host, port, patience)
    reader, writer = await _connect(host, port, patience, several=len(addresses) > 1)
    shown: dict[str, Any] = {}
    try:
        if proxy and first.scheme == "https":
            await _handshake(writer, ssl.create_default_context(), host, patience)
        if proxy and end.scheme == "https":
            await _through(reader, writer, first, end, patience)
        if end.scheme == "https":
            shown = await _handshake(writer, context, _target(end)[0], patience)
    finally:
        # Not waited for: the other side may never answer to a goodbye.
        writer.transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket in its next round
    issuer = common_name(shown.get("issuer", ())) if shown else ""
    return Way(addresses, bool(proxy), issuer, *(lifetime(shown) or (None, None)))


def without_secret(url: str) -> str:
    """Return an address without user name and password."""
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"***@{host}" if at else host).geturl()


def _target(parts: SplitResult) -> tuple[str, int]:
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise StepError(name, say("no answer in time")) from None
    except (OSError, EOFError, ValueError) as error:
        raise StepError(name, _why(error)) from None


def _why(error: Exception) -> str:
    """Return the system's message; asyncio replaces it by its own, with every address that it tried."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    if isinstance(error, socket.gaierror) and error.strerror:
        return error.strerror
    return legible(str(error)) or type(error).__name__


async def _resolve(host: str, port: int, patience: float) -> tuple[str, ...]:
    with _step(later("name")):
        async with asyncio.timeout(patience):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


async def _connect(
    host: str, port: int, patience: float, *, several: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # A race that is broken off just when it is won leaves a socket open, so there is none with a single address.
    apart = 0.25 if several else None
    with _step(later("connection")):
        async with asyncio.timeout(patience):
            return await asyncio.open_connection(host, port, happy_eyeballs_delay=apart)


async def _through(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    proxy: SplitResult,
    end: SplitResult,
    patience: float,
) -> None:
    host, port = _target(end)
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if proxy.username is not None:
        words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(words).decode()}")
    with _step(later("proxy")):
        async with asyncio.timeout(patience):
            writer.write("\r\n".join([*lines, "", ""]).encode())
            head = await reader.readuntil(b"\r\n\r\n")
    status = head[:_ANSWER].split(b" ")[1:2]
    if status == [b"407"]:
        raise StepError("proxy", say("it wants a user name and a password, or others"), wrong=True)
    if status == [b"403"]:
        raise StepError(
            "proxy", say("it does not allow {host}:{port}", host=host, port=port), wrong=True
        )
    if status != [b"200"]:
        said = b"".join(status)[:20].decode("ascii", "replace") or say("no HTTP")
        raise StepError("proxy", say("it answers {said}", said=said))


async def _handshake(
    writer: asyncio.StreamWriter, context: ssl.SSLContext, host: str, patience: float
) -> dict[str, Any]:
    """Return the host's certificate in the form of ``getpeercert``.

    Raises:
        StepError: The certificate is not trusted, or there is no TLS.
    """
    try:
        async with asyncio.timeout(patience):
            await writer.start_tls(context, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise StepError("certificate", error.verify_message, wrong=True) from None
    except ssl.SSLError as error:
        fault = tls_fault(error)
        if fault is not None and fault[0] == "no_tls":
            raise StepError(
                NO_TLS, say("what answers there does not speak TLS"), wrong=True
            ) from None
        raise StepError("certificate", (error.reason or "no TLS").replace("_", " ")) from None
    except TimeoutError:
        raise StepError("certificate", say("no answer in time")) from None
    except OSError as error:
        raise StepError("certificate", _why(error)) from None
    return dict(writer.get_extra_info("peercert") or {})


# --- Last days of certificates: of the authorities that maxbridge brings, and of what each host shows


def check_roots(now: float) -> Finding:
    """Check the expiry of the authorities shipped with maxbridge for MAX."""
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
    """Add the certificate's expiry to the finding about a working connection."""
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
    """Return the known hosts of MAX's storage in words, and their certificates that expire soon."""
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
    """Turn the finding into a warning if a certificate expires soon."""
    near = [each for each in by_end(certificates) if urgency(each, now) is not Urgency.NONE]
    if not near or finding.outcome is not Outcome.OK:
        return finding
    words = [told(each, now)[0].rstrip(":") for each in near]
    over = any(urgency(each, now) is Urgency.OVER for each in near)
    kind = near[0].kind
    remedy = advice(f"certificate.{kind}_over" if over else f"certificate.{kind}")
    return warning(finding.name, "\n".join([finding.words, *words]), remedy)


_PATIENCE = 10.0
_PROBE = "/api/mailboxes"


def connect_max(settings: MaxSettings) -> MaxClient:
    """Create the client of the real MAX. Imports maxapi, which takes half a second and 20 MiB."""
    from maxbridge.max.transport import CALL_TIMEOUT, MaxapiTransport  # noqa: PLC0415

    transport = MaxapiTransport(
        settings.token.reveal(),
        settings.api_url,
        total_timeout=CALL_TIMEOUT,
        proxy=settings.proxy.reveal() or None,
    )
    # Nothing is polled: that would take the daemon's messages.
    return MaxClient(transport, transport)


def connect_desk(settings: FreeScoutSettings) -> FreeScoutClient:
    """Create the client of the real FreeScout."""
    return FreeScoutClient(settings.url, settings.api_key.reveal())


async def redirected(url: str, transport: httpx.AsyncBaseTransport | None = None) -> str | None:
    """Return where FreeScout's address redirects to, found out without the key; None if it does not.

    Args:
        url: Address of FreeScout, without ``/api``.
        transport: Replaces the network, in tests.
    """
    asked = url.rstrip("/") + _PROBE
    try:
        # Only the head is read: what stands at a wrong address may go on for ever.
        async with (
            httpx.AsyncClient(
                verify=trusted(), trust_env=False, timeout=_PATIENCE, transport=transport
            ) as client,
            client.stream("GET", asked, headers={"Accept": "application/json"}) as answer,
        ):
            location = answer.headers.get("location", "")
            if not answer.is_redirect or not location:
                return None
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    try:
        parts = urlsplit(urljoin(asked, location))
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    path = parts.path.removesuffix("/").removesuffix(_PROBE) if _PROBE in parts.path else ""
    return f"{parts.scheme}://{parts.netloc}{path}"


def run_program(command: Sequence[str]) -> tuple[int, str] | None:
    """Return exit code and output of a program; None if it is missing or does not answer."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a unit's name of our own making
            [program, *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            errors="replace",
            env={**os.environ, "LC_ALL": "C"},
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode, done.stdout


def try_heic() -> str | None:
    """Convert a HEIC test picture: libraries, limits and systems differ."""
    if not is_installed():
        return None
    from maxbridge.files.heic import is_working  # noqa: PLC0415 - only where the library is installed

    try:
        with tempfile.TemporaryDirectory() as folder:
            return is_working(Path(folder))
    except OSError as error:
        # The folder of $TMPDIR is full or cannot be written; system.temp tells it.
        return error.strerror or type(error).__name__


@dataclass(frozen=True, slots=True)
class OutsideChecks:
    """Everything outside this process.

    Attributes:
        max: Creates the client of MAX.
        desk: Creates the client of FreeScout.
        walk: Connects to a host, :func:`maxbridge.checks.network.walk`.
        redirected: Returns where FreeScout's address redirects to.
        run: Runs another program.
        now: Our clock, for the expiry of certificates.
        heic: Converts a test picture; returns why that fails, empty if it works, None without a
            converter.
    """

    max: Callable[[MaxSettings], MaxClient] = connect_max
    desk: Callable[[FreeScoutSettings], FreeScoutClient] = connect_desk
    walk: Callable[[str, ssl.SSLContext, str], Awaitable[Way]] = walk
    redirected: Callable[[str], Awaitable[str | None]] = redirected
    run: Callable[[Sequence[str]], tuple[int, str] | None] = run_program
    now: Callable[[], float] = time.time
    heic: Callable[[], str | None] = try_heic
