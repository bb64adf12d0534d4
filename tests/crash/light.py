"""Virtual days in seconds: without log, without waiting for the disk, with few heartbeats."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from unittest import mock

import structlog

from maxbridge.engine import housekeeper, pool
from maxbridge.inbound import poller as max_poller
from maxbridge.observe import log
from maxbridge.outbound import poller as desk_poller
from maxbridge.sim.max import methods
from maxbridge.store import db

SELDOM = 600.0
"""Seconds between heartbeats: with the real ten, nine tenths of a virtual day are heartbeats. What
comes is not noticed later for it."""
POLL = 90
"""Seconds of one long poll: as long as MAX's published schema lets it be."""


@contextlib.contextmanager
def light() -> Iterator[None]:
    """For tests in one process, in which nothing outlives the process anyway."""
    log.configure(level="error", form="json", stream=io.StringIO())
    patches = (
        mock.patch.dict(db._PRAGMAS, {"synchronous": "off"}),
        mock.patch.object(pool, "LONGEST_NAP", SELDOM),
        mock.patch.object(desk_poller, "LONGEST_NAP", SELDOM),
        mock.patch.object(housekeeper, "HEALTH_EVERY", SELDOM),
        mock.patch.object(max_poller, "POLL_SECONDS", POLL),
        mock.patch.object(methods, "POLL_SECONDS", POLL),
    )
    with contextlib.ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield
    logging.getLogger().handlers.clear()
    structlog.reset_defaults()
