"""Detect a file's type by its content; names and Content-Type are only claims.

Our own table instead of puremagic (installed anyway): measured on files that people send, puremagic
takes HEIC, M4A and 3GP for an MP4 video and every ZIP for a Word document (docs/decisions.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Family = Literal["image", "video", "audio", "file"]

HEAD_BYTES = 1 << 18
"""How much of a file's beginning :func:`sniff` may want: office files name their kind in there."""
TAIL_BYTES = 1 << 16
"""How much of its end: that is where a ZIP keeps its table of contents."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file.

    Attributes:
        mime: Media type.
        extension: The usual extension, without the dot; empty if only the file's own name tells it.
        family: Picture, video, sound, or other file.
        aliases: Other valid extensions, also for MAX where it checks them.
    """

    mime: str
    extension: str
    family: Family = "file"
    aliases: tuple[str, ...] = ()

    def named_by(self, extension: str) -> bool:
        """Whether such a file may have this extension."""
        return extension.lower() in (self.extension, *self.aliases)


JPEG = FileType("image/jpeg", "jpg", "image", ("jpeg",))
PNG = FileType("image/png", "png", "image")
GIF = FileType("image/gif", "gif", "image")
WEBP = FileType("image/webp", "webp", "image")
BMP = FileType("image/bmp", "bmp", "image")
TIFF = FileType("image/tiff", "tiff", "image", ("tif",))
HEIC = FileType("image/heic", "heic", "image")
AVIF = FileType("image/avif", "avif", "image")
DNG = FileType("image/x-adobe-dng", "dng")
CR2 = FileType("image/x-canon-cr2", "cr2")
CR3 = FileType("image/x-canon-cr3", "cr3")
CRW = FileType("image/x-canon-crw", "crw")
RAF = FileType("image/x-fuji-raf", "raf")
ORF = FileType("image/x-olympus-orf", "orf")
RW2 = FileType("image/x-panasonic-rw2", "rw2", aliases=("raw", "rwl"))
X3F = FileType("image/x-sigma-x3f", "x3f")
MRW = FileType("image/x-minolta-mrw", "mrw")
CAMERA_RAW = FileType("image/x-raw", "")
"""What a camera's sensor saw, in TIFF's clothes: Nikon, Sony, Pentax and others; the name tells whose."""
SVG = FileType("image/svg+xml", "svg", "image")

MP4 = FileType("video/mp4", "mp4", "video")
MOV = FileType("video/quicktime", "mov", "video")
MKV = FileType("video/x-matroska", "mkv", "video")
WEBM = FileType("video/webm", "webm", "video")
THREE_GP = FileType("video/3gpp", "3gp", "video", ("3g2", "3gpp"))
AVI = FileType("video/x-msvideo", "avi", "video")
OGV = FileType("video/ogg", "ogv", "video")
WMV = FileType("video/x-ms-wmv", "wmv", "video", ("wma", "asf"))

MP3 = FileType("audio/mpeg", "mp3", "audio")
WAV = FileType("audio/wav", "wav", "audio")
M4A = FileType("audio/mp4", "m4a", "audio")
AAC = FileType("audio/aac", "aac", "audio")
OGG = FileType("audio/ogg", "ogg", "audio", ("oga", "opus", "spx"))
FLAC = FileType("audio/flac", "flac", "audio")
AMR = FileType("audio/amr", "amr", "audio")

PDF = FileType("application/pdf", "pdf")
ZIP = FileType("application/zip", "zip", aliases=("apk", "jar", "epub", "xpi", "kmz"))
RAR = FileType("application/vnd.rar", "rar")
SEVEN_ZIP = FileType("application/x-7z-compressed", "7z")
GZIP = FileType("application/gzip", "gz", aliases=("tgz",))
EXE = FileType("application/vnd.microsoft.portable-executable", "exe", aliases=("dll", "scr"))
ELF = FileType("application/x-executable", "")
OLE = FileType("application/x-ole-storage", "")
"""Old Word, Excel, PowerPoint, Outlook and MSI files are all of this kind."""
DOCX = FileType(
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"
)  # fmt: skip
XLSX = FileType("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
PPTX = FileType(
    "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"
)  # fmt: skip
ODT = FileType("application/vnd.oasis.opendocument.text", "odt")
ODS = FileType("application/vnd.oasis.opendocument.spreadsheet", "ods")
ODP = FileType("application/vnd.oasis.opendocument.presentation", "odp")
RTF = FileType("application/rtf", "rtf")
HTML = FileType("text/html", "html", aliases=("htm", "xhtml"))
XML = FileType("application/xml", "")
TEXT = FileType("text/plain", "")
"""Also CSV, JSON, sources and logs: their names say more."""
UNKNOWN = FileType("application/octet-stream", "")

_BEGINNINGS: tuple[tuple[bytes, FileType], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"FUJIFILMCCD-RAW", RAF),
    (b"IIRO", ORF),
    (b"IIRS", ORF),
    (b"MMOR", ORF),
    (b"IIU\x00", RW2),
    (b"II\x1a\x00\x00\x00HEAPCCDR", CRW),
    (b"FOVb", X3F),
    (b"\x00MRM", MRW),
    (b"%PDF-", PDF),
    (b"ID3", MP3),
    (b"fLaC", FLAC),
    (b"#!AMR", AMR),
    (b"Rar!\x1a\x07", RAR),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"\x1f\x8b\x08", GZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", WMV),
    (b"{\\rtf", RTF),
    (b"\x7fELF", ELF),
)
_SUBFILE, _COMPRESSION, _PHOTOMETRIC, _SUBDIRECTORIES, _DNG_VERSION = 254, 259, 262, 330, 50706
"""Tags of TIFF."""
_SHORT = 3
_MOST_TAGS = 200
_SENSOR = (32803, 34892)
_SENSOR_COMPRESSION = (32767, 32769, 32770, 34713, 65535)
_RIFF_FORMS = {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}
_BRANDS: tuple[tuple[bytes, FileType], ...] = (
    (b"avif", AVIF), (b"avis", AVIF),
    (b"heic", HEIC), (b"heix", HEIC), (b"heim", HEIC), (b"heis", HEIC), (b"hevc", HEIC),
    (b"mif1", HEIC), (b"msf1", HEIC),
    (b"M4A ", M4A), (b"M4B ", M4A), (b"M4P ", M4A),
    (b"crx ", CR3),
    (b"3gp", THREE_GP), (b"3g2", THREE_GP),
    (b"qt  ", MOV),
)  # fmt: skip
"""Brands of the ISO media files that are not simply MP4; what AVIF shares with HEIF comes later."""
_OGG_CODECS = ((b"\x80theora", OGV), (b"\x01video", OGV))
_OFFICE = ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX))
_OPEN_DOCUMENTS = {each.mime.encode(): each for each in (ODT, ODS, ODP)}
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_BEFORE_MARKUP = re.compile(
    rb"\s+|<!--.*?-->|<\?xml.*?\?>|<!doctype\s+svg.*?>", re.IGNORECASE | re.DOTALL
)
_MARKUP = re.compile(rb"<(svg|!doctype html|html)\b", re.IGNORECASE)
"""The first tag, behind comments and the like."""
_MARKUP_BYTES = 4096


def is_another_page(found: FileType, size: int, family: str, declared: int | None) -> bool:
    """Whether a web page, an API's answer or nothing was received in place of the file.

    A proxy, a login page or a failing service may answer 200 with words of its own. A picture, a
    video or a sound is never text; any other file is compared by its size, if known.

    Args:
        found: Type by content.
        size: Bytes received.
        family: The declared kind: ``image``, ``video``, ``audio``, ``sticker`` or another.
        declared: The declared size in bytes; None if unknown.
    """
    if size == 0:
        return bool(declared)
    if found not in (HTML, TEXT):
        return False
    if declared is not None:
        return size != declared
    return family in ("image", "video", "audio", "sticker")


def sniff(head: bytes, tail: bytes = b"") -> FileType:
    """Detect the type of a file by its content.

    Args:
        head: Its first :data:`HEAD_BYTES` bytes, or fewer if it is shorter.
        tail: Its last :data:`TAIL_BYTES` bytes; only kinds of ZIP need them.
    """
    for beginning, file_type in _BEGINNINGS:
        if head.startswith(beginning):
            return file_type
    return (
        _tiff(head)
        or _riff(head)
        or _iso_media(head)
        or _matroska(head)
        or _ogg(head)
        or _stream_of_sound(head)
        or _zip(head, tail)
        or _other(head)
        or _text(head)
    )


def _tiff(head: bytes) -> FileType | None:
    """Distinguish a TIFF picture from a camera's raw file by its first directory."""
    order: Literal["little", "big"]
    if head.startswith(b"II*\x00"):
        order = "little"
    elif head.startswith(b"MM\x00*"):
        order = "big"
    else:
        return None
    if head[8:10] == b"CR":
        return CR2
    start = int.from_bytes(head[4:8], order)
    count = min(int.from_bytes(head[start : start + 2], order), _MOST_TAGS)
    tags: dict[int, int] = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = (int.from_bytes(head[at + part : at + part + 2], order) for part in (0, 2))
        size = 2 if kind == _SHORT else 4
        tags[tag] = int.from_bytes(head[at + 8 : at + 8 + size], order)
    if _DNG_VERSION in tags:
        return DNG
    is_raw = tags.get(_PHOTOMETRIC) in _SENSOR or tags.get(_COMPRESSION) in _SENSOR_COMPRESSION
    # The first picture of a camera's file is a small one for a quick look, the rest lies deeper.
    is_thumbnail = tags.get(_SUBFILE) == 1 and _SUBDIRECTORIES in tags
    return CAMERA_RAW if is_raw or is_thumbnail else TIFF


def _riff(head: bytes) -> FileType | None:
    return _RIFF_FORMS.get(head[8:12]) if head.startswith((b"RIFF", b"RF64")) else None


def _iso_media(head: bytes) -> FileType | None:
    """Detect the MP4 family by its first box: the main brand counts before the compatible ones."""
    kind, size = head[4:8], int.from_bytes(head[:4])
    if kind != b"ftyp":
        # The first byte of a length is small, that of a text is not.
        return MOV if kind in _OLD_QUICKTIME and head[0] < 9 else None
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, 256), 4))]
    # A general main brand ("mif1", "isom") says less than a particular one beside it.
    particular = _by_brand(brands[0])
    if particular is HEIC and any(brand in (b"avif", b"avis") for brand in brands):
        return AVIF
    return particular or MP4


def _by_brand(brand: bytes) -> FileType | None:
    return next((each for start, each in _BRANDS if brand.startswith(start)), None)


def _matroska(head: bytes) -> FileType | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return WEBM if b"webm" in head[:64] else MKV


def _ogg(head: bytes) -> FileType | None:
    if not head.startswith(b"OggS"):
        return None
    # The first page names its own codec; a film's sound comes in a page of its own behind it.
    return next((each for mark, each in _OGG_CODECS if mark in head[:512]), OGG)


def _stream_of_sound(head: bytes) -> FileType | None:
    """Detect MP3 without a tag and raw AAC: twelve set bits, then plausible header fields."""
    if len(head) < 4 or head[0] != 0xFF:
        return None
    second, third = head[1], head[2]
    if second & 0xF6 == 0xF0:
        return AAC if (third >> 2) & 0xF < 13 else None
    plausible = third >> 4 not in (0, 15) and (third >> 2) & 3 != 3
    return MP3 if second & 0xE6 == 0xE2 and (second >> 3) & 3 != 1 and plausible else None


def _zip(head: bytes, tail: bytes) -> FileType | None:
    if not head.startswith(_ZIPS):
        return None
    for mime, file_type in _OPEN_DOCUMENTS.items():
        if head[30:].startswith(b"mimetype" + mime):
            return file_type
    if b"[Content_Types].xml" in head or b"[Content_Types].xml" in tail:
        for folder, file_type in _OFFICE:
            if folder in head or folder in tail:
                return file_type
    return ZIP


def _other(head: bytes) -> FileType | None:
    if head.startswith(b"MZ"):
        return EXE
    # "BM" alone begins many a text: the four reserved bytes of the header must be zero.
    if head.startswith(b"BM") and len(head) >= 26 and head[6:10] == b"\x00" * 4:
        return BMP
    return PDF if b"%PDF-" in head[:1024] and b"\x00" not in head[:4] else None


def _text(head: bytes) -> FileType:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return TEXT
    if b"\x00" in head or not head:
        return UNKNOWN
    text, at = head.removeprefix(b"\xef\xbb\xbf")[:_MARKUP_BYTES], 0
    # Piece by piece, so that nothing is tried twice: the text is a stranger's.
    while before := _BEFORE_MARKUP.match(text, at):
        at = before.end()
    if found := _MARKUP.match(text, at):
        return SVG if found[1].lower() == b"svg" else HTML
    if head.lstrip().startswith(b"<?xml"):
        return XML
    return TEXT if _readable(head) else UNKNOWN


def _readable(head: bytes) -> bool:
    """Whether it is text in UTF-8 or an old Cyrillic charset: no control characters."""
    return not any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head[:4096])


# --- Width and height of a picture, read from the beginning of its file; nothing is decoded.


_NO_SIZE = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG segments between the SOF numbers that are no frame headers."""


def pixels(file_type: FileType, head: bytes) -> tuple[int, int] | None:
    """Return width and height of a picture.

    Args:
        file_type: The file's type.
        head: Its first bytes.

    Returns:
        None if unknown: TIFF and HEIC may keep them anywhere in the file.
    """
    if file_type == PNG and head[12:16] == b"IHDR" and len(head) >= 24:
        return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if file_type == GIF and len(head) >= 10:
        return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    if file_type == BMP and len(head) >= 26:
        return _bmp(head)
    return _jpeg(head) if file_type == JPEG else None


def _bmp(head: bytes) -> tuple[int, int]:
    if int.from_bytes(head[14:18], "little") == 12:  # OS/2, two bytes each
        return int.from_bytes(head[18:20], "little"), int.from_bytes(head[20:22], "little")
    width = int.from_bytes(head[18:22], "little", signed=True)
    height = int.from_bytes(head[22:26], "little", signed=True)
    return abs(width), abs(height)  # a negative height: rows from top to bottom


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """Walk the segments up to the frame header."""
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        else:
            at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4]))
    return None
