"""A life of the bridge that ends in the middle of everything; played by this program and by older ones.

``tests/data/schemas/*.sql`` are what older programs had on disk at its end. Whoever changes this life
cannot play it there any more, so it stays as it is; the readme beside the dumps says how they were made.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from bridge import OTHER, Bridge
from maxbridge.observe import log
from virtual_time import run

THIRD = 410000019
THREADS = "/api/conversations/*/threads"


async def live(bridge: Bridge) -> None:
    """Two tickets with a talk each; then both ends go away, at the worst moments, and we are killed.

    People act at fixed times: so their words have the same ids however fast a bridge is.
    """
    bridge.max.state.person(OTHER, "Олег", "Пробный")
    bridge.max.state.person(THIRD, "Инна", "Новая")
    bridge.start()
    await _at(10)
    bridge.say("Здравствуйте")
    await _at(20)
    bridge.reply(1, "<div>Добрый день</div>")
    await _at(100)
    bridge.say("Вопрос Олега", OTHER)

    # It reaches the customer, but we are not told.
    await _at(200)
    bridge.break_max("drop_after", method="POST", path="/messages")
    bridge.break_max("refuse", path="/messages", times=None)
    bridge.reply(2, "<div>Ответ, о котором не сказали</div>")
    await bridge.until(lambda: bridge.sent(OTHER), step=0.01)
    await _at(300)
    bridge.reply(1, "<div>Ответ, который ждёт</div>")

    # It reaches the desk, but we are not told.
    await _at(400)
    bridge.break_desk("drop_after", method="POST", path=THREADS)
    bridge.say("Вопрос, о котором не сказали")
    await bridge.until(lambda: len(bridge.bodies(1)) == 2, step=0.01)
    bridge.break_desk("refuse", times=None)
    await _at(420)
    bridge.say("Вопрос, который ждёт")
    bridge.say("Первые слова Инны", THIRD)
    await _at(440)
    await bridge.kill()


async def _at(moment: float) -> None:
    await asyncio.sleep(moment - asyncio.get_running_loop().time())


def dump(database: Path) -> str:
    """The database as SQL."""
    with closing(sqlite3.connect(database)) as connection, connection:
        return "\n".join(connection.iterdump()) + "\n"


def main() -> None:
    """Play it and print what is on disk at its end."""
    with tempfile.TemporaryDirectory() as folder:
        run(_lived(Path(folder)))
        print(dump(Path(folder) / "maxbridge.db"), end="")  # noqa: T201 - that is its job


async def _lived(folder: Path) -> None:
    log.configure(level="error", form="console")
    await live(Bridge(folder))


if __name__ == "__main__":
    main()
