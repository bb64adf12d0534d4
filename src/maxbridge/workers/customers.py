"""Whose customer card a ticket bears: agents change it, and merge cards (cases 61, 65)."""

from __future__ import annotations

from maxbridge.core.events import Conversation
from maxbridge.core.plan_inbound import groups_of, users_of
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.store.dialogs import DialogTable
from maxbridge.store.records import DialogRecord


async def is_still_theirs(
    dialogs: DialogTable, desk: FreeScoutClient, chat_id: int, ticket: Conversation
) -> bool:
    """Does a dialog's ticket still bear a card of that dialog? Learns a new card on the way.

    A card that is nobody else's is the same person's: an agent found or made a better one. It may be
    somebody's whom only another bot of the desk knows: then it says so. A card
    that is another dialog's, too, means one of two things. Either the dialog's own card was merged
    into it, and then its old id is nobody's; or an agent gave the ticket to that other customer.

    Args:
        dialogs: Chats and their customers.
        desk: The desk; asked only when the card is another one.
        chat_id: The dialog that the ticket belongs to.
        ticket: The ticket as it was just read.

    Returns:
        False when it was given to the customer of another dialog, or of another bot.

    Raises:
        ApiError: The desk could not be asked.
    """
    dialog, card = dialogs.get(chat_id), ticket.customer_id
    if dialog is None or card is None or card == dialog.customer_id:
        return True
    own = dialog.customer_id
    if not dialogs.foreign_customers(chat_id, [card]):
        if own is not None and await _is_somebody_elses(desk, card, dialog):
            return False
        if own is None or dialog.conversation_id == ticket.id:
            dialogs.set_customer(chat_id, card)
        return True
    # An unknown card is one that the desk has refused: it was merged away.
    if own is not None and await desk.profiles_of(own) is not None:
        return False
    dialogs.set_customer(chat_id, card)
    return True


async def _is_somebody_elses(desk: FreeScoutClient, card: int, dialog: DialogRecord) -> bool:
    """Does a card name other people of MAX, and not this dialog's?"""
    profiles = await desk.profiles_of(card) or ()
    named = users_of(profiles) if dialog.user_id is not None else groups_of(profiles)
    own = dialog.chat_id if dialog.user_id is None else dialog.user_id
    return bool(named) and own not in named
