"""Parse MAX's answers into values (None if an answer is malformed), and classify its failures.

MAX's own ``code`` decides, not the HTTP status: the same refusal comes with 400, with 403, or with
200 and ``success: false`` (there a known ``message`` replaces a missing code)::

    code                       our code              kind       done?     concerns
    verify.token               max.unauthorized      config     no        the service
    chat.denied                max.blocked           permanent  no        this chat: its customer stopped the bot
    dialog. / chat.not.found   max.chat_gone         permanent  no        this chat, permanently
    attachment.not.ready       max.not_ready         transient  no        this message
    text.denied                max.text_denied       permanent  no        this message: the same words would get
                                                                          the same answer, so its
                                                                          agent is told
    attachment.denied          max.attachment_denied permanent  no        this message: sent as a plain file
    link.denied                max.link_denied       permanent  no        this message: sent as plain text
    access.denied              max.access_denied     transient  no        unknown: it names no part of the message
    deprecated.token           max.token_deprecated  transient  no        unknown: in April 2026 every call got
                                                                          it for some days, then no
                                                                          longer
    too.many.requests          max.too_many_requests transient  no        the service
    internal.error             max.server_error      transient  perhaps   unknown
    service.unavailable        max.unavailable       transient  perhaps   unknown

    any other, with status 403 max.forbidden         transient  no        unknown, as access.denied
    any other, with 404        max.not_found         permanent  no        this message
    any other, with 405        max.method_refused    config     no        unknown
    any other, 408, 409, 499   max.unavailable       transient  perhaps   unknown: aborted, or a repetition
    any other, with 425        max.unavailable       transient  no        unknown
    any other, 4xx or 200 (*)  by the words          permanent  no        this message: max.markup_refused,
                                                                          max.attachment_refused,
                                                                          max.text_too_long;
                                                                          max.refused,
                                                                          max.change_refused
    (*) 200 and success: false with a code that ends in .denied is as 403, in .not.found as 404

An answer without a code, or a redirect, comes not from MAX but from something in between, possibly
after MAX has done the work (a firewall that inspects answers, a proxy that timed out)::

    401                        max.unauthorized      config     no        the service
    429                        max.too_many_requests transient  no        the service
    301, 307, 308              max.redirect          config     no        unknown: says to repeat the call elsewhere
    other 3xx                  max.redirect          config     perhaps   unknown: may also answer a POST that is done
    other 4xx                  max.unexpected        transient  perhaps   unknown
    500                        max.server_error      transient  perhaps   unknown
    other 5xx                  max.unavailable       transient  perhaps   unknown
    2xx, not what was asked    max.bad_answer        transient  perhaps   unknown
    400 "for https"            max.needs_tls                    no        the service
    no connection              max.unreachable, max.tls,        no        the service
                               max.no_tls
    no answer                  max.timeout, max.dropped         perhaps   unknown

"Unknown" becomes the service's failure if several chats meet it with nobody accepted meanwhile, or
``GET /updates`` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.core.events import Person
from maxbridge.core.file_names import decoded_name
from maxbridge.core.text import clean, int_in, text_in
from maxbridge.files.failures import tls_fault, wants_tls
from maxbridge.max.parse import milliseconds, parse_update


@dataclass(frozen=True, slots=True)
class Me:
    """The bot that the token belongs to."""

    user_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of ``GET /updates``.

    Attributes:
        updates: Any JSON values, not yet checked.
        marker: Position of the next update; None if the answer had no usable one.
    """

    updates: list[Any]
    marker: int | None


@dataclass(frozen=True, slots=True)
class SentFile:
    """One attachment of a message in a chat's history.

    Attributes:
        kind: MAX's ``type``, or ``"?"``.
        name: File name; MAX keeps it for the type ``file`` only.
    """

    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message in a chat's history, or the one just sent.

    Attributes:
        mid: MAX's message id.
        text: As MAX shows it: without markup.
        sender_id: None for a channel's post.
        timestamp: Milliseconds, MAX's clock.
        files: Its attachments in order; together with the text they identify the message.
    """

    mid: str
    text: str
    sender_id: int | None
    timestamp: int
    files: tuple[SentFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot for one upload (contract max.md 7).

    Attributes:
        url: Upload address; our token must not be sent there.
        token: Token of the uploaded file, for video and audio; None if the upload's answer contains
            it.
    """

    url: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """MAX's description of a chat.

    Attributes:
        type: ``dialog``, ``chat``, ``channel`` or another word of MAX's.
        title: Title of a group or channel; empty for a dialog.
        user: The other person in a dialog, None if there is none or MAX does not tell.
    """

    type: str
    title: str = ""
    user: Person | None = None


def read_me(answer: dict[str, Any]) -> Me | None:
    """Parse the answer of ``GET /me``."""
    user_id = int_in(answer.get("user_id"))
    if user_id is None:
        return None
    return Me(user_id, text_in(answer.get("name")) or text_in(answer.get("first_name")))


def read_list(answer: dict[str, Any], member: str) -> list[Any] | None:
    """Return a member that must be a list, its items unchecked."""
    value = answer.get(member)
    return value if isinstance(value, list) else None


def usable_marker(value: Any) -> int | None:
    """Return a marker worth storing, or None; other clients sent 0 after they had lost theirs."""
    return int_in(value) or None


def read_sent(message: Any) -> Sent | None:
    """Parse a message of ``POST /messages`` or of a chat's history."""
    body = message.get("body") if isinstance(message, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("mid"), str):
        return None
    text, timestamp = body.get("text"), message.get("timestamp")
    return Sent(
        mid=text_in(body["mid"]),
        text=text_in(text),
        sender_id=sender_of(message),
        timestamp=milliseconds(timestamp),
        files=tuple(
            SentFile(text_in(each.get("type")) or "?", decoded_name(text_in(each.get("filename"))))
            for each in read_list(body, "attachments") or ()
            if isinstance(each, dict)
        ),
    )


def sender_of(message: dict[str, Any]) -> int | None:
    """Return who wrote a message; None if MAX does not tell."""
    sender = message.get("sender")
    return int_in(sender.get("user_id")) if isinstance(sender, dict) else None


def read_films(urls: Any) -> dict[str, str]:
    """Return links by quality, best first, from ``GET /videos``; null means not ready."""
    found = urls if isinstance(urls, dict) else {}
    films = {name: text_in(url) for name, url in found.items() if _lines(name) and text_in(url)}
    return dict(sorted(films.items(), key=lambda film: -_lines(film[0])))


def _lines(quality: str) -> int:
    """Return a video's height from its name: ``mp4_720`` has 720 lines; 0 if it is no video."""
    prefix, _, lines = quality.partition("_")
    return int(lines) if prefix == "mp4" and lines.isdecimal() and len(lines) < 6 else 0


def read_slot(answer: dict[str, Any]) -> Slot | None:
    """Parse the answer of ``POST /uploads``."""
    url = text_in(answer.get("url"))
    return Slot(url, text_in(answer.get("token")) or None) if url else None


def read_chat(answer: dict[str, Any]) -> Chat | None:
    """Parse the answer of ``GET /chats/{id}``."""
    kind = text_in(answer.get("type"))
    # The other side of a dialog is told as the user of an event is.
    user = parse_update({"user": answer.get("dialog_with_user")}).sender
    return Chat(kind, text_in(answer.get("title")), user) if kind else None


# --- failures (contract max.md 5.3, 8, 12) ---------------------------------------------------------


AS_PLAIN_TEXT = frozenset({"max.markup_refused", "max.link_denied"})
"""Refusals after which the words go once more, without markup."""
AS_PLAIN_FILE = frozenset({"max.attachment_refused", "max.attachment_denied"})
"""Refusals after which a picture, film or sound goes once more, as a file."""

_Row = tuple[str, Kind, bool, Scope]

_CHAT_DENIED: _Row = ("max.blocked", Kind.PERMANENT, True, Scope.ITEM)
_CHAT_GONE: _Row = ("max.chat_gone", Kind.PERMANENT, True, Scope.ITEM)
_TOO_MANY: _Row = ("max.too_many_requests", Kind.TRANSIENT, True, Scope.END)
_SERVER_ERROR: _Row = ("max.server_error", Kind.TRANSIENT, False, Scope.UNKNOWN)
_UNAVAILABLE: _Row = ("max.unavailable", Kind.TRANSIENT, False, Scope.UNKNOWN)
_UNAUTHORIZED: _Row = ("max.unauthorized", Kind.CONFIG, True, Scope.END)

_BY_CODE: dict[str, _Row] = {
    "verify.token": _UNAUTHORIZED,
    "chat.denied": _CHAT_DENIED,
    # Keys of messages that some programs have seen in the place of the code.
    "error.dialog.suspended": _CHAT_DENIED,
    "error.chat.denied": _CHAT_DENIED,
    "dialog.not.found": _CHAT_GONE,
    "error.dialog.notfound": _CHAT_GONE,
    "chat.not.found": _CHAT_GONE,
    "attachment.not.ready": ("max.not_ready", Kind.TRANSIENT, True, Scope.ITEM),
    "text.denied": ("max.text_denied", Kind.PERMANENT, True, Scope.ITEM),
    "attachment.denied": ("max.attachment_denied", Kind.PERMANENT, True, Scope.ITEM),
    "link.denied": ("max.link_denied", Kind.PERMANENT, True, Scope.ITEM),
    "access.denied": ("max.access_denied", Kind.TRANSIENT, True, Scope.UNKNOWN),
    "deprecated.token": ("max.token_deprecated", Kind.TRANSIENT, True, Scope.UNKNOWN),
    "not.found": ("max.not_found", Kind.PERMANENT, True, Scope.ITEM),
    "too.many.requests": _TOO_MANY,
    "internal.error": _SERVER_ERROR,
    "service.unavailable": _UNAVAILABLE,
}
"""What MAX's code says, with any status but a redirect's."""
_NEEDS_TLS: _Row = ("max.needs_tls", Kind.CONFIG, True, Scope.END)
_BY_STATUS: dict[int, _Row] = {
    403: ("max.forbidden", Kind.TRANSIENT, True, Scope.UNKNOWN),
    404: ("max.not_found", Kind.PERMANENT, True, Scope.ITEM),
    405: ("max.method_refused", Kind.CONFIG, True, Scope.UNKNOWN),
    408: _UNAVAILABLE,
    409: _UNAVAILABLE,
    425: ("max.unavailable", Kind.TRANSIENT, True, Scope.UNKNOWN),
    499: _UNAVAILABLE,
}
"""What a code that we do not know says with this status."""
_NOT_PROCESSED = re.compile(r"errors\.process\.attachment\.\w+\.not\.processed")
_WORDS = (
    (re.compile(r"^text: size"), "max.text_too_long"),
    (re.compile(r"process\.attachment|^attachment|\w attachment\b"), "max.attachment_refused"),
    (re.compile(r"markdown|markup|http/https links|\bformat\b|\bhtml\b"), "max.markup_refused"),
)
"""MAX refuses most things by one code, so its words have to tell what it did not like: what can be
sent another way gets a name of its own. Tried in this order."""
_LIKE_STATUS = {".denied": 403, ".not.found": 404}
"""By the end of a code that we do not know: with which status MAX would give it, had it given an error's."""
_ELSEWHERE = frozenset({301, 307, 308})
_NO_CODE = re.compile(r"[^A-Za-z0-9._-]")


def classify_answer(status: int, raw: Any) -> Failure:
    """Classify an answer that is not a success.

    Args:
        status: HTTP status; maxapi reports a 2xx with an unreadable body as an error as well.
        raw: The body: parsed JSON, or text.
    """
    api_code = _code_of(raw)
    detail = f"HTTP {status}, {api_code}" if api_code else f"HTTP {status}"
    code, kind, certain, scope = _meaning(status, api_code, raw)
    return Failure(code, kind, certain, scope, detail)


def refusal_in(answer: dict[str, Any], *, changes: bool) -> Failure | None:
    """Return the refusal in an answer with a 2xx status, or None.

    Args:
        answer: MAX's answer.
        changes: The call changes an existing message: its failure does not refuse the message.
    """
    if answer.get("success") is not False and _code_of(answer) not in _BY_CODE:
        return None
    failure = classify_answer(200, answer)
    if failure.code == "max.refused" and changes:
        # MAX words this one, and gave it no code until November 2026: too late, or not ours.
        return Failure("max.change_refused", Kind.PERMANENT, True, Scope.ITEM, failure.detail)
    return failure


def _meaning(status: int, api_code: str, raw: Any) -> _Row:
    if status == 401:
        return _UNAUTHORIZED
    if status == 400 and isinstance(raw, str) and wants_tls(raw):
        return _NEEDS_TLS
    if 300 <= status < 400:
        return "max.redirect", Kind.CONFIG, status in _ELSEWHERE, Scope.UNKNOWN
    known = _BY_CODE.get(api_code)
    if known is not None and (known[2] or status < 500):
        return known  # of a 5xx that may be done the status tells more: who gave up waiting
    if status == 429:
        return _TOO_MANY
    unsuccessful = isinstance(raw, dict) and raw.get("success") is False
    if unsuccessful and 200 <= status < 300:
        ends = (like for end, like in _LIKE_STATUS.items() if api_code.endswith(end))
        return _BY_STATUS.get(next(ends, 400)) or _refused(raw)
    if (unsuccessful or api_code) and 400 <= status < 500:
        return _BY_STATUS.get(status) or _refused(raw)
    if 200 <= status < 300:
        return "max.bad_answer", Kind.TRANSIENT, False, Scope.UNKNOWN
    if 400 <= status < 500:
        return "max.unexpected", Kind.TRANSIENT, False, Scope.UNKNOWN
    return _SERVER_ERROR if status == 500 else _UNAVAILABLE


def _code_of(raw: Any) -> str:
    """Return MAX's code in lower case without unusual characters; empty for none."""
    if not isinstance(raw, dict):
        return ""
    code, message = raw.get("code"), raw.get("message")
    if isinstance(code, str) and code:
        return _NO_CODE.sub("", clean(code))[:60]
    if raw.get("success") is not False or not isinstance(message, str):
        return ""
    if _NOT_PROCESSED.search(message[:1000]):
        return "attachment.not.ready"
    return message if message in _BY_CODE else ""


def _refused(raw: dict[str, Any]) -> _Row:
    """Classify a refusal by its words.

    ``max.markup_refused`` may be sent as plain text, ``max.attachment_refused`` as another kind of
    attachment; ``max.refused`` if the words do not tell.
    """
    words = raw.get("message")
    words = words[:1000].lower() if isinstance(words, str) else ""
    code = next((code for pattern, code in _WORDS if pattern.search(words)), "max.refused")
    return code, Kind.PERMANENT, True, Scope.ITEM


def bad_answer(detail: str) -> Failure:
    """Return the failure of a success with an unreadable body: the work was probably done."""
    return Failure("max.bad_answer", Kind.TRANSIENT, False, Scope.UNKNOWN, detail)


def timed_out() -> Failure:
    """Return the failure of a call without an answer in time: it may have been carried out."""
    return Failure("max.timeout", Kind.TRANSIENT, False, Scope.UNKNOWN)


def dropped(detail: str) -> Failure:
    """Return the failure of a connection that broke after the request was sent."""
    return Failure("max.dropped", Kind.TRANSIENT, False, Scope.UNKNOWN, detail)


def not_connected(cause: BaseException | None) -> Failure:
    """Return the failure of a connection that was not established, so nothing was sent."""
    fault = tls_fault(cause)
    if fault is not None:
        what, words = fault
        return Failure(f"max.{what}", Kind.CONFIG, True, Scope.END, words)
    return Failure("max.unreachable", Kind.TRANSIENT, True, Scope.END, type(cause).__name__)
