"""Reads the parameters of one request and refuses what the schema does not allow."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maxbridge.sim.max.errors import bad

INT64 = 1 << 63

_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """One request after routing: what its path, query and body say."""

    args: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes

    def text(self, name: str) -> str:
        """Read a query value that must be there."""
        value = self.query.get(name, "")
        if not value.strip():
            raise bad(f"Missing required parameter {name}")
        return value

    def integer(self, name: str) -> int | None:
        """Read a 64-bit number from the query, None when it is absent."""
        value = self.query.get(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value) or not -INT64 <= int(value) < INT64:
            raise bad(f"{name}: integer expected")
        return int(value)

    def bounded(self, name: str, default: int, low: int, high: int) -> int:
        """Read a number that the schema bounds."""
        value = self.integer(name)
        if value is None:
            return default
        if not low <= value <= high:
            raise bad(f"{name}: must be between {low} and {high}")
        return value

    def flag(self, name: str) -> bool:
        """Read a boolean, false when it is absent."""
        value = self.query.get(name, "false")
        if value not in ("true", "false"):
            raise bad(f"{name}: boolean expected")
        return value == "true"

    def json(self) -> Any:
        """Read the body; half characters (lone surrogates) are no valid text."""
        try:
            data = json.loads(self.body)
            json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise bad("Invalid JSON") from None
        return data


def peek(body: bytes) -> Any:
    """Read a body for the log, None when it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
