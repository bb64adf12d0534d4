"""Whose turn is next, of those who come first and those who come later, so that nobody starves: pure.

A customer whom an agent has answered must not wait behind ten thousand who write for the first time; but one of
those ten thousand may be in need, too. So of every :data:`SHARE` turns one is theirs while both wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

SHARE = 4
"""Of so many turns one goes to those who come later."""


def in_turn(first: Sequence[int], later: Sequence[int], given: int) -> list[int]:
    """Both in one order.

    Args:
        first: Those who come first, in their order.
        later: Those who come later, in theirs.
        given: How many turns were given before: it says whose the next one is.
    """
    rest, others = deque(first), deque(later)
    order: list[int] = []
    while rest and others:
        given += 1
        order.append((rest if given % SHARE else others).popleft())
    return [*order, *rest, *others]
