"""Texts for agents and customers: how an event reads; what a start, a command, a rating, a message is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from maxbridge.core import keys
from maxbridge.core.attachment_html import grey, is_known_kind
from maxbridge.core.desk_html import (
    continuation_html,
    event_to_html,
    files_lost_html,
    same_content,
    subject_line,
    written_line,
)
from maxbridge.core.events import Attachment, Conversation, Event, What
from maxbridge.core.inbound_files import FileFate, FileOutcome, lost_files
from maxbridge.core.markup import UrlRule, breakable
from maxbridge.core.plan_inbound import Duty, InboundPolicy, desk_name, subject_of, written_at
from maxbridge.core.render import to_text
from maxbridge.core.texts import (
    LATELY,
    STAR,
    PostedMessage,
    Saying,
    Texts,
    ToldPolicy,
    after_message,
    privacy,
    statuses,
)
from maxbridge.files.spool import Room
from maxbridge.freescout.exchange import DiskFile
from maxbridge.inbound.tickets import TicketFinder, WriterTables
from maxbridge.store.records import DialogRecord, InboxItem, PostResult

_SUBJECT_SOURCE = 60

_PLACE = "\ue000"
"""Stands for a link in a sentence that is yet to be escaped; nobody writes it."""


class DeskWords:
    """The texts for one desk and language."""

    def __init__(
        self,
        texts: Texts,
        url_rule: UrlRule,
        policy: InboundPolicy,
        *,
        local_time: Callable[[float], datetime],
        desk_now: Callable[[], float],
        page_of: Callable[[int], str] = str,
    ) -> None:
        """Create it.

        Args:
            texts: The language of agents and customers.
            url_rule: Which of MAX's links may be shown.
            policy: The administrator's settings.
            local_time: Converts a moment to the time zone that agents read.
            desk_now: The desk's time, which agents will see at a message.
            page_of: The address of a ticket's page.
        """
        self._desk_now = desk_now
        self._page_of = page_of
        self._texts = texts
        self._url_rule = url_rule
        self._policy = policy
        self._local_time = local_time

    def event(
        self,
        event: Event,
        files: Mapping[int, FileOutcome],
        old: Event | None,
        start: Event | None = None,
        *,
        tells_late: bool = True,
    ) -> str:
        """Return the HTML of a whole event.

        Args:
            event: The event.
            files: What became of its files.
            old: The previous message, for an edit or deletion.
            start: The deep-link start of the bot that this message follows.
            tells_late: Say when it was written if the desk's time differs.
        """
        said_at = old.message.timestamp if old is not None else event.message.timestamp
        html = event_to_html(
            event,
            self._texts,
            self._url_rule,
            files=files,
            old_text=old.message.text if old is not None else None,
            sent_at=self._moment(said_at) if said_at else "",
            author=event.is_group,
        )
        if start is not None:
            html = event_to_html(start, self._texts, self._url_rule) + html
        late = written_at(event.timestamp, self._desk_now()) if tells_late else None
        if late is not None:
            html += written_line(self._local_time(late), self._texts)
        return breakable(html)

    def _moment(self, timestamp: int) -> str:
        """Return a time for agents, with the date if it is another day in their zone."""
        when, now = self._local_time(timestamp / 1000), self._local_time(self._desk_now())
        return when.strftime("%H:%M" if when.date() == now.date() else self._texts.moment_short)

    def more_files(
        self, event: Event, files: Mapping[int, FileOutcome], covered: int, total: int
    ) -> str:
        """Return the HTML of a further thread with files of the same message, after ``covered`` of them."""
        last = max(files, default=covered) + 1
        html = continuation_html(event, self._texts, first=covered + 1, last=last, total=total)
        return breakable(html)

    def lost(self, sent: Sequence[tuple[str, Attachment]], kept: Sequence[str] | None) -> str:
        """Return the HTML of the note about files that the desk did not keep; empty if none is known."""
        lost = () if kept is None else lost_files([name for name, _ in sent], kept)
        if not lost:
            return ""
        items = [sent[index][1] for index in lost]
        return breakable(files_lost_html(items, self._texts, self._url_rule))

    def is_unchanged(self, old: Event, event: Event) -> bool:
        """Whether an edit changes nothing visible; MAX itself edits when a preview is ready."""
        return event.what is What.EDITED and same_content(old.message, event.message)

    def not_received(self, event: Event, outcomes: Iterable[FileOutcome]) -> str:
        """Return what the customer is told if a part of a message cannot be shown to agents."""
        if not self._policy.tell_not_received or not event.is_dialog:
            return ""
        unknown = any(not is_known_kind(each) for each in event.message.attachments)
        lost = any(each.fate is FileFate.UNREACHABLE for each in outcomes)
        return self._texts.not_received if unknown or lost or event.message.broken else ""

    def shared_phone(self, event: Event, verified: Callable[[str, str], bool]) -> str:
        """Return the customer's own phone number for their record; empty for none.

        Only a contact that MAX signed for the bot counts: anybody can send anybody's contact. In a
        group the record is the group's, so a member's number does not belong there.
        """
        if not event.is_dialog:
            return ""
        for each in event.message.attachments:
            own = event.sender is not None and each.user_id in (None, event.sender.user_id)
            if each.kind == "contact" and each.phones and own and each.signature:
                return each.phones[0] if verified(each.vcf, each.signature) else ""
        return ""

    def in_file(self) -> str:
        """Return the HTML in place of words that are attached as a file."""
        return grey(self._texts.words_in_file)

    def as_file(self, html: str, room: Room) -> DiskFile:
        """Return the words of a thread as a text file.

        Raises:
            ApiError: The disk is full or read-only.
        """
        text = to_text(html, self._texts).replace("\u200b", "")
        with room.draft() as draft:
            draft.write(text.encode(errors="replace"))
        return DiskFile(draft.path, self._texts.words_file, "text/plain", draft.size)

    def group_rights(self, event: Event) -> str:
        """Return what agents are told when the bot may no longer read a group, or may again."""
        return self._texts.group_deaf if event.is_deaf else self._texts.group_hears

    def rated(self, stars: int) -> str:
        """Return what agents read about a rating."""
        return self._texts.rated.format(stars=stars, signs=STAR * stars)

    def help(self) -> str:
        """Return the default answer to ``/help``."""
        return self._texts.help

    def statuses(self, tickets: Iterable[Conversation]) -> str:
        """Return the answer to ``/status``."""
        return statuses(tickets, self._texts)

    def thanks(self) -> str:
        """Return the thanks for a rating."""
        return self._texts.rating_thanks

    def continues(self, conversation_id: int) -> str:
        """Return the line that names the ticket which refuses a message."""
        return grey(self._texts.continues.format(number=conversation_id))

    def follows(self, conversation_id: int) -> str:
        """Return the line that names, and links to, the ticket that became too long."""
        link = f'<a href="{escape(self._page_of(conversation_id))}">{conversation_id}</a>'
        return grey(self._texts.follows.format(number=_PLACE)).replace(_PLACE, link)

    def followed(self, conversation_id: int) -> str:
        """Return what agents of a ticket that became too long are told, as plain text."""
        return self._texts.followed.format(
            number=conversation_id, page=self._page_of(conversation_id)
        )

    def not_posted(self, item: InboxItem, *, unknown: bool, error: str) -> str:
        """Return what agents are told about a held message, without its words."""
        text = self._texts.message_unknown if unknown else self._texts.message_held
        written = self._local_time(item.created_at).strftime(self._texts.moment)
        return text.format(time=written, code=error, name=item.name)

    def new_ticket(
        self,
        events: Sequence[Event],
        thread: dict[str, Any],
        customer: dict[str, object] | None,
        *,
        plain: bool = False,
    ) -> dict[str, Any]:
        """Return the body of a new conversation that begins with a thread.

        Args:
            events: The thread's events, in order.
            thread: The thread.
            customer: The customer.
            plain: Use none of its words for the subject.
        """
        line = "" if plain else subject_line(events, self._texts, _SUBJECT_SOURCE)
        return {
            "type": "chat",
            "mailboxId": self._policy.mailbox_id,
            "subject": desk_name(subject_of(line, events[0].sender, self._texts, self._policy)),
            "status": self._policy.status,
            "customer": customer,
            "threads": [thread],
        }


class Answers:
    """Decides the answer, and queues it in one transaction with the end of the event."""

    def __init__(
        self,
        tables: WriterTables,
        *,
        tickets: TicketFinder,
        words: DeskWords,
        inbound: InboundPolicy,
        told: ToldPolicy,
        now: Callable[[], float],
        max_now: Callable[[], float | None],
        wake_sender: Callable[[], None],
    ) -> None:
        """Create it.

        Args:
            tables: The tables it uses.
            tickets: Reads a customer's tickets.
            words: The sentences.
            inbound: How a start is answered.
            told: The automatic messages.
            now: Our clock.
            max_now: MAX's clock; None while unknown.
            wake_sender: Called when an answer was queued for MAX.
        """
        self._tables = tables
        self._tickets = tickets
        self._words = words
        self._inbound = inbound
        self._told = told
        self._now = now
        self._max_now = max_now
        self._wake_sender = wake_sender

    async def command(
        self, item: InboxItem, event: Event, dialog: DialogRecord, duty: Duty
    ) -> None:
        """Answer a customer's command, unless it is too old.

        Raises:
            ApiError: The desk could not be asked.
        """
        now = self._now()
        if abs(self._by_max() - event.timestamp / 1000) > LATELY:
            self._tables.inbox.ignore(item, now, reason="the command was given long ago")
            return
        in_doubt = self._tables.restored.may_have_been_answered(event.timestamp)
        words = self._told.help or self._words.help()
        if duty is Duty.STATUS:
            if in_doubt is not None:
                # The words of an answer were others then: no look-up would know it.
                reason = "the lost database may have answered the command"
                self._tables.inbox.ignore(item, now, reason=reason)
                return
            words = self._words.statuses(await self._tickets.of(dialog))
        key = keys.answer(item.chat_id, duty.value, now)
        says = [*self._privacy(item.chat_id, event), Saying(key, words, in_doubt)]
        self._tables.events.greet(item, "", "", self._now(), says=says)
        self._wake_sender()

    def is_answered(self, item: InboxItem, event: Event, duty: Duty, now: float) -> bool:
        """Answer a start of the bot, if configured; return whether the event needs no agent."""
        if duty is Duty.RATE:
            self._rate(item, event, now)
            return True
        started = event.what is What.STARTED and event.is_dialog
        greets = duty is Duty.GREET
        says = self._privacy(item.chat_id, event) if started or greets else []
        if not greets and not says:
            return False
        policy = self._inbound
        self._tables.events.greet(
            item,
            policy.greeting if greets else "",
            policy.phone_button,
            now,
            in_doubt=self._tables.restored.may_have_been_answered(event.timestamp),
            says=says,
        )
        self._wake_sender()
        return True

    def _rate(self, item: InboxItem, event: Event, now: float) -> None:
        """Queue a note with a customer's rating; only the first answer to each request counts."""
        ticket, stars = keys.read_rating(event.payload) or (0, 0)
        note = self._words.rated(stars)
        in_doubt = self._tables.restored.may_have_been_answered(event.timestamp)
        if not self._counts(item, ticket, before_restore=in_doubt is not None):
            self._tables.inbox.ignore(item, now, reason="nobody asks for this rating (any more)")
            return
        self._tables.events.rate(
            item,
            ticket,
            stars,
            note=note,
            thanks=self._words.thanks(),
            now=now,
            in_doubt=in_doubt,
        )
        self._wake_sender()

    def _counts(self, item: InboxItem, ticket: int, *, before_restore: bool) -> bool:
        """Whether this customer was recently asked to rate this ticket and has not done so.

        For a press from before a restore, the database that asked is lost; MAX only reports presses
        of buttons that it had shown. The rating in the agents' note counts, and may have been
        counted again already; then the later press is the second one.
        """
        if self._tables.tickets.owner(ticket) != item.chat_id:
            return False
        told = self._tables.restored.posted(keys.note(keys.rated(ticket))) is not None
        if before_restore:
            return told or not self._tables.outbox.is_rated(ticket)
        return not told and self._tables.outbox.may_be_rated(item.chat_id, ticket)

    def about_message(
        self, chat_id: int, event: Event, result: PostResult, *, before_restore: bool
    ) -> list[Saying]:
        """Return the automatic messages that follow a message.

        If the message had arrived before a restore, all but the privacy notice were sent then or
        are pointless now. The notice is looked up: whether the customer has it matters for their
        next message.
        """
        if before_restore:
            says_more = event.what is What.MESSAGE and event.is_dialog
            return self._privacy(chat_id, event) if says_more else []
        landing = PostedMessage(
            result.conversation_id,
            result.number or result.conversation_id,
            result.opened,
            event.timestamp / 1000,
            self._tables.restored.may_have_been_answered(event.timestamp),
        )
        says = after_message(
            self._told,
            landing,
            now=self._by_max(),
            agent_wrote=lambda ago: self._tables.outbox.agent_wrote(chat_id, self._now() - ago),
        )
        return [*self._privacy(chat_id, event), *says]

    def _privacy(self, chat_id: int, event: Event) -> list[Saying]:
        """Return the privacy notice, if this customer has not had it."""
        if not self._told.privacy:
            return []
        shown = self._tables.dialogs.privacy_shown(chat_id)
        in_doubt = self._tables.restored.may_have_been_answered(event.timestamp)
        return privacy(self._told, chat_id, shown=shown, in_doubt=in_doubt)

    def _by_max(self) -> float:
        """MAX's clock, by which messages are dated; ours may differ."""
        max_now = self._max_now()
        return self._now() if max_now is None else max_now
