"""Follow the desk's list of changed conversations and decide which of ours must be read.

Which tickets must be read is committed together with the list's position, so nothing is missed if a
reading fails (design.md 6).

One conversation that the desk cannot list would hide all that changed. So while the list is not answered, tickets of
ours are asked for one by one, those first whose customers wrote last. How far the list was followed stays as it is,
and nothing is adopted: what stands in the list is found when it is answered again, as after an outage.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from maxbridge.core.blame import SEVERAL
from maxbridge.core.errors import ApiError
from maxbridge.core.events import Conversation
from maxbridge.core.pace import SHARE, in_turn
from maxbridge.core.polling import Passed, PollingPolicy, Walk
from maxbridge.engine.customers import is_still_theirs
from maxbridge.freescout.client import PAGE_SIZE, FreeScoutClient
from maxbridge.freescout.failures import is_ticket_gone
from maxbridge.outbound.adoption import Adoption
from maxbridge.outbound.look_ups import LookUps, SlowCalls
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.readings import ReadingStore
from maxbridge.store.records import TicketRecord
from maxbridge.store.tickets import TicketTable

_SLOW_WRITE = 5.0
"""Agent activity younger than this at a reading may not have been complete yet."""
_MARKER_EVERY = 60.0
"""Without news the position is written down this often only: the disk is left in peace."""
_SWEEP_EVERY = 1800.0
_SWEEP_BACK = 86400.0
_MOST_REQUESTS = 500
_UNLOOKED_FOR = 3600.0
"""Seconds for which the list is walked from before a conversation that could not be looked at."""
_PAGE_PATIENCE = 0.5
"""Seconds that nothing but a page of the list is waited for; a page has many rows where all are of one second."""
_LOOK_AHEAD_EVERY = 5
"""Pages of a long walk after which its end is looked at: replies made meanwhile stand there."""
_TALK = 60.0
"""Seconds: who acts in a ticket so soon after something was said there, or before, may have said it."""
_MOST_TALKS = 1_000
"""Talks that are remembered as such; further ones are read in their turn."""
_WORTH_PASSING = PAGE_SIZE // 2
"""Rows that cost more to list again than to count."""
ASK_EVERY = 0.2
"""Seconds between two tickets that are asked for one by one, each once in a poll interval at most: 300 a minute."""
ASK_SLOWLY = 2.0
"""The same where the desk asks to slow down."""
_ANSWERS_WITHIN = 5.0
"""Seconds for which an answer for a ticket is waited for, to tell whether the list alone is in trouble."""
_LATELY = 200
"""Tickets that are asked for in each round; of all others so many that a round takes less than a minute."""


_ALL = 1 << 62
"""Above all tickets' numbers."""

_News = dict[int, tuple[float, float]]
"""By ticket: desk time when it is to be read, and when it changed last."""


class DeskNotice:
    """Follows the list: one light request if nothing has changed, however large the desk.

    Attributes:
        unanswered: Tickets that were asked for one by one since one of them was answered.
        ask_every: Seconds between two of them.
    """

    def __init__(
        self,
        tickets: TicketTable,
        dialogs: DialogTable,
        readings: ReadingStore,
        desk: FreeScoutClient,
        adoption: Adoption,
        *,
        look_ups: LookUps,
        policy: PollingPolicy,
        talks: set[int],
        now: Callable[[], float],
        beat: Callable[[], None],
        between: Callable[[], Awaitable[None]],
    ) -> None:
        """Create it.

        Args:
            tickets: Conversations of dialogs.
            dialogs: Chats and their customers.
            readings: The list's position.
            desk: FreeScout.
            adoption: Examines unknown conversations.
            look_ups: Calls about single conversations.
            policy: How far readings of the list overlap, and when a ticket is read.
            talks: Filled with tickets that may have a new reply.
            now: Our clock.
            beat: Called after each call: a long list takes a while.
            between: Reads those of them that are due; called between pages of a long list.
        """
        self._tickets = tickets
        self._dialogs = dialogs
        self._readings = readings
        self._desk = desk
        self._beat = beat
        self._adoption = adoption
        self._look_ups = look_ups
        self._policy = policy
        self._talks = talks
        self._between = between
        self._now = now
        self._passed = Passed(_WORTH_PASSING)
        self._unlooked = math.inf
        """Desk time from which on some conversation is still to be looked at."""
        self._swept_at: float | None = None
        self._marker: float | None = None
        self._changed_at = float("-inf")
        self._asked = SlowCalls("ask")
        self._next_asked: deque[int] = deque()
        """The rest of a round."""
        self._round_at: float | None = None
        self._rest_below = _ALL
        self._asked_at = -math.inf
        self._answers = 0
        self.unanswered = 0
        self.ask_every = ASK_EVERY

    @property
    def followed_until(self) -> float:
        """Desk time up to which the list has been followed."""
        return self._marker or 0.0

    @property
    def quiet_for(self) -> float:
        """Seconds since a ticket of ours last changed, by the desk's clock."""
        return self._desk.clock.now() - self._changed_at

    async def follow_list(self) -> None:
        """Follow the list from its stored position.

        Raises:
            ApiError: The desk could not be asked.
        """
        stored = self._readings.desk_marker()
        marker = self._marker or stored
        if marker is None or stored is None:
            # A first start: there is no ticket of ours, so nothing before now can matter.
            _, desk_now = await self._desk.changed_since(self._now() + 365 * 86400.0, 1)
            self._readings.noticed({}, since=desk_now, marker=desk_now, now=self._now())
            return
        desk_now = self._desk.clock.now() if self._desk.clock.known else marker
        # The desk's clock may have been set back: then its new changes carry times before ours.
        since = min(marker, desk_now) - self._policy.outbound.overlap
        # The second half: a clock set back must not put the sweep off.
        sweep = self._swept_at is None or not 0 <= self._now() - self._swept_at < _SWEEP_EVERY
        news, listed_at = await self._follow(since, back=_SWEEP_BACK if sweep else 0.0)
        if news or abs(listed_at - stored) >= _MARKER_EVERY:
            self._notice(news, since, listed_at)
        self._marker = listed_at
        if sweep:
            self._swept_at = self._now()

    def put_off_sweep(self) -> None:
        """Walk along what changed lately first: a conversation that stops the list may stand further back.

        The list's position does not move while it is not answered, so that one would stop every later sweep, too.
        """
        self._swept_at = self._now()

    async def _follow(self, since: float, *, back: float) -> tuple[_News, float]:
        """Walk the list of changes from a desk time, or from ``back`` seconds before it.

        Returns:
            Our tickets with news, and the desk's time when the walk began.
        """
        news: _News = {}
        began: float | None = None
        self._look_ups.begin()
        if self._marker is None:
            # After a start: what was put aside before has to be listed again.
            self._unlooked = self._look_ups.since()
        # What agents write in one that cannot be looked at yet is no history when it is adopted later.
        looked = min(since, max(self._unlooked, self._desk.clock.now() - _UNLOOKED_FOR))
        unlooked = False
        walk = Walk(looked - back, PAGE_SIZE)
        self._adoption.begin()
        self._passed.begin()
        for page in range(_MOST_REQUESTS):
            if page:
                await self._between()
            if page and not page % _LOOK_AHEAD_EVERY:
                await self._look_ahead(walk, since)
            if not back:
                await self._pass(walk)
            rows, desk_time = await self._page(walk, since)
            self._beat()
            began = desk_time if began is None else began
            known = self._tickets.known_tickets(row.id for row in rows)
            news |= self._news(rows, known, desk_time)
            again = {
                row.id
                for row in rows
                if not await self._learn_record(row, known.get(row.id), looked)
            }
            again |= await self._adoption.examine_listed(rows, since=looked, beat=self._beat)
            unlooked |= any(row.id in again and row.updated_at >= looked for row in rows)
            ours = self._tickets.known_tickets(row.id for row in rows)
            self._passed.saw(
                [
                    (row.id, row.updated_at, row.id not in ours and row.id not in again)
                    for row in rows
                ]
            )
            if not walk.goes_on([row.updated_at for row in rows]):
                if self._passed.end(looked, began):
                    break
                walk = Walk(looked, PAGE_SIZE)
                self._passed.begin()
        else:
            # The list goes on: what was not reached is not to be taken for read.
            began = min(began or walk.start, walk.start)
        self._unlooked = looked if unlooked else math.inf
        if back:
            for number in self._look_ups.unlisted():
                await self._look_ups.done(number, math.inf, partial(self._look_again, number))
                self._beat()
        return news, began or self._desk.clock.now()

    # --- while the list is not answered ----------------------------------------------------------

    async def are_ours_given(self, most: int) -> bool:
        """Return whether one of up to ``most`` of our tickets is answered, so that only the list is in trouble."""
        clock = asyncio.get_running_loop().time
        self.unanswered, self._round_at = 0, None
        before, until = self._answers, clock() + _ANSWERS_WITHIN
        for _ in range(most):
            await self._ask_one()
            if self._answers > before:
                break
        while self._answers == before and self._asked and clock() < until:
            await self._asked.one_ends(until - clock())
            self._see_ended()
        return self._answers > before

    async def ask_next(self) -> None:
        """Request one of our tickets and notice what is new in it; wait for the answer a little.

        None is requested if each was a moment ago, or if several were not answered.
        """
        if asyncio.get_running_loop().time() >= self._asked_at + self.ask_every:
            await self._ask_one()

    async def _ask_one(self) -> None:
        self._see_ended()
        if self.unanswered >= SEVERAL or self._asked.is_full:
            return
        number = self._next_to_ask()
        if number is not None:
            self._asked_at = asyncio.get_running_loop().time()
            self.unanswered += 1
            await self._asked.begin(number, self._ask(number))

    async def close(self) -> None:
        """Cancel the requests under way."""
        await self._asked.close()

    def _answered(self) -> None:
        self.unanswered = 0
        self._answers += 1

    def _see_ended(self) -> None:
        for _, task in self._asked.take_ended():
            task.result()

    def _next_to_ask(self) -> int | None:
        now = self._now()
        asked_lately = (
            self._round_at is not None and 0 <= now - self._round_at < self._policy.interval
        )
        if not self._next_asked and not asked_lately:
            self._round_at = now
            lately = self._tickets.lately_heard(_LATELY)
            share = 1 + len(lately) // (SHARE - 1)
            rest = self._tickets.before(self._rest_below, share)
            self._rest_below = rest[-1] if len(rest) == share else _ALL
            self._next_asked.extend(dict.fromkeys(in_turn(lately, rest, 0)))
        while self._next_asked:
            number = self._next_asked.popleft()
            if number not in self._asked:
                return number
        return None

    async def _ask(self, number: int) -> None:
        marker = self._readings.desk_marker()
        if marker is None:
            return
        try:
            row, desk_time = await self._desk.conversation(number, threads=False)
        except ApiError as error:
            # Only this ticket is in trouble, unless several are not answered.
            if is_ticket_gone(error.failure):
                self._answered()
            return
        self._answered()
        if desk_time < (self._marker or marker):
            # The desk's clock was set back: what agents begin now bears times before the list's position.
            marker = min(marker, int(desk_time))
            self._marker = marker
            self._readings.noticed({}, since=marker, marker=marker, now=self._now())
        news = self._news([row], self._tickets.known_tickets([number]), desk_time)
        if news:
            # Nobody has seen what was merged into it since the list was followed.
            since = min(self._marker or marker, desk_time) - self._policy.outbound.overlap
            self._notice(news, since, marker)

    async def _page(self, walk: Walk, since: float) -> tuple[list[Conversation], float]:
        """Return the next page of the list; while the desk takes long, tickets with possible replies are read."""
        if walk.size <= PAGE_SIZE:
            return await self._desk.changed_since(walk.start, walk.size)
        page = asyncio.create_task(self._desk.changed_since(walk.start, walk.size), name="list")
        try:
            while not (await asyncio.wait({page}, timeout=_PAGE_PATIENCE))[0]:
                await self._look_ahead(walk, since)
                await self._between()
            return page.result()
        finally:
            page.cancel()

    async def _look_ahead(self, walk: Walk, since: float) -> None:
        """Notice replies at the end of a long list, so that they need not wait until the walk gets there.

        The list's position stays: the walk meets these rows again.
        """
        rows, desk_time = await self._desk.chats_changed_last(walk.start, PAGE_SIZE)
        self._beat()
        news = self._news(rows, self._tickets.known_tickets(row.id for row in rows), desk_time)
        replies = {number: news[number] for number in news.keys() & self._talks}
        marker = self._readings.desk_marker()
        if replies and marker is not None:
            self._notice(replies, since, marker)

    def _notice(self, news: _News, since: float, marker: float) -> None:
        self._readings.noticed(
            {number: due for number, (due, _) in news.items()},
            since=since,
            marker=marker,
            now=self._now(),
            changed={number: changed for number, (_, changed) in news.items()},
        )

    async def _pass(self, walk: Walk) -> None:
        """Skip a stretch that was walked before, if it has as many rows as then."""
        end = self._passed.ahead(walk.start)
        if end is None:
            return
        there = await self._desk.count_changed(walk.start) - await self._desk.count_changed(end)
        self._beat()
        if self._passed.passes(walk.start, end, there):
            walk.skip_to(end)

    def _news(
        self, rows: list[Conversation], known: dict[int, TicketRecord], desk_now: float
    ) -> _News:
        """Return our tickets that may have something new from an agent."""
        news: _News = {}
        for row in rows:
            record = known.get(row.id)
            if record is None:
                continue
            self._changed_at = max(self._changed_at, min(row.updated_at, desk_now))
            if _has_news(row, record):
                if _is_talk(row) and len(self._talks) < _MOST_TALKS:
                    self._talks.add(row.id)
                active = record.user_updated_at != row.user_updated_at
                due = self._policy.read_at(row, agent_was_there=active, desk_now=desk_now)
                news[row.id] = due, row.updated_at
        return news

    async def _look_again(self, number: int, since: float) -> None:
        """Examine a conversation put aside so long ago that the list no longer shows it."""
        try:
            row, _ = await self._desk.conversation(number, threads=False)
        except ApiError as error:
            if is_ticket_gone(error.failure):
                return
            raise
        record = self._tickets.known_tickets([number]).get(number)
        if record is None:
            await self._adoption.examine_unlisted(row, since)
        elif row.customer_id not in (None, record.customer_id):
            await self._learn(row, record.chat_id)

    async def _learn(self, row: Conversation, chat_id: int) -> None:
        await is_still_theirs(self._dialogs, self._desk, chat_id, row, bot_id=self._adoption.bot_id)
        self._tickets.set_customer(row.id, row.customer_id, row.updated_at)

    async def _learn_record(
        self, row: Conversation, record: TicketRecord | None, since: float
    ) -> bool:
        """Learn that agents changed a ticket's customer, or merged customers (which changes all tickets of one).

        Learnt here, without a reading, because merging changes no time of agents' activity (case
        65). False if not learnt yet: the row is listed again, and read before anything is sent.
        """
        if record is None or row.customer_id in (None, record.customer_id):
            return True
        chat_id = record.chat_id

        async def look(_since: float) -> None:
            await self._learn(row, chat_id)

        learnt = await self._look_ups.done(row.id, since, look)
        self._beat()
        return learnt


def _is_talk(row: Conversation) -> bool:
    """Whether the agent may have replied; otherwise it is a change of status, say, perhaps of hundreds of tickets."""
    acted_at = row.user_updated_at or 0.0
    return row.spoken_at is not None and row.spoken_at >= acted_at - _TALK


def _has_news(row: Conversation, record: TicketRecord) -> bool:
    """Whether this ticket may have something of an agent that has not been read."""
    if row.user_updated_at is None:
        return False
    if record.user_updated_at != row.user_updated_at:
        return True
    if record.read_at is None:
        return False
    if row.user_updated_at >= record.read_at - _SLOW_WRITE:
        return True
    if row.customer_id != record.customer_id:
        return False  # cards that were merged explain the change (case 65)
    # An edit of the last reply moves this time alone (case 55); our own threads do so, too. Its
    # seconds are whole ones: an edit right after the reading may bear the reading's own second.
    return row.updated_at > max(record.read_at - 1.0, record.posted_at or 0.0)
