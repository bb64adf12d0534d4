"""Servers on loopback that answer in bytes, so that a test can have any server it can think of."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Peer:
    """One request of a client, and the line back to it.

    Attributes:
        head: Request line and headers as they came.
        reader: The request's body, unread.
    """

    def __init__(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.head = head
        self.reader = reader
        self._writer = writer

    @property
    def target(self) -> str:
        """What was asked for, as it stands in the request line."""
        return self.head.split(" ")[1]

    def header(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    async def send(self, *pieces: str | bytes) -> None:
        """Send bytes; ConnectionError when the client is gone."""
        for piece in pieces:
            self._writer.write(piece.encode() if isinstance(piece, str) else piece)
            await self._writer.drain()

    async def answer(self, body: str | bytes = b"", status: str = "200 OK", **headers: str) -> None:
        """Send a proper answer; ``_`` in the names of headers stands for ``-``."""
        content = body.encode() if isinstance(body, str) else body
        given = {"Content_Length": str(len(content)), "Connection": "close"} | headers
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items()]
        await self.send(f"HTTP/1.1 {status}\r\n", *lines, "\r\n", content)

    def abort(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()


Answer = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on 127.0.0.1 while the context lasts; gives its address."""
    working: set[asyncio.Task[None]] = set()

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await answer(Peer(head.decode("latin-1"), reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left: its right
        finally:
            writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(work(reader, writer))
        working.add(task)
        task.add_done_callback(working.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await rounds()  # a connection that has just been accepted is not made yet
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        await rounds()


async def rounds(many: int = 5) -> None:
    """Let the loop do what it has put off to its next rounds: connections are made and closed there."""
    for _ in range(many):
        await asyncio.sleep(0)
