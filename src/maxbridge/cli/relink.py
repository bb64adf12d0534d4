"""``maxbridge relink``: the database made anew from what FreeScout and MAX know; what ``import`` shares with it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from maxbridge import wiring
from maxbridge.advice import advice
from maxbridge.cli.options import ask, config_option, json_option, yes_option
from maxbridge.cli.output import print_json
from maxbridge.cli.store import opened
from maxbridge.config.loading import Config, handles, load, secrets_elsewhere
from maxbridge.config.settings import Settings
from maxbridge.core.errors import ApiError, ExitCode, Kind, UserError
from maxbridge.daemon import connect
from maxbridge.i18n import CATALOGUE
from maxbridge.observe import log
from maxbridge.paths import is_there
from maxbridge.restore.rebuild import Findings
from maxbridge.saying import local, say
from maxbridge.store.store import Store
from maxbridge.takeover.plan import Plan, Sums, Words, carry_out, look_for_talks

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


# --- The command


@click.command()
@config_option
@dry_option
@since_option
@json_option
@yes_option
def relink(
    config_path: Path | None, dry_run: bool, since: str | None, as_json: bool, yes: bool
) -> None:
    """Find all MAX customers and their tickets in FreeScout again, after the database was lost.

    Stop the daemon first. Nothing is sent now: what is in the tickets is history. Replies of the
    last days that, by the chats' histories, customers do not have are sent when the daemon starts;
    where that is unclear, the ticket gets a note. May be repeated: what the database knows stays
    as it is.
    """
    from_time = parse_since(since)
    config = load(config_path)
    settings, start = config.settings, handles(config).start
    log.configure(level="error", form="console")
    with store_of(settings, dry_run=dry_run) as store:
        plan = asyncio.run(_make_plan(config, words_of(settings, store), from_time))
        if not as_json:
            tell(plan.findings, plan.since)
        sums = (
            None
            if dry_run or store is None
            else write(store, plan, yes=yes, as_json=as_json, start=start)
        )
    if as_json:
        print_json(dry_run=dry_run, **data_of(plan.findings, sums))


@contextlib.contextmanager
def store_of(settings: Settings, *, dry_run: bool) -> Iterator[Store | None]:
    """Open the database for this process alone; a dry run opens it read-only, and gets None if there is none.

    Raises:
        UserError: The daemon runs, or the database cannot be used.
    """
    there = True
    with contextlib.suppress(PermissionError):  # opening it says so in a sentence
        there = is_there(settings.store.path)
    if dry_run and not there:
        yield None
        return
    with opened(settings.store.path, exclusive=not dry_run) as store:
        yield store


def write(store: Store, plan: Plan, *, yes: bool, as_json: bool, start: str) -> Sums:
    """Ask, and write the plan; an empty plan is written without a question.

    Args:
        store: The database.
        plan: What is to be written.
        yes: Do not ask.
        as_json: Stdout is reserved for JSON.
        start: The command that starts the daemon.
    """
    if not (plan.talks or plan.threads or plan.keys):
        click.echo(say("There is nothing to write."), err=as_json)
        return Sums()
    ask(say("Write this to {path}?", path=store.db.path), yes=yes, err=as_json)
    sums = carry_out(wiring.takeover(store), plan, time.time)
    if not as_json:
        tell_written(sums)
        click.echo(say("Now start maxbridge: {start}", start=start))
    return sums


def words_of(settings: Settings, store: Store | None) -> Words:
    """Return the texts of these settings, and what the database contains."""
    texts = settings.texts
    linked = store.tickets.ever_known if store else lambda _ids: frozenset[int]()
    said = CATALOGUE[texts.language]
    own = (said.help, said.status_none, said.rating_thanks)
    told = (texts.privacy, texts.accepted, texts.away, texts.closed, texts.help, *own)
    return Words(CATALOGUE[texts.language], texts.signature, texts.greeting, linked, told)


async def _make_plan(config: Config, words: Words, since: float | None) -> Plan:
    ends = connect(config.settings)
    try:
        return await look_for_talks(ends.max, ends.desk, words, since=since, progress=progress())
    except ApiError as error:
        raise explain(error, secrets_elsewhere(config)) from None
    finally:
        await ends.close()
