"""files.spool: files lie in private, for a moment, within bounds, and never in halves."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from maxbridge.core.errors import ApiError, Kind, Scope
from maxbridge.files.spool import Draft, Room, Spool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "maxbridge.db.files"


@pytest.fixture
def spool(folder: Path) -> Spool:
    return Spool(folder, cap=1000, reserve=0)


def put(room: Room, content: bytes) -> Path:
    with room.draft() as draft:
        draft.write(content)
    return draft.path


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_lies_beside_the_database(tmp_path: Path) -> None:
    with Spool.beside(tmp_path / "maxbridge.db").room() as room:
        assert put(room, b"x").parent == tmp_path / "maxbridge.db.files"


def test_nobody_else_can_read_what_lies_there(spool: Spool, folder: Path) -> None:
    before = os.umask(0)
    try:
        with spool.room() as room:
            path = put(room, b"secret")
            assert (mode(folder), mode(path)) == (0o700, 0o600)
            folder.chmod(0o755)
            put(room, b"more")
            assert mode(folder) == 0o700
    finally:
        os.umask(before)


def test_a_file_is_there_until_its_room_is_left(spool: Spool, folder: Path) -> None:
    with spool.room() as room:
        paths = [put(room, b"one"), put(room, b"two!")]
        assert [each.read_bytes() for each in paths] == [b"one", b"two!"]
        assert spool.used == 7
    assert names(folder) == []
    assert spool.used == 0


def test_a_room_is_cleared_when_the_delivery_fails(spool: Spool, folder: Path) -> None:
    def deliver() -> None:
        with spool.room() as room:
            put(room, b"one")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        deliver()
    assert names(folder) == []
    assert spool.used == 0


def test_a_broken_file_is_gone_at_once(spool: Spool, folder: Path) -> None:
    def write(room: Room) -> None:
        with room.draft() as draft:
            draft.write(b"half")
            raise RuntimeError

    with spool.room() as room:
        with pytest.raises(RuntimeError):
            write(room)
        assert names(folder) == []
        assert spool.used == 0


def test_rooms_do_not_touch_each_other(spool: Spool) -> None:
    with spool.room() as room:
        path = put(room, b"mine")
        with spool.room() as other:
            put(other, b"other")
        assert path.read_bytes() == b"mine"


def refused(spool: Spool, content: bytes = b"x") -> ApiError:
    with spool.room() as room, pytest.raises(ApiError) as caught:
        put(room, content)
    return caught.value


def test_the_sum_of_all_files_is_bounded(spool: Spool, folder: Path) -> None:
    with spool.room() as room:
        put(room, b"x" * 600)
        failure = refused(spool, b"x" * 401).failure
        assert (failure.code, failure.kind) == ("files.full", Kind.TRANSIENT)
        assert failure.certain
        assert failure.scope is Scope.ITEM
        assert len(names(folder)) == 1
        put(room, b"x" * 400)
    with spool.room() as room:
        put(room, b"x" * 1000)


def test_a_file_that_grows_past_the_bound_is_gone(spool: Spool, folder: Path) -> None:
    def write(room: Room) -> None:
        with room.draft() as draft:
            for _ in range(11):
                draft.write(b"x" * 100)

    with spool.room() as room:
        with pytest.raises(ApiError):
            write(room)
        assert names(folder) == []


def test_the_database_keeps_room_to_breathe(folder: Path) -> None:
    # A full disk would stop messages, which matter more than files.
    spool = Spool(folder, reserve=500, free=lambda _: 1000)
    with spool.room() as room:
        put(room, b"x" * 500)
    assert refused(spool, b"x" * 501).failure.code == "files.full"


@pytest.mark.parametrize(
    "refusal",
    [
        (errno.ENOSPC, "files.full"),
        (errno.EDQUOT, "files.full"),
        (errno.EROFS, "files.error"),
        (errno.EACCES, "files.error"),
        (errno.EIO, "files.error"),
        (errno.EMFILE, "files.error"),
    ],
)
@pytest.mark.parametrize("where", ["make", "write", "close"])
def test_a_disk_that_refuses_has_a_name_and_leaves_no_half(
    spool: Spool,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusal: tuple[int, str],
    where: str,
) -> None:
    number, code = refusal

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    if where == "make":
        monkeypatch.setattr("tempfile.mkstemp", refuse)
    else:
        _break_files(monkeypatch, where, refuse)
    failure = refused(spool).failure
    assert (failure.code, failure.kind, failure.certain) == (code, Kind.TRANSIENT, True)
    assert failure.detail == errno.errorcode[number]
    assert names(folder) == []
    assert spool.used == 0


def _break_files(monkeypatch: pytest.MonkeyPatch, where: str, refuse: Any) -> None:
    """Let the method of every new file fail; its real one is called first, so nothing stays open."""
    real = os.fdopen

    def opened(handle: int, how: str) -> Any:
        file = real(handle, how)
        close = file.close

        class Broken:
            write = refuse if where == "write" else file.write

            @staticmethod
            def close() -> None:
                close()
                if where == "close":
                    refuse()

        return Broken

    monkeypatch.setattr("os.fdopen", opened)


def test_a_folder_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file-precious").write_text("not ours")
    link = tmp_path / "db.files"
    link.symlink_to(elsewhere)
    spool = Spool(link)
    assert refused(spool).failure.code == "files.error"
    with pytest.raises(ApiError):
        spool.sweep()
    assert names(elsewhere) == ["file-precious"]


def test_a_file_in_the_folders_place_is_refused(folder: Path) -> None:
    folder.write_text("x")
    assert refused(Spool(folder)).failure.code == "files.error"


def test_a_folder_that_was_deleted_is_made_again(spool: Spool, folder: Path) -> None:
    with spool.room() as room:
        put(room, b"x").unlink()
        folder.rmdir()
        assert put(room, b"y").read_bytes() == b"y"
    assert spool.used == 0


def test_what_a_killed_process_left_is_removed_at_start(folder: Path) -> None:
    assert Spool(folder).sweep() == 0
    room = Room(Spool(folder, reserve=0))
    for _ in range(3):
        put(room, b"left behind")
    (folder / "README").write_text("an administrator's")
    spool = Spool(folder, reserve=0)
    with spool.room() as mine:
        path = put(mine, b"in use")
        assert spool.sweep() == 3
        assert names(folder) == ["README", path.name]


def test_a_file_that_cannot_be_deleted_goes_on_counting_and_is_tried_again(
    spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "read-only")

    with monkeypatch.context() as patch:
        with spool.room() as room:
            put(room, b"x" * 900)
            patch.setattr(Path, "unlink", refuse)
        assert spool.used == 900
    assert (
        refused(spool, b"x" * 200).failure.code == "files.full"
    )  # its own removal frees the other
    assert spool.used == 0
    assert names(folder) == []
    assert not spool._condemned  # a daemon that runs for years must not collect them


def test_a_draft_knows_its_size(spool: Spool) -> None:
    with spool.room() as room, room.draft() as draft:
        assert isinstance(draft, Draft)
        draft.write(b"12")
        draft.write(b"345")
        assert draft.size == 5
