"""``docs/commands.md`` and its Russian twin: every command's heading, usage, options and what it says of itself.

What is typed is the same in both. The sentences are the program's own, and :mod:`reference.russian` has
each of them in Russian.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reference.commands import Command, Entry, commands
from reference.russian import russian
from reference.words import exit_codes

DOCS = Path(__file__).parents[2] / "docs"
_SKELETON = re.compile(r"^#+ maxbridge[^\n]*$|^```text\n.*?^```$", re.DOTALL | re.MULTILINE)
_SHARED_BY = 4
"""An option that as many commands have, with the same words, is explained once, at the top."""
_TOLD_AT = {
    "maxbridge init": "start",
    "maxbridge queue release": "operations",
    "maxbridge queue retry": "troubleshooting",
    "maxbridge dialogs export": "operations",
    "maxbridge dialogs forget": "operations",
    "maxbridge backup": "operations",
    "maxbridge restore": "operations",
    "maxbridge relink": "operations",
    "maxbridge import": "migration",
    "maxbridge demo": "start",
    "maxbridge report": "operations",
}
"""Commands that a page explains step by step: here they have their first sentence, in ``--help`` all of them."""
_EVERYWHERE = {"[OPTIONS]", "COMMAND [ARGS]..."}
"""What a usage line may say without telling anything."""

Said = Callable[[str], str]
"""What stands on the page for a sentence of the program."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the page says in one language, beside the sentences of the program."""

    said: Said
    head: str
    all: str
    shared: str
    also: str
    more: str
    pages: dict[str, str]
    suffix: str
    codes: tuple[str, str, str]


LANGUAGES = {
    "en": Words(
        said=str,
        head="""\
# Commands

[По-русски](commands.ru.md)

<!-- Written by "make reference" from the commands; do not edit. -->

The full text is in `man maxbridge` and in each command's `--help`; what other pages explain step by step is shortened here. Options follow the
name of the command. Results go to stdout, error messages to stderr, in the language of the locale or of `maxbridge --language`;
JSON, the line for Nagios, codes and the log are English. Files and variables: [configuration](configuration.md).
""",
        all="All commands",
        shared="Options of several commands",
        also="Also",
        more="Step by step",
        pages={each: each for each in ("start", "operations", "migration", "troubleshooting")},
        suffix=".md",
        codes=("Exit codes", "Code", "Meaning"),
    ),
    "ru": Words(
        said=russian,
        head="""\
# Команды

[In English](commands.md)

<!-- Составлено командой "make reference" по самим командам; руками не править. -->

Полный текст — в `man maxbridge` (по-английски) и в `--help` каждой команды; здесь сокращено то, что объяснено по шагам на других страницах.
Параметры пишутся после имени команды. Результаты идут в stdout, сообщения об ошибках — в stderr, на языке локали
или `maxbridge --language`; JSON, строка Nagios, коды и журнал — на английском. О файлах и переменных — в
[справочнике](configuration.ru.md).
""",
        all="Все команды",
        shared="Общие параметры",
        also="А также",
        more="По шагам",
        pages={
            "start": "от установки до первого ответа",
            "operations": "эксплуатация",
            "migration": "переезд",
            "troubleshooting": "если что-то не работает",
        },
        suffix=".ru.md",
        codes=("Коды завершения", "Код", "Что значит"),
    ),
}


def document(language: str) -> Path:
    """Where the page of a language stands."""
    return DOCS / ("commands.ru.md" if language == "ru" else "commands.md")


def page(language: str) -> str:
    """The page.

    Raises:
        KeyError: The program says something that has no Russian sentence.
    """
    words = LANGUAGES[language]
    program, *others = commands()
    overview = ", ".join(
        f"[`{each.name.partition(' ')[2]}`](#{each.name.replace(' ', '-')})" for each in others
    )
    often = Counter(option for each in others for option in each.options)
    shared = [option for option, times in often.items() if times >= _SHARED_BY]
    lines = [
        words.head,
        f"{words.all}: {overview}\n",
        f"## {words.shared}\n",
        *_options(words, shared),
        *(line for each in (program, *others) for line in _section(words, each, shared)),
    ]
    title, *head = words.codes
    rows = ((str(code), words.said(meaning)) for code, meaning in exit_codes())
    lines += [f"## {title}\n", *_table(head, rows)]
    return "\n".join(lines).rstrip("\n") + "\n"


def skeleton(page: str) -> list[str]:
    """What every translation has in common: the headings of commands and how they are typed."""
    return _SKELETON.findall(page)


def _section(words: Words, command: Command, shared: Collection[Entry]) -> Iterator[str]:
    yield f"{'#' * (len(command.path) if len(command.path) > 1 else 2)} {command.name}\n"
    if set(command.usage) - _EVERYWHERE:
        yield f"```text\n{' '.join((command.name, *command.usage))}\n```\n"
    shown, told_at = command.paragraphs, _TOLD_AT.get(command.name)
    for each in shown[:1] if told_at else shown:
        yield (f"```text\n{each}\n```\n" if "\n" in each else f"{words.said(each)}\n")
    if told_at:
        yield f"{words.more}: [{words.pages[told_at]}]({told_at}{words.suffix}).\n"
    own = [each for each in command.options if each not in shared]
    if own:
        yield from _options(words, own)
    also = [f"`{each.spelling.split()[0]}`" for each in command.options if each in shared]
    if also:
        yield f"{words.also}: {', '.join(also)}.\n"


def _options(words: Words, options: Iterable[Entry]) -> Iterator[str]:
    yield from (f"- `{each.spelling}`: {words.said(each.words)}" for each in options)
    yield ""


def _table(head: Iterable[str], rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n|---|---|"
    for name, words in rows:
        yield f"| {_cell(name)} | {_cell(words)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
