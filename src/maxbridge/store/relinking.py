"""Add dialogs from before this database to it: known ones are completed, never overwritten."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from maxbridge.core import keys
from maxbridge.core.delivery import State
from maxbridge.core.old_talks import Handled, OldTalk, OldTicket, Rated
from maxbridge.saying import later, say
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.db import Database, change, find, insert
from maxbridge.store.forgotten import Tombstone, Tombstones, is_old
from maxbridge.store.meta import MarkerTable, MetaTable
from maxbridge.store.readings import ThreadTable
from maxbridge.store.tickets import TicketTable

_RELINKED = "relinked"
_AWAITED = "SELECT COUNT(*) FROM awaited"
_TALKS = "SELECT talk FROM awaited"
_TALK = "SELECT talk, added_at FROM awaited WHERE user_id = ?"
_AWAIT = "INSERT INTO awaited (user_id, talk, added_at) VALUES (?, ?, ?)"
_CAME = "DELETE FROM awaited WHERE user_id = ?"
_CHAT_OF = "SELECT chat_id FROM dialog WHERE user_id = ? LIMIT 1"


@dataclass(frozen=True, slots=True)
class Relinked:
    """What became of one dialog.

    Attributes:
        dialog: A dialog was created.
        tickets: Number of tickets linked.
        awaited: Its chat is unknown: it waits for the customer's next message.
        conflicts: Sentences about differences to the database, which was left as it was.
    """

    dialog: bool = False
    tickets: int = 0
    awaited: bool = False
    conflicts: tuple[str, ...] = ()


class Relinking:
    """Transactions of a takeover; every one may be repeated."""

    def __init__(
        self,
        database: Database,
        *,
        tickets: TicketTable,
        threads: ThreadTable,
        meta: MetaTable,
        markers: MarkerTable,
        backfill: BackfillStore,
    ) -> None:
        self._db = database
        self._meta = meta
        self._markers = markers
        self._backfill = backfill
        self._tickets = tickets
        self._threads = threads
        self._t = database.tables
        self._awaited: dict[int, float] | None = None
        self._tombstones = Tombstones(database)

    def begin(self, desk_now: float, now: float) -> None:
        """Before the first dialog: from here on changes at the desk and events of MAX count.

        An empty database would treat MAX's first events as old ones (``[max] first_start``), and
        would follow the desk's changes only from its first poll.

        Args:
            desk_now: The desk's time before the first ticket was read.
            now: Our clock.
        """
        with self._db.transaction():
            self._meta.set_flag(keys.STARTED, value=True)
            self._meta.set_flag(keys.SKIP, value=False)
            if self._markers.position(keys.DESK_MARKER) is None:
                self._markers.move(keys.DESK_MARKER, int(desk_now), now)

    def link(self, talk: OldTalk, now: float) -> Relinked:
        """Add one dialog in one transaction.

        Args:
            talk: The dialog.
            now: Our clock.
        """
        with self._db.transaction():
            stone = self._stone(talk)
            left = talk if stone is None else self._without_erased(talk, stone)
            if left is None:
                return Relinked()
            self.know_messages(left.keys, now, left.chat_id)
            if left.chat_id is None:
                return self._await(left, now)
            return self._link(left, left.chat_id, now)

    def _stone(self, talk: OldTalk) -> Tombstone | None:
        of_chat = None if talk.chat_id is None else self._tombstones.of_chat(talk.chat_id)
        if of_chat is not None or talk.user_id is None:
            return of_chat
        return self._tombstones.of_user(talk.user_id)

    def _without_erased(self, talk: OldTalk, stone: Tombstone) -> OldTalk | None:
        """Return the part of a dialog from after its customer was erased; None if there is none.

        The earlier tickets are recorded, so that they are not adopted.
        """
        old = [each for each in talk.tickets if stone.hides_ticket(each.created_at, each.said_at)]
        for each in old:
            self._tickets.abandon(each.conversation_id)
        left = tuple(each for each in talk.tickets if each not in old)
        if not left:
            return None
        since = talk.read_since
        return replace(
            talk,
            tickets=left,
            keys=frozenset(key for key in talk.keys if not is_old(stone, key)),
            read_since=None if since is None else max(since, stone.max_until + 1),
        )

    def know(self, known: Iterable[str], thread_ids: Iterable[int], now: float) -> None:
        """Store messages and replies that another bridge has transferred, in any ticket.

        It is unknown when those threads were written; stored with the present time, they never make
        a newer thread look like history.
        """
        with self._db.transaction():
            self.know_messages(known, now)
            self._threads.know((Handled(each, now, "") for each in thread_ids), 0)

    def know_messages(self, known: Iterable[str], now: float, chat_id: int | None = None) -> None:
        """Store that these messages are at the desk: if they come again they are duplicates.

        Nothing is stored about erased customers; their messages are skipped anyway.
        """
        for key in sorted(known):
            if not self._tombstones.hides_key(key):
                insert(
                    self._t.inbox,
                    or_ignore=True,
                    key=keys.stored(key),
                    update_type=_RELINKED,
                    payload=None,
                    chat_id=chat_id,
                    state=State.DONE,
                    pending=False,
                    created_at=now,
                    finished_at=now,
                )

    def awaited(self) -> int:
        """Return the number of customers whose next message is awaited."""
        ((count,),) = self._db.rows(_AWAITED, ())
        return int(count)

    def awaited_since(self, conversation_ids: Iterable[int]) -> dict[int, float]:
        """Return the tickets whose customer's chat is unknown, with the desk time from which replies wait.

        Tickets that may be another bot's are left out.
        """
        if self._awaited is None:
            # Nobody else changes the table while the database is open for work.
            self._awaited = {
                each["conversation_id"]: each["read_at"] or each["border"]
                for (talk,) in self._db.rows(_TALKS, ())
                for each in json.loads(talk)["tickets"]
                if not each.get("unsure")
            }
        awaited = self._awaited
        return {one: awaited[one] for one in conversation_ids if one in awaited}

    def chat_found(self, chat_id: int, user_id: int) -> None:
        """Assign what is known of a user to the chat in which they have now written.

        To be called inside a transaction.
        """
        row = self._db.row(_TALK, (user_id,))
        if row is None:
            return
        words, added_at = row
        data = json.loads(words)
        talk = _read(data, user_id).of_chat(chat_id)
        if talk is not None:
            self._link(talk, chat_id, added_at, late=True)
            self._read_history(talk, chat_id, added_at, data["border"])
        self._await_no_more(user_id)

    def _await(self, talk: OldTalk, now: float) -> Relinked:
        row = self._db.row(_CHAT_OF, (talk.user_id,))
        if row is not None:
            (chat_id,) = row
            own = talk.of_chat(chat_id)
            return Relinked() if own is None else self._link(own, chat_id, now)
        if self._db.row(_TALK, (talk.user_id,)) is not None:
            # The older border is the one that loses nothing.
            return Relinked(awaited=True)
        data = {
            "customer_id": talk.customer_id,
            "tickets": [asdict(one) for one in talk.tickets],
            "read_since": talk.read_since,
            "border": self._backfill.newest_item(),
        }
        self._awaited = None
        self._db.execute(_AWAIT, (talk.user_id, json.dumps(data), now))
        return Relinked(awaited=True)

    def _link(self, talk: OldTalk, chat_id: int, now: float, *, late: bool = False) -> Relinked:
        if talk.user_id is not None:
            self._await_no_more(talk.user_id)
        made = insert(
            self._t.dialog,
            or_ignore=True,
            chat_id=chat_id,
            user_id=talk.user_id,
            created_at=now,
            last_inbound_at=talk.heard_at,
        )
        conflicts = self._complete(talk, chat_id)
        linked = 0
        for each in talk.tickets:
            owner = self._tickets.restore(each, chat_id, late=late)
            if owner is None:
                self._threads.know(each.handled, each.conversation_id)
                self._tickets.rated(chat_id, each.rated)
                linked += 1
            elif owner != chat_id:
                conflicts.append(
                    say(
                        "ticket {conversation_id}: the database has it for chat {owner}, not {chat_id}; it stays so",
                        conversation_id=each.conversation_id,
                        owner=owner,
                        chat_id=chat_id,
                    )
                )
        if talk.current is not None:
            self._tickets.restore_current(talk.current, chat_id)
        if made and not late:
            self._know_own(talk, chat_id, now)
            self._read_history(talk, chat_id, now, self._backfill.newest_item())
        return Relinked(bool(made), linked, conflicts=tuple(conflicts))

    def _complete(self, talk: OldTalk, chat_id: int) -> list[str]:
        """Fill in what a dialog lacks; return differences."""
        dialog = self._t.dialog
        row = find(dialog, chat_id=chat_id)
        conflicts = []
        for name, words in (("user_id", later("MAX user")), ("customer_id", later("customer"))):
            known, told = getattr(row, name), getattr(talk, name)
            if known is None and told is not None:
                change(dialog, {"chat_id": chat_id}, **{name: told})
            elif told is not None and known != told:
                conflicts.append(
                    say(
                        "chat {chat_id}: the database has {words} {known}, not {told}; it stays so",
                        chat_id=chat_id,
                        words=say(words),
                        known=known,
                        told=told,
                    )
                )
        return conflicts

    def _know_own(self, talk: OldTalk, chat_id: int, now: float) -> None:
        """Store the newest message known as another delivery: look-ups read back to it."""
        if not talk.newest_own:
            return
        outbox, key = self._t.outbox, keys.known_message(chat_id)
        insert(
            outbox,
            or_ignore=True,
            key=key,
            chat_id=chat_id,
            state=State.DONE,
            pending=False,
            created_at=now,
            finished_at=now,
        )
        row = find(outbox, key=key)
        assert row is not None  # noqa: S101 - inserted above
        insert(self._t.part, or_ignore=True, outbox_id=row.id, seq=0, mid=talk.newest_own)

    def _read_history(self, talk: OldTalk, chat_id: int, now: float, watermark: int) -> None:
        """Have the chat's history read: only it has what the customer wrote while no bridge ran."""
        if talk.read_since is None:
            return
        active_at = talk.heard_at or now
        self._backfill.want(
            chat_id, talk.read_since, active_at=active_at, watermark=watermark, now=now
        )

    def _await_no_more(self, user_id: int) -> None:
        self._db.execute(_CAME, (user_id,))
        self._awaited = None


def _read(data: dict[str, Any], user_id: int) -> OldTalk:
    tickets = tuple(
        OldTicket(
            **each
            | {
                "handled": tuple(Handled(**one) for one in each["handled"]),
                # Written down by an older version, it has none.
                "rated": tuple(Rated(**one) for one in each.get("rated", ())),
            }
        )
        for each in data["tickets"]
    )
    return OldTalk(user_id, None, data["customer_id"], tickets, read_since=data["read_since"])
