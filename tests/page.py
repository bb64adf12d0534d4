"""A page as a strict reader takes it: what is a tag, an attribute, a comment, and what is words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

from maxbridge.core.desk_html import SPLIT
from maxbridge.core.markup import QUOTE
from maxbridge.core.text import GREY

TAGS = frozenset({"div", "blockquote", "br", "span", "a", "b", "i", "u", "s", "code", "pre"})
"""What we write, all of it kept by the desk's purifier (contract freescout-agent-ui.md 1)."""
STYLES = frozenset({GREY, QUOTE, SPLIT})
SCHEMES = re.compile(r"https?://|mailto:|tel:\+?[0-9]{3,15}$")


class Page(HTMLParser):
    """Reads HTML strictly.

    Attributes:
        tags: Every element with its attributes.
        words: All text.
        letters: Every letter of the text with the tags around it; what our own notes say is left out.
        notes: What is written in small grey print beside the text.
        other: Comments, declarations, instructions.
        balanced: Every end tag closed the element opened last.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.balanced = True
        self.other: list[str] = []
        self.words = ""
        self.notes = ""
        self.letters: list[tuple[str, frozenset[str]]] = []
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """The words without the notes beside them."""
        return "".join(letter for letter, _ in self.letters)

    @property
    def hrefs(self) -> list[str]:
        """Where the links lead."""
        return [attributes.get("href") or "" for tag, attributes in self.tags if tag == "a"]

    @property
    def lines(self) -> list[str]:
        """The words as they stand under each other."""
        return [line.replace("\xa0", " ") for line in self.words.split("\n") if line.strip()]

    def is_ours(self) -> bool:
        """Is there nothing but elements, attributes, styles and schemes that we write ourselves?"""
        expected = {"a": {"href"}, "blockquote": {"style"}, "span": {"style"}, "div": {"style"}}
        return (
            self.balanced
            and not self.open
            and not self.other
            and {tag for tag, _ in self.tags} <= TAGS
            and all(set(attributes) <= expected.get(tag, set()) for tag, attributes in self.tags)
            and all(attributes.get("style", GREY) in STYLES for _, attributes in self.tags)
            and all(SCHEMES.match(href) for href in self.hrefs)
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "br":
            self.words += "\n"
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.balanced = self.balanced and bool(self.open) and self.open.pop() == tag
        if tag == "div":
            self.words += "\n"

    def handle_data(self, data: str) -> None:
        self.words += data
        if "span" in self.open:
            self.notes += data
            return
        around = frozenset(self.open)
        self.letters += [(letter, around) for letter in data]

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    def handle_decl(self, decl: str) -> None:
        self.other.append(decl)

    def handle_pi(self, data: str) -> None:
        self.other.append(data)

    def unknown_decl(self, data: str) -> None:
        self.other.append(data)


def first_lines(bodies: Iterable[str]) -> list[str]:
    """The first line of each message in the bodies of threads, in order; several may share a thread."""
    pieces = [
        piece
        for body in bodies
        for piece in re.split(r"<!-- maxbridge(?:-bot)?:\S+ -->", body)
        if piece
    ]
    lines = [re.search(r"<div>(.*?)</div>", each) for each in pieces]
    return [line[1] if line else "" for line in lines]
