"""core.burst: which messages may stand in one thread, how many of them, and how it looks."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_samples import BOT, MARINA, OLEG, PDF, PHOTO, event, link
from laws import law, texts
from maxbridge.core.desk_html import (
    LEAST,
    MOST,
    MOST_BYTES,
    SPLIT,
    Block,
    behind_html,
    how_many_fit,
    is_plain,
    may_follow,
)
from maxbridge.core.events import Attachment, Event, LinkKind, What
from maxbridge.core.markup import marked_keys, marker, text_to_html
from maxbridge.i18n import EN, RU
from page import Page

AT = 1_800_000_000_000
CONTACT = Attachment("contact", "Олег", detail="+7 900 000-00-00")
SHARE = Attachment("share", "Страница", url="https://a.example")


def local_time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


MOSCOW = ZoneInfo("Europe/Moscow")


def moscow_time(at: float) -> datetime:
    return datetime.fromtimestamp(at, MOSCOW)


# --- which ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plain",
    [
        event("слова"),
        event("см. https://a.example", SHARE),
        event("", link=link(LinkKind.FORWARD, "чужие слова")),
        event("да", link=link(LinkKind.REPLY, "вопрос", PHOTO)),
        event("да", link=link(LinkKind.REPLY)),
        event("слова", chat_type="chat"),
    ],
)
def test_words_are_plain(plain: Event) -> None:
    assert is_plain(plain)
    assert may_follow(event("первое", chat_type=plain.chat_type), plain)


@pytest.mark.parametrize(
    "other",
    [
        event(" \n"),
        event(""),
        event("слова", PHOTO),
        event("", PDF),
        event("слова", CONTACT),
        event("слова", Attachment("story")),
        event("", link=link(LinkKind.FORWARD, "чужие слова", PHOTO)),
        event("", link=link(LinkKind.FORWARD, "", CONTACT)),
        event("", link=link(LinkKind.REPLY, "вопрос")),
        event("слова", sender=None),
        event("слова", what=What.EDITED),
        event("", what=What.REMOVED),
        event("слова", what=What.CALLBACK),
        event("слова", what=What.STARTED),
        event("слова", message=replace(event("слова").message, broken=("markup",))),
    ],
)
def test_whatever_else_brings_or_asks_for_something_is_not(other: Event) -> None:
    assert not is_plain(other)
    assert not may_follow(event("первое"), other)


def test_only_the_same_person_in_the_same_kind_of_chat_follows() -> None:
    assert may_follow(event("первое"), event("второе"))
    assert not may_follow(event("первое"), event("второе", sender=OLEG))
    assert not may_follow(event("первое"), event("второе", sender=BOT))
    assert not may_follow(event("первое"), event("второе", chat_type="chat"))
    assert not may_follow(event("первое", sender=None), event("второе", sender=MARINA))


# --- how many -------------------------------------------------------------------------------------------


def blocks(*sizes: int) -> list[Block]:
    return [
        Block(f"<div>{'x' * size}</div>", marker(f"mid.{each}"), AT)
        for each, size in enumerate(sizes)
    ]


def test_a_thread_has_its_most() -> None:
    assert how_many_fit(100, blocks(*[10] * 80)) == MOST - 1
    assert how_many_fit(100, blocks(10, 10)) == 2
    assert how_many_fit(100, []) == 0
    assert LEAST < MOST


def test_what_does_not_fit_ends_it_though_a_smaller_one_would_fit() -> None:
    assert how_many_fit(100, blocks(10, MOST_BYTES, 10)) == 1
    assert how_many_fit(MOST_BYTES, blocks(1)) == 0
    (block,) = blocks(10)
    assert how_many_fit(MOST_BYTES - block.size, [block]) == 1
    assert how_many_fit(MOST_BYTES - block.size + 1, [block]) == 0


made = st.lists(
    st.builds(
        lambda text, key, at: Block(
            f"<div>{text_to_html(text * 20)}</div>", marker(f"mid.{key}"), at
        ),
        texts,
        st.text("abcdef0123456789._:-", min_size=1, max_size=40),
        st.one_of(st.just(0), st.integers(AT - 10**9, AT + 10**9)),
    ),
    max_size=70,
)


@law
@given(st.integers(0, MOST_BYTES), made, st.sampled_from([RU, EN]))
def test_no_thread_is_over_the_limit_and_every_marker_stands_in_order_behind_its_words(
    first: int, found: list[Block], language: Any
) -> None:
    fitting = found[: how_many_fit(first, found)]
    html = behind_html(AT, fitting, language, local_time)
    assert not fitting or first + len(html.encode()) <= MOST_BYTES
    assert [marker(key) for key in marked_keys(html)] == [each.marker for each in fitting]
    pieces = html
    for each in fitting:
        piece, found_marker, pieces = pieces.partition(each.marker)
        assert found_marker
        assert piece.startswith(f'<div style="{SPLIT}">')
        assert piece.endswith(f"{each.html}</div>")
        page = Page(piece)
        assert page.balanced
        assert not page.open
        assert not page.other
    assert pieces == ""


# --- when -----------------------------------------------------------------------------------------------


def times(*minutes: float, first: int = AT, language: Any = RU) -> list[str]:
    found = [
        Block(
            f"<div>{each}</div>",
            marker(f"mid.{each}"),
            0 if minute < 0 else int(AT + minute * 60_000),
        )
        for each, minute in enumerate(minutes)
    ]
    html = behind_html(first, found, language, local_time)
    lines = [re.search(r"🕓[^<]*", each) for each in html.split(SPLIT)[1:]]
    return [line[0] if line else "" for line in lines]


def test_a_time_stands_where_that_of_the_one_before_misleads() -> None:
    # AT is 08:00 UTC.
    assert times(0, 1) == ["", ""]
    assert times(1 + 1 / 60_000) == ["🕓 Написано в 08:01"], "a millisecond over a minute"
    assert times(0, 1.5, 2, 2.4, 3) == ["", "🕓 Написано в 08:01", "", "", "🕓 Написано в 08:03"]
    assert times(0.9, 1.8) == ["", "🕓 Написано в 08:01"], "slow typing adds up"


def test_another_day_is_named() -> None:
    assert times(1440) == ["🕓 Написано 16.01.2027 в 08:00 (UTC)"]
    assert times(1440, language=EN) == ["🕓 Written 2027-01-16 at 08:00 (UTC)"]


def test_unknown_times_are_not_made_up() -> None:
    assert times(-1, 0) == ["", ""]
    assert times(0, 5, first=0) == ["🕓 Написано 15.01.2027 в 08:00 (UTC)", "🕓 Написано в 08:05"]


def test_the_date_is_told_where_agents_would_take_a_time_for_another_days() -> None:
    # Written around midnight of Moscow, in a thread of a minute after it.
    midnight = datetime(2026, 12, 1, tzinfo=MOSCOW).timestamp()
    first, *others = (int((midnight + seconds) * 1000) for seconds in (-300, -200, -100, 60))
    found = [Block(f"<div>{at}</div>", marker(f"mid.{at}"), at) for at in others]

    def times(now: float) -> list[str]:
        html = behind_html(first, found, RU, moscow_time, now)
        return re.findall(r"🕓 Написано ([^<]*)<", html)

    assert times(midnight + 61) == [
        "30.11.2026 в 23:56 (MSK)", "в 23:58", "01.12.2026 в 00:01 (MSK)",
    ]  # fmt: skip
    # Two days later the first one says which day it was.
    assert times(midnight + 2 * 86400) == ["в 23:56", "в 23:58", "01.12.2026 в 00:01 (MSK)"]
