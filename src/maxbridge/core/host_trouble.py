"""A file host that does not work, as it is reported to people."""

from __future__ import annotations

from dataclasses import dataclass

DOWNLOADS, UPLOADS = "downloads", "uploads"


@dataclass(frozen=True, slots=True)
class HostTrouble:
    """A file host that does not work.

    Attributes:
        host: Its name, with its port if that is not the usual one.
        way: :data:`DOWNLOADS` from it or :data:`UPLOADS` to it.
        since: When that began, our clock.
        error: Code of its last failure.
    """

    host: str
    way: str
    since: float
    error: str
