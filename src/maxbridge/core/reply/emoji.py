"""Pictures that draw an emoji: web pages and mail programs have them in the place of letters."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from maxbridge.core.text import is_emoji, one_line

_LONGEST = 60
_DRAWS_EMOJI = re.compile(r"emoji|emotic|smiley?(?![a-z])", re.IGNORECASE)
_SMILEY = re.compile(r"[:;=8xX]['’]?-?[()\[\]DPpOo3*|/\\]|<3|xD|:[a-z0-9_+-]{2,30}:")
"""As people typed them before there were emoji, and the names that chats have for them."""
_IN_BRACKETS = re.compile(r"\([a-z0-9_]{2,20}\)", re.IGNORECASE)
"""Skype's."""
_CODE_POINTS = re.compile(r"(?:u|emoji_u)?[0-9a-f]{4,5}(?:[-_][0-9a-f]{4,5}){0,7}")
_BYTES = re.compile(r"(?:e2|f0)(?:[0-9a-f]{2}){2,30}")


def emoji_of(attributes: Mapping[str, str], url: str) -> str:
    """The emoji that a picture draws, or the words for it; empty for a picture of anything else."""
    alt = attributes.get("alt", "")
    told = (alt, attributes.get("data-emoji", ""), attributes.get("title", ""))
    drawn = next(filter(is_emoji, told), "")
    if drawn or _SMILEY.fullmatch(alt):
        return drawn or alt
    if not _DRAWS_EMOJI.search(f"{attributes.get('class', '')} {url[:_LONGEST]}"):
        return ""
    is_said = _classed(attributes) or _IN_BRACKETS.fullmatch(alt)
    return _by_number(url) or (one_line(alt, _LONGEST) if is_said else "")


def _classed(attributes: Mapping[str, str]) -> bool:
    return _DRAWS_EMOJI.search(attributes.get("class", "")) is not None


def _by_number(url: str) -> str:
    """The emoji whose code points, or bytes in UTF-8, a picture is named by: ``1f468-200d-1f4bb.png``.

    Or its folder, where there is one for each size: ``1f642/72.png``.
    """
    names = [each.partition(".")[0].lower() for each in url.partition("?")[0].split("/")[-2:]]
    return _drawn(names[-1]) or _drawn(names[0])


def _drawn(name: str) -> str:
    drawn = ""
    if _CODE_POINTS.fullmatch(name):
        numbers = [
            int(each, 16)
            for each in re.findall("[0-9a-f]+", name.removeprefix("emoji_").removeprefix("u"))
        ]
        drawn = "".join(map(chr, numbers)) if max(numbers) <= sys.maxunicode else ""
    elif _BYTES.fullmatch(name):
        drawn = bytes.fromhex(name).decode(errors="ignore")
    return drawn if is_emoji(drawn) else ""
