"""demo.log_file: the bridge's log is there when it is needed, and nowhere else."""

from __future__ import annotations

import io
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from maxbridge.core.errors import ExitCode, StoreError, UserError
from maxbridge.demo.log_file import log_file
from maxbridge.observe import log
from maxbridge.saying import speak


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(logging, "raiseExceptions", True)
    yield tmp_path
    logging.getLogger().handlers.clear()


def _log_and_fail(error: Exception) -> None:
    log.get("daemon").debug("details", number=7)
    raise error


def test_when_all_goes_well_it_is_removed(folder: Path) -> None:
    with log_file(verbose=False) as path:
        log.get("daemon").info("maxbridge starts")
        assert "maxbridge starts" in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError("a bug"), AssertionError()])
def test_when_the_bridge_fails_it_stays(folder: Path, error: Exception) -> None:
    with pytest.raises(type(error)), log_file(verbose=False):
        _log_and_fail(error)
    (path,) = folder.iterdir()
    assert "number=7" in path.read_text()


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BrokenPipeError(), UserError("wrong"), StoreError("full")]
)
def test_what_it_could_not_explain_leaves_nothing(folder: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), log_file(verbose=False):
        raise error
    assert list(folder.iterdir()) == []


def test_whoever_wants_it_on_the_terminal_has_both(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    with log_file(verbose=True) as path:
        log.get("daemon").info("maxbridge starts")
        assert terminal.getvalue() == path.read_text() != ""


def test_a_full_disk_does_not_fill_the_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(folder / "some.log")
    monkeypatch.setattr(tempfile, "mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), name))
    with pytest.raises(RuntimeError, match="what really happened"), log_file(verbose=False):
        _log_and_fail(RuntimeError("what really happened"))
    with log_file(verbose=False):
        log.get("daemon").info("maxbridge starts")
    assert capsys.readouterr() == ("", "")


def test_where_there_is_no_place_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "missing"))
    with pytest.raises(UserError) as caught, log_file(verbose=False):
        pass
    assert caught.value.exit_code == ExitCode.CANT_CREATE
    (words,) = caught.value.problems
    assert words.startswith("the demo needs a place for its files: No such file or directory")
    assert str(folder / "missing") in words
    assert "$TMPDIR" in words


def test_where_there_is_no_place_it_says_so_in_the_readers_language(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "missing"))
    speak("ru")
    try:
        with pytest.raises(UserError, match="демонстрации нужно место"), log_file(verbose=False):
            pass
    finally:
        speak("en")
