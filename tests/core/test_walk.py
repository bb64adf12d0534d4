"""Every row of a list is met, however many bear one time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.polling import Walk


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
