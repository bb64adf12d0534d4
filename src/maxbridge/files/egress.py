"""Where transfers may go: rules for links and, behind the names in them, for addresses."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

from maxbridge.config.settings import MaxSettings
from maxbridge.config.values import is_loopback

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Addresses of a host and port, best first; OSError when there are none."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What a transfer may reach.

    Attributes:
        url: Is this link allowed? Asked about every hop, as it will be requested.
        address: May this host live at this address? None where the host's name is enough: the
            desk is a machine that the administrator named, often in his own network.
    """

    url: Callable[[str], bool]
    address: Callable[[str, Address], bool] | None = None


def is_public(address: Address) -> bool:
    """Is this an address of the Internet, not of this machine or its network?

    An address that carries another one in it is judged by that one.
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
    """The address that a host's name itself is, None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


async def resolve(host: str, port: int) -> list[str]:
    """Ask this machine's resolver.

    Raises:
        OSError: The name is not known, or the resolver does not answer.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


# --- Which hosts the links of a MAX message may lead to --------------------------------------------


_PLAIN_HOST = re.compile(r"[a-z0-9._-]+")


def media_rule(settings: MaxSettings) -> Callable[[str], bool]:
    """The rule for media links: https to MAX's own hosts, nothing else.

    Where the API itself is on loopback (a simulator), its host is allowed too.
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
    """The rule for fetching and uploading: links of :func:`media_rule`, public addresses only.

    A name of MAX's that points into this machine's network is refused, wherever it got that address
    from. The API's own host on loopback may live there, and nowhere else.
    """
    local = local_host(settings)

    def address(host: str, where: Address) -> bool:
        return where.is_loopback if host == local else is_public(where)

    return EgressPolicy(media_rule(settings), address)


def local_host(settings: MaxSettings) -> str | None:
    """The API's host where that is this machine (a simulator), else None."""
    host = urlsplit(settings.api_url).hostname
    return host if host and is_loopback(host) else None


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme)
