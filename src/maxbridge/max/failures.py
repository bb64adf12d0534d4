"""What MAX's answers and a broken connection mean (contract max.md 5.3, 8)."""

from __future__ import annotations

import re
import ssl
from typing import Any

from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.core.text import clean

_REFUSALS = {
    "chat.denied": "max.blocked",
    "dialog.not.found": "max.chat_gone",
    "chat.not.found": "max.chat_gone",
}
"""API codes that say that this customer cannot be written to, whatever the HTTP status."""

_WORDS = (
    (re.compile(r"^text: size"), "max.text_too_long"),
    (re.compile(r"process\.attachment|^attachment|\w attachment\b"), "max.attachment_refused"),
    (re.compile(r"markdown|markup|http/https links|\bformat\b|\bhtml\b"), "max.markup_refused"),
)
"""MAX refuses most things by one code, so its words have to tell what it did not like: what can be
sent another way gets a name of its own. Tried in this order."""


def classify_answer(status: int, raw: Any) -> Failure:
    """Name an answer that is not a success.

    Args:
        status: HTTP status; maxapi reports a 2xx with an unreadable body as an error as well.
        raw: The body: parsed JSON, or text.
    """
    api_code = clean(str(raw.get("code", "")))[:60] if isinstance(raw, dict) else ""
    detail = f"HTTP {status}, {api_code}" if api_code else f"HTTP {status}"
    if status == 401 or api_code == "verify.token":
        return unauthorized(detail)
    if api_code in _REFUSALS:
        return Failure(_REFUSALS[api_code], Kind.PERMANENT, True, Scope.ITEM, detail)
    if api_code == "attachment.not.ready":
        return Failure("max.not_ready", Kind.TRANSIENT, True, Scope.ITEM, detail)
    if 400 <= status < 500 and status != 429 and not api_code:
        # MAX names every refusal; this one is of something in between, a proxy or a portal.
        return Failure("max.unexpected", Kind.TRANSIENT, False, Scope.END, detail)
    table: dict[int, tuple[str, Kind, Scope]] = {
        403: ("max.blocked", Kind.PERMANENT, Scope.ITEM),
        404: ("max.not_found", Kind.PERMANENT, Scope.ITEM),
        405: ("max.method_refused", Kind.CONFIG, Scope.END),
        429: ("max.too_many_requests", Kind.TRANSIENT, Scope.END),
    }
    if status in table:
        code, kind, scope = table[status]
        return Failure(code, kind, True, scope, detail)
    if 200 <= status < 300:
        return bad_answer(detail)
    if 300 <= status < 400:
        return Failure("max.redirect", Kind.CONFIG, True, Scope.END, detail)
    if 400 <= status < 500:
        return Failure(_refused_part(raw), Kind.PERMANENT, True, Scope.ITEM, detail)
    if status == 500:
        return Failure("max.server_error", Kind.TRANSIENT, False, Scope.ITEM, detail)
    return Failure("max.unavailable", Kind.TRANSIENT, False, Scope.END, detail)


def _refused_part(raw: Any) -> str:
    """The code of a refusal by its words.

    ``max.markup_refused`` may go as plain text, ``max.attachment_refused`` as another kind of
    attachment; ``max.refused`` where the words do not tell.
    """
    words = raw.get("message") if isinstance(raw, dict) else None
    words = words[:1000].lower() if isinstance(words, str) else ""
    return next((code for pattern, code in _WORDS if pattern.search(words)), "max.refused")


def bad_answer(detail: str) -> Failure:
    """A success whose body is not what it should be: the work was probably done."""
    return Failure("max.bad_answer", Kind.TRANSIENT, False, Scope.END, detail)


def change_refused() -> Failure:
    """MAX answered a change or a deletion with ``success: false``: too late, or not ours."""
    return Failure("max.change_refused", Kind.PERMANENT, True, Scope.ITEM)


def unauthorized(detail: str = "HTTP 401") -> Failure:
    """The token is not, or no longer, good."""
    return Failure("max.unauthorized", Kind.CONFIG, True, Scope.END, detail)


def timed_out() -> Failure:
    """No answer within the time: what was asked may be done."""
    return Failure("max.timeout", Kind.TRANSIENT, False, Scope.END)


def dropped(detail: str) -> Failure:
    """The connection broke after the request was on its way."""
    return Failure("max.dropped", Kind.TRANSIENT, False, Scope.END, detail)


def not_connected(cause: BaseException | None) -> Failure:
    """No connection was made, so nothing was sent."""
    if isinstance(cause, ssl.SSLError) or "certificate" in type(cause).__name__.lower():
        return Failure("max.tls", Kind.CONFIG, True, Scope.END, "certificate not trusted")
    return Failure("max.unreachable", Kind.TRANSIENT, True, Scope.END, type(cause).__name__)
