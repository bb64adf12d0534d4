"""Split a reply into MAX messages: which words and files go together, and as what (contract max.md 5.1, 7).

A reply is planned by the desk's claims about its files, and planned again once their content is
known or MAX refuses: a picture that is none is sent separately, as a file.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
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
from maxbridge.core.text import bare, clean

GROUP = 10
"""Pictures in one message; MAX takes up to 12 attachments."""
_GROUPED = frozenset({"image", "video"})
"""Kinds that may share a message with words and with each other; all others must be alone."""
_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff"})
"""What the desk may call a file that MAX takes as a picture; WebP and SVG it does not."""
FILE: Final = "file"


class Action(StrEnum):
    """What to do with a message at MAX."""

    SEND = "send"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of a message.

    Attributes:
        id: FreeScout's id of the file, 0 if unknown.
        name: The name that the customer sees.
        url: The desk's address of its content.
        size: Bytes, None if unknown.
        kind: The upload type; None until the content is known.
        token: MAX's handle of the uploaded content; empty until uploaded.
    """

    id: int
    name: str
    url: str
    size: int | None = None
    kind: Family | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A MAX message, or a change of one.

    Attributes:
        text: The words; may be empty.
        html: ``text`` is MAX's HTML, not plain text.
        files: The attached files.
        action: Send a new message, or edit or delete ``target``.
        target: Message id, for EDIT and DELETE.
        button: Label of a "share my phone" button, or the result of :func:`rating_buttons`; empty
            for none.
    """

    text: str = ""
    html: bool = False
    files: tuple[PartFile, ...] = ()
    action: Action = Action.SEND
    target: str = ""
    button: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether MAX would refuse it as empty."""
        return not self.text and not self.files and self.action is not Action.DELETE


_RATING = "\x01rating:"
"""What ``Part.button`` begins with where the buttons rate a ticket; no label does."""
STARS = 5


def rating_buttons(conversation_id: int) -> str:
    """Return the value of :attr:`Part.button` for rating buttons."""
    return f"{_RATING}{conversation_id}"


def rated_by(button: str) -> int | None:
    """Return the ticket of rating buttons; None for a label."""
    return int(button.removeprefix(_RATING)) if button.startswith(_RATING) else None


def plan_parts(
    texts: Sequence[str],
    pictures: Iterable[PartFile],
    attached: Iterable[tuple[PartFile, str]],
) -> list[Part]:
    """Lay out a reply: words first, pictures with the last words, every other file in its own message.

    Args:
        texts: The words in MAX's HTML, already split.
        pictures: Pictures pasted into the words, in reading order.
        attached: The reply's attachments, each with the type that the desk claims.
    """
    attached = list(attached)
    grouped = [*pictures, *(file for file, mime in attached if mime in _PICTURES)]
    alone = [file for file, mime in attached if mime not in _PICTURES]
    parts = [Part(text, html=True) for text in texts]
    groups = [tuple(grouped[at : at + GROUP]) for at in range(0, len(grouped), GROUP)]
    if parts and groups:
        parts[-1] = replace(parts[-1], files=groups.pop(0))
    parts += [Part(files=group) for group in groups]
    return parts + [Part(files=(file,)) for file in alone]


def by_content(part: Part) -> list[Part]:
    """Split a message if the content of its files requires separate messages.

    Args:
        part: The message, with the kinds of all its files known.
    """
    if len(part.files) == 1 and not part.text:
        return [part]
    # Not all pictures first: the customer sees the files in the order in which the agent attached them.
    runs = [
        (grouped, tuple(files))
        for grouped, files in groupby(part.files, lambda file: file.kind in _GROUPED)
    ]
    groups = [
        group
        for grouped, files in runs
        for group in ([files] if grouped else [(file,) for file in files])
    ]
    with_words = groups.pop(0) if groups and runs[0][0] else ()
    first = replace(part, files=with_words)
    return ([] if first.is_empty else [first]) + [Part(files=group) for group in groups]


def apart(part: Part) -> list[Part]:
    """Return the words first, so that they need not wait for the files, then each file separately."""
    words = replace(part, files=())
    return ([] if words.is_empty else [words]) + [Part(files=(file,)) for file in part.files]


def as_plain_files(part: Part) -> list[Part]:
    """Return a message with its picture, video or audio as files, to be uploaded anew.

    An edit of a message sends no files, whatever files it lists.
    """
    if part.action is Action.EDIT:
        return [replace(part, files=())]
    files = tuple(replace(file, kind=FILE, token="") for file in part.files)
    return apart(replace(part, files=files))


def simpler(part: Part) -> list[Part] | None:
    """Return the next simpler form of a message that MAX refuses; None if there is none.

    Pictures, videos and audio as files; then the words without files; then the words as plain text.
    The caller writes out the links in plain text (:func:`maxbridge.core.render.spelled_out`).
    """
    if part.action is Action.SEND and any(file.kind != FILE for file in part.files):
        return as_plain_files(part)
    if part.action is Action.SEND and part.files and part.text:
        return [replace(part, files=())]
    if part.html and part.action is not Action.DELETE:
        return [replace(part, html=False)]
    return None


def without(part: Part, index: int) -> list[Part]:
    """Return the message without one of its files; an empty list if nothing is left."""
    rest = replace(part, files=part.files[:index] + part.files[index + 1 :])
    return [] if rest.is_empty else [rest]


def edits_of(
    old: Sequence[tuple[str, Part]], new: Sequence[Part], *, same: frozenset[int]
) -> list[Part]:
    """Return the changes that turn a delivered reply's messages into those of its edited text.

    Words are changed in place, message by message; surplus messages are deleted, additional ones
    are sent. A file cannot be removed from a message in place: a message with a picture that is no
    longer in the reply is deleted and the rest of it sent anew, because an agent who pasted the
    wrong picture wants it gone. Remaining files are not uploaded again: MAX's handles of them never
    expire.

    Args:
        old: The delivered messages with their ids.
        new: The edited reply, laid out anew.
        same: Ids of files that the customer already has.
    """
    wanted = {file.id for part in new for file in part.files}
    before = [(mid, part) for mid, part in old if part.text]
    after = [part for part in new if part.text]
    changes: list[Part] = []
    for (mid, was), now in zip(before, after, strict=False):
        kept = _still(was, wanted)
        if kept != was.files:
            changes += [Part(action=Action.DELETE, target=mid), replace(now, files=kept)]
        elif was.text != now.text:
            # Its files go with the change as a reminder of what the message has; MAX keeps them.
            changes.append(Part(now.text, now.html, kept, action=Action.EDIT, target=mid))
    wordless = [(mid, part) for mid, part in old if not part.text and part.files]
    for mid, was in [*before[len(after) :], *wordless]:
        kept = _still(was, wanted)
        if was.text or kept != was.files:
            changes.append(Part(action=Action.DELETE, target=mid))
            changes += [Part(files=kept)] if kept else []
    changes += [replace(part, files=()) for part in after[len(before) :]]
    fresh = [file for part in new for file in part.files if file.id not in same]
    return changes + [Part(files=(file,)) for file in fresh]


def _still(part: Part, wanted: Container[int]) -> tuple[PartFile, ...]:
    """Return the files of a message that its reply still has; a file without an id cannot be matched."""
    return tuple(file for file in part.files if not file.id or file.id in wanted)


# --- As what a file goes to MAX, and under which name (contract max.md 7).


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
    """Return the upload type of a file: ``image``, ``video``, ``audio`` or ``file``.

    MAX refuses a file that does not fit its type but accepts anything as ``file``, the default.

    Args:
        file_type: Type by content.
        name: Its name; distinguishes audio in an MP4 from a video.
        size: Bytes.
        pixels: Width and height of a picture, None if unknown.
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
    """Return the lower-case extension of a name; empty if it has none."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem and _EXTENSION.fullmatch(extension) else ""


def proper_name(name: str, file_type: FileType, default: str = "file") -> str:
    """Return a file name that both services accept and that fits the file's content.

    MAX and browsers judge by the extension: a photo called ``x.webp`` or ``image`` would be refused
    or not open. An extension is never doubled, and never changed if it may be right.

    Args:
        name: The original name; may be empty.
        file_type: Type by content.
        default: The name if there is none.
    """
    # A quotation mark can be written in an upload's head, but not every reader takes it back.
    fit = bare(_UNFIT.sub("_", clean(name))).replace('"', "'")
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
    """Whether the extension is that of a camera's raw picture while the content looks like a plain one."""
    return extension in _RAWS and file_type in (TIFF, MP4, MOV)


def _sound_in_film(file_type: FileType, extension: str) -> bool:
    return file_type in (MP4, MKV) and extension in _SOUND_ONLY
