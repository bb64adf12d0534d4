"""``dialogs export`` and ``dialogs forget`` as an administrator runs them."""

from __future__ import annotations

import errno
import json
import sqlite3
import stat
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from click.testing import CliRunner, Result

from maxbridge.cli import cli, forget_desk
from maxbridge.core.errors import ApiError, ExitCode, Failure, Kind, StoreError, UserError
from maxbridge.core.parts import Part
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.store.forgotten import Act, Acts
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.records import PostResult
from maxbridge.store.store import Store

SECRET = "слова <b>Марины</b>"
CHAT, SECOND, OTHER = 5, 6, 7
USER = 50


def message(mid: int, chat: int, text: str, user: int = USER) -> NewUpdate:
    event = {
        "update_type": "message_created",
        "timestamp": 1_790_000_000_000 + mid,
        "message": {
            "sender": {"user_id": user, "first_name": "Марина"},
            "recipient": {"chat_id": chat, "chat_type": "dialog"},
            "timestamp": 1_790_000_000_000 + mid,
            "body": {"mid": f"mid.{mid}", "text": text, "attachments": []},
        },
    }
    return NewUpdate(f"message_created:mid.{mid}", "message_created", json.dumps(event), chat, user)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Марина writes from two chats, Олег from a third."""
    path = tmp_path / "m.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", str(path))
    monkeypatch.setenv("SUDO_USER", "ira")
    journal = Store(path)
    for chat, user in ((CHAT, USER), (SECOND, USER), (OTHER, 60)):
        journal.dialogs.ensure(chat, user, 1.0)
    journal.inbox.ingest([message(1, CHAT, SECRET), message(2, SECOND, "второй чат")], 1, 1.0)
    journal.inbox.ingest([message(3, OTHER, "чужое", 60)], 2, 1.0)
    item = journal.inbox.head(CHAT)
    assert item is not None
    journal.inbox.done(item, PostResult(31, 1, 3, 1.0, opened=True), 1.0)
    with journal.db.transaction():
        parts = [Part("<b>ответ</b> агента", html=True)]
        journal.outbox.add("thread:7:0", CHAT, parts, now=2.0, conversation_id=31, thread_id=7)
    journal.close()
    return path


def with_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("URL", "https://desk.romashka.ru"),
        ("API_KEY", "k" * 32),
        ("MAILBOX_ID", "1"),
        ("USER_ID", "1"),
    ):
        monkeypatch.setenv(f"MAXBRIDGE_FREESCOUT__{name}", value)


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, arguments, input=typed)


def data(*arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def everything(path: Path) -> str:
    """All that the database says, outside of the tombstones."""
    with closing(sqlite3.connect(path)) as raw:
        return "\n".join(line for line in raw.iterdump() if '"forgotten"' not in line)


def test_the_export_has_every_chat_of_the_person_and_nobody_elses(
    path: Path, tmp_path: Path
) -> None:
    told = data("dialogs", "export", str(SECOND))
    assert told["chats"] == [CHAT, SECOND]
    assert told["rows"] == {"inbox": 2, "outbox": 1, "dialog": 2, "ticket": 1, "part": 1}
    file, page = tmp_path / f"maxbridge-{SECOND}.json", tmp_path / f"maxbridge-{SECOND}.html"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (file, page)] == [0o600, 0o600]
    kept = json.loads(file.read_text())
    assert (kept["user"], kept["tickets"], kept["cards"]) == (USER, [31], [3])
    texts = [row["payload"]["message"]["body"]["text"] for row in kept["kept"]["inbox"]]
    assert texts == [SECRET, "второй чат"]
    shown = page.read_text()
    assert "слова &lt;b&gt;Марины&lt;/b&gt;" in shown
    assert "второй чат" in shown
    assert "ответ агента" in shown
    assert "чужое" not in shown + file.read_text()
    assert "клиент" in shown
    assert "<script" not in shown


def test_the_export_tells_when_the_notice_was_shown(path: Path, tmp_path: Path) -> None:
    store = Store(path)
    with store.db.transaction():
        store.db.execute("UPDATE dialog SET privacy_at = 1790000000.0 WHERE chat_id = ?", (CHAT,))
    store.close()
    assert run("dialogs", "export", str(CHAT)).exit_code == 0
    kept = json.loads((tmp_path / f"maxbridge-{CHAT}.json").read_text())["kept"]["dialog"]
    assert [row["privacy_at"] for row in kept] == [1790000000.0, None]
    page = (tmp_path / f"maxbridge-{CHAT}.html").read_text()
    assert page.count("Уведомление о персональных данных показано: 2026-09-21") == 1


@pytest.mark.usefixtures("path")
def test_an_export_replaces_nothing_unasked(tmp_path: Path) -> None:
    assert run("dialogs", "export", str(CHAT), "a.json").exit_code == 0
    done = run("dialogs", "export", str(CHAT), "a.json")
    assert "exists" in str(done.exception)
    assert run("dialogs", "export", str(CHAT), "a.json", "--yes").exit_code == 0
    assert "another ending" in str(run("dialogs", "export", str(CHAT), "a.html").exception)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("path")
def test_an_export_whose_page_would_replace_a_file_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("mine")
    assert "a.html exists" in str(run("dialogs", "export", str(CHAT), "a.json").exception)
    assert not (tmp_path / "a.json").exists()


@pytest.mark.usefixtures("path")
def test_the_page_is_in_the_language_of_the_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAXBRIDGE_TEXTS__LANGUAGE", "en")
    assert run("dialogs", "export", str(CHAT)).exit_code == 0
    assert "Personal data in maxbridge" in (tmp_path / f"maxbridge-{CHAT}.html").read_text()


def test_forget_asks_erases_and_prints_the_line_for_the_act(path: Path) -> None:
    done = run("dialogs", "forget", str(CHAT), "--reason", "заявление № 5", typed="n\n")
    assert done.exit_code != 0
    assert "MAX user 50 (chats 5, 6)" in done.output
    assert "mid.1" in everything(path)
    done = run("dialogs", "forget", str(CHAT), "--reason", "заявление № 5", "--yes")
    assert done.exit_code == 0, done.exception
    line = Acts(path).all()[0].line
    assert line in done.output
    for part in (
        "№ 1", "пользователь MAX 50 (чаты 5, 6)", "тексты сообщений", str(path), "заявление № 5", "ira",
        "тикеты 31", "карточка клиента 3",
    ):  # fmt: skip
        assert part in line, part
    left = everything(path)
    for trace in ("mid.1", "mid.2", "thread:7:0", "второй"):
        assert trace not in left
    assert "mid.3" in left
    assert stat.S_IMODE(Acts(path).path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("path")
def test_what_is_not_there_says_so() -> None:
    assert "Nothing is kept of chat 99" in str(run("dialogs", "export", "99").exception)
    assert run("dialogs", "forget", str(CHAT), "--reason", "x", "--yes").exit_code == 0
    for command in (("export",), ("forget", "--reason", "x")):
        done = run("dialogs", command[0], str(CHAT), *command[1:])
        assert isinstance(done.exception, UserError)
        assert f"Chat {CHAT} was erased on " in str(done.exception)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "а\u202eб"])
def test_a_reason_is_one_line_that_can_be_read(reason: str) -> None:
    done = run("dialogs", "forget", str(CHAT), "--reason", reason, "--yes")
    assert done.exit_code == 2
    assert "must be one line of text" in done.output


def test_copies_of_before_an_upgrade_and_restores_are_dealt_with(path: Path) -> None:
    copy = path.with_name(f"{path.name}.0007_awaited")
    aside = path.with_name(f"{path.name}.before-restore-20261130-100000")
    copy.write_bytes(path.read_bytes())
    aside.write_bytes(path.read_bytes())
    told = data("dialogs", "forget", str(CHAT), "--reason", "x", "--by", "Ира П.", "--yes")
    assert not copy.exists()
    assert told["copies"] == 1
    assert any(str(aside) in each for each in told["left"])
    assert "Ира П." in told["line"]


def test_files_that_a_killed_daemon_has_left_are_deleted(path: Path) -> None:
    folder = path.with_name(f"{path.name}.files")
    folder.mkdir()
    (folder / "file-abc").write_bytes(b"secret")
    told = data("dialogs", "forget", str(CHAT), "--reason", "x", "--yes")
    assert list(folder.iterdir()) == []
    assert not any(str(folder) in each for each in told["left"])
    with closing(Store(path)):
        pass  # the lock is free again


def test_files_of_the_running_daemon_stay_and_are_named(path: Path) -> None:
    folder = path.with_name(f"{path.name}.files")
    with closing(Store(path)):  # the daemon
        told = data("dialogs", "forget", str(CHAT), "--reason", "x", "--yes")
        assert not any(str(folder) in each for each in told["left"])
        folder.mkdir()
        (folder / "file-abc").write_bytes(b"secret")
        told = data("dialogs", "forget", str(OTHER), "--reason", "x", "--yes")
        assert any(str(folder) in each for each in told["left"])
        assert [each.name for each in folder.iterdir()] == ["file-abc"]


def test_files_that_the_disk_keeps_are_named(path: Path) -> None:
    folder = path.with_name(f"{path.name}.files")
    folder.write_bytes(b"no folder")
    told = data("dialogs", "forget", str(CHAT), "--reason", "x", "--yes")
    assert any(str(folder) in each for each in told["left"])


def test_a_desk_that_does_not_answer_is_found_out_before_anything_is_erased(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: FreeScoutClient, customer_id: int) -> None:
        raise ApiError(Failure("desk.unreachable", Kind.TRANSIENT, certain=True))

    monkeypatch.setattr(FreeScoutClient, "profiles_of", away)
    with_desk(monkeypatch)
    done = run("dialogs", "forget", str(CHAT), "--reason", "x", "--desk", "--yes")
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code is ExitCode.TEMP_FAIL
    assert "nothing is erased" in str(done.exception)
    assert Acts(path).all() == []
    assert data("dialogs", "list", "--user", str(USER))["dialogs"]


@dataclass
class Records:
    """In the place of FreeScout's records: what was asked for, and what each call does."""

    asked: list[tuple[int, int | None]] = field(default_factory=list)
    fails: BaseException | None = None

    async def empty(
        self,
        _client: FreeScoutClient,
        card: int,
        _texts: object,
        *,
        shared: int | None,
        **_more: object,
    ) -> list[str]:
        self.asked.append((card, shared))
        if self.fails is not None:
            raise self.fails
        return [f"FreeScout: of the record {card}: photo"]


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Records:
    async def known(self: FreeScoutClient, customer_id: int) -> tuple[str, ...]:
        return ()

    found = Records()
    monkeypatch.setattr(FreeScoutClient, "profiles_of", known)
    monkeypatch.setattr(forget_desk, "empty_record", found.empty)
    with_desk(monkeypatch)
    return found


FORGET = ("dialogs", "forget", str(CHAT), "--reason", "заявление № 5", "--yes")
AWAY = ApiError(Failure("desk.unreachable", Kind.TRANSIENT, certain=True))


@pytest.mark.usefixtures("path")
def test_the_desk_is_asked_to_empty_the_record(records: Records) -> None:
    told = data(*FORGET, "--desk")
    assert records.asked == [(3, None)]
    assert "FreeScout: of the record 3: photo" in told["left"]
    assert "photo" in told["line"]


def test_whoever_was_interrupted_goes_on_with_the_same_command(
    path: Path, records: Records
) -> None:
    """Ctrl-C, or a connection that is gone, while FreeScout does not answer."""
    records.fails = KeyboardInterrupt()
    assert run(*FORGET, "--desk").exit_code != 0
    (begun,) = Acts(path).all()
    assert (begun.line, begun.desk.cards, begun.desk.tickets) == ("", (3,), (31,))
    records.fails = None
    told = data(
        "dialogs", "forget", str(SECOND), "--reason", "другое", "--by", "Пётр", "--desk", "--yes"
    )
    assert records.asked == [(3, None), (3, None)]
    assert (told["act"], told["user"], told["chats"]) == (1, USER, [CHAT, SECOND])
    assert "31" in told["line"]
    assert "заявление № 5" in told["line"], "the reason of the one who has erased"
    (done,) = Acts(path).all()
    assert (done.line, done.desk.cards) == (told["line"], ())
    assert "was erased on" in str(run(*FORGET, "--desk").exception)


def test_the_record_can_be_emptied_afterwards(path: Path, records: Records) -> None:
    first = data(*FORGET)
    assert any("карточка клиента 3" in each and "--desk" in each for each in first["left"])
    assert "was erased on" in str(run(*FORGET).exception)
    then = data(*FORGET, "--desk")
    assert records.asked == [(3, None)]
    assert then["act"] == first["act"]
    assert not any("--desk" in each for each in then["left"])
    assert [each.line for each in Acts(path).all()] == [then["line"]]


def test_a_desk_that_goes_away_in_the_middle_is_asked_again(path: Path, records: Records) -> None:
    records.fails = AWAY
    first = data(*FORGET, "--desk")
    assert any("desk.unreachable" in each for each in first["left"])
    assert "desk.unreachable" in first["line"]
    records.fails = None
    then = data(*FORGET, "--desk")
    assert "desk.unreachable" not in then["line"]
    assert Acts(path).unfinished(CHAT) == []


def test_who_wrote_again_after_an_interrupted_erasure_is_erased_with_both_records(
    path: Path, records: Records
) -> None:
    records.fails = KeyboardInterrupt()
    assert run(*FORGET, "--desk").exit_code != 0
    records.fails = None
    store = Store(path)
    store.dialogs.ensure(CHAT, USER, time.time())
    store.dialogs.set_customer(CHAT, 4)
    store.close()
    told = data(*FORGET, "--desk")
    assert records.asked[1:] == [(3, None), (4, None)]
    acts = Acts(path).all()
    assert [each.number for each in acts] == [1, 2]
    assert {each.line for each in acts} == {told["line"]}
    assert Acts(path).unfinished(CHAT) == []


def test_a_line_that_cannot_be_kept_is_printed_and_kept_by_the_same_command_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Acts._append

    def full(self: Acts, file: BinaryIO, act: Act) -> None:
        if act.line:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(self, file, act)

    with monkeypatch.context() as broken:
        broken.setattr(Acts, "_append", full)
        done = run(*FORGET)
    assert isinstance(done.exception, StoreError)
    assert "The person is erased" in str(done.exception)
    assert "Nothing was erased" not in str(done.exception)
    assert "Уничтожение персональных данных № 1" in done.output
    assert SECRET not in everything(path)
    told = data(*FORGET)
    assert told["act"] == 1
    assert [each.line for each in Acts(path).all()] == [told["line"]]


def test_acts_of_older_versions_are_read(path: Path) -> None:
    data(*FORGET)
    acts = Acts(path)
    lines = [json.loads(each) for each in acts.path.read_text().splitlines()]
    for each in lines:
        del each["desk"]
    acts.path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert acts.unfinished(CHAT) == []
    (old,) = acts.all()
    assert old.line


def test_a_message_under_way_is_named(path: Path) -> None:
    store = Store(path)
    item = store.inbox.head(SECOND)
    assert item is not None
    assert store.inbox.mark_sending(item.id, 2.0)
    store.close()
    told = data(*FORGET)
    assert any("были в пути (1)" in each for each in told["left"])


def test_of_whom_nothing_was_delivered_yet_the_waiting_messages_tell_who_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", str(path))
    group = message(2, -9, "слово в группе")
    event = json.loads(group.payload)
    event["message"]["recipient"]["chat_type"] = "chat"
    start = {
        "update_type": "bot_started",
        "timestamp": 1_790_000_000_003,
        "chat_id": OTHER,
        "user": {"user_id": 60},
    }
    store = Store(path)
    store.inbox.ingest(
        [
            message(1, CHAT, SECRET),
            replace(group, payload=json.dumps(event)),
            NewUpdate(f"bot_started:{OTHER}:60:3", "bot_started", json.dumps(start), OTHER, 60),
        ],
        1,
        1.0,
    )
    store.dialogs.ensure(SECOND, USER, 1.0)
    store.close()
    told = data(*FORGET)
    assert (told["user"], told["chats"]) == (USER, [CHAT, SECOND])
    assert "слово в группе" not in everything(path)
    assert data("dialogs", "forget", str(OTHER), "--reason", "x", "--yes")["user"] == 60


def test_of_a_chat_that_was_found_again_the_messages_tell_who_it_is(path: Path) -> None:
    store = Store(path)
    store.db.execute("UPDATE dialog SET user_id = NULL WHERE chat_id = ?", (CHAT,))
    store.close()
    told = data(*FORGET)
    assert (told["user"], told["chats"]) == (USER, [CHAT, SECOND])
    assert any("карточка клиента 3" in each for each in told["left"])


def test_of_a_group_its_members_are_not_taken_for_the_customer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", str(tmp_path / "m.db"))
    group = message(2, -9, "слово в группе")
    event = json.loads(group.payload)
    event["message"]["recipient"]["chat_type"] = "chat"
    store = Store(tmp_path / "m.db")
    store.inbox.ingest([replace(group, payload=json.dumps(event))], 1, 1.0)
    store.close()
    told = json.loads(
        run("dialogs", "forget", "--reason", "x", "--yes", "--json", "--", "-9").stdout
    )
    assert (told["user"], told["chats"]) == (None, [-9])


def test_a_spoilt_file_of_acts_is_named_before_anything_else_happens(path: Path) -> None:
    acts = Acts(path)
    for spoilt in (b"nonsense\n", b"\xff\xfe\n", b'{"number": 1}\n', b"[]\n"):
        acts.path.write_bytes(spoilt)
        done = run("dialogs", "forget", str(CHAT), "--reason", "x", "--yes")
        assert "cannot be read" in str(done.exception), spoilt
        with pytest.raises(UserError, match="cannot be read"):
            Store(path)
    acts.path.unlink()
    Store(path).close()
