"""Both APIs are reached past dead addresses (case A9): both families in turn, a quarter of a second apart."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from loopback import Peer, answering
from maxbridge.files.transport import AiohttpTransport
from maxbridge.files.trust import trusted
from maxbridge.freescout.exchange import Exchange
from maxbridge.max.transport import MaxapiTransport
from virtual_time import virtual

NAME = "api.example.ru"
DEAD = {
    "one of IPv6": ["2a00::1"],
    "four of IPv6": [f"2a00::{each}" for each in range(1, 5)],
    "two of IPv4": ["10.255.255.1", "10.255.255.2"],
}


async def call_max(url: str) -> Any:
    transport = MaxapiTransport("token", url, total_timeout=30.0)
    try:
        return await transport.call("GET", "/me", {})
    finally:
        await transport.close()


async def call_desk(url: str) -> Any:
    desk = Exchange(url, "key", now=lambda: 0.0, transport=AiohttpTransport(trusted()))
    try:
        return (await desk.get("mailboxes")).data
    finally:
        await desk.close()


def resolved(*addresses: str) -> Callable[..., Awaitable[list[Any]]]:
    """What a resolver says of the name."""

    async def getaddrinfo(host: str, port: int, **_more: Any) -> list[Any]:
        assert host == NAME
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (each, port, 0, 0) if ":" in each else (each, port),
            )
            for each in addresses
        ]

    return getaddrinfo


@pytest.mark.parametrize("call", [call_max, call_desk], ids=["MAX", "FreeScout"])
@pytest.mark.parametrize("dead", DEAD)
@virtual
async def test_dead_addresses_cost_a_quarter_of_a_second_each(
    monkeypatch: pytest.MonkeyPatch, dead: str, call: Callable[[str], Awaitable[Any]]
) -> None:
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect

    async def silent(sock: Any, address: Any) -> None:
        if address[0] != "127.0.0.1":
            await asyncio.sleep(3600.0)
        await connect(sock, address)

    async def answer(peer: Peer) -> None:
        await peer.answer("{}", Content_Type="application/json")

    monkeypatch.setattr(loop, "sock_connect", silent)
    monkeypatch.setattr(loop, "getaddrinfo", resolved(*DEAD[dead], "127.0.0.1"))
    async with answering(answer) as url:
        began = loop.time()
        assert await call(f"http://{NAME}:{httpx.URL(url).port}") == {}
    of_one_family = len(DEAD[dead]) if "." in DEAD[dead][0] else 1
    assert loop.time() - began <= 0.25 * of_one_family + 0.01
