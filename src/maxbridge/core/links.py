"""Links and phone numbers for agents: which become a link, and when the real address is shown beside the words.

A customer chooses both the address and the words of a link. The address must mean the same to the
browser, the desk and us; words that look like another address are followed by the real one.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape
from urllib.parse import urlsplit

from maxbridge.core.text import bare

GREY = "color:#8a97a4;font-size:12px"
"""Style of what is said beside the customer's words (contract freescout-agent-ui.md 2)."""

_HOST = re.compile(r"[\w-]+(\.[\w-]+)+\.?")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
# Browsers drop line ends and tabs in an address and read \\ as /; the rest belongs into no address.
_NOT_IN_ADDRESS = re.compile(r"[\s\\<>\"]")
# A dot between a letter and two more is enough: what looks like an address to a hurried agent.
_ADDRESS = re.compile(r"://|[^\W_][.。][^\W\d_]{2}|[0-9]{1,3}(\.[0-9]{1,3}){3}|\w@\w")
_SCHEME = re.compile(r"^(https?://|mailto:|tel:)(www\.)?")


def safe_href(url: str) -> str:
    """Return the address if it may be linked to; otherwise the empty text.

    http and https need a public-looking host and no user name (``https://bank@evil.example/`` shows
    one host and leads to another); mailto takes one plain address, tel a number.
    """
    if not url or _NOT_IN_ADDRESS.search(url) or bare(url, joined=False) != url:
        return ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme in ("http", "https"):
        sound = "@" not in parts.netloc and _HOST.fullmatch(host) and port != 0
        return parts.scheme + url[len(parts.scheme) :] if sound else ""
    if parts.scheme == "mailto":
        address = url.partition(":")[2]
        return f"mailto:{address}" if _MAIL.fullmatch(address) else ""
    number = dialable(url.partition(":")[2]) if parts.scheme == "tel" else ""
    return f"tel:{number}" if number else ""


def link(words: str, url: str) -> str:
    """Render words as a link, or as words only if the address may not be linked to."""
    href = safe_href(url)
    shown = escape(words, quote=False)
    if not href:
        return shown
    return f'<a href="{escape(href)}">{shown}</a>{address_note(words, href)}'


def address_note(words: str, href: str, before: str = "", after: str = "") -> str:
    """Return the real address in brackets if the words look like another address; otherwise the empty text.

    Args:
        words: The link's words.
        href: A safe address.
        before: Text before the words: ``bank.<a>ru</a>`` is read as one.
        after: Text after them.
    """
    if _essence(words) == _essence(href):
        return ""
    start, rest = re.split(r"\s", before)[-1], re.split(r"\s", after)[0]
    if not _ADDRESS.search(_plain(f"{start}{words}{rest}")):
        return ""
    return f' <span style="{GREY}">({escape(href, quote=False)})</span>'


def _plain(text: str) -> str:
    """Replace look-alikes: fullwidth letters, dots of other scripts, hidden characters."""
    return unicodedata.normalize("NFKC", bare(text, joined=False)).casefold()


def _essence(address: str) -> str:
    return _SCHEME.sub("", _plain(address).strip()).rstrip("/")


# --- Telephone numbers: what a link may dial, and how people write it.


_WRITTEN = re.compile(r"\+?[0-9 \t\u00a0().\-\u2010-\u2015/]+")
_RUSSIAN = re.compile(r"\+7([0-9]{3})([0-9]{3})([0-9]{2})([0-9]{2})")
_FEWEST, _MOST = 3, 15
"""Digits of an emergency number, and the most that E.164 has."""
_INTERNATIONAL = 11
"""Digits from which a number without ``+`` is taken to begin with its country."""


def dialable(written: str) -> str:
    """Return a number for a ``tel:`` link: digits, preceded by ``+`` if the country is known.

    MAX writes numbers with the country and without ``+`` (contract max.md 4). People also write
    Russian mobile numbers with 8 instead of 7; no country code begins with 89.

    Returns:
        Empty if it is no phone number: words, an extension, too few or many digits.
    """
    written = written.strip()
    if not _WRITTEN.fullmatch(written):
        return ""
    digits = re.sub(r"[^0-9]", "", written)
    if not _FEWEST <= len(digits) <= _MOST:
        return ""
    if written.startswith("+"):
        return f"+{digits}"
    if len(digits) == _INTERNATIONAL and digits.startswith("89"):
        return f"+7{digits[1:]}"
    # 0 and 810 are what is dialled before a number, not a part of it; other numbers of eleven
    # digits that begin with 8 may be Russian or not, so they stay as they are.
    inside = digits.startswith(("0", "810")) or (
        len(digits) == _INTERNATIONAL and digits.startswith("8")
    )
    return digits if inside or len(digits) < _INTERNATIONAL else f"+{digits}"


def readable(number: str) -> str:
    """Group the digits of a Russian number; any other number stays as it is."""
    return _RUSSIAN.sub(r"+7 \1 \2-\3-\4", number) if _RUSSIAN.fullmatch(number) else number
