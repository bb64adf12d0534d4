"""What a delivery can be, by the table of core/delivery.py: which doubts in which state."""

from __future__ import annotations

from collections.abc import Iterator

from maxbridge.core.delivery import Direction, Doubt, Outcome, State

Key = tuple[Direction, State, Doubt, Outcome]

S, D = State, Doubt
DESK, MAX = Direction.TO_DESK, Direction.TO_MAX
SURE = (D.NONE,)
TRIED = (D.CRASHED, D.NO_ANSWER, D.ANSWERED, D.RETRIED)
IN_DOUBT = (*TRIED, D.RESTORED)

REACHED: dict[Direction, dict[State, tuple[Doubt, ...]]] = {
    DESK: {
        S.QUEUED: SURE,
        S.SENDING: IN_DOUBT,
        S.DEFERRED: SURE,
        S.HELD: (D.NONE, *IN_DOUBT),
        S.DONE: SURE,
        S.IGNORED: (D.NONE, *IN_DOUBT),
        S.PARKED: (D.NONE, D.RESTORED),
    },
    MAX: {
        S.QUEUED: SURE,
        S.SENDING: IN_DOUBT,
        # A change waits for its customer, and what stands behind it may have been sent.
        S.DEFERRED: (D.NONE, D.RESTORED),
        S.HELD: (D.NONE, *IN_DOUBT),
        S.DONE: SURE,
        # Finished, and nobody will ever know.
        S.BOUNCED: (D.NONE, D.RESTORED),
        S.IGNORED: (D.NONE, *IN_DOUBT),
    },
}
"""What a delivery can be: which doubts in which state. Everything else cannot come about."""


def keys() -> Iterator[Key]:
    """Every combination of a delivery as it can be with an outcome."""
    for to, states in REACHED.items():
        for state, doubts in states.items():
            for doubt in doubts:
                for outcome in Outcome:
                    yield to, state, doubt, outcome
