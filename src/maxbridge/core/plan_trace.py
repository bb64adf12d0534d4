"""Did an agent's reply reach the customer? Judged by the chat's history alone: pure decisions.

Asked when the database that knew it is lost, or was another bridge's. Nothing may arrive twice, so a
reply counts as unsent only when the history proves it: the history reaches back to before the reply was
written, and no message of the bot's since then is left unexplained. Where it proves neither, nobody can
tell, and the agent decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from maxbridge.core.fold import fold

SKEW = 300.0
"""Seconds by which the clocks of MAX and the desk may differ."""


class Trace(StrEnum):
    """What a chat's history says of a reply."""

    SENT = "sent"
    UNSENT = "unsent"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Written:
    """A reply at the desk.

    Attributes:
        thread_id: FreeScout's id.
        created_at: Desk time.
        texts: Its messages as MAX would show them, in order.
        words: What the agent wrote, without signature.
        files: How many files go with it.
    """

    thread_id: int
    created_at: float
    texts: tuple[str, ...]
    words: str
    files: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the bot's in the chat; ``at`` is MAX's time in seconds."""

    mid: str
    at: float
    text: str
    files: int = 0


def trace(
    replies: Sequence[Written], said: Sequence[Said], *, reaches_to: float | None
) -> dict[int, Trace]:
    """Judge replies of one chat.

    Args:
        replies: All that may explain a message, not only those that are asked about.
        said: The bot's messages that no record explains.
        reaches_to: Desk time from which on the history is certainly complete; None when it could not
            be read.
    """
    replies = sorted(replies, key=lambda each: (each.created_at, each.thread_id))
    said = sorted(said, key=lambda each: (each.at, each.mid))
    left = list(said)
    found = {reply.thread_id: Trace.SENT for reply in replies if _claims(reply, left)}
    # A likeness claims nothing: two replies may be like one message, and only one of them is it.
    for one in left:
        alike = [each for each in replies if each.thread_id not in found and _is_like(each, one)]
        if alike:
            closest = max(alike, key=lambda each: len(_letters(each.words)))
            found[closest.thread_id] = Trace.SENT
    for reply in replies:
        if reply.thread_id not in found:
            found[reply.thread_id] = _without_trace(reply, said, left, reaches_to)
    return found


def _without_trace(
    reply: Written, said: Sequence[Said], left: Sequence[Said], reaches_to: float | None
) -> Trace:
    if reaches_to is None or reaches_to > reply.created_at:
        return Trace.UNCLEAR
    doubtful = any(_may_be(reply, each) for each in left) or any(
        _is_like(reply, each) for each in said
    )
    return Trace.UNCLEAR if doubtful else Trace.UNSENT


def _may_be(reply: Written, said: Said) -> bool:
    return said.at >= reply.created_at - SKEW


def _claims(reply: Written, left: list[Said]) -> bool:
    """Take the messages that are exactly those of a reply."""
    claimed = False
    for text in reply.texts:
        words = fold(text)
        match = next((one for one in left if _may_be(reply, one) and fold(one.text) == words), None)
        if words and match is not None:
            left.remove(match)
            claimed = True
    return claimed


def _is_like(reply: Written, said: Said) -> bool:
    """The same words under another signature, in another layout, cut at other places."""
    if not _may_be(reply, said):
        return False
    # Letters survive any layout; signs are all that some replies have.
    return any(
        wanted and shown and (wanted in shown or shown in wanted)
        for wanted, shown in (
            (_letters(reply.words), _letters(said.text)),
            (_signs(reply.words), _signs(said.text)),
        )
    )


def _letters(text: str) -> str:
    return "".join(char for char in fold(text).casefold() if char.isalnum())


def _signs(text: str) -> str:
    return "".join(fold(text).split())
