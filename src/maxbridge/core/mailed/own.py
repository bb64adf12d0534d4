"""Decide which part of a reply by mail its agent wrote, and whether it may be sent.

No word of a private note may be sent. So there are two checks. The quote is cut off where a mail
program or FreeScout marks it. The rest is compared with the ticket's notes, and anything that still
looks like a quote holds the reply back; then its agent is asked to answer on the ticket's page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from maxbridge.core.events import Thread
from maxbridge.core.mailed.lines import (
    HEADER_LINES,
    betrays_quote,
    is_header,
    is_notification,
    points_below,
)
from maxbridge.core.mailed.page import Kind, MailLine, MailPage, Said, read_mail, read_said, visible
from maxbridge.core.mailed.quote import (
    Quote,
    answers_inside,
    is_device,
    is_head,
    quote_of,
    without_signature,
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
