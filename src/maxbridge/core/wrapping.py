"""Long words wrap on the agent's page: a place to break that nobody sees, and links that stay whole.

FreeScout's page cuts words and addresses of more than about 85 letters at its right edge; of all that lets
a browser wrap them only U+200B and U+00AD survive its purifier (contract freescout.md 12). The page makes
links of bare addresses by itself, so a long one becomes a link of ours first: its ``href`` is whole.
What goes back to MAX loses these places again (:mod:`maxbridge.core.reply.reader`).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from html import escape, unescape
from itertools import accumulate

from maxbridge.core.links import safe_href
from maxbridge.core.text import is_joined

BREAK = "\u200b"
LONGEST = 80
"""Letters of a word that the page shows whole; a wide one counts for more."""
_STEP = 40
"""Letters between two places to break, at most."""
_WIDE, _WIDEST = 1.6, 2.0
"""Width of capitals and the like, and of emoji and Chinese signs, in other letters."""
_WIDE_LETTERS = frozenset("жмфшщыюmw@%—…")
_LOOK_BACK = 12
"""So many letters before that a better place is looked for."""
_BETTER = frozenset("/?&=#_-.,;:!|+)]}\u00a0")
"""Behind these a word is parted in two that make sense."""

_PIECE = re.compile(r"<[^>]*>|&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z]+);|.", re.DOTALL)
_ANY_TAG = re.compile(r"<[^>]*>")
_TAG = re.compile(r"</?([a-z0-9]+)")
_INLINE = frozenset("a b i u s code span".split())
_PARTED = (BREAK, "\u00ad")
_WHOLE = re.compile(r"(<a\b[^>]*>.*?</a>|<pre>.*?</pre>|<[^>]*>)", re.DOTALL)
"""What no link is made in: links, program text, tags."""
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"]+")
_NOT_ITS_END = re.compile(r"(?:[.,;:!?)\]}»”’']|&quot;|&gt;|&lt;)+$")


def breakable(html: str) -> str:
    """The same HTML with places to break in its long words.

    Args:
        html: Made by us: escaped text in tags that are closed.
    """
    if all(len(word) * _WIDEST <= LONGEST for word in _ANY_TAG.sub("", html).split()):
        return html
    return _broken(_linked(html))


def _linked(html: str) -> str:
    """Long bare addresses as links."""
    pieces = _WHOLE.split(html)
    # Text stands at the even places, what is whole between them.
    pieces[::2] = [_ADDRESS.sub(_link, text) for text in pieces[::2]]
    return "".join(pieces)


def _link(found: re.Match[str]) -> str:
    words = found.group()
    end = _NOT_ITS_END.search(words)
    shown, rest = (words[: end.start()], words[end.start() :]) if end else (words, "")
    address = unescape(shown)
    if len(address) <= LONGEST:
        return words
    href = safe_href(address if address.startswith("http") else f"http://{address}")
    return f'<a href="{escape(href)}">{shown}</a>{rest}' if href else words


def _broken(html: str) -> str:
    pieces = _PIECE.findall(html)
    word: list[int] = []
    """Numbers of the pieces that are the letters of the word."""
    breaks: set[int] = set()
    drawn = 0
    for number, piece in enumerate(pieces):
        if tag := _TAG.match(piece):
            drawn += (tag[1] == "pre") * (-1 if piece.startswith("</") else 1)
            if tag[1] in _INLINE:
                continue
        elif not (piece.isspace() or piece in _PARTED or drawn):
            word.append(number)
            continue
        breaks.update(_breaks(pieces, word))
        word = []
    breaks.update(_breaks(pieces, word))
    return "".join(
        piece + BREAK if number in breaks else piece for number, piece in enumerate(pieces)
    )


def _breaks(pieces: Sequence[str], word: Sequence[int]) -> Iterator[int]:
    """Behind which of its letters a word may break."""
    letters = "".join(unescape(pieces[number])[:1] for number in word)
    widths = list(accumulate(map(_width, letters), initial=0.0))
    if widths[-1] <= LONGEST:
        return
    at = 0
    while widths[-1] - widths[at] > _STEP:
        end = bisect_right(widths, widths[at] + _STEP) - 1
        better = next(
            (
                each
                for each in range(end, max(at, end - _LOOK_BACK), -1)
                if letters[each - 1] in _BETTER
            ),
            end,
        )
        while better < len(word) and is_joined(letters, better):
            better += 1  # an emoji of several letters stays one
        if better >= len(word):
            return
        yield word[better - 1]
        at = better


def _width(letter: str) -> float:
    if letter.isupper() or letter in _WIDE_LETTERS:
        return _WIDE
    return _WIDEST if unicodedata.east_asian_width(letter) in "WF" else 1.0
