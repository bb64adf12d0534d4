"""core.keys: what is built is read back, and notes are told by what they are about."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core import keys

IDS = st.integers(1, 2**31)
MIDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-_:", min_size=1, max_size=60)
TIMES = st.integers(1, 2**45)


@given(MIDS)
def test_a_message_is_found_by_its_key(mid: str) -> None:
    assert keys.mid_of(keys.message(mid)) == mid
    assert keys.edited_at(keys.message(mid)) == 0


@given(MIDS, IDS, TIMES)
def test_an_edit_tells_its_message_and_its_time(mid: str, user: int, when: int) -> None:
    key = keys.event("message_edited", mid, user, when)
    assert keys.mid_of(key) == mid
    assert keys.edited_at(key) == when
    first, last = keys.edits(mid)
    assert first < key < last


@given(IDS, IDS, TIMES)
def test_an_event_of_another_kind_has_no_message(chat: int, user: int, when: int) -> None:
    key = keys.event("bot_started", chat, user, when)
    assert keys.mid_of(key) == ""
    assert keys.edited_at(key) == 0


@given(MIDS, st.integers(0, 10_000))
def test_further_threads_are_counted(mid: str, covered: int) -> None:
    key = keys.further(mid, covered)
    assert keys.first_of(key) == mid
    assert (key == mid) is (covered == 0)


@given(IDS, IDS, st.integers(0, 99))
def test_a_note_about_a_late_reply_names_it(ticket: int, thread: int, revision: int) -> None:
    reply = keys.reply(thread, revision)
    note = keys.note(keys.late(ticket, reply))
    assert keys.is_late_note(note)
    assert keys.late_reply_of(note) == reply
    first, last = keys.late_notes_of(ticket)
    assert first < note < last
    assert not first < keys.note(keys.late(ticket * 10, reply)) < last


@given(IDS, st.floats(0, 2e9))
def test_the_note_of_a_ticket_that_cannot_be_read_is_known(ticket: int, since: float) -> None:
    note = keys.note(keys.unreadable(ticket, since))
    assert keys.is_unreadable_note(note)
    assert not keys.is_unreadable_note(keys.note(keys.adopted(ticket)))
    assert not keys.is_late_note(note)


@given(IDS, st.integers(0, 99))
def test_what_was_given_up_is_read_from_its_note(thread: int, revision: int) -> None:
    reply = keys.reply(thread, revision)
    assert keys.reply_given_up(keys.note(keys.bounce(reply))) == thread
    assert keys.reply_given_up(keys.note(keys.held(reply))) == thread
    assert keys.reply_given_up(keys.note(keys.held(keys.message("mid.1")))) is None
    assert keys.reply_given_up(keys.note(keys.file_lost(reply, "a.pdf"))) is None


@given(IDS, st.integers(0, 99))
def test_a_note_is_found_by_what_it_is_about(thread: int, revision: int) -> None:
    reply = keys.reply(thread, revision)
    for about in (
        keys.held(reply),
        keys.bounce(reply),
        keys.file_lost(reply, "7"),
        keys.late(5, reply),
    ):
        assert keys.is_about(keys.note(about), reply)
    assert not keys.is_about(keys.note(keys.held(keys.reply(thread, revision + 100))), reply)


@given(st.sampled_from([keys.TO_DESK, keys.TO_MAX]), st.integers(0, 2**63 - 1))
def test_a_name_is_read_back(which: str, item_id: int) -> None:
    assert keys.read_name(keys.name(which, item_id)) == (which, item_id)


@given(st.text(max_size=12))
def test_nothing_else_is_a_name(text: str) -> None:
    found = keys.read_name(text)
    assert found is None or text.startswith(f"{found[0]}-")


def test_kinds_in_the_log() -> None:
    assert keys.kind_to_max(keys.reply(1, 0)) == "reply"
    assert keys.kind_to_max(keys.edit(1, 1)) == "edit"
    assert keys.kind_to_max(keys.greeting("x")) == "greeting"
    assert keys.kind_to_max(keys.notice(1, 7200.0)) == "notice"
    assert keys.kind_to_max(keys.known_message(1)) == "other"
    assert keys.is_reply(keys.reply(1, 0))
    assert not keys.is_reply(keys.edit(1, 0))
