"""``maxbridge relink`` and ``import``: a database made anew from what FreeScout and MAX know, or the webhook bridge."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from dotenv import dotenv_values

from maxbridge import wiring
from maxbridge.advice import advice
from maxbridge.cli.options import File, ask, config_option, json_option, yes_option
from maxbridge.cli.output import print_json
from maxbridge.config.loading import Config, handles, load, secrets_elsewhere
from maxbridge.config.settings import SECTIONS, Settings
from maxbridge.config.sources import OLD_BRIDGE
from maxbridge.core.errors import ApiError, ExitCode, Kind, UserError
from maxbridge.daemon import Ends, connect
from maxbridge.i18n import CATALOGUE
from maxbridge.observe import log
from maxbridge.paths import is_there
from maxbridge.restore.rebuild import Findings
from maxbridge.saying import later, local, say, why_unreadable
from maxbridge.store.store import Store, opened
from maxbridge.takeover.import_old import import_offline, import_online, read_mapping_db
from maxbridge.takeover.relink import Plan, Sums, Words, carry_out, look_for_talks

_STILL = 300.0
_FIRST = later(
    "Before maxbridge starts, when the webhook bridge is stopped for good: maxbridge check --remove-webhook. As long as its webhook is active, MAX gives polling nothing, and maxbridge refuses to start."
)
_T = TypeVar("_T")
_SHOWN = 20

since_option = click.option(
    "--since",
    metavar="TIME",
    help="Look at agents' replies from this time on, e.g. 2026-11-24T18:00; default: 5 days back.",
)
dry_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


def parse_since(text: str | None) -> float | None:
    """Parse ``--since`` into seconds since the epoch; the time zone defaults to this machine's.

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
    """Return a function that shows progress on a terminal's stderr: a line per phase, with a counter."""
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
    """Turn a service's failure into a sentence; nothing has been changed by then.

    Args:
        error: The failure.
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
    """Return findings for programs; ``written`` is None if nothing was."""
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
    """Print findings for people."""
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
    """Print what was written, for people."""
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
        words = words_of(settings, store)
        plan = asyncio.run(
            asked(
                config,
                lambda ends: look_for_talks(
                    ends.max, ends.desk, words, since=from_time, progress=progress()
                ),
            )
        )
        if not as_json:
            tell(plan.findings, plan.since)
        sums = write(store, plan, dry_run=dry_run, yes=yes, as_json=as_json, start=start)
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


def write(
    store: Store | None, plan: Plan, *, dry_run: bool, yes: bool, as_json: bool, start: str
) -> Sums | None:
    """Ask, and store the plan; an empty plan is stored without a question.

    Args:
        store: The database; None if there is none, and nothing is written.
        plan: The plan.
        dry_run: Write nothing.
        yes: Do not ask.
        as_json: Stdout is reserved for JSON.
        start: The command that starts the daemon.
    """
    if dry_run or store is None:
        return None
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


async def asked(config: Config, question: Callable[[Ends], Awaitable[_T]]) -> _T:
    """Ask both services something.

    Raises:
        UserError: One of them is in trouble.
    """
    ends = connect(config.settings)
    try:
        return await question(ends)
    except ApiError as error:
        raise explain(error, secrets_elsewhere(config)) from None
    finally:
        await ends.close()


@click.command("import")
@click.argument("old", type=File())
@config_option
@click.option(
    "--env",
    "env_file",
    type=File(stream=True),
    help="The webhook bridge's .env: its addresses and keys are used for this command.",
)
@click.option("--offline", is_flag=True, help="Ask neither MAX nor FreeScout.")
@dry_option
@since_option
@json_option
@yes_option
def import_old(
    *,
    old: Path,
    config_path: Path | None,
    env_file: Path | None,
    offline: bool,
    dry_run: bool,
    since: str | None,
    as_json: bool,
    yes: bool,
) -> None:
    """Take over the customers of the webhook bridge from its mapping.db.

    Stop that bridge first. Its file is only read. What it has delivered is not delivered again;
    replies written after it stopped are sent when maxbridge starts, if by the chats' histories
    customers do not have them. Without --yes it shows what it found, and asks. May be repeated.
    """
    from_time = parse_since(since)
    if offline and since:
        raise click.UsageError(say("--since needs MAX and FreeScout: leave out --offline."))
    environment = dict(os.environ)
    if env_file is not None:
        found = read_env(env_file)
        environment = found | environment
        click.echo(config_lines(found), err=as_json)
    sections = ("store", "texts") if offline else tuple(SECTIONS)
    config = load(config_path, environment, sections=sections)
    settings, start = config.settings, handles(config).start
    log.configure(level="error", form="console")
    bridge = read_mapping_db(old)
    if abs(time.time() - (bridge.active_at or 0.0)) < _STILL:
        click.echo(say("The webhook bridge was at work minutes ago. Is it stopped?"), err=True)
    with store_of(settings, dry_run=dry_run) as store:
        if offline:
            plan, webhooks = import_offline(bridge, time.time()), ["?"]
        else:
            words = words_of(settings, store)

            async def online(ends: Ends) -> tuple[Plan, list[str]]:
                plan = await import_online(
                    bridge, ends.max, ends.desk, words, since=from_time, progress=progress()
                )
                return plan, await ends.max.webhooks()

            plan, webhooks = asyncio.run(asked(config, online))
        if not as_json:
            tell(plan.findings, plan.since)
            if webhooks:
                click.echo(say(_FIRST))
        sums = write(store, plan, dry_run=dry_run, yes=yes, as_json=as_json, start=start)
    if as_json:
        active = None if offline else webhooks
        print_json(dry_run=dry_run, **data_of(plan.findings, sums), webhooks=active)


def read_env(path: Path) -> dict[str, str]:
    """Return the variables of an old bridge's .env that concern us; others are not kept.

    Raises:
        UserError: It cannot be read, or has none of the names.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            values = dotenv_values(stream=file, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            say("{path} cannot be read: {error}.", path=path, error=why_unreadable(error))
        ) from None
    found = {name: values[name] or "" for name in OLD_BRIDGE if values.get(name)}
    if not found:
        raise UserError(
            say(
                "{path} has none of {listed}: is it the webhook bridge's .env?",
                path=path,
                listed=", ".join(OLD_BRIDGE),
            ),
            ExitCode.CONFIG,
        )
    return found


def config_lines(found: Mapping[str, str]) -> str:
    """Return the lines for the new configuration; secrets are only referred to."""
    lines = [say("# These lines belong into maxbridge's config.toml:")]
    for section in ("max", "freescout"):
        lines.append(f"[{section}]")
        for name, (where, key) in OLD_BRIDGE.items():
            if where != section or name not in found:
                continue
            if key in ("token", "api_key"):
                lines.append(
                    say("# {key} = the value of {name} in the old file", key=key, name=name)
                )
            else:
                value = found[name].strip()
                lines.append(
                    f"{key} = {value}" if value.isdecimal() else f'{key} = "{_toml(value)}"'
                )
    lines.append(say("# user_id = the FreeScout user who shall write the bridge's notes"))
    return "\n".join(lines)


def _toml(text: str) -> str:
    plain = "".join(char for char in text if char.isprintable())
    return plain.replace("\\", "\\\\").replace('"', '\\"')
