"""Empty a person's customer record at the desk (``maxbridge dialogs forget --desk``), and report what is left.

The record itself stays, empty: the API cannot delete it, and tickets refer to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maxbridge.advice import advice
from maxbridge.cli.personal import PersonalTexts
from maxbridge.config.loading import Config, secrets_elsewhere
from maxbridge.config.settings import FreeScoutSettings
from maxbridge.core.errors import ApiError, ExitCode, UserError
from maxbridge.core.plan_inbound import users_of
from maxbridge.saying import say
from maxbridge.store.forgotten import AtDesk

if TYPE_CHECKING:
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


async def blank_record(client: FreeScoutClient, card: int, *, name: str) -> list[str]:
    """Empty a customer record.

    Args:
        client: The desk.
        card: The customer's id.
        name: Replaces the first name, which must not be empty.

    Returns:
        What is still there, by FreeScout's names: older modules keep e-mail addresses, and no API
        removes a photo.

    Raises:
        ApiError: The desk refuses, or does not answer; repeating it does no harm.
    """
    fields: dict[str, Any] = {"firstName": name} | dict.fromkeys(_TEXTS, "")
    fields |= {each: [] for each in _LISTS} | {"emails": [_NO_EMAIL]} | _NO_PLACE
    await client.change_customer(card, fields)
    return _left(await client.customer_fields(card), name)


async def addresses_of(client: FreeScoutClient, card: int) -> list[str]:
    """Return the e-mail addresses of a record."""
    rows = (await client.customer_fields(card))["_embedded"].get("emails") or []
    return [str(each.get("value")) for each in rows]


async def kept_in(client: FreeScoutClient, addresses: Sequence[str], card: int) -> list[int]:
    """Return other records with these addresses.

    FreeScout never deletes an address that a ticket uses (measured on 1.8.235): removed from one
    record, it gets a nameless record of its own.
    """
    found = {row.id for each in addresses for row in await client.customers_of_email(each)}
    return sorted(found - {card})


async def take_user_off(client: FreeScoutClient, card: int, user_id: int) -> None:
    """Remove one MAX user from a record that belongs to another person as well; the rest of it stays.

    Raises:
        ApiError: As :func:`blank_record`.
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


# --- The commands' side of it


@dataclass(slots=True)
class Emptied:
    """What became of the records at the desk.

    Attributes:
        left: Records not emptied.
        words: What is left of them, in words; None if emptying was not requested.
    """

    left: Sequence[int] = ()
    words: Sequence[str] | None = None


def require_desk(config: Config, cards: Sequence[int]) -> None:
    """Check beforehand that the desk answers, so that nothing is left half done.

    Raises:
        UserError: It does not.
    """
    import asyncio  # noqa: PLC0415

    from maxbridge.freescout.client import FreeScoutClient  # noqa: PLC0415 - brings httpx

    settings = config.settings.freescout

    async def look() -> None:
        client = FreeScoutClient(settings.url, settings.api_key.reveal())
        try:
            for card in cards:
                await client.profiles_of(card)
        finally:
            await client.close()

    try:
        asyncio.run(look())
    except ApiError as error:
        raise UserError(
            say(
                "FreeScout cannot be asked for the customer's record, so nothing is erased: {failure}. {advice} Without --desk the rest is erased.",
                failure=error.failure,
                advice=advice(error.failure.code, secrets_elsewhere(config)),
            ),
            ExitCode.TEMP_FAIL,
        ) from None


def empty_records(
    settings: FreeScoutSettings,
    at_desk: AtDesk,
    user_id: int | None,
    texts: PersonalTexts,
    *,
    bot_id: int | None,
) -> Emptied:
    """Empty the person's records."""
    import asyncio  # noqa: PLC0415

    from maxbridge.freescout.client import FreeScoutClient  # noqa: PLC0415

    async def empty() -> Emptied:
        client = FreeScoutClient(settings.url, settings.api_key.reveal())
        left: list[int] = []
        words: list[str] = []
        try:
            for card in at_desk.cards:
                shared = user_id if card in at_desk.shared else None
                try:
                    words += await empty_record(client, card, texts, shared=shared, bot_id=bot_id)
                except ApiError as error:
                    left.append(card)
                    words.append(
                        texts.say(
                            "FreeScout: the record {card} ({failure}); give the same command again, or empty it there by hand",
                            card=card,
                            failure=error.failure,
                        )
                    )
        finally:
            await client.close()
        return Emptied(left, words)

    return asyncio.run(empty())


async def empty_record(
    client: FreeScoutClient,
    card: int,
    texts: PersonalTexts,
    *,
    shared: int | None,
    bot_id: int | None,
) -> list[str]:
    """Empty one record; return what could not be emptied, in words.

    Args:
        client: The desk.
        card: The record.
        texts: The language.
        shared: The MAX user, if the record belongs to another customer as well.
        bot_id: Our bot.

    Raises:
        ApiError: The desk refuses, or does not answer.
    """
    from maxbridge.core.plan_inbound import bots_of  # noqa: PLC0415

    profiles = await client.profiles_of(card)
    if profiles is None:
        return [
            texts.say(
                "FreeScout: the record {card} is not there any more; if agents have merged it into another one, empty that one by hand",
                card=card,
            )
        ]
    if shared is not None:
        await take_user_off(client, card, shared)
        return [
            texts.say(
                "FreeScout: the record {card} is another customer's as well; only the MAX id was taken off it",
                card=card,
            )
        ]
    words = []
    addresses = await addresses_of(client, card)
    if left := await blank_record(client, card, name=texts.card_name):
        words.append(
            texts.say("FreeScout: of the record {card}: {left}", card=card, left=", ".join(left))
        )
    if moved := await kept_in(client, addresses, card):
        words.append(
            texts.say(
                "FreeScout: a ticket has the e-mail address, so FreeScout keeps it in the new record {cards}; delete that ticket for ever, then take the address off the record",
                cards=", ".join(map(str, moved)),
            )
        )
    if others := bots_of(profiles) - {bot_id}:
        bots = ", ".join(map(str, sorted(others)))
        words.append(
            texts.say(
                "other bots of this FreeScout that know this customer ({bots}); give the command at each of them, too",
                bots=bots,
            )
        )
    return words
