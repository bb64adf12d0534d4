"""Every statement that a working bridge makes finds its rows by an index, however much there is.

The statements are those of a real run, taken down by SQLite itself, not a list that somebody keeps.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bridge import OTHER, SETTLED, Bridge, running
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention
from store_world import NOW, open_store
from virtual_time import virtual

SMALL = {"meta", "marker", "health", "schema_migration", "sqlite_master", "flood"}
"""Tables of a few rows, whatever the bridge has done; ``flood`` has one for a chat that sends too much."""
ALLOWED = {
    r"COUNT\(.* FROM dialog": "status: some milliseconds with 100,000 dialogs",
    r'UPDATE "?dialog"? SET "?(blocked|reachable)_at': "when our clock was set, which is rare",
    r"last_inbound_at DESC": "the audit, once in ten minutes",
    r'^(DELETE|SELECT \?) FROM "?backfill': "empty but after a gap",
    r'FROM "?awaited': "once a start, and empty but after maxbridge relink or import",
    r"INDEXED BY part_texts": "once an hour, the replies of a week; the index is that of a week",
}
"""Statements that may look at every row of a table that grows, and why."""
PARTIAL = ("_waiting", "_turn")
"""How indexes end that hold only what waits, or the first of each chat: to walk one is the purpose."""


@contextmanager
def taken_down(journal: Store) -> Iterator[Callable[[], dict[str, str]]]:
    """Take down the statements of a store; gives each kind with the plan that SQLite makes for it."""
    connection: sqlite3.Connection = journal.db._db.connection()  # type: ignore[no-untyped-call]
    heard: dict[str, str] = {}

    def hear(statement: str) -> None:
        kind = re.sub(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b", "?", statement)
        kind = re.sub(r"\(\?(?:, \?)*\)", "(?)", kind)
        heard.setdefault(kind, statement)

    def plans() -> dict[str, str]:
        with closing(sqlite3.connect(journal.db.path)) as other:
            return {
                kind: "\n".join(row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement}"))
                for kind, statement in heard.items()
                if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
            }

    connection.set_trace_callback(hear)
    try:
        yield plans
    finally:
        connection.set_trace_callback(None)


def scanned(statement: str, plan: str) -> set[str]:
    """The tables of which a plan looks at every row, in whatever order."""
    named = re.findall(r'(?:FROM|JOIN) "?(\w+)"? AS "?(\w+)"?', statement)
    tables = {alias: table for table, alias in named}
    walks = re.findall(r"^SCAN (?:main\.)?(\w+)(.*)$", plan, re.MULTILINE)
    found = {
        tables.get(each, each)
        for each, how in walks
        if each != "CONSTANT" and not how.endswith(PARTIAL)
    }
    return found - SMALL


async def live(bridge: Bridge) -> None:
    """A day in which most things happen."""
    mid = bridge.say("Здравствуйте")
    bridge.say("И я", user=OTHER)
    await bridge.quiet()
    ticket, other = bridge.tickets()
    bridge.max.state.edit(mid, "Добрый день")
    thread = bridge.reply(ticket, "<div>Да, слушаю</div>")
    await bridge.quiet()
    bridge.desk.state.edit_thread(thread, "<div>Слушаю вас</div>")
    await bridge.quiet()
    bridge.break_desk("drop_after", method="POST", path="/api/conversations/*/threads")
    for number in range(8):
        bridge.say(f"дошло ли? {number}")
    bridge.break_max("drop_after", method="POST", path="/messages")
    bridge.reply(other, "<div>Ответ</div>")
    await bridge.quiet()
    bridge.max.state.stop(OTHER)
    bridge.reply(other, "<div>Ау?</div>")
    await asyncio.sleep(SETTLED + 10)
    bridge.max.state.start(OTHER)
    await bridge.quiet()


@virtual
async def test_the_loops_find_their_rows_by_an_index(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.person(OTHER, "Олег", "Ким")
        assert bridge.journal is not None
        with taken_down(bridge.journal) as plans:
            await live(bridge)
            bridge.journal.tidying.run(bridge.our_now(), Retention())
            bridge.journal.health.snapshot()
            bridge.journal.clocks.was_set(0.0)
            bridge.journal.clocks.not_after(0.0)
            found = plans()
    assert len(found) > 60
    walks = {kind: tables for kind, plan in found.items() if (tables := scanned(kind, plan))}
    unknown = [kind for kind in walks if not any(re.search(each, kind) for each in ALLOWED)]
    assert unknown == []


def test_a_walk_through_a_table_is_seen() -> None:
    statement = 'SELECT "t1"."id" FROM "inbox" AS "t1" WHERE "t1"."error" = ?'
    assert scanned(statement, "SCAN t1") == {"inbox"}
    assert scanned(statement, "SCAN t1 USING INDEX inbox_state") == {"inbox"}
    assert scanned(statement, "SEARCH t1 USING INDEX inbox_state (state=?)") == set()
    assert scanned("SELECT 1 FROM inbox AS q", "SCAN q USING INDEX inbox_waiting") == set()


def test_an_edit_is_not_looked_for_among_all_that_is_done(tmp_path: Path) -> None:
    """An index by state finds "done" quickly, and that is nearly everything."""
    journal = open_store(tmp_path)
    with taken_down(journal) as plans:
        journal.inbox.before("mid.1", 5)
        journal.tidying.run(NOW, Retention())
        found = plans()
    journal.close()
    by_state = [kind for kind, plan in found.items() if "_state (" in plan]
    assert by_state == []
