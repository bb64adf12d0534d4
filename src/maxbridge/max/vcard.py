"""Contact cards: what a vCard of version 2.1, 3.0 or 4.0 tells of people, however broken, and whether MAX signed it.

MAX sends version 3.0 (contract max.md 4); what phones keep in their address books is passed on in any
version, with pictures in it, several people in one text. Only what an agent needs is read, in bounded
time, and nothing raises; what is left out is counted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import quopri
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from maxbridge.core.events import ContactCard
from maxbridge.core.file_names import decoded_name
from maxbridge.core.links import dialable
from maxbridge.core.text import bare, clean, is_blank

_LONGEST = 16 * 1024 * 1024
"""Characters that are looked at; nearly all of a card may be its picture."""
_MOST_LINES = 20_000
_MOST_CARDS = 20
_MOST_VALUES = 10
_LONGEST_VALUE = 200
_LONGEST_NOTE = 2000
_LONGEST_RAW = 16 * 1024
"""Characters of one property that are read."""

_BLOB = re.compile(r"(?:[\w-]+\.)?(?:PHOTO|LOGO|SOUND|KEY)[;:]", re.IGNORECASE)
_BLOB_GOES_ON = re.compile(r"[^\n]*(?:\n(?:[ \t][^\n]*|[A-Za-z0-9+/=]+(?=\n|\Z)))*+")
"""To its end: folded lines, and those of a picture that old phones do not even indent."""
_QUOTED = re.compile(r'"[^"]*"')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED_SEMICOLON = re.compile(r"(?<!\\);")
_URI = re.compile(r"^(?:tel|mailto):", re.IGNORECASE)
_EXTENSION = re.compile(r";ext=([0-9]{1,10})$", re.IGNORECASE)
"""Of a number as an address (RFC 3966)."""
_CHARSETS = frozenset("windows-1251 cp1251 koi8-r koi8-u cp866 iso-8859-5 iso-8859-1".split())
"""What old phones write; everything else is read as UTF-8. Some codecs of Python's are no charsets."""
_LISTED = ("TEL", "EMAIL", "ADR", "URL")
_SHOWN = frozenset({*_LISTED, "FN", "N", "NICKNAME", "ORG", "TITLE", "ROLE", "NOTE"})
_LEFT_OUT = frozenset({"PHOTO", "LOGO", "SOUND"})
_SILENT = frozenset(
    "VERSION PRODID REV UID SORT-STRING KIND CLASS LABEL SOURCE MAILER NAME PROFILE XML CLIENTPIDMAP KEY".split()
)
"""What a card says of itself and not of the person, or says twice."""
_MESSENGER = re.compile(
    r"^X-(?:.*-)?(?:SOCIALPROFILE|TELEGRAM|WHATSAPP|VK|SKYPE|VIBER|JABBER|ICQ|TWITTER|FACEBOOK)"
)
"""Of what programs invent, that is a way to reach a person; the rest is their own business."""
_PROPERTY = re.compile(r"[A-Z][A-Z-]*")


class Cards(NamedTuple):
    """The cards of a text.

    Attributes:
        cards: In order; one that tells nothing is none.
        more: How many more there are.
    """

    cards: tuple[ContactCard, ...] = ()
    more: int = 0


def read_cards(vcf: str) -> Cards:
    """Read all cards: one after another, in one another, or one without beginning and end."""
    drafts = [_Draft()]
    stack = [drafts[0]]
    for name, value in _properties(clean(vcf[:_LONGEST])):
        if name == "BEGIN":
            drafts.append(_Draft())
            stack.append(drafts[-1])
        elif name == "END":
            stack = stack[:-1] or stack
        else:
            stack[-1].take(name, value)
    cards = [card for card in (each.card() for each in drafts) if card != ContactCard()]
    return Cards(tuple(cards[:_MOST_CARDS]), len(cards[_MOST_CARDS:]))


class _Draft:
    """A card while it is read."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._lists: dict[str, dict[str, None]] = {each: {} for each in _LISTED}
        self._left_out: dict[str, None] = {}
        self._more = 0

    def take(self, name: str, value: str) -> None:
        """A property; empty ones tell nothing."""
        if name in _LEFT_OUT:
            self._left_out[name.lower()] = None
        elif name in _LISTED:
            shown = _value_of(name, value)
            values = self._lists[name]
            # One number is written in several ways: as the phone dials it, as its owner reads it.
            same = dialable(shown) if name == "TEL" else ""
            if shown and shown not in values and not (same and same in map(dialable, values)):
                if len(values) < _MOST_VALUES:
                    values[shown] = None
                else:
                    self._more += 1
        elif name in _SHOWN:
            self._first.setdefault(name, value)
        elif name not in _SILENT and (_MESSENGER.search(name) or not name.startswith("X-")):
            self._more += 1

    def card(self) -> ContactCard:
        """What it has told."""
        first = {name: self._first.get(name, "") for name in _SHOWN}
        names = (_unescaped(first["FN"]), _name_of_parts(first["N"]), _unescaped(first["NICKNAME"]))
        name = next((each for each in map(decoded_name, names) if not is_blank(each)), "")
        firm = ", ".join(filter(None, _parts(first["ORG"])))
        title = _unescaped(first["TITLE"]) or _unescaped(first["ROLE"])
        lists = {each: tuple(values) for each, values in self._lists.items()}
        return ContactCard(
            name=name[:_LONGEST_VALUE].strip(),
            firm=_shortened(firm, _LONGEST_VALUE),
            title=_shortened(title, _LONGEST_VALUE),
            phones=lists["TEL"],
            mails=lists["EMAIL"],
            addresses=lists["ADR"],
            sites=lists["URL"],
            note=_shortened(_lines_of(first["NOTE"]), _LONGEST_NOTE),
            left_out=tuple(self._left_out),
            more=self._more,
        )


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _value_of(name: str, value: str) -> str:
    if name == "ADR":
        # Post box, extension, street, town, region, index, country: as it is written on a letter.
        shown = ", ".join(filter(None, _parts(value)))
    elif name in ("TEL", "EMAIL"):
        # Address books put marks of direction around numbers, with which nobody can dial them.
        shown = bare(_URI.sub("", _unescaped(value))).strip()
        shown = _EXTENSION.sub(r" доб. \1", shown)
    else:
        shown = _unescaped(value)
    return shown[:_LONGEST_VALUE].strip()


def _properties(vcf: str) -> Iterator[tuple[str, str]]:
    """The names of properties, without group and parameters, and their decoded values."""
    for line in _lines(vcf):
        head, value = _cut(line)
        field, *parameters = head.upper().split(";")
        field = field.rpartition(".")[2].strip()
        if _PROPERTY.fullmatch(field) and (value or field in _LEFT_OUT):
            yield field, _decoded(value, parameters).strip()


def _lines(vcf: str) -> Iterator[str]:
    """Whole lines: folded ones begin with a space, quoted-printable ones end with ``=``.

    Of a picture only its name is given.
    """
    pieces: list[str] = []
    quoted_printable = soft = False
    at, end = 0, len(vcf)
    for _ in range(_MOST_LINES):
        if at > end:
            break
        if not soft and (blob := _BLOB.match(vcf, at)):
            yield "".join(pieces)
            pieces = []
            yield blob.group()
            goes_on = _BLOB_GOES_ON.match(vcf, blob.end())
            at = (goes_on.end() if goes_on else blob.end()) + 1
            continue
        stop = vcf.find("\n", at)
        stop = end if stop < 0 else stop
        line, at = vcf[at : min(stop, at + _LONGEST_RAW)], stop + 1
        if soft or (pieces and line[:1] in (" ", "\t")):
            pieces.append(line if soft else line[1:])
        else:
            yield "".join(pieces)[:_LONGEST_RAW]
            pieces = [line]
            quoted_printable = "QUOTED-PRINTABLE" in _cut(line)[0].upper()
        soft = quoted_printable and line.endswith("=")
        if soft:
            pieces[-1] = pieces[-1][:-1]
    yield "".join(pieces)[:_LONGEST_RAW]


def _cut(line: str) -> tuple[str, str]:
    """Property and value: the first colon outside of quotes is between them."""
    masked = _QUOTED.sub(lambda found: "_" * len(found[0]), line)
    at = masked.find(":")
    return (line[:at], line[at + 1 :]) if at >= 0 else (line, "")


def _decoded(value: str, parameters: Sequence[str]) -> str:
    """A value as text: old phones encode names, Outlook whole notes."""
    words = {each.partition("=")[2] or each for each in parameters}
    told = [each.partition("=")[2].strip('"').lower() for each in parameters if "CHARSET=" in each]
    if "QUOTED-PRINTABLE" in words:
        return _as_text(quopri.decodestring(value.encode()), told)
    if words & {"BASE64", "B"}:
        letters = "".join(value.split())
        try:
            return _as_text(base64.b64decode(letters, validate=True), told)
        except (binascii.Error, ValueError):
            return value
    return value


def _as_text(content: bytes, told: Sequence[str]) -> str:
    charset = told[0] if told and told[0] in _CHARSETS else "utf-8"
    return clean(content.decode(charset, "replace"))


def _name_of_parts(value: str) -> str:
    """``family;given;middle;…`` as people say it: the given name first."""
    # A backslash at the end would take a semicolon of ours as its own.
    family, given = (*_parts(value), "", "")[:2]
    return f"{given} {family}".strip()


def _parts(value: str) -> list[str]:
    return [_unescaped(each) for each in _UNESCAPED_SEMICOLON.split(value)]


def _unescaped(value: str) -> str:
    return " ".join(_lines_of(value).split())


def _lines_of(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value).strip()


# --- Is a contact card the sender's own? MAX signs those that its "share my phone" button sends.


def card_verifier(token: str) -> Callable[[str, str], bool]:
    """Make the check of a vCard and its signature.

    The signature is the hex HMAC-SHA256 of the vCard, unchanged, under the bot's token (contract
    max.md 4, contact).
    """

    def verified(vcf: str, signature: str) -> bool:
        made = hmac.new(token.encode(), vcf.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(made.encode(), signature.lower().encode())

    return verified
