"""What the gallery consists of: groups of samples, each with its words and, drawn, its look."""

from __future__ import annotations

from dataclasses import dataclass


class GalleryError(Exception):
    """Something that we send does not arrive as it was meant, or a sample has no place in the gallery."""


@dataclass(frozen=True, slots=True)
class Source:
    """An exact text behind a picture.

    Attributes:
        title: What it is.
        language: For the code block: ``html``, ``text``, ``json``.
        text: The text, unchanged.
    """

    title: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample.

    Attributes:
        sample: Its name: the file without ``.json``, or number and title of a recorded body.
        what: One line, what it is; empty where its name says so.
        seen: One line, who sees what of it.
        sources: The exact texts.
        drawn: HTML of its look; empty where nobody sees anything.
        beside: HTML of what its author sees at his end; empty for nothing.
    """

    sample: str
    what: str
    seen: str = ""
    sources: tuple[Source, ...] = ()
    drawn: str = ""
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Samples that share a picture.

    Attributes:
        name: Of the picture's file.
        title: Of the chapter.
        about: One line below it.
        entries: In the order of the picture.
    """

    name: str
    title: str
    about: str
    entries: tuple[Entry, ...]

    @property
    def is_drawn(self) -> bool:
        """Is there anything to draw?"""
        return any(entry.drawn for entry in self.entries)
