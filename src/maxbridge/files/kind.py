"""What a file on the disk is: its beginning and its end are read, never the whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from maxbridge.core.filetype import (
    HEAD_BYTES,
    TAIL_BYTES,
    Family,
    FileType,
    is_another_page,
    pixels,
    sniff,
)
from maxbridge.core.parts import max_kind, proper_name
from maxbridge.files.failures import disk_error, file_error


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What there is to know about a file.

    Attributes:
        type: What it is by its content.
        size: Bytes.
        pixels: Width and height of a picture where they could be read.
    """

    type: FileType
    size: int
    pixels: tuple[int, int] | None = None

    def kind_for_max(self, name: str) -> Family:
        """As what it goes to MAX (contract max.md 7)."""
        return max_kind(self.type, name, self.size, self.pixels)

    def name(self, name: str, default: str = "file") -> str:
        """A name that is fit for both ends and agrees with the content."""
        return proper_name(name, self.type, default)


def sniff_file(path: Path) -> Sniffed:
    """Tell what a file is by its content.

    Raises:
        ApiError: The disk refuses (``files.error``).
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read(TAIL_BYTES)
    except OSError as error:
        raise disk_error(error) from None
    file_type = sniff(head, tail)
    return Sniffed(file_type, size, pixels(file_type, head))


def sniff_fetched(path: Path, prefix: str, family: str, declared: int | None) -> Sniffed:
    """The same for what was fetched as somebody's file, in either direction.

    Args:
        path: What came.
        prefix: Whose file, with what joins the code: ``media.`` or ``desk.file_``.
        family: What it was said to be (:func:`maxbridge.core.filetype.is_another_page`).
        declared: Bytes that it was said to have; None when unknown.

    Raises:
        ApiError: Something else came in its place (``…bad_answer``), or the disk refuses (``files.error``).
    """
    sniffed = sniff_file(path)
    if is_another_page(sniffed.type, sniffed.size, family, declared):
        raise file_error(prefix, "bad_answer", f"{sniffed.type.mime}, {sniffed.size} bytes")
    return sniffed
