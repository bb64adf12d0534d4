"""The recorded bodies under tests/data, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def max_names(prefix: str) -> list[str]:
    """Names of the samples of MAX that begin so, without ``.json``."""
    return sorted(path.stem for path in (DATA / "max").glob(f"{prefix}*.json"))


def max_body(name: str) -> Any:
    """A sample of MAX."""
    return json.loads((DATA / "max" / f"{name}.json").read_text(encoding="utf-8"))


def max_update(name: str) -> Any:
    """The first update of a recorded poll."""
    return max_body(f"update.{name}")["updates"][0]


def max_message(**body: Any) -> Any:
    """The recorded text message with other members in its body."""
    raw = max_update("message_created.text")
    raw["message"]["body"] |= body
    return raw


def desk_file(case: str) -> Any:
    """A recorded case of FreeScout, by its number."""
    (path,) = (DATA / "freescout").glob(f"{case}_*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def desk_exchanges(case: str) -> list[dict[str, Any]]:
    """The exchanges of a case that have an answer."""
    exchanges: list[dict[str, Any]] = desk_file(case)["exchanges"]
    return [each for each in exchanges if each.get("response")]


def desk_cases() -> list[str]:
    """Numbers of the cases that consist of exchanges."""
    cases = sorted(path.name.split("_")[0] for path in (DATA / "freescout").glob("*.json"))
    return [each for each in cases if each != "95" and "exchanges" in desk_file(each)]
