"""Case: what the simulators themselves can answer, since they share the machine with everybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import aiohttp

from bench.cases import Case, Scale, Variant
from bench.ends import Ends, ends
from bench.results import Sample

_WIDTH = 4


def _variants(scale: Scale) -> Iterator[Variant]:
    requests = scale.pick(4000, 300)

    def measure(_: str) -> Sample:
        with ends(unpaced=True) as both:
            return asyncio.run(_hammer(both, requests))

    yield Variant("GET and POST of a ticket, 4 at a time", ("no contender",), measure)


async def _hammer(both: Ends, requests: int) -> Sample:
    headers = {"X-FreeScout-API-Key": both.desk_key, "Accept": "application/json"}
    thread = {"type": "customer", "text": "<div>Добрый день!</div>"}
    ticket = {
        "type": "chat", "mailboxId": 1, "subject": "…", "customer": {"firstName": "A"},
        "threads": [thread],
    }  # fmt: skip
    async with aiohttp.ClientSession(both.desk_url, headers=headers) as session:

        async def person() -> None:
            async with session.post("/api/conversations", json=ticket) as answer:
                number = (await answer.json())["id"]
            for _ in range(requests // 2 // _WIDTH):
                async with session.get(f"/api/conversations/{number}?embed=tags") as answer:
                    await answer.read()
                path = f"/api/conversations/{number}/threads"
                async with session.post(path, json=thread) as answer:
                    await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(person() for _ in range(_WIDTH)))
        return {"rate": requests / 2 / (time.perf_counter() - began)}


CASE = Case(
    "ceiling",
    "The two calls that a message costs at the desk, made without any contender by a bare loop in a "
    "process of its own: no contender can be faster than this.",
    _variants,
)
