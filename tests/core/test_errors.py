"""core.errors: a failure says its name and never more than it was given."""

from __future__ import annotations

import pytest

from maxbridge.core.errors import (
    ApiError,
    ConfigError,
    ExitCode,
    Failure,
    Kind,
    MaxbridgeError,
    Scope,
    StoreError,
    UserError,
)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (Failure("desk.timeout", Kind.TRANSIENT, False), "desk.timeout"),
        (Failure("max.x", Kind.PERMANENT, True, Scope.ITEM, "HTTP 400"), "max.x (HTTP 400)"),
    ],
)
def test_an_api_error_reads_as_its_failure(failure: Failure, text: str) -> None:
    error = ApiError(failure)
    assert str(error) == text
    assert error.failure is failure
    assert isinstance(error, MaxbridgeError)


def test_a_failure_hits_one_item_unless_it_says_more() -> None:
    assert Failure("x", Kind.TRANSIENT, True).scope is Scope.ITEM


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("a"), ExitCode.FAILURE),
        (ConfigError("a"), 78),
        (StoreError("a"), 73),
        (StoreError("a", ExitCode.TEMP_FAIL), 75),
    ],
)
def test_what_a_person_can_mend_ends_with_its_exit_code(error: UserError, code: int) -> None:
    # Exit codes: sysexits (design.md 9).
    assert error.exit_code == code
    assert error.problems == ("a",)


def test_all_problems_are_told_at_once() -> None:
    error = ConfigError(["one", "two"])
    assert error.problems == ("one", "two")
    assert str(error) == "one\ntwo"


def test_an_exit_code_of_one_error_is_not_that_of_its_class() -> None:
    StoreError("a", ExitCode.TEMP_FAIL)
    assert StoreError("b").exit_code == ExitCode.CANT_CREATE
