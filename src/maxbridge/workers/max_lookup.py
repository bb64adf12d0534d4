"""Looking up a doubtful send at MAX: is our message in the chat's history? (contract max.md 8)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sized
from dataclasses import dataclass
from difflib import SequenceMatcher

from maxbridge.max.client import HISTORY_PAGE, MaxClient, Sent

_FAR_BACK_MS = 86_400_000
"""How far back before the attempt a chat without any known message of ours is searched. Wide, because
MAX's clock and ours may differ; a known message ends the search by itself."""
_PAGES = 20
_FILES = frozenset({"image", "video", "audio", "file"})


_ALIKE = 0.5
"""Share of words that two versions of one reply have in common."""


def shape(text: str, files: Sized) -> tuple[tuple[str, ...], int]:
    """A message as far as it can be told from others: its words and the number of its files."""
    return tuple(text.split()), len(files)


@dataclass(frozen=True, slots=True)
class Unsure:
    """A look-up of what a database may have sent that is gone.

    Attributes:
        others: Shapes of what else it may have sent to this chat.
    """

    others: Collection[tuple[tuple[str, ...], int]]

    def was_edited(self, sent: Sent, text: str, kinds: tuple[str, ...]) -> bool:
        """Is this an earlier version of a reply, and not another one of those in doubt?"""
        files = [each for each in sent.files if each.kind in _FILES]
        has = shape(sent.text, files)
        if not text.strip() or has in self.others or has[1] != len(kinds):
            return False
        return SequenceMatcher(None, has[0], text.split()).ratio() >= _ALIKE


async def find_sent(
    client: MaxClient,
    *,
    chat_id: int,
    bot_id: int,
    text: str,
    kinds: tuple[str, ...],
    attempted_at: float,
    claimed: Callable[[Collection[str]], set[str]],
    since: float | None = None,
    unsure: Unsure | None = None,
) -> tuple[bool | None, str | None]:
    """Look for the bot's own message with this text, sent after everything known to be sent.

    Sends to one chat are made one after another, so a doubtful message is newer than every message
    of ours whose id we know: the first of those ends the search, and no clock has to be believed.

    Args:
        client: MAX.
        chat_id: The chat.
        bot_id: Our user id.
        text: What was sent, as MAX shows it.
        kinds: Kinds of the files that were sent with it.
        attempted_at: Our clock.
        claimed: Says which of these message ids are known to be other deliveries of ours.
        since: Our clock since when it may have been sent, where others were sent after it: then a known
            message is passed over and ends nothing.
        unsure: A database may have sent it that is gone: what its files became is not known, so their
            number has to do, and the agent may have edited it since.

    Returns:
        Whether it was found, None when the history does not reach back far enough to tell, and
        the message id; with False the id of the message that it was before it was edited, if any.

    Raises:
        ApiError: The history could not be read.
    """
    oldest_wanted = (attempted_at if since is None else since) * 1000 - _FAR_BACK_MS
    before: int | None = None
    seen: set[str] = set()
    # Of several equal ones, the oldest is the one that this attempt made.
    match: str | None = None
    edited: str | None = None
    for _ in range(_PAGES):
        page = [
            each for each in await client.history(chat_id, before=before) if each.mid not in seen
        ]
        seen |= {each.mid for each in page}
        ours = [each for each in page if each.sender_id == bot_id]
        known = claimed([each.mid for each in ours])
        for each in ours:
            if each.timestamp < oldest_wanted or (since is None and each.mid in known):
                return match is not None, match or edited
            if each.mid in known:
                continue
            if _same(each, text, kinds, any_kind=unsure is not None):
                match = each.mid
            elif unsure is not None and unsure.was_edited(each, text, kinds):
                edited = each.mid
        if len(page) < HISTORY_PAGE - 1 or page[-1].timestamp < oldest_wanted:
            return match is not None, match or edited
        before = page[-1].timestamp
    return (True, match) if match else (None, None)


def _same(sent: Sent, text: str, kinds: tuple[str, ...], *, any_kind: bool) -> bool:
    """Equal but for white space, which MAX may trim or fold, and for the order of the files."""
    if not text.strip() and not kinds:
        return False
    # Buttons, and previews of links, which MAX adds by itself, say nothing.
    found = sorted(each.kind for each in sent.files if each.kind in _FILES)
    alike = len(found) == len(kinds) if any_kind else found == sorted(kinds)
    return alike and sent.text.split() == text.split()
