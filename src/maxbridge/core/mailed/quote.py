"""Find where the agent's own words end in a mail: at the quote, or at lines added by their program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from maxbridge.core.mailed.lines import (
    HEADER_LINES,
    Attribution,
    asks_to_answer_above,
    attribution,
    is_dated,
    is_header,
    is_of_header,
    is_rule,
    is_separator,
    may_be_separator,
    names_person,
)
from maxbridge.core.mailed.page import Kind, MailLine, MailPage, Mark

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
