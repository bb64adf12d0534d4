"""Do large work in a thread, so that the event loop goes on.

Python runs one thread at a time and switches every five milliseconds, so the loop hardly notices.
More than one such thread would take too much of the loop's time: there is one for large work and
one for huge work, so that the former does not wait for the latter. C code keeps Python's lock from
beginning to end in any thread: therefore huge JSON is parsed token by token (:func:`read_json`).
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
    """Call a function: at once for small work, else in a thread.

    Args:
        size: Number of characters to process.
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
    """Like :func:`beside`, with the limits for answers, which are mostly parsed in C."""
    return work(*args, **kwargs) if size <= ANSWER else await beside(size, work, *args, **kwargs)


def read_json(content: bytes) -> Any:
    """Like ``json.loads``, but other threads get their turn while it parses huge JSON.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    if len(content) <= _IN_ONE_GO:
        return json.loads(content)
    return _Tokenwise().decode(content.decode(json.detect_encoding(content), "surrogatepass"))


class _Tokenwise(json.JSONDecoder):
    """Python's own scanner instead of C's; strings, the largest part, are still parsed in C."""

    def __init__(self) -> None:
        super().__init__()
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


@functools.cache
def _thread(huge: bool) -> ThreadPoolExecutor:
    name = "huge" if huge else "large"
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"maxbridge-{name}")
