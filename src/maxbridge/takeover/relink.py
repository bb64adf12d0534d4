"""Find every MAX customer's tickets at the desk after the database that knew them was lost, as a plan to be stored.

Nothing is written while services are asked; the plan, which ``import`` makes as well, is stored in whole steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from maxbridge.core import keys
from maxbridge.core.events import Conversation, chat_of_mid, written_at
from maxbridge.core.marks import begun_by_agent, bot_of, chats_named, given_at, needs_max, record_on
from maxbridge.core.markup import marked_keys
from maxbridge.core.old_talks import OldTalk, is_theirs, record_of
from maxbridge.core.plan_inbound import bots_of, groups_of, is_others_record, users_of
from maxbridge.core.polling import Walk
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.parse import own_file
from maxbridge.max.client import MaxClient
from maxbridge.outbound.replies import ReplyMaker
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
from maxbridge.store.db import Database
from maxbridge.store.event_commits import NoteStore
from maxbridge.store.meta import MetaTable
from maxbridge.store.relinking import Relinked, Relinking

_PAGE = 25
"""Conversations with their threads in one request: some hundred milliseconds of the desk."""

Progress = Callable[[str, int, int], None]
"""Told what is being read, how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A customer's thread at the desk: its customer record, its time, and what it says about its bot."""

    card: int | None
    at: float
    thread_id: int
    bot: int | None
    chats: frozenset[int]


@dataclass(slots=True)
class _Known:
    """What the desk has, sorted."""

    cards: Cards
    chats: dict[int, tuple[OldChat, list[Draft]]] = field(default_factory=dict)
    awaited: dict[int, list[Draft]] = field(default_factory=dict)


class Relink:
    """The readings of ``maxbridge relink``; stores nothing."""

    def __init__(
        self,
        desk: FreeScoutClient,
        chats: OldChats,
        rebuilder: Rebuilder,
        findings: Findings,
        *,
        progress: Progress,
    ) -> None:
        """Create it.

        Args:
            desk: FreeScout.
            chats: MAX.
            rebuilder: Builds the dialogs.
            findings: Filled on the way.
            progress: Called with the progress.
        """
        self._desk = desk
        self._chats = chats
        self._rebuilder = rebuilder
        self._findings = findings
        self._progress = progress
        self._said: list[_Said] = []
        self._own: set[int] = set()
        """Chats that MAX says are ours."""

    async def find_talks(self, since: float) -> list[OldTalk]:
        """Read everything.

        Args:
            since: Desk time from which replies may be unsent.

        Raises:
            ApiError: A service is in trouble; nothing has been changed.
        """
        known = _Known(await self._cards())
        cards = known.cards
        self._findings.customers = len({*cards.users, *cards.groups} - cards.others)
        strays = await self._sort(await self._tickets(known.cards, since), known, since)
        talks = []
        wanted = [*known.chats.values(), *((None, each) for each in known.awaited.values())]
        users = [chat.user_id for chat, _ in known.chats.values()] + list(known.awaited)
        for place, (user_id, (chat, drafts)) in enumerate(zip(users, wanted, strict=True)):
            self._progress("talks", place, len(wanted))
            talk = await self._rebuilder.talk(
                user_id,
                chat,
                drafts,
                since=since,
                cards=cards,
                strays=strays.get(user_id or (chat.chat_id if chat else 0), ()),
            )
            talks.append(replace(talk, customer_id=_card(talk, known.cards)))
        self._progress("talks", len(wanted), len(wanted))
        self._findings.chats, self._findings.awaited = len(known.chats), len(known.awaited)
        self._findings.tickets = sum(len(talk.tickets) for talk in talks)
        self._findings.messages = sum(len(talk.keys) for talk in talks)
        return talks

    async def _cards(self) -> Cards:
        cards, seen, page = Cards(), set[int](), 1
        while True:
            rows, total = await retry_read(partial(self._desk.customers_page, page))
            fresh = [row for row in rows if row[0] not in seen]
            if not fresh:
                self._whole(len(seen), total, "customers")
                return cards
            for card, profiles, changed in fresh:
                seen.add(card)
                if users := users_of(profiles):
                    cards.users[card] = frozenset(users)
                if groups := groups_of(profiles):
                    cards.groups[card] = frozenset(groups)
                if bots := bots_of(profiles):
                    cards.bots[card] = frozenset(bots)
                if len(bots) > 1:
                    cards.changed[card] = changed
                if is_others_record(profiles, self._chats.bot_id):
                    cards.others.add(card)
            self._progress("customers", len(seen), total)
            page += 1

    async def _tickets(self, cards: Cards, since: float) -> list[Draft]:
        found: dict[int, Draft] = {}
        seen: set[int] = set()
        walk, total, bot_id = Walk(0.0, _PAGE), 0, self._chats.bot_id
        while True:
            rows, left, read_at = await retry_read(
                partial(self._desk.chats_since, walk.start, walk.size)
            )
            total = total or left
            for row in rows:
                if row.id in seen:
                    continue
                seen.add(row.id)
                self._said += _said_in(row)
                if _is_wanted(row, cards, bot_id):
                    found[row.id] = draft_of(row, read_at=read_at, since=since, bot_id=bot_id)
                elif is_theirs(row):
                    self._left_alone()
            self._progress("conversations", len(seen), max(total, len(seen)))
            if not walk.goes_on([row.created_at for row in rows]):
                self._whole(len(seen), total, "conversations")
                return list(found.values())

    def _whole(self, seen: int, total: int, what: str) -> None:
        """Report it if fewer items were listed than FreeScout counts; more (new ones) are no problem."""
        if seen < total:
            self._findings.problem(
                say("{what} that FreeScout counts and does not list", what=what), total - seen
            )

    def _left_alone(self) -> None:
        self._findings.problem(
            say("tickets in which another bot of this desk brings messages: left alone")
        )

    async def _sort(
        self, drafts: Sequence[Draft], known: _Known, since: float
    ) -> dict[int, list[Draft]]:
        """Decide whose each ticket is: by its marks, else by its customer record.

        Returns:
            By MAX user or group, other people's tickets with replies to them.
        """
        chats = await self._chats_of(drafts)
        self._own = {
            key for key, found in chats.items() if found is not None and isinstance(key, int)
        }
        judged = [draft.judged(self._chats.bot_id, self._own.__contains__) for draft in drafts]
        bare, marked = [], []
        for draft in judged:
            found = [each for key in map(_named, draft.mids) if (each := chats[key]) is not None]
            for each in found:
                # A merge may have left nothing of a chat but its words in another one's ticket.
                known.chats.setdefault(each.chat_id, (each, []))
            if found:
                marked.append((draft, found[0].chat_id))
            else:
                bare.append(draft)
        chats_of = {chat.user_id: chat.chat_id for chat, _ in known.chats.values()}
        for draft, chat_id in marked:
            known.chats[_begun_for(draft, known.cards, chats_of) or chat_id][1].append(draft)
        for draft in bare:
            self._by_record(draft, known, chats_of)
        return strays_among(judged, known.cards, since)

    async def _chats_of(self, drafts: Sequence[Draft]) -> dict[int | str, OldChat | None]:
        """Return MAX's answers by the chat that messages name, or by a message that names none."""
        bundles: dict[int | str, dict[str, None]] = {}
        for draft in drafts:
            for mid in draft.mids:
                bundles.setdefault(_named(mid), {})[mid] = None
        found = {}
        for place, (key, mids) in enumerate(bundles.items()):
            self._progress("chats", place, len(bundles))
            found[key] = await self._chats.of(_newest_first(mids))
        self._progress("chats", len(bundles), len(bundles))
        return found

    def _by_record(self, draft: Draft, known: _Known, chats_of: Mapping[int | None, int]) -> None:
        card = draft.ticket.customer_id or 0
        users = known.cards.users.get(card, frozenset())
        groups = known.cards.groups.get(card, frozenset())
        ours = self._chats.bot_id in draft.signed.values()
        if not ours and (draft.mids or not self._is_ours_to_answer(draft, known)):
            named = next((each for each in map(_named, draft.mids) if isinstance(each, int)), None)
            user = min(users) if len(users) == 1 and not groups else None
            if named is None or user is None or user in chats_of:
                self._left_alone()
                return
            # Of another bot, or of one who has stopped ours: their next message tells.
            draft = replace(draft, only_chat=named, unsure=True)
        elif not ours:
            draft = replace(draft, shared=len(known.cards.bots.get(card, ())) > 1)
        if len(users) == 1 and not groups:
            (user,) = users
            if user in chats_of:
                known.chats[chats_of[user]][1].append(draft)
            else:
                known.awaited.setdefault(user, []).append(draft)
        elif len(groups) == 1 and not users:
            (group,) = groups
            known.chats.setdefault(group, (OldChat(group, None, 0), []))[1].append(draft)
        else:
            self._findings.problem(
                say(
                    "tickets with our marker whose customer nobody can tell: MAX no longer has their messages, and their card carries no MAX user, or several"
                )
            )

    def _is_ours_to_answer(self, draft: Draft, known: _Known) -> bool:
        """Whether our bot answers a ticket that an agent began. See :class:`maxbridge.outbound.adoption.Adoption`."""
        card, own = draft.ticket.customer_id or 0, self._chats.bot_id
        bots = known.cards.bots.get(card, frozenset())
        if card in known.cards.others:
            return False
        if bots == {own}:
            return True
        if len(bots) > 1:
            return True  # if the chat's history shows a reply of it: words may have moved since it was begun
        said = [one for one in self._said if one.card == card and one.at <= draft.ticket.created_at]
        newest = max(said, key=lambda one: (one.at, one.thread_id), default=None)
        if newest is None:
            return own == min(bots, default=own)
        return newest.bot == own if newest.bot is not None else bool(newest.chats & self._own)


def _is_wanted(row: Conversation, cards: Cards, bot_id: int) -> bool:
    """Whether it has our marker, or an agent began it for one of our customers."""
    if is_theirs(row, bot_id):
        return True
    card = row.customer_id or 0
    people, groups = cards.users.get(card, ()), cards.groups.get(card, ())
    return begun_by_agent(row) and needs_max(row) and len(people) + len(groups) == 1


def _begun_for(draft: Draft, cards: Cards, chats_of: Mapping[int | None, int]) -> int | None:
    """Return the chat for which an agent began a ticket that has only other people's messages, which a merge brought."""
    ticket = draft.ticket
    own = (
        each.type == "customer" and record_on(each, ticket) == ticket.customer_id
        for each in ticket.threads or ()
    )
    users, groups = cards.people(ticket.customer_id)
    if not begun_by_agent(ticket) or given_at(ticket) is not None or any(own) or groups:
        return None
    return chats_of.get(next(iter(users))) if len(users) == 1 else None


def _said_in(row: Conversation) -> list[_Said]:
    """Return the threads of the conversation's own customer record; the daemon, too, ignores others here."""
    return [
        _Said(
            row.customer_id,
            each.created_at,
            each.id,
            bot_of(each.body),
            frozenset(chats_named(keys)),
        )
        for each in row.threads or ()
        if each.type == "customer"
        and record_on(each, row) == row.customer_id
        and (keys := marked_keys(each.body))
    ]


def _named(mid: str) -> int | str:
    return chat_of_mid(mid) or mid


def _newest_first(mids: Iterable[str]) -> list[str]:
    return sorted(mids, key=lambda mid: written_at(mid) or 0.0, reverse=True)


def _card(talk: OldTalk, cards: Cards) -> int | None:
    if talk.user_id is not None:
        return record_of(talk.user_id, talk.tickets, cards.users, but=cards.others)
    own = (card for card, groups in cards.groups.items() if talk.chat_id in groups)
    return min(own, default=None)


WINDOW = 5 * 86400.0
"""Seconds back for which replies may be unsent: older ones the bridge has given up, and said so."""

_TOGETHER = 100
"""Talks that are written in one transaction: the disk takes longer for each than everything else."""


@dataclass(slots=True)
class Plan:
    """Results, ready to be stored.

    Attributes:
        bot: Id and name of the bot; None if MAX was not asked.
        desk_now: The desk's time before anything was read.
        since: Desk time from which replies are in question; None if none are.
        talks: The dialogs to store.
        findings: The results for the administrator.
        threads: Further threads that were sent, in any ticket.
        keys: Further messages that are at the desk.
    """

    bot: tuple[int, str] | None
    desk_now: float
    since: float | None
    talks: Sequence[OldTalk]
    findings: Findings
    threads: frozenset[int] = frozenset()
    keys: frozenset[str] = frozenset()


@dataclass(slots=True)
class Sums:
    """Totals of what was stored."""

    dialogs: int = 0
    tickets: int = 0
    awaited: int = 0
    conflicts: list[str] = field(default_factory=list)

    def add(self, one: Relinked) -> None:
        """Count one dialog."""
        self.dialogs += one.dialog
        self.tickets += one.tickets
        self.awaited += one.awaited
        self.conflicts += one.conflicts


@dataclass(frozen=True, slots=True)
class Words:
    """How the bridge formats messages, to compare replies with what it would have sent.

    Attributes:
        texts: The language of customers and agents.
        signature: ``[texts] signature``.
        greeting: ``[texts] greeting``.
        linked: Which of these tickets the database has already.
        told: Templates of the other automatic messages.
    """

    texts: Texts
    signature: str
    greeting: str
    linked: Callable[[Collection[int]], Collection[int]]
    told: tuple[str, ...] = ()

    def rebuilder(
        self,
        chats: OldChats,
        desk: FreeScoutClient,
        findings: Findings,
        carried: Carried | None = None,
    ) -> Rebuilder:
        """Create the rebuilder of dialogs."""
        maker = ReplyMaker(
            self.texts,
            self.signature,
            own_file=own_file,
            directory=lambda: desk.directory,
        )
        own_words = (self.greeting, self.texts.not_received, *self.told)
        return Rebuilder(
            chats,
            maker,
            self.texts,
            findings,
            own_words=own_words,
            carried=carried or Carried(),
            linked=self.linked,
        )


async def look_for_talks(
    client: MaxClient,
    desk: FreeScoutClient,
    words: Words,
    *,
    since: float | None,
    progress: Progress,
) -> Plan:
    """Read everything that ``relink`` needs.

    Args:
        client: MAX.
        desk: FreeScout.
        words: How the bridge formats messages.
        since: When unsent replies may begin; None for :data:`WINDOW`.
        progress: Called with the progress.

    Raises:
        ApiError: A service is in trouble.
    """
    me = await retry_read(client.me)
    await retry_read(desk.mailboxes)
    await retry_read(desk.users)
    desk_now = desk.clock.now()
    since = desk_now - WINDOW if since is None else since
    findings = Findings()
    chats = OldChats(client, me.user_id)
    rebuilder = words.rebuilder(chats, desk, findings)
    talks = await Relink(desk, chats, rebuilder, findings, progress=progress).find_talks(since)
    return Plan((me.user_id, me.name), desk_now, since, talks, findings)


class TakeoverTables(NamedTuple):
    """The tables that a takeover uses."""

    db: Database
    meta: MetaTable
    relinking: Relinking
    notes: NoteStore


def carry_out(tables: TakeoverTables, plan: Plan, now: Callable[[], float]) -> Sums:
    """Store a plan; repeating it changes nothing.

    Raises:
        ConfigError: The database belongs to another bot.
    """
    if plan.bot is not None:
        tables.meta.claim(*plan.bot)
    relinking = tables.relinking
    relinking.begin(plan.desk_now, now())
    sums = Sums()
    for at in range(0, len(plan.talks), _TOGETHER):
        with tables.db.transaction():
            for talk in plan.talks[at : at + _TOGETHER]:
                for thread_id, (ticket, words) in talk.notes.items():
                    if talk.chat_id is not None:
                        key = keys.not_taken_over(thread_id)
                        tables.notes.add(key, talk.chat_id, ticket, words, now())
                for ticket, words in talk.doubts.items():
                    if talk.chat_id is not None:
                        key = keys.unclear(ticket)
                        tables.notes.add(key, talk.chat_id, ticket, words, now())
                sums.add(relinking.link(talk, now()))
    relinking.know(plan.keys, plan.threads, max(now(), plan.desk_now))
    return sums
