"""core.filetype and core.pixels: what a file is by its content, whatever it is called."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core import filetype as ft
from maxbridge.core.filetype import HEAD_BYTES, TAIL_BYTES, FileType, pixels, sniff

# The first 40 bytes of files made with Pillow, pillow-heif and FFmpeg, and of programs of this system.
HEADS: dict[str, tuple[FileType, str]] = {
    "jpg": (
        ft.JPEG,
        "ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c",
    ),
    "jpg with Exif": (
        ft.JPEG,
        "ffd8ffe100104578696600004d4d002a00000000ffdb004300080606070605080707070909080a0c",
    ),
    "png": (
        ft.PNG,
        "89504e470d0a1a0a0000000d4948445200000140000000f00802000000fe4f2a3c00010000494441",
    ),
    "gif": (
        ft.GIF,
        "4749463837614001f000870000fffffffefefefdfdfdfcfcfcfbfbfbfafafaf9f9f9f8f8f8f7f7f7",
    ),
    "webp": (
        ft.WEBP,
        "52494646169d000057454250565038200a9d0000b0ef009d012a4001f00001402625a403632ea0bb",
    ),
    "bmp": (
        ft.BMP,
        "424d3684030000000000360000002800000040010000f0000000010018000000000000840300c40e",
    ),
    "tiff": (
        ft.TIFF,
        "49492a00080000000a000001040001000000400100000101040001000000f0000000020103000300",
    ),
    "heic": (
        ft.HEIC,
        "0000001c6674797068656963000000006d696631686569636d696166000001566d65746100000000",
    ),
    "avif": (
        ft.AVIF,
        "00000020667479706176696600000000617669666d6966316d6961664d413142000000eb6d657461",
    ),
    "mp4": (
        ft.MP4,
        "000000206674797069736f6d0000020069736f6d69736f32617663316d7034310000000866726565",
    ),
    "fragmented mp4": (
        ft.MP4,
        "000000246674797069736f6d0000020069736f6d69736f3669736f32617663316d703431000002ef",
    ),
    "dash mp4": (
        ft.MP4,
        "000000206674797064617368000002006461736869736f32617663316d7034310000000866726565",
    ),
    "m4v": (
        ft.MP4,
        "00000020667479704d345620000002004d34562069736f6d69736f32617663310000000866726565",
    ),
    "mov": (
        ft.MOV,
        "00000014667479707174202000000200717420200000000877696465000033b76d6461740000029f",
    ),
    "mkv": (
        ft.MKV,
        "1a45dfa3a34286810142f7810142f2810442f381084282886d6174726f736b614287810442858102",
    ),
    "webm": (
        ft.WEBM,
        "1a45dfa39f4286810142f7810142f2810442f381084282847765626d428781024285810218538067",
    ),
    "3gp": (
        ft.THREE_GP,
        "0000001c6674797033677034000002003367703469736f6d69736f320000000866726565000040eb",
    ),
    "3g2": (
        ft.THREE_GP,
        "0000001c6674797033673261000100003367326169736f6d69736f320000000866726565000040eb",
    ),
    "avi": (
        ft.AVI,
        "52494646dc790000415649204c495354ca2200006864726c6176696838000000a0860100a8610000",
    ),
    "wmv": (
        ft.WMV,
        "3026b2758e66cf11a6d900aa0062ce6c5102000000000000050000000102a1dcab8c47a9cf118ee4",
    ),
    "ogv": (
        ft.OGV,
        "4f67675300020000000000000000ec8be45b0000000028aa6d94012a807468656f7261030201000a",
    ),
    "mp3": (
        ft.MP3,
        "49443304000000000022545353450000000e0000034c61766636332e312e31303200000000000000",
    ),
    "mp3 without a tag": (
        ft.MP3,
        "fffb50c40000074c0165b43080316c156a7732d00200005392cbbed6dc0f9f1002070b83e0f9f040",
    ),
    "mp3 of a telephone": (
        ft.MP3,
        "fff358c0000000000000000000496e666f0000000f0000001e00000d5c001515151d1d1d2525252d",
    ),
    "wav": (
        ft.WAV,
        "52494646ce58010057415645666d7420100000000100010044ac000088580100020010004c495354",
    ),
    "m4a": (
        ft.M4A,
        "0000001c667479704d344120000002004d34412069736f6d69736f3200000008667265650000232d",
    ),
    "aac": (
        ft.AAC,
        "fff1504020fffcdc004c61766336332e312e313032000260ac5ba9507226a578f5e3f7aeb896d549",
    ),
    "vorbis": (
        ft.OGG,
        "4f67675300020000000000000000fa9cfb9900000000cb4c7008011e01766f726269730000000001",
    ),
    "opus": (
        ft.OGG,
        "4f67675300020000000000000000323369f0000000000ef16d1301134f7075734865616401013801",
    ),
    "flac in ogg": (
        ft.OGG,
        "4f67675300020000000000000000ffd6f6c100000000510e750101337f464c414301000001664c61",
    ),
    "flac": (
        ft.FLAC,
        "664c614300000022040004000000550001870ac440f00000ac44a484b660d9e033b09bed9e686a74",
    ),
    "amr": (
        ft.AMR,
        "2321414d520a3c2403b7501063c7e8cc01eaf6466714c0004d2c126d7b3400000301bf16c1b03c2d",
    ),
    "pdf": (ft.PDF, "255044462d312e340a25e2e3cfd30a312030206f626a"),
    "gz": (ft.GZIP, "1f8b08004f32066b02ffaba8a03d00008f5d0e5e64000000"),
    "exe": (
        ft.EXE,
        "4d5a90000300000004000000ffff0000b80000000000000040000000000000000000000000000000",
    ),
    "elf": (
        ft.ELF,
        "7f454c4602010100000000000000000003003e0001000000d0610000000000004000000000000000",
    ),
}


@pytest.mark.parametrize(("wanted", "head"), HEADS.values(), ids=HEADS.keys())
def test_real_files_are_known_by_their_first_bytes(wanted: FileType, head: str) -> None:
    assert sniff(bytes.fromhex(head)) == wanted


def test_heif_with_a_general_main_brand_is_told_from_avif() -> None:
    heif = b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1%b"
    assert sniff(heif % b"heic") == ft.HEIC
    assert sniff(heif % b"avif") == ft.AVIF


def test_old_quicktime_has_no_brand() -> None:
    assert sniff(b"\x00\x00\x10\x00moov" + b"\x00" * 40) == ft.MOV
    # The words alone are a text.
    assert sniff(b"The moov of the day") == ft.TEXT


def made(**entries: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ({"[Content_Types].xml": "x", "word/document.xml": "x"}, ft.DOCX),
        ({"docProps/app.xml": "x", "xl/workbook.xml": "x", "[Content_Types].xml": "x"}, ft.XLSX),
        ({"[Content_Types].xml": "x", "ppt/presentation.xml": "x"}, ft.PPTX),
        ({"a.txt": "word/"}, ft.ZIP),
        ({"word/a.txt": "x"}, ft.ZIP),
        ({"AndroidManifest.xml": "x", "classes.dex": "x"}, ft.ZIP),
        ({}, ft.ZIP),
    ],
)
def test_office_files_are_told_from_other_zips(entries: dict[str, str], wanted: FileType) -> None:
    content = made(**entries)
    assert sniff(content[:HEAD_BYTES], content[-TAIL_BYTES:]) == wanted


def test_a_long_office_file_is_told_by_the_table_at_its_end() -> None:
    content = b"PK\x03\x04" + b"\x00" * HEAD_BYTES + made(**{"[Content_Types].xml": "", "xl/a": ""})
    assert sniff(content[:HEAD_BYTES], content[-TAIL_BYTES:]) == ft.XLSX
    assert sniff(content[:HEAD_BYTES]) == ft.ZIP


@pytest.mark.parametrize("wanted", [ft.ODT, ft.ODS, ft.ODP])
def test_open_documents_name_themselves_in_their_first_entry(wanted: FileType) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", wanted.mime)
        archive.writestr("content.xml", "x")
    assert sniff(content.getvalue()) == wanted


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("<!DOCTYPE html>\n<html></html>", ft.HTML),
        ("\n  <HTML lang='ru'>", ft.HTML),
        ("\ufeff<!-- сделано в Word --><html>", ft.HTML),
        ('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', ft.SVG),
        ('<?xml version="1.0"?>\n<!-- c -->\n<!DOCTYPE svg PUBLIC "x" "y">\n<svg>', ft.SVG),
        ("<?xml version='1.0'?><invoice/>", ft.XML),
        ("Просто текст\nв две строки", ft.TEXT),
        ("a;b;c\r\n1;2;3\r\n", ft.TEXT),
        ('{"a": 1}', ft.TEXT),
        ("<svgish>", ft.TEXT),
        ("BM — это не картинка, а начало письма", ft.TEXT),
        ("MZ", ft.EXE),
        ("{\\rtf1\\ansi}", ft.RTF),
    ],
)
def test_texts_are_told_apart(content: str, wanted: FileType) -> None:
    assert sniff(content.encode()) == wanted


def test_texts_in_old_encodings_are_texts() -> None:
    assert sniff("Привет, это текст".encode("cp1251")) == ft.TEXT
    assert sniff("Привет".encode("utf-16")) == ft.TEXT


def test_nothing_and_noise_are_unknown() -> None:
    assert sniff(b"") == ft.UNKNOWN
    assert sniff(bytes(range(256)) * 4) == ft.UNKNOWN


def test_a_pdf_may_begin_a_little_later() -> None:
    # Readers look through the first kilobyte, and so do we.
    assert sniff(b"\xef\xbb\xbf\n%PDF-1.7\n" + b"\x00" * 20) == ft.PDF


@given(st.binary(max_size=300), st.binary(max_size=100))
@law
def test_any_bytes_are_something(head: bytes, tail: bytes) -> None:
    for _, start in HEADS.values():
        assert sniff(bytes.fromhex(start)[:20] + head, tail).mime
    assert sniff(head, tail).mime


@pytest.mark.parametrize(
    "piece", [b"<!---->", b"<!--", b"<?xml ?>", b" ", b"<!doctype svg>", b"<", b"\xff\xfb\x90"]
)
def test_no_text_is_slow_to_look_at(piece: bytes) -> None:
    # A pattern that tried every way to read these would take longer than the universe has.
    content = (piece * (HEAD_BYTES // len(piece)))[:HEAD_BYTES]
    began = time.process_time()
    sniff(content)
    assert time.process_time() - began < 0.5


# --- the size of pictures ------------------------------------------------------------------------------

JPEG_HEAD = "ffd8ffe000104a46494600010100000100010000"
SOF = "ffc0001108 00f0 0140 03012200021101031101"


@pytest.mark.parametrize(
    ("file_type", "head"),
    [
        (ft.PNG, HEADS["png"][1]),
        (ft.GIF, HEADS["gif"][1]),
        (ft.BMP, HEADS["bmp"][1]),
        (ft.BMP, HEADS["bmp"][1].replace("f0000000", "10ffffff")),  # from top to bottom
        (ft.BMP, "424d" + "00" * 12 + "0c000000" + "4001f000" + "00" * 8),  # OS/2
        (ft.JPEG, JPEG_HEAD + SOF),
        (ft.JPEG, JPEG_HEAD + "ffdb00430" + "0" * 129 + SOF),
        (ft.JPEG, JPEG_HEAD + "ffc40004abcd" + "ffff" + SOF.replace("ffc0", "c2")),  # progressive
    ],
)
def test_the_size_of_a_picture_is_read_from_its_head(file_type: FileType, head: str) -> None:
    content = bytes.fromhex(head)
    assert sniff(content) == file_type
    assert pixels(file_type, content) == (320, 240)


def test_a_size_that_is_not_in_the_head_is_unknown() -> None:
    assert pixels(ft.JPEG, bytes.fromhex(JPEG_HEAD)) is None
    assert pixels(ft.JPEG, bytes.fromhex(JPEG_HEAD + "00" * 20)) is None
    assert pixels(ft.PNG, b"\x89PNG\r\n\x1a\n") is None
    for name in ("tiff", "heic", "webp", "mp4", "pdf"):
        file_type, head = HEADS[name]
        assert pixels(file_type, bytes.fromhex(head)) is None


@given(st.binary(max_size=200))
@law
def test_any_picture_has_a_size_or_none(rest: bytes) -> None:
    for file_type in (ft.PNG, ft.GIF, ft.BMP, ft.JPEG):
        found = pixels(file_type, rest)
        assert found is None or min(found) >= 0
