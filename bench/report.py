"""Tables of a run's results, for a terminal and for docs/performance.md."""

from __future__ import annotations

from pathlib import Path

from tabulate import tabulate

from bench.contenders.names import BARE, MAXBRIDGE
from bench.results import METRICS, Measured, Results

PICTURES = ("backlog", "steady", "latency", "growth")
"""Cases that are drawn (bench/plots.py)."""
_RATIOS = ("rate", "seconds", "p50_ms", "cpu_ms", "peak_mib")
"""Metrics for which maxbridge is set against the bare script; the first one measured is shown."""


def table(results: Results, case: str, *, style: str = "simple") -> str:
    """One case: medians, and in brackets the smallest and largest of the rounds."""
    rows = results.of(case)
    shown = [name for name in METRICS if any(each.values(name) for each in rows)]
    compared = any(each.contender == BARE for each in rows)
    heads = ["", "", *(METRICS[name] for name in shown), *(["c / a"] if compared else [])]
    body = []
    variant = None
    for each in rows:
        name = "" if each.variant == variant else each.variant
        variant = each.variant
        cells = [_cell(each, metric) for metric in shown]
        body.append([name, each.contender, *cells, *([_ratio(results, each)] if compared else [])])
    return tabulate(body, heads, tablefmt=style, disable_numparse=True)


def _ratio(results: Results, measured: Measured) -> str:
    if measured.contender != MAXBRIDGE:
        return ""
    for metric in _RATIOS:
        ratio = results.ratio(measured, metric, BARE)
        if ratio is not None:
            return f"{ratio:.2f}"
    return ""


def _cell(measured: Measured, metric: str) -> str:
    median, spread = measured.median(metric), measured.spread(metric)
    if median is None or spread is None:
        return ""
    low, high = spread
    if len(measured.samples) == 1 or _number(low) == _number(high):
        return _number(median)
    return f"{_number(median)} ({_number(low)}–{_number(high)})"


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return (
        f"{value:.0f}"
        if abs(value) >= 100
        else f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.2f}"
    )


def whole(results: Results) -> str:
    """All cases, for a terminal."""
    head = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    parts = [
        f"{head}\nrounds: {results.rounds}{', quick: figures mean little' if results.quick else ''}"
    ]
    parts += [f"{case}\n{table(results, case)}" for case in results.cases()]
    return "\n\n".join(parts)


def markdown(results: Results) -> str:
    """What stands between the marks in docs/performance.md."""
    machine = "\n".join(f"- {name}: {value}" for name, value in results.machine.items())
    parts = [f"Medians of {results.rounds} rounds, smallest and largest in brackets.\n\n{machine}"]
    for case in results.cases():
        note = results.notes.get(case, "")
        picture = f"\n\n![{case}](performance/{case}.svg)" if case in PICTURES else ""
        parts.append(f"### {case}\n\n{note}{picture}\n\n{table(results, case, style='github')}")
    return "\n\n".join(parts)


BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def into(path: Path, results: Results) -> None:
    """Put the tables between the marks of a document.

    Raises:
        ValueError: The document has no such marks.
    """
    before, _, rest = path.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{path}: {BEGIN} and {END} are missing")
    path.write_text(f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}")
