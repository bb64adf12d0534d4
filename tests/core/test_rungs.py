"""Simpler forms of what a service does not take: core.rungs towards the desk, core.parts.simpler towards MAX."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.inbound_files import Rung, next_rung
from maxbridge.core.parts import FILE, Action, Part, PartFile, simpler

# --- towards the desk -----------------------------------------------------------------------------


def way_down(*, files: bool, words: bool, ticket: bool, unreadable: bool = False) -> list[Rung]:
    rung: Rung | None = Rung.NONE
    way = []
    while rung is not None:
        way.append(rung)
        rung = next_rung(rung, files=files, words=words, ticket=ticket, unreadable=unreadable)
        assert len(way) < 10
    return way[1:]


def test_first_without_files_then_words_as_a_file_then_a_new_ticket() -> None:
    # Case A3: a firewall may dislike the words, PHP the files, and a ticket may have grown too large.
    everything = way_down(files=True, words=True, ticket=True)
    assert everything == [
        Rung.WITHOUT_FILES,
        Rung.WITHOUT_FILES | Rung.WORDS_AS_FILE,
        Rung.WITHOUT_FILES | Rung.WORDS_AS_FILE | Rung.NEW_TICKET,
    ]


@pytest.mark.parametrize(
    ("files", "words", "ticket", "way"),
    [
        (False, False, False, []),
        (True, False, False, [Rung.WITHOUT_FILES]),
        (False, True, False, [Rung.WORDS_AS_FILE]),
        (False, False, True, [Rung.NEW_TICKET]),
        (False, True, True, [Rung.WORDS_AS_FILE, Rung.WORDS_AS_FILE | Rung.NEW_TICKET]),
        (True, False, True, [Rung.WITHOUT_FILES, Rung.WITHOUT_FILES | Rung.NEW_TICKET]),
        (True, True, False, [Rung.WITHOUT_FILES, Rung.WITHOUT_FILES | Rung.WORDS_AS_FILE]),
    ],
)
def test_only_what_changes_something_is_tried(
    *, files: bool, words: bool, ticket: bool, way: list[Rung]
) -> None:
    assert way_down(files=files, words=words, ticket=ticket) == way


@pytest.mark.parametrize("files", [True, False])
@pytest.mark.parametrize("words", [True, False])
def test_of_a_ticket_that_cannot_be_read_nothing_is_known_but_that(
    *, files: bool, words: bool
) -> None:
    # Case A5: the message itself was never tried, so it keeps its files and words.
    assert way_down(files=files, words=words, ticket=True, unreadable=True) == [Rung.NEW_TICKET]
    assert way_down(files=files, words=words, ticket=False, unreadable=True) == []


def test_each_step_leaves_out_one_thing_more_and_nothing_comes_back() -> None:
    flags = list(itertools.product((False, True), repeat=4))
    for rung, (files, words, ticket, unreadable) in itertools.product(range(8), flags):
        below = next_rung(rung, files=files, words=words, ticket=ticket, unreadable=unreadable)
        if below is not None:
            assert Rung(rung) in below
            assert int.bit_count(int(below)) == int.bit_count(rung) + 1


# --- towards MAX ----------------------------------------------------------------------------------


def photo(number: int = 1) -> PartFile:
    return PartFile(number, "a.jpg", "https://desk/1", kind="image", token="t")


def document(number: int = 2) -> PartFile:
    return PartFile(number, "a.pdf", "https://desk/2", kind=FILE, token="t")


def ways_down(part: Part) -> list[list[Part]]:
    """The forms of a message one below the other, as far as its first part goes."""
    forms = [[part]]
    while (below := simpler(forms[-1][0])) is not None:
        forms.append(below)
        assert len(forms) < 10
    return forms[1:]


def test_pictures_as_files_then_words_alone_then_plain_text() -> None:
    forms = ways_down(Part("<b>Да</b>", html=True, files=(photo(), document())))
    words, *files = forms[0]
    # The words do not wait for the files, and MAX takes a picture as a file, uploaded anew.
    assert (words.text, words.html, words.files) == ("<b>Да</b>", True, ())
    assert [(file.kind, file.token) for each in files for file in each.files] == [(FILE, "")] * 2
    assert forms[1:] == [[Part("<b>Да</b>", html=False)]]


def test_words_with_a_file_go_without_it() -> None:
    assert simpler(Part("Да", files=(document(),))) == [Part("Да")]


@pytest.mark.parametrize(
    "part",
    [
        Part("Да"),
        Part(files=(document(),)),
        Part(action=Action.DELETE, target="m"),
        Part(action=Action.DELETE, target="m", html=True),
        Part("Да", action=Action.EDIT, target="m"),
    ],
)
def test_what_has_no_simpler_form(part: Part) -> None:
    assert simpler(part) is None


def test_a_change_keeps_its_files_and_loses_its_markup() -> None:
    # What MAX has of a message with a picture stays; only its words change.
    change = Part("<b>Да</b>", html=True, files=(photo(),), action=Action.EDIT, target="m")
    assert simpler(change) == [Part("<b>Да</b>", files=(photo(),), action=Action.EDIT, target="m")]


files = st.lists(st.sampled_from([photo(), document()]), max_size=3).map(tuple)
parts = st.builds(
    Part,
    st.sampled_from(["", "Да", "<b>Да</b>"]),
    html=st.booleans(),
    files=files,
    action=st.sampled_from(Action),
    target=st.just("m"),
)


@given(part=parts)
@law
def test_every_way_down_ends_and_keeps_the_words_to_the_end(part: Part) -> None:
    seen: set[Part] = {part}
    waiting = [part]
    while waiting:
        form = waiting.pop()
        below = simpler(form)
        if below is None:
            continue
        assert below
        assert form not in below
        assert "".join(each.text for each in below) == form.text
        assert sum(len(each.files) for each in below) <= len(form.files)
        assert all(
            (each.action, each.target) == (form.action, form.target) for each in below if each.text
        )
        new = [each for each in below if each not in seen]
        assert len(seen) < 50
        seen.update(new)
        waiting += new
