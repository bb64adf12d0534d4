"""The program as a process, run as a user would run it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from warm import MAXBRIDGE, Warm

PATIENCE = 600.0
"""Seconds after which a process is said to hang. Whoever waits a shorter time fails on a busy machine,
and says that something is broken which is not."""


def start(
    arguments: Sequence[str], *, fresh: bool = False, **as_popen: Any
) -> subprocess.Popen[Any]:
    """Start ``maxbridge``.

    Args:
        arguments: What follows its name.
        fresh: With an interpreter of its own, as its users do (see :mod:`warm`).
        as_popen: As ``subprocess.Popen`` takes them.
    """
    if fresh:
        return subprocess.Popen([MAXBRIDGE, *arguments], **as_popen)
    return Warm(arguments, **as_popen)


def run(
    arguments: Sequence[str], *, typed: str = "", fresh: bool = False, **as_popen: Any
) -> subprocess.CompletedProcess[str]:
    """Run ``maxbridge`` to its end; gives what it printed.

    Args:
        arguments: What follows its name.
        typed: Its standard input.
        fresh: See :func:`start`.
        as_popen: See :func:`start`.
    """
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with start(arguments, fresh=fresh, text=True, **pipes, **as_popen) as process:
        try:
            out, err = process.communicate(typed, timeout=PATIENCE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def maxbridge(
    *arguments: str,
    cwd: Path,
    environment: dict[str, str] | None = None,
    typed: str = "",
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run it with nothing of ours in the environment."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8"}
    return run(arguments, typed=typed, fresh=fresh, cwd=cwd, env=clean | (environment or {}))
