"""Weighing a running daemon: memory by what it refers to, work by what it asks the database for."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
import types
from collections.abc import Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """What the database was asked for; unlike time it is the same on every machine."""

    statements: int
    commits: int


class Meter:
    """Counts what the database is asked for."""

    def __init__(self) -> None:
        self._statements = self._commits = 0

    def attach(self, base: sqlite3.Connection) -> None:
        base.set_trace_callback(self._count)

    def _count(self, statement: str) -> None:
        self._statements += 1
        self._commits += statement == "COMMIT"

    def take(self) -> Cost:
        """What has been asked for since the last time."""
        cost = Cost(self._statements, self._commits)
        self._statements = self._commits = 0
        return cost


def weigh(root: object, strangers: Sequence[object]) -> int:
    """Bytes of everything that can be reached from an object, without code and without strangers."""
    gc.collect()
    seen = {id(each) for each in (*strangers, asyncio.get_running_loop())}
    heap, total = [root], 0
    while heap:
        each = heap.pop()
        if id(each) in seen or isinstance(each, type | types.ModuleType | types.CodeType):
            continue
        seen.add(id(each))
        total += sys.getsizeof(each, 0)
        if isinstance(each, types.FunctionType):
            # Its globals are the program, its cells are what it remembers.
            heap += each.__closure__ or ()
        elif not isinstance(each, types.FrameType | asyncio.Task):
            heap += gc.get_referents(each)
    return total
