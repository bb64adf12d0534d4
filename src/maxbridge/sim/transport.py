"""Call a simulator in process as each client library does, on the event loop's time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, unquote

import httpx

from maxbridge.sim.faults import Dropped, unwrap
from maxbridge.sim.wire import Request, Response, Simulator, dripped


class SimTransport(httpx.AsyncBaseTransport):
    """An httpx transport whose network is a simulator.

    Faults become httpx's own errors; the read timeout applies, and then the simulator's work is
    cancelled, like a server's work for a client that disconnects.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request of an httpx client."""
        wire = Request(
            method=request.method,
            path=request.url.path,
            query=dict(parse_qsl(request.url.query.decode(), keep_blank_values=True)),
            headers=_plain(request.headers),
            body=await request.aread(),
        )
        answer = await self._call(wire, request)
        # As servers send them: file names are raw UTF-8 in there.
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        if answer.rate is None:
            return httpx.Response(answer.status, headers=headers, content=answer.body)
        slow = _Dripping(answer.body, answer.rate)
        return httpx.Response(answer.status, headers=headers, stream=slow)

    async def _call(self, wire: Request, request: httpx.Request) -> Response:
        limit = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(limit):
                return await self._simulator.handle(wire)
        except TimeoutError:
            raise httpx.ReadTimeout("simulated: no answer in time", request=request) from None
        except Dropped as dropped:
            raise _as_httpx(dropped, request) from None


class _Dripping(httpx.AsyncByteStream):
    """A body sent slowly."""

    def __init__(self, body: bytes, rate: float) -> None:
        self._body = body
        self._rate = rate

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in dripped(self._body, self._rate):
            await asyncio.sleep(1.0)
            yield piece


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """By lower-case name. The code is asked for once: httpx looks for it anew for each name and each value."""
    code = headers.encoding
    return {name.decode(code).lower(): value.decode(code) for name, value in headers.raw}


def _as_httpx(dropped: Dropped, request: httpx.Request) -> httpx.TransportError:
    if dropped.kind == "refuse":
        return httpx.ConnectError("simulated: connection refused", request=request)
    if dropped.kind == "drop_before":
        text = "simulated: server disconnected without sending a response"
        return httpx.RemoteProtocolError(text, request=request)
    return httpx.ReadError("simulated: connection reset", request=request)


def desk_transport(simulator: Simulator) -> httpx.AsyncBaseTransport:
    """Give what ``httpx.AsyncClient(transport=...)`` takes; fits any simulator."""
    return SimTransport(simulator)


class MaxAnswer(NamedTuple):
    """What came back over the wire."""

    status: int
    body: bytes


class MaxCaller(Protocol):
    """The one call that a client of MAX is built on."""

    async def __call__(
        self, method: str, path: str, params: Mapping[str, str | int], json: Any | None
    ) -> MaxAnswer:
        """Make one request; raises Dropped or TimeoutError where no answer came."""
        ...


def max_caller(
    simulator: Simulator,
    total_timeout: float,
    *,
    token: str | None = None,
    heard: Callable[[str], None] | None = None,
) -> MaxCaller:
    """Give a caller with MAX's authorisation (contract max.md 2).

    Args:
        simulator: A MaxSim, or a Faulty around one.
        total_timeout: Seconds until a call gives up, as the client's session would.
        token: Sent as ``Authorization``; the simulator's own when None.
        heard: Told the ``Date`` of each answer.
    """
    sent = unwrap(simulator).token if token is None else token

    async def call(
        method: str,
        path: str,
        params: Mapping[str, str | int],
        json: Any | None,
    ) -> MaxAnswer:
        request = Request(
            method=method,
            path=unquote(path),
            query={name: str(value) for name, value in params.items()},
            headers={"authorization": sent, "content-type": "application/json"},
            body=b"" if json is None else _encode(json),
        )
        async with asyncio.timeout(total_timeout):
            answer = await simulator.handle(request)
        if heard is not None:
            heard(answer.headers.get("date", ""))
        return MaxAnswer(answer.status, answer.body)

    return call


def _encode(data: Any) -> bytes:
    return json.dumps(data).encode()
