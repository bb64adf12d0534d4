"""A host that comes back after another one has taken its bot over: it notices, and does nothing twice."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

from bridge import OTHER, Bridge, running
from maxbridge.core.errors import ConfigError
from maxbridge.sim.faults import Fault
from maxbridge.store.backup import back_up
from maxbridge.store.restore import commit, replacing
from maxbridge.store.restored import ABSENCE
from virtual_time import virtual


def move(bridge: Bridge, path: Path) -> None:
    """The same bot, on another host's disk."""
    settings = bridge.settings
    bridge.settings = replace(settings, store=replace(settings.store, path=path))


def take_over(bridge: Bridge, path: Path) -> None:
    """What ``restore`` does, on a host with a disk of its own."""
    path.parent.mkdir(exist_ok=True)
    copy = path.with_name("copy.db")
    back_up(bridge.settings.store.path, copy, overwrite=True, now=bridge.our_now())
    move(bridge, path)
    with replacing(copy, path) as ready:
        commit(ready, bridge.our_now())


async def at_rest(bridge: Bridge) -> None:
    await bridge.quiet()
    await asyncio.sleep(200.0)
    await bridge.quiet()


def polled(bridge: Bridge) -> float:
    with sqlite3.connect(bridge.settings.store.path) as database:
        (at,) = database.execute("SELECT updated_at FROM marker WHERE name = 'max'").fetchone()
    database.close()
    return float(at)


async def taken_over(bridge: Bridge, folder: Path) -> tuple[Path, Path]:
    """The first host has served a customer and died, who writes to the second one; gives both databases."""
    first, second = bridge.settings.store.path, folder / "second" / "maxbridge.db"
    bridge.say("при первом")
    await bridge.until(bridge.tickets)
    await at_rest(bridge)
    await bridge.kill()
    take_over(bridge, second)
    bridge.start()
    bridge.say("при втором")
    return first, second


@virtual
async def test_the_old_host_that_comes_back_stops_and_takes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, second_host="yes") as bridge:
        first, second = await taken_over(bridge, tmp_path)
        bridge.max.state.person(OTHER, "Олег")
        bridge.reply(1, "<div>от второго</div>")
        await at_rest(bridge)
        sent, threads = bridge.sent(), len(bridge.desk.state.threads)
        await bridge.stop()

        # Power is back at the first one while people write and are answered.
        bridge.say("пока оба", OTHER)
        bridge.reply(1, "<div>ждёт второго</div>")
        move(bridge, first)
        before = polled(bridge)
        bridge.start()
        why = await bridge.failed()
        assert isinstance(why, ConfigError)
        assert "another host has served this bot" in str(why)
        assert "restore --from-replica" in str(why)
        assert (bridge.sent(), len(bridge.desk.state.threads)) == (sent, threads + 1)
        assert polled(bridge) == before, "what waits at MAX is the other host's"
        # It stays so, however often systemd or a person starts it.
        bridge.start()
        assert isinstance(await bridge.failed(), ConfigError)

        # The second one has missed nothing.
        move(bridge, second)
        bridge.start()
        await at_rest(bridge)
        assert len(bridge.tickets()) == 2
        assert len(bridge.sent()) == len(sent) + 1
        await bridge.stop()

        # The way back: the first one's own database is set aside.
        bridge.say("снова первый")
        take_over(bridge, first)
        bridge.start()
        await at_rest(bridge)
        said = [each for ticket in bridge.tickets() for each in bridge.bodies(ticket)]
        for words in ("при первом", "при втором", "пока оба", "снова первый"):
            assert len([each for each in said if words in each]) == 1, words
        assert len(bridge.sent()) == len(sent) + 1


@virtual
async def test_a_host_that_was_away_alone_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, second_host="yes") as bridge:
        bridge.say("до перерыва")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>до перерыва</div>")
        await at_rest(bridge)
        await bridge.stop()
        bridge.say("в перерыве")
        bridge.reply(1, "<div>в перерыве</div>")
        await asyncio.sleep(ABSENCE + 60.0)
        bridge.start()
        await at_rest(bridge)
        assert len(bridge.bodies(1)) == 2
        assert len(bridge.sent()) == 2
        assert bridge.journal is not None
        assert bridge.journal.health.snapshot().gap is None, "nothing was restored"
        await bridge.stop()
        # A restart asks nobody.
        bridge.start()
        assert bridge.daemon is not None
        await asyncio.sleep(1.0)
        assert not bridge.daemon.recovery.returned


@virtual
async def test_while_freescout_is_away_a_host_that_was_away_takes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, second_host="yes") as bridge:
        bridge.say("до")
        await bridge.until(bridge.tickets)
        await at_rest(bridge)
        await bridge.stop()
        await asyncio.sleep(ABSENCE + 60.0)
        bridge.desk_line.add(Fault("refuse", times=None))
        bridge.say("после")
        before = polled(bridge)
        bridge.start()
        await asyncio.sleep(900.0)
        assert polled(bridge) == before
        assert bridge.daemon is not None
        assert not bridge.daemon.watch.stuck
        bridge.desk_line.clear()
        await at_rest(bridge)
        assert len(bridge.bodies(1)) == 2


@virtual
async def test_a_host_whose_successor_is_gone_for_good_goes_on_with_what_it_has(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, second_host="yes") as bridge:
        first, _second = await taken_over(bridge, tmp_path)
        bridge.reply(1, "<div>от второго</div>")
        await at_rest(bridge)
        await bridge.kill()
        # The second one is gone with its disk; the first one's database is a backup by now.
        bridge.reply(1, "<div>никем не отправлен</div>")
        move(bridge, first)
        bridge.start()
        assert isinstance(await bridge.failed(), ConfigError)
        take_over(bridge, first)
        bridge.start()
        await at_rest(bridge)
        said = [each for ticket in bridge.tickets() for each in bridge.bodies(ticket)]
        assert len([each for each in said if "при втором" in each]) == 1
        assert len(bridge.sent()) == 2


@virtual
async def test_a_message_in_several_threads_is_no_other_hosts_work(tmp_path: Path) -> None:
    async with running(tmp_path, second_host="yes", max_request_mb=1) as bridge:
        bridge.say("до перерыва")
        await bridge.until(bridge.tickets)
        await at_rest(bridge)
        attach = bridge.max.state.attach
        files = [attach("file", bytes([number]) * 400_000, f"{number}.bin") for number in range(5)]
        bridge.say("файлы", attachments=files)
        await bridge.until(lambda: len(bridge.bodies(1)) == 6)
        await bridge.stop()
        await asyncio.sleep(ABSENCE + 60.0)
        bridge.start()
        await at_rest(bridge)
        bridge.say("после перерыва")
        await bridge.until(lambda: len(bridge.bodies(1)) == 7)


@virtual
async def test_an_old_ticket_cloned_while_a_host_is_away_is_no_other_hosts_work(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, second_host="yes") as bridge:
        bridge.say("давно")
        await bridge.until(bridge.tickets)
        await at_rest(bridge)
        await bridge.stop()
        await asyncio.sleep(2 * 86400.0)
        bridge.start()  # it polls once more, and is away again
        await at_rest(bridge)
        await bridge.stop()
        with sqlite3.connect(bridge.settings.store.path) as database:
            # As after a month: the ids of what was delivered are forgotten.
            assert database.execute("DELETE FROM inbox").rowcount == 1
        database.close()
        clone = bridge.desk.state.clone(1)
        await asyncio.sleep(ABSENCE + 60.0)
        bridge.start()
        await at_rest(bridge)
        bridge.reply(clone, "<div>по старому вопросу</div>")
        await at_rest(bridge)
        assert bridge.sent() == ["по старому вопросу"]


@virtual
async def test_who_says_that_there_is_no_second_host_any_more_is_obeyed(tmp_path: Path) -> None:
    async with running(tmp_path, second_host="yes") as bridge:
        first, _second = await taken_over(bridge, tmp_path)
        await at_rest(bridge)
        bridge.break_max("status", status=400, method="POST", path="/messages", times=None)
        bridge.reply(1, "<div>такой ответ MAX не берёт</div>")
        await bridge.until(lambda: bridge.bodies(1, "note"), 3600.0)
        bridge.max_line.clear()
        await bridge.kill()
        bridge.say("пока никто")
        move(bridge, first)
        bridge.start()
        assert isinstance(await bridge.failed(), ConfigError)
        # Whoever takes the setting out has decided that this one goes on; it must not take messages and stop.
        store = replace(bridge.settings.store, second_host="no")
        bridge.settings = replace(bridge.settings, store=store)
        bridge.start()
        await at_rest(bridge)
        said = [each for ticket in bridge.tickets() for each in bridge.bodies(ticket)]
        for words in ("при первом", "при втором", "пока никто"):
            assert len([each for each in said if words in each]) == 1, words
