"""MAX messages to desk HTML: built from escaped text only, with a named line for every other part.

The HTML is what was seen good in the agent's page, the notification mail and the list preview
(contract freescout-agent-ui.md 2): lines in ``<div>``, breaks as ``<br>``, the marker last.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from urllib.parse import urlsplit

from maxbridge.core.events import Attachment, Event, Link, LinkKind, Message, What
from maxbridge.core.text import one_line
from maxbridge.core.texts import Texts

UrlRule = Callable[[str], bool]
"""Says whether a link of MAX's may be shown to an agent."""

_QUOTE = "border-left:3px solid #b9c9d8;margin:0 0 6px;padding:0 0 0 9px;color:#66788a"
_GREY = "color:#8a97a4;font-size:12px"
_MARKER_SAFE = re.compile(r"[^A-Za-z0-9._:@+=/-]")
_SIMPLE = frozenset({"image", "video", "audio", "file", "sticker", "contact", "location", "share"})
_UNIT = 1024


def marker(key: str) -> str:
    """The invisible comment that makes a thread findable again (contract freescout.md 4, 8).

    ``--`` would end the comment early, so what is not harmless in a comment is left out; ids made of
    the characters of MAX's mids stay as they are.
    """
    safe = _MARKER_SAFE.sub("_", key)
    while "--" in safe:
        safe = safe.replace("--", "-_")
    return f"<!-- maxbridge:{safe.rstrip('-')} -->"


def has_marker(body: str, key: str) -> bool:
    """Does a thread's body carry this marker?"""
    return marker(key) in body


def text_to_html(text: str) -> str:
    """Escaped text with every line break and every run of spaces kept."""
    lines = escape(text, quote=False).replace("\t", "    ").split("\n")
    return "<br>".join(_keep_spaces(line) for line in lines)


def event_to_html(event: Event, texts: Texts, url_rule: UrlRule) -> str:
    """The visible HTML of an event, without marker; never without a visible word.

    Args:
        event: A MESSAGE, EDITED, REMOVED, CALLBACK or STOPPED event.
        texts: The language of the agents.
        url_rule: Which links of MAX's may be shown.
    """
    if event.what is What.REMOVED:
        return _grey(texts.removed)
    if event.what is What.CALLBACK:
        return _grey(texts.pressed.format(payload=event.payload))
    if event.what is What.STOPPED:
        return _grey(texts.stopped)
    blocks: list[str] = []
    if event.what is What.EDITED:
        blocks.append(_grey(texts.edited))
    own = _content(event.message, texts, url_rule)
    linked = _linked(event.link, texts, url_rule) if event.link else []
    if event.link and event.link.kind is LinkKind.REPLY:
        blocks += linked + own
    else:
        blocks += own + linked
    if not own and not linked:
        blocks.append(_grey(texts.empty_message))
    return "".join(blocks)


def first_line(event: Event, texts: Texts, limit: int) -> str:
    """A short line that says what a message is about, for the subject; plain text."""
    texts_in_order = [event.message.text]
    if event.link is not None:
        texts_in_order.append(event.link.message.text)
    for text in texts_in_order:
        for line in text.split("\n"):
            if line.strip():
                return one_line(line, limit)
    attachments = event.message.attachments or (
        event.link.message.attachments if event.link else ()
    )
    return one_line(_label(attachments[0], texts), limit) if attachments else ""


def _content(message: Message, texts: Texts, url_rule: UrlRule) -> list[str]:
    blocks = []
    if message.text.strip():
        blocks.append(f"<div>{text_to_html(message.text)}</div>")
    blocks += [_attachment(each, texts, url_rule) for each in message.attachments]
    blocks += [_warning(texts.broken_part.format(kind=each)) for each in message.broken]
    return blocks


def _linked(link: Link, texts: Texts, url_rule: UrlRule) -> list[str]:
    inner = _content(link.message, texts, url_rule) or [_grey(texts.empty_message)]
    name = link.message.sender.name if link.message.sender else ""
    if link.kind is LinkKind.REPLY:
        head = _grey(texts.reply_to.format(name=name))
        return [f'<blockquote style="{_QUOTE}">{head}{"".join(inner)}</blockquote>']
    head = _grey(texts.forwarded.format(name=name) if name else texts.forwarded_unknown)
    return [f'{head}<blockquote style="{_QUOTE}">{"".join(inner)}</blockquote>']


def _attachment(item: Attachment, texts: Texts, url_rule: UrlRule) -> str:
    line = escape(_label(item, texts))
    if item.size is not None and item.size >= 0:
        line += f" ({escape(human_size(item.size, texts))})"
    if item.url and url_rule(item.url):
        line += f' <a href="{escape(item.url)}">{escape(texts.open_link)}</a>'
    elif item.kind == "share" and _is_web(item.url):
        line += f" {escape(item.url)}"
    if item.kind == "audio" and item.detail:
        line += f": {text_to_html(item.detail)}"
    return f"<div>{line}</div>"


def _label(item: Attachment, texts: Texts) -> str:
    if item.kind == "inline_keyboard":
        return texts.keyboard
    if item.kind not in _SIMPLE:
        return "⚠️ " + texts.unknown_part.format(kind=item.kind)
    template: str = getattr(texts, item.kind)
    return template.format(name=item.name, detail=item.detail).strip()


def human_size(size: int, texts: Texts) -> str:
    """A file's size as people read it."""
    number = float(size)
    unit = 0
    while number >= _UNIT and unit < len(texts.units) - 1:
        number /= _UNIT
        unit += 1
    digits = f"{number:.0f}" if unit == 0 or number >= 10 else f"{number:.1f}"
    return texts.size.format(number=digits, unit=texts.units[unit])


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _grey(text: str) -> str:
    return f'<div style="{_GREY}">{text_to_html(text)}</div>'


def _warning(text: str) -> str:
    return f'<div><span style="{_GREY}">⚠️ {text_to_html(text)}</span></div>'


def _keep_spaces(line: str) -> str:
    """HTML folds runs of spaces; code and tables drawn with spaces must stay readable."""
    line = re.sub(r"^ | $", "&nbsp;", line)
    return line.replace("  ", " &nbsp;")
