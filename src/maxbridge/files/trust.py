"""Whose certificates are believed."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

import certifi


@functools.cache
def trusted(*more: Path) -> ssl.SSLContext:
    """This machine's certificates, an administrator's own authority among them, and certifi's.

    Args:
        more: Files with further authorities.
    """
    context = ssl.create_default_context()
    for file in (Path(certifi.where()), *more):
        context.load_verify_locations(cafile=file)
    return context
