"""Look up a message in doubt at MAX: read the chat's history for :mod:`maxbridge.core.history`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from maxbridge.core.delivery import Doubt
from maxbridge.core.events import written_at
from maxbridge.core.history import (
    Finding,
    Message,
    Said,
    Search,
    Verdict,
    fold,
    judge,
    look_again_in,
)
from maxbridge.max.answers import Sent, read_sent, sender_of
from maxbridge.max.client import HISTORY_PAGE, MaxClient
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.meta import MetaTable
from maxbridge.store.outbox import OutboxTable
from maxbridge.store.records import OutboxItem, PartItem
from maxbridge.store.restored import RestoredStore

_PAGES = 20
_NO_FILES = frozenset({"share", "inline_keyboard", "reply_keyboard", "data"})
"""Attachments that are no files: previews of links, which MAX adds by itself, and buttons. Whatever else MAX
names may be how it shows a file."""
_MOST_LOOKS = 10_000


class SenderTables(NamedTuple):
    """The tables that the way to MAX uses."""

    outbox: OutboxTable
    dialogs: DialogTable
    restored: RestoredStore
    backfill: BackfillStore
    meta: MetaTable


class MaxLookUp:
    """Finds out whether a message is in its chat, before it is sent again."""

    def __init__(
        self,
        tables: SenderTables,
        client: MaxClient,
        *,
        turn: Callable[[], Awaitable[None]],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            client: MAX.
            turn: Waits for MAX's pace before a call.
        """
        self._tables = tables
        self._client = client
        self._turn = turn
        self._looks: dict[tuple[int, int, float], float] = {}
        """When each attempt was looked up first, by the loop's clock; forgotten when we end."""

    async def settle(
        self, item: OutboxItem, head: PartItem, *, asked_at: float
    ) -> tuple[Verdict, float | None]:
        """Look a message up.

        Args:
            item: The delivery.
            head: Its message in doubt.
            asked_at: Now, our clock.

        Returns:
            The verdict, and in how many seconds it must be confirmed; None if it is believed.

        Raises:
            ApiError: The history could not be read.
        """
        attempted_at = item.attempted_at or item.created_at
        steady = asyncio.get_running_loop().time
        asked = steady()
        verdict = await self._read(item, head, attempted_at)
        key = (item.id, head.seq, attempted_at)
        wait = None
        if not verdict.is_final:
            first = self._looks.get(key)
            wait = look_again_in(
                asked_at - attempted_at,
                answered=item.doubt is Doubt.ANSWERED,
                since_look=None if first is None else asked - first,
            )
        if wait is None:
            self._looks.pop(key, None)
        else:
            if len(self._looks) >= _MOST_LOOKS:
                self._looks.clear()
            self._looks.setdefault(key, steady())
        return verdict, wait

    async def _read(self, item: OutboxItem, head: PartItem, attempted_at: float) -> Verdict:
        bot_id = self._tables.meta.bot_id()
        if bot_id is None:
            return Verdict(Finding.UNDECIDABLE)
        search = self._search(item, head, attempted_at)
        said: list[Said] = []
        seen: set[str] = set()
        before: int | None = None
        for _ in range(_PAGES):
            await self._turn()
            page = await self._client.messages(item.chat_id, before=before)
            news = [each for each in page if _ident(each) not in seen]
            if not news:
                # A page without an end is one moment in which more was said than fits into it. A chat without
                # any message at all is believed where we never sent one.
                complete = len(page) < HISTORY_PAGE and (
                    bool(seen) or not self._tables.outbox.has_sent(item.chat_id)
                )
                return judge(said, search, complete=complete)
            seen |= {_ident(each) for each in news}
            said += self._said(item, news, bot_id)
            if any(map(search.ends_at, said)):
                break
            before = min((each for each in map(_timestamp, page) if each), default=before)
        return judge(said, search, complete=False)

    def _search(self, item: OutboxItem, head: PartItem, attempted_at: float) -> Search:
        restoration = self._tables.restored.current()
        since = None
        if item.doubt is Doubt.RESTORED:
            since = attempted_at if restoration is None else restoration.taken_at
            since = self._tables.backfill.by_clock_of_max(since)
        others = [
            Message.of(each.part)
            for item_id, each in self._tables.outbox.parts_in_doubt(item.chat_id)
            if (item_id, each.seq) != (item.id, head.seq)
        ]
        return Search(
            Message.of(head.part),
            self._tables.backfill.by_clock_of_max(attempted_at),
            others,
            since=since,
        )

    def _said(self, item: OutboxItem, page: Sequence[dict[str, Any]], bot_id: int) -> list[Said]:
        """Return the bot's messages of a history page, newest first."""
        rows = [(raw, read_sent(raw)) for raw in page if sender_of(raw) in (bot_id, None)]
        mids = [sent.mid for _, sent in rows if sent]
        claimed = self._tables.outbox.claimed_mids(mids, item)
        said = [_said(raw, sent, bot_id, claimed) for raw, sent in rows]
        return sorted(said, key=lambda each: (each.at, each.mid), reverse=True)


def _said(raw: dict[str, Any], sent: Sent | None, bot_id: int, claimed: Mapping[str, bool]) -> Said:
    ours = sender_of(raw) == bot_id
    at = _timestamp(raw) / 1000 or (sent and written_at(sent.mid)) or inf
    if sent is None:
        return Said("", at, ours=ours, readable=False)
    if sent.mid in claimed:
        return Said(sent.mid, at, known=True, later=not claimed[sent.mid])
    files = sum(each.kind not in _NO_FILES for each in sent.files)
    return Said(sent.mid, at, fold(sent.text), files, ours=ours)


def _timestamp(raw: dict[str, Any]) -> int:
    value = raw.get("timestamp")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _ident(raw: dict[str, Any]) -> str:
    """Return an identity of a history message that works for unreadable ones as well."""
    sent = read_sent(raw)
    return repr(raw) if sent is None else sent.mid
