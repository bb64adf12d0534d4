"""What every command says about itself, read from click; both pages are written from this."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from maxbridge.cli import cli

_FIRST_SENTENCE = re.compile(r"(.+?\.)(?:\s|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """An option or an argument.

    Attributes:
        spelling: As it is typed: ``--config FILE``.
        words: What it does, empty for an argument: the command's text speaks of those.
    """

    spelling: str
    words: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        path: Its words: ``("maxbridge", "queue", "list")``.
        usage: The pieces that follow them: ``("[OPTIONS]", "ID...")``.
        paragraphs: Its help; lines are joined, blocks that click keeps as they are keep their breaks.
        options: In the order of ``--help``, without ``--help`` itself.
        arguments: In their order.
        is_group: It has commands of its own.
    """

    path: tuple[str, ...]
    usage: tuple[str, ...]
    paragraphs: tuple[str, ...]
    options: tuple[Entry, ...]
    arguments: tuple[Entry, ...]
    is_group: bool

    @property
    def name(self) -> str:
        """As it is typed."""
        return " ".join(self.path)

    @property
    def summary(self) -> str:
        """The first sentence of its help."""
        return first_sentence(self.paragraphs[0] if self.paragraphs else "")


def first_sentence(text: str) -> str:
    """Up to the first full stop; a text without one is a sentence as a whole."""
    found = _FIRST_SENTENCE.match(text)
    return found[1] if found else text


def commands() -> list[Command]:
    """All of them, hidden ones left out: the program itself first, a group before its commands."""
    return list(_walk(cli, None, "maxbridge"))


def _walk(command: click.Command, parent: click.Context | None, name: str) -> Iterator[Command]:
    # A width without end: a record of help must come back in one line.
    context = click.Context(command, info_name=name, parent=parent, max_content_width=10_000)
    context.terminal_width = 10_000
    is_group = isinstance(command, click.Group)
    yield Command(
        path=tuple(context.command_path.split()),
        usage=tuple(_usage(command, context)),
        paragraphs=_paragraphs(command.help or ""),
        options=tuple(_options(command, context)),
        arguments=tuple(
            Entry(each.make_metavar(context), "")
            for each in command.get_params(context)
            if isinstance(each, click.Argument)
        ),
        is_group=is_group,
    )
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            if below is not None and not below.hidden:
                yield from _walk(below, context, each)


def _usage(command: click.Command, context: click.Context) -> list[str]:
    pieces = command.collect_usage_pieces(context)
    # Every command has --help; it is not worth an [OPTIONS] of its own.
    if not list(_options(command, context)):
        pieces = [each for each in pieces if each != command.options_metavar]
    return pieces


def _options(command: click.Command, context: click.Context) -> Iterator[Entry]:
    for each in command.get_params(context):
        record = each.get_help_record(context)
        if isinstance(each, click.Option) and record is not None and "--help" not in each.opts:
            spelling, words = record
            yield Entry(spelling, " ".join(words.split()))


def _paragraphs(text: str) -> tuple[str, ...]:
    text = inspect.cleandoc(text.partition("\f")[0]).strip()
    return tuple(
        each.removeprefix("\b\n") if each.startswith("\b\n") else " ".join(each.split())
        for each in re.split(r"\n\s*\n", text)
        if each.strip()
    )
