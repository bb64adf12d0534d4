"""An httpx transport over aiohttp: the same calls for less than half the CPU time.

httpx's own transport takes 0.5 ms of Python for one call, more than everything else about a
message; aiohttp, which MAX's library needs anyway, reads and writes HTTP in C. The meaning of
failures must not change: a POST that was certainly not sent is made again, any other is looked up.

The addresses of a name are raced according to RFC 8305: both families in turn, the next one a
quarter of a second after the one before, so that a dead address costs that much at most.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import httpx
from yarl import URL

from maxbridge.core.errors import bug_behind

_LONGEST_HEADER = 64 << 10
"""Bytes. aiohttp takes 8 kB, and a desk behind proxies may send more: not to read the answer to a POST is
to doubt it for ever."""
ADDRESSES = "addresses"
"""Name of the extension of a request that says where its host lives: nothing else is connected to, or asked."""
APART = 0.25
"""Seconds between the beginnings of two connections that race (RFC 8305, 5)."""
_KEPT = 4.0
"""Seconds for which an idle connection is kept: Apache closes after five, and a POST on a connection
that is just being closed is one more look-up."""


class AiohttpTransport(httpx.AsyncBaseTransport):
    """A connection pool; created at the first call, when there is an event loop.

    A request with given addresses (:data:`ADDRESSES`) has a connection of its own, and so has every
    request if ``keep`` is false: a connection opened for one name must not serve another at the
    same address.

    Redirects are not followed, cookies not kept, proxies not taken from the environment. A POST is
    never repeated; idempotent requests are repeated once if the connection broke.

    Bytes sent before a call is given up may still arrive, as with httpx's own transport.
    """

    def __init__(
        self, verify: ssl.SSLContext, *, keep: bool = True, proxy: str | None = None
    ) -> None:
        """Create it; nothing is connected yet.

        Args:
            verify: TLS context with the trusted certificates.
            keep: Reuse connections.
            proxy: HTTP proxy, None for direct connections.
        """
        self._verify = verify
        self._keep = keep
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one request; the answer's body is not read yet.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol: Nothing was sent.
            httpx.TransportError: Any other broken exchange; it may have been carried out.
            OSError: The body cannot be read; the server got an incomplete one.
            Exception: A bug, ours or a library's: never taken for a temporary failure.
        """
        session, own = self._session_for(request)
        body = _Body(request)
        seconds = request.extensions["timeout"]
        try:
            answer = await session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers,
                data=body.content,
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(
                    connect=seconds["connect"], sock_read=seconds["read"]
                ),
            )
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            failure = body.unreadable or bug_behind(error) or _as_httpx(error)
        except BaseException:
            if own is not None:
                await own.close()
            raise
        else:
            stream = _Answer(answer, own)
            return httpx.Response(
                answer.status, headers=answer.raw_headers, stream=stream, request=request
            )
        if own is not None:
            await own.close()
        # Not in the clause above: aiohttp's errors carry the request's headers, the key among them.
        raise failure

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _session_for(
        self, request: httpx.Request
    ) -> tuple[aiohttp.ClientSession, aiohttp.ClientSession | None]:
        """Return the session for a request, and the same again if it must be closed afterwards."""
        addresses: Sequence[str] | None = request.extensions.get(ADDRESSES)
        if addresses is not None or not self._keep:
            session = self._open(None if addresses is None else _Given(addresses))
            return session, session
        if self._session is None:
            self._session = self._open(None)
        return self._session, None

    def _open(self, resolver: aiohttp.abc.AbstractResolver | None) -> aiohttp.ClientSession:
        options: dict[str, Any] = (
            {"keepalive_timeout": _KEPT} if self._keep else {"force_close": True}
        )
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                # Whoever calls says how many calls there may be: a hundred that hang would hold all connections.
                limit=0,
                ssl=self._verify,
                resolver=resolver,
                happy_eyeballs_delay=APART,
                interleave=1,
                **options,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # httpx has made all headers and unpacks what it gets.
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            auto_decompress=False,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            trust_env=False,
        )


class _Given(aiohttp.abc.AbstractResolver):
    """A resolver for given addresses."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        del family  # all of them
        return [
            aiohttp.abc.ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=_family(address),
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


def _family(address: str) -> socket.AddressFamily:
    six = ipaddress.ip_address(address.partition("%")[0]).version == 6
    return socket.AF_INET6 if six else socket.AF_INET


class _Body:
    """A request body.

    Attributes:
        content: In aiohttp's form.
        unreadable: Why it could not be read to its end: a failing disk, or a bug. aiohttp would
            report either as a connection error.
    """

    def __init__(self, request: httpx.Request) -> None:
        self.unreadable: Exception | None = None
        self.content: bytes | AsyncIterator[bytes] | None
        stream = request.stream
        if isinstance(stream, httpx.ByteStream):
            self.content = request.content or None
        else:
            self.content = self._pieces(stream)

    async def _pieces(self, stream: Any) -> AsyncIterator[bytes]:
        try:
            async for piece in stream:
                yield piece
        except Exception as error:
            self.unreadable = error
            raise


class _Answer(httpx.AsyncByteStream):
    """A response body, streamed."""

    def __init__(
        self, answer: aiohttp.ClientResponse, session: aiohttp.ClientSession | None
    ) -> None:
        self._answer = answer
        self._session = session

    async def __aiter__(self) -> AsyncIterator[bytes]:
        failure: Exception | None = None
        try:
            async for piece in self._answer.content.iter_any():
                yield piece
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = bug_behind(error) or _as_httpx(error)
        if failure is not None:
            raise failure

    async def aclose(self) -> None:
        """Return the connection, or close it if the body was not read to its end."""
        self._answer.release()
        if self._session is not None:
            await self._session.close()


def _as_httpx(error: Exception) -> httpx.TransportError:
    """Convert an aiohttp error to httpx's; without its words, which may quote a header."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
        return httpx.ProxyError(name)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(name)
    if isinstance(error, aiohttp.ClientConnectorError):
        failure = httpx.ConnectError(name)
        # Tells an untrusted certificate from a closed door.
        failure.__cause__ = error.os_error if isinstance(error.os_error, Exception) else None
        return failure
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | UnicodeError):
        # UnicodeError: no name can look like this.
        return httpx.UnsupportedProtocol(name)
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout(name)
    if isinstance(error, aiohttp.ClientPayloadError):
        return httpx.RemoteProtocolError(f"{name}: no complete message body")
    return httpx.RemoteProtocolError(name)
