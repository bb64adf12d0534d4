"""The modules that take longest, for the order in which the workers of pytest-xdist get them.

A long one that comes last keeps one worker busy while the others have nothing left. So these come first, longest
first; all others, of a few seconds or less each, fill what is left. More of a module's time may be waiting than
work; that is why there is one worker more than there are cores.
"""

from __future__ import annotations

import os

import pytest

SECONDS = {
    "workers/test_outages.py": 27,
    "cli/test_every_command.py": 23,
    "workers/test_lanes.py": 22,
    "workers/test_somebody_elses_trouble.py": 22,
    "crash/test_black_box.py": 21,
    "cli/test_process.py": 20,
    "crash/test_kill_points.py": 20,
    "cli/test_demo.py": 19,
    "crash/test_second_host.py": 19,
    "demo/test_stage.py": 19,
    "workers/test_beside.py": 18,
    "workers/test_gap.py": 16,
    "workers/test_uncertain.py": 16,
    "workers/test_bursts.py": 15,
    "workers/test_delay_notes.py": 14,
    "workers/test_alerts.py": 13,
    "explore/test_explore.py": 12,
    "store/test_upgrade.py": 12,
    "workers/test_forget.py": 12,
    "workers/test_restore.py": 12,
    "workers/test_relink.py": 11,
    "crash/test_simulation.py": 10,
    "crash/test_ticket_life.py": 10,
    "workers/test_look_up.py": 10,
    "workers/test_look_ups.py": 10,
    "workers/test_polling.py": 10,
    "store/test_turns.py": 9,
    "cli/test_secrets.py": 8,
    "core/test_render_laws.py": 8,
    "workers/test_told.py": 8,
    "workers/test_two_bots.py": 8,
    "cli/test_commands.py": 7,
    "workers/test_adoption.py": 7,
    "workers/test_clocks.py": 7,
    "workers/test_first_start.py": 7,
    "workers/test_second_host.py": 7,
    "cli/test_streams.py": 6,
    "workers/test_files_to_desk.py": 6,
    "workers/test_flood.py": 6,
    "workers/test_refusals.py": 6,
    "workers/test_ticket_crashes.py": 6,
    "workers/test_upgrade.py": 6,
    "cli/test_service.py": 5,
    "core/test_desk_html.py": 5,
    "workers/test_cards.py": 5,
    "workers/test_disk.py": 5,
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
