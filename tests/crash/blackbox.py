"""Kills the real daemon again and again while both directions are busy and both lines are bad, then counts.

By hand, with any seeds: ``make crash SEEDS=1-20`` or ``python -m crash.blackbox --help``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crash.clock import FastClock, bearable
from crash.course import Plan, Run
from crash.ledger import Verdict
from crash.processes import Fresh, Nursery, Starter
from crash.world import World

SPEED = 40.0


@dataclass(slots=True)
class Outcome:
    """One run."""

    seed: int
    folder: Path
    verdict: Verdict
    kills: int = 0
    stops: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of ours."""

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.verdict}; {self.kills} kills, {self.stops} stops, "
            f"{self.faults.total()} faults, {self.seconds:.0f} s; {self.folder}"
        )


async def run_seed(
    seed: int, folder: Path, clock: FastClock, starter: Starter, plan: Plan
) -> Outcome:
    """Live through one seed."""
    began = time.monotonic()
    outcome = Outcome(seed, folder, Verdict())
    async with World(folder, clock, starter, bug=plan.bug).opened(seed) as world:
        run = Run(seed, world, plan)
        try:
            outcome.verdict = await run.live()
        except AssertionError as error:
            # It ended by itself, or never came to rest: nothing can be counted then.
            outcome.verdict.wrong.append(str(error))
        outcome.kills, outcome.stops, outcome.points = world.kills, world.stops, run.points
        for end in (world.max, world.desk):
            outcome.faults.update(await end("injected"))
        outcome.faults["refused for a while"] = run.doors
    outcome.seconds = time.monotonic() - began
    (folder / "outcome.txt").write_text(f"{outcome}\n")
    return outcome


# --- many seeds ------------------------------------------------------------------------------------


def run_many(
    plans: Mapping[int, Plan],
    folder: Path,
    *,
    speed: float = SPEED,
    at_once: int = 4,
    fresh: bool = False,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> dict[int, Outcome]:
    """Live through several seeds, some at the same time.

    Args:
        plans: By seed, how hard.
        folder: For a folder of each.
        speed: See :class:`FastClock`; less on a busy machine.
        at_once: How many at the same time.
        fresh: Start the installed command anew for each life instead of forking.
        tell: Called with each outcome.
    """
    clock = FastClock(bearable(speed))

    async def run() -> dict[int, Outcome]:
        places = asyncio.Semaphore(at_once)
        starter: Starter = Fresh() if fresh else await Nursery.open(clock)

        async def one(seed: int, plan: Plan) -> Outcome:
            async with places:
                outcome = await run_seed(seed, folder / f"seed-{seed}", clock, starter, plan)
            tell(outcome)
            return outcome

        try:
            async with asyncio.TaskGroup() as tasks:
                runs = {seed: tasks.create_task(one(seed, plan)) for seed, plan in plans.items()}
        finally:
            await starter.close()
        return {seed: task.result() for seed, task in runs.items()}

    with asyncio.Runner(loop_factory=clock.loop) as runner:
        return runner.run(run())


def main(argv: Sequence[str] | None = None) -> int:
    """Run seeds by hand; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m crash.blackbox", description=__doc__)
    parser.add_argument("--seeds", default="1-10", help="as 7 or 1-20 or 3,5,8")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/crash"), help="for the histories"
    )
    parser.add_argument("--actions", type=int, default=Plan().actions, help="of people, a run")
    parser.add_argument("--deaths", type=int, default=Plan().deaths, help="kills and stops, a run")
    parser.add_argument("--customers", type=int, default=Plan().customers)
    parser.add_argument("--life", type=float, default=Plan().life, help="longest, in seconds")
    parser.add_argument("--speed", type=float, default=SPEED, help="world seconds in one of ours")
    parser.add_argument("--at-once", type=int, default=4, help="runs at the same time")
    parser.add_argument("--fresh", action="store_true", help="a new interpreter for each life")
    parser.add_argument("--bug", default="", help="a deliberate bug, see crash/bugs.py")
    options = parser.parse_args(argv)
    plan = Plan(
        options.actions, options.deaths, options.customers, life=options.life, bug=options.bug
    )
    began = time.monotonic()
    outcomes = run_many(
        dict.fromkeys(numbers(options.seeds), plan),
        options.folder / time.strftime("%Y%m%d-%H%M%S"),
        speed=options.speed,
        at_once=options.at_once,
        fresh=options.fresh,
        tell=lambda each: print(each, flush=True),
    )
    print(_table(list(outcomes.values()), time.monotonic() - began))
    return 0 if all(each.verdict.good for each in outcomes.values()) else 1


def numbers(text: str) -> list[int]:
    """Seeds, as 7 or 1-20 or 3,5,8."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _table(outcomes: Sequence[Outcome], seconds: float) -> str:
    """The sum of all runs, as the table in docs/testing.md has it."""
    verdicts = [each.verdict for each in outcomes]
    names = (
        "lost",
        "doubled",
        "disordered",
        "misdirected",
        "leaked",
        "wrong",
        "held",
        "left_behind",
    )
    faults = sum((each.faults for each in outcomes), Counter[str]())
    points = sum((each.points for each in outcomes), Counter[str]())
    rows = {
        "seeds": len(outcomes),
        "kills": sum(each.kills for each in outcomes),
        "of these at named points": points.total(),
        "proper stops": sum(each.stops for each in outcomes),
        "faults": faults.total(),
        "messages": sum(each.messages for each in verdicts),
        "replies": sum(each.replies for each in verdicts),
        **{name: sum(len(getattr(each, name)) for each in verdicts) for name in names},
        "wall time, s": round(seconds),
    }
    lines = [f"{name:26} {value}" for name, value in rows.items()]
    lines += [f"  {kind:24} {many}" for kind, many in sorted(faults.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
