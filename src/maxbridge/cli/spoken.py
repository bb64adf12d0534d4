"""The language of this command line: chosen once, before anything is said, click's own words included."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from click import core, decorators, exceptions, formatting, parser, termui, types

from maxbridge.saying import LANGUAGES, language_of, later, say, speak

OPTION = "--language"
_FOR_PROGRAMS = frozenset({"--json", "--nagios"})
_TRANSLATED = (core, decorators, exceptions, formatting, parser, termui, types)
_ADDED = re.compile(r"(?P<sentence>.*?)(?P<added>(?:  | )\[[^\]]*\])?", re.DOTALL)
"""A sentence, and what click puts behind it: ``[default: 200; x>=1]``."""
_FIRST = re.compile(r"(.+?\.)(?:\s|$)", re.DOTALL)


def choose(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Speak as ``--language`` before the command says, else as the locale does; English to programs and the journal.

    Args:
        arguments: What was typed.
        environ: The environment.
    """
    typed = arguments[: arguments.index("--")] if "--" in arguments else arguments
    into_journal = environ.get("JOURNAL_STREAM") and first_word(typed) == "run"
    if into_journal or not _FOR_PROGRAMS.isdisjoint(typed):
        speak("en")
        return
    named = _named(typed)
    speak(named if named in LANGUAGES else language_of(environ))


def first_word(arguments: Sequence[str]) -> str:
    """The command: the first word that is neither an option nor the value of the one that stands before it."""
    words = [
        word
        for before, word in zip(("", *arguments), arguments, strict=False)
        if before != OPTION and not word.startswith("-")
    ]
    return next(iter(words), "")


def _named(arguments: Sequence[str]) -> str:
    """The value of the option among those before the command."""
    for place, word in enumerate(arguments):
        if word == OPTION:
            return next(iter(arguments[place + 1 :]), "")
        if word.startswith(f"{OPTION}="):
            return word.partition("=")[2]
        if not word.startswith("-"):
            break
    return ""


def text(words: str) -> str:
    """A text of a command about itself, with what click has added to it."""
    found = _ADDED.fullmatch(words)
    if found is None:
        return say(words)
    return say(found["sentence"]) + (found["added"] or "")


def first_sentence(words: str) -> str:
    """Up to the first full stop; a text without one is a sentence as a whole."""
    found = _FIRST.match(words)
    return found[1] if found else words


def said_first(words: str) -> str:
    """The first paragraph of a command's text."""
    return say(" ".join(re.split(r"\n\s*\n", words.strip())[0].split()))


_PLACEHOLDERS = {
    each: re.compile(rf"(?<![\w-]){re.escape(each)}(?!\w)")
    for each in (
        later("[OPTIONS]"),
        later("COMMAND [ARGS]..."),
        later("INTEGER RANGE"),
        later("INTEGER"),
        later("TEXT"),
        later("SECONDS"),
        later("TIME"),
    )
}
"""What stands for something to be typed; the longer one first."""


def _typed(words: str) -> str:
    for placeholder, found in _PLACEHOLDERS.items():
        words = found.sub(lambda _, each=placeholder: say(each), words)  # type: ignore[misc]
    return words


class Formatter(click.HelpFormatter):
    """Writes help in the language that is spoken: what commands say of themselves is looked up here."""

    def write_text(self, text: str) -> None:
        """Write paragraphs; blocks that click keeps as they are stay as they are."""
        paragraphs = re.split(r"\n\s*\n", text)
        super().write_text("\n\n".join(map(_paragraph, paragraphs)))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write options or commands and what they mean."""
        super().write_dl(
            [(_typed(name), _row(words)) for name, words in rows], col_max, col_spacing
        )

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how the command is typed."""
        super().write_usage(prog, _typed(args), prefix)


def _paragraph(words: str) -> str:
    if words.lstrip().startswith("\b"):
        return words
    return say(" ".join(words.split()))


def _row(words: str) -> str:
    return text(" ".join(words.split())) if "\n" not in words else words


def _said(message: str) -> str:
    return say(message)


def _said_of(one: str, many: str, number: int) -> str:
    return say(one if number == 1 else many)


def teach_click() -> None:
    """Let click say its own words, such as "Usage:", by our catalogue.

    Its door for this is gettext: binary catalogues in a folder, chosen by the environment. Ours is one
    of sentences, chosen by an option too, so each module of click gets ours in the place of gettext's.
    """
    door: Any
    for door in _TRANSLATED:
        if getattr(door, "_", None) is gettext.gettext:
            door._ = _said
        if getattr(door, "ngettext", None) is gettext.ngettext:
            door.ngettext = _said_of
    click.Context.formatter_class = Formatter
