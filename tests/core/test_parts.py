"""core.parts: which words and files of a reply travel together, and what follows when MAX says no."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from laws import law
from maxbridge.core.filetype import Family
from maxbridge.core.parts import (
    GROUP,
    Action,
    Part,
    PartFile,
    apart,
    as_plain_files,
    by_content,
    edits_of,
    plan_parts,
    without,
)


def file(number: int, kind: Family | None = None, token: str = "") -> PartFile:
    return PartFile(number, f"{number}.bin", f"http://desk/{number}", 10, kind, token)


def ids(parts: list[Part]) -> list[tuple[str, list[int]]]:
    return [(part.text, [each.id for each in part.files]) for part in parts]


files = st.builds(
    file,
    st.integers(1, 99),
    st.sampled_from(["image", "video", "audio", "file"]),
    st.text(max_size=2),
)
parts_with_files = st.builds(
    Part, st.sampled_from(["", "words"]), st.booleans(), st.lists(files, max_size=6).map(tuple)
)


# --- planning ---------------------------------------------------------------------------------------------


def test_words_alone_are_one_message_each() -> None:
    assert ids(plan_parts(["one", "two"], [], [])) == [("one", []), ("two", [])]


def test_pictures_go_with_the_last_words_pasted_ones_first() -> None:
    attached = [(file(2), "image/png"), (file(3), "image/jpeg")]
    assert ids(plan_parts(["one", "two"], [file(1)], attached)) == [("one", []), ("two", [1, 2, 3])]


@pytest.mark.parametrize(
    "mime", ["application/pdf", "image/webp", "image/svg+xml", "audio/mpeg", ""]
)
def test_what_max_takes_for_no_picture_goes_alone_behind_the_words(mime: str) -> None:
    attached = [(file(1), mime), (file(2), "image/png")]
    assert ids(plan_parts(["words"], [], attached)) == [("words", [2]), ("", [1])]


def test_a_reply_of_files_alone_has_no_empty_words() -> None:
    assert ids(plan_parts([], [], [(file(1), "image/png"), (file(2), "text/csv")])) == [
        ("", [1]),
        ("", [2]),
    ]


def test_many_pictures_are_grouped_below_the_limit_of_max() -> None:
    pictures = [file(number) for number in range(25)]
    made = plan_parts(["words"], pictures, [])
    assert [len(part.files) for part in made] == [GROUP, GROUP, 5]
    assert [each.id for part in made for each in part.files] == list(range(25))
    assert [part.text for part in made] == ["words", "", ""]


# --- planning again ---------------------------------------------------------------------------------------


def test_by_content_pictures_stay_with_the_words_until_one_is_none_and_the_order_is_kept() -> None:
    part = Part(
        "words", files=(file(1, "image"), file(2, "file"), file(3, "video"), file(4, "audio"))
    )
    assert ids(by_content(part)) == [("words", [1]), ("", [2]), ("", [3]), ("", [4])]


def test_by_content_one_file_with_words_is_two_messages() -> None:
    # MAX wants a file or a sound to be the only attachment (contract max.md 5.1).
    assert ids(by_content(Part("words", files=(file(1, "file"),)))) == [("words", []), ("", [1])]
    alone = Part(files=(file(1, "file"),))
    assert by_content(alone) == [alone]


@law
@given(parts_with_files)
def test_by_content_is_final_and_every_message_of_it_is_what_max_wants(part: Part) -> None:
    made = by_content(part)
    assert [again for each in made for again in by_content(each)] == made
    for each in made:
        kinds = {one.kind for one in each.files}
        assert kinds <= {"image", "video"} or (len(each.files) == 1 and not each.text)


@law
@given(parts_with_files, st.sampled_from([by_content, apart, as_plain_files]))
def test_no_way_of_planning_again_loses_words_or_files(part: Part, way: object) -> None:
    assume(not part.is_empty)
    made = way(part)  # type: ignore[operator]
    assert "".join(each.text for each in made) == part.text
    assert sorted(one.id for each in made for one in each.files) == sorted(
        one.id for one in part.files
    )
    assert not any(each.is_empty for each in made)


def test_what_is_refused_as_a_picture_is_uploaded_anew_as_a_file() -> None:
    # A token is good for the kind that it was made for only.
    made = as_plain_files(
        Part("words", html=True, files=(file(1, "image", "token"), file(2, "video", "t")))
    )
    assert ids(made) == [("words", []), ("", [1]), ("", [2])]
    assert made[0].html
    assert [(one.kind, one.token) for each in made for one in each.files] == [("file", "")] * 2


def test_a_change_sends_no_file_again_whatever_is_refused() -> None:
    change = Part("a", files=(file(1, "image", "t"),), action=Action.EDIT, target="mid.1")
    assert as_plain_files(change) == [Part("a", action=Action.EDIT, target="mid.1")]


def test_a_file_that_cannot_be_had_leaves_the_rest() -> None:
    part = Part("words", files=(file(1), file(2)))
    assert ids(without(part, 0)) == [("words", [2])]
    assert without(Part(files=(file(1),)), 0) == []


# --- edits ------------------------------------------------------------------------------------------------


def test_an_edit_changes_the_words_in_place() -> None:
    old = [("mid.1", Part("one", html=True)), ("mid.2", Part("two", html=True))]
    made = edits_of(old, [Part("one", html=True), Part("2", html=True)], same=frozenset())
    assert made == [Part("2", html=True, action=Action.EDIT, target="mid.2")]


def test_an_edit_that_changes_nothing_visible_makes_nothing() -> None:
    old = [("mid.1", Part("one", files=(file(1, "image", "t"),)))]
    assert edits_of(old, [Part("one", files=(file(1),))], same=frozenset({1})) == []


def test_a_longer_text_goes_on_in_a_new_message_a_shorter_one_takes_the_rest_back() -> None:
    old = [("mid.1", Part("one")), ("mid.2", Part("two"))]
    longer = edits_of(old, [Part("one"), Part("two"), Part("three")], same=frozenset())
    assert longer == [Part("three")]
    shorter = edits_of(old, [Part("one")], same=frozenset())
    assert shorter == [Part(action=Action.DELETE, target="mid.2")]
    assert not shorter[0].is_empty


def test_files_that_appear_late_are_sent_behind_and_those_there_are_not_sent_again() -> None:
    old = [("mid.1", Part("words", files=(file(1, "image", "t"),)))]
    new = [Part("words", files=(file(1), file(2)))]
    assert edits_of(old, new, same=frozenset({1})) == [Part(files=(file(2),))]


def test_a_message_of_a_picture_alone_has_no_words_to_change() -> None:
    old = [("mid.1", Part("words")), ("mid.2", Part(files=(file(1, "file", "t"),)))]
    new = [Part("other"), Part(files=(file(1),))]
    assert edits_of(old, new, same=frozenset({1})) == [
        Part("other", action=Action.EDIT, target="mid.1")
    ]


def test_a_picture_that_was_taken_out_goes_with_its_message_and_the_rest_is_sent_anew() -> None:
    here, there = file(1, "image", "t1"), file(2, "image", "t2")
    old = [("mid.1", Part("words", files=(here, there)))]
    new = [Part("other", files=(file(2),))]
    assert edits_of(old, new, same=frozenset({1, 2})) == [
        Part(action=Action.DELETE, target="mid.1"),
        Part("other", files=(there,)),
    ]


def test_a_message_of_pictures_alone_loses_those_that_were_taken_out() -> None:
    here, there = file(1, "image", "t1"), file(2, "image", "t2")
    old = [("mid.1", Part(files=(here, there))), ("mid.2", Part(files=(file(3, "file", "t3"),)))]
    new = [Part(files=(file(2),)), Part(files=(file(3),))]
    assert edits_of(old, new, same=frozenset({1, 2, 3})) == [
        Part(action=Action.DELETE, target="mid.1"),
        Part(files=(there,)),
    ]
    assert edits_of(old[:1], [Part("words")], same=frozenset({1, 2})) == [
        Part(action=Action.DELETE, target="mid.1"),
        Part("words"),
    ]


def test_pictures_outlive_the_words_that_they_came_with() -> None:
    picture = file(1, "image", "t")
    old = [("mid.1", Part("words", files=(picture,)))]
    assert edits_of(old, [Part(files=(file(1),))], same=frozenset({1})) == [
        Part(action=Action.DELETE, target="mid.1"),
        Part(files=(picture,)),
    ]


def test_of_a_picture_without_an_id_nobody_can_tell_whether_it_was_taken_out() -> None:
    old = [("mid.1", Part("words", files=(file(0, "image", "t"),)))]
    assert edits_of(old, [Part("words")], same=frozenset({0})) == []


def test_a_changed_message_remembers_its_pictures_for_the_next_edit() -> None:
    picture = file(1, "image", "t")
    old = [("mid.1", Part("words", files=(picture,)))]
    (change,) = edits_of(old, [Part("other", files=(file(1),))], same=frozenset({1}))
    assert change == Part("other", files=(picture,), action=Action.EDIT, target="mid.1")


replies = st.lists(st.sampled_from(["a", "b", "c"]), max_size=4).flatmap(
    lambda texts: st.lists(st.integers(1, 5), unique=True, max_size=5).map(
        lambda pictures: plan_parts(texts, map(file, pictures), [])
    )
)


@law
@given(replies, replies)
def test_after_an_edit_the_customer_has_the_words_and_the_pictures_of_the_edited_reply(
    old: list[Part], new: list[Part]
) -> None:
    shown = {f"mid.{number}": part for number, part in enumerate(old)}
    had = frozenset(each.id for part in old for each in part.files)
    for number, change in enumerate(edits_of(list(shown.items()), new, same=had)):
        match change.action:
            case Action.EDIT:
                shown[change.target] = replace(shown[change.target], text=change.text)
                assert shown[change.target].files == change.files
            case Action.DELETE:
                del shown[change.target]
            case Action.SEND:
                shown[f"new.{number}"] = change
    assert sorted(each.text for each in shown.values() if each.text) == sorted(
        each.text for each in new if each.text
    )
    assert sorted(each.id for part in shown.values() for each in part.files) == sorted(
        each.id for part in new for each in part.files
    )


@law
@given(
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=4),
    st.lists(st.sampled_from(["a", "b", "d"]), max_size=4),
)
def test_after_an_edit_the_customer_reads_the_edited_reply(old: list[str], new: list[str]) -> None:
    shown = {f"mid.{number}": text for number, text in enumerate(old)}
    delivered = [(mid, Part(text)) for mid, text in shown.items()]
    for number, change in enumerate(
        edits_of(delivered, [Part(text) for text in new], same=frozenset())
    ):
        match change.action:
            case Action.EDIT:
                shown[change.target] = change.text
            case Action.DELETE:
                del shown[change.target]
            case Action.SEND:
                shown[f"new.{number}"] = change.text
    assert list(shown.values()) == new


def test_a_part_without_words_and_files_is_empty_unless_it_deletes() -> None:
    assert Part().is_empty
    assert not Part(action=Action.DELETE, target="mid").is_empty
    assert not replace(Part(), text="x").is_empty
