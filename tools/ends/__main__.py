"""Serves both simulators until a signal: over https to maxbridge, over plain http to who plays the people.

The names must lead to ``ADDRESSES`` (in a network namespace: ``ip address add``, /etc/hosts), and the
authority that is written into the folder must be believed. The first line on stdout says the keys.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from ends.authority import authority, certified
from maxbridge.sim.__main__ import FREESCOUT_KEY
from maxbridge.sim.desk import DeskSim
from maxbridge.sim.desk.model import User
from maxbridge.sim.max import MaxSim
from maxbridge.sim.serve import serve

MAX, DESK = "platform-api2.max.ru", "desk.example.ru"
ADDRESSES = {MAX: "192.0.2.1", DESK: "192.0.2.2"}
"""From the range that is kept for documentation, so nobody has them."""
CONTROLS = {MAX: 18081, DESK: 18082}
_PIECE = 65536


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m ends", description=__doc__)
    parser.add_argument("folder", type=Path, help="for the authority and the certificates")
    parser.add_argument("--clock", type=float, help="a clock that stands still, in Unix time")
    parser.add_argument("--ahead", type=float, default=0.0, help="FreeScout's clock, in seconds")
    options = parser.parse_args()
    asyncio.run(_serve(options.folder, options.clock, options.ahead))


async def _serve(folder: Path, clock: float | None, ahead: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def now() -> float:
        return time.time() if clock is None else clock

    messenger = MaxSim(now=now)
    desk = DeskSim(now=lambda: now() + ahead, key=FREESCOUT_KEY, app_url=f"https://{DESK}")
    # As the guides advise: a user of its own for the bridge.
    desk.state.users[3] = User(3, "MAX", "bridge")
    if clock is not None:
        messenger.lift_limits()  # a second that never ends allows no requests
    authority(folder)
    async with AsyncExitStack() as stack:
        for name, simulator in ((MAX, messenger), (DESK, desk)):
            await stack.enter_async_context(
                serve(simulator, CONTROLS[name], controls=simulator.controls())
            )
            await stack.enter_async_context(_front(name, certified(folder, name)))
        messenger.base_url = f"https://{MAX}"
        keys = {"max_token": messenger.token, "freescout_key": FREESCOUT_KEY}
        print(json.dumps(keys), flush=True)
        await stop.wait()


@asynccontextmanager
async def _front(name: str, tls: ssl.SSLContext) -> AsyncIterator[None]:
    """Take TLS off and pass the rest on, as the web server before FreeScout does."""

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled when all ends: asyncio would report that as an error (until Python 3.12).
        with contextlib.suppress(asyncio.CancelledError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", CONTROLS[name])
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    server = await asyncio.start_server(passed, ADDRESSES[name], 443, ssl=tls)
    try:
        yield
    finally:
        server.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(
        ConnectionError, ssl.SSLError
    ):  # gone is gone; the other side hears it
        while data := await source.read(_PIECE):
            target.write(data)
            await target.drain()
    target.close()


if __name__ == "__main__":
    main()
