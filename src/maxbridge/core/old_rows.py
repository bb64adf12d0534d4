"""Parse rows of the webhook bridge's mapping.db, and decide whether a reply reached the customer: pure rules.

mapping.db is foreign data: any value may be anything. An unusable row is counted under a name; its
meaning is never guessed.

Whether a reply arrived must be decided if its database is lost or was another program's. Nothing
may arrive twice, so a reply counts as unsent only if the chat's history proves it: the history
reaches back to before the reply was written, and it contains no unexplained message of the bot
since. Otherwise the outcome is unknown and the agent decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from maxbridge.core.history import fold

TO_DESK, TO_MAX = "max_to_freescout", "freescout_to_max"
_MOST = 2**63
_MILLISECONDS = 100_000_000_000
"""A number of seconds beyond this is one of milliseconds: it would be the year 5138."""
_LONGEST_ID = 400


@dataclass(frozen=True, slots=True)
class OldPair:
    """A ticket linked to a MAX user.

    Attributes:
        user_id: The MAX user.
        conversation_id: FreeScout's id of the ticket.
        customer_id: The user's customer record, None if the row does not tell.
        last_mid: The last message that the old bridge transferred; empty if the row does not tell.
        active_at: When it last did, in seconds; 0 if the row does not tell.
    """

    user_id: int
    conversation_id: int
    customer_id: int | None = None
    last_mid: str = ""
    active_at: float = 0.0


@dataclass(frozen=True, slots=True)
class OldSync:
    """A message that the old bridge transferred."""

    mid: str
    thread_id: int | None
    to_max: bool
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class OldBridge:
    """The usable content of mapping.db.

    Attributes:
        pairs: Tickets by user; each ticket once, a user's newest ticket last.
        syncs: Transferred messages; each message and each thread once.
        problems: How many rows were unusable, by kind.
    """

    pairs: tuple[OldPair, ...]
    syncs: tuple[OldSync, ...]
    problems: Mapping[str, int]

    @property
    def active_at(self) -> float | None:
        """When the old bridge was last active; None if its file contains no time."""
        times = [each.active_at for each in self.pairs] + [each.at for each in self.syncs]
        return max((at for at in times if at), default=None)


def understand(
    mappings: Iterable[Mapping[str, Any]], syncs: Iterable[Mapping[str, Any]]
) -> OldBridge:
    """Parse the rows of both tables.

    Args:
        mappings: Rows of ``max_freescout_mapping``, as dictionaries.
        syncs: Rows of ``message_sync``.
    """
    problems: Counter[str] = Counter()
    pairs = _pairs(mappings, problems)
    carried = _syncs(syncs, problems)
    return OldBridge(tuple(pairs), tuple(carried), dict(problems))


def _pairs(rows: Iterable[Mapping[str, Any]], problems: Counter[str]) -> list[OldPair]:
    found: dict[int, OldPair] = {}
    contested: set[int] = set()
    for row in rows:
        user, ticket = (
            read_id(row.get(name)) for name in ("max_user_id", "freescout_conversation_id")
        )
        if user is None:
            problems["mapping rows without a usable max_user_id"] += 1
            continue
        if ticket is None:
            problems["mapping rows without a usable freescout_conversation_id"] += 1
            continue
        pair = OldPair(
            user_id=user,
            conversation_id=ticket,
            customer_id=read_id(row.get("freescout_customer_id")),
            last_mid=read_mid(row.get("last_message_id")),
            active_at=max(read_time(row.get(name)) for name in ("updated_at", "created_at")),
        )
        before = found.get(ticket)
        if before is not None and before.user_id != user:
            contested.add(ticket)
        elif before is not None:
            problems["mapping rows that tell of the same ticket again"] += 1
        if before is None or before.active_at <= pair.active_at:
            found[ticket] = pair
    for ticket in contested:
        # A ticket belongs to one chat; whose this one is, nobody can say.
        del found[ticket]
        problems["tickets that several MAX users have: left out"] += 1
    several = Counter(pair.user_id for pair in found.values())
    if more := sum(count - 1 for count in several.values()):
        problems["further tickets of the same MAX user: the newest is his current one"] += more
    return sorted(found.values(), key=lambda each: (each.active_at, each.conversation_id))


def _syncs(rows: Iterable[Mapping[str, Any]], problems: Counter[str]) -> list[OldSync]:
    found: dict[tuple[str, int | None], OldSync] = {}
    for row in rows:
        direction = row.get("direction")
        if direction not in (TO_DESK, TO_MAX):
            problems["message_sync rows of an unknown direction: taken for both"] += 1
        mid, thread = read_mid(row.get("max_message_id")), read_id(row.get("freescout_thread_id"))
        if not mid and thread is None:
            problems["message_sync rows without any usable id"] += 1
            continue
        # A reply that is taken for sent is at worst left to the agent; the other way it comes twice.
        sync = OldSync(mid, thread, direction != TO_DESK, read_time(row.get("synced_at")))
        if (mid, thread) in found:
            problems["message_sync rows that stand there twice"] += 1
            sync = max(sync, found[mid, thread], key=lambda each: (each.to_max, each.at))
        found[mid, thread] = sync
    return list(found.values())


def read_id(value: Any) -> int | None:
    """Parse a positive 64-bit number, however stored; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    if isinstance(value, str):
        text = value.strip().removesuffix(".0")
        value = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) < 2**53 else None
    return value if isinstance(value, int) and 0 < value < _MOST else None


def read_mid(value: Any) -> str:
    """Parse a MAX message id; empty if it cannot be one."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    text = value.strip() if isinstance(value, str) else ""
    fits = len(text) <= _LONGEST_ID and text.isascii() and text.isprintable() and " " not in text
    return text if fits else ""


def read_time(value: Any) -> float:
    """Parse an ISO time (UTC by default) or a number into seconds since the epoch; 0 if it is neither."""
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            try:
                value = float(value)
            except ValueError:
                return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _MOST:
        return 0.0
    return float(value) / 1000 if value > _MILLISECONDS else float(value)


# --- Did an agent's reply reach the customer? Judged by the chat's history alone: pure decisions.


SKEW = 300.0
"""Seconds by which the clocks of MAX and the desk may differ."""


class Trace(StrEnum):
    """What a chat's history says about a reply."""

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
        files: The number of its files.
    """

    thread_id: int
    created_at: float
    texts: tuple[str, ...]
    words: str
    files: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the bot in the chat; ``at`` is MAX's time in seconds."""

    mid: str
    at: float
    text: str
    files: int = 0


def trace(
    replies: Sequence[Written],
    said: Sequence[Said],
    *,
    reaches_to: float | None,
    others: Sequence[Written] = (),
) -> dict[int, Trace]:
    """Decide for each reply of a chat whether it arrived.

    Args:
        replies: All replies that may explain a message, not only those in question.
        said: The bot's messages that no record explains.
        reaches_to: Desk time from which the history is complete; None if it could not be read.
        others: Replies that seem another bot's, perhaps only since a merge. A message with exactly their words
            proves no other reply that is like it.
    """
    replies = sorted(replies, key=lambda each: (each.created_at, each.thread_id))
    said = sorted(said, key=lambda each: (each.at, each.mid))
    left = list(said)
    found = {reply.thread_id: Trace.SENT for reply in replies if _claims(reply, left)}
    unexplained = list(left)
    for other in others:
        _claims(other, unexplained)
    # A likeness claims nothing: two replies may be like one message, and only one of them is it.
    for one in unexplained:
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
    """Remove the messages that are exactly those of a reply."""
    claimed = False
    for text in reply.texts:
        words = fold(text)
        match = next((one for one in left if _may_be(reply, one) and fold(one.text) == words), None)
        if words and match is not None:
            left.remove(match)
            claimed = True
    return claimed


def _is_like(reply: Written, said: Said) -> bool:
    """Whether both have the same words despite another signature, layout or split."""
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
