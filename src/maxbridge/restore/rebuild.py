"""Turn tickets that were read into dialogs for the database, with MAX's evidence about each reply."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from maxbridge.core.events import Conversation, Thread
from maxbridge.core.history import fold
from maxbridge.core.marks import ALONE, Voices, bot_of, chats_named, record_on
from maxbridge.core.markup import marked_keys
from maxbridge.core.old_rows import SKEW, Trace, Written, trace
from maxbridge.core.old_talks import (
    OldTalk,
    Rated,
    given_up,
    is_foreign,
    keys_at_desk,
    marked_at,
    messages_at_desk,
    old_ticket,
    oldest,
    ratings_at_desk,
    replies_of,
    unfinished,
)
from maxbridge.core.plan_outbound import body_hash, merges_in
from maxbridge.core.render import plain, to_text
from maxbridge.core.texts import Texts
from maxbridge.outbound.replies import QuoteError, ReplyMaker, TooLongError
from maxbridge.restore.old_chats import History, OldChat, OldChats
from maxbridge.saying import say

_PLACE = re.compile(r"\{\w+\}")
_FILLED = r".{0,60}"
_CLAIMING = 86400.0
"""Replies of so long before the window may explain what the bot said within it."""

_LATELY = 2 * 86400.0
"""A look-up goes back a day before its attempt (outbound/lookup.py)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket that was read, reduced to what is needed later.

    Attributes:
        ticket: With threads; without the words of old threads and of customers' threads.
        read_at: Desk time of the reading.
        mids: Ids of its messages, newest first.
        keys: Keys of everything in it.
        given_up: Replies that a bridge of any bot has returned to their agents.
        returned: Those of them that ours has returned.
        unfinished: Customers' threads whose message has files that no thread brings.
        marked: Desk times of its messages.
        hashed: Fingerprints of agents' threads.
        signed: Bots of the customers' threads that have a bot mark, by thread.
        named: Chats encoded in the others, by thread.
        voices: Which of them came through another bot.
        shared: An agent began it for a customer record of two bots: the chat's history decides
            whose it is.
        only_chat: See :class:`maxbridge.core.old_talks.OldTicket`.
        unsure: See :class:`maxbridge.core.old_talks.OldTicket`.
        rated: See :class:`maxbridge.core.old_talks.OldTicket`.
    """

    ticket: Conversation
    read_at: float
    mids: tuple[str, ...]
    keys: frozenset[str]
    given_up: frozenset[int]
    unfinished: frozenset[int]
    marked: Mapping[str, float]
    hashed: Mapping[int, str]
    signed: Mapping[int, int] = field(default_factory=dict)
    named: Mapping[int, frozenset[int]] = field(default_factory=dict)
    voices: Voices = ALONE
    shared: bool = False
    only_chat: int | None = None
    unsure: bool = False
    rated: tuple[Rated, ...] = ()
    returned: frozenset[int] = frozenset()

    def judged(self, bot_id: int, has_chat: Callable[[int], bool]) -> Draft:
        """Return the draft with its voices.

        Args:
            bot_id: Our bot.
            has_chat: Whether our bot has this chat.
        """
        ours = {thread: bot == bot_id for thread, bot in self.signed.items()}
        ours |= {thread: any(map(has_chat, chats)) for thread, chats in self.named.items() if chats}
        return replace(self, voices=Voices(ours))


@dataclass(slots=True)
class Cards:
    """What the desk's customer records say about MAX.

    Attributes:
        users: MAX users by record, of every record that has any.
        groups: MAX groups by record.
        bots: Bots that have marked a record, by record.
        others: Records that other bots have marked and ours has not.
        changed: Desk times at which records of two bots last changed or were merged.
    """

    users: dict[int, frozenset[int]] = field(default_factory=dict)
    groups: dict[int, frozenset[int]] = field(default_factory=dict)
    bots: dict[int, frozenset[int]] = field(default_factory=dict)
    others: set[int] = field(default_factory=set)
    changed: dict[int, float] = field(default_factory=dict)

    def people(self, card: int | None) -> tuple[frozenset[int], frozenset[int]]:
        """Return the MAX users and groups of a record."""
        return self.users.get(card or 0, frozenset()), self.groups.get(card or 0, frozenset())


@dataclass(frozen=True, slots=True)
class Carried:
    """Replies known as sent: threads of the desk, and the bot's messages for them."""

    threads: frozenset[int] = frozenset()
    mids: frozenset[str] = frozenset()


@dataclass(slots=True)
class Findings:
    """Results for the administrator: ids and counts only.

    Attributes:
        customers: Customer records with a MAX user id.
        chats: Dialogs whose chat is known.
        awaited: MAX users whose next message will tell their chat.
        tickets: Tickets of all of them.
        messages: Customers' messages that are at the desk.
        unsent: Replies that certainly did not reach the customer, as (ticket, thread): the daemon
            sends them.
        unclear: Replies whose outcome is unknown, as (ticket, thread): not sent, and an agent is
            told.
        problems: How many items were unusable, by reason.
    """

    customers: int = 0
    chats: int = 0
    awaited: int = 0
    tickets: int = 0
    messages: int = 0
    unsent: list[tuple[int, int]] = field(default_factory=list)
    unclear: list[tuple[int, int]] = field(default_factory=list)
    problems: dict[str, int] = field(default_factory=dict)

    def problem(self, words: str, count: int = 1) -> None:
        """Count an unusable item."""
        self.problems[words] = self.problems.get(words, 0) + count


def draft_of(ticket: Conversation, *, read_at: float, since: float, bot_id: int) -> Draft:
    """Keep what is needed of a ticket until everything has been read.

    Args:
        ticket: With threads.
        read_at: Desk time of the reading.
        since: Desk time from which replies are in question.
        bot_id: Our bot; threads of other bots do not count.
    """
    threads = ticket.threads or ()
    said = [each for each in threads if each.type == "customer" and marked_keys(each.body)]
    torn = frozenset(unfinished(ticket, bot_id))
    kept = tuple(
        each
        if each.id in torn or (each.type == "message" and each.created_at > since - _CLAIMING)
        else _wordless(each)
        for each in threads
    )
    return Draft(
        ticket=replace(ticket, threads=kept),
        read_at=read_at,
        mids=tuple(messages_at_desk(ticket, bot_id)),
        keys=frozenset(keys_at_desk(ticket, bot_id)),
        given_up=frozenset(given_up(ticket)),
        returned=frozenset(given_up(ticket, bot_id)),
        unfinished=torn,
        marked=marked_at(ticket),
        rated=ratings_at_desk(ticket, bot_id),
        hashed={
            each.id: body_hash(each)
            for each in threads
            if each.type == "message" or each.action == "merged"
        },
        signed={each.id: bot for each in said if (bot := bot_of(each.body)) is not None},
        named={
            each.id: frozenset(chats_named(marked_keys(each.body)))
            for each in said
            if bot_of(each.body) is None
        },
    )


def strays_among(drafts: Sequence[Draft], cards: Cards, since: float) -> dict[int, list[Draft]]:
    """Return by MAX user or group the tickets of other people with replies to them, which a merge moved there."""
    found: dict[int, list[Draft]] = {}
    for draft in drafts:
        written_to = {record_on(each, draft.ticket) for each in replies_of(draft.ticket, since)}
        people = [cards.people(each) for each in written_to - {draft.ticket.customer_id}]
        for person in {each for users, groups in people for each in users | groups}:
            found.setdefault(person, []).append(draft)
    return found


class Rebuilder:
    """Turns drafts into dialogs."""

    def __init__(
        self,
        chats: OldChats,
        maker: ReplyMaker,
        texts: Texts,
        findings: Findings,
        *,
        own_words: Collection[str],
        carried: Carried,
        linked: Callable[[Collection[int]], Collection[int]],
    ) -> None:
        """Create it.

        Args:
            chats: MAX.
            maker: Renders replies as the daemon does.
            texts: The agents' language.
            findings: Filled as dialogs are made.
            own_words: Templates of the bot's automatic messages.
            carried: Replies known as sent.
            linked: Which of these tickets the database has; it knows what became of their replies.
        """
        self._linked = linked
        self._carried = carried
        self._own_words = [_pattern(each) for each in own_words if each]
        self._chats = chats
        self._maker = maker
        self._texts = texts
        self._findings = findings

    async def talk(
        self,
        user_id: int | None,
        chat: OldChat | None,
        drafts: Sequence[Draft],
        *,
        since: float,
        cards: Cards,
        strays: Sequence[Draft] = (),
    ) -> OldTalk:
        """Build one customer's dialog; the caller sets its customer record.

        Args:
            user_id: The MAX user; None for a group.
            chat: The chat; None if only the customer's next message can tell it.
            drafts: The customer's tickets.
            since: Desk time from which replies are in question.
            cards: What the desk's customer records say.
            strays: Other people's tickets with replies to this customer, which a merge moved there.

        Raises:
            ApiError: MAX is in trouble.
        """
        # What was merged into another bot's ticket is there; the next message opens a ticket of ours.
        own = [each for each in drafts if not _is_anothers(each, user_id, cards)]
        theirs = _Theirs(
            user_id,
            chat.chat_id if chat else None,
            cards,
            frozenset(each.ticket.id for each in own),
        )
        away = [each for each in strays if each.ticket.id not in theirs.tickets]
        linked = self._linked([draft.ticket.id for draft in (*own, *away)])
        asked = {
            reply.id: draft
            for draft in (*own, *away)
            if draft.ticket.id not in linked
            for reply in theirs.replies(draft, since)
            if reply.id not in self._carried.threads
            and reply.id not in draft.given_up
            and not draft.unsure
        }
        traces, newest_own = await self._traces(chat, (*own, *away), asked, since, theirs)
        doubts: dict[int, str] = {}
        for draft in own:
            # The other bot may have sent them: neither sends, or sends again, and one note says so.
            left = _doubtful(draft, asked, traces, cards)
            if draft.shared and not _is_proved(draft, traces):
                # It was ours when our bot returned a reply. The other bot knows that, and says nothing of later ones.
                lately = {each.id for each in theirs.replies(draft, since)}
                left |= lately & draft.returned
            if left:
                traces = {one: found for one, found in traces.items() if one not in left}
                doubts[draft.ticket.id] = self._texts.two_bots
        own = [draft for draft in own if not draft.shared or _is_proved(draft, traces)]
        missing = {one for one, found in traces.items() if found is Trace.UNSENT}
        taken = {one for one in missing if asked[one].ticket.id not in theirs.tickets}
        unsent, unclear = missing - taken, {one for one in traces if traces[one] is Trace.UNCLEAR}
        unclear |= (hidden := {one for one in taken if _may_be_anothers(one, asked[one], cards)})
        taken -= hidden
        tickets = tuple(
            old_ticket(
                draft.ticket,
                unsent=unsent,
                hashed=draft.hashed,
                read_at=draft.read_at,
                foreign=user_id is not None
                and is_foreign(user_id, draft.ticket.customer_id, cards.users),
                only_chat=draft.only_chat,
                unsure=draft.unsure,
                said_at=oldest(draft.mids),
                rated=draft.rated,
            )
            for draft in own
        )
        heard = [
            each.created_at
            for draft in drafts
            for each in draft.ticket.threads or ()
            if each.type == "customer" and draft.voices.ours.get(each.id, True)
        ]
        found = self._findings
        found.unsent += [(asked[one].ticket.id, one) for one in sorted(unsent)]
        found.unclear += [(asked[one].ticket.id, one) for one in sorted(unclear)]
        if taken:
            found.problem(
                say(
                    "replies that a merge had taken into another customer's ticket before they could leave: agents are told there"
                ),
                len(taken),
            )
        return OldTalk(
            user_id=user_id,
            chat_id=chat.chat_id if chat else None,
            customer_id=None,
            tickets=tickets,
            keys=frozenset(key for draft in drafts for key in draft.keys),
            newest_own=newest_own,
            read_since=_read_since(chat, heard),
            heard_at=max(heard, default=None),
            notes={
                **{one: self._note(asked[one], one, self._texts.held) for one in unclear},
                **{one: self._note(asked[one], one, self._texts.skipped) for one in taken},
                **{
                    one: self._note(draft, one, self._texts.unfinished)
                    for draft in own
                    if draft.ticket.id not in linked
                    for one in draft.unfinished
                },
            },
            doubts=doubts,
        )

    def _note(self, draft: Draft, thread_id: int, words: str) -> tuple[int, str]:
        thread = next(each for each in draft.ticket.threads or () if each.id == thread_id)
        return draft.ticket.id, words.format(excerpt=self._maker.excerpt(thread))

    async def _traces(
        self,
        chat: OldChat | None,
        drafts: Sequence[Draft],
        asked: Collection[int],
        since: float,
        theirs: _Theirs,
    ) -> tuple[dict[int, Trace], str]:
        """Return what became of the replies in question, and the bot's newest message."""
        if chat is None:
            return dict.fromkeys(asked, Trace.UNCLEAR), ""
        history = History()
        if asked or _spoke_lately(drafts):
            history = await self._chats.history(chat.chat_id, since - SKEW)
        written, others = (
            [
                self._written(draft.ticket, reply)
                for draft in drafts
                for reply in theirs.replies(draft, since - _CLAIMING, elsewhere=elsewhere)
                if reply.id not in self._carried.threads
            ]
            for elsewhere in (False, True)
        )
        said = [
            one
            for one in history.said
            if one.mid not in self._carried.mids and not self._is_own(one.text)
        ]
        marked = {mid: at for draft in drafts for mid, at in draft.marked.items()}
        found = trace(written, said, reaches_to=history.reaches_to(marked), others=others)
        newest = history.said[-1].mid if history.said else ""
        return {one: found[one] for one in asked}, newest

    def _is_own(self, text: str) -> bool:
        folded = fold(text)
        return any(each.fullmatch(folded) for each in self._own_words)

    def _written(self, ticket: Conversation, thread: Thread) -> Written:
        try:
            parts = self._maker.reply(ticket, thread, 0).parts
        except (TooLongError, QuoteError):
            # The daemon would not send it, but an older one may have.
            parts = ()
        return Written(
            thread.id,
            thread.created_at,
            tuple(plain(part.text) if part.html else part.text for part in parts),
            to_text(thread.body, self._texts),
            sum(len(part.files) for part in parts) if parts else len(thread.files),
        )


@dataclass(frozen=True, slots=True)
class _Theirs:
    """Decides which replies were written to the person of a dialog.

    Attributes:
        user_id: The MAX user; None for a group.
        chat_id: The chat; None if unknown.
        cards: What the desk's customer records say.
        tickets: The dialog's tickets.
    """

    user_id: int | None
    chat_id: int | None
    cards: Cards
    tickets: frozenset[int]

    def replies(self, draft: Draft, since: float, *, elsewhere: bool = False) -> list[Thread]:
        """Return a ticket's replies after a desk time that our bot must send, or (``elsewhere``) another bot.

        In a ticket of the dialog, all are theirs but what a merge brought for others; the daemon
        tells about those.
        """
        return [
            each
            for each in replies_of(draft.ticket, since)
            if self._is_to_them(record_on(each, draft.ticket), draft.ticket)
            and draft.voices.answers_another(each, draft.ticket, self.cards.others) is elsewhere
        ]

    def _is_to_them(self, card: int | None, ticket: Conversation) -> bool:
        is_own = ticket.id in self.tickets
        people, groups = self.cards.people(card)
        if not (people or groups) or card == ticket.customer_id:
            return is_own
        return self.chat_id in groups if self.user_id is None else self.user_id in people


def _doubtful(
    draft: Draft, asked: Mapping[int, Draft], traces: Mapping[int, Trace], cards: Cards
) -> set[int]:
    """Return replies that no history shows and that may seem ours only because of later merges of tickets or records."""
    left = {one for one, of in asked.items() if of is draft and traces[one] is not Trace.SENT}
    if draft.shared:
        return set() if _is_proved(draft, traces) else left
    # Words that a merge brings may be older than the reply, and yet have stood elsewhere when it was written.
    merged_at = max((each.created_at for each in merges_in(draft.ticket)), default=-math.inf)
    return {
        each.id
        for each in draft.ticket.threads or ()
        if each.id in left
        and draft.voices.are_mixed(card := record_on(each, draft.ticket), draft.ticket)
        and max(merged_at, cards.changed.get(card or 0, -math.inf)) >= each.created_at
    }


def _may_be_anothers(reply_id: int, draft: Draft, cards: Cards) -> bool:
    """Whether another bot may have sent a reply for a record of both bots: its customer did not write last through ours."""
    ticket = draft.ticket
    reply = next(each for each in ticket.threads or () if each.id == reply_id)
    shared = len(cards.bots.get(record_on(reply, ticket) or 0, ())) > 1
    return shared and draft.voices.came_through_us(reply, ticket) is not True


def _is_proved(draft: Draft, traces: Mapping[int, Trace]) -> bool:
    """Whether a chat's history shows a reply of this ticket."""
    return any(traces.get(each.id) is Trace.SENT for each in draft.ticket.threads or ())


def _is_anothers(draft: Draft, user_id: int | None, cards: Cards) -> bool:
    """Whether a ticket with our messages has somebody else's record and messages that came through another bot."""
    card = draft.ticket.customer_id
    foreign = user_id is not None and is_foreign(user_id, card, cards.users)
    return draft.voices.has_others and (foreign or card in cards.others)


def _pattern(template: str) -> re.Pattern[str]:
    """Return a pattern that matches an automatic message whatever is filled in."""
    pieces = (re.escape(fold(each)) for each in _PLACE.split(template))
    return re.compile(_FILLED.join(pieces), re.DOTALL)


def _spoke_lately(drafts: Sequence[Draft]) -> bool:
    """Whether the bot may have sent something that a later look-up could take for another message."""
    return any(replies_of(draft.ticket, draft.read_at - _LATELY) for draft in drafts)


def _read_since(chat: OldChat | None, heard: Sequence[float]) -> int | None:
    """Return the time of the newest message that both services have; if MAX has lost it, by the desk's time."""
    if chat is not None and chat.known_at:
        return chat.known_at + 1
    return int((max(heard) - SKEW) * 1000) if heard else None


def _wordless(thread: Thread) -> Thread:
    return replace(thread, body="", files=())
