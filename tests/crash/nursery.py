"""Starts `maxbridge run` many times a minute: imports everything once, then forks for each start.

Starting Python and importing the libraries takes longer than most lives in a crash test. A child of the
nursery is a process like any other: it runs the command line's own entry, is killed for good, and what
it held goes with it.

Protocol, one JSON object a line: in ``{"argv", "environ", "stderr"}``, out ``{"pid"}`` for each of
them, and ``{"pid", "status"}`` when one has ended (negative: the signal). The end of the input ends
the nursery and all its children.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import selectors
import signal
import sys
import traceback
from typing import Any, NoReturn

from crash import child

child.prepare()

# The clock is replaced by now, and nothing has taken a reference to the real one.
from maxbridge.cli import main  # noqa: E402
from maxbridge.config.settings import FreeScoutSettings, MaxSettings, Secret, Settings  # noqa: E402
from maxbridge.daemon import connect  # noqa: E402


async def warm() -> None:
    """What is slow is done once: libraries and certificates."""
    connect(Settings(MaxSettings(Secret("any")), FreeScoutSettings("http://127.0.0.1")))


asyncio.run(warm())
gc.collect()
gc.freeze()  # a collection in a child would copy all of it

_alive: set[int] = set()


def nurse() -> None:
    """Serve until the input ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        selector.register(reader, selectors.EVENT_READ)
        pending = b""
        while True:
            for key, _ in selector.select():
                data = os.read(key.fd, 65536)
                if key.fd == reader:
                    _bury()
                    continue
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    _start(json.loads(line), (reader, writer))


def _start(order: dict[str, Any], pipe: tuple[int, int]) -> None:
    pid = os.fork()
    if pid == 0:
        _live(order, pipe)
    _alive.add(pid)
    _say(pid=pid)


def _live(order: dict[str, Any], pipe: tuple[int, int]) -> NoReturn:
    """Be the child: a new process in everything that matters."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in pipe:
        os.close(descriptor)
    nothing = os.open(os.devnull, os.O_RDWR)
    words = os.open(order["stderr"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, number in ((nothing, 0), (nothing, 1), (words, 2)):
        os.dup2(descriptor, number)
    code = 99
    try:
        os.environ.clear()
        os.environ.update(order["environ"])
        child.obey(os.environ)
        sys.argv = ["maxbridge", *order["argv"]]
        main()
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing may get back into the nursery's own loop
        traceback.print_exc()
    finally:
        os._exit(code)


def _bury() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _alive.discard(pid)
            _say(pid=pid, status=os.waitstatus_to_exitcode(status))


def _say(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    try:
        nurse()
    finally:
        for orphan in _alive:
            os.kill(orphan, signal.SIGKILL)
