"""A transport that tells how each call ended, for counting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from maxbridge.core.errors import ApiError

if TYPE_CHECKING:
    from maxbridge.max.transport import Transport


class Watched:
    """Another transport, watched."""

    def __init__(self, inner: Transport, told: Callable[[str], None]) -> None:
        """Watch a transport.

        Args:
            inner: It.
            told: Called after each call with ``ok`` or the code of its failure.
        """
        self._inner = inner
        self._told = told

    async def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one request; see :class:`maxbridge.max.transport.Transport`."""
        try:
            answer = await self._inner.call(method, path, params, body)
        except ApiError as error:
            self._told(error.failure.code)
            raise
        self._told("ok")
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.close()
