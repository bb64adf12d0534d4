"""Validate one setting's value from TOML or the environment and convert it to its type."""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import Field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from maxbridge.config.settings import Secret
from maxbridge.core.hours import HoursError, read_day, read_holidays
from maxbridge.core.text import MAX_TEXT_UNITS, is_blank, one_line
from maxbridge.saying import later, say

EXAMPLE_WORDS = ("example.org", "example.com", "put-your", "change-me", "сюда-")
"""Parts of values in config.example.toml that nobody can have meant."""


_BIGGEST = 2**63 - 1
"""Largest number that MAX, FreeScout and the database know."""
_LONGEST_ADDRESS = 2000
_SHOWN = 60
_PLACE = re.compile(r"\{([^{}\n]{0,40})\}")
_ROOM = {"number": 19, "until": 20}
"""Letters that take a place of a message at most: a number as large as any, and a moment."""
_LONGEST_NAME, _LONGEST_PATH = 255, 4095
"""Bytes that Linux takes for a file's name, and for the whole path."""
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+", re.ASCII)
_ASCII_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII | re.IGNORECASE)


class ProblemError(ValueError):
    """A value is wrong; the message omits a secret's value."""


def convert(each: Field[Any], value: Any) -> Any:
    """Convert a value from TOML, or a string from the environment, to the setting's type."""
    default = each.default
    if isinstance(default, Path):
        path = Path(os.path.expanduser(_file_name(value)))  # noqa: PTH111 - "~" in the middle stays
        # Path.is_dir raises where the folder may not be entered; whoever opens the file says it better.
        if not path.name or os.path.isdir(path):  # noqa: PTH112
            raise ProblemError(say("must be the name of a file, not of a folder."))
        return path
    if isinstance(default, tuple):
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ProblemError(say("must be a list of texts."))
        words = tuple(_string(item).strip() for item in items if item.strip())
        if each.metadata.get("program") and words:
            _check_program(words)
        if each.metadata.get("holidays"):
            _check_hours(lambda: read_holidays(words))
        return words
    if isinstance(default, int | float):
        return _number(each, value, type(default))
    text = _string(value).strip() if not isinstance(default, Secret) else _secret(value)
    if is_blank(text):
        text = ""  # of signs that nobody sees, copied along: none of it would be a message
    if each.metadata.get("choices"):
        text = text.lower()
    _check_text(each, text)
    return Secret(text) if isinstance(default, Secret) else text


def _check_hours(read: Callable[[], object]) -> None:
    try:
        read()
    except HoursError as error:
        words = {
            "span": later("{text} is no time from and to: write it as 09:00-18:00."),
            "order": later(
                "{text} ends before it begins. A night is two spans: 22:00-24:00, and 00:00-06:00 on the next day."
            ),
            "overlap": later("{text} begins before the span in front of it has ended."),
            "date": later(
                "{text} is no date that exists: write it as 2026-12-31, or 12-31 for every year."
            ),
            "range": later(
                "{text} is no range of days: the first one stands first, both with a year or both without."
            ),
        }[error.why]
        raise ProblemError(say(words, text=one_line(error.text, _SHOWN) or "“”")) from None


def _check_zone(text: str) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones  # noqa: PLC0415 - for who reads it

    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise ProblemError(
                say(
                    "cannot be looked up: this machine has no time zones. Install the package tzdata."
                )
            ) from None
        raise ProblemError(
            say("there is no time zone of this name. Write it as Europe/Moscow.")
            + nearest(text, sorted(known))
        ) from None


def _check_message(text: str, fills: tuple[str, ...]) -> None:
    """Check that a text for customers fits into one MAX message and has no unknown placeholders."""
    filled = text
    for place, room in _ROOM.items():
        if place in fills:
            filled = filled.replace(f"{{{place}}}", "0" * room)
    if (length := len(filled.encode("utf-16-le", "surrogatepass")) // 2) > MAX_TEXT_UNITS:
        words = say(
            "has {count} letters; a message of MAX has at most {most}.",
            count=length,
            most=MAX_TEXT_UNITS,
        )
        raise ProblemError(words)
    for place in unknown_places(text, fills):
        words = say("has {place} in it, which means nothing here.", place=place)
        raise ProblemError(f"{words} {known_places(fills)}".rstrip())


def unknown_places(text: str, fills: tuple[str, ...]) -> list[str]:
    """Return placeholders in a text, such as ``{number}``, that are never filled."""
    return [f"{{{each}}}" for each in _PLACE.findall(text) if each not in fills]


def known_places(fills: tuple[str, ...]) -> str:
    """Return a sentence that lists a text's placeholders; empty if it has none."""
    return (
        say("Known are: {known}.", known=", ".join(f"{{{each}}}" for each in fills))
        if fills
        else ""
    )


def _check_program(words: tuple[str, ...]) -> None:
    """Check a command: it is run without a shell, and a service has no usual search path."""
    if not words[0].startswith("/"):
        raise ProblemError(
            say('must begin with the full path of a program, as ["/usr/local/bin/tell"].')
        )
    if any("\0" in each for each in words):
        raise ProblemError(say("has a zero byte in it, which no program takes."))


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ProblemError(say('must be a text: put it in "quotation marks".'))
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ProblemError(say("is not UTF-8: write it anew.")) from None
    return value


def _file_name(value: Any) -> str:
    text = _string(value)
    if "\0" in text:
        raise ProblemError(say("has a zero byte in it, which no file's name has."))
    if len(text.encode()) > _LONGEST_PATH or any(
        len(part.encode()) > _LONGEST_NAME for part in text.split("/")
    ):
        raise ProblemError(say("is too long for the name of a file."))
    return text


def _secret(value: Any) -> str:
    text = _string(value).strip()
    if not text.isascii() or any(char.isspace() or not char.isprintable() for char in text):
        if any(word in text.lower() for word in EXAMPLE_WORDS):
            raise ProblemError(say("still has the example value; put in your own."))
        raise ProblemError(say("has a blank or an unusual character in it; copy it again."))
    return text


def _check_text(each: Field[Any], text: str) -> None:
    choices = each.metadata.get("choices")
    if choices and text not in choices:
        raise ProblemError(
            say(
                "must be one of {listed}.{nearest}",
                listed=", ".join(choices),
                nearest=nearest(text, choices),
            )
        )
    if any(word in text.lower() for word in EXAMPLE_WORDS):
        raise ProblemError(say("still has the example value; put in your own."))
    _check_told(each, text)
    if each.metadata.get("textfile") and text:
        # node_exporter reads nothing that is called otherwise, and the service's own folder is "/".
        if not text.endswith(".prom"):
            raise ProblemError(say("must be the name of a file that ends with .prom."))
        if not text.startswith("/"):
            raise ProblemError(say("must begin with /, as in /var/lib/maxbridge/maxbridge.prom."))
    if each.metadata.get("url") and text:
        _check_url(text)
    if each.metadata.get("ping") and text and _parts(text) is None:
        raise ProblemError(say("must be an address like https://hc-ping.com/ and a long id."))
    if each.metadata.get("proxy") and text and _parts(text) is None:
        raise ProblemError(say("must be an address like http://proxy.romashka.ru:3128."))


def _check_told(each: Field[Any], text: str) -> None:
    """Check automatic messages and working hours."""
    if each.metadata.get("day"):
        _check_hours(lambda: read_day(text))
    if each.metadata.get("zone"):
        _check_zone(text)
    if each.metadata.get("message"):
        _check_message(text, each.metadata.get("fills", ()))


def _check_url(text: str) -> None:
    parts = _parts(text)
    if parts is None:
        raise ProblemError(
            say("is not an address: it must begin with https://, as in https://desk.romashka.ru.")
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ProblemError(say("must not contain a user name, a “?” or a “#”."))
    if parts.path.rstrip("/").endswith("/api"):
        raise ProblemError(say("is the address of FreeScout itself; leave /api out."))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ProblemError(
            say(
                "http:// would send the key in the clear; use https:// (http:// only for 127.0.0.1)."
            )
        )


def _parts(text: str) -> SplitResult | None:
    """Return the parts of a usable address; None if it is none.

    Raises:
        ProblemError: Its host is digits and dots but no IPv4 address: httpx refuses such a host.
    """
    if len(text) > _LONGEST_ADDRESS or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or not _is_host(host):
        return None
    if _DIGITS_AND_DOTS.fullmatch(host) and not _is_ip(host):
        raise ProblemError(
            say("has a host that is no IPv4 address: that is four numbers from 0 to 255.")
        )
    return parts


def _is_host(host: str) -> bool:
    """Whether httpx and yarl accept a host name; they would fail late and without an explanation."""
    if _is_ip(host):
        return True
    if host.isascii():
        return _ASCII_HOST.fullmatch(host) is not None
    import idna  # noqa: PLC0415 - few hosts need it

    try:
        idna.encode(host.lower())
    except UnicodeError:  # what idna raises is one
        return False
    return True


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether it is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _number(each: Field[Any], value: Any, kind: type) -> int | float:
    if isinstance(value, str):
        try:
            value = float(value) if kind is float else int(value)
        except ValueError:
            raise ProblemError(say("must be a number.")) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProblemError(say("must be a number."))
    if isinstance(value, int) and abs(value) > _BIGGEST:
        raise ProblemError(say("must be a number of up to 19 digits."))
    if kind is int and (not math.isfinite(value) or value != int(value)):
        raise ProblemError(say("must be a whole number."))
    least, most = each.metadata.get("least"), each.metadata.get("most")
    # "not >=" also refuses nan.
    if least is not None and not value >= least:
        raise ProblemError(say("must be {least} or more.", least=least))
    if most is not None and not value <= most:
        raise ProblemError(say("must be {most} or less.", most=most))
    number: int | float = kind(value)
    return number


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a question about the most similar known name; empty if none is similar."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return say(" Did you mean {near}?", near=near[0]) if near else ""
