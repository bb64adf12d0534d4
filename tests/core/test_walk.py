"""Every row of a list is met, however many bear one time."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.polling import Passed, Walk


@given(st.lists(st.integers(0, 20), max_size=60).map(sorted), st.integers(1, 5))
def test_each_row_is_met_and_the_walk_ends(times: list[int], page_size: int) -> None:
    walk = Walk(0.0, page_size)
    met: set[int] = set()
    for _ in range(200):
        rows = [at for at, time in enumerate(times) if time >= walk.start][: walk.size]
        met |= set(rows)
        if not walk.goes_on([float(times[at]) for at in rows]):
            break
    else:
        raise AssertionError("it does not end")
    assert met == set(range(len(times)))


def test_a_second_that_is_left_behind_needs_no_long_page_any_more() -> None:
    walk = Walk(5.0, 2)
    assert walk.goes_on([5.0, 5.0])
    assert (walk.start, walk.size) == (5.0, 4)
    assert walk.goes_on([5.0, 5.0, 5.0, 6.0])
    assert (walk.start, walk.size) == (6.0, 2)
    assert not walk.goes_on([6.0])


# --- what was passed ------------------------------------------------------------------------------------


class Desk:
    """A list of changes: rows with their time, and whether anything depends on them."""

    def __init__(self, rows: dict[int, tuple[int, bool]]) -> None:
        self.rows = rows
        self.listed = 0

    def page(self, start: float, size: int) -> list[tuple[int, float, bool]]:
        found = sorted((time, one) for one, (time, _) in self.rows.items() if time >= start)[:size]
        self.listed += len(found)
        return [(one, float(time), self.rows[one][1]) for time, one in found]

    def count(self, start: float) -> int:
        return sum(time >= start for time, _ in self.rows.values())


def walked(desk: Desk, passed: Passed, now: float, *, page_size: int = 3) -> set[tuple[int, float]]:
    """A walk along the list as the poller makes it; gives what it met."""
    met: set[tuple[int, float]] = set()
    walk = Walk(0.0, page_size)
    passed.begin()
    for _ in range(400):
        end = passed.ahead(walk.start)
        if end is not None:
            there = desk.count(walk.start) - desk.count(end)
            if passed.passes(walk.start, end, there):
                walk.skip_to(end)
        rows = desk.page(walk.start, walk.size)
        passed.saw(rows)
        met |= {(one, time) for one, time, _ in rows}
        if not walk.goes_on([time for _, time, _ in rows]):
            if passed.end(0.0, now):
                return met
            walk = Walk(0.0, page_size)
            passed.begin()
    raise AssertionError("it does not end")


NOW = 20
changes = st.lists(
    st.one_of(
        st.tuples(st.just("late"), st.integers(0, NOW), st.booleans()),
        st.tuples(st.just("moves"), st.integers(0, 39), st.booleans()),
    ),
    max_size=6,
)


@given(
    st.dictionaries(st.integers(0, 39), st.tuples(st.integers(0, NOW), st.booleans()), max_size=40),
    st.lists(changes, min_size=1, max_size=3),
)
def test_whatever_changes_is_met_and_so_is_whatever_matters(
    rows: dict[int, tuple[int, bool]], rounds: list[list[tuple[str, int, bool]]]
) -> None:
    desk, passed = Desk(dict(rows)), Passed(4)
    now = NOW + 1
    assert {one for one, _ in walked(desk, passed, now)} == set(rows)
    new = 100
    for each in rounds:
        now += 5
        wanted = {(one, float(time)) for one, (time, idle) in desk.rows.items() if not idle}
        for kind, which, idle in each:
            if kind == "late":
                # Committed only now, with a time of before.
                new += 1
                desk.rows[new] = (which, idle)
                wanted.add((new, float(which)))
            elif which in desk.rows:
                wanted.discard((which, float(desk.rows[which][0])))
                desk.rows[which] = (now - 1, idle)
                wanted.add((which, float(now - 1)))
        assert wanted <= walked(desk, passed, now)


def test_a_bulk_change_is_walked_once() -> None:
    desk, passed = Desk({one: (5 + one // 100, True) for one in range(1000)}), Passed(50)
    assert len(walked(desk, passed, NOW, page_size=100)) == 1000
    desk.listed = 0
    for poll in range(15):
        desk.rows[2000 + poll] = (NOW + poll, False)
        assert (2000 + poll, float(NOW + poll)) in walked(
            desk, passed, NOW + 2.0 + poll, page_size=100
        )
    assert desk.listed <= 15 * (100 + 15)


def test_a_late_row_in_the_place_of_one_that_has_left_is_met() -> None:
    desk, passed = Desk({one: (5 + one, True) for one in range(8)}), Passed(4)
    walked(desk, passed, NOW)
    desk.rows[6] = (NOW, True)
    desk.rows[100] = (10, False)
    assert (100, 10.0) in walked(desk, passed, NOW + 1)


# --- what is kept of a walk ------------------------------------------------------------------------------

Rows = Sequence[tuple[int, float, bool]]
THREE: Rows = [(1, 5.0, True), (2, 6.2, True), (3, 7.9, True)]


def after(*walks: Rows, since: float = 0.0, now: float = 30.0) -> Passed:
    """What a few walks leave that met these rows; a stretch has three at least."""
    passed = Passed(3)
    for rows in walks:
        passed.begin()
        passed.saw(rows)
        assert passed.end(since, now)
    return passed


def test_a_stretch_is_from_its_first_second_to_the_end_of_its_last() -> None:
    passed = after(THREE)
    assert [passed.ahead(start) for start in (4.9, 5.0, 5.9, 6.0, 8.0)] == [None, 8, 8, None, None]
    assert after(THREE[:2]).ahead(5.0) is None
    assert after(THREE, now=7.99).ahead(5.0) is None, "its last second was not over"
    assert after(THREE, now=8.0).ahead(5.0) == 8


def test_a_stretch_is_kept_until_nobody_asks_for_it_again() -> None:
    assert after(THREE, [], since=7.9).ahead(5.0) == 8
    assert after(THREE, [], since=8.0).ahead(5.0) is None


def test_a_row_on_which_something_depends_by_now_ends_a_stretch_and_one_that_left_does_not() -> (
    None
):
    four = [*THREE, (4, 8.0, True)]
    assert after(four, [(1, 5.0, False)]).ahead(5.0) is None
    assert after(four, [(1, 20.0, False)]).ahead(6.0) == 9
    assert after(four, [(1, 5.0, True)]).ahead(5.0) == 9


def test_stretches_do_not_overlap_and_do_not_join_over_what_lies_between() -> None:
    later = [(each + 10, time + 10, True) for each, time, _ in THREE]
    assert after(THREE, later).ahead(15.0) == 18
    overlapping = [(3, 7.9, True), (4, 8.0, True), (5, 9.0, True)]
    assert after(THREE, overlapping).ahead(7.0) is None
    assert after([*THREE, (9, 10.0, False), *later]).ahead(5.0) == 8


def test_rows_before_and_behind_what_was_passed_are_not_one_stretch() -> None:
    passed = after(THREE)
    passed.begin()
    passed.saw([(11, 1.0, True), (12, 2.0, True), (13, 3.0, True)])
    assert passed.passes(5.0, 8.0, 3)
    passed.saw([(21, 20.0, True), (22, 21.0, True), (23, 22.0, True)])
    assert passed.end(0.0, 30.0)
    assert [passed.ahead(start) for start in (1.0, 5.0, 20.0)] == [4, 8, 23]


def test_more_rows_than_are_known_are_walked_and_so_are_others_in_their_place() -> None:
    four = [(0, 4.0, True), *THREE]
    passed = after(four)
    passed.begin()
    assert passed.passes(5.0, 8.0, 3)
    assert passed.end(0.0, 30.0), "from the middle of it on"
    passed.begin()
    assert not passed.passes(5.0, 8.0, 4)
    assert passed.ahead(5.0) is None

    passed = after(four)
    passed.begin()
    assert passed.passes(5.0, 8.0, 3)
    passed.saw([(2, 20.0, True)])
    assert not passed.end(0.0, 30.0), "one has left, and there are as many as before"
    assert passed.ahead(5.0) is None
