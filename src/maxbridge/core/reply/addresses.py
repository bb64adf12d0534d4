"""Addresses behind the words of a reply: which MAX takes as links, and how others are put into words."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import unquote, urlsplit

from maxbridge.core.text import clean, utf16_len

LONGEST_ADDRESS = 2048
"""UTF-16 units of a link (``LinkMarkup`` of MAX's schema)."""

_PUBLIC_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")
_PRIVATE_ENDINGS = tuple(
    f".{name}"
    for name in "arpa corp home internal intranet invalid lan local localdomain localhost private test".split()
)
_SPELLED_OUT = re.compile(r"(?:https?://|www\.)([\w.-]+)", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.IGNORECASE)
_BREAK = re.compile(r"\u200b|%E2%80%8B", re.IGNORECASE)
_NOT_DIGIT = re.compile(r"\D")
_NUMBER = re.compile(r"\+?[\d() -]+")
_LOCAL_NUMBER = 10
"""Digits of a Russian number behind +7 or 8."""


def tidy(href: str) -> str:
    """An ``href`` as a browser reads it."""
    # Copied from the page, an address may have the places where it may break (core/wrapping.py).
    href = _BREAK.sub("", "".join(char for char in href if char not in "\t\n\r")).strip(" \f\xa0")
    if scheme := _SCHEME.match(href):
        href = scheme.group().lower() + href[scheme.end() :]
    return ("https:" if href.startswith("//") else "") + href.replace(" ", "%20")


def is_link(address: str, longest: int = LONGEST_ADDRESS) -> bool:
    """May this address stand in a link of MAX's?

    MAX refuses a whole message with “Must have only http/https links” for a link whose host has no
    public-looking name (contract max.md 5.1). What exactly it looks at, nobody documents, so every
    number and every name without a dot is taken for private. With a user name in front of the host,
    an address leads elsewhere than it seems to.

    Args:
        address: What :func:`tidy` gave.
        longest: UTF-16 units that the address may take when it is escaped.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return False
    return (
        utf16_len(address) <= LONGEST_ADDRESS
        and parts.scheme in ("http", "https")
        and _PUBLIC_HOST.fullmatch(host) is not None
        and not host.endswith(_PRIVATE_ENDINGS)
        and "@" not in parts.netloc
        and len(address.split()) == 1
        and utf16_len(escape(address, quote=True)) <= longest
    )


def in_words(address: str) -> str:
    """An address as a person would say it; empty when it means nothing outside the desk's page."""
    scheme = _SCHEME.match(address)
    match scheme.group().lower() if scheme else "":
        case "http" | "https" | "ftp":
            return address
        case "mailto":
            return _plain(address.partition(":")[2].partition("?")[0])
        case "tel":
            return _plain(address.partition(":")[2])
    return ""


def says(words: str, address: str) -> bool:
    """Do these words name the address, which is one of :func:`in_words`, already?"""
    bare = address.partition("://")[2] or address
    if bare.rstrip("/").casefold() in words.casefold():
        return True
    if not _NUMBER.fullmatch(address):
        return False
    number = _NOT_DIGIT.sub("", address)[-_LOCAL_NUMBER:]
    return len(number) == _LOCAL_NUMBER and number in _NOT_DIGIT.sub("", words)


def must_be_named(words: str, address: str, *, linked: bool) -> bool:
    """Must an address stand behind its words, for a reader to know it?

    Args:
        words: The words of a link.
        address: Where it leads, as :func:`in_words` gives it.
        linked: The words stay a link. Then only words that spell out an address at another host need
            the real one behind them.
    """
    if not linked:
        return not says(words, address)
    hosts = {_without_www(host) for host in _SPELLED_OUT.findall(words)}
    return bool(hosts) and _without_www(urlsplit(address).hostname or "") not in hosts


def _without_www(host: str) -> str:
    return host.casefold().removeprefix("www.").rstrip(".")


def _plain(quoted: str) -> str:
    return " ".join(clean(unquote(quoted)).split())
