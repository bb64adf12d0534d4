"""Case: a desk that takes its time, as real ones do (50 to 300 ms a call)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.cases import Case, Scale, Variant
from bench.cases.delivery import burst
from bench.contenders.names import ALL


def _variants(scale: Scale) -> Iterator[Variant]:
    for milliseconds in (0, 50, 300):
        messages = scale.pick(400, 40)
        yield Variant(
            f"desk answers in {milliseconds} ms",
            ALL,
            partial(
                burst,
                people=messages,
                messages=messages,
                unpaced=True,
                desk_seconds=milliseconds / 1000,
            ),
        )


CASE = Case(
    "latency",
    "400 first messages of 400 people, unpaced, with a delay added to every answer of FreeScout. "
    "maxbridge and the bare script serve four chats at a time and make two calls for a first message; the "
    "webhook bridge makes one, one after another.",
    _variants,
)
