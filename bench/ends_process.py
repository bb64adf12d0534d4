"""Both simulators in a process of their own, with a crowd in front of them and clocks on them.

``python -m bench.ends_process [--unpaced]`` prints the addresses as ``python -m maxbridge.sim`` does.
Latencies are taken here, by one clock, so no contender measures itself: a message counts from the
moment at which it is in MAX's queue to the moment at which the desk has carried out the POST.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from maxbridge.sim.desk import DeskSim
from maxbridge.sim.desk.json import conversation_json
from maxbridge.sim.desk.model import DeskEvent
from maxbridge.sim.faults import Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.max.store import MaxEvent
from maxbridge.sim.serve import loopback_socket, serve
from maxbridge.sim.wire import Request, Response

KEY = "0123456789abcdef0123456789abcdef"
FIRST_USER = 410_000_001
_NUMBER = re.compile(r"№(\d+)№")
_DIGITS = re.compile(r"\d+")
_HEADER = 4
_PUSHES = 20
WORDS = "Добрый день! Подскажите, пожалуйста, когда приедет мой заказ, жду его третий день."


class Traffic:
    """Requests by kind and bytes both ways, headers included as HTTP/1.1 writes them."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.bytes = 0

    async def count(
        self, request: Request, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        response = await answer(request)
        path = _DIGITS.sub("…", request.path)
        self.requests[f"{request.method} {path}"] += 1
        self.bytes += len(request.body) + len(response.body) + len(request.path)
        for headers in (request.headers, response.headers):
            self.bytes += sum(len(name) + len(value) + _HEADER for name, value in headers.items())
        self.bytes += sum(len(name) + len(value) + 2 for name, value in request.query.items())
        return response


class CountedMax(MaxSim):
    """MAX with a meter."""

    def __init__(self, traffic: Traffic) -> None:
        super().__init__(now=time.time)
        self._traffic = traffic

    async def handle(self, request: Request) -> Response:
        return await self._traffic.count(request, super().handle)


class CountedDesk(DeskSim):
    """FreeScout with a meter."""

    def __init__(self, traffic: Traffic, url: str) -> None:
        super().__init__(now=time.time, key=KEY, app_url=url)
        self._traffic = traffic

    async def handle(self, request: Request) -> Response:
        return await self._traffic.count(request, super().handle)


class Crowd:
    """Customers who write and agents who answer, and when what they wrote arrived."""

    def __init__(self, max_sim: MaxSim, desk: DeskSim) -> None:
        self._max, self._desk = max_sim, desk
        self._said: dict[int, float] = {}
        self._landed: dict[int, float] = {}
        self._answered: dict[int, float] = {}
        self._arrived: dict[int, float] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._webhooks: asyncio.Queue[tuple[str, Any]] | None = None
        desk.on_change = self._at_desk
        max_sim.on_change = self._at_max

    def controls(self) -> dict[str, Callable[..., Any]]:
        names = (
            "say", "steady", "answer", "answering", "large", "chats", "push_to", "wait",
            "wait_answers", "times", "missing",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def _at_desk(self, event: DeskEvent) -> None:
        thread = self._desk.state.threads.get(event.thread_id or 0)
        # Several messages of one person may share a thread.
        for found in _NUMBER.finditer(thread.body or "") if thread else ():
            self._landed.setdefault(int(found[1]), time.perf_counter())
            self._changed.set()

    def _at_max(self, event: MaxEvent) -> None:
        if event.kind != "bot_sent" or event.mid is None:
            return
        _, message = self._max.state.find(event.mid)
        found = _NUMBER.search(message["body"].get("text", ""))
        if found:
            self._arrived.setdefault(int(found[1]), time.perf_counter())
            self._changed.set()

    def _speak(self, person: int, size: int) -> None:
        number = len(self._said)
        user = FIRST_USER + person
        if user not in self._max.state.people:
            self._max.state.person(user, f"Покупатель{person}", "Проверочный")
        files = None
        if size:
            content = random.Random(number).randbytes(size)
            files = [self._max.state.attach("file", content, f"file{number}.bin")]
        self._max.state.say(user, f"№{number}№ {WORDS}", files)
        self._said[number] = time.perf_counter()
        if self._webhooks is not None:
            event = self._max.state.queue.last()
            self._webhooks.put_nowait(("max", event))

    def say(self, people: int, messages: int, size: int = 0, first: int = 0) -> int:
        """So many messages at once, in turn from so many people; ``size`` bytes of file with each."""
        for each in range(messages):
            self._speak(first + each % people, size)
        return len(self._said)

    def large(self, first: int, people: int, links: int, length: int) -> None:
        """A message with so many links from each of them; they are not counted."""
        for person in range(first, first + people):
            urls = [f"https://links.example/{'a' * length}{each}" for each in range(links)]
            markup = [
                {"type": "link", "from": each % 3900, "length": 1, "url": url}
                for each, url in enumerate(urls)
            ]
            self._max.state.say(FIRST_USER + person, "x" * 4000, markup=markup)

    def chats(self, first: int, people: int) -> list[int]:
        """The chats of so many people."""
        return [
            self._max.state.people[FIRST_USER + each].chat_id
            for each in range(first, first + people)
        ]

    def steady(self, people: int, messages: int, rate: float, first: int = 0) -> int:
        """Begin to write at a rate a second."""

        async def speak() -> None:
            began = time.perf_counter()
            for each in range(messages):
                await asyncio.sleep(began + each / rate - time.perf_counter())
                self._speak(first + each % people, 0)

        self._keep(speak())
        return len(self._said) + messages

    def answering(self, tickets: int, answers: int, rate: float, first: int = 0) -> int:
        """Begin to answer in these tickets, in turn, at a rate a second."""

        async def write() -> None:
            began = time.perf_counter()
            for each in range(answers):
                await asyncio.sleep(began + each / rate - time.perf_counter())
                self.answer(1, first=first + each % tickets)

        self._keep(write())
        return len(self._answered) + answers

    def answer(self, tickets: int, size: int = 0, first: int = 0) -> int:
        """An agent answers in so many of the open tickets, oldest first."""
        for conversation in list(self._desk.state.conversations.values())[first : first + tickets]:
            number = len(self._answered)
            files = []
            if size:
                content = random.Random(number).randbytes(size)
                files = [(f"file{number}.bin", "application/octet-stream", content)]
            self._answered[number] = time.perf_counter()
            self._desk.state.reply(
                conversation.id, f"<div>№{number}№ {WORDS}</div>", attachments=files
            )
            if self._webhooks is not None:
                threads = self._desk.state.published_of(conversation.id)
                body = conversation_json(self._desk.state, conversation, threads)
                self._webhooks.put_nowait(("freescout", body))
        return len(self._answered)

    def push_to(self, url: str) -> None:
        """Deliver events by webhook from now on, one after another, as MAX and FreeScout do."""
        waiting: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._webhooks = waiting

        async def push() -> None:
            async with aiohttp.ClientSession() as session:
                while True:
                    path, body = await waiting.get()
                    await _pushed(session, f"{url}/{path}", body)

        self._keep(push())

    async def wait(self, count: int, seconds: float) -> dict[str, float]:
        """Until so many messages are at the desk; gives how many are, and the last one's moment."""
        return await self._until(self._landed, count, seconds)

    async def wait_answers(self, count: int, seconds: float) -> dict[str, float]:
        """Until so many answers are at MAX."""
        return await self._until(self._arrived, count, seconds)

    async def _until(self, times: dict[int, float], count: int, seconds: float) -> dict[str, float]:
        deadline = time.perf_counter() + seconds
        while len(times) < count and time.perf_counter() < deadline:
            self._changed = asyncio.Event()
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + 1.0):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return {"count": len(times), "at": max(times.values(), default=0.0)}

    def times(self, kind: str, since: int = 0) -> list[float]:
        """Seconds on the way of every message (``in``) or answer (``out``) that arrived, from a number on."""
        began, ended = self._kept(kind)
        return [ended[number] - began[number] for number in sorted(ended) if number >= since]

    def missing(self, kind: str, since: int) -> int:
        """How many from a number on have not arrived."""
        began, ended = self._kept(kind)
        return sum(number not in ended for number in began if number >= since)

    def _kept(self, kind: str) -> tuple[dict[int, float], dict[int, float]]:
        return (self._said, self._landed) if kind == "in" else (self._answered, self._arrived)

    def _keep(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _pushed(session: aiohttp.ClientSession, url: str, body: Any) -> None:
    """Deliver one event; what fails is delivered again, as both ends do, for a while."""
    for _ in range(_PUSHES):
        try:
            async with session.post(url, json=body) as answer:
                await answer.read()
                return
        except aiohttp.ClientError:
            await asyncio.sleep(0.2)


async def _serve(*, unpaced: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    at_max, at_desk = Traffic(), Traffic()
    rng = random.Random(0)
    async with AsyncExitStack() as stack:
        max_sim = CountedMax(at_max)
        max_sim.no_marker = "all"  # who starts without a marker gets what waits
        if unpaced:
            max_sim.lift_limits()
        sock = loopback_socket()
        desk_url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        desk = CountedDesk(at_desk, desk_url)
        crowd = Crowd(max_sim, desk)

        def traffic() -> dict[str, Any]:
            both = {"max": at_max, "desk": at_desk}
            return {
                name: {"requests": dict(one.requests), "bytes": one.bytes}
                for name, one in both.items()
            }

        controls = {
            **crowd.controls(),
            "traffic": traffic,
            "clock": time.perf_counter,
            "pid": os.getpid,
        }
        max_url = await stack.enter_async_context(
            serve(Faulty(max_sim, rng=rng), controls={**max_sim.controls(), **controls})
        )
        await stack.enter_async_context(
            serve(Faulty(desk, rng=rng), controls=desk.controls(), sock=sock)
        )
        ready = {
            "max_url": max_url,
            "max_token": max_sim.token,
            "freescout_url": desk_url,
            "freescout_key": KEY,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.ends_process")
    parser.add_argument("--unpaced", action="store_true", help="no limits on MAX's side")
    asyncio.run(_serve(unpaced=parser.parse_args().unpaced))
