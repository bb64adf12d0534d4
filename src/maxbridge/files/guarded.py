"""One request to a host that the rules allow, on a connection of its own.

What is guaranteed, for every request and every hop of a redirect:

- The link is judged as it will be requested, after it was parsed and normalised.
- Where addresses are judged, the name is resolved here, once, and the connection is made to one of the
  addresses that were judged, whichever answers first: a name that answers differently the next time, or points at
  this machine or its network, gains nothing. The certificate is still checked against the name.
- No connection is used twice: one that was opened for one name would serve another name that lives at
  the same address, whose certificate nobody has seen.
- No token, no cookie, no credentials of the environment; cookies are neither kept nor sent.

Through a proxy names are resolved by the proxy, so addresses cannot be judged: then the rule for links
and the certificate are what protects.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import zip_longest
from typing import Any

import httpx

from maxbridge import __version__
from maxbridge.files.egress import EgressPolicy, Resolve, literal, resolve
from maxbridge.files.failures import RefusedHostError
from maxbridge.files.transport import ADDRESSES, AiohttpTransport

CONNECT = 10.0
IDLE = 30.0
_ADDRESSES = 8
"""How many addresses of one name are tried, of both families in turn."""


class GuardedRequest:
    """The way out for files."""

    def __init__(
        self,
        reach: EgressPolicy,
        *,
        verify: ssl.SSLContext,
        proxy: str | None = None,
        idle: float = IDLE,
        transport: httpx.AsyncBaseTransport | None = None,
        lookup: Resolve = resolve,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            reach: What may be reached.
            verify: Whose certificates are believed.
            proxy: HTTP proxy, None for direct connections.
            idle: Seconds without a byte until a transfer is given up.
            transport: Replaces the network, in tests.
            lookup: Resolves names.
        """
        self._reach = reach
        self._lookup = lookup
        self._judged = reach.address is not None and not proxy
        self._http = httpx.AsyncClient(
            transport=transport or AiohttpTransport(verify, keep=False, proxy=proxy),
            # Compressed, a file could be a thousand times what its Content-Length says.
            headers={
                "User-Agent": f"maxbridge/{__version__}",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx.Timeout(idle, connect=CONNECT, pool=None),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._http.aclose()

    @asynccontextmanager
    async def open(self, method: str, url: str, **content: Any) -> AsyncIterator[httpx.Response]:
        """Make one request; the answer's body is not read yet.

        Args:
            method: HTTP method.
            url: Where to.
            content: What httpx takes as the body of a request.

        Raises:
            RefusedHostError: The rules say no; nothing was sent.
            httpx.HTTPError: The exchange broke off.
            httpx.InvalidURL: It is no address at all.
        """
        target = httpx.URL(url)
        if not self._reach.url(str(target)):
            raise RefusedHostError("link not allowed")
        response = await self._send(method, target, content)
        try:
            yield response
        finally:
            await response.aclose()

    async def _send(
        self, method: str, target: httpx.URL, content: dict[str, Any]
    ) -> httpx.Response:
        if self._judged:
            content["extensions"] = {ADDRESSES: await self._addresses(target)}
        request = self._http.build_request(method, target, **content)
        return await self._http.send(request, stream=True)

    async def _addresses(self, target: httpx.URL) -> list[str]:
        """Where a host lives, of that what may be reached."""
        judge = self._reach.address
        assert judge is not None  # noqa: S101 - asked only where addresses are judged
        host = target.raw_host.decode("ascii")
        port = target.port or (443 if target.scheme == "https" else 80)
        found = [host] if literal(host) else await self._resolved(host, port)
        judged = [(each, literal(each)) for each in found]
        allowed = [each for each, address in judged if address and judge(target.host, address)]
        if not allowed:
            raise RefusedHostError("address not allowed")
        return _in_turn(allowed)[:_ADDRESSES]

    async def _resolved(self, host: str, port: int) -> list[str]:
        try:
            async with asyncio.timeout(CONNECT):
                return await self._lookup(host, port)
        except TimeoutError:
            raise httpx.ConnectTimeout("the resolver does not answer") from None
        except (OSError, UnicodeError):
            raise httpx.ConnectError("the name is not known") from None


def _in_turn(addresses: list[str]) -> list[str]:
    """Both families in turn, that of the first address first (RFC 8305, 4): a family that is dead hides no other."""
    families: dict[bool, list[str]] = {}
    for each in addresses:
        families.setdefault(":" in each, []).append(each)
    turns = zip_longest(*families.values())
    return [each for turn in turns for each in turn if each is not None]
