"""What customers are told by itself, without an agent: which sentence, when, and never twice.

Each is a delivery of the outbox, whose key says what it is about: the same one twice is one. Order, doubt and
look-up are those of every delivery.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from maxbridge.core import keys
from maxbridge.core.events import Conversation
from maxbridge.core.hours import Hours
from maxbridge.core.texts import Texts

LATELY = 600.0
"""Seconds: so fresh a message must be to be told that nobody is there, and so long ago an agent's last word."""


STAR = "⭐"
"""In the note about a rating there are as many of these as the customer gave."""


@dataclass(frozen=True, slots=True)
class ToldPolicy:
    """The administrator's sentences; an empty one is not said.

    Attributes:
        privacy: How the customer's data is handled, with a link.
        help: The answer to ``/help``; empty for the usual one.
        accepted: A ticket was opened; ``{number}`` is its number.
        closed: Agents have closed a ticket; ``{number}`` is its number.
        rated: Buttons below that one ask for a rating.
        away: Nobody is there; ``{until}`` is when somebody is again.
        hours: When somebody is there; None when nobody says so.
        zone: Of the hours.
        moment: How a moment is written, for strftime.
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
    """A sentence on its way to a customer.

    Attributes:
        key: What it is about.
        text: Plain.
        in_doubt: When a database that is gone may have said it last, our clock; None where it cannot have.
    """

    key: str
    text: str
    in_doubt: float | None = None


def privacy(
    policy: ToldPolicy, chat_id: int, *, shown: bool, in_doubt: float | None
) -> list[Saying]:
    """The notice about personal data, once for each customer.

    Args:
        policy: The sentences.
        chat_id: The customer's chat.
        shown: It was shown before.
        in_doubt: The same, where the event that asks for it is of before a restore.
    """
    if shown or not policy.privacy:
        return []
    return [Saying(keys.privacy(chat_id), policy.privacy, in_doubt)]


@dataclass(frozen=True, slots=True)
class Landing:
    """A customer's message that has reached its ticket.

    Attributes:
        ticket: FreeScout's id of the ticket.
        number: The number that people see.
        opened: The ticket was opened for it.
        said_at: When it was written, MAX's clock in seconds.
        in_doubt: When a database that is gone may have told what follows last, our clock; None where it cannot have.
    """

    ticket: int
    number: int
    opened: bool
    said_at: float
    in_doubt: float | None = None


def after_message(
    policy: ToldPolicy, landing: Landing, *, now: float, agent_wrote: Callable[[float], bool]
) -> list[Saying]:
    """What a customer is told when a message of theirs has arrived.

    Args:
        policy: The sentences.
        landing: Where it arrived.
        now: MAX's clock, as far as it is known.
        agent_wrote: Has an agent written to this customer within so many seconds, or is about to?
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


def _away(policy: ToldPolicy, hours: Hours, landing: Landing, local: datetime) -> Saying:
    since, opens = hours.closed_since(local), hours.opens_at(local)
    until = "" if opens is None else opens.strftime(policy.moment)
    key = keys.away(
        landing.ticket,
        since=0 if since is None else int(since.timestamp()),
        until=0 if opens is None else int(opens.timestamp()),
    )
    return Saying(key, filled(policy.away, until=until), landing.in_doubt)


def filled(template: str, **values: str) -> str:
    """A template with its places filled; what nobody fills stays as it is."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


@dataclass(frozen=True, slots=True)
class Ending:
    """What follows from a ticket being closed, or not.

    Attributes:
        closed: It is closed, and dealt with; None while that is to be seen.
        says: What the customer is told.
        rated: With buttons for a rating.
        read_at: Desk time at which it is to be read again.
        closed_at: Desk time at which agents closed it, where the customer is told.
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
    """Judge whether agents have closed a ticket, and whether the customer is told.

    An agent may close by mistake: it has to stay so for as long as a reply may be undone, and every reply goes
    before. Send and close, taken back, leaves the ticket closed at FreeScout and its reply in the editor: then it
    has to stay so for longer. What was closed a day ago is no news.

    Args:
        policy: The sentences.
        ticket: As it was read.
        was_closed: At the reading before; None where there was none.
        waits: A reply in it is to leave yet.
        speaks: The customer may be told.
        now: Desk time of the reading.
        settle: Seconds for which it has to stay closed.
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
    """From when on the end of a ticket may be told, desk time.

    FreeScout shows no reply that was taken back, only that an agent did something after the end and after the last
    reply that is there (contract freescout.md 6). They are writing, or soon send it again.
    """
    threads = ticket.threads or ()
    replied_at = max((each.created_at for each in threads if each.type == "message"), default=0.0)
    done_at = max(closed_at, replied_at)
    acted_at = ticket.user_updated_at or 0.0
    if acted_at > done_at + _SAME_ACT:
        return acted_at + LATELY
    return done_at + settle


def statuses(tickets: Iterable[Conversation], texts: Texts) -> str:
    """The answer to ``/status``: the customer's tickets, the newest first; of spam nothing is told.

    Args:
        tickets: As the desk shows them now.
        texts: The language.
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
