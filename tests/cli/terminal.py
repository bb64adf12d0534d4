"""A terminal for a program under test: what a person sees, and what he types after seeing it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from command import PATIENCE
from warm import Warm

_ROWS = 50


class Terminal:
    """One run of a program, ``maxbridge`` if not told otherwise, on a terminal of its own.

    Attributes:
        seen: Everything that stood on the screen.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        environment: Mapping[str, str],
        program: Sequence[str] = (),
        columns: int = 0,
        patience: float = PATIENCE,
    ) -> None:
        """Start it.

        Args:
            arguments: What follows the program's name.
            cwd: Where it runs.
            environment: All of it, but for PATH and TERM.
            program: Something else than the installed ``maxbridge``.
            columns: Width of the terminal; 0 is one that nobody told its size.
            patience: Seconds for which it may say nothing.
        """
        self._patience = patience
        self._side, other = pty.openpty()
        if columns:
            fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, columns, 0, 0))

        def own_terminal() -> None:
            os.setsid()
            # Whoever runs the tests in the background has it ignored, and we would inherit that.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            fcntl.ioctl(other, termios.TIOCSCTTY, 0)

        place: dict[str, Any] = {"stdin": other, "stdout": other, "stderr": other, "cwd": cwd}
        variables = {"PATH": os.environ["PATH"], "TERM": "xterm", **environment}
        self.process: subprocess.Popen[bytes]
        if program:
            self.process = subprocess.Popen(
                [*program, *arguments],
                **place,
                env=variables,
                preexec_fn=own_terminal,  # noqa: PLW1509 - calls nothing that takes a lock
            )
        else:
            self.process = Warm(arguments, terminal=True, **place, env=variables)
        os.close(other)
        self.seen = ""
        self._read_until = 0

    def answer(self, question: str, typed: str) -> None:
        """Wait for a question, then type and press Enter."""
        self.wait_for(question)
        os.write(self._side, f"{typed}\n".encode())

    def wait_for(self, words: str) -> None:
        """Read until these words stand behind what was waited for last."""
        deadline = time.monotonic() + self._patience
        while words not in self.seen[self._read_until :]:
            assert time.monotonic() < deadline, f"no {words!r} after:\n{self.seen}"
            if not self._read():
                raise AssertionError(f"it ended without {words!r}:\n{self.seen}")
        self._read_until = self.seen.index(words, self._read_until) + len(words)

    def interrupt(self) -> None:
        """Press Ctrl+C, and again while nothing comes of it, as people do.

        One that comes in the moment between the question and readline's waiting is only noticed with
        the next key.
        """
        deadline = time.monotonic() + self._patience
        before = len(self.seen)
        while self.seen[before:].count("^C") == len(self.seen[before:].strip()) / 2:
            assert time.monotonic() < deadline, self.seen
            os.write(self._side, b"\x03")
            while select.select([self._side], [], [], 1.0)[0]:
                if not self._read():
                    return

    def ended(self) -> int:
        """Read to the end; gives the exit code."""
        while self._read():
            pass
        os.close(self._side)
        return self.process.wait(self._patience)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._side], [], [], self._patience)
        if not ready:
            self.process.kill()
            self.process.wait(self._patience)
            raise AssertionError(f"it hangs after:\n{self.seen}")
        try:
            data = os.read(self._side, 4096)
        except OSError:  # Linux: the other side is closed
            return False
        self.seen += data.decode()
        return bool(data)
