"""``maxbridge backup`` and ``restore``: everything that the bridge remembers as one file, and back."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import click

from maxbridge.cli.options import File, ask, config_option, json_option, yes_option
from maxbridge.cli.output import print_json
from maxbridge.config.loading import handles, load
from maxbridge.core.errors import ConfigError
from maxbridge.saying import age, local, say, utc
from maxbridge.store.backup import back_up
from maxbridge.store.restore import Replacing, commit, fetched, replacing


@click.command()
@config_option
@json_option
@click.argument("file", type=File())
@yes_option
def backup(config_path: Path | None, file: Path, as_json: bool, yes: bool) -> None:
    """Copy the database into one file and check the copy; the daemon may run.

    FILE has mode 0600: it holds what people wrote in the last days. It gets its name when it is
    complete and checked; an existing one is replaced only with --yes.

    Not in it: the settings with token and key, and files on their way, which are fetched again. To
    put it back: maxbridge restore FILE
    """
    source = load(config_path, sections=("store",)).settings.store.path
    facts = back_up(source, file, overwrite=yes, now=time.time())
    if as_json:
        print_json(
            file=str(file),
            bytes=facts.size,
            taken=utc(facts.taken_at),
            bot_id=facts.bot_id,
            schema=facts.schema,
            rows=facts.counts,
        )
        return
    counts = facts.counts
    click.echo(
        say(
            "{file}: {size} bytes, checked. {dialog} dialogs, {ticket} tickets, {inbox} messages to FreeScout and {outbox} to MAX.\nNot in it: the configuration with token and key; keep a copy of that as well.",
            file=file,
            size=facts.size,
            dialog=counts["dialog"],
            ticket=counts["ticket"],
            inbox=counts["inbox"],
            outbox=counts["outbox"],
        )
    )


# --- ``maxbridge restore``


@click.command()
@config_option
@json_option
@click.argument("file", type=File(), required=False)
@click.option(
    "--from-replica",
    "replica",
    type=File(),
    metavar="SETTINGS",
    help="Instead of FILE: Litestream's settings of the host whose database is to go on here.",
)
@click.option("--other-bot", is_flag=True, help="It may belong to another bot than the database.")
@yes_option
def restore(
    *,
    config_path: Path | None,
    file: Path | None,
    replica: Path | None,
    as_json: bool,
    other_bot: bool,
    yes: bool,
) -> None:
    """Put a backup in the place of the database; the daemon must be stopped.

    The backup is checked first, and the database that it replaces is kept. FILE may also be a
    plain copy of the database, with its -wal file beside it.

    With --from-replica Litestream fetches the newest state that it has of another host's database. That
    host must not work any more: two hosts with one bot take each other's messages and answer twice.

    What was delivered since the backup is not delivered again: the next start reads what FreeScout
    has, and looks for replies in the chats before it sends them.
    """
    config = load(config_path, sections=("store",))
    path = config.settings.store.path
    if (file is None) == (replica is None):
        raise click.UsageError(
            say("Exactly one of the two is needed: FILE, or --from-replica SETTINGS.")
        )
    now = time.time()
    with contextlib.ExitStack() as kept_open:
        if replica is not None:
            file = kept_open.enter_context(fetched(replica, path))
        assert file is not None  # noqa: S101
        ready = kept_open.enter_context(replacing(file, path))
        if ready.is_foreign and not other_bot:
            raise ConfigError(_foreign(ready))
        ask(_question(ready, now), yes=yes)
        kept = commit(ready, time.time())
    if as_json:
        print_json(
            database=str(path),
            kept=None if kept is None else str(kept),
            taken=utc(ready.taken_at),
            bot_id=ready.backup.bot_id,
            rows=ready.backup.counts,
        )
        return
    if replica is None:
        click.echo(say("{file} is now the database {path}.", file=file, path=path))
    else:
        click.echo(say("The replica's newest state is now the database {path}.", path=path))
    if kept is not None:
        click.echo(say("The database of before is kept: {kept}", kept=kept))
    click.echo(
        say(
            "Start maxbridge: {start}. It first reads from FreeScout what was delivered since the backup; messages wait for that. See: maxbridge status",
            start=handles(config).start,
        )
    )


def _question(ready: Replacing, now: float) -> str:
    counts = ready.backup.counts
    taken = ready.taken_at
    when = (
        say("of an unknown time")
        if taken is None
        else say("of {at}, {age} ago", at=local(taken), age=age(now - taken))
    )
    bot = ready.backup.bot_id or say("not known yet")
    lines = [
        say(
            "Backup {when}: {dialog} dialogs, {ticket} tickets, bot {bot}.",
            when=when,
            dialog=counts["dialog"],
            ticket=counts["ticket"],
            bot=bot,
        )
    ]
    if ready.present is not None:
        present = ready.present.counts
        lines.append(
            say(
                "It replaces {path} with {dialog} dialogs, {ticket} tickets, which is kept under another name.",
                path=ready.path,
                dialog=present["dialog"],
                ticket=present["ticket"],
            )
        )
    elif ready.path.exists():
        lines.append(
            say("It replaces {path}, which cannot be read and is kept as it is.", path=ready.path)
        )
    else:
        lines.append(
            say(
                "There is no database here. If this is a new host, the old one must not run any more."
            )
        )
    return "\n".join([*lines, say("Go on?")])


def _foreign(ready: Replacing) -> str:
    present = ready.present.bot_id if ready.present is not None else None
    return say(
        "The backup is of bot {bot_id}, the database {path} of bot {present}: with another bot's database nothing would be delivered. Check [store] path and the name of the backup; if the token was changed on purpose, use --other-bot.",
        bot_id=ready.backup.bot_id,
        path=ready.path,
        present=present,
    )
