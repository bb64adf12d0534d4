"""What an administrator reads, in their language: the English sentence is the key, its Russian is in the catalogue.

Codes, keys, JSON, Nagios' line and the journal are English whatever the language is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

LANGUAGES: Final = ("ru", "en")
_NOBODYS = ("", "C", "POSIX")
"""Locales of programs, not of people; LANGUAGE does not count beside them (gettext(3))."""

_russian: Mapping[str, str] | None = None
"""The catalogue, while Russian is spoken."""


def speak(language: str) -> None:
    """From now on, everything is said in this language: ``ru`` or ``en``."""
    global _russian  # noqa: PLW0603 - a process has one reader, and one language
    if language == "ru":
        from maxbridge.russian import CATALOGUE  # noqa: PLC0415 - for whoever reads Russian

        _russian = CATALOGUE
    else:
        _russian = None


def spoken() -> str:
    """The language that is spoken."""
    return "en" if _russian is None else "ru"


def say(english: str, /, **values: Any) -> str:
    """A sentence in the language that is spoken.

    Args:
        english: The sentence, with its values as ``{name}``. A literal, so that a test finds it and its Russian.
        values: What is put in.
    """
    sentence = english if _russian is None else _russian.get(english, english)
    return sentence.format(**values) if values else sentence


def said_in(language: str, english: str, /) -> str:
    """A sentence in a certain language, whatever is spoken; its values are not yet put in."""
    if language != "ru":
        return english
    from maxbridge.russian import CATALOGUE  # noqa: PLC0415 - for whoever reads Russian

    return CATALOGUE.get(english, english)


def denied(what: object) -> str:
    """What is said to whoever has forgotten sudo; the exit code is 77.

    Args:
        what: A file or folder, perhaps with a word before it.
    """
    return say("No permission for {what}. Use sudo, or be the user that owns it.", what=what)


def later(english: str, /) -> str:
    """Marks a sentence that stands in a table and is said by :func:`say` later; it stays as it is."""
    return english


def language_of(environ: Mapping[str, str]) -> str:
    """The language of whoever sits at the terminal, as gettext finds it; English where nothing tells."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    if locale.partition(".")[0] in _NOBODYS:
        return "en"
    for each in (*environ.get("LANGUAGE", "").split(":"), locale):
        if each[:2].lower() in LANGUAGES:
            return each[:2].lower()
    return "en"
