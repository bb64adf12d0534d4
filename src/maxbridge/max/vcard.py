"""Parse contact cards (vCard 2.1, 3.0 and 4.0, also broken ones), and check MAX's signature.

MAX sends version 3.0 (contract max.md 4); cards from phones' address books are passed on in any
version, with pictures, several people in one text. Only what an agent needs is read, in bounded
time, and nothing raises; what is left out is counted.
"""

from __future__ import annotations

import hashlib
import hmac
import quopri
import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from maxbridge.core.events import ContactCard
from maxbridge.core.file_names import as_text, decoded_name, from_base64, of_wrong_table
from maxbridge.core.text import bare, clean, dialable, is_blank

_LONGEST = 16 * 1024 * 1024
"""Characters that are looked at; nearly all of a card may be its picture."""
_MOST_PROPERTIES = 20_000
_MOST_CARDS = 20
_MOST_VALUES = 10
_LONGEST_VALUE = 200
_LONGEST_NOTE = 2000
_LONGEST_RAW = 16 * 1024
"""Characters of one property that are read."""

_HEAD = re.compile(
    r'[ \t\ufeff]*+(?:[\w-]+\.)?([A-Z][A-Z0-9-]*)[ \t]*((?:;(?:"[^"\n]*"|[^":;\n])*)*):',
    re.IGNORECASE,
)
"""Name and parameters; the group before the name tells nothing that is shown."""
_BROKEN_HEAD = re.compile(
    r"[ \t\ufeff]*+(?:[\w-]+\.)?([A-Z][A-Z0-9-]*)[ \t]*((?:;[^:\n]*+)?):", re.IGNORECASE
)
"""The same, if a quotation mark is not closed."""
_NO_HEAD = re.compile(
    r"(?:(?![ \t\ufeff]*(?:[\w-]+\.)?[A-Z][A-Z0-9-]*[ \t]*[;:])[^\n]*(?:\n|\Z))+", re.IGNORECASE
)
"""Lines that begin no property: passed over at one go."""
_NAMES = (
    "BEGIN|END|VERSION|N|FN|NICKNAME|TEL|EMAIL|ADR|URL|ORG|TITLE|ROLE|NOTE|PHOTO|LOGO|X-[A-Z-]+"
)
_KNOWN = rf"(?:[\w-]+\.)?(?:{_NAMES})[;:]"
_FOLDS = rf"(?:\n[ \t](?![ \t]*(?-i:{_KNOWN}))[^\n]*+)*"
"""Lines that begin with a space and go on, but for a card whose lines are all indented."""
_FOLDED = re.compile(rf"[^\n]*+{_FOLDS}")
"""A value to its end: it goes on in lines that begin with a space."""
_SOFT = re.compile(rf"(?:[^\n]*=[ \t]*\n(?!{_KNOWN}))*[^\n]*+{_FOLDS}", re.IGNORECASE)
"""One in quoted-printable: it goes on behind ``=`` at the end of a line, unless a property begins there."""
_ENCODED = re.compile(rf"[^\n]*+(?:\n(?:[ \t](?![ \t]*{_KNOWN})[^\n]*+|[A-Za-z0-9+/=]+(?=\n|\Z)))*")
"""One in Base64: old phones do not even indent its lines."""
_LOOSE = re.compile(
    r"(?:\n(?![ \t]*(?:[\w-]+\.)?[A-Z][A-Z0-9-]*[ \t]*[;:])[^\n]*+)*", re.IGNORECASE
)
"""Lines of a comment that its program did not fold."""
_SOFT_END = re.compile(r"=[ \t]*\n[ \t]?")
_FOLD = re.compile(r"\n[ \t]")
_WRITTEN_ENDS = re.compile(r"\\r\\n|\\n|\\r")
"""Line ends as a program writes them into its own texts."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED_SEMICOLON = re.compile(r"(?<!\\);")
_URI = re.compile(r"^(?:tel|mailto):", re.IGNORECASE)
_EXTENSION = re.compile(r";ext=([0-9]{1,10})$", re.IGNORECASE)
"""Of a number as an address (RFC 3966)."""
_LISTED = ("TEL", "EMAIL", "ADR", "URL")
_JOINED = {"ORG": "; ", "TITLE": "; ", "ROLE": "; ", "NOTE": "\n"}
"""What a card may tell several times, and what is put between."""
_SHOWN = frozenset({*_LISTED, *_JOINED, "FN", "N", "NICKNAME"})
_LEFT_OUT = frozenset({"PHOTO", "LOGO", "SOUND"})
_SILENT = frozenset(
    "VERSION PRODID REV UID SORT-STRING KIND CLASS LABEL SOURCE MAILER NAME PROFILE XML CLIENTPIDMAP KEY".split()
)
"""What a card says of itself and not of the person, or says twice."""
_MESSENGER = re.compile(
    r"^X-(?:.*-)?(?:SOCIALPROFILE|TELEGRAM|WHATSAPP|VK|SKYPE|VIBER|JABBER|ICQ|TWITTER|FACEBOOK)"
)
"""Of what programs invent, that is a way to reach a person; the rest is their own business."""
_LABEL = re.compile(r"(?:X-[A-Z-]*|LABEL)=")
_PLAIN = frozenset({"TEL", "EMAIL", "FN", "N"})
"""What has no colon of its own, but for the scheme of an address."""
_BASE64 = frozenset({"BASE64", "B"})
_FRAMES = frozenset({"BEGIN", "END"})


class Cards(NamedTuple):
    """The cards of a text.

    Attributes:
        cards: In order, without empty ones.
        more: How many further cards there are.
    """

    cards: tuple[ContactCard, ...] = ()
    more: int = 0


def read_cards(vcf: str) -> Cards:
    """Parse all cards: sequential, nested, or a single one without beginning and end."""
    drafts = [_Draft()]
    stack = [drafts[0]]
    for name, value in _properties(_with_line_ends(clean(of_wrong_table(vcf[:_LONGEST])))):
        if name == "BEGIN":
            drafts.append(_Draft())
            stack.append(drafts[-1])
        elif name == "END":
            stack = stack[:-1] or stack
        else:
            stack[-1].take(name, value)
    cards = [card for card in (each.card() for each in drafts) if card != ContactCard()]
    return Cards(tuple(cards[:_MOST_CARDS]), len(cards[_MOST_CARDS:]))


def _with_line_ends(vcf: str) -> str:
    """Restore line ends that are of another kind or were escaped."""
    vcf = vcf.replace("\u2028", "\n").replace("\u0085", "\n")
    return vcf if "\n" in vcf.strip() else _WRITTEN_ENDS.sub("\n", vcf)


class _Draft:
    """A card being parsed."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._joined: dict[str, dict[str, None]] = {each: {} for each in _JOINED}
        self._lists: dict[str, dict[str, None]] = {each: {} for each in _LISTED}
        self._left_out: dict[str, None] = {}
        self._more = 0

    def take(self, name: str, value: str) -> None:
        """Take a property; ignore empty ones."""
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
        elif name in _JOINED:
            self._take_joined(name, value)
        elif name in _SHOWN and not is_blank(value.replace(";", "")):
            self._first.setdefault(name, value)
        elif name in _SHOWN:
            return
        elif name not in _SILENT and (_MESSENGER.search(name) or not name.startswith("X-")):
            self._more += 1

    def _take_joined(self, name: str, value: str) -> None:
        """Add one of several companies, positions or comments, without repetition."""
        said = (
            _lines_of(value)
            if name == "NOTE"
            else ", ".join(each for each in _parts(value) if not is_blank(each))
        )
        if is_blank(said) or said in self._joined[name]:
            return
        if len(self._joined[name]) < _MOST_VALUES:
            self._joined[name][said] = None
        else:
            self._more += 1

    def card(self) -> ContactCard:
        """Return the card read so far."""
        first = {name: self._first.get(name, "") for name in _SHOWN}
        names = (_unescaped(first["FN"]), _name_of_parts(first["N"]), _unescaped(first["NICKNAME"]))
        name = next((each for each in map(decoded_name, names) if bare(each).strip()), "")
        joined = {each: between.join(self._joined[each]) for each, between in _JOINED.items()}
        lists = {each: tuple(values) for each, values in self._lists.items()}
        return ContactCard(
            name=name[:_LONGEST_VALUE].strip(),
            firm=_shortened(joined["ORG"], _LONGEST_VALUE),
            title=_shortened(joined["TITLE"] or joined["ROLE"], _LONGEST_VALUE),
            phones=lists["TEL"],
            mails=lists["EMAIL"],
            addresses=lists["ADR"],
            sites=lists["URL"],
            note=_shortened(joined["NOTE"], _LONGEST_NOTE),
            left_out=tuple(self._left_out),
            more=self._more,
        )


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _value_of(name: str, value: str) -> str:
    if name == "ADR":
        # Post box, extension, street, town, region, index, country: as it is written on a letter.
        shown = ", ".join(each for each in _parts(value) if not is_blank(each))
    elif name in ("TEL", "EMAIL"):
        # Address books put marks of direction around numbers, with which nobody can dial them.
        shown = bare(_URI.sub("", _unescaped(value))).strip()
        shown = _EXTENSION.sub(r" доб. \1", shown)
    else:
        shown = _unescaped(value)
    return shown[:_LONGEST_VALUE].strip()


def _properties(vcf: str) -> Iterator[tuple[str, str]]:
    """Yield the names of properties, without group and parameters, and their decoded values.

    Properties that are not shown are skipped in one step, whatever their length.
    """
    at = 0
    for _ in range(_MOST_PROPERTIES):
        if rubbish := _NO_HEAD.match(vcf, at):
            at = rubbish.end()
        head = _HEAD.match(vcf, at) or _BROKEN_HEAD.match(vcf, at)
        if head is None:
            stop = vcf.find("\n", at)
            if stop < 0:
                return
            at = stop + 1
            continue
        name = head[1].upper()
        parameters = [each.strip() for each in head[2].upper().split(";")]
        words = {each.partition("=")[2].strip('" ') or each for each in parameters}
        end = _end_of_value(vcf, head.end(), name, words)
        value = vcf[head.end() : min(end, head.end() + _LONGEST_RAW)]
        if name in _PLAIN and ":" in value and _LABEL.match(parameters[-1]):
            value = _behind_label(name, value)
        if name in _SHOWN:
            yield name, _decoded(value, parameters, words).strip()
        elif name in _FRAMES or name in _LEFT_OUT or value.strip():
            yield name, ""
        at = end + 1


def _behind_label(name: str, value: str) -> str:
    """Remove the rest of an unquoted label with colons from the beginning of a value."""
    last = value.rpartition(":")[2].strip()
    is_it = "@" in last if name == "EMAIL" else name != "TEL" or bool(dialable(last))
    return last if is_it and last else value


def _end_of_value(vcf: str, at: int, name: str, words: AbstractSet[str]) -> int:
    """Return where the value of the property ends that begins here."""
    if name in _FRAMES:
        end = vcf.find("\n", at)
        return len(vcf) if end < 0 else end
    if "QUOTED-PRINTABLE" in words:
        rule = _SOFT
    elif name not in _SHOWN or words & _BASE64:
        rule = _ENCODED
    else:
        rule = _FOLDED
    found = rule.match(vcf, at)
    end = found.end() if found else at
    if name == "NOTE" and rule is _FOLDED and (loose := _LOOSE.match(vcf, end)):
        end = loose.end()
    return end


def _decoded(value: str, parameters: Sequence[str], words: AbstractSet[str]) -> str:
    """Return a value as text: old phones encode names, Outlook whole notes."""
    told = next((each.partition("=")[2] for each in parameters if "CHARSET" in each), "")
    if "QUOTED-PRINTABLE" in words:
        whole = _SOFT_END.sub("", value)
        return _as_text(quopri.decodestring(_FOLD.sub("", whole).encode()), told)
    value = _FOLD.sub("", value)
    if words & _BASE64:
        content = from_base64(value)
        text = None if content is None else as_text(content, told)
        return value if text is None else clean(text)
    return value


def _as_text(content: bytes, told: str) -> str:
    """Decode bytes by the declared charset; without one, or if it fails, by the most plausible."""
    text = as_text(content, told)
    return clean(content.decode("utf-8", "replace") if text is None else text)


def _name_of_parts(value: str) -> str:
    """Format ``family;given;further;title;degree``: title, given name, further names, family name."""
    family, given, further, title, degree = (*_parts(value), *[""] * 5)[:5]
    said = (given, further, family)
    return " ".join(filter(None, (title, *said, degree))) if any(said) else ""


def _parts(value: str) -> list[str]:
    return [_unescaped(each) for each in _UNESCAPED_SEMICOLON.split(value)]


def _unescaped(value: str) -> str:
    return " ".join(_lines_of(value).split())


def _lines_of(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value).strip()


# --- Is a contact card the sender's own? MAX signs those that its "share my phone" button sends.


def card_verifier(token: str) -> Callable[[str, str], bool]:
    """Return the function that checks a vCard's signature.

    The signature is the hex HMAC-SHA256 of the vCard, unchanged, under the bot's token (contract
    max.md 4, contact).
    """

    def verified(vcf: str, signature: str) -> bool:
        made = hmac.new(token.encode(), vcf.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(made.encode(), signature.lower().encode())

    return verified
