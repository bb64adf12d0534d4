"""What a check found: one line each, and what all of them together mean."""

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
    """The bridge works; somebody should look at it."""
    WRONG = "wrong"
    """The bridge does not work until somebody mends it."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: Stable, as ``max.webhook``; for programs and documentation.
        outcome: How it ended.
        words: What was tried and what was seen; why, when it was skipped.
        remedy: The command or setting that mends it; empty when there is nothing to mend.
        exit_code: What the process ends with when it is wrong; OK for every other outcome.

    Raises:
        ValueError: A wrong one with OK, or another one with an error's code.
    """

    name: str
    outcome: Outcome
    words: str
    remedy: str = ""
    exit_code: ExitCode = ExitCode.OK

    def __post_init__(self) -> None:
        """A script sees nothing but the code: what is wrong never ends with 0."""
        if (self.outcome is Outcome.WRONG) is (self.exit_code is ExitCode.OK):
            msg = f"{self.name}: {self.outcome.value} with code {self.exit_code.value}"
            raise ValueError(msg)


def shown(text: str) -> str:
    """A name or an address from outside, fit for a terminal."""
    return one_line(clean(text), _SHOWN)


def ok(name: str, words: str) -> Finding:
    """All is right."""
    return Finding(name, Outcome.OK, words)


def warning(name: str, words: str, remedy: str) -> Finding:
    """It works, and should be mended nevertheless."""
    return Finding(name, Outcome.WARNING, words, remedy)


def wrong(name: str, words: str, remedy: str, code: ExitCode = ExitCode.CONFIG) -> Finding:
    """It does not work until it is mended."""
    return Finding(name, Outcome.WRONG, words, remedy, code)


def unreachable(name: str, words: str, remedy: str) -> Finding:
    """An end cannot be reached now."""
    return wrong(name, words, remedy, ExitCode.UNAVAILABLE)


def skipped(name: str, why: str) -> Finding:
    """It was not tried."""
    return Finding(name, Outcome.SKIPPED, why)


def failed(name: str, tried: str, failure: Failure, config: Config | None = None) -> Finding:
    """A call to an end failed.

    Args:
        name: Of the check.
        tried: The call, as ``GET /me``.
        failure: What it means.
        config: The settings in force, where a secret may have been refused: who mends it must know where it stands.
    """
    code = ExitCode.CONFIG if failure.kind is Kind.CONFIG else ExitCode.UNAVAILABLE
    elsewhere = {} if config is None else secrets_elsewhere(config)
    remedy = advice(failure.code, elsewhere) or say(
        "Try again later; see the log of the service meanwhile."
    )
    return wrong(name, f"{tried}: {failure}", remedy, code)


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """What the process ends with: what is configured wrongly comes before what cannot be reached.

    A code without a place in that order comes last, and is never lost.
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
    """How many ended how."""
    found = [each.outcome for each in findings]
    return {outcome: found.count(outcome) for outcome in Outcome}
