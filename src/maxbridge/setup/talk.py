"""How the wizard speaks: to a person at the terminal, or to nobody."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol

import click

from maxbridge.advice import ADVICE
from maxbridge.core.errors import ConfigError
from maxbridge.core.text import clean
from maxbridge.saying import confirm, said_in
from maxbridge.setup.texts import EN

OPTIONS = {
    "token": "--max-token-file",
    "key": "--freescout-api-key-file",
    "url": "--freescout-url",
    "mailbox": "--mailbox-id",
    "user": "--user-id",
    "language": "--language",
    "greeting": "--greeting",
    "store": "--store-path",
    "proxy": "--proxy-file",
}
"""By which option each question is answered in advance."""


_LETTERS = {
    "t": "n",
    "o": "n",
    "u": "g",
    "е": "a",
    "т": "n",
    "о": "n",
    "п": "p",
    "б": "g",
    # Of earlier versions: scripts type them.
    "а": "a",
    "н": "n",
    "д": "g",
}
"""What may be typed for each choice, besides its own letter: the first letters of both languages."""


class Talk(Protocol):
    """One conversation.

    Attributes:
        asks: Is there somebody to ask again?
    """

    asks: bool

    def text(self, name: str, /, **words: Any) -> str:
        """A text of the catalogue."""
        ...

    def advice(self, code: str) -> str:
        """What to do about a failure."""
        ...

    def say(self, name: str, /, **words: Any) -> None:
        """Say a text of the catalogue."""
        ...

    def list(self, name: str, rows: Mapping[int, str]) -> None:
        """Show what can be chosen."""
        ...

    def ask(self, name: str, default: str | None = None) -> str:
        """Ask; an empty answer is the default, or none where there is no default."""
        ...

    def secret(self, name: str, *, kept: bool = False) -> str:
        """Ask without showing what is typed; empty to keep what there is."""
        ...

    def confirm(self, name: str, /, *, default: bool, **words: Any) -> bool:
        """Ask for yes or no."""
        ...

    def choose(self, name: str, letters: str) -> str:
        """Ask for one of these letters."""
        ...


class Words:
    """The catalogue in one language."""

    def __init__(self, language: str) -> None:
        self._language = language

    def text(self, name: str, /, **words: Any) -> str:
        """A text; names from outside are made fit for a terminal."""
        told = {key: clean(str(value)) for key, value in words.items()}
        return said_in(self._language, EN[name]).format(**told)

    def advice(self, code: str) -> str:
        """What to do about a failure."""
        return said_in(self._language, ADVICE.get(code, ""))


class Person(Words):
    """Somebody at a terminal, or a pipe that types for him."""

    asks = True

    def say(self, name: str, /, **words: Any) -> None:
        """Say a text of the catalogue."""
        click.echo(self.text(name, **words))

    def list(self, name: str, rows: Mapping[int, str]) -> None:
        """Show what can be chosen."""
        click.echo(self.text(name))
        for number, label in sorted(rows.items()):
            click.echo(f"  {number:>4}  {clean(label)}")

    def ask(self, name: str, default: str | None = None) -> str:
        """Ask; an empty answer is the default, or none where there is no default."""
        while True:
            answer: str = click.prompt(
                self.text(name), default=default or "", show_default=bool(default)
            )
            if answer.strip() or default is not None:
                return answer.strip()

    def secret(self, name: str, *, kept: bool = False) -> str:
        """Ask without showing what is typed; empty to keep what there is."""
        question = self.text(name)
        if kept:
            question = self.text("keep_secret", question=question)
        while True:
            answer: str = click.prompt(
                question,
                default="",
                show_default=False,
                # getpass would ask the terminal although a pipe types; a pipe shows nothing anyway.
                hide_input=sys.stdin.isatty(),
            )
            if answer.strip() or kept or name == "proxy":
                return answer.strip()

    def confirm(self, name: str, /, *, default: bool, **words: Any) -> bool:
        """Ask for yes or no."""
        return confirm(self.text(name, **words), default=default)

    def choose(self, name: str, letters: str) -> str:
        """Ask for one of these letters."""
        question = self.text(name)
        # The first one stands in brackets as the question writes it.
        shown = {
            letter: russian for russian, letter in _LETTERS.items() if f"({russian})" in question
        }
        while True:
            answer: str = click.prompt(question, default=shown.get(letters[0], letters[0]))
            typed = answer.strip().lower()
            typed = _LETTERS.get(typed, typed)
            if typed in list(letters):
                return typed


class Nobody(Words):
    """``--yes``: proposals are taken, what has none must have been given."""

    asks = False

    def say(self, name: str, /, **words: Any) -> None:
        """Say a text of the catalogue."""
        click.echo(self.text(name, **words))

    def list(self, name: str, rows: Mapping[int, str]) -> None:
        """Nobody chooses."""

    def ask(self, name: str, default: str | None = None) -> str:
        """The default, if there is one."""
        if default is None:
            raise ConfigError(self.text("missing", option=OPTIONS[name]))
        return default

    def secret(self, name: str, *, kept: bool = False) -> str:
        """What is kept, or nothing at all."""
        if not kept and name != "proxy":
            raise ConfigError(self.text("missing", option=OPTIONS[name]))
        return ""

    def confirm(self, name: str, /, *, default: bool, **words: Any) -> bool:
        """Yes to what is asked for safety, the proposal otherwise."""
        del words
        return True if name in ("exists", "aside_question") else default

    def choose(self, name: str, letters: str) -> str:
        """Go on where that is possible."""
        del name
        return "g" if "g" in letters else letters[0]
