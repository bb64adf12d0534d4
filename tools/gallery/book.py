"""The parts of the gallery, and where it lies."""

from __future__ import annotations

from collections.abc import Iterator

from gallery.chat_view import chat_groups
from gallery.desk_view import desk_groups
from gallery.document import document
from gallery.entries import Group
from gallery.samples import ROOT
from gallery.trouble_view import trouble_groups

DOCUMENT = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"


def text() -> str:
    """The gallery's words.

    Raises:
        GalleryError: A sample has no place, or something that is sent would not be shown.
    """
    return document(_parts())


def drawn_groups() -> Iterator[Group]:
    """The groups that have a picture."""
    return (group for _, groups in _parts() for group in groups if group.is_drawn)


def _parts() -> list[tuple[str, list[Group]]]:
    return [
        ("From MAX to FreeScout", desk_groups()),
        ("From FreeScout to MAX", chat_groups()),
        ("What goes wrong", trouble_groups()),
    ]
