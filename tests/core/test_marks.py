"""core.marks: whose a thread is, where several bots share a desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk_samples import AT, CUSTOMER, question, thread, ticket
from laws import law
from maxbridge.core.events import Conversation, Fate
from maxbridge.core.marks import (
    GIVEN,
    bot_of,
    covered_by,
    last_came_through_us,
    marks,
    may_be_of,
    opening,
    own_keys,
    voices,
)
from maxbridge.core.markup import has_marker, marked_keys
from maxbridge.core.plan_outbound import OutboundPolicy, TicketFacts, plan_outbound

BOTS = (66, 77, 88)
CHATS = {66: 5_001, 77: 5_002, 88: 5_003}


def mid(chat_id: int, number: int = 1) -> str:
    return f"mid.{chat_id:016x}{number:016x}"


def test_a_thread_names_its_bot_beside_its_message() -> None:
    body = "<div>да</div>" + marks("mid.1+2", 66)
    assert bot_of(body) == 66
    assert marked_keys(body) == ["mid.1+2"]
    assert has_marker(body, "mid.1+2")
    assert (own_keys(body, 66), own_keys(body, 77)) == (["mid.1+2"], [])


def test_a_thread_says_whether_more_of_its_message_follows() -> None:
    part = "<div>да</div>" + marks("mid.1+2", 66, covered=3)
    assert (bot_of(part), covered_by(part), marked_keys(part)) == (66, 3, ["mid.1+2"])
    assert covered_by(marks("mid.1+3", 66)) is None


def test_what_names_no_bot_may_be_anybodys() -> None:
    old = marks("mid.1", None)
    assert bot_of(old) is None
    assert may_be_of(old, 66)
    assert may_be_of(marks("mid.1", 66), None), "before MAX has named ours"


def test_older_threads_are_judged_by_the_chat_that_their_message_names() -> None:
    threads = [
        question(1, body=marks(mid(CHATS[66]), None)),
        question(2, body=marks(mid(CHATS[77]), None)),
        question(3, body=marks(f"message_edited:{mid(CHATS[77])}:50:1", None)),
        question(4, body=marks("of another make", None)),
        question(5, body="<div>по почте</div>"),
        question(6, body=marks(mid(CHATS[66]), 77)),
    ]
    judged = voices(threads, 66, lambda chat: chat == CHATS[66])
    assert judged.ours == {1: True, 2: False, 3: False, 6: False}


said = st.lists(
    st.tuples(
        st.sampled_from([*BOTS, None]),  # a customer's message through a bot, or a reply
        st.integers(0, 3),  # seconds after the one before
        st.booleans(),  # the mark names the bot
    ),
    max_size=12,
)


@given(said)
@law
def test_a_reply_leaves_through_one_bot_the_one_written_to_last(
    rows: list[tuple[int | None, int, bool]],
) -> None:
    threads, at, last = [], AT, None
    expected: dict[int, int | None] = {}
    for number, (bot, seconds, signed) in enumerate(rows, 1):
        at += seconds
        if bot is None:
            threads.append(thread(number, created_at=at))
            expected[number] = last
        else:
            mark = marks(mid(CHATS[bot], number), bot if signed else None)
            threads.append(question(number, body=mark, created_at=at))
            last = bot
    first = next((bot for bot, _, _ in rows if bot is not None), None)
    for number, bot in expected.items():
        senders = [each for each in BOTS if number in _sent(ticket(*threads), each, CHATS)]
        # Where nobody has written before, those have it whose customer's words the ticket was begun with.
        sender = first if bot is None else bot
        assert senders == ([sender] if sender is not None else list(BOTS))


def _sent(conversation: Conversation, bot: int, chats: Mapping[int, int]) -> set[int]:
    judged = voices(conversation.threads or (), bot, lambda chat: chat == chats[bot])
    plan = plan_outbound(
        conversation,
        known={},
        facts=TicketFacts(CUSTOMER, voices=judged),
        policy=OutboundPolicy(),
        now=AT + 3600.0,
    )
    return {each.thread.id for each in plan.verdicts if each.fate is Fate.SENT}


def test_the_last_words_before_a_moment_say_whose_card_it_is() -> None:
    threads = [
        question(1, body=marks("a", 66), created_at=AT),
        question(2, body=marks("b", 77), created_at=AT + 10),
    ]
    judged = voices(threads, 66, lambda _chat: False)
    assert last_came_through_us(threads, judged, AT + 5) is True
    assert last_came_through_us(threads, judged, AT + 15) is False
    assert last_came_through_us(threads, judged, AT - 1) is None


def test_a_copy_of_old_words_is_as_old_as_they_are() -> None:
    first, second = (mid(CHATS[66], int((AT - ago) * 1000) << 16) for ago in (60, 30))
    threads = [
        question(1, body=marks(first, 66), created_at=AT - 60),
        question(2, body=marks(second, 77), created_at=AT - 30),
        question(3, body=marks(first, 66), created_at=AT),
    ]
    judged = voices(threads, 66, lambda _chat: False)
    assert last_came_through_us(threads, judged, AT) is False
    stamped = [*threads, question(4, body=marks(f"edited:x:{int(AT * 1000)}", 66), created_at=AT)]
    assert last_came_through_us(stamped, voices(stamped, 66, lambda _chat: False), AT) is True


@pytest.mark.parametrize(
    ("first", "card", "begun"),
    [
        (-3600.0, CUSTOMER, 2),  # older than the ticket: a merge brought it
        (0.0, CUSTOMER, 1),
        (0.0, CUSTOMER + 1, 2),  # the same second, of the ticket's own customer
    ],
)
def test_a_ticket_is_begun_by_the_first_words_that_are_no_older_than_it(
    first: float, card: int, begun: int
) -> None:
    threads = [
        question(1, created_at=AT + first, customer_id=card),
        question(2, created_at=AT, customer_id=CUSTOMER),
    ]
    found = opening(replace(ticket(*threads), created_at=AT))
    assert found is not None
    assert found.id == begun
    given = replace(
        ticket(*threads, thread(3, type="lineitem", action=GIVEN, created_at=AT)), created_at=AT
    )
    assert (opening(given) is None) == (card != CUSTOMER), "nobody can tell"


def test_who_has_brought_words_into_what_an_agent_began_has_not_begun_it() -> None:
    said = question(1, body=marks("a", 66), created_at=AT)
    judged = voices([said], 66, lambda _chat: False)
    assert judged.began(replace(ticket(said), created_at=AT, via="customer"))
    assert not judged.began(replace(ticket(said), created_at=AT, via="user"))
    assert replace(judged, since=AT + 1).began(replace(ticket(said), created_at=AT)) is None
    # Its first words are gone.
    assert judged.began(replace(ticket(said), created_at=AT + 60, via="customer")) is None
