"""files.kind: a look at a file on the disk."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from maxbridge.core.errors import ApiError
from maxbridge.core.filetype import PNG, UNKNOWN, XLSX
from maxbridge.files.spool import sniff_file

PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000140000000f00802000000fe4f2a3c")


def test_a_picture_is_seen_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(PICTURE)
    seen = sniff_file(path)
    assert (seen.type, seen.size, seen.pixels) == (PNG, len(PICTURE), (320, 240))
    assert seen.kind_for_max("x.exe") == "image"
    assert seen.name("снимок.webp") == "снимок.png"
    assert seen.name("", "picture") == "picture.png"


def test_a_picture_too_wide_for_max_goes_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(PICTURE[:16] + (8000).to_bytes(4, "big") + PICTURE[20:])
    assert sniff_file(path).kind_for_max("x.png") == "file"


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    seen = sniff_file(path)
    assert (seen.type, seen.size, seen.kind_for_max("x.jpg")) == (UNKNOWN, 0, "file")


def test_only_both_ends_of_a_large_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.seek(300_000_000)  # a hole: takes no room
        file.write(b"[Content_Types].xml xl/workbook.xml")
    tracemalloc.start()
    try:
        seen = sniff_file(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen.type == XLSX
    assert peak < 1_500_000


def test_a_file_that_cannot_be_read_has_a_named_failure(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as caught:
        sniff_file(tmp_path / "gone")
    assert caught.value.failure.code == "files.error"
