"""freescout.body: JSON with files in it, byte for byte what json.dumps would have made, with flat memory."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, texts
from maxbridge.freescout.exchange import (
    ROOM_FOR_WORDS,
    Body,
    DiskFile,
    encoded_size,
    fits,
    largest,
)

EIGHT_MB = 8 << 20


async def written(body: Body) -> bytes:
    content = body.content
    return content if isinstance(content, bytes) else b"".join([each async for each in content])


def disk_file(path: Path, content: bytes, name: str = "a.bin") -> DiskFile:
    path.write_bytes(content)
    return DiskFile(path, name, "x/y", len(content))


@given(
    contents=st.lists(st.binary(max_size=200), max_size=4),
    name=texts,
    text=texts,
    deep=st.booleans(),
)
@law
def test_a_body_is_what_json_makes_of_it(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[bytes],
    name: str,
    text: str,
    deep: bool,
) -> None:
    folder = tmp_path_factory.mktemp("body")
    files = [disk_file(folder / str(at), each, name) for at, each in enumerate(contents)]
    thread: dict[str, Any] = {"text": text, "attachments": files, "type": "customer"}
    body = Body({"subject": text, "threads": [thread]} if deep else thread)
    sent = asyncio.run(written(body))
    assert len(sent) == body.length
    data = json.loads(sent)
    got = data["threads"][0] if deep else data
    assert got["text"] == text
    assert [base64.b64decode(each["data"]) for each in got["attachments"]] == contents
    assert all(each["fileName"] == name for each in got["attachments"])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 49_151, 49_152, 49_153, 200_000])
async def test_files_of_any_length_are_whole(tmp_path: Path, size: int) -> None:
    content = bytes(each % 251 for each in range(size))
    body = Body({"attachments": [disk_file(tmp_path / "x", content)]})
    sent = await written(body)
    assert len(sent) == body.length
    (row,) = json.loads(sent)["attachments"]
    assert base64.b64decode(row["data"], validate=True) == content


async def test_without_files_a_body_is_plain_bytes() -> None:
    body = Body({"text": "Привет 😀"})
    assert body.content == '{"text": "Привет 😀"}'.encode()
    assert body.length == len(await written(body))


async def test_a_file_that_became_shorter_breaks_the_call_off(tmp_path: Path) -> None:
    # Half a file with a proper end would be taken for a whole one.
    file = disk_file(tmp_path / "x", b"x" * 100)
    body = Body({"attachments": [file]})
    file.path.write_bytes(b"x" * 99)
    with pytest.raises(OSError, match="shorter"):
        await written(body)


async def test_of_a_file_that_grew_only_what_was_promised_is_sent(tmp_path: Path) -> None:
    file = disk_file(tmp_path / "x", b"x" * 100)
    body = Body({"attachments": [file]})
    file.path.write_bytes(b"x" * 500)
    assert len(await written(body)) == body.length


def test_nothing_else_is_written_as_a_file() -> None:
    with pytest.raises(TypeError):
        Body({"text": b"bytes"})


# --- what fits into one request ------------------------------------------------------------------------


def test_the_default_limit_takes_almost_six_megabytes() -> None:
    # Measured with PHP's 8 MB: 6,186,598 bytes were taken (contract freescout.md 5 [42]).
    assert 5_900_000 < largest(EIGHT_MB) < 6_186_598


@given(st.lists(st.integers(0, 3_000_000), max_size=5), st.integers(1, 100))
@law
def test_what_fits_leaves_room_for_words(sizes: list[int], megabytes: int) -> None:
    limit = megabytes << 20
    encoded = sum(encoded_size(each) for each in sizes)
    assert fits(sizes, limit) is (encoded + ROOM_FOR_WORDS <= limit)


@given(st.integers(0, 100 << 20))
@law
def test_the_largest_file_fits_and_a_larger_one_does_not(limit: int) -> None:
    most = largest(limit)
    assert fits([most], limit) or limit < ROOM_FOR_WORDS
    assert not fits([most + 3], limit)


@given(st.binary(max_size=100))
@law
def test_the_length_in_base64_is_exact(content: bytes) -> None:
    assert encoded_size(len(content)) == len(base64.b64encode(content))
