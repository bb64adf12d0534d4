"""``docs/commands.md``: headings, usage and options of every command, with what it says of itself.

A translation (``docs/commands.ru.md``) is written by hand: it has the same headings and the same
``text`` blocks, which :func:`skeleton` names, and its own sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from reference.commands import Command, commands
from reference.words import environment, exit_codes, files

COMMANDS_PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
_HEAD = """\
# Commands

<!-- Written by "make reference" from the commands; do not edit. -->

The same stands in `man maxbridge` and, for one command, in its `--help`. Every command takes its options
after its name. What it prints for you or for programs goes to standard output, complaints to standard
error.
"""
_SKELETON = re.compile(r"^#+ maxbridge[^\n]*$|^```text\n.*?^```$", re.DOTALL | re.MULTILINE)


def reference() -> str:
    """The page."""
    program, *others = commands()
    return (
        "\n".join(
            [
                _HEAD,
                "| Command | What it does |\n|---|---|",
                *(
                    f"| [`{each.name}`](#{each.name.replace(' ', '-')}) | {_cell(each.summary)} |"
                    for each in others
                ),
                "",
                *(line for each in (program, *others) for line in _section(each)),
                "## Exit codes\n",
                *_table(("Code", "Meaning"), ((str(code), words) for code, words in exit_codes())),
                "## Environment\n",
                *_table(
                    ("Variable", "Meaning"), ((f"`{name}`", words) for name, words in environment())
                ),
                "## Files\n",
                *_table(("File", "What it is"), ((f"`{name}`", words) for name, words in files())),
            ]
        ).rstrip("\n")
        + "\n"
    )


def skeleton(page: str) -> list[str]:
    """What every translation has in common: the headings of commands and how they are typed."""
    return _SKELETON.findall(page)


def _section(command: Command) -> Iterator[str]:
    yield f"{'#' * (len(command.path) if len(command.path) > 1 else 2)} {command.name}\n"
    lines = [
        " ".join((command.name, *command.usage)),
        *(f"  {each.spelling}" for each in command.options),
    ]
    yield "```text\n" + "\n".join(lines) + "\n```\n"
    for each in command.paragraphs:
        yield (f"```text\n{each}\n```\n" if "\n" in each else f"{each}\n")
    if command.options:
        yield from _table(
            ("Option", "Meaning"), ((f"`{each.spelling}`", each.words) for each in command.options)
        )


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"| {head[0]} | {head[1]} |\n|---|---|"
    for name, words in rows:
        yield f"| {_cell(name)} | {_cell(words)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
