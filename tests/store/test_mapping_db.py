"""Reading another program's database: never changed, whatever it is and whoever uses it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from maxbridge.core.errors import UserError
from maxbridge.takeover.import_old import read_mapping_db

TABLES = """
CREATE TABLE max_freescout_mapping (id INTEGER PRIMARY KEY, MAX_USER_ID, freescout_conversation_id,
    freescout_customer_id, last_message_id, created_at, updated_at, something_new);
CREATE TABLE message_sync (max_message_id, freescout_thread_id, direction, synced_at);
INSERT INTO max_freescout_mapping (max_user_id, freescout_conversation_id) VALUES ('17', 7);
INSERT INTO message_sync VALUES ('mid.1', 5, 'max_to_freescout', 1793613600);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "old #1?.db"
    with closing(sqlite3.connect(made)) as database, database:
        database.executescript(TABLES)
    return made


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()
        for each in sorted(folder.iterdir())
    }


def test_it_is_read_and_not_changed(path: Path) -> None:
    before = fingerprint(path.parent)
    bridge = read_mapping_db(path)
    assert [(pair.user_id, pair.conversation_id) for pair in bridge.pairs] == [(17, 7)]
    assert [sync.mid for sync in bridge.syncs] == ["mid.1"]
    assert fingerprint(path.parent) == before


def test_what_is_in_the_log_beside_it_counts(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = wal")
    database.execute(
        "INSERT INTO max_freescout_mapping (max_user_id, freescout_conversation_id) VALUES (18, 8)"
    )
    database.commit()  # the old bridge still runs: nothing is folded in
    content = path.read_bytes()
    assert len(read_mapping_db(path).pairs) == 2
    assert path.read_bytes() == content
    database.close()


def test_what_the_old_bridge_has_not_committed_does_not_count_and_does_not_block(
    path: Path,
) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = wal")
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM max_freescout_mapping")
    assert len(read_mapping_db(path).pairs) == 1
    database.rollback()
    database.close()


def test_a_file_that_is_locked_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maxbridge.takeover.import_old._BUSY_MS", 10)
    database = sqlite3.connect(path)
    database.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UserError, match="is locked: stop the webhook bridge"):
        read_mapping_db(path)
    database.close()


def test_a_table_that_is_missing(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE message_sync")
    assert read_mapping_db(path).problems == {
        "no table message_sync: of single messages nothing is known": 1
    }
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE max_freescout_mapping")
        database.execute("CREATE TABLE users (id)")
    with pytest.raises(UserError, match=r"not the webhook bridge's database.*It has: users"):
        read_mapping_db(path)


@pytest.mark.parametrize("content", [b"x" * 5000, b"SQLite format 3\0" + b"x" * 5000])
def test_garbage_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mapping.db"
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged or no SQLite database"):
        read_mapping_db(path)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="no tables"):
        read_mapping_db(path)


def test_half_a_file_is_a_sentence(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for number in range(2000):
            database.execute(
                "INSERT INTO message_sync VALUES (?, ?, '', 0)", (f"m{number}", number)
            )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged"):
        read_mapping_db(path)


def test_no_file_and_a_folder_are_sentences(tmp_path: Path) -> None:
    for path in (tmp_path / "none.db", tmp_path):
        with pytest.raises(UserError, match="There is no file"):
            read_mapping_db(path)
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_no_utf_8_is_no_trouble(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE max_freescout_mapping SET something_new = CAST(x'ff00fe' AS TEXT), "
            "last_message_id = CAST(x'ff' AS TEXT)"
        )
    assert read_mapping_db(path).pairs[0].last_mid == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_sentence(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(UserError, match="No permission"):
        read_mapping_db(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_no_obstacle(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        assert len(read_mapping_db(path).pairs) == 1
    finally:
        path.parent.chmod(0o700)
