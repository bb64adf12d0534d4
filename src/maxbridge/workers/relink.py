"""Finding every MAX customer's tickets at the desk when the database that knew them is lost.

Two walks, each request after the one before: over all customers, for the cards that carry a MAX user id,
and over all chat conversations, for our markers. A marker names a message, and MAX tells the chat and the
person of a message (contract max.md 5.2); so nothing here rests on names, or on cards that agents change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from maxbridge.core.events import Conversation, chat_of_mid, written_at
from maxbridge.core.old_talks import OldTalk, card_of, is_theirs
from maxbridge.core.plan_inbound import groups_of, users_of
from maxbridge.core.plan_outbound import begun_by_agent, needs_max
from maxbridge.core.polling import Walk
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.workers.old_chats import OldChat, OldChats
from maxbridge.workers.patience import patiently
from maxbridge.workers.rebuild import Draft, Findings, Rebuilder, draft_of

_PAGE = 25
"""Conversations with their threads in one request: some hundred milliseconds of the desk."""

Progress = Callable[[str, int, int], None]
"""Told what is being read, how much is done, and of how much."""


@dataclass(slots=True)
class _Cards:
    """MAX users and groups by card."""

    users: dict[int, frozenset[int]] = field(default_factory=dict)
    groups: dict[int, frozenset[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Known:
    """What the desk has, put in order."""

    cards: _Cards
    chats: dict[int, tuple[OldChat, list[Draft]]] = field(default_factory=dict)
    awaited: dict[int, list[Draft]] = field(default_factory=dict)


class Relink:
    """The readings of ``maxbridge relink``; nothing is written."""

    def __init__(
        self,
        desk: FreeScoutClient,
        chats: OldChats,
        rebuilder: Rebuilder,
        findings: Findings,
        *,
        progress: Progress,
    ) -> None:
        """Prepare.

        Args:
            desk: FreeScout.
            chats: MAX.
            rebuilder: Makes the talks.
            findings: Filled on the way.
            progress: Told how far it is.
        """
        self._desk = desk
        self._chats = chats
        self._rebuilder = rebuilder
        self._findings = findings
        self._progress = progress

    async def look(self, since: float) -> list[OldTalk]:
        """Read everything.

        Args:
            since: Desk time from which on replies may be unsent.

        Raises:
            ApiError: An end is in trouble; nothing is half done by that.
        """
        known = _Known(await self._cards())
        self._findings.customers = len(known.cards.users) + len(known.cards.groups)
        await self._sort(await self._tickets(known.cards, since), known)
        talks = []
        wanted = [*known.chats.values(), *((None, each) for each in known.awaited.values())]
        users = [chat.user_id for chat, _ in known.chats.values()] + list(known.awaited)
        for place, (user_id, (chat, drafts)) in enumerate(zip(users, wanted, strict=True)):
            self._progress("talks", place, len(wanted))
            talk = await self._rebuilder.talk(
                user_id, chat, drafts, since=since, cards=known.cards.users
            )
            talks.append(replace(talk, customer_id=_card(talk, known.cards)))
        self._progress("talks", len(wanted), len(wanted))
        self._findings.chats, self._findings.awaited = len(known.chats), len(known.awaited)
        self._findings.tickets = sum(len(talk.tickets) for talk in talks)
        self._findings.messages = sum(len(talk.keys) for talk in talks)
        return talks

    async def _cards(self) -> _Cards:
        cards, seen, page = _Cards(), set[int](), 1
        while True:
            rows, total = await patiently(partial(self._desk.customers_page, page))
            fresh = [row for row in rows if row[0] not in seen]
            if not fresh:
                self._whole(len(seen), total, "customers")
                return cards
            for card, profiles in fresh:
                seen.add(card)
                if users := users_of(profiles):
                    cards.users[card] = frozenset(users)
                if groups := groups_of(profiles):
                    cards.groups[card] = frozenset(groups)
            self._progress("customers", len(seen), total)
            page += 1

    async def _tickets(self, cards: _Cards, since: float) -> list[Draft]:
        found: dict[int, Draft] = {}
        seen: set[int] = set()
        walk, total = Walk(0.0, _PAGE), 0
        while True:
            rows, left, read_at = await patiently(
                partial(self._desk.chats_since, walk.start, walk.size)
            )
            total = total or left
            for row in rows:
                if row.id not in seen and _is_wanted(row, cards):
                    found[row.id] = draft_of(row, read_at=read_at, since=since)
                seen.add(row.id)
            self._progress("conversations", len(seen), max(total, len(seen)))
            if not walk.goes_on([row.created_at for row in rows]):
                self._whole(len(seen), total, "conversations")
                return list(found.values())

    def _whole(self, seen: int, total: int, what: str) -> None:
        """Some that are new meanwhile, or deleted, are no trouble; a list that is cut off is."""
        if seen < total:
            self._findings.problem(f"{what} that FreeScout counts and does not list", total - seen)

    async def _sort(self, drafts: Sequence[Draft], known: _Known) -> None:
        """Say whose each ticket is: by its marks, else by its card."""
        bundles: dict[int | str, list[Draft]] = {}
        bare = []
        for draft in drafts:
            if draft.mids:
                bundles.setdefault(chat_of_mid(draft.mids[0]) or draft.mids[0], []).append(draft)
            else:
                bare.append(draft)
        for place, bundle in enumerate(bundles.values()):
            self._progress("chats", place, len(bundles))
            chat = await self._chats.of(_newest_first(bundle))
            if chat is None:
                bare += bundle
            else:
                known.chats.setdefault(chat.chat_id, (chat, []))[1].extend(bundle)
        self._progress("chats", len(bundles), len(bundles))
        chats_of = {chat.user_id: chat.chat_id for chat, _ in known.chats.values()}
        for draft in bare:
            self._by_card(draft, known, chats_of)

    def _by_card(self, draft: Draft, known: _Known, chats_of: Mapping[int | None, int]) -> None:
        card = draft.ticket.customer_id or 0
        users = known.cards.users.get(card, frozenset())
        groups = known.cards.groups.get(card, frozenset())
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
                "tickets with our marker whose customer nobody can tell: MAX no longer has their "
                "messages, and their card carries no MAX user, or several"
            )


def _is_wanted(row: Conversation, cards: _Cards) -> bool:
    """Ours by a marker, or begun by an agent for one of our customers."""
    if is_theirs(row):
        return True
    return (
        begun_by_agent(row)
        and needs_max(row)
        and len(cards.users.get(row.customer_id or 0, ())) == 1
    )


def _newest_first(bundle: Iterable[Draft]) -> list[str]:
    mids = dict.fromkeys(mid for draft in bundle for mid in draft.mids)
    return sorted(mids, key=lambda mid: written_at(mid) or 0.0, reverse=True)


def _card(talk: OldTalk, cards: _Cards) -> int | None:
    if talk.user_id is not None:
        return card_of(talk.user_id, talk.tickets, cards.users)
    own = (card for card, groups in cards.groups.items() if talk.chat_id in groups)
    return min(own, default=None)
