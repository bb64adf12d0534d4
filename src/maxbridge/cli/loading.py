"""Loading modules without what it only costs: a search for garbage among them, and certificates that nobody asks for."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_ROOTS = "SSL_CERT_FILE"
"""Where OpenSSL reads the machine's certificates, instead of its own place."""


@contextmanager
def loading() -> Iterator[None]:
    """What is loaded is no garbage, and looking for some takes a tenth of the time of an import.

    aiohttp reads the machine's certificates twice when it is loaded, 17 ms each, for connections that bring none of
    their own. Each of ours does (:mod:`maxbridge.files.trust`).
    """
    searches, roots = gc.isenabled(), os.environ.get(_ROOTS)
    gc.disable()
    os.environ[_ROOTS] = os.devnull
    try:
        yield
    finally:
        if roots is None:
            del os.environ[_ROOTS]
        else:
            os.environ[_ROOTS] = roots
        if searches:
            gc.enable()
