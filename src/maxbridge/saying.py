"""Texts for administrators in their language: sentences, times, and yes/no questions.

The English sentence is the key of its Russian translation in the catalogue.

Codes, keys, JSON, Nagios' line and the journal are always English.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import click

LANGUAGES: Final = ("ru", "en")
_NOBODYS = ("", "C", "POSIX")
"""Locales of programs, not of people; LANGUAGE does not count beside them (gettext(3))."""

_russian: Mapping[str, str] | None = None
"""The catalogue, while Russian is spoken."""


def speak(language: str) -> None:
    """Set the language of all texts: ``ru`` or ``en``."""
    global _russian  # noqa: PLW0603 - a process has one reader, and one language
    if language == "ru":
        from maxbridge.russian import CATALOGUE  # noqa: PLC0415 - for whoever reads Russian

        _russian = CATALOGUE
    else:
        _russian = None


def spoken() -> str:
    """Return the language set."""
    return "en" if _russian is None else "ru"


def say(english: str, /, **values: Any) -> str:
    """Return a sentence in the language set.

    Args:
        english: The sentence, with placeholders ``{name}``. A literal, so that a test finds it and
            its translation.
        values: Values for the placeholders.
    """
    sentence = english if _russian is None else _russian.get(english, english)
    return sentence.format(**values) if values else sentence


def said_in(language: str, english: str, /) -> str:
    """Return a sentence in a given language; its placeholders are not filled."""
    if language != "ru":
        return english
    from maxbridge.russian import CATALOGUE  # noqa: PLC0415 - for whoever reads Russian

    return CATALOGUE.get(english, english)


def denied(what: object) -> str:
    """Return the sentence for a user who forgot sudo; the exit code is 77.

    Args:
        what: A file or folder, perhaps with a word before it.
    """
    if os.getuid() == 0:  # it is root, or acts as the owner of a folder
        return say(
            "No permission for {what}, not even for root. Look at its owner and attributes: ls -ld, lsattr.",
            what=what,
        )
    return say("No permission for {what}. Use sudo, or be the user that owns it.", what=what)


def read_only(what: object) -> str:
    """Return the sentence for a read-only file system, where even root cannot write.

    Args:
        what: A file or folder, perhaps with a word before it.
    """
    return say(
        "{what} is on a read-only file system. Mount it for writing (findmnt shows it), or choose another place.",
        what=what,
    )


def temporary_room() -> str:
    """Return what to do if the folder for temporary files is full or not writable."""
    return say("Free some space there, or name another folder in $TMPDIR.")


def why_unreadable(error: Exception) -> str:
    """Return the system's reason why a text file cannot be read, without quoting its content."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return say("it is no text in UTF-8")


def later(english: str, /) -> str:
    """Mark a sentence in a table that :func:`say` will translate later; returns it unchanged."""
    return english


def language_of(environ: Mapping[str, str]) -> str:
    """Return the terminal user's language, as gettext determines it; English by default."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    if locale.partition(".")[0] in _NOBODYS:
        return "en"
    for each in (*environ.get("LANGUAGE", "").split(":"), locale):
        if each[:2].lower() in LANGUAGES:
            return each[:2].lower()
    return "en"


# --- Questions to be answered with yes or no, in the language that is ------------------------------


_YES = frozenset({"y", "yes", "д", "да"})
_NO = frozenset({"n", "no", "н", "нет"})


def confirm(question: str, *, default: bool = False, err: bool = False) -> bool:
    """Ask until the answer is yes or no.

    Args:
        question: The question.
        default: Meaning of an empty answer; shown in capitals.
        err: Ask on stderr: stdout is for data.

    Raises:
        click.Abort: There is no input.
    """
    hint = say("[Y/n]") if default else say("[y/N]")
    while True:
        answer: str = click.prompt(f"{question} {hint}", default="", show_default=False, err=err)
        said = answer.strip().lower()
        if not said:
            return default
        if said in _YES or said in _NO:
            return said in _YES
        click.echo(say("Error: invalid input"), err=err)


# --- How times are written -------------------------------------------------------------------------


_UNITS = ((86400, later("d")), (3600, later("h")), (60, later("min")))


def local(seconds: float, *, exact: bool = False) -> str:
    """Format a time for people, such as ``2026-11-30 14:03 +03:00``.

    Args:
        seconds: Since the epoch.
        exact: Include seconds.
    """
    try:
        at = datetime.fromtimestamp(math.floor(seconds)).astimezone()
    except (ValueError, OverflowError, OSError):
        return say("an impossible time")
    zone = at.strftime("%z")
    return f"{at:%Y-%m-%d %H:%M}{at.strftime(':%S') if exact else ''} {zone[:3]}:{zone[3:5]}"


def utc(seconds: float | None) -> str | None:
    """Format a time for programs, ISO 8601 in UTC: ``2026-11-30T11:03:00Z``; None for none, or an impossible one."""
    if seconds is None:
        return None
    try:
        return f"{datetime.fromtimestamp(math.floor(seconds), UTC):%Y-%m-%dT%H:%M:%S}Z"
    except (ValueError, OverflowError, OSError):
        return None


def age(seconds: float) -> str:
    """Format a duration for people."""
    seconds = max(0.0, seconds)
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {say(unit)}"
    return f"{seconds:.0f} {say('s')}"
