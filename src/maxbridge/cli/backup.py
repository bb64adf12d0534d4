"""``maxbridge backup``: one file with everything that the bridge remembers, beside the running daemon."""

from __future__ import annotations

import time
from pathlib import Path

import click

from maxbridge.cli.options import File, config_option, json_option, yes_option
from maxbridge.cli.output import print_json
from maxbridge.config.loading import load
from maxbridge.saying import say, utc
from maxbridge.store.backup import back_up


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
