"""Parse a mail into lines: words, position in the HTML, whether quoted; and the elements that begin a quote.

Sources: contract freescout.md 12, and bodies of the programs named beside each mark. Programs on
the way put something before the names of ids and classes (Outlook ``x_``, Gmail ``m_123``, Yandex a
number) or after them (Mail.ru ``_mr_css_attr``), so a name counts as a part of the value.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from maxbridge.core.reply.elements import (
    BLOCKS,
    Closed,
    Element,
    Opened,
    read_html,
    read_html_with_places,
)
from maxbridge.core.reply.looks import HIDDEN, SPACES_KEPT, Looks
from maxbridge.core.text import UNSEEN

_BROKEN_TAG = re.compile(r"<[a-zA-Z][^<>]*\Z")
"""FreeScout cuts a reply in the middle of the tag that has its mark."""
_QUOTE_SIGN = re.compile(r"(?:>|&gt;|\w{1,5}>(?=[\s>]|$)|[|¦│]\s)")
"""Before each line of a quote; The Bat! puts its writer's initials there."""


@dataclass(slots=True)
class MailLine:
    """One visible line.

    Attributes:
        place: Position of its first visible character, or of its first picture's tag.
        text: Its words, single-spaced, nothing invisible; empty for a line with a picture only.
        in_quote: It is in a blockquote or after a ``>``.
        in_signature: It is in an element for signatures.
        has_picture: It contains a picture.
        is_rule: It is a horizontal rule.
    """

    place: int
    text: str = ""
    in_quote: bool = False
    in_signature: bool = False
    has_picture: bool = False
    is_rule: bool = False

    @property
    def is_seen(self) -> bool:
        """Whether it has words or a picture."""
        return bool(self.text) or self.has_picture


@dataclass(slots=True)
class Mark:
    """An element that begins a quote.

    Attributes:
        kind: What follows it.
        place: Its position in the HTML.
        first: Number of the first line in it, or after it.
        in_quote: It is itself in a blockquote.
    """

    kind: Kind
    place: int
    first: int
    in_quote: bool = False


@dataclass(slots=True)
class MailPage:
    """A parsed mail.

    Attributes:
        lines: In order; rules included, empty lines not.
        marks: Elements that begin a quote, in order.
    """

    lines: list[MailLine] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


def read_mail(body: str) -> MailPage:
    """Parse the body of a mail.

    Args:
        body: HTML cleaned by :func:`clean`.
    """
    reader = _Reader()
    for place, event in read_html_with_places(body):
        match event:
            case Opened(element):
                reader.opened(place, element)
            case Closed(element):
                reader.closed(element)
            case words:
                reader.words(place, body, words)
    page = reader.finish()
    if broken := _BROKEN_TAG.search(body, max(0, body.rfind("<"))):
        page.marks.append(Mark(Kind.REST, broken.start(), len(page.lines)))
    return page


class _Reader:
    def __init__(self) -> None:
        self._page = MailPage()
        self._looks = Looks()
        self._blockquotes = self._blockquotes_so_far = 0
        self._signatures: set[Element] = set()
        self._containers: dict[Element, tuple[int, int]] = {}
        """Open elements whose whole content is a quote, unless there is a blockquote in it: number of
        their first line, and of blockquotes before it."""
        self._line: MailLine | None = None
        self._words: list[str] = []

    def finish(self) -> MailPage:
        self._end_line()
        return self._page

    def opened(self, place: int, element: Element) -> None:
        self._looks.enter(element)
        kind, signs = mark_of(element), is_signature(element)
        if element.tag in BLOCKS or element.tag == "br" or kind or signs:
            self._end_line()
        if element.tag == "hr":
            self._page.lines.append(MailLine(place, is_rule=True, in_quote=self._blockquotes > 0))
        if element.tag == "img" and not self._looks.on(HIDDEN):
            self._begun(place).has_picture = True
        if kind:
            self._page.marks.append(
                Mark(kind, place, len(self._page.lines), in_quote=self._blockquotes > 0)
            )
        if element.tag == "blockquote":
            self._blockquotes += 1
            self._blockquotes_so_far += 1
        elif kind is Kind.QUOTE:
            self._containers[element] = len(self._page.lines), self._blockquotes_so_far
        if signs:
            self._signatures.add(element)

    def closed(self, element: Element) -> None:
        is_container = element in self._containers
        if element.tag in BLOCKS or is_container or element in self._signatures:
            self._end_line()
        self._signatures.discard(element)
        if element.tag == "blockquote":
            self._blockquotes -= 1
        if is_container:
            first, blockquotes = self._containers.pop(element)
            if blockquotes == self._blockquotes_so_far:
                for line in self._page.lines[first:]:
                    line.in_quote = True

    def words(self, place: int, body: str, words: str) -> None:
        if self._looks.on(HIDDEN):
            return
        if not self._looks.on(SPACES_KEPT):
            self._write(place, words)
            return
        at = place
        for number, line in enumerate(words.split("\n")):
            if number:
                self._end_line()
                # An entity may stand for a line feed; then the place of the words is near enough.
                at = body.find("\n", at, place + 8 * len(words)) + 1 or at
            self._write(at, line)

    def _write(self, place: int, words: str) -> None:
        if not words or words.isspace():
            if self._line is not None:
                self._words.append(words)
            return
        self._begun(place)
        self._words.append(words)

    def _begun(self, place: int) -> MailLine:
        if self._line is None:
            self._line = MailLine(
                place,
                in_quote=self._blockquotes > 0,
                in_signature=bool(self._signatures),
            )
        return self._line

    def _end_line(self) -> None:
        if self._line is None:
            return
        line, self._line = self._line, None
        line.text = visible("".join(self._words))
        self._words = []
        if _QUOTE_SIGN.match(line.text):
            line.in_quote = True
        if line.is_seen:
            self._page.lines.append(line)


def visible(text: str) -> str:
    """Return a line without invisible characters, single-spaced."""
    return " ".join(UNSEEN.sub("", unicodedata.normalize("NFKC", text)).split())


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that a body says, visible or not.

    Attributes:
        text: Its words, also those that stand for pictures; a line feed between blocks.
        addresses: Addresses of its links.
        pictures: Addresses of its pictures.
    """

    text: str
    addresses: tuple[str, ...]
    pictures: tuple[str, ...]


def read_said(body: str) -> Said:
    """Extract everything that a body says."""
    words: list[str] = []
    addresses: list[str] = []
    pictures: list[str] = []
    for event in read_html(body):
        match event:
            case Opened(element) | Closed(element):
                if element.tag in BLOCKS or element.tag == "br":
                    words.append("\n")
                if isinstance(event, Opened):
                    addresses += filter(None, [element.attributes.get("href")])
                    pictures += filter(None, [element.attributes.get("src")])
                    words += (f"\n{alt}\n" for alt in [element.attributes.get("alt")] if alt)
            case text:
                words.append(text)
    return Said("".join(words), tuple(addresses), tuple(pictures))


# --- Elements by which mail programs and FreeScout tell where a quote or a signature begins.


class Kind(StrEnum):
    """What follows a mark."""

    QUOTE = "quote"
    """The answered message. An agent may have answered between its lines, or below it."""
    REST = "rest"
    """Nothing but older messages to the end of the mail."""
    RULE = "rule"
    """As above, if a mail header follows: pages that agents paste from have such lines, too."""


_QUOTES = (
    "gmail_quote",  # Gmail, K-9, Thunderbird for Android
    "gmail_attr",
    "moz-cite-prefix",  # Thunderbird
    "mail-quote-collapse",  # Mail.ru
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",  # Zoho
    "reply-intro",  # Roundcube
    "messagereplysection",  # Spark
    "quote-header",
    "quoted-message",
)
_RESTS = (
    "fsnotifreplyabove",  # FreeScout's notification
    "fsreplyabove",
    "divrplyfwdmsg",  # Outlook
    "appendonsend",  # Outlook on the web
    "mail-editor-reference-message-container",  # Outlook mobile
    "outlookmessageheader",
    "stopspelling",  # Hotmail
    "moz-forward-container",
    "zwchr",  # Zimbra
)
_SIGNATURE = "signature"
"""gmail_signature, moz-signature, ms-outlook-mobile-signature, data-signature-widget, …"""
_OUTLOOK_RULE = re.compile(
    r"border-top[^;]*(?:#e1e1e1|#b5c4df|rgb\(225,225,225\)|rgb\(181,196,223\))"
    r"|border-color:(?:#e1e1e1|#b5c4df|rgb\(225,225,225\)|rgb\(181,196,223\))(?:currentcolor|;|$)"
)
"""The line above the header of desktop Outlook, as Outlook writes it and as others write it anew."""
_NOTIFICATION_COLOUR = "#f8f9f9"
"""Background of FreeScout's notification: stays when ids and classes are gone."""
_MAIL_SCHEMA = "schema.org/emailmessage"


def mark_of(element: Element) -> Kind | None:
    """Return what follows an element; None if it is no mark."""
    attributes = element.attributes
    if not attributes:
        return None
    names = _names(element)
    if any(each in names for each in _RESTS) or any("data-fs" in each for each in attributes):
        return Kind.REST
    if attributes.get("bgcolor", "").lower() == _NOTIFICATION_COLOUR:
        return Kind.REST
    if _MAIL_SCHEMA in attributes.get("itemtype", "").lower():
        return Kind.REST
    if element.tag == "hr" and attributes.get("tabindex") == "-1":
        return Kind.REST
    if _OUTLOOK_RULE.search("".join(attributes.get("style", "").lower().split())):
        return Kind.RULE
    if any(each in names for each in _QUOTES) or attributes.get("name") == "quote":
        return Kind.QUOTE
    # On pages that people paste from, "cite" leads to the page.
    is_of_mail = attributes.get("type") == "cite" or attributes.get("cite", "").startswith("mid:")
    if element.tag == "blockquote" and is_of_mail:
        return Kind.QUOTE
    return None


def is_signature(element: Element) -> bool:
    """Whether it is an element for a program's signature."""
    return bool(element.attributes) and (
        _SIGNATURE in _names(element) or any(_SIGNATURE in each for each in element.attributes)
    )


def _names(element: Element) -> str:
    attributes = element.attributes
    return " ".join(attributes.get(each, "") for each in ("id", "class", "name")).lower()
