"""One value of the settings: from TOML or the environment to its type, or what is wrong with it."""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
from collections.abc import Iterable
from dataclasses import Field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from maxbridge.settings import Secret

EXAMPLE_WORDS = ("example.org", "example.com", "put-your", "change-me", "сюда-")
"""Parts of values in config.example.toml that nobody can have meant."""


class ProblemError(ValueError):
    """What is wrong with one value, without the value when it is a secret."""


def convert(each: Field[Any], value: Any) -> Any:
    """A value from TOML, or a string from the environment, as the setting's type."""
    default = each.default
    if isinstance(default, Path):
        path = Path(os.path.expanduser(_string(value)))  # noqa: PTH111 - "~" in the middle stays
        # Path.is_dir raises where the folder may not be entered; whoever opens the file says it better.
        if not path.name or os.path.isdir(path):  # noqa: PTH112
            raise ProblemError("must be the name of a file, not of a folder.")
        return path
    if isinstance(default, tuple):
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ProblemError("must be a list of texts.")
        return tuple(item.strip() for item in items if item.strip())
    if isinstance(default, int | float):
        return _number(each, value, type(default))
    text = _string(value).strip() if not isinstance(default, Secret) else _secret(value)
    if each.metadata.get("choices"):
        text = text.lower()
    _check_text(each, text)
    return Secret(text) if isinstance(default, Secret) else text


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ProblemError('must be a text: put it in "quotation marks".')
    return value


def _secret(value: Any) -> str:
    text = _string(value).strip()
    if not text.isascii() or any(char.isspace() or not char.isprintable() for char in text):
        if any(word in text.lower() for word in EXAMPLE_WORDS):
            raise ProblemError("still has the example value; put in your own.")
        raise ProblemError("has a blank or an unusual character in it; copy it again.")
    return text


def _check_text(each: Field[Any], text: str) -> None:
    choices = each.metadata.get("choices")
    if choices and text not in choices:
        raise ProblemError(f"must be one of {', '.join(choices)}.{nearest(text, choices)}")
    if any(word in text.lower() for word in EXAMPLE_WORDS):
        raise ProblemError("still has the example value; put in your own.")
    if each.metadata.get("textfile") and text:
        # node_exporter reads nothing that is called otherwise, and the service's own folder is "/".
        if not text.endswith(".prom"):
            raise ProblemError("must be the name of a file that ends with .prom.")
        if not text.startswith("/"):
            raise ProblemError("must begin with /, as in /var/lib/maxbridge/maxbridge.prom.")
    if each.metadata.get("url") and text:
        _check_url(text)
    if each.metadata.get("proxy") and text and not text.startswith(("http://", "https://")):
        raise ProblemError("must be an address like http://proxy.romashka.ru:3128.")


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ProblemError(
            "is not an address: it must begin with https://, as in https://desk.romashka.ru."
        ) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ProblemError(
            "is not an address: it must begin with https://, as in https://desk.romashka.ru."
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ProblemError("must not contain a user name, a “?” or a “#”.")
    if parts.path.rstrip("/").endswith("/api"):
        raise ProblemError("is the address of FreeScout itself; leave /api out.")
    if parts.scheme == "http" and not is_loopback(host):
        raise ProblemError(
            "http:// would send the key in the clear; use https:// (http:// only for 127.0.0.1)."
        )


def is_loopback(host: str) -> bool:
    """Is this this very machine?"""
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
            raise ProblemError("must be a number.") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProblemError("must be a number.")
    if kind is int and (not math.isfinite(value) or value != int(value)):
        raise ProblemError("must be a whole number.")
    least, most = each.metadata.get("least"), each.metadata.get("most")
    # "not >=" also refuses nan.
    if least is not None and not value >= least:
        raise ProblemError(f"must be {least} or more.")
    if most is not None and not value <= most:
        raise ProblemError(f"must be {most} or less.")
    number: int | float = kind(value)
    return number


def nearest(word: str, known: Iterable[str]) -> str:
    """A question about the most similar known name; empty when none is similar."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]}?" if near else ""
