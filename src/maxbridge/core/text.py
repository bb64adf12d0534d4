"""Plain text between two worlds: UTF-16 lengths, unusable characters, places to cut, names of files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from html import unescape
from urllib.parse import unquote

MAX_TEXT_UNITS = 4000
"""Longest text of one MAX message, in UTF-16 code units of the final string (contract max.md 5.1)."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
# Preferred places to cut, best first: paragraph, line, sentence, word.
_BREAKS = ("\n\n", "\n", (". ", "! ", "? ", "… "), " ")
_LONGEST_SPACE = 2
_JOINERS = "\u200d\ufe0e\ufe0f\u20e3"
_LONGEST_EMOJI, _LONGEST_SIGN = 30, 3
"""Characters: England's flag has seven, a family of four as many; a key has three."""
_HIGHEST = 4
"""Marks on one letter: no language that is written in a messenger needs more."""
_FILLERS = "\u034f\u115f\u1160\u2800\u3164\uffa0\ufe0e\ufe0f"
"""Letters and marks by their class that show nothing."""


def utf16_len(text: str) -> int:
    """Length in UTF-16 code units, the unit of MAX's limits and markup offsets."""
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def clean(text: str) -> str:
    """Make a text safe to put into JSON and a database.

    Surrogate pairs that arrived as two escapes become the character they mean; a lone surrogate
    becomes U+FFFD, because FreeScout reads such JSON as an empty body (contract freescout.md 1);
    control characters go, all line ends become line feeds. Anything visible stays.
    """
    text = _SURROGATE_PAIR.sub(
        lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), text
    )
    text = _LONE_SURROGATE.sub("\ufffd", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", text)


def cleaned_offsets(text: str) -> list[int]:
    """Where :func:`clean` puts each UTF-16 unit of a raw text: MAX counts the raw one in its markup.

    Returns:
        For every unit, and for the end, the number of units of the cleaned text before it.
    """
    offsets = [0]
    for index, char in enumerate(text):
        line_end = char == "\r" and text.startswith("\n", index + 1)
        kept = 0 if line_end or _CONTROL.match(char) else 1
        for _ in range(utf16_len(char)):
            offsets.append(offsets[-1] + kept)
    return offsets


def bare(name: str, keep: str = _JOINERS) -> str:
    """A name without the characters that nobody sees: they turn words around or hide in them.

    White space is seen, and stays.

    Args:
        name: Somebody's or a file's name.
        keep: Invisible characters to keep all the same; those inside of emoji by default.
    """
    seen = "".join(char for char in name if char in keep or char.isspace() or not _is_unseen(char))
    return seen if seen.isascii() else _without_towers(seen)


def _without_towers(name: str) -> str:
    """A name without marks piled on a letter so high that they cover the lines around it."""
    kept: list[str] = []
    height = 0
    for char in name:
        height = height + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if height <= _HIGHEST:
            kept.append(char)
    return "".join(kept)


def is_blank(text: str) -> bool:
    """Does a text show nothing at all, though it may have characters?"""
    return all(char.isspace() or _is_unseen(char) for char in text)


def is_emoji(text: str) -> bool:
    """Is a text one emoji, or a few, and nothing else?"""
    if not 0 < len(text) <= _LONGEST_EMOJI or is_blank(text):
        return False
    if "\ufe0f" in text and len(text) <= _LONGEST_SIGN:
        return True  # keys, and signs that are made emoji: 1️⃣ ℹ️ ‼️
    kinds = [
        unicodedata.category(char) for char in text if char not in _JOINERS and not _is_tag(char)
    ]
    return bool({"So", "Sk"} & set(kinds)) and set(kinds) <= {"So", "Sk"} and not text.isascii()


def _is_tag(char: str) -> bool:
    return 0xE0020 <= ord(char) <= 0xE007F


def _is_unseen(char: str) -> bool:
    return char in _FILLERS or unicodedata.category(char) in ("Cc", "Cf", "Cs")


def one_line(text: str, limit: int) -> str:
    """First words of a text on one line, at most ``limit`` characters, cut at a word with ``…``."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    space = cut.rfind(" ")
    if space >= limit // 2:
        cut = cut[:space]
    return cut.rstrip(" ,;:.-") + "…"


def split(text: str, limit: int = MAX_TEXT_UNITS) -> list[str]:
    """Cut a text into messages of at most ``limit`` UTF-16 units, at the places of :func:`cuts`.

    Every visible character arrives, in order. A blank text gives no message.
    """
    return [text[start:end] for start, end in cuts(text, lambda at: _reach(text, at, limit))]


def cuts(text: str, reach: Callable[[int], int]) -> Iterator[tuple[int, int]]:
    """Where a text is cut into messages, at the most sensible places.

    A cut falls after a paragraph, else a line, a sentence, a word, else between two characters,
    never inside a surrogate pair, a joined emoji or a base letter and its mark. Only white space
    at a cut is dropped.

    Args:
        text: The whole text.
        reach: By the place where a message starts, the end of the longest text that fits into it.

    Yields:
        Start and end of each message, in order; none is blank.
    """
    start, stop = 0, len(text.rstrip())
    while (start := _skip_space(text, start)) < stop:
        fit = reach(start)
        if fit >= stop:
            yield start, stop
            return
        # A mark may stand with its white space past what fits, as that is dropped.
        window = text[start : fit + _LONGEST_SPACE]
        end = start + max(1, _cut_at(window, fit - start))
        yield start, start + len(text[start:end].rstrip())
        start = end


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _reach(text: str, start: int, limit: int) -> int:
    """The end of the longest text from ``start`` that fits into ``limit`` UTF-16 units."""
    units = 0
    for index in range(start, len(text)):
        units += 2 if ord(text[index]) > 0xFFFF else 1
        if units > limit:
            return index
    return len(text)


def _cut_at(text: str, fit: int) -> int:
    """The best place to cut at or before ``fit`` characters."""
    # A cut in the first half would make many tiny messages of a text with one early paragraph.
    for mark in _BREAKS:
        marks = mark if isinstance(mark, tuple) else (mark,)
        # The mark itself may stand past the limit when it is white space: it is dropped anyway.
        found = max((_rfind_end(text, each, fit) for each in marks), default=0)
        if found > fit // 2:
            return found
    return _whole_character(text, fit)


def _rfind_end(text: str, mark: str, fit: int) -> int:
    visible = len(mark.rstrip())
    at = text.rfind(mark, 0, fit - visible + len(mark))
    return at + visible if at > 0 else 0


def _whole_character(text: str, fit: int) -> int:
    """Step back so that no joined emoji, flag or accented letter is torn apart."""
    for end in range(fit, 0, -1):
        if not is_joined(text, end):
            return end
    return fit


def is_joined(text: str, at: int) -> bool:
    """Do the letters before and behind this place make one: an emoji, a flag, an accented letter?"""
    before, after = text[at - 1], text[at]
    if after in _JOINERS or before == "\u200d":
        return True
    if 0x1F3FB <= ord(after) <= 0x1F3FF or _is_tag(after):
        return True  # a skin tone, or a tag of a flag such as England's
    if unicodedata.category(after).startswith("M"):  # accents, vowel signs, enclosing circles
        return True
    if _is_flag(before) and _is_flag(after):
        run = at
        while run > 0 and _is_flag(text[run - 1]):
            run -= 1
        return (at - run) % 2 == 1
    return False


def _is_flag(char: str) -> bool:
    return 0x1F1E6 <= ord(char) <= 0x1F1FF


# --- Names of files as people gave them: servers on the way write letters as percent signs and digits.


_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_LABELLED = re.compile(
    r"(?:utf-?8|windows-1251|koi8-r|iso-8859-[15])'[\w-]*'(?=.*%)", re.IGNORECASE
)
"""Before an encoded name in a header (RFC 5987): its charset and its language."""
_ENTITY = re.compile(r"&#(?:[0-9]{2,7}|[xX][0-9A-Fa-f]{2,6});")
"""What browsers make of letters that a form's charset does not have."""
_ESCAPED_IN_JSON = re.compile(r"(?:\\u[0-9A-Fa-f]{4}){2,}")
_MAIL_WORD = re.compile(r"=\?[\w-]+\?[bBqQ]\?[^?\s]*\?=")
"""A name in the head of a mail (RFC 2047)."""
_CYRILLIC = re.compile(r"[\x20-\x7eА-яЁё№«»–—]+")
_ROUNDS = 3
"""MAX's servers encode twice (contract max.md 4)."""


def decoded_name(name: str) -> str:
    """A file's name with its letters back; a name that was not encoded stays as it is.

    FreeScout has ``%22`` for a quotation mark (contract freescout.md 12), MAX encodes whole names.
    """
    name = _of_mail(_of_wrong_table(name))
    name = _ENTITY.sub(lambda found: clean(unescape(found[0])), name)
    name = _ESCAPED_IN_JSON.sub(lambda found: clean(_as_letters(found[0])), name)
    name = _LABELLED.sub("", name, count=1) if _LABELLED.match(name) else name
    for _ in range(_ROUNDS):
        if not _ESCAPE.search(name):
            break
        better = _decoded(name)
        if better == name:
            break
        name = better
    return name


def _of_wrong_table(name: str) -> str:
    """A name in UTF-8 that a server read as Windows-1252 or Latin-1: “Ð¡Ñ‡Ñ‘Ñ‚.pdf”."""
    if name.isascii():
        return name
    for table in ("cp1252", "latin-1"):
        try:
            # Other letters than these two bytes together are next to never UTF-8 by chance.
            return name.encode(table).decode()
        except UnicodeError:
            continue
    return name


def _of_mail(name: str) -> str:
    return _MAIL_WORD.sub(lambda found: _mail_word(found[0]), name)


def _mail_word(word: str) -> str:
    try:
        ((content, charset),) = decode_header(word)
        if isinstance(content, bytes):
            content = content.decode(charset or "ascii")
    except (ValueError, LookupError, HeaderParseError):
        return word
    return word if is_blank(content) else clean(content)


def _as_letters(escaped: str) -> str:
    return "".join(chr(int(each, 16)) for each in escaped.split("\\u")[1:])


def _decoded(name: str) -> str:
    try:
        decoded = unquote(name, errors="strict")
    except UnicodeDecodeError:
        # Not every percent sign is an encoding; old servers wrote Cyrillic by Windows' table.
        decoded = unquote(name, encoding="windows-1251", errors="replace")
        if not _CYRILLIC.fullmatch(decoded):
            return name
    decoded = clean(decoded)
    return name if is_blank(decoded) else decoded
