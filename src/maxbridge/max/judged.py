"""A transport whose refusals are failures, those that come with status 200 as well (contract max.md 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maxbridge.core.errors import ApiError
from maxbridge.max.failures import refusal_in

if TYPE_CHECKING:
    from maxbridge.max.transport import Transport

_CHANGES = frozenset({"PUT", "DELETE"})


class Judged:
    """Another transport, its answers judged: any method may answer 200 with ``success: false``."""

    def __init__(self, inner: Transport) -> None:
        """Judge the answers of a transport."""
        self._inner = inner

    async def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one request; see :class:`maxbridge.max.transport.Transport`."""
        answer = await self._inner.call(method, path, params, body)
        refusal = refusal_in(answer, changes=method in _CHANGES)
        if refusal is not None:
            raise ApiError(refusal)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.close()
