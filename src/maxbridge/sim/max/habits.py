"""What MAX may do to the bot's messages: how it stores texts, and how and when its history shows them.

MAX documents none of it (contract max.md 12), so each habit is off unless a test sets it.
"""

from __future__ import annotations

import copy
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import cycle, pairwise
from typing import Any

Json = dict[str, Any]

_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u2060\ufeff]")
_SIGNS = {"--": "—", " - ": " — ", "...": "…", "'": "’"}


@dataclass(slots=True)
class Habits:
    """What MAX does to what the bot sends.

    Attributes:
        nfc: Texts are stored in Unicode's form NFC.
        no_invisible: Soft hyphens and spaces without width are dropped.
        typography: Straight quotes become «», dashes and the ellipsis the printer's.
        spelled_links: Behind the words of a link it is said where it leads.
        pictures_as_files: The history shows a picture under another kind.
        lag: Seconds after which a message stands in the history.
    """

    nfc: bool = False
    no_invisible: bool = False
    typography: bool = False
    spelled_links: bool = False
    pictures_as_files: bool = False
    lag: float = 0.0

    def set(self, **habits: Any) -> None:
        """Have these habits and no others; raises TypeError for what is none."""
        new = Habits(**habits)
        for each in fields(new):
            setattr(self, each.name, getattr(new, each.name))

    def stored(self, content: Mapping[str, Any]) -> Json:
        """The text and markup of a message as MAX keeps them; the markup stays around its words."""
        changes = self._changes()
        if "text" not in content or not (changes or self.spelled_links):
            return dict(content)
        text: str = content["text"]
        markup: list[Json] = content.get("markup", [])
        links = {
            each["from"] + each["length"]: each["url"] for each in markup if each["type"] == "link"
        }
        units = text.encode("utf-16-le", "surrogatepass")
        marks = {mark for each in markup for mark in (each["from"], each["from"] + each["length"])}
        kept, starts, ends = "", {0: 0}, {0: 0}
        for start, end in pairwise(sorted({0, len(units) // 2, *marks})):
            piece = units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")
            for change in changes:
                piece = change(piece)
            kept += piece
            ends[end] = _utf16_len(kept)
            if self.spelled_links and end in links:
                kept += f" ({links[end]})"
            starts[end] = _utf16_len(kept)
        moved = [_moved(each, starts, ends) for each in markup]
        moved = [each for each in moved if each["length"] > 0]
        stored = {**content, "text": kept, "markup": moved}
        return {name: value for name, value in stored.items() if value or name != "markup"}

    def shown(
        self, history: Iterable[Json], *, now_ms: int, own: Callable[[Json], bool]
    ) -> list[Json]:
        """A chat's history as it is told.

        Args:
            history: Messages in any order.
            now_ms: The present, in MAX's milliseconds.
            own: Tells the bot's messages.
        """
        seen = [each for each in history if now_ms - int(each["timestamp"]) >= self.lag * 1000]
        if not self.pictures_as_files:
            return seen
        return [_with_files(each) if own(each) else each for each in seen]

    def _changes(self) -> list[Callable[[str], str]]:
        quotes = cycle("«»")
        changes: list[Callable[[str], str]] = []
        if self.no_invisible:
            changes.append(lambda piece: _INVISIBLE.sub("", piece))
        if self.nfc:
            changes.append(lambda piece: unicodedata.normalize("NFC", piece))
        if self.typography:
            changes.append(lambda piece: re.sub('"', lambda _: next(quotes), _printed(piece)))
        return changes


def _printed(piece: str) -> str:
    for typed, printed in _SIGNS.items():
        piece = piece.replace(typed, printed)
    return piece


def _moved(element: Json, starts: Mapping[int, int], ends: Mapping[int, int]) -> Json:
    start = starts[element["from"]]
    return {**element, "from": start, "length": ends[element["from"] + element["length"]] - start}


def _with_files(message: Json) -> Json:
    """The message with its pictures as files."""
    if not any(each["type"] == "image" for each in message["body"].get("attachments", ())):
        return message
    shown = copy.deepcopy(message)
    for each in shown["body"]["attachments"]:
        if each["type"] == "image":
            each |= {"type": "file", "filename": "image.jpg", "size": 1}
    return shown


def _utf16_len(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
