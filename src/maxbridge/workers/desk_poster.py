"""One POST to the desk and what may follow: success, refusal, delay; doubt is desk_doubts.py's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.core.retry import (
    RetryPolicy,
    Step,
    after_failure,
    after_reading,
)
from maxbridge.freescout.body import DiskFile, encoded_size
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.failures import is_customer_refused, is_ticket_gone
from maxbridge.killpoints import reached
from maxbridge.store.inbox import Landing, Ticketed
from maxbridge.store.journal import Journal
from maxbridge.store.records import InboxItem
from maxbridge.store.states import State
from maxbridge.workers.bursts import Followers
from maxbridge.workers.gate import Gate

_FIREWALL_TRIES = 10
_APART = 1.0
"""Seconds between two threads of one ticket: those of one second have no order of their own in the
agent's page (contract freescout-agent-ui.md 1)."""
_MOMENT = 0.001
_MOST_CHATS = 10_000


Landed = Callable[[Sequence[str] | None], Landing]
"""What a thread means by the names of the files that the desk kept; None when it does not tell."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A thread, or a new conversation with its first thread, that is ready to leave.

    Attributes:
        target: The conversation; None to open a new one.
        body: What is posted, the files included.
        reason: Why there, for the log.
        files: What is attached.
        covering: Files of the message that are dealt with once it is there.
        landing: What it means for the item once it is there.
        followers: Messages that stand behind the item's own words in the thread.
    """

    target: int | None
    body: dict[str, Any]
    reason: str
    files: tuple[DiskFile, ...] = ()
    covering: int = 0
    landing: Landed = field(default=lambda _kept: Landing())
    followers: Followers = field(default_factory=Followers)


class DeskPoster:
    """Makes the POSTs of the inbox and writes down what became of them."""

    def __init__(
        self,
        journal: Journal,
        desk: FreeScoutClient,
        retry: RetryPolicy,
        gate: Gate,
        *,
        now: Callable[[], float],
        jitter: Callable[[], float],
        too_large: Callable[[int], None],
        longest: float,
    ) -> None:
        """Prepare for posting.

        Args:
            journal: The store.
            desk: FreeScout.
            retry: The retry rules.
            gate: Closed while the desk is in trouble.
            now: Our clock.
            jitter: Random numbers in [0, 1).
            too_large: Told how many bytes of files, as they are sent, the desk would not take in
                one request.
            longest: Seconds that a POST with files may take.
        """
        self._journal = journal
        self._desk = desk
        self._retry = retry
        self._gate = gate
        self._now = now
        self._jitter = jitter
        self._too_large = too_large
        self._longest = longest
        self._given_up: dict[int, float] = {}
        """When the last POST of an item with files was given up; forgotten when we end."""
        self._posted_at: dict[int, float] = {}

    async def post(self, item: InboxItem, posting: Posting) -> None:
        """Make the POST, and write down its outcome."""
        begun = self._begin(item, posting)
        if begun is None:
            return
        posting = begun
        reached("desk.before_post")
        try:
            if posting.target is None:
                posted = await self._desk.open_conversation(posting.body)
            else:
                posted = await self._desk.add_thread(posting.target, posting.body)
        except ApiError as error:
            self._failed(item, posting, error.failure)
            return
        reached("desk.after_post")
        landed = Ticketed(
            posted.conversation_id,
            posted.thread_id,
            posted.customer_id,
            posted.desk_time,
            opened=posting.target is None,
            files=posted.files,
        )
        carried = replace(item, carrying=len(posting.files))
        self.finish(carried, landed, posting.landing, posting.reason, posting.followers.items)

    def _begin(self, item: InboxItem, posting: Posting) -> Posting | None:
        """Write down that the POST is made; gives it as it still is to be made, None for not at all."""
        fields: dict[str, Any] = {
            "target_id": posting.target,
            "desk_at": self._desk.clock.now(),
            "covering": posting.covering,
            "carrying": len(posting.files),
        }
        if not posting.followers:
            marked = self._journal.inbox.mark_sending(item.id, self._now(), **fields)
            return posting if marked else None
        others = posting.followers.items
        left = self._journal.bursts.begin(item, others, self._now(), **fields)
        if left is None:
            return None
        followers = posting.followers.among(left)
        return replace(posting, body=followers.behind(posting.body), followers=followers)

    def finish(
        self,
        item: InboxItem,
        landed: Ticketed,
        landing: Landed,
        reason: str,
        others: Sequence[InboxItem] = (),
    ) -> None:
        """Write down that a thread is at the desk, with those of the others that stand in it, too."""
        if others:
            reason = f"{reason}, {1 + len(others)} messages in one thread"
        landed = replace(landed, reason=reason)
        meaning = landing(landed.files)
        self._journal.landed(item, landed, meaning, self._now(), others=others)
        self._remember(item.chat_id)
        # Only now: an end that answers is no success while the answer cannot be written down.
        self._gate.ok()

    def put_off(self, item: InboxItem, failure: Failure, *, uncertain: bool) -> None:
        """A reading before the POST failed: nothing was done, or nothing new is known."""
        self._gate.failed(failure, item.chat_id)
        # A look-up that failed leaves the doubt as it was.
        error = item.error if uncertain else failure.code
        self.later(item, failure, error=error, uncertain=uncertain)

    def later(
        self, item: InboxItem, failure: Failure, *, error: str | None, uncertain: bool = False
    ) -> None:
        """Try an item again after a pause, without a word to the desk's gate."""
        at = after_reading(
            failure,
            attempts=item.attempts + 1,
            now=self._now(),
            jitter=self._jitter(),
            policy=self._retry,
        )
        self._journal.inbox.defer(item.id, at=at, error=error, attempted=True, uncertain=uncertain)

    def must_wait(self, item: InboxItem) -> bool:
        """Keep two threads of a chat a second apart; the place in the pool goes to others.

        What may have been posted already is looked up at once.
        """
        if item.state is State.SENDING:
            return False
        loop_now = asyncio.get_running_loop().time()
        left = self._posted_at.get(item.chat_id, 0.0) + _APART - loop_now
        if left < _MOMENT or item.chat_id not in self._posted_at:
            return False
        self._journal.inbox.defer(
            item.id, at=self._now() + left, error=item.error, attempted=False, uncertain=False
        )
        return True

    def _failed(self, item: InboxItem, posting: Posting, failure: Failure) -> None:
        if not posting.followers or not failure.certain:
            # In doubt, all of them stay "sending" and are looked up.
            self._decide(item, posting, failure)
            return
        self._journal.bursts.back(
            posting.followers.items,
            lambda: self._decide(item, posting, failure),
            blameless=_is_about_no_words(failure),
        )

    def _decide(self, item: InboxItem, posting: Posting, failure: Failure) -> None:
        now = self._now()
        if is_ticket_gone(failure) and posting.target is not None:
            self._journal.tickets.gone(posting.target)
            self._again(item, failure, attempted=False)
            return
        known = "id" in (posting.body.get("customer") or {})
        if known and is_customer_refused(failure) and item.error != failure.code:
            # Agents merge customers; the loser's id is refused (case 65). Find or make him anew, once.
            self._journal.dialogs.set_customer(item.chat_id, None)
            self._again(item, failure, attempted=True)
            return
        if failure.code == "desk.too_large" and posting.files:
            # Some web server's limit is lower than FreeScout's: fewer files then, at last a link.
            self._too_large(sum(encoded_size(file.size) for file in posting.files))
            self._again(item, failure, attempted=True)
            return
        if failure.code == "desk.forbidden":
            # A reading went well a moment ago: some firewall does not like these very words.
            kind = Kind.PERMANENT if item.attempts >= _FIREWALL_TRIES else Kind.TRANSIENT
            failure = replace(failure, kind=kind, scope=Scope.ITEM)
        self._gate.failed(failure, item.chat_id)
        decision = after_failure(
            failure,
            attempts=item.attempts + 1,
            now=now,
            jitter=self._jitter(),
            policy=self._retry,
        )
        if decision.step is Step.GIVE_UP and posting.followers:
            # Nobody knows which of them the desk refuses: each alone, now.
            self._again(item, failure, attempted=True)
            return
        if decision.step is Step.GIVE_UP:
            self._journal.inbox.hold(
                item.id,
                error=failure.code,
                now=now,
                reason=f"the desk refuses it: {failure.detail}",
            )
            return
        uncertain = decision.step is Step.LOOK_UP
        if uncertain and posting.files:
            _keep(self._given_up, item.id, now)
        self._journal.inbox.defer(
            item.id,
            at=decision.at,
            error=failure.code,
            attempted=True,
            uncertain=uncertain,
        )

    def took(self, item: InboxItem) -> float:
        """Seconds that the last POST of an item took, or may have taken if we died in it.

        Nothing for words alone: they are given up well before the end of what is waited for in any case.
        """
        began = item.attempted_at or item.created_at
        if not item.carrying:
            return 0.0
        return max(0.0, self._given_up.get(item.id, began + self._longest) - began)

    def _again(self, item: InboxItem, failure: Failure, *, attempted: bool) -> None:
        self._journal.inbox.defer(
            item.id, at=self._now(), error=failure.code, attempted=attempted, uncertain=False
        )

    def _remember(self, chat_id: int) -> None:
        _keep(self._posted_at, chat_id, asyncio.get_running_loop().time())


def _keep(times: dict[int, float], key: int, at: float) -> None:
    if len(times) >= _MOST_CHATS:
        times.clear()
    times[key] = at


def _is_about_no_words(failure: Failure) -> bool:
    """Would any other message have met the same? A firewall's 403 looks like that, and is not."""
    of_the_end = failure.scope is Scope.END and failure.code != "desk.forbidden"
    return of_the_end or is_ticket_gone(failure) or is_customer_refused(failure)
