"""A thread as FreeScout's page draws it: seen in a real browser on FreeScout 1.8.235 (contract, UI 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from gallery.entries import GalleryError
from gallery.purifier import purified

CSS = """
.thread { display: flex; background: #fff; border-top: 1px solid #e3e8ec; padding: 16px 18px 18px;
  font: 14px/20px "Helvetica Neue", "Liberation Sans", Arial, sans-serif; color: #253540; }
.thread .face { flex: 0 0 40px; height: 40px; border-radius: 50%; margin-right: 18px; border: 2px solid #fff;
  box-shadow: 0 0 3px #b9c4cc; background: radial-gradient(circle at 50% 38%, #e2e6e8 7px, transparent 8px),
  radial-gradient(circle at 50% 92%, #e2e6e8 13px, #f5f7f8 14px); }
.thread .rest { flex: 1; min-width: 0; }
.thread .head { display: flex; justify-content: space-between; margin-bottom: 12px; }
.thread .name { font-weight: bold; font-size: 17px; color: #1f2b33; }
.thread .time { color: #93a1af; font-size: 12px; }
.thread .body { overflow: hidden; }
.thread .body a { color: #0078d7; text-decoration: none; }
.thread .body blockquote { border-left: 5px solid #e6e6e6; margin: 0 0 20px; padding: 10px 20px; }
.thread .body code { color: #c7254e; background: #f9f2f4; border-radius: 4px; padding: 2px 4px;
  font: 90% "Liberation Mono", monospace; }
.thread .body pre { background: #f5f5f5; border: 1px solid #ccc; border-radius: 4px; padding: 9px;
  margin: 0 0 10px; font: 13px/18px "Liberation Mono", monospace; white-space: pre-wrap; }
.thread .file { margin-top: 8px; color: #93a1af; }
.thread .file span { background: #eef0f2; padding: 2px 8px; margin-left: 6px; font-size: 13px; }
.thread .file b { font-weight: normal; color: #2a6fa8; }
.thread .body .picture { display: inline-block; width: 130px; height: 60px; padding-top: 20px; text-align: center;
  background: linear-gradient(160deg, #bcd4ea 55%, #a9c5a0 55%); font-size: 12px; color: #5b6b7c; vertical-align: top; }
.thread .body table { border-collapse: collapse; }
.note { background: #fffbea; border-left: 4px solid #f4c542; padding-left: 14px; }
.reply { background: #f1f6fb; }
"""
_ARROWS = {"": "⬇ ", "reply": "⬇ ", "note": ""}
"""What FreeScout's page puts before the time: a way to the first message, not in a note."""
_UNITS = ("B", "KB", "MB", "GB")
_PICTURE = re.compile(r"<img[^>]*>")
_NAME = re.compile(r' alt="([^"]*)"')


def thread(
    name: str, html: str, files: Sequence[tuple[str, int]] = (), *, note: bool = False
) -> str:
    """A card with what the page's purifier leaves of what we post.

    Args:
        name: Who stands above it.
        html: The thread's ``text`` as it is posted.
        files: Names and sizes in bytes as the desk shows them.
        note: A private note.

    Raises:
        GalleryError: Something of the HTML does not survive, or the card would show nothing.
    """
    shown, lost = purified(html)
    if lost:
        raise GalleryError(f"FreeScout's page does not show {'; '.join(lost)}: {html}")
    if not shown:
        raise GalleryError("a card with nothing in it")
    return _card(name, shown, files, "note" if note else "")


def reply(name: str, html: str, files: Sequence[tuple[str, int]]) -> str:
    """An agent's own reply; what he pasted may well be more than the page shows."""
    return _card(name, _PICTURE.sub(_picture, purified(html).html), files, "reply")


def readable_size(size: int) -> str:
    """A file's size as FreeScout writes it."""
    number, unit = float(size), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}"


def _picture(tag: re.Match[str]) -> str:
    """What stands for a picture, whose address leads nowhere here."""
    name = _NAME.search(tag.group())
    return f'<span class="picture">🖼<br>{name[1] if name else ""}</span>'


def _card(name: str, shown: str, files: Sequence[tuple[str, int]], kind: str) -> str:
    lines = "".join(_file(file, size) for file, size in files)
    return (
        f'<div class="thread {kind}"><div class="face"></div><div class="rest">'
        f'<div class="head"><span class="name">{escape(name)}</span>'
        f'<span class="time">{_ARROWS[kind]}12:31 ▾</span></div>'
        f'<div class="body" dir="auto">{shown}</div>{lines}</div></div>'
    )


def _file(name: str, size: int) -> str:
    return f'<div class="file">📎<span><b>{escape(name)}</b> ({readable_size(size)}) ⬇</span></div>'
