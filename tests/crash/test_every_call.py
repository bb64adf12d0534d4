"""Between any two calls that SQLite makes of its files: a kill, a power cut, an error, no room; and no promise breaks.

Every call of the courses by hand: ``make disk-calls``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from crash.disk import IO_ERROR, OK, Disk, Image, can_be_watched
from crash.every_call import COURSES, WORST, sweep
from maxbridge.store.db import SQLITE_ERRORS, Database
from maxbridge.store.store import Store
from store_world import set_pragma

pytestmark = [
    pytest.mark.timeout(0),  # virtual time
    pytest.mark.skipif(not can_be_watched(), reason="SQLite takes no layer of ours here"),
]

EVERY = {"quiet": 61, "bad lines": 61, "another plan": 211}
"""Each n-th call; others for each thing that the disk does."""


@pytest.mark.parametrize("course", COURSES)
def test_whatever_the_disk_does_at_one_call_every_promise_is_kept(course: str) -> None:
    done = sweep(course, every=EVERY[course])
    assert done.broken == []
    assert set(done.tried) == set(WORST)
    assert done.calls > 300


@pytest.mark.parametrize(
    ("bug", "worst"), [("marker_before_events", "killed"), ("sending_may_wait", "power cut")]
)
def test_a_commit_that_comes_too_late_is_noticed(bug: str, worst: str) -> None:
    done = sweep("quiet", every=13, worst=(worst,), bug=bug, first=True)
    assert done.broken


# --- the disk itself -----------------------------------------------------------------------------------

FLAGS = 40


@contextlib.contextmanager
def flagged(folder: Path) -> Iterator[tuple[Disk, Store]]:
    """A store with one commit for each flag, the odd ones not waited for."""
    folder.mkdir()
    disk = Disk(folder / "store.db")
    with disk.watched():
        store = Store(disk.path)
        set_pragma(store.db, "wal_autocheckpoint", 30)
        for number in range(FLAGS):
            with store.db.transaction(durable=number % 2 == 0):
                store.meta.set_flag(f"f{number}", value=True)
        yield disk, store
        store.close()


def last_flag(folder: Path, image: Image) -> int:
    """Open what is left; gives the last commit that is there, and there is no hole before it."""
    disk = Disk(folder / "after.db")
    disk.put_back(image)
    database = Database(disk.path)
    try:
        assert database.pragma("integrity_check") == "ok"
        rows = {row.key for row in database.tables.meta.select() if row.key.startswith("f")}
    finally:
        database.close()
    assert rows == {f"f{number}" for number in range(len(rows))}
    return len(rows) - 1


def test_a_power_cut_takes_what_nobody_waited_for_and_a_kill_takes_nothing(tmp_path: Path) -> None:
    dice = Random(1)
    with flagged(tmp_path / "before") as (disk, _):
        assert last_flag(tmp_path, disk.image()) == FLAGS - 1
        left = {last_flag(tmp_path, disk.after_power_cut(dice)) for _ in range(40)}
    assert left == {FLAGS - 2, FLAGS - 1}
    assert disk.calls["wal sync"] >= FLAGS // 2
    # The log was folded in on the way, and at the end it goes.
    kinds = ("database write", "database sync", "wal delete")
    assert all(disk.calls[each] for each in kinds), disk.calls


def test_a_disk_that_says_synced_and_is_not_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "did", _lie(Disk.did))
    dice, noticed = Random(1), 0
    with flagged(tmp_path / "before") as (disk, _):
        for _ in range(20):
            try:
                noticed += last_flag(tmp_path, disk.after_power_cut(dice)) < FLAGS - 2
            except Exception:  # noqa: BLE001 - damaged in one way or another
                noticed += 1
    assert noticed > 10


def _lie(truth: object) -> object:
    def did(self: Disk, kind: str, *more: object) -> None:
        if kind != "sync":
            truth(self, kind, *more)  # type: ignore[operator]

    return did


def test_a_call_that_fails_is_a_commit_that_did_not_happen(tmp_path: Path) -> None:
    with flagged(tmp_path / "before") as (disk, store):
        began = disk.calls.total()
        disk.before = lambda number, kind: IO_ERROR[kind] if number == began + 2 else OK
        with pytest.raises(SQLITE_ERRORS, match="disk I/O error"):
            store.meta.set_flag("f40", value=True)
        assert last_flag(tmp_path, disk.image()) == FLAGS - 1
        store.meta.set_flag("f40", value=True)
        assert last_flag(tmp_path, disk.image()) == FLAGS
