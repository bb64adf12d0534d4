"""Files of a hundred megabytes go through in a few: on a small machine nothing else would do."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback import Peer, answering
from maxbridge.files.egress import EgressPolicy
from maxbridge.files.spool import Spool
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import DiskFile, encoded_size
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia

SIZE = 100 << 20
A_FEW = 4 << 20
PIECE = b"\xa5" * (1 << 16)
STORED = "/storage/attachment/1/1/1/a.bin?id=1&token=x"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(SIZE)  # a hole: a hundred megabytes that take no room
    return path


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """Bytes at most in use by Python since the test began."""
    tracemalloc.start(1)
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


async def give(peer: Peer) -> None:
    """Send a large file."""
    await peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n")
    for _ in range(SIZE // len(PIECE)):
        await peer.send(PIECE)


class Taker:
    """Takes a large body, keeps its length and its end, and answers."""

    def __init__(self, answer: dict[str, Any], status: str = "200 OK") -> None:
        self.taken = 0
        self.end = b""
        self._answer, self._status = answer, status

    async def __call__(self, peer: Peer) -> None:
        length = int(peer.header("content-length") or "0")
        while self.taken < length:
            piece = await peer.reader.read(1 << 16)
            self.taken += len(piece)
            self.end = (self.end + piece)[-100:]
        await peer.answer(json.dumps(self._answer), self._status)


class Slots:
    """A MAX that gives slots at a server of the test."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def call(self, *_: Any) -> dict[str, Any]:
        return {"url": self._url}

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_download_from_max(tmp_path: Path, peak: Callable[[], int]) -> None:
    async with answering(give) as url:
        media = MaxMedia(MaxClient(Slots(url), Slots(url)), EgressPolicy(lambda _: True))
        with Spool(tmp_path / "spool").room() as room:
            file = await media.fetch(url, room, limit=SIZE)
            assert file.size == file.path.stat().st_size == SIZE
        await media.close()
    assert peak() < A_FEW


async def test_an_upload_to_max(large: Path, peak: Callable[[], int]) -> None:
    taker = Taker({"token": "T"})
    async with answering(taker) as url:
        media = MaxMedia(MaxClient(Slots(url), Slots(url)), EgressPolicy(lambda _: True))
        assert await media.upload("file", large, "a.bin", "application/octet-stream") == "T"
        await media.close()
    assert taker.taken > SIZE
    assert peak() < A_FEW


async def test_a_download_from_the_desk(tmp_path: Path, peak: Callable[[], int]) -> None:
    async with answering(give) as url:
        client = FreeScoutClient(url, "KEY")
        with Spool(tmp_path / "spool").room() as room:
            assert (await client.fetch_file(STORED, room, limit=SIZE)).size == SIZE
        await client.close()
    assert peak() < A_FEW


async def test_an_upload_to_the_desk(large: Path, peak: Callable[[], int]) -> None:
    taker = Taker({"id": 7}, "201 Created")
    async with answering(taker) as url:
        client = FreeScoutClient(url, "KEY")
        file = DiskFile(large, "a.bin", "application/octet-stream", SIZE)
        body = {"type": "customer", "text": "x", "attachments": [file]}
        assert (await client.add_thread(1, body)).thread_id == 7
        await client.close()
    assert taker.taken > encoded_size(SIZE)
    assert taker.end.endswith(b'"}]}')
    assert peak() < A_FEW
