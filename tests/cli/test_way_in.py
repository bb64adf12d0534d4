"""The first commands of somebody new: a typing error, a forgotten sudo, settings in the wrong place, our own bugs."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest

import maxbridge
from cli.test_streams import COMMAND
from command import PATIENCE
from maxbridge import cli, paths
from maxbridge.config import loading as config
from maxbridge.config.loading import handles, load
from maxbridge.core.errors import ExitCode
from maxbridge.setup import wizard
from maxbridge.setup.talk import Nobody
from maxbridge.setup.write import places
from maxbridge.store.store import Store

# --- typing errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("statu", "There is no command statu. Did you mean maxbridge status?"),
        ("STATUS", "There is no command STATUS. Did you mean maxbridge status?"),
        ("check-all", "There is no command check-all. Did you mean maxbridge check?"),
        ("queu list", "There is no command queu. Did you mean maxbridge queue?"),
        ("queue lst", "There is no command lst. Did you mean maxbridge queue list?"),
        ("dialogs unlnk 5", "There is no command unlnk. Did you mean maxbridge dialogs unlink?"),
        ("config shwo", "There is no command shwo. Did you mean maxbridge config show?"),
        ("frobnicate", "There is no command frobnicate.\n"),
        ("logs", "There is no command logs. What you look for is: journalctl -u maxbridge"),
        ("start", "What you look for is: systemctl start maxbridge, or maxbridge run"),
        ("help", "What you look for is: maxbridge --help"),
        ("status --jsno", "There is no option --jsno. Did you mean --json?"),
        ("status -json", "There is no option -json. Did you mean --json?"),
        ("status -j", "There is no option -j. Did you mean --json?"),
        ("status --jsno=1", "There is no option --jsno. Did you mean --json?"),
        ("queue drop in-1 --yse", "There is no option --yse. Did you mean --yes?"),
        ("-v", "There is no option -v. Did you mean --version?"),
        ("--json status", "Options stand behind the command: maxbridge status --json"),
        (
            "--config x queue list",
            "Options stand behind the command: maxbridge queue list --config",
        ),
        ("queue --json list", "Options stand behind the command: maxbridge queue list --json"),
        ("--status", "There is no option --status. Did you mean maxbridge status?"),
        ("--colour status", "There is no option --colour.\n"),
        ("dialogs show -5", "Write -- before a number below zero: maxbridge dialogs show -- -5"),
        ("status --watch foo", "foo is no number of seconds from 0.2 to 3600."),
        ("status --watch -1", "-1 is no number of seconds from 0.2 to 3600."),
        ("status --watch -0.5", "-0.5 is no number of seconds from 0.2 to 3600."),
        ("status --watch nan", "nan is no number of seconds from 0.2 to 3600."),
        ("queue list --limit 0", "0 is too small; 1 is the least."),
        ("dialogs show x", "x is no whole number."),
        ("dialogs show 99999999999999999999", "99999999999999999999 is too large for a number of"),
    ],
)
def test_a_typing_error_is_told_with_what_was_meant(
    line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._run(line.split()) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.startswith("Usage: maxbridge")


def test_a_pasted_text_is_shown_by_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["\x1b[31m" + "ж" * 100_000]) == 2
    told = capsys.readouterr().err
    assert "There is no command [31mжж" in told
    assert len(told) < 400


# --- a forgotten sudo -----------------------------------------------------------------------------


@contextmanager
def somebody_else() -> Iterator[None]:
    """Not root, and not who made the files; who runs the tests as an ordinary user is just that."""
    # What is imported now need not be found by somebody who may not read this Python.
    for module in walk_packages(maxbridge.__path__, "maxbridge."):
        if "migrations" not in module.name:
            import_module(module.name)
    for name in ("encodings.utf_8_sig", "encodings.idna", "playhouse.migrations"):
        import_module(name)
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


COMMANDS = [
    "run", "status", "status --json", "check", "config show", "queue list", "queue drop in-1",
    "dialogs show 5", "backup /tmp/none.db", f"restore {__file__}", "relink", f"import {__file__}",
]  # fmt: skip


OTHERS = ("check", "import", "config")
"""They have something to say before they need the database, or never need it."""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with the service: its settings, and a folder from which somebody looks."""
    before = os.umask(0o022)
    etc = tmp_path / "etc"
    etc.mkdir(mode=0o755)
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(paths, "FOLDER", etc)
    monkeypatch.setattr(config, "SYSTEM_CONFIG", etc / "config.toml")
    monkeypatch.setattr(config, "SERVICE_STATE", tmp_path / "var" / "maxbridge.db")
    monkeypatch.chdir(tmp_path / "home")
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o755)
    # As in a root that mktemp -d made for chroot: its / is 0700.
    if os.geteuid() == 0 and not all(each.stat().st_mode & 0o001 for each in tmp_path.parents):
        pytest.skip(f"nobody but root may enter {tmp_path}, so nobody else can look")
    yield etc
    os.umask(before)


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("line", COMMANDS)
def test_settings_that_may_not_be_read_are_one_sentence(
    system: Path, capsys: pytest.CaptureFixture[str], line: str, what: str
) -> None:
    path = system / "config.toml"
    path.write_text("")
    (path if what == "file" else system).chmod(0)
    try:
        with somebody_else():
            code = cli._run(line.split())
    finally:
        system.chmod(0o755)
    out, told = capsys.readouterr()
    assert (code, out) == (77, "")
    again = "systemctl start maxbridge" if line == "run" else f"maxbridge {line}"
    assert told == (
        f"maxbridge: No permission for {path}. Use sudo, or be the user that owns it.\n"
        f"  sudo {again}\n"
    )


@pytest.mark.parametrize("line", COMMANDS)
def test_settings_that_are_named_and_may_not_be_read_are_the_same_sentence(
    system: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """A slip on the command line it is not: exit code 2 would tell monitoring that all is down."""
    path = system / "shop.toml"
    path.write_text("")
    path.chmod(0)
    with somebody_else():
        code = cli._run([*line.split(), "--config", str(path)])
    told = capsys.readouterr().err
    assert code == 77
    assert f"No permission for {path}. Use sudo, or be the user that owns it.\n" in told


def test_monitoring_is_told_that_nothing_is_known(
    system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = system / "shop.toml"
    path.write_text("")
    path.chmod(0)
    with somebody_else():
        code = cli._run(["status", "--nagios", "--config", str(path)])
    assert code == 3
    assert capsys.readouterr().out.startswith("MAXBRIDGE UNKNOWN - No permission for ")


def test_a_backup_that_may_not_be_read_is_a_forgotten_sudo(
    system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = tmp_path / "copy.db"
    backup.write_text("")
    backup.chmod(0)
    path = tmp_path / "home" / "own.toml"
    path.write_text(f'[store]\npath = "{tmp_path / "home" / "own.db"}"\n')
    path.chmod(0o644)
    path.parent.chmod(0o777)
    with somebody_else():
        code = cli._run(["restore", str(backup), "--yes", "--config", str(path)])
    told = capsys.readouterr().err
    assert code == 77
    assert f"No permission for {backup}" in told


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("line", [each for each in COMMANDS if not each.startswith(OTHERS)])
def test_a_database_that_may_not_be_read_is_one_sentence(
    system: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], line: str, what: str
) -> None:
    folder = tmp_path / "var"
    Store(folder / "maxbridge.db").close()
    nobody = "http://127.0.0.1:1"
    (system / "config.toml").write_text(
        f'[max]\ntoken = "abcdefghijkl"\napi_url = "{nobody}"\n'
        f'[freescout]\nurl = "{nobody}"\napi_key = "abcdefghijkl"\nmailbox_id = 1\nuser_id = 1\n'
        f'[store]\npath = "{folder / "maxbridge.db"}"\n'
    )
    (system / "config.toml").chmod(0o644)
    folder.chmod(0o755)
    for each in folder.iterdir():
        each.chmod(0o600)
    if what == "folder":
        folder.chmod(0)
    try:
        with somebody_else():
            code = cli._run(line.split())
    finally:
        folder.chmod(0o755)
    told = capfd.readouterr().err
    assert code == 77, told
    assert "No permission for " in told
    assert "Use sudo, or be the user that owns it." in told
    if line != "run":  # it speaks by its log
        assert told.endswith(f"  sudo maxbridge {line}\n")


def test_a_secret_that_may_not_be_read_is_a_forgotten_sudo(
    system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = system / "token"
    secret.write_text("abcdefghijkl")
    secret.chmod(0)
    (system / "config.toml").write_text('[max]\ntoken_file = "token"\n')
    (system / "config.toml").chmod(0o644)
    with somebody_else():
        code = cli._run(["config", "show"])
    told = capsys.readouterr().err
    assert code == 77
    assert f"[max] token: No permission for {secret}. Use sudo" in told


# --- settings in the wrong place ------------------------------------------------------------------


def ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_settings_that_the_service_will_not_read_are_asked_about(
    system: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ordinary(monkeypatch)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert cli._run(["init"]) == ExitCode.INTERRUPTED
    out, _ = capsys.readouterr()
    assert f"does not read that file. Its settings\nare {system}/config.toml" in out
    assert "to write those: sudo maxbridge init\n" in out
    assert out.endswith("Nothing was written.\n")
    assert not Path("config.toml").exists()


@pytest.mark.usefixtures("system")
def test_with_yes_the_warning_is_only_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ordinary(monkeypatch)
    assert cli._run(["init", "--yes"]) == 78
    out, told = capsys.readouterr()
    assert "the service does not read that file" in out
    assert "--max-token-file is needed" in told


def test_without_a_service_there_is_nothing_to_warn_of(
    system: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system.rmdir()
    monkeypatch.setattr(paths, "UNITS", ())
    ordinary(monkeypatch)
    assert cli._run(["init", "--yes"]) == 78
    assert "the service does not read" not in capsys.readouterr().out


def test_a_place_that_is_forbidden_is_said_before_the_questions(
    system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system.chmod(0o555)
    with somebody_else():
        code = cli._run(["init", "--config", str(system / "config.toml")])
    out, told = capsys.readouterr()
    assert (code, out) == (77, "")
    assert f"No permission for {system / 'config.toml'}. Use sudo" in told
    assert f"sudo maxbridge init --config {system / 'config.toml'}\n" in told


def test_a_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = {"HOME": str(tmp_path), "MAXBRIDGE_CONFIG": "my.toml"}
    script = f"cd {gone} && rmdir {gone} && exec $0 $@"
    for line, code in ((["init"], 78), (["status"], 78)):
        gone.mkdir(exist_ok=True)
        done = subprocess.run(
            ["/bin/sh", "-c", script, COMMAND, *line],
            capture_output=True, text=True, check=False, env=os.environ | environment, timeout=PATIENCE,
        )  # fmt: skip
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        assert done.stderr.startswith("maxbridge: The")


# --- how it is started ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        ("etc/config.toml", ("maxbridge.service",), "systemctl start maxbridge"),
        ("etc/shop.toml", ("maxbridge@.service",), "systemctl start maxbridge@shop"),
        ("etc/config.toml", (), "maxbridge run --config {}/etc/config.toml"),
        ("home/config.toml", ("maxbridge.service",), "maxbridge run"),
        ("home/my.toml", ("maxbridge.service",), "maxbridge run --config {}/home/my.toml"),
    ],
)
@pytest.mark.usefixtures("system")
def test_remedies_start_the_very_maxbridge_of_these_settings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: tuple[str, tuple[str, ...], str],
) -> None:
    name, units, start = case
    (tmp_path / "units").mkdir()
    for unit in units:
        (tmp_path / "units" / unit).touch()
    monkeypatch.setattr(paths, "UNITS", (tmp_path / "units",))
    path = tmp_path / name
    path.write_text(f'[store]\npath = "{tmp_path}/none.db"\n')
    named = None if name == "home/config.toml" else path
    if named is not None:
        monkeypatch.setenv("MAXBRIDGE_CONFIG", str(named))
    found = handles(load(named, sections=("store",)))
    assert found.start == start.format(tmp_path)
    assert cli._run(["queue", "list"]) == 73
    assert f"Start it: {found.start}\n" in capsys.readouterr().err
    assert cli._run(["status"]) == 2
    assert f"Start it: {found.start}\n" in capsys.readouterr().out


@pytest.mark.usefixtures("system")
def test_a_database_that_lost_its_settings_needs_those_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(tmp_path / "var" / "maxbridge.db").close()
    assert cli._run(["status"]) == 2
    assert "the daemon is not running:\n    sudo maxbridge init\n" in capsys.readouterr().out


# --- our own bugs ---------------------------------------------------------------------------------

SECRET = "слова клиента и токен"


def fail(*_: Any, **_more: Any) -> Any:
    raise KeyError(SECRET)


def fail_twice(*_: Any, **_more: Any) -> Any:
    try:
        fail()
    except KeyError as error:
        raise ExceptionGroup(SECRET, [ValueError(SECRET), OSError(errno.EPIPE, SECRET)]) from error


def a_bug(monkeypatch: pytest.MonkeyPatch, what: Any) -> int:
    from maxbridge.cli import queue  # noqa: PLC0415

    monkeypatch.setattr(queue, "open_store", what)
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", "none.db")
    return cli._run(["queue", "show", "in-12"])


@pytest.mark.parametrize(
    ("what", "named"),
    [
        (fail, ["KeyError"]),
        (fail_twice, ["KeyError", "ExceptionGroup", "1 of 2:", "ValueError", "(Broken pipe)"]),
    ],
)
def test_a_bug_is_called_one_and_nobodys_words_are_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: Any,
    named: list[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert a_bug(monkeypatch, what) == 70
    told = capsys.readouterr().err
    assert told.startswith("maxbridge: This is a bug in maxbridge, please report it: ")
    (file,) = (tmp_path / "state" / "maxbridge").iterdir()
    assert f"nobody's words: {file}\n" in told
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert "command: maxbridge queue\n" in text
    assert 'cli/test_way_in.py", line ' in text
    assert ", in fail\n" in text
    for each in named:
        assert each in text
    for each in (SECRET, "in-12", str(tmp_path)):
        assert each not in text
    assert SECRET not in told


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EMFILE])
def test_a_broken_pipe_of_the_command_s_own_is_no_closed_output(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    def broken(*_: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert a_bug(monkeypatch, broken) == 70
    assert f"({os.strerror(number)}) at test_way_in.py:" in capsys.readouterr().err


def test_where_no_file_can_be_written_the_lines_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    assert a_bug(monkeypatch, fail) == 70
    told = capsys.readouterr().err
    assert "Send these lines with your report:\n" in told
    assert ", in fail\n" in told
    assert SECRET not in told


def test_root_leaves_nothing_in_somebodys_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with sudo that keeps HOME: the file could not be cleared away."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    assert a_bug(monkeypatch, fail) == 70
    assert [each.parent.name for each in tmp_path.rglob("*.txt")] == ["tmp"]
    assert str(tmp_path / "tmp") in capsys.readouterr().err


@pytest.mark.parametrize("apart", [False, True])
def test_a_new_secret_that_an_older_place_hides_is_told(
    system: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    apart: bool,
) -> None:
    store = system / "credstore"
    store.mkdir()
    monkeypatch.setattr(config, "CREDSTORE", store)
    here = places(system / "config.toml", {})
    new = {wizard.TOKEN: "a" * 40, wizard.KEY: "b" * 32}

    def told() -> list[str]:
        import_module("maxbridge.cli.init")._shadowed(Nobody("en"), here, new, apart=apart)
        return capsys.readouterr().out.splitlines()

    here.config.write_text("" if apart else f'[max]\ntoken = "{"a" * 40}"\n')
    assert told() == []
    for where, secret in new.items():
        here.secret_file(where).write_text(secret if apart else "x" * 32)
    assert [each.split(" is stronger")[0] for each in told()] == (
        []
        if apart
        else [
            f"Careful: [{section}] {key} in force comes from {here.secret_file((section, key))}, which"
            for section, key in new
        ]
    )
    monkeypatch.setenv("MAXBRIDGE_MAX__TOKEN", "c" * 40)
    assert "[max] token in force comes from $MAXBRIDGE_MAX__TOKEN" in told()[0]


@pytest.mark.parametrize("language", [["--language", "ru"], ["--language=ru"], []])
def test_a_service_is_started_with_sudo_whatever_the_language(
    system: Path, capsys: pytest.CaptureFixture[str], language: list[str]
) -> None:
    path = system / "config.toml"
    path.write_text("")
    path.chmod(0o600)
    with somebody_else():
        assert cli._run([*language, "run"]) == 77
    assert capsys.readouterr().err.endswith("  sudo systemctl start maxbridge\n")


@pytest.mark.parametrize("language", [["--language", "ru"], ["--language=ru"], []])
def test_a_bug_names_its_command_whatever_the_language(
    language: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []

    def broken(*_: Any, **__: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(cli.cli, "main", broken)
    monkeypatch.setattr("maxbridge.cli.bug.report", lambda _error, name, _env: named.append(name))
    cli._run([*language, "status", "--json"])
    assert named == ["status"]
