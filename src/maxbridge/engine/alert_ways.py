"""The ways to an administrator that need neither MAX nor FreeScout: a sign of life by HTTP, and a command."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence

import httpx

from maxbridge.core.errors import Failure, Kind
from maxbridge.files.trust import trusted

PING_TIMEOUT = 10.0
COMMAND_TIMEOUT = 30.0
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ")
"""Of our own environment; the rest may hold the token."""


async def ping(url: str) -> Failure | None:
    """Give a sign of life; no redirect is followed, and nothing of the answer is read.

    Returns:
        Why it did not arrive; never the address, which is a secret.
    """
    try:
        async with (
            httpx.AsyncClient(verify=trusted(), trust_env=False, timeout=PING_TIMEOUT) as client,
            client.stream("GET", url) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, OSError, ValueError) as error:
        return _failure("alerts.ping", type(error).__name__)
    return None if 200 <= status < 300 else _failure("alerts.ping", f"status {status}")


async def run_command(
    command: Sequence[str], words: str, told: Mapping[str, str]
) -> Failure | None:
    """Run the administrator's command, without a shell.

    Args:
        command: The program and its arguments.
        words: The message, for its stdin.
        told: The message in parts, for its environment.

    Returns:
        Why it could not be run, or that it failed.
    """
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=kept | {f"MAXBRIDGE_{name}": value for name, value in told.items()},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return _failure("alerts.command", type(error).__name__)
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT):
            await process.communicate(f"{words}\n".encode())
    except TimeoutError:
        return _failure("alerts.command", f"not done within {COMMAND_TIMEOUT:.0f} s")
    finally:
        if process.returncode is None:
            # With all that it has started: it is the leader of a session of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()
    code = process.returncode
    return None if code == 0 else _failure("alerts.command", f"exit code {code}")


def _failure(code: str, detail: str) -> Failure:
    return Failure(code, Kind.TRANSIENT, certain=True, detail=detail)
