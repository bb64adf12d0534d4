"""What the checks take from outside: both ends, the network, other programs; tests put their own there."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from maxbridge.checks.network import Way, walk
from maxbridge.config.settings import FreeScoutSettings, MaxSettings
from maxbridge.files.heic_child import is_installed
from maxbridge.files.trust import trusted
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.client import MaxClient

_PATIENCE = 10.0
_PROBE = "/api/mailboxes"


def connect_max(settings: MaxSettings) -> MaxClient:
    """The real MAX. Imports maxapi, which takes half a second and 20 MiB."""
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
    """The real FreeScout."""
    return FreeScoutClient(settings.url, settings.api_key.reveal())


async def redirected(url: str, transport: httpx.AsyncBaseTransport | None = None) -> str | None:
    """Where FreeScout's address leads to, found out without the key; None when it does not redirect.

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
    """Exit code and output of a program; None when it is not there or does not answer."""
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
    """Convert one HEIC picture as a customer's would be: libraries, limits and systems differ."""
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
    """Everything beyond this process.

    Attributes:
        max: Makes the client of MAX.
        desk: Makes the client of FreeScout.
        walk: Goes the way to a host, :func:`maxbridge.checks.network.walk`.
        redirected: Where FreeScout's address leads to.
        run: Runs another program.
        now: Our clock, by which certificates end.
        heic: Converts a picture; gives why that fails, empty when it works, None where nothing is converted.
    """

    max: Callable[[MaxSettings], MaxClient] = connect_max
    desk: Callable[[FreeScoutSettings], FreeScoutClient] = connect_desk
    walk: Callable[[str, ssl.SSLContext, str], Awaitable[Way]] = walk
    redirected: Callable[[str], Awaitable[str | None]] = redirected
    run: Callable[[Sequence[str]], tuple[int, str] | None] = run_program
    now: Callable[[], float] = time.time
    heic: Callable[[], str | None] = try_heic
