"""Contact cards: names and telephone numbers of a vCard, however broken it is.

MAX sends version 3.0 (contract max.md 4); what phones keep in their address books is passed on in any
version. Only what an agent needs is read, in bounded time, and nothing raises.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass

from maxbridge.core.text import clean

_LONGEST = 64 * 1024
"""Characters that are read; a photo may fill the rest."""
_MOST_PHONES = 10
_LONGEST_VALUE = 200
_QUOTED = re.compile(r'"[^"]*"')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED_SEMICOLON = re.compile(r"(?<!\\);")
_URI = re.compile(r"^tel:", re.IGNORECASE)
_CHARSETS = frozenset("windows-1251 cp1251 koi8-r koi8-u cp866 iso-8859-5 iso-8859-1".split())
"""What old phones write; everything else is read as UTF-8. Some codecs of Python's are no charsets."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a card tells.

    Attributes:
        name: The formatted name, or the one made of its parts; may be empty.
        phones: The numbers as they are written, each once.
    """

    name: str = ""
    phones: tuple[str, ...] = ()


def read_card(vcf: str) -> Card:
    """Read the names and numbers of a card, or of several one after another or in one another.

    ``BEGIN`` and ``END`` say nothing that an agent needs, so they may be missing.
    """
    formatted, parts = "", ""
    phones: dict[str, None] = {}
    for field, value in _properties(clean(vcf[:_LONGEST])):
        if field == "TEL":
            number = _URI.sub("", _unescaped(value)).strip()
            if number and len(phones) < _MOST_PHONES:
                phones[number[:_LONGEST_VALUE]] = None
        elif field == "FN":
            formatted = formatted or _unescaped(value)
        elif field == "N":
            parts = parts or _name_of_parts(value)
    return Card((formatted or parts)[:_LONGEST_VALUE].strip(), tuple(phones))


def _properties(vcf: str) -> Iterator[tuple[str, str]]:
    """The names of properties, without group and parameters, and their decoded values."""
    for line in _lines(vcf):
        head, value = _cut(line)
        field, *parameters = head.upper().split(";")
        field = field.rpartition(".")[2].strip()
        if field not in ("TEL", "FN", "N"):
            continue
        if _is_quoted_printable(head):
            value = _decoded(value, parameters)
        yield field, value.strip()


def _lines(vcf: str) -> Iterator[str]:
    """Whole lines: folded ones begin with a space, quoted-printable ones end with ``=``."""
    pieces: list[str] = []
    quoted_printable = soft = False
    for line in vcf.split("\n"):
        if soft or (pieces and line[:1] in (" ", "\t")):
            pieces.append(line if soft else line[1:])
        else:
            yield "".join(pieces)
            pieces = [line]
            quoted_printable = _is_quoted_printable(_cut(line)[0])
        soft = quoted_printable and line.endswith("=")
        if soft:
            pieces[-1] = pieces[-1][:-1]
    yield "".join(pieces)


def _cut(line: str) -> tuple[str, str]:
    """Property and value: the first colon outside of quotes is between them."""
    masked = _QUOTED.sub(lambda found: "_" * len(found[0]), line)
    at = masked.find(":")
    return (line[:at], line[at + 1 :]) if at >= 0 else (line, "")


def _is_quoted_printable(head: str) -> bool:
    return "QUOTED-PRINTABLE" in head.upper()


def _decoded(value: str, parameters: list[str]) -> str:
    told = [each.partition("=")[2].strip('"').lower() for each in parameters if "CHARSET=" in each]
    charset = told[0] if told and told[0] in _CHARSETS else "utf-8"
    return clean(quopri.decodestring(value.encode()).decode(charset, "replace"))


def _name_of_parts(value: str) -> str:
    """``family;given;middle;…`` as people say it: the given name first."""
    # A backslash at the end would take a semicolon of ours as its own.
    family, given = (*map(_unescaped, _UNESCAPED_SEMICOLON.split(value)), "")[:2]
    return f"{given} {family}".strip()


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value).strip()
