"""Any order of what people, faults and crashes can do to tickets: every promise is kept.

More examples: ``make crash-states EXAMPLES=300``; a failure is then shrunk to the steps that it takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from crash.bugs import BUGS
from crash.light import light
from crash.ticket_life import TicketLife

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
"""How many by hand; 0 for the few fixed ones of every run of the tests."""

FEW = settings(
    max_examples=EXAMPLES or 15,
    stateful_step_count=30,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    # Shrinking takes minutes: it is for hands.
    phases=list(Phase) if EXAMPLES else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.timeout(0)  # virtual time
UNTIL_CAUGHT = settings(FEW, max_examples=100, derandomize=True, phases=[Phase.generate])


@pytest.fixture(autouse=True)
def lightly() -> Iterator[None]:
    with light():
        yield


def test_whatever_happens_to_tickets_every_promise_is_kept() -> None:
    run_state_machine_as_test(TicketLife, settings=FEW)


@pytest.mark.parametrize(
    ("bug", "words"), [("doubt_forgotten", "doubled"), ("undo_ignored", "private words came out")]
)
def test_a_bridge_that_breaks_a_promise_is_caught(
    monkeypatch: pytest.MonkeyPatch, bug: str, words: str
) -> None:
    BUGS[bug](monkeypatch.setattr)
    with pytest.raises(AssertionError, match=words):
        run_state_machine_as_test(TicketLife, settings=UNTIL_CAUGHT)
