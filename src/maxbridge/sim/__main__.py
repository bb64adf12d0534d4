"""Run both simulators in a separate process, so that killing the daemon does not end them."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from maxbridge.sim.desk import DeskSim
from maxbridge.sim.faults import Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.serve import loopback_socket, serve
from maxbridge.sim.wire import Now

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
    async with both_ends(time.time, Random(seed), max_port, desk_port) as ready:  # noqa: S311 - see below
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


@asynccontextmanager
async def both_ends(
    now: Now, rng: Random, max_port: int = 0, desk_port: int = 0
) -> AsyncIterator[dict[str, str]]:
    """Serve both simulators while the context lasts; yields their addresses and keys.

    Args:
        now: Their clock.
        rng: Decides faults with a probability: repeatable, not secret.
        max_port: 0 for any free one.
        desk_port: 0 for any free one.
    """
    async with AsyncExitStack() as stack:
        max_sim = MaxSim(now=now)
        max_url = await stack.enter_async_context(
            serve(Faulty(max_sim, rng=rng), max_port, controls=max_sim.controls())
        )
        desk_socket = loopback_socket(desk_port)
        desk_url = f"http://127.0.0.1:{desk_socket.getsockname()[1]}"
        desk = DeskSim(now=now, key=FREESCOUT_KEY, app_url=desk_url)
        await stack.enter_async_context(
            serve(Faulty(desk, rng=rng), controls=desk.controls(), sock=desk_socket)
        )
        yield {
            "max_url": max_url,
            "max_token": max_sim.token,
            "freescout_url": desk_url,
            "freescout_key": FREESCOUT_KEY,
        }


if __name__ == "__main__":
    sys.exit(main())
