"""Plain text between two worlds: UTF-16 lengths, unusable characters, places to cut; links and telephone numbers.

A customer chooses both the address and the words of a link. The address must be one that a browser, the desk and we read
alike; words that look like another address get the real one behind them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from html import escape
from urllib.parse import urlsplit

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
_LONGEST_TAGS = 8
"""Of a flag: five or six letters of a region, and the last tag."""
_HIGHEST = 4
"""Marks on one letter: no language that is written in a messenger needs more."""
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt): what a font without a sign for it must not show.

The whole property, code points that are not assigned yet among them; its ranges have been the same since Unicode 14.
"""
_SHOWING_NOTHING = "\u2800\ufff9-\ufffb\U00013430-\U0001343f\U00016fe4\U0001d159"
"""What shows nothing either: a Braille cell without dots, marks of interlinear notes, Egyptian joiners, fillers."""
UNSEEN = re.compile(f"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff{_IGNORABLE}{_SHOWING_NOTHING}]")
"""One character that nobody sees. White space is seen; so are the Arabic and Indian signs over numbers."""
_LETTERS = re.compile(
    "[ -~\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u058f\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u2121]*"
)
"""Latin, Greek and Cyrillic letters, digits, punctuation, signs of money: nothing unseen and no mark among them."""
_BLACK_FLAG, _LAST_TAG = "\U0001f3f4", "\U000e007f"
_EMOJI_SIGNS = "0123456789#*‼⁉ℹ〰〽㊗㊙"
"""Emoji by a selector that are no symbols by their class (emoji-variation-sequences.txt)."""
_VIRAMA = 9
"""Combining class of the signs that join letters in the scripts of India and around it."""


def utf16_len(text: str) -> int:
    """Length in UTF-16 code units, the unit of MAX's limits and markup offsets."""
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def clean(text: str) -> str:
    """Make a text safe for JSON and the database.

    Surrogate pairs that arrived as two escapes become their character; a lone surrogate becomes
    U+FFFD, because FreeScout reads such JSON as an empty body (contract freescout.md 1); control
    characters are removed, all line ends become line feeds. Visible characters stay.
    """
    # Nearly every text, name and word of an API has nothing of all that.
    if text.isprintable():
        return text
    text = _SURROGATE_PAIR.sub(
        lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), text
    )
    text = _LONE_SURROGATE.sub("\ufffd", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", text)


def text_in(value: object) -> str:
    """Return a text of foreign JSON, cleaned; empty for any other type."""
    return clean(value) if isinstance(value, str) else ""


def int_in(value: object) -> int | None:
    """Return a 64-bit integer of foreign JSON (SQLite's limit), or None; a bool is no integer."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        return None
    return value


def cleaned_offsets(text: str) -> list[int]:
    """Map UTF-16 offsets of a raw text to those of its :func:`clean` form: MAX's markup counts the raw text.

    Returns:
        For every unit and for the end, the number of units of the cleaned text before it.
    """
    offsets = [0]
    for index, char in enumerate(text):
        line_end = char == "\r" and text.startswith("\n", index + 1)
        kept = 0 if line_end or _CONTROL.match(char) else 1
        for _ in range(utf16_len(char)):
            offsets.append(offsets[-1] + kept)
    return offsets


def bare(name: str, *, joined: bool = True) -> str:
    """Remove invisible characters from a name: they hide or reverse words.

    White space stays. A combining mark without a base letter is removed.

    Args:
        name: A person's or a file's name.
        joined: Keep invisible characters that letters or emoji are made with (❤️, 👩‍💻, می‌خواهم).
    """
    if _LETTERS.fullmatch(name):
        return name  # nearly every name
    if name.isascii():
        return UNSEEN.sub("", name)
    seen = [
        char
        for at, char in enumerate(name)
        if not UNSEEN.match(char) or (joined and _makes_a_letter(name, at))
    ]
    return _without_towers("".join(seen))


def _makes_a_letter(text: str, at: int) -> bool:
    """Whether the invisible character is part of an emoji or of a word's spelling."""
    char, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if not before:
        return False
    if char in "\ufe0e\ufe0f":
        return _is_symbol(before)
    if _is_tag(char):
        return _is_in_tagged_flag(text, at)
    if char in "\u200c\u200d":
        is_emoji = char == "\u200d" and _is_symbol(after) and _is_symbol(_base(text, at))
        return is_emoji or _joins_letters(text, at)
    return (
        "\u180b" <= char <= "\u180f" and "\u1820" <= before <= "\u18aa"
    )  # forms of Mongolian letters


def _joins_letters(text: str, at: int) -> bool:
    """Whether a joiner stands where Indic scripts or Arabic need it (RFC 5892, appendix A)."""
    before, after = text[at - 1], text[at + 1 : at + 2]
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if after and unicodedata.combining(after) == _VIRAMA:
        return unicodedata.category(before) == "Lo"
    is_arabic = unicodedata.bidirectional(_base(text, at) or " ") == "AL"
    goes_on = bool(after) and unicodedata.bidirectional(after) == "AL"
    return is_arabic and (goes_on or text[at] == "\u200d")


def _base(text: str, at: int) -> str:
    """Return the character that the marks, selectors and skin tones before this place belong to."""
    while at > 0 and (
        text[at - 1] in "\ufe0e\ufe0f\u20e3"
        or _is_skin_tone(text[at - 1])
        or unicodedata.category(text[at - 1]) == "Mn"
    ):
        at -= 1
    return text[at - 1 : at]


def _is_symbol(char: str) -> bool:
    return bool(char) and (
        char in _EMOJI_SIGNS or (not char.isascii() and unicodedata.category(char)[0] == "S")
    )


def _is_in_tagged_flag(text: str, at: int) -> bool:
    """Whether this tag is part of a flag such as England's: a black flag, tags, a final tag."""
    first, last = at, at
    while first > 0 and _is_tag(text[first - 1]):
        first -= 1
    while last + 1 < len(text) and _is_tag(text[last + 1]) and text[last] != _LAST_TAG:
        last += 1
    is_whole = text[last] == _LAST_TAG and last - first < _LONGEST_TAGS
    return is_whole and _LAST_TAG not in text[first:last] and text[first - 1 : first] == _BLACK_FLAG


def _without_towers(name: str) -> str:
    """Remove marks without a base letter, and marks stacked so high that they cover the lines around."""
    kept: list[str] = []
    height = _HIGHEST
    for char in name:
        if unicodedata.category(char) in ("Mn", "Me") and not UNSEEN.match(char):
            height += 1
        elif not UNSEEN.match(char):
            height = _HIGHEST if char.isspace() else 0
        if height <= _HIGHEST or char.isspace():
            kept.append(char)
    return "".join(kept)


def is_blank(text: str) -> bool:
    """Whether a text shows nothing, though it may have characters."""
    return not UNSEEN.sub("", text).strip()


def is_emoji(text: str) -> bool:
    """Whether a text is one emoji, or a few, and nothing else."""
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


def _is_skin_tone(char: str) -> bool:
    return 0x1F3FB <= ord(char) <= 0x1F3FF


def one_line(text: str, limit: int) -> str:
    """Return the beginning of a text on one line, at most ``limit`` characters, cut at a word with ``…``."""
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

    Every visible character is kept, in order. A blank text gives no message.
    """
    return [text[start:end] for start, end in cuts(text, lambda at: _reach(text, at, limit))]


def cuts(text: str, reach: Callable[[int], int]) -> Iterator[tuple[int, int]]:
    """Find the best places to cut a text into messages.

    A cut falls after a paragraph, else a line, a sentence, a word, else between two characters,
    never inside a surrogate pair, a joined emoji or a base letter and its mark. Only white space at
    a cut is dropped.

    Args:
        text: The whole text.
        reach: Maps the start of a message to the end of the longest text that fits into it.

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
    """Return the end of the longest text from ``start`` that fits into ``limit`` UTF-16 units."""
    units = 0
    for index in range(start, len(text)):
        units += 2 if ord(text[index]) > 0xFFFF else 1
        if units > limit:
            return index
    return len(text)


def _cut_at(text: str, fit: int) -> int:
    """Return the best place to cut at or before ``fit`` characters."""
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
    """Step back so that no joined emoji, flag or accented letter is split."""
    for end in range(fit, 0, -1):
        if not is_joined(text, end):
            return end
    return fit


def is_joined(text: str, at: int) -> bool:
    """Whether the characters around this place form one: an emoji, a flag, an accented letter."""
    before, after = text[at - 1], text[at]
    if after in _JOINERS or before == "\u200d":
        return True
    if _is_skin_tone(after) or _is_tag(after):
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


GREY = "color:#8a97a4;font-size:12px"
"""Style of what is said beside the customer's words (contract freescout-agent-ui.md 2)."""

_HOST = re.compile(r"[\w-]+(\.[\w-]+)+\.?")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
# Browsers drop line ends and tabs in an address and read \\ as /; the rest belongs into no address.
_NOT_IN_ADDRESS = re.compile(r"[\s\\<>\"]")
# A dot between a letter and two more is enough: what looks like an address to a hurried agent.
_ADDRESS = re.compile(r"://|[^\W_][.。][^\W\d_]{2}|[0-9]{1,3}(\.[0-9]{1,3}){3}|\w@\w")
_SCHEME = re.compile(r"^(https?://|mailto:|tel:)(www\.)?")


def safe_href(url: str) -> str:
    """Return the address if it may be linked to; otherwise the empty text.

    http and https need a public-looking host and no user name (``https://bank@evil.example/`` shows
    one host and leads to another); mailto takes one plain address, tel a number.
    """
    if not url or _NOT_IN_ADDRESS.search(url) or bare(url, joined=False) != url:
        return ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme in ("http", "https"):
        sound = "@" not in parts.netloc and _HOST.fullmatch(host) and port != 0
        return parts.scheme + url[len(parts.scheme) :] if sound else ""
    if parts.scheme == "mailto":
        address = url.partition(":")[2]
        return f"mailto:{address}" if _MAIL.fullmatch(address) else ""
    number = dialable(url.partition(":")[2]) if parts.scheme == "tel" else ""
    return f"tel:{number}" if number else ""


def link(words: str, url: str) -> str:
    """Render words as a link, or as words only if the address may not be linked to."""
    href = safe_href(url)
    shown = escape(words, quote=False)
    if not href:
        return shown
    return f'<a href="{escape(href)}">{shown}</a>{address_note(words, href)}'


def address_note(words: str, href: str, before: str = "", after: str = "") -> str:
    """Return the real address in brackets if the words look like another address; otherwise the empty text.

    Args:
        words: The link's words.
        href: A safe address.
        before: Text before the words: ``bank.<a>ru</a>`` is read as one.
        after: Text after them.
    """
    if _essence(words) == _essence(href):
        return ""
    start, rest = re.split(r"\s", before)[-1], re.split(r"\s", after)[0]
    if not _ADDRESS.search(_plain(f"{start}{words}{rest}")):
        return ""
    return f' <span style="{GREY}">({escape(href, quote=False)})</span>'


def _plain(text: str) -> str:
    """Replace look-alikes: fullwidth letters, dots of other scripts, hidden characters."""
    return unicodedata.normalize("NFKC", bare(text, joined=False)).casefold()


def _essence(address: str) -> str:
    return _SCHEME.sub("", _plain(address).strip()).rstrip("/")


# --- Telephone numbers: what a link may dial, and how people write it.


_WRITTEN = re.compile(r"\+?[0-9 \t\u00a0().\-\u2010-\u2015/]+")
_RUSSIAN = re.compile(r"\+7([0-9]{3})([0-9]{3})([0-9]{2})([0-9]{2})")
_FEWEST, _MOST = 3, 15
"""Digits of an emergency number, and the most that E.164 has."""
_INTERNATIONAL = 11
"""Digits from which a number without ``+`` is taken to begin with its country."""


def dialable(written: str) -> str:
    """Return a number for a ``tel:`` link: digits, preceded by ``+`` if the country is known.

    MAX writes numbers with the country and without ``+`` (contract max.md 4). People also write
    Russian mobile numbers with 8 instead of 7; no country code begins with 89.

    Returns:
        Empty if it is no phone number: words, an extension, too few or many digits.
    """
    written = written.strip()
    if not _WRITTEN.fullmatch(written):
        return ""
    digits = re.sub(r"[^0-9]", "", written)
    if not _FEWEST <= len(digits) <= _MOST:
        return ""
    if written.startswith("+"):
        return f"+{digits}"
    if len(digits) == _INTERNATIONAL and digits.startswith("89"):
        return f"+7{digits[1:]}"
    # 0 and 810 are what is dialled before a number, not a part of it; other numbers of eleven
    # digits that begin with 8 may be Russian or not, so they stay as they are.
    inside = digits.startswith(("0", "810")) or (
        len(digits) == _INTERNATIONAL and digits.startswith("8")
    )
    return digits if inside or len(digits) < _INTERNATIONAL else f"+{digits}"


def readable(number: str) -> str:
    """Group the digits of a Russian number; any other number stays as it is."""
    return _RUSSIAN.sub(r"+7 \1 \2-\3-\4", number) if _RUSSIAN.fullmatch(number) else number
