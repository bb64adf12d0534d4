"""Backups and restores of the file itself: consistent, checked, private, and nothing lost on the way."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.core.parts import Part
from maxbridge.paths import family
from maxbridge.store import restore
from maxbridge.store.backup import back_up, examine
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.restore import commit, replacing
from maxbridge.store.store import Store


def filled(path: Path, *, bot: int = 7, items: int = 3) -> Path:
    """A database that was in use."""
    journal = Store(path)
    journal.meta.claim(bot, "бот")
    journal.dialogs.ensure(5, 50, 1.0)
    updates = [NewUpdate(f"k{number}", "message_created", "{}", 5) for number in range(items)]
    journal.inbox.ingest(updates, 12, 1000.0)
    journal.outbox.add("thread:1:0", 5, [Part("слова")], now=1000.0)
    journal.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return filled(tmp_path / "m.db")


@pytest.fixture
def copy(tmp_path: Path, path: Path) -> Path:
    target = tmp_path / "copy.db"
    back_up(path, target, overwrite=False, now=2000.0)
    return target


def put_back(copy: Path, path: Path) -> Path | None:
    with replacing(copy, path) as ready:
        return commit(ready, 3000.0)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def counts(path: Path) -> dict[str, int]:
    return examine(path).counts


# --- backup ----------------------------------------------------------------------------------------


def test_a_backup_is_one_private_file_that_says_when_it_was_taken(path: Path, copy: Path) -> None:
    facts = examine(copy)
    assert (facts.taken_at, facts.used_at, facts.bot_id) == (2000.0, 1000.0, 7)
    assert (facts.counts["inbox"], facts.counts["outbox"], facts.counts["part"]) == (3, 1, 1)
    assert mode(copy) == 0o600
    assert {each.name for each in path.parent.iterdir()} <= {"m.db", "m.db.lock", "copy.db"}


def test_a_backup_beside_a_busy_writer_is_of_one_moment(path: Path, tmp_path: Path) -> None:
    journal = Store(path)
    done, written = threading.Event(), []

    def write() -> None:
        number = 0
        while not done.is_set():
            # One transaction makes both, so any moment has as many of one as of the other.
            with journal.db.transaction():
                for prefix in ("a", "b"):
                    update = NewUpdate(f"{prefix}{number}", prefix, "x" * 5000, 5)
                    journal.inbox.ingest([update], None, 1.0)
            number += 1
            written.append(number)
        journal.db.close()  # this thread's connection

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for round_ in range(5):
            before = len(written)
            back_up(path, tmp_path / "busy.db", overwrite=True, now=float(round_))
            with closing(sqlite3.connect(tmp_path / "busy.db")) as database, database:
                rows = dict(
                    database.execute("SELECT update_type, COUNT(*) FROM inbox GROUP BY update_type")
                )
            assert rows.get("a", 0) == rows.get("b", 0) >= before
    finally:
        done.set()
        writer.join()
        journal.close()


def test_a_backup_replaces_nothing_unasked(path: Path, copy: Path) -> None:
    before = copy.read_bytes()
    with pytest.raises(StoreError, match="exists: name another file"):
        back_up(path, copy, overwrite=False, now=1.0)
    assert copy.read_bytes() == before
    back_up(path, copy, overwrite=True, now=9.0)
    assert examine(copy).taken_at == 9.0


@pytest.mark.parametrize("name", ["m.db", "m.db-wal", "m.db.lock"])
def test_a_backup_never_lands_on_the_database_itself(path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="belongs to the database itself"):
        back_up(path, path.with_name(name), overwrite=True, now=1.0)
    assert counts(path)["inbox"] == 3


def test_a_backup_of_nothing_or_into_nowhere_is_a_sentence(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no database at"):
        back_up(tmp_path / "none.db", tmp_path / "x.db", overwrite=False, now=1.0)
    with pytest.raises(StoreError, match="There is no folder"):
        back_up(path, tmp_path / "none" / "x.db", overwrite=False, now=1.0)
    with pytest.raises(StoreError, match="is not a file"):
        back_up(path, Path("/dev/null"), overwrite=True, now=1.0)
    (tmp_path / "text").write_text("no database")
    with pytest.raises(StoreError, match="not a database of maxbridge"):
        back_up(tmp_path / "text", tmp_path / "x.db", overwrite=False, now=1.0)
    assert not (tmp_path / "x.db").exists()


def test_a_damaged_database_makes_no_backup(path: Path, tmp_path: Path) -> None:
    garble(path)
    with pytest.raises(StoreError):
        back_up(path, tmp_path / "x.db", overwrite=False, now=1.0)
    assert not (tmp_path / "x.db").exists()
    assert not list(tmp_path.glob(".*.part*"))


def garble(path: Path) -> None:
    """Damage pages in the middle: the header stays good."""
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xa5" * 4096 * 6)


# --- restore ---------------------------------------------------------------------------------------


def test_a_restore_keeps_what_was_there_and_owns_the_file(path: Path, copy: Path) -> None:
    journal = Store(path)
    journal.inbox.ingest([NewUpdate("later", "message_created", "{}", 5)], 13, 2500.0)
    journal.close()
    kept = put_back(copy, path)
    assert kept is not None
    assert kept.name == "m.db.before-restore-19700101-005000"
    assert counts(kept)["inbox"] == 4
    assert counts(path)["inbox"] == 3
    assert mode(path) == 0o600
    assert not list(path.parent.glob(".*.part*"))
    assert examine(copy).taken_at == 2000.0, "the backup is not touched"
    # A second one in the same second has a name of its own.
    assert put_back(copy, path) != kept


def test_a_restored_database_knows_that_it_is_one(path: Path, copy: Path) -> None:
    put_back(copy, path)
    journal = Store(path)
    restoration = journal.restored.current()
    assert restoration is not None
    assert (restoration.taken_at, restoration.restored_at) == (2000.0, 3000.0)
    item = journal.outbox.head(5)
    assert item is not None
    assert (item.state, item.doubt) == ("sending", "restored")
    assert journal.backfill.gap() is not None
    journal.close()


def test_a_restore_on_a_new_host(copy: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "m.db"
    assert put_back(copy, path) is None
    assert mode(path) == 0o600
    assert counts(path)["inbox"] == 3


def test_a_plain_copy_with_its_log_is_a_backup_as_well(path: Path, tmp_path: Path) -> None:
    journal = Store(path)
    journal.inbox.ingest([NewUpdate("in the log", "message_created", "{}", 5)], 13, 2500.0)
    plain = tmp_path / "plain.db"
    for source, target in zip(family(path), family(plain), strict=True):
        if source.exists():
            shutil.copyfile(source, target)
    journal.close()
    with replacing(plain, path) as ready:
        assert ready.taken_at == 2500.0
        commit(ready, 3000.0)
    assert counts(path)["inbox"] == 4


def test_a_restore_waits_for_no_daemon(path: Path, copy: Path) -> None:
    journal = Store(path)
    with pytest.raises(StoreError, match="systemctl stop maxbridge") as refused:
        put_back(copy, path)
    assert refused.value.exit_code is ExitCode.TEMP_FAIL
    journal.close()


def test_no_daemon_can_start_during_a_restore(path: Path, copy: Path) -> None:
    with replacing(copy, path), pytest.raises(StoreError, match="Another maxbridge"):
        Store(path)


def test_a_restore_does_not_replace_what_another_program_has_open(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "_CLOSING", 0.2)
    looking = Store(path, exclusive=False)
    looking.inbox.marker()
    with pytest.raises(StoreError, match=r"has the database .* open"):
        put_back(copy, path)
    looking.close()
    assert counts(path)["inbox"] == 3
    assert put_back(copy, path) is not None


@pytest.mark.parametrize(
    "content", [b"", b"text, not a database", b"SQLite format 3\0" + b"\1" * 99]
)
def test_what_is_no_backup_replaces_nothing(path: Path, tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other"
    other.write_bytes(content)
    with pytest.raises(StoreError, match="other") as refused:
        put_back(other, path)
    assert ".part" not in str(refused.value)
    assert counts(path)["inbox"] == 3


def test_a_database_of_another_program_is_none_of_ours(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("CREATE TABLE meta (key, value)")
    with pytest.raises(StoreError, match="not a database of maxbridge"):
        put_back(other, path)


def test_a_damaged_backup_replaces_nothing(path: Path, copy: Path) -> None:
    garble(copy)
    with pytest.raises(StoreError, match="damaged"):
        put_back(copy, path)
    assert counts(path)["inbox"] == 3


def test_a_backup_of_a_newer_program_is_refused(path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_x', 'now')")
    with pytest.raises(StoreError, match="newer maxbridge") as refused:
        put_back(copy, path)
    assert refused.value.exit_code is ExitCode.CONFIG
    assert counts(path)["inbox"] == 3


def test_a_damaged_database_is_replaced_and_kept_with_its_log(path: Path, copy: Path) -> None:
    path.write_bytes(b"not a database any more")
    path.with_name("m.db-wal").write_bytes(b"its log")
    kept = put_back(copy, path)
    assert kept is not None
    assert kept.read_bytes() == b"not a database any more"
    assert kept.with_name(kept.name + "-wal").read_bytes() == b"its log"
    assert counts(path)["inbox"] == 3


def test_a_log_without_its_database_is_not_applied_to_the_backup(path: Path, copy: Path) -> None:
    path.unlink()
    path.with_name("m.db-wal").write_bytes(b"of another database")
    put_back(copy, path)
    assert counts(path)["inbox"] == 3


def test_a_backup_of_another_bot_is_recognized(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    back_up(filled(tmp_path / "o" / "m.db", bot=8), other, overwrite=False, now=1.0)
    with replacing(other, path) as ready:
        assert ready.is_foreign
        assert (ready.backup.bot_id, ready.present and ready.present.bot_id) == (8, 7)
    assert counts(path)["inbox"] == 3, "nothing happens without commit"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_restore_by_root_leaves_the_file_to_who_runs_the_daemon(path: Path, copy: Path) -> None:
    os.chown(path, 12345, 12346)
    put_back(copy, path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)
    lock = path.with_name("m.db.lock").stat()
    assert (lock.st_uid, lock.st_gid) == (12345, 12346)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_on_a_new_host_the_folder_says_who_owns_the_file(copy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 12345, 12346)
    put_back(copy, folder / "m.db")
    for name in ("m.db", "m.db.lock"):
        assert (folder / name).stat().st_uid == 12345


@pytest.mark.parametrize("at", ["begin", "set aside", "replace"])
def test_a_restore_that_dies_leaves_the_old_database_or_the_new_one(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    class DeathError(BaseException):
        pass

    def die(*_: object) -> None:
        raise DeathError

    if at == "begin":
        monkeypatch.setattr(restore, "_own_as", die)
    elif at == "set aside":
        monkeypatch.setattr(restore, "_fold_in", die)
    else:
        monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(DeathError):
        put_back(copy, path)
    monkeypatch.undo()
    assert counts(path)["inbox"] == 3
    journal = Store(path)
    assert journal.restored.current() is None
    journal.close()
