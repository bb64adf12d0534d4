"""What the property tests share: how hypothesis runs here, and texts as people and attackers write them."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

law = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
"""The same examples in every run, so that a red test is red for everybody."""

PIECES = (
    "Здравствуйте! ", "order 15, ", " ", "  ", "\n", "\n\n", "\t", ". ", "\r\n", "\r",
    "<b>", "</div>", "<script>", "&", "&lt;", "&#60;", '"', "'", "--", "-->", "<!--", "{name}", "{", "%",
    "👍", "👍🏽", "❤️", "👨‍👩‍👧", "🇷🇺", "1️⃣", "и\u0306", "e\u0301\u0323", "مرحبا", "\u200b", "\u202e",
    "\x00", "\x07", "\x1b[31m", "\x7f", "\ufffe", "\uffff", "\ufffd",
)  # fmt: skip

texts = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(max_size=8)),
    max_size=8,
).map("".join)
"""Any Unicode text without surrogates."""

wire_texts = st.lists(
    st.one_of(
        st.sampled_from([*PIECES, "\ud83d", "\ude00", "\ud83d\ude00", "\ude00\ud83d"]),
        st.text(st.characters(), max_size=6),
    ),
    max_size=8,
).map("".join)
"""What JSON can bring: surrogates too, in pairs, alone and in the wrong order."""


def visible(text: str) -> str:
    """The characters of a text that are not white space."""
    return "".join(text.split())


def in_order(text: str) -> str:
    """Of these, all but what would show letters in another order than they stand in: that is left out."""
    return visible(text).replace("\u202d", "").replace("\u202e", "")
