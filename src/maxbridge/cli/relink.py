"""``maxbridge relink``: the database made anew from what FreeScout and MAX know."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import click

from maxbridge import wiring
from maxbridge.cli.handles import handles
from maxbridge.cli.options import ask, config_option, json_option, yes_option
from maxbridge.cli.output import print_json
from maxbridge.cli.store import opened
from maxbridge.cli.takeover import (
    data_of,
    dry_option,
    explain,
    parse_since,
    progress,
    since_option,
    tell,
    tell_written,
)
from maxbridge.config.loading import Config, load, secrets_elsewhere
from maxbridge.config.settings import Settings
from maxbridge.core.errors import ApiError
from maxbridge.daemon import connect
from maxbridge.i18n import CATALOGUE
from maxbridge.observe import log
from maxbridge.saying import say
from maxbridge.store.store import Store
from maxbridge.takeover.plan import Plan, Sums, Words, carry_out, look_for_talks
from maxbridge.there import is_there


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
