"""Every row of a list is met, however many bear one time."""

from __future__ import annotations

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
