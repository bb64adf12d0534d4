"""Where FreeScout's address leads to: asked without the key, over a real connection."""

from __future__ import annotations

import pytest

from loopback import Peer, answering
from maxbridge.checks.network import redirected


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://desk.ru/api/mailboxes", "https://desk.ru"),
        ("https://desk.ru/help/api/mailboxes/", "https://desk.ru/help"),
        ("https://desk.ru:8443/login", "https://desk.ru:8443"),
        ("//desk.ru/api/mailboxes", "http://desk.ru"),
        ("ftp://desk.ru/api/mailboxes", None),
        ("https://user:word@desk.ru/api/mailboxes", None),
        ("https://[half/api/mailboxes", None),
        ("", None),
    ],
)
async def test_the_place_that_a_redirect_names(location: str, place: str | None) -> None:
    heads: list[str] = []

    async def lead(peer: Peer) -> None:
        heads.append(peer.head.lower())
        await peer.answer("", "301 Moved Permanently", Location=location)

    async with answering(lead) as url:
        assert await redirected(url) == place
    assert len(heads) == 1  # it is not followed
    assert "api-key" not in heads[0]


async def test_an_answer_without_end_is_not_read() -> None:
    async def endless(peer: Peer) -> None:
        await peer.send("HTTP/1.1 301 Moved\r\nLocation: https://desk.ru/api/mailboxes\r\n\r\n")
        while True:
            await peer.send(b"x" * 65536)

    async with answering(endless) as url:
        assert await redirected(url) == "https://desk.ru"


async def test_nobody_there() -> None:
    assert await redirected("http://127.0.0.1:1") is None
