"""Pages as pictures, by a headless Chromium; each picture remembers which page it is of."""

from __future__ import annotations

import hashlib
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

from gallery.page import WIDTH

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = tuple(
    "--headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync".split()
)
_SECONDS = 120
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"Page"
_HEIGHT = re.compile(r'<html[^>]* data-height="(\d+)"')
_MEASURE = "document.documentElement.dataset.height = document.body.scrollHeight"


class NoBrowserError(Exception):
    """There is no Chromium on the PATH."""


def draw(html: str, picture: Path) -> None:
    """Draw a page in its full height, and shrink the picture where pngquant is there.

    Raises:
        NoBrowserError: Nothing can draw.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise NoBrowserError(f"none of {', '.join(_BROWSERS)} is on the PATH")
    with tempfile.TemporaryDirectory(prefix="gallery") as folder:
        height = _height(browser, html, Path(folder))
        shot = Path(folder) / "shot.png"
        page = Path(folder) / "page.html"
        page.write_text(html, encoding="utf-8")
        _run(browser, Path(folder), f"--screenshot={shot}", f"--window-size={WIDTH},{height}", page)
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(_with_digest(_shrunk(shot), digest(html)))


def digest(html: str) -> str:
    """What tells whether a picture is of this very page."""
    return hashlib.sha256(html.encode()).hexdigest()


def drawn_from(picture: Path) -> str:
    """The digest of the page that a picture was drawn from; empty when it has none."""
    content = picture.read_bytes()
    place = len(_SIGNATURE)
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        data = content[place + 8 : place + 8 + length]
        if kind == b"tEXt" and data.startswith(_KEYWORD + b"\0"):
            return data.partition(b"\0")[2].decode("latin-1")
        place += length + 12
    return ""


def _height(browser: str, html: str, folder: Path) -> int:
    """How high the page is; it is asked by a script, which the page itself forbids."""
    page = folder / "measured.html"
    allowed = html.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")
    page.write_text(
        allowed.replace("</body>", f"<script>{_MEASURE}</script></body>"), encoding="utf-8"
    )
    found = _HEIGHT.search(_run(browser, folder, "--dump-dom", f"--window-size={WIDTH},800", page))
    if found is None:
        raise RuntimeError(f"{browser} did not measure the page")
    return int(found[1])


def _run(browser: str, folder: Path, *arguments: object) -> str:
    profile = tempfile.mkdtemp(dir=folder)
    *options, page = arguments
    command = [browser, *_FLAGS, f"--user-data-dir={profile}", *map(str, options), f"file://{page}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    return done.stdout


def _shrunk(picture: Path) -> bytes:
    """With fewer colours, which text and flat areas do not miss."""
    pngquant = shutil.which("pngquant")
    if pngquant is None:
        return picture.read_bytes()
    command = [pngquant, "--strip", "--nofs", "--speed", "1", "64", "-"]
    return subprocess.run(
        command, input=picture.read_bytes(), capture_output=True, timeout=_SECONDS, check=True
    ).stdout


def _with_digest(content: bytes, text: str) -> bytes:
    data = _KEYWORD + b"\0" + text.encode("latin-1")
    body = b"tEXt" + data
    chunk = struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    head = len(_SIGNATURE) + 25  # IHDR is first and always as long
    return content[:head] + chunk + content[head:]
