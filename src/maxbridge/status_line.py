"""The one line of ``systemctl status``: how the service is, for people, without personal data.

Whoever may log in may read it, so it names ends, codes and numbers and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from maxbridge.store.health_records import LoopHealth, Pulse

MAX, DESK = "MAX", "FreeScout"
_ENDS = {
    "max_poller": MAX,
    "max_sender": MAX,
    "desk_poller": DESK,
    "desk_writer": DESK,
    "housekeeper": "the database",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def status_line(
    loops: Iterable[LoopHealth],
    pulse: Pulse | None,
    *,
    now: float,
    waiting_for: Collection[str] = (),
    still: Collection[tuple[str, float]] = (),
    hung: bool = False,
    remark: str = "",
) -> str:
    """Say how it is.

    Args:
        loops: All loops.
        pulse: The queues; None when the database cannot be read.
        now: Our clock.
        waiting_for: The ends that have not answered since the start.
        still: Loops that do not move, and for how many seconds.
        hung: They will be helped by a restart.
        remark: Something to add at the end.
    """
    troubles = _by_end(loops)
    parts = [
        f"{name} has not moved for {rough(seconds)}"
        + (": systemd restarts the service" if hung else "")
        for name, seconds in still
    ]
    for end in waiting_for:
        trouble = troubles.pop(end, None)
        why = f" for {_since(trouble, now)}: {trouble.error}" if trouble else ""
        parts.append(f"waits for {end}{why}")
    for end, loop in troubles.items():
        what = (
            "cannot be reached" if (loop.error or "").endswith(".unreachable") else "is in trouble"
        )
        parts.append(f"{end} {what} for {_since(loop, now)}: {loop.error}")
    if not parts:
        parts.append("both ends answer")
    if pulse is not None:
        parts.append(f"{pulse.waiting} waiting, {pulse.held} held")
        if pulse.last_at is not None:
            parts.append(f"last message {_ago(now - pulse.last_at)}")
    if remark:
        parts.append(remark)
    return "; ".join(parts)


def _by_end(loops: Iterable[LoopHealth]) -> dict[str, LoopHealth]:
    """The longest trouble of each end: both of its loops tell the same."""
    found: dict[str, LoopHealth] = {}
    for loop in sorted(loops, key=lambda each: each.trouble_since or 0.0):
        if loop.trouble_since is not None:
            found.setdefault(_ENDS.get(loop.name, loop.name), loop)
    return found


def _since(loop: LoopHealth, now: float) -> str:
    return rough(now - (loop.trouble_since or now))


def _ago(seconds: float) -> str:
    return "just now" if seconds < 60 else f"{rough(seconds)} ago"


def rough(seconds: float) -> str:
    """A duration whose words change seldom."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "less than a minute"
