"""The one line that each delivery leaves in the log when it ends, and its place in the counters."""

from __future__ import annotations

from typing import Any

from maxbridge import log
from maxbridge.core.delivery import State
from maxbridge.store.records import Ended
from maxbridge.tally import Tally, result

LEVELS = {
    State.DONE: "info",
    State.IGNORED: "info",
    # Its agent has been told.
    State.BOUNCED: "warning",
    State.PARKED: "warning",
    # It waits for a person.
    State.HELD: "error",
}


class Outcomes:
    """Told by the store of every delivery that ended; see :attr:`maxbridge.store.db.Database.watch`."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._log: Any = log.get("delivery")

    def tell(self, outcome: Ended) -> None:
        """Count it and log it. Never raises: it is on disk, and nothing here may make it look otherwise."""
        try:
            self._tally.end(outcome)
            # What is decided as it comes has a line of its own kind: one for all, or one an hour.
            level = "debug" if outcome.at_once else LEVELS[outcome.state]
            getattr(self._log, level)(result(outcome), **fields(outcome))
        except Exception as error:  # noqa: BLE001 - see above
            self._log.critical("bug: not told", error=type(error).__name__, at=log.where(error))


def fields(outcome: Ended) -> dict[str, Any]:
    """What the line says; what is not known is left out (docs/monitoring.md lists them)."""
    line = {
        "direction": outcome.direction,
        "item": outcome.name,
        "kind": outcome.kind,
        "chat": outcome.chat_id or None,
        "ticket": outcome.ticket,
        "thread": outcome.thread,
        "mid": outcome.mid,
        "seconds": round(outcome.seconds, 3),
        "tries": outcome.tries,
        "files": outcome.files or None,
        "error": outcome.error,
        "reason": outcome.reason or None,
        "key": outcome.key,
    }
    return {name: value for name, value in line.items() if value is not None}
