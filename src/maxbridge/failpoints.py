"""Named moments at which crash tests kill the process; in production they do nothing.

A crash matters before and after each commit and each POST, so these moments have names. The program
itself never arms them, whatever the environment: only the test harness calls :func:`arm`, in a
process that it started (``tests/crash/child.py``, from the variable ``MAXBRIDGE_KILL_AT``).
Unarmed, :func:`failpoint` only compares a name with None.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

COMMITS = (
    "max_page",
    "greeting",
    "inbox.sending",
    "inbox.defer",
    "inbox.done",
    "desk_list",
    "desk_reading",
    "outbox.sending",
    "outbox.defer",
    "outbox.replan",
    "outbox.part_done",
    "outbox.give_up",
)
"""Transactions that promises hang on; each has a moment before and one after its commit."""
POSTS = ("desk.before_post", "desk.after_post", "max.before_send", "max.after_send")
POINTS = (*(f"{name}.{side}_commit" for name in COMMITS for side in ("before", "after")), *POSTS)

_hook: Callable[[str], None] | None = None


def failpoint(point: str) -> None:
    """Reach a named moment."""
    if _hook is not None:
        _hook(point)


def arm(hook: Callable[[str], None] | None) -> None:
    """Call ``hook`` at every moment from now on; None to stop."""
    global _hook  # noqa: PLW0603 - one process, one hook; an object passed around would cost more
    _hook = hook


def killer(spec: str) -> Callable[[str], None]:
    """Return a hook that ends the process at once, as a power cut or the OOM killer does.

    Args:
        spec: A name, or ``name:3`` for the third time it is reached.

    Raises:
        ValueError: There is no such name.
    """
    wanted, _, times = spec.partition(":")
    if wanted not in POINTS:
        raise ValueError(f"no such kill point: {wanted}")
    left = int(times or 1)

    def hook(point: str) -> None:
        nonlocal left
        if point != wanted:
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook
