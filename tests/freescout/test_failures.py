"""freescout.failures: what FreeScout's answers and broken connections mean (contract freescout.md 1, 8)."""

from __future__ import annotations

import json
import ssl
from typing import Any

import httpx
import pytest

from maxbridge.advice import advice
from maxbridge.core.errors import Failure, Kind, Scope
from maxbridge.freescout.failures import (
    bad_answer,
    classify_answer,
    classify_error,
    is_customer_refused,
    is_ticket_gone,
    timed_out,
)
from recorded import desk_cases, desk_exchanges

T, P, C = Kind.TRANSIENT, Kind.PERMANENT, Kind.CONFIG
ITEM, UNKNOWN, END = Scope.ITEM, Scope.UNKNOWN, Scope.END
Told = tuple[str, Kind, bool, Scope]

UNAUTHORIZED: Told = ("desk.unauthorized", C, True, END)
INVALID: Told = ("desk.invalid", P, True, ITEM)
GONE: Told = ("desk.not_found", P, True, ITEM)
MODULE_OFF: Told = ("desk.module_off", C, True, UNKNOWN)
WRONG_PATH: Told = ("desk.wrong_path", C, True, UNKNOWN)
# Not FreeScout's own words: whoever answered may have done so after the work.
NO_API: Told = ("desk.wrong_path", C, False, UNKNOWN)
TOO_LARGE: Told = ("desk.too_large", P, True, ITEM)
# Trap 1: 500 does not mean "not done".
SERVER_ERROR: Told = ("desk.server_error", T, False, UNKNOWN)
MAINTENANCE: Told = ("desk.maintenance", T, True, END)
UNAVAILABLE: Told = ("desk.unavailable", T, False, UNKNOWN)


def told(failure: Failure) -> Told:
    return failure.code, failure.kind, failure.certain, failure.scope


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return httpx.Response(status, content=content.encode(), headers=headers)


def recorded() -> list[tuple[str, int, httpx.Response]]:
    """Every recorded answer of the API that is no success."""
    found = []
    for case in desk_cases():
        for exchange in desk_exchanges(case):
            response = exchange["response"]
            if not exchange.get("request", {}).get("url", "").startswith("/api"):
                continue
            if response["status"] >= 300:
                headers = {
                    name: value
                    for name, value in response.get("headers", {}).items()
                    if name != "content-length"
                }
                made = answer(response["status"], response["body"], headers)
                found.append(
                    (
                        f"{case} {exchange.get('note') or exchange['request']['url']}",
                        response["status"],
                        made,
                    )
                )
    return found


RECORDED = recorded()
BY_STATUS: dict[int, set[Told]] = {
    400: {INVALID},
    401: {UNAUTHORIZED},
    404: {GONE, MODULE_OFF, NO_API},
    405: {WRONG_PATH, NO_API},
    413: {TOO_LARGE},
    500: {SERVER_ERROR},
    502: {UNAVAILABLE},
    503: {MAINTENANCE, UNAVAILABLE},
}


def test_the_recordings_have_every_kind_of_refusal() -> None:
    assert {status for _, status, _ in RECORDED} == set(BY_STATUS)


@pytest.mark.parametrize(
    ("note", "status", "response"), RECORDED, ids=[note[:60] for note, _, _ in RECORDED]
)
def test_every_recorded_refusal(note: str, status: int, response: httpx.Response) -> None:
    failure = classify_answer(response)
    assert told(failure) in BY_STATUS[status], note
    assert failure.detail.startswith(f"HTTP {status}")


# Case 83, exchange by exchange.
FAILURES_83 = [
    *[MAINTENANCE, UNAVAILABLE, MAINTENANCE],
    *[MODULE_OFF, NO_API, MODULE_OFF],
    *[SERVER_ERROR] * 3,
    *[UNAVAILABLE] * 3,
    SERVER_ERROR,
    NO_API,
]


def test_the_failures_of_case_83() -> None:
    responses = [response for note, _, response in RECORDED if note.startswith("83 ")]
    assert [told(classify_answer(each)) for each in responses] == FAILURES_83


def test_maintenance_says_how_long_to_wait() -> None:
    responses = [response for note, _, response in RECORDED if note.startswith("83 ")]
    assert classify_answer(responses[0]).retry_after == 60.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("60", 60.0), ("0", 0.0), ("", None), ("-1", None), ("soon", None), ("9" * 9, None)],
)
def test_retry_after_is_believed_when_it_is_a_sensible_number(
    value: str, seconds: float | None
) -> None:
    made = answer(503, {"message": ""}, {"retry-after": value})
    assert classify_answer(made).retry_after == seconds


NOT_FOUND = {"message": "Not Found", "_embedded": {"errors": []}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # Two meanings of 404 (trap 8): record gone, module off; HTML is neither.
        (404, NOT_FOUND, GONE),
        (404, {"message": ""}, MODULE_OFF),
        (404, {"message": "other"}, WRONG_PATH),
        (404, {"error": "other"}, NO_API),
        (404, "<html>404</html>", NO_API),
        (404, "", NO_API),
        # 403 is the host check, not the key (contract freescout.md 1, case 43).
        (403, {"message": "Untrusted Host: 10.0.0.1"}, ("desk.untrusted_host", C, True, END)),
        (403, "<html>403</html>", ("desk.forbidden", C, False, UNKNOWN)),
        (403, {"message": None}, ("desk.forbidden", C, False, UNKNOWN)),
        (413, "<html>413</html>", TOO_LARGE),
        (429, "", ("desk.too_many_requests", T, True, END)),
        (301, "", ("desk.redirect", C, True, UNKNOWN)),
        (302, "", ("desk.redirect", C, False, UNKNOWN)),
        (303, "", ("desk.redirect", C, False, UNKNOWN)),
        (503, "<html>", UNAVAILABLE),
        (503, [], UNAVAILABLE),
        (503, {"error": "no healthy upstream"}, UNAVAILABLE),
        (504, "<html>", UNAVAILABLE),
        (522, "<html>", UNAVAILABLE),
        (500, "<html>", SERVER_ERROR),
        (507, "", SERVER_ERROR),
        (204, "", ("desk.bad_answer", T, False, UNKNOWN)),
        (418, {"message": "tea"}, ("desk.unexpected", T, True, UNKNOWN)),
        (418, "tea", ("desk.unexpected", T, False, UNKNOWN)),
        (409, {"message": "Conflict"}, ("desk.unexpected", T, False, UNKNOWN)),
    ],
)
def test_other_answers(status: int, body: Any, expected: Told) -> None:
    assert told(classify_answer(answer(status, body))) == expected


@pytest.mark.parametrize("body", ["<html>400 Bad Request</html>", "", [], "null", {"error": "x"}])
def test_a_bad_request_that_freescout_did_not_word_costs_no_message(body: Any) -> None:
    # A web server answers so, for instance to http:// on its https port.
    failure = classify_answer(answer(400, body))
    assert failure.kind is not Kind.PERMANENT
    assert failure.scope is UNKNOWN


BODIES: dict[str, Any] = {
    "FreeScout's own": {"message": "something new"},
    "JSON of somebody else": {"error": "forbidden"},
    "a page": "<html><body>403 Forbidden</body></html>",
    "empty": "",
    "truncated": '{"message":"Err',
    "a list": [],
}


@pytest.mark.parametrize("kind", BODIES)
def test_every_answer_has_a_name_and_only_what_is_certain_is_called_so(kind: str) -> None:
    own = kind == "FreeScout's own"
    for status in range(300, 600):
        failure = classify_answer(answer(status, BODIES[kind]))
        refused = own and 400 <= status < 500 and status not in (408, 409, 499)
        certain = refused or status in (301, 307, 308, 401, 413, 429) or (own and status == 503)
        assert failure.certain == certain, status
        # Nothing is given up for an answer that may be somebody else's; one answer stops nobody else.
        assert failure.kind is not P or own or status == 413, status
        assert (failure.scope is END) == (status in (401, 429) or (own and status == 503)), status
        assert failure.detail.startswith(f"HTTP {status}")
        assert advice(failure.code) or failure.code == "desk.invalid", status


def test_only_a_missing_record_is_a_ticket_that_is_gone() -> None:
    gone = [is_ticket_gone(classify_answer(response)) for _, _, response in RECORDED]
    bodies = [response.content == json.dumps(NOT_FOUND).encode() for _, _, response in RECORDED]
    assert gone == bodies
    assert any(gone)


# --- never customers' words, never secrets ------------------------------------------------------------

WORDS = "Мой пароль qwerty 0123456789abcdef"


@pytest.mark.parametrize(
    "status", [200, 302, 400, 401, 403, 404, 405, 413, 418, 429, 500, 502, 503]
)
@pytest.mark.parametrize(
    "body",
    [
        WORDS,
        [WORDS],
        {"message": WORDS},
        {"message": f"Untrusted Host: {WORDS}"},
        {
            "message": "Error occurred",
            "_embedded": {"errors": [{"path": "text", "message": WORDS}]},
        },
        {"_embedded": {"errors": WORDS}},
    ],
)
def test_details_never_quote_what_was_sent(status: int, body: Any) -> None:
    # Case 10: "Invalid email: …" quotes the value. Logs and status show the detail.
    failure = classify_answer(answer(status, body))
    assert not any(word in f"{failure} {failure!r}" for word in WORDS.split())


def test_a_refused_field_is_named() -> None:
    body = {"message": "x", "_embedded": {"errors": [{"path": "mailboxId", "message": "x"}]}}
    assert classify_answer(answer(400, body)).detail == "HTTP 400, field mailboxId"
    body["_embedded"] = {"errors": [{"path": "x" * 10_000}]}
    assert len(classify_answer(answer(400, body)).detail) < 100


@pytest.mark.parametrize(
    "errors", [None, [], [None], [[]], [{}], {"0": {}}, "x", [{"path": None}], [{"path": ["a"]}]]
)
def test_a_body_of_any_shape_is_classified(errors: Any) -> None:
    for body in ({"_embedded": {"errors": errors}}, {"_embedded": errors}, {"message": errors}):
        for status in (400, 403, 404, 500, 503):
            assert classify_answer(answer(status, body)).code.startswith("desk.")


def test_a_body_nested_too_deeply_is_not_json() -> None:
    assert told(classify_answer(answer(404, "[" * 100_000))) == NO_API


# --- exchanges that broke off -------------------------------------------------------------------------


def caused(error: httpx.HTTPError, cause: BaseException) -> httpx.HTTPError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("x"), ("desk.unreachable", T, True, END)),
        (httpx.ConnectTimeout("x"), ("desk.unreachable", T, True, END)),
        (httpx.PoolTimeout("x"), ("desk.unreachable", T, True, END)),
        (httpx.UnsupportedProtocol("x"), ("desk.unreachable", T, True, END)),
        (httpx.InvalidURL("x"), ("desk.unreachable", T, True, END)),
        (httpx.ReadTimeout("x"), ("desk.timeout", T, False, UNKNOWN)),
        (httpx.WriteTimeout("x"), ("desk.timeout", T, False, UNKNOWN)),
        (httpx.ReadError("x"), ("desk.dropped", T, False, UNKNOWN)),
        (httpx.WriteError("x"), ("desk.dropped", T, False, UNKNOWN)),
        (httpx.RemoteProtocolError("x"), ("desk.dropped", T, False, UNKNOWN)),
        (httpx.DecodingError("x"), ("desk.dropped", T, False, UNKNOWN)),
        (
            caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError("x")),
            ("desk.tls", C, True, END),
        ),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), ("desk.tls", C, True, END)),
        (
            caused(httpx.ConnectError("x"), ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong")),
            ("desk.no_tls", C, True, END),
        ),
    ],
)
def test_broken_exchanges(error: httpx.HTTPError | httpx.InvalidURL, expected: Told) -> None:
    assert told(classify_error(error)) == expected


@pytest.mark.parametrize(
    "words",
    [
        "<center>The plain HTTP request was sent to HTTPS port</center>",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
        "Client sent an HTTP request to an HTTPS server.\n",
    ],
)
def test_http_to_a_port_for_https_is_told_so(words: str) -> None:
    # nginx, Apache, Go. Nothing was done there: no FreeScout has seen it.
    assert told(classify_answer(httpx.Response(400, text=words))) == (
        "desk.needs_tls",
        C,
        True,
        END,
    )
    own = {"message": words}
    assert classify_answer(httpx.Response(400, json=own)).code == "desk.invalid"


def test_the_words_of_a_broken_exchange_are_not_repeated() -> None:
    # They may hold the address with whatever stands in it.
    assert WORDS not in str(classify_error(httpx.ReadError(WORDS)))


END_CODES = sorted(
    {made[0] for table in BY_STATUS.values() for made in table if made[3] is not ITEM}
    | {"desk.tls", "desk.unreachable", "desk.timeout", "desk.dropped", "desk.redirect"}
    | {"desk.untrusted_host", "desk.forbidden", "desk.too_many_requests", bad_answer("").code}
)


@pytest.mark.parametrize("code", END_CODES)
def test_what_stops_the_whole_end_comes_with_advice(code: str) -> None:
    assert advice(code)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, "bad_answer"), (299, "bad_answer"), (300, "redirect"), (399, "redirect"), (400, "unexpected"),
        (498, "unexpected"), (499, "unavailable"), (519, "server_error"), (520, "unavailable"),
        (530, "unavailable"), (531, "server_error"),
    ],
)  # fmt: skip
def test_a_page_of_whoever_stands_before_the_desk_means_what_its_status_does(
    status: int, code: str
) -> None:
    assert classify_answer(answer(status, "<html>")).code == f"desk.{code}"


def test_without_an_answer_that_can_be_read_the_work_may_have_been_done() -> None:
    assert told(timed_out()) == ("desk.timeout", T, False, UNKNOWN)
    assert told(bad_answer("HTTP 200")) == ("desk.bad_answer", T, False, UNKNOWN)


def refusal(*paths: str, status: int = 400) -> Failure:
    errors = [{"path": each, "message": "words of a customer"} for each in paths]
    return classify_answer(answer(status, {"message": "x", "_embedded": {"errors": errors}}))


def test_the_first_field_that_is_refused_is_named() -> None:
    assert is_customer_refused(refusal("customer", "threads"))
    assert not is_customer_refused(refusal("threads", "customer"))
    assert not is_customer_refused(refusal("customer", status=500))
    assert refusal("a" * 70).detail == f"HTTP 400, field {'a' * 60}"


def test_a_refusal_is_read_up_to_64_kib() -> None:
    def of(size: int) -> str:
        empty = json.dumps({"message": ""})
        return json.dumps({"message": "x" * (size - len(empty))})

    assert classify_answer(answer(400, of(65_536))).code == "desk.invalid"
    assert classify_answer(answer(400, of(65_537))).code == "desk.unexpected"
