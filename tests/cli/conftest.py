"""Commands that a test runs in its own process set up what the next test must not find."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """The log, the mask of new files, what signals do, the dump of a crash."""
    mask = os.umask(0o022)
    os.umask(mask)
    terminate = signal.getsignal(signal.SIGTERM)
    dumps = faulthandler.is_enabled()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    os.umask(mask)
    signal.signal(signal.SIGTERM, terminate)
    if not dumps:
        faulthandler.disable()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
