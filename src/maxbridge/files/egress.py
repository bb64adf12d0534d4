"""Where transfers may go: rules for links and, behind the names in them, for addresses."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
