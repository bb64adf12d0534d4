"""Plots of a run's results, small SVG files for docs/performance.md. Needs the extra ``bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from bench.contenders.names import ALL
from bench.report import PICTURES
from bench.results import METRICS, Measured, Results

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "maxbridge"  # the same figures make the same file
mpl.rcParams["svg.fonttype"] = "none"
mpl.rcParams["font.size"] = 9

_COLOURS = dict(zip(ALL, ("#9aa5b1", "#d9822b", "#1f6feb"), strict=True))
_DRAWN = {"backlog": "rate", "latency": "rate", "steady": "p95_ms"}
_GROWTH = ("cpu_ms", "in_cpu_ms", "out_cpu_ms", "status_s", "tidy_s")


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw every case that has a picture and was measured; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for case in PICTURES:
        if case in results.cases():
            figure = _growth(results) if case == "growth" else _bars(results, case, _DRAWN[case])
            files.append(folder / f"{case}.svg")
            figure.savefig(files[-1], metadata={"Date": None}, bbox_inches="tight")
    return files


def _bars(results: Results, case: str, metric: str) -> Any:
    """One bar for each contender in each variant, with the spread of the rounds."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - beside the other drawing

    rows = [each for each in results.of(case) if each.values(metric)]
    variants = list(dict.fromkeys(each.variant for each in rows))
    figure = Figure(figsize=(7, 0.6 + 0.62 * len(variants)))
    axes = figure.add_subplot()
    height = 0.8 / len(ALL)
    for each in rows:
        place = variants.index(each.variant) + (ALL.index(each.contender) - 1) * height
        _bar(axes, each, metric, place, height)
    axes.set_yticks(range(len(variants)), variants)
    axes.invert_yaxis()
    axes.set_xlabel(METRICS[metric])
    if metric.endswith("_ms"):
        axes.set_xscale("log")
    handles, labels = axes.get_legend_handles_labels()
    seen = dict(zip(labels, handles, strict=True))
    axes.legend(seen.values(), seen.keys(), loc="best", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _bar(axes: Any, row: Measured, metric: str, place: float, height: float) -> None:
    median, spread = row.median(metric), row.spread(metric)
    assert median is not None
    assert spread is not None
    errors = [[median - spread[0]], [spread[1] - median]]
    axes.barh(
        place,
        median,
        height,
        xerr=errors,
        color=_COLOURS[row.contender],
        label=row.contender,
        error_kw={"elinewidth": 0.8},
    )


def _growth(results: Results) -> Any:
    """Every cost against the smallest store's, over the number of messages."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    rows = results.of("growth")
    sizes = [int(each.variant.split(maxsplit=1)[0]) for each in rows]
    figure = Figure(figsize=(7, 3))
    axes = figure.add_subplot()
    for metric in _GROWTH:
        medians = [each.median(metric) for each in rows]
        first = medians[0]
        if first:
            axes.plot(sizes, [(each or 0) / first for each in medians], "o-", label=METRICS[metric])
    axes.set_xscale("log")
    axes.set_xlabel("messages in the store")
    axes.set_ylabel("cost, the smallest store = 1")
    axes.axhspan(0.8, 1.2, color="#1f6feb", alpha=0.08)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
