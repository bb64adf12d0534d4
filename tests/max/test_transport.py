"""max.transport: what the connections through maxapi share, and that nothing of them stays open."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator

import pytest
from maxapi.client.ssl import create_default_ssl_context

from maxbridge.max import transport
from maxbridge.max.transport import MaxapiTransport
from maxbridge.sim.max import MaxSim
from maxbridge.sim.serve import serve


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ssl.SSLContext]]:
    """The contexts that were made; each takes 17 ms and most of a megabyte."""
    made: list[ssl.SSLContext] = []

    def counted() -> ssl.SSLContext:
        made.append(create_default_ssl_context())
        return made[-1]

    monkeypatch.setattr(transport, "create_default_ssl_context", counted)
    transport._trusted.cache_clear()
    yield made
    transport._trusted.cache_clear()


async def test_polls_and_calls_share_what_they_believe(read: list[ssl.SSLContext]) -> None:
    sim = MaxSim(now=time.time)
    async with serve(sim) as url:
        both = [MaxapiTransport(sim.token, url, total_timeout=5.0) for _ in range(2)]
        for each in both:
            assert (await each.call("GET", "/me", {}))["is_bot"]
        for each in both:
            await each.close()
            assert each._connector.closed
    (context,) = read
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    believed = str(context.get_ca_certs())
    assert "Russian Trusted Root CA" in believed


async def test_the_connections_of_one_are_not_those_of_the_other() -> None:
    """A poll holds its connection for half a minute."""
    first, second = (
        MaxapiTransport("token", "http://127.0.0.1:9", total_timeout=5.0) for _ in "ab"
    )
    assert first._connector is not second._connector
    await first.close()
    assert not second._connector.closed
    await second.close()
