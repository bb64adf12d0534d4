"""``make explore``: every state of small worlds, and every weakened rule with its counter-example.

python -m explore                 all worlds, then all weakened rules; takes minutes
python -m explore --small         the worlds of the tests
python -m explore NAME ...        worlds or weakened rules by name
python -m explore --list          their names
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from explore.laws import PROMISES
from explore.rules import WEAKENED
from explore.scenarios import LARGE, LIMITS, SMALL
from explore.search import Found, explore, tell
from explore.world import Scenario

_ROW = "{:28} {:8} {:>9} {:>10} {:>6} {:>8}  {}"


def main(arguments: Sequence[str]) -> int:
    """Explore what is named.

    Returns:
        1 where a world breaks a promise, or where a weakened rule is not found out.
    """
    names = [each for each in arguments if not each.startswith("--")]
    limits = [each for each, _ in LIMITS]
    known = {each.name for each in (*LARGE, *limits)} | {each.name for each in WEAKENED}
    unknown = [each for each in names if each not in known]
    if unknown:
        raise SystemExit(f"No such world or rule: {', '.join(unknown)}. Their names: --list")
    if "--list" in arguments:
        for scenario in (*LARGE, *limits):
            print(f"{scenario.name:28} {scenario.says}")
        for weak in WEAKENED:
            print(f"{weak.name:28} weakened: {weak.says}")
        return 0
    worlds = SMALL if "--small" in arguments else LARGE
    bad = _worlds([each for each in worlds if not names or each.name in names])
    bad += _limits([each for each in LIMITS if not names or each[0].name in names])
    for weak in WEAKENED:
        if not names or weak.name in names:
            print(f"\nWeakened: {weak.says}")
            found = explore(weak.scenario, weak.rules, laws=PROMISES)
            bad += weak.wrong not in found.wrong
            _tell(weak.scenario, found)
    return 1 if bad else 0


def _worlds(scenarios: Sequence[Scenario]) -> int:
    if not scenarios:
        return 0
    print(_ROW.format("World", "Way", "States", "Moves", "Depth", "Seconds", "What is in it"))
    began, states, moves, bad = time.process_time(), 0, 0, 0
    for scenario in scenarios:
        found = explore(scenario)
        states, moves = states + found.states, moves + found.moves
        _figures(scenario, found)
        if found.wrong:
            bad += 1
            _tell(scenario, found)
    seconds = f"{time.process_time() - began:.1f}"
    print(_ROW.format("All", "", f"{states:,}", f"{moves:,}", "", seconds, ""))
    return bad


def _limits(limits: Sequence[tuple[Scenario, str]]) -> int:
    bad = 0
    for scenario, wrong in limits:
        print(f"\nWhat cannot be promised: {scenario.says}")
        found = explore(scenario, laws=PROMISES)
        bad += wrong not in found.wrong
        _tell(scenario, found)
    return bad


def _figures(scenario: Scenario, found: Found) -> None:
    way = {"in": "to desk", "out": "to MAX"}[scenario.to]
    states, moves = f"{found.states:,}", f"{found.moves:,}"
    seconds = f"{found.seconds:.1f}"
    print(_ROW.format(scenario.name, way, states, moves, found.depth, seconds, scenario.says))


def _tell(scenario: Scenario, found: Found) -> None:
    print("\n".join(tell(scenario, found)) if found.wrong else "   → nothing was found")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
