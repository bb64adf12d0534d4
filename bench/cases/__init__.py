"""The cases: each module is one, with what it measures, in which variants, and why paced or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.results import Sample


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything.

    Attributes:
        quick: A sanity run: the same paths, figures that mean little.
    """

    quick: bool

    def pick(self, full: int, quick: int) -> int:
        """One of two numbers."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of a case's table, measured once a round for each of its contenders.

    Attributes:
        name: What differs.
        contenders: Who takes part.
        measure: Makes one round for one contender.
    """

    name: str
    contenders: tuple[str, ...]
    measure: Callable[[str], Sample]


@dataclass(frozen=True, slots=True)
class Case:
    """One question.

    Attributes:
        name: On the command line.
        note: What is measured and how, paced or not, in words for docs/performance.md.
        variants: Its lines.
    """

    name: str
    note: str
    variants: Callable[[Scale], Iterable[Variant]]


def all_cases() -> dict[str, Case]:
    """Every case by name, in the order in which they are run."""
    from bench.cases import (  # noqa: PLC0415 - they import this module
        backlog,
        ceiling,
        files,
        growth,
        idle,
        latency,
        many,
        replies,
        restart,
        startup,
        steady,
        trouble,
    )

    modules = (
        ceiling, backlog, steady, latency, replies, files, restart, idle, startup, growth, many,
        trouble,
    )  # fmt: skip
    return {module.CASE.name: module.CASE for module in modules}
