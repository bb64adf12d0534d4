"""Decode file names that servers, browsers and mail programs have encoded or garbled on the way.

An encoding is undone only if it is recognised with enough certainty; any other name stays as it is.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import a2b_qp
from email.message import Message
from html import unescape
from html.entities import html5
from math import log
from urllib.parse import unquote, unquote_to_bytes

from maxbridge.core.text import clean, is_blank

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPED_IN_SCRIPT = re.compile(r"%u([0-9A-Fa-f]{4})")
"""By ``escape()`` of JavaScript: letters of Latin-1 have two digits there, all others four."""
_CODE_UNITS = re.compile(r"(?:(\\u|#U)[0-9A-Fa-f]{4})(?:\1[0-9A-Fa-f]{4})+")
"""In JSON, and by unzip where the locale has no such letter."""
_BYTES = re.compile(r"(?:\\x[0-9A-Fa-f]{2}){2,}")
_LABELLED = re.compile(r'^"?([A-Za-z][\w.:-]{2,20})\'[\w-]*\'(?=.*%)')
"""Before an encoded name in a header (RFC 5987): its charset and its language."""
_PARAMETER = re.compile(
    r"(?:(?:attachment|inline)\s*;\s*)?"
    r"(?:filename\s*=|(?:file)?name(?:\*(?:[0-9]{1,2}\*?)?\s*=|\s*=\s*\"))\s*\S",
    re.IGNORECASE,
)
"""A whole parameter of a header in the place of its value, in pieces perhaps (RFC 2231)."""
_TOLD = re.compile(r"filename\*\s*=[^;]+", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#([0-9]{2,7}|[xX][0-9A-Fa-f]{2,6})|[A-Za-z][A-Za-z0-9]{1,30});")
"""What browsers make of letters that a form's charset does not have, and web pages of signs."""
_MAIL_WORD = re.compile(r"=\?([\w.:-]+)(?:\*[\w-]+)?\?([bBqQ])\?([^?]*)(?:\?=|\Z)")
_MAIL_WORDS = re.compile(rf"{_MAIL_WORD.pattern}(?:[\s_]*{_MAIL_WORD.pattern})*")
"""A name in the head of a mail (RFC 2047); white space between two words of it belongs to neither."""
_KEPT_MAIL_WORD = re.compile(r"=_([\w.:-]+)_[bB]_([A-Za-z0-9+/_-]+={0,2})_=")
"""The same after a program took away signs that no file name may have."""
_CYRILLIC = re.compile(r"[\x20-\x7eА-яЁёІіЇїЄєҐґЎў№«»–—…]+")
_RUN = re.compile(r"[А-яЁёІіЇїЄєҐґЎў]+")
_ALONE_AMONG_LATIN = re.compile(r"(?<![А-яЁё])[А-яЁё](?=[A-Za-z])|(?<=[A-Za-z])[А-яЁё](?![А-яЁё])")
_UNLIKELY = re.compile(
    r"[а-яё][А-ЯЁ]"
    r"|(?i:(?<![а-яё])(?:[бвгджзйклмнпрстфхцчшщъь]{3,}(?![а-яё])|[ьъы])|[ьъ]{2})"
)
"""A capital letter behind a small one, a word without a vowel, one that begins with ь."""
_OFTEN = {
    letter: log(often)
    for letter, often in zip(
        "оеёаинтсрвлкмдпуяыьгзбчйхжшюцщэфъ",
        (1097, 845, 845, 801, 735, 670, 626, 547, 473, 454, 440, 349, 321, 298, 281, 262, 201, 190, 174, 170, 165,
         159, 144, 121, 97, 94, 73, 64, 48, 36, 32, 26, 4),
        strict=True,
    )
}  # fmt: skip
"""How often a letter stands in ten thousand of Russian (National Corpus), as a logarithm; ё is written as е, mostly."""
_COST = 6.0
_FIRST_GUESS = 2.0
"""What an unlikely place takes, and being the likeliest table gives, in the same measure."""
_TABLES = ("windows-1251", "koi8-r", "cp866")
"""Old tables of Cyrillic letters: of Windows, of mail and Unix, of DOS and zip files; the likeliest first."""
_CHARSETS = {
    "utf8": "utf-8", "win1251": "windows-1251", "cp1251": "windows-1251", "windows1251": "windows-1251",
    "xcp1251": "windows-1251", "koi8r": "koi8-r", "koi8u": "koi8-u", "koi8": "koi8-r", "cp866": "cp866",
    "ibm866": "cp866", "dos866": "cp866", "iso88595": "iso-8859-5", "iso88591": "windows-1252",
    "latin1": "windows-1252", "usascii": "utf-8", "ascii": "utf-8", "windows1252": "windows-1252",
    "cp1252": "windows-1252", "iso885915": "iso-8859-15", "windows1250": "windows-1250", "iso88592": "iso-8859-2",
    "utf16": "utf-16", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "maccyrillic": "mac-cyrillic",
    "xmaccyrillic": "mac-cyrillic", "windows1254": "windows-1254", "gb2312": "gb18030", "gbk": "gb18030",
    "gb18030": "gb18030", "big5": "big5", "shiftjis": "shift_jis", "iso2022jp": "iso-2022-jp", "euckr": "euc-kr",
}  # fmt: skip
"""By letters and digits of their names; some codecs of Python's are no charsets."""
_ROUNDS = 3
"""MAX's servers encode twice (contract max.md 4)."""
_LONGEST = 10_000
_LONGEST_CUT = 3
"""Bytes that are left of a letter that was cut."""
_SURE_RUN = 4
"""So many letters of Latin-1 with accents in a row are no word of any language."""


def decoded_name(name: str) -> str:
    """Return a file's name decoded; a name that was not encoded stays as it is.

    FreeScout has ``%22`` for a quotation mark (contract freescout.md 12), MAX encodes whole names.
    """
    if len(name) > _LONGEST:
        return name
    # Half of an emoji, where a name was cut, has no bytes; what browsers leave of a byte stays.
    name = of_wrong_table(name.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    for _ in range(_ROUNDS):
        better = _one_layer(name)
        if better == name or is_blank(better):
            break
        name = better
    return name


def _one_layer(name: str) -> str:
    for way in (_of_parameter, _of_mail, _of_page, _of_script, _of_address):
        name = way(name)
    return name


def charset_of(label: str) -> str | None:
    """Return Python's codec for a charset label of a mail or a vCard; None if unknown."""
    return _CHARSETS.get("".join(filter(str.isalnum, label.lower())))


def as_text(content: bytes, label: str = "") -> str | None:
    """Decode bytes by the given charset, or else by the one that yields the most plausible Russian.

    Args:
        content: Encoded text.
        label: Charset as the sender's program names it.

    Returns:
        None if no charset yields words.
    """
    told = charset_of(label)
    for charset in (told, "utf-8"):
        try:
            if charset:
                return content.decode(charset)
        except UnicodeDecodeError:
            continue
    if cut := _pairs_in_utf8(content) or _cut_utf8(content):
        return cut
    found = [(text, charset) for charset in _TABLES if (text := _by_table(content, charset))]
    if found:
        return max(
            found, key=lambda each: _likelihood(each[0]) + _FIRST_GUESS * (each[1] == _TABLES[0])
        )[0]
    text = content.decode("cp1252", "replace")
    is_name = all(each.islower() or (each.isascii() and each.isprintable()) for each in text)
    return text if is_name else None


def _pairs_in_utf8(content: bytes) -> str:
    """Decode Java's form of emoji, each surrogate half encoded in UTF-8; empty if it is none."""
    try:
        text = content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return ""
    return "" if "\ufffd" in clean(text) else clean(text)


def _cut_utf8(content: bytes) -> str:
    """Decode UTF-8 that was cut inside a character; empty if it is none."""
    text = content.decode("utf-8", "ignore")
    broken = len(content) - len(text.encode())
    letters = sum(not each.isascii() for each in text)
    is_likely = letters >= broken if _CYRILLIC.fullmatch(text) else letters > broken
    return text if letters and broken <= _LONGEST_CUT and is_likely else ""


def _by_table(content: bytes, charset: str) -> str:
    """Decode bytes as Russian words; empty if they are not."""
    text = content.decode(charset, "replace")
    return "" if not _CYRILLIC.fullmatch(text) or _ALONE_AMONG_LATIN.search(text) else text


def _likelihood(text: str) -> float:
    """Rate how plausible a text is as Russian: text read by a wrong table has rare letters and odd case changes."""
    letters = "".join(_RUN.findall(text))
    often = sum(_OFTEN.get(each, 0) for each in letters.lower())
    return often - _COST * len(_UNLIKELY.findall(text))


def of_wrong_table(name: str) -> str:
    """Repair a name whose bytes were decoded by a wrong charset: “Ð¡Ñ‡Ñ‘Ñ‚.pdf”, “РЎС‡С‘С‚.pdf”, “Ñ÷åò.pdf”."""
    if name.isascii():
        return name
    for table in ("cp1252", "latin-1", *_TABLES):
        try:
            meant = _bytes_of(name, table).decode()
        except UnicodeError:
            continue
        # Other letters than these two bytes together are next to never UTF-8 by chance; in the tables of
        # Cyrillic they are, in short words, so that only Russian is believed of them.
        if table not in _TABLES or (_CYRILLIC.fullmatch(meant) and _RUN.search(meant)):
            return meant
    try:
        meant = _by_table(_bytes_of(name, "cp1252"), _TABLES[0])
    except UnicodeError:
        return name
    return meant if any(len(run) >= _SURE_RUN for run in _RUN.findall(meant)) else name


def _bytes_of(name: str, table: str) -> bytes:
    """Return the bytes that were decoded; browsers keep a byte for which a table has no character.

    Raises:
        UnicodeError: They were not decoded by this table.
    """
    try:
        return name.encode(table)
    except UnicodeError:
        if len(name) > _LONGEST:
            raise
    return b"".join(
        bytes([ord(each)]) if "\x80" <= each <= "\x9f" else each.encode(table) for each in name
    )


def _of_parameter(name: str) -> str:
    """Decode the value of a header parameter; its charset label is not part of the name."""
    if _PARAMETER.match(name):
        header = Message()
        if name.lower().startswith("name"):
            header["Content-Type"] = f"application/octet-stream; {' '.join(name.split())}"
        else:
            # Who sends both means the one that tells its charset (RFC 6266).
            name = told[0] if (told := _TOLD.search(name)) else name
            start = "" if name.lower().startswith(("attachment", "inline")) else "attachment; "
            header["Content-Disposition"] = start + " ".join(name.split())
        try:
            found = header.get_filename() or ""
        except (LookupError, ValueError, TypeError):  # TypeError: pieces with a number and without
            return name
        return name if is_blank(found) else clean(found)
    label = _LABELLED.match(name)
    if label is None or charset_of(label[1]) is None:
        return name
    rest = name[label.end() :].rstrip('"')
    decoded = as_text(unquote_to_bytes(rest), label[1])
    return rest if decoded is None else clean(decoded)


def _of_mail(name: str) -> str:
    name = _MAIL_WORDS.sub(lambda found: _mail_words(found[0]), name)
    return _KEPT_MAIL_WORD.sub(lambda found: _kept(found[0], from_base64(found[2]), found[1]), name)


def _mail_words(words: str) -> str:
    """Decode the encoded words of one name; a character may be split between two words."""
    pieces: list[tuple[str, bytes]] = []
    for told, way, letters in _MAIL_WORD.findall(words):
        # What is not encoded at all has its own letters already.
        label = told if letters.isascii() else "utf-8"
        content = from_base64(letters) if way in "bB" else a2b_qp(letters.encode(), header=True)
        if charset_of(label) is None or content is None:
            return words
        if pieces and pieces[-1][0] == label.lower():
            content = pieces.pop()[1] + content
        pieces.append((label.lower(), content))
    return _kept(words, "".join(as_text(content, label) or "" for label, content in pieces))


def _kept(raw: str, decoded: str | bytes | None, label: str = "") -> str:
    """Return the decoded name, or the raw one if the decoded one shows nothing."""
    if isinstance(decoded, bytes):
        decoded = as_text(decoded, label) if charset_of(label) else None
    return raw if decoded is None or is_blank(decoded) else clean(of_wrong_table(decoded))


def from_base64(letters: str) -> bytes | None:
    """Decode Base64, also with line breaks or without padding; None if it is not Base64."""
    letters = "".join(letters.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        # One letter too many is what is left of a text that was cut.
        letters = letters[:-1] if len(letters) % 4 == 1 else letters
        return b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except ValueError:
        return None


def _of_page(name: str) -> str:
    def letter(found: re.Match[str]) -> str:
        number = found[1]
        if number is None:
            return unescape(found[0]) if found[0][1:] in html5 else found[0]
        code = int(number[1:], 16) if number[0] in "xX" else int(number)
        # Half of a pair of surrogates: the other half is the next entity.
        return chr(code) if 0xD800 <= code <= 0xDFFF else unescape(found[0])

    meant = _ENTITY.sub(letter, name)
    return name if meant == name else clean(meant)


def _of_script(name: str) -> str:
    """Decode characters that a program wrote as numeric escapes."""
    if _ESCAPED_IN_SCRIPT.search(name):
        units = _ESCAPED_IN_SCRIPT.sub(lambda found: chr(int(found[1], 16)), name)
        return clean(unquote(units, encoding="latin-1"))
    name = _CODE_UNITS.sub(lambda found: clean(_as_letters(found[0], found[1])), name)
    return _BYTES.sub(
        lambda found: _kept(found[0], as_text(bytes.fromhex(found[0].replace("\\x", "")))), name
    )


def _as_letters(escaped: str, before: str) -> str:
    return "".join(chr(int(each, 16)) for each in escaped.split(before)[1:])


def _of_address(name: str) -> str:
    """Decode percent encoding; not every percent sign is one."""
    if not _ESCAPE.search(name):
        return name
    try:
        decoded: str | None = unquote(name, errors="strict")
    except UnicodeDecodeError:
        decoded = as_text(unquote_to_bytes(name)) if name.isascii() else None
    return _kept(name, decoded)
