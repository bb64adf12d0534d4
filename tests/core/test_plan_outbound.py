"""core.plan_outbound: which threads of a ticket leave for MAX, and when (design.md 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk_samples import AT, CUSTOMER, known, merged, question, thread, ticket
from laws import law
from maxbridge.core.events import Conversation, DeskFile, Fate, KnownThread, Thread
from maxbridge.core.plan_outbound import (
    UNDO_ROUNDING,
    OutboundPlan,
    OutboundPolicy,
    TicketFacts,
    body_hash,
    is_first_from_mail,
    plan_outbound,
)
from maxbridge.freescout.parse import parse_conversation
from recorded import desk_exchanges, desk_file

FACTS = TicketFacts(CUSTOMER)
LATER = AT + 3600.0


def plan(*threads: Thread, **more: Any) -> OutboundPlan:
    """The plan an hour after everything was written, unless more is said."""
    arguments: dict[str, Any] = {
        "known": {},
        "facts": FACTS,
        "policy": OutboundPolicy(),
        "now": LATER,
    }
    conversation = more.pop("conversation", ticket(*threads))
    return plan_outbound(conversation, **(arguments | more))


def fates(made: OutboundPlan) -> list[tuple[int, Fate]]:
    return [(each.thread.id, each.fate) for each in made.verdicts]


def sent(made: OutboundPlan) -> list[int]:
    return [each.thread.id for each in made.verdicts if each.fate is Fate.SENT]


# --- private stays private ------------------------------------------------------------------------------


def test_an_agents_reply_is_sent() -> None:
    assert fates(plan(thread(2), question(1))) == [(2, Fate.SENT)]


@pytest.mark.parametrize(
    "private",
    [
        thread(type="note"),
        thread(type="lineitem"),
        thread(type="lineitem", action="changed-ticket-status", body="x"),
        merged(1),
        question(),
        thread(type="customer"),
        thread(state="draft"),
        thread(state="hidden"),
        thread(state=""),
        thread(type="something new"),
        thread(author_type="customer"),
        thread(author_type=""),
        # Trap 21: a bridge would echo itself.
        thread(source="api"),
        # Case 57b: after a merge of two customers each thread keeps its own.
        thread(customer_id=CUSTOMER + 1),
    ],
)
def test_nothing_but_an_agents_reply_to_this_customer_is_sent(private: Thread) -> None:
    assert not sent(plan(private))
    assert plan(private, now=AT).next_read is None


def test_a_reply_that_was_not_sent_is_remembered_with_the_reason() -> None:
    (verdict,) = plan(thread(source="api")).verdicts
    assert (verdict.fate, verdict.reason) == (Fate.SKIPPED, "made over the API")


@pytest.mark.parametrize(
    ("private", "tell"),
    [
        # An agent who wrote it just now believes that it was delivered.
        (thread(customer_id=CUSTOMER + 1), True),
        (thread(customer_id=CUSTOMER + 1, created_at=AT - 11), False),
        # Nobody waits for an echo or for what another program wrote.
        (thread(source="api"), False),
        (thread(author_type="customer"), False),
    ],
)
def test_an_agent_is_told_of_a_new_reply_that_does_not_leave(private: Thread, tell: bool) -> None:
    (verdict,) = plan(private, facts=TicketFacts(CUSTOMER, complete_until=AT - 10)).verdicts
    assert verdict.fate is Fate.SKIPPED
    assert verdict.tell is tell


def test_a_reply_to_another_customer_of_the_bridge_is_not_for_this_one() -> None:
    # An agent may have changed the ticket's customer to one who has a dialog of his own.
    other = thread(customer_id=71)
    now_his = ticket(other, customer_id=71)
    facts = TicketFacts(CUSTOMER, foreign_customers=frozenset({71}))
    assert fates(plan(conversation=now_his, facts=facts)) == [(1, Fate.SKIPPED)]
    # Without a dialog of his own he is the same person under another card (case 61, 65).
    assert sent(plan(conversation=now_his)) == [1]


def test_on_a_card_that_two_chats_share_the_ticket_says_whose_a_reply_is() -> None:
    shared = TicketFacts(CUSTOMER, foreign_customers=frozenset({CUSTOMER}))
    assert sent(plan(thread(), facts=shared)) == [1]
    # The ticket of a chat whose own card is another one was given away.
    given = TicketFacts(CUSTOMER + 1, foreign_customers=frozenset({CUSTOMER}))
    assert fates(plan(thread(), facts=given)) == [(1, Fate.SKIPPED)]
    # A thread that names nobody was written to the ticket's customer.
    assert fates(plan(thread(customer_id=None), facts=given)) == [(1, Fate.SKIPPED)]


@pytest.mark.parametrize(
    ("created_at", "fate", "unclear"),
    [
        # It may have left before the merge, 17 s after it was written.
        (AT - 12, Fate.HISTORY, False),
        (AT - 11, Fate.SKIPPED, True),
        (AT, Fate.SKIPPED, True),
        (AT + 5, Fate.SKIPPED, True),
        # Written after the merge, thus here.
        (AT + 6, Fate.SENT, False),
    ],
)
def test_a_merge_of_two_chats_tickets_makes_what_was_waiting_unclear(
    created_at: float, fate: Fate, unclear: bool
) -> None:
    shared = TicketFacts(CUSTOMER, foreign_customers=frozenset({CUSTOMER}), complete_until=AT)
    line = merged(2, created_at=AT + 5)
    for now in (AT + 7, LATER):
        made = plan(thread(created_at=created_at), line, facts=shared, now=now)
        verdicts = {each.thread.id: each for each in made.verdicts}
        if fate is Fate.SENT and now != LATER:
            assert 1 not in verdicts
            continue
        assert (verdicts[1].fate, verdicts[1].unclear, verdicts[1].tell) == (fate, unclear, unclear)
    # One card, one chat: nothing is unclear.
    alone = TicketFacts(CUSTOMER, complete_until=AT)
    assert sent(plan(thread(created_at=AT), line, facts=alone)) == [1]


@pytest.mark.parametrize(
    ("kind", "to", "email", "adopted", "leaves"),
    [
        ("email", (), "", True, True),
        ("chat", ("m@example.org",), "m@example.org", True, True),
        ("email", ("m@example.org",), "m@example.org", True, False),
        # The customer has written there from MAX.
        ("email", ("m@example.org",), "m@example.org", False, True),
        # What stands on the customer's record by now changes nothing of what was mailed.
        ("email", ("m@example.org",), "", True, False),
        ("email", (), "m@example.org", True, True),
        # Nobody says to whom it went.
        ("email", None, "m@example.org", True, False),
        ("email", None, "", True, True),
    ],
)
def test_what_freescout_mails_does_not_leave_from_a_ticket_that_only_agents_wrote_in(
    kind: str, to: tuple[str, ...] | None, email: str, adopted: bool, leaves: bool
) -> None:
    mail = ticket(thread(to=to), type=kind, customer_email=email)
    made = plan(conversation=mail, facts=TicketFacts(CUSTOMER, adopted=adopted))
    assert sent(made) == ([1] if leaves else [])
    assert not any(each.tell for each in made.verdicts)


@pytest.mark.parametrize(
    ("kind", "adopted", "fate", "told"),
    [
        ("email", True, None, True),
        ("custom", True, None, True),
        ("phone", True, None, True),
        ("chat", True, None, False),
        ("email", False, None, False),
        ("email", True, Fate.SENT, False),
        ("email", True, Fate.HISTORY, True),
    ],
)
def test_agents_are_told_with_the_first_reply_that_mail_went_to_max(
    kind: str, adopted: bool, fate: Fate | None, told: bool
) -> None:
    mail = ticket(thread(1), thread(2), type=kind)
    before = {1: known(thread(1), fate)} if fate else {}
    made = plan(conversation=mail, known=before)
    assert is_first_from_mail(mail, made, before, adopted=adopted) is told
    waiting = plan(conversation=mail, known=before, now=AT)
    assert not is_first_from_mail(mail, waiting, before, adopted=adopted)


@pytest.mark.parametrize("customer_id", [None, CUSTOMER])
def test_a_reply_is_sent_while_our_customer_is_not_yet_known(customer_id: int | None) -> None:
    assert sent(plan(thread(customer_id=customer_id), facts=TicketFacts(None))) == [1]


# --- the undo window ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "age", "leaves"),
    [
        # The desk allows undo while now - createdAt in whole seconds is at most the window [54];
        # both ends cut to whole seconds, hence two seconds more.
        (15.0, 0.0, False),
        (15.0, 15.0, False),
        (15.0, 16.999, False),
        (15.0, 17.0, True),
        (15.0, 17.001, True),
        (0.5, 2.4, False),
        (0.5, 2.5, True),
        # 0 sends at once.
        (0.0, 0.0, True),
        (0.0, 5.0, True),
        # A window that somebody made negative is none.
        (-5.0, 0.0, True),
    ],
)
def test_a_reply_leaves_when_its_undo_window_is_over(
    window: float, age: float, leaves: bool
) -> None:
    made = plan(thread(), now=AT + age, policy=OutboundPolicy(window))
    assert sent(made) == ([1] if leaves else [])
    assert made.next_read == (None if leaves else AT + window + UNDO_ROUNDING)


def test_the_ticket_is_read_again_for_the_reply_that_is_due_first() -> None:
    made = plan(thread(1, created_at=AT + 9), thread(2, created_at=AT + 4), now=AT + 10)
    assert made == OutboundPlan((), AT + 4 + 17.0)


def test_a_reply_that_is_undone_while_it_waits_is_gone() -> None:
    # Case 54: the thread becomes a draft and vanishes from the API.
    assert plan(thread(), now=AT).next_read == AT + 17.0
    assert plan(question(), now=LATER) == OutboundPlan()


def test_replies_are_sent_in_the_order_in_which_they_were_published() -> None:
    # Drafts are published late under low ids (trap 5); within a second ids decide.
    made = plan(
        thread(9, created_at=AT),
        thread(3, created_at=AT + 2),
        thread(8, created_at=AT + 1),
        thread(2, created_at=AT + 1),
    )
    assert sent(made) == [9, 2, 8, 3]


# --- once only ------------------------------------------------------------------------------------------


def test_what_is_known_is_not_judged_again() -> None:
    for fate in Fate:
        assert plan(thread(), known={1: known(thread(), fate)}) == OutboundPlan()


@pytest.mark.parametrize(
    ("after", "revision"),
    [
        # Undone and sent again: same id, new text, new time (trap 4, case 54).
        (thread(body="<div>new</div>", created_at=AT + 3), 1),
        # Another time zone of the desk shifts all times (contract freescout.md 7 [74]).
        (thread(created_at=AT + 3600), None),
        (thread(created_at=AT - 3600), None),
    ],
)
def test_a_reply_that_was_sent_goes_again_only_when_it_was_published_again(
    after: Thread, revision: int | None
) -> None:
    verdicts = plan(after, known={1: known(thread())}, now=LATER + 3600).verdicts
    assert [each.revision for each in verdicts] == ([] if revision is None else [revision])
    assert not any(each.edited for each in verdicts)


@pytest.mark.parametrize(
    "after",
    [
        # An edit changes the text only (case 55).
        thread(body="<div>new</div>"),
        thread(body="<div>new</div>", created_at=AT - 3600),
        # Files may appear a moment after the thread (trap 12).
        thread(files=(DeskFile(1, "a.pdf"),)),
    ],
)
def test_an_edit_of_what_was_sent_is_told_apart_from_sending_it_anew(after: Thread) -> None:
    (verdict,) = plan(after, known={1: known(thread(), revision=2)}, now=LATER).verdicts
    assert (verdict.fate, verdict.edited, verdict.revision) == (Fate.SENT, True, 2)


@pytest.mark.parametrize("fate", [Fate.HISTORY, Fate.SKIPPED])
def test_an_edit_of_what_never_left_does_not_leave_either(fate: Fate) -> None:
    after = thread(body="<div>new</div>")
    assert not plan(after, known={1: known(thread(), fate)}, now=LATER).verdicts


def test_a_reply_sent_again_waits_for_its_undo_window_too_and_counts_on() -> None:
    again = thread(body="<div>third</div>", created_at=AT + 3)
    before = {1: known(thread(), revision=1)}
    assert plan(again, known=before, now=AT + 19).next_read == AT + 20
    (verdict,) = plan(again, known=before, now=AT + 20).verdicts
    assert (verdict.fate, verdict.revision) == (Fate.SENT, 2)


def test_what_was_not_for_this_customer_stays_so_when_it_is_sent_again() -> None:
    again = thread(body="<div>new</div>", created_at=AT + 3)
    assert not sent(plan(again, known={1: known(thread(), Fate.SKIPPED)}))


def test_the_fingerprint_is_of_the_text_and_the_files() -> None:
    one = thread(files=(DeskFile(1, "a"), DeskFile(2, "b")))
    assert body_hash(one) == body_hash(replace(one, id=5, created_at=0.0))
    assert body_hash(one) != body_hash(replace(one, body="x"))
    assert body_hash(one) != body_hash(replace(one, files=(DeskFile(1, "a"),)))
    assert body_hash(thread(body="\ud83d"))


# --- history and merges -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history_cutoff", "fate"),
    [(None, Fate.SENT), (AT - 1, Fate.SENT), (AT, Fate.HISTORY), (AT + 1, Fate.HISTORY)],
)
def test_what_was_there_before_the_ticket_was_ours_is_history(
    history_cutoff: float | None, fate: Fate
) -> None:
    facts = TicketFacts(CUSTOMER, history_cutoff=history_cutoff)
    assert fates(plan(thread(), facts=facts)) == [(1, fate)]


def test_history_does_not_wait_for_its_undo_window() -> None:
    facts = TicketFacts(CUSTOMER, history_cutoff=AT)
    made = plan(thread(), facts=facts, now=AT)
    assert fates(made) == [(1, Fate.HISTORY)]
    assert made.next_read is None


@pytest.mark.parametrize(
    ("created_at", "expected"),
    [
        # Trap 6: a merge brings replies that were delivered elsewhere long ago.
        (AT - 10_000, Fate.HISTORY),
        (AT - 12, Fate.HISTORY),
        # It cannot have left before the merge, 17 s after it was written.
        (AT - 11, Fate.SENT),
        # Everything here up to then was seen; what is newer may have been written here.
        (AT, Fate.SENT),
        (AT + 1, Fate.SENT),
    ],
)
def test_a_merge_brings_history_but_hides_no_new_reply(created_at: float, expected: Fate) -> None:
    facts = TicketFacts(CUSTOMER, complete_until=AT)
    made = plan(thread(created_at=created_at), merged(2, created_at=AT + 5), facts=facts)
    assert made.merged_into_here
    assert fates(made) == [(1, expected), (2, Fate.SKIPPED)]


def test_a_merge_is_news_until_what_it_brought_under_way_may_leave() -> None:
    facts = TicketFacts(CUSTOMER, history_cutoff=AT)
    brought, line = thread(created_at=AT - 1), merged(2, created_at=AT + 1)
    early = plan(brought, line, facts=facts, now=AT + 10)
    assert (early.verdicts, early.next_read) == ((), AT + 16)
    made = plan(brought, line, facts=facts, now=AT + 16)
    assert fates(made) == [(1, Fate.SENT), (2, Fate.SKIPPED)]


def test_a_merge_is_one_only_until_its_line_item_is_known() -> None:
    facts = TicketFacts(CUSTOMER, complete_until=AT + 100)
    line = merged(2, created_at=AT - 5)
    made = plan(thread(), line, facts=facts, known={2: known(line, Fate.SKIPPED)})
    assert not made.merged_into_here
    # A late reply that was seen by no reading before: nothing was merged, so it was written here.
    assert sent(made) == [1]


def test_a_ticket_read_without_its_threads_gives_no_verdict() -> None:
    assert plan(conversation=ticket(threads=None)) == OutboundPlan()


# --- recorded -----------------------------------------------------------------------------------------------


def test_the_recorded_reply_of_case_50() -> None:
    (row,) = desk_exchanges("50")[-1]["response"]["body"]["conversations"]
    made = plan(conversation=parse_conversation(row), facts=TicketFacts(1), now=row_time() + 17)
    assert sent(made) == [2]


def row_time() -> float:
    (row,) = desk_exchanges("50")[-1]["response"]["body"]["conversations"]
    return parse_conversation(row).updated_at


def test_the_recorded_merge_of_two_customers_of_case_57b() -> None:
    (step,) = desk_file("57b")["exchanges"]
    threads = [
        thread(
            each["id"],
            type=each["type"],
            body=each["body"],
            customer_id=each["customer"],
            action="merged" if each["type"] == "lineitem" else "",
        )
        for each in step["threads"]
    ]
    merged_ticket = ticket(*threads, customer_id=step["conversation_customer"])
    made = plan(conversation=merged_ticket, facts=TicketFacts(step["conversation_customer"]))
    assert fates(made) == [(10, Fate.SKIPPED), (11, Fate.SKIPPED)]


# --- any ticket -----------------------------------------------------------------------------------------------

times = st.integers(min_value=-40, max_value=40).map(lambda seconds: AT + seconds)
threads = st.builds(
    Thread,
    id=st.integers(min_value=1, max_value=12),
    type=st.sampled_from(["message", "message", "message", "note", "customer", "lineitem"]),
    state=st.sampled_from(["published", "published", "published", "draft", "hidden"]),
    body=st.sampled_from(["a", "b", "c"]),
    created_at=times,
    source=st.sampled_from(["web", "web", "email", "api"]),
    author_type=st.sampled_from(["user", "user", "customer"]),
    customer_id=st.sampled_from([None, CUSTOMER, CUSTOMER, CUSTOMER + 1, CUSTOMER + 2]),
    action=st.sampled_from(["", "merged", "changed-ticket-status"]),
)
tickets = st.builds(
    lambda rows, customer: ticket(*rows, customer_id=customer),
    st.lists(threads, max_size=8, unique_by=lambda each: each.id),
    st.sampled_from([None, CUSTOMER, CUSTOMER + 1]),
)
knowledge = st.dictionaries(
    st.integers(min_value=1, max_value=12),
    st.builds(
        KnownThread,
        fate=st.sampled_from(Fate),
        created_at=times,
        body_hash=st.sampled_from([body_hash(thread(body=each)) for each in "abc"]),
        revision=st.integers(min_value=0, max_value=3),
    ),
    max_size=6,
)
facts_of = st.builds(
    TicketFacts,
    customer_id=st.sampled_from([None, CUSTOMER]),
    foreign_customers=st.sampled_from(
        [frozenset(), frozenset({CUSTOMER + 1}), frozenset({CUSTOMER, CUSTOMER + 1})]
    ),
    history_cutoff=st.none() | times,
    complete_until=times,
)
policies = st.sampled_from([OutboundPolicy(0.0), OutboundPolicy(15.0)])


@given(tickets, knowledge, facts_of, policies, times)
@law
def test_whatever_the_ticket_only_what_may_leave_leaves_in_order_and_once(
    conversation: Conversation,
    remembered: dict[int, KnownThread],
    facts: TicketFacts,
    policy: OutboundPolicy,
    now: float,
) -> None:
    made = plan_outbound(conversation, known=remembered, facts=facts, policy=policy, now=now)
    for verdict in made.verdicts:
        if verdict.fate is not Fate.SENT:
            continue
        one = verdict.thread
        if verdict.edited:
            # It has left already, so whose it is was decided then: only its words are others.
            sent = remembered[one.id]
            assert (one.type, one.state) == ("message", "published")
            assert sent.fate is Fate.SENT
            assert sent.body_hash != body_hash(one)
            assert verdict.revision == sent.revision
            continue
        assert (one.type, one.state, one.author_type) == ("message", "published", "user")
        assert one.source != "api"
        assert one.customer_id not in facts.foreign_customers - {facts.customer_id}
        assert one.customer_id in (None, conversation.customer_id, facts.customer_id)
        assert policy.due(one) <= now
        before = remembered.get(one.id)
        if before is None:
            assert facts.history_cutoff is None or one.created_at > facts.history_cutoff
            continue
        assert before.fate in (Fate.SENT, Fate.HISTORY)
        assert before.body_hash != body_hash(one)
        assert verdict.revision == before.revision + 1
    order = [(each.thread.created_at, each.thread.id) for each in made.verdicts]
    assert order == sorted(order)
    assert len({thread_id for _, thread_id in order}) == len(order)
    assert made.next_read is None or made.next_read > now


@given(tickets, knowledge, facts_of, policies, times)
@law
def test_a_second_reading_of_the_same_ticket_sends_nothing_more(
    conversation: Conversation,
    remembered: dict[int, KnownThread],
    facts: TicketFacts,
    policy: OutboundPolicy,
    now: float,
) -> None:
    first = plan_outbound(conversation, known=remembered, facts=facts, policy=policy, now=now)
    learnt = {
        each.thread.id: known(each.thread, each.fate, each.revision) for each in first.verdicts
    }
    again = plan_outbound(
        conversation, known=remembered | learnt, facts=facts, policy=policy, now=now
    )
    assert again.verdicts == ()
    assert again.next_read == first.next_read


@given(tickets, knowledge, facts_of, times)
@law
def test_everything_that_waits_is_sent_by_the_reading_that_was_planned(
    conversation: Conversation,
    remembered: dict[int, KnownThread],
    facts: TicketFacts,
    now: float,
) -> None:
    policy = OutboundPolicy(15.0)
    first = plan_outbound(conversation, known=remembered, facts=facts, policy=policy, now=now)
    if first.next_read is None:
        return
    learnt = {
        each.thread.id: known(each.thread, each.fate, each.revision) for each in first.verdicts
    }
    then = plan_outbound(
        conversation,
        known=remembered | learnt,
        facts=facts,
        policy=policy,
        now=first.next_read,
    )
    assert sent(then)
