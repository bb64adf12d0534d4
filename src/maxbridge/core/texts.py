"""Sentences: the shape of their catalogue, and what customers are told by itself: which, when, and never twice.

Each that is told by itself is a delivery of the outbox, whose key says what it is about: the same one twice is one.
Order, doubt and look-up are those of every delivery.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from maxbridge.core import keys
from maxbridge.core.events import Conversation
from maxbridge.core.hours import Hours


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language."""

    language: str

    # --- into the ticket, for agents -------------------------------------------------------------
    subject: str
    """Subject of a ticket whose first message has no words."""
    nameless_group: str
    nameless: str
    """First name of a customer whom MAX gives no name; FreeScout refuses an empty one."""
    empty_message: str
    unknown_part: str
    broken_part: str
    image: str
    video: str
    audio: str
    voice: str
    file: str
    sticker: str
    contact: str
    contact_phone: str
    contact_mail: str
    contact_site: str
    contact_address: str
    contact_note: str
    contact_left_out: str
    """Contents of a contact card that are not shown."""
    contact_photo: str
    contact_logo: str
    contact_sound: str
    contact_more: str
    contact_more_cards: str
    max_id: str
    location: str
    share: str
    keyboard: str
    file_name: str
    """A file's kind followed by its name."""
    times: str
    """Several of the same kind on one line."""
    open_link: str
    size: str
    units: tuple[str, str, str, str]
    too_large: str
    unreachable: str
    empty_file: str
    refused: str
    more_files: str
    files_lost: str
    words_in_file: str
    words_file: str
    continues: str
    follows: str
    """In the first message of a ticket that follows a too long one."""
    followed: str
    """The note in the ticket that was too long."""
    message_held: str
    message_unknown: str
    name_image: str
    """Names for files without a name in MAX; an extension is added."""
    name_video: str
    name_voice: str
    name_audio: str
    name_sticker: str
    name_file: str
    edited: str
    edited_at: str
    removed: str
    removed_at: str
    before_edit: str
    reply_to: str
    reply_to_unknown: str
    forwarded: str
    forwarded_unknown: str
    pressed: str
    pressed_unknown: str
    started: str
    started_with: str
    stopped: str
    dialog_removed: str
    bot_added: str
    bot_removed: str
    group_deaf: str
    group_hears: str
    written: str
    """At a late message: when it was written."""
    written_at: str
    """At a message that stands in one thread with earlier ones: the time of day."""
    written_on: str
    """As ``written_at``, with the date if it is another day."""
    moment: str
    """A date with a time and its zone, for strftime."""
    moment_short: str
    """A date with a time without its zone: for a message in the same ticket."""

    # --- notes of the bridge, for agents ---------------------------------------------------------
    bounced: str
    bounced_partly: str
    waits_blocked: str
    waits_removed: str
    late: str
    why_away: str
    why_slow: str
    why_setup: str
    why_doubt: str
    why_refused: str
    put_aside: str
    """The customer exceeds the flood limit."""
    held: str
    skipped: str
    skipped_unclear: str
    skipped_mailed: str
    unreadable: str
    too_long: str
    by_mail: str
    """A reply by mail that may quote private words."""
    merged_away: str
    merged_chats: str
    merged_bots: str
    two_chats: str
    two_bots: str
    unfinished: str
    """Some of a message's files are missing: only the lost database knew them."""
    awaited: str
    adopted_mail: str
    unlinked: str
    reason_blocked: str
    reason_removed: str
    reason_gone: str
    reason_group_gone: str
    reason_refused: str
    reason_expired: str
    reason_empty: str
    what_now_blocked: str
    what_now_removed: str
    what_now: str
    not_edited: str
    file_lost: str
    file_forbidden: str
    file_too_large: str
    file_empty: str
    file_gone: str
    file_refused: str
    file_silent: str

    # --- to the administrator ---------------------------------------------------------------------
    alert_desk: str
    alert_desk_over: str
    alert_max: str
    alert_max_over: str
    alert_store: str
    alert_store_over: str
    alert_stuck: str
    alert_stuck_over: str
    alert_held: str
    alert_held_over: str

    # --- to the customer -------------------------------------------------------------------------
    not_received: str
    rated: str
    """In the ticket, for agents."""
    rating_thanks: str
    help: str
    status_line: str
    status_none: str
    status_open: str
    status_pending: str
    status_closed: str
    command_start: str
    command_help: str
    command_status: str
    moment_told: str
    """Format of a moment for customers, for strftime."""
    reply_picture: str


LATELY = 600.0
"""Seconds: so fresh a message must be to be told that nobody is there, and so long ago an agent's last word."""


STAR = "⭐"
"""In the note about a rating there are as many of these as the customer gave."""


@dataclass(frozen=True, slots=True)
class ToldPolicy:
    """The administrator's sentences; an empty one is not sent.

    Attributes:
        privacy: How the customer's data is handled, with a link.
        help: The answer to ``/help``; empty for the default one.
        accepted: A ticket was opened; ``{number}`` is its number.
        closed: Agents closed a ticket; ``{number}`` is its number.
        rated: Add rating buttons to ``closed``.
        away: Nobody is there; ``{until}`` is the next opening.
        hours: Working hours; None if not configured.
        zone: Time zone of the hours.
        moment: Format of a moment, for strftime.
    """

    privacy: str = ""
    help: str = ""
    accepted: str = ""
    closed: str = ""
    rated: bool = False
    away: str = ""
    hours: Hours | None = None
    zone: tzinfo = UTC
    moment: str = "%d.%m %H:%M"


@dataclass(frozen=True, slots=True)
class Saying:
    """An automatic message to a customer.

    Attributes:
        key: Its key.
        text: Plain text.
        in_doubt: Latest time (our clock) at which a lost database may have sent it; None if it
            cannot have.
    """

    key: str
    text: str
    in_doubt: float | None = None


def privacy(
    policy: ToldPolicy, chat_id: int, *, shown: bool, in_doubt: float | None
) -> list[Saying]:
    """Return the privacy notice, once for each customer.

    Args:
        policy: The sentences.
        chat_id: The customer's chat.
        shown: It was shown before.
        in_doubt: See :class:`Saying`; set if the event that requests it precedes a restore.
    """
    if shown or not policy.privacy:
        return []
    return [Saying(keys.privacy(chat_id), policy.privacy, in_doubt)]


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A customer's message that has reached its ticket.

    Attributes:
        ticket: FreeScout's id of the ticket.
        number: The number that people see.
        opened: The ticket was opened for it.
        said_at: When it was written, in seconds, MAX's clock.
        in_doubt: See :class:`Saying`.
    """

    ticket: int
    number: int
    opened: bool
    said_at: float
    in_doubt: float | None = None


def after_message(
    policy: ToldPolicy, landing: PostedMessage, *, now: float, agent_wrote: Callable[[float], bool]
) -> list[Saying]:
    """Return the automatic messages that follow a customer's message.

    Args:
        policy: The sentences.
        landing: The message.
        now: MAX's clock, as far as it is known.
        agent_wrote: Whether an agent has written to this customer within so many seconds, or has a
            reply queued.
    """
    says = []
    if policy.accepted and landing.opened:
        text = filled(policy.accepted, number=str(landing.number))
        says.append(Saying(keys.accepted(landing.ticket), text, landing.in_doubt))
    # What comes late, after an outage, was written in another night.
    fresh = abs(now - landing.said_at) < LATELY
    if policy.away and policy.hours is not None and fresh:
        local = datetime.fromtimestamp(now, policy.zone)
        if not policy.hours.is_open(local) and not agent_wrote(LATELY):
            says.append(_away(policy, policy.hours, landing, local))
    return says


def _away(policy: ToldPolicy, hours: Hours, landing: PostedMessage, local: datetime) -> Saying:
    since, opens = hours.closed_since(local), hours.opens_at(local)
    until = "" if opens is None else opens.strftime(policy.moment)
    key = keys.away(
        landing.ticket,
        since=0 if since is None else int(since.timestamp()),
        until=0 if opens is None else int(opens.timestamp()),
    )
    return Saying(key, filled(policy.away, until=until), landing.in_doubt)


def filled(template: str, **values: str) -> str:
    """Fill a template's places; unknown ones stay."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


@dataclass(frozen=True, slots=True)
class Ending:
    """The result of checking whether a ticket is closed.

    Attributes:
        closed: Whether it is closed and handled; None while undecided.
        says: The message to the customer.
        rated: Add rating buttons.
        read_at: Desk time at which the ticket must be read again.
        closed_at: Desk time at which agents closed it, if the customer is told.
    """

    closed: bool | None = None
    says: Saying | None = None
    rated: bool = False
    read_at: float | None = None
    closed_at: float = math.inf


NO_ENDING = Ending()
_DAY = 86400.0
_SAME_ACT = 1.0
"""Seconds between the times that FreeScout writes down of one act of an agent's."""


def ending(
    policy: ToldPolicy,
    ticket: Conversation,
    *,
    was_closed: bool | None,
    waits: bool,
    speaks: bool,
    now: float,
    settle: float,
) -> Ending:
    """Decide whether agents have closed a ticket, and whether to tell the customer.

    An agent may close a ticket by mistake: it must stay closed for as long as a reply can be
    undone, and every reply is sent first. Undoing "send and close" leaves the ticket closed and its
    reply in the editor: then it must stay closed for longer. A ticket closed a day ago is not
    announced.

    Args:
        policy: The sentences.
        ticket: As just read.
        was_closed: Whether it was closed at the previous reading; None if there was none.
        waits: A reply in it is still to be sent.
        speaks: The customer may be told.
        now: Desk time of the reading.
        settle: Seconds for which it must stay closed.
    """
    if ticket.status != "closed" or ticket.state != "published":
        return Ending(closed=False)
    if was_closed:
        return Ending(closed=True)
    if waits:
        return NO_ENDING
    at = ticket.closed_at or ticket.user_updated_at or ticket.updated_at
    settled = _settled_at(ticket, at, settle)
    if now < settled:
        return Ending(read_at=settled)
    if not policy.closed or not speaks or now - at > _DAY:
        return Ending(closed=True)
    text = filled(policy.closed, number=str(ticket.number))
    return Ending(True, Saying(keys.closed(ticket.id, at), text), policy.rated, closed_at=at)


def _settled_at(ticket: Conversation, closed_at: float, settle: float) -> float:
    """Return the desk time from which a ticket's closing may be told.

    FreeScout does not show an undone reply, only that an agent did something after the closing and
    after the last visible reply (contract freescout.md 6). That agent is writing, or will send it
    again.
    """
    threads = ticket.threads or ()
    replied_at = max((each.created_at for each in threads if each.type == "message"), default=0.0)
    done_at = max(closed_at, replied_at)
    acted_at = ticket.user_updated_at or 0.0
    if acted_at > done_at + _SAME_ACT:
        return acted_at + LATELY
    return done_at + settle


def statuses(tickets: Iterable[Conversation], texts: Texts) -> str:
    """Return the answer to ``/status``: the customer's tickets, newest first, without spam.

    Args:
        tickets: As the desk shows them now.
        texts: The customer's language.
    """
    words = {
        "active": texts.status_open,
        "pending": texts.status_pending,
        "closed": texts.status_closed,
    }
    lines = [
        texts.status_line.format(number=each.number, status=words[each.status])
        for each in sorted(tickets, key=lambda one: one.number, reverse=True)
        if each.state == "published" and each.status in words
    ]
    return "\n".join(lines) or texts.status_none
