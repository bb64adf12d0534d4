"""The man page ``maxbridge(1)``: one page, because nobody remembers a page for each command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap

from maxbridge import __version__
from reference.commands import Command, Entry, commands
from reference.words import environment, exit_codes, files

MAN_PAGE = Path(__file__).parents[2] / "docs" / "maxbridge.1"
_NOTICE = r'.\" Written by "make reference" from the commands; do not edit.'
_TYPED = re.compile(r"`([^`]+)`")


def man_page() -> str:
    """The page in roff; the same for the same commands, so it bears no date."""
    program, *others = commands()
    return "\n".join(
        [
            _NOTICE,
            f'.TH MAXBRIDGE 1 "" "maxbridge {__version__}" "User Commands"',
            ".SH NAME",
            r"maxbridge \- join the messenger MAX with the help desk FreeScout",
            ".SH SYNOPSIS",
            *_synopsis(program, others),
            ".SH DESCRIPTION",
            *_paragraphs(program.paragraphs),
            *_listed(program.options),
            ".PP",
            r"Every command explains itself with \fB\-\-help\fR.",
            ".SH COMMANDS",
            *(line for each in others for line in _section(each)),
            ".SH EXIT STATUS",
            *_pairs((str(code), words) for code, words in exit_codes()),
            ".SH ENVIRONMENT",
            *_pairs(environment()),
            ".SH FILES",
            *_pairs(files()),
            ".SH SEE ALSO",
            r".BR journalctl (1),",
            r".BR systemctl (1),",
            r".BR systemd.exec (5)",
            ".PP",
            r"The documentation in /usr/share/doc/maxbridge, where a package put it.",
            "",
        ]
    )


def _synopsis(program: Command, others: Iterable[Command]) -> Iterator[str]:
    for each in (program, *(other for other in others if not other.is_group)):
        words = " ".join((*each.path[1:], *each.usage))
        yield from (".SY maxbridge", _escape(words), ".YS")


def _section(command: Command) -> Iterator[str]:
    yield f".SS {_escape(command.name)}"
    if not command.is_group:
        yield rf"\fBusage:\fR {_escape(' '.join((command.name, *command.usage)))}"
        yield ".PP"
    yield from _paragraphs(command.paragraphs)
    yield from _listed(command.options)


def _paragraphs(paragraphs: Iterable[str]) -> Iterator[str]:
    for number, each in enumerate(paragraphs):
        if number:
            yield ".PP"
        if "\n" in each:
            yield from (".nf", *(_guarded(_typed(line)) for line in each.split("\n")), ".fi")
        else:
            yield from _wrapped(each)


def _listed(entries: Iterable[Entry]) -> Iterator[str]:
    return _pairs((each.spelling, each.words) for each in entries)


def _pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, words in pairs:
        yield from (".TP", rf"\fB{_escape(name)}\fR", *_wrapped(words))


def _wrapped(text: str) -> list[str]:
    """Lines of which an editor and a diff can be fond; roff joins them."""
    lines = wrap(_typed(text), 78, break_long_words=False, break_on_hyphens=False)
    return [_guarded(line) for line in lines]


def _typed(text: str) -> str:
    """Words of a sentence; what stands in backticks is typed, so it is bold."""
    pieces = [
        rf"\fB{_escape(piece)}\fR" if number % 2 else _escape(piece)
        for number, piece in enumerate(_TYPED.split(text))
    ]
    return "".join(pieces)


def _guarded(line: str) -> str:
    """A point or an apostrophe at the start of a line would be a request."""
    return rf"\&{line}" if line.startswith((".", "'")) else line


def _escape(text: str) -> str:
    return (
        text.replace("\\", r"\e")
        .replace("-", r"\-")
        .replace("'", r"\(aq")
        .replace("^", r"\(ha")
        .replace("~", r"\(ti")
        .replace("…", r"\&...")
        .replace("→", r"\(->")
    )
