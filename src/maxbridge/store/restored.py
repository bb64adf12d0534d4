"""A database restored from a backup: what it cannot know, and what was found out since.

Between the backup (T0) and the restore (T1) a daemon worked on a database that is lost. So
everything that this one considers undone may have been done, in both directions. It is not guessed:

Whatever may have been done starts in doubt (``sending`` with the doubt ``restored``) and is looked
up before anything is sent:

- Towards the desk, every thread of ours has a marker. The desk's threads are read once, before
  anything is posted, into the table ``recovered``; each event is compared with it when it is
  stored.
- Towards MAX, a reply from before T1 that this database never sent is looked up in its chat's
  history. A reply newer than T1 is not in doubt. Each service's own clock decides what is newer:
  when it first answered, T1 was over.
- What customers wrote since T0 is fetched as after a gap: from MAX's old events as far as it
  delivers them again, and from the chats' histories.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from maxbridge.core import keys
from maxbridge.core.delivery import Doubt, State
from maxbridge.core.markup import marked_keys, marker
from maxbridge.core.plan_backfill import Gap
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.db import Database
from maxbridge.store.forgotten import Tombstones, times_of
from maxbridge.store.inbox import PHONE_TYPE
from maxbridge.store.meta import MarkerTable, MetaTable
from maxbridge.store.records import TicketRecord
from maxbridge.store.snapshot import LEFT

BACKUP = "backup"
"""Row of ``meta`` in a copy: when it was taken, and by which version."""
_META = "restored"
_ABSENT = "absent"
"""Flag: no backup was restored, but another host may have worked in place of this one (``[store] second_host``)."""
ABSENCE = 180.0
"""Seconds without a poll from which on this may be so; when MAX was asked last is known to the minute."""
_MARGIN = 900.0
"""Clocks differ, and lists are read from a little earlier: a look-up too many costs one request."""
_DAY = 86400.0
_TOLD = 5.0
"""Seconds by which a service's ``Date`` may lie before its own records: it has whole seconds, and the machine that
answers need not be the one that wrote the record."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """When a backup was taken and restored.

    Attributes:
        taken_at: When the backup was taken, our clock.
        restored_at: When it was restored, our clock.
        desk_from: Desk time up to which the backup knows everything.
        desk_until: Desk time up to which the lost database may have done more.
        read: The desk has been read since.
        max_until: Like ``desk_until``, by MAX's clock; None while unknown.
    """

    taken_at: float
    restored_at: float
    desk_from: float
    desk_until: float
    read: bool = False
    max_until: float | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """A thread of ours at the desk, by its marker's key."""

    key: str
    conversation_id: int
    thread_id: int
    posted_at: float
    covered: int | None = None
    """Number of its message's files that are handled, if others were to follow in a further thread."""


_IN_DOUBT = f"state = '{State.SENDING}', error = NULL, doubt = '{Doubt.RESTORED}', next_at = 0.0"
_REPLIES_IN_DOUBT = f"UPDATE outbox SET {_IN_DOUBT}, attempted_at = ? WHERE pending = 1"
_MESSAGES_IN_DOUBT = (
    f"UPDATE inbox SET {_IN_DOUBT} WHERE pending = 1 AND update_type <> '{PHONE_TYPE}'"
)
_HELD_REPLIES_IN_DOUBT = (
    f"UPDATE outbox SET doubt = '{Doubt.RESTORED}' WHERE {LEFT} AND state = '{State.HELD}'"
)
_HELD_MESSAGES_IN_DOUBT = (
    f"UPDATE inbox SET doubt = '{Doubt.RESTORED}' WHERE {LEFT} AND update_type <> '{PHONE_TYPE}'"
)
_KEYS = "SELECT key FROM inbox"
_NO_HEALTH = "DELETE FROM health"
_REMEMBER = (
    "INSERT INTO recovered (key, conversation_id, thread_id, posted_at, covered)"
    " VALUES (:key, :conversation_id, :thread_id, :posted_at, :covered)"
    " ON CONFLICT (key) DO UPDATE SET conversation_id = EXCLUDED.conversation_id,"
    " thread_id = EXCLUDED.thread_id, posted_at = EXCLUDED.posted_at, covered = EXCLUDED.covered"
    " WHERE recovered.conversation_id > EXCLUDED.conversation_id"
)
_POSTED = "SELECT key, conversation_id, thread_id, posted_at, covered FROM recovered WHERE key = ?"
_FORGET = "DELETE FROM recovered WHERE posted_at < ?"
_LEARN_CUSTOMER = "UPDATE dialog SET customer_id = ? WHERE chat_id = ? AND customer_id IS NULL"
_LEARN_CONTACT = (
    "UPDATE dialog SET last_inbound_at = ? WHERE chat_id = ? AND last_inbound_at IS NULL"
)


class RestoredStore:
    """Transactions of a restored database."""

    def __init__(
        self, database: Database, backfill: BackfillStore, meta: MetaTable, markers: MarkerTable
    ) -> None:
        self._db = database
        self._backfill = backfill
        self._meta = meta
        self._markers = markers
        self._known: Restoration | None = None
        self._looked = False

    def current(self) -> Restoration | None:
        """Return the last restore; None if there was none. It cannot change while the database is open."""
        if not self._looked:
            value = self._meta.value(_META)
            self._known = None if value is None else Restoration(**json.loads(value))
            self._looked = True
        return self._known

    def begin(self, taken_at: float, now: float, *, absent: bool = False) -> Restoration:
        """Prepare a restored copy for work: what it considers undone is in doubt from now on.

        Args:
            taken_at: When the backup was taken, our clock.
            now: Our clock.
            absent: It is no copy, but was unused; another host worked in its place and delivered
                what MAX no longer has.
        """
        taken_at = min(taken_at, now)
        desk = self._markers.position(keys.DESK_MARKER)
        # The row says which desk time was which time of ours.
        skew = 0.0 if desk is None else float(desk.value) - desk.updated_at
        restoration = Restoration(
            taken_at=taken_at,
            restored_at=now,
            desk_from=(taken_at + skew if desk is None else float(desk.value)) - _MARGIN,
            desk_until=now + skew + _MARGIN,
        )
        with self._db.transaction():
            self._write(restoration)
            self._meta.set_flag(_ABSENT, value=absent)
            self._db.execute(_REPLIES_IN_DOUBT, (now,))
            self._db.execute(_MESSAGES_IN_DOUBT, ())
            # Whoever held them may have tried them again since, in the database that is gone.
            self._db.execute(_HELD_REPLIES_IN_DOUBT, ())
            self._db.execute(_HELD_MESSAGES_IN_DOUBT, ())
            self._db.execute(_NO_HEALTH, ())
            polled_at = self._backfill.polled_at()
            if polled_at is not None and not absent:
                self._backfill.begin(Gap.RESTORED, last_at=polled_at, now=now)
        return restoration

    def answered(self, *, desk_now: float | None = None, max_now: float | None = None) -> None:
        """Record a service's answer: the lost database cannot have done anything newer by that service's clock.

        Only the first answer since the restore counts; the margin for clock differences is no
        longer needed.

        Args:
            desk_now: FreeScout's time; None if it was not FreeScout.
            max_now: MAX's time; None if it was not MAX.
        """
        restoration = self.current()
        if restoration is None:
            return
        bounded = restoration
        if desk_now is not None and desk_now + _TOLD < restoration.desk_until:
            bounded = replace(bounded, desk_until=desk_now + _TOLD)
        if max_now is not None and max_now + _TOLD < (restoration.max_until or math.inf):
            bounded = replace(bounded, max_until=max_now + _TOLD)
        if bounded != restoration:
            with self._db.transaction():
                self._write(bounded)

    def returned(self, now: float) -> bool:
        """Whether this database was unused for so long that another host may have worked in its place.

        Then everything that it considers undone is in doubt, until the desk has been read
        (:meth:`others`). Not after a restore: then somebody has decided that this one continues.

        Args:
            now: Our clock.
        """
        if self.must_read() is not None:
            return self._meta.flag(_ABSENT)
        polled_at = self._backfill.polled_at()
        if polled_at is None or now - polled_at < ABSENCE:
            return False
        self.begin(polled_at, now, absent=True)
        return True

    def others(self, threads: Iterable[Posted]) -> list[Posted]:
        """Return this bot's threads from after the last poll that this database has not written."""
        restoration = self.must_read()
        if restoration is None or not self._meta.flag(_ABSENT):
            return []
        hidden = Tombstones(self._db).hides_key
        since = restoration.desk_from + _MARGIN
        later = [each for each in threads if each.posted_at > since and not hidden(each.key)]
        if not later:
            return []
        ours = {_safe(_marked_with(key)) for (key,) in self._db.rows(_KEYS, ())}
        # MAX keeps events for a day: what is older came before, and its id was forgotten since. An agent has cloned it.
        old = (restoration.taken_at - _DAY) * 1000
        return [
            each
            for each in later
            if keys.first_of(each.key) not in ours
            and not any(at < old for at in times_of(keys.first_of(each.key)))
        ]

    def copied_by_hand(self) -> float | None:
        """Return when this database was taken as a backup, if it was put in place without ``maxbridge restore``.

        ``maxbridge backup`` writes that into the copy, never into the database itself.
        """
        value = self._meta.value(BACKUP)
        taken_at = None if value is None else json.loads(value).get("taken_at")
        restoration = self.current()
        if taken_at is None or (restoration is not None and restoration.taken_at >= taken_at):
            return None
        return float(taken_at)

    # --- towards the desk ------------------------------------------------------------------------

    def must_read(self) -> Restoration | None:
        """Return the restore for which the desk must still be read; None if there is none."""
        restoration = self.current()
        return None if restoration is None or restoration.read else restoration

    def remember(self, threads: Iterable[Posted]) -> None:
        """Store threads of ours; an agent's clone has the same markers and is younger."""
        hidden = Tombstones(self._db).hides_key
        with self._db.transaction():
            for each in threads:
                if not hidden(each.key):
                    self._db.execute(_REMEMBER, asdict(each))

    def finish(self) -> None:
        """Record that the desk has been read."""
        restoration = self.current()
        if restoration is not None:
            with self._db.transaction():
                self._write(replace(restoration, read=True))
                self._meta.set_flag(_ABSENT, value=False)

    def may_be_posted(self, key: str) -> bool:
        """Whether the desk may have had this event before the restore; asked once for each.

        Args:
            key: Its key in the inbox.
        """
        restoration = self.current()
        if restoration is None:
            return False
        return not restoration.read or self.posted(_marked_with(key)) is not None

    def posted(self, key: str) -> Posted | None:
        """Return the thread that the desk had for this inbox key."""
        if self.current() is None:
            return None
        row = self._db.row(_POSTED, (_safe(key),))
        return None if row is None else Posted(*row)

    def has_dialog(
        self, chat_id: int, customer_id: int | None, heard_at: float, now: float
    ) -> None:
        """Complete a dialog shown by a ticket from before the restore, and have its history read.

        To be called after the dialog was created.
        """
        restoration = self.current()
        since = self._backfill.newest_event()
        with self._db.transaction():
            self._db.execute(_LEARN_CUSTOMER, (customer_id, chat_id))
            self._db.execute(_LEARN_CONTACT, (heard_at, chat_id))
            taken_at = restoration.taken_at if restoration is not None else now
            since = min(int(taken_at * 1000), since or int(taken_at * 1000))
            self._backfill.want(chat_id, since, active_at=heard_at, watermark=0, now=now)

    # --- towards MAX -----------------------------------------------------------------------------

    def may_have_been_sent(
        self, record: TicketRecord, created_at: float, *, edited: bool
    ) -> float | None:
        """Return the latest time (our clock) at which the lost database may have sent this reply or edit.

        Args:
            record: The ticket as it was before this reading.
            created_at: Desk time of the thread.
            edited: It is an edit, whose time is unknown; but a reading since the restore had
                everything from before it.

        Returns:
            None if it cannot have.
        """
        restoration = self.current()
        if restoration is None:
            return None
        at = record.read_at if edited else created_at
        return restoration.restored_at if (at or 0.0) <= restoration.desk_until else None

    def may_have_been_answered(self, timestamp: int) -> float | None:
        """Return the latest time (our clock) at which the lost database may have answered an event of this MAX time (ms).

        Returns:
            None if it cannot have.
        """
        restoration = self.current()
        if restoration is None:
            return None
        until = min(restoration.restored_at + _MARGIN, restoration.max_until or math.inf)
        return restoration.restored_at if timestamp / 1000 <= until else None

    def forget(self, before: float) -> int:
        """Delete what the desk had so long ago (desk time) that it is no longer needed."""
        restoration = self.current()
        if restoration is None or restoration.restored_at > before:
            return 0
        with self._db.transaction():
            return self._db.execute(_FORGET, (before,))

    def _write(self, restoration: Restoration) -> None:
        self._meta.put(_META, json.dumps(asdict(restoration)))
        self._known, self._looked = restoration, True


def _marked_with(key: str) -> str:
    """Return the marker's content for an inbox key: for a message its id alone."""
    mid = keys.mid_of(key)
    return mid if key == keys.message(mid) else key


def _safe(key: str) -> str:
    return marked_keys(marker(key))[0]
