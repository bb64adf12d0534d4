"""The figures of ``make trace`` are of whole deliveries: both go through the one rule and the one runner."""

from __future__ import annotations

from pathlib import Path

from road.__main__ import follow
from virtual_time import virtual


@virtual
async def test_both_roads_go_through_the_same_rule_and_the_same_runner(tmp_path: Path) -> None:
    message, reply = (await follow(tmp_path)).values()
    for road, channel, other in (
        (message, "inbound/channel", "outbound/channel"),
        (reply, "outbound/channel", "inbound/channel"),
    ):
        assert {"core/delivery", "engine/runner", "store/queue", channel} <= road.first.keys()
        assert other not in road.first
        assert road.calls.total() >= len(road.functions) >= len(road.first)
        assert road.crossings < road.calls.total()
        assert not any(module.startswith("sim/") for module in road.first)
