"""Classify FreeScout's answers and broken connections (contract freescout.md 1, 8).

FreeScout's own answer is JSON with a ``message``, whatever the status. Any other answer comes from
something in between (a web server, a firewall, a proxy), possibly after FreeScout has done the
work: a firewall that inspects answers rejects the answer to a POST, not the POST. So such an answer
leaves the call in doubt, and the look-up is believed at once: an answer, unlike a timeout, means
that the call is over (:data:`maxbridge.core.retry.ANSWERED`)::

    status            FreeScout's own          anybody else's              kind       concerns
    2xx, not as asked desk.bad_answer          desk.bad_answer        (*)  transient  unknown
    301, 307, 308     desk.redirect            desk.redirect               config     unknown
    other 3xx         desk.redirect       (*)  desk.redirect          (*)  config     unknown
    400               desk.invalid                                         permanent  this message
                                               desk.unexpected        (*)  transient  unknown
    401               desk.unauthorized        desk.unauthorized           config     the service
    403               desk.untrusted_host                                  config     the service
                      desk.forbidden           desk.forbidden         (*)  config     unknown: perhaps these words
    404               desk.not_found                                       permanent  this ticket
                      desk.module_off                                      config     unknown
                      desk.wrong_path          desk.wrong_path        (*)  config     unknown
    405               desk.wrong_path          desk.wrong_path        (*)  config     unknown
    413               desk.too_large           desk.too_large              permanent  this message
    429               desk.too_many_requests   desk.too_many_requests      transient  the service
    408, 499          desk.unavailable    (*)  desk.unavailable       (*)  transient  unknown
    409               desk.unexpected     (*)  desk.unexpected        (*)  transient  unknown
    other 4xx         desk.unexpected          desk.unexpected        (*)  transient  unknown
    503               desk.maintenance                                     transient  the service
    502 to 504, 520…  desk.unavailable    (*)  desk.unavailable       (*)  transient  unknown
    500, other 5xx    desk.server_error   (*)  desk.server_error      (*)  transient  unknown
    400 "for https"                            desk.needs_tls              config     the service
    no connection     desk.unreachable, desk.tls, desk.no_tls              transient, config  the service
    no answer         desk.timeout, desk.dropped                      (*)  transient  unknown

    (*) may have been carried out

"Unknown" becomes the service's failure if several chats meet it with nobody accepted meanwhile, or
a poll does.
"""

from __future__ import annotations

import json
from typing import Any

import httpx

from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.core.text import clean
from maxbridge.files.failures import retry_after, tls_fault, wants_tls

_GATEWAYS = frozenset({408, 499, 502, 503, 504, *range(520, 531)})
"""A web server or Cloudflare that got no answer of PHP, or none in time: PHP may work on."""
_ELSEWHERE = frozenset({301, 307, 308})
"""Make the same call at another address. Other redirects may also be the answer to a POST that is done."""


_Row = tuple[str, Kind, bool, Scope]

_WHOEVER: dict[int, _Row] = {
    401: ("desk.unauthorized", Kind.CONFIG, True, Scope.END),
    # A firewall that reads answers refuses the answer to a POST, not the POST.
    403: ("desk.forbidden", Kind.CONFIG, False, Scope.UNKNOWN),
    413: ("desk.too_large", Kind.PERMANENT, True, Scope.ITEM),
    429: ("desk.too_many_requests", Kind.TRANSIENT, True, Scope.END),
}
"""By status, whoever answers."""
_OWN: dict[int, _Row] = {
    400: ("desk.invalid", Kind.PERMANENT, True, Scope.ITEM),
    403: ("desk.forbidden", Kind.CONFIG, True, Scope.UNKNOWN),
    # Laravel's maintenance mode answers before anything is done.
    503: ("desk.maintenance", Kind.TRANSIENT, True, Scope.END),
}
"""By status, where FreeScout itself answers."""
_OWN_WORDS: dict[tuple[int, str], _Row] = {
    (404, "Not Found"): ("desk.not_found", Kind.PERMANENT, True, Scope.ITEM),
    (404, ""): ("desk.module_off", Kind.CONFIG, True, Scope.UNKNOWN),
}
"""By status and FreeScout's words: one status, two meanings (trap 8)."""
_NEEDS_TLS: _Row = ("desk.needs_tls", Kind.CONFIG, True, Scope.END)
ASKS_TO_WAIT = frozenset({"desk.too_many_requests", "desk.maintenance"})
"""What asks us to slow down; it may say for how long."""


def classify_answer(response: httpx.Response) -> Failure:
    """Classify an answer that is not a success."""
    body = _json(response)
    own = body["message"] if isinstance(body, dict) and "message" in body else None
    status = response.status_code
    row = _own_row(status, str(own)) if own is not None else None
    if body is None and status == httpx.codes.BAD_REQUEST and wants_tls(response.text):
        row = _NEEDS_TLS
    code, kind, certain, scope = (
        row or _WHOEVER.get(status) or _by_class(status, own=own is not None)
    )
    wait = retry_after(response) if code in ASKS_TO_WAIT else None
    return Failure(code, kind, certain, scope, _machine_words(status, body), wait)


def _own_row(status: int, words: str) -> _Row | None:
    if status == httpx.codes.FORBIDDEN and "Untrusted Host" in words:
        return "desk.untrusted_host", Kind.CONFIG, True, Scope.END
    return _OWN_WORDS.get((status, words)) or _OWN.get(status)


def _by_class(status: int, *, own: bool) -> _Row:
    """Return the meaning of a status without an entry of its own."""
    if 200 <= status < 300:
        return "desk.bad_answer", Kind.TRANSIENT, False, Scope.UNKNOWN
    if 300 <= status < 400:
        return "desk.redirect", Kind.CONFIG, status in _ELSEWHERE, Scope.UNKNOWN
    if status in (404, 405):
        return "desk.wrong_path", Kind.CONFIG, own, Scope.UNKNOWN
    if status in _GATEWAYS:
        return "desk.unavailable", Kind.TRANSIENT, False, Scope.UNKNOWN
    if status >= 500:
        # The record may exist: attachment storage fails after the thread is saved (trap 1).
        return "desk.server_error", Kind.TRANSIENT, False, Scope.UNKNOWN
    # 409: "this is there already".
    return "desk.unexpected", Kind.TRANSIENT, own and status != 409, Scope.UNKNOWN


def bad_answer(detail: str) -> Failure:
    """Return the failure of a success with an unreadable body: the work was probably done."""
    return Failure("desk.bad_answer", Kind.TRANSIENT, False, Scope.UNKNOWN, detail)


def classify_error(error: httpx.HTTPError | httpx.InvalidURL) -> Failure:
    """Classify a broken exchange."""
    detail = type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        fault = tls_fault(error)
        if fault is not None:
            what, words = fault
            return Failure(f"desk.{what}", Kind.CONFIG, True, Scope.END, words)
        return Failure("desk.unreachable", Kind.TRANSIENT, True, Scope.END, detail)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.ProxyError):
        return Failure("desk.unreachable", Kind.TRANSIENT, True, Scope.END, detail)
    if isinstance(error, httpx.TimeoutException):
        return Failure("desk.timeout", Kind.TRANSIENT, False, Scope.UNKNOWN, detail)
    return Failure("desk.dropped", Kind.TRANSIENT, False, Scope.UNKNOWN, detail)


def timed_out() -> Failure:
    """Return the failure of an answer that did not come, or did not end, in time."""
    return Failure("desk.timeout", Kind.TRANSIENT, False, Scope.UNKNOWN)


def is_ticket_gone(failure: Failure) -> bool:
    """Whether the record does not exist, as opposed to a switched-off API module."""
    return failure.code == "desk.not_found"


def is_customer_refused(failure: Failure) -> bool:
    """Whether the customer named in a new conversation does not exist (any more)."""
    return failure.code == "desk.invalid" and failure.detail.endswith("field customer")


_LARGEST = 64 * 1024
"""Bytes of a refusal that are read. A page for developers has megabytes, says nothing more, and would hold the loop."""


def _json(response: httpx.Response) -> Any:
    if len(response.content) > _LARGEST:
        return None
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _machine_words(status: int, body: Any) -> str:
    """Return the status and the path of a validation error, without messages: they may quote what was sent."""
    words = f"HTTP {status}"
    if not isinstance(body, dict):
        return f"{words}, not JSON"
    embedded = body.get("_embedded")
    errors = embedded.get("errors") if isinstance(embedded, dict) else None
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        words += f", field {clean(str(errors[0].get('path')))[:60]}"
    return words
