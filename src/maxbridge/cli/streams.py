"""Stdin, stdout and stderr as a command finds them: closed, on a full disk, a pipe that nobody reads."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputLostError(Exception):
    """What a command prints cannot be written. No OSError: those are about what the command works on.

    Attributes:
        reason: Why, in the system's words.
        is_closed_pipe: Has merely the reader gone, such as ``head``?
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.reason = error.strerror or type(error).__name__
        self.is_closed_pipe = error.errno == errno.EPIPE


class _Told(io.FileIO):
    """For stdout: a failure has a name of its own, whatever the command itself makes of an OSError."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OutputLostError(error) from None


class _Silent(io.FileIO):
    """For stderr: when it cannot be written, there is nobody left to tell."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def prepare() -> None:
    """Make the three streams such that no command need think of them.

    A closed one becomes /dev/null. The next file to be opened, the database for example, would get its
    number otherwise, and whatever is printed would be written into that.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _redirect(number)
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Typed in another encoding than the terminal's: no such answer is right, and none is a bug.
        sys.stdin.reconfigure(errors="replace")
    sys.stdout = _over(sys.stdout, 1, _Told)
    sys.stderr = _over(sys.stderr, 2, _Silent)


def give_up_stdout() -> None:
    """Let what is still to be printed go nowhere: Python would try once more at its end, and complain."""
    _redirect(1)


def lost(error: BaseException) -> OutputLostError | None:
    """The loss of stdout in an error, or among those of a group; None when it is something else."""
    if isinstance(error, OutputLostError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(lost, error.exceptions)), None)
    return None


def _redirect(number: int) -> None:
    """Lead a stream to /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def _over(stream: TextIO, number: int, kind: type[io.FileIO]) -> TextIO:
    """The same stream through another kind of file; what a test put there stays as it is."""
    try:
        own = stream.fileno() == number
    except (OSError, ValueError):
        own = False
    if not own:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(kind(number, "w", closefd=False)),
        encoding=stream.encoding,
        # A name in an odd encoding is no reason to end: a question mark stands in its place.
        errors="replace",
        line_buffering=kind is _Silent or stream.isatty(),
    )
