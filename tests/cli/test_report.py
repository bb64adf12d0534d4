"""``maxbridge report``: whatever is planted anywhere, nothing of it is in the file."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from peewee import BooleanField, CharField, DoubleField, Field, TextField

from maxbridge.advice import ADVICE
from maxbridge.checks.records import Finding, Outcome
from maxbridge.checks.runner import run as run_checks
from maxbridge.cli import cli
from maxbridge.cli.report import Facts, code_of, render
from maxbridge.config.loading import examine
from maxbridge.config.settings import SECTIONS, Secret
from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.observe.status import Level, Report
from maxbridge.store.models import TABLES, Tables
from maxbridge.store.snapshot import snapshot
from maxbridge.store.store import Store

CANARY = "kanarek"
NUMBER = 77_123_456_789
"""An id of a chat, a user, a ticket."""
NOW = 1_793_000_000.0


def valued(section: str, each: Any) -> str | None:
    """A value for a setting that is right as far as its form goes and has a canary in it."""
    canary = f"{CANARY}-{section}-{each.name}".replace("_", "-")
    if isinstance(each.default, int | float) or each.metadata.get("choices"):
        return None
    if each.metadata.get("textfile"):
        return f"/run/{canary}.prom"
    if each.metadata.get("url"):
        return f"https://{canary}.romashka.ru"
    if each.metadata.get("proxy"):
        return f"http://{canary}:{canary}@proxy.romashka.ru:3128"
    return canary


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A canary in every setting that is a text, in every column of every table, beside the database."""
    monkeypatch.chdir(tmp_path)
    for section, cls in SECTIONS.items():
        for each in fields(cls):
            value = valued(section, each)
            if value is not None:
                monkeypatch.setenv(f"MAXBRIDGE_{section}__{each.name}".upper(), value)
    path = tmp_path / f"{CANARY}.db"
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", str(path))
    monkeypatch.setenv("MAXBRIDGE_FREESCOUT__MAILBOX_ID", "1")
    monkeypatch.setenv("MAXBRIDGE_FREESCOUT__USER_ID", "1")
    store = Store(path)
    tables = store.db.tables
    store.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("PRAGMA foreign_keys = 0")
        for name in all_tables():
            plant(raw, getattr(tables, name))
    for name in (f"{path.name}.{CANARY}", f"{CANARY}.log"):
        (tmp_path / name).write_text(CANARY)
    return path


def all_tables() -> list[str]:
    return [name for name in vars(Tables) if not name.startswith("_")]


def plant(raw: sqlite3.Connection, model: Any) -> None:
    """Two rows with a canary wherever there is room for one."""
    meta = model._meta
    for number in (1, 2):
        values = {
            field.column_name: planted(field, meta.table_name, number)
            for field in meta.sorted_fields
        }
        names, marks = ", ".join(f'"{each}"' for each in values), ", ".join("?" * len(values))
        raw.execute(
            f'INSERT OR REPLACE INTO "{meta.table_name}" ({names}) VALUES ({marks})',  # noqa: S608
            tuple(values.values()),
        )


def planted(field: Field, table: str, number: int) -> object:
    if field.column_name in ("payload", "files", "talk"):
        return json.dumps({"text": CANARY, "tickets": []})
    if isinstance(field, CharField | TextField):
        return f"{CANARY} {table} {field.column_name} {number}"
    if isinstance(field, BooleanField):
        return 1
    if isinstance(field, DoubleField):
        return NOW
    # How many, how often, which delivery: those may be told. Whose they are may not.
    whose = (
        "chat_id",
        "user_id",
        "customer_id",
        "conversation_id",
        "thread_id",
        "target_id",
        "value",
        "border",
    )
    return NUMBER + number if field.column_name in whose else number


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", *arguments])


def text_of(folder: Path) -> str:
    (file,) = folder.glob("maxbridge-report-*.txt")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text()


def test_every_table_and_every_text_has_a_canary(path: Path) -> None:
    """The test below is worth what it is planted on."""
    with closing(sqlite3.connect(path)) as raw:
        tables = {
            name
            for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith("sqlite_") and name != "schema_migration"
        }
        assert tables == set(TABLES)
        for name in tables:
            rows = raw.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608
            assert any(CANARY in repr(row) or str(NUMBER)[:8] in repr(row) for row in rows), name
    seen = examine()
    told = [
        value.reveal() if isinstance(value, Secret) else str(value)
        for name in SECTIONS
        for value in (
            getattr(getattr(seen.config.settings, name), each.name)
            for each in fields(SECTIONS[name])
        )
    ]
    assert sum(CANARY in each for each in told) > 10


def test_no_secret_and_nobodys_word_is_in_it(path: Path, tmp_path: Path) -> None:
    done = run("--offline")
    assert done.exit_code == 0, done.exception
    text = text_of(tmp_path)
    assert CANARY not in text
    assert str(NUMBER)[:8] not in text
    assert "romashka" not in text
    assert CANARY not in done.output
    assert "rows of inbox: 2" in text
    assert "max.token: set" in text
    assert "in-2: another, doubt another, error another, tries 2" in text


async def test_what_the_ends_say_is_not_in_it_but_codes_are(path: Path) -> None:
    findings = (
        Finding("max.me", Outcome.OK, f"GET /me: {CANARY} {NUMBER}"),
        Finding(
            "desk.key",
            Outcome.WRONG,
            f"GET /users: desk.unauthorized ({CANARY})",
            CANARY,
            ExitCode.CONFIG,
        ),
    )
    health = Report(Level.OK, (), None, running=True, now=NOW)
    text = render(Facts(examine(), health, findings, NOW))
    assert "max.me: ok\n" in text
    assert "desk.key: wrong (desk.unauthorized)" in text
    assert CANARY not in text
    # The real ones, of ends that are not there.
    real = tuple([each async for each in run_checks(examine(Path("nowhere")))][:3])
    assert CANARY not in render(Facts(examine(), health, real, NOW))


def test_what_helps_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.db"
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", str(path))
    monkeypatch.setenv("MAXBRIDGE_FREESCOUT__URL", "http://127.0.0.1/desk")
    monkeypatch.setenv("MAXBRIDGE_TEXTS__GREETING", "Здравствуйте")
    monkeypatch.setenv("MAXBRIDGE_FREESCOUT__POLL_INTERVAL", "7.5")
    monkeypatch.setenv("MAXBRIDGE_FREESCOUT__MAILBOX_ID", "1234567")
    store = Store(path)
    store.db.execute(
        "INSERT INTO inbox (key, update_type, state, pending, created_at, attempts, next_at, error, doubt,"
        " covered, rung, rank) VALUES ('k', 'message_created', 'held', 0, 1.0, 3, 0, 'desk.timeout', 'no_answer', 0, 0, 0)",
        (),
    )
    store.close()
    assert run("--offline").exit_code == 0
    text = text_of(tmp_path)
    for line in (
        "maxbridge: 1.", "python: 3.", "maxapi: 1.", "freescout.poll_interval: 7.5",
        "freescout.mailbox_id: 1234567\n",
        "freescout.url: http, host of 9 letters, this very machine, in a folder",
        "texts.greeting: text of 12 letters", "max.token: not set  (default)  WRONG", "level: DOWN",
        "not asked (--offline)", "schema: 00", "inbox held: 1", "in-1: held, doubt no_answer, error desk.timeout, tries 3",
        "database: ", "mode 0600", "free inodes: ",
    ):  # fmt: skip
        assert line in text, line


def test_a_broken_configuration_or_database_is_told_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(f'[max]\ntoken = "a"\n{CANARY} {CANARY}\n')
    monkeypatch.setenv("MAXBRIDGE_STORE__PATH", str(tmp_path / "m.db"))
    (tmp_path / "m.db").write_text(CANARY * 100)
    assert run("--offline").exit_code == 0
    text = text_of(tmp_path)
    assert CANARY not in text
    assert "no valid TOML: at line 3" in text
    assert "[database]\ncannot be used: exit code" in text


def test_one_that_is_there_is_not_replaced_unasked(path: Path, tmp_path: Path) -> None:
    Path("r.txt").write_text("mine")
    done = run("--offline", "r.txt")
    assert isinstance(done.exception, StoreError)
    assert Path("r.txt").read_text() == "mine"
    assert run("--offline", "r.txt", "--yes").exit_code == 0


def test_a_code_that_is_not_ours_is_no_code() -> None:
    assert [code_of(each) for each in (None, CANARY, "desk.timeout")] == [
        "none",
        "another",
        "desk.timeout",
    ]
    assert all(each.isascii() for each in ADVICE)


def test_a_snapshot_with_canaries_is_told_in_numbers(path: Path) -> None:
    store = Store(path, exclusive=False)
    store.db.execute("DELETE FROM meta", ())
    found = snapshot(store.db.rows, NOW)
    store.close()
    assert any(CANARY in str(each.error_detail) for each in found.loops)
    health = Report(Level.DEGRADED, (), found, running=True, now=NOW, started_at=NOW)
    text = render(Facts(examine(), health, None, NOW))
    assert "loop another loop: moved 0 s ago" in text
    assert CANARY not in text
