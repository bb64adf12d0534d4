"""A text folded so far that what MAX may do to it on the way into its history does not matter.

Nobody documents whether MAX changes a text that it stores (contract max.md 12), so all of this counts for nothing:
the form of Unicode (NFC or NFD), white space and line breaks, letters that show nothing (soft hyphens, zero width
spaces, marks of direction, variation selectors), typography (quotes, dashes, the ellipsis), entities and tags of
HTML, and how a link is shown (without its scheme, with or without a slash at the end). Words count, letter by letter.

A folded text is for comparing; nobody reads it.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape

from maxbridge.core.reply.max_html import plain, relinked, spelled_out
from maxbridge.core.text import bare, clean

_QUOTES = "\"'«»‹›“”„‟‘’‚‛`´′″＂＇〝〞〟"
_DASHES = "-‐‑‒–—―−﹘﹣－"
_SIGNS = str.maketrans({**dict.fromkeys(_QUOTES, '"'), **dict.fromkeys(_DASHES, "-"), "…": "..."})
_ENTITY = re.compile(r"&(?:amp;)*(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_ROW = re.compile(r"^&(?:amp;)+(?=.)")
_TAG = re.compile(
    r"</?(?:a|b|blockquote|code|del|em|h[1-6]|i|ins|mark|pre|s|strong|u)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SCHEME = re.compile(r"\bhttps?://(?:www\.)?", re.IGNORECASE)
_LAST_SLASH = re.compile(r"(?<=\w)/+(?=[\s)\]\"'>.,;:!?]|$)")
_DASHED = re.compile(r"-{2,}")
_DOTTED = re.compile(r"\.{3,}")


def fold(text: str) -> str:
    """Fold a text; folding twice is as good as once.

    Two texts of the same words, in whatever typography, fold to the same; other words do not. A text
    without anything to see folds to nothing.
    """
    folded = _once(text)
    while folded != text:
        # An entity may hold a tag or another entity, and what shows nothing may part the letters of either.
        text, folded = folded, _once(folded)
    return folded


def ways_shown(text: str, *, html: bool) -> frozenset[str]:
    """The folded forms in which MAX may show a message: it may spell out where a link leads.

    Args:
        text: As it was sent.
        html: In MAX's HTML, else plain.
    """
    if not html:
        return frozenset({fold(text)})
    shown = (
        plain(text),
        spelled_out(text),
        relinked(text, lambda words, address: f"{words} {address}"),
        relinked(text, lambda words, address: f"{words}: {address}"),
        relinked(text, lambda words, address: f"[{words}]({address})"),
        relinked(text, lambda _words, address: address),
    )
    return frozenset(map(fold, shown))


def _once(text: str) -> str:
    text = clean(text)
    while (meant := _ENTITY.sub(_meant, text)) != text:
        text = meant
    text = _TAG.sub("", _BREAK.sub(" ", unicodedata.normalize("NFC", text)))
    text = bare(text, keep="").translate(_SIGNS)
    text = _LAST_SLASH.sub("", _SCHEME.sub("", text))
    text = _DOTTED.sub("...", _DASHED.sub("-", text))
    return " ".join(text.split())


def _meant(entity: re.Match[str]) -> str:
    """The character of an entity; of a long row of ``&amp;amp;lt;`` at one go."""
    return unescape(_ROW.sub("&", entity.group()))
