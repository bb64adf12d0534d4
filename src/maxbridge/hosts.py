"""Which hosts the links of a MAX message may lead to."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from maxbridge.settings import MaxSettings
from maxbridge.values import is_loopback

_PLAIN_HOST = re.compile(r"[a-z0-9._-]+")


def media_rule(settings: MaxSettings) -> Callable[[str], bool]:
    """The rule for media links: https to MAX's own hosts, nothing else.

    Where the API itself is on loopback (a simulator), its host is allowed too.
    """
    api = urlsplit(settings.api_url)
    local = api.hostname if api.hostname and is_loopback(api.hostname) else None

    def allowed(url: str) -> bool:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if "@" in parts.netloc or "\\" in url:
            return False
        if local is not None and host == local and port == api.port:
            return parts.scheme == api.scheme
        # Browsers disagree with us on odd letters in a host, so it must be of plain ones.
        if not _PLAIN_HOST.fullmatch(host):
            return False
        if parts.scheme != "https" or port not in (None, 443):
            return False
        return any(fnmatchcase(host, pattern.lower()) for pattern in settings.media_hosts)

    return allowed
