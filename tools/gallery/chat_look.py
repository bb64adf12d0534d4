"""Messages as a MAX client draws them: MAX's own reading of the text we send, then bubbles.

The text goes through the simulator's reading of MAX's html, which shares no code with what wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from gallery.desk_look import readable_size
from gallery.entries import GalleryError
from maxbridge.core.parts import Part, PartFile
from maxbridge.core.text import MAX_TEXT_UNITS, utf16_len
from maxbridge.sim.max.errors import ApiError
from maxbridge.sim.max.markup import Formatted, render

CSS = """
.chat { background: #dfe7f1; padding: 12px 14px 6px; height: 100%; font: 15px/20px "Inter", "Liberation Sans", Arial, sans-serif; }
.bubble { background: #fff; border-radius: 14px; padding: 8px 12px; margin-bottom: 6px; max-width: 410px;
  width: fit-content; color: #16181d; }
.bubble .who { color: #3d6fe0; font-weight: bold; font-size: 13px; }
.bubble .text { white-space: pre-wrap; overflow-wrap: anywhere; }
.bubble .time { color: #9aa3ad; font-size: 11px; line-height: 12px; text-align: right; }
.bubble .strong, .bubble .heading { font-weight: bold; }
.bubble .emphasized { font-style: italic; }
.bubble .underline { text-decoration: underline; }
.bubble .strikethrough { text-decoration: line-through; }
.bubble .underline.strikethrough { text-decoration: underline line-through; }
.bubble .monospaced { font: 14px "Liberation Mono", monospace; background: #eef1f5; border-radius: 3px; }
.bubble .highlighted { background: #fff0a8; }
.bubble .quote { border-left: 3px solid #3d6fe0; padding-left: 8px; }
.bubble .link { color: #2b62d9; text-decoration: underline; }
.bubble .media { display: inline-block; width: 150px; height: 96px; border-radius: 8px; margin: 2px 4px 4px 0;
  text-align: center; color: #5b6b7c; font-size: 12px; line-height: 16px; padding-top: 26px; box-sizing: border-box;
  background: linear-gradient(160deg, #bcd4ea 55%, #a9c5a0 55%); }
.bubble .video { background: #3a4450; color: #dbe2ea; }
.bubble .file { display: flex; align-items: center; margin: 2px 0; }
.bubble .file i { font-style: normal; flex: 0 0 36px; height: 36px; line-height: 36px; text-align: center; border-radius: 50%;
  background: #3d6fe0; color: #fff; margin-right: 10px; }
.bubble .file small { color: #8a949e; font-size: 12px; display: block; }
.bubble .button { border: 1px solid #3d6fe0; border-radius: 10px; color: #3d6fe0; text-align: center; padding: 5px 24px;
  margin: 6px 0 2px; }
"""
BOT = "Поддержка Ромашка"
_MOST_ATTACHMENTS = 12
_ALONE = frozenset({"file", "audio"})


def chat(parts: Sequence[Part]) -> str:
    """The bubbles of a reply.

    Raises:
        GalleryError: MAX would refuse a message, or throw something of it away.
    """
    return f'<div class="chat">{"".join(bubble(part) for part in parts)}</div>'


def sent_text(part: Part) -> Formatted:
    """What MAX keeps of a message's text.

    Raises:
        GalleryError: It refuses the text, or throws something of it away.
    """
    try:
        read = render(part.text, "html" if part.html else None)
    except ApiError as error:
        raise GalleryError(f"MAX refuses {part.text!r}: {error}") from error
    if read.stripped:
        raise GalleryError(f"MAX drops {read.stripped} of {part.text!r}")
    if utf16_len(part.text) > MAX_TEXT_UNITS:
        raise GalleryError(f"{part.text[:60]!r}… is too long for MAX")
    return read


def bubble(part: Part, bot: str = BOT) -> str:
    """One message of the bot's.

    Raises:
        GalleryError: MAX would refuse it, or throw something of it away.
    """
    kinds = [file.kind for file in part.files]
    if len(kinds) > _MOST_ATTACHMENTS or (_ALONE.intersection(kinds) and (kinds[1:] or part.text)):
        raise GalleryError(f"MAX takes no message with {kinds} and the text {part.text!r}")
    if part.is_empty:
        raise GalleryError("a message with nothing in it")
    inner = f'<div class="who">{escape(bot)}</div>'
    inner += "".join(_attachment(file) for file in part.files)
    if part.text:
        read = sent_text(part)
        inner += f'<div class="text" dir="auto">{"".join(_styled(read.text, read.markup))}</div>'
    if part.button:
        inner += f'<div class="button">{escape(part.button)}</div>'
    return f'<div class="bubble">{inner}<div class="time">12:32</div></div>'


def _styled(text: str, markup: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The text in stretches of one look each; offsets are UTF-16 units (contract max.md 4)."""
    units = text.encode("utf-16-le")
    length = len(units) // 2
    edges = {0, length}
    for each in markup:
        edges |= {each["from"], each["from"] + each["length"]}
    places = sorted(edges)
    for start, end in pairwise(places):
        looks = sorted(
            {
                each["type"]
                for each in markup
                if each["from"] <= start and end <= each["from"] + each["length"]
            }
        )
        words = escape(units[2 * start : 2 * end].decode("utf-16-le"), quote=False)
        yield f'<span class="{" ".join(looks)}">{words}</span>' if looks else words


def _attachment(file: PartFile) -> str:
    name = escape(file.name)
    if file.kind == "image":
        return f'<span class="media">🖼<br>{name}</span>'
    if file.kind == "video":
        return f'<span class="media video">▶<br>{name}</span>'
    icon = "♪" if file.kind == "audio" else "📄"
    size = f"<small>{readable_size(file.size)}</small>" if file.size is not None else ""
    return f'<div class="file"><i>{icon}</i><span>{name}{size}</span></div>'
