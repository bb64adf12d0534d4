"""Short runs of the simulation in which the disk does its worst at one call, once for every call that there is.

SQLite asks its files for a few hundred things in such a run: so many writes and syncs a commit. At each of them
the process is killed, the power is cut, the call fails, or there is no room; then the program goes on with what the
disk has, and every promise is counted to the end. By hand: ``make disk-calls``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crash.simulation import CALM, AtCall, Outcome, Profile, simulate

WORST = ("killed", "power cut", "error", "full")

_QUIET = Profile(customers=1, actions=10, distance=6.0, **CALM)
COURSES: Mapping[str, tuple[int, Profile]] = {
    "quiet": (36, _QUIET),
    "bad lines": (15, replace(_QUIET, customers=2, storms=1.0)),
    "another plan": (6, replace(_QUIET, customers=2, actions=16, storms=1.0)),
}
"""Seed and profile of each: together they have every named commit but ``outbox.give_up``, which no bad line leads to."""


@dataclass(slots=True)
class Sweep:
    """What became of one course.

    Attributes:
        calls: That there are in it, when nothing goes wrong with the disk.
        tried: Runs, by what the disk did.
        restarts: How often the program could not go on with its disk, and was started again.
        broken: Each run that broke a promise: at which call, what the disk did, and the verdict.
    """

    calls: int
    tried: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    broken: list[tuple[AtCall, str]] = field(default_factory=list)


def sweep(
    course: str,
    *,
    every: int = 1,
    worst: Sequence[str] = WORST,
    bug: str = "",
    first: bool = False,
) -> Sweep:
    """Live through a course again and again, each time with something else wrong.

    Args:
        course: Its name.
        every: Take each n-th call, beginning with another one for each thing that the disk does.
        worst: What the disk does, of :data:`WORST`.
        bug: To be noticed, see :mod:`crash.bugs`.
        first: End with the first run that breaks a promise.
    """
    seed, profile = COURSES[course]
    done = Sweep(simulate(seed, profile, bug=bug).calls)
    for at_call in _calls(done.calls, every, worst):
        outcome = simulate(seed, profile, bug=bug, at_call=at_call)
        done.tried[at_call.what] += 1
        done.restarts += outcome.restarts
        if not (outcome.verdict.good and _happened(outcome, at_call)):
            done.broken.append((at_call, str(outcome.verdict)))
            if first:
                break
    return done


def _calls(most: int, every: int, worst: Sequence[str]) -> Iterator[AtCall]:
    for place, what in enumerate(worst):
        for number in range(1 + place * every // len(worst), most + 1, every):
            yield AtCall(number, what)


def _happened(outcome: Outcome, at_call: AtCall) -> bool:
    """A run in which nothing went wrong proves nothing."""
    if at_call.what in ("error", "full"):
        return outcome.faults[f"disk: {at_call.what}"] > 0
    return outcome.died == 1 and outcome.without_power == (at_call.what == "power cut")


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep by hand; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m crash.every_call", description=__doc__)
    parser.add_argument("--course", action="append", choices=COURSES, help="all by default")
    parser.add_argument("--every", type=int, default=1, help="take each n-th call")
    options = parser.parse_args(argv)
    good = True
    for course in options.course or COURSES:
        began = time.process_time()
        done = sweep(course, every=options.every)
        for at_call, verdict in done.broken:
            print(f"{course}, call {at_call.number}, {at_call.what}: {verdict}")
        tried = ", ".join(f"{number} {what}" for what, number in done.tried.items())
        print(
            f"{course}: {done.calls} calls; {tried}; {done.restarts} restarts, "
            f"{len(done.broken)} broken; {time.process_time() - began:.0f} s of CPU",
            flush=True,
        )
        good = good and not done.broken
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
