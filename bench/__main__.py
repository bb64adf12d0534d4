"""``python -m bench [CASE …]``: runs the cases in turn, contenders interleaved, and reports."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import budgets, machine, report
from bench.cases import Case, Scale, all_cases
from bench.contenders.names import BARE, MAXBRIDGE
from bench.results import Results


def main() -> int:
    """Parse, run, print."""
    cases = all_cases()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("case", nargs="*", choices=[[], *cases], help="default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a sanity run of about two minutes")
    parser.add_argument(
        "--budgets",
        type=Path,
        metavar="KEPT",
        help="measure what has a budget, in some minutes, and set it against the results in this file",
    )
    parser.add_argument("--keep", action="store_true", help="keep the results of --budgets there")
    parser.add_argument("--only", default="", help="only contenders whose name begins so, as a,c")
    parser.add_argument("--variant", default="", help="only variants with this in their name")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument(
        "--plots", type=Path, help="write plots into this folder (needs matplotlib)"
    )
    parser.add_argument("--doc", type=Path, help="put the tables between the marks of this file")
    parser.add_argument(
        "--load", type=Path, nargs="+", help="measure nothing; report what these files hold"
    )
    options = parser.parse_args()
    if options.budgets:
        return _budgets(options, cases)
    if options.load:
        results = Results.of_runs([json.loads(each.read_text()) for each in options.load])
        print(report.whole(results))
        if options.json:
            _write(options.json, results)
    else:
        results = _measured(options, cases)
    if options.plots:
        from bench import plots  # noqa: PLC0415 - matplotlib is an extra

        plots.draw(results, options.plots)
    if options.doc:
        report.into(options.doc, results)
    return 0


def _budgets(options: argparse.Namespace, cases: dict[str, Case]) -> int:
    """Measure what has a budget, small; say what is kept, and what is another thing than it was."""
    path: Path = options.budgets
    results = Results(machine.describe(), options.rounds, quick=True)
    results.machine["load before"] = f"{machine.load():.2f}"
    for name in budgets.CASES:
        lines = budgets.lines(name)
        _run(cases[name], results, Scale(quick=True), (BARE, MAXBRIDGE, budgets.PROCESS), lines)
    kept = Results.from_json(json.loads(path.read_text())) if path.exists() else None
    print(budgets.table(results, kept))
    print(f"load {results.machine['load before']} before, {machine.load():.2f} after")
    if options.keep:
        _write(path, results)
    return 0


def _measured(options: argparse.Namespace, cases: dict[str, Case]) -> Results:
    rounds = 1 if options.quick else options.rounds
    results = Results(machine.describe(), rounds, options.quick)
    results.machine["load before"] = f"{machine.load():.2f}"
    chosen = [cases[name] for name in options.case] or list(cases.values())
    for case in chosen:
        only = tuple(options.only.split(",")) if options.only else ("",)
        _run(case, results, Scale(options.quick), only, (options.variant,))
        print(f"\n{case.name}\n{report.table(results, case.name)}", flush=True)
        if options.json:  # after every case: a run of an hour may be broken off
            _write(options.json, results)
    return results


def _write(path: Path, results: Results) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results.to_json(), ensure_ascii=False, indent=1) + "\n")


def _run(
    case: Case, results: Results, scale: Scale, only: tuple[str, ...], named: Sequence[str]
) -> None:
    results.notes[case.name] = case.note
    lines = [each for each in case.variants(scale) if any(one in each.name for one in named)]
    for number in range(results.rounds):
        for line in lines:
            for contender in line.contenders:
                if not contender.startswith(only):
                    continue
                began = time.perf_counter()
                results.add(case.name, line.name, contender, line.measure(contender))
                took = time.perf_counter() - began
                where = f"{case.name}, {line.name}, {contender}"
                print(f"round {number + 1}: {where}: {took:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
