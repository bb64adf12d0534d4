"""Notes to agents about a reply: not delivered, partly delivered, or late."""

from __future__ import annotations

from collections.abc import Callable

from maxbridge.core import keys
from maxbridge.core.errors import Failure
from maxbridge.core.parts import PartFile
from maxbridge.core.retry import RetryPolicy, late_note, why_late
from maxbridge.core.texts import Texts
from maxbridge.files.hosts import is_silence
from maxbridge.observe.health import Board
from maxbridge.store.event_commits import NoteStore
from maxbridge.store.inbox import Note
from maxbridge.store.records import OutboxItem

BLOCKED = "max.blocked"
CHAT_GONE = "max.chat_gone"


class ReplyNotes:
    """Texts of private notes on the tickets of replies; None for a delivery without a ticket."""

    def __init__(self, texts: Texts, lifetime_days: int) -> None:
        self._texts = texts
        self._days = lifetime_days

    def refused(self, item: OutboxItem, failure: Failure, *, group: bool = False) -> Note | None:
        """MAX refused it permanently."""
        texts = self._texts
        if failure.code == CHAT_GONE:
            reason = texts.reason_group_gone if group else texts.reason_gone
            return self._bounce(item, reason, texts.what_now_blocked)
        reason = texts.reason_refused.format(code=failure.detail)
        return self._bounce(
            item, reason, self._elsewhere(gone=failure.code == BLOCKED, group=group)
        )

    def empty(self, item: OutboxItem) -> Note | None:
        """There was nothing to send."""
        return self._bounce(item, self._texts.reason_empty)

    def expired(self, item: OutboxItem, *, blocked: bool, group: bool = False) -> Note | None:
        """It has waited as long as replies may."""
        if blocked:
            reason = self._texts.reason_removed if group else self._texts.reason_blocked
            return self._bounce(item, reason, self._elsewhere(gone=True, group=group))
        return self._bounce(item, self._texts.reason_expired.format(days=self._days))

    def held(self, item: OutboxItem) -> Note | None:
        """Its outcome is unknown."""
        return self._note(keys.held(item.key), item, self._texts.held.format(excerpt=item.excerpt))

    def not_edited(self, item: OutboxItem) -> Note | None:
        """The customer keeps the previous words."""
        text = self._texts.not_edited.format(excerpt=item.excerpt)
        return self._note(keys.not_edited(item.key), item, text)

    def file_lost(self, item: OutboxItem, file: PartFile, failure: Failure) -> Note | None:
        """One file was not sent; the words and the other files were."""
        reasons = {
            "max.forbidden_file": self._texts.file_forbidden,
            "max.file_too_large": self._texts.file_too_large,
            "desk.file_too_large": self._texts.file_too_large,
            "desk.file_gone": self._texts.file_gone,
            "media.empty": self._texts.file_empty,
        }
        silent = is_silence(failure.code)
        other = self._texts.file_silent if silent else self._texts.file_refused
        reason = reasons.get(failure.code) or other.format(code=failure)
        text = self._texts.file_lost.format(name=file.name, excerpt=item.excerpt, reason=reason)
        return self._note(keys.file_lost(item.key, str(file.id or file.name)), item, text)

    def waits(self, item: OutboxItem, *, group: bool = False) -> str:
        """The customer stopped the bot, or the group removed it."""
        words = self._texts.waits_removed if group else self._texts.waits_blocked
        return words.format(excerpt=item.excerpt, days=self._days)

    def _elsewhere(self, *, gone: bool, group: bool) -> str:
        if not gone:
            return self._texts.what_now
        return self._texts.what_now_removed if group else self._texts.what_now_blocked

    def _bounce(self, item: OutboxItem, reason: str, advice: str = "") -> Note | None:
        texts = self._texts
        sent = sum(1 for part in item.parts if part.mid is not None)
        text = (texts.bounced_partly if sent else texts.bounced).format(
            excerpt=item.excerpt,
            reason=reason,
            advice=advice or texts.what_now,
            sent=sent,
            total=len(item.parts),
        )
        return self._note(keys.bounce(item.key), item, text)

    def _note(self, key: str, item: OutboxItem, text: str) -> Note | None:
        if item.conversation_id is None:
            return None
        return Note(key, item.conversation_id, text)


# --- Replies that are late: one note on the ticket, queued like everything else


AT_ONCE = 200
"""Notes made in one round: an outage with thousands of tickets is told within minutes."""
AGAIN_AFTER = 6 * 3600.0
"""Least time between two such notes on one ticket, in seconds: MAX may come and go all day."""


class DelayNotes:
    """Finds late replies; the housekeeper calls it every minute.

    Attributes:
        texts: The agents' language; may be replaced at any time.
    """

    def __init__(
        self,
        notes: NoteStore,
        board: Board,
        policy: RetryPolicy,
        texts: Texts,
        *,
        now: Callable[[], float],
        wake_writer: Callable[[], None],
    ) -> None:
        """Create it.

        Args:
            notes: Queues notes.
            board: Tells whether MAX as a whole is in trouble.
            policy: The times.
            texts: The agents' language.
            now: Our clock.
            wake_writer: Called after notes are queued.
        """
        self._notes = notes
        self._board = board
        self._policy = policy
        self.texts = texts
        self._now = now
        self._wake_writer = wake_writer

    def step(self) -> None:
        """Queue the notes that are due.

        Raises:
            peewee.DatabaseError: The database cannot be read or written.
        """
        now, trouble = self._now(), self._trouble()
        late = self._notes.late(
            since=now - self._policy.lifetime, until=now - self._policy.late, limit=AT_ONCE
        )
        told: set[int] = set()
        notes = []
        for reply in late:
            why = why_late(reply, trouble=trouble, now=now, policy=self._policy)
            ticket = reply.conversation_id
            if why is None or ticket in told:
                continue
            if self._notes.was_told(ticket, now - AGAIN_AFTER):
                continue
            told.add(ticket)
            notes.append((reply, late_note(reply, why, self.texts, self._policy)))
        if notes:
            self._notes.tell_late(notes, now)
            self._wake_writer()

    def _trouble(self) -> str | None:
        """MAX's trouble as a whole, or None; before the first contact only the poller knows it."""
        for name in ("max_sender", "max_poller"):
            health = self._board.loop(name).record()
            if health.trouble_since is not None:
                return health.error
        return None
