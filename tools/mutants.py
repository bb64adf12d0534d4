"""Mutants of one module: each small change of it that no test notices is a line, with what it changed.

``make mutants MODULE=core/delivery TESTS='tests/core/test_delivery.py'``. The changes are cosmic-ray's operators;
here each runs in a fork of a process that has pytest loaded, which takes a tenth of a process of its own.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.machinery
import importlib.util
import os
import re
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from hypothesis.internal.conjecture import engine  # imported once for all mutants

SOURCES = Path("src/maxbridge")
OPERATORS = (
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in (
            "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_Gt", "Gt_Lt", "Is_IsNot",
            "IsNot_Is",
        )
    ),
    "ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add", "ReplaceBinaryOperator_Mul_Div",
    "ReplaceBinaryOperator_Div_Mul", "ReplaceUnaryOperator_Delete_Not", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "NumberReplacer",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop",
)  # fmt: skip
"""Of each kind the changes that a person makes by mistake; 200 others only make the count longer."""
_SECONDS = 120
"""Of CPU that the tests may take without any change."""
_TIMES, _MORE = 4, 4
"""So many times that, and so many seconds more, with one; what takes longer is noticed, too: most of it never ends."""
_NO_BEHAVIOUR = re.compile(r"\s*@dataclass|\s*\*,$|.*, \*, ")
"""Lines whose change no caller sees: frozen, slots, and the star before keywords, which is no product."""
_WARNING = "ignore::pytest.PytestAssertRewriteWarning"  # hypothesis is loaded before the forks
_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-n", "0", "-W", _WARNING)


class Mutant(importlib.machinery.SourceFileLoader):
    """Loads other code in the place of a module."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        """The changed code."""
        return compile(self._source, self.get_filename(fullname), "exec")


class Finder:
    """Finds the mutant before the module itself."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Answer for one name."""
        if name != self._name:
            return None
        loader = Mutant(name, str(self._path), self._source)
        return importlib.util.spec_from_file_location(name, self._path, loader=loader)


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """All changed sources, each with what changed it."""
    for name in OPERATORS:
        operator, number = get_operator(f"core/{name}")(), 0
        while (changed := mutate_code(source, operator, number)) is not None:
            number += 1
            pairs = zip(source.splitlines(), changed.splitlines(), strict=False)
            before = next((one for one, other in pairs if one != other), "")
            if not _NO_BEHAVIOUR.match(before):
                yield name, changed


def survives(
    module: str, path: Path, source: str, tests: Sequence[str], seconds: int = _SECONDS
) -> bool:
    """Are all tests content with this source of a module, within so many seconds of CPU?"""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.meta_path.insert(0, Finder(module, path, source))
        code = 1
        try:
            code = int(pytest.main([*_OPTIONS, *tests]))
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def main(argv: Sequence[str] | None = None) -> int:
    """Try all mutants of a module; prints those that survive, and the figure."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("module", help="as core/delivery")
    parser.add_argument("tests", nargs="+", help="files of tests that must notice")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    # That a change is noticed is enough: looking for its shortest example takes nearly all of the time.
    engine.MAX_SHRINKING_SECONDS = 0
    path = (SOURCES / f"{options.module}.py").resolve()
    module = f"maxbridge.{options.module.replace('/', '.')}"
    source = path.read_text()
    if not survives(module, path, source, options.tests):
        print("the tests fail without any change")
        return 2
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = int((spent.ru_utime + spent.ru_stime) * _TIMES) + _MORE
    tried = survivors = 0
    for name, changed in mutants(source):
        tried += 1
        if survives(module, path, changed, options.tests, seconds):
            survivors += 1
            lines = difflib.unified_diff(
                source.splitlines(), changed.splitlines(), n=0, lineterm=""
            )
            shown = [each for each in lines if not each.startswith(("---", "+++"))]
            print(name, *shown, sep="\n  ", flush=True)
    killed = tried - survivors
    print(f"{options.module}: {tried} mutants, {killed} noticed ({killed / max(1, tried):.0%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
