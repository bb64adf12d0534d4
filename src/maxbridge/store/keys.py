"""Names of single rows that one module writes and another reads."""

from __future__ import annotations

from typing import Final

MARKER: Final = "max"
"""In ``marker``: MAX's, and when it was stored."""
GAP: Final = "gap"
"""In ``meta``: the last gap, as JSON of a :class:`maxbridge.store.health_records.GapRecord`."""
DEAF: Final = "deaf:"
"""In ``meta``, followed by the chat's id: ``yes`` while the bot may not read a group."""
STARTED: Final = "started"
"""In ``meta``: ``yes`` once it is decided what becomes of MAX's events of before the first start."""
SKIP: Final = "skip_backlog"
"""In ``meta``: ``yes`` while they are passed over."""
CERTIFICATE: Final = "certificate:"
"""In ``meta``, followed by the kind, a colon and the name: JSON of a
:class:`maxbridge.core.certificates.Certificate`'s times."""
