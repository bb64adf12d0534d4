"""What of a ticket is history when the database is made anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.events import Conversation, Fate, KnownThread, Thread, chat_of_mid, written_at
from maxbridge.core.marks import marks
from maxbridge.core.markup import marker
from maxbridge.core.old_talks import (
    OldTalk,
    OldTicket,
    given_up,
    is_foreign,
    keys_at_desk,
    marked_at,
    messages_at_desk,
    old_ticket,
    record_of,
    replies_of,
    unfinished,
)
from maxbridge.core.plan_outbound import OutboundPolicy, TicketFacts, body_hash, plan_outbound

MID = "mid.000000001e89b02101a17720cde80001"


def test_an_id_names_its_chat_and_time() -> None:
    assert chat_of_mid(MID) == 512340001
    assert written_at(MID) == pytest.approx(0x01A17720CDE8 / 1000)
    assert chat_of_mid("mid.ffffffffffffffff01a17720cde80001") == -1


@pytest.mark.parametrize("mid", ["", "mid.1", MID.upper(), MID + "0", "x" + MID, MID + "\n"])
def test_an_id_of_another_form_names_nothing(mid: str) -> None:
    assert (chat_of_mid(mid), written_at(mid)) == (None, None)


def thread(number: int, at: float, kind: str = "message", body: str = "<div>ответ</div>") -> Thread:
    author = "user" if kind in ("message", "note") else "customer"
    return Thread(
        number, kind, "published", body, at, source="web", author_type=author, customer_id=1
    )


def ticket(*threads: Thread, number: int = 7) -> Conversation:
    return Conversation(
        number, number, "active", "published", customer_id=1, threads=threads, type="chat"
    )


def test_markers_tell_what_is_at_the_desk() -> None:
    found = ticket(
        thread(1, 10.0, "customer", f"a{marker('mid.a')}"),
        thread(2, 30.0, "customer", f"b{marker('mid.b+3')}"),
        thread(3, 20.0, "customer", f"c{marker('message_edited:mid.a:1:2')}"),
        thread(4, 40.0, "note", f"n{marker('note:bounce:thread:99:0')}"),
        replace(thread(5, 50.0, "customer", f"d{marker('mid.other')}"), customer_id=2),
    )
    assert messages_at_desk(found) == ["mid.b", "mid.a", "mid.other"]
    assert keys_at_desk(found) == {
        "message_created:mid.a",
        "message_created:mid.b",
        "message_created:mid.other",
        "message_edited:mid.a:1:2",
    }
    assert given_up(found) == {99}


def test_several_messages_in_one_thread_are_each_known_the_newest_first() -> None:
    words = "".join(f"<div>{key}</div>{marker(f'mid.{key}')}" for key in "abc")
    found = ticket(thread(1, 10.0, "customer", words), thread(2, 20.0, "customer", marker("mid.d")))
    assert messages_at_desk(found) == ["mid.d", "mid.c", "mid.b", "mid.a"]
    assert keys_at_desk(found) == {f"message_created:mid.{key}" for key in "abcd"}
    assert marked_at(found) == {"mid.a": 10.0, "mid.b": 10.0, "mid.c": 10.0, "mid.d": 20.0}


def test_the_current_ticket_is_the_living_one_that_spoke_last() -> None:
    old, new = OldTicket(1, spoke_at=5.0), OldTicket(2, spoke_at=9.0)
    dead = OldTicket(3, spoke_at=20.0, deleted=True)
    given_away = OldTicket(4, spoke_at=30.0, foreign=True)
    assert OldTalk(1, 1, 1, (new, old, dead, given_away)).current == 2
    assert OldTalk(1, 1, 1, (dead, given_away)).current == 3
    assert OldTalk(1, 1, 1, (given_away,)).current is None


def test_a_card_that_only_others_have_is_not_his() -> None:
    cards = {10: {1}, 20: {2}, 30: {1, 2}}
    at = OldTicket(1, customer_id=20, spoke_at=5.0)
    assert record_of(1, [at], cards) == 10
    assert record_of(2, [at], cards) == 20
    assert record_of(1, [replace(at, customer_id=40)], cards) == 40  # an agent made a better one
    assert record_of(1, [replace(at, customer_id=30)], cards) == 30
    assert record_of(3, [], cards) is None
    assert is_foreign(1, 20, cards)
    assert not is_foreign(1, 30, cards)
    assert not is_foreign(1, None, cards)


THREADS = st.lists(
    st.tuples(
        st.integers(100, 110),
        st.sampled_from(["message", "customer", "note"]),
        st.sampled_from(["a", "b"]),
    ),
    min_size=1,
    max_size=8,
)


@given(THREADS, st.data())
def test_of_what_was_there_exactly_the_unsent_replies_leave_and_of_what_comes_all(
    rows: list[tuple[int, str, str]], data: st.DataObject
) -> None:
    threads = [
        thread(number, float(at), kind, body)
        for number, (at, kind, body) in enumerate(rows, start=1)
    ]
    found = ticket(*threads)
    asked = [each.id for each in replies_of(found, 0.0)]
    unsent = set(data.draw(st.lists(st.sampled_from(asked), unique=True))) if asked else set()
    old = old_ticket(
        found,
        unsent=unsent,
        hashed={each.id: body_hash(each) for each in threads},
        read_at=111.0,
    )
    newest = max(each.created_at for each in threads)
    later = thread(99, newest + data.draw(st.integers(0, 5)), body="новый")
    known = {
        each.thread_id: KnownThread(Fate.HISTORY, each.created_at, each.body_hash)
        for each in old.handled
    }
    plan = plan_outbound(
        ticket(*threads, later),
        known=known,
        facts=TicketFacts(1, history_cutoff=old.border, complete_until=old.border),
        policy=OutboundPolicy(0.0),
        now=1000.0,
    )
    sent = {each.thread.id for each in plan.verdicts if each.fate is Fate.SENT}
    assert sent == unsent | {99}
    assert old.unread == bool(unsent)


def test_replies_of_the_last_days_are_known_one_by_one_and_drafts_and_older_ones_are_not() -> None:
    day = 86400.0
    threads = [
        thread(1, 1.0),
        thread(2, 7 * day),
        replace(thread(3, 7 * day), state="draft"),
        thread(4, 8 * day),
        thread(5, 8 * day, "customer"),
    ]
    old = old_ticket(
        ticket(*threads),
        unsent=[],
        hashed={each.id: body_hash(each) for each in threads},
        read_at=8 * day,
    )
    assert old.border == 8 * day - 1.0
    assert [each.thread_id for each in old.handled] == [2, 4]


def test_notes_tell_what_our_bot_has_returned_and_what_another() -> None:
    notes = [
        thread(number, float(number), "note", marks(f"note:relink:{90 + number}", bot))
        for number, bot in enumerate((66, 77, None), 1)
    ]
    assert given_up(ticket(*notes)) == {91, 92, 93}
    assert given_up(ticket(*notes), 66) == {91, 93}
    assert given_up(ticket(*notes), 77) == {92, 93}


@pytest.mark.parametrize(("there", "expected"), [(1, {1}), (2, {2}), (3, set())])
def test_a_message_is_unfinished_where_no_thread_brings_what_its_last_one_promises(
    there: int, expected: set[int]
) -> None:
    bodies = [marks(MID, 66, covered=2), marks(f"{MID}+2", 66, covered=4), marks(f"{MID}+4", 66)]
    threads = [
        thread(number, float(number), "customer", body)
        for number, body in enumerate(bodies[:there], 1)
    ]
    assert unfinished(ticket(*threads), 66) == expected
    assert unfinished(ticket(*threads), 77) == set(), "another bot's"
