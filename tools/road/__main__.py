"""``make trace``: follow one message to the desk and one reply to MAX, and print where they went.

Both pass through the real daemon between the simulators, on virtual time. Counted are the calls of our own
functions from the moment of writing until the delivery is done: the polls that bring it are in, those that find
nothing are, too.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

import maxbridge
from bridge import running
from virtual_time import VirtualLoop

_HOME = Path(maxbridge.__file__).parent
_NOT_OURS = ("sim/", "demo/")
"""The ends; they are part of the package, not of the road."""


@dataclass(slots=True)
class Road:
    """What was called on the way.

    Attributes:
        calls: By module, how often one of its functions was called.
        functions: Different ones.
        first: Modules in the order of their first call.
        crossings: Calls from one module into another.
    """

    calls: Counter[str] = field(default_factory=Counter)
    functions: set[str] = field(default_factory=set)
    first: dict[str, None] = field(default_factory=dict)
    crossings: int = 0

    def note(self, frame: FrameType) -> None:
        """A function begins."""
        module = _module(frame)
        if not module:
            return
        self.calls[module] += 1
        self.functions.add(f"{module}:{frame.f_code.co_qualname}")
        self.first.setdefault(module)
        caller = frame.f_back
        while caller is not None and not (came_from := _module(caller)):
            caller = caller.f_back
        if caller is not None and came_from != module:
            self.crossings += 1

    def __str__(self) -> str:
        return (
            f"{self.calls.total()} calls, {len(self.functions)} functions, {len(self.first)} modules, "
            f"{self.crossings} crossings"
        )


def _module(frame: FrameType) -> str:
    """The module of ours that a frame runs; empty for everybody else's."""
    try:
        name = Path(frame.f_code.co_filename).relative_to(_HOME).as_posix()
    except ValueError:
        return ""
    return "" if name.startswith(_NOT_OURS) else name.removesuffix(".py")


@contextmanager
def followed() -> Iterator[Road]:
    """Follow everything that is called meanwhile."""
    road = Road()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        # A coroutine that goes on is no call: it was one when it began.
        if event == "call" and frame.f_lasti <= 0:
            road.note(frame)

    sys.setprofile(profile)
    try:
        yield road
    finally:
        sys.setprofile(None)


async def follow(folder: Path) -> dict[str, Road]:
    """Let a customer and an agent write one line each, when both have written before."""
    async with running(folder) as bridge:
        bridge.say("Здравствуйте!")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>Слушаю.</div>")
        await bridge.until(bridge.sent)
        await bridge.quiet()
        roads = {}
        with followed() as roads["a message to the desk"]:
            bridge.say("Где мой заказ?")
            await bridge.until(lambda: len(bridge.bodies(1)) == 2)
        await bridge.quiet()
        with followed() as roads["a reply to MAX"]:
            bridge.reply(1, "<div>В <b>пути</b>.</div>")
            await bridge.until(lambda: len(bridge.sent()) == 2)
        return roads


def main(argv: Sequence[str] | None = None) -> int:
    """Print both roads."""
    parser = argparse.ArgumentParser(prog="python -m road", description=__doc__)
    parser.add_argument("--modules", action="store_true", help="with the calls of each module")
    options = parser.parse_args(argv)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=VirtualLoop) as loop:
        for name, road in loop.run(follow(Path(folder))).items():
            print(f"{name}: {road}")
            if options.modules:
                for module in road.first:
                    print(f"  {road.calls[module]:5} {module}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
