"""What ``relink`` and ``import`` share: times, progress, and how findings are told."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from maxbridge.advice import advice
from maxbridge.core.errors import ApiError, ExitCode, Kind, UserError
from maxbridge.restore.rebuild import Findings
from maxbridge.saying import local, say
from maxbridge.takeover.plan import Sums

_SHOWN = 20

since_option = click.option(
    "--since",
    metavar="TIME",
    help="Look at agents' replies from this time on, e.g. 2026-11-24T18:00; default: 5 days back.",
)
dry_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


def parse_since(text: str | None) -> float | None:
    """``--since`` to seconds since the epoch; without a zone it is this machine's.

    Raises:
        click.BadParameter: It is no time, or lies in the future.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            say("{text} is no time; write 2026-11-24T18:00 or 2026-11-24T18:00+03:00.", text=text),
            param_hint="--since",
        ) from None
    if at > time.time():
        raise click.BadParameter(say("{text} lies in the future.", text=text), param_hint="--since")
    return at


def progress() -> Callable[[str, int, int], None]:
    """A line on a terminal's stderr that counts, after one that says what begins; nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda _what, _done, _total: None
    click.echo(say("FreeScout and MAX are asked; this may take some minutes …"), err=True)
    shown_at = [0.0]

    def show(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - shown_at[0] < 0.1:
            return
        shown_at[0] = now
        click.echo(
            "\r"
            + say("{what}: {done} of {total}", what=say(what), done=done, total=total)
            + "\x1b[K",
            err=True,
            nl=done >= total,
        )

    return show


def explain(error: ApiError, elsewhere: Mapping[str, str]) -> UserError:
    """An end's trouble as a sentence; nothing was changed by then.

    Args:
        error: What the end said.
        elsewhere: Secrets in force that are not in the configuration file, with their source.
    """
    failure = error.failure
    code = ExitCode.CONFIG if failure.kind is Kind.CONFIG else ExitCode.TEMP_FAIL
    return UserError(
        say(
            "{advice} ({failure}) Nothing was changed; try again.",
            advice=advice(failure.code, elsewhere),
            failure=failure,
        ),
        code,
    )


def data_of(findings: Findings, sums: Sums | None) -> dict[str, Any]:
    """Findings for programs; ``written`` is None when nothing was."""
    return {
        "customers": findings.customers,
        "chats": findings.chats,
        "awaited": findings.awaited,
        "tickets": findings.tickets,
        "messages": findings.messages,
        "replies_unsent": _pairs(findings.unsent),
        "replies_unclear": _pairs(findings.unclear),
        "problems": [{"what": words, "count": n} for words, n in findings.problems.items()],
        "written": None
        if sums is None
        else {
            "dialogs": sums.dialogs,
            "tickets": sums.tickets,
            "awaited": sums.awaited,
            "conflicts": sums.conflicts,
        },
    }


def tell(findings: Findings, since: float | None) -> None:
    """Findings for people."""
    click.echo(say("customers with a MAX user id  {customers}", customers=findings.customers))
    click.echo(say("dialogs                       {chats}", chats=findings.chats))
    click.echo(say("tickets                       {tickets}", tickets=findings.tickets))
    click.echo(say("messages in FreeScout         {messages}", messages=findings.messages))
    if findings.awaited:
        click.echo(
            say(
                "chats not known               {awaited}: linked when the customer writes next; until then what agents answer there waits",
                awaited=findings.awaited,
            )
        )
    if since is not None:
        click.echo(say("replies since {at} that did not reach the customer:", at=local(since)))
        click.echo(say("  certainly, will be sent     {listed}", listed=_listed(findings.unsent)))
        click.echo(say("  unclear, a note is left     {listed}", listed=_listed(findings.unclear)))
    for words, count in findings.problems.items():
        click.echo(f"{count} × {words}")


def tell_written(sums: Sums) -> None:
    """What was written, for people."""
    click.echo(
        say(
            "written: {dialogs} dialogs, {tickets} tickets, {awaited} awaited",
            dialogs=sums.dialogs,
            tickets=sums.tickets,
            awaited=sums.awaited,
        )
    )
    for each in sums.conflicts[:_SHOWN]:
        click.echo(say("conflict: {what}", what=each))
    if len(sums.conflicts) > _SHOWN:
        click.echo(say("and {more} more conflicts; see --json", more=len(sums.conflicts) - _SHOWN))


def _pairs(replies: Sequence[tuple[int, int]]) -> list[dict[str, int]]:
    return [{"ticket": ticket, "thread": thread} for ticket, thread in replies]


def _listed(replies: Sequence[tuple[int, int]]) -> str:
    tickets = list(dict.fromkeys(ticket for ticket, _ in replies))
    if not tickets:
        return "0"
    more = say(" and {more} more", more=len(tickets) - _SHOWN) if len(tickets) > _SHOWN else ""
    return say(
        "{count}, in ticket {listed}{more}",
        count=len(replies),
        listed=", ".join(map(str, tickets[:_SHOWN])),
        more=more,
    )
