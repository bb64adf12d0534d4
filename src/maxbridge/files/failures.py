"""Classify failures of file transfers.

A fetch only reads, and an upload is not yet a message, so nothing has been delivered. Therefore
every failure here is certain and concerns one item: a file's failure is not the service's.
"""

from __future__ import annotations

import errno
import re
import ssl
from typing import Final

import httpx

from maxbridge.core.errors import ApiError, Failure, Kind, Scope

_KINDS: Final = {
    "too_large": Kind.PERMANENT,
    "gone": Kind.PERMANENT,
    "refused": Kind.PERMANENT,
    "refused_host": Kind.PERMANENT,
    "unexpected": Kind.PERMANENT,
    "timeout": Kind.TRANSIENT,
    "dropped": Kind.TRANSIENT,
    "truncated": Kind.TRANSIENT,
    "unreachable": Kind.TRANSIENT,
    "unavailable": Kind.TRANSIENT,
    "bad_answer": Kind.TRANSIENT,
    "tls": Kind.CONFIG,
    "no_tls": Kind.CONFIG,
}
FINAL: Final = frozenset(
    {
        "desk.file_refused_host",
        "desk.file_too_large",
        "max.file_too_large",
        "max.forbidden_file",
        "media.empty",
        "media.refused_host",
        "media.too_large",
    }
)
"""Refusals that the file itself explains. Any other one may be the trouble of whatever stands between us and
the file at that moment: it is believed when it has come :data:`REFUSALS` times."""
REFUSALS: Final = 3
_TLS_REASON = re.compile(r"\[SSL: (\w+)\]")
_NOT_TLS: Final = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
    }
)
"""OpenSSL's words for an answer that is no TLS; which, depends on its version and on the first bytes."""
_WANTS_TLS: Final = (
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
    "sent an HTTP request to an HTTPS server",
)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
LINK_GONE: Final = (401, 403, 404, 410)
"""Answers of a link that is no good any more."""


class RefusedHostError(Exception):
    """A link, a redirect or a name leads to a host that is not allowed for files."""


def file_error(
    prefix: str, what: str, detail: str = "", retry_after: float | None = None
) -> ApiError:
    """Return a named failure of a transfer.

    Args:
        prefix: Prefix of the code: ``media.`` or ``desk.file_``.
        what: ``too_large``, ``gone``, …
        detail: Machine words for the log.
        retry_after: Seconds that the server asked us to wait.
    """
    failure = Failure(f"{prefix}{what}", _KINDS[what], True, Scope.ITEM, detail, retry_after)
    return ApiError(failure)


def refused_status(prefix: str, response: httpx.Response) -> ApiError:
    """Return the failure of an answer that is no file.

    403, 404 and 410 mean that the link is no longer valid: MAX signs links for a limited time, and
    gives fresh ones on request (contract max.md 4).
    """
    status = response.status_code
    detail = f"HTTP {status}"
    if status in LINK_GONE:
        return file_error(prefix, "gone", detail)
    if status == 413:
        return file_error(prefix, "too_large", detail)
    if status in (408, 425, 429) or status >= 500:
        return file_error(prefix, "unavailable", detail, retry_after(response))
    return file_error(prefix, "refused" if status >= 400 else "unexpected", detail)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that an answer asks us to wait; None if it gives none, or a date."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() and len(value) < 7 else None


def broken_exchange(prefix: str, error: Exception) -> ApiError:
    """Return the failure of a transfer that broke off or never began."""
    detail = type(error).__name__
    if isinstance(error, RefusedHostError):
        return file_error(prefix, "refused_host", str(error))
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return file_error(prefix, "refused_host", detail)
    fault = tls_fault(error)
    if fault is not None:
        return file_error(prefix, *fault)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return file_error(prefix, "unreachable", detail)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return file_error(prefix, "timeout", detail)
    if isinstance(error, httpx.RemoteProtocolError):
        return file_error(prefix, _protocol_error(str(error)), detail)
    return file_error(prefix, "dropped", detail)


def _protocol_error(words: str) -> str:
    """Name a protocol error by its words: httpx has one exception for all of these."""
    if "complete message body" in words:
        return "truncated"
    return "refused_host" if "location header" in words else "dropped"


def disk_error(error: OSError) -> ApiError:
    """Return the failure of our own disk: full, read-only, broken. The file waits until that is fixed."""
    name = errno.errorcode.get(error.errno or 0, "OSError")
    code = "files.full" if error.errno in _DISK_FULL else "files.error"
    return ApiError(Failure(code, Kind.TRANSIENT, True, Scope.ITEM, name))


def tls_fault(error: BaseException | None) -> tuple[str, str] | None:
    """Distinguish an untrusted certificate (``tls``) from a host that answers https without TLS (``no_tls``).

    The second is what a web server does on its port for http. None for neither.

    Returns:
        The last part of the code, and words without anybody's data.
    """
    found = None
    cause = error
    while cause is not None:
        words = str(cause)
        reason = _TLS_REASON.search(words)
        if (reason and reason[1] in _NOT_TLS) or getattr(cause, "reason", None) in _NOT_TLS:
            return "no_tls", "does not speak TLS"
        certificate = "CERTIFICATE" in f"{words}{type(cause).__name__}".upper()
        if isinstance(cause, ssl.SSLError) or certificate:
            found = "tls", tls_detail(error)
        cause = getattr(cause, "os_error", None) or cause.__cause__ or cause.__context__
    return found


def wants_tls(answer: str) -> bool:
    """Whether a web server says that its port is for https (nginx, Apache, Go and servers built on them)."""
    return any(words in answer for words in _WANTS_TLS)


def tls_detail(error: BaseException | None) -> str:
    """Say what is wrong with a certificate: an expired one needs another remedy than an unknown authority's."""
    cause = error
    while cause is not None:
        words = getattr(cause, "verify_message", None) or str(cause)
        if "certificate has expired" in words:
            return "certificate has expired"
        cause = cause.__cause__ or cause.__context__
    return "certificate not trusted"
