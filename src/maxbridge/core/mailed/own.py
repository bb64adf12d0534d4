"""The decision: which part of a reply by mail its agent wrote, and whether that is sure enough to leave.

A promise rests on it: no word of a private note leaves. So two guards stand behind each other. The quote is
cut off where a mail program or FreeScout marks it. What is left is compared with the notes of the
ticket, and whatever looks like a quote all the same keeps the reply from leaving; then its agent is
asked to answer on the ticket's page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from maxbridge.core.events import Thread
from maxbridge.core.mailed.lines import (
    HEADER_LINES,
    Attribution,
    asks_to_answer_above,
    attribution,
    is_device,
    is_header,
    is_notification,
    is_rule,
    is_separator,
    may_be_separator,
    points_below,
)
from maxbridge.core.mailed.page import Kind, MailLine, MailPage, Said, read_mail, read_said
from maxbridge.core.text import clean

LARGEST = 2_000_000
"""Characters of HTML; a mail with more has a long history in it."""
_WORDS, _LETTERS = 4, 20
"""A run of so many words, or of so many letters, is no chance."""
_TYPED_WORDS, _TYPED_LETTERS = 8, 40
"""The same above a program's own mark: there an agent may well say what a colleague noted."""
_WHOLE_MESSAGE = 30
"""Letters of a customer's message that nobody copies by hand."""
_OWN_QUOTE = 500
"""Letters that an agent may quote above or between their own words."""
_ATTRIBUTION_LINES = 3
_SIGNATURE_LINES = 15
_SIGNATURE_SIGNS = ("--", "- --", "— --")
_MAILS = (".eml", ".msg", ".mht", ".mhtml")


class Doubt(StrEnum):
    """Why a reply by mail does not leave."""

    TOO_LARGE = "too large"
    NOTHING_LEFT = "nothing above the quote"
    AMONG_QUOTE = "words below or inside the quote"
    HEADER = "looks like the header of a mail"
    UNMARKED_QUOTE = "a quote of unknown origin"
    NOTIFICATION = "words of a notification"
    NOTE = "words of a private note"
    HISTORY = "a whole message of the customer"
    FILE = "a file that may come from a note"


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What the agent wrote.

    Attributes:
        body: HTML of it: the beginning of the mail's.
        doubt: Why it must not leave; None when it may.
    """

    body: str
    doubt: Doubt | None = None


def is_by_mail(thread: Thread) -> bool:
    """Did an agent answer a notification of FreeScout's by mail?"""
    return thread.type == "message" and thread.source == "email"


def own_words(reply: Thread, ticket: Iterable[Thread]) -> OwnWords:
    """Find what the agent wrote of a reply by mail.

    Args:
        reply: The reply.
        ticket: All threads of its ticket; notes among them, and what other customers wrote.
    """
    body = clean(reply.body)
    if len(body) > LARGEST:
        return OwnWords("", Doubt.TOO_LARGE)
    others = [each for each in ticket if each.id != reply.id]
    page = read_mail(body)
    quote = _quote(page)
    kept = page.lines[: quote.first] if quote else page.lines
    written, ends = _without_signature(kept)
    place = ends if ends is not None else quote.place if quote else len(body)
    own = OwnWords(body[:place])
    doubt = (
        _doubt_of_shape(page, quote, written)
        or _doubt_of_words(
            own.body, written, others, reply, is_marked=bool(quote and quote.is_sure)
        )
        or _doubt_of_files(reply, others)
    )
    return OwnWords(own.body, doubt)


@dataclass(frozen=True, slots=True)
class _Quote:
    """Where the quote begins.

    Attributes:
        place: In the HTML.
        first: Number of its first line.
        kind: What stands behind it.
        is_sure: A program marked it with an element of its own.
        names: Number of lines that say who wrote it.
    """

    place: int
    first: int
    kind: Kind
    is_sure: bool
    names: int = 0


def _quote(page: MailPage) -> _Quote | None:
    """The first mark, and the rules right above it."""
    element = min(page.marks, key=lambda mark: mark.place, default=None)
    border = element.first if element else len(page.lines)
    found = next(_spoken_marks(page.lines, border), None)
    if found is not None:
        is_sure = element is not None and element.first <= found.first + found.names
    elif element is not None:
        found, is_sure = _Quote(element.place, element.first, element.kind, is_sure=True), True
    else:
        return None
    first, place = found.first, found.place
    while first and _is_drawn(page.lines[first - 1]):
        first -= 1
        place = page.lines[first].place
    return _Quote(place, first, found.kind, is_sure, found.names + found.first - first)


def _is_drawn(line: MailLine) -> bool:
    return line.is_rule or is_rule(line.text, short=True)


def _spoken_marks(lines: Sequence[MailLine], border: int) -> Iterator[_Quote]:
    """Marks in words, in lines before the border."""
    texts = [line.text for line in lines]
    for at in range(border):
        text, head = texts[at], texts[at : at + HEADER_LINES]
        is_title = may_be_separator(text) or is_rule(text)
        if (
            asks_to_answer_above(text)
            or is_separator(text)
            or is_header(head)
            or (is_title and is_header(head[1:]))
        ):
            yield _Quote(lines[at].place, at, Kind.REST, is_sure=False)
        elif names := _names_writer(lines, texts, at):
            yield _Quote(lines[at].place, at, Kind.QUOTE, is_sure=False, names=names)


def _names_writer(lines: Sequence[MailLine], texts: Sequence[str], at: int) -> int:
    """Of how many lines is the attribution that begins here? 0 for none."""
    for behind in range(at + 1, min(at + _ATTRIBUTION_LINES, len(lines)) + 1):
        sure = attribution(texts[at:behind])
        if sure is None:
            continue
        follows = next(
            (lines[each] for each in range(behind, len(lines)) if not lines[each].in_signature),
            None,
        )
        is_quoted = follows is not None and follows.in_quote
        if is_quoted or sure is Attribution.SURE or (sure is Attribution.VERB and follows is None):
            return behind - at
    return 0


def _without_signature(kept: Sequence[MailLine]) -> tuple[list[MailLine], int | None]:
    """The lines without what a program puts under them by itself, and where that begins."""
    end = len(kept)
    for at in range(max(1, end - _SIGNATURE_LINES), end):
        if kept[at].text in _SIGNATURE_SIGNS and not kept[at].in_quote:
            end = at
            break
    while end and (
        kept[end - 1].in_signature or kept[end - 1].is_rule or is_device(kept[end - 1].text)
    ):
        end -= 1
    if not any(line.is_seen for line in kept[:end]) or end == len(kept):
        return list(kept), None
    return list(kept[:end]), kept[end].place


def _doubt_of_shape(
    page: MailPage, quote: _Quote | None, written: Sequence[MailLine]
) -> Doubt | None:
    seen = [line for line in written if line.is_seen and not is_device(line.text)]
    if all(line.in_quote or line.in_signature for line in seen):
        return Doubt.NOTHING_LEFT
    if quote is not None and quote.kind is Kind.QUOTE and _answers_inside(page, quote):
        return Doubt.AMONG_QUOTE
    if quote is not None and any(points_below(line.text) for line in seen[-2:]):
        return Doubt.AMONG_QUOTE
    texts = [line.text for line in written]
    if any(is_header(texts[at : at + HEADER_LINES]) is not False for at in range(len(texts))):
        return Doubt.HEADER
    if any(map(is_notification, texts)):
        return Doubt.NOTIFICATION
    quoted = sum(len(line.text) for line in seen if line.in_quote)
    if quoted > _OWN_QUOTE or (quote is None and seen[-1].in_quote):
        return Doubt.UNMARKED_QUOTE
    return None


def _answers_inside(page: MailPage, quote: _Quote) -> bool:
    """Did the agent write anything behind the first lines of the quote?"""
    lines = page.lines
    rests = [mark for mark in page.marks if mark.kind is Kind.REST and not mark.in_quote]
    end = min((mark.first for mark in rests if mark.place > quote.place), default=len(lines))
    texts = [line.text for line in lines]
    was_quoted = quote.names > 0
    for at in range(quote.first + quote.names, end):
        line = lines[at]
        if line.in_quote:
            was_quoted = True
        elif line.text in _SIGNATURE_SIGNS or asks_to_answer_above(line.text):
            return False
        elif not line.is_seen or line.in_signature or _is_drawn(line) or is_device(line.text):
            continue
        elif was_quoted and not _names_writer(lines, texts, at):
            return True
    return False


def _doubt_of_words(
    body: str,
    written: Sequence[MailLine],
    others: Sequence[Thread],
    reply: Thread,
    *,
    is_marked: bool,
) -> Doubt | None:
    own = read_said(body)
    text = "\n".join((own.text, *own.addresses))
    runs = Runs(text, words=_WORDS, letters=_LETTERS)
    long_runs = Runs(text, words=_TYPED_WORDS, letters=_TYPED_LETTERS)
    files = {_file(each) for each in own.pictures}
    lines = [line.text for line in written]
    for private in _private(others, reply):
        if files & {_file(each) for each in private.pictures}:
            return Doubt.NOTE
        for words in (private.text, *private.addresses):
            first = beginning(words, words=_WORDS, letters=_LETTERS)
            if runs.meet(first if is_marked else words) or long_runs.meet(words):
                return Doubt.NOTE
        if not is_marked and stands_in(lines, private.text.splitlines()):
            return Doubt.NOTE
    unquoted = "\n".join(line.text for line in written if not line.in_quote)
    if not is_marked and any(
        holds(unquoted, read_said(each.body).text, letters=_WHOLE_MESSAGE)
        for each in others
        if each.type == "customer"
    ):
        return Doubt.HISTORY
    return None


def _private(others: Iterable[Thread], reply: Thread) -> Iterator[Said]:
    """What this customer must not read: notes, and whatever is of another customer."""
    for each in _private_threads(others, reply):
        yield read_said(each.body)


def _private_threads(others: Iterable[Thread], reply: Thread) -> Iterator[Thread]:
    for each in others:
        is_others = None not in (each.customer_id, reply.customer_id) and (
            each.customer_id != reply.customer_id
        )
        if each.type == "note" or (is_others and each.type in ("customer", "message")):
            yield each


def _doubt_of_files(reply: Thread, others: Sequence[Thread]) -> Doubt | None:
    """A mail program sends pictures of what it quotes along, as files of the reply (Outlook)."""
    private = list(_private_threads(others, reply))
    known = {(file.name, file.size) for each in private for file in each.files}
    has_pictures = any(read_said(each.body).pictures for each in private)
    for file in reply.files:
        if file.mime == "message/rfc822" or file.name.lower().endswith(_MAILS):
            return Doubt.FILE
        if (file.name, file.size) in known or (has_pictures and file.mime.startswith("image/")):
            return Doubt.FILE
    return None


def _file(address: str) -> str:
    """What two addresses of one picture have in common: the desk's number of it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    return parse_qs(parts.query).get("id", [address])[0]


# --- Do two texts share a run of words? However they are wrapped, marked up, quoted and spelled.


_WORD = re.compile(r"\w+")
_CHUNK = re.compile(r"[^\s>|]+")
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)


def folded(text: str) -> str:
    """A text without differences that a mail program may make: case, widths, accents' order, ё."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return unicodedata.normalize("NFKC", text).replace("ё", "е")


class Runs:
    """All runs of a text, to be looked for in others."""

    def __init__(self, text: str, *, words: int, letters: int) -> None:
        """Take a text apart.

        Args:
            text: The words that may leave.
            words: So many words in a row are a run.
            letters: So many letters and digits in a row are one, too, whatever words they make.
        """
        self._words, self._letters = words, letters
        text = folded(text)
        self._in_words = set(_runs(_WORD.findall(text), words))
        self._in_chunks = set(_runs(_CHUNK.findall(text), words))
        self._in_letters = set(_stretches(text, letters))

    def __bool__(self) -> bool:
        """Is there a run at all?"""
        return bool(self._in_words or self._in_chunks or self._in_letters)

    def meet(self, other: str) -> bool:
        """Is a run of the text in this one?"""
        if not self:
            return False
        other = folded(other)
        return (
            any(run in self._in_words for run in _runs(_WORD.findall(other), self._words))
            or any(run in self._in_chunks for run in _runs(_CHUNK.findall(other), self._words))
            or any(each in self._in_letters for each in _stretches(other, self._letters))
        )


def beginning(text: str, *, words: int, letters: int) -> str:
    """The first run of a text."""
    found = []
    for word in _WORD.finditer(folded(text)):
        found.append(word.group())
        if len(found) >= words or sum(map(len, found)) >= letters:
            break
    return " ".join(found)


def stands_in(lines: Sequence[str], other: Sequence[str]) -> bool:
    """Do the lines of a text stand among these, each whole and one behind the other?"""
    wanted = [letters for line in other if (letters := _only_letters(folded(line)))]
    there = [_only_letters(folded(line)) for line in lines]
    return bool(wanted) and any(
        there[at : at + len(wanted)] == wanted for at in range(len(there) - len(wanted) + 1)
    )


def holds(text: str, other: str, *, letters: int) -> bool:
    """Does a text hold the whole of another, which is longer than so many letters?"""
    wanted = _only_letters(folded(other))
    return len(wanted) > letters and wanted in _only_letters(folded(text))


def _only_letters(text: str) -> str:
    return "".join(_WORD.findall(text))


def _runs(items: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(items[at : at + length]) for at in range(len(items) - length + 1))


def _stretches(text: str, length: int) -> Iterator[str]:
    letters = _only_letters(text)
    return (letters[at : at + length] for at in range(len(letters) - length + 1))
