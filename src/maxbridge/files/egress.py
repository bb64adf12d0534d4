"""Downloads, and where transfers may go: rules for links and for the addresses behind their names.

:class:`Fetcher` turns a link into a file in the spool or a named failure, with constant memory.
Guaranteed for every request and every hop of a redirect:

- The rule judges the link as it will be requested, after parsing and normalisation.
- If addresses are judged, the name is resolved here, once, and the connection is made to one of the
  judged addresses, whichever answers first. So a name that resolves differently the next time, or
  to this machine or its network, gains nothing. The certificate is still checked against the name.
- No connection is used twice: a connection opened for one name could serve another name at the same
  address without a check of its certificate.
- No token, no cookie, no credentials of the environment; cookies are neither kept nor sent.

Through a proxy names are resolved by the proxy, so addresses cannot be judged: only the rule for
links and the certificate protect.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx

from maxbridge import __version__
from maxbridge.config.settings import MaxSettings
from maxbridge.config.values import is_loopback
from maxbridge.core.errors import ApiError
from maxbridge.files.failures import RefusedHostError, broken_exchange, file_error, refused_status
from maxbridge.files.hosts import Flow, Hosts, Patience
from maxbridge.files.spool import Room
from maxbridge.files.transport import ADDRESSES, AiohttpTransport

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Addresses of a host and port, best first; OSError when there are none."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What a transfer may reach.

    Attributes:
        url: Whether this link is allowed; called for every hop, with the link as it will be
            requested.
        address: Whether this address of a host is allowed. None if the host's name is enough: the
            administrator configured the desk, which is often in a private network.
    """

    url: Callable[[str], bool]
    address: Callable[[str, Address], bool] | None = None


def is_public(address: Address) -> bool:
    """Whether it is a public Internet address, not one of this machine or its network.

    An address that embeds another one is judged by that one.
    """
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64 or int(address) >> 32 == 0:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def literal(host: str) -> Address | None:
    """Return the address if the host is an IP address, None if it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


async def resolve(host: str, port: int) -> list[str]:
    """Resolve a name with this machine's resolver.

    Raises:
        OSError: The name is unknown, or the resolver does not answer.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


# --- Which hosts the links of a MAX message may lead to --------------------------------------------


_PLAIN_HOST = re.compile(r"[a-z0-9._-]+")


def media_rule(settings: MaxSettings) -> Callable[[str], bool]:
    """Return the rule for media links: https to MAX's own hosts, nothing else.

    If the API itself is on loopback (a simulator), its host is allowed as well.
    """
    api = urlsplit(settings.api_url)
    local = local_host(settings)

    def allowed(url: str) -> bool:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", _port(parts)
        except ValueError:
            return False
        if "@" in parts.netloc or "\\" in url:
            return False
        if local is not None and host == local and port == _port(api):
            return parts.scheme == api.scheme
        # Browsers disagree with us on odd letters in a host, so it must be of plain ones.
        if not _PLAIN_HOST.fullmatch(host):
            return False
        if parts.scheme != "https" or port != 443:
            return False
        return any(fnmatchcase(host, pattern.lower()) for pattern in settings.media_hosts)

    return allowed


def media_egress(settings: MaxSettings) -> EgressPolicy:
    """Return the rule for fetching and uploading media: links of :func:`media_rule`, public addresses only.

    A name of MAX's that resolves to this machine's network is refused. Only the API's own host on
    loopback may resolve to loopback.
    """
    local = local_host(settings)

    def address(host: str, where: Address) -> bool:
        return where.is_loopback if host == local else is_public(where)

    return EgressPolicy(media_rule(settings), address)


def local_host(settings: MaxSettings) -> str | None:
    """Return the API's host if it is this machine (a simulator), else None."""
    host = urlsplit(settings.api_url).hostname
    return host if host and is_loopback(host) else None


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme)


# --- One request to such a host, on a connection of its own


CONNECT = 10.0
IDLE = 30.0
_ADDRESSES = 8
"""How many addresses of one name are tried, of both families in turn."""


class GuardedRequest:
    """Makes requests for files under an :class:`EgressPolicy`."""

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
        """Create it; nothing is connected yet.

        Args:
            reach: What may be reached.
            verify: TLS context with the trusted certificates.
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
            url: The address.
            content: httpx's arguments for a request body.

        Raises:
            RefusedHostError: The rules refuse it; nothing was sent.
            httpx.HTTPError: The exchange broke off.
            httpx.InvalidURL: It is not a URL.
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
        """Return a host's allowed addresses."""
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
    """Alternate both address families, beginning with the first one's (RFC 8305, 4), so that a dead family hides no other."""
    families: dict[bool, list[str]] = {}
    for each in addresses:
        families.setdefault(":" in each, []).append(each)
    turns = zip_longest(*families.values())
    return [each for turn in turns for each in turn if each is not None]


MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete file in the spool; it exists until its room is left.

    Its type is detected by content (:mod:`maxbridge.files.spool`), not taken from the server.

    Attributes:
        path: Its path.
        size: Bytes.
    """

    path: Path
    size: int


class Fetcher:
    """Downloads one service's files."""

    def __init__(
        self,
        line: GuardedRequest,
        prefix: str,
        patience: Patience | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        """Create it.

        Args:
            line: Makes the requests.
            prefix: Prefix of failure codes: ``media.`` or ``desk.file_``.
            patience: How long to wait.
            hosts: State of the hosts; shared by everything that transfers files.
        """
        self._line = line
        self._hosts = hosts or Hosts()
        self._prefix = prefix
        self._patience = patience or Patience()

    async def fetch(self, url: str, room: Room, *, limit: int) -> Fetched:
        """Download a file.

        Args:
            url: Its link.
            room: Where it is stored.
            limit: Bytes; a larger file is refused, unread if its size is told beforehand.

        Raises:
            HostWaitsError: Its host is in trouble or busy; nothing was requested.
            ApiError: Certain in every case, because a reading changes nothing. ``…gone`` means that
                the link is no longer valid and a fresh one should be requested.
        """
        async with self._hosts.transfer(url, self._prefix, self._patience) as flow:
            try:
                return await self._follow(url, room, min(limit, room.cap), flow)
            except (httpx.HTTPError, httpx.InvalidURL, RefusedHostError) as error:
                # Not chained: the request in it carries the link, which is as good as a key.
                raise broken_exchange(self._prefix, error) from None

    async def _follow(self, url: str, room: Room, limit: int, flow: Flow) -> Fetched:
        for _ in range(MAX_REDIRECTS + 1):
            flow.goes_to(url)
            async with self._line.open("GET", url) as response:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or not location:
                    return await self._receive(response, room, limit, flow)
                url = str(httpx.URL(url).join(location))
        raise file_error(self._prefix, "unexpected", f"more than {MAX_REDIRECTS} redirects")

    async def _receive(
        self, response: httpx.Response, room: Room, limit: int, flow: Flow
    ) -> Fetched:
        if response.status_code != httpx.codes.OK:
            raise refused_status(self._prefix, response)
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise file_error(self._prefix, "unexpected", "compressed, though asked not to be")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise self._too_large()
        with room.draft() as draft:
            async for piece in response.aiter_bytes():
                if draft.size + len(piece) > limit:
                    raise self._too_large()
                flow.moved(len(piece))
                draft.write(piece)
            # httpx counts what comes over a socket; what stands between us and it may not.
            if declared.isdecimal() and int(declared) != draft.size:
                raise file_error(self._prefix, "truncated", f"{draft.size} of {declared} bytes")
        return Fetched(draft.path, draft.size)

    def _too_large(self) -> ApiError:
        return file_error(self._prefix, "too_large")
