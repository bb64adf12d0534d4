"""`init`, `check` and `config show` as their users run them: the installed executable, real sockets."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.terminal import Terminal
from cli.test_process import Ends
from command import maxbridge
from maxbridge.cli import init
from maxbridge.config.loading import load
from maxbridge.setup.talk import Person
from maxbridge.setup.write import Places

HOOK = "https://bot.example.ru/hook?a=1"


@pytest.fixture(scope="module")
def ends() -> Iterator[Ends]:
    both = Ends()
    yield both
    both.close()


@pytest.fixture
def answers(ends: Ends, tmp_path: Path) -> dict[str, str]:
    """Everything by the environment."""
    return {
        "MAXBRIDGE_MAX__TOKEN": ends.ready["max_token"],
        "MAXBRIDGE_MAX__API_URL": ends.ready["max_url"],
        "MAXBRIDGE_FREESCOUT__URL": ends.ready["freescout_url"],
        "MAXBRIDGE_FREESCOUT__API_KEY": ends.ready["freescout_key"],
        "MAXBRIDGE_FREESCOUT__MAILBOX_ID": "1",
        "MAXBRIDGE_FREESCOUT__USER_ID": "2",
        "MAXBRIDGE_STORE__PATH": str(tmp_path / "m.db"),
    }


def checks(done: Any) -> dict[str, dict[str, str]]:
    data = json.loads(done.stdout)
    assert data["version"] == 1
    assert data["exit_code"] == done.returncode
    return {each["name"]: each for each in data["checks"]}


# --- check ------------------------------------------------------------------------------------------------


def test_all_is_well(tmp_path: Path, answers: dict[str, str]) -> None:
    done = maxbridge("check", cwd=tmp_path, environment=answers)
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert "ok    max.bot         the token is of bot 900100200 (Поддержка Ромашка)" in lines
    assert ", 0 wrong, " in lines[-1]
    assert "\x1b" not in done.stdout
    assert answers["MAXBRIDGE_MAX__TOKEN"] not in done.stdout


def test_what_is_wrong_and_what_is_away_have_their_exit_codes(
    tmp_path: Path, answers: dict[str, str]
) -> None:
    away = answers | {"MAXBRIDGE_FREESCOUT__URL": "http://127.0.0.1:1"}
    done = maxbridge("check", "--json", cwd=tmp_path, environment=away)
    assert done.returncode == 69
    found = checks(done)
    assert found["desk.way"]["words"] == "127.0.0.1: connection: Connection refused"
    assert found["max.bot"]["outcome"] == "ok"
    wrong = away | {"MAXBRIDGE_MAX__TOKEN": "x" * 40}
    assert maxbridge("check", cwd=tmp_path, environment=wrong).returncode == 78


def test_check_without_any_configuration(tmp_path: Path) -> None:
    done = maxbridge("check", "--config", "none.toml", cwd=tmp_path)
    assert done.returncode == 78
    assert "There is no configuration file none.toml" in done.stdout
    assert "FAIL  config.values" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_webhook_is_removed_only_after_a_yes(
    tmp_path: Path, ends: Ends, answers: dict[str, str]
) -> None:
    ends.max("subscribe", HOOK)

    def check(*more: str, typed: str = "") -> Any:
        return maxbridge("check", *more, cwd=tmp_path, environment=answers, typed=typed)

    told = check("--remove-webhook", typed="n\n")
    assert told.returncode == 78
    assert (
        "→ Switch it off in the program that set it up, or: maxbridge check --remove-webhook"
        in (told.stdout)
    )
    silent = check("--remove-webhook", "--json")
    assert (silent.returncode, checks(silent)["max.webhook"]["outcome"]) == (78, "wrong")
    assert "--yes" in silent.stderr
    removed = check("--remove-webhook", "--json", typed="y\n")
    assert removed.returncode == 0
    assert checks(removed)["max.webhook"]["words"] == f"removed, and none is left: {HOOK}"


def test_colours_on_a_terminal_alone(tmp_path: Path, answers: dict[str, str]) -> None:
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8"}
    shown = Terminal("check", cwd=tmp_path, environment=home | answers)
    assert shown.ended() == 0
    assert "\x1b[32mok" in shown.seen
    plain = Terminal("check", cwd=tmp_path, environment=home | answers | {"NO_COLOR": "1"})
    assert plain.ended() == 0
    assert "\x1b" not in plain.seen


def test_sentences_are_broken_between_words_on_a_terminal_alone(
    tmp_path: Path, ends: Ends, answers: dict[str, str]
) -> None:
    ends.max("subscribe", HOOK)
    home = {"HOME": str(tmp_path), "LANG": "C.UTF-8", "NO_COLOR": "1"}
    narrow = Terminal("check", cwd=tmp_path, environment=home | answers, columns=80)
    assert narrow.ended() == 78
    lines = narrow.seen.splitlines()
    # What is longer is one word: a path.
    assert [line for line in lines if len(line) > 80 and " " in line[22:].strip(" →")] == []
    # It is there to be copied.
    assert any("maxbridge check --remove-webhook" in line for line in lines)
    place = next(place for place, line in enumerate(lines) if "→ Switch it off" in line)
    assert lines[place + 1].startswith(" " * 24)
    piped = maxbridge("check", cwd=tmp_path, environment=answers).stdout
    assert max(map(len, piped.splitlines())) > 80
    ends.max("unsubscribe", HOOK)


# --- config show -------------------------------------------------------------------------------------------


def test_config_show_tells_every_value_and_its_source(
    tmp_path: Path, answers: dict[str, str]
) -> None:
    (tmp_path / "config.toml").write_text(
        '[texts]\nlanguage = "en"\n[max]\nproxy = "http://a:b@c"\n'
    )
    done = maxbridge("config", "show", cwd=tmp_path, environment=answers)
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if "." in line[:20]}
    assert rows["texts.language"].split() == ["texts.language", "en", "config.toml"]
    assert rows["max.token"].split() == ["max.token", "***", "$MAXBRIDGE_MAX__TOKEN"]
    assert rows["max.proxy"].split() == ["max.proxy", "***", "config.toml"]
    assert rows["texts.greeting"].split() == ["texts.greeting", "default"]
    assert answers["MAXBRIDGE_MAX__TOKEN"] not in done.stdout
    assert "a:b" not in done.stdout


def test_config_show_of_a_broken_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[max]\ntoken = "geheim mit blank"\ntokn = 1\n[freescout]\nurl = "https://egor:geheim@a.ru"\n'
        'poll_interval = "x"\n'
    )
    done = maxbridge("config", "show", "--json", cwd=tmp_path)
    assert done.returncode == 78
    assert "geheim" not in done.stdout + done.stderr
    data = json.loads(done.stdout)
    shown = {each["setting"]: each for each in data["settings"]}
    assert shown["freescout.url"]["value"] == "https://***@a.ru"
    assert shown["freescout.url"]["wrong"]
    assert shown["freescout.poll_interval"]["value"] == "x"
    assert shown["max.token"]["value"] == "***"
    assert shown["freescout.undo_window"] == {
        "setting": "freescout.undo_window",
        "value": 15.0,
        "source": "default",
        "wrong": False,
    }
    for part in ("[max] tokn", "[freescout] poll_interval", "[freescout] mailbox_id: is missing"):
        assert part in done.stderr
        assert any(part in problem for problem in data["problems"])


def test_config_show_of_what_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[max\n")
    done = maxbridge("config", "show", cwd=tmp_path)
    assert done.returncode == 78
    assert "not valid TOML" in done.stderr
    assert "freescout.undo_window" in done.stdout


# --- init ------------------------------------------------------------------------------------------------------


def test_a_new_administrator_types_the_answers(tmp_path: Path, ends: Ends) -> None:
    home = {
        "HOME": str(tmp_path),
        "LANG": "ru_RU.UTF-8",
        "MAXBRIDGE_MAX__API_URL": ends.ready["max_url"],
    }
    shell = Terminal("init", "--config", "my.toml", cwd=tmp_path, environment=home)
    shell.answer("Токен бота", "wrong-token-0000000000000")
    shell.wait_for("MAX не принимает этот токен.")
    shell.answer("Токен бота", ends.ready["max_token"])
    shell.wait_for("Это токен бота «Поддержка Ромашка» (900100200).")
    shell.answer("Адрес FreeScout", f"{ends.ready['freescout_url']}/")
    shell.answer("Ключ FreeScout", ends.ready["freescout_key"])
    shell.wait_for("1  MAX")
    shell.answer("Номер ящика для тикетов [1]:", "")
    shell.answer("Номер агента", "2")
    shell.answer("[ru]:", "")
    shell.answer("«Начать»", "Здравствуйте!")
    shell.answer("базу данных", str(tmp_path / "m.db"))
    shell.wait_for("maxbridge check --config")
    shell.wait_for("maxbridge run --config")
    assert shell.ended() == 0, shell.seen
    for secret in (ends.ready["max_token"], ends.ready["freescout_key"], "wrong-token"):
        assert secret not in shell.seen
    path = tmp_path / "my.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made = load(path, {}).settings
    assert made.max.token.reveal() == ends.ready["max_token"]
    assert (made.freescout.mailbox_id, made.freescout.user_id) == (1, 2)
    assert made.texts.greeting == "Здравствуйте!"
    assert maxbridge("check", "--config", "my.toml", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("sudo", ["", "sudo "])
def test_what_comes_next_can_be_copied_as_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sudo: str
) -> None:
    """Who ran init with sudo needs it for the next commands as well."""
    monkeypatch.setenv("SUDO_USER", "anna" if sudo else "")
    config = Path("/etc/maxbridge/shop.toml")
    here = Places(config, "maxbridge-shop", Path("/none/m.db"), may_part=True)
    init._farewell(Person("en"), here, apart=False)
    lines = capsys.readouterr().out.splitlines()
    assert f"  {sudo}maxbridge check --config /etc/maxbridge/shop.toml" in lines
    assert f"  {sudo}systemctl enable --now maxbridge@shop" in lines


def test_ctrl_c_leaves_nothing(tmp_path: Path, ends: Ends) -> None:
    home = {"HOME": str(tmp_path), "LANG": "en_US.UTF-8"}
    home["MAXBRIDGE_MAX__API_URL"] = ends.ready["max_url"]
    shell = Terminal("init", "--config", "my.toml", cwd=tmp_path, environment=home)
    shell.answer("Token of the bot", ends.ready["max_token"])
    shell.wait_for("Address of FreeScout")
    shell.interrupt()
    assert shell.ended() == 130
    assert "Nothing was written." in shell.seen
    assert "Traceback" not in shell.seen
    assert list(tmp_path.iterdir()) == []


def test_without_questions(tmp_path: Path, ends: Ends, answers: dict[str, str]) -> None:
    for name in ("MAXBRIDGE_MAX__TOKEN", "MAXBRIDGE_FREESCOUT__API_KEY"):
        del answers[name]
    (tmp_path / "key").write_text(f"{ends.ready['freescout_key']}\n")
    done = maxbridge(
        *("init", "--yes", "--config", "my.toml", "--max-token-file", "-"),
        *("--freescout-api-key-file", "key", "--user-id", "1", "--language", "en"),
        cwd=tmp_path,
        environment=answers,
        typed=f"{ends.ready['max_token']}\n",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    made = load(tmp_path / "my.toml", {}).settings
    assert made.freescout.user_id == 1
    assert made.freescout.api_key.reveal() == ends.ready["freescout_key"]
    assert made.max.token.reveal() == ends.ready["max_token"]


def test_without_questions_and_without_an_answer(tmp_path: Path, answers: dict[str, str]) -> None:
    del answers["MAXBRIDGE_MAX__TOKEN"]
    done = maxbridge("init", "--yes", "--config", "my.toml", cwd=tmp_path, environment=answers)
    assert done.returncode == 78
    assert "--max-token-file is needed" in done.stderr
    assert not (tmp_path / "my.toml").exists()


def test_an_old_configuration_is_replaced_only_after_a_yes(
    tmp_path: Path, answers: dict[str, str]
) -> None:
    old = "[tickets]\nreopen_days = 3\n"
    (tmp_path / "my.toml").write_text(old)
    arguments = ("init", "--config", "my.toml")
    done = maxbridge(*arguments, cwd=tmp_path, environment=answers, typed="n\n")
    assert done.returncode == 130
    assert "Nothing was written." in done.stdout
    assert (tmp_path / "my.toml").read_text() == old
    done = maxbridge(*arguments, cwd=tmp_path, environment=answers, typed="y\n\n\n\n")
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "my.toml", {}).settings.tickets.reopen_days == 3
    assert (tmp_path / "my.toml.old").read_text() == old


def test_a_pipe_that_ends_too_early_writes_nothing(tmp_path: Path, answers: dict[str, str]) -> None:
    del answers["MAXBRIDGE_FREESCOUT__USER_ID"]
    done = maxbridge("init", "--config", "my.toml", cwd=tmp_path, environment=answers)
    assert done.returncode == 130
    assert "Nothing was written." in done.stdout
    assert not (tmp_path / "my.toml").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path, answers: dict[str, str]) -> None:
    (tmp_path / "file").write_text("")
    done = maxbridge("init", "--yes", "--config", "file/my.toml", cwd=tmp_path, environment=answers)
    assert done.returncode in (73, 77)
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root has a place of its own")
def test_an_ordinary_users_place_is_here(tmp_path: Path, answers: dict[str, str]) -> None:
    done = maxbridge("init", "--yes", cwd=tmp_path, environment=answers)
    assert done.returncode == 0
    assert (tmp_path / "config.toml").exists()
