"""FreeScout's REST API over httpx: calls in, plain data or a classified failure out.

Every answer's ``Date`` header feeds :class:`DeskClock`: the undo window and the polling position are
judged by the desk's own time, never by ours (contract freescout.md 7).
"""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import certifi
import httpx
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_fixed

from maxbridge import __version__
from maxbridge.core.errors import ApiError, Scope
from maxbridge.core.events import Conversation
from maxbridge.freescout.clock import DeskClock
from maxbridge.freescout.failures import bad_answer, classify_answer, classify_error, timed_out
from maxbridge.freescout.parse import (
    ShapeError,
    format_time,
    parse_conversation,
    parse_conversations,
    parse_customers,
    parse_date_header,
    parse_names,
)

PAGE_SIZE = 100
_WHOLE_CALL = 60.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_T = TypeVar("_T")
_NO_THREADS = {"embed": "tags"}
"""Any ``embed`` other than threads leaves the threads out (contract freescout.md 3, case 71)."""


def _is_dropped(error: BaseException) -> bool:
    return isinstance(error, ApiError) and error.failure.code == "desk.dropped"


@functools.cache
def _trusted() -> ssl.SSLContext:
    """This machine's certificates, an administrator's own authority among them, and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=certifi.where())
    return context


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    Attributes:
        data: The JSON.
        desk_time: A moment of the desk's clock not later than its reading of the database.
    """

    data: Any
    desk_time: float


@dataclass(frozen=True, slots=True)
class Posted:
    """What a POST made; ``thread_id`` is None where the answer does not tell."""

    conversation_id: int
    thread_id: int | None
    customer_id: int | None
    desk_time: float


class FreeScoutClient:
    """One connection pool to one FreeScout."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        now: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare the client; nothing is called yet.

        Args:
            url: Address of FreeScout, without ``/api``.
            api_key: Key of the API & Webhooks module.
            now: Our clock.
            transport: Replaces the network, in tests.
        """
        self._now = now
        self.clock = DeskClock(now)
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/api/",
            headers={
                "X-FreeScout-API-Key": api_key,
                "Accept": "application/json",
                "User-Agent": f"maxbridge/{__version__}",
            },
            timeout=_TIMEOUT,
            # A redirect would carry the key to wherever it points.
            follow_redirects=False,
            verify=_trusted(),
            transport=transport,
            # The desk is the administrator's own machine; a proxy for MAX is not for it.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def mailboxes(self) -> dict[int, str]:
        """Names of the mailboxes by id."""
        return await self._names("mailboxes", "name")

    async def users(self) -> dict[int, str]:
        """Names of the users by id."""
        return await self._names("users", "firstName", "lastName")

    async def changed_since(
        self, since: float, page_size: int = PAGE_SIZE
    ) -> tuple[list[Conversation], float]:
        """Conversations with any change at or after a desk time, oldest change first, no threads.

        Args:
            since: Desk time.
            page_size: At most so many; there is no upper limit (contract freescout.md 3).

        Returns:
            The conversations and the desk's time of the answer.
        """
        answer = await self._get(
            "conversations",
            params={
                "updatedSince": format_time(since),
                "sortField": "updatedAt",
                "sortOrder": "asc",
                "pageSize": str(page_size),
            },
        )
        return self._shape(parse_conversations, answer.data), answer.desk_time

    async def created_since(self, since: float, *, page: int, page_size: int) -> list[Conversation]:
        """Chat conversations made at or after a desk time, oldest first, with threads."""
        answer = await self._get(
            "conversations",
            params={
                "createdSince": format_time(since),
                "type": "chat",
                "sortField": "createdAt",
                "sortOrder": "asc",
                "embed": "threads",
                "pageSize": str(page_size),
                "page": str(page),
            },
        )
        return self._shape(parse_conversations, answer.data)

    async def by_number(self, number: int) -> Conversation | None:
        """The conversation with a visible number, without threads."""
        answer = await self._get("conversations", params={"number": str(number)})
        found = self._shape(parse_conversations, answer.data)
        return next((each for each in found if each.number == number), None)

    async def conversation(
        self, conversation_id: int, *, threads: bool
    ) -> tuple[Conversation, float]:
        """One conversation and the desk's time of the reading.

        Args:
            conversation_id: FreeScout's id, not its number.
            threads: With threads; costs the desk 2 ms each (contract freescout.md 7).
        """
        params = {} if threads else _NO_THREADS
        answer = await self._get(f"conversations/{conversation_id}", params=params)
        # One ticket that cannot be read is not the desk's trouble.
        return self._shape(parse_conversation, answer.data, Scope.ITEM), answer.desk_time

    async def customers_named(self, first: str, last: str) -> list[tuple[int, list[str]]]:
        """Customers of exactly this name: id and the values of their social profiles."""
        params = {"firstName": first, "pageSize": str(PAGE_SIZE)}
        if last:
            params["lastName"] = last
        answer = await self._get("customers", params=params)
        return self._shape(parse_customers, answer.data)

    async def open_conversation(self, body: Mapping[str, Any]) -> Posted:
        """Make a conversation; not repeated, whatever happens."""
        answer = await self._call("POST", "conversations", body=body)
        made = self._shape(parse_conversation, answer.data)
        thread_id = made.threads[0].id if made.threads else None
        return Posted(made.id, thread_id, made.customer_id, answer.desk_time)

    async def add_thread(self, conversation_id: int, body: Mapping[str, Any]) -> Posted:
        """Add a thread to a conversation; not repeated, whatever happens."""
        answer = await self._call("POST", f"conversations/{conversation_id}/threads", body=body)
        thread_id = answer.data.get("id") if isinstance(answer.data, dict) else None
        if not isinstance(thread_id, int):
            raise ApiError(bad_answer("thread without id"))
        return Posted(conversation_id, thread_id, None, answer.desk_time)

    async def _names(self, what: str, *members: str) -> dict[int, str]:
        answer = await self._get(what, params={"pageSize": "500"})
        return self._shape(lambda data: parse_names(data, what, members), answer.data)

    def _shape(self, parse: Callable[[Any], _T], data: Any, scope: Scope = Scope.END) -> _T:
        try:
            return parse(data)
        except ShapeError as error:
            raise ApiError(replace(bad_answer(str(error)), scope=scope)) from error

    @retry(
        retry=retry_if_exception(_is_dropped),
        stop=stop_after_attempt(2),
        wait=wait_fixed(0.2),
        reraise=True,
    )
    async def _get(self, path: str, *, params: Mapping[str, str] | None = None) -> Answer:
        """A reading, made again once when the connection broke.

        Web servers close idle connections just when they are used again; a reading may be repeated.
        """
        return await self._call("GET", path, params=params)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """One exchange.

        Raises:
            ApiError: Whatever went wrong, classified.
        """
        asked_at = self._now()
        content, headers = None, {}
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            headers["Content-Type"] = "application/json"
        try:
            # httpx's own timeouts are for each read: an answer that trickles in would never end.
            async with asyncio.timeout(_WHOLE_CALL):
                response = await self._http.request(
                    method, path, params=params, content=content, headers=headers
                )
        except TimeoutError:
            raise ApiError(timed_out()) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Not `from error`: its request carries the key in a header.
            raise ApiError(classify_error(error)) from None
        desk_time = self._learn_time(response, asked_at)
        if not response.is_success:
            raise ApiError(classify_answer(response))
        try:
            data = json.loads(response.content)
        except (ValueError, RecursionError):
            kind = response.headers.get("content-type", "no content type")[:40]
            raise ApiError(bad_answer(f"HTTP {response.status_code}, {kind}")) from None
        return Answer(data, desk_time)

    def _learn_time(self, response: httpx.Response, asked_at: float) -> float:
        """The desk's time of this answer.

        The desk writes the header when it has finished, but read its database somewhere in between;
        taking the whole exchange off makes the time not later than the reading.
        """
        took = max(0.0, self._now() - asked_at)
        date = parse_date_header(response.headers.get("date"))
        if date is not None:
            self.clock.set(date)
        return self.clock.now() - took
