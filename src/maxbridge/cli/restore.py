"""``maxbridge restore``: puts a backup in the place of the database, while no daemon runs."""

from __future__ import annotations

import time
from pathlib import Path

import click

from maxbridge.cli.handles import handles
from maxbridge.cli.kinds import File
from maxbridge.cli.options import ask, config_option, json_option, yes_option
from maxbridge.cli.output import print_json
from maxbridge.config import load
from maxbridge.core.errors import ConfigError
from maxbridge.store.restore import Replacing, commit, replacing
from maxbridge.times import age, local, utc


@click.command()
@config_option
@json_option
@click.argument("file", type=File())
@click.option("--other-bot", is_flag=True, help="It may be of another bot than the database.")
@yes_option
def restore(
    config_path: Path | None, file: Path, as_json: bool, other_bot: bool, yes: bool
) -> None:
    """Put a backup in the place of the database; the daemon must be stopped.

    The backup is checked first, and the database that it replaces is kept beside it. FILE may also be
    a plain copy of the database, with the -wal file beside it if there is one.

    What was delivered since the backup is not delivered again: the next start reads from FreeScout
    what is there already, and looks replies up in the chats before it sends them.
    """
    config = load(config_path, sections=("store",))
    path = config.settings.store.path
    now = time.time()
    with replacing(file, path) as ready:
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
    click.echo(f"{file} is now the database {path}.")
    if kept is not None:
        click.echo(f"The database of before is kept: {kept}")
    click.echo(
        f"Start maxbridge: {handles(config).start}. It first reads from FreeScout what was delivered "
        "since the backup; messages wait for that. See: maxbridge status"
    )


def _question(ready: Replacing, now: float) -> str:
    counts = ready.backup.counts
    taken = ready.taken_at
    when = "of an unknown time" if taken is None else f"of {local(taken)}, {age(now - taken)} ago"
    bot = ready.backup.bot_id or "not known yet"
    lines = [f"Backup {when}: {counts['dialog']} dialogs, {counts['ticket']} tickets, bot {bot}."]
    if ready.present is not None:
        present = ready.present.counts
        lines.append(
            f"It replaces {ready.path} with {present['dialog']} dialogs, {present['ticket']} tickets, "
            "which is kept under another name."
        )
    elif ready.path.exists():
        lines.append(f"It replaces {ready.path}, which cannot be read and is kept as it is.")
    else:
        lines.append(
            "There is no database here. If this is a new host, the old one must not run any more."
        )
    return "\n".join([*lines, "Go on?"])


def _foreign(ready: Replacing) -> str:
    present = ready.present.bot_id if ready.present is not None else None
    return (
        f"The backup is of bot {ready.backup.bot_id}, the database {ready.path} of bot {present}: with "
        "another bot's database nothing would be delivered. Check [store] path and the name of the "
        "backup; if the token was changed on purpose, use --other-bot."
    )
