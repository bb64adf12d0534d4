"""Join messages that one person sends in a burst into one desk thread: which may be joined, and the HTML.

FreeScout keeps the threads of one ticket a second apart, so fifty forwarded messages took fifty
seconds and sent fifty notifications. Only plain text messages that wait in a row are joined;
somebody who types normally gets a thread for each message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from maxbridge.core.attachment_html import grey
from maxbridge.core.events import Event, LinkKind, Message, What
from maxbridge.core.plan_inbound import written_at as late_since
from maxbridge.core.text import is_blank
from maxbridge.core.texts import Texts

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
