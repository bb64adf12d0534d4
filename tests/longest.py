"""The modules that take longest, for the order in which the workers of pytest-xdist get them.

A long one that comes last keeps one worker busy while the others have nothing left. So these come first, longest
first; all others, of a few seconds or less each, fill what is left. More of a module's time may be waiting than
work; that is why there is one worker more than there are cores.
"""

from __future__ import annotations

import os

import pytest

SECONDS = {
    "cli/test_demo.py": 37,
    "workers/test_somebody_elses_trouble.py": 26,
    "crash/test_black_box.py": 25,
    "demo/test_stage.py": 24,
    "cli/test_process.py": 20,
    "explore/test_explore.py": 18,
    "workers/test_outages.py": 14,
    "crash/test_kill_points.py": 13,
    "cli/test_every_command.py": 10,
    "workers/test_ticket_crashes.py": 8,
    "workers/test_restore.py": 8,
    "workers/test_adoption.py": 8,
    "cli/test_commands.py": 8,
    "cli/test_streams.py": 8,
    "workers/test_uncertain.py": 7,
    "workers/test_refusals.py": 7,
    "workers/test_look_up.py": 7,
    "core/test_render_laws.py": 7,
    "cli/test_service.py": 7,
    "crash/test_ticket_life.py": 6,
    "workers/test_delay_notes.py": 6,
    "workers/test_gap.py": 6,
    "workers/test_bursts.py": 5,
    "workers/test_relink.py": 5,
    "cli/test_secrets.py": 5,
    "cli/test_setting_up.py": 5,
}
"""By module, about so many seconds of a quiet machine; a wrong figure costs time, nothing else."""


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by how long their modules take; the order within each stays."""
    items.sort(key=lambda each: -SECONDS.get("/".join(each.path.parts[-2:]), 0))


def workers() -> int:
    """How many processes run the tests where nobody says."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cores = os.cpu_count() or 1
    return cores + 1
