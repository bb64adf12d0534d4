"""Files of the configuration: whole, for their owner alone, or not there at all."""

from __future__ import annotations

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


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "config.toml").symlink_to(victim)
    write_all({tmp_path / "config.toml": "new"}, {}, None)
    assert victim.read_text() == "mine"
    assert not (tmp_path / "config.toml").is_symlink()
