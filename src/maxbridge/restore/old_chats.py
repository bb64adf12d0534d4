"""Ask MAX about chats from before this database: the chat of a message, and its history."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from maxbridge.core.errors import ApiError, Kind
from maxbridge.core.events import chat_of_mid, written_at
from maxbridge.core.old_rows import SKEW, Said
from maxbridge.core.old_talks import ask_about
from maxbridge.core.pace import Pace
from maxbridge.engine.gate import take_turn
from maxbridge.max.client import HISTORY_PAGE, MaxClient

_EVERY = 1 / 20
"""Seconds between two requests; MAX allows 30 a second (contract max.md 1)."""
_PAGES = 20


@dataclass(frozen=True, slots=True)
class OldChat:
    """A MAX chat.

    Attributes:
        chat_id: MAX's id.
        user_id: The person in it; None for a group.
        known_at: MAX's milliseconds of the newest message that was asked about.
    """

    chat_id: int
    user_id: int | None
    known_at: int


@dataclass(frozen=True, slots=True)
class History:
    """The history of a chat.

    Attributes:
        said: The bot's messages, oldest first.
        mids: Ids of all messages.
        oldest: MAX's seconds of the oldest of them; None if there are none, or it could not be read.
    """

    said: tuple[Said, ...] = ()
    mids: frozenset[str] = frozenset()
    oldest: float | None = None

    def reaches_to(self, marked: Mapping[str, float]) -> float | None:
        """Return the desk's time from which the history is certainly complete; people may have cleared it.

        Args:
            marked: Desk times of the threads made of messages. A message found here gives that time
                without comparing clocks.
        """
        times = [at for mid, at in marked.items() if mid in self.mids]
        if self.oldest is not None:
            times.append(self.oldest + SKEW)
        return min(times, default=None)


class OldChats:
    """Reads from MAX at a low rate; each chat is requested once."""

    def __init__(self, client: MaxClient, bot_id: int) -> None:
        self._client = client
        self.bot_id = bot_id
        self._pace = Pace(per_key=0.0, overall=_EVERY)
        self._known: dict[int, OldChat | None] = {}

    async def of(self, mids: Sequence[str]) -> OldChat | None:
        """Return the chat of these messages; None if MAX no longer knows any of them.

        Args:
            mids: Messages of one chat, newest first.

        Raises:
            ApiError: MAX fails.
        """
        named = chat_of_mid(mids[0]) if mids else None
        if named is not None and named in self._known:
            return self._known[named]
        found = await self._by_message(mids) or await self._by_name(named, mids)
        if named is not None:
            self._known[named] = found
        return found

    async def history(self, chat_id: int, since: float) -> History:
        """Return the bot's messages in a chat from a time on.

        Args:
            chat_id: The chat.
            since: MAX's seconds.

        Raises:
            ApiError: MAX fails; a customer who stopped the bot is not a failure.
        """
        said: dict[str, Said] = {}
        seen: set[str] = set()
        before: int | None = None
        oldest: float | None = None
        for _ in range(_PAGES):
            await take_turn(self._pace, None)
            try:
                page = await retry_read(partial(self._client.history, chat_id, before=before))
            except ApiError as error:
                if error.failure.kind is not Kind.PERMANENT:
                    raise
                return History()
            fresh = [each for each in page if each.mid not in seen]
            seen |= {each.mid for each in page}
            for each in fresh:
                at = each.timestamp / 1000
                if at > 0:  # a message without a time proves nothing about times
                    oldest = at if oldest is None else min(oldest, at)
                if each.sender_id == self.bot_id:
                    # ... and may be of any.
                    moment = at if at > 0 else math.inf
                    said[each.mid] = Said(each.mid, moment, each.text, len(each.files))
            if not fresh or oldest is None or oldest < since - 2 * SKEW or len(page) < HISTORY_PAGE:
                break
            before = page[-1].timestamp
        ordered = sorted(said.values(), key=lambda each: (each.at, each.mid))
        return History(tuple(ordered), frozenset(seen), oldest)

    async def _by_message(self, mids: Sequence[str]) -> OldChat | None:
        for mid in ask_about(mids):
            await take_turn(self._pace, None)
            try:
                event = await retry_read(partial(self._client.message, mid))
            except ApiError as error:
                if error.failure.kind is not Kind.PERMANENT:
                    raise
                continue
            if event.chat_id is None:
                continue
            if event.is_group:
                return OldChat(event.chat_id, None, event.timestamp)
            sender = event.sender.user_id if event.sender else None
            if sender is not None and sender != self.bot_id and event.is_dialog:
                return OldChat(event.chat_id, sender, event.timestamp)
        return None

    async def _by_name(self, named: int | None, mids: Sequence[str]) -> OldChat | None:
        """Find the chat by the message ids, if the messages are gone or the customer stopped the bot."""
        if named is None:
            return None
        await take_turn(self._pace, None)
        try:
            chat = await retry_read(partial(self._client.chat, named))
        except ApiError as error:
            if error.failure.kind is not Kind.PERMANENT:
                raise
            return None
        at = int((written_at(mids[0]) or 0.0) * 1000)
        if chat.type == "dialog" and chat.user is not None:
            return OldChat(named, chat.user.user_id, at)
        return OldChat(named, None, at) if chat.type == "chat" else None


# --- Repeating a reading of a command's that must not break off for one ----------------------------


_T = TypeVar("_T")
_TRIES = 6


def _passes(error: BaseException) -> bool:
    return isinstance(error, ApiError) and error.failure.kind is Kind.TRANSIENT


async def retry_read(call: Callable[[], Awaitable[_T]]) -> _T:
    """Make a reading, repeated after growing pauses (half a minute in all) while it may succeed later.

    Raises:
        ApiError: The last failure.
    """
    trying = AsyncRetrying(
        retry=retry_if_exception(_passes),
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(multiplier=1.0, max=15.0),
        reraise=True,
    )
    return await trying(call)
