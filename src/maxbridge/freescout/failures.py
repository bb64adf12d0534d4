"""What FreeScout's answers and a broken connection mean (contract freescout.md 1, 8)."""

from __future__ import annotations

import json
from typing import Any

import httpx

from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.core.text import clean
from maxbridge.files.failures import is_tls, retry_after

_UNCERTAIN_GATEWAYS = (502, 504, 520, 522, 524)


def classify_answer(response: httpx.Response) -> Failure:
    """Name an answer that is not a success."""
    status = response.status_code
    body = _json(response)
    words = _machine_words(status, body)
    simple: dict[int, tuple[str, Kind, Scope]] = {
        400: ("desk.invalid", Kind.PERMANENT, Scope.ITEM),
        401: ("desk.unauthorized", Kind.CONFIG, Scope.END),
        405: ("desk.wrong_path", Kind.CONFIG, Scope.END),
        413: ("desk.too_large", Kind.PERMANENT, Scope.ITEM),
        429: ("desk.too_many_requests", Kind.TRANSIENT, Scope.END),
    }
    if status == httpx.codes.BAD_REQUEST and not isinstance(body, dict):
        return Failure("desk.unexpected", Kind.TRANSIENT, False, Scope.END, words)
    if status in simple:
        code, kind, scope = simple[status]
        return Failure(code, kind, True, scope, words, retry_after(response))
    if status == httpx.codes.FORBIDDEN:
        host = isinstance(body, dict) and "Untrusted Host" in str(body.get("message"))
        code = "desk.untrusted_host" if host else "desk.forbidden"
        return Failure(code, Kind.CONFIG, True, Scope.END, words)
    if status == httpx.codes.NOT_FOUND:
        return _not_found(body, words)
    if 300 <= status < 400:
        return Failure("desk.redirect", Kind.CONFIG, True, Scope.END, words)
    if status == httpx.codes.SERVICE_UNAVAILABLE and isinstance(body, dict):
        # Laravel's maintenance mode answers before anything is done.
        wait = retry_after(response)
        return Failure("desk.maintenance", Kind.TRANSIENT, True, Scope.END, words, wait)
    if status in _UNCERTAIN_GATEWAYS or status == httpx.codes.SERVICE_UNAVAILABLE:
        return Failure("desk.unavailable", Kind.TRANSIENT, False, Scope.END, words)
    if status >= 500:
        # The record may exist: attachment storage fails after the thread is saved (trap 1).
        return Failure("desk.server_error", Kind.TRANSIENT, False, Scope.ITEM, words)
    if 200 <= status < 300:
        return bad_answer(words)
    return Failure("desk.unexpected", Kind.TRANSIENT, False, Scope.END, words)


def bad_answer(detail: str) -> Failure:
    """A success whose body is not what it should be: the work was probably done."""
    return Failure("desk.bad_answer", Kind.TRANSIENT, False, Scope.END, detail)


def classify_error(error: httpx.HTTPError | httpx.InvalidURL) -> Failure:
    """Name an exchange that broke off."""
    detail = type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        if is_tls(error):
            return Failure("desk.tls", Kind.CONFIG, True, Scope.END, "certificate not trusted")
        return Failure("desk.unreachable", Kind.TRANSIENT, True, Scope.END, detail)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.ProxyError):
        return Failure("desk.unreachable", Kind.TRANSIENT, True, Scope.END, detail)
    if isinstance(error, httpx.TimeoutException):
        return Failure("desk.timeout", Kind.TRANSIENT, False, Scope.END, detail)
    return Failure("desk.dropped", Kind.TRANSIENT, False, Scope.END, detail)


def timed_out() -> Failure:
    """The answer did not come, or did not end, in time."""
    return Failure("desk.timeout", Kind.TRANSIENT, False, Scope.END)


def is_ticket_gone(failure: Failure) -> bool:
    """The record does not exist, as opposed to: the API module is switched off."""
    return failure.code == "desk.not_found"


def is_customer_refused(failure: Failure) -> bool:
    """The customer named in a new conversation does not exist (any more)."""
    return failure.code == "desk.invalid" and failure.detail.endswith("field customer")


def _not_found(body: Any, words: str) -> Failure:
    if isinstance(body, dict) and body.get("message") == "Not Found":
        return Failure("desk.not_found", Kind.PERMANENT, True, Scope.ITEM, words)
    if isinstance(body, dict) and body.get("message") == "":
        return Failure("desk.module_off", Kind.CONFIG, True, Scope.END, words)
    return Failure("desk.wrong_path", Kind.CONFIG, True, Scope.END, words)


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _machine_words(status: int, body: Any) -> str:
    """Status and the path of a validation error; messages may quote what was sent."""
    words = f"HTTP {status}"
    if not isinstance(body, dict):
        return f"{words}, not JSON"
    embedded = body.get("_embedded")
    errors = embedded.get("errors") if isinstance(embedded, dict) else None
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        words += f", field {clean(str(errors[0].get('path')))[:60]}"
    return words
