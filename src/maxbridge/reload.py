"""Which settings a reload takes over, and which need a restart: old and new ones, compared."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from maxbridge.settings import SECTIONS, Secret, Settings


@dataclass(frozen=True, slots=True)
class Reload:
    """The outcome of a reading.

    Attributes:
        settings: In force from now on.
        taken: ``[section] key`` of what is new in them.
        kept: ``[section] key`` of what was changed in the file and stays as it was until a restart.
    """

    settings: Settings
    taken: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def merge(old: Settings, new: Settings) -> Reload:
    """Take over from ``new`` what may change while we run.

    Only names are told, no values: some are secrets, some are texts of a line and more.
    """
    taken: list[str] = []
    kept: list[str] = []
    merged: dict[str, Any] = {}
    for name, cls in SECTIONS.items():
        before, after = getattr(old, name), getattr(new, name)
        changes: dict[str, Any] = {}
        for each in fields(cls):
            value = getattr(after, each.name)
            if _plain(value) == _plain(getattr(before, each.name)):
                continue
            if each.metadata.get("live"):
                changes[each.name] = value
                taken.append(f"[{name}] {each.name}")
            else:
                kept.append(f"[{name}] {each.name}")
        merged[name] = replace(before, **changes)
    return Reload(Settings(**merged), tuple(taken), tuple(kept))


def _plain(value: Any) -> Any:
    """A secret compares by what it hides."""
    return value.reveal() if isinstance(value, Secret) else value
