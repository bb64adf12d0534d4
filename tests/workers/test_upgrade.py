"""The bridge on a database of an older program: it goes on where that one was killed."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge import OTHER, USER, Bridge
from old_life import THIRD, live
from old_schemas import SCHEMAS, old_database
from virtual_time import virtual


def what_is_known(path: Path) -> list[list[tuple[object, ...]]]:
    """Ids, which must be those of the world that this program has lived in."""
    with closing(sqlite3.connect(path)) as raw, raw:
        return [
            raw.execute(query).fetchall()
            for query in (
                "SELECT key, chat_id, conversation_id FROM inbox ORDER BY id",
                "SELECT key, chat_id, thread_id FROM outbox ORDER BY id",
                "SELECT chat_id, user_id, customer_id, conversation_id FROM dialog ORDER BY chat_id",
                "SELECT name, value FROM marker WHERE name = 'max'",
            )
        ]


def words(body: str) -> str:
    """What an agent reads, without the line that says when a late message was written."""
    return re.sub("<!--.*?-->|</?div>", "", body).strip()


@pytest.mark.parametrize("schema", SCHEMAS)
@virtual
async def test_the_bridge_goes_on_where_an_older_one_was_killed(
    tmp_path: Path, schema: str
) -> None:
    bridge = Bridge(tmp_path / "new")
    await live(bridge)
    old = old_database(tmp_path, schema)
    assert what_is_known(old) == what_is_known(bridge.settings.store.path)
    for each in bridge.settings.store.path.parent.iterdir():
        each.unlink()
    shutil.copy(old, bridge.settings.store.path)

    bridge.max_line.clear()
    bridge.desk_line.clear()
    bridge.start()
    await bridge.quiet(3600)
    assert bridge.sent() == ["Добрый день", "Ответ, который ждёт"]
    assert bridge.sent(OTHER) == ["Ответ, о котором не сказали"]
    asked = ["Здравствуйте", "Вопрос, о котором не сказали", "Вопрос, который ждёт"]
    assert [words(body) for body in bridge.bodies(1)] == asked
    assert [words(body) for body in bridge.bodies(3)] == ["Первые слова Инны"]
    assert bridge.tickets() == [1, 2, 3]
    assert len(bridge.desk.state.customers) == 3

    # And everything that was begun goes on as if nothing had been.
    bridge.say("Спасибо", USER)
    bridge.reply(3, "<div>Здравствуйте, Инна</div>")
    await bridge.quiet()
    assert "Спасибо" in bridge.bodies(1)[-1]
    assert bridge.sent(THIRD) == ["Здравствуйте, Инна"]
    await bridge.stop()
