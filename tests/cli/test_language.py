"""The command line speaks the administrator's language: every sentence, and never two languages at once."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from command import maxbridge
from maxbridge.cli import COMMANDS, spoken
from maxbridge.saying import confirm, language_of, say, speak
from maxbridge.store.store import Store
from reference.commands import commands
from status_samples import SAMPLES, World

RUSSIAN = {"LANG": "ru_RU.UTF-8"}
SENTENCE = re.compile(r"\b[a-z]{2,} (?:[a-z']+ )+[a-z]{2,}\b")
"""Three words of English in a row."""
COMMAND = re.compile(
    r"maxbridge (?:--?[a-z-]+ |[a-z]+ )*[a-z-]+( ID)?|journalctl[^;\n]*|systemctl [a-z -]+|"
    r"\[[a-z]+\] [a-z_]+|sudo [a-z ]+|\[(?:[a-z]+\|)+[a-z]+\]|getent hosts|chmod \d+|ls -l"
)


OF_OTHERS = (
    "Name or service not known",
    "Temporary failure in name resolution",
    "Expected ']' at the end of a table declaration (at line 1, column 5)",
)
"""Said by the system and by Python's reader of TOML, which do not know our catalogue."""


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    yield
    speak("en")


def english_of(printed: str) -> list[str]:
    """What of a page is English, commands and names of settings left out."""
    return SENTENCE.findall(COMMAND.sub("·", printed))


# --- which language ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru"}, "ru"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "ru:en"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LANGUAGE": "de:en"}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "ru"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
    ],
)
def test_the_locale_says_the_language_as_gettext_reads_it(
    environ: dict[str, str], language: str
) -> None:
    assert language_of(environ) == language


@pytest.mark.parametrize(
    ("arguments", "russian"),
    [
        ((), False),
        (("--language", "ru", "status"), True),
        (("--language=ru", "status"), True),
        (("demo", "--language", "ru"), False),
        (("--language",), False),
        (("--language", "fr"), False),
        (("--language", "ru", "status", "--json"), False),
        (("--language", "ru", "status", "--nagios"), False),
        (("--language", "ru", "queue", "show", "--", "--json"), True),
    ],
)
def test_the_option_is_stronger_and_programs_are_spoken_to_in_english(
    arguments: tuple[str, ...], russian: bool
) -> None:
    spoken.choose(arguments, {"LANG": "en_US.UTF-8"})
    assert (say("nothing") != "nothing") is russian


@pytest.mark.parametrize(
    ("arguments", "journal", "russian"),
    [
        (("run",), "8:123", False),
        (("--language", "ru", "run", "--config", "x"), "8:123", False),
        (("run",), "", True),
        (("status",), "8:123", True),
    ],
)
def test_what_goes_into_the_journal_is_english(
    arguments: tuple[str, ...], journal: str, russian: bool
) -> None:
    spoken.choose(arguments, RUSSIAN | {"JOURNAL_STREAM": journal})
    assert (say("nothing") != "nothing") is russian


def test_in_english_nothing_of_the_catalogue_is_loaded(tmp_path: Path) -> None:
    done = maxbridge(
        "--help",
        cwd=tmp_path,
        environment={"LANG": "en_US.UTF-8", "PYTHONVERBOSE": "1"},
        fresh=True,
    )
    assert done.returncode == 0
    assert "maxbridge.saying" in done.stderr
    assert "maxbridge.russian" not in done.stderr


# --- whole pages in one language ---------------------------------------------------------------------


@pytest.mark.parametrize("path", [each.path[1:] for each in commands()], ids=" ".join)
def test_help_is_russian_from_its_first_word_to_its_last(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    done = maxbridge("--language", "ru", *path, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Вызов: maxbridge")
    assert english_of(done.stdout) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("queue", "list"),
        ("queue", "lst"),
        ("stat",),
        ("start",),
        ("queue", "list", "--limit"),
        ("queue", "list", "--limit", "x"),
        ("queue", "list", "--limit", "0"),
        ("queue", "list", "--state", "gone"),
        ("queue", "show", "7"),
        ("queue", "list", "too", "many"),
        ("status", "--wach"),
        ("--status",),
        ("backup",),
        ("restore", "nowhere.db"),
        ("relink", "--since", "yesterday"),
        ("check", "--config", "nowhere.toml"),
        ("config", "show", "--config", "wrong.toml"),
        ("config", "show", "--config", "broken.toml"),
        ("dialogs", "show", "nobody"),
        ("run", "--config", "wrong.toml"),
    ],
    ids=" ".join,
)
def test_what_goes_wrong_is_told_in_one_language(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "wrong.toml").write_text(
        '[max]\ntokn = "x"\n[fresscout]\n[freescout]\nurl = "ftp://x"\nmailbox_id = "no"\n'
        "user_id = 0\n[tickets]\nreopen_days = 99999\n[texts]\nlanguage = 'fr'\n"
    )
    (tmp_path / "broken.toml").write_text("[max\n")
    done = maxbridge(*arguments, cwd=tmp_path, environment=RUSSIAN)
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert re.search("[а-я]{3}", told)
    for words in OF_OTHERS:
        told = told.replace(words, "")
    assert english_of(told) == []


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_of_status_is_in_one_language(name: str, tmp_path: Path) -> None:
    path = tmp_path / "maxbridge.db"
    store = Store(path)
    try:
        SAMPLES[name](World(store))
        own = {"MAXBRIDGE_STORE__PATH": str(path), **RUSSIAN}
        page = maxbridge("status", cwd=tmp_path, environment=own)
        listed = maxbridge("queue", "list", cwd=tmp_path, environment=own)
        dialogs = maxbridge("dialogs", "list", cwd=tmp_path, environment=own)
        nagios = maxbridge("status", "--nagios", cwd=tmp_path, environment=own)
        data = maxbridge("status", "--json", cwd=tmp_path, environment=own)
    finally:
        store.close()
    for printed in (page, listed, dialogs):
        assert re.search("[а-я]{3}", printed.stdout)
        assert english_of(printed.stdout) == []
    for printed in (nagios, data):
        assert not re.search("[а-яё]", printed.stdout)
    assert json.loads(data.stdout)["version"] == 1


def test_the_first_word_of_every_commands_summary_is_russian() -> None:
    speak("ru")
    for _, words in COMMANDS.values():
        assert re.match("[А-Я]", say(words)), words


# --- yes and no ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "default", "hint"),
    [("ru", False, "[д/Н]"), ("ru", True, "[Д/н]"), ("en", False, "[y/N]"), ("en", True, "[Y/n]")],
)
@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), ("YES\n", True), ("д\n", True), ("Да\n", True), ("n\n", False), ("нет\n", False),
     ("чт\nн\n", False), ("\n", None)],
)  # fmt: skip
def test_yes_and_no_are_understood_in_both_languages(  # noqa: PLR0917
    language: str, default: bool, hint: str, typed: str, answer: bool | None,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    speak(language)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert confirm("?", default=default) is (default if answer is None else answer)
    assert f"? {hint}: " in capsys.readouterr().out


def test_nobody_there_to_answer_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(click.Abort):
        confirm("?")
