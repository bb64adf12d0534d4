"""Following a merge: where did an agent merge this ticket to? (contract freescout.md 6, case 57)."""

from __future__ import annotations

import re

from maxbridge.core.events import Conversation
from maxbridge.freescout.client import FreeScoutClient

_NUMBER = re.compile(r"#(\d{1,15})")


async def survivor_of(desk: FreeScoutClient, ticket: Conversation) -> Conversation | None:
    """The conversation that a deleted ticket was merged into.

    The desk says it only in the words of a line item, in the desk's language, as ``#number``.

    Args:
        desk: The desk.
        ticket: A ticket of state ``deleted``, read with its threads.

    Returns:
        The survivor without threads, None when the ticket was just deleted.

    Raises:
        ApiError: The desk could not be asked.
    """
    merged = [
        each for each in ticket.threads or () if each.type == "lineitem" and each.action == "merged"
    ]
    for line in sorted(merged, key=lambda each: (each.created_at, each.id), reverse=True):
        number = _NUMBER.search(line.action_text)
        if number is None or int(number[1]) == ticket.number:
            continue
        found = await desk.by_number(int(number[1]))
        if found is not None and found.id != ticket.id:
            return found
    return None
