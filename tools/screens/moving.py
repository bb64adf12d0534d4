"""A drawn terminal that fills line by line, as the demo fills it, and begins again; nothing but CSS moves it.

Where nothing moves (paper, ``prefers-reduced-motion``) the end is to be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from screens.drawing import LINE, svg
from screens.words import words

ROWS = 24
"""Lines that are to be seen at a time."""
_STAMP = re.compile(r" *(\d+\.\d+)s ")
_READING, _NEXT, _END = 1.2, 0.5, 6.0
"""Seconds that the narrator's lines, every other line and the last page are left to be read, at the least."""
_PIECE = re.compile(r'<text class="t-[^>]* y="([\d.]+)"[^>]*>.*?</text>')
_GRID = re.compile(
    r'<g transform="translate\(([\d.]+), ([\d.]+)\)">\n(.*)\n</g>\n</svg>\n$', re.DOTALL
)
_HEIGHT = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


def moving(title: str, sent: str) -> str:
    """Draw a terminal that fills.

    Args:
        title: What is to be seen.
        sent: Everything that the terminal was sent; lines that begin with seconds come when they came.
    """
    times = list(_times(words(sent).split("\n")))
    whole = times[-1] + _END
    moments = sorted(set(times))
    still = svg(title, sent)
    left, top, matrix = _grid(still)
    groups: dict[float, list[str]] = {moment: [] for moment in moments}
    for piece in _PIECE.finditer(matrix):
        groups[times[round((float(piece[1]) - LINE) / LINE)]].append(piece.group())
    filled = "".join(
        f'<g class="m m{number}">{"".join(groups[moment])}</g>\n'
        for number, moment in enumerate(moments)
    )
    width, _ = _size(still)
    seen = ROWS * LINE + 1
    page = _GRID.sub(
        lambda _: (
            f'<svg x="{left}" y="{top}" width="{width - 2 * left:g}" height="{seen:g}">\n'
            f'<g class="t-matrix scroll">\n{filled}</g>\n</svg>\n</svg>\n'
        ),
        still,
    )
    page = _HEIGHT.sub(f'viewBox="0 0 {width:g} {top + seen + 12:g}"', page, count=1)
    return page.replace("</style>", f"{_motion(times, moments, whole)}</style>", 1)


def _times(lines: list[str]) -> Iterator[float]:
    """When each line comes: not before it came, and not before the one above it can have been read."""
    clock, begun, told = 0.0, False, False
    for number, line in enumerate(lines):
        stamp = _STAMP.match(line)
        if stamp:
            clock = max(float(stamp[1]), clock + (_READING if told else _NEXT))
            begun, told = True, False
        elif begun and not line.strip() and number + 1 < len(lines):
            clock, told = clock + _NEXT, True  # a new chapter
        yield round(clock, 2)


def _motion(times: list[float], moments: list[float], whole: float) -> str:
    def share(moment: float) -> str:
        return f"{100 * moment / whole:.2f}%"

    rules = [f".scroll,.m{{animation:{whole:g}s step-end infinite}}"]
    offsets: dict[str, float] = {}
    for number, moment in enumerate(moments):
        last = max(line for line, each in enumerate(times) if each <= moment)
        offsets[share(moment)] = max(0, last + 1 - ROWS) * LINE
        if moment:
            rules += [
                f".m{number}{{animation-name:m{number}}}",
                f"@keyframes m{number}{{0%{{opacity:0}}{share(moment)}{{opacity:1}}}}",
            ]
    steps = "".join(f"{at}{{transform:translateY(-{far:g}px)}}" for at, far in offsets.items())
    end = max(0, len(times) - ROWS) * LINE
    rules += [
        f".scroll{{animation-name:scroll;transform:translateY(-{end:g}px)}}",
        f"@keyframes scroll{{{steps}}}",
        "@media (prefers-reduced-motion:reduce){.scroll,.m{animation:none}}",
    ]
    return "\n".join(rules) + "\n"


def _grid(still: str) -> tuple[float, float, str]:
    found = _GRID.search(still)
    if found is None:
        raise ValueError("the terminal is not drawn as it was")
    return float(found[1]), float(found[2]), found[3]


def _size(still: str) -> tuple[float, float]:
    found = _HEIGHT.search(still)
    if found is None:
        raise ValueError("the terminal has no size")
    return float(found[1]), float(found[2])
