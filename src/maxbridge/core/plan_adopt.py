"""Which conversations that the bridge did not open may become a dialog's tickets: pure decisions.

An agent can begin a talk with a customer at the desk, or make a second ticket of one of his messages
("Clone Conversation", contract freescout-agent-ui.md 1). What the list of changes tells decides
whether that costs anything: on most desks nearly every conversation is mail, which FreeScout sends
itself.
"""

from __future__ import annotations

from maxbridge.core.events import Conversation
from maxbridge.core.markup import marked_keys


def needs_max(row: Conversation) -> bool:
    """Can what an agent writes here reach the customer through MAX only?

    Chats are never mailed, and nobody without an address is (contract freescout.md 6, case 63).
    Everything else FreeScout mails: it must not arrive twice. A draft is nobody's yet (case 67).
    """
    if row.state != "published" or row.customer_id is None:
        return False
    return row.type == "chat" or not row.customer_email


def is_mailed(ticket: Conversation) -> bool:
    """Does FreeScout mail what an agent writes in this ticket to its customer?"""
    return ticket.type not in ("", "chat") and bool(ticket.customer_email)


def begun_by_agent(row: Conversation) -> bool:
    """Did an agent begin it, and not a customer, a copy or another program in a customer's name?"""
    return row.via == "user"


def history_border(row: Conversation, listed_since: float) -> float:
    """Desk time up to which what is in an adopted conversation is history.

    Args:
        row: The conversation.
        listed_since: Desk time from which on the list of changes was followed: what agents wrote
            before cannot have been meant for a chat that it was not tied to.
    """
    # Times are whole seconds: an agent's first message has the very time of its conversation, and so
    # may have the first answer in a copy. What a copy took over is a customer's message, or, by an
    # address typed by hand, one of source "api" (measured on 1.8.235): neither ever leaves.
    return max(row.created_at - 1.0, listed_since)


def markers_of(ticket: Conversation) -> list[str]:
    """Keys under customers' words in a conversation; a copy has those of what it was made of."""
    return [
        key
        for thread in ticket.threads or ()
        if thread.type == "customer"
        for key in marked_keys(thread.body)
    ]
