"""Width and height of a picture, read from the beginning of its file; nothing is decoded."""

from __future__ import annotations

from maxbridge.core.filetype import BMP, GIF, JPEG, PNG, FileType

_NO_SIZE = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG segments between the SOF numbers that are no frame headers."""


def pixels(file_type: FileType, head: bytes) -> tuple[int, int] | None:
    """Width and height.

    Args:
        file_type: What the file is.
        head: Its first bytes.

    Returns:
        None where they cannot be told cheaply: TIFF and HEIC keep them anywhere in the file.
    """
    if file_type == PNG and head[12:16] == b"IHDR" and len(head) >= 24:
        return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if file_type == GIF and len(head) >= 10:
        return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    if file_type == BMP and len(head) >= 26:
        return _bmp(head)
    return _jpeg(head) if file_type == JPEG else None


def _bmp(head: bytes) -> tuple[int, int]:
    if int.from_bytes(head[14:18], "little") == 12:  # OS/2, two bytes each
        return int.from_bytes(head[18:20], "little"), int.from_bytes(head[20:22], "little")
    width = int.from_bytes(head[18:22], "little", signed=True)
    height = int.from_bytes(head[22:26], "little", signed=True)
    return abs(width), abs(height)  # a negative height: rows from top to bottom


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """Walk from segment to segment until the one that begins the frame."""
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        else:
            at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4]))
    return None
