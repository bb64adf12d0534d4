"""Looking up a doubtful send at MAX: is our message in the chat's history? (contract max.md 8)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from maxbridge.core.text import utf16_len
from maxbridge.max.client import HISTORY_PAGE, MaxClient, Sent

_CLOCK_MARGIN_MS = 600_000
"""MAX's clock and ours may differ; messages of ours that are known by id are left out anyway."""
_PAGES = 20


async def find_sent(
    client: MaxClient,
    *,
    chat_id: int,
    bot_id: int,
    text: str,
    attempted_at: float,
    claimed: Callable[[Collection[str]], set[str]],
) -> tuple[bool | None, str | None]:
    """Look for the bot's own message with this text at or after an attempt.

    Args:
        client: MAX.
        chat_id: The chat.
        bot_id: Our user id.
        text: What was sent.
        attempted_at: Our clock.
        claimed: Says which of these message ids are known to be other deliveries of ours.

    Returns:
        Whether it was found, None when the history does not reach back far enough to tell, and
        the message id.

    Raises:
        ApiError: The history could not be read.
    """
    oldest_wanted = attempted_at * 1000 - _CLOCK_MARGIN_MS
    before: int | None = None
    seen: set[str] = set()
    # Of several equal ones, the oldest unclaimed is the one that this attempt made.
    match: str | None = None
    for _ in range(_PAGES):
        page = [
            each for each in await client.history(chat_id, before=before) if each.mid not in seen
        ]
        seen |= {each.mid for each in page}
        ours = [each for each in page if _is_ours(each, bot_id, text, oldest_wanted)]
        taken = claimed([each.mid for each in ours])
        for each in ours:
            if each.mid not in taken:
                match = each.mid
        if len(page) < HISTORY_PAGE - 1 or page[-1].timestamp < oldest_wanted:
            return match is not None, match
        before = page[-1].timestamp
    return (True, match) if match else (None, None)


def _is_ours(message: Sent, bot_id: int, text: str, oldest: float) -> bool:
    return (
        message.sender_id == bot_id
        and message.timestamp >= oldest
        and _same_text(message.text, text)
    )


def _same_text(one: str, other: str) -> bool:
    """Equal but for white space, which MAX may trim or fold."""
    return utf16_len(one) > 0 and one.split() == other.split()
