"""The record of a person at the desk, emptied by ``maxbridge dialogs forget --desk``; what of it is left, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maxbridge.advice import advice
from maxbridge.cli.personal_page import PersonalTexts
from maxbridge.config.loading import Config, secrets_elsewhere
from maxbridge.config.settings import FreeScoutSettings
from maxbridge.core.errors import ApiError, ExitCode, UserError
from maxbridge.saying import say
from maxbridge.store.forgotten import AtDesk

if TYPE_CHECKING:
    from maxbridge.freescout.client import FreeScoutClient


@dataclass(slots=True)
class Emptied:
    """What became of the records at the desk.

    Attributes:
        left: Those that are not emptied.
        words: What is left of them, for people; None when nobody wanted them emptied.
    """

    left: Sequence[int] = ()
    words: Sequence[str] | None = None


def look_at_cards(config: Config, cards: Sequence[int]) -> None:
    """Find out beforehand whether the desk answers: then nothing is half done.

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


def empty_cards(
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
                    words += await empty_card(client, card, texts, shared=shared, bot_id=bot_id)
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


async def empty_card(
    client: FreeScoutClient,
    card: int,
    texts: PersonalTexts,
    *,
    shared: int | None,
    bot_id: int | None,
) -> list[str]:
    """Empty one record; gives what of it could not be reached, in words.

    Args:
        client: The desk.
        card: The record.
        texts: The language.
        shared: The MAX user, where the record is another customer's as well.
        bot_id: Our bot.

    Raises:
        ApiError: The desk refuses, or does not answer.
    """
    from maxbridge.core.plan_inbound import bots_of  # noqa: PLC0415
    from maxbridge.freescout.blank import blank_card, take_user_off  # noqa: PLC0415

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
    if left := await blank_card(client, card, name=texts.card_name):
        words.append(
            texts.say("FreeScout: of the record {card}: {left}", card=card, left=", ".join(left))
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
