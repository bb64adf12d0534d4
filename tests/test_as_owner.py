"""Root in a folder of the service's: no link that lies there leads root anywhere.

The service's user is a second uid of this machine, and each attack is tried on the real commands.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from maxbridge.cli import cli
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.paths import READ_ANYWHERE, as_owner, owner_of
from maxbridge.setup.write import write_all
from maxbridge.store.store import Store
from store.test_mapping_db import TABLES


def is_whole_root() -> bool:
    """Root with the power to read everything, which containers take away."""
    (held,) = re.findall(r"^CapPrm:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return os.geteuid() == 0 and bool(int(held, 16) & READ_ANYWHERE)


pytestmark = pytest.mark.skipif(not is_whole_root(), reason="only root has another user to be")
USER, GROUP = 61234, 61235


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder of root's that everybody may walk into; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def state(top: Path) -> Path:
    """As systemd lays it out: private/maxbridge is the service's, private is closed, a link leads there."""
    private = top / "private"
    private.mkdir(mode=0o700)
    (private / "maxbridge").mkdir(mode=0o700)
    os.chown(private / "maxbridge", USER, GROUP)
    (top / "maxbridge").symlink_to("private/maxbridge")
    return top / "maxbridge"


@pytest.fixture
def settings(top: Path, state: Path) -> Path:
    file = top / "config.toml"
    file.write_text(
        '[max]\ntoken = "0123456789abcdef0123"\napi_url = "http://127.0.0.1:9"\n'
        '[freescout]\nurl = "http://127.0.0.1:9"\napi_key = "0123456789abcdef0123456789abcdef"\n'
        f'mailbox_id = 1\nuser_id = 1\n[store]\npath = "{state}/maxbridge.db"\n'
    )
    file.chmod(0o600)
    return file


@pytest.fixture
def victim(top: Path) -> Path:
    """A file of root's, in a folder of root's."""
    file = top / "victim"
    file.write_text("root's")
    file.chmod(0o644)
    return file


def untouched(victim: Path) -> bool:
    seen = victim.stat()
    mode = stat.S_IMODE(seen.st_mode)
    return (victim.read_text(), seen.st_uid, mode) == ("root's", 0, 0o644)


def run(settings: Path, *words: str) -> Result:
    verb, *rest = words
    return CliRunner().invoke(cli, [*verb.split(), "--config", str(settings), *rest])


# --- the rule ---------------------------------------------------------------------------------------


def test_a_folder_of_roots_changes_nothing(top: Path) -> None:
    assert owner_of(top) is None
    with as_owner(top):
        assert os.geteuid() == 0


def test_in_a_folder_of_somebodys_root_is_that_user_and_root_again_after_it(state: Path) -> None:
    before = os.getegid(), os.getgroups()
    seen = []

    def fail() -> None:
        with as_owner(state):
            seen.extend([os.geteuid(), os.getegid(), *os.getgroups()])
            (state / "made").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen == [USER, GROUP, GROUP]
    assert os.geteuid() == 0
    assert (os.getegid(), os.getgroups()) == before
    assert (state / "made").stat().st_uid == USER


def test_of_roots_powers_only_reading_is_left(state: Path, victim: Path) -> None:
    victim.chmod(0o600)
    with as_owner(state):
        assert victim.read_text() == "root's"
        for forbidden in (
            victim.unlink,
            lambda: victim.write_text("x"),
            lambda: victim.chmod(0o666),
        ):
            with pytest.raises(PermissionError):
                forbidden()
        with pytest.raises(PermissionError):
            os.chown(victim, USER, GROUP)
    assert victim.read_text() == "root's"
    victim.write_text("root can again")


def test_a_link_of_the_owner_does_not_make_root_of_him(top: Path, state: Path) -> None:
    """The folder at the end of the way is root's, but it was not root who chose it."""
    as_service_link(state, "data", top)
    assert owner_of(state / "data") == (USER, GROUP)
    assert owner_of(state / "data/../private") == (USER, GROUP)


def as_service_link(state: Path, name: str, target: Path) -> None:
    link = state / name
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    os.chown(link, USER, GROUP, follow_symlinks=False)


def test_links_of_roots_are_followed_and_missing_folders_are_their_parents(
    top: Path, state: Path
) -> None:
    assert owner_of(state) == (USER, GROUP)
    assert owner_of(state / "not/there") == (USER, GROUP)
    (top / "away").symlink_to(f"{top}/./maxbridge/../maxbridge/")
    assert owner_of(top / "away") == (USER, GROUP)
    (top / "round").symlink_to("round")
    with pytest.raises(OSError, match="levels of symbolic links"):
        owner_of(top / "round")


def test_a_root_that_may_be_nobody_else_does_not_go_on_as_root(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "seteuid", refused)
    before = os.getegid(), os.getgroups()
    with pytest.raises(UserError, match="Run this as that user") as caught, as_owner(state):
        pytest.fail("went on")
    assert caught.value.exit_code is ExitCode.NO_PERMISSION
    assert (os.getegid(), os.getgroups()) == before


# --- each command -----------------------------------------------------------------------------------

COMMANDS = [
    ("status",),
    ("status", "--json"),
    ("check", "--json"),
    ("queue list",),
    ("queue show", "in-1"),
    ("queue retry", "in-1"),
    ("dialogs list",),
    ("dialogs show", "1"),
    ("relink", "--yes"),
]
PLANTED = ["maxbridge.db", "maxbridge.db.lock", "maxbridge.db-wal", "maxbridge.db-shm"]
BESIDE = [*PLANTED[1:], "maxbridge.db-journal", "maxbridge.db.files"]


@pytest.mark.parametrize("names", [PLANTED[:1], BESIDE], ids=["database", "beside it"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_follows_a_link_in_the_services_folder(
    settings: Path, state: Path, victim: Path, words: tuple[str, ...], names: list[str]
) -> None:
    Store(state / "maxbridge.db").close()
    for name in names:
        as_service_link(state, name, victim)
    run(settings, *words)
    assert untouched(victim)
    assert os.geteuid() == 0


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_makes_a_file_where_a_link_leads(
    settings: Path, top: Path, state: Path, words: tuple[str, ...]
) -> None:
    """A link to what is not there yet: a file of root's would be made, such as /etc/cron.d/x."""
    for name in PLANTED:
        as_service_link(state, name, top / f"made-{name}")
    run(settings, *words)
    assert [each.name for each in top.iterdir() if each.name.startswith("made-")] == []


def test_a_database_of_roots_is_not_written_through_a_link(
    settings: Path, top: Path, state: Path
) -> None:
    """Another database is one that SQLite would take: every other file it refuses by itself."""
    other = top / "other.db"
    Store(other).close()
    with contextlib.closing(sqlite3.connect(other)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    before = other.read_bytes()
    as_service_link(state, "maxbridge.db", other)
    for words in (*COMMANDS, ("dialogs link", "5", "7", "--yes")):
        run(settings, *words)
    assert other.read_bytes() == before


def test_what_root_makes_is_the_services(state: Path) -> None:
    Store(state / "maxbridge.db").close()
    made = {each.name: each.stat() for each in state.iterdir()}
    assert {"maxbridge.db", "maxbridge.db.lock"} <= made.keys()
    assert {(each.st_uid, each.st_gid) for each in made.values()} == {(USER, GROUP)}
    assert {stat.S_IMODE(each.st_mode) for each in made.values()} == {0o600}


# --- backup and restore -----------------------------------------------------------------------------


def test_a_backup_is_roots_in_a_folder_of_roots_and_restored_it_is_the_services(
    settings: Path, top: Path, state: Path
) -> None:
    Store(state / "maxbridge.db").close()
    target = top / "copy.db"
    done = run(settings, "backup", str(target))
    assert done.exit_code == 0, done.output
    assert (target.stat().st_uid, stat.S_IMODE(target.stat().st_mode)) == (0, 0o600)
    done = run(settings, "restore", str(target), "--yes")
    assert done.exit_code == 0, done.output
    owners = {each.name: each.lstat().st_uid for each in state.iterdir()}
    assert len(owners) >= 3  # database, lock, the one of before
    assert set(owners.values()) == {USER}


@pytest.mark.parametrize("name", ["maxbridge.db", "maxbridge.db.lock", "maxbridge.db-wal"])
def test_a_restore_follows_no_link(
    settings: Path, top: Path, state: Path, victim: Path, name: str
) -> None:
    Store(state / "maxbridge.db").close()
    copy = top / "copy.db"
    assert run(settings, "backup", str(copy)).exit_code == 0
    as_service_link(state, name, victim)
    run(settings, "restore", str(copy), "--yes")
    assert untouched(victim)


def test_a_backup_into_the_services_own_folder_follows_no_link(
    settings: Path, state: Path, victim: Path
) -> None:
    Store(state / "maxbridge.db").close()
    as_service_link(state, "copy.db", victim)
    as_service_link(state, f".copy.db.{os.getpid()}.part", victim)
    done = run(settings, "backup", str(state / "copy.db"), "--yes")
    assert done.exit_code == 0, done.output
    assert untouched(victim)
    assert (state / "copy.db").lstat().st_uid == USER


def test_an_old_bridges_database_is_read_as_its_owner(
    settings: Path, state: Path, victim: Path
) -> None:
    Store(state / "maxbridge.db").close()
    old = state / "mapping.db"
    with contextlib.closing(sqlite3.connect(old)) as database:
        database.executescript(TABLES)
    os.chown(old, USER, GROUP)
    for suffix in ("-wal", "-shm", "-journal"):
        as_service_link(state, f"mapping.db{suffix}", victim)
    run(settings, "import", str(old), "--dry-run")
    assert untouched(victim)


def test_what_is_kept_of_a_person_is_written_through_no_link(
    settings: Path, state: Path, victim: Path
) -> None:
    """Also while it is written: the name of the draft can be foreseen."""
    store = Store(state / "maxbridge.db")
    store.dialogs.ensure(5, 105, 1.0)
    store.close()
    for name in ("all.json", "all.html", "all.txt"):
        as_service_link(state, name, victim)
        as_service_link(state, f".{name}.{os.getpid()}.part", victim)
    done = run(settings, "dialogs export", "5", str(state / "all.json"), "--yes")
    assert done.exit_code == 0, done.output
    done = run(settings, "report", str(state / "all.txt"), "--yes")
    assert done.exit_code == 0, done.output
    assert untouched(victim)
    for name in ("all.json", "all.html", "all.txt"):
        assert (state / name).lstat().st_uid == USER


# --- settings ---------------------------------------------------------------------------------------


def test_settings_in_somebodys_folder_are_theirs_and_no_link_is_followed(
    state: Path, victim: Path
) -> None:
    file = state / "config.toml"
    as_service_link(state, "config.toml", victim)
    write_all({file: "[max]\n"}, {}, keep=None)
    assert untouched(victim)
    assert file.read_text() == "[max]\n"
    assert (file.lstat().st_uid, stat.S_IMODE(file.lstat().st_mode)) == (USER, 0o600)


def test_settings_in_a_folder_of_roots_are_roots(top: Path) -> None:
    write_all({top / "etc/config.toml": "[max]\n"}, {top / "etc": 0o755}, keep=None)
    assert (top / "etc/config.toml").stat().st_uid == 0


# --- the daemon -------------------------------------------------------------------------------------


def test_a_daemon_that_root_starts_by_hand_works_as_the_services_user(
    settings: Path, state: Path, victim: Path
) -> None:
    """Its folder for files and its database are the service's; neither end answers."""
    as_service_link(state, "maxbridge.db.files", victim.parent)
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("maxbridge")), "run", "--config", str(settings)],
        stderr=subprocess.PIPE,
        text=True,
    ) as daemon:
        assert daemon.stderr is not None
        try:
            for line in daemon.stderr:
                if "max.unreachable" in line:
                    break
            seen = Path(f"/proc/{daemon.pid}/status").read_text()
        finally:
            daemon.terminate()
            daemon.communicate()
    (uids,) = [line.split()[1:] for line in seen.splitlines() if line.startswith("Uid:")]
    assert uids[1] == str(USER)
    assert {each.lstat().st_uid for each in state.iterdir()} == {USER}
    assert victim.parent.stat().st_uid == 0
    assert stat.S_IMODE(victim.parent.stat().st_mode) == 0o755
