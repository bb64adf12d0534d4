"""core.mediakind: as what a file goes to MAX, and under which name (contract max.md 7)."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, texts, visible
from maxbridge.core import filetype as ft
from maxbridge.core.filetype import FileType
from maxbridge.core.parts import (
    NAME_LENGTH,
    SIZE_LIMITS,
    extension_of,
    max_kind,
    proper_name,
)
from maxbridge.sim.max.media import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS
from maxbridge.sim.max.media import SIZE_LIMITS as MAXS_LIMITS

TYPES = [each for each in vars(ft).values() if isinstance(each, FileType)]


@pytest.mark.parametrize(
    ("file_type", "kind"),
    [
        (ft.JPEG, "image"),
        (ft.PNG, "image"),
        (ft.GIF, "image"),
        (ft.TIFF, "image"),
        (ft.BMP, "image"),
        (ft.HEIC, "image"),
        # MAX does not list these, but takes everything as a file.
        (ft.WEBP, "file"),
        (ft.AVIF, "file"),
        (ft.SVG, "file"),
        (ft.MP4, "video"),
        (ft.MOV, "video"),
        (ft.MKV, "video"),
        (ft.WEBM, "video"),
        (ft.THREE_GP, "file"),
        (ft.AVI, "file"),
        (ft.WMV, "file"),
        (ft.MP3, "audio"),
        (ft.WAV, "audio"),
        (ft.M4A, "audio"),
        (ft.OGG, "file"),
        (ft.FLAC, "file"),
        (ft.AAC, "file"),
        (ft.PDF, "file"),
        (ft.DOCX, "file"),
        (ft.EXE, "file"),
        (ft.TEXT, "file"),
        (ft.UNKNOWN, "file"),
    ],
)
def test_kinds(file_type: FileType, kind: str) -> None:
    assert max_kind(file_type, f"x.{file_type.extension}", 1000) == kind
    # A name is a claim: only the content counts.
    assert max_kind(file_type, "x.jpg", 1000) == kind


@pytest.mark.parametrize(
    ("file_type", "largest"),
    [(ft.JPEG, 50_000_000), (ft.MP4, 250_000_000), (ft.MP3, 256_000_000)],
)
def test_what_is_too_large_for_its_kind_goes_as_a_file(file_type: FileType, largest: int) -> None:
    assert max_kind(file_type, "x", largest) != "file"
    assert max_kind(file_type, "x", largest + 1) == "file"


def test_our_limits_are_never_above_maxs() -> None:
    assert all(SIZE_LIMITS[kind] <= limit for kind, limit in MAXS_LIMITS.items())  # type: ignore[index]


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        ((7680, 7680), "image"),
        ((7681, 10), "file"),
        ((10, 7681), "file"),
        ((0, 10), "file"),
        (None, "image"),
    ],
)
def test_what_is_too_wide_for_a_picture_goes_as_a_file(
    pixels: tuple[int, int] | None, kind: str
) -> None:
    assert max_kind(ft.PNG, "x.png", 1000, pixels) == kind


@pytest.mark.parametrize("file_type", [ft.MP4, ft.MKV])
def test_sound_in_a_films_container_is_no_film(file_type: FileType) -> None:
    # Telephones record into MP4 whose brand does not tell; the name does.
    ending = "m4a" if file_type == ft.MP4 else "mka"
    name = f"Запись.{ending.upper()}"
    assert max_kind(file_type, name, 1000) == ("audio" if file_type == ft.MP4 else "file")
    assert proper_name(name, file_type) == name


# --- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file_type", "wanted"),
    [
        ("Счёт № 17.pdf", ft.PDF, "Счёт № 17.pdf"),
        ("report.pdf", ft.PDF, "report.pdf"),  # never report.pdf.pdf
        ("IMG.JPEG", ft.JPEG, "IMG.JPEG"),
        ("photo.webp", ft.JPEG, "photo.jpg"),
        ("photo.jpg", ft.WEBP, "photo.webp"),
        ("photo", ft.PNG, "photo.png"),
        ("фото от 5.мая", ft.JPEG, "фото от 5.мая.jpg"),
        ("photo.jpg", ft.EXE, "photo.exe"),
        ("photo.jpg", ft.HTML, "photo.html"),
        ("", ft.JPEG, "file.jpg"),
        ("", ft.UNKNOWN, "file"),
        ("   ", ft.PDF, "file.pdf"),
        (".jpg", ft.JPEG, "jpg.jpg"),
        ("letter.doc", ft.OLE, "letter.doc"),
        ("table.csv", ft.TEXT, "table.csv"),
        ("app.apk", ft.ZIP, "app.apk"),
        ("project.sketch", ft.ZIP, "project.sketch"),
        ("v1.2", ft.PDF, "v1.2"),
        ("archive.tar.gz", ft.GZIP, "archive.tar.gz"),
        ("voice.opus", ft.OGG, "voice.opus"),
        ("clip.m4v", ft.MP4, "clip.mp4"),
        ("../../etc/passwd", ft.TEXT, "etc_passwd"),
        ("C:\\temp\\x.txt", ft.TEXT, "C_temp_x.txt"),
        ('a "b".pdf', ft.PDF, "a 'b'.pdf"),
        ("a\r\nContent-Type: x.pdf", ft.PDF, "a_Content-Type_ x.pdf"),
        ("x\x00\x07.pdf", ft.PDF, "x.pdf"),
        # Shown from right to left this would end in "gpj.exe" read backwards.
        ("photo\u202egpj.exe", ft.EXE, "photo_gpj.exe"),
    ],
)
def test_names_are_fit_and_true(name: str, file_type: FileType, wanted: str) -> None:
    assert proper_name(name, file_type) == wanted


@given(name=texts, file_type=st.sampled_from(TYPES))
@law
def test_a_proper_name_is_one_line_that_leads_nowhere(name: str, file_type: FileType) -> None:
    proper = proper_name(name, file_type)
    assert visible(proper)
    assert len(proper) <= NAME_LENGTH
    assert not set(proper) & set('/\\:*?<>|"\r\n\t\x00\u202e')
    assert proper not in (".", "..")
    assert proper_name(proper, file_type) == proper


@given(name=texts, file_type=st.sampled_from(TYPES))
@law
def test_media_always_carry_an_extension_that_max_takes_for_their_kind(
    name: str, file_type: FileType
) -> None:
    proper = proper_name(name, file_type)
    kind = max_kind(file_type, name, 1000)
    if file_type.family != "file":
        assert extension_of(proper)
    if kind == "image":
        assert extension_of(proper) in IMAGE_EXTENSIONS
    if kind == "video":
        assert extension_of(proper) in VIDEO_EXTENSIONS


def test_a_long_name_keeps_its_extension() -> None:
    proper = proper_name("я" * 300 + ".docx", ft.DOCX)
    assert len(proper) == NAME_LENGTH
    assert proper.endswith("я.docx")


def tiff(
    *tags: tuple[int, int, int], order: Literal["little", "big"] = "little", mark: bytes = b""
) -> bytes:
    """The beginning of a TIFF: its header, and a first directory of tags, kinds and values."""
    start = 8 + len(mark)
    head = (b"II*\x00" if order == "little" else b"MM\x00*") + start.to_bytes(4, order) + mark
    entries = b"".join(
        tag.to_bytes(2, order)
        + kind.to_bytes(2, order)
        + (1).to_bytes(4, order)
        + (value.to_bytes(2, order) + b"\0\0" if kind == 3 else value.to_bytes(4, order))
        for tag, kind, value in tags
    )
    return head + len(tags).to_bytes(2, order) + entries + bytes(64)


SIZE = (256, 4, 160), (257, 4, 120)


@pytest.mark.parametrize(
    ("name", "head", "file_type"),
    [
        ("x.dng", tiff((254, 4, 1), *SIZE, (330, 4, 999), (50706, 1, 260)), ft.DNG),
        ("x.DNG", tiff((50706, 1, 260), order="big"), ft.DNG),
        ("x.cr2", tiff(*SIZE, mark=b"CR\x02\x00\0\0\0\0"), ft.CR2),
        ("x.nef", tiff((254, 4, 1), *SIZE, (330, 4, 999), order="big"), ft.CAMERA_RAW),
        ("x.arw", tiff((254, 4, 1), *SIZE, (330, 4, 999)), ft.CAMERA_RAW),
        ("x.srw", tiff(*SIZE, (259, 3, 32770)), ft.CAMERA_RAW),
        ("x.3fr", tiff(*SIZE, (262, 3, 32803)), ft.CAMERA_RAW),
        ("x.pef", tiff(*SIZE), ft.TIFF),
        ("x.nef", tiff(), ft.TIFF),
        ("x.cr3", b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", ft.CR3),
        ("x.cr3", b"\0\0\0\x18ftypisom\0\0\0\x01isomcrx ", ft.MP4),
        ("x.raf", b"FUJIFILMCCD-RAW 0201FF" + bytes(40), ft.RAF),
        ("x.orf", b"IIRO\x08\0\0\0" + bytes(40), ft.ORF),
        ("x.rw2", b"IIU\0\x18\0\0\0" + bytes(40), ft.RW2),
        ("x.crw", b"II\x1a\0\0\0HEAPCCDR" + bytes(40), ft.CRW),
        ("x.x3f", b"FOVb" + bytes(40), ft.X3F),
        ("x.mrw", b"\0MRM" + bytes(40), ft.MRW),
    ],
)
def test_a_cameras_raw_picture_is_a_file_with_its_own_ending(
    name: str, head: bytes, file_type: FileType
) -> None:
    kind = ft.sniff(head)
    assert kind is file_type
    assert max_kind(kind, name, 1000) == "file"
    assert proper_name(name, kind) == name


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_plain_tiff_stays_a_picture(order: Literal["little", "big"]) -> None:
    for tags in (SIZE, ((254, 4, 0), *SIZE, (259, 3, 5), (262, 3, 2)), ((254, 4, 1), *SIZE)):
        kind = ft.sniff(tiff(*tags, order=order))
        assert kind is ft.TIFF
        assert max_kind(kind, "скан.tiff", 1000) == "image"
        assert proper_name("скан", kind) == "скан.tiff"
    assert ft.sniff(b"II*\0\xff\xff\xff\xff") is ft.TIFF
    assert ft.sniff(b"MM\0*") is ft.TIFF
