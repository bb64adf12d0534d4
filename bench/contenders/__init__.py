"""Who is measured: each contender is one module that starts its process between the simulators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Protocol

from bench.contenders import bare, bridge, webhook
from bench.contenders.names import BARE, MAXBRIDGE, WEBHOOK
from bench.ends import Ends


class Contender(Protocol):
    """A program between the two ends, in a process of its own."""

    def __call__(self, ends: Ends, folder: Path, *, unpaced: bool) -> Popen[bytes]:
        """Start it; it must be told what it needs in its environment."""
        ...


CONTENDERS: dict[str, Contender] = {
    BARE: bare.start,
    WEBHOOK: webhook.start,
    MAXBRIDGE: bridge.start,
}


@contextmanager
def running(
    name: str, ends: Ends, folder: Path, *, unpaced: bool = False
) -> Iterator[Popen[bytes]]:
    """A contender's process while the context lasts."""
    process = CONTENDERS[name](ends, folder, unpaced=unpaced)
    ends.watched.append(process)
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended by itself with {process.returncode}")
    finally:
        ends.watched.remove(process)
        process.terminate()
        process.wait()
