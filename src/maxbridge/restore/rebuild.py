"""From tickets as they were read to talks for the database: what MAX's histories say of each reply."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from maxbridge.core.events import Conversation, Thread
from maxbridge.core.history import fold
from maxbridge.core.marks import ALONE, Voices, bot_of, chats_named
from maxbridge.core.markup import marked_keys
from maxbridge.core.old_rows import SKEW, Trace, Written, trace
from maxbridge.core.old_talks import (
    OldTalk,
    given_up,
    is_foreign,
    keys_at_desk,
    marked_at,
    messages_at_desk,
    old_ticket,
    replies_of,
)
from maxbridge.core.plan_outbound import body_hash
from maxbridge.core.render import plain, to_text
from maxbridge.core.texts import Texts
from maxbridge.outbound.replies import QuoteError, ReplyMaker, TooLongError
from maxbridge.restore.old_chats import History, OldChat, OldChats

_PLACE = re.compile(r"\{\w+\}")
_FILLED = r".{0,60}"
_CLAIMING = 86400.0
"""Replies of so long before the window may explain what the bot said within it."""

_LATELY = 2 * 86400.0
"""A look-up goes back a day before its attempt (outbound/lookup.py)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket that was read, without the words that nobody needs any more.

    Attributes:
        ticket: With threads; of old ones, and of the customer's, the words are gone.
        read_at: Desk time of the reading.
        mids: Messages that are in it, newest first.
        keys: Identities of all that is in it.
        given_up: Replies that the bridge has returned to their agents.
        marked: Desk times of the messages in it.
        hashed: Fingerprints of agents' threads.
        signed: The bots of the customers' threads that name one, by thread.
        named: The chats that the others name, by thread.
        voices: Which of them came through another bot.
        shared: An agent began it for a card of two bots: whose it is, the chat's history proves.
        only_chat: See :class:`maxbridge.core.old_talks.OldTicket`.
        unsure: Likewise.
    """

    ticket: Conversation
    read_at: float
    mids: tuple[str, ...]
    keys: frozenset[str]
    given_up: frozenset[int]
    marked: Mapping[str, float]
    hashed: Mapping[int, str]
    signed: Mapping[int, int] = field(default_factory=dict)
    named: Mapping[int, frozenset[int]] = field(default_factory=dict)
    voices: Voices = ALONE
    shared: bool = False
    only_chat: int | None = None
    unsure: bool = False

    def judged(self, bot_id: int, has_chat: Callable[[int], bool]) -> Draft:
        """The same with its voices told apart.

        Args:
            bot_id: Our bot.
            has_chat: Is this chat one of our bot's?
        """
        ours = {thread: bot == bot_id for thread, bot in self.signed.items()}
        ours |= {thread: any(map(has_chat, chats)) for thread, chats in self.named.items() if chats}
        return replace(self, voices=Voices(ours))


@dataclass(frozen=True, slots=True)
class Carried:
    """Replies that are known to have been sent: threads of the desk, and the bot's messages of them."""

    threads: frozenset[int] = frozenset()
    mids: frozenset[str] = frozenset()


@dataclass(slots=True)
class Findings:
    """What was found, for people; ids and counts only.

    Attributes:
        customers: Cards that carry a MAX user id.
        chats: Dialogs whose chat is known.
        awaited: MAX users whose next message will tell their chat.
        tickets: Tickets of all of them.
        messages: Customers' messages that are at the desk.
        unsent: Replies that certainly did not reach the customer, as (ticket, thread): the daemon
            sends them.
        unclear: Replies of which nobody can tell, likewise: not sent, and an agent is told.
        problems: Sentences about what could not be used, by kind, with how often.
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
        """Count one thing that could not be used."""
        self.problems[words] = self.problems.get(words, 0) + count


def draft_of(ticket: Conversation, *, read_at: float, since: float, bot_id: int) -> Draft:
    """Keep of a reading what is needed until everything has been read.

    Args:
        ticket: With threads.
        read_at: Desk time of the reading.
        since: Desk time from which on replies are asked about.
        bot_id: Our bot: what another has brought is none of ours.
    """
    threads = ticket.threads or ()
    said = [each for each in threads if each.type == "customer" and marked_keys(each.body)]
    kept = tuple(
        each if each.type == "message" and each.created_at > since - _CLAIMING else _wordless(each)
        for each in threads
    )
    return Draft(
        ticket=replace(ticket, threads=kept),
        read_at=read_at,
        mids=tuple(messages_at_desk(ticket, bot_id)),
        keys=frozenset(keys_at_desk(ticket, bot_id)),
        given_up=frozenset(given_up(ticket, bot_id)),
        marked=marked_at(ticket),
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


class Rebuilder:
    """Makes talks of drafts."""

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
        """Prepare.

        Args:
            chats: MAX.
            maker: Renders replies as the daemon does.
            texts: The agents' language.
            findings: Filled as talks are made.
            own_words: What the bot says by itself, to anybody; ``{…}`` is filled in.
            carried: Replies that are known to have been sent.
            linked: Says which of these tickets the database has: it knows what became of their replies.
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
        cards: Mapping[int, Collection[int]],
        others: Collection[int] = (),
    ) -> OldTalk:
        """One customer's talk; its card is for the caller to say.

        Args:
            user_id: The MAX user; None for a group.
            chat: Where; None when only his next message can tell it.
            drafts: His tickets.
            since: Desk time from which on replies are asked about.
            cards: MAX users by card.
            others: Cards that other bots have marked, and ours has not.

        Raises:
            ApiError: MAX is in trouble.
        """
        # What was merged into another bot's ticket is there; the next message opens a ticket of ours.
        own = [each for each in drafts if not _is_anothers(each, user_id, cards, others)]
        linked = self._linked([draft.ticket.id for draft in own])
        asked = {
            reply.id: draft
            for draft in own
            if draft.ticket.id not in linked
            for reply in replies_of(draft.ticket, since)
            if reply.id not in self._carried.threads
            and reply.id not in draft.given_up
            and not draft.unsure
            and not draft.voices.answers_another(reply, draft.ticket, others)
        }
        traces, newest_own = await self._traces(chat, drafts, asked, since, others=others)
        doubtful = [draft for draft in own if draft.shared and not _is_proved(draft, traces)]
        own = [draft for draft in own if draft not in doubtful]
        doubts: dict[int, str] = {}
        for draft in doubtful:
            # The other bot may have sent them: neither sends, or sends again, and one note says so.
            left = [one for one, of in asked.items() if of is draft]
            traces = {one: found for one, found in traces.items() if one not in left}
            doubts |= {draft.ticket.id: self._texts.two_bots} if left else {}
        unsent = {thread for thread, found in traces.items() if found is Trace.UNSENT}
        unclear = {thread for thread, found in traces.items() if found is Trace.UNCLEAR}
        tickets = tuple(
            old_ticket(
                draft.ticket,
                unsent=unsent,
                hashed=draft.hashed,
                read_at=draft.read_at,
                foreign=user_id is not None
                and is_foreign(user_id, draft.ticket.customer_id, cards),
                only_chat=draft.only_chat,
                unsure=draft.unsure,
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
                one: (asked[one].ticket.id, self._note(asked[one].ticket, one)) for one in unclear
            },
            doubts=doubts,
        )

    async def _traces(
        self,
        chat: OldChat | None,
        drafts: Sequence[Draft],
        asked: Collection[int],
        since: float,
        *,
        others: Collection[int],
    ) -> tuple[dict[int, Trace], str]:
        """What became of the replies that are asked about, and the bot's newest message."""
        if chat is None:
            return dict.fromkeys(asked, Trace.UNCLEAR), ""
        history = History()
        if asked or _spoke_lately(drafts):
            history = await self._chats.history(chat.chat_id, since - SKEW)
        written = [
            self._written(draft.ticket, reply)
            for draft in drafts
            for reply in replies_of(draft.ticket, since - _CLAIMING)
            if reply.id not in self._carried.threads
            and not draft.voices.answers_another(reply, draft.ticket, others)
        ]
        said = [
            one
            for one in history.said
            if one.mid not in self._carried.mids and not self._is_own(one.text)
        ]
        marked = {mid: at for draft in drafts for mid, at in draft.marked.items()}
        found = trace(written, said, reaches_to=history.reaches_to(marked))
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

    def _note(self, ticket: Conversation, thread_id: int) -> str:
        thread = next(each for each in ticket.threads or () if each.id == thread_id)
        return self._texts.held.format(excerpt=self._maker.excerpt(thread))


def _is_proved(draft: Draft, traces: Mapping[int, Trace]) -> bool:
    """Does a chat's history show a reply of this ticket?"""
    return any(traces.get(each.id) is Trace.SENT for each in draft.ticket.threads or ())


def _is_anothers(
    draft: Draft,
    user_id: int | None,
    cards: Mapping[int, Collection[int]],
    others: Collection[int],
) -> bool:
    """Does a ticket with words of ours bear somebody else's card, and words that came through another bot?"""
    card = draft.ticket.customer_id
    if user_id is not None and is_foreign(user_id, card, cards):
        return draft.voices.has_others
    return card in others and card in draft.voices.others_cards(draft.ticket)


def _pattern(template: str) -> re.Pattern[str]:
    """What a sentence of the bot's own looks like, whatever is filled in."""
    pieces = (re.escape(fold(each)) for each in _PLACE.split(template))
    return re.compile(_FILLED.join(pieces), re.DOTALL)


def _spoke_lately(drafts: Sequence[Draft]) -> bool:
    """May the bot have said something that a later look-up could take for another message?"""
    return any(replies_of(draft.ticket, draft.read_at - _LATELY) for draft in drafts)


def _read_since(chat: OldChat | None, heard: Sequence[float]) -> int | None:
    """From the newest message that both ends have; where MAX has lost it, from the desk's time of it."""
    if chat is not None and chat.known_at:
        return chat.known_at + 1
    return int((max(heard) - SKEW) * 1000) if heard else None


def _wordless(thread: Thread) -> Thread:
    return replace(thread, body="", files=())
