"""``maxbridge import``: the webhook bridge's customers and tickets become ours."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path

import click
from dotenv import dotenv_values

from maxbridge.cli.options import File, config_option, json_option, yes_option
from maxbridge.cli.output import print_json
from maxbridge.cli.relink import (
    data_of,
    dry_option,
    explain,
    parse_since,
    progress,
    since_option,
    store_of,
    tell,
    words_of,
    write,
)
from maxbridge.config.loading import Config, handles, load, secrets_elsewhere
from maxbridge.config.settings import SECTIONS
from maxbridge.config.sources import OLD_BRIDGE
from maxbridge.core.errors import ApiError, ExitCode, UserError
from maxbridge.core.old_rows import OldBridge
from maxbridge.daemon import connect
from maxbridge.observe import log
from maxbridge.saying import later, say, why_unreadable
from maxbridge.takeover.import_old import import_offline, import_online, read_mapping_db
from maxbridge.takeover.plan import Plan, Words

_STILL = 300.0
_FIRST = later(
    "Before maxbridge starts, when the webhook bridge is stopped for good: maxbridge check --remove-webhook. As long as its webhook is active, MAX gives polling nothing, and maxbridge refuses to start."
)


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
            plan, webhooks = asyncio.run(_make_plan(config, bridge, words, from_time))
        if not as_json:
            tell(plan.findings, plan.since)
            if webhooks:
                click.echo(say(_FIRST))
        sums = (
            None
            if dry_run or store is None
            else write(store, plan, yes=yes, as_json=as_json, start=start)
        )
    if as_json:
        active = None if offline else webhooks
        print_json(dry_run=dry_run, **data_of(plan.findings, sums), webhooks=active)


def read_env(path: Path) -> dict[str, str]:
    """What of an old bridge's .env concerns us; everything else in it is nobody's business.

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
    """The lines for the new configuration; secrets are only pointed at."""
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


async def _make_plan(
    config: Config, bridge: OldBridge, words: Words, since: float | None
) -> tuple[Plan, list[str]]:
    ends = connect(config.settings)
    try:
        plan = await import_online(
            bridge, ends.max, ends.desk, words, since=since, progress=progress()
        )
        return plan, await ends.max.webhooks()
    except ApiError as error:
        raise explain(error, secrets_elsewhere(config)) from None
    finally:
        await ends.close()
