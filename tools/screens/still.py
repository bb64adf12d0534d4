"""Runs ``maxbridge`` at a moment that does not pass, on a disk that does not change.

Everything else is real. So the same state gives the same page, whenever it is drawn.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import NamedTuple

NOW = 1_800_000_000.0


class Disk(NamedTuple):
    """As ``shutil.disk_usage`` answers, in bytes."""

    total: int = 40 << 30
    used: int = 20 << 30
    free: int = 20 << 30


def main() -> None:
    """Stop the clock before anything of maxbridge is imported."""
    time.time = lambda: NOW
    shutil.disk_usage = lambda _path: Disk()  # type: ignore[assignment,return-value]
    from maxbridge.checks import network  # noqa: PLC0415
    from maxbridge.cli import main as run  # noqa: PLC0415
    from maxbridge.cli import status  # noqa: PLC0415

    # How much the write-ahead log holds hangs on who looked when.
    status.size_on_disk = lambda path: 3 << 20 if path else 0  # type: ignore[attr-defined]

    # As most installations are, whatever this one has.
    status.is_installed = network.is_installed = lambda: False  # type: ignore[attr-defined]

    sys.argv[0] = "maxbridge"
    run()


if __name__ == "__main__":
    main()
