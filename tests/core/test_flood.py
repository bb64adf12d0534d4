"""Who sends too much in an hour: each arrival is judged once, and a chat's order is never broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core import pace
from maxbridge.core.pace import HOUR, Arrival, FloodCounter

CHAT, OTHER = 1, 2
AT = 1_800_000_000_000


def page(
    counter: FloodCounter, count: int, *, at: int = AT, limit: int = 10, **more: object
) -> int:
    """So many events of one chat in one page; gives how many are put aside."""
    waiting = {CHAT} if more.get("waits") else set()
    aside = counter.put_aside([Arrival(CHAT, at)] * count, limit=limit, waiting=waiting)
    counter.stored()
    assert aside == sorted(aside)
    return sum(aside)


def test_the_limit_is_of_an_hour_from_the_first_one_on() -> None:
    counter = FloodCounter()
    assert page(counter, 10) == 0
    assert page(counter, 5, at=AT + HOUR - 1) == 5
    assert page(counter, 15, at=AT + HOUR) == 5
    assert HOUR == 60 * 60 * 1000
    calm = FloodCounter()
    assert page(calm, 10) == 0
    assert page(calm, 10, at=AT + HOUR) == 0


def test_what_comes_in_the_next_hour_waits_behind_what_this_page_puts_aside() -> None:
    arrivals = [None, *[Arrival(CHAT, AT)] * 11, Arrival(CHAT, AT + HOUR), Arrival(OTHER, AT)]
    aside = FloodCounter().put_aside(arrivals, limit=10, waiting=())
    assert [at for at, each in enumerate(aside) if each] == [11, 12]


def test_the_chats_that_were_heard_of_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_MOST", 2)
    counter = FloodCounter()
    for chat in (1, 2, 1, 3):
        counter.put_aside([Arrival(chat, AT)], limit=10, waiting=())
        counter.stored()
    assert list(counter._hours) == [1, 3]


def test_another_chat_has_its_own_hour() -> None:
    counter = FloodCounter()
    arrivals = [Arrival(CHAT, AT)] * 11 + [Arrival(OTHER, AT)] * 10
    aside = counter.put_aside(arrivals, limit=10, waiting=())
    assert [at for at, each in enumerate(aside) if each] == [10]


def test_no_limit_is_no_limit_but_what_waits_keeps_its_place() -> None:
    counter = FloodCounter()
    assert page(counter, 10_000, limit=0) == 0
    assert page(counter, 3, limit=0, waits=True) == 3


def test_what_waits_is_waited_for_long_after_the_hour() -> None:
    assert page(FloodCounter(), 1, at=AT + 99 * HOUR, waits=True) == 1


def test_coming_and_going_is_not_kept_waiting_unless_it_is_the_flood() -> None:
    counter = FloodCounter()
    came = Arrival(CHAT, AT, content=False)
    assert counter.put_aside([came] * 12, limit=10, waiting={CHAT}) == [False] * 10 + [True] * 2


def test_a_page_that_could_not_be_stored_comes_again_and_counts_once() -> None:
    counter = FloodCounter()
    for _ in range(20):
        assert counter.put_aside([Arrival(CHAT, AT)] * 9, limit=10, waiting=()) == [False] * 9
    counter.stored()
    assert page(counter, 2) == 1


def test_a_release_begins_the_hour_anew() -> None:
    counter = FloodCounter()
    assert page(counter, 12) == 2
    assert page(counter, 1, waits=True) == 1
    assert page(counter, 10) == 0
    assert page(counter, 1) == 1


arrivals = st.builds(
    Arrival, st.sampled_from([CHAT, OTHER]), st.integers(AT, AT + 3 * HOUR), st.booleans()
)


@given(st.lists(st.one_of(st.none(), arrivals), max_size=80), st.integers(0, 8), st.booleans())
def test_words_of_a_chat_never_overtake_what_is_put_aside(
    found: list[Arrival | None], limit: int, waits: bool
) -> None:
    waiting = {CHAT} if waits else set()
    aside = FloodCounter().put_aside(found, limit=limit, waiting=waiting)
    assert len(aside) == len(found)
    for chat in (CHAT, OTHER):
        held = chat in waiting
        for each, is_aside in zip(found, aside, strict=True):
            if each is None:
                assert not is_aside
            elif each.chat_id == chat:
                assert is_aside or not (held and each.content)
                held = held or is_aside
    if not limit:
        assert not any(
            is_aside
            for each, is_aside in zip(found, aside, strict=True)
            if each and each.chat_id == OTHER
        )
