"""Language and help of the command line: set once, with suggestions for mistyped words.

Nothing is printed before the language is set; click's own words and refusals are translated, too.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import click
from click import core, decorators, exceptions, formatting, parser, termui, types

from maxbridge.core.text import clean
from maxbridge.saying import LANGUAGES, language_of, later, say, speak

OPTION = "--language"
_FOR_PROGRAMS = frozenset({"--json", "--nagios"})
_TRANSLATED = (core, decorators, exceptions, formatting, parser, termui, types)
_ADDED = re.compile(r"(?P<sentence>.*?)(?P<added>(?:  | )\[[^\]]*\])?", re.DOTALL)
"""A sentence, and what click puts behind it: ``[default: 200; x>=1]``."""
_FIRST = re.compile(r"(.+?\.)(?:\s|$)", re.DOTALL)


def choose(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Set the language by ``--language`` before the command, else by the locale; English for programs and the journal.

    Args:
        arguments: The command line.
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
    """Return the command: the first word that is neither an option nor an option's value."""
    words = [
        word
        for before, word in zip(("", *arguments), arguments, strict=False)
        if before != OPTION and not word.startswith("-")
    ]
    return next(iter(words), "")


def _named(arguments: Sequence[str]) -> str:
    """Return the language option's value before the command."""
    for place, word in enumerate(arguments):
        if word == OPTION:
            return next(iter(arguments[place + 1 :]), "")
        if word.startswith(f"{OPTION}="):
            return word.partition("=")[2]
        if not word.startswith("-"):
            break
    return ""


def text(words: str) -> str:
    """Translate a command's help text, including click's additions."""
    found = _ADDED.fullmatch(words)
    if found is None:
        return say(words)
    return say(found["sentence"]) + (found["added"] or "")


def first_sentence(words: str) -> str:
    """Return the text up to the first full stop, or all of it."""
    found = _FIRST.match(words)
    return found[1] if found else words


def said_first(words: str) -> str:
    """Return the first paragraph of a help text."""
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
    """Writes help in the language set: help texts are translated here."""

    def write_text(self, text: str) -> None:
        """Write paragraphs; preformatted blocks are kept."""
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
    """Make click use our catalogue for its own words, such as "Usage:".

    Its interface for this is gettext: binary catalogues in a folder, chosen by the environment.
    Ours is a catalogue of sentences, chosen by an option as well, so each module of click gets our
    function instead of gettext's.
    """
    door: Any
    for door in _TRANSLATED:
        if getattr(door, "_", None) is gettext.gettext:
            door._ = _said
        if getattr(door, "ngettext", None) is gettext.ngettext:
            door.ngettext = _said_of
    click.Context.formatter_class = Formatter


_LIKE = 0.6


class Group(click.Group):
    """Commands below a command.

    Attributes:
        elsewhere: Words that people know from other programs, with our names.
    """

    elsewhere: ClassVar[Mapping[str, str]] = {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of ``--help``: the whole first sentence of each."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, first_sentence(said_first(each.help or "")))
            for name, each in found
            if each is not None and not each.hidden
        ]
        with formatter.section(say("Commands")):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, or ask about the most similar one."""
        name = args[0]
        if ctx.resilient_parsing or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        if not name.strip():
            raise click.UsageError(say("An empty word is no command."), ctx)
        if name in self.elsewhere:
            hint = say(" What you look for is: {other}", other=say(self.elsewhere[name]))
        else:
            hint = _did_you_mean(f"{ctx.command_path} ", _similar(name, self.list_commands(ctx)))
        raise click.UsageError(say("There is no command {name}.{hint}", name=name, hint=hint), ctx)


class SystemTroubleError(Exception):
    """An unexpected OSError; it is the ``__cause__``."""


def refusal(error: click.ClickException, argv: Sequence[str]) -> None:
    """Print why a command line is refused, and what may have been meant."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        words = _no_such_option(error.ctx, error.option_name, argv)
        error = click.UsageError(words, error.ctx)
    error.message = fit(error.message)  # type: ignore[misc]  # nobody else's any more
    error.show()


def _no_such_option(ctx: click.Context, name: str, argv: Sequence[str]) -> str:
    # click says "-j" of "-json": what was typed tells more.
    typed = next((each.partition("=")[0] for each in argv if each.startswith(name)), name)
    words = say("There is no option {typed}.", typed=typed)
    if re.fullmatch(r"-[0-9.,]+", typed):
        if told := _refused_value(ctx, typed, argv):
            return told
        return say(
            "{words} Write -- before a number below zero: {command_path} -- {typed}",
            words=words,
            command_path=ctx.command_path,
            typed=typed,
        )
    for command, path in _below(ctx, argv):
        if near := _option_like(typed, command, ctx):
            return say(
                "{words} Options stand behind the command: {path} {near}",
                words=words,
                path=path,
                near=near,
            )
    if isinstance(ctx.command, click.Group) and typed[2:] in ctx.command.list_commands(ctx):
        return words + _did_you_mean(f"{ctx.command_path} ", typed[2:])
    return words + _did_you_mean("", _option_like(typed, ctx.command, ctx))


def _refused_value(ctx: click.Context, typed: str, argv: Sequence[str]) -> str:
    """Return an option's message about a negative number after it; empty if no such option precedes it."""
    before = argv[argv.index(typed) - 1] if typed in argv[1:] else ""
    for each in ctx.command.get_params(ctx):
        if isinstance(each, click.Option) and before in each.opts and not each.is_bool_flag:
            try:
                each.type.convert(typed, each, ctx)
            except click.BadParameter as error:
                return error.message
    return ""


def _below(ctx: click.Context, argv: Sequence[str]) -> Iterator[tuple[click.Command, str]]:
    """Yield the commands named after an option that is too early."""
    command, path = ctx.command, ctx.command_path
    for word in argv:
        if isinstance(command, click.Group):
            found = command.get_command(ctx, word)
            if found is not None:
                command, path = found, f"{path} {word}"
                yield command, path


def _option_like(typed: str, command: click.Command, ctx: click.Context) -> str | None:
    names = [
        name
        for each in command.get_params(ctx)
        if isinstance(each, click.Option)
        for name in (*each.opts, *each.secondary_opts)
        if name.startswith("--")
    ]
    if typed in names:
        return typed
    if len(typed) == 2:  # a letter: of which word?
        return next((name for name in names if name[2] == typed[1].lower()), None)
    return _similar("--" + typed.lstrip("-"), names)


def _similar(word: str, known: Sequence[str]) -> str | None:
    import difflib  # noqa: PLC0415 - for who mistypes only

    begun = [each for each in known if each.startswith(word.lower())]
    near = begun or difflib.get_close_matches(word.lower(), known, n=1, cutoff=_LIKE)
    return near[0] if near else None


def _did_you_mean(before: str, near: str | None) -> str:
    return say(" Did you mean {before}{near}?", before=before, near=near) if near else ""


# --- Sentences fit for a terminal, whatever somebody typed or pasted.


_SHOWN = 60
_PASTED = re.compile(rf"\S{{{5 * _SHOWN},}}")


def fit(words: str) -> str:
    """Return a sentence without invisible characters, and with a pasted text shortened."""
    return _PASTED.sub(lambda word: f"{word[0][:_SHOWN]}…", clean(words))
