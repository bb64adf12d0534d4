"""Faults on the connection to a simulator, by rule, so that a test defines exactly what goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal, NamedTuple, get_args

from maxbridge.sim.wire import Request, Response, Simulator

Kind = Literal[
    "refuse",  # nobody listens: certainly not done
    "drop_before",  # the connection closes, the work was not done
    "drop_after",  # the work was done, then the connection closes
    "status",  # this answer instead of the work
    "status_after",  # the work was done, then this answer
    "html",  # a page of some proxy instead of the work
    "html_after",  # the work was done, then the page
    "truncate",  # done, the body stops in the middle
    "empty",  # done, an empty body
    "wrong_type",  # done, JSON of another type
    "patch",  # done, members of the JSON object are replaced or left out
    "stall_before",  # a wait, then all as usual; a client that left stops it
    "stall_after",  # the work was done, then a wait, then the answer
    "drip",  # done, the body of the answer comes at so many bytes a second
    "sip",  # the body of the request is read at so many bytes a second, then all as usual
    "late",  # a wait, then the work is done even when the client has long left
]
KINDS: tuple[str, ...] = get_args(Kind)

PAGE = b"<html><head><title>%d</title></head><body><h1>%d</h1><hr>nginx</body></html>\n"
LOG_LENGTH = 10_000


class Dropped(Exception):  # noqa: N818 - it is what happened to the connection
    """The connection broke without an answer.

    Attributes:
        kind: ``refuse``, ``drop_before`` or ``drop_after``: what was done by then.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(slots=True)
class Fault:
    """One rule: which requests, how often, and what happens to them.

    Attributes:
        kind: What happens, see :data:`Kind`.
        method: The HTTP method, or ``*``.
        path: A pattern in the manner of the shell, as ``/messages`` or ``/api/conversations/*``.
        query: Values that the query must have, as ``{"chat_id": "5"}``: one chat's trouble.
        times: How often the rule still applies; None is for ever.
        probability: Of applying to a request that it fits.
        skip: How many fitting requests pass first.
        status: The status of ``status``, ``html`` and their kin; the kept one for ``empty``.
        headers: Added to the answer that the rule makes.
        body: JSON of the answer of ``status`` and ``wrong_type``; members to set for ``patch``.
        without: Members that ``patch`` leaves out.
        seconds: How long the stalling kinds wait.
        rate: Bytes a second of ``drip`` and ``sip``.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    query: Mapping[str, str] = field(default_factory=dict)
    times: int | None = 1
    probability: float = 1.0
    skip: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    without: tuple[str, ...] = ()
    seconds: float = 0.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind}")
        self.without = tuple(self.without)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Fault:
        """Build a rule from JSON; raises ValueError or TypeError for what is no rule."""
        unknown = set(data) - {one.name for one in fields(cls)}
        if unknown:
            raise ValueError(f"unknown members of a fault: {sorted(unknown)}")
        return cls(**data)

    def fits(self, request: Request) -> bool:
        """Whether the rule applies to this request and is not used up."""
        if self.times == 0:
            return False
        if not self.query.items() <= request.query.items():
            return False
        return self.method in ("*", request.method) and fnmatchcase(request.path, self.path)


class Injected(NamedTuple):
    """One fault that happened."""

    kind: str
    method: str
    path: str


class Faulty:
    """A simulator behind a bad connection: the first rule that fits a request is applied.

    Args:
        simulator: The simulator.
        faults: The first rules; :meth:`add` adds more.
        rng: Decides on rules with a probability; seeded, so that a run can be repeated.
    """

    def __init__(self, simulator: Simulator, faults: Iterable[Fault] = (), *, rng: Random) -> None:
        self.simulator = simulator
        self.faults = list(faults)
        self.injected: deque[Injected] = deque(maxlen=LOG_LENGTH)
        self._rng = rng
        self._late: set[asyncio.Task[Response]] = set()

    def add(self, *faults: Fault) -> None:
        """Append rules."""
        self.faults.extend(faults)

    def clear(self) -> None:
        """Remove all rules. ``injected`` keeps what happened."""
        self.faults.clear()

    async def handle(self, request: Request) -> Response:
        """Answer one request, or raise :class:`Dropped`."""
        fault = self._choose(request)
        if fault is None:
            return await self.simulator.handle(request)
        self.injected.append(Injected(fault.kind, request.method, request.path))
        return await self._inject(fault, request)

    def _choose(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if not fault.fits(request):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1.0 and self._rng.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None

    async def _inject(self, fault: Fault, request: Request) -> Response:
        match fault.kind:
            case "refuse" | "drop_before":
                raise Dropped(fault.kind)
            case "status" | "html":
                return _instead(fault)
            case "stall_before" | "sip":
                slow = len(request.body) / fault.rate if fault.kind == "sip" else fault.seconds
                await asyncio.sleep(slow)
                return await self.simulator.handle(request)
            case "late":
                return await self._late_work(fault, request)
        answer = await self.simulator.handle(request)
        match fault.kind:
            case "drop_after":
                raise Dropped(fault.kind)
            case "stall_after":
                await asyncio.sleep(fault.seconds)
                return answer
            case "drip":
                return replace(answer, rate=fault.rate)
            case "status_after" | "html_after":
                return _instead(fault)
        return _spoilt(fault, answer)

    async def _late_work(self, fault: Fault, request: Request) -> Response:
        async def work() -> Response:
            await asyncio.sleep(fault.seconds)
            return await self.simulator.handle(request)

        task = asyncio.create_task(work())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return await asyncio.shield(task)

    async def settle(self) -> None:
        """Wait until all late work is done."""
        await asyncio.gather(*self._late, return_exceptions=True)


def unwrap(simulator: Any) -> Any:
    """Give the simulator inside, when there is a :class:`Faulty` around it."""
    while isinstance(simulator, Faulty):
        simulator = simulator.simulator
    return simulator


def _instead(fault: Fault) -> Response:
    """Build the answer that stands in for the simulator's own."""
    if fault.kind in ("html", "html_after"):
        status = fault.status or 502
        headers = {"content-type": "text/html; charset=utf-8", **fault.headers}
        return Response(status, PAGE % (status, status), headers)
    status = fault.status or 500
    body = fault.body
    if body is None:
        body = {"code": "internal.error", "message": "Internal error"}
    return Response.json(status, body, fault.headers)


def _spoilt(fault: Fault, answer: Response) -> Response:
    """Damage the simulator's own answer; ``truncate`` leaves at least one byte less of it."""
    status = fault.status or answer.status
    headers = {**answer.headers, **fault.headers}
    match fault.kind:
        case "truncate":
            return Response(status, answer.body[: len(answer.body) // 2], headers)
        case "empty":
            return Response(status, b"", headers)
        case "wrong_type":
            return Response.json(status, [] if fault.body is None else fault.body, headers)
    data = json.loads(answer.body)
    if isinstance(data, dict):
        data.update(fault.body or {})
        data = {name: value for name, value in data.items() if name not in fault.without}
    return Response.json(status, data, headers)
