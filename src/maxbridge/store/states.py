"""The states of a delivery; apart from the tables, so that whoever only names them loads no Peewee."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Life of one delivery."""

    QUEUED = "queued"
    SENDING = "sending"
    """Written before each POST: what is found so at start is uncertain and must be looked up."""
    DEFERRED = "deferred"
    HELD = "held"
    """A person decides."""
    DONE = "done"
    BOUNCED = "bounced"
    """Given back to the agent with a note."""
    IGNORED = "ignored"
    """Stored, and nothing for anybody to do."""
    PARKED = "parked"
    """Nobody can say whom it concerns."""


PENDING = (State.QUEUED, State.SENDING, State.DEFERRED)
"""States that a worker still has to do something about."""
