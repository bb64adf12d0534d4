"""Make a JPEG copy of a customer's HEIC picture, which many agents' browsers cannot show.

Image decoders have security holes, so none runs in the process that has the keys: a child process
decodes (:mod:`maxbridge.files.heic_child`). Its output is not trusted either: limited in size, and
accepted only if it begins as a JPEG. If the child refuses, crashes, hangs or is killed, only the
JPEG copy is missing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import io
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from maxbridge.files.heic_child import LARGEST_FILE, LIMITS, WRONG, Command, command

MIME = "image/heic"
SECONDS = 30.0
"""After which the child is killed."""
_BUDGET = 60.0
"""Seconds of conversion in a row; whoever sends bombs uses up his own and everybody's JPEGs, and no message waits for them."""
_REFILL = 0.1
"""Seconds of it that come back in a second."""
SAMPLE = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAA"
    "AAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAHgAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAAB"
    "AABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADw"
    "NgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAA"
    "AAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcA"
    "AAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWB"
    "AgMFhAAAAIBtZGF0AAAAdCgBr1gVdKeuOgqGn93HwwIZ+2VUTu4NWQ5f///7TYglAgSA02R//+19FpEPi30bAtziZF"
    "+5BBDO1py4ugmTJu+9g00PLMVwb5z2btILJoFsLFU9cYbOuvgkmpow7Guqg9Z2tVk7hm5h75qE1OMIA3cAOupW"
)
"""A picture of 64 × 48, made with pillow-heif."""
_START = b"\xff\xd8\xff"
_WHY = {WRONG: "no picture that can be read", LIMITS: "the limits of the child cannot be set"}


class Job:
    """One conversion, run in a thread that waits for the child process."""

    def __init__(self, command: Command, path: Path, most: int, seconds: float = SECONDS) -> None:
        """Prepare it.

        Args:
            command: Starts the child.
            path: The picture.
            most: Bytes of the JPEG.
            seconds: After which the child is killed.
        """
        self.why = ""
        """Why there is no JPEG."""
        self._command = [*command, str(most)]
        self._path = path
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = ""

    def run(self) -> bytes | None:
        """Return the JPEG; None if there is none, with the reason in :attr:`why`."""
        try:
            with self._path.open("rb") as picture, self._start(picture) as process:
                timer = threading.Timer(self._seconds, self.kill, ["it took too long"])
                timer.daemon = True
                timer.start()
                try:
                    assert process.stdout is not None  # noqa: S101
                    made = process.stdout.read(self._most + 1)
                    if len(made) > self._most:
                        self.kill("it is larger than what was asked for")
                    # Its number stays its own until it is asked for below.
                    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                finally:
                    timer.cancel()
                    self._end()
        except OSError as error:
            self.why = f"the child cannot be started ({type(error).__name__})"
            return None
        code = process.returncode
        if self._killed:
            self.why = self._killed
        elif code < 0:
            self.why = f"ended by signal {-code}"
        elif code != 0:
            self.why = _WHY.get(code, f"the child ended with code {code}")
        elif not made.startswith(_START):
            self.why = "the child gave no JPEG"
        return None if self.why else made

    def kill(self, why: str = "stopped") -> None:
        """End the child, or keep it from being started; from any thread."""
        with self._lock:
            self._killed = self._killed or why
            if self._process is not None and self._process.returncode is None:
                _end_group(self._process)

    def _end(self) -> None:
        """Kill the child's process group."""
        with self._lock:
            assert self._process is not None  # noqa: S101
            _end_group(self._process)
            self._process.wait()

    def _start(self, picture: io.BufferedReader) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._killed:
                raise InterruptedError
            self._process = subprocess.Popen(  # noqa: S603 - this Python, no shell
                self._command,
                stdin=picture,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},  # ours may hold a token
                start_new_session=True,
            )
            return self._process


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def is_working(folder: Path) -> str:
    """Convert a small test picture; return why it fails, empty if it works.

    Args:
        folder: Folder for the picture.
    """
    picture = folder / "picture"
    picture.write_bytes(SAMPLE)
    job = Job(command(), picture, 1 << 20)
    job.run()
    return job.why


class Pictures:
    """Makes JPEG copies, one at a time, within a time budget."""

    def __init__(self, command: Command, *, now: Callable[[], float] | None = None) -> None:
        """Prepare.

        Args:
            command: Starts the child.
            now: A steady clock in seconds; the loop's by default.
        """
        self._command = command
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._turn = asyncio.Lock()
        self._budget = _BUDGET
        self._counted_at: float | None = None

    async def jpeg(self, path: Path, most: int) -> bytes | str:
        """Return a JPEG copy of a picture, or the reason why there is none.

        Args:
            path: The picture.
            most: Most bytes of the copy.
        """
        async with self._turn:  # what one waits for another is no work of its own
            why = self._refusal(path, most)
            if why:
                return why
            job = Job(self._command, path, most)
            began = self._now()
            try:
                made = await asyncio.get_running_loop().run_in_executor(_thread(), job.run)
            finally:
                job.kill()
                self._count()
                self._budget -= max(0.0, self._now() - began)
            return job.why if made is None else made

    def _refusal(self, path: Path, most: int) -> str:
        self._count()
        if self._budget <= 0:
            return "too many have been converted lately"
        if most < len(_START) or path.stat().st_size > LARGEST_FILE:
            return "it is too large"
        return ""

    def _count(self) -> None:
        now = self._now()
        if self._counted_at is not None:
            back = max(0.0, now - self._counted_at) * _REFILL
            self._budget = min(_BUDGET, self._budget + back)
        self._counted_at = now


@functools.cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="maxbridge-heic")
