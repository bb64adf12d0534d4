"""Findings of checks: one line each, and the exit code of all together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from maxbridge.advice import advice
from maxbridge.config.loading import Config, secrets_elsewhere
from maxbridge.core.errors import ExitCode, Failure, Kind
from maxbridge.core.text import clean, one_line
from maxbridge.saying import say

_SHOWN = 120


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """The bridge works, but this should be fixed."""
    WRONG = "wrong"
    """The bridge does not work until this is fixed."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: Stable name such as ``max.webhook``, for programs and documentation.
        outcome: How it ended.
        words: What was tried and found; for a skipped one, why.
        remedy: The command or setting that fixes it; empty if nothing is wrong.
        exit_code: The process's exit code if it is wrong; OK for every other outcome.

    Raises:
        ValueError: A wrong one with OK, or another one with an error's code.
    """

    name: str
    outcome: Outcome
    words: str
    remedy: str = ""
    exit_code: ExitCode = ExitCode.OK

    def __post_init__(self) -> None:
        """Check the exit code: a script sees nothing else, so a wrong finding must never end with 0."""
        if (self.outcome is Outcome.WRONG) is (self.exit_code is ExitCode.OK):
            msg = f"{self.name}: {self.outcome.value} with code {self.exit_code.value}"
            raise ValueError(msg)


def shown(text: str) -> str:
    """Make a name or address from outside safe for a terminal."""
    return one_line(clean(text), _SHOWN)


def ok(name: str, words: str) -> Finding:
    """Everything is right."""
    return Finding(name, Outcome.OK, words)


def warning(name: str, words: str, remedy: str) -> Finding:
    """It works but should be fixed."""
    return Finding(name, Outcome.WARNING, words, remedy)


def wrong(name: str, words: str, remedy: str, code: ExitCode = ExitCode.CONFIG) -> Finding:
    """It does not work until it is fixed."""
    return Finding(name, Outcome.WRONG, words, remedy, code)


def unreachable(name: str, words: str, remedy: str) -> Finding:
    """A service cannot be reached now."""
    return wrong(name, words, remedy, ExitCode.UNAVAILABLE)


def skipped(name: str, why: str) -> Finding:
    """It was not tried."""
    return Finding(name, Outcome.SKIPPED, why)


def failed(name: str, tried: str, failure: Failure, config: Config | None = None) -> Finding:
    """A call to a service failed.

    Args:
        name: The check.
        tried: The call, such as ``GET /me``.
        failure: Its classification.
        config: The settings in force, to say where a refused secret is configured.
    """
    code = ExitCode.CONFIG if failure.kind is Kind.CONFIG else ExitCode.UNAVAILABLE
    elsewhere = {} if config is None else secrets_elsewhere(config)
    remedy = advice(failure.code, elsewhere) or say(
        "Try again later; see the log of the service meanwhile."
    )
    return wrong(name, f"{tried}: {failure}", remedy, code)


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """Return the process's exit code: wrong settings come before unreachable services.

    A code without a place in that order comes last, and is never dropped.
    """
    codes = {each.exit_code for each in findings if each.outcome is Outcome.WRONG}
    order = (
        ExitCode.SOFTWARE,
        ExitCode.NO_PERMISSION,
        ExitCode.CONFIG,
        ExitCode.CANT_CREATE,
        ExitCode.UNAVAILABLE,
    )
    known = (code for code in order if code in codes)
    return next(known, max(codes, default=ExitCode.OK))


def count(findings: Iterable[Finding]) -> dict[Outcome, int]:
    """Return the number of findings by outcome."""
    found = [each.outcome for each in findings]
    return {outcome: found.count(outcome) for outcome in Outcome}
