"""``maxbridge init``: create a working configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from maxbridge import paths
from maxbridge.checks.network import OutsideChecks
from maxbridge.cli.options import File, yes_option
from maxbridge.config.loading import CONFIG_NAME, Examined, examine, find_file
from maxbridge.config.settings import Secret
from maxbridge.core.errors import ConfigError, ExitCode
from maxbridge.paths import (
    first_command,
    is_folder,
    is_read_only,
    is_service_here,
    is_there,
    settings_file,
)
from maxbridge.saying import denied, read_only, say, spoken, why_unreadable
from maxbridge.setup import wizard
from maxbridge.setup.talk import Nobody, Person, Talk, proposal
from maxbridge.setup.wizard import Known, Live, Wizard
from maxbridge.setup.write import Places, behind_link, document, places, write_all

_SECRET_SIZE = 4096
_FILE = File(stream=True)


@click.command()
@click.option(
    "--config",
    "config_path",
    type=File(),
    help="Configuration file to write; else $MAXBRIDGE_CONFIG, else /etc/maxbridge/config.toml for root, ./config.toml for others.",
)
@click.option("--max-token-file", type=_FILE, help="File with the token of the bot; - for stdin.")
@click.option("--freescout-api-key-file", type=_FILE, help="File with the key; - for stdin.")
@click.option("--freescout-url", help="Address of FreeScout.")
@click.option("--mailbox-id", help="Number of the mailbox for tickets.")
@click.option("--user-id", help="Number of the user who writes the notes.")
@click.option("--language", help="Language of texts for customers and agents: ru or en.")
@click.option("--greeting", help="What a customer who presses Start is told.")
@click.option("--store-path", help="Where the database goes.")
@click.option("--max-api-url", help="Address of the MAX API, if it is not the usual one.")
@click.option("--proxy-file", type=_FILE, help="File with the HTTP proxy for MAX; - for stdin.")
@click.option(
    "--secrets",
    type=click.Choice(["apart", "inside"]),
    help="Secrets in /etc/credstore, or inside the configuration.",
)
@yes_option
def init(config_path: Path | None, secrets: str | None, yes: bool, **options: Any) -> int:
    """Ask for what is needed, try it, and write the configuration.

    Each answer is tried at once on MAX and FreeScout. What an option or a variable such as
    MAXBRIDGE_MAX__TOKEN answers is not asked; with --yes nothing is asked, and an old
    configuration is replaced. Secrets are not options: every user of this machine can see those.
    """
    tongue = spoken()
    talk: Talk = Nobody(tongue) if yes else Person(tongue)
    here = places(config_path, os.environ)
    there = _may_write(here)
    if secrets == "apart" and here.unit is None:
        raise ConfigError(
            say(
                "--secrets apart is for a service, whose configuration is in /etc/maxbridge: sudo maxbridge init --secrets apart"
            )
        )
    known = Known(_given(options), {}, proposal(os.environ), str(here.store))
    try:
        talk.say("hello", path=here.config)
        if not _is_meant(here, talk, there=there):
            talk.say("nothing")
            return ExitCode.INTERRUPTED
        known.before = _before(here, talk) if there else {}
        values = Wizard(talk, Live(OutsideChecks()), known).run()
        apart = _apart(talk, here, secrets)
    except click.Abort:
        click.echo()
        talk.say("nothing")
        raise
    _write(here, values, apart=apart)
    _shadowed(talk, here, values, apart=apart)
    _farewell(talk, here, apart=apart)
    return ExitCode.OK


def _may_write(here: Places) -> bool:
    """Check that the configuration can be written, before asking a dozen questions.

    Returns:
        Whether it exists already.

    Raises:
        ConfigError: Its place is forbidden, or no file can be there.
    """
    file = here.config
    there = settings_file(file)
    if not there and is_there(file):
        raise ConfigError(say("{file} is no ordinary file.", file=file))
    folder = next(each for each in behind_link(file).parents if is_there(each))
    if not is_folder(folder):
        raise ConfigError(
            say("{file} cannot be written: {folder} is no folder.", file=file, folder=folder),
            ExitCode.CANT_CREATE,
        )
    if is_read_only(folder):
        raise ConfigError(read_only(file), ExitCode.CANT_CREATE)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(denied(file), ExitCode.NO_PERMISSION)
    return there


def _is_meant(here: Places, talk: Talk, *, there: bool) -> bool:
    """Ask about probable mistakes: settings that the service does not read, and replacing others."""
    if here.unit is None and os.geteuid() != 0 and is_service_here():
        talk.say(
            "aside",
            path=here.config,
            service=paths.FOLDER / CONFIG_NAME,
            command=first_command(),
        )
        if not talk.confirm("aside_question", default=False, path=here.config):
            return False
    return not there or talk.confirm("exists", default=False, path=here.config)


def _given(options: dict[str, Any]) -> dict[wizard.Where, Any]:
    """Return answers by option, else by the setting's variable."""
    named = {
        wizard.URL: "freescout_url",
        wizard.MAILBOX: "mailbox_id",
        wizard.USER: "user_id",
        wizard.LANGUAGE: "language",
        wizard.GREETING: "greeting",
        wizard.STORE: "store_path",
        wizard.API: "max_api_url",
    }
    files = {
        wizard.TOKEN: "max_token_file",
        wizard.KEY: "freescout_api_key_file",
        wizard.PROXY: "proxy_file",
    }
    given: dict[wizard.Where, Any] = {}
    for where in (*named, *files):
        variable = f"MAXBRIDGE_{where[0]}__{where[1]}".upper()
        if os.environ.get(variable):
            given[where] = os.environ[variable]
        elif where in files and os.environ.get(f"{variable}_FILE"):
            given[where] = _read_secret(Path(os.environ[f"{variable}_FILE"]))
    given |= {where: options[name] for where, name in named.items() if options[name] is not None}
    given |= {where: _read_secret(options[name]) for where, name in files.items() if options[name]}
    return given


def _read_secret(file: Path) -> str:
    """Return the first line of a file, or the next line of stdin: several secrets may be piped."""
    try:
        if str(file) == "-":
            return sys.stdin.readline(_SECRET_SIZE).strip()
        with file.open(encoding="utf-8") as handle:
            return handle.readline(_SECRET_SIZE).strip()
    except PermissionError:
        raise ConfigError(denied(file), ExitCode.NO_PERMISSION) from None
    except (OSError, ValueError) as error:
        raise ConfigError(
            say(
                "{file} cannot be read: {error}.",
                file=file,
                error=why_unreadable(error),
            )
        ) from None


def _before(here: Places, talk: Talk) -> dict[wizard.Where, Any]:
    """Return the valid values of the old configuration."""
    seen = examine(here.config, {})
    found = {
        where: given.value
        for where, given in seen.values.items()
        if f"{where[0]}.{where[1]}" not in seen.wrong
    }
    if not found:
        talk.say("unreadable", path=here.config)
        return {}
    talk.say("kept")
    return {where: _plain(seen, where, value) for where, value in found.items()}


def _plain(seen: Examined, where: wizard.Where, value: Any) -> Any:
    """Return a value as it was written; a secret as it is in force, wherever it is stored."""
    inside = getattr(getattr(seen.config.settings, where[0]), where[1])
    return inside.reveal() if isinstance(inside, Secret) else value


def _apart(talk: Talk, here: Places, choice: str | None) -> bool:
    if choice is not None:
        return choice == "apart"
    if not here.may_part:
        return False
    folder = here.secret_file(wizard.TOKEN).parent
    return talk.confirm("apart", default=True, folder=folder)


def _write(here: Places, values: dict[wizard.Where, Any], *, apart: bool) -> None:
    outside = (wizard.TOKEN, wizard.KEY) if apart else ()
    inside = {where: value for where, value in values.items() if where not in outside}
    files = {here.secret_file(where): f"{values[where]}\n" for where in outside}
    files[here.config] = document(inside, outside)
    write_all(files, here.folders(apart=apart), here.config)


def _shadowed(talk: Talk, here: Places, values: dict[wizard.Where, Any], *, apart: bool) -> None:
    """Name secrets just written that have no effect because an older source of them is stronger."""
    seen = examine(here.config)
    for where in (wizard.TOKEN, wizard.KEY):
        written = here.secret_file(where) if apart else here.config
        given = seen.values.get(where)
        if given is None or given.file == written:
            continue
        # A variable that gave the answer says the same; an old file is a trap in either case.
        if given.file is not None or given.value != values[where]:
            talk.say("shadowed", section=where[0], key=where[1], source=given.source)


def _farewell(talk: Talk, here: Places, *, apart: bool) -> None:
    for where in (wizard.TOKEN, wizard.KEY) if apart else ():
        talk.say("written", path=here.secret_file(where))
    talk.say("written", path=here.config)
    named = "" if _is_found_by_itself(here.config) else f" --config {here.config}"
    click.echo()
    talk.say("next")
    # Who came by sudo needs it again: the settings and the secrets are root's.
    sudo = "sudo " if here.service is not None and os.environ.get("SUDO_USER") else ""
    click.echo(f"  {sudo}maxbridge check{named}")
    if here.service is None:
        click.echo(f"  maxbridge run{named}")
        return
    click.echo(f"  {sudo}systemctl enable --now {here.service}")
    if not here.has_unit:
        talk.say("no_unit")


def _is_found_by_itself(path: Path) -> bool:
    """Whether commands find this configuration without ``--config``."""
    try:
        usual = find_file(None, {})
    except ConfigError:  # a folder that this user may not look into
        return False
    return usual is not None and usual.absolute() == path
