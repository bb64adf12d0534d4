"""The HTTP exchange as the simulators see it, independent of any server or client library.

A simulator is a state machine with one entry, :meth:`Simulator.handle`. The same object is served
on loopback (:mod:`maxbridge.sim.serve`) for the demo and the black-box tests, and called in
process, on virtual time, by the tests of the workers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Now = Callable[[], float]
"""Seconds since the epoch, UTC. Injected, so that tests own the clock and can skew it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are lower case, query values are decoded, last one wins."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    rate: float | None = None
    """Bytes a second at which the body goes out; None for at once."""

    @classmethod
    def json(cls, status: int, data: Any, headers: Mapping[str, str] | None = None) -> Response:
        """Build an answer with a JSON body."""
        body = json.dumps(data, ensure_ascii=False).encode()
        return cls(status, body, {"content-type": "application/json", **(headers or {})})


def dripped(body: bytes, rate: float) -> Iterator[bytes]:
    """Yield a body in pieces of one second each."""
    step = max(1, int(rate))
    for start in range(0, len(body), step):
        yield body[start : start + step]


class Simulator(Protocol):
    """What can be served or called in process."""

    async def handle(self, request: Request) -> Response:
        """Answer one request; never raises for anything a client can send."""
        ...
