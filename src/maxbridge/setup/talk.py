"""Texts of ``maxbridge init`` by name, in the administrator's language, and its questions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final, Protocol

import click

from maxbridge.advice import ADVICE
from maxbridge.core.errors import ConfigError
from maxbridge.core.text import clean
from maxbridge.saying import confirm, said_in

EN: Final = {
    "hello": "This asks for what maxbridge needs, tries each answer and writes\n{path}.\n"
    "Ctrl+C ends it at any time; nothing is written before the last question.",
    "aside": "Careful: maxbridge is a service on this machine, and the service does not read that file. "
    "Its settings\nare {service}; to write those: {command}",
    "aside_question": "Write {path} of your own all the same?",
    "exists": "{path} exists. Answer anew and replace it? The old one stays as {path}.old",
    "kept": "Its other settings are kept; Enter takes the value in [brackets].",
    "unreadable": "{path} cannot be understood, so nothing of it is taken over.",
    "token": "Token of the bot (business.max.ru: Чат-боты → ⋮ → Настройки; not shown)",
    "key": "Key of FreeScout (Manage → API & Webhooks; not shown)",
    "keep_secret": "{question}, Enter keeps the present one",
    "bad_value": "Not so: {problem}",
    "trying": "Trying {what} …",
    "bot": "The token is of the bot “{name}” ({number}).",
    "refused_token": "MAX refuses this token.",
    "webhook": "Note: a webhook takes this bot's messages now ({address}).\n"
    "Before maxbridge can get any: maxbridge check --remove-webhook",
    "failed": "That did not work: {failure}\n{advice}",
    "what_now_max": "Try again (a), another token (t), through a proxy (p), go on unchecked (u)?",
    "what_now_desk": "Try again (a), another answer (o), go on unchecked (u)?",
    "proxy": "HTTP proxy for MAX, such as http://proxy.lan:3128 (not shown; empty for none)",
    "unchecked": "Going on unchecked. Try it later: maxbridge check",
    "url": "Address of FreeScout, as its APP_URL",
    "redirected": "FreeScout leads on to {address}. Take that address?",
    "desk": "FreeScout answers at {address}.",
    "refused_key": "FreeScout refuses this key.",
    "mailboxes": "Mailboxes:",
    "mailbox": "Number of the mailbox for tickets",
    "users": "Users:",
    "user": "Number of the user who writes the notes",
    "user_hint": "Better none of the people: make a user “MAX bridge” (Manage → Users), then answer.",
    "not_listed": "There is no {number} in the list: {known}.",
    "not_number": "A number is wanted, 1 or more.",
    "language": "Language of what customers and agents read from maxbridge (ru, en)",
    "not_language": "ru or en is wanted.",
    "greeting": "What a customer who presses Start is told (empty for nothing)",
    "store": "Where the database goes",
    "apart": "Keep the two secrets apart, in {folder}? systemd hands them to the service",
    "written": "Written: {path}",
    "shadowed": "Careful: [{section}] {key} in force comes from {source}, which is stronger than what is written now. "
    "Remove it there, or change it there as well.",
    "next": "Now:",
    "no_unit": "The unit is in the folder systemd of the sources: copy it to /etc/systemd/system first.",
    "nothing": "Nothing was written.",
    "missing": "{option} is needed: with --yes nothing is asked.",
    "wrong_given": "{option}: {problem}",
}


def proposal(environ: Mapping[str, str]) -> str:
    """Return the proposed language of the bridge's texts: Russian, because MAX is, unless the locale is English."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "en" if locale.lower().startswith("en") else "ru"


# --- Questions and answers


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
    """The interface of a conversation.

    Attributes:
        asks: Somebody can be asked again.
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
        """Return a text; names from outside are made safe for a terminal."""
        told = {key: clean(str(value)) for key, value in words.items()}
        return said_in(self._language, EN[name]).format(**told)

    def advice(self, code: str) -> str:
        """What to do about a failure."""
        return said_in(self._language, ADVICE.get(code, ""))


class Person(Words):
    """Somebody at a terminal, or a pipe that types for them."""

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
    """``--yes``: takes the proposals; what has none must have been given."""

    asks = False

    def say(self, name: str, /, **words: Any) -> None:
        """Say a text of the catalogue."""
        click.echo(self.text(name, **words))

    def list(self, name: str, rows: Mapping[int, str]) -> None:
        """Print nothing: nobody chooses."""

    def ask(self, name: str, default: str | None = None) -> str:
        """Return the default, if there is one."""
        if default is None:
            raise ConfigError(self.text("missing", option=OPTIONS[name]))
        return default

    def secret(self, name: str, *, kept: bool = False) -> str:
        """Return the kept one, or nothing."""
        if not kept and name != "proxy":
            raise ConfigError(self.text("missing", option=OPTIONS[name]))
        return ""

    def confirm(self, name: str, /, *, default: bool, **words: Any) -> bool:
        """Return yes to questions about safety, else the proposal."""
        del words
        return True if name in ("exists", "aside_question") else default

    def choose(self, name: str, letters: str) -> str:
        """Choose to go on if possible."""
        del name
        return "g" if "g" in letters else letters[0]
