"""Raw calls to MAX on maxapi's session: one call is one request, classified, counted and timed.

maxapi provides the API's address, the authorisation and the Russian root certificate. The request
itself is made here: the library's own resends POSTs after 502-504 and dropped connections, logs
whole messages, reads answers of any size, takes a truncated answer for an empty one, and hides bugs
behind these (contract max.md 8, 9).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import logging
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import aiohttp

from maxbridge.beside import beside_answer, read_json
from maxbridge.core.errors import ApiError, Failure, bug_behind
from maxbridge.files.trust import Heard, telling
from maxbridge.max.answers import (
    bad_answer,
    classify_answer,
    dropped,
    not_connected,
    refusal_in,
    timed_out,
)

POLL_TIMEOUT = 45.0
"""Whole time of a long poll of 30 s; longer would let half-open sockets stall (trap 12)."""
CALL_TIMEOUT = 30.0
CONNECT_TIMEOUT = 10
LARGEST_ANSWER = 64 << 20
"""Bytes, unpacked; a hundred events with all that MAX may put into them have some 5 MB."""


class Transport(Protocol):
    """The interface at which tests replace the network by a simulator."""

    async def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one request; return a JSON object or raise :class:`ApiError`."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class MaxapiTransport:
    """The network, through maxapi."""

    def __init__(
        self,
        token: str,
        api_url: str,
        *,
        total_timeout: float,
        proxy: str | None = None,
        timing: Timing | None = None,
        heard: Heard | None = None,
    ) -> None:
        """Create the connection; nothing is called yet.

        Args:
            token: Sent to ``api_url`` only.
            api_url: Address of the API.
            total_timeout: Seconds for one request as a whole.
            proxy: HTTP proxy for MAX, None for a direct connection.
            timing: Gets what the connection tells beside the answers.
            heard: Called with the certificates of connections.
        """
        silence_library()
        library = load_library()
        self._timing = timing or Timing()
        options: dict[str, Any] = {"proxy": proxy} if proxy else {}
        # Whoever calls says how many calls there may be: a hundred that hang would hold all of aiohttp's connections.
        self._connector = aiohttp.TCPConnector(ssl=_trusted(heard), limit=0)
        connection = library.properties(
            timeout=total_timeout,
            sock_connect=CONNECT_TIMEOUT,
            max_retries=0,
            connector=self._connector,
            trace_configs=[_trace(self._timing)],
            **options,
        )
        self._bot = library.bot(token=token, auto_requests=False, default_connection=connection)
        self._bot.set_api_url(api_url)

    async def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one request.

        Raises:
            ApiError: The classified failure. Never chained: aiohttp's errors contain headers and
                thus the token.
            Exception: A bug, ours or a library's: never taken for a temporary failure.
        """
        try:
            status, content, date = await self._exchange(method, path, params, body)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            problem: Exception = bug_behind(error) or ApiError(_broken(error))
        else:
            answer = await beside_answer(len(content), _read, content)
            if 200 <= status < 300 and isinstance(answer, dict):
                # Whatever answers instead of MAX, a portal or a proxy, has a clock of its own.
                self._timing.heard(date)
                return answer
            problem = ApiError(classify_answer(status, answer))
        raise problem

    async def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None,
    ) -> tuple[int, bytes, str]:
        """Return status, body and time of any answer."""
        session = await self._bot.ensure_session()
        async with session.request(
            method,
            self._bot.api_url + path,
            params=dict(params),
            json=None if body is None else dict(body),
            allow_redirects=False,
            trace_request_ctx=path,
        ) as answer:
            content = bytearray()
            async for piece in answer.content.iter_any():
                content += piece
                if len(content) > LARGEST_ANSWER:
                    raise ApiError(bad_answer(f"more than {LARGEST_ANSWER >> 20} MiB"))
            return answer.status, bytes(content), answer.headers.get("Date", "")

    async def close(self) -> None:
        """Close the connections."""
        await self._bot.close_session()
        await self._connector.close()


def _trace(timing: Timing) -> aiohttp.TraceConfig:
    """Report when a request is actually sent: a call may have to wait for a connection."""
    trace = aiohttp.TraceConfig()

    async def sent(_session: Any, context: Any, _params: Any) -> None:
        timing.left(context.trace_request_ctx)

    trace.on_request_headers_sent.append(sent)
    return trace


@functools.cache
def _trusted(heard: Heard | None) -> ssl.SSLContext:
    """Return the TLS context with the library's trusted certificates, read once for all connection pools."""
    context: ssl.SSLContext = load_library().context()
    return context if heard is None else telling(context, heard)


def silence_library() -> None:
    """Silence the library's log: it contains whole messages, and customers' words must not reach a log (trap 7)."""
    for name in ("bot", "dispatcher", "connection", "backoff"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False


def _read(content: bytes) -> Any:
    """Return the answer as JSON, or as text if it is none."""
    try:
        return read_json(content)
    except (ValueError, RecursionError):
        return content.decode(errors="replace")


_NEVER_LEFT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    UnicodeError,  # no name can look like this
)


def _broken(error: Exception) -> Failure:
    """Classify an exchange that did not finish."""
    if isinstance(error, _NEVER_LEFT):
        return not_connected(error)
    if isinstance(error, TimeoutError):
        return timed_out()
    return dropped(type(error).__name__)


# --- What the connection to MAX tells beside its answers: MAX's own time, and when the last poll left.


POLL = "/updates"


class Timing:
    """What both transports of a client report; a transport that reports nothing leaves it unknown.

    Attributes:
        left_at: When the last poll was sent, by the event loop's clock; a poll may have to wait for
            a connection first. None before any.
    """

    def __init__(self) -> None:
        self.left_at: float | None = None
        self._ahead: float | None = None

    def left(self, path: str) -> None:
        """Record that a request has just been sent."""
        if path == POLL:
            self.left_at = _steady()

    def heard(self, date: str) -> None:
        """Record the ``Date`` header of an answer that has just arrived.

        Args:
            date: The header; an invalid one is ignored.
        """
        try:
            told = parsedate_to_datetime(date)
        except (ValueError, TypeError, OverflowError):
            return
        if told.tzinfo is None:  # it says -0000; HTTP knows GMT only
            told = told.replace(tzinfo=UTC)
        self._ahead = told.timestamp() - _steady()

    def now(self) -> float | None:
        """Return MAX's time in seconds since the epoch, None while unknown.

        It is behind by up to a second plus the answer's travel time, never ahead.
        """
        return None if self._ahead is None else _steady() + self._ahead


def _steady() -> float:
    return asyncio.get_running_loop().time()


# --- A transport whose refusals are failures, those that come with status 200 as well (contract max.md 12).


_CHANGES = frozenset({"PUT", "DELETE"})


class Judged:
    """A transport with refusals recognised: any method may answer 200 with ``success: false``.

    Attributes:
        told: Called after each call with ``ok`` or the code of its failure.
    """

    def __init__(self, inner: Transport) -> None:
        """Wrap a transport."""
        self._inner = inner
        self.told: Callable[[str], None] = lambda _outcome: None

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
            self.told(error.failure.code)
            raise
        refusal = refusal_in(answer, changes=method in _CHANGES)
        self.told("ok" if refusal is None else refusal.code)
        if refusal is not None:
            raise ApiError(refusal)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.close()


# --- The library, without what it is not asked for: its models take 0.13 s of CPU and 15 MiB of every daemon.


class Library(NamedTuple):
    """The used parts of maxapi.

    Attributes:
        bot: The class ``Bot``, which holds the token and creates the session.
        properties: The class of a session's settings.
        context: Creates the TLS context that trusts MAX's certificates.
    """

    bot: Any
    properties: Any
    context: Callable[[], ssl.SSLContext]


_NAME = "maxapi"
_PACKAGES = tuple(f"{_NAME}{each}" for each in ("", ".types", ".methods", ".utils"))
"""Are entered without what stands in their own ``__init__``."""
_USED = tuple(
    f"{_NAME}.{each}"
    for each in ("bot", "client", "connection", "enums", "exceptions", "loggers", "types.bot_mixin")
)
"""Are loaded as they are; whatever else these import is loaded when it is called."""


@functools.cache
def load_library() -> Library:
    """Load only the used parts of maxapi; all of it if its version is structured differently."""
    if _NAME not in sys.modules:
        # What it did not find, or could not build upon.
        with contextlib.suppress(ImportError, AttributeError, TypeError), _in_part():
            return _library()
    return _library()


def _library() -> Library:
    from maxapi.bot import Bot  # noqa: PLC0415 - takes long
    from maxapi.client.default import DefaultConnectionProperties  # noqa: PLC0415
    from maxapi.client.ssl import create_default_ssl_context  # noqa: PLC0415

    return Library(Bot, DefaultConnectionProperties, create_default_ssl_context)


@contextlib.contextmanager
def _in_part() -> Iterator[None]:
    """Import only the used modules of the library inside the block; later imports get all of it."""
    (root,) = getattr(importlib.util.find_spec(_NAME), "submodule_search_locations", None) or ("",)
    finder = _InPart(Path(root))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [each for each in sys.modules if _is_in(each, (_NAME,))]:
            del sys.modules[name]


class _InPart(MetaPathFinder, Loader):
    """Finds the library's modules; unused ones are replaced by placeholders that load them when called."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not _is_in(name, (_NAME,)) or _is_in(name, _USED):
            return None
        return ModuleSpec(name, self, is_package=name in _PACKAGES)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        if name in _PACKAGES:
            module.__path__ = [str(self._root.joinpath(*name.split(".")[1:]))]
        else:
            module.__dict__["__getattr__"] = functools.partial(_Later, name)


class _Later:
    """A placeholder for a name in a module that is not loaded yet."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Load the module and call the name."""
        return getattr(importlib.import_module(self._module), self._name)(*args, **kwargs)


def _is_in(name: str, packages: Sequence[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in packages)
