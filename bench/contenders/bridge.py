"""Contender c: ``maxbridge run``, as installed; for unpaced cases with the pauses for others taken out.

Run as a program, this module is the unpaced daemon: the pauses that MAX's limits and FreeScout's page
ask for would otherwise be all that is measured.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

MAXBRIDGE = str(Path(sys.executable).with_name("maxbridge"))


NOTIFY = "notify"
"""A socket of this name in the contender's folder is told when it is ready, as systemd is."""


def settings(ends: Any, folder: Path) -> dict[str, str]:
    """The configuration, by environment."""
    return {
        "MAXBRIDGE_MAX__TOKEN": ends.max_token,
        "MAXBRIDGE_MAX__API_URL": ends.max_url,
        "MAXBRIDGE_MAX__FIRST_START": "all",
        "MAXBRIDGE_FREESCOUT__URL": ends.desk_url,
        "MAXBRIDGE_FREESCOUT__API_KEY": ends.desk_key,
        "MAXBRIDGE_FREESCOUT__MAILBOX_ID": "1",
        "MAXBRIDGE_FREESCOUT__USER_ID": "1",
        "MAXBRIDGE_STORE__PATH": str(folder / "maxbridge.db"),
    }


def start(ends: Any, folder: Path, *, unpaced: bool) -> subprocess.Popen[bytes]:
    """Start the daemon in a process of its own; its log goes to a file beside the database."""
    from bench.contenders.environment import environment  # noqa: PLC0415 - not for the daemon

    command = [sys.executable, __file__] if unpaced else [MAXBRIDGE]
    listened = folder / NOTIFY
    told = {"NOTIFY_SOCKET": str(listened)} if listened.exists() else {}
    with (folder / "maxbridge.log").open("ab") as words:
        return subprocess.Popen(
            [*command, "run"],
            env=environment(ends, folder, unpaced=unpaced) | settings(ends, folder) | told,
            stdout=subprocess.DEVNULL,
            stderr=words,
        )


def main() -> None:
    """The daemon without pauses for others."""
    from maxbridge.cli import main as command  # noqa: PLC0415
    from maxbridge.inbound import channel as desk_channel  # noqa: PLC0415
    from maxbridge.inbound import poller as max_poller  # noqa: PLC0415
    from maxbridge.outbound import channel as max_sender  # noqa: PLC0415

    max_poller.MIN_DISTANCE = 0.0
    max_sender.PER_CHAT = max_sender.OVERALL = 0.0
    desk_channel._APART = 0.0  # noqa: SLF001 - what the benchmark is about
    command()


if __name__ == "__main__":
    main()
