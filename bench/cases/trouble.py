"""Case: somebody else's trouble. How late are those whom it does not concern?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.cases import Case, Scale, Variant
from bench.cases.delivery import stage
from bench.contenders.names import MAXBRIDGE
from bench.ends import Ends
from bench.results import Sample, latencies, percentile

GROUP = 6
"""People, and their tickets, in each trouble."""
OTHERS = 12
"""People, and agents, whom nothing concerns."""
_FOR_EVER = 1e6
_PATIENCE = 900.0

Fault = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """The people of one trouble.

    Attributes:
        first: The first of them; tickets are numbered as people are.
        tickets: Their numbers at the desk.
        chats: Their chats at MAX.
    """

    first: int
    tickets: list[int]
    chats: list[int]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong.

    Attributes:
        act: What the people whom it concerns do.
        at_max: What MAX does to requests.
        at_desk: What the desk does to them.
    """

    act: Callable[[Ends, Group], None]
    at_max: Callable[[Group], list[Fault]] = lambda _: []
    at_desk: Callable[[Group], list[Fault]] = lambda _: []


def _hangs(method: str, path: str, **more: Any) -> Fault:
    fault = {"kind": "stall_before", "method": method, "path": path}
    return fault | {"times": None, "seconds": _FOR_EVER, **more}


def _says(size: int, messages: int = 1) -> Callable[[Ends, Group], None]:
    def act(ends: Ends, group: Group) -> None:
        ends.call("say", GROUP, GROUP * messages, size, group.first)

    return act


def _answers(size: int) -> Callable[[Ends, Group], None]:
    def act(ends: Ends, group: Group) -> None:
        ends.call("answer", GROUP, size, group.first)

    return act


def _large(ends: Ends, group: Group) -> None:
    ends.call("large", group.first, 1, 4000, 2000)


def _posts_hang(group: Group) -> list[Fault]:
    return [_hangs("POST", f"/api/conversations/{each}/threads") for each in group.tickets]


def _posts_fail(group: Group) -> list[Fault]:
    return [
        {"kind": "status", "method": "POST", "path": f"/api/conversations/{each}/threads",
         "status": 500, "times": None}
        for each in group.tickets
    ]  # fmt: skip


def _sends_hang(group: Group) -> list[Fault]:
    return [_hangs("POST", "/messages", query={"chat_id": str(each)}) for each in group.chats]


def _readings_hang(group: Group) -> list[Fault]:
    return [_hangs("GET", f"/api/conversations/{each}") for each in group.tickets]


TROUBLES: dict[str, Trouble] = {
    "MAX's storage drips": Trouble(
        _says(3_000_000),
        at_max=lambda _: [
            {"kind": "drip", "path": "/cdn/get", "times": None, "rate": 3000.0, "probability": 0.5}
        ],
    ),
    "MAX's storage is silent": Trouble(_says(50_000), at_max=lambda _: [_hangs("GET", "/cdn/get")]),
    "uploads to MAX hang": Trouble(
        _answers(50_000), at_max=lambda _: [_hangs("POST", "/cdn/upload")]
    ),
    "slots for uploads hang": Trouble(
        _answers(50_000), at_max=lambda _: [_hangs("POST", "/uploads")]
    ),
    "the desk's files hang": Trouble(
        _answers(50_000), at_desk=lambda _: [_hangs("GET", "/storage/attachment/*")]
    ),
    "posts to six tickets hang": Trouble(_says(0), at_desk=_posts_hang),
    "posts to six tickets fail": Trouble(_says(0), at_desk=_posts_fail),
    "sends to six chats hang": Trouble(_answers(0), at_max=_sends_hang),
    "readings of six tickets hang": Trouble(_answers(0), at_desk=_readings_hang),
    "4,000 links of 2 kB": Trouble(_large),
    "a flood of 120 messages": Trouble(_says(0, messages=20)),
}


def _variants(scale: Scale) -> Iterator[Variant]:
    seconds = scale.pick(90, 5)
    chosen: dict[str, list[str]] = {"quiet": []}
    chosen |= {name: [name] for name in TROUBLES}
    chosen["all at once"] = list(TROUBLES)
    for name, troubles in chosen.items():
        yield Variant(name, (MAXBRIDGE,), partial(_measure, troubles=troubles, seconds=seconds))


def _measure(contender: str, *, troubles: list[str], seconds: int) -> Sample:
    with stage(contender) as scene:
        ends = scene.ends
        groups = [GROUP * number for number in range(len(troubles))]
        others = GROUP * len(troubles)
        # Each group in turn, so that tickets are numbered as people are; the first has one already.
        for first in (*groups, others):
            many = OTHERS if first == others else GROUP
            ends.arrived(ends.call("say", many, many, 0, first), patience=60.0)
        _begin(ends, [TROUBLES[name] for name in troubles], groups)
        text = ends.call("steady", OTHERS, seconds, 1.0, others) - seconds
        reply = ends.call("answering", OTHERS, seconds // 3 + 1, 1 / 3, others) - seconds // 3 - 1
        time.sleep(seconds)  # they write for so long
        deadline = time.monotonic() + _PATIENCE
        while ends.call("missing", "in", text) or ends.call("missing", "out", reply):
            if time.monotonic() > deadline:
                raise RuntimeError("what does not concern anybody's trouble did not arrive")
            time.sleep(0.5)
        answered = ends.call("times", "out", reply)
        return latencies(ends.call("times", "in", text)) | {
            f"reply_p{each}_ms": percentile(answered, each) * 1000 for each in (50, 99)
        }


def _begin(ends: Ends, troubles: list[Trouble], firsts: list[int]) -> None:
    groups = [
        Group(first, list(range(first + 1, first + GROUP + 1)), ends.call("chats", first, GROUP))
        for first in firsts
    ]
    pairs = list(zip(troubles, groups, strict=True))
    ends.call("faults", *(each for trouble, group in pairs for each in trouble.at_max(group)))
    desk = [each for trouble, group in pairs for each in trouble.at_desk(group)]
    ends.call("faults", *desk, end="desk")
    for trouble, group in pairs:
        trouble.act(ends, group)


CASE = Case(
    "trouble",
    "Somebody else's trouble, paced like MAX: twelve customers write one text a second together, and agents answer in "
    "their tickets every three seconds, while six others are in each trouble. Only those twelve are "
    "measured. A flood waits in MAX's own queue, which gives 100 events a poll and two polls a second. Replies include FreeScout's undo window and the polls, as in the case *replies*. The goal: the p99 stays "
    "within 2 s of the quiet one.",
    _variants,
)
