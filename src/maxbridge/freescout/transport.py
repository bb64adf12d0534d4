"""The network of httpx, carried by aiohttp: the same calls for less than half the CPU time.

httpx's own transport takes 0.5 ms of Python for one call, more than all else that a message needs;
aiohttp, which is here for MAX anyway, reads and writes HTTP in C. What must not change is the meaning of
what goes wrong: a POST that was surely not made is made again, any other is looked up.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
from yarl import URL

from maxbridge.core.errors import bug_behind

_LONGEST_HEADER = 64 << 10
"""Bytes. aiohttp takes 8 kB, and a desk behind proxies may send more: not to read the answer to a POST is
to doubt it for ever."""
_KEPT = 4.0
"""Seconds for which an idle connection is kept: Apache closes after five, and a POST on a connection
that is just being closed is one more look-up."""


class AiohttpTransport(httpx.AsyncBaseTransport):
    """A pool of connections; made at the first call, when there is a loop.

    No redirect is followed, no cookie kept, no proxy taken from the environment. A POST is never repeated;
    what may be repeated, as HTTP has it, is made once more where the connection broke.

    What was handed over before a call is given up may still arrive, here as with httpx's own network.
    """

    def __init__(self, verify: ssl.SSLContext) -> None:
        """Prepare; nothing is connected yet.

        Args:
            verify: Whose certificates are believed.
        """
        self._verify = verify
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one request; the answer's body is not read yet.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol: Nothing was sent.
            httpx.TransportError: Anything else that broke it off; it may have been carried out.
            OSError: The body cannot be read; what the other end has of it is not whole.
            Exception: A bug, ours or a library's: never taken for trouble that passes.
        """
        if self._session is None:
            self._session = self._open()
        body = _Body(request)
        seconds = request.extensions["timeout"]
        try:
            answer = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers,
                data=body.content,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=seconds["connect"], sock_read=seconds["read"]
                ),
            )
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            failure = body.unreadable or bug_behind(error) or _as_httpx(error)
        else:
            return httpx.Response(
                answer.status, headers=answer.raw_headers, stream=_Answer(answer), request=request
            )
        # Not in the clause above: aiohttp's errors carry the request's headers, the key among them.
        raise failure

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._verify, keepalive_timeout=_KEPT),
            cookie_jar=aiohttp.DummyCookieJar(),
            # httpx has made all headers and unpacks what it gets.
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            auto_decompress=False,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            trust_env=False,
        )


class _Body:
    """What is sent.

    Attributes:
        content: As aiohttp takes it.
        unreadable: Why it could not be read to its end: the disk's trouble, or a bug. aiohttp would
            take either for an error of the connection.
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
    """The body of an answer, as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

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
        """Give the connection back, or close it where the body was not read to its end."""
        self._answer.release()


def _as_httpx(error: Exception) -> httpx.TransportError:
    """What httpx calls an error of aiohttp's; without its words, which may quote a header."""
    name = type(error).__name__
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
    return httpx.RemoteProtocolError(name)
