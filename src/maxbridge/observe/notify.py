"""Words to the service manager, sd_notify(3): one datagram each; and the one line of `systemctl status`.

Without ``$NOTIFY_SOCKET``, outside systemd, everything here does nothing. Whoever may log in may read the line, so it names ends, codes and numbers and nothing else.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from maxbridge.core.errors import HostTrouble
from maxbridge.observe import log
from maxbridge.store.snapshot import LoopHealth, Pulse

_PATIENCE = 1.0
"""Seconds that a datagram may wait for room in systemd's socket: the event loop waits as well."""
_MICRO = 1_000_000


class Notifier:
    """Says to systemd how the process is; what is said never contains personal data or secrets."""

    def __init__(self, address: str | None = None, *, watchdog: float | None = None) -> None:
        """Prepare.

        Args:
            address: The socket's path, ``@name`` for an abstract one; None for nobody to tell.
            watchdog: Seconds within which systemd wants :meth:`alive`; None for not at all.
        """
        self._address = address
        self.watchdog = watchdog
        self._status = ""
        self._broken = False
        self._log: Any = log.get("systemd")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int | None = None) -> Notifier:
        """What systemd asked for.

        ``$WATCHDOG_PID`` says for whom the watchdog is meant: a process that was started by that
        one inherits the variables and must keep quiet (sd_watchdog_enabled(3)).
        """
        address = environ.get("NOTIFY_SOCKET") or None
        if address is not None and address[0] not in "/@":
            log.get("systemd").warning("NOTIFY_SOCKET is no Unix socket: systemd is told nothing")
            address = None
        watched = environ.get("WATCHDOG_PID") or str(pid or os.getpid())
        micro = environ.get("WATCHDOG_USEC", "")
        mine = watched == str(pid or os.getpid()) and micro.isascii() and micro.isdecimal()
        seconds = int(micro) / _MICRO if mine else 0.0
        return cls(address, watchdog=seconds if address and seconds > 0 else None)

    @property
    def listened_to(self) -> bool:
        """Is there anybody to tell?"""
        return self._address is not None

    def ready(self) -> bool:
        """The start, or a reload, is complete. False when systemd could not be told."""
        return self._send("READY=1")

    def status(self, words: str) -> None:
        """One line for ``systemctl status``; sent when it is another one than before."""
        line = " ".join(words.split())
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def alive(self) -> None:
        """The watchdog may wait for another period."""
        self._send("WATCHDOG=1")

    def more_time(self, seconds: float) -> None:
        """The start takes longer than the unit's TimeoutStartSec, and is well."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * _MICRO)}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def reloading(self) -> None:
        """The settings are read again; :meth:`ready` ends it.

        The time, by the clock that systemd goes by, is what Type=notify-reload wants beside it.
        """
        micro = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={micro}")

    def _send(self, message: str) -> bool:
        """Send one datagram; a broken line to systemd is logged once and breaks nothing else."""
        if self._address is None:
            return True
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(_PATIENCE)
                line.sendto(message.encode(), address)
        except OSError as error:
            if not self._broken:
                self._log.warning(
                    "systemd cannot be told how the service is",
                    error=type(error).__name__,
                    advice="Is NotifyAccess=main in the unit? Without an answer systemd restarts it.",
                )
            self._broken = True
            return False
        self._broken = False
        return True


# --- The one line of ``systemctl status``: how the service is, for people, without personal data.


MAX, DESK = "MAX", "FreeScout"
_ENDS = {
    "max_poller": MAX,
    "max_sender": MAX,
    "desk_poller": DESK,
    "desk_writer": DESK,
    "housekeeper": "the database",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def status_line(
    loops: Iterable[LoopHealth],
    pulse: Pulse | None,
    *,
    now: float,
    hosts: Collection[HostTrouble] = (),
    waiting_for: Collection[str] = (),
    still: Collection[tuple[str, float]] = (),
    hung: bool = False,
    remark: str = "",
) -> str:
    """Say how it is.

    Args:
        loops: All loops.
        pulse: The queues; None when the database cannot be read.
        now: Our clock.
        hosts: The hosts of files that are in trouble.
        waiting_for: The ends that have not answered since the start.
        still: Loops that do not move, and for how many seconds.
        hung: They will be helped by a restart.
        remark: Something to add at the end.
    """
    troubles = _by_end(loops)
    parts = [
        f"{name} has not moved for {rough(seconds)}"
        + (": systemd restarts the service" if hung else "")
        for name, seconds in still
    ]
    for end in waiting_for:
        trouble = troubles.pop(end, None)
        why = f" for {_since(trouble, now)}: {trouble.error}" if trouble else ""
        parts.append(f"waits for {end}{why}")
    for end, loop in troubles.items():
        what = (
            "cannot be reached"
            if (loop.error or "").endswith(".unreachable")
            else "has been in trouble"
        )
        parts.append(f"{end} {what} for {_since(loop, now)}: {loop.error}")
    parts += [
        f"files of {each.host} wait for {rough(now - each.since)}: {each.error}" for each in hosts
    ]
    if not parts:
        parts.append("both ends answer")
    if pulse is not None:
        parts.append(f"{pulse.waiting} waiting, {pulse.held} held")
        if pulse.last_at is not None:
            parts.append(f"last message {_ago(now - pulse.last_at)}")
    if remark:
        parts.append(remark)
    return "; ".join(parts)


def _by_end(loops: Iterable[LoopHealth]) -> dict[str, LoopHealth]:
    """The longest trouble of each end: both of its loops tell the same."""
    found: dict[str, LoopHealth] = {}
    for loop in sorted(loops, key=lambda each: each.trouble_since or 0.0):
        if loop.trouble_since is not None:
            found.setdefault(_ENDS.get(loop.name, loop.name), loop)
    return found


def _since(loop: LoopHealth, now: float) -> str:
    return rough(now - (loop.trouble_since or now))


def _ago(seconds: float) -> str:
    return "just now" if seconds < 60 else f"{rough(seconds)} ago"


def rough(seconds: float) -> str:
    """A duration whose words change seldom."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "less than a minute"
