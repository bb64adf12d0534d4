"""Runs both simulators in a process of their own: a killed daemon does not take them along."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any

from maxbridge.sim.faults import Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.serve import loopback_socket, serve

FREESCOUT_KEY = "0123456789abcdef0123456789abcdef"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m maxbridge.sim", description=__doc__)
    parser.add_argument("--max-port", type=int, default=0, help="port of MAX, any free one if 0")
    parser.add_argument("--desk-port", type=int, default=0, help="port of FreeScout")
    parser.add_argument("--seed", type=int, default=0, help="of the faults with a probability")
    options = parser.parse_args(argv)
    asyncio.run(_serve_both(options.max_port, options.desk_port, options.seed))
    return 0


async def _serve_both(max_port: int, desk_port: int, seed: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    rng = Random(seed)  # noqa: S311 - faults need to be repeatable, not secret
    async with AsyncExitStack() as stack:
        max_sim = MaxSim(now=time.time)
        max_url = await stack.enter_async_context(
            serve(Faulty(max_sim, rng=rng), max_port, controls=max_sim.controls())
        )
        desk_socket = loopback_socket(desk_port)
        desk_url = f"http://127.0.0.1:{desk_socket.getsockname()[1]}"
        desk = _make_desk(desk_url)
        await stack.enter_async_context(
            serve(Faulty(desk, rng=rng), controls=_controls_of(desk), sock=desk_socket)
        )
        ready = {
            "max_url": max_url,
            "max_token": max_sim.token,
            "freescout_url": desk_url,
            "freescout_key": FREESCOUT_KEY,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _make_desk(url: str) -> Any:
    from maxbridge.sim.desk import DeskSim  # noqa: PLC0415 - MAX alone must work without it

    return DeskSim(now=time.time, key=FREESCOUT_KEY, app_url=url)


def _controls_of(desk: Any) -> dict[str, Callable[..., Any]]:
    """Let another process act as the desk's agents: everything public that the state can do."""
    if hasattr(desk, "controls"):
        found: dict[str, Callable[..., Any]] = desk.controls()
        return found
    members = inspect.getmembers(desk.state, inspect.ismethod)
    actions = {name: method for name, method in members if not name.startswith("_")}
    return {"dump": lambda: _dump(desk.state), **actions}


def _dump(state: Any) -> dict[str, Any]:
    """Give the tables of the desk, for assertions."""
    return {name: value for name, value in vars(state).items() if not name.startswith("_")}


if __name__ == "__main__":
    sys.exit(main())
