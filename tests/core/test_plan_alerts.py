"""Each trouble is told once when it has lasted, and once when it is over, however it comes and goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.retry import CALM, Alert, Standing, Trouble, advance, is_well

AFTER = 300.0
STEPS = st.lists(st.tuples(st.sets(st.sampled_from(Trouble)), st.floats(0.0, 400.0)), max_size=60)


def play(
    steps: list[tuple[set[Trouble], float]],
) -> list[tuple[float, list[Alert], dict[Trouble, Standing]]]:
    standing: dict[Trouble, Standing] = {}
    told, now = [], 0.0
    for present, passed in steps:
        now += passed
        standing, alerts = advance(
            standing, dict.fromkeys(present, "x"), passed=passed, now=now, after=AFTER
        )
        told.append((now, alerts, standing))
    return told


@given(STEPS)
def test_beginnings_and_ends_alternate_and_belong_together(
    steps: list[tuple[set[Trouble], float]],
) -> None:
    for trouble in Trouble:
        alerts = [each for _, found, _ in play(steps) for each in found if each.trouble is trouble]
        assert [each.over for each in alerts] == [bool(at % 2) for at in range(len(alerts))]
        pairs = zip(alerts[::2], alerts[1::2], strict=False)
        assert all(begun.since == over.since for begun, over in pairs)
        assert len({each.key for each in alerts}) == len(alerts)


@given(STEPS)
def test_nobody_is_told_before_it_has_lasted_or_before_it_is_calm(
    steps: list[tuple[set[Trouble], float]],
) -> None:
    bad = dict.fromkeys(Trouble, 0.0)
    for (present, passed), (_, alerts, _) in zip(steps, play(steps), strict=True):
        for each in Trouble:
            bad[each] += passed if each in present else 0.0
        for alert in alerts:
            assert alert.over is (alert.trouble not in present)
            assert alert.seconds <= bad[alert.trouble]
            assert alert.seconds >= AFTER


@given(STEPS)
def test_what_was_told_is_not_well_until_it_is_told_that_it_is_over(
    steps: list[tuple[set[Trouble], float]],
) -> None:
    told: set[Trouble] = set()
    for _, alerts, standing in play(steps):
        for alert in alerts:
            told ^= {alert.trouble}
        assert {name for name, each in standing.items() if each.told} == told
        assert is_well(standing, AFTER) is (not told)


def test_a_trouble_that_comes_and_goes_is_one() -> None:
    flapping = [({Trouble.DESK}, 10.0), (set[Trouble](), CALM - 10.0)] * 60
    alerts = [each for _, found, _ in play(flapping) for each in found]
    assert [(each.over, each.detail) for each in alerts] == [(False, "x")]


def test_one_that_passes_soon_is_nobodys_business() -> None:
    assert not [
        each for _, found, _ in play([({Trouble.MAX}, 100.0), (set(), 100.0)] * 3) for each in found
    ]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        # There for exactly as long as it must be, and away for exactly as long.
        ([(True, 0.0), (True, 300.0)], [False]),
        ([(True, 0.0), (True, 299.5)], []),
        ([(True, 0.0), (True, 300.0), (False, 60.0)], [False, True]),
        ([(True, 0.0), (True, 300.0), (False, 59.5)], [False]),
        ([(True, 0.0), (True, 300.0), (False, 30.0), (False, 30.0)], [False, True]),
        ([(True, 0.0), (True, 300.0), (False, 59.5), (True, 1.0), (False, 59.5)], [False]),
    ],
)
def test_how_long_is_long_enough(steps: list[tuple[bool, float]], told: list[bool]) -> None:
    played = play([({Trouble.DESK} if there else set(), passed) for there, passed in steps])
    assert [each.over for _, alerts, _ in played for each in alerts] == told


def test_what_nobody_was_told_of_is_forgotten_in_the_same_time() -> None:
    for away, left in ((59.5, {Trouble.MAX}), (60.0, set[Trouble]())):
        *_, (_, _, standing) = play([({Trouble.MAX}, 0.0), (set(), away)])
        assert set(standing) == left


def test_what_has_lasted_is_not_well_though_nobody_was_told_yet() -> None:
    assert is_well({Trouble.DESK: Standing(0.0, bad=299.5)}, AFTER)
    assert not is_well({Trouble.DESK: Standing(0.0, bad=300.0)}, AFTER)
    assert not is_well({Trouble.DESK: Standing(0.0, told=True)}, AFTER)
