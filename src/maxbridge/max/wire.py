"""A planned message in the shape that ``POST /messages`` wants its attachments (contract max.md 5.1)."""

from __future__ import annotations

from typing import Any

from maxbridge.core.parts import Part


def attachments_of(part: Part) -> list[dict[str, Any]]:
    """The attachments of a message whose files are all uploaded."""
    attachments: list[dict[str, Any]] = [
        {"type": file.kind, "payload": {"token": file.token}} for file in part.files
    ]
    if part.button:
        button = {"type": "request_contact", "text": part.button}
        attachments.append({"type": "inline_keyboard", "payload": {"buttons": [[button]]}})
    return attachments
