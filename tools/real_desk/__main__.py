"""``make real-desk``: plays the scenarios, prints a line for each, and counts; exit 1 when a promise broke."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import maxbridge
from real_desk import (
    scenes_administrator,
    scenes_outages,
    scenes_rebuilt,
    scenes_talk,
    scenes_tickets,
    scenes_told,
    scenes_two,
)
from real_desk.agent import PageError
from real_desk.bridge import Bridge, Toml
from real_desk.ledger import Verdict
from real_desk.play import Scenario, Stage, perform, staged
from real_desk.settings import CONTROL, IncompleteError, RealDesk

_BOT = 900_000_000


@dataclass(frozen=True, slots=True)
class _Troupe:
    """Scenarios that one bot plays, with one database.

    Attributes:
        name: Of the folder.
        settings: What is otherwise than by default.
        together: Played at the same time.
        one_by_one: Played after these.
        starts: The daemon runs from the beginning; else the scenario starts it.
    """

    name: str
    settings: Toml
    together: Sequence[Scenario] = ()
    one_by_one: Sequence[Scenario] = ()
    starts: bool = True


_TROUPES = (
    _Troupe(
        "main",
        {"tickets": {"reopen_days": 0}},
        (*scenes_talk.SCENARIOS, *scenes_tickets.SCENARIOS),
        (*scenes_outages.SCENARIOS, *scenes_rebuilt.SCENARIOS),
    ),
    _Troupe("import", {}, one_by_one=[scenes_rebuilt.IMPORT], starts=False),
    _Troupe(
        "administrator", scenes_administrator.SETTINGS, one_by_one=scenes_administrator.SCENARIOS
    ),
    _Troupe("told", scenes_told.SETTINGS, scenes_told.TOGETHER, scenes_told.SCENARIOS),
)
_NAMES = {
    one.name
    for one in (
        *scenes_two.SCENARIOS,
        *(one for troupe in _TROUPES for one in (*troupe.together, *troupe.one_by_one)),
    )
}


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line; the exit code is 69 when no desk is named."""
    parser = argparse.ArgumentParser(prog="python -m real_desk", description=__doc__)
    parser.add_argument(
        "only", nargs="*", help="names of scenarios, or words of names; default: all"
    )
    parser.add_argument(
        "--folder", type=Path, help="for databases and logs; default: a new one in /tmp"
    )
    options = parser.parse_args(argv)
    try:
        settings = RealDesk.from_environment(os.environ)
    except IncompleteError as error:
        print(error, file=sys.stderr)
        return 69
    folder = options.folder or Path(tempfile.mkdtemp(prefix="real-desk-"))
    began = time.monotonic()
    try:
        verdicts = asyncio.run(_play_all(settings, folder, options.only))
    except (OSError, LookupError, PageError, RuntimeError) as error:
        print(f"{settings.url}: {error}", file=sys.stderr)
        return 69
    return _summary(verdicts, folder, time.monotonic() - began)


async def _play_all(settings: RealDesk, folder: Path, only: Sequence[str]) -> list[Verdict]:
    def wanted(scenarios: Sequence[Scenario]) -> list[Scenario]:
        chosen = [one for one in scenarios if _is_chosen(one.name, only)]
        skipped = [one.name for one in chosen if one.outage and not settings.control]
        if skipped:
            print(f"not played, for want of {CONTROL}: {', '.join(skipped)}")
        return [one for one in chosen if one.name not in skipped]

    verdicts: list[Verdict] = []
    async with staged(settings, folder) as stage:
        print(f"maxbridge {maxbridge.__version__} at {settings.url}; {folder}", flush=True)
        bot = _BOT + stage.began % 10_000_000
        for number, troupe in enumerate(_TROUPES):
            together, one_by_one = wanted(troupe.together), wanted(troupe.one_by_one)
            if not together and not one_by_one:
                continue
            place = folder / troupe.name
            async with Bridge.opened(
                place, settings, bot=bot + number, settings=troupe.settings
            ) as bridge:
                if troupe.starts:
                    first = bridge.max.state.person(stage.new_id(), "Первый запуск")
                    await asyncio.wait_for(bridge.start_first(first), 60)
                verdicts += await _told(together, stage, bridge, at_once=True)
                for each in one_by_one:
                    verdicts += await _told([each], stage, bridge, at_once=False)
                await bridge.stop()
        if pairs := wanted(scenes_two.SCENARIOS):
            verdicts += await _two_bots(settings, folder, stage, bot + len(_TROUPES), pairs)
    return verdicts


def _is_chosen(name: str, only: Sequence[str]) -> bool:
    """Is a scenario played? A whole name means that one alone, other words all that have them in their names."""
    return not only or any(each == name or (each not in _NAMES and each in name) for each in only)


async def _two_bots(
    settings: RealDesk, folder: Path, stage: Stage, bot: int, scenarios: Sequence[Scenario]
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    async with (
        Bridge.opened(folder / "first", settings, bot=bot) as first,
        Bridge.opened(folder / "second", settings, bot=bot + 1) as second,
    ):
        for each in (first, second):
            person = each.max.state.person(stage.new_id(), "Первый запуск")
            await asyncio.wait_for(each.start_first(person), 60)
        for one in scenarios:
            verdicts += await _told([one], stage, first, at_once=False, beside=[second])
        for each in (first, second):
            await each.stop()
    return verdicts


async def _told(
    scenarios: Sequence[Scenario],
    stage: Stage,
    bridge: Bridge,
    *,
    at_once: bool,
    beside: Sequence[Bridge] = (),
) -> list[Verdict]:
    if not scenarios:
        return []
    bridges = (bridge, *beside)
    before = sum(each.kills for each in bridges)
    verdicts = await perform(scenarios, stage, bridge, at_once=at_once, beside=beside)
    kills = sum(each.kills for each in bridges) - before
    for each in verdicts:
        killed = f", {kills} kills" if kills else ""
        print(
            f"{'ok  ' if each.good else 'FAIL'} {each} ({each.seconds:.0f} s{killed})", flush=True
        )
        print(f"       {each.promise}", flush=True)
    return verdicts


def _summary(verdicts: Sequence[Verdict], folder: Path, seconds: float) -> int:
    counts = {
        "to the desk": sum(each.messages for each in verdicts),
        "to MAX": sum(each.replies for each in verdicts),
        "inside": sum(each.inside for each in verdicts),
        **{kind: sum(len(getattr(each, kind)) for each in verdicts) for kind in Verdict.KINDS},
    }
    print(", ".join(f"{name} {count}" for name, count in counts.items()))
    bad = [each for each in verdicts if not each.good]
    print(f"{len(verdicts) - len(bad)} passed, {len(bad)} failed; {seconds:.0f} s; {folder}")
    return 1 if bad or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
