"""The recorded samples of both ends, as they lie under ``tests/data``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_MAX = ROOT / "tests" / "data" / "max"
_DESK = ROOT / "tests" / "data" / "freescout"
EDITOR_CASE = "95"
REPLY_CASES = tuple("50 51 51b 53 54 55 57 57b 58 59 60 62 68".split())
"""Cases in which an agent wrote something that FreeScout calls a message."""


def max_names(prefix: str = "") -> list[str]:
    """Names of MAX's samples that begin so, without ``.json``."""
    return sorted(path.stem for path in _MAX.glob(f"{prefix}*.json"))


def max_sample(name: str) -> Any:
    """A sample of MAX."""
    return json.loads((_MAX / f"{name}.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Body:
    """A reply of an agent as FreeScout's API gave it.

    Attributes:
        sample: Number of the case, and what tells it from the other ones in it.
        what: What the agent did.
        body: HTML; None where FreeScout did not send it at all.
        files: Name, type, size in bytes and address of each attachment.
        note: What the recording says besides.
    """

    sample: str
    what: str
    body: str | None
    files: tuple[tuple[str, str, int | None, str], ...] = ()
    note: str = ""


def editor_bodies() -> list[Body]:
    """What agents wrote in a real reply editor (contract freescout-agent-ui.md 4)."""
    return [
        Body(f"{EDITOR_CASE}: {row['what']}", row["what"], row["body"], _files(row), note)
        for row in _case(EDITOR_CASE)
        for note in [row.get("note", "")]
    ]


def reply_bodies() -> list[Body]:
    """Every message of an agent in the recorded cases, each text of it once."""
    found: dict[tuple[str, Any, str], Body] = {}
    for case in REPLY_CASES:
        step = ""
        for exchange in _case(case)["exchanges"]:
            step = exchange.get("step") or exchange.get("note") or step
            for thread_id, body, files in _messages(exchange):
                number = f"{case}: thread {thread_id}" if thread_id else f"{case}: {body}"
                again = sum(1 for key in found if key[:2] == (case, thread_id) and thread_id)
                name = f"{number}, text {again + 1}" if again else number
                what = step.removeprefix("AGENT: ")
                found.setdefault((case, thread_id, body), Body(name, what, body, files))
    return list(found.values())


def _messages(exchange: dict[str, Any]) -> list[tuple[Any, str, Any]]:
    """Number, body and files of the messages in one exchange of a recording."""
    newest = exchange.get("newest_message")
    if newest and exchange.get("result") == "sent":
        # The recording of replies that are a file alone tells only the body and how many files.
        body, count = newest
        return [(None, body, (("doc.txt", "text/plain", 10, ""),) * count)]
    return [
        (thread["id"], thread["body"], _files(thread))
        for thread in sorted(_threads(exchange), key=lambda each: int(each["id"]))
    ]


def _threads(value: Any) -> list[dict[str, Any]]:
    """Messages of agents anywhere in a JSON value; their shape differs from case to case."""
    if isinstance(value, list):
        return [thread for each in value for thread in _threads(each)]
    if not isinstance(value, dict):
        return []
    if value.get("type") == "message" and isinstance(value.get("body"), str) and "id" in value:
        return [value]
    return [thread for each in value.values() for thread in _threads(each)]


def _files(row: dict[str, Any]) -> tuple[tuple[str, str, int | None, str], ...]:
    embedded = row.get("_embedded")
    listed = row.get("attachments") or (embedded or {}).get("attachments") or ()
    return tuple(
        (each["fileName"], each["mimeType"], each.get("size"), each.get("fileUrl", ""))
        for each in listed
    )


def _case(number: str) -> Any:
    (path,) = _DESK.glob(f"{number}_*.json")
    return json.loads(path.read_text(encoding="utf-8"))
