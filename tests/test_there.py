"""there: what is, what is not, and what cannot be told are three things, on every Python."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maxbridge.core.errors import ExitCode, UserError
from maxbridge.paths import is_file, is_folder, is_there
from maxbridge.takeover.import_old import read_mapping_db

SOURCE = Path(__file__).parents[1] / "src" / "maxbridge"
ASKS = (is_there, is_file, is_folder)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A file in a folder that this user may not look into."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "file").touch()
    folder.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield folder / "file"
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)


def test_what_is_there(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    link.symlink_to(file)
    assert [ask(file) for ask in ASKS] == [True, True, False]
    assert [ask(link) for ask in ASKS] == [True, True, False]
    assert [ask(tmp_path) for ask in ASKS] == [True, False, True]
    assert [ask(Path("/dev/null")) for ask in ASKS] == [True, False, False]


@pytest.mark.parametrize("name", ["nothing", "file/below", "circle", "dangling", "a\0b"])
def test_what_is_not(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert not any(ask(tmp_path / name) for ask in ASKS)


@pytest.mark.parametrize("ask", ASKS)
def test_what_cannot_be_told_is_not_called_absent(
    closed: Path, ask: Callable[[Path], bool]
) -> None:
    """``Path.exists`` says False here on Python 3.14."""
    with pytest.raises(PermissionError):
        ask(closed)


def test_the_old_bridges_database_in_a_folder_that_is_closed_to_us(closed: Path) -> None:
    with pytest.raises(UserError, match="No permission") as caught:
        read_mapping_db(closed)
    assert caught.value.exit_code is ExitCode.NO_PERMISSION


def test_who_answers_for_a_missing_right_asks_here() -> None:
    """In a ``try`` whose ``except`` speaks of rights, pathlib's own answer differs between Pythons."""
    found = [
        f"{path.relative_to(SOURCE)}: {line}"
        for path in SOURCE.rglob("*.py")
        for line in re.findall(
            r"try:\n\s+(.*\.(?:exists|is_file|is_dir)\(\).*)\n\s+except (?:OSError|PermissionError)",
            path.read_text(encoding="utf-8"),
        )
    ]
    assert found == []
