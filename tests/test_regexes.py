"""Regular expressions mean the same on every Python that we support.

Before Python 3.11.5 a possessive repetition of a group that can match in several ways ends too early
(https://github.com/python/cpython/issues/106052); Debian 12 has 3.11.2. Of one character at a time it is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import maxbridge

_SINGLE = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN)


def patterns() -> dict[str, re.Pattern[Any]]:
    """By module and name; those within functions are compiled from these or need no such repetition."""
    found = {}
    for module in walk_packages(maxbridge.__path__, "maxbridge."):
        if "migrations" in module.name or module.name.endswith("__main__"):
            continue
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found[f"{module.name}.{name}"] = value
    return found


def grouped(parsed: Any) -> Iterator[str]:
    """Possessive repetitions of more than one character, atomic groups."""
    for operation, argument in parsed:
        if operation is _constants.POSSESSIVE_REPEAT:
            repeated = list(argument[2])
            if len(repeated) != 1 or repeated[0][0] not in _SINGLE:
                yield str(repeated)
        if operation is _constants.ATOMIC_GROUP:
            yield str(argument)
        for each in argument if isinstance(argument, (tuple, list)) else (argument,):
            if isinstance(each, _parser.SubPattern):
                yield from grouped(each)
            elif isinstance(each, list):
                for branch in each:
                    if isinstance(branch, _parser.SubPattern):
                        yield from grouped(branch)


def test_no_group_is_repeated_possessively() -> None:
    wrong = {
        name: list(grouped(_parser.parse(each.pattern, each.flags)))
        for name, each in patterns().items()
    }
    assert {name: each for name, each in wrong.items() if each} == {}


@pytest.mark.parametrize(
    "pattern", [r"(?:a|ab)*+c", r"x(?:[ab]+c?)++", r"(?>a|ab)", r"((?:a*b)*+)"]
)
def test_one_would_be_found(pattern: str) -> None:
    assert list(grouped(_parser.parse(pattern, 0)))
