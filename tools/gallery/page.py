"""One page of HTML for each picture: the samples under their names, with their authors' view beside."""

from __future__ import annotations

from html import escape

from gallery import chat_look, desk_look
from gallery.entries import Entry, Group

WIDTH = 900
"""Pixels of a picture."""
_CSS = f"""
* {{ box-sizing: border-box; }}
html, body {{ margin: 0; width: {WIDTH}px; background: #f4f6f8; }}
.row {{ display: flex; flex-wrap: wrap; border-bottom: 6px solid #f4f6f8; }}
.row > .name {{ flex: 0 0 210px; padding: 14px 12px 8px 14px; font: 12px/16px "Liberation Mono", monospace;
  color: #55616b; overflow-wrap: anywhere; }}
.row > .look {{ flex: 1; min-width: 0; }}
.row.pair > .name {{ flex: 0 0 100%; padding: 5px 14px; background: #e8ecef; }}
.row.pair > .look {{ flex: 0 0 50%; }}
.row.pair > .desk {{ background: #f1f6fb; }}
"""


def page(group: Group) -> str:
    """The page of a group. It needs nothing from outside itself, and may fetch nothing."""
    rows = "".join(_row(entry) for entry in group.entries if entry.drawn)
    return html_page(group.title, _CSS, rows)


def html_page(title: str, css: str, body: str, language: str = "ru") -> str:
    """A page with the looks of both ends; it may fetch nothing."""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title>"
        f"<style>{css}{desk_look.CSS}{chat_look.CSS}</style></head><body>{body}</body></html>"
    )


def _row(entry: Entry) -> str:
    name = f'<div class="name">{_breakable(entry.sample)}</div>'
    look = f'<div class="look">{entry.drawn}</div>'
    if entry.beside:
        return (
            f'<div class="row pair">{name}<div class="look desk">{entry.beside}</div>{look}</div>'
        )
    return f'<div class="row">{name}{look}</div>'


def _breakable(name: str) -> str:
    """A long name may go on in the next line after a dot or an underscore."""
    return escape(name).replace(".", ".<wbr>").replace("_", "_<wbr>")
