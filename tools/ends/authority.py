"""A certificate authority of our own, and the certificates of the two ends; made by openssl."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

AUTHORITY = "authority.crt"
_NAME = "Test authority of the simulators"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[end]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectAltName = DNS:{name}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def authority(folder: Path) -> Path:
    """Make the authority; gives its certificate.

    Args:
        folder: For its certificate and key.
    """
    _openssl(folder, "authority", _NAME, "-x509", "-days", "700")
    return folder / AUTHORITY


def certified(folder: Path, name: str) -> ssl.SSLContext:
    """Make a certificate for a host, signed by the authority in the same folder."""
    signed_by = ("-CA", folder / AUTHORITY, "-CAkey", folder / "authority.key")
    _openssl(folder, "end", name, "-x509", "-days", "700", *signed_by)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "end.crt", folder / "end.key")
    return context


def _openssl(folder: Path, section: str, name: str, *options: str | Path) -> None:
    config = folder / "openssl.cnf"
    config.write_text(_CONFIG.format(name=name), encoding="utf-8")
    subprocess.run(
        [
            shutil.which("openssl") or "openssl",
            *("req", "-config", config, "-extensions", section, *_CURVE, *options),
            *("-keyout", folder / f"{section}.key", "-out", folder / f"{section}.crt"),
        ],
        check=True,
        capture_output=True,
    )
