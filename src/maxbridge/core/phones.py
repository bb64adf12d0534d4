"""Telephone numbers: what a link may dial, and how people write it."""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"\+?[0-9 \t\u00a0().\-\u2010-\u2015/]+")
_RUSSIAN = re.compile(r"\+7([0-9]{3})([0-9]{3})([0-9]{2})([0-9]{2})")
_FEWEST, _MOST = 3, 15
"""Digits of an emergency number, and the most that E.164 has."""
_INTERNATIONAL = 11
"""Digits from which a number without ``+`` is taken to begin with its country."""


def dialable(written: str) -> str:
    """A number as a ``tel:`` link needs it: digits, ``+`` before them where the country is told.

    MAX writes numbers with the country and without ``+`` (contract max.md 4). People write Russian
    mobile numbers with 8 instead of 7 as well; no country's code begins with 89.

    Returns:
        Nothing when this is no telephone number: words, an extension, too few or many digits.
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
    """A dialable number in groups as Russians write theirs; any other one as it is."""
    return _RUSSIAN.sub(r"+7 \1 \2-\3-\4", number) if _RUSSIAN.fullmatch(number) else number
