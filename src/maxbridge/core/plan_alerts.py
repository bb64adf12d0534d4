"""When the administrator is told of a trouble, and that it is over: each once.

Time is added up as it passes, because a clock that is set would make a trouble old or young. A trouble that comes
and goes is one trouble until it has been away for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from maxbridge.core import keys

CALM = 60.0
"""Seconds without a trouble after which it is over."""


class Trouble(StrEnum):
    """What the administrator is told of."""

    DESK = "desk"
    """FreeScout does not answer, or refuses us."""
    MAX = "max"
    STORE = "store"
    """The database cannot be written."""
    STUCK = "stuck"
    """A loop does not move."""
    HELD = "held"
    """Something waits for the administrator's decision."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A trouble as far as it has come.

    Attributes:
        since: When it was first seen, our clock; for people.
        bad: Seconds that it has been there.
        good: Seconds that it has been away since it was seen last.
        told: Somebody was told.
    """

    since: float
    bad: float = 0.0
    good: float = 0.0
    told: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """What is to be told now.

    Attributes:
        trouble: Of what.
        over: That it is over; else that it is there.
        since: When it began, our clock.
        seconds: How long it has been there.
        detail: A code or a count of ours; empty for none.
    """

    trouble: Trouble
    over: bool
    since: float
    seconds: float
    detail: str = ""

    @property
    def key(self) -> str:
        """The identity of this message among all of the kind."""
        return keys.alert(self.trouble, self.since, over=self.over)


def advance(
    standing: Mapping[Trouble, Standing],
    present: Mapping[Trouble, str],
    *,
    passed: float,
    now: float,
    after: float,
) -> tuple[dict[Trouble, Standing], list[Alert]]:
    """Go one step on.

    Args:
        standing: How the troubles stood.
        present: Those that are there now, each with a code or a count.
        passed: Seconds since the last step.
        now: Our clock.
        after: Seconds that a trouble must last before anybody is told.

    Returns:
        How they stand, and what is to be told.
    """
    left: dict[Trouble, Standing] = {}
    alerts = []
    for trouble in Trouble:
        old = standing.get(trouble)
        if trouble in present:
            new = Standing(now) if old is None else replace(old, bad=old.bad + passed, good=0.0)
            if not new.told and new.bad >= after:
                new = replace(new, told=True)
                alerts.append(Alert(trouble, False, new.since, new.bad, present[trouble]))
            left[trouble] = new
        elif old is not None:
            new = replace(old, good=old.good + passed)
            if new.good < CALM:
                left[trouble] = new
            elif new.told:
                alerts.append(Alert(trouble, True, new.since, new.bad))
    return left, alerts


def is_well(standing: Mapping[Trouble, Standing], after: float) -> bool:
    """Is all well, as far as somebody who waits for a sign of life is to know?

    A short trouble is none of theirs. One that was told is, until it is told that it is over.
    """
    return not any(each.told or each.bad >= after for each in standing.values())
