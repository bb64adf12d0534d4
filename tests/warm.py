"""Processes of maxbridge that need no second of imports: forked from one that has imported everything.

Run as a program it is the nursery: it imports the program once and forks for each start. Imported by a
test it gives :class:`Warm`, a ``subprocess.Popen`` whose children are born there. A child is a process
like any other: it has its own environment, folder, terminal and signals, runs the command line's own
entry, and Python ends it as it always does. Not its own is what the system shows as its command line,
and that its modules are loaded: a test that looks at either takes ``Popen``.

Protocol, over a socket that keeps messages apart: an order as JSON with the child's three files and the
end of a pipe; back comes its pid. Into the pipe goes how it ended, as ``os.waitpid`` tells it.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import inspect
import json
import locale
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

MAXBRIDGE = str(Path(sys.executable).with_name("maxbridge"))
SIMULATORS = "maxbridge.sim"
_LARGEST = 1 << 17
"""Bytes of an order; most of it is the environment."""


class Warm(subprocess.Popen[Any]):
    """A run of ``maxbridge``, or of the simulators, as ``subprocess.Popen`` gives it."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        module: str = "",
        terminal: bool = False,
        **as_popen: Any,
    ) -> None:
        """Start it.

        Args:
            arguments: What follows the program's name.
            module: Run this one, as ``python -m`` does, instead of the command line.
            terminal: Its standard input becomes the terminal that it belongs to.
            as_popen: Files, ``cwd``, ``env``, ``umask``, ``start_new_session``, ``text``.
        """
        self._order = {"argv": [MAXBRIDGE, *arguments], "module": module, "terminal": terminal}
        super().__init__([MAXBRIDGE, *arguments], **as_popen)

    def _execute_child(self, *given: Any) -> None:
        parent = super()._execute_child  # type: ignore[misc]
        names = list(inspect.signature(parent).parameters)
        told = dict(zip(names, given, strict=True))
        order = self._order | {
            "environ": dict(os.environ if told["env"] is None else told["env"]),
            "cwd": str(told["cwd"] or Path.cwd()),
            "umask": told["umask"],
            "session": told["start_new_session"] or self._order["terminal"],
        }
        files = [
            number if number != -1 else usual
            for usual, number in enumerate(
                told[name] for name in ("p2cread", "c2pwrite", "errwrite")
            )
        ]
        self._ended, writer = os.pipe()
        try:
            self.pid = _nursery().order(order, [*files, writer])
        finally:
            os.close(writer)
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(told[name] for name in pipes))  # type: ignore[attr-defined]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._wait(timeout=0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            waiting = select.poll()
            waiting.register(self._ended, select.POLLIN)
            if not waiting.poll(None if timeout is None else max(0, timeout * 1000)):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            status = os.read(self._ended, 16)
            os.close(self._ended)
            if not status:
                raise RuntimeError("the nursery of the tests has ended")
            self.returncode = os.waitstatus_to_exitcode(int(status))
        return self.returncode


class _Nursery:
    """The nursery's process, as whoever orders sees it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                # -P: what lies beside this file is no part of the program.
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], "HOME": "/", "LANG": "C.UTF-8"},
            )
        self._one_at_a_time = threading.Lock()

    def order(self, order: dict[str, Any], files: list[int]) -> int:
        """Have a child born; gives its pid."""
        with self._one_at_a_time:
            socket.send_fds(self._socket, [json.dumps(order).encode()], files)
            answer = self._socket.recv(16)
        if not answer:
            raise RuntimeError("the nursery of the tests has ended")
        return int(answer)

    def close(self) -> None:
        """End it, and whatever was born there and lives still."""
        self._socket.close()
        self._process.wait()


_ours: list[_Nursery] = []
_opening = threading.Lock()


def _nursery() -> _Nursery:
    with _opening:
        if not _ours:
            _ours.append(_Nursery())
        return _ours[0]


def close() -> None:
    """End this process's nursery, if there is one."""
    with _opening:
        while _ours:
            _ours.pop().close()


# --- the nursery itself ---------------------------------------------------------------------------------


def _serve(orders: socket.socket) -> dict[str, Any] | None:
    """Fork for each order; returns in each child, with its order, and at the end of all orders, with None."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, _woken)
    living: dict[int, int] = {}
    while True:
        for ready in select.select([orders.fileno(), reader], [], [])[0]:
            if ready == reader:
                os.read(reader, 4096)
                _bury(living)
                continue
            text, files, _, _ = socket.recv_fds(orders, _LARGEST, 4)
            if not text:
                for pid in living:
                    os.kill(pid, signal.SIGKILL)
                return None
            order: dict[str, Any] = json.loads(text)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for number, file in enumerate(files[:3]):
                    os.dup2(file, number)
                os.closerange(3, max(*files, *living.values(), orders.fileno(), writer) + 1)
                orders.detach()
                return order
            *standard, living[pid] = files
            for file in standard:
                os.close(file)
            orders.send(str(pid).encode())


def _woken(_signal: int, _frame: FrameType | None) -> None:
    """Be interrupted: the byte in the pipe says it all."""


def _bury(living: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with os.fdopen(living.pop(pid), "w") as ended, contextlib.suppress(BrokenPipeError):
                ended.write(str(status))


def _become(order: dict[str, Any]) -> None:
    """Be a new process in everything that an ``exec`` would have made anew."""
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["cwd"])
    if order["umask"] >= 0:
        os.umask(order["umask"])
    if order["session"]:
        os.setsid()
    if order["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the suite itself may run under nohup
    _take_locale()
    time.tzset()
    sys.argv = order["argv"]
    sys.path.insert(0, str(Path(MAXBRIDGE).parent))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, _standard(number))
        setattr(sys, f"__{name}__", getattr(sys, name))


def _take_locale() -> None:
    """The locale of the environment; Python takes UTF-8 where there is none, or one that is not installed."""
    with contextlib.suppress(locale.Error):
        if locale.setlocale(locale.LC_CTYPE, "") not in ("C", "POSIX"):
            return
    os.environ["LC_CTYPE"] = locale.setlocale(locale.LC_CTYPE, "C.UTF-8")


def _standard(number: int) -> IO[str]:
    """A standard stream as Python opens it at a start."""
    return open(
        number,
        "r" if number == 0 else "w",
        buffering=1 if number == 2 or os.isatty(number) else -1,
        errors=("surrogateescape", "surrogateescape", "backslashreplace")[number],
        closefd=False,
    )


def _import_everything() -> None:
    import maxbridge  # noqa: PLC0415 - by the nursery alone

    for found in pkgutil.walk_packages(maxbridge.__path__, "maxbridge."):
        if "__main__" not in found.name and ".migrations." not in found.name:
            importlib.import_module(found.name)
    importlib.import_module("playhouse.migrations")


def _main() -> None:
    _import_everything()
    gc.collect()
    gc.freeze()  # a collection in a child would copy all of it
    # Ctrl+C is for the tests; they end us when they end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = _serve(socket.socket(fileno=int(sys.argv[1])))
    if order is not None:
        os._exit(_life(order))


def _life(order: dict[str, Any]) -> int:
    """All of a child's life; gives its exit code.

    What Python does at an end is done here, but for taking all modules apart: that would copy them.
    """
    code = 1
    try:
        _become(order)
        if order["module"]:
            runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        else:
            from maxbridge.cli import main  # noqa: PLC0415 - by the nursery alone

            main()
        code = 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            code = end.code or 0
        else:
            sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 - nothing may get back into the nursery
        traceback.print_exc()
    # As Python does: wait for all threads that are no daemons.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        return 120
    return code & 0xFF


if __name__ == "__main__":
    _main()
