"""What one person sends at once goes to the desk in one thread: which messages may, and how it looks.

Threads of one ticket are a second apart, so fifty forwarded messages took fifty seconds and made fifty
notifications. Only plain words that wait one behind the other are joined; whoever types keeps a thread
for each message.
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
    """A message in a thread with others.

    Attributes:
        html: What it would be alone.
        marker: Its marker, at its end.
        written_at: MAX's time of it in milliseconds, 0 when unknown.
    """

    html: str
    marker: str
    written_at: int

    @property
    def size(self) -> int:
        """Bytes that it takes at most."""
        return len(f"{self.html}{self.marker}".encode(errors="replace")) + _AROUND


_AROUND = len(f'<div style="{SPLIT}"></div>') + 200
"""Bytes around a block, the line with its time included."""


def is_plain(event: Event) -> bool:
    """Is it a message of nothing but words, from which nothing else follows?

    No files to fetch, no number for the customer's card, nothing of which the customer would be told
    that agents cannot see it.
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
    """May a message stand behind another one in its thread?"""
    return (
        is_plain(event)
        and head.sender is not None
        and event.sender is not None
        and event.sender.user_id == head.sender.user_id
        and event.chat_type == head.chat_type
    )


def how_many_fit(first: int, blocks: Iterable[Block]) -> int:
    """How many blocks fit into a thread behind its first message.

    Args:
        first: Bytes of the first message.
        blocks: The others, in order.
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
    """What stands behind the first message of a thread: the others, each with its marker at its end.

    The desk shows one time for all of them, so a message has its own where that of the one before
    misleads by more than a minute, and the date where a reader would take it for another day's.

    Args:
        written_at: MAX's time of the first message in milliseconds, 0 when unknown.
        blocks: The others.
        texts: The language of the agents.
        local_time: A moment in the zone in which agents read times.
        now: The desk's time of the thread, in seconds; None when it is that of the first message.
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
