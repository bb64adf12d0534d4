"""What happened in a run, in order, one JSON object a line: for reading after a failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class History:
    """A file that is complete at every moment."""

    def __init__(self, path: Path, seconds: Callable[[], float]) -> None:
        """Open the file.

        Args:
            path: Where; its folder must exist.
            seconds: The world's time since its beginning.
        """
        self.path = path
        self._seconds = seconds
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, what: str, **more: Any) -> None:
        """Note what just happened."""
        line = {"at": round(self._seconds(), 2), "what": what, **more}
        self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")

    def close(self) -> None:
        """Nothing happens any more."""
        self._file.close()
