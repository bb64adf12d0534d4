"""max.failures: what MAX's refusals and broken connections mean (contract max.md 5.3, 8)."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from maxbridge.advice import advice
from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.max.answers import (
    AS_PLAIN_FILE,
    AS_PLAIN_TEXT,
    classify_answer,
    dropped,
    not_connected,
    refusal_in,
    timed_out,
)
from recorded import max_body, max_names

T, P, C = Kind.TRANSIENT, Kind.PERMANENT, Kind.CONFIG
ITEM, UNKNOWN, END = Scope.ITEM, Scope.UNKNOWN, Scope.END

# Recorded answer → code, kind, certain, scope.
RECORDED = {
    "error.400.attachment_not_ready": ("max.not_ready", T, True, ITEM),
    "error.400.bad_link": ("max.markup_refused", P, True, ITEM),
    "error.400.markdown_unsupported": ("max.markup_refused", P, True, ITEM),
    "error.400.missing_token": ("max.attachment_refused", P, True, ITEM),
    "error.400.movie_not_owner": ("max.attachment_refused", P, True, ITEM),
    "error.400.text_too_long": ("max.text_too_long", P, True, ITEM),
    "error.400.video_not_processed": ("max.not_ready", T, True, ITEM),
    "error.401.bearer_prefix": ("max.unauthorized", C, True, END),
    "error.401.invalid_token": ("max.unauthorized", C, True, END),
    "error.403.chat_denied": ("max.blocked", P, True, ITEM),
    "error.403.dialog_suspended": ("max.blocked", P, True, ITEM),
    "error.404.chat_not_found": ("max.chat_gone", P, True, ITEM),
    "error.404.dialog_not_found": ("max.chat_gone", P, True, ITEM),
    "error.404.message_not_found": ("max.not_found", P, True, ITEM),
    "error.405.method_not_allowed": ("max.method_refused", C, True, UNKNOWN),
    "error.429.too_many_requests": ("max.too_many_requests", T, True, END),
    # The outcome of a POST is unknown after a 5xx (contract max.md 5.3).
    "error.500.internal": ("max.server_error", T, False, UNKNOWN),
    "error.503.unavailable": ("max.unavailable", T, False, UNKNOWN),
    # 200 with a body that is none of a message: it was probably accepted (contract max.md 8).
    "error.upload_forbidden_extension": ("max.bad_answer", T, False, UNKNOWN),
}


def told(failure: Failure) -> tuple[str, Kind, bool, Scope]:
    return failure.code, failure.kind, failure.certain, failure.scope


def test_the_table_above_has_every_recorded_error() -> None:
    assert sorted(RECORDED) == max_names("error.")


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_errors(name: str) -> None:
    sample = max_body(name)
    failure = classify_answer(sample["status"], sample["body"])
    assert told(failure) == RECORDED[name]
    assert str(sample["status"]) in failure.detail


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # Codes count, not statuses: the schema shows verify.token under 403 as well (max.md 2).
        (403, {"code": "verify.token"}, ("max.unauthorized", C, True, END)),
        (400, {"code": "chat.denied"}, ("max.blocked", P, True, ITEM)),
        (403, {"code": "dialog.not.found"}, ("max.chat_gone", P, True, ITEM)),
        (401, "<html>", ("max.unauthorized", C, True, END)),
        (401, None, ("max.unauthorized", C, True, END)),
        # Only chat.denied means that the customer stopped the bot (contract max.md 12).
        (403, {"code": "something.new"}, ("max.forbidden", T, True, UNKNOWN)),
        (403, {"code": "deprecated.token"}, ("max.token_deprecated", T, True, UNKNOWN)),
        (403, {"code": "access.denied"}, ("max.access_denied", T, True, UNKNOWN)),
        (403, {"code": "text.denied"}, ("max.text_denied", P, True, ITEM)),
        (403, {"code": "attachment.denied"}, ("max.attachment_denied", P, True, ITEM)),
        (403, {"code": "link.denied"}, ("max.link_denied", P, True, ITEM)),
        (403, {"code": "error.dialog.suspended"}, ("max.blocked", P, True, ITEM)),
        (400, {"code": "internal.error"}, ("max.server_error", T, False, UNKNOWN)),
        (400, {"code": "too.many.requests"}, ("max.too_many_requests", T, True, END)),
        (409, {"code": "something.new"}, ("max.unavailable", T, False, UNKNOWN)),
        (404, {"code": "something.new"}, ("max.not_found", P, True, ITEM)),
        (429, "<html>", ("max.too_many_requests", T, True, END)),
        (502, "<html>", ("max.unavailable", T, False, UNKNOWN)),
        (504, None, ("max.unavailable", T, False, UNKNOWN)),
        (200, "<html>", ("max.bad_answer", T, False, UNKNOWN)),
        (200, None, ("max.bad_answer", T, False, UNKNOWN)),
        # Many a program answers so when a POST is done; these three ask for it at another address.
        (302, "", ("max.redirect", C, False, UNKNOWN)),
        (303, "", ("max.redirect", C, False, UNKNOWN)),
        (308, "", ("max.redirect", C, True, UNKNOWN)),
    ],
)
def test_other_answers(status: int, body: Any, expected: tuple[str, Kind, bool, Scope]) -> None:
    assert told(classify_answer(status, body)) == expected


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Key: errors.process.attachment.image.not.owner", "max.attachment_refused"),
        ("Key: errors.process.attachment.something.new", "max.attachment_refused"),
        ("attachments: size must be between 0 and 12", "max.attachment_refused"),
        ("Must be only one attachment of type file", "max.attachment_refused"),
        ("text: must not be empty without attachments", "max.refused"),
        ("text: size must be between 0 and 4000", "max.text_too_long"),
        ("Unclosed markup", "max.markup_refused"),
        ("Invalid HTML in text", "max.markup_refused"),
        ("Bad information", "max.refused"),
        ("chat_id: integer expected", "max.refused"),
        (None, "max.refused"),
        (["attachment"], "max.refused"),
        ("x" * 10_000 + " attachment.", "max.refused"),
    ],
)
def test_the_words_of_a_refusal_tell_what_can_be_sent_another_way(words: Any, code: str) -> None:
    failure = classify_answer(400, {"code": "proto.payload", "message": words})
    assert told(failure) == (code, P, True, ITEM)
    # Words alone are not MAX's, and no reason to change anything.
    assert classify_answer(400, {"message": words}).code == "max.unexpected"


# --- success: false (contract max.md 12) ---------------------------------------------------------------

STATUSES_OF_CODES = {
    "chat.denied": 403,
    "text.denied": 403,
    "access.denied": 403,
    "deprecated.token": 403,
    "something.denied": 403,
    "dialog.not.found": 404,
    "chat.not.found": 404,
    "something.not.found": 404,
    "attachment.not.ready": 400,
    "proto.payload": 400,
    "something.new": 400,
    "verify.token": 401,
    "too.many.requests": 429,
    "internal.error": 500,
    "service.unavailable": 503,
}


@pytest.mark.parametrize("changes", [True, False])
@pytest.mark.parametrize(("code", "status"), STATUSES_OF_CODES.items())
def test_a_refusal_with_status_200_is_judged_as_the_error_of_its_code(
    code: str, status: int, *, changes: bool
) -> None:
    failure = refusal_in({"success": False, "code": code, "message": "x"}, changes=changes)
    assert failure is not None
    expected = told(classify_answer(status, {"code": code, "message": "x"}))
    if changes and expected[0] == "max.refused":
        expected = ("max.change_refused", P, True, ITEM)
    assert told(failure) == expected
    assert code in failure.detail


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("error.dialog.suspended", "max.blocked"),
        ("error.chat.denied", "max.blocked"),
        ("error.dialog.notfound", "max.chat_gone"),
        ("Key: errors.process.attachment.video.not.processed", "max.not_ready"),
        ("text: size must be between 0 and 4000", "max.text_too_long"),
        ("Some Markdown syntax is not supported", "max.markup_refused"),
        ("message can't be edited", "max.refused"),
        (None, "max.refused"),
        (["x"], "max.refused"),
    ],
)
def test_without_a_code_the_words_of_no_success_tell(message: Any, code: str) -> None:
    failure = refusal_in({"success": False, "message": message}, changes=False)
    assert failure is not None
    assert failure.code == code
    assert failure.certain


def test_a_refused_change_is_final() -> None:
    failure = refusal_in(max_body("response.simple_failure"), changes=True)
    assert failure is not None
    assert told(failure) == ("max.change_refused", P, True, ITEM)


def test_an_error_may_come_with_status_200_and_no_word_of_success() -> None:
    failure = refusal_in({"code": "chat.denied", "message": "error.chat.denied"}, changes=False)
    assert failure is not None
    assert failure.code == "max.blocked"


@pytest.mark.parametrize(
    "answer",
    [
        *[{"success": value} for value in (True, None, 0, "false")],
        {"message": {"body": {"mid": "mid.1"}}},
        {"updates": [], "marker": 5},
        {"code": "something.new"},
        {"message": "error.chat.denied"},
        {},
    ],
)
def test_everything_else_is_no_refusal(answer: dict[str, Any]) -> None:
    assert refusal_in(answer, changes=True) is None


# --- every status ------------------------------------------------------------------------------------

BODIES: dict[str, Any] = {
    "worded by MAX": {"code": "something.new", "message": "x"},
    "JSON of somebody else": {"message": "Forbidden", "status": 403},
    "a page": "<html><body>403 Forbidden</body></html>",
    "empty": "",
    "truncated": '{"code":"chat.den',
    "none": None,
    "a list": [],
}


@pytest.mark.parametrize("kind", BODIES)
def test_every_answer_has_a_name_and_only_what_is_certain_is_called_so(kind: str) -> None:
    by_max = kind == "worded by MAX"
    for status in range(300, 600):
        failure = classify_answer(status, BODIES[kind])
        # Who refuses before the work is done: MAX itself, whoever checks the token or counts, and
        # whoever says that the same call is to be made at another address.
        refused_by_max = by_max and 400 <= status < 500 and status not in (408, 409, 499)
        certain = refused_by_max or status in (401, 429, 301, 307, 308)
        assert failure.certain == certain, status
        # Nothing is given up for an answer that may be somebody else's; one answer stops nobody else.
        assert failure.kind is not P or by_max, status
        assert (failure.scope is END) == (status in (401, 429)), status
        assert failure.code != "max.blocked", status
        assert failure.detail.startswith(f"HTTP {status}")


@pytest.mark.parametrize("more", [{}, {"success": False}])
def test_a_code_that_is_known_says_the_same_with_every_status(more: dict[str, Any]) -> None:
    for status in set(range(400, 600)) - {401}:
        failure = classify_answer(status, {"code": "chat.denied", **more})
        assert told(failure) == ("max.blocked", P, True, ITEM), status


def test_what_can_be_sent_another_way_is_the_messages_own_trouble() -> None:
    for code in AS_PLAIN_TEXT | AS_PLAIN_FILE:
        made = [each for each in DENIED if each[0] == code]
        assert made == [(code, P, True, ITEM)]


DENIED = [
    told(classify_answer(403, {"code": code})) for code in ("attachment.denied", "link.denied")
] + [
    told(classify_answer(400, {"code": "proto.payload", "message": words}))
    for words in ("attachment: unknown type x", "Unclosed markup")
]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 418])
@pytest.mark.parametrize("body", ["<html>blocked by the firewall</html>", None, {}, []])
def test_a_refusal_that_max_did_not_word_costs_no_message(status: int, body: Any) -> None:
    # A proxy or a portal in between answers so; a reply must not be given up for it.
    failure = classify_answer(status, body)
    assert failure.kind is not Kind.PERMANENT
    assert failure.scope is UNKNOWN


@pytest.mark.parametrize("raw", [{"code": ["x"]}, {"code": None}, {"code": {"a": 1}}, [], 5, b"x"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500, 503])
def test_a_body_of_any_shape_is_classified(status: int, raw: Any) -> None:
    assert classify_answer(status, raw).code.startswith("max.")


SECRET_WORDS = "f9LHodD0cOIsecret Мой пароль qwerty"


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize(
    "raw",
    [
        SECRET_WORDS,
        [SECRET_WORDS],
        {"message": SECRET_WORDS, "text": SECRET_WORDS},
        {"code": "proto.payload", "message": SECRET_WORDS, "error": SECRET_WORDS},
    ],
)
def test_details_never_quote_what_was_sent(status: int, raw: Any) -> None:
    # design.md 2: customers' words and tokens are never logged; answers may quote them.
    failure = classify_answer(status, raw)
    assert not any(word in f"{failure} {failure!r}" for word in SECRET_WORDS.split())


def test_a_very_long_code_is_cut() -> None:
    assert len(classify_answer(400, {"code": "x" * 10_000}).detail) < 100


KEY = ConnectionKey("host", 443, True, True, None, None, None)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (timed_out(), ("max.timeout", T, False, UNKNOWN)),
        (dropped("ServerDisconnectedError"), ("max.dropped", T, False, UNKNOWN)),
        (
            not_connected(aiohttp.ClientConnectorError(KEY, OSError(111, "refused"))),
            ("max.unreachable", T, True, END),
        ),
        (not_connected(aiohttp.ConnectionTimeoutError()), ("max.unreachable", T, True, END)),
        (not_connected(None), ("max.unreachable", T, True, END)),
        # Missing Russian root certificate: it looks like an outage (contract max.md 9, trap 15).
        (
            not_connected(
                aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("x"))
            ),
            ("max.tls", C, True, END),
        ),
        (
            not_connected(aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x"))),
            ("max.tls", C, True, END),
        ),
        (
            not_connected(
                aiohttp.ClientConnectorSSLError(
                    KEY, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
                )
            ),
            ("max.no_tls", C, True, END),
        ),
        (
            classify_answer(400, "The plain HTTP request was sent to HTTPS port"),
            ("max.needs_tls", C, True, END),
        ),
    ],
)
def test_broken_exchanges(failure: Failure, expected: tuple[str, Kind, bool, Scope]) -> None:
    assert told(failure) == expected


@pytest.mark.parametrize(
    "code",
    sorted(
        {code for code, _, _, scope in RECORDED.values() if scope is not ITEM}
        | {
            classify_answer(status, BODIES[kind]).code
            for status in range(300, 600)
            for kind in BODIES
        }
        - {"max.refused", "max.not_found"}
        | {"max.access_denied", "max.token_deprecated"}
    ),
)
def test_what_stops_the_whole_end_comes_with_advice(code: str) -> None:
    assert advice(code)
