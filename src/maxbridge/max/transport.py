"""Raw calls to MAX through the library maxapi: one call is one request, whatever happens.

maxapi brings the API's address, the authorisation and the Russian root certificate. What it would do
on its own is switched off here: resending POSTs after 502-504 and dropped connections, following
redirects, a request per event, and logging whole messages (contract max.md 8, 9).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
from maxapi import Bot
from maxapi.client.default import DefaultConnectionProperties
from maxapi.client.ssl import create_default_ssl_context
from maxapi.enums.http_method import HTTPMethod
from maxapi.exceptions.max import InvalidToken, MaxApiError, MaxConnection

from maxbridge.core.errors import ApiError
from maxbridge.max.failures import (
    classify_answer,
    dropped,
    not_connected,
    timed_out,
    unauthorized,
)

POLL_TIMEOUT = 45.0
"""Whole time of a long poll of 30 s; longer would let half-open sockets stall (trap 12)."""
CALL_TIMEOUT = 30.0
CONNECT_TIMEOUT = 10


class Transport(Protocol):
    """The seam where tests put a simulator instead of the network."""

    async def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one request; a JSON object or an :class:`ApiError`."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class MaxapiTransport:
    """The network, through maxapi."""

    def __init__(
        self, token: str, api_url: str, *, total_timeout: float, proxy: str | None = None
    ) -> None:
        """Prepare the connection; nothing is called yet.

        Args:
            token: Goes to ``api_url`` only.
            api_url: Address of the API.
            total_timeout: Seconds for one request as a whole.
            proxy: HTTP proxy for MAX, None for a direct connection.
        """
        silence_library()
        options: dict[str, Any] = {"proxy": proxy} if proxy else {}
        self._connector = aiohttp.TCPConnector(ssl=_trusted())
        connection = DefaultConnectionProperties(
            timeout=total_timeout,
            sock_connect=CONNECT_TIMEOUT,
            max_retries=0,
            connector=self._connector,
            **options,
        )
        self._bot = Bot(token=token, auto_requests=False, default_connection=connection)
        self._bot.set_api_url(api_url)

    async def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one request.

        Raises:
            ApiError: Whatever went wrong, classified. Never chained: the library's exceptions
                carry headers and bodies.
        """
        extra: dict[str, Any] = {} if body is None else {"json": dict(body)}
        try:
            answer = await self._bot.request(
                method=HTTPMethod(method),
                path=path,
                is_return_raw=True,
                params=dict(params),
                allow_redirects=False,
                **extra,
            )
        except InvalidToken:
            raise ApiError(unauthorized()) from None
        except MaxApiError as error:
            raise ApiError(classify_answer(error.code, error.raw)) from None
        except MaxConnection as error:
            raise ApiError(_connection_failure(error.__cause__)) from None
        except TimeoutError:
            raise ApiError(timed_out()) from None
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever else escapes the library (trap 13)
            raise ApiError(dropped(type(error).__name__)) from None
        return answer if isinstance(answer, dict) else {}

    async def close(self) -> None:
        """Close the connections."""
        await self._bot.close_session()
        await self._connector.close()


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates the library believes; read once, not for each connection pool."""
    return create_default_ssl_context()


def silence_library() -> None:
    """Keep the library quiet: it logs whole messages and answers; customers' words must not reach a log (trap 7)."""
    for name in ("bot", "dispatcher", "connection", "backoff"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False


def _connection_failure(cause: BaseException | None) -> Any:
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return not_connected(cause)
    return dropped(type(cause).__name__)
