"""How late are those whom somebody else's trouble does not concern? The case *trouble* of the benchmarks, on virtual time.

Twelve customers write a text a second together, and agents answer in their tickets every three seconds, while six others
are in each trouble. Services need the time that the contracts measured, and nothing else takes any: the figures
are the same on every machine. What costs CPU, such as a message of 8 MB, is measured by ``make bench ARGS=trouble``.

``PYTHONPATH=.:tests python tests/workers/test_lateness.py`` prints the table of docs/performance.md.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.cases.trouble import GROUP, OTHERS, TROUBLES, Group, Trouble
from bench.results import percentile
from bridge import Bridge, running
from maxbridge.sim.faults import Fault, Faulty
from maxbridge.sim.wire import Request, Response
from virtual_time import run

SECONDS = 60
GOAL = 2.0
"""Seconds by which the p99 may be later than the quiet one."""
FIRST = 500
"""The first of the customers, as MAX calls them."""
WORDS = re.compile(r"№(\d+)\.")
CALL = 0.05
ROW, THREAD = 0.0017, 0.002
"""Seconds that MAX needs for a call, and the desk for a row of a list and for a thread (contract freescout.md 7)."""


class Figures(NamedTuple):
    """Seconds from the moment at which words were said to the one at which they had arrived."""

    text_p50: float
    text_p99: float
    reply_p50: float
    reply_p99: float


class Service:
    """A service that needs its time, and notes when the words of others have arrived."""

    def __init__(self, line: Faulty, now: Callable[[], float]) -> None:
        self._simulator = line.simulator
        self._now = now
        line.simulator = self
        self.arrived: dict[int, float] = {}

    async def handle(self, request: Request) -> Response:
        answer = await self._simulator.handle(request)
        if request.path.startswith("/api/") and request.method == "GET":
            data = json.loads(answer.body).get("_embedded", {})
            rows = len(data.get("conversations", ())) * ROW + len(data.get("threads", ())) * THREAD
            await asyncio.sleep(0.01 + rows)
            answer = replace(
                answer, headers={**answer.headers, "date": formatdate(self._now(), usegmt=True)}
            )
        elif request.path != "/updates":
            await asyncio.sleep(CALL)
        if request.method == "POST" and answer.status < 300 and b"\xe2\x84\x96" in _plain(request):
            now = asyncio.get_running_loop().time()
            for number in WORDS.findall(_plain(request).decode()):
                self.arrived.setdefault(int(number), now)
        return answer


def _plain(request: Request) -> bytes:
    try:
        return json.dumps(json.loads(request.body), ensure_ascii=False).encode()
    except ValueError:
        return b""


class People:
    """Customers and agents, called as the benchmark calls them in the simulators' process."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge

    def call(self, name: str, *args: Any) -> None:
        """Do what they do in the beginning of a trouble."""
        getattr(self, name)(*args)

    def say(self, people: int, messages: int, size: int, first: int) -> None:
        for each in range(messages):
            file = self.bridge.max.state.attach("file", b"x" * size, "a.bin") if size else None
            self.bridge.say(
                "больное", FIRST + first + each % people, attachments=[file] if file else []
            )

    def answer(self, tickets: int, size: int, first: int) -> None:
        for number in range(first + 1, first + tickets + 1):
            files = [("a.bin", "application/octet-stream", b"x" * size)] if size else []
            self.bridge.reply(number, "<div>больной</div>", attachments=files)

    def change_others(self, many: int) -> None:
        desk = self.bridge.desk.state
        mailed = desk.add_customer(emails=[desk.make_email("a@example.org")]).id

        async def workflow() -> None:
            for each in range(many):
                desk.new_conversation("<div>всем</div>", customer_id=mailed)
                if each % 250 == 0:
                    await asyncio.sleep(0.5)

        self._work = asyncio.create_task(workflow())

    def change_steadily(self, a_second: int) -> None:
        desk = self.bridge.desk.state
        mailed = desk.add_customer(emails=[desk.make_email("b@example.org")]).id

        async def mails() -> None:
            for _ in range(SECONDS * 10):
                for _ in range(a_second // 10):
                    desk.new_conversation("<div>почта</div>", customer_id=mailed)
                await asyncio.sleep(0.1)

        self._mails = asyncio.create_task(mails())

    def answer_long(self, tickets: int, threads: int, first: int) -> None:
        for number in range(first + 1, first + tickets + 1):
            for _ in range(threads):
                self.bridge.desk.state.note(number, "<div>примечание</div>")
        self.answer(tickets, 0, first)


def _posts(group: Group, **more: Any) -> list[dict[str, Any]]:
    paths = [f"/api/conversations/{each}/threads" for each in group.tickets]
    return [{"method": "POST", "path": each, "times": None, **more} for each in paths]


def _sends(group: Group, **more: Any) -> list[dict[str, Any]]:
    chats = [{"chat_id": str(each)} for each in group.chats]
    return [
        {"method": "POST", "path": "/messages", "query": each, "times": None, **more}
        for each in chats
    ]


def _act(name: str, *args: int) -> Callable[[Any, Group], None]:
    def act(people: People, group: Group) -> None:
        people.call(name, *args, group.first)

    return act


LATER = {
    "kind": "status",
    "status": 429,
    "headers": {"Retry-After": "300"},
    "body": {"message": "Too Many Attempts."},
}
KINDS: dict[str, Trouble] = {
    # What costs nothing but CPU takes no time here.
    **{name: each for name, each in TROUBLES.items() if "links" not in name},
    "posts to six tickets: come in 300 s": Trouble(
        _act("say", GROUP, GROUP, 0), at_desk=lambda group: _posts(group, **LATER)
    ),
    "posts to six tickets: not reached": Trouble(
        _act("say", GROUP, GROUP, 0), at_desk=lambda group: _posts(group, kind="refuse")
    ),
    "sends to six chats: come in 300 s": Trouble(
        _act("answer", GROUP, 0), at_max=lambda group: _sends(group, **LATER)
    ),
    "sends to six chats: not reached": Trouble(
        _act("answer", GROUP, 0), at_max=lambda group: _sends(group, kind="refuse")
    ),
    "5,000 foreign tickets change": Trouble(lambda people, _: people.call("change_others", 5000)),
    "100 tickets of other programs a second": Trouble(
        lambda people, _: people.call("change_steadily", 100)
    ),
}
TOGETHER = tuple(KINDS)
# With these, too, the first reply of all at once is 3.1 s late: it is read behind a hundred others of the same second.
KINDS["six tickets of 1,000 threads"] = Trouble(_act("answer_long", GROUP, 1000))
LIST = {"method": "GET", "path": "/api/conversations", "times": None}
# Beside these two the desk's long lists are no trouble: they are not given.
KINDS |= {
    "the list of changes is refused": Trouble(
        lambda *_: None, at_desk=lambda _: [{**LIST, "kind": "status", "status": 500}]
    ),
    "the list of changes hangs": Trouble(
        lambda *_: None, at_desk=lambda _: [{**LIST, "kind": "stall_before", "seconds": 1e6}]
    ),
}
CHOSEN = {"quiet": (), **{each: (each,) for each in KINDS}, "all at once": TOGETHER}


async def _measured(folder: Path, chosen: tuple[str, ...]) -> Figures:
    async with running(folder) as bridge:
        people = People(bridge)
        many = GROUP * len(chosen) + OTHERS
        for each in range(many):
            bridge.max.state.person(FIRST + each, f"Имя{each}")
            bridge.say("здравствуйте", FIRST + each)
            await bridge.until(lambda: len(bridge.tickets()) > each, 60)  # noqa: B023
        desk = Service(bridge.desk_line, bridge.clock.now)
        messenger = Service(bridge.max_line, bridge.clock.now)
        for position, name in enumerate(chosen):
            first = GROUP * position
            chats = [bridge.chat(FIRST + each) for each in range(first, first + GROUP)]
            group = Group(first, list(range(first + 1, first + GROUP + 1)), chats)
            bridge.max_line.add(*map(Fault.parse, KINDS[name].at_max(group)))
            bridge.desk_line.add(*map(Fault.parse, KINDS[name].at_desk(group)))
            KINDS[name].act(people, group)  # type: ignore[arg-type]
        said: dict[int, float] = {}
        answered: dict[int, float] = {}
        loop = asyncio.get_running_loop()
        for second in range(SECONDS):
            said[second] = loop.time()
            bridge.say(f"№{second}.", FIRST + many - 1 - second % OTHERS)
            if second % 3 == 0:
                answered[second] = loop.time()
                bridge.reply(many - second % OTHERS, f"<div>№{second}.</div>")
            await asyncio.sleep(1.0 + second % 7 / 50)
        await bridge.until(
            lambda: (
                said.keys() <= desk.arrived.keys() and answered.keys() <= messenger.arrived.keys()
            ),
            900,
        )
        texts = [desk.arrived[each] - at for each, at in said.items()]
        replies = [messenger.arrived[each] - at for each, at in answered.items()]
    return Figures(*(percentile(each, share) for each in (texts, replies) for share in (50, 99)))


def measured(chosen: tuple[str, ...]) -> Figures:
    """The figures of others while six people are in each of these troubles."""
    with tempfile.TemporaryDirectory() as folder:
        return run(_measured(Path(folder), chosen))


quiet = functools.cache(functools.partial(measured, ()))


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", [each for each in CHOSEN if each != "quiet"])
def test_nobody_waits_for_somebody_else(name: str) -> None:
    figures = measured(CHOSEN[name])
    assert figures.text_p99 <= quiet().text_p99 + GOAL
    assert figures.reply_p99 <= quiet().reply_p99 + GOAL


if __name__ == "__main__":
    for name, chosen in CHOSEN.items():
        shown = " | ".join(f"{each:.2f}" for each in measured(chosen))
        print(f"| {name} | {shown} |", flush=True)  # noqa: T201 - the table
