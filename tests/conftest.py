"""What the tests find around them: Ctrl+C, memory for their files, and names whatever becomes of a run."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis.strategies import none

import longest
import warm
from laws import law
from maxbridge.observe.health import Loop
from names import Names

MEMORY = Path("/dev/shm")  # noqa: S108 - folders of one's own are made in it, as in /tmp
ROOM = 1 << 30
"""Bytes; containers have 64 MiB by default, the whole suite leaves about 100 MiB of files."""

# Not only where a test says so: hypothesis has a limit of its own on real time, which a busy machine breaks.
settings.register_profile("law", law)
settings.load_profile("law")


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is collected, in every worker."""
    config.pluginmanager.register(Names(config), "names")
    Loop.strict = True  # a rule of our own that is broken ends the test, and is no held delivery
    config.option.loadscopereorder = False  # by number of tests; see tests/longest.py
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in the background so, and Ctrl+C could not be tested.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A commit that waits for a disk costs the tests a fifth of their time and proves nothing here: what a
    # killed process loses is the same in memory, and the plug is pulled from a model of one (crash/disk.py).
    if {"TMPDIR", "PYTEST_DEBUG_TEMPROOT"} & set(os.environ) or not _has_room(MEMORY):
        return
    os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # asked for before we came


def pytest_xdist_auto_num_workers() -> int | None:
    """For ``-n auto``: one more than there are cores, since many tests of processes wait."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else longest.workers()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that take long come first."""
    longest.longest_first(items)


def pytest_collection_finish() -> None:
    """Nothing of what was collected is garbage before the end: look through it no more.

    Looking for new garbage after every 700 objects costs a twentieth of the tests' time.
    """
    # Hypothesis makes its random numbers at the first use, and asks the collector who holds them: frozen
    # things do not count, and on Python 3.14 it warns then that nobody does.
    given(none())(lambda _nothing: None)()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 25, 25)


def pytest_unconfigure() -> None:
    """The processes that the tests of processes kept ready."""
    warm.close()


def _has_room(folder: Path) -> bool:
    try:
        flags = os.statvfs(folder).f_flag
    except OSError:
        return False
    # Some tests put programs into their folder.
    usable = not flags & (os.ST_NOEXEC | os.ST_RDONLY) and os.access(folder, os.W_OK | os.X_OK)
    return usable and shutil.disk_usage(folder).free >= ROOM
