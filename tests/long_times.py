"""Days on virtual time in seconds of real time: what only looks round looks less often."""

from __future__ import annotations

import pytest

from bridge import Bridge
from maxbridge.engine import housekeeper, pool, watch
from maxbridge.outbound import poller as desk_poller
from store_world import set_pragma


def look_seldom(monkeypatch: pytest.MonkeyPatch, every: float = 600.0) -> None:
    """Loops go round so seldom, in seconds, when nothing wakes them; no rule depends on how often."""
    monkeypatch.setattr(housekeeper, "HEALTH_EVERY", every)
    monkeypatch.setattr(watch, "TICK", every)
    monkeypatch.setattr(pool, "LONGEST_NAP", every)
    monkeypatch.setattr(desk_poller, "LONGEST_NAP", every)


def on_a_fast_disk(bridge: Bridge) -> None:
    """Commits do not wait for the disk: nothing of this machine is lost in a test."""
    assert bridge.journal is not None
    set_pragma(bridge.journal.db, "synchronous", 0)
