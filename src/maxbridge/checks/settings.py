"""Checks of the configuration and of this machine, without connections."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from maxbridge import __version__
from maxbridge.checks.network import OutsideChecks
from maxbridge.checks.records import Finding, ok, skipped, warning, wrong
from maxbridge.config.loading import SERVICE, Examined, unit_of
from maxbridge.config.settings import MAX_API, AlertSettings
from maxbridge.config.values import known_places, unknown_places
from maxbridge.paths import is_file
from maxbridge.saying import later, say

_KEY = re.compile(r"[0-9a-f]{32}")
_SHORT = 20
_OLD_HOSTS = ("platform-api.max.ru", "botapi.max.ru")
"""Where the API was before July 2026 (contract max.md 2)."""
_SECRETS = (("max", "token"), ("freescout", "api_key"), ("max", "proxy"), ("alerts", "ping_url"))


def check_settings(seen: Examined) -> list[Finding]:
    """Run all of them, in the order of display."""
    return [
        _file(seen),
        _values(seen),
        _modes(seen),
        _token(seen),
        _key(seen),
        *_host(seen),
        *_never_said(seen),
        *_places(seen),
        *check_command(seen.config.settings.alerts),
    ]


def _file(seen: Examined) -> Finding:
    path = seen.config.path
    if path is not None and not os.access(path, os.R_OK):
        return wrong(
            "config.file",
            say("{path} is there, but this user may not read it", path=path.absolute()),
            say("Run this as root or as the user that runs maxbridge: sudo maxbridge check"),
        )
    if path is not None:
        return ok("config.file", say("{path} is read", path=path.absolute()))
    if seen.wrong or seen.problems:
        return wrong(
            "config.file",
            say("no configuration file is read"),
            say("Make one: maxbridge init. Or name it: maxbridge check --config FILE"),
        )
    return ok("config.file", say("none; everything comes from the environment"))


def _values(seen: Examined) -> Finding:
    if seen.problems:
        return wrong("config.values", *_split(seen.problems))
    return ok(
        "config.values",
        say("valid: {count} are set, the others have their defaults", count=len(seen.values)),
    )


def _split(problems: list[str]) -> tuple[str, str]:
    """Return all problems as the finding's words; they say what to do themselves."""
    words = (
        say("one setting is wrong")
        if len(problems) == 1
        else say("{count} things are wrong", count=len(problems))
    )
    return words, "\n".join(problems)


def _modes(seen: Examined) -> Finding:
    """Check file modes: whoever reads a file with a secret can act as the bridge."""
    holders: dict[Path, list[str]] = {}
    for where in _SECRETS:
        given = seen.values.get(where)
        if given is not None and given.file is not None and given.value:
            holders.setdefault(given.file.absolute(), []).append(f"[{where[0]}] {where[1]}")
    if not holders:
        return skipped("config.mode", say("no file holds a secret"))
    words, remedies = [], []
    for file, held in holders.items():
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
        except OSError as error:
            words.append(f"{file}: {type(error).__name__}")
            remedies.append(say("Look at it: ls -l {file}", file=file))
            continue
        words.append(
            say(
                "{file}, mode {mode:04o}, holds {listed}",
                file=file,
                mode=mode,
                listed=", ".join(held),
            )
        )
        if mode & 0o077:
            words[-1] += say(", and others than its owner may use it")
            remedies.append(f"chmod 600 {file}")
    if remedies:
        return warning("config.mode", "\n".join(words), "\n".join(remedies))
    return ok("config.mode", "\n".join(words))


def _token(seen: Examined) -> Finding:
    token = seen.config.settings.max.token.reveal()
    if not token or "max.token" in seen.wrong:
        return skipped("config.token", say("no usable [max] token, see config.values"))
    where = say("from {source}", source=seen.config.sources.get("max.token", "?"))
    if token == seen.config.settings.freescout.api_key.reveal():
        return wrong(
            "config.token",
            say("{where}: [max] token and [freescout] api_key are the same text", where=where),
            say("Copy each anew: the token from the MAX partner cabinet, the key from FreeScout."),
        )
    if _KEY.fullmatch(token):
        return warning(
            "config.token",
            say("{where}: looks like a key of FreeScout, not like a token of MAX", where=where),
            say("Copy the token from the MAX partner cabinet: Чат-боты → ⋮ → Настройки."),
        )
    if len(token) < _SHORT:
        return warning(
            "config.token",
            say("{where}: only {count} characters", where=where, count=len(token)),
            say("Copy it as a whole from the MAX partner cabinet."),
        )
    return ok("config.token", say("{where}, {count} characters", where=where, count=len(token)))


def _key(seen: Examined) -> Finding:
    key = seen.config.settings.freescout.api_key.reveal()
    if not key or "freescout.api_key" in seen.wrong:
        return skipped("config.key", say("no usable [freescout] api_key, see config.values"))
    where = say("from {source}", source=seen.config.sources.get("freescout.api_key", "?"))
    if not _KEY.fullmatch(key.lower()):
        return warning(
            "config.key",
            say(
                "{where}: {count} characters; FreeScout's keys are 32 of 0-9 and a-f",
                where=where,
                count=len(key),
            ),
            say("Copy it as a whole from FreeScout: Manage → API & Webhooks."),
        )
    return ok("config.key", say("{where}, 32 hexadecimal digits", where=where))


def _never_said(seen: Examined) -> Iterator[Finding]:
    """Report texts that need another setting to be used."""
    texts, hours = seen.config.settings.texts, seen.config.settings.hours
    if texts.away and not any(hours.week):
        yield warning(
            "config.hours",
            say("[texts] away is never said: no working hours stand in [hours]"),
            say("Write when somebody answers, for example [hours] monday."),
        )
    for needs, words, remedy in (
        (
            texts.rating == "yes" and not texts.closed,
            later("[texts] rating asks nobody: it stands below [texts] closed, which is empty"),
            later("Write [texts] closed as well."),
        ),
        (
            bool(texts.phone_button) and not texts.greeting,
            later(
                "[texts] phone_button is never shown: it stands below [texts] greeting, which is empty"
            ),
            later("Write [texts] greeting as well."),
        ),
        (
            bool(texts.help) and texts.commands == "no",
            later("[texts] help is never said: customers' commands are off"),
            later('Write [texts] commands = "yes".'),
        ),
    ):
        if needs:
            yield warning("config.texts", say(words), say(remedy))


def _places(seen: Examined) -> Iterator[Finding]:
    """Report unknown placeholders in texts where they are no error: the braces may be intended."""
    settings = seen.config.settings
    for name, section, key in (
        ("texts", settings.texts, "greeting"),
        ("texts", settings.texts, "signature"),
        ("tickets", settings.tickets, "subject"),
    ):
        fills = section.__dataclass_fields__[key].metadata["fills"]
        for place in unknown_places(getattr(section, key), fills):
            yield warning(
                "config.texts",
                say(
                    "[{section}] {key} has {place} in it, which is shown as it stands",
                    section=name,
                    key=key,
                    place=place,
                ),
                known_places(fills) or say("Nothing is put into this text."),
            )


def _host(seen: Examined) -> Iterator[Finding]:
    host = urlsplit(seen.config.settings.max.api_url).hostname
    if host in _OLD_HOSTS:
        yield warning(
            "config.api_url",
            say("{host} is the old address of the MAX API", host=host),
            say('Leave [max] api_url out, or write: api_url = "{address}"', address=MAX_API),
        )


# --- Checks of this machine: the service, its clock, Python. None of them ever fails.


_USER = re.compile("[A-Za-z0-9_-]{1,31}")
"""Of which names systemd makes a dynamic user; ours begin with a letter."""
_NO_SYSTEMD = later("systemd does not answer here")


def check_system(config: Path | None, outside: OutsideChecks) -> Iterator[Finding]:
    """Run all checks of this machine."""
    yield _unit(unit_name(config), outside)
    yield _time(outside)
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield ok(
        "system.python",
        say("maxbridge {version} on Python {python}", version=__version__, python=version),
    )
    why = outside.heic()
    if why is None:
        return
    if why:
        yield warning(
            "system.heic",
            say("HEIC pictures cannot be converted: {why}", why=why),
            say("They arrive as they are. Install pillow-heif anew, or remove it."),
        )
    else:
        yield ok("system.heic", say("customers' HEIC pictures get a JPEG beside them"))


def unit_name(config: Path | None) -> str:
    """Return the unit that uses a configuration: ``maxbridge``, ``maxbridge@NAME``."""
    return (unit_of(config) or SERVICE).replace("-", "@", 1)


def _unit(unit: str, outside: OutsideChecks) -> Finding:
    names = "LoadState,ActiveState,SubState,UnitFileState,User"
    done = outside.run(["systemctl", "show", f"{unit}.service", f"--property={names}"])
    if done is None or done[0] != 0:
        return skipped("system.unit", say(_NO_SYSTEMD))
    seen = dict(line.partition("=")[::2] for line in done[1].splitlines())
    if seen.get("LoadState") != "loaded":
        return skipped(
            "system.unit", say("there is no unit {unit}; only a service needs one", unit=unit)
        )
    user = seen.get("User", "")
    if user.startswith(f"{SERVICE}-") and not _USER.fullmatch(user):
        return warning(
            "system.unit",
            say("{unit} cannot start: systemd makes no user named {user}", unit=unit, user=user),
            say(
                "systemctl edit {unit}: [Service] and, in the next line, User=maxbridge-short",
                unit=unit,
            ),
        )
    state, enabled = seen.get("ActiveState", "?"), seen.get("UnitFileState", "?")
    words = say(
        "{unit} is {state} ({detail}) and {enabled}",
        unit=unit,
        state=state,
        detail=seen.get("SubState", "?"),
        enabled=enabled,
    )
    if state == "failed":
        return warning(
            "system.unit",
            words,
            say("journalctl -u {unit} -n 50; then systemctl restart {unit}", unit=unit),
        )
    if state not in ("active", "activating", "reloading") or enabled == "disabled":
        return warning("system.unit", words, f"systemctl enable --now {unit}")
    return ok("system.unit", words)


def _time(outside: OutsideChecks) -> Finding:
    done = outside.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    if done is None or done[0] != 0:
        return skipped("system.time", say(_NO_SYSTEMD))
    if done[1].strip() == "yes":
        return ok("system.time", say("this machine's clock is synchronised"))
    return warning(
        "system.time",
        say("this machine's clock is not synchronised"),
        say("timedatectl set-ntp true (package systemd-timesyncd or chrony)"),
    )


# --- The command of [alerts]; its chat is asked about where MAX is


_CLOSED = ("/home/", "/root/", "/tmp/", "/var/tmp/", "/dev/shm/", "/var/lib/maxbridge/")  # noqa: S108 - named, not used
"""Where the service may not run programs (systemd/maxbridge.service)."""


def check_command(settings: AlertSettings) -> Iterator[Finding]:
    """Check the command of [alerts], if configured, without running it."""
    if not settings.command:
        return
    program = settings.command[0]
    try:
        there = is_file(Path(program))
    except OSError:
        there = False
    if not there or not os.access(program, os.X_OK):
        yield wrong(
            "alerts.command",
            say("{program} is not there, or may not be run", program=program),
            say("Check [alerts] command: ls -l {program}", program=program),
        )
    elif program.startswith(_CLOSED):
        yield warning(
            "alerts.command",
            say("{program} is where the service may not run programs", program=program),
            say("Put it elsewhere, as /usr/local/bin."),
        )
    else:
        yield ok("alerts.command", say("{program} is there; it is not run now", program=program))
