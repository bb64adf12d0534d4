"""Customers' files: which to fetch, their names at the desk, and simpler forms of a message that is refused.

A firewall may reject the words, PHP may run out of memory over a file, a ticket may be too large to
be written to. Such a message steps down one rung per try, so that as much of it as possible reaches
an agent; the ticket names what is left out. Simpler forms of a reply to MAX:
:func:`maxbridge.core.parts.simpler`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag, StrEnum

from maxbridge.core.events import Attachment, Event, LinkKind, What
from maxbridge.core.text import bare, is_blank
from maxbridge.core.texts import Texts

FETCHED = frozenset({"image", "video", "audio", "file", "sticker"})
"""Kinds of attachments that have a content (contract max.md 4)."""
NAME_LENGTH = 120
"""Letters of a file's name; FreeScout cuts at about 125 (contract freescout.md 5)."""

_NAME_BYTES = 240
"""A file system takes 255: a name of emoji is short in letters and long in bytes."""
_LONGEST_RAW = 2000
_EXTENSION = re.compile(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,10}$")
_HINT = re.compile(r"\.?((?=[0-9]*[a-z])[a-z0-9]{1,10})")
_DOUBLED = re.compile(r"(\.(?=[0-9]*[a-z])[a-z0-9]{1,10})\1+$", re.IGNORECASE)
"""What uploads through maxapi make of a name (contract max.md 8): ``report.pdf.pdf``."""
_PATH = re.compile(r"[/\\]")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
"""Names that are no files for Windows, with whatever extension."""
_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "image/svg+xml": ".svg",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/flac": ".flac",
    "application/ogg": ".ogg",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/json": ".json",
    "text/plain": ".txt",
    "text/csv": ".csv",
}
"""What MAX's media come as. The standard library's table depends on the machine's own files."""
_VOICE = frozenset({".ogg", ".opus"})


class FileFate(StrEnum):
    """What became of one file on its way to the desk."""

    ATTACHED = "attached"
    """The desk has it, in this thread or a further one of the message."""
    EARLIER = "earlier"
    """The desk has it from an earlier version of the message."""
    LINKED = "linked"
    """Not fetched: only a link is shown."""
    TOO_LARGE = "too large"
    """Larger than the desk accepts."""
    UNREACHABLE = "unreachable"
    """It could not be fetched from MAX."""
    EMPTY = "empty"
    """It is empty; the desk would drop it."""
    REFUSED = "refused"
    """The desk refused it or did not keep it."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one of an event's :func:`fetchable` attachments.

    Attributes:
        fate: What became of it.
        size: Measured bytes, None if only MAX's number is known.
    """

    fate: FileFate
    size: int | None = None


def fetchable(event: Event) -> tuple[Attachment, ...]:
    """Return the attachments whose content the desk should get, in the order of the message.

    A forwarded message's files belong to the forward (contract max.md 4); those of a message that
    is only replied to are in the ticket already, or were not for us.
    """
    if event.what not in (What.MESSAGE, What.EDITED):
        return ()
    items = event.message.attachments
    if event.link is not None and event.link.kind is not LinkKind.REPLY:
        items += event.link.message.attachments
    return tuple(item for item in items if item.kind in FETCHED)


def same_file(one: Attachment, other: Attachment) -> bool:
    """Whether two attachments have the same content.

    Compared by MAX's token. A link is not enough because it is signed anew each time, except for
    stickers, which have no token.
    """
    if (one.kind, one.name, one.size) != (other.kind, other.name, other.size):
        return False
    if one.token or other.token:
        return one.token == other.token
    return one.url == other.url


def numbers_of(items: Sequence[Attachment]) -> tuple[int, ...]:
    """Return for each attachment its number among the unnamed ones of its kind; 0 if it needs none."""
    nameless = [item.kind for item in items if not _harmless(item.name)]
    total, counted = Counter(nameless), Counter[str]()
    numbers = []
    for item in items:
        many = total[item.kind] > 1 and not _harmless(item.name)
        counted[item.kind] += many
        numbers.append(counted[item.kind] if many else 0)
    return tuple(numbers)


def jpeg_name(name: str) -> str:
    """Return the name of the JPEG copy of a picture with this safe name."""
    return f"{_EXTENSION.sub('', name)[: NAME_LENGTH - 4]}.jpg"


def safe_name(item: Attachment, hint: str, number: int, texts: Texts) -> str:
    """Return a file's name for the desk: MAX's name made harmless, or a description.

    No folders, no invisible or direction characters, no hidden file, no device name of Windows,
    short enough for the desk and for a file system. Quotes, Cyrillic and emoji stay. A safe name
    stays unchanged.

    Args:
        item: An attachment; its own name is preferred.
        hint: MIME type or extension by content; empty if unknown. It never changes an existing
            extension.
        number: See :func:`numbers_of`.
        texts: The agents' language, for unnamed files.
    """
    extension = _extension_for(hint)
    name = _harmless(item.name)
    stem, dot, ending = bare(item.name).rpartition(".")
    if dot and item.name[: -len(ending) - 1] and is_blank(stem) and _EXTENSION.match(f".{ending}"):
        # Nothing that anybody sees stands before the dot, but what it is does behind it.
        name, extension = "", f".{ending}"
    if not name:
        name = _kind_name(item, extension, texts) + (f" {number}" if number > 0 else "")
    return _harmless(name if _EXTENSION.search(name) else name + extension)


def _harmless(name: str) -> str:
    """Make a name harmless; empty if nothing is left. A harmless name stays unchanged."""
    name = name[-_LONGEST_RAW:]
    while (better := _one_pass(name)) != name:
        name = better
    return name


def _one_pass(name: str) -> str:
    name = " ".join(bare(_PATH.split(name)[-1]).split())
    # Dots and spaces at the ends hide a file, or are lost on some systems.
    name = _DOUBLED.sub(r"\1", name.strip(" ."))
    found = _EXTENSION.search(name)
    stem, extension = (name[: found.start()], found.group()) if found else (name, "")
    stem = stem[: NAME_LENGTH - len(extension)]
    stem = stem.encode()[: _NAME_BYTES - len(extension)].decode(errors="ignore")
    name = stem.rstrip(" .") + extension
    return f"_{name}" if _DEVICE.match(name) else name


def _kind_name(item: Attachment, extension: str, texts: Texts) -> str:
    if item.kind == "audio" and (item.detail or extension in _VOICE):
        return texts.name_voice
    names = {
        "image": texts.name_image,
        "video": texts.name_video,
        "audio": texts.name_audio,
        "sticker": texts.name_sticker,
    }
    return names.get(item.kind, texts.name_file)


def _extension_for(hint: str) -> str:
    mime = hint.partition(";")[0].strip().lower()
    if "/" in mime:
        return _EXTENSIONS.get(mime, "")
    found = _HINT.fullmatch(mime)
    return f".{found[1]}" if found else ""


def lost_files(sent: Sequence[str], kept: Sequence[str]) -> tuple[int, ...]:
    """Return the indexes of the sent files that the desk did not keep.

    FreeScout drops a bad file silently (contract freescout.md 5, trap 12) and changes names: only
    letters and digits before the extension are comparable.

    Args:
        sent: Names as they were sent.
        kept: Names as the desk has them.
    """
    if len(kept) >= len(sent):
        return ()
    left = Counter(_stem(name) for name in kept)
    lost = []
    for index, name in enumerate(sent):
        if left[_stem(name)] > 0:
            left[_stem(name)] -= 1
        else:
            lost.append(index)
    return tuple(lost)


def _stem(name: str) -> str:
    return "".join(char for char in _EXTENSION.sub("", name).lower() if char.isalnum())


# --- Simpler forms of a customer's message that the desk does not take as it is.


class Rung(IntFlag):
    """Simplifications of a message; they may be combined."""

    NONE = 0
    WITHOUT_FILES = 1
    """Each file becomes a line with its name and its link."""
    WORDS_AS_FILE = 2
    """The words are sent as a text file, which firewalls do not inspect."""
    NEW_TICKET = 4
    """A new ticket that names the old one."""


def next_rung(
    rung: int, *, files: bool, words: bool, ticket: bool, unreadable: bool
) -> Rung | None:
    """Return the next simpler form; None if there is none.

    Args:
        rung: The present form.
        files: The message has files.
        words: The message has words.
        ticket: It goes into an existing ticket.
        unreadable: The ticket cannot be read, so the message itself has not been tried.
    """
    now = Rung(rung)
    steps = {
        Rung.WITHOUT_FILES: files,
        Rung.WORDS_AS_FILE: words,
        Rung.NEW_TICKET: ticket,
    }
    if unreadable:
        steps = {Rung.NEW_TICKET: ticket}
    return next((now | step for step, fits in steps.items() if fits and step not in now), None)
