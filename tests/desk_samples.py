"""Tickets and threads of FreeScout as the tests of the pure rules and of the store need them."""

from __future__ import annotations

from typing import Any

from maxbridge.core.events import Conversation, Fate, KnownThread, Names, Thread
from maxbridge.core.plan_outbound import body_hash

AT = 1_800_000_000.0
"""When the samples were written, the desk's time."""
TICKET, CUSTOMER = 7, 70


def thread(thread_id: int = 1, **more: Any) -> Thread:
    """An agent's published reply, or another thread with more said."""
    members: dict[str, Any] = {
        "type": "message",
        "state": "published",
        "body": f"<div>reply {thread_id}</div>",
        "created_at": AT,
        "source": "web",
        "author_type": "user",
        "author": Names("Boris", "Agent"),
        "customer_id": CUSTOMER,
    }
    return Thread(id=thread_id, **(members | more))


def question(thread_id: int = 1, **more: Any) -> Thread:
    """A customer's message as the bridge posted it."""
    members: dict[str, Any] = {"type": "customer", "source": "api", "author_type": "customer"}
    return thread(thread_id, **(members | more))


def merged(thread_id: int, **more: Any) -> Thread:
    """The line item that a merge leaves (case 57)."""
    return thread(thread_id, **({"type": "lineitem", "action": "merged", "body": ""} | more))


def ticket(*threads: Thread, **more: Any) -> Conversation:
    """A ticket with these threads."""
    members: dict[str, Any] = {
        "id": TICKET,
        "number": 700,
        "status": "pending",
        "state": "published",
        "customer_id": CUSTOMER,
        "threads": threads,
    }
    return Conversation(**(members | more))


def known(one: Thread, fate: Fate = Fate.SENT, revision: int = 0) -> KnownThread:
    """What the store remembers of a thread that was judged as it is here."""
    return KnownThread(fate, one.created_at, body_hash(one), revision)
