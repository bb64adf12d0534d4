"""A user's commands inside the booted Debian, each on a terminal, with the clock."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.terminal import Terminal

USER = "anna"
_HOST = "server"
_COLUMNS = 100
_SILENCE = 120.0
"""Seconds for which a command may say nothing."""
_ELSEWHERE = re.compile(r"\x1b7.*?\x1b8", re.DOTALL)
"""Apt's bar in the last line: it goes there and comes back."""
_CODES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[78])")


class WrongError(Exception):
    """Something did not go as it must."""


@dataclass
class Step:
    """A part of the way.

    Attributes:
        name: For the summary.
        began: Seconds since the first command.
        seconds: How long it took.
    """

    name: str
    began: float
    seconds: float


@dataclass
class Shell:
    """Types and shows.

    Attributes:
        leader: Process 1 of the Debian, as it is numbered outside.
        steps: What took how long.
    """

    leader: int
    steps: list[Step] = field(default_factory=list)
    _zero: float | None = None

    def now(self) -> float:
        """Seconds since the first command."""
        if self._zero is None:
            self._zero = time.monotonic()
        return time.monotonic() - self._zero

    def run(
        self, name: str, command: str, answers: Sequence[tuple[str, str]] = (), code: int = 0
    ) -> str:
        """Type a command and its answers; show it with what it says.

        Args:
            name: Of the step, for the summary; empty for what does not count.
            command: As it is typed.
            answers: Part of each question, and what is typed.
            code: The exit code that it must have.
        """
        began = self.now()
        self.say(f"\n[{began:6.1f} s] {USER}@{_HOST}:~$ {command}")
        enter = ("nsenter", "--target", str(self.leader), "--pid", "--mount", "--uts", "--ipc")
        user = ("runuser", "-u", USER, "--", "env", "-i", "--chdir", f"/home/{USER}")
        variables = (
            f"HOME=/home/{USER}", f"USER={USER}", f"LOGNAME={USER}", "LANG=C.UTF-8", "TERM=xterm",
            "PATH=/usr/local/bin:/usr/bin:/bin",
        )  # fmt: skip
        terminal = Terminal(
            f"{command}; exit $?", cwd=Path("/"), environment={}, columns=_COLUMNS, patience=_SILENCE,
            program=(*enter, *user, *variables, "/bin/bash", "-c"),
        )  # fmt: skip
        for question, answer in answers:
            terminal.answer(question, answer)
        ended = terminal.ended()
        seconds = self.now() - began
        text = readable(terminal.seen)
        if text:
            self.say(text)
        if ended != code:
            raise WrongError(f"{command}: exit code {ended} instead of {code}")
        if name:
            self.steps.append(Step(name, began, seconds))
        return text

    def told(self, words: str) -> None:
        """Show what somebody else does or sees."""
        self.say(f"\n[{self.now():6.1f} s] {words}")

    @staticmethod
    def say(words: str) -> None:
        """Write into the transcript."""
        print(words, flush=True)


def readable(seen: str) -> str:
    """What stands on the terminal in the end: what was overwritten is gone."""
    lines = _CODES.sub("", _ELSEWHERE.sub("", seen)).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rsplit("\r", 1)[-1].rstrip() for line in lines).strip("\n")
