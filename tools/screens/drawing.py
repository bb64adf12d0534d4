"""From what a terminal was sent to an SVG that loads nothing."""

from __future__ import annotations

import io
import re
from html import escape

from rich.cells import cell_len, get_character_cell_size
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from screens.words import COLUMNS, tidy, words

_UNSEEN = re.compile(r' clip-path="[^"]*"|<text[^>]*>\s*</text>')
LINE = 24.4
"""Height of a line, in the units of the picture."""
_ASPECT = 0.6
"""Of the usual monospace fonts; each piece is stretched to its columns anyway."""

# Dark whatever is around it, with a border: legible on a white page and on a black one.
_THEME = TerminalTheme(
    (22, 27, 34),
    (225, 228, 232),
    [
        (72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65),
        (121, 192, 255), (210, 168, 255), (86, 212, 221), (201, 209, 217),
    ],
    [
        (139, 148, 158), (255, 161, 152), (126, 231, 135), (234, 196, 95),
        (165, 214, 255), (226, 197, 255), (118, 227, 234), (255, 255, 255),
    ],
)  # fmt: skip

# Filled by rich, but for @TITLE@ and @WORDS@. Doubled braces are its way to say one.
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-labelledby="title" aria-describedby="words">
<title id="title">@TITLE@</title>
<desc id="words">@WORDS@</desc>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; \
font-size: {char_height}px; line-height: {line_height}px }}
.bar {{ font-family: system-ui, sans-serif; font-size: 16px; fill: #8b949e }}
{styles}
</style>
<rect x="1" y="1" width="99.8%" height="99.6%" rx="8" fill="#161b22" stroke="#57606a" stroke-width="2"/>
<text class="bar" x="50%" y="28" text-anchor="middle">@TITLE@</text>
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def svg(title: str, sent: str) -> str:
    """Draw a terminal.

    Args:
        title: What is to be seen; for the bar and for who cannot see it.
        sent: Everything that the terminal was sent, with its colours.
    """
    lines = [part for line in tidy(sent).split("\n") for part in _folded(Text.from_ansi(line))]
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True,
        color_system="standard", legacy_windows=False, _environ={},
    )  # fmt: skip
    for line in lines:
        console.print(line, no_wrap=True, crop=False, overflow="ignore", highlight=False)
    drawn = console.export_svg(
        theme=_THEME, code_format=_FORMAT, unique_id="t", font_aspect_ratio=_ASPECT
    )
    # Each piece is stretched to its columns, so nothing need be clipped; ends of lines are nothing to see.
    drawn = _UNSEEN.sub("", drawn)
    dense = "\n".join(line.strip() for line in drawn.split("\n") if line.strip())
    return dense.replace("@TITLE@", escape(title)).replace("@WORDS@", escape(words(sent))) + "\n"


def _folded(line: Text) -> list[Text]:
    """Break a line where the terminal does: at its edge, wherever that is."""
    parts = []
    while cell_len(line.plain) > COLUMNS:
        column = place = 0
        while column + get_character_cell_size(line.plain[place]) <= COLUMNS:
            column += get_character_cell_size(line.plain[place])
            place += 1
        first, line = line.divide([place])
        parts.append(first)
    return [*parts, line]
