"""Trusted certificates, and the certificates of live connections."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi

Heard = Callable[[str, dict[str, Any]], None]
"""Called after each successful TLS handshake: the host's name, and its certificate in the form of ``getpeercert``."""


@functools.cache
def trusted(*more: Path, heard: Heard | None = None) -> ssl.SSLContext:
    """Return a TLS context that trusts this machine's certificates (incl. an administrator's own authority) and certifi's.

    Args:
        more: Files with further authorities.
        heard: Called with the certificate after every handshake.
    """
    context = ssl.create_default_context()
    for file in (Path(certifi.where()), *more):
        context.load_verify_locations(cafile=file)
    return context if heard is None else telling(context, heard)


def telling(context: ssl.SSLContext, heard: Heard) -> ssl.SSLContext:
    """Have a function called after every handshake of a context.

    The certificate is that of the connection in use, so no second connection is needed to learn its
    expiry. asyncio creates all TLS objects from ``sslobject_class``, whichever library asks.
    """

    class Told(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()  # raises while it is not complete
            certificate = self.getpeercert()
            if certificate:
                heard(self.server_hostname or "", certificate)

    context.sslobject_class = Told
    return context


def authorities(file: Path) -> dict[str, dict[str, Any]]:
    """Return the authorities in a file by name.

    Raises:
        OSError, ssl.SSLError: The file cannot be read, or contains none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=file)
    return {common_name(each.get("subject", ())): dict(each) for each in context.get_ca_certs()}


def common_name(parts: Any) -> str:
    """Return the common name in a certificate's subject or issuer."""
    names = {key: value for part in parts for key, value in part}
    return str(names.get("commonName") or names.get("organizationName") or "?")


def lifetime(certificate: dict[str, Any]) -> tuple[float, float] | None:
    """Return when a certificate begins and ends, seconds since the epoch; None if it does not say."""
    try:
        begins, ends = (
            ssl.cert_time_to_seconds(certificate[key]) for key in ("notBefore", "notAfter")
        )
    except (KeyError, ValueError, TypeError):
        return None
    return float(begins), float(ends)
