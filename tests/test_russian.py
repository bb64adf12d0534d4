"""The catalogue: every sentence that an administrator reads has its Russian, and says the same things with it.

When one of these fails: write ``"English": "Русский",`` into a module of ``src/maxbridge/russian``.
"""

from __future__ import annotations

import ast
import re
import string
from collections import Counter
from pathlib import Path

import click
import pytest

from maxbridge.advice import ADVICE
from maxbridge.cli import COMMANDS
from maxbridge.russian import CATALOGUE, MODULES
from maxbridge.russian.help_texts import CLICK
from maxbridge.setup.talk import EN
from reference.commands import commands
from reference.russian import split
from reference.words import environment, exit_codes, files

SOURCES = Path(__file__).parents[1] / "src" / "maxbridge"
MARKS = ("say", "later")
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
VALUE = re.compile(r"\{[^}]*\}")
THE_SAME = re.compile(
    r"[^a-z]*|OK, |maxbridge queue retry .*|MAX → desk|desk → MAX|maxbridge  on Python |[Yy]/[Nn]| is  \(\) and |journalctl .*",
    re.IGNORECASE,
)
"""Sentences that are the same in every language, but for what is put in."""
TYPED = re.compile(r"--[a-z-]+|\$?[A-Z_]{4,}|`[^`]+`|/[a-z/.]*[a-z]{2}|\[[a-z]+\] [a-z_]+|\d+")
"""What is typed or named has no translation."""
SPEAKERS = (
    "echo", "UserError", "ConfigError", "StoreError", "NoDatabaseError", "OldSchemaError", "ProblemError",
    "UsageError", "BadParameter", "ask", "confirm", "ok", "warning", "wrong", "skipped", "unreachable",
    "Problem", "print_table", "table", "fail",
)  # fmt: skip
"""Calls that say something to an administrator."""
SPEAKING = ("cli", "checks", "setup", "store")
PROSE = re.compile(r"[A-Za-z]{3,} [a-z]{2,}|[ ,;(][a-z]{4,}(?:[ ,;.)]|$)")
PLAIN = re.compile(r" *(sudo )?(maxbridge|systemctl|PRAGMA) .*|MAXBRIDGE .*")
"""Commands, and Nagios' line."""


def python() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text("utf-8"))) for path in sorted(SOURCES.rglob("*.py"))]


def called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def literals(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*literals(node.body), *literals(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def said() -> dict[str, str]:
    """Every sentence of the program, and where it stands."""
    found: dict[str, str] = {}
    for path, tree in python():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            # `texts.say(…)` is of PersonalTexts; the wizard's `talk.say(…)` takes names.
            of = getattr(getattr(node.func, "value", None), "id", "")
            if getattr(node.func, "id", "") in MARKS or (called(node) == "say" and of == "texts"):
                where = f"{path.relative_to(SOURCES)}:{node.lineno}"
                found |= dict.fromkeys(literals(node.args[0]), where)
    found |= {words: f"advice.py, {code}" for code, words in ADVICE.items()}
    found |= {words: f"setup/talk.py, {name}" for name, words in EN.items()}
    found |= {words: f"cli/__init__.py, {name}" for name, (_, words) in COMMANDS.items()}
    for command in commands():
        found |= {each: command.name for each in command.paragraphs if "\n" not in each}
        found |= {
            split(each.words)[0]: f"{command.name} {each.spelling}" for each in command.options
        }
    for table in (exit_codes(), environment(), files()):
        found |= {words: str(name) for name, words in table}
    return found


def of_click() -> set[str]:
    """What the library says by itself, as it is installed."""
    found: set[str] = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if called(node) in ("_", "ngettext") and isinstance(node, ast.Call):
                found |= {each for argument in node.args[:2] for each in literals(argument)}
    return found | {"required"}  # kept in a table there


def test_every_sentence_has_its_russian() -> None:
    """One whose English has changed has none until somebody has looked at it again."""
    missing = [f"{where}: {words!r}" for words, where in said().items() if words not in CATALOGUE]
    assert missing == [], "no Russian in src/maxbridge/russian for these:\n" + "\n".join(missing)


def test_the_catalogue_has_nothing_that_nobody_says() -> None:
    everything = said().keys() | CLICK.keys()
    assert [each for each in CATALOGUE if each not in everything] == []


def test_each_sentence_stands_in_one_module_of_the_catalogue() -> None:
    counts = Counter([*CLICK, *(words for module in MODULES for words in module.SENTENCES)])
    assert [words for words, count in counts.items() if count > 1] == []


def test_both_languages_have_the_same_values_in_a_sentence() -> None:
    def places(text: str) -> set[tuple[str | None, str | None]]:
        return {(name, form) for _, name, form, _ in string.Formatter().parse(text) if name}

    different = [
        english
        for english, russian in CATALOGUE.items()
        if places(english) != places(russian) and english not in CLICK
    ]
    assert different == []
    for english, russian in CLICK.items():
        assert {name for name, _ in places(english)} == {name for name, _ in places(russian)}


def test_both_languages_name_the_same_options_files_and_numbers() -> None:
    names = {"HOST", "NAME", "FILE", "USER", "PASSWORD", "PORT", "DEGRADED", "OPTIONS"}
    names |= {"INTEGER", "RANGE", "TEXT", "SECONDS", "TIME", "COMMAND", "ARGS"}
    for english, russian in CATALOGUE.items():
        one, other = (
            sorted(set(TYPED.findall(each.replace(".ru.md", ".md"))) - names)
            for each in (english, russian)
        )
        assert one == other, english


def test_the_russian_is_russian() -> None:
    foreign = [
        russian
        for english, russian in CATALOGUE.items()
        if not CYRILLIC.search(russian) and not THE_SAME.fullmatch(VALUE.sub("", english))
    ]
    assert foreign == []


def test_lines_of_both_languages_begin_and_end_alike() -> None:
    """A sentence is put together with others: its blanks, line breaks and stops belong to it."""
    for english, russian in CATALOGUE.items():
        if english in CLICK:
            continue
        assert (english[:1] in " \n") == (russian[:1] in " \n"), english
        assert english[-1:].isspace() == russian[-1:].isspace(), english
        assert english.count("\n") == russian.count("\n"), english
        assert english.endswith(("?", ":")) == russian.endswith(("?", ":")), english


def test_click_says_nothing_in_russian_that_it_no_longer_says() -> None:
    assert CLICK.keys() - of_click() == set(), "click has changed its words"


@pytest.mark.parametrize(
    "words",
    ["Usage:", "Options", "Show this message and exit.", "Error: {message}", "Missing argument",
     "Invalid value for {param_hint}: {message}", "default: {default}",
     "Got unexpected extra argument ({args})", "Option {name!r} requires an argument."],
)  # fmt: skip
def test_what_click_says_at_every_turn_has_its_russian(words: str) -> None:
    assert words in CLICK


def test_nothing_is_said_around_the_catalogue() -> None:
    """A sentence handed to whoever reads it must come from ``say(…)``."""
    found = []
    for path, tree in python():
        place = path.relative_to(SOURCES)
        if place.parts[0] not in SPEAKING or place.name in ("bug.py", "status_data.py"):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or called(node) not in SPEAKERS:
                continue
            for argument in [*node.args, *(each.value for each in node.keywords)]:
                words = "".join(text_of(argument))
                if PROSE.search(words) and not PLAIN.fullmatch(words):
                    found.append(f"{place}:{node.lineno}: {words!r}")
    assert found == [], "say these with say(…):\n" + "\n".join(found)


def text_of(node: ast.expr) -> list[str]:
    """The words that an argument has of its own: those inside of calls are looked at there."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Call):
        return []
    return [
        words
        for child in ast.iter_child_nodes(node)
        if isinstance(child, ast.expr)
        for words in text_of(child)
    ]
