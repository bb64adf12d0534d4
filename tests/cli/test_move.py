"""``relink`` and ``import`` as their users run them, between the simulators on loopback."""

from __future__ import annotations

import asyncio
import functools
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from command import maxbridge
from maxbridge.core.markup import marker
from maxbridge.sim.desk import DeskSim
from maxbridge.sim.desk.model import Labelled
from maxbridge.sim.faults import Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.serve import loopback_socket, serve
from maxbridge.store.store import Store

USER = 410000017
KEY = "0123456789abcdef0123456789abcdef"


class World:
    """Both ends with a customer's ticket, and a configuration for them."""

    def __init__(self, folder: Path, max_sim: MaxSim, desk: DeskSim, urls: tuple[str, str]) -> None:
        self.folder, self.max, self.desk = folder, max_sim, desk
        self.store = folder / "state" / "maxbridge.db"
        self.environment = {
            "MAX_BOT_TOKEN": max_sim.token,
            "MAXBRIDGE_MAX__API_URL": urls[0],
            "FREESCOUT_URL": urls[1],
            "FREESCOUT_API_KEY": KEY,
            "FREESCOUT_MAILBOX_ID": "1",
            "MAXBRIDGE_FREESCOUT__USER_ID": "1",
            "MAXBRIDGE_STORE__PATH": str(self.store),
        }

    def ticket(self, mid: str, *, marked: bool = True) -> int:
        """A ticket as ours would look, or as another bridge's would."""
        state = self.desk.state
        profiles = [Labelled(f"max:{USER}", "other")] if marked else []
        customer = state.add_customer(first_name="Марина", social_profiles=profiles).id
        talk = state.add_conversation(
            mailbox_id=1,
            type="chat",
            subject="вопрос",
            customer_id=customer,
            source_type="api",
            created_by_customer=customer,
        )
        state.add_thread(
            talk,
            type="customer",
            body=f"<div>вопрос</div>{marker(mid) if marked else ''}",
            source_type="api",
            created_by_customer=customer,
        )
        return talk.id

    async def run(self, *arguments: str, typed: str = "", **environment: str) -> Any:
        """The command; the simulators answer meanwhile."""
        return await asyncio.to_thread(
            maxbridge,
            *arguments,
            cwd=self.folder,
            environment=self.environment | environment,
            typed=typed,
        )


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    max_sim = MaxSim(now=time.time)
    max_sim.state.person(USER, "Марина", "Тестова")
    socket = loopback_socket(0)
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    desk = DeskSim(now=time.time, key=KEY, app_url=url)
    rng = Random(0)
    async with (
        serve(Faulty(max_sim, rng=rng)) as max_url,
        serve(Faulty(desk, rng=rng), sock=socket),
    ):
        yield World(folder, max_sim, desk, (max_url, url))


def on_loopback(test: Callable[[Path], Any]) -> Callable[[Path], None]:
    @functools.wraps(test)
    def plain(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    return plain


# --- relink ----------------------------------------------------------------------------------------


@on_loopback
async def test_relink_shows_asks_writes_and_may_be_repeated(tmp_path: Path) -> None:
    async with world(tmp_path) as ends:
        ends.ticket(ends.max.state.say(USER, "вопрос"))
        dry = await ends.run("relink", "--dry-run")
        assert (dry.returncode, dry.stderr) == (0, "")
        assert "dialogs                       1\n" in dry.stdout
        assert not ends.store.parent.exists()
        refused = await ends.run("relink", typed="n\n")
        assert refused.returncode == 130
        done = await ends.run("relink", typed="y\n")
        assert done.returncode == 0, done.stderr
        assert "written: 1 dialogs, 1 tickets, 0 awaited" in done.stdout
        again = json.loads((await ends.run("relink", "--yes", "--json")).stdout)
        assert (again["version"], again["tickets"], again["dry_run"]) == (1, 1, False)
        assert again["written"] == {"dialogs": 0, "tickets": 0, "awaited": 0, "conflicts": []}
    assert ends.store.stat().st_mode & 0o777 == 0o600
    journal = Store(ends.store)
    dialog = journal.dialogs.get(ends.max.state.people[USER].chat_id)
    assert dialog is not None
    assert (dialog.user_id, dialog.conversation_id) == (USER, 1)
    journal.close()


@on_loopback
async def test_relink_refuses_beside_the_daemon_before_it_asks_anybody(tmp_path: Path) -> None:
    async with world(tmp_path) as ends:
        journal = Store(ends.store)
        try:
            done = await ends.run("relink", "--yes")
        finally:
            journal.close()
        assert done.returncode == 75
        assert "systemctl stop maxbridge" in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (
            {"MAX_BOT_TOKEN": "wrong-token-0000000000"},
            78,
            "MAX refuses the token in force, which comes from $MAX_BOT_TOKEN",
        ),
        (
            {"FREESCOUT_API_KEY": "0" * 32},
            78,
            "FreeScout refuses the key in force, which comes from $FREESCOUT_API_KEY",
        ),
    ],
)
def test_what_an_end_refuses_is_a_sentence_and_changes_nothing(
    tmp_path: Path, changes: dict[str, str], code: int, words: str
) -> None:
    async def play() -> None:
        async with world(tmp_path) as ends:
            done = await ends.run("relink", "--yes", **changes)
            assert done.returncode == code
            assert words in done.stderr
            assert "Nothing was changed" in done.stderr
            assert "Traceback" not in done.stderr
            assert not any(secret in done.stdout + done.stderr for secret in changes.values())

    asyncio.run(play())


@pytest.mark.parametrize("since", ["yesterday", "2999-01-01"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, since: str) -> None:
    done = maxbridge("relink", "--since", since, cwd=tmp_path)
    assert done.returncode == 2
    assert "--since" in done.stderr


@on_loopback
async def test_another_bots_database_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as ends:
        journal = Store(ends.store)
        journal.meta.claim(1, "другой")
        journal.close()
        ends.ticket(ends.max.state.say(USER, "вопрос"))
        done = await ends.run("relink", "--yes")
        assert done.returncode == 78
        assert "belongs to bot 1" in done.stderr


# --- import ----------------------------------------------------------------------------------------


def old_file(folder: Path, ticket: int, mid: str) -> Path:
    path = folder / "mapping.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(
            "CREATE TABLE max_freescout_mapping (max_user_id TEXT, freescout_conversation_id INT, "
            "freescout_customer_id INT, last_message_id TEXT, created_at TEXT, updated_at TEXT);"
            "CREATE TABLE message_sync (max_message_id TEXT, freescout_thread_id INT, "
            "direction TEXT, synced_at TEXT)"
        )
        database.execute(
            "INSERT INTO max_freescout_mapping VALUES (?, ?, 1, ?, '2026-01-01', '2026-01-01')",
            (str(USER), ticket, mid),
        )
        database.execute("INSERT INTO max_freescout_mapping VALUES ('?', 5, 1, '', '', '')")
    return path


@on_loopback
async def test_import_with_the_old_env_file(tmp_path: Path) -> None:
    async with world(tmp_path) as ends:
        mid = ends.max.state.say(USER, "вопрос")
        old = old_file(tmp_path, ends.ticket(mid, marked=False), mid)
        ends.max.state.subscribe("https://bot.example.com/webhook")
        env = tmp_path / "old.env"
        names = ("MAX_BOT_TOKEN", "FREESCOUT_URL", "FREESCOUT_API_KEY", "FREESCOUT_MAILBOX_ID")
        given = {name: ends.environment.pop(name) for name in names}
        env.write_text(
            f"# the old bridge\nexport MAX_BOT_TOKEN='{given['MAX_BOT_TOKEN']}'\n"
            f'FREESCOUT_URL="{given["FREESCOUT_URL"]}"\n\nWEBHOOK_SECRET=hush\n'
            f"FREESCOUT_API_KEY = {given['FREESCOUT_API_KEY']}  # of the module\n"
            "FREESCOUT_MAILBOX_ID=1\n"
        )
        before = old.read_bytes()
        dry = await ends.run("import", str(old), "--env", str(env), "--dry-run")
        assert dry.returncode == 0, dry.stderr
        assert f'url = "{given["FREESCOUT_URL"]}"' in dry.stdout
        assert "mailbox_id = 1" in dry.stdout
        assert "1 × mapping rows without a usable max_user_id" in dry.stdout
        assert not ends.store.parent.exists()
        done = await ends.run("import", str(old), "--env", str(env), "--yes")
        assert "written: 1 dialogs, 1 tickets, 0 awaited" in done.stdout
        # A start with the webhook ends with 78, so removing it is told first.
        told = [
            done.stdout.index("check --remove-webhook"),
            done.stdout.index("Now start maxbridge"),
        ]
        assert told == sorted(told)
        data = await ends.run("import", str(old), "--env", str(env), "--yes", "--json")
        found = json.loads(data.stdout)
        assert found["webhooks"] == ["https://bot.example.com/webhook"]
        assert found["written"]["dialogs"] == 0
        for each in (dry, done, data):
            assert not any(
                secret in each.stdout + each.stderr
                for secret in (given["MAX_BOT_TOKEN"], given["FREESCOUT_API_KEY"], "hush")
            )
        assert old.read_bytes() == before


def test_import_offline_needs_neither_end_nor_a_key(tmp_path: Path) -> None:
    old = old_file(tmp_path, 7, "mid.1")
    store = {"MAXBRIDGE_STORE__PATH": str(tmp_path / "m.db")}
    for _ in range(2):
        done = maxbridge("import", str(old), "--offline", "--yes", cwd=tmp_path, environment=store)
        assert done.returncode == 0, done.stderr
        assert "written: 0 dialogs, 0 tickets, 1 awaited" in done.stdout
    journal = Store(tmp_path / "m.db")
    journal.dialogs.ensure(55, USER, 1.0)
    dialog = journal.dialogs.get(55)
    assert dialog is not None
    assert (dialog.customer_id, dialog.conversation_id) == (1, 7)
    journal.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has none of FREESCOUT_URL"),
        ("\x00\x01=\n=\n'", "has none of FREESCOUT_URL"),
        (None, "cannot be read"),
    ],
)
def test_an_env_file_that_tells_nothing_is_a_sentence(
    tmp_path: Path, content: str | None, words: str
) -> None:
    old, env = old_file(tmp_path, 7, "mid.1"), tmp_path / "old.env"
    if content is not None:
        env.write_text(content)
    done = maxbridge("import", str(old), "--env", str(env), cwd=tmp_path)
    assert done.returncode in (1, 78)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_database_is_a_sentence_and_makes_none(tmp_path: Path) -> None:
    (tmp_path / "mapping.db").write_text("garbage, and long enough to be taken for a header" * 9)
    store = {"MAXBRIDGE_STORE__PATH": str(tmp_path / "m.db")}
    done = maxbridge("import", "mapping.db", "--offline", cwd=tmp_path, environment=store)
    assert done.returncode == 1
    assert "damaged or no SQLite database" in done.stderr
    assert not (tmp_path / "m.db").exists()


def test_offline_nobody_can_say_what_is_unsent(tmp_path: Path) -> None:
    old = old_file(tmp_path, 7, "mid.1")
    done = maxbridge("import", str(old), "--offline", "--since", "2026-01-01", cwd=tmp_path)
    assert done.returncode == 2
    assert "--since needs MAX and FreeScout" in done.stderr


def test_a_bridge_that_still_works_is_asked_about(tmp_path: Path) -> None:
    old = old_file(tmp_path, 7, "mid.1")
    with closing(sqlite3.connect(old)) as database, database:
        database.execute(
            "UPDATE max_freescout_mapping SET updated_at = ? WHERE max_user_id <> '?'",
            (time.time(),),
        )
    store = {"MAXBRIDGE_STORE__PATH": str(tmp_path / "m.db")}
    done = maxbridge("import", str(old), "--offline", "--dry-run", cwd=tmp_path, environment=store)
    assert done.returncode == 0
    assert "Is it stopped?" in done.stderr
    assert not (tmp_path / "m.db").exists()
