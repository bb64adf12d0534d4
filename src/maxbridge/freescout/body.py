"""Bodies of calls to FreeScout: JSON in which files stand as base64, made while it is sent.

FreeScout takes files only so (``fileUrl`` refuses private addresses and ports: contract freescout.md 5),
and a whole file in memory, one third larger, for every worker, is what a small machine has not.
"""

from __future__ import annotations

import base64
import errno
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOM_FOR_WORDS: Final = 256 << 10
"""Bytes of a request that are kept for everything but its files: text, markup, names."""
_PIECE = 3 << 14  # base64 turns three bytes into four: pieces of thirds can simply be joined


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A file to attach; stands in the list ``attachments`` of a body.

    Attributes:
        path: Where it lies; it must not change until the call has ended.
        name: Its name for the agent; FreeScout changes spaces and unusual characters to ``_``.
        mime: What it is; FreeScout believes it.
        size: Bytes. A file without any is dropped silently, as is one that is the single digit 0.
    """

    path: Path
    name: str
    mime: str
    size: int


def encoded_size(size: int) -> int:
    """Bytes of a file in base64."""
    return 4 * ((size + 2) // 3)


def fits(sizes: Iterable[int], limit: int) -> bool:
    """Do files fit into one request?

    Args:
        sizes: Bytes of each.
        limit: Bytes of the whole request: PHP's ``post_max_size``, 8 MB where nobody changed it.
    """
    return sum(encoded_size(size) for size in sizes) <= limit - ROOM_FOR_WORDS


def largest(limit: int) -> int:
    """Bytes of the largest file that fits into one request alone."""
    return max(0, (limit - ROOM_FOR_WORDS) // 4 * 3)


class Body:
    """A body ready to be sent, once: JSON with the files' contents still on the disk.

    Attributes:
        length: Bytes, exactly: nginx and PHP judge a request by its Content-Length.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Write the JSON; files are only looked at when it is sent.

        Args:
            data: The body; :class:`DiskFile` may stand anywhere in it.
        """
        self._files: list[DiskFile] = []
        self._mark = ""
        text = json.dumps(data, ensure_ascii=False, default=self._as_json)
        pieces = text.split(self._mark) if self._files else [text]
        self._pieces = [each.encode("utf-8", "replace") for each in pieces]
        words = sum(len(each) for each in self._pieces)
        self.length = words + sum(encoded_size(each.size) for each in self._files)

    def _as_json(self, value: Any) -> dict[str, str]:
        if not isinstance(value, DiskFile):
            raise TypeError(f"{type(value).__name__} is not for JSON")
        # Stands where a file's content will stand; nobody can have written it.
        self._mark = self._mark or uuid.uuid4().hex
        self._files.append(value)
        return {"fileName": value.name, "mimeType": value.mime, "data": self._mark}

    @property
    def content(self) -> bytes | Body:
        """What httpx sends: plain bytes where there are no files."""
        return self if self._files else self._pieces[0]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes of the body.

        Raises:
            OSError: A file cannot be read, or is not as long as it was.
        """
        yield self._pieces[0]
        for file, words in zip(self._files, self._pieces[1:], strict=True):
            left = file.size
            with file.path.open("rb") as content:
                while left > 0:
                    piece = content.read(min(_PIECE, left))
                    if not piece:
                        raise OSError(errno.EIO, "the file is shorter than it was")
                    left -= len(piece)
                    yield base64.b64encode(piece)
            yield words
