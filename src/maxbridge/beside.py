"""Long work beside the loop: reading and writing of what is large happens in a thread, and everybody else goes on.

Python runs one thread at a time and changes between them every five milliseconds, so the loop hardly notices. More
than one such thread would take the loop's share away: there is one for what is large and one for what is huge, so
that the former does not wait for the latter. What is written in C keeps Python's lock from its beginning to its end,
wherever it runs: therefore huge JSON is read token by token (:func:`read_json`).
"""

from __future__ import annotations

import asyncio
import functools
import json
import json.scanner
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

LARGE = 20_000
"""Characters that may take more than a few hundredths of a second."""
HUGE = 500_000
ANSWER = 1_000_000
"""Bytes of an answer that take as long: most of it is read by C, and a list of changes must not wait for what is
rendered beside the loop."""
_IN_ONE_GO = 2_000_000

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def beside(size: int, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do some work: at once where it is small, else in a thread.

    Args:
        size: Characters that it has to do with.
        work: A pure function: the store belongs to the loop's thread.
        *args: Passed on to it.
        **kwargs: Passed on to it.
    """
    if size <= LARGE:
        return work(*args, **kwargs)
    loop = asyncio.get_running_loop()
    call = functools.partial(work, *args, **kwargs)
    return await loop.run_in_executor(_thread(size > HUGE), call)


async def beside_answer(
    size: int, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """Read an answer, or what was made of it; the same as :func:`beside` for what is mostly read by C."""
    return work(*args, **kwargs) if size <= ANSWER else await beside(size, work, *args, **kwargs)


def read_json(content: bytes) -> Any:
    """The same as ``json.loads``, but other threads get their turn while it reads what is huge.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    if len(content) <= _IN_ONE_GO:
        return json.loads(content)
    return _Tokenwise().decode(content.decode(json.detect_encoding(content), "surrogatepass"))


class _Tokenwise(json.JSONDecoder):
    """Python's own scanner instead of C's; strings, which are most of it, are still read by C."""

    def __init__(self) -> None:
        super().__init__()
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


@functools.cache
def _thread(huge: bool) -> ThreadPoolExecutor:
    name = "huge" if huge else "large"
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"maxbridge-{name}")
