"""The disk of a bridge dies, and ``relink`` makes the database anew."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from bridge import Bridge
from maxbridge import wiring
from maxbridge.i18n import CATALOGUE
from maxbridge.store.store import Store
from maxbridge.takeover.relink import Plan, Sums, Words, carry_out, look_for_talks


def lose(bridge: Bridge) -> None:
    """The disk died; the desk and MAX know everything still."""
    path = bridge.settings.store.path
    for each in path.parent.glob(f"{path.name}*"):
        if each.is_dir():
            shutil.rmtree(each)  # files that were on their way
        else:
            each.unlink()


async def look(bridge: Bridge, since: float | None = None) -> Plan:
    texts, path = bridge.settings.texts, bridge.settings.store.path

    def linked(ids: Collection[int]) -> Collection[int]:
        if not path.exists():
            return ()
        journal = Store(path)
        try:
            return journal.tickets.ever_known(ids)
        finally:
            journal.close()

    words = Words(
        CATALOGUE[texts.language],
        texts.signature,
        texts.greeting,
        linked,
        (texts.privacy, texts.accepted, texts.away, texts.closed),
    )
    ends = bridge.ends()
    try:
        return await look_for_talks(
            ends.max, ends.desk, words, since=since, progress=lambda *_: None
        )
    finally:
        await ends.close()


async def relink(bridge: Bridge, since: float | None = None) -> tuple[Plan, Sums]:
    plan = await look(bridge, since)
    journal = Store(bridge.settings.store.path)
    try:
        return plan, carry_out(wiring.takeover(journal), plan, bridge.our_now)
    finally:
        journal.close()
