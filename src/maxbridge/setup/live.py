"""Trying answers on the live ends: what comes back is a value, or a named failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from maxbridge.checks.outside import OutsideChecks
from maxbridge.config.settings import FreeScoutSettings, MaxSettings, Secret
from maxbridge.core.errors import ApiError, Failure
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.answers import Me
from maxbridge.max.client import MaxClient

NO_KEY = "-"
"""Sent where the key is not known yet: FreeScout then says that it is not authorised, if it is one."""

_Client = TypeVar("_Client", MaxClient, FreeScoutClient)
_Answer = TypeVar("_Answer")


class Live:
    """Both ends, for one question at a time."""

    def __init__(self, outside: OutsideChecks) -> None:
        self._outside = outside

    def bot(self, settings: MaxSettings) -> Me | Failure:
        """Whose token is this?"""
        return _asked(lambda: self._outside.max(settings), lambda client: client.me())

    def webhooks(self, settings: MaxSettings) -> list[str]:
        """Addresses of active webhooks; none when MAX does not tell: check will."""
        found = _asked(lambda: self._outside.max(settings), lambda client: client.webhooks())
        return [] if isinstance(found, Failure) else found

    def address(self, url: str) -> Failure | None:
        """Is there a FreeScout at this address? None when there is."""
        found = self.mailboxes(FreeScoutSettings(url=url, api_key=Secret(NO_KEY)))
        if isinstance(found, dict) or found.code == "desk.unauthorized":
            return None
        return found

    def redirected(self, url: str) -> str | None:
        """Where the address leads to."""

        async def ask() -> str | None:
            return await self._outside.redirected(url)

        return asyncio.run(ask())

    def mailboxes(self, settings: FreeScoutSettings) -> dict[int, str] | Failure:
        """Names by number."""
        return _asked(lambda: self._outside.desk(settings), lambda client: client.mailboxes())

    def users(self, settings: FreeScoutSettings) -> dict[int, str]:
        """Names by number; empty when FreeScout does not tell."""
        found = _asked(lambda: self._outside.desk(settings), lambda client: client.users())
        return {} if isinstance(found, Failure) else found


def _asked(
    connect: Callable[[], _Client], question: Callable[[_Client], Awaitable[_Answer]]
) -> _Answer | Failure:
    """The answer of an end, with a client that lives for one question; or why there is none."""

    async def ask() -> _Answer:
        client = connect()
        try:
            return await question(client)
        finally:
            await client.close()

    try:
        return asyncio.run(ask())
    except ApiError as error:
        return error.failure


def with_secret(settings: MaxSettings, token: str, proxy: str) -> MaxSettings:
    """The settings of MAX with other secrets."""
    return replace(settings, token=Secret(token), proxy=Secret(proxy))
