"""Decide which part of a reply by mail its agent wrote, and whether it may be sent.

No word of a private note may be sent. So there are two checks. The quote is cut off where a mail
program or FreeScout marks it. The rest is compared with the ticket's notes, and anything that still
looks like a quote holds the reply back; then its agent is asked to answer on the ticket's page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from urllib.parse import parse_qs, urlsplit

from maxbridge.core.events import Thread
from maxbridge.core.mailed.lines import (
    HEADER_LINES,
    Attribution,
    asks_to_answer_above,
    attribution,
    betrays_quote,
    is_dated,
    is_header,
    is_notification,
    is_of_header,
    is_rule,
    is_separator,
    may_be_separator,
    names_person,
    points_below,
)
from maxbridge.core.mailed.page import (
    Kind,
    MailLine,
    MailPage,
    Mark,
    Said,
    read_mail,
    read_said,
    visible,
)
from maxbridge.core.mailed.shared import (
    Pieces,
    Runs,
    beginning,
    holds,
    is_anybodys,
    letters_of,
    stands_in,
    words_of,
)
from maxbridge.core.text import clean

_ATTRIBUTION_LINES = 3
_SIGNATURE_LINES = 15
_SIGNATURE_SIGNS = ("--", "- --", "— --")
_DEVICE = re.compile(
    r"(?:(?:sent (?:from|via|with)|get|отправлено (?:с|из|от)|получить|скачать|надіслано (?:з|із)|"
    r"von|gesendet (?:von|mit)|envoyé (?:de|depuis)|enviado (?:desde|do)|inviato da|wysłan[eo] z|"
    r"verzonden (?:vanaf|met))"
    r"(?: (?:my|the|моего|моей|мого|meinem|meiner|mon|mi|meu|mio|moje[jg]o?|mijn|мобильн\w+|mobile|new))*"
    r" (?:iphone|ipad|android|samsung|galaxy|xiaomi|redmi|huawei|honor|pixel|outlook|gmail|mail\b|mymail|"
    r"yahoo|proton|windows|яндекс|yandex|почты (?:mail|яндекс|для|windows)|приложения|устройства|смартфона|"
    r"телефона)"
    r".{0,60}|отправлено из мобильной почты.{0,30})",
    re.IGNORECASE,
)
_REGARDS = re.compile(r"с уважением|с наилучшими|regards|sincerely", re.IGNORECASE)
_ASKS_TO_CALL = re.compile(r"\b(?:звоните|пишите|позвоните|напишите|call|write)\b", re.IGNORECASE)
_LONGEST_TITLE = 5
_SIGNS = re.compile(
    r"(?:\bтел\b|\bмоб\b|телефон|\bООО\b|\bИП\b|\bАО\b|https?://|www\.)"
    r"|\+?\d[\d ()-]{8,}\d",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quote:
    """Where the quote begins.

    Attributes:
        place: Position in the HTML.
        first: Number of its first line.
        kind: What follows.
        is_sure: A program marked it with an element of its own.
        names: Number of lines that name its writer.
        border: Number of the line at the next mark; after the last line if there is none.
    """

    place: int
    first: int
    kind: Kind
    is_sure: bool
    names: int = 0
    border: int = 0


def quote_of(page: MailPage) -> Quote | None:
    """Return the quote at the first mark, including the rules right above it."""
    element = min(
        filter(partial(_is_mark, page), page.marks), key=lambda mark: mark.place, default=None
    )
    border = element.first if element else len(page.lines)
    spoken = _spoken_marks(page.lines, border)
    found = next(spoken, None)
    if found is not None:
        behind = found.first + found.names
        is_sure = element is not None and element.first <= behind
        said = next(
            (at for at in range(behind, border) if not is_head(page.lines[at : at + 1])), border
        )
        border = next((mark.first for mark in spoken if mark.first > said), border)
    elif element is not None:
        kind = Kind.REST if element.kind is Kind.RULE else element.kind
        found, is_sure = Quote(element.place, element.first, kind, is_sure=True), True
    else:
        return None
    first, place = found.first, found.place
    while first and _is_drawn(page.lines[first - 1]):
        first -= 1
        place = page.lines[first].place
    return Quote(place, first, found.kind, is_sure, found.names + found.first - first, border)


def _is_mark(page: MailPage, mark: Mark) -> bool:
    """Whether a quote certainly begins here; after a rule, only if a header or nothing follows."""
    if mark.kind is not Kind.RULE:
        return True
    behind = page.lines[mark.first : mark.first + 2 * HEADER_LINES]
    lines = [line.text for line in behind if not _is_drawn(line)]
    return not lines or is_header(lines[:HEADER_LINES]) is not False


def is_head(lines: Iterable[MailLine]) -> bool:
    """Whether all these lines may be a program's lines before a quote."""
    return all(_is_drawn(line) or is_of_header(line.text) for line in lines if line.text)


def _is_drawn(line: MailLine) -> bool:
    return line.is_rule or is_rule(line.text, short=True)


def _spoken_marks(lines: Sequence[MailLine], border: int) -> Iterator[Quote]:
    """Yield marks that consist of words, in lines before the border."""
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
            yield Quote(lines[at].place, at, Kind.REST, is_sure=False)
        elif names := _names_writer(lines, texts, at):
            yield Quote(lines[at].place, at, Kind.QUOTE, is_sure=False, names=names)


def _names_writer(lines: Sequence[MailLine], texts: Sequence[str], at: int) -> int:
    """Return the number of lines of the attribution that begins here; 0 for none."""
    for behind in range(at + 1, min(at + _ATTRIBUTION_LINES, len(lines)) + 1):
        sure = attribution(texts[at:behind])
        if sure is None:
            continue
        follows = next(
            (lines[each] for each in range(behind, len(lines)) if not lines[each].in_signature),
            None,
        )
        is_quoted = follows is not None and follows.in_quote
        ends = follows is None and (is_dated(texts[at]) or names_person(texts[at]))
        if is_quoted or sure is Attribution.SURE or (sure is Attribution.VERB and ends):
            return behind - at
    return 0


def without_signature(kept: Sequence[MailLine], writer: str) -> tuple[list[MailLine], int | None]:
    """Return the lines without what a program adds below them, and where that begins.

    Two dashes may also be the agent's own rule: what follows is removed only if it says who the
    agent is.
    """
    end = len(kept)
    for at in range(max(1, end - _SIGNATURE_LINES), end):
        below = [line.text for line in kept[at + 1 :] if line.text]
        is_sign = kept[at].text in _SIGNATURE_SIGNS and not kept[at].in_quote
        if is_sign and is_signature(below, writer):
            end = at
            break
    while end and (
        kept[end - 1].in_signature or kept[end - 1].is_rule or is_device(kept[end - 1].text)
    ):
        end -= 1
        if end > 1 and kept[end - 1].text in _SIGNATURE_SIGNS and not kept[end - 1].in_quote:
            end -= 1  # the two dashes over a device's line
    if not any(line.is_seen for line in kept[:end]) or end == len(kept):
        return list(kept), None
    return list(kept[:end]), kept[end].place


def answers_inside(page: MailPage, quote: Quote) -> bool:
    """Whether the agent wrote anything after the first lines of the quote."""
    lines = page.lines
    rests = (mark for mark in page.marks if mark.kind is not Kind.QUOTE and not mark.in_quote)
    end = min(
        (mark.first for mark in rests if mark.place > quote.place and _is_mark(page, mark)),
        default=len(lines),
    )
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


def is_device(line: str) -> bool:
    """Whether it is a phone's line below the agent's words ("Sent from my …")."""
    return bool(_DEVICE.fullmatch(line))


def is_signature(lines: Sequence[str], writer: str) -> bool:
    """Whether the lines below two dashes only say who somebody is.

    Args:
        lines: Their words.
        writer: The agent's name.
    """
    own = [word for word in writer.split() if len(word) > 1]
    if not lines or any(word in lines[0] for word in own) or _REGARDS.search(lines[0]):
        return True
    told = [bool(_SIGNS.search(line) or names_person(line)) for line in lines]
    plain = (
        len(line.split()) <= _LONGEST_TITLE and not re.search(r"[\d?!:]|\.$", line)
        for line in lines
    )
    return (
        any(told)
        and all(one or other for one, other in zip(told, plain, strict=True))
        and (not any(map(_ASKS_TO_CALL.search, lines)))
    )


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
_MAILS = (".eml", ".msg", ".mht", ".mhtml")


class Doubt(StrEnum):
    """Why a reply by mail is not sent."""

    TOO_LARGE = "too large"
    NOTHING_LEFT = "nothing above the quote"
    AMONG_QUOTE = "words below or inside the quote"
    STRANGE = "what stands below is not of this ticket"
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
        body: Its HTML: the beginning of the mail.
        doubt: Why it must not be sent; None if it may.
    """

    body: str
    doubt: Doubt | None = None


def own_words(reply: Thread, ticket: Iterable[Thread]) -> OwnWords:
    """Extract what the agent wrote in a reply by mail.

    Args:
        reply: The reply.
        ticket: All threads of its ticket, including notes and other customers' messages.
    """
    body = clean(reply.body)
    if len(body) > LARGEST:
        return OwnWords("", Doubt.TOO_LARGE)
    others = [each for each in ticket if each.id != reply.id]
    page = read_mail(body)
    quote = quote_of(page)
    kept = page.lines[: quote.first] if quote else page.lines
    written, ends = without_signature(kept, reply.author.full)
    place = ends if ends is not None else quote.place if quote else len(body)
    own = OwnWords(body[:place])
    left = _Left(written, read_said(own.body), reply, others, bool(quote and quote.is_sure))
    doubt = (
        _doubt_of_shape(page, quote, left)
        or _doubt_of_words(left)
        or _doubt_of_files(reply, others)
    )
    return OwnWords(own.body, doubt)


@dataclass(frozen=True, slots=True)
class _Left:
    """The part of a mail above its quote.

    Attributes:
        lines: Its lines without the signature.
        said: Everything it says, including words that stand for pictures.
        reply: The whole reply.
        others: The other threads of its ticket.
        is_marked: A program marked the quote below with an element of its own.
    """

    lines: Sequence[MailLine]
    said: Said
    reply: Thread
    others: Sequence[Thread]
    is_marked: bool

    def people(self, *, but: str = "") -> frozenset[str]:
        """Return the words of all names in the ticket except ``but``: names may stand before a quote."""
        names = {each.author.full for each in (self.reply, *self.others)} - {but}
        return frozenset(word for name in names for word in words_of(name))

    def texts(self) -> Iterator[str]:
        """Yield each line, visible or not, once."""
        seen = (line.text for line in self.lines)
        yield from filter(None, dict.fromkeys((*seen, *map(visible, self.said.text.splitlines()))))


def _doubt_of_shape(page: MailPage, quote: Quote | None, left: _Left) -> Doubt | None:
    seen = [line for line in left.lines if line.is_seen and not is_device(line.text)]
    if all(line.in_quote or line.in_signature for line in seen):
        return Doubt.NOTHING_LEFT
    if quote is not None and quote.kind is Kind.QUOTE and answers_inside(page, quote):
        return Doubt.AMONG_QUOTE
    if quote is not None and any(points_below(line.text) for line in seen[-2:]):
        return Doubt.AMONG_QUOTE
    if quote is not None and not quote.is_sure and not _is_of_ticket(page, quote, left.others):
        return Doubt.STRANGE
    texts = [line.text for line in left.lines]
    if any(is_header(texts[at : at + HEADER_LINES]) is not False for at in range(len(texts))):
        return Doubt.HEADER
    if any(map(is_notification, left.texts())):
        return Doubt.NOTIFICATION
    people, address = left.people(but=left.reply.author.full), left.reply.author_email
    if any(betrays_quote(each, people, address) for each in left.texts()):
        return Doubt.UNMARKED_QUOTE
    quoted = sum(len(line.text) for line in seen if line.in_quote)
    if quoted > _OWN_QUOTE or (quote is None and seen[-1].in_quote):
        return Doubt.UNMARKED_QUOTE
    return None


def _is_of_ticket(page: MailPage, quote: Quote, others: Iterable[Thread]) -> bool:
    """Whether the quote is a notification of this ticket, judged by its words.

    A notification repeats at least one thread. If it contains none, the agent may have written all
    of it.
    """
    below = page.lines[quote.first + quote.names : quote.border]
    if is_head(below) or any(is_notification(line.text) for line in below):
        return True
    words = f" {' '.join(words_of(' '.join(line.text for line in below)))} "
    firsts = (words_of(read_said(each.body).text)[:_WORDS] for each in others)
    return any(f" {' '.join(first)} " in words for first in firsts if first)


def _doubt_of_words(left: _Left) -> Doubt | None:
    own, is_marked = left.said, left.is_marked
    reply, others = left.reply, left.others
    text = "\n".join((own.text, *own.addresses))
    runs = Runs(text, words=_WORDS, letters=_LETTERS)
    long_runs = Runs(text, words=_TYPED_WORDS, letters=_TYPED_LETTERS)
    files = {_file(each) for each in own.pictures}
    lines = letters_of(line.text for line in left.lines)
    secrets = list(_private(others, reply))
    public = (read_said(each.body).text for each in others if _is_public(each, reply))
    for private in secrets:
        if files & {_file(each) for each in private.pictures}:
            return Doubt.NOTE
        is_said_by_all = is_anybodys(words_of(private.text))
        texts = () if is_said_by_all else (private.text,)
        for words in (*texts, *private.addresses):
            first = beginning(words, words=_WORDS, letters=_LETTERS)
            if runs.meet(first if is_marked else words) or long_runs.meet(words):
                return Doubt.NOTE
        if not (is_marked or is_said_by_all) and stands_in(lines, private.text.splitlines()):
            return Doubt.NOTE
    if _pieces(left).meet((each.text for each in secrets), public):
        return Doubt.NOTE
    unquoted = "\n".join(line.text for line in left.lines if not line.in_quote)
    if not is_marked and any(
        holds(unquoted, read_said(each.body).text, letters=_WHOLE_MESSAGE)
        for each in others
        if each.type == "customer"
    ):
        return Doubt.HISTORY
    return None


def _pieces(left: _Left) -> Pieces:
    """Collect the separate pieces of a reply."""
    pieces = Pieces(left.people())
    quoted = {line.text for line in left.lines if line.in_quote}
    first = next((line.text for line in left.lines if line.text), None)
    for text in left.texts():
        if text in quoted:
            pieces.quoted(text)
        else:
            pieces.line(text, is_first=left.is_marked and text == first)
    return pieces


def _private(others: Iterable[Thread], reply: Thread) -> Iterator[Said]:
    """Yield what this customer must not read: notes, and other customers' threads."""
    for each in _private_threads(others, reply):
        yield read_said(each.body)


def _private_threads(others: Iterable[Thread], reply: Thread) -> Iterator[Thread]:
    for each in others:
        if each.type == "note" or (
            _is_anothers(each, reply) and each.type in ("customer", "message")
        ):
            yield each


def _is_public(each: Thread, reply: Thread) -> bool:
    """Whether this customer has read a thread."""
    return each.type in ("customer", "message") and not _is_anothers(each, reply)


def _is_anothers(each: Thread, reply: Thread) -> bool:
    known = None not in (each.customer_id, reply.customer_id)
    return known and each.customer_id != reply.customer_id


def _doubt_of_files(reply: Thread, others: Sequence[Thread]) -> Doubt | None:
    """Return a doubt about files: a mail program attaches the pictures of its quote to the reply (Outlook)."""
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
    """Return the part that all addresses of one picture share: the desk's number of it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    return parse_qs(parts.query).get("id", [address])[0]
