"""Taking a person's data off their card at the desk, as far as its API goes (contract freescout.md 2).

The card itself stays, empty: the API deletes none, and tickets point to it.
"""

from __future__ import annotations

from typing import Any

from maxbridge.core.plan_inbound import users_of
from maxbridge.freescout.client import FreeScoutClient

_TEXTS = ("lastName", "jobTitle", "company", "notes")
_LISTS = {
    "phones": "phones",
    "emails": "emails",
    "websites": "websites",
    "socialProfiles": "social_profiles",
}
"""Lists as they are written, and as they are read."""
_NO_EMAIL = {"value": "", "type": "work"}
"""A list of none leaves the e-mail addresses as they are; one of empty ones does not (contract freescout.md 2)."""
_NO_PLACE = dict.fromkeys(("city", "state", "zip", "address"), "") | {"country": "-"}
"""Beside each other, not in an object: of an object without a street, and of an empty country, PHP 8 dies."""


async def blank_card(client: FreeScoutClient, card: int, *, name: str) -> list[str]:
    """Empty a card.

    Args:
        client: The desk.
        card: The customer's id.
        name: What stands in the place of the first name, which must not be empty.

    Returns:
        What is still there, by FreeScout's names: older modules keep addresses of mail, and no API takes a photo
        away.

    Raises:
        ApiError: The desk refuses, or does not answer; repeating it does no harm.
    """
    fields: dict[str, Any] = {"firstName": name} | dict.fromkeys(_TEXTS, "")
    fields |= {each: [] for each in _LISTS} | {"emails": [_NO_EMAIL]} | _NO_PLACE
    await client.change_customer(card, fields)
    return _left(await client.customer_fields(card), name)


async def take_user_off(client: FreeScoutClient, card: int, user_id: int) -> None:
    """Take one MAX user off a card that is another person's as well; the rest of it stays.

    Raises:
        ApiError: As :func:`blank_card`.
    """
    known = (await client.customer_fields(card))["_embedded"].get("social_profiles") or []
    kept = [
        {"value": each.get("value"), "type": each.get("type")}
        for each in known
        if users_of((str(each.get("value")),)) != {user_id}
    ]
    await client.change_customer(card, {"socialProfiles": kept})


def _left(data: dict[str, Any], name: str) -> list[str]:
    lists = data.get("_embedded")
    embedded: dict[str, Any] = lists if isinstance(lists, dict) else {}
    left = [each for each in _TEXTS if data.get(each)]
    if data.get("firstName") != name:
        left.insert(0, "firstName")
    left += [written for written, read in _LISTS.items() if embedded.get(read)]
    if any((embedded.get("address") or {}).values()):
        left.append("address")
    if data.get("photoUrl"):
        left.append("photo")
    return left
