"""Render one MAX attachment as a line of HTML for agents; an unknown kind gets words, too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from html import escape

from maxbridge.core.events import Attachment, ContactCard
from maxbridge.core.inbound_files import FETCHED, FileFate, FileOutcome
from maxbridge.core.markup import UrlRule, text_to_html
from maxbridge.core.text import GREY, bare, dialable, is_blank, link, one_line, readable
from maxbridge.core.texts import Texts

_KINDS = FETCHED | {"contact", "location", "share"}
_PLACE = re.compile(r"(-?[0-9]{1,2}(?:\.[0-9]+)?),(-?[0-9]{1,3}(?:\.[0-9]+)?)")
_MAP = "https://yandex.ru/maps/?pt={longitude},{latitude}&z=16&l=map"
_LONGEST_NAME = 200
_LONGEST_EXTENSION = 10
_LONGEST_KIND = 40
_UNIT = 1024
_HOUR = 3600
_FATES = {
    FileFate.TOO_LARGE: "too_large",
    FileFate.UNREACHABLE: "unreachable",
    FileFate.EMPTY: "empty_file",
    FileFate.REFUSED: "refused",
}
"""Fates that an agent is warned of, and their sentences in the catalogue."""


def attachment_html(
    item: Attachment, texts: Texts, url_rule: UrlRule, outcome: FileOutcome | None = None
) -> str:
    """Return the line for one attachment.

    Args:
        item: The attachment.
        texts: The agents' language.
        url_rule: Which of MAX's links may be shown.
        outcome: What became of its content; None if it was not fetched: the line then links to
            MAX's copy.
    """
    if item.kind == "contact":
        return _contact(item, texts)
    if item.kind == "location":
        return _location(item, texts)
    if item.kind == "share":
        return _share(item, texts)
    if item.kind not in FETCHED:
        words = label(item, texts)
        return grey(words) if item.kind == "inline_keyboard" else f"<div>{_small(words)}</div>"
    if outcome is not None and outcome.fate in (FileFate.ATTACHED, FileFate.EARLIER):
        line = escape(label(item, texts), quote=False)
        if item.kind == "sticker":
            line = f'<span style="{GREY}">{line}</span>'
    elif outcome is not None and outcome.fate in _FATES:
        reason: str = getattr(texts, _FATES[outcome.fate])
        what = _with_size(item, outcome.size, texts)
        line = _small("⚠️ " + reason.format(what=what), _open(item, texts, url_rule))
    else:
        size = outcome.size if outcome else None
        line = escape(_with_size(item, size, texts), quote=False) + _open(item, texts, url_rule)
    if item.kind == "audio" and not is_blank(item.detail):
        line += f"<br>{text_to_html(item.detail)}"
    return f"<div>{line}</div>"


def is_known_kind(item: Attachment) -> bool:
    """Whether agents can tell what the attachment is from more than its name. Our own buttons need no line."""
    return item.kind in _KINDS or item.kind == "inline_keyboard"


def label(item: Attachment, texts: Texts) -> str:
    """Describe an attachment in plain text: its kind, its name, its duration."""
    if item.kind == "inline_keyboard":
        return texts.keyboard
    if item.kind not in _KINDS:
        kind = one_line(bare(item.kind), _LONGEST_KIND) or "?"
        return "⚠️ " + texts.unknown_part.format(kind=kind)
    voice = item.kind == "audio" and not is_blank(item.detail)
    words: str = texts.voice if voice else getattr(texts, item.kind)
    name = _file_name(item.name) if item.kind in FETCHED else shown_name(item.name)
    if name and item.kind in FETCHED:
        words += " " + texts.file_name.format(name=name)
    elif name:
        words += f": {name}"
    if item.kind in ("audio", "video") and (length := _duration(item.seconds)):
        words += f", {length}"
    return words


def labels(items: Iterable[Attachment], texts: Texts) -> list[str]:
    """Return the labels of several attachments; equal labels become one with a count."""
    counts: dict[str, int] = {}
    for item in items:
        words = label(item, texts)
        counts[words] = counts.get(words, 0) + 1
    return [
        words if count == 1 else texts.times.format(what=words, count=count)
        for words, count in counts.items()
    ]


def grey(text: str) -> str:
    """Return plain text as a grey line: it was not written by the customer."""
    return f'<div style="{GREY}">{text_to_html(text)}</div>'


def warning(text: str) -> str:
    """Return plain text as a warning line: something did not come through."""
    return f"<div>{_small(f'⚠️ {text}')}</div>"


def shown_name(name: str) -> str:
    """Return a person's or file's name on one line, without invisible characters.

    Direction marks would reverse letters, so that a program could pass for a picture.
    """
    return one_line(bare(name), _LONGEST_NAME)


def _file_name(name: str) -> str:
    """Like :func:`shown_name` for a file; however long the name, its extension stays visible."""
    line = " ".join(bare(name).split())
    stem, dot, extension = line.rpartition(".")
    if len(line) <= _LONGEST_NAME or not dot or not 0 < len(extension) <= _LONGEST_EXTENSION:
        return one_line(line, _LONGEST_NAME)
    return f"{one_line(stem, _LONGEST_NAME - len(extension) - 1)}.{extension}"


def human_size(size: int, texts: Texts) -> str:
    """Return a file size with a unit, for people."""
    number = float(size)
    unit = 0
    while number >= _UNIT and unit < len(texts.units) - 1:
        number /= _UNIT
        unit += 1
    digits = f"{number:.0f}" if unit == 0 or number >= 10 else f"{number:.1f}"
    return texts.size.format(number=digits, unit=texts.units[unit])


def _contact(item: Attachment, texts: Texts) -> str:
    """Render each card of a contact separately, so that it is clear whose number is whose."""
    # MAX's own name of a person is newer than what somebody's address book says.
    head, *others = item.cards or (ContactCard(phones=item.phones),)
    if not others:
        head = replace(head, name=item.name or head.name)
    blocks = [_card(head, texts, item.user_id), *(_card(each, texts) for each in others)]
    if item.more_cards:
        blocks.append(grey(texts.contact_more_cards.format(count=item.more_cards)))
    if head == ContactCard() and item.user_id is None:
        blocks.append(warning(texts.broken_part.format(kind=item.kind)))
    return "".join(blocks)


def _card(card: ContactCard, texts: Texts, user_id: int | None = None) -> str:
    name = escape(shown_name(card.name), quote=False)
    lines = [f"{texts.contact}: <b>{name}</b>" if name else texts.contact]
    firm = " · ".join(filter(None, map(shown_name, (card.firm, card.title))))
    lines += [escape(firm, quote=False)] if firm else []
    for phone in card.phones:
        number = dialable(phone)
        shown = escape(readable(number) or shown_name(phone), quote=False)
        if number:
            shown = f'<a href="tel:{number}">{shown}</a>'
        lines.append(texts.contact_phone.format(phone=shown))
    for template, values, scheme in (
        (texts.contact_mail, card.mails, "mailto:"),
        (texts.contact_site, card.sites, ""),
    ):
        lines += [template.format(value=link(shown_name(each), scheme + each)) for each in values]
    lines += [
        texts.contact_address.format(value=escape(shown_name(each), quote=False))
        for each in card.addresses
    ]
    if not is_blank(card.note):
        lines.append(texts.contact_note.format(value=text_to_html(card.note)))
    left_out = [getattr(texts, f"contact_{each}") for each in card.left_out]
    if card.more:
        left_out.append(texts.contact_more.format(count=card.more))
    if left_out:
        lines.append(_small(texts.contact_left_out.format(what=", ".join(left_out))))
    if user_id is not None:
        lines.append(_small(texts.max_id.format(id=user_id)))
    return f"<div>{'<br>'.join(lines)}</div>"


def _location(item: Attachment, texts: Texts) -> str:
    place = _PLACE.fullmatch(item.detail)
    if place is None:
        return f"<div>{texts.location}</div>{warning(texts.broken_part.format(kind=item.kind))}"
    latitude, longitude = place.groups()
    address = _MAP.format(latitude=latitude, longitude=longitude)
    return f"<div>{texts.location}: {link(f'{latitude}, {longitude}', address)}</div>"


def _share(item: Attachment, texts: Texts) -> str:
    """Render a shared page: its title as a link, or its address if it has no title."""
    title = shown_name(item.name) or item.url
    line = f"{texts.share}: {link(title, item.url)}" if title else texts.share
    if not is_blank(item.detail):
        line += f"<br>{text_to_html(item.detail)}"
    return f"<div>{line}</div>"


def _with_size(item: Attachment, measured: int | None, texts: Texts) -> str:
    size = measured if measured is not None else item.size
    words = label(item, texts)
    return f"{words} ({human_size(size, texts)})" if size is not None and size >= 0 else words


def _open(item: Attachment, texts: Texts, url_rule: UrlRule) -> str:
    if not item.url.startswith(("https://", "http://")) or not url_rule(item.url):
        return ""
    return f' <a href="{escape(item.url)}">{escape(texts.open_link)}</a>'


def _small(text: str, behind: str = "") -> str:
    """Return plain text as small grey words with HTML appended inside: a link outside would look larger."""
    return f'<span style="{GREY}">{text_to_html(text)}{behind}</span>'


def _duration(seconds: float | None) -> str:
    """Return minutes and seconds.

    MAX documents seconds but was seen to send milliseconds (contract max.md 4). No recording is
    longer than an hour (contract max.md 7), so larger values are taken for milliseconds.
    """
    if seconds is None or not 0 < seconds < _HOUR * 1000:
        return ""
    whole = max(1, round(seconds / 1000 if seconds > _HOUR else seconds))
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02}"
