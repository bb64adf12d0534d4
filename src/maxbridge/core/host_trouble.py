"""A host of files that does not do its work, as it is told to people."""

from __future__ import annotations

from dataclasses import dataclass

DOWNLOADS, UPLOADS = "downloads", "uploads"


@dataclass(frozen=True, slots=True)
class HostTrouble:
    """A host of files that does not do its work.

    Attributes:
        host: Its name, with its port where that is an unusual one.
        way: :data:`DOWNLOADS` from it or :data:`UPLOADS` to it.
        since: When that began, our clock.
        error: Code of its last failure.
    """

    host: str
    way: str
    since: float
    error: str
