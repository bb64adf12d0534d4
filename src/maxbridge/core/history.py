"""Decide what a chat's history says about a message in doubt, and when to believe it: pure rules.

MAX takes no idempotency key, so a message whose outcome is unknown is looked up in the chat
(contract max.md 8). Sends to one chat are sequential and the id of every accepted message is known.
So an **unclaimed** message of the bot (one that no delivery of ours has) that is newer than what
was known when the attempt began is either the one in doubt or another program's::

    unclaimed message in the history                 verdict
    the same words, as many files                    FOUND: it arrived
    an earlier version of it (after a restore)       EDITED: it arrived before the agent changed it
    of another one in doubt                          skipped: that one's look-up finds it
    anything else                                    UNCLAIMED: MAX may show it in a way unknown to us; no second
                                                     copy is sent, a person decides
    one that cannot be read; or the history          UNDECIDABLE: a person decides
    does not reach back to the attempt
    none                                             ABSENT: it did not arrive

Words are the same if they fold to the same text (:func:`fold`). The kinds of files are not
compared: MAX may show a picture as a file.

MAX may show a message some seconds after it accepted it, and may carry out a call long after we
gave it up. So only FOUND and EDITED are believed at once; any other verdict must be read twice
(:func:`look_again_in`)::

    MAX, or something before it, answered     30 s after another look-up that said the same; times count from when
                                              the look-up was asked for, because its answer may be
                                              slow
    no answer, a gateway timeout,             90 s after the attempt began, and 10 s after another look-up
    or the process ended during the call      that said the same

FOUND must be read twice, too, if another message in doubt has the same words: it may be that one.

MAX does not document whether it changes stored texts (contract max.md 12). So both texts are folded
for the comparison: Unicode form (NFC or NFD), white space and line breaks, invisible characters
(soft hyphens, zero width spaces, direction marks, variation selectors), typography (quotes, dashes,
the ellipsis), HTML entities and tags, and the way a link is shown (scheme, final slash) do not
count. Words count, letter by letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from html import unescape

from maxbridge.core.parts import Part
from maxbridge.core.reply.max_html import plain, relinked, spelled_out
from maxbridge.core.text import bare, clean

SHOWN = 30.0
"""Seconds after the answer to an attempt by which its message is in the history, if it exists."""
CARRIED_OUT = 90.0
"""Seconds after an attempt without an answer: a hanging request may be carried out late."""
APART = 10.0
"""Seconds between two look-ups that must agree."""
_MOMENT = 0.001
_FAR_BACK = 86400.0
"""Seconds before the attempt that a chat without any known message of ours is searched. Wide, because MAX's
clock and ours may differ; a known message ends the search by itself."""
_LATELY = 3600.0
"""Seconds before the attempt, by MAX's clock, from which on nobody's message may be the one in doubt whatever it
says. Older ones were there before."""
_ALIKE = 0.5
"""Share of words that two versions of one reply have in common."""


class Finding(StrEnum):
    """What the history says about the message."""

    FOUND = "found"
    EDITED = "edited"
    ABSENT = "absent"
    UNCLAIMED = "unclaimed"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a look-up in the history.

    Attributes:
        finding: What the history says.
        mid: The message that it is about, if there is one.
        shared: Another message in doubt has the same words, so it may be that one.
    """

    finding: Finding
    mid: str | None = None
    shared: bool = False

    @property
    def is_final(self) -> bool:
        """Whether a later reading cannot change it."""
        return self.finding in (Finding.FOUND, Finding.EDITED) and not self.shared


@dataclass(frozen=True, slots=True)
class Message:
    """What distinguishes a message from others.

    Attributes:
        ways: Its folded words, in every form in which MAX may show them.
        words: Its folded words, as we would show them.
        files: The number of its files.
    """

    ways: frozenset[str]
    words: str
    files: int

    @classmethod
    def of(cls, part: Part) -> Message:
        """Return the message that a part is sent as."""
        words = fold(plain(part.text) if part.html else part.text)
        return cls(ways_shown(part.text, html=part.html), words, len(part.files))

    @property
    def says_nothing(self) -> bool:
        """Whether it has neither words nor files to recognise it by."""
        return not self.words and not self.files

    def is_shown_as(self, said: Said) -> bool:
        """Whether the message in the history may be this one."""
        return not self.says_nothing and self.files == said.files and said.words in self.ways

    def is_like(self, other: Message) -> bool:
        """Whether MAX may show both messages alike."""
        return self.files == other.files and not self.ways.isdisjoint(other.ways)

    def is_version_of(self, said: Said) -> bool:
        """Whether an agent may have made this message from that one by changing some words."""
        if not self.words or self.files != said.files:
            return False
        return SequenceMatcher(None, said.words.split(), self.words.split()).ratio() >= _ALIKE


@dataclass(frozen=True, slots=True)
class Said:
    """A message in the history that is the bot's, or may be.

    Attributes:
        mid: MAX's id; empty if unreadable.
        at: When it was sent, in seconds, MAX's clock.
        words: What MAX shows, folded; empty for a known message.
        files: The number of its files of any kind. Buttons and link previews do not count.
        known: It is known as another delivery of ours.
        later: It became known after the attempt began. Then it does not mark where older messages
            begin: a held delivery is sent, or found, after later ones.
        ours: The bot is its sender; False if MAX names no sender.
        readable: MAX told its content.
    """

    mid: str
    at: float
    words: str = ""
    files: int = 0
    known: bool = False
    later: bool = False
    ours: bool = True
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for.

    Attributes:
        message: The message in doubt.
        attempted_at: When its attempt began, in seconds, MAX's clock, or earlier.
        others: Other messages in doubt of this chat.
        since: When it may first have been sent, if before the attempt: a lost database may have
            sent it. Then other messages of that time are unclaimed, too, and the agent may have
            edited it.
    """

    message: Message
    attempted_at: float
    others: Sequence[Message] = ()
    since: float | None = None

    def ends_at(self, said: Said) -> bool:
        """Whether the search ends at this message."""
        began = self.attempted_at if self.since is None else self.since
        at_watermark = self.since is None and said.known and not said.later
        return at_watermark or said.at < began - _FAR_BACK


def judge(said: Sequence[Said], search: Search, *, complete: bool) -> Verdict:
    """Decide what became of a message in doubt.

    Args:
        said: The bot's messages in the chat, newest first, as far as the history was read.
        search: What to look for.
        complete: The history was read to its end; otherwise it must reach a message that ends the
            search.
    """
    found: dict[Finding, str] = {}
    for each in said:
        if search.ends_at(each):
            complete = True
            break
        finding = _alone(each, search)
        if finding is not None:
            # Of several equal ones, the oldest is the one that this attempt made.
            found[finding] = each.mid
    if Finding.FOUND in found:
        shared = any(map(search.message.is_like, search.others))
        return Verdict(Finding.FOUND, found[Finding.FOUND], shared)
    if Finding.EDITED in found and complete:
        return Verdict(Finding.EDITED, found[Finding.EDITED])
    if Finding.UNCLAIMED in found:
        return Verdict(Finding.UNCLAIMED, found[Finding.UNCLAIMED])
    if Finding.UNDECIDABLE in found or not complete:
        return Verdict(Finding.UNDECIDABLE)
    return Verdict(Finding.ABSENT)


def _alone(said: Said, search: Search) -> Finding | None:
    """Return what one message of the bot says about the one in doubt; None for nothing."""
    if said.known:
        return None
    lately = search.since is None and said.at >= search.attempted_at - _LATELY
    if not said.readable:
        return Finding.UNDECIDABLE if lately else None
    if search.message.is_shown_as(said):
        return Finding.FOUND
    if any(other.is_shown_as(said) for other in search.others):
        return None
    if search.since is not None and search.message.is_version_of(said):
        return Finding.EDITED
    return Finding.UNCLAIMED if lately and said.ours else None


def look_again_in(age: float, *, answered: bool, since_look: float | None) -> float | None:
    """Return the seconds until the history must be read again before "not in it" is believed.

    All times are those at which the history was asked for: the answer shows that moment.

    Args:
        age: Seconds since the attempt in doubt began, by our clock; negative if the clock was set
            back since.
        answered: The call ended with an answer, not with a timeout.
        since_look: Seconds (monotonic) since an earlier look-up after the attempt that said the
            same; None if there was none, or it is not remembered.

    Returns:
        None if the last reading may be believed.
    """
    if answered:
        left = SHOWN - (since_look or 0.0)
        return left if left > _MOMENT else None
    # How long ago the attempt was nobody knows when the clock was set back: at least as long as the first look.
    left = CARRIED_OUT - (age if age >= 0 else since_look or 0.0)
    if since_look is None:
        return max(left, APART)
    left = max(left, APART - since_look)
    return left if left > _MOMENT else None


# --- A text folded so far that what MAX may do to it on the way into its history does not matter.


_QUOTES = "\"'«»‹›“”„‟‘’‚‛`´′″＂＇〝〞〟"
_DASHES = "-‐‑‒–—―−﹘﹣－"
_SIGNS = str.maketrans({**dict.fromkeys(_QUOTES, '"'), **dict.fromkeys(_DASHES, "-"), "…": "..."})
_ENTITY = re.compile(r"&(?:amp;)*(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_ROW = re.compile(r"^&(?:amp;)+(?=.)")
_TAG = re.compile(
    r"</?(?:a|b|blockquote|code|del|em|h[1-6]|i|ins|mark|pre|s|strong|u)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SCHEME = re.compile(r"\bhttps?://(?:www\.)?", re.IGNORECASE)
_LAST_SLASH = re.compile(r"(?<=\w)/+(?=[\s)\]\"'>.,;:!?]|$)")
_DASHED = re.compile(r"-{2,}")
_DOTTED = re.compile(r"\.{3,}")


def fold(text: str) -> str:
    """Fold a text for comparison; folding is idempotent.

    Texts with the same words fold to the same text whatever their typography; different words stay
    different. A text that shows nothing folds to the empty text.
    """
    folded = _once(text)
    while folded != text:
        # An entity may hold a tag or another entity, and what shows nothing may part the letters of either.
        text, folded = folded, _once(folded)
    return folded


def ways_shown(text: str, *, html: bool) -> frozenset[str]:
    """Return the folded forms in which MAX may show a message: it may spell out the addresses of links.

    Args:
        text: As it was sent.
        html: The text is MAX's HTML; otherwise plain.
    """
    if not html:
        return frozenset({fold(text)})
    shown = (
        plain(text),
        spelled_out(text),
        relinked(text, lambda words, address: f"{words} {address}"),
        relinked(text, lambda words, address: f"{words}: {address}"),
        relinked(text, lambda words, address: f"[{words}]({address})"),
        relinked(text, lambda _words, address: address),
    )
    return frozenset(map(fold, shown))


def _once(text: str) -> str:
    text = clean(text)
    while (meant := _ENTITY.sub(_meant, text)) != text:
        text = meant
    text = _TAG.sub("", _BREAK.sub(" ", unicodedata.normalize("NFC", text)))
    text = bare(text, joined=False).translate(_SIGNS)
    text = _LAST_SLASH.sub("", _SCHEME.sub("", text))
    text = _DOTTED.sub("...", _DASHED.sub("-", text))
    return " ".join(text.split())


def _meant(entity: re.Match[str]) -> str:
    """Return an entity's character; nested escapes (``&amp;amp;lt;``) are resolved at once."""
    return unescape(_ROW.sub("&", entity.group()))
