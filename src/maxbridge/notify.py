"""Words to the service manager: one datagram to ``$NOTIFY_SOCKET`` each (sd_notify(3)), no library.

Without that variable, outside systemd, everything here does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from maxbridge import log

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
