"""Whether a reply reached the customer, judged by the chat alone."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from maxbridge.core.old_rows import SKEW, Said, Trace, Written, trace

LONG_AGO = -1e9


def written(
    thread_id: int, at: float, text: str, *, signature: str = "", files: int = 0
) -> Written:
    shown = f"{text}\n\n{signature}" if signature else text
    return Written(thread_id, at, (shown,) if shown else (), text, files)


def test_equal_words_after_the_reply_are_the_reply() -> None:
    assert trace([written(1, 1000, "Да.")], [Said("m", 1017, "Да.")], reaches_to=LONG_AGO) == {
        1: Trace.SENT
    }


def test_equal_words_of_long_before_are_another_message() -> None:
    said = [Said("m", 1000 - SKEW - 1, "Да.")]
    assert trace([written(1, 1000, "Да.")], said, reaches_to=LONG_AGO) == {1: Trace.UNSENT}


def test_of_two_equal_replies_one_message_is_one() -> None:
    replies = [written(1, 1000, "Да."), written(2, 1010, "Да.")]
    found = trace(replies, [Said("m", 1020, "Да.")], reaches_to=LONG_AGO)
    # The other one may be what was sent, and this one not: an agent decides.
    assert found == {1: Trace.SENT, 2: Trace.UNCLEAR}


def test_a_history_that_does_not_reach_back_proves_nothing() -> None:
    reply = [written(1, 1000, "Да.")]
    assert trace(reply, [], reaches_to=None) == {1: Trace.UNCLEAR}
    assert trace(reply, [], reaches_to=1001) == {1: Trace.UNCLEAR}
    assert trace(reply, [], reaches_to=1000) == {1: Trace.UNSENT}


def test_a_message_that_nothing_explains_may_be_the_reply() -> None:
    found = trace([written(1, 1000, "Да.")], [Said("m", 1020, "Нет.")], reaches_to=LONG_AGO)
    assert found == {1: Trace.UNCLEAR}


def test_a_file_without_words_may_be_the_reply() -> None:
    found = trace([written(1, 1000, "", files=1)], [Said("m", 1020, "", 1)], reaches_to=LONG_AGO)
    assert found == {1: Trace.UNCLEAR}


def test_another_signature_is_the_same_reply() -> None:
    reply = [written(1, 1000, "Добрый день!", signature="Ольга")]
    said = [Said("m", 1020, "Добрый  день!\nАнна")]
    assert trace(reply, said, reaches_to=LONG_AGO) == {1: Trace.SENT}


def test_the_closest_likeness_counts_and_the_other_reply_is_for_the_agent() -> None:
    replies = [written(1, 1000, "Да"), written(2, 1010, "Да, конечно")]
    found = trace(replies, [Said("m", 1020, "Да, конечно\n\nОльга")], reaches_to=LONG_AGO)
    assert found == {1: Trace.UNCLEAR, 2: Trace.SENT}


TEXTS = st.sampled_from(["Да.", "Да, конечно", "Нет", "Минуту", "Ольга", "..."])
SIGNATURES = st.sampled_from(["", "Ольга", "Да."])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Written], list[Said], set[int]]:
    """Replies in order, some of which really were sent, under whatever signature was set then."""
    now, skew = draw(st.sampled_from([SKEW - 20, 0.0])), draw(st.floats(-SKEW, SKEW - 20))
    at = 10_000.0 + now
    replies, said, sent = [], [], set()
    ours = draw(SIGNATURES)
    for number in range(1, draw(st.integers(1, 6)) + 1):
        at += draw(st.floats(0.0, 2000.0))
        text = draw(TEXTS)
        replies.append(written(number, at, text, signature=ours))
        if draw(st.booleans()):
            signature = draw(SIGNATURES)
            shown = f"{text}\n\n{signature}" if signature else text
            left_at = at + skew + draw(st.sampled_from([17.0, 3000.0]))
            said.append(Said(f"m{number}", left_at, shown))
            sent.add(number)
    return replies, said, sent


@given(worlds())
def test_what_was_sent_is_never_sent_again(
    world: tuple[list[Written], list[Said], set[int]],
) -> None:
    replies, said, sent = world
    found = trace(replies, said, reaches_to=LONG_AGO)
    assert set(found) == {each.thread_id for each in replies}
    again = {each.thread_id for each in replies if found[each.thread_id] is Trace.UNSENT} & sent
    assert not again


@given(worlds())
def test_what_is_behind_the_last_message_of_the_bot_is_sent(
    world: tuple[list[Written], list[Said], set[int]],
) -> None:
    replies, said, _ = world
    newest = max((each.at for each in said), default=0.0)
    found = trace(replies, said, reaches_to=LONG_AGO)
    for each in replies:
        if each.created_at > newest + SKEW:
            assert found[each.thread_id] is Trace.UNSENT


@given(worlds())
def test_no_message_stands_for_more_than_one_reply(
    world: tuple[list[Written], list[Said], set[int]],
) -> None:
    replies, said, _ = world
    found = trace(replies, said, reaches_to=LONG_AGO)
    assert Counter(found.values())[Trace.SENT] <= len(said)


def test_what_another_bots_reply_explains_word_for_word_proves_no_reply_that_is_like_it() -> None:
    """A merge makes a reply that we have sent look like the other bot's."""
    said, ours = [Said("m", 1020, "Да")], [written(1, 1000, "Да, конечно")]
    theirs = [written(2, 1000, "Да")]
    assert trace(ours, said, reaches_to=LONG_AGO) == {1: Trace.SENT}
    assert trace(ours, said, reaches_to=LONG_AGO, others=theirs) == {1: Trace.UNCLEAR}
    exactly = [written(1, 1000, "Да")]
    assert trace(exactly, said, reaches_to=LONG_AGO, others=theirs) == {1: Trace.SENT}
