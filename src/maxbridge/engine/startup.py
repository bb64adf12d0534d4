"""First contact with each end: is everything that was configured right? (design.md 5)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from maxbridge.config.settings import FreeScoutSettings
from maxbridge.core.errors import ApiError, ConfigError
from maxbridge.engine.gate import Gate, wait_any
from maxbridge.engine.pool import store_failure
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import SKEW_TOLD
from maxbridge.max.client import MaxClient
from maxbridge.observe import log
from maxbridge.store.backfill import BackfillStore
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.meta import MetaTable

_FATAL = frozenset(
    {
        "max.unauthorized",
        "max.redirect",
        "desk.unauthorized",
        "desk.untrusted_host",
        "desk.redirect",
    }
)
"""Nothing but a person changing our configuration can mend these. What may end by itself, a module
switched off or a web server's own page during an update, does not end the start."""


async def until_checked(
    check: Callable[[], Awaitable[None]], gate: Gate, stop: asyncio.Event
) -> bool:
    """Check an end until it has answered.

    Returns:
        True when all is right, False when we were told to stop before.

    Raises:
        ConfigError: The end answered that something is wrong.
    """
    while not stop.is_set():
        gate.loop.beat()
        if gate.closed_for() == 0:
            try:
                await check()
            except ApiError as error:
                failure = error.failure
                if failure.code in _FATAL:
                    raise ConfigError(f"{gate.loop.advice(failure.code)} ({failure})") from None
                gate.failed(failure)
            except SQLITE_ERRORS as error:
                gate.failed(store_failure(error))
            else:
                gate.answered()
                return True
        await wait_any(stop, seconds=min(max(gate.closed_for(), 0.05), 15.0))
    return False


async def check_max(client: MaxClient, meta: MetaTable, backfill: BackfillStore) -> None:
    """Is the token good, is it this database's bot, is polling possible?

    Raises:
        ApiError: MAX did not answer, or refused.
        ConfigError: It answered that something is wrong.
    """
    me = await client.me()
    meta.claim(me.user_id, me.name)
    addresses = await client.webhooks()
    if addresses:
        backfill.webhook_seen()
        raise ConfigError(
            f"[max] token: a webhook is active for this bot ({', '.join(addresses)}), so MAX gives "
            "polling nothing. Switch it off in the program that set it up, or remove it: "
            "maxbridge check --remove-webhook. Then start again."
        )
    logger: Any = log.get("startup")
    logger.info("MAX is ready", bot=me.user_id, name=me.name)


async def check_desk(client: FreeScoutClient, settings: FreeScoutSettings) -> None:
    """Is the key good, do the mailbox and the user for notes exist?

    Raises:
        ApiError: FreeScout did not answer, or refused.
        ConfigError: It answered that something is wrong.
    """
    problems = []
    mailboxes = await client.mailboxes()
    if settings.mailbox_id not in mailboxes:
        problems.append(
            f"[freescout] mailbox_id: there is no mailbox {settings.mailbox_id}. "
            f"FreeScout has: {_listed(mailboxes)}."
        )
    users = await client.users()
    if settings.user_id not in users:
        problems.append(
            f"[freescout] user_id: there is no user {settings.user_id}. "
            f"FreeScout has: {_listed(users)}."
        )
    if problems:
        raise ConfigError(problems)
    logger: Any = log.get("startup")
    logger.info("FreeScout is ready", mailbox=settings.mailbox_id, user=settings.user_id)
    zone = client.directory.user_zones.get(settings.user_id, "")
    if zone and not client.clock.use_zone(zone):
        logger.warning(
            "this machine does not know FreeScout's time zone; tickets show times in its own",
            zone=zone,
            advice="apt-get install tzdata",
        )
    if abs(client.clock.skew) > SKEW_TOLD:
        logger.warning(
            "clocks differ; maxbridge goes by FreeScout's",
            seconds=round(client.clock.skew),
            advice="Set up time synchronisation (systemd-timesyncd) on both machines.",
        )


def _listed(names: dict[int, str]) -> str:
    return ", ".join(f"{number} ({name})" for number, name in sorted(names.items())) or "none"
