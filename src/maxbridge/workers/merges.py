"""Following a merge: where did an agent merge this ticket to? (contract freescout.md 6, case 57)."""

from __future__ import annotations

import re
from typing import Any

from maxbridge import log
from maxbridge.core.events import Conversation
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.store.journal import Journal

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


async def follow_merge(
    journal: Journal,
    desk: FreeScoutClient,
    deleted: Conversation,
    chat_id: int,
    *,
    overlap: float,
    texts: Texts,
) -> int | None:
    """Make the ticket that lives on after a merge the dialog's current one.

    Only where both belong to the same customer: posting into another one's ticket would show this
    customer's words under that name, and that one's replies are not for this chat. Agents are told
    where replies will not arrive.

    Args:
        journal: The store.
        desk: The desk.
        deleted: The ticket that is gone, read with its threads.
        chat_id: The dialog that it belonged to.
        overlap: How far back the list of changes is read again.
        texts: The agents' language.

    Returns:
        The survivor, None when there is none for this dialog.

    Raises:
        ApiError: The desk could not be asked.
    """
    survivor = await survivor_of(desk, deleted)
    dialog = journal.dialogs.get(chat_id)
    if survivor is None or dialog is None:
        return None
    same = survivor.customer_id in (dialog.customer_id, deleted.customer_id)
    linked = same and journal.tickets.link(
        survivor.id,
        chat_id,
        history_before=journal.tickets.complete_until(deleted.id, overlap),
        desk_now=desk.clock.now(),
    )
    if not linked:
        key = f"merged:{deleted.id}:{survivor.id}"
        journal.note(key, chat_id, survivor.id, texts.merged_away, desk.clock.ours())
    logger: Any = log.get("merges")
    logger.info("ticket was merged", conversation=deleted.id, into=survivor.id, followed=linked)
    return survivor.id if linked else None
