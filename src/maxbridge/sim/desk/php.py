"""How PHP and Laravel read what a client sends: bodies, trimming, casts, dates, base64."""

from __future__ import annotations

import base64
import json
import re
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

APP_ZONE = timezone(timedelta(hours=3), "Europe/Moscow")
"""The measured installation's APP_TIMEZONE; times without a zone are read in it."""

Params = dict[str, Any]

_TRIMMED = " \t\n\r\0\x0b"
_LEADING_INT = re.compile(r"\s*([0-9]{1,18})")
_BASE64_LETTERS = frozenset((string.ascii_letters + string.digits + "+/").encode())
_ABSOLUTE = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?)?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"(?P<amount>[+-]?\d{1,12})\s*(?P<unit>sec(?:ond)?|min(?:ute)?|hour|day|week)s?(?P<ago>\s+ago)?",
    re.IGNORECASE,
)
_UNIT_SECONDS = {"sec": 1, "min": 60, "hou": 3600, "day": 86400, "wee": 604800}
_DAY_WORDS = {"today": 0, "yesterday": -1, "tomorrow": 1}
_EPOCH = re.compile(r"@(-?\d{1,18})")
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""


class PhpError(Exception):
    """A PHP exception: the answer is 500 "Server Error" (contract freescout.md 1)."""


def read_body(content_type: str, body: bytes) -> Params:
    """Read the parameters of a body; whatever cannot be read is an empty body (case 03)."""
    media_type = content_type.partition(";")[0].strip().lower()
    if "/json" in media_type or "+json" in media_type:
        return _read_json(body)
    if media_type == "application/x-www-form-urlencoded":
        text = body.decode(errors="replace")
        return {key: clean(value) for key, value in parse_qsl(text, keep_blank_values=True)}
    return {}


def _read_json(body: bytes) -> Params:
    """Decode as json_decode() does, which refuses lone surrogates and NaN, too (case 30)."""
    try:
        data = json.loads(body.decode(), parse_constant=_refuse_constant)
        json.dumps(data, ensure_ascii=False).encode()  # raises on a lone surrogate
        return _clean_object(data) if isinstance(data, dict) else {}
    except (ValueError, RecursionError):
        return {}


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def clean(value: Any) -> Any:
    """Trim strings and turn empty ones into null, at any depth (contract freescout.md 1)."""
    if isinstance(value, str):
        return value.strip(_TRIMMED) or None
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return _clean_object(value)
    return value


def _clean_object(value: Params) -> Params:
    return {key: clean(item) for key, item in value.items()}


def clean_query(query: Mapping[str, str]) -> dict[str, str | None]:
    """Clean the query string's values the same way."""
    return {key: value.strip(_TRIMMED) or None for key, value in query.items()}


def to_text(value: Any) -> str | None:
    """Cast a scalar to a string; a list or an object kills the request (case 10)."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else None
    if isinstance(value, int | float):
        return f"{value:.14g}" if isinstance(value, float) else str(value)
    raise PhpError


def to_id(value: Any) -> int:
    """Cast to an id as MySQL does: ``12xyz`` is 12, ``abc`` is 0 (case 32)."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return 0
    match = _LEADING_INT.match(str(value))
    return int(match[1]) if match else 0


def is_imported(value: Any) -> bool:
    """Read ``imported``: only true, 1 and "1" count, "true" does not (case 33b)."""
    return value in (1, "1")  # True equals 1


def decode_base64(text: str) -> bytes:
    """Decode without complaint, skipping whatever is not base64 (case 40)."""
    letters = bytes(byte for byte in text.encode() if byte in _BASE64_LETTERS)
    letters = letters[:-1] if len(letters) % 4 == 1 else letters
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))


def parse_time(value: Any, now: int) -> int:
    """Read a date the way Carbon does, as far as measured (contract freescout.md 7, case 70).

    Raises:
        PhpError: On rubbish and on a bare epoch number.
    """
    return min(max(0, _parse_time(to_text(value) or "now", now)), _LAST_SECOND)


def _parse_time(text: str, now: int) -> int:
    if text.lower() == "now":
        return now
    if match := _EPOCH.fullmatch(text):
        return int(match[1])
    if text.lower() in _DAY_WORDS:
        today = datetime.fromtimestamp(now, APP_ZONE).replace(hour=0, minute=0, second=0)
        return int((today + timedelta(days=_DAY_WORDS[text.lower()])).timestamp())
    if match := _RELATIVE.fullmatch(text):
        shift = int(match["amount"]) * _UNIT_SECONDS[match["unit"][:3].lower()]
        return now + (-shift if match["ago"] else shift)
    return _parse_absolute(text)


def _parse_absolute(text: str) -> int:
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        raise PhpError
    try:
        moment = datetime.fromisoformat(f"{match['day']}T{match['time'] or '00:00'}")
        zone = datetime.fromisoformat(f"2000-01-01T00:00{(match['zone'] or '+03:00').upper()}")
    except ValueError as error:
        raise PhpError from error
    return int(moment.replace(tzinfo=zone.tzinfo).timestamp())


def iso(second: int) -> str:
    """Write a time as the API does."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
