"""core.history: what a chat's history says of a message in doubt, and when that is believed."""

from __future__ import annotations

import itertools
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.history import (
    APART,
    CARRIED_OUT,
    SHOWN,
    Finding,
    Message,
    Said,
    Search,
    Verdict,
    fold,
    judge,
    look_again_in,
)
from maxbridge.core.parts import Part, PartFile

NOW = 1_793_000_000.0
ABSENT, UNDECIDABLE = Verdict(Finding.ABSENT), Verdict(Finding.UNDECIDABLE)


def found(mid: str) -> Verdict:
    return Verdict(Finding.FOUND, mid)


def unclaimed(mid: str) -> Verdict:
    return Verdict(Finding.UNCLAIMED, mid)


def message(text: str = "Да.", *, files: int = 0, html: bool = True) -> Message:
    each = PartFile(1, "a.jpg", "https://desk/1", kind="image")
    return Message.of(Part(text, html=html, files=(each,) * files))


def search(what: Message | None = None, **more: Any) -> Search:
    return Search(what or message(), NOW, **more)


def said(mid: str, text: str = "Да.", ago: float = 0.0, **more: Any) -> Said:
    return Said(mid, NOW + 1 - ago, fold(text), **more)


KNOWN = said("known", ago=60, known=True)


@pytest.mark.parametrize(
    ("history", "verdict"),
    [
        ([], ABSENT),
        ([KNOWN], ABSENT),
        ([said("m"), KNOWN], found("m")),
        # Of several equal ones, the oldest is the one that this attempt made.
        ([said("b"), said("a"), KNOWN], found("a")),
        # What is older than the last known one was there before.
        ([KNOWN, said("m", ago=61)], ABSENT),
        ([said("x", known=True), said("m", ago=1)], ABSENT),
        # Nobody's message with other words may be this one: it is never followed by a second copy.
        ([said("m", "Да!"), KNOWN], unclaimed("m")),
        ([said("m", ""), KNOWN], unclaimed("m")),
        ([said("m", files=1), KNOWN], unclaimed("m")),
        ([said("o", "Другое"), said("m"), KNOWN], found("m")),
        # A day of what was said before is looked at, since clocks differ; of an hour all of it counts.
        ([said("m", ago=80_000)], found("m")),
        ([said("m", ago=90_000)], ABSENT),
        ([said("m", "Другое", ago=3000)], unclaimed("m")),
        ([said("m", "Другое", ago=4000)], ABSENT),
        # MAX did not say whose it is, or what it says.
        ([said("m", ours=False), KNOWN], found("m")),
        ([said("m", "Другое", ours=False), KNOWN], ABSENT),
        ([said("", "", readable=False), KNOWN], UNDECIDABLE),
        ([said("", "", readable=False, ours=False), KNOWN], UNDECIDABLE),
        ([said("", "", readable=False, ago=4000)], ABSENT),
        ([KNOWN, said("", "", readable=False, ago=61)], ABSENT),
    ],
)
def test_a_send_that_nothing_followed(history: list[Said], verdict: Verdict) -> None:
    assert judge(history, search(), complete=True) == verdict


def test_a_history_that_does_not_reach_back_decides_nothing_but_what_it_shows() -> None:
    assert judge([], search(), complete=False) == UNDECIDABLE
    assert judge([KNOWN], search(), complete=False) == ABSENT
    assert judge([said("m", ago=90_000)], search(), complete=False) == ABSENT
    assert judge([said("m")], search(), complete=False) == found("m")
    assert judge([said("m", "Другое")], search(), complete=False) == unclaimed("m")


def test_what_is_looked_up_after_others_were_sent_passes_them_over() -> None:
    # What became known after the attempt began says nothing of where it stands: a reply that was held is sent, or
    # found, after others that came after it.
    since = said("x", known=True, later=True)
    history = [since, said("m", ago=5), said("y", known=True, ago=9), said("o", ago=10)]
    assert judge(history, search(), complete=True) == found("m")
    assert judge([since, said("m", "Другое", ago=5)], search(), complete=True) == unclaimed("m")
    assert judge([since, said("m", "Другое", ago=4000)], search(), complete=True) == ABSENT
    assert judge([since], search(), complete=False) == UNDECIDABLE


def test_what_another_one_in_doubt_explains_is_that_ones() -> None:
    others = [message("Другое"), message("", files=2)]
    mine = search(others=others)
    assert judge([said("o", "Другое"), KNOWN], mine, complete=True) == ABSENT
    assert judge([said("o", "", files=2), KNOWN], mine, complete=True) == ABSENT
    assert judge([said("o", "Другое", files=1), KNOWN], mine, complete=True) == unclaimed("o")
    assert judge([said("m"), said("o", "Другое")], mine, complete=True) == found("m")


def test_what_another_one_in_doubt_says_too_may_be_that_ones() -> None:
    alike = [message(others) for others in ("Нет", "<b>Да.</b>")]
    verdict = judge([said("m"), KNOWN], search(others=alike), complete=True)
    assert verdict == Verdict(Finding.FOUND, "m", shared=True)
    assert not verdict.is_final
    assert found("m").is_final
    # With another number of files it is none of them.
    assert judge([said("m"), KNOWN], search(others=[message(files=1)]), complete=True) == found("m")


# --- a database that is gone may have sent it ---------------------------------------------------------


def lost(text: str, **more: Any) -> Search:
    return search(message(text), since=NOW - 7200, **more)


def test_a_lost_database_may_have_sent_an_earlier_version() -> None:
    new = lost("Приходите завтра к десяти утра")
    old = said("m", "Приходите завтра к девяти утра", ago=3000)
    edited = Verdict(Finding.EDITED, "m")
    assert judge([old], new, complete=True) == edited
    assert judge([old], new, complete=False) == UNDECIDABLE
    assert judge([said("x"), old, said("n", "Совсем другое")], new, complete=True) == edited
    # With another number of files, or as the words of another one in doubt, it is none.
    assert judge([said("m", old.words, files=1)], new, complete=True) == ABSENT
    taken = lost(new.message.words, others=[message(old.words)])
    assert judge([old], taken, complete=True) == ABSENT
    # What else the lost database sent says nothing of this one.
    assert judge([said("m", "Здравствуйте!")], new, complete=True) == ABSENT


def test_a_lost_database_is_searched_from_a_day_before_its_backup() -> None:
    old = lost("Да.")
    assert judge([said("m", ago=7200 + 80_000)], old, complete=True) == found("m")
    assert judge([said("m", ago=7200 + 90_000)], old, complete=True) == ABSENT


# --- what MAX may do to a message ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (unicodedata.normalize("NFD", "Йогурт и ёлка"), "Йогурт и ёлка"),
        ("не\u00adпре\u00adменно\u200b", "непременно"),
        ("<b>Да</b> &amp; &quot;нет&quot;", "Да & «нет»"),
        ("Строка\n\n  вторая ", "Строка вторая"),
        ('<a href="https://romashka.ru/x">здесь</a>', "здесь (https://romashka.ru/x/)"),
        ("5 — 3…", "5 - 3..."),
    ],
)
def test_how_max_shows_the_words_does_not_matter(sent: str, shown: str) -> None:
    history = [said("m", shown), KNOWN]
    assert judge(history, search(message(sent)), complete=True) == found("m")


def test_a_message_without_words_is_known_by_the_number_of_its_files() -> None:
    album = search(message("", files=3))
    assert judge([said("m", "", files=3), KNOWN], album, complete=True) == found("m")
    assert judge([said("m", "", files=2), KNOWN], album, complete=True) == unclaimed("m")
    assert judge([said("m", "и слова", files=3), KNOWN], album, complete=True) == unclaimed("m")


def test_a_message_of_nothing_is_never_found() -> None:
    for nothing in ("", "\u200b", "<b> </b>"):
        assert judge([said("m", nothing), KNOWN], search(message(nothing)), complete=True) == (
            unclaimed("m")
        )


texts = st.sampled_from(["Да.", "Нет", "", "Другое"])
entries = st.builds(
    said,
    st.uuids().map(str),
    texts,
    st.floats(0, 100_000),
    files=st.integers(0, 2),
    known=st.booleans(),
    later=st.booleans(),
    ours=st.booleans(),
    readable=st.booleans(),
)


@given(history=st.lists(entries, max_size=6), complete=st.booleans())
@law
def test_nothing_is_called_absent_beside_a_message_of_the_bots_that_nobody_knows(
    history: list[Said], *, complete: bool
) -> None:
    history.sort(key=lambda each: -each.at)
    verdict = judge(history, search(), complete=complete)
    reached = list(itertools.takewhile(lambda each: not each.known or each.later, history))
    doubtful = [
        each
        for each in reached
        if not each.known and each.at >= NOW - 3600 and (each.ours or not each.readable)
    ]
    if doubtful:
        assert verdict.finding is not Finding.ABSENT
    if verdict.finding is Finding.FOUND:
        (match,) = [each for each in reached if each.mid == verdict.mid]
        assert match.words == "Да."
        assert match.files == 0
        assert match.readable


# --- when it is believed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "answered", "since_look", "wait"),
    [
        # The first look-up is never believed.
        (1.0, True, None, SHOWN),
        (1.0, False, None, CARRIED_OUT - 1),
        (25.0, True, None, SHOWN),
        (100.0, False, None, APART),
        (1e6, True, None, SHOWN),
        # The second one is, when both times are over. An error may have been long in coming, so its time runs
        # from the first look-up.
        (31.0, True, 30.0, None),
        (30.0, True, 29.0, 1.0),
        (31.0, True, 4.0, 26.0),
        (89.0, False, 80.0, 1.0),
        (90.0, False, 80.0, None),
        (90.0, False, 9.0, 1.0),
        # The clock was set back since the attempt: it is at least as old as the first look-up.
        (-3600.0, True, None, SHOWN),
        (-3600.0, False, None, CARRIED_OUT),
        (-3600.0, False, 60.0, 30.0),
        (-3600.0, False, 90.0, None),
        (-3600.0, True, 30.0, None),
        # It was set forward: two look-ups apart there are in any case.
        (90_000.0, False, 1.0, 9.0),
    ],
)
def test_when_no_trace_is_believed(
    *, age: float, answered: bool, since_look: float | None, wait: float | None
) -> None:
    again = look_again_in(age, answered=answered, since_look=since_look)
    assert again == (wait if wait is None else pytest.approx(wait))


@given(
    age=st.floats(-1e7, 1e7),
    answered=st.booleans(),
    since_look=st.none() | st.floats(0, 1e7),
)
@law
def test_waiting_as_long_as_was_said_is_enough(
    *, age: float, answered: bool, since_look: float | None
) -> None:
    wait = look_again_in(age, answered=answered, since_look=since_look)
    if wait is None:
        assert since_look is not None
        assert since_look > APART - 0.01
        return
    assert 0 < wait <= CARRIED_OUT
    later = (since_look or 0.0) + wait
    assert (
        look_again_in(age + wait, answered=answered, since_look=later) is None
        or age < 0 < age + wait
    )
