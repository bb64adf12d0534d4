"""Erase everything stored about a person, beside the running daemon, and keep it erased.

A delivery of theirs that is under way finds its row deleted and stores nothing. Older data that
arrives later (a poll under way, a history, a backup) is recognised by the tombstone.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from maxbridge.core import keys
from maxbridge.core.delivery import Doubt, State
from maxbridge.core.events import chat_of_mid
from maxbridge.saying import later
from maxbridge.store.db import SQLITE_ERRORS, Database, chunks, fold_log
from maxbridge.store.forgotten import UNDER_WAY, Act, Acts, Tombstone, times_of
from maxbridge.store.inbox import NOTE_TYPE, InboxTable
from maxbridge.store.readings import ThreadTable
from maxbridge.store.schema import copies
from maxbridge.store.tickets import TicketTable

_EVER = 1e15
"""Later than every time; infinity is no number that SQLite compares as it should."""
_GLANCES, _GLANCE = 20, 0.05
"""How often and how many seconds apart the log is looked at; most readers, ``status`` for one, are gone in less."""
_DESK = "desk"
_NEWEST = "max_event"


@dataclass(frozen=True, slots=True)
class Whose:
    """A person in the database.

    Attributes:
        user_id: The MAX user; None for a group.
        chats: Their chats with the bot.
        cards: Their customer records.
        shared: Those of the records that belong to other people as well.
        tickets: Their tickets.
        current: Each chat's current ticket.
    """

    user_id: int | None
    chats: tuple[int, ...]
    cards: tuple[int, ...]
    shared: tuple[int, ...]
    tickets: tuple[int, ...]
    current: tuple[int, ...]


class ForgettingStore:
    """Transactions of the erasure."""

    def __init__(
        self, database: Database, inbox: InboxTable, tickets: TicketTable, threads: ThreadTable
    ) -> None:
        self._db = database
        self._t = database.tables
        self._inbox = inbox
        self._tickets = tickets
        self._threads = threads

    def whose(self, chat_id: int) -> Whose | None:
        """Return the person of a chat, with all of their chats; None if nothing is stored about it."""
        dialog, ticket = self._t.dialog, self._t.ticket
        row = dialog.get_or_none(dialog.chat_id == chat_id)
        if row is None and not self._holds(chat_id):
            return None
        # Of a chat of which nothing was delivered yet, or that was found again, only messages tell whose it is.
        known = None if row is None else row.user_id
        user_id = self._writer(chat_id) if known is None else known
        theirs: Any = dialog.chat_id == chat_id
        if user_id is not None:
            theirs |= dialog.user_id == user_id
        same = list(dialog.select().where(theirs).order_by(dialog.chat_id))
        chats = sorted({chat_id, *(each.chat_id for each in same)})
        cards = sorted({each.customer_id for each in same if each.customer_id is not None})
        others = dialog.select(dialog.customer_id).where(
            dialog.customer_id.in_(cards), dialog.chat_id.not_in(chats)
        )
        tickets = ticket.select(ticket.conversation_id).where(ticket.chat_id.in_(chats))
        return Whose(
            user_id=user_id,
            chats=tuple(chats),
            cards=tuple(cards),
            shared=tuple(
                sorted({each.customer_id for each in others if each.customer_id is not None})
            ),
            tickets=tuple(sorted(each.conversation_id for each in tickets)),
            current=tuple(
                each.conversation_id for each in same if each.conversation_id is not None
            ),
        )

    def _holds(self, chat_id: int) -> bool:
        """Whether anything is stored about a chat without a dialog."""
        held = (self._t.inbox, self._t.outbox, self._t.backfill, self._t.ticket)
        return any(each.select().where(each.chat_id == chat_id).exists() for each in held)

    def _writer(self, chat_id: int) -> int | None:
        """Return the MAX user who wrote in a chat with the bot; None in a group."""
        inbox = self._t.inbox
        rows = inbox.select(inbox.payload).where(
            inbox.chat_id == chat_id, inbox.update_type != NOTE_TYPE
        )
        return next((user for row in rows if (user := _customer(row.payload)) is not None), None)

    def under_way(self, whose: Whose) -> int:
        """Return how many messages of theirs may be at the desk with unknown outcome."""
        inbox = self._t.inbox
        return int(
            inbox.select()
            .where(
                inbox.chat_id.in_(whose.chats),
                inbox.pending == True,  # noqa: E712
                inbox.update_type != NOTE_TYPE,
                (inbox.state == State.SENDING) | (inbox.doubt != Doubt.NONE),
            )
            .count()
        )

    def stones(self, whose: Whose, now: float) -> tuple[Tombstone, ...]:
        """Return the tombstones that keep this person's data of up to now from coming back.

        Args:
            whose: The person.
            now: Our clock.
        """
        marker = self._t.marker
        desk = marker.get_or_none(marker.name == _DESK)
        skew = 0.0 if desk is None else float(desk.value) - desk.updated_at
        desk_until = now + skew + UNDER_WAY
        return tuple(
            Tombstone(chat, whose.user_id, now, self._newest(chat), desk_until)
            for chat in whose.chats
        )

    def erase(
        self, stones: Sequence[Tombstone], note: str = "", *, until: float = math.inf
    ) -> dict[str, int]:
        """Erase, and set the tombstones, in one transaction.

        Args:
            stones: The tombstones, one per chat.
            note: Text for the agents of the current tickets; may be empty.
            until: Erase only what was stored up to then, our clock: later data is a new customer's.

        Returns:
            The number of rows with their data, by table.
        """
        erased: dict[str, int] = {}
        with self._db.transaction():
            for stone in stones:
                for name, count in self._erase(stone, note, until):
                    erased[name] = erased.get(name, 0) + count
                self._t.forgotten.insert(
                    chat_id=stone.chat_id,
                    user_id=stone.user_id,
                    at=stone.at,
                    max_until=stone.max_until,
                    desk_until=stone.desk_until,
                ).on_conflict_replace().execute()
        return {name: count for name, count in erased.items() if count}

    def make_up(self, acts: Acts) -> list[Act]:
        """Repeat erasures whose persons this database still, or again, knows.

        Returns:
            The acts that were repeated: an interrupted command, a backup, a database created anew.
        """
        made_up = []
        for act in acts.all():
            known = {stone.chat_id: self._stone(stone.chat_id) for stone in act.stones}
            lacking = [
                stone
                for stone in act.stones
                if (other := known[stone.chat_id]) is None or other.at < stone.at
            ]
            if lacking:
                self.erase(lacking, until=max(stone.at for stone in lacking))
                made_up.append(act)
        return made_up

    def settle(self) -> bool:
        """Checkpoint the database's log, which keeps old pages for a while.

        Returns:
            False if somebody is reading: it is done later, automatically.
        """
        # By a connection that waits for nobody: one that waits for readers keeps writers waiting as well.
        for _ in range(_GLANCES):
            with contextlib.suppress(*SQLITE_ERRORS):
                if fold_log(self._db.path):
                    return True
            time.sleep(_GLANCE)
        return False

    def drop_copies(self) -> int:
        """Delete the copies made before upgrades: they contain everybody's messages of that time."""
        found = copies(self._db.path)
        for each in found:
            each.unlink(missing_ok=True)
        return len(found)

    def _erase_flood(self, chat: int) -> None:
        """Delete a flood's record with the last message put aside for it."""
        flood, inbox = self._t.flood, self._t.inbox
        left = inbox.select().where(inbox.state == State.PARKED, inbox.chat_id == chat)
        if not left.exists():
            flood.delete().where(flood.chat_id == chat).execute()

    # --- one chat --------------------------------------------------------------------------------

    def _stone(self, chat_id: int) -> Tombstone | None:
        forgotten = self._t.forgotten
        row = forgotten.get_or_none(forgotten.chat_id == chat_id)
        return (
            None
            if row is None
            else Tombstone(row.chat_id, row.user_id, row.at, row.max_until, row.desk_until)
        )

    def _newest(self, chat_id: int) -> int:
        """Return MAX's time of the newest known event of a chat.

        If its ids are forgotten, that of any chat's newest event, which is later.
        """
        inbox, marker = self._t.inbox, self._t.marker
        rows = inbox.select(inbox.key, inbox.payload).where(
            inbox.chat_id == chat_id, inbox.update_type != NOTE_TYPE
        )
        times = [at for row in rows for at in times_of(row.key, row.payload)]
        newest = marker.get_or_none(marker.name == _NEWEST)
        before = self._stone(chat_id)
        known = max(times, default=0 if newest is None else int(newest.value))
        return max(known, 0 if before is None else before.max_until)

    def _erase(self, stone: Tombstone, note: str, until: float) -> Iterator[tuple[str, int]]:
        chat, dialog = stone.chat_id, self._t.dialog
        row = dialog.get_or_none(dialog.chat_id == chat)
        whole = row is None or row.created_at <= until
        yield later("tickets"), self._leave_tickets(stone, whole=whole)
        yield from self._erase_queues(chat, until)
        self._erase_flood(chat)
        rating = self._t.rating
        theirs = (rating.chat_id == chat) & (rating.at <= min(until, _EVER))
        yield later("ratings"), rating.delete().where(theirs).execute()
        if stone.user_id is not None:
            yield later("messages in groups"), self._erase_words(stone.user_id, until)
            awaited = self._t.awaited
            yield (
                later("dialogs"),
                awaited.delete().where(awaited.user_id == stone.user_id).execute(),
            )
        if row is None or not whole:
            return
        backfill, unmatched, meta = self._t.backfill, self._t.unmatched, self._t.meta
        yield (
            later("histories to read"),
            backfill.delete().where(backfill.chat_id == chat).execute(),
        )
        if row.customer_id is not None:
            yield (
                later("conversations"),
                unmatched.delete().where(unmatched.customer_id == row.customer_id).execute(),
            )
        meta.delete().where(meta.key.in_((keys.deaf(chat), keys.rights_at(chat)))).execute()
        if note and row.conversation_id is not None:
            # A note is no message to anybody: its place in line is its own.
            key = f"forgotten:{row.conversation_id}:{stone.at:.0f}"
            ticket = row.conversation_id
            self._inbox.add_note(key, -ticket, ticket, note, stone.at)
        yield later("dialogs"), dialog.delete().where(dialog.chat_id == chat).execute()

    def _leave_tickets(self, stone: Tombstone, *, whole: bool) -> int:
        """Keep only the numbers of their tickets, which stay at the desk, so that these are not adopted again."""
        ticket, recovered = self._t.ticket, self._t.recovered
        theirs: Any = ticket.chat_id == stone.chat_id
        if not whole:
            theirs &= ticket.linked_at <= stone.desk_until
        ids = [row.conversation_id for row in ticket.select().where(theirs)]
        for some in chunks(ids):
            recovered.delete().where(recovered.conversation_id.in_(some)).execute()
        for number in ids:
            self._threads.forget(number, _EVER)
            self._tickets.abandon(number)
        keys = [row.key for row in recovered.select(recovered.key)]
        old = [key for key in keys if chat_of_mid(key) == stone.chat_id]
        for some_keys in (old[at : at + 500] for at in range(0, len(old), 500)):
            recovered.delete().where(recovered.key.in_(some_keys)).execute()
        return len(ids)

    def _erase_queues(self, chat: int, until: float) -> Iterator[tuple[str, int]]:
        inbox, outbox, part = self._t.inbox, self._t.outbox, self._t.part
        bound = min(until, _EVER)
        sent: Any = (outbox.chat_id == chat) & (outbox.created_at <= bound)
        part.delete().where(part.outbox_id.in_(outbox.select(outbox.id).where(sent))).execute()
        yield later("replies"), outbox.delete().where(sent).execute()
        yield (
            later("messages"),
            inbox.delete().where(inbox.chat_id == chat, inbox.created_at <= bound).execute(),
        )

    def _erase_words(self, user_id: int, until: float) -> int:
        """Delete a person's words from groups, from others' answers to them, and from parked events.

        Of delivered messages the id stays, as after retention: MAX may deliver it again. Somebody
        who quotes the person keeps their own words; unsent ones are sent without the quote.
        """
        inbox = self._t.inbox
        rows = list(
            inbox.select(inbox.id, inbox.payload).where(
                inbox.payload.contains(str(user_id)), inbox.created_at <= min(until, _EVER)
            )
        )
        theirs = [row.id for row in rows if says(row.payload or "null", user_id)]
        for some in chunks(theirs):
            inbox.delete().where(inbox.id.in_(some), inbox.pending == True).execute()  # noqa: E712
            inbox.update(payload=None).where(inbox.id.in_(some)).execute()
        quoting = [row for row in rows if row.id not in set(theirs) and quote(row.payload, user_id)]
        for row in quoting:
            raw = json.loads(row.payload or "null")
            del raw["message"]["link"]
            text = json.dumps(raw, ensure_ascii=False)
            inbox.update(payload=text).where(inbox.id == row.id).execute()
        return len(theirs) + len(quoting)


def says(payload: str, user_id: int) -> bool:
    """Whether this raw update is that person's."""
    return user_id in _authors(json.loads(payload))


def _customer(payload: str | None) -> int | None:
    """Return the MAX user of a raw update from a dialog; None for any other."""
    raw = json.loads(payload or "null")
    message = raw.get("message") if isinstance(raw, dict) else None
    to = message.get("recipient") if isinstance(message, dict) else None
    if isinstance(to, dict):
        is_dialog = to.get("chat_type") == "dialog"
    else:
        is_dialog = isinstance(raw, dict) and raw.get("update_type") == "bot_started"
    found = [each for each in _authors(raw) if isinstance(each, int)] if is_dialog else []
    return found[0] if found else None


def _authors(raw: Any) -> list[Any]:
    """Return who may have caused a raw update; the presser of a button precedes its bot."""
    if not isinstance(raw, dict):
        return []
    message, callback = raw.get("message"), raw.get("callback")
    senders = [
        raw.get("user"),
        callback.get("user") if isinstance(callback, dict) else None,
        message.get("sender") if isinstance(message, dict) else None,
    ]
    return [
        *(each.get("user_id") for each in senders if isinstance(each, dict)),
        raw.get("user_id"),
    ]


def quote(payload: str | None, user_id: int) -> dict[str, Any] | None:
    """Return what another person's raw update quotes of that person: the message it answers or forwards."""
    raw = json.loads(payload or "null")
    message = raw.get("message") if isinstance(raw, dict) else None
    link = message.get("link") if isinstance(message, dict) else None
    sender = link.get("sender") if isinstance(link, dict) else None
    theirs = isinstance(sender, dict) and sender.get("user_id") == user_id
    return link if theirs else None


# --- export of one person ------------------------------------------------------------------------


class PersonStore:
    """Readings only."""

    def __init__(self, database: Database) -> None:
        self._t = database.tables

    def kept(self, whose: Whose) -> dict[str, list[dict[str, Any]]]:
        """Return every row with data of a person, by table; JSON in it is parsed.

        Args:
            whose: The person, with all chats.
        """
        t, chats = self._t, list(whose.chats)
        queues = {
            "inbox": list(_rows(t.inbox.select().where(t.inbox.chat_id.in_(chats)))),
            "outbox": list(_rows(t.outbox.select().where(t.outbox.chat_id.in_(chats)))),
        }
        if whose.user_id is not None:
            queues["inbox"] += self._elsewhere(whose)
        sent = [row["id"] for row in queues["outbox"]]
        return queues | {
            "dialog": list(_rows(t.dialog.select().where(t.dialog.chat_id.in_(chats)))),
            "ticket": list(_rows(t.ticket.select().where(t.ticket.chat_id.in_(chats)))),
            "part": [
                row for one in sent for row in _rows(t.part.select().where(t.part.outbox_id == one))
            ],
            "seen": list(_rows(t.seen.select().where(t.seen.conversation_id.in_(whose.tickets)))),
            "recovered": list(
                _rows(t.recovered.select().where(t.recovered.conversation_id.in_(whose.tickets)))
            ),
            "backfill": list(_rows(t.backfill.select().where(t.backfill.chat_id.in_(chats)))),
            "stranger": list(
                _rows(t.unmatched.select().where(t.unmatched.customer_id.in_(whose.cards)))
            ),
            "awaited": list(_rows(t.awaited.select().where(t.awaited.user_id == whose.user_id))),
            "rating": list(_rows(t.rating.select().where(t.rating.chat_id.in_(chats)))),
            "forgotten": list(_rows(t.forgotten.select().where(t.forgotten.chat_id.in_(chats)))),
        }

    def _elsewhere(self, whose: Whose) -> list[dict[str, Any]]:
        """Return the person's words in groups, others' quotes of them, and parked events."""
        inbox, user_id = self._t.inbox, whose.user_id or 0
        rows = inbox.select().where(
            inbox.payload.contains(str(user_id)),
            inbox.chat_id.is_null() | inbox.chat_id.not_in(whose.chats),
        )
        found: list[dict[str, Any]] = []
        for row in rows:
            link = quote(row.payload, user_id)
            if says(row.payload or "null", user_id):
                found += _rows((row,))
            elif link is not None:
                # The other one's own words are none of this person's.
                raw = json.loads(row.payload or "null")
                kept = {name: raw.get(name) for name in ("update_type", "timestamp")}
                kept["message"] = {"body": {}, "link": link}
                found += [each | {"payload": kept} for each in _rows((row,))]
        return found


def _rows(found: Any) -> Iterator[dict[str, Any]]:
    for row in found:
        data = dict(row.__data__)
        for name in ("payload", "files", "talk"):
            if isinstance(data.get(name), str):
                data[name] = json.loads(data[name])
        yield data
