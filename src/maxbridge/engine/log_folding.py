"""Keeps the write-ahead log small: a reader that was open for long lets it grow, and nobody else makes it small again."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from maxbridge.engine.beside import HUGE, beside
from maxbridge.observe import log
from maxbridge.store.db import LOG_KEPT, fold_log, log_size

BOUND = 2 * LOG_KEPT
"""Bytes from which on it is folded in."""
LOUD = 64 << 20
"""Bytes from which on it is said, once, that somebody keeps it from being folded in."""


class LogFolding:
    """One look at the log; called every few seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = False
        self._log: Any = log.get("housekeeper")

    async def step(self) -> None:
        """Fold the log in where it is large."""
        size = log_size(self._path)
        if size <= BOUND:
            self._told = False
            return
        try:
            folded = await beside(HUGE + 1, fold_log, self._path)
        except sqlite3.Error as error:
            # The loops that write meet the same and say so.
            self._log.debug("write-ahead log not folded", error=type(error).__name__)
            return
        if folded:
            self._told = False
            self._log.info("write-ahead log folded", bytes=size)
        elif size > LOUD and not self._told:
            self._told = True
            self._log.warning(
                "a program that reads the database keeps its write-ahead log from being folded in: it grows",
                bytes=size,
                advice="Close what keeps the database open, such as sqlite3 in another window.",
            )
