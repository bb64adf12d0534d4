"""Groups of commands that help whoever has mistyped, and sentences for what click itself refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import click

from maxbridge.cli import spoken
from maxbridge.core.text import clean
from maxbridge.saying import say

_LIKE = 0.6


class Group(click.Group):
    """Commands below a command.

    Attributes:
        elsewhere: What people type of other programs, and what it is called here.
    """

    elsewhere: ClassVar[Mapping[str, str]] = {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of ``--help``: the first sentence of each, as a whole."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, spoken.first_sentence(spoken.said_first(each.help or "")))
            for name, each in found
            if each is not None and not each.hidden
        ]
        with formatter.section(say("Commands")):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant, or a question about the most similar one."""
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
    """An OSError that no command foresaw; it is the ``__cause__``."""


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
    """What an option says about a number below zero behind it; empty where none stands before it that takes one."""
    before = argv[argv.index(typed) - 1] if typed in argv[1:] else ""
    for each in ctx.command.get_params(ctx):
        if isinstance(each, click.Option) and before in each.opts and not each.is_bool_flag:
            try:
                each.type.convert(typed, each, ctx)
            except click.BadParameter as error:
                return error.message
    return ""


def _below(ctx: click.Context, argv: Sequence[str]) -> Iterator[tuple[click.Command, str]]:
    """The commands that were named behind an option that stands too early."""
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
    """A sentence without anything invisible, and with the beginning alone of a pasted text."""
    return _PASTED.sub(lambda word: f"{word[0][:_SHOWN]}…", clean(words))
