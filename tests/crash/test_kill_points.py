"""A real SIGKILL before and after each commit and each POST that promises hang on.

In each of some worlds the same things happen, and the daemon is killed at a few points, one after the
other on the way of a message and of a reply. All worlds live at the same time; each test reads what
became of one point.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest

from crash.survival import BURST, Survival, survivals
from maxbridge import failpoints

ARRIVAL = ("max_page", "greeting", "inbox.sending", "inbox.done", "inbox.defer")
NOTICING = ("desk_list", "desk_reading")
SENDING = ("outbox.sending", "outbox.part_done", "outbox.defer")
RETURNING = ("outbox.give_up",)
REPLANNING = ("outbox.replan",)


def both_sides(*commits: str) -> list[str]:
    return [f"{name}.{side}_commit" for name in commits for side in ("before", "after")]


# Besides the first times: a second message of a ticket, a middle part of a reply.
STAGES = (
    [*both_sides(*ARRIVAL), "desk.before_post", "desk.after_post", "desk.after_post:2"],
    both_sides(*NOTICING),
    [*both_sides(*SENDING), "max.before_send", "max.after_send", "max.after_send:2"],
    both_sides(*RETURNING),
    both_sides(*REPLANNING),
)
CHAINS = [tuple(filter(None, chain)) for chain in itertools.zip_longest(*STAGES)]
"""Each world's points in the order in which they are reached."""


# The first POST is that of eight messages of one person.
WITH_BURST = {
    "inbox.sending.before_commit": 8,
    # Nothing was posted, which a look-up tells: each alone, since nobody knows what killed it.
    "inbox.sending.after_commit": 1,
    "desk.before_post": 1,
    "desk.after_post": 8,
    "inbox.done.before_commit": 8,
    "inbox.done.after_commit": 8,
    "inbox.defer.before_commit": 1,
    "inbox.defer.after_commit": 7,
}
"""By point, how many messages stand together in a thread at the end."""

# What finds nothing may be blind: these bridges must not survive.
WITH_BUGS = {
    "marker_before_events": ("max_page.after_commit",),
    "doubt_forgotten": ("desk.after_post", "max.after_send"),
}


@pytest.fixture(scope="module")
def survived(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[tuple[str, str], Survival]:
    """What became of the worlds that this run of pytest asks for, by point and bug."""
    wanted = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.path == request.path
        and "survived" in item.fixturenames
    ]
    plain = {each.get("point") for each in wanted if "together" not in each}
    worlds = [(chain, "") for chain in CHAINS if plain & set(chain)]
    worlds += [((str(each["point"]),), BURST) for each in wanted if "together" in each]
    bugs = [str(each["bug"]) for each in wanted if "bug" in each]
    worlds += [(WITH_BUGS[bug], bug) for bug in bugs]
    return survivals(tmp_path_factory.mktemp("kill-points"), worlds)


@pytest.mark.parametrize("point", [point for chain in CHAINS for point in chain])
def test_killed_there_nothing_is_lost_doubled_or_out_of_order(
    survived: Mapping[tuple[str, str], Survival], point: str
) -> None:
    survival = survived[point, ""]
    assert survival.verdict.good, f"{survival.verdict}; see {survival.folder}"
    assert point in survival.deaths, f"it was never killed there; see {survival.folder}"
    assert survival.verdict.messages == 4
    assert not survival.verdict.held
    assert survival.bounce_notes == 1


@pytest.mark.parametrize(("point", "together"), WITH_BURST.items())
def test_killed_there_many_messages_in_one_post_are_lost_doubled_or_out_of_order_no_more(
    survived: Mapping[tuple[str, str], Survival], point: str, together: int
) -> None:
    survival = survived[point, BURST]
    assert survival.verdict.good, f"{survival.verdict}; see {survival.folder}"
    assert point in survival.deaths, f"it was never killed there; see {survival.folder}"
    assert survival.verdict.messages == 8
    assert not survival.verdict.held
    assert survival.together == together


@pytest.mark.parametrize(
    ("bug", "what"), [("marker_before_events", "lost"), ("doubt_forgotten", "doubled")]
)
def test_a_bridge_that_breaks_a_promise_is_caught(
    survived: Mapping[tuple[str, str], Survival], bug: str, what: str
) -> None:
    survival = survived[WITH_BUGS[bug][0], bug]
    assert survival.verdict.complaints[what], f"{survival.verdict}; see {survival.folder}"


def test_every_kill_point_is_among_them() -> None:
    killed_at = {point.partition(":")[0] for chain in CHAINS for point in chain}
    assert killed_at == set(failpoints.POINTS)
