"""Attachments: accepted or silently dropped, and the download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from maxbridge.sim.desk.answers import error_page
from maxbridge.sim.desk.php import PhpError, decode_base64, to_id, to_text
from maxbridge.sim.desk.text import content_disposition, content_type
from maxbridge.sim.wire import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maxbridge.sim.desk.model import Attachment, Thread
    from maxbridge.sim.desk.state import DeskState

_NO_STORE = {"cache-control": "max-age=0, must-revalidate, no-cache, no-store, private"}
_INLINE_POLICY = (
    "script-src 'none'; frame-src 'none'; object-src 'none'; font-src 'none'; "
    "connect-src 'none'; media-src 'self'; form-action 'none'; base-uri 'none'; sandbox"
)


def file_rows(given: Any) -> list[Any]:
    """Read ``attachments``.

    Raises:
        PhpError: If it, or one file's content, is of a wrong type; no thread is made then (case 40).
    """
    if given is None:
        return []
    if not isinstance(given, list | dict):
        raise PhpError
    rows = list(given.values()) if isinstance(given, dict) else given
    for row in rows:
        if isinstance(row, dict):
            to_text(row.get("data"))
    return rows


def attach(state: DeskState, thread: Thread, given: Any) -> None:
    """Store the attachments of a thread; a bad one is dropped without a word (contract 5).

    Raises:
        PhpError: If the storage is broken (case 84), or a name or type is a list; the thread stays.
    """
    for row in file_rows(given):
        file = _read_file(row)
        if file is not None:
            thread.attachments.append(state.store_file(*file))


def _read_file(row: Any) -> tuple[str, str, bytes] | None:
    """Read one attachment; a fileUrl cannot be fetched here, and is dropped like any dead one."""
    if not isinstance(row, dict):
        return None
    name, mime_type, text = (to_text(row.get(key)) for key in ("fileName", "mimeType", "data"))
    if not name or not mime_type or not text:
        return None
    data = decode_base64(text)
    if data in (b"", b"0"):  # both are false in PHP (case 40)
        return None
    return name, mime_type, data


def download(state: DeskState, path: str, query: Mapping[str, str]) -> Response:
    """Serve a stored file: no login, a token that lasts for ever, no ranges (case 41)."""
    attachment = _find(state, path, query)
    if attachment is None:
        return error_page(404, _NO_STORE)
    if query.get("token") != attachment.token:
        return error_page(403, _NO_STORE)
    headers = {
        "content-type": content_type(attachment.data),
        "content-length": str(len(attachment.data)),
        "content-disposition": content_disposition(attachment.name),
        "cache-control": "no-cache, private",
    }
    if not headers["content-disposition"]:
        headers["content-security-policy"] = _INLINE_POLICY
    return Response(200, attachment.data, headers)


def _find(state: DeskState, path: str, query: Mapping[str, str]) -> Attachment | None:
    """Find by id; without one by path."""
    if "id" in query:
        return state.attachments.get(to_id(query["id"]))
    for attachment in state.attachments.values():
        if attachment.path in (path, unquote(path)):
            return attachment
    return None
