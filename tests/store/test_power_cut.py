"""A power cut: what was committed is there, what was not is not, and the marker never runs ahead.

That a commit waits for the disk is SQLite's ``synchronous=FULL`` (test_db.py); what a cut then leaves of the whole
bridge is tried call by call in tests/crash/test_every_call.py. Here: whatever the tail of the write-ahead log looks
like after a cut, the database is what it was after one of its commits.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from maxbridge.store.store import Store
from store_world import CHAT, NOW, outbound, queue, update

COMMITS = 12


def busy_journal(folder: Path) -> tuple[bytes, bytes]:
    """The file and its log after polls and replies, as a dying machine would leave them."""
    path = folder / "store.db"
    journal = Store(path)
    journal.dialogs.ensure(CHAT, 1, NOW)
    journal.db.pragma("wal_checkpoint(TRUNCATE)")
    for number in range(1, COMMITS + 1):
        journal.backfill.store_page(
            [update(f"{number}.{each}") for each in range(3)],
            number,
            NOW,
            clears=None,
            newest=number,
        )
        queue(journal, f"reply {number}")
        assert journal.outbox.mark_sending(outbound(journal).id, NOW)
        journal.outbox.part_done(outbound(journal), 0, f"mid.{number}", NOW)
    wal = path.with_name("store.db-wal").read_bytes()
    whole = path.read_bytes()
    journal.close()
    return whole, wal


def check(folder: Path, whole: bytes, wal: bytes) -> int:
    """Open what is left after a cut; gives the marker."""
    path = folder / "store.db"
    for each in folder.iterdir():
        each.unlink()
    path.write_bytes(whole)
    path.with_name("store.db-wal").write_bytes(wal)
    journal = Store(path)
    try:
        assert journal.db.pragma("integrity_check") == "ok"
        assert journal.db.pragma("synchronous") == 2
        marker = journal.inbox.marker() or 0
        events = {row.key for row in journal.db.tables.inbox.select()}
        # MAX has forgotten everything before the marker: all of that must be here.
        assert events == {f"{n}.{each}" for n in range(1, marker + 1) for each in range(3)}
        assert (journal.backfill.newest_event() or 0) == marker
        # And of each reply either nothing, the reply, the attempt, or the whole delivery.
        mids = {row.mid for row in journal.db.tables.part.select() if row.mid}
        states = [row.state for row in journal.db.tables.outbox.select()]
        assert len(states) in (marker, marker - 1)
        assert states.count("done") == len(mids) >= marker - 1
    finally:
        journal.close()
    return marker


@pytest.mark.parametrize("seed", range(3))
def test_a_torn_log_leaves_the_state_of_one_commit(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    (tmp_path / "before").mkdir()
    whole, wal = busy_journal(tmp_path / "before")
    folder = tmp_path / "after"
    folder.mkdir()
    markers = [check(folder, whole, wal)]
    for _ in range(25):
        cut = chance.randrange(len(wal))
        # The last sectors may be old, half-written or anything at all.
        rubbish = bytes(chance.randrange(256) for _ in range(chance.choice([0, 100, 512, 4096])))
        markers.append(check(folder, whole, wal[:cut] + rubbish))
    assert markers[0] == COMMITS
    assert len(set(markers)) > 3, "the cuts must hit different commits"
