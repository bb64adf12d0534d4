"""What the program logs, as rows that a test can ask for."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

from maxbridge.observe import log


class Lines:
    """Everything that was logged."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def text(self) -> str:
        """All of it, to look for what must not be there."""
        return self._stream.getvalue()

    def of(self, event: str) -> list[dict[str, Any]]:
        """The rows of one event, in order."""
        rows = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        return [row for row in rows if row["event"] == event]


def logging_to() -> Iterator[Lines]:
    """For a fixture: log into memory while the test runs."""
    stream = io.StringIO()
    log.configure(level="info", form="json", stream=stream)
    yield Lines(stream)
    logging.getLogger().handlers.clear()
