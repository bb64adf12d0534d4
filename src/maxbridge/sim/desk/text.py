"""What FreeScout does to texts and files: tag stripping, previews, file names, content sniffing."""

from __future__ import annotations

import html
import re

from maxbridge.sim.desk.model import PREVIEW_LETTERS

_WITH_CONTENT = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<(?!\s)[^>]*(?:>|\Z)")
_BREAK = re.compile(r"</(?:div|p)\s*>|<br\s*/?>", re.IGNORECASE)
_ILLEGAL_IN_NAME = re.compile(r"[\s/\\:*?\"<>|#\x00-\x1f]")
_RESTRICTED_NAME = re.compile(r"^\.|\.(?:php\d*|phtml|phar|sh|pl|cgi|htaccess)$", re.IGNORECASE)
_LONGEST_NAME = 125
_MAGIC = (
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"PK\x03\x04", "application/zip"),
    (b"<svg", "image/svg+xml"),
    (b"<?php", "text/x-php; charset=UTF-8"),
)
_CONTROL = re.compile(rb"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_SHORTEST_OGG = 28
_IN_BROWSER = frozenset({"png", "jpg", "jpeg", "gif", "webp", "pdf", "mp3", "ogg", "txt"})


def strip_tags(text: str) -> str:
    """Remove tags, scripts with their content and NULs (contract freescout.md 2, case 10)."""
    return _TAG.sub("", _COMMENT.sub("", _WITH_CONTENT.sub("", text))).replace("\0", "")


def preview(body: str | None) -> str:
    """Make the list preview: only ``</div>``, ``</p>`` and ``<br>`` become a space (agent-ui 2)."""
    text = html.unescape(strip_tags(_BREAK.sub(" ", body or "")))
    return " ".join(text.split())[:PREVIEW_LETTERS]


def file_name(name: str) -> str:
    """Clean the name of an attachment (contract freescout.md 5, case 40)."""
    clean = _ILLEGAL_IN_NAME.sub("_", name)
    if _RESTRICTED_NAME.search(clean):
        clean += "_"
    if len(clean) <= _LONGEST_NAME:
        return clean
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix) >= _LONGEST_NAME:
        return clean[:_LONGEST_NAME]
    return stem[: _LONGEST_NAME - len(suffix) - 1] + dot + suffix


def content_type(data: bytes) -> str:
    """Guess from the content, as the server does; the given MIME type plays no part (case 41)."""
    for magic, mime_type in _MAGIC:
        if data.startswith(magic):
            return mime_type
    if data.startswith(b"OggS") and len(data) >= _SHORTEST_OGG:
        return "audio/ogg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return "video/mp4"
    if _CONTROL.search(data):
        return "application/octet-stream"
    return "text/plain; charset=UTF-8"


def content_disposition(name: str) -> str:
    """Say whether a browser opens the file or saves it (agent-ui 1, case 41)."""
    if name.rpartition(".")[2].lower() in _IN_BROWSER:
        return ""
    return f'attachment; filename="{name}"'
