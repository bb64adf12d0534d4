"""The commands as their users run them: the installed executable, its words and exit codes."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from command import maxbridge
from maxbridge import __version__, origin
from maxbridge.cli import COMMANDS, _run, cli, loading
from maxbridge.config import loading as config
from maxbridge.core.delivery import State
from maxbridge.core.parts import Part
from maxbridge.paths import is_service_here
from maxbridge.store.access import ProcessLock
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.store import Store
from store_world import held_in_doubt


def test_version(tmp_path: Path) -> None:
    done = maxbridge("--version", cwd=tmp_path, fresh=True)
    commit = origin.commit()
    built_from = f" (commit {commit})" if commit else ""
    assert (done.returncode, done.stdout) == (0, f"maxbridge {__version__}{built_from}\n")
    if (Path(__file__).parents[2] / ".git").exists():
        assert re.fullmatch("[0-9a-f]{7}", commit)


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("run",),
        ("status",),
        ("demo",),
        ("queue",),
        ("queue", "retry"),
        ("check",),
        ("init",),
        ("config", "show"),
    ],
)
def test_every_command_explains_itself(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = maxbridge(*command, "--help", cwd=tmp_path, fresh=True)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5


def test_the_list_of_commands_says_what_each_says_itself() -> None:
    context = click.Context(cli)
    for name, (_, words) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert (command.help or "").startswith(words), name


def test_a_command_runs_with_python_s_own_search_for_garbage() -> None:
    """Loading is done with fewer looks; a daemon that kept them so would grow."""
    usual = gc.get_threshold()
    cli.get_command(click.Context(cli), "status")
    assert gc.get_threshold() == usual
    assert gc.isenabled()


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("status",),
        ("status", "--json"),
        ("status", "--watch"),
        ("check",),
        ("check", "--json"),
        ("config", "show"),
        ("config", "show", "--json"),
        ("queue", "list"),
        ("queue", "drop", "in-1"),
        ("queue", "retry", "--all-held"),
        ("dialogs", "list"),
        ("dialogs", "link", "5", "31"),
        ("dialogs", "unlink", "5"),
        ("dialogs", "unblock", "5"),
        ("backup", "copy.db"),
        ("restore", "copy.db"),
        ("relink",),
        ("import", "mapping.db"),
        ("import", "--offline", "mapping.db"),
    ],
    ids=" ".join,
)
def test_without_settings_every_command_says_one_thing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "SYSTEM_CONFIG", tmp_path / "none.toml")
    monkeypatch.setattr(config, "SERVICE_STATE", tmp_path / "none.db")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert _run(command) == 78
    sudo = "sudo " if is_service_here() else ""
    words = f"maxbridge: No settings yet. Begin with: {sudo}maxbridge init\n"
    assert capsys.readouterr() == ("", words)


def test_monitoring_cannot_tell_without_settings(tmp_path: Path) -> None:
    watched = maxbridge("status", "--nagios", cwd=tmp_path)
    assert watched.returncode == 3
    assert watched.stdout.startswith("MAXBRIDGE UNKNOWN - No settings yet.")


def test_a_bad_configuration_names_all_problems_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[max]\ntokn = "x"\n[freescout]\nurl = "http://a.ru"\n')
    done = maxbridge("run", cwd=tmp_path)
    assert done.returncode == 78
    assert "tokn: there is no such key. Did you mean token?" in done.stderr
    assert "http:// would send the key in the clear" in done.stderr
    assert "[freescout] mailbox_id: is missing" in done.stderr


def test_a_database_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = maxbridge(
        "run",
        cwd=tmp_path,
        environment={
            "MAXBRIDGE_MAX__TOKEN": "abcdefghijkl",
            "MAXBRIDGE_FREESCOUT__URL": "http://127.0.0.1:1",
            "MAXBRIDGE_FREESCOUT__API_KEY": "abcdefghijkl",
            "MAXBRIDGE_FREESCOUT__MAILBOX_ID": "1",
            "MAXBRIDGE_FREESCOUT__USER_ID": "1",
            "MAXBRIDGE_STORE__PATH": str(tmp_path / "file" / "x.db"),
        },
    )
    assert done.returncode in (73, 77)
    assert "Traceback" not in done.stderr
    assert "abcdefghijkl" not in done.stderr


def test_status_before_the_first_run(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[store]\npath = "none.db"\n')
    done = maxbridge("status", cwd=tmp_path)
    assert done.returncode == 2
    assert "DOWN" in done.stdout
    assert "has not run with these settings yet.\n    Start it: maxbridge run\n" in done.stdout
    listed = maxbridge("queue", "list", cwd=tmp_path)
    assert listed.returncode == 73
    assert "has not run with these settings yet. Start it: maxbridge run\n" in listed.stderr


def test_status_for_monitoring(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    journal = Store(path)
    journal.inbox.ingest([NewUpdate("k", "message_created", "{}", 5)], 12, 1000.0)
    journal.close()
    done = maxbridge(
        "status", "--nagios", cwd=tmp_path, environment={"MAXBRIDGE_STORE__PATH": str(path)}
    )
    assert done.returncode == 2
    assert done.stdout.startswith("MAXBRIDGE CRITICAL - the daemon is not running")
    assert "| inbox=1;;;0 outbox=0;;;0 " in done.stdout


def test_status_needs_no_secrets_and_minds_no_other_mistakes(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[max]\ntokn = 1\n[store]\npath = "none.db"\n')
    assert maxbridge("status", cwd=tmp_path).returncode == 2


ENDS = {
    "maxapi",
    "aiohttp",
    "httpx",
    "pydantic",
    "structlog",
    "asyncio",
    "tenacity",
}
STORE = {"peewee", "playhouse", "maxbridge.store.models", "maxbridge.store.store"}


@pytest.mark.parametrize(
    ("command", "never"),
    [
        (("--version",), ENDS | STORE | {"maxbridge.config.loading", "json"}),
        (("completion", "bash"), ENDS | STORE | {"maxbridge.config.loading"}),
        (("run", "--help"), ENDS | STORE),
        (("check", "--help"), ENDS | STORE),
        (("config", "show"), ENDS | STORE),
        (("status",), ENDS | STORE),
        (("status", "--json"), ENDS | STORE),
        (("status", "--nagios"), ENDS | STORE),
        (("queue", "list"), ENDS | {"playhouse"}),
        (("dialogs", "list"), ENDS | {"playhouse"}),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_command_loads_what_it_needs(
    tmp_path: Path, command: tuple[str, ...], never: set[str]
) -> None:
    """0.1 s and 20 MiB for what monitoring runs every minute, or a shell at each Tab (design.md 9, 10)."""
    store = tmp_path / "m.db"
    Store(store).close()
    script = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        f"sys.argv[1:] = {list(command)!r}; from maxbridge.cli import main; main()"
    )
    environment = os.environ | {"MAXBRIDGE_STORE__PATH": str(store)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.stdout
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "maxbridge.cli" in loaded
    assert not never & loaded


def test_the_demo_can_be_played_with(tmp_path: Path) -> None:
    done = maxbridge("demo", "--interactive", cwd=tmp_path, typed="c привет\n\nzzz\nq\n")
    assert done.returncode == 0, done.stderr
    assert "Марина: привет" in done.stdout


@pytest.fixture
def held(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A store with one held message and one held reply."""
    path = tmp_path / "m.db"
    journal = Store(path)
    journal.inbox.ingest([NewUpdate("message_created:mid.1", "message_created", "{}", 5)], 1, 1.0)
    journal.outbox.add("thread:7:0", 5, [Part("слова агента")], now=1.0)
    for one in (journal.inbox, journal.outbox):
        held_in_doubt(one, 1, "x.undecidable", 2.0)
    journal.close()
    return path, {"MAXBRIDGE_STORE__PATH": str(path)}


def test_the_queue_shows_what_is_held_and_never_what_people_wrote(
    tmp_path: Path, held: tuple[Path, dict[str, str]]
) -> None:
    done = maxbridge("queue", "list", cwd=tmp_path, environment=held[1])
    assert done.returncode == 0
    assert "in-1   held " in done.stdout
    assert "out-1  held " in done.stdout
    assert "слова" not in done.stdout
    rows = json.loads(
        maxbridge("queue", "list", "--json", cwd=tmp_path, environment=held[1]).stdout
    )
    assert [(each["id"], each["state"]) for each in rows["items"]] == [
        ("in-1", "held"),
        ("out-1", "held"),
    ]


def test_a_retry_looks_first_and_a_drop_asks_first(
    tmp_path: Path, held: tuple[Path, dict[str, str]]
) -> None:
    path, environment = held
    assert (
        maxbridge("queue", "retry", "in-1", cwd=tmp_path, environment=environment).returncode == 0
    )
    refused = maxbridge(
        "queue", "drop", "out-1", cwd=tmp_path, environment=environment, typed="n\n"
    )
    assert refused.returncode == 130
    dropped = maxbridge("queue", "drop", "out-1", "--yes", cwd=tmp_path, environment=environment)
    assert dropped.stdout == "out-1: dropped\n"
    journal = Store(path)
    item = journal.inbox.head(5)
    assert item is not None
    assert item.state == "sending"  # a doubtful call: looked up before it is repeated
    assert journal.outbox.head(5) is None
    journal.close()


@pytest.mark.parametrize("name", ["in-99", "in-1"])
def test_a_decision_about_what_is_not_held_changes_nothing(
    tmp_path: Path, held: tuple[Path, dict[str, str]], name: str
) -> None:
    environment = held[1]
    if name == "in-1":
        maxbridge("queue", "drop", name, "--yes", cwd=tmp_path, environment=environment)
    done = maxbridge("queue", "retry", name, cwd=tmp_path, environment=environment)
    assert done.returncode == 1
    assert name in done.stderr
    assert "Traceback" not in done.stderr


CHAT = 512340001


@pytest.fixture
def flooded(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A store in which three messages of a chat are put aside."""
    path = tmp_path / "m.db"
    store = Store(path)
    store.inbox.ingest(
        [
            NewUpdate(
                f"message_created:mid.{number}",
                "message_created",
                "{}",
                CHAT,
                state=State.PARKED,
                put_aside=True,
            )
            for number in range(3)
        ],
        1,
        1.0,
    )
    store.close()
    return path, {"MAXBRIDGE_STORE__PATH": str(path)}


def test_what_is_put_aside_is_named_shown_dropped_and_released(
    tmp_path: Path, flooded: tuple[Path, dict[str, str]]
) -> None:
    path, environment = flooded

    def queue(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return maxbridge("queue", *words, cwd=tmp_path, environment=environment, typed=typed)

    listed = queue("list")
    assert listed.stdout == "nothing waits\n"
    # A moment, not a span: "since 3 h" is no English.
    assert re.search(rf"chat {CHAT}: 3 put aside since \d{{4}}-\d\d-\d\d \d\d:\d\d ", listed.stderr)
    assert f"maxbridge queue release {CHAT}" in listed.stderr
    rows = json.loads(queue("list", "--state", "parked", "--json").stdout)
    assert [each["id"] for each in rows["items"]] == ["in-1", "in-2", "in-3"]
    assert rows["put_aside"] == [{"chat": CHAT, "messages": 3}]
    shown = queue("show", "in-2").stdout
    assert "flood_limit" in shown
    assert f"queue release {CHAT}" in shown
    assert json.loads(queue("show", "--json", "in-2").stdout)["item"]["put_aside"] is True
    assert "put aside" in queue("retry", "in-2").stderr
    assert queue("drop", "in-2", "--yes").stdout == "in-2: dropped\n"
    assert queue("release", str(CHAT), typed="n\n").returncode == 130
    released = queue("release", str(CHAT), typed="y\n")
    assert "Messages to be released: 2" in released.stdout + released.stderr
    assert f"chat {CHAT}: 2 released" in released.stdout
    again = queue("release", str(CHAT), "--yes")
    assert (again.returncode, again.stdout) == (1, "")
    assert "nothing is put aside" in again.stderr
    store = Store(path)
    assert [each.key[-1] for each in store.inbox.waiting(None)] == ["0", "2"]
    store.close()


def test_all_that_is_put_aside_can_be_dropped(
    tmp_path: Path, flooded: tuple[Path, dict[str, str]]
) -> None:
    environment = flooded[1]
    for words in (("queue", "drop"), ("queue", "drop", "in-1", "--put-aside", str(CHAT))):
        assert maxbridge(*words, cwd=tmp_path, environment=environment).returncode == 2
    done = maxbridge(
        "queue",
        "drop",
        "--put-aside",
        str(CHAT),
        "--yes",
        "--json",
        cwd=tmp_path,
        environment=environment,
    )
    assert json.loads(done.stdout)["done"] == 3


@pytest.mark.parametrize("roots", ["/etc/ssl/own.pem", None])
def test_loading_leaves_the_process_as_it_was(
    monkeypatch: pytest.MonkeyPatch, roots: str | None
) -> None:
    if roots is None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", roots)
    with loading():
        assert not gc.isenabled()
        assert os.environ["SSL_CERT_FILE"] == os.devnull
    assert gc.isenabled()
    assert os.environ.get("SSL_CERT_FILE") == roots


@pytest.mark.parametrize("made", [False, True])
def test_a_daemon_that_makes_its_database_is_starting_and_not_down(
    tmp_path: Path, made: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, path = tmp_path / "config.toml", tmp_path / "m.db"
    settings.write_text(f'[store]\npath = "{path}"\n')
    if made:
        path.touch()
    lock = ProcessLock(path)
    lock.acquire()
    try:
        assert _run(["status", "--config", str(settings)]) == 0
        page = capsys.readouterr().out
        assert "OK, starting" in page
        assert f"The daemon is starting: it makes the database {path}" in page
        assert _run(["status", "--nagios", "--config", str(settings)]) == 0
        assert capsys.readouterr().out.startswith("MAXBRIDGE OK")
        assert _run(["status", "--json", "--config", str(settings)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["running"], told["starting"]) == (True, True)
        assert _run(["queue", "list", "--config", str(settings)]) == 75
        assert "Wait a moment" in capsys.readouterr().err
    finally:
        lock.release()
