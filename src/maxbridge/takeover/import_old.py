"""Take over the webhook bridge's customers: from its rows, and from what desk and MAX say now.

The old bridge sent an agent's reply at once and recorded it. So a recorded reply was sent; one
written after its last activity was not, unless the chat's history has it. Everything else in the
tickets is history.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from maxbridge.core.errors import ApiError, ExitCode, UserError
from maxbridge.core.events import chat_of_mid, written_at
from maxbridge.core.keys import message
from maxbridge.core.old_rows import SKEW, OldBridge, OldPair, OldSync, understand
from maxbridge.core.old_talks import OldTalk, OldTicket, record_of
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.max.client import MaxClient
from maxbridge.paths import as_owner, is_file
from maxbridge.restore.old_chats import OldChat, OldChats, retry_read
from maxbridge.restore.rebuild import (
    Cards,
    Carried,
    Draft,
    Findings,
    Rebuilder,
    draft_of,
    strays_among,
)
from maxbridge.saying import say
from maxbridge.takeover.relink import WINDOW, Plan, Progress, Words

_MAPPING, _SYNC = "max_freescout_mapping", "message_sync"
_BUSY_MS = 5000


def read_mapping_db(path: Path) -> OldBridge:
    """Read the old bridge's database.

    It may be in use, also with a write-ahead log beside it: what is committed there is read as
    well.

    Args:
        path: The file.

    Raises:
        UserError: It is missing, unreadable, or another kind of file.
    """
    try:
        with as_owner(path.parent):
            return _read_either(path)
    except PermissionError as error:
        raise UserError(
            say("No permission to read {path}.", path=path), ExitCode.NO_PERMISSION
        ) from error


def _read_either(path: Path) -> OldBridge:
    """Read the database of a bridge that may be running."""
    try:
        if not is_file(path):
            raise UserError(
                say(
                    "There is no file {path}. Name the webhook bridge's database, usually mapping.db in its folder or its data volume.",
                    path=path,
                )
            )
        return _read(path, "mode=ro")
    except sqlite3.OperationalError as error:
        # A log beside it needs a file of SQLite's own there, which a folder that is not ours refuses.
        if "unable to open" not in str(error) or _has_log(path):
            raise UserError(_explain(path, error)) from error
        return _read_still(path)
    except sqlite3.DatabaseError as error:
        raise UserError(_explain(path, error)) from error


def _read_still(path: Path) -> OldBridge:
    """Read a database that nobody writes, in a read-only folder."""
    try:
        return _read(path, "immutable=1")
    except sqlite3.DatabaseError as error:
        raise UserError(_explain(path, error)) from error


def _read(path: Path, how: str) -> OldBridge:
    with path.open("rb"):  # a folder that may be read with a file that may not
        pass
    database = sqlite3.connect(f"file:{quote(str(path.resolve()))}?{how}", uri=True)
    try:
        database.row_factory = sqlite3.Row
        database.text_factory = lambda data: data.decode("utf-8", errors="replace")
        database.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        database.execute("PRAGMA query_only = 1")
        database.execute("BEGIN")  # both tables as they were at one moment
        tables = {
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if _MAPPING not in tables:
            raise UserError(
                say(
                    "{path} has no table {table}: it is not the webhook bridge's database, or empty. It has: {tables}.",
                    path=path,
                    table=_MAPPING,
                    tables=", ".join(sorted(tables)) or say("no tables"),
                )
            )
        bridge = understand(
            _rows(database, _MAPPING), _rows(database, _SYNC) if _SYNC in tables else ()
        )
    finally:
        database.close()
    if _SYNC in tables:
        return bridge
    missing = {say("no table {table}: of single messages nothing is known", table=_SYNC): 1}
    return OldBridge(bridge.pairs, bridge.syncs, {**missing, **bridge.problems})


def _rows(database: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """Return rows as dictionaries, with any columns, whose names may be in any letter case."""
    cursor = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a table of a constant
    names = [str(each[0]).casefold() for each in cursor.description]
    for row in cursor:
        yield dict(zip(names, tuple(row), strict=True))


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _explain(path: Path, error: Exception) -> str:
    if "locked" in str(error) or "busy" in str(error):
        return say("{path} is locked: stop the webhook bridge, then try again.", path=path)
    if "unable to open" in str(error):
        return say(
            "{path} cannot be read where it is, because changes that are not yet in it lie beside it ({name}-wal). Stop the webhook bridge, copy both files to a folder of your own, and name the copy.",
            path=path,
            name=path.name,
        )
    return say(
        "{path} is damaged or no SQLite database ({error}). Take a copy or backup of it.",
        path=path,
        error=error,
    )


# --- What the rows become here


def import_offline(old: OldBridge, now: float) -> Plan:
    """Plan from the file alone: a chat becomes known when its customer writes next.

    Args:
        old: The file.
        now: Our clock; everything in the tickets so far is history.
    """
    findings = _findings(old)
    talks = []
    for user_id, pairs in _by_user(old.pairs).items():
        tickets = tuple(
            OldTicket(
                each.conversation_id,
                each.customer_id,
                border=now,
                spoke_at=each.active_at,
                only_chat=_named([each.last_mid]),
            )
            for each in pairs
        )
        talks.append(
            OldTalk(user_id, None, pairs[-1].customer_id, tickets, read_since=_after(pairs))
        )
    findings.awaited, findings.tickets = len(talks), sum(len(talk.tickets) for talk in talks)
    return Plan(None, now, None, talks, findings, _carried(old).threads, _keys(old))


async def import_online(
    old: OldBridge,
    client: MaxClient,
    desk: FreeScoutClient,
    words: Words,
    *,
    since: float | None,
    progress: Progress,
) -> Plan:
    """Plan from the file, checked at both services.

    Args:
        old: The file.
        client: MAX.
        desk: FreeScout.
        words: How our bridge formats messages.
        since: When unsent replies may begin; None for the old bridge's last activity.
        progress: Called with the progress.

    Raises:
        ApiError: A service is in trouble.
    """
    me = await retry_read(client.me)
    await retry_read(desk.mailboxes)
    desk_now = desk.clock.now()
    if since is None:
        since = max(desk_now - WINDOW, (old.active_at or 0.0) - SKEW)
    findings = _findings(old)
    chats = OldChats(client, me.user_id)
    carried = _carried(old)
    rebuilder = words.rebuilder(chats, desk, findings, carried)
    takeover = _Takeover(old, desk, chats, rebuilder, findings)
    talks = await takeover.talks(since, progress)
    findings.tickets = sum(len(talk.tickets) for talk in talks)
    bot = (me.user_id, me.name)
    return Plan(bot, desk_now, since, talks, findings, carried.threads, _keys(old))


class _Takeover:
    """The takeover of one file."""

    def __init__(
        self,
        old: OldBridge,
        desk: FreeScoutClient,
        chats: OldChats,
        rebuilder: Rebuilder,
        findings: Findings,
    ) -> None:
        self._old = old
        self._desk = desk
        self._chats = chats
        self._rebuilder = rebuilder
        self._findings = findings
        self._by_thread: dict[int, OldSync] = {
            each.thread_id: each for each in old.syncs if each.thread_id is not None
        }

    async def talks(self, since: float, progress: Progress) -> list[OldTalk]:
        people = _by_user(self._old.pairs)
        cards = _cards(self._old.pairs)
        found: dict[int, list[Draft]] = {}
        for place, (user_id, pairs) in enumerate(people.items()):
            progress("customers", place, len(people))
            if drafts := [draft for pair in pairs if (draft := await self._draft(pair, since))]:
                found[user_id] = drafts
        strays = strays_among([one for drafts in found.values() for one in drafts], cards, since)
        talks = []
        for user_id, drafts in found.items():
            pairs, chat = people[user_id], await self._chat(user_id, drafts)
            talk = await self._rebuilder.talk(
                user_id,
                chat,
                [one if chat else replace(one, only_chat=_named(one.mids[:1])) for one in drafts],
                since=since,
                cards=cards,
                strays=strays.get(user_id, ()),
            )
            self._findings.chats += chat is not None
            self._findings.awaited += chat is None
            read_since = chat.known_at + 1 if chat else _after(pairs)
            talks.append(
                replace(
                    talk,
                    customer_id=record_of(user_id, talk.tickets, cards.users),
                    read_since=read_since,
                )
            )
        progress("customers", len(people), len(people))
        return talks

    async def _draft(self, pair: OldPair, since: float) -> Draft | None:
        """Return a ticket as the desk has it; its messages are known by the old bridge's rows, not by markers."""
        try:
            ticket, read_at = await retry_read(
                partial(self._desk.conversation, pair.conversation_id, threads=True)
            )
        except ApiError as error:
            if not is_ticket_gone(error.failure):
                raise
            self._findings.problem(say("tickets that FreeScout no longer has: left out"))
            return None
        if ticket.customer_id != pair.customer_id and pair.customer_id is not None:
            self._findings.problem(say("tickets that bear another card by now: that one counts"))
        bot_id = self._chats.bot_id
        draft = draft_of(ticket, read_at=read_at, since=since, bot_id=bot_id)
        draft = draft.judged(bot_id, lambda _chat: True)
        if draft.signed and bot_id not in draft.signed.values():
            self._findings.problem(
                say("tickets in which another bot brings messages by now: left out")
            )
            return None
        carried = [
            (thread.created_at, sync.mid)
            for thread in ticket.threads or ()
            if (sync := self._by_thread.get(thread.id)) is not None and sync.mid
        ]
        marked = {mid: at for at, mid in carried}
        mids = [pair.last_mid] * bool(pair.last_mid) + [mid for _, mid in sorted(carried)[::-1]]
        return replace(
            draft,
            mids=tuple(dict.fromkeys([*draft.mids, *mids])),
            marked={**marked, **draft.marked},
        )

    async def _chat(self, user_id: int, drafts: Sequence[Draft]) -> OldChat | None:
        mids = dict.fromkeys(mid for draft in drafts for mid in draft.mids)
        newest = sorted(mids, key=lambda mid: written_at(mid) or 0.0, reverse=True)
        chat = await self._chats.of(newest)
        if chat is None:
            return None
        if chat.user_id != user_id:
            self._findings.problem(
                say(
                    "MAX users whose last message is another person's, says MAX: their next message tells"
                ),
            )
            return None
        return chat


def _named(mids: Sequence[str]) -> int | None:
    """Return the chat encoded in message ids; if it is another bot's chat, the file is another bot's."""
    return next((chat for mid in mids if (chat := chat_of_mid(mid)) is not None), None)


def _carried(old: OldBridge) -> Carried:
    """Return the agents' replies that were sent."""
    sent = [each for each in old.syncs if each.to_max]
    return Carried(
        frozenset(each.thread_id for each in sent if each.thread_id is not None),
        frozenset(each.mid for each in sent if each.mid),
    )


def _keys(old: OldBridge) -> frozenset[str]:
    """Return the customers' messages that are at the desk."""
    keys = {message(each.mid) for each in old.syncs if each.mid and not each.to_max}
    return frozenset(keys | {message(pair.last_mid) for pair in old.pairs if pair.last_mid})


def _findings(old: OldBridge) -> Findings:
    findings = Findings(customers=len(_by_user(old.pairs)), messages=len(_keys(old)))
    for words, count in old.problems.items():
        findings.problem(words, count)
    return findings


def _by_user(pairs: Sequence[OldPair]) -> Mapping[int, list[OldPair]]:
    people: dict[int, list[OldPair]] = {}
    for pair in pairs:
        people.setdefault(pair.user_id, []).append(pair)
    return people


def _cards(pairs: Sequence[OldPair]) -> Cards:
    cards = Cards()
    for pair in pairs:
        if pair.customer_id is not None:
            users = cards.users.get(pair.customer_id, frozenset())
            cards.users[pair.customer_id] = users | {pair.user_id}
    return cards


def _after(pairs: Sequence[OldPair]) -> int | None:
    """Return MAX's milliseconds after the last message that the old bridge transferred for these customers."""
    last = max((written_at(pair.last_mid) or pair.active_at for pair in pairs), default=0.0)
    return int(last * 1000) + 1 if last else None
