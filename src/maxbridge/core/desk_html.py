"""HTML of events for agents: blocks in the order in which a person reads them, and several messages in one thread.

Threads of one ticket are a second apart, so fifty forwarded messages took fifty seconds and made fifty
notifications. Only text messages that wait in a row are joined; somebody who types normally gets a thread for
each message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from html import escape
from itertools import count

from maxbridge.core.attachment_html import attachment_html, grey, label, labels, shown_name, warning
from maxbridge.core.events import Attachment, Event, Link, LinkKind, Message, Person, What
from maxbridge.core.inbound_files import FETCHED, FileFate, FileOutcome, same_file
from maxbridge.core.markup import QUOTE, UrlRule, formatted, text_to_html
from maxbridge.core.plan_inbound import written_at as late_since
from maxbridge.core.text import GREY, is_blank, one_line
from maxbridge.core.texts import Texts

_SILENT = frozenset({"image", "file"})
"""The desk shows these under the thread by name; a line of their own would say it twice."""
_THERE = (FileFate.ATTACHED, FileFate.EARLIER)
_QUOTED_LINES = 6
_QUOTED_LETTERS = 300
_EXCERPT = 60
_PAYLOAD = 300


def event_to_html(
    event: Event,
    texts: Texts,
    url_rule: UrlRule,
    *,
    files: Mapping[int, FileOutcome] | None = None,
    old_text: str | None = None,
    sent_at: str = "",
    author: bool = False,
) -> str:
    """Return the visible HTML of an event, without its marker; it always shows at least one word.

    Args:
        event: A MESSAGE, EDITED, REMOVED, CALLBACK, STARTED or STOPPED event.
        texts: The agents' language.
        url_rule: Which of MAX's links may be shown.
        files: Outcome of each of :func:`inbound_files.fetchable`, by index; a file without one
            becomes a line with a link.
        old_text: The previous words of an edited or removed message, if known.
        sent_at: When that message was written, as agents read times; empty if unknown.
        author: Put the person's name before the words: for groups.
    """
    blocks = _author(event.sender, texts) if author else []
    if event.what is What.REMOVED:
        blocks += [_dated(texts.removed_at, texts.removed, sent_at), *_before(old_text, texts)]
    elif event.what in (What.CALLBACK, What.STARTED, What.STOPPED):
        blocks.append(_happened(event, texts))
    elif event.what is What.EDITED:
        blocks.append(_dated(texts.edited_at, texts.edited, sent_at))
        blocks += _said(event, texts, url_rule, files or {})
        if old_text != event.message.text:
            blocks += _before(old_text, texts)
    else:
        blocks += _said(event, texts, url_rule, files or {})
    return "".join(blocks)


def continuation_html(event: Event, texts: Texts, *, first: int, last: int, total: int) -> str:
    """Return the words of a thread that brings further files of a message already in the ticket.

    Args:
        event: The message.
        texts: The agents' language.
        first: Number of this thread's first file, counted from 1.
        last: Number of its last file.
        total: How many files the message has.
    """
    message = first_line(event, texts, _EXCERPT)
    numbers = f"{first}–{last}" if last > first else str(first)
    return grey(texts.more_files.format(message=message, numbers=numbers, total=total))


def files_lost_html(lost: Sequence[Attachment], texts: Texts, url_rule: UrlRule) -> str:
    """Return the lines about files that the desk accepted but did not keep: their number and names.

    Args:
        lost: The attachments; ``size`` is shown, so put the measured size in.
        texts: The agents' language.
        url_rule: Which of MAX's links may be shown.
    """
    lines = "".join(attachment_html(item, texts, url_rule) for item in lost)
    return warning(texts.files_lost.format(count=len(lost))) + lines


def written_line(when: datetime, texts: Texts) -> str:
    """Return the line that says when a late message was written, in the time zone of ``when``."""
    return grey(texts.written.format(when=when.strftime(texts.moment)))


def first_line(event: Event, texts: Texts, limit: int) -> str:
    """Describe an event in one short line of plain text, for the subject."""
    if event.what is What.CALLBACK:
        words = event.button if not is_blank(event.button) else event.payload
        pressed = texts.pressed.format(button=words)
        return one_line(texts.pressed_unknown if is_blank(words) else pressed, limit)
    if event.what is What.STARTED:
        return one_line(texts.started, limit)
    linked = (event.link.message,) if event.link is not None else ()
    for message in (event.message, *linked):
        for line in message.text.split("\n"):
            if not is_blank(line):
                return one_line(line, limit)
        if message.attachments:
            return one_line(label(message.attachments[0], texts), limit)
    return ""


def same_content(old: Message, new: Message) -> bool:
    """Whether an edit changes nothing that agents see; MAX reports such edits, too."""
    return (
        old.text == new.text
        and sorted(map(repr, old.markup)) == sorted(map(repr, new.markup))
        and old.broken == new.broken
        and len(old.attachments) == len(new.attachments)
        and all(
            same_file(one, other)
            and (one.detail, one.phones, one.user_id, one.seconds, one.cards)
            == (other.detail, other.phones, other.user_id, other.seconds, other.cards)
            for one, other in zip(old.attachments, new.attachments, strict=True)
        )
    )


# --- messages -------------------------------------------------------------------------------------


def _said(
    event: Event, texts: Texts, url_rule: UrlRule, files: Mapping[int, FileOutcome]
) -> list[str]:
    """Return a message's blocks, preceded by the message it replies to or followed by what it forwards."""
    numbers = count()
    own = _content(event.message, texts, url_rule, _outcomes(event.message, files, numbers))
    if event.link is None:
        return own or [grey(texts.empty_message)]
    if event.link.kind is LinkKind.REPLY:
        return [_reply(event.link, texts), *(own or [grey(texts.empty_message)])]
    outcomes = _outcomes(event.link.message, files, numbers)
    inner = _content(event.link.message, texts, url_rule, outcomes)
    name = _name_html(event.link.message.sender, texts)
    head = _filled(texts.forwarded, name=name) if name else texts.forwarded_unknown
    return [
        *own,
        f'<div style="{GREY}">{head}</div>',
        _quotation(inner or [grey(texts.empty_message)]),
    ]


def _outcomes(
    message: Message, files: Mapping[int, FileOutcome], numbers: Iterator[int]
) -> list[FileOutcome | None]:
    """Return the outcome of each attachment, numbered as :func:`inbound_files.fetchable` does."""
    return [
        files.get(next(numbers)) if item.kind in FETCHED else None for item in message.attachments
    ]


def _content(
    message: Message,
    texts: Texts,
    url_rule: UrlRule,
    outcomes: Sequence[FileOutcome | None],
) -> list[str]:
    """Return the blocks of a message's words and attachments; an empty list if it shows nothing."""
    words = [] if is_blank(message.text) else [formatted(message.text, message.markup)]
    loud: list[str] = []
    silent: list[Attachment] = []
    for item, outcome in zip(message.attachments, outcomes, strict=True):
        if item.kind in _SILENT and outcome is not None and outcome.fate in _THERE:
            silent.append(item)
        else:
            loud.append(attachment_html(item, texts, url_rule, outcome))
    loud += [warning(texts.broken_part.format(kind=each)) for each in message.broken]
    if silent and not words and not loud:
        return [f"<div>{escape(line, quote=False)}</div>" for line in labels(silent, texts)]
    return words + loud


def _reply(link: Link, texts: Texts) -> str:
    """Render the answered message, shortened: the ticket, or the customer's chat, has it already."""
    quoted = link.message
    name = _name_html(quoted.sender, texts)
    head = _filled(texts.reply_to, name=name) if name else texts.reply_to_unknown
    shown = _shortened(quoted)
    blocks = [] if is_blank(shown.text) else [formatted(shown.text, shown.markup)]
    if quoted.attachments:
        blocks.append(
            f"<div>{escape(', '.join(labels(quoted.attachments, texts)), quote=False)}</div>"
        )
    blocks += [warning(texts.broken_part.format(kind=each)) for each in quoted.broken]
    return _quotation([f"<div>{head}</div>", *(blocks or [grey(texts.empty_message)])])


def _shortened(message: Message) -> Message:
    """Return the first lines of a message; marks that reach further are cut."""
    kept = "\n".join(message.text.split("\n")[:_QUOTED_LINES])
    if len(kept) > _QUOTED_LETTERS:
        cut = kept[:_QUOTED_LETTERS]
        kept = cut[: max(cut.rfind(" "), cut.rfind("\n"), _QUOTED_LETTERS // 2)]
    if kept == message.text:
        return message
    return replace(message, text=f"{kept.rstrip()}…")


# --- what happened --------------------------------------------------------------------------------


def _happened(event: Event, texts: Texts) -> str:
    """Return the line for something that a customer did without writing."""
    if event.what is What.STOPPED:
        others = {"dialog_removed": texts.dialog_removed, "bot_removed": texts.bot_removed}
        return grey(others.get(event.update_type, texts.stopped))
    payload = f"<code>{escape(one_line(event.payload, _PAYLOAD), quote=False)}</code>"
    if event.update_type == "bot_added":
        return grey(texts.bot_added)
    if event.what is What.STARTED:
        known = not is_blank(event.payload)
        line = _filled(texts.started_with, payload=payload) if known else texts.started
    elif not is_blank(event.button):
        button = f"<b>{escape(one_line(event.button, _PAYLOAD), quote=False)}</b>"
        line = _filled(texts.pressed, button=button)
    elif not is_blank(event.payload):
        line = _filled(texts.pressed, button=payload)
    else:
        line = texts.pressed_unknown
    return f"<div>{line}</div>"


def _dated(template: str, undated: str, sent_at: str) -> str:
    return grey(template.format(time=sent_at) if sent_at else undated)


def _before(old_text: str | None, texts: Texts) -> list[str]:
    """Render the previous words crossed out, after a label: the text part of a mail loses the line through them."""
    if old_text is None or is_blank(old_text):
        return []
    words = _filled(texts.before_edit, text=f"<s>{text_to_html(old_text)}</s>")
    return [_quotation([f"<div>{words}</div>"])]


# --- small parts ----------------------------------------------------------------------------------


def _author(person: Person | None, texts: Texts) -> list[str]:
    name = _name_html(person, texts)
    return [f"<div>{name}</div>"] if name else []


def _name_html(person: Person | None, texts: Texts) -> str:
    """Return a person's name, or their id if MAX gives no name; empty for None."""
    if person is None:
        return ""
    name = shown_name(person.name) or texts.max_id.format(id=person.user_id)
    return f"<b>{escape(name, quote=False)}</b>"


def _filled(template: str, **html: str) -> str:
    """Fill a sentence of the catalogue with our own HTML."""
    return escape(template, quote=False).format(**html)


def _quotation(blocks: Sequence[str]) -> str:
    return f'<blockquote style="{QUOTE}">{"".join(blocks)}</blockquote>'


# --- the subject: the first line that says more than a greeting; “Здравствуйте” looks like every other


_WORD = re.compile(r"[^\W\d_]+")
_GREETINGS = frozenset(
    "здравствуйте здравствуй здрасте здрасьте приветствую привет приветик салют хай алло але ау "
    "добрый доброе доброго доброй день дня утро утра вечер вечера ночи времени суток всем вам вас еще раз "
    "уважаемые коллеги у меня есть вопрос вопросик можно подскажите скажите пожалуйста "
    "hello hi hey there good morning day afternoon evening dear team all everyone".split()
)
"""Words of which greetings are made, and the question whether one may ask; a line of nothing else says nothing."""


def subject_line(events: Iterable[Event], texts: Texts, limit: int) -> str:
    """Summarise messages in one line of plain text; empty if they have no words.

    Args:
        events: The messages that begin the ticket, in order.
        texts: The agents' language.
        limit: Longest line in characters.
    """
    events = list(events)
    for line in _lines(events):
        if not is_greeting(line):
            return one_line(line, limit)
    return next(filter(None, (first_line(each, texts, limit) for each in events)), "")


def is_greeting(line: str) -> bool:
    """Whether a line only greets, or has no letters and digits at all."""
    words = _WORD.findall(line.casefold().replace("ё", "е"))
    return _GREETINGS.issuperset(words) and not re.search(r"\d", line)


def _lines(events: Iterable[Event]) -> Iterator[str]:
    """Yield the lines of messages with words; a button or a file is a subject of its own."""
    for event in events:
        if event.what not in (What.MESSAGE, What.EDITED):
            return
        for line in event.message.text.split("\n"):
            if not is_blank(line):
                yield line
        if event.message.attachments or event.link is not None:
            return


LEAST = 4
"""Messages that must wait: three in a row are a person who types while the desk is slow."""
MOST = 50
"""Messages in one thread: an agent still finds his way in it, and what fails goes alone, a second each."""
MOST_BYTES = 60_000
"""Bytes of HTML in one thread: a notification mail repeats the last threads of a ticket, and mail programs
cut long ones; web servers in front of a desk take 64 kB without a thought."""
SPLIT = "border-top:1px solid #dde5ec;margin:6px 0 0;padding:6px 0 0"
"""Style of each message behind the first one (contract freescout-agent-ui.md 1)."""

_MINUTE_MS = 60_000
_WORDLESS = frozenset({"location", "share", "inline_keyboard"})
"""Attachments that are lines of text: nothing is fetched for them, nothing follows from them."""


@dataclass(frozen=True, slots=True)
class Block:
    """One message in a thread with others.

    Attributes:
        html: Its HTML as it would be alone.
        marker: Its marker, placed after its HTML.
        written_at: MAX's time in milliseconds, 0 if unknown.
    """

    html: str
    marker: str
    written_at: int

    @property
    def size(self) -> int:
        """Upper bound of its size in bytes."""
        return len(f"{self.html}{self.marker}".encode(errors="replace")) + _AROUND


_AROUND = len(f'<div style="{SPLIT}"></div>') + 200
"""Bytes around a block, the line with its time included."""


def is_plain(event: Event) -> bool:
    """Whether the event is a text message without side effects.

    No files to fetch, no phone number for the customer record, nothing about which the customer
    would be told that agents cannot see it.
    """
    if event.what is not What.MESSAGE or event.sender is None:
        return False
    said = [event.message]
    if event.link is not None and event.link.kind is not LinkKind.REPLY:
        said.append(event.link.message)
    return all(map(_is_wordy, said)) and not all(is_blank(each.text) for each in said)


def _is_wordy(message: Message) -> bool:
    return not message.broken and all(each.kind in _WORDLESS for each in message.attachments)


def may_follow(head: Event, event: Event) -> bool:
    """Whether a message may stand after another one in the same thread."""
    return (
        is_plain(event)
        and head.sender is not None
        and event.sender is not None
        and event.sender.user_id == head.sender.user_id
        and event.chat_type == head.chat_type
    )


def how_many_fit(first: int, blocks: Iterable[Block]) -> int:
    """Return how many blocks fit into a thread after its first message.

    Args:
        first: Size of the first message in bytes.
        blocks: The following messages, in order.
    """
    left, count = MOST_BYTES - first, 0
    for block in blocks:
        left -= block.size
        if left < 0 or count == MOST - 1:
            break
        count += 1
    return count


def behind_html(
    written_at: int,
    blocks: Sequence[Block],
    texts: Texts,
    local_time: Callable[[float], datetime],
    now: float | None = None,
) -> str:
    """Return the HTML after a thread's first message: the other messages, each followed by its marker.

    The desk shows one time for the whole thread. A message therefore gets its own time if it
    differs from the time shown before it by more than a minute, and the date if it is of another
    day.

    Args:
        written_at: MAX's time of the first message in milliseconds, 0 if unknown.
        blocks: The other messages.
        texts: The agents' language.
        local_time: Converts a moment to the time zone that agents read.
        now: The desk's time of the thread in seconds; None if it equals the first message's time.
    """
    times = _times(written_at, blocks, texts, local_time, now)
    return "".join(
        f'<div style="{SPLIT}">{time}{block.html}</div>{block.marker}'
        for time, block in zip(times, blocks, strict=True)
    )


def _times(
    told: int,
    blocks: Sequence[Block],
    texts: Texts,
    local_time: Callable[[float], datetime],
    now: float | None,
) -> Iterator[str]:
    day: date | None = None
    if told:
        # The first message tells its date only when it comes late; else agents read the thread's.
        is_told = now is None or late_since(told, now) is not None
        day = local_time(told / 1000 if is_told or now is None else now).date()
    for block in blocks:
        if not block.written_at or (told and abs(block.written_at - told) <= _MINUTE_MS):
            yield ""
            continue
        when = local_time(block.written_at / 1000)
        yield grey(
            texts.written_at.format(time=f"{when:%H:%M}")
            if day == when.date()
            else texts.written_on.format(when=when.strftime(texts.moment))
        )
        told, day = block.written_at, when.date()
