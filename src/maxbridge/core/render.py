"""Turn a desk reply into MAX messages: formatted words, pictures among them, the desk's variables filled.

Reading and writing have modules of their own (``reply.reader``, ``reply.max_html``). This one
decides about pictures, lines and the signature.

Variables are filled in the words, not in the HTML: so a value is always text, and a variable is
found even if the editor split it with a tag or an entity (contract freescout-agent-ui.md 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from urllib.parse import quote

from maxbridge.core.reply.lines import (
    BARS,
    Picture,
    Piece,
    Run,
    TextLine,
    is_link,
    join_runs,
    stripped,
    tidy,
)
from maxbridge.core.reply.looks import QUOTE
from maxbridge.core.reply.max_html import (
    escaped,
    is_visible,
    longest_address,
    plain,
    spelled_out,
    to_parts,
)
from maxbridge.core.reply.reader import MOST_EVENTS, TooLongError, read_lines
from maxbridge.core.text import MAX_TEXT_UNITS, clean, utf16_len
from maxbridge.core.texts import Texts

__all__ = [
    "MOST_PARTS",
    "Picture",
    "Rendered",
    "TooLongError",
    "plain",
    "render",
    "spelled_out",
    "to_text",
]

MOST_PARTS = 100
"""Messages that one reply may become: at MAX's pace they take a minute, and nobody reads more."""

_QUOTES = re.compile(f"(?:{QUOTE})*")
_ACROSS_LINES = frozenset({"pre"})
"""Only a block of program text goes on through the end of a line; other markup begins again."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A reply for MAX.

    Attributes:
        texts: Texts of messages in MAX's HTML, in order, each visible; empty if the reply has no
            words.
        pictures: Pictures to send, in reading order.
    """

    texts: tuple[str, ...]
    pictures: tuple[Picture, ...]


def render(
    body: str,
    texts: Texts,
    *,
    signature: str = "",
    variables: Mapping[str, str] | None = None,
    keep: Callable[[str], bool],
    limit: int = MAX_TEXT_UNITS,
) -> Rendered:
    """Turn a reply into texts and pictures for MAX.

    Args:
        body: HTML as the desk's API returns it: raw, not sanitised.
        texts: The customer's language.
        signature: Plain text put under the words, if there are any; may be empty.
        variables: Values of the desk's ``{%name%}`` variables, as plain text.
        keep: By its ``src``, whether a picture will be sent. A sent picture is removed from the
            text, or replaced by a number if there are several among words. Others become a line.
        limit: Longest message in UTF-16 units of the final text, including markup and entities.

    Raises:
        TooLongError: It would be more than :data:`MOST_PARTS` messages of full length, or its HTML
            has too many elements to read within bounded memory and time.
    """
    values = variables or {}
    linked = partial(is_link, longest=longest_address(limit))
    lines = read_lines(body, linked, partial(fill_address, variables=values))
    pictures = [each for line in lines for each in line.pieces if isinstance(each, Picture)]
    kept = [each for each in pictures if keep(each.url)]
    placed = _Pictures(texts, linked, keep, numbered=len(kept) > 1)
    shown = [each for line in lines for each in _filled(placed.place(line), values)]
    parts = to_parts(list(_as_runs(_trimmed(shown))), limit)
    if sum(map(len, parts)) > MOST_PARTS * MAX_TEXT_UNITS:
        raise TooLongError("too many messages")
    signed = clean(signature).strip()
    if parts and is_visible(signed):
        parts = _signed(parts, signed, limit)
    return Rendered(tuple(parts), tuple(kept))


def to_text(body: str, texts: Texts, most: int = MOST_EVENTS) -> str:
    """Return a desk body as lines of plain text, with pictures and addresses named: for excerpts.

    Args:
        body: HTML as the desk's API returns it.
        texts: The reader's language.
        most: How much of a longer body is read, see :func:`read_lines`.
    """
    lines = read_lines(body, lambda _: False, most=min(most, MOST_EVENTS))
    for line in lines:
        line.pieces = [
            each if isinstance(each, Run) else Run(_picture_name(each, texts))
            for each in line.pieces
        ]
    return "".join(run.text for run in _as_runs(_trimmed(lines)))


def _signed(parts: list[str], signature: str, limit: int) -> list[str]:
    signed = f"{parts[-1]}\n\n{escaped(signature)}"
    if utf16_len(signed) <= limit:
        return [*parts[:-1], signed]
    return parts + to_parts([Run(signature)], limit)


class _Pictures:
    """Decides what a line shows in place of its pictures."""

    def __init__(
        self,
        texts: Texts,
        linked: Callable[[str], bool],
        keep: Callable[[str], bool],
        *,
        numbered: bool,
    ) -> None:
        self._texts = texts
        self._linked = linked
        self._keep = keep
        self._numbered = numbered
        self._number = 0

    def place(self, line: TextLine) -> Iterator[TextLine]:
        """Yield the line without pictures; several lines if an unsent picture needs its own."""
        if all(isinstance(each, Run) for each in line.pieces):
            yield line
            return
        has_words = line.has_words()
        leads = chain([line.lead], repeat(line.indent))
        pieces: list[Piece] = []
        is_after_picture = False
        for piece in line.pieces:
            if isinstance(piece, Run):
                pieces.append(_spaced(pieces, piece) if is_after_picture else piece)
                is_after_picture = False
                continue
            is_after_picture = True
            if self._keep(piece.url):
                self._number += 1
                if self._numbered and has_words:
                    pieces.append(_spaced(pieces, Run(f"[{self._number}]")))
            elif line.is_row:
                pieces += self._named(piece)
            else:
                yield from _line_of(line, pieces, leads)
                yield from _line_of(line, self._named(piece), leads)
                pieces = []
        yield from _line_of(line, pieces, leads)

    def _named(self, picture: Picture) -> list[Piece]:
        name = Run(_picture_name(picture, self._texts))
        address = tidy(picture.url)
        if not address.lower().startswith(("http://", "https://")):
            return [name]
        link = Run(address, address=address if self._linked(address) else "")
        return [name, Run(" ("), link, Run(")")]


def _line_of(line: TextLine, pieces: list[Piece], leads: Iterator[str]) -> Iterator[TextLine]:
    while line.is_row and pieces and pieces[-1] in BARS:
        pieces = pieces[:-1]
    if kept := stripped(pieces):
        yield TextLine(next(leads), kept, line.indent, is_row=line.is_row)


def _spaced(before: list[Piece], run: Run) -> Run:
    """Join words where a picture was with exactly one space."""
    last = before[-1] if before else None
    if not isinstance(last, Run) or last.text[-1:].isspace():
        return run.with_text(run.text.lstrip(" "))
    needs_space = run.text[:1].isalnum() or run.text.startswith("[")
    return run.with_text(f" {run.text}") if needs_space else run


def _picture_name(picture: Picture, texts: Texts) -> str:
    return texts.reply_picture.format(name=picture.name or "…")


def _filled(lines: Iterable[TextLine], variables: Mapping[str, str]) -> Iterator[TextLine]:
    """Fill the variables of lines; a line that becomes empty is dropped."""
    for line in lines:
        if not line.pieces:
            yield line
            continue
        runs = [each for each in line.pieces if isinstance(each, Run)]
        line.pieces = stripped(fill_line(runs, variables))
        if line.pieces:
            yield line


def _trimmed(lines: list[TextLine]) -> list[TextLine]:
    """Drop empty lines and rules at both ends."""
    worded = [at for at, line in enumerate(lines) if line.pieces and not line.is_rule]
    return lines[worded[0] : worded[-1] + 1] if worded else []


def _as_runs(lines: list[TextLine]) -> Iterator[Run]:
    for number, line in enumerate(lines):
        lead = line.lead
        if not line.pieces:
            # An empty line between two lines of a quote belongs to the quote.
            quotes = min(_quotes(lines[number - 1].lead), _quotes(lines[number + 1].lead))
            lead = (QUOTE * quotes).rstrip()
        if number:
            yield Run("\n", frozenset() if lead else _ACROSS_LINES)
        if lead:
            yield Run(lead)
        yield from (each for each in line.pieces if isinstance(each, Run))


def _quotes(lead: str) -> int:
    quotes = _QUOTES.match(lead)
    return quotes.end() // len(QUOTE) if quotes else 0


# --- The desk's variables: ``{%customer.firstName%}`` and its like, which the editor leaves raw in the body.


_VARIABLE = re.compile(
    r"\{%\s*([A-Za-z]\w*(?:\.\w+)*)\s*(?:,\s*fallback\s*=([^%{}]*))?%\}",
)
_ADDRESS_SAFE = "@+.-_~"


def fill_line(line: Sequence[Run], variables: Mapping[str, str]) -> list[Run]:
    """Replace the variables of one line.

    Args:
        line: Its words. A variable may span several runs; its value takes the first one's
            formatting.
        variables: Values by name, as plain text. A blank value becomes its fallback, else it
            disappears together with a surplus space. A variable that is unknown and has no fallback
            stays as it is, so that a reader sees that something is missing.
    """
    runs = join_runs(line)
    text = "".join(run.text for run in runs)
    found = [each for each in _VARIABLE.finditer(text) if _is_variable(each, variables)]
    values = {each.start(): _value(each, variables) for each in found}
    gone = set[int]()
    for each in found:
        gone.update(range(each.start(), each.end()))
        if not values[each.start()] and _leaves_doubled_space(text, each):
            gone.add(each.end())
    if not gone:
        return runs
    filled: list[Run] = []
    place = 0
    for run in runs:
        letters = (
            values.get(at, "" if at in gone else letter)
            for at, letter in enumerate(run.text, start=place)
        )
        filled.append(run.with_text("".join(letters)))
        place += len(run.text)
    return filled


def fill_address(address: str, variables: Mapping[str, str]) -> str:
    """Replace the variables of an address; unsafe characters of a value are quoted."""
    return _VARIABLE.sub(
        lambda found: (
            quote(_value(found, variables), safe=_ADDRESS_SAFE)
            if _is_variable(found, variables)
            else found.group()
        ),
        address,
    )


def _is_variable(found: re.Match[str], variables: Mapping[str, str]) -> bool:
    name, fallback = found.groups()
    return fallback is not None or name in variables


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, fallback = found.groups()
    value = " ".join(clean(variables.get(name, "")).split())
    return value or (fallback or "").strip()


def _leaves_doubled_space(text: str, found: re.Match[str]) -> bool:
    before, after = text[: found.start()][-1:], text[found.end() : found.end() + 1]
    return after == " " and before in ("", " ")
