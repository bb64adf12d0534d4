"""The other end of sd_notify: a real datagram socket, read as systemd does."""

from __future__ import annotations

import socket
from pathlib import Path

Message = dict[str, str]


class Manager:
    """Stands in for the service manager.

    Attributes:
        address: For ``$NOTIFY_SOCKET``.
    """

    def __init__(self, where: Path | str) -> None:
        self.address = str(where)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(self.address.replace("@", "\0", 1))
        self.messages: list[Message] = []

    def read(self) -> list[Message]:
        """Take what has come since the last time; :attr:`messages` keeps all of it."""
        new: list[Message] = []
        while True:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                self.messages += new
                return new
            new.append(dict(line.split("=", 1) for line in data.decode().split("\n")))

    def count(self, name: str) -> int:
        """How often something was said so far."""
        self.read()
        return sum(name in each for each in self.messages)

    @property
    def status(self) -> str:
        """What ``systemctl status`` would show."""
        self.read()
        lines = [each["STATUS"] for each in self.messages if "STATUS" in each]
        return lines[-1] if lines else ""

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
