"""Which chats are our bot's: what the store knows, and for the rest MAX is asked, once for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from maxbridge.core.errors import ApiError, MaxbridgeError
from maxbridge.core.events import Thread
from maxbridge.core.marks import Voices, bot_of, chats_named, voices
from maxbridge.core.markup import marked_keys
from maxbridge.max.client import MaxClient

_NOT_OURS = frozenset({"max.blocked", "max.chat_gone", "max.not_found"})
"""Other refusals say nothing about the chat: MAX has answered every call with 403 for some hours."""
_MOST = 10_000


class UnknownChatError(MaxbridgeError):
    """MAX cannot tell now whether a chat is ours."""


class OwnChats:
    """Asked where several bots may have written into one ticket."""

    def __init__(
        self, bot_id: Callable[[], int | None], knows: Callable[[int], bool], client: MaxClient
    ) -> None:
        """Prepare.

        Args:
            bot_id: Our bot.
            knows: Has the store a dialog of this chat?
            client: MAX.
        """
        self.bot_id = bot_id
        self._knows = knows
        self._client = client
        self._told: dict[int, bool] = {}

    async def has(self, chat_id: int) -> bool:
        """Is this chat one of our bot's?

        Raises:
            UnknownChatError: MAX cannot tell now.
        """
        if self._knows(chat_id):
            return True
        if chat_id not in self._told:
            if len(self._told) >= _MOST:
                self._told.clear()
            self._told[chat_id] = await self._ask(chat_id)
        return self._told[chat_id]

    async def voices(self, threads: Sequence[Thread] | None, *, since: float = 0.0) -> Voices:
        """Judge the customers' threads of a ticket; see :func:`maxbridge.core.marks.voices`.

        Raises:
            UnknownChatError: MAX cannot tell now.
        """
        threads = threads or ()
        own = {chat for chat in _unsigned(threads) if await self.has(chat)}
        return voices(threads, self.bot_id(), own.__contains__, since=since)

    async def _ask(self, chat_id: int) -> bool:
        try:
            await self._client.chat(chat_id)
        except ApiError as error:
            if error.failure.code in _NOT_OURS:
                return False
            raise UnknownChatError(str(error.failure)) from error
        return True


def _unsigned(threads: Sequence[Thread]) -> set[int]:
    """Chats that are named where no bot is."""
    return {
        chat
        for thread in threads
        if thread.type == "customer" and bot_of(thread.body) is None
        for chat in chats_named(marked_keys(thread.body))
    }
