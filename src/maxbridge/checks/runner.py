"""Run every check, in the order in which people fix things; a failure does not prevent later checks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from maxbridge.checks.desk import check_desk
from maxbridge.checks.messenger import Confirm, check_max
from maxbridge.checks.network import OutsideChecks
from maxbridge.checks.records import Finding, wrong
from maxbridge.checks.settings import check_settings, check_system
from maxbridge.checks.store import check_store
from maxbridge.config.loading import Examined
from maxbridge.core.errors import ExitCode
from maxbridge.observe.log import where
from maxbridge.saying import say


async def run(
    seen: Examined,
    outside: OutsideChecks | None = None,
    confirm: Confirm | None = None,
    *,
    set_commands: bool = False,
) -> AsyncIterator[Finding]:
    """Yield every finding as soon as it is known.

    Never polls MAX, so the running daemon loses nothing.

    Args:
        seen: The settings, right or wrong.
        outside: The services and other programs.
        confirm: Asks before webhooks are removed; None to remove none.
        set_commands: Set the bot's commands in MAX.
    """
    outside = outside or OutsideChecks()
    groups = {
        "config": _each(check_settings(seen)),
        "max": check_max(seen, outside, confirm, set_commands=set_commands),
        "desk": check_desk(seen, outside),
        "store": _each(check_store(seen)),
        "system": _each(check_system(seen.config.path, outside)),
    }
    for name, group in groups.items():
        try:
            async for finding in group:
                yield finding
        except Exception as error:  # noqa: BLE001 - the other groups have something to say as well
            yield _bug(name, error)


async def _each(findings: Iterable[Finding]) -> AsyncIterator[Finding]:
    for finding in findings:
        yield finding


def _bug(name: str, error: Exception) -> Finding:
    return wrong(
        f"{name}.bug",
        say(
            "the check itself failed: {name} at {where}",
            name=type(error).__name__,
            where=where(error),
        ),
        say("A bug in maxbridge: please report this line."),
        ExitCode.SOFTWARE,
    )
