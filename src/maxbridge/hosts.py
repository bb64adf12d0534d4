"""Which hosts the links of a MAX message may lead to, and where those hosts may live."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

from maxbridge.config.settings import MaxSettings
from maxbridge.config.values import is_loopback
from maxbridge.files.egress import Address, EgressPolicy, is_public

_PLAIN_HOST = re.compile(r"[a-z0-9._-]+")


def media_rule(settings: MaxSettings) -> Callable[[str], bool]:
    """The rule for media links: https to MAX's own hosts, nothing else.

    Where the API itself is on loopback (a simulator), its host is allowed too.
    """
    api = urlsplit(settings.api_url)
    local = local_host(settings)

    def allowed(url: str) -> bool:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", _port(parts)
        except ValueError:
            return False
        if "@" in parts.netloc or "\\" in url:
            return False
        if local is not None and host == local and port == _port(api):
            return parts.scheme == api.scheme
        # Browsers disagree with us on odd letters in a host, so it must be of plain ones.
        if not _PLAIN_HOST.fullmatch(host):
            return False
        if parts.scheme != "https" or port != 443:
            return False
        return any(fnmatchcase(host, pattern.lower()) for pattern in settings.media_hosts)

    return allowed


def media_egress(settings: MaxSettings) -> EgressPolicy:
    """The rule for fetching and uploading: links of :func:`media_rule`, public addresses only.

    A name of MAX's that points into this machine's network is refused, wherever it got that address
    from. The API's own host on loopback may live there, and nowhere else.
    """
    local = local_host(settings)

    def address(host: str, where: Address) -> bool:
        return where.is_loopback if host == local else is_public(where)

    return EgressPolicy(media_rule(settings), address)


def local_host(settings: MaxSettings) -> str | None:
    """The API's host where that is this machine (a simulator), else None."""
    host = urlsplit(settings.api_url).hostname
    return host if host and is_loopback(host) else None


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme)
