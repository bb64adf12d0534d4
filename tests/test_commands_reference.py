"""The man page and the reference say what the commands say, and the commands say something."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from maxbridge.cli import COMMANDS
from maxbridge.core.errors import ExitCode
from maxbridge.russian import CATALOGUE
from reference.commands import Command, commands
from reference.markdown import LANGUAGES, document, page, skeleton
from reference.roff import MAN_PAGE, man_page
from reference.russian import russian, split
from reference.words import exit_codes

ALL = commands()
EACH = pytest.mark.parametrize("command", ALL, ids=[each.name for each in ALL])
OUT_OF_DATE = "out of date: make reference"


def shown() -> str:
    """The man page as a reader sees it, without the spaces that set it."""
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed: apt-get install groff-base")
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=400n", str(MAN_PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return " ".join(done.stdout.replace("\N{HYPHEN}", "-").split())


def test_the_man_page_is_up_to_date() -> None:
    assert MAN_PAGE.read_text() == man_page(), OUT_OF_DATE


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reference_is_up_to_date(language: str) -> None:
    assert document(language).read_text(encoding="utf-8") == page(language), OUT_OF_DATE


def test_every_command_is_found_and_no_other() -> None:
    assert [each.path[1] for each in ALL if len(each.path) == 2] == list(COMMANDS)
    assert {"maxbridge queue list", "maxbridge queue retry"} <= {each.name for each in ALL}


@EACH
def test_every_command_says_what_it_does(command: Command) -> None:
    if len(command.path) == 2:
        assert command.paragraphs[0].startswith(COMMANDS[command.path[1]][1])
    assert command.summary or command.path == ("maxbridge",)
    assert command.summary.endswith(".") or command.path == ("maxbridge",)
    assert [each.spelling for each in command.options if not each.words] == []
    assert [
        each.words for each in command.options if not each.words.endswith((".", ". ", "]"))
    ] == []


def test_the_man_page_has_every_command_and_option() -> None:
    text = shown()
    for command in ALL:
        assert command.name in text
        for paragraph in command.paragraphs:
            assert " ".join(paragraph.replace("`", "").split()) in text.replace("...", "…")
        for option in command.options:
            assert f"{option.spelling} {option.words}" in text, (command.name, option)


def test_the_man_page_pleases_mandoc() -> None:
    mandoc = shutil.which("mandoc")
    if mandoc is None:
        pytest.skip("mandoc is not installed; groff has looked at the page")
    done = subprocess.run(
        [mandoc, "-T", "lint", str(MAN_PAGE)], capture_output=True, text=True, check=False
    )
    # A date would make the page a new one each day.
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []


def test_every_exit_code_is_explained_once() -> None:
    listed = [code for code, _ in exit_codes()]
    assert listed == sorted(set(listed))
    assert set(listed) >= set(ExitCode)


def test_a_sentence_without_russian_is_named() -> None:
    with pytest.raises(KeyError, match=r"russian has no Russian for: Nobody says this\."):
        russian("Nobody says this. [default: 5]")


def test_what_click_adds_is_translated_by_itself() -> None:
    at_most = "At most so many."
    assert russian(f"{at_most} [default: 200; x>=1]") == (
        f"{CATALOGUE[at_most]} [по умолчанию: 200; x>=1]"
    )
    assert split("So many. [default: 5]") == ("So many.", " [default: 5]")


def test_both_pages_have_the_same_commands() -> None:
    english, other = (skeleton(page(language)) for language in LANGUAGES)
    assert len(english) > 2 * len(COMMANDS)
    assert english == other


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_a_command_can_be_reached(language: str) -> None:
    text = page(language)
    anchors = {
        each.replace(" ", "-") for each in re.findall(r"^#+ (maxbridge .*)$", text, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([a-z-]+)\)", text))
    assert links == anchors


def test_the_wheel_brings_the_man_page() -> None:
    settings = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert f'"docs/{MAN_PAGE.name}" = "share/man/man1/{MAN_PAGE.name}"' in settings
