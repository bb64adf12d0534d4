"""As what a file goes to MAX, and under which name (contract max.md 7)."""

from __future__ import annotations

import re
from typing import Final

from maxbridge.core.filetype import (
    BMP,
    GIF,
    HEIC,
    JPEG,
    M4A,
    MKV,
    MOV,
    MP3,
    MP4,
    PNG,
    TIFF,
    WAV,
    WEBM,
    Family,
    FileType,
)
from maxbridge.core.text import clean

MAX_IMAGES: Final = (JPEG, PNG, GIF, TIFF, BMP, HEIC)
MAX_VIDEOS: Final = (MP4, MOV, MKV, WEBM)
MAX_AUDIOS: Final = (MP3, WAV, M4A)
"""What the table of the contract lists; everything else is taken as a plain file."""
SIZE_LIMITS: Final[dict[Family, int]] = {
    "image": 50_000_000,
    "video": 250_000_000,
    "audio": 256_000_000,
    "file": 4_000_000_000,
}
"""Bytes. MAX says MB and not which: the smaller reading is right in any case."""
MAX_SIDE: Final = 7680
"""Pixels; of a larger picture MAX makes nothing."""
NAME_LENGTH: Final = 120
"""The desk cuts names at about 125 characters (contract freescout.md 5)."""

_RAWS = frozenset(
    "3fr arw bay cap cr2 cr3 crw dcr dng eip erf fff gpr iiq k25 kdc mdc mef mos mrw nef nrw orf pef ptx raf "
    "raw rw2 rwl sr2 srf srw x3f".split()
)
"""What cameras call their raw pictures: whatever they look like inside, nobody but a developer opens them."""
_SOUND_ONLY = frozenset({"m4a", "m4b", "mka"})
_UNFIT = re.compile(r"[/\\:*?<>|\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\t\n]+")
"""Separators of paths, what Windows forbids, and marks that turn a name's direction around."""
_EXTENSION = re.compile(r"[^\W_][\w+-]{0,9}")
_MEDIA_ENDINGS = frozenset(
    "jpg jpeg jpe jfif png gif webp bmp dib tif tiff heic heif hif avif "
    "mp4 m4v mov qt mkv webm 3gp 3g2 3gpp avi ogv wmv asf wma "
    "mp3 wav m4a m4b aac ogg oga opus spx flac amr".split()
)


def max_kind(
    file_type: FileType, name: str, size: int, pixels: tuple[int, int] | None = None
) -> Family:
    """The upload type of a file: ``image``, ``video``, ``audio`` or ``file``.

    MAX refuses what does not fit a kind, but takes anything as a file: in doubt it is a file.

    Args:
        file_type: What it is by its content.
        name: Its name; tells a sound in an MP4 from a film.
        size: Bytes.
        pixels: Width and height of a picture, None when unknown.
    """
    kind = _listed(file_type, name)
    if size > SIZE_LIMITS[kind]:
        return "file"
    if kind == "image" and pixels is not None and (max(pixels) > MAX_SIDE or min(pixels) < 1):
        return "file"
    return kind


def _listed(file_type: FileType, name: str) -> Family:
    if _is_raw(file_type, extension_of(name)):
        return "file"
    if file_type in MAX_IMAGES:
        return "image"
    sound_only = extension_of(name) in _SOUND_ONLY
    if file_type in MAX_VIDEOS and not sound_only:
        return "video"
    # Telephones record sound into MP4 files that only their name tells from a film.
    if file_type in MAX_AUDIOS or (file_type is MP4 and sound_only):
        return "audio"
    return "file"


def extension_of(name: str) -> str:
    """What stands behind a name's last dot, in small letters; empty when that is no extension."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem and _EXTENSION.fullmatch(extension) else ""


def proper_name(name: str, file_type: FileType, default: str = "file") -> str:
    """A file name that is fit for both ends and agrees with the file's content.

    MAX and browsers judge by the extension: a photo called ``x.webp`` or ``image`` would be refused
    or not open. An extension is never doubled, and never changed where it may be right.

    Args:
        name: As somebody called it; may be empty.
        file_type: What the file is.
        default: The name where there is none.
    """
    # A quotation mark can be written in an upload's head, but not every reader takes it back.
    fit = _UNFIT.sub("_", clean(name)).replace('"', "'")
    plain = " ".join(fit.split()).strip(" ._") or default
    present, wanted = extension_of(plain), file_type.extension
    said_better = _sound_in_film(file_type, present) or _is_raw(file_type, present)
    if wanted and not file_type.named_by(present) and not said_better:
        if present in _MEDIA_ENDINGS:
            plain = plain[: -len(present) - 1].rstrip(" .") or default
        if present in _MEDIA_ENDINGS or not present or file_type.family != "file":
            plain, present = f"{plain}.{wanted}", wanted
    if len(plain) <= NAME_LENGTH:
        return plain
    ending = f".{present}" if present else ""
    return plain[: NAME_LENGTH - len(ending)].removesuffix(ending).rstrip(" .") + ending


def _is_raw(file_type: FileType, extension: str) -> bool:
    """Does a name tell a camera's raw picture, where the content looks like a plain one?"""
    return extension in _RAWS and file_type in (TIFF, MP4, MOV)


def _sound_in_film(file_type: FileType, extension: str) -> bool:
    return file_type in (MP4, MKV) and extension in _SOUND_ONLY
