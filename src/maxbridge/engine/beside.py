"""Long work beside the loop: reading and writing of what is large happens in a thread, and everybody else goes on.

Python runs one thread at a time and changes between them every five milliseconds, so the loop hardly notices. More
than one such thread would take the loop's share away: there is one for what is large and one for what is huge, so
that the former does not wait for the latter.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

LARGE = 20_000
"""Characters that may take more than a few hundredths of a second."""
HUGE = 500_000

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


@functools.cache
def _thread(huge: bool) -> ThreadPoolExecutor:
    name = "huge" if huge else "large"
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"maxbridge-{name}")
