"""Files of the configuration: whole, for their owner alone, or not there at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
from pathlib import Path

import pytest

from maxbridge.core.errors import ExitCode, UserError
from maxbridge.setup import write
from maxbridge.setup.write import write_all


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def open_umask() -> object:
    """Even where everybody may read everything by default."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_files_are_for_their_owner_and_folders_as_asked(tmp_path: Path) -> None:
    etc, store = tmp_path / "etc" / "maxbridge", tmp_path / "credstore"
    files = {etc / "config.toml": "a\n", store / "token": "b\n"}
    write_all(files, {etc: 0o755, store: 0o700}, None)
    assert {path: path.read_text() for path in files} == files
    assert {mode(path) for path in files} == {0o600}
    assert (mode(etc), mode(store)) == (0o755, 0o700)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    write_all({tmp_path / "c": "x"}, {tmp_path: 0o700}, None)
    assert mode(tmp_path) == 0o750


def test_the_old_file_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("old")
    config.chmod(0o644)
    write_all({config: "new"}, {}, config)
    assert config.read_text() == "new"
    assert (tmp_path / "config.toml.old").read_text() == "old"
    assert mode(config) == mode(tmp_path / "config.toml.old") == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["config.toml", "config.toml.old"]


def test_where_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("old")
    with pytest.raises(UserError) as caught:
        write_all({config: "new", tmp_path / "none" / "x": "b"}, {}, config)
    assert caught.value.exit_code == ExitCode.CANT_CREATE
    assert "cannot be written" in str(caught.value)
    assert config.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["config.toml"]


def test_ctrl_c_waits_until_the_files_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes in the worst moment: between the first file and the second."""
    settle = write._beside_bytes
    files = {tmp_path / "a": "1", tmp_path / "b": "2"}

    def interrupted(*arguments: object) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return settle(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(write, "_beside_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_all(files, {}, None)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "b"]


def test_a_link_that_may_be_a_trap_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "config.toml").symlink_to(victim)
    tmp_path.chmod(0o1777)  # as /tmp: anybody could have put it there
    write_all({tmp_path / "config.toml": "new"}, {}, None)
    assert victim.read_text() == "mine"
    assert not (tmp_path / "config.toml").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="a stranger's folder is made by root")
@pytest.mark.parametrize("whose", ["link", "folder"])
def test_a_strangers_link_is_replaced_by_root(tmp_path: Path, whose: str) -> None:
    victim, theirs = tmp_path / "victim", tmp_path / "theirs"
    victim.write_text("mine")
    theirs.mkdir(mode=0o755)
    link = theirs / "config.toml"
    link.symlink_to(victim)
    os.chown(link if whose == "link" else theirs, 65534, 65534, follow_symlinks=False)
    assert write.behind_link(link) == link


@pytest.mark.parametrize("there", [True, False])
def test_a_link_of_ones_own_is_written_through(tmp_path: Path, there: bool) -> None:
    """Settings that are kept in a repository, with a link in /etc."""
    repository, etc = tmp_path / "repository", tmp_path / "etc"
    repository.mkdir(mode=0o755)
    etc.mkdir(mode=0o755)
    (etc / "config.toml").symlink_to("../repository/settings.toml")
    if there:
        (repository / "settings.toml").write_text("old")
    write_all({etc / "config.toml": "new"}, {etc: 0o755}, etc / "config.toml")
    assert (etc / "config.toml").is_symlink()
    assert (repository / "settings.toml").read_text() == "new"
    assert mode(repository / "settings.toml") == 0o600
    kept = ["settings.toml", "settings.toml.old"] if there else ["settings.toml"]
    assert sorted(each.name for each in repository.iterdir()) == kept


def test_links_in_a_circle_are_replaced(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "config.toml").symlink_to("config.toml")
    write_all({tmp_path / "config.toml": "new"}, {}, None)
    assert (tmp_path / "config.toml").read_text() == "new"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EROFS])
def test_a_file_that_nobody_may_write_is_named_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path, *_: object) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    with pytest.raises(UserError, match=str(tmp_path / "config.toml")) as caught:
        write_all({tmp_path / "config.toml": "new"}, {}, None)
    assert ".config.toml" not in str(caught.value)
    assert "sudo" not in str(caught.value)
    assert ("read-only file system" in str(caught.value)) == (number == errno.EROFS)
