"""Random traffic over bad lines, backups at random moments, restored at random: everything once."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from bridge import OTHER, USER, Bridge, running
from file_samples import JPEG, PDF
from maxbridge.store.backup import back_up
from maxbridge.store.restore import commit, replacing
from virtual_time import virtual

SEEDS = int(os.environ.get("SEEDS", "2"))
"""More by hand: SEEDS=20 pytest --timeout 300 tests/workers/test_restore_at_random.py"""
PEOPLE = (USER, OTHER, OTHER + 1, OTHER + 2)


class World:
    """People who write and answer, each time a word of its own."""

    def __init__(self, bridge: Bridge, rng: Random) -> None:
        self.bridge = bridge
        self.rng = rng
        self.said: Counter[str] = Counter()
        self.replied: Counter[str] = Counter()
        self.number = 0

    def act(self) -> None:
        """One thing that somebody does."""
        bridge, rng = self.bridge, self.rng
        self.number += 1
        tickets = bridge.tickets()
        what = rng.choice(("say", "say", "say", "reply", "reply", "long", "file", "close", "edit"))
        if what == "say" or not tickets:
            word = f"вопрос{self.number}"
            self.said[word] += 1
            extra = (
                {"attachments": [bridge.max.state.attach("image", JPEG, "b.jpg")]}
                if rng.random() < 0.2
                else {}
            )
            bridge.say(word, rng.choice(PEOPLE), **extra)
        elif what == "close":
            chosen = rng.choice(tickets)
            if bridge.desk.state.conversations[chosen].status != "closed":
                bridge.desk.state.set_status(chosen, "closed")
        elif what == "edit":
            mine = [each for each in bridge.desk.state.threads.values() if each.type == "message"]
            if mine:
                # Words of the same number stay; an edit is no delivery of its own.
                thread = rng.choice(mine)
                bridge.desk.state.edit_thread(thread.id, (thread.body or "") + "<p>правка</p>")
        else:
            word = f"ответ{self.number}"
            self.replied[word] += 1
            html = f"<div>{word}</div>" + ("<p>я</p>" * 3000 if what == "long" else "")
            files = [("Счёт.pdf", "application/pdf", PDF)] if what == "file" else []
            bridge.reply(rng.choice(tickets), html, attachments=files)

    def spoil(self) -> None:
        """A fault or two on either line."""
        kind = self.rng.choice(("drop_before", "drop_after", "refuse"))
        spoil = self.rng.choice((self.bridge.break_max, self.bridge.break_desk))
        spoil(kind, method="POST", times=self.rng.randint(1, 3))

    def at_the_desk(self) -> Counter[str]:
        """Customers' words in all tickets."""
        return Counter(
            body.split("</div>")[0].removeprefix("<div>").split("<")[0].strip()
            for ticket in self.bridge.tickets()
            for body in self.bridge.bodies(ticket)
        )

    def at_max(self) -> Counter[str]:
        """First words of what customers got."""
        return Counter(
            text.split()[0]
            for user in PEOPLE
            for text in self.bridge.sent(user)
            if text.startswith("ответ")
        )


async def settled(bridge: Bridge) -> None:
    await bridge.quiet(3000.0)
    await asyncio.sleep(200.0)
    await bridge.quiet(3000.0)


@pytest.mark.parametrize("seed", range(SEEDS))
@virtual
async def test_everything_arrives_once_whatever_is_restored(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    async with running(tmp_path, seed=seed) as bridge:
        bridge.max.state.queue.keep_acknowledged = bool(seed % 2)
        for person in PEOPLE[1:]:
            bridge.max.state.person(person, f"Имя{person}")
        world = World(bridge, rng)
        path = bridge.settings.store.path
        copies: list[Path] = []
        for _ in range(2):
            for _ in range(12):
                world.act()
                if rng.random() < 0.2:
                    world.spoil()
                if rng.random() < 0.2:
                    copies.append(tmp_path / f"{len(copies)}.db")
                    back_up(path, copies[-1], overwrite=False, now=bridge.our_now())
                await asyncio.sleep(rng.choice((0.3, 2.0, 20.0, 60.0)))
            # What MAX has forgotten and no ticket has is nobody's to tell (docs/reliability.md).
            await settled(bridge)
            await (bridge.stop() if rng.random() < 0.5 else bridge.kill())
            await asyncio.sleep(rng.choice((1.0, 60.0, 4000.0)))
            world.act()
            if copies:
                with replacing(rng.choice(copies), path) as ready:
                    commit(ready, bridge.our_now())
            bridge.start()
            await settled(bridge)
            assert bridge.journal is not None
            assert not bridge.journal.health.snapshot().held
            assert world.at_the_desk() == world.said
            assert world.at_max() == world.replied
