"""Decide what an event of MAX requires at the desk: pure rules (design.md 5).

Two decisions, made at two moments. :func:`triage` needs the event alone and says whether anybody
must be told. :func:`place` needs the ticket as the desk shows it *now* and says where a message
goes; it is called right before the POST, because agents close, merge and delete in between.

A late message says when it was written (:func:`written_at`): FreeScout shows when a message reached
it; after an outage the two are hours apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from maxbridge.core import keys
from maxbridge.core.events import Conversation, Event, Person, What
from maxbridge.core.text import bare, is_blank, one_line
from maxbridge.core.texts import Texts

DAY = 86400.0
_PROFILE = re.compile(r"max:(\d{1,18})")
_GROUP = re.compile(r"max-chat:(-?\d{1,18})")
_BOT = re.compile(r"max-bot:(\d{1,18})")
NAME_LENGTH = 255
"""Letters of a name that FreeScout keeps (contract freescout.md 2)."""
SUBJECT_LENGTH = 80


@dataclass(frozen=True, slots=True)
class InboundPolicy:
    """The administrator's settings for tickets.

    Attributes:
        mailbox_id: Mailbox for new tickets.
        reopen_days: Days for which a closed ticket takes messages; 0 never, -1 always.
        subject: Template of a ticket's subject with ``{text}`` and ``{name}``.
        status: Status of a new ticket.
        greeting: Answer to a customer who starts the bot; empty for none.
        phone_button: Label of a button under the greeting that shares the phone number; empty for
            none.
        tell_not_received: Tell customers if a part of their message cannot be shown to agents.
        groups: Open a ticket for each group chat; otherwise groups are ignored.
        max_threads: A ticket with so many threads takes no more messages: another one follows it. 0
            for no limit.
        max_bytes: The same limit for the bytes of all its threads.
        commands: Answer ``/help`` and ``/status``; otherwise they are ordinary messages.
    """

    mailbox_id: int
    reopen_days: int = 14
    subject: str = "MAX: {text}"
    status: str = "active"
    greeting: str = ""
    phone_button: str = ""
    tell_not_received: bool = True
    groups: bool = False
    max_threads: int = 1000
    max_bytes: int = 8 << 20
    commands: bool = False


class Duty(StrEnum):
    """What an event requires."""

    POST = "post"
    """A customer's message: it goes into a ticket, a new one if necessary."""
    TELL = "tell"
    """Agents must know: a private note in the chat's ticket."""
    REMARK = "remark"
    """Worth a line in an open ticket, not worth a ticket of its own."""
    GREET = "greet"
    HELP = "help"
    STATUS = "status"
    """A customer's command to the bot, not a message to agents."""
    RATE = "rate"
    """A customer pressed a rating button of ours."""
    IGNORE = "ignore"
    PARK = "park"
    """Its customer is unknown: it is parked, counted and shown."""


@dataclass(frozen=True, slots=True)
class Triage:
    """A duty with its reason.

    Attributes:
        duty: What to do.
        reason: Why, in one word for the log.
        blocks: The customer stopped the bot with this event.
        unblocks: The customer can be written to again.
    """

    duty: Duty
    reason: str
    blocks: bool = False
    unblocks: bool = False


def triage(event: Event, *, bot_id: int, policy: InboundPolicy) -> Triage:
    """Return what an event requires.

    Args:
        event: Any event.
        bot_id: Our bot: its own messages never return to the desk (contract max.md 3.3).
        policy: The administrator's settings.
    """
    if event.what is What.UNREADABLE:
        return Triage(Duty.PARK, "no sender and no chat")
    if event.what is What.OTHER:
        return Triage(Duty.IGNORE, "nothing for an agent")
    group = not event.is_dialog
    if group and not (policy.groups and event.is_group):
        return Triage(Duty.IGNORE, "group or channel")
    if event.what is What.RIGHTS:
        return Triage(Duty.TELL, "the bot's rights")
    if event.sender is not None and event.sender.user_id == bot_id:
        return Triage(Duty.IGNORE, "our own message")
    if event.what is What.STOPPED:
        return Triage(Duty.REMARK, "stopped", blocks=True)
    if event.what is What.MESSAGE and not group and policy.greeting and _typed_start(event):
        return Triage(Duty.GREET, "typed /start", unblocks=True)
    if event.what is What.STARTED:
        # In a group nobody asked the bot to speak.
        duty = Duty.GREET if policy.greeting and not group else Duty.IGNORE
        return Triage(duty, "started", unblocks=True)
    if event.what is What.REMOVED:
        return Triage(Duty.REMARK, "removed")
    asked = None if group else _asked(event, commands=policy.commands)
    # A button under one of our messages and an edit are words of the customer as well.
    return Triage(asked or Duty.POST, event.what.value, unblocks=True)


def _asked(event: Event, *, commands: bool) -> Duty | None:
    """Return the duty of a customer's command to the bot, or None; with a word after it, it is a message to agents."""
    if event.what is What.CALLBACK:
        return Duty.RATE if keys.read_rating(event.payload) else None
    if not commands or event.what is not What.MESSAGE or event.message.attachments or event.link:
        return None
    return {"/help": Duty.HELP, "/status": Duty.STATUS}.get(event.message.text.strip().lower())


def _typed_start(event: Event) -> bool:
    """Whether a message is the start command typed by hand (contract max.md 3)."""
    words = event.message.text.split()
    # At most a deep link's payload may follow; a question typed behind it is a question.
    return words[:1] == ["/start"] and len(words) <= 2 and not event.message.attachments


class Where(StrEnum):
    """Where a message goes."""

    APPEND = "append"
    OPEN = "open"
    FOLLOW_MERGE = "follow merge"
    """The ticket was merged: decide again with the surviving one."""
    NOWHERE = "nowhere"
    """A remark without an open ticket is dropped."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a message goes.

    Attributes:
        where: The kind of place.
        conversation_id: For APPEND.
        status: Status to send along, or None to let the desk reopen the ticket.
        reason: Why, for the log.
        follows: For OPEN: the ticket that is too long for another message.
        instead_of: For OPEN: the ticket that refuses the message or cannot be read.
    """

    where: Where
    reason: str
    conversation_id: int | None = None
    status: str | None = None
    follows: int | None = None
    instead_of: int | None = None


def is_full(threads: int, size: int, policy: InboundPolicy) -> bool:
    """Whether a ticket is so long that another one must follow it.

    The desk returns all threads of a ticket at once, so a ticket that grows without limit becomes
    unreadable, and no reply can be sent from it (contract freescout.md 7).

    Args:
        threads: The number of its threads.
        size: Bytes of their bodies.
        policy: The administrator's settings.
    """
    return 0 < policy.max_threads <= threads or 0 < policy.max_bytes <= size


def place(
    ticket: Conversation | None,
    *,
    duty: Duty,
    now: float,
    policy: InboundPolicy,
    given_away: bool = False,
    full: bool = False,
) -> Placement:
    """Decide where a message goes.

    Rules (contract freescout.md 4, 6 and traps 6, 14): a customer thread without a status reopens
    closed, spam and deleted tickets alike, so spam is kept spam by sending the status along; a
    ticket that an agent deleted or merged away is not reopened; a thread shows the name of the
    ticket's customer, so it is not put under another customer's name.

    Args:
        ticket: The dialog's current ticket as the desk shows it now; None if it has none or the
            desk no longer knows it.
        duty: POST or REMARK.
        now: The desk's time.
        policy: The administrator's settings.
        given_away: An agent has given the ticket to the customer of another dialog.
        full: :func:`is_full`.
    """
    remark = duty is Duty.REMARK
    if ticket is None:
        return _new(remark, "no ticket")
    if ticket.state == "deleted":
        # Only the ticket's line items tell a merge from a deletion; they need a full reading.
        return Placement(Where.FOLLOW_MERGE, "deleted or merged", ticket.id)
    if given_away:
        return _new(remark, "given to another customer")
    if ticket.status == "closed" and not remark and not _reopens(ticket, now, policy.reopen_days):
        return _new(remark, "closed for too long")
    if full:
        status = "spam" if ticket.status == "spam" else None
        where = Where.NOWHERE if remark else Where.OPEN
        return Placement(where, "the ticket is too long", None, status, ticket.id)
    if ticket.status == "spam":
        return Placement(Where.APPEND, "spam stays spam", ticket.id, "spam")
    if ticket.status == "closed":
        if remark:
            return Placement(Where.NOWHERE, "ticket is closed")
        return Placement(Where.APPEND, "reopened", ticket.id)
    # A remark is no question: it must not turn "pending" into "active".
    return Placement(Where.APPEND, "open ticket", ticket.id, ticket.status if remark else None)


def _new(remark: bool, reason: str) -> Placement:
    return Placement(Where.NOWHERE if remark else Where.OPEN, reason)


def _reopens(ticket: Conversation, now: float, reopen_days: int) -> bool:
    if reopen_days <= 0:
        return reopen_days < 0
    # A workflow that closes leaves the time of an earlier closing; both times move when agents close.
    closed_at = max(ticket.closed_at or 0.0, ticket.user_updated_at or 0.0) or ticket.updated_at
    return now - closed_at < reopen_days * DAY


def subject_of(first_line: str, person: Person | None, texts: Texts, policy: InboundPolicy) -> str:
    """Return the subject of a new ticket; never empty."""
    name = desk_name(person.name) if person else ""
    values = {"{text}": first_line or texts.subject, "{name}": name}
    subject = re.sub(r"\{text\}|\{name\}", lambda match: values[match[0]], policy.subject)
    subject = bare(subject)
    return texts.subject if is_blank(subject) else one_line(subject, SUBJECT_LENGTH)


def customer_fields(person: Person, texts: Texts, bot_id: int | None) -> dict[str, object]:
    """Return the inline customer of a first ticket (contract freescout.md 9).

    No e-mail: it would cause automatic replies by mail. The social profiles are the keys by which
    the customer and the bot are found again if our database is lost; the note is for people.

    Args:
        person: The MAX user.
        texts: The agents' language.
        bot_id: Our bot; what an agent begins for this customer record is sent by it.
    """
    first, last = desk_name(person.first_name), desk_name(person.last_name)
    if not first:
        first, last = last or desk_name(person.username) or texts.nameless, ""
    fields: dict[str, object] = {
        "firstName": first,
        "socialProfiles": _profiles(profile_of(person.user_id), bot_id),
        "notes": f"MAX id {person.user_id}",
    }
    if last:
        fields["lastName"] = last
    return fields


def desk_name(name: str) -> str:
    """Return a name as FreeScout will store it: it strips what looks like tags and cuts at 255 characters.

    Angle brackets are replaced beforehand, so that ``<b>`` in a name is neither lost nor markup.
    Invisible characters are removed: they reverse the desk's lists, or make a name blank.

    Returns:
        Empty for a name that shows nothing.
    """
    plain = bare(name).replace("<", "‹").replace(">", "›")
    return "" if is_blank(plain) else " ".join(plain.split())[:NAME_LENGTH].strip()


def profile_of(user_id: int) -> str:
    """Return the natural key of a MAX user in FreeScout."""
    return f"max:{user_id}"


def _profiles(key: str, bot_id: int | None) -> list[dict[str, str]]:
    values = [key] if bot_id is None else [key, bot_profile_of(bot_id)]
    return [{"type": "other", "value": each} for each in values]


def bot_profile_of(bot_id: int) -> str:
    """Return a bot's mark on the customer records that it creates."""
    return f"max-bot:{bot_id}"


def group_fields(chat_id: int, title: str, texts: Texts, bot_id: int | None) -> dict[str, object]:
    """Return the inline customer of a group's ticket: the group itself; the authors are named in the text."""
    return {
        "firstName": desk_name(title) or texts.nameless_group,
        "socialProfiles": _profiles(group_profile_of(chat_id), bot_id),
        "notes": f"MAX chat {chat_id}",
    }


def group_profile_of(chat_id: int) -> str:
    """Return the natural key of a group chat in FreeScout; it differs from any user's."""
    return f"max-chat:{chat_id}"


def users_of(profiles: Iterable[str]) -> set[int]:
    """Return the MAX users whose natural keys are among a customer's social profiles."""
    found = (_PROFILE.fullmatch(each) for each in profiles)
    return {int(match[1]) for match in found if match}


def groups_of(profiles: Iterable[str]) -> set[int]:
    """Return the group chats whose natural keys are among a customer's social profiles."""
    found = (_GROUP.fullmatch(each) for each in profiles)
    return {int(match[1]) for match in found if match}


def bots_of(profiles: Iterable[str]) -> set[int]:
    """Return the bots that have marked a customer record; records of older versions have no mark."""
    found = (_BOT.fullmatch(each) for each in profiles)
    return {int(match[1]) for match in found if match}


def is_others_record(profiles: Iterable[str], bot_id: int | None) -> bool:
    """Whether a customer record is marked by other bots, and not by ours."""
    bots = bots_of(profiles)
    return bool(bots) and bot_id is not None and bot_id not in bots


# --- A message that arrives late says when it was written


WORTH_SAYING = 900.0
"""Seconds after which a customer's message is late enough for agents to want its own time."""


def written_at(timestamp: int, desk_now: float) -> float | None:
    """Return when a message was written, in seconds since the epoch; None if the desk's time is close enough.

    Args:
        timestamp: MAX's time of the event in milliseconds, 0 if unknown.
        desk_now: The desk's clock: the time that agents will see at the message.
    """
    written = timestamp / 1000
    return written if timestamp > 0 and desk_now - written > WORTH_SAYING else None
