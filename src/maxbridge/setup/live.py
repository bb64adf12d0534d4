"""Trying answers on the live ends: what comes back is a value, or a named failure."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from maxbridge.checks.outside import Outside
from maxbridge.core.errors import ApiError, Failure
from maxbridge.max.answers import Me
from maxbridge.settings import FreeScoutSettings, MaxSettings, Secret

NO_KEY = "-"
"""Sent where the key is not known yet: FreeScout then says that it is not authorised, if it is one."""


class Live:
    """Both ends, for one question at a time."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def bot(self, settings: MaxSettings) -> Me | Failure:
        """Whose token is this?"""

        async def ask() -> Me:
            client = self._outside.max(settings)
            try:
                return await client.me()
            finally:
                await client.close()

        try:
            return asyncio.run(ask())
        except ApiError as error:
            return error.failure

    def webhooks(self, settings: MaxSettings) -> list[str]:
        """Addresses of active webhooks; none when MAX does not tell: check will."""

        async def ask() -> list[str]:
            client = self._outside.max(settings)
            try:
                return await client.webhooks()
            finally:
                await client.close()

        try:
            return asyncio.run(ask())
        except ApiError:
            return []

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

        async def ask() -> dict[int, str]:
            client = self._outside.desk(settings)
            try:
                return await client.mailboxes()
            finally:
                await client.close()

        try:
            return asyncio.run(ask())
        except ApiError as error:
            return error.failure

    def users(self, settings: FreeScoutSettings) -> dict[int, str]:
        """Names by number; empty when FreeScout does not tell."""

        async def ask() -> dict[int, str]:
            client = self._outside.desk(settings)
            try:
                return await client.users()
            finally:
                await client.close()

        try:
            return asyncio.run(ask())
        except ApiError:
            return {}


def with_secret(settings: MaxSettings, token: str, proxy: str) -> MaxSettings:
    """The settings of MAX with other secrets."""
    return replace(settings, token=Secret(token), proxy=Secret(proxy))
