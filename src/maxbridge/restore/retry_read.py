"""Repeating a reading of a command's that must not break off for one hiccup of an end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from maxbridge.core.errors import ApiError, Kind

_T = TypeVar("_T")
_TRIES = 6


def _passes(error: BaseException) -> bool:
    return isinstance(error, ApiError) and error.failure.kind is Kind.TRANSIENT


async def retry_read(call: Callable[[], Awaitable[_T]]) -> _T:
    """Make a reading, again after growing pauses (half a minute in all) while its failure may pass.

    Raises:
        ApiError: The last failure.
    """
    trying = AsyncRetrying(
        retry=retry_if_exception(_passes),
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(multiplier=1.0, max=15.0),
        reraise=True,
    )
    return await trying(call)
