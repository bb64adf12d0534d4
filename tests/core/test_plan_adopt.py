"""core.plan_adopt: which conversations that we did not open may be a dialog's."""

from __future__ import annotations

from typing import Any

import pytest

from desk_samples import AT, question, thread, ticket
from maxbridge.core.events import Conversation
from maxbridge.core.marks import begun_by_agent, history_cutoff_of, markers_of, marks, needs_max
from maxbridge.core.markup import marker
from maxbridge.core.plan_outbound import is_mailed
from maxbridge.freescout.parse import parse_conversation, parse_conversations
from recorded import desk_exchanges, desk_file


def row(**more: Any) -> Conversation:
    """A row of the list of changes: an agent's mail to somebody without an address."""
    members = {"threads": None, "type": "email", "via": "user", "created_at": AT}
    return ticket(**(members | more))


@pytest.mark.parametrize(
    ("conversation", "needed"),
    [
        (row(), True),
        (row(type="chat"), True),
        (row(type="phone"), True),
        (row(type="custom"), True),
        # FreeScout mails these (case 63): nothing may arrive twice.
        (row(customer_email="m@example.org"), False),
        (row(type="phone", customer_email="m@example.org"), False),
        (row(type="custom", customer_email="m@example.org"), False),
        # A chat is never mailed.
        (row(type="chat", customer_email="m@example.org"), True),
        # Case 67: a draft may have a customer (undone) or none.
        (row(state="draft"), False),
        (row(state="draft", customer_id=None), False),
        (row(state="deleted"), False),
        (row(customer_id=None), False),
        # A type that nobody knows is mail, as FreeScout takes it (contract freescout.md 3).
        (row(type="", customer_email="m@example.org"), False),
    ],
)
def test_only_where_freescout_reaches_nobody_itself(
    conversation: Conversation, needed: bool
) -> None:
    assert needs_max(conversation) is needed


@pytest.mark.parametrize(
    ("kind", "to", "mailed"),
    [
        ("email", ("m@example.org",), True),
        ("phone", ("m@example.org",), True),
        ("custom", ("m@example.org",), True),
        ("chat", ("m@example.org",), False),
        ("email", (), False),
        ("chat", (), False),
    ],
)
def test_what_freescout_mails(kind: str, to: tuple[str, ...], mailed: bool) -> None:
    assert is_mailed(thread(to=to), row(type=kind)) is mailed


def test_the_recorded_replies_of_case_63_are_mailed_where_freescout_logged_a_mail() -> None:
    """One reply in each type, to a customer without and with an address."""
    found = []
    for exchange in desk_file("63")["exchanges"]:
        (to,) = [to for kind, to in exchange["threads"] if kind == "message"]
        judged = is_mailed(thread(to=tuple(to)), row(type=exchange["type_after"]))
        found.append((judged, bool(exchange["send_log"])))
    assert len(found) == 8
    assert all(judged is logged for judged, logged in found)


def test_a_recorded_thread_says_to_whom_it_went() -> None:
    threads = [
        thread
        for exchange in desk_exchanges("71")
        if "threads" in exchange["response"]["body"].get("_embedded", {})
        for thread in parse_conversation(exchange["response"]["body"]).threads or ()
    ]
    assert threads
    assert all(each.to is not None for each in threads)


@pytest.mark.parametrize(
    ("via", "listed_since", "border"),
    [
        # Whole seconds: an agent's first message is as old as its conversation.
        ("user", AT - 100, AT - 1),
        ("customer", AT - 100, AT - 1),  # an answer in a copy, too
        # What was there before the list was followed cannot have been meant for the chat.
        ("user", AT + 100, AT + 100),
        ("customer", AT + 100, AT + 100),
    ],
)
def test_where_history_ends(via: str, listed_since: float, border: float) -> None:
    assert history_cutoff_of(row(via=via), listed_since) == border


def test_markers_stand_under_customers_words_only() -> None:
    # "New Conversation" copies a marker unseen into an agent's own words (agent-ui 1).
    copy = ticket(
        question(1, body="<div>да</div>" + marker("mid.1")),
        question(2, body="<div>нет</div>"),
        question(3, body=marker("mid.3+2")),
        thread(4, body="<div>ответ</div>" + marker("mid.4")),
    )
    assert markers_of(copy, None) == ["mid.1", "mid.3+2"]
    assert markers_of(ticket(threads=None), None) == []
    by_another = question(5, body="<div>да</div>" + marks("mid.5", 77))
    assert markers_of(ticket(by_another), 66) == []
    assert markers_of(ticket(by_another), 77) == ["mid.5"]


def test_the_recorded_conversations_begun_by_agents_of_case_62() -> None:
    # Its rows are condensed: what stands there decides all the same.
    kinds = []
    for exchange in desk_exchanges("62"):
        for found in exchange["response"]["body"]["conversations"]:
            data = {**found, "_embedded": {"threads": []}}
            kinds.append((found["type"], needs_max(parse_conversation(data))))
    assert kinds == [("email", False), ("phone", True), ("phone", True)]


def test_the_recorded_forward_of_case_59_is_its_addressees() -> None:
    copies = [
        parse_conversation({**found, "_embedded": {"threads": []}})
        for exchange in desk_exchanges("59")
        for found in exchange["response"]["body"]["conversations"]
        if found["id"] == 13
    ]
    assert copies
    assert not any(needs_max(each) for each in copies)


def test_a_recorded_row_says_who_began_it_and_how_to_reach_the_customer() -> None:
    (body, *_) = [
        each["response"]["body"]
        for each in desk_exchanges("71")
        if "source" in each["response"]["body"]
    ]
    (parsed,) = parse_conversations({"_embedded": {"conversations": [body]}})
    assert (parsed.type, parsed.customer_email, parsed.via) == ("chat", "", "customer")
    assert not begun_by_agent(parsed)
    assert needs_max(parsed)
