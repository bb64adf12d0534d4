"""Serve a simulator on a loopback port, for the demo and for tests of the real daemon."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol, runtime_checkable

from aiohttp import web

from maxbridge.sim.faults import Dropped, Fault, Faulty, unwrap
from maxbridge.sim.wire import Request, Response, Simulator, dripped

Controls = Mapping[str, Callable[..., Any]]

CONTROL_PREFIX = "/_sim/"
MAX_BODY = 1 << 30
SHUTDOWN_SECONDS = 0.1  # long polls are cancelled after it


@runtime_checkable
class Addressed(Protocol):
    """A simulator that returns links to itself, so it must know its address."""

    base_url: str


def loopback_socket(port: int = 0) -> socket.socket:
    """Bind a port on 127.0.0.1 (0 = any free one), for who must know it before serving."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


@asynccontextmanager
async def serve(
    simulator: Simulator,
    port: int = 0,
    *,
    controls: Controls | None = None,
    sock: socket.socket | None = None,
) -> AsyncIterator[str]:
    """Serve a simulator on 127.0.0.1 while the context lasts; gives its URL.

    Args:
        simulator: Answers everything, except the controls.
        port: 0 takes any free one.
        controls: When given, ``POST /_sim/{name}`` calls the function of that name with the body's
            ``args`` and ``kwargs``. Besides, ``faults`` sets the rules of a Faulty, ``injected``
            counts what they did, and ``refuse`` shuts the door for some seconds. No authorisation:
            this is for tests from another process of the same user.
        sock: A bound socket to use instead of ``port``.
    """
    bound = sock or loopback_socket(port)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    inner = unwrap(simulator)
    if isinstance(inner, Addressed):
        inner.base_url = url
    front = _Front(simulator)
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/{path:.*}", front.answer)
    # A client that gives up ends its request, as asyncio.timeout does for the callers in process.
    runner = web.AppRunner(
        app, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS, access_log=None
    )
    await runner.setup()
    door = _Door(runner, bound)
    if controls is not None:
        front.controls = {**controls, **front.own_controls(), "refuse": door.shut_for}
    try:
        await door.open()
        yield url
    finally:
        await door.close()
        await runner.cleanup()


class _Door:
    """The listening socket; while closed, connections are refused as if the service were down."""

    def __init__(self, runner: web.AppRunner, bound: socket.socket) -> None:
        self._runner = runner
        self._bound = bound
        # Bound but never listening: it keeps the port ours while the door is shut.
        self._keeper = loopback_socket(bound.getsockname()[1])
        self._site: web.SockSite | None = None
        self._shut: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._site = web.SockSite(self._runner, self._bound)
        await self._site.start()

    def shut_for(self, seconds: float) -> None:
        """Break all connections and refuse new ones for some time, after this answer is sent."""
        if self._shut is None or self._shut.done():
            self._shut = asyncio.get_running_loop().create_task(self._stay_shut(seconds))

    async def _stay_shut(self, seconds: float) -> None:
        await asyncio.sleep(SHUTDOWN_SECONDS)
        await self._stop_listening()
        for connection in list(self._runner.server.connections if self._runner.server else ()):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(seconds)
        self._bound = loopback_socket(self._keeper.getsockname()[1])
        await self.open()

    async def _stop_listening(self) -> None:
        # Who is accepted in the very moment of closing would never be closed: stop accepting first.
        asyncio.get_running_loop().remove_reader(self._bound)
        await asyncio.sleep(0)
        if self._site is not None:
            await self._site.stop()
            self._site = None
        self._bound.close()

    async def close(self) -> None:
        if self._shut is not None:
            self._shut.cancel()
            await asyncio.gather(self._shut, return_exceptions=True)
        if self._bound.fileno() >= 0:
            await self._stop_listening()
        self._keeper.close()


class _Front:
    """Translates between aiohttp and a simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.controls: Controls | None = None

    def own_controls(self) -> Controls:
        return {"faults": self._set_faults, "injected": self._injected}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.controls is not None and request.path.startswith(CONTROL_PREFIX):
            name = request.path.removeprefix(CONTROL_PREFIX)
            return await self._control(self.controls, request.method, name, await request.read())
        wire = Request(
            method=request.method,
            path=request.path,
            query=dict(request.query.items()),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        try:
            answer = await self._simulator.handle(wire)
        except Dropped:
            if request.transport is not None:
                request.transport.abort()
            # It cannot reach anyone; aiohttp wants some answer from a handler.
            return web.Response(status=500)
        if answer.rate is None:
            headers = dict(answer.headers)
            return web.Response(status=answer.status, body=answer.body, headers=headers)
        return await _drip(request, answer, answer.rate)

    async def _control(
        self, controls: Controls, method: str, name: str, body: bytes
    ) -> web.Response:
        action = controls.get(name)
        if action is None or method != "POST":
            return _json(404, {"error": f"no such control: {method} {name}"})
        try:
            data = json.loads(body or b"{}")
            result = action(*data.get("args", ()), **data.get("kwargs", {}))
            if inspect.isawaitable(result):
                result = await result
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the caller is in another process
            return _json(400, {"error": f"{type(error).__name__}: {error}"})
        return _json(200, {"result": result})

    def _set_faults(self, *rules: Mapping[str, Any]) -> int:
        """Replace all rules; none at all makes the line good again."""
        if not isinstance(self._simulator, Faulty):
            raise TypeError("the simulator is not served behind a Faulty")
        parsed = [Fault.parse(rule) for rule in rules]
        self._simulator.clear()
        self._simulator.add(*parsed)
        return len(parsed)

    def _injected(self) -> dict[str, int]:
        """Count the faults that happened, by kind."""
        if not isinstance(self._simulator, Faulty):
            return {}
        return dict(Counter(each.kind for each in self._simulator.injected))


async def _drip(request: web.Request, answer: Response, rate: float) -> web.StreamResponse:
    slow = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    slow.content_length = len(answer.body)
    await slow.prepare(request)
    for piece in dripped(answer.body, rate):
        await slow.write(piece)
        await asyncio.sleep(1.0)
    await slow.write_eof()
    return slow


def _json(status: int, data: Any) -> web.Response:
    text = json.dumps(data, default=_plain)
    return web.Response(status=status, text=text, content_type="application/json")


def _plain(value: Any) -> Any:
    """Say in JSON what the state's own types hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (set, frozenset, deque)):
        return list(value)
    return repr(value)
