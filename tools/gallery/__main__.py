"""``make gallery``: writes ``docs/gallery.md`` and draws the pictures that are out of date, the READMEs' too."""

from __future__ import annotations

import sys

from gallery.book import DOCUMENT, PICTURES, drawn_groups, text
from gallery.front import pages
from gallery.page import page
from gallery.pictures import NoBrowserError, digest, draw, drawn_from


def main() -> int:
    """Make the gallery."""
    DOCUMENT.write_text(text(), encoding="utf-8")
    print(f"{DOCUMENT.name}: written")
    drawn = {PICTURES / f"{group.name}.png": page(group) for group in drawn_groups()}
    for picture, html in (drawn | pages()).items():
        if picture.exists() and drawn_from(picture) == digest(html):
            continue
        try:
            draw(html, picture)
        except NoBrowserError as error:
            print(f"{picture.name} is out of date and cannot be drawn: {error}", file=sys.stderr)
            return 1
        print(f"{picture.name}: drawn, {picture.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
