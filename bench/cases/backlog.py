"""Case: a backlog of updates, as after an outage, from few or many people."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.cases import Case, Scale, Variant
from bench.cases.delivery import burst
from bench.contenders.names import ALL, BARE, MAXBRIDGE


def _variants(scale: Scale) -> Iterator[Variant]:
    messages, crowd = scale.pick(10_000, 300), scale.pick(1000, 100)
    for people in (1, 10, crowd, messages):
        yield Variant(
            f"{messages} from {people}, unpaced",
            ALL,
            partial(burst, people=people, messages=messages, unpaced=True),
        )
    yield Variant(
        f"{messages} from {crowd}, paced",
        (BARE, MAXBRIDGE),
        partial(burst, people=crowd, messages=messages, unpaced=False),
    )
    for people, messages in ((1, scale.pick(1000, 60)), (10, scale.pick(1000, 60))):
        yield Variant(
            f"{messages} from {people}, paced",
            (BARE, MAXBRIDGE),
            partial(burst, people=people, messages=messages, unpaced=False),
        )


CASE = Case(
    "backlog",
    "All messages are in MAX's queue at the start. Unpaced: no rate limits and no pauses, so this is our "
    "own cost. Paced like MAX (2 polls of 100 events a second; two threads of a chat a second apart): "
    "what a user sees. maxbridge joins up to 50 waiting messages of one person in one thread; the bare "
    "script posts each one, and those of one second have no order on the agent's page.",
    _variants,
)
