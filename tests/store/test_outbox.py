"""store.outbox: agents' replies on their way to MAX, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maxbridge.core import keys
from maxbridge.core.delivery import Outcome, State
from maxbridge.core.filetype import Family
from maxbridge.core.parts import Action, Part, PartFile
from maxbridge.store.inbox import Note
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention
from store_world import (
    CHAT,
    NOW,
    OTHER,
    held_in_doubt,
    inbound,
    open_store,
    outbound,
    queue,
    sent,
    set_blocked,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def test_a_reply_is_queued_with_its_parts_in_order(journal: Store) -> None:
    queue(journal, "a", "one", "two", "three", conversation_id=7, thread_id=70, excerpt="one")
    item = outbound(journal)
    assert [(each.seq, each.part.text, each.mid) for each in item.parts] == [
        (0, "one", None),
        (1, "two", None),
        (2, "three", None),
    ]
    assert (item.conversation_id, item.excerpt) == (7, "one")
    assert (item.state, item.created_at, item.error) == (State.QUEUED, NOW, None)


def test_the_same_reply_twice_is_one_delivery(journal: Store) -> None:
    queue(journal, "a", "first")
    queue(journal, "a", "second", "third")
    assert [each.part.text for each in outbound(journal).parts] == ["first"]
    assert journal.outbox.depth().waiting == 1


def test_a_part_that_was_accepted_is_never_sent_again(journal: Store) -> None:
    queue(journal, "a", "one", "two")
    item = outbound(journal)
    assert sent(journal, item, 0, "mid.1") is False
    item = outbound(journal)
    assert [each.mid for each in item.parts] == ["mid.1", None]
    # The next part is no doubtful call: nothing of it was sent yet.
    assert (item.state, item.next_at, item.error) == (State.QUEUED, 0.0, None)
    assert sent(journal, item, 1, "mid.2", NOW + 1) is True
    assert journal.outbox.head(CHAT) is None
    done = journal.db.tables.outbox.get()
    assert (done.state, done.finished_at) == (State.DONE, NOW + 1)
    dialog = journal.db.tables.dialog.get_by_id(CHAT)
    assert dialog.last_outbound_at == NOW + 1


def test_parts_may_be_accepted_in_any_order(journal: Store) -> None:
    queue(journal, "a", "one", "two", "three")
    item = outbound(journal)
    assert [sent(journal, item, seq, f"mid.{seq}") for seq in (2, 0, 1)] == [
        False,
        False,
        True,
    ]


def test_messages_of_ours_are_known_by_their_mids(journal: Store) -> None:
    # A look-up in the history must not take an older reply with the same words for this one.
    queue(journal, "a", "one")
    sent(journal, outbound(journal), 0, "mid.1")
    queue(journal, "b", "one", now=NOW + 1)
    later = outbound(journal)
    assert journal.outbox.claimed_mids(["mid.0", "mid.1", "mid.2"], later) == {"mid.1": True}
    assert journal.outbox.claimed_mids([], later) == {}


def test_what_became_known_after_an_attempt_began_is_not_older_than_that(journal: Store) -> None:
    # It ends no search: a reply that was held is sent, or found, after others that came after it.
    queue(journal, "a", "one", "two")
    queue(journal, "b", "three", "four")
    first = outbound(journal)
    sent(journal, first, 0, "mid.1", NOW)
    assert journal.outbox.decide(first.id, Outcome.HOLD, error="x", now=NOW)
    sent(journal, outbound(journal), 0, "mid.2", NOW + 1)
    second = outbound(journal)
    journal.outbox.mark_sending(second.id, NOW + 2)
    mids = ["mid.1", "mid.2", "mid.3"]
    # It was held by then; its own parts are sent one after another.
    before = {"mid.1": True, "mid.2": True}
    assert journal.outbox.claimed_mids(mids, outbound(journal)) == before
    assert journal.outbox.retry(first.id, anyway=False, now=NOW + 3)
    sent(journal, outbound(journal), 1, "mid.3", NOW + 4)
    after = {"mid.1": False, "mid.2": True, "mid.3": False}
    assert journal.outbox.claimed_mids(mids, outbound(journal)) == after


def test_what_may_have_been_sent_to_a_chat_is_known_in_whatever_state_it_is(
    journal: Store,
) -> None:
    queue(journal, "a", "held", "later")
    held_in_doubt(journal.outbox, outbound(journal).id, "max.undecidable")
    queue(journal, "b", "dropped")
    dropped = outbound(journal).id
    held_in_doubt(journal.outbox, dropped, "max.undecidable")
    assert journal.outbox.decide(dropped, Outcome.DROP, error="x", now=NOW)
    queue(journal, "c", "lost", "lost too", in_doubt=NOW)
    queue(journal, "d", "not tried")
    queue(journal, "e", "of another", chat_id=OTHER, in_doubt=NOW)
    in_doubt = [each.part.text for _, each in journal.outbox.parts_in_doubt(CHAT)]
    # Parts are sent one after another; but a database that is gone may have sent all of them.
    assert in_doubt == ["held", "dropped", "lost", "lost too"]


def test_each_chat_is_first_in_first_out(journal: Store) -> None:
    queue(journal, "a")
    queue(journal, "b")
    queue(journal, "c", chat_id=OTHER)
    assert journal.outbox.due_chats(NOW, 9, set()) == [CHAT, OTHER]
    journal.outbox.decide(outbound(journal).id, Outcome.BUG, error="x", now=NOW)
    assert outbound(journal).key == "b"


# --- a customer who stopped the bot -----------------------------------------------------------------------


def test_nothing_goes_to_a_customer_who_stopped_the_bot(journal: Store) -> None:
    # Contract max.md 9, trap 20: MAX answers 403 until he starts it again.
    queue(journal, "a")
    queue(journal, "c", chat_id=OTHER)
    assert journal.outbox.next_due() == NOW
    assert set_blocked(journal, CHAT, blocked=True, at=NOW)
    assert journal.outbox.due_chats(NOW, 9, set()) == [OTHER]
    sent(journal, outbound(journal, OTHER), 0, "mid")
    # A worker that waits for the next one must not spin on what nobody may send.
    assert journal.outbox.next_due() is None
    assert journal.outbox.depth().waiting == 1
    assert set_blocked(journal, CHAT, blocked=False, at=NOW)
    assert journal.outbox.due_chats(NOW, 9, set()) == [CHAT]
    assert journal.outbox.next_due() == NOW


def test_a_stopped_bot_does_not_stop_what_the_customer_says(journal: Store) -> None:
    set_blocked(journal, CHAT, blocked=True, at=NOW)
    with journal.db.transaction():
        journal.inbox.add_note("n", CHAT, 7, "text", NOW)
    assert journal.inbox.due_chats(NOW, 9, set()) == [CHAT]


def test_a_refused_reply_blocks_its_dialog_and_tells_the_agents_once(journal: Store) -> None:
    queue(journal, "a", conversation_id=7)
    item = outbound(journal)
    for later in (0, 5):
        journal.outbox.mark_sending(item.id, NOW)
        journal.outbox.wait_blocked(item, error="max.blocked", note="text", now=NOW + later)
    dialog = journal.dialogs.get(CHAT)
    assert dialog is not None
    assert dialog.blocked
    assert journal.outbox.head(CHAT) is None
    assert inbound(journal).payload == '{"conversation_id": 7, "text": "text"}'
    assert journal.inbox.depth().waiting == 1
    set_blocked(journal, CHAT, blocked=False, at=NOW)
    waiting = outbound(journal)
    assert (waiting.state, waiting.error, waiting.next_at) == (State.DEFERRED, "max.blocked", 0.0)


def test_the_agents_are_told_again_when_the_customer_stops_the_bot_again(journal: Store) -> None:
    for stopped_at in (NOW, NOW + 100):
        set_blocked(journal, CHAT, blocked=True, at=stopped_at)
        with journal.db.transaction():
            for _ in range(2):
                journal.outbox.note_blocked(CHAT, 7, "text", stopped_at)
        set_blocked(journal, CHAT, blocked=False, at=stopped_at + 50)
    assert journal.inbox.depth().waiting == 2


def test_nobody_is_told_of_a_customer_who_can_be_reached(journal: Store) -> None:
    with journal.db.transaction():
        journal.outbox.note_blocked(CHAT, 7, "text", NOW)
        journal.outbox.note_blocked(999, 7, "text", NOW)
    assert journal.inbox.depth().waiting == 0


def test_a_greeting_that_was_refused_has_no_ticket_to_note_it_on(journal: Store) -> None:
    queue(journal, "greeting:1")
    journal.outbox.mark_sending(outbound(journal).id, NOW)
    journal.outbox.wait_blocked(outbound(journal), error="max.blocked", note="text", now=NOW)
    assert journal.inbox.depth().waiting == 0


# --- giving up ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "state"), [(Outcome.EXPIRED, State.BOUNCED), (Outcome.BUG, State.HELD)]
)
def test_a_reply_is_given_up_together_with_the_note_that_says_so(
    journal: Store, outcome: Outcome, state: State
) -> None:
    # design.md 2.1: until MAX has accepted it or the agent has been told.
    queue(journal, "a")
    journal.outbox.give_up(
        outbound(journal), outcome, error="max.gone", note=Note("a", 7, "text"), now=NOW
    )
    assert journal.outbox.head(CHAT) is None
    row_now = journal.db.tables.outbox.get()
    assert (row_now.state, row_now.error, row_now.finished_at) == (state, "max.gone", NOW)
    assert inbound(journal).payload == '{"conversation_id": 7, "text": "text"}'


def test_when_the_note_cannot_be_stored_the_reply_is_not_given_up(journal: Store) -> None:
    queue(journal, "a")
    bad = Note("a", 7, object())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        journal.outbox.give_up(outbound(journal), Outcome.EXPIRED, error="x", note=bad, now=NOW)
    assert outbound(journal).state is State.QUEUED


@pytest.mark.parametrize(("age", "expired"), [(99.0, False), (100.0, True), (101.0, True)])
def test_replies_expire_by_their_age(journal: Store, age: float, expired: bool) -> None:
    queue(journal, "a", now=NOW - age)
    assert bool(journal.outbox.expired(NOW - 100)) == expired


def test_what_may_have_been_sent_does_not_expire_and_what_waits_for_a_customer_does(
    journal: Store,
) -> None:
    queue(journal, "doubtful")
    journal.outbox.mark_sending(outbound(journal).id, NOW)
    queue(journal, "behind it")
    queue(journal, "blocked", chat_id=OTHER)
    set_blocked(journal, OTHER, blocked=True, at=NOW)
    queue(journal, "held", chat_id=3)
    journal.outbox.decide(outbound(journal, 3).id, Outcome.BUG, error="x", now=NOW)
    queue(journal, "done", chat_id=4)
    sent(journal, outbound(journal, 4), 0, "mid")
    assert [each.key for each in journal.outbox.expired(NOW)] == ["behind it", "blocked"]


# --- files, and planning anew -----------------------------------------------------------------------------


def attached(number: int, kind: Family | None = None, token: str = "") -> PartFile:
    return PartFile(number, f"{number}.pdf", f"http://desk/{number}", 10, kind, token)


def laid_out(journal: Store, chat_id: int = CHAT) -> list[tuple[str, list[int], str | None]]:
    """Words, files and message id of each part of the oldest waiting reply."""
    return [
        (each.part.text, [file.id for file in each.part.files], each.mid)
        for each in outbound(journal, chat_id).parts
    ]


def test_a_part_comes_back_from_the_store_as_it_went_in(journal: Store) -> None:
    parts = [
        Part("<b>a</b>", html=True, files=(attached(1), attached(2, kind="image", token="t"))),
        Part("b", action=Action.EDIT, target="mid.1"),
        Part(action=Action.DELETE, target="mid.2"),
        Part("c", button="Телефон"),
    ]
    queue(journal, "a", *parts)
    assert [each.part for each in outbound(journal).parts] == parts


def test_what_max_holds_by_now_is_remembered(journal: Store) -> None:
    queue(journal, "a", Part(files=(attached(1),)))
    item = outbound(journal)
    ready = (attached(1, kind="file", token="t"),)
    journal.outbox.file_ready(item.id, 0, ready)
    assert outbound(journal).parts[0].part.files == ready


def test_a_reply_planned_anew_keeps_what_was_sent_and_what_comes_behind(journal: Store) -> None:
    queue(journal, "a", "one", Part("two", files=(attached(1),)), "three")
    sent(journal, outbound(journal), 0, "mid.1")
    item = outbound(journal)
    journal.outbox.mark_sending(item.id, NOW)
    journal.outbox.replan(item, 1, [Part("two"), Part(files=(attached(1),))], now=NOW, error="x")
    assert laid_out(journal) == [
        ("one", [], "mid.1"),
        ("two", [], None),
        ("", [1], None),
        ("three", [], None),
    ]
    # Nothing of the new plan was sent, so nothing of it is in doubt.
    assert (outbound(journal).state, outbound(journal).attempts) == (State.QUEUED, 0)


@pytest.mark.parametrize(("begun", "state"), [(True, State.DONE), (False, State.BOUNCED)])
def test_a_reply_of_which_nothing_is_left_ends_and_the_agent_is_told(
    journal: Store, begun: bool, state: State
) -> None:
    queue(journal, "a", *(["words"] if begun else []), Part(files=(attached(1),)))
    if begun:
        sent(journal, outbound(journal), 0, "mid.1")
    note = Note("file", 7, "text")
    journal.outbox.replan(
        outbound(journal), int(begun), [], now=NOW, error="media.gone", notes=[note]
    )
    assert journal.outbox.head(CHAT) is None
    assert journal.db.tables.outbox.get().state == state
    assert inbound(journal).payload == '{"conversation_id": 7, "text": "text"}'


def test_a_reply_that_somebody_dropped_meanwhile_is_not_planned_anew(journal: Store) -> None:
    queue(journal, "a", Part(files=(attached(1),)))
    item = outbound(journal)
    journal.outbox.decide(item.id, Outcome.BUG, error="x", now=NOW)
    journal.outbox.replan(item, 0, [Part("y")], now=NOW, notes=[Note("n", 7, "text")])
    assert journal.db.tables.outbox.get().state == State.HELD
    assert journal.inbox.depth().waiting == 0


def test_what_the_customer_has_of_a_reply_follows_its_edits(journal: Store) -> None:
    queue(journal, "thread:70:0", "one", "two", thread_id=70)
    assert journal.outbox.delivered(70).pending
    for seq in (0, 1):
        sent(journal, outbound(journal), seq, f"mid.{seq}")
    edits = [
        Part("ONE", action=Action.EDIT, target="mid.0"),
        Part(action=Action.DELETE, target="mid.1"),
        Part("three"),
    ]
    queue(journal, "edit:70:1", *edits, thread_id=70)
    for seq, mid in enumerate(("mid.0", "mid.1", "mid.2")):
        sent(journal, outbound(journal), seq, mid)
    delivered = journal.outbox.delivered(70)
    assert (delivered.chat_id, delivered.count, delivered.pending) == (CHAT, 2, False)
    assert [(mid, part.text) for mid, part in delivered.parts] == [
        ("mid.0", "ONE"),
        ("mid.2", "three"),
    ]


@pytest.mark.parametrize("spoiled", ["scrubbed", "held"])
def test_what_is_not_known_of_a_reply_is_said_to_be_so(journal: Store, spoiled: str) -> None:
    queue(journal, "thread:70:0", "one", "two", thread_id=70)
    for seq in (0, 1):
        sent(journal, outbound(journal), seq, f"mid.{seq}")
    assert journal.outbox.delivered(70).known
    if spoiled == "scrubbed":
        journal.tidying.run(NOW + 8 * 86400, Retention())
    else:
        queue(journal, "edit:70:1", "three", thread_id=70)
        journal.outbox.decide(outbound(journal).id, Outcome.BUG, error="max.undecidable", now=NOW)
    assert not journal.outbox.delivered(70).known


def test_of_a_thread_that_never_left_the_customer_has_nothing(journal: Store) -> None:
    assert journal.outbox.delivered(71).parts == ()
    assert journal.outbox.delivered(71).chat_id is None


SENTENCES = (
    "privacy:5",
    "away:7:0:0",
    "accepted:7",
    "closed:7:1",
    "thanks:7",
    "tell:5:1",
    "answer:5:help:1",
)


@pytest.mark.parametrize("key", SENTENCES)
@pytest.mark.parametrize("outcome", [Outcome.EXPIRED, Outcome.DROP])
def test_a_sentence_that_was_given_up_unsent_is_told_when_it_is_asked_for_again(
    journal: Store, key: str, outcome: Outcome
) -> None:
    queue(journal, key, "one", "two")
    assert journal.outbox.decide(outbound(journal).id, outcome, error="x", now=NOW)
    queue(journal, "thread:1:0", "reply")
    queue(journal, key, "anew")
    queue(journal, key, "twice")
    assert sent(journal, outbound(journal), 0, "mid.1")
    assert [each.part.text for each in outbound(journal).parts] == ["anew"]
    assert journal.outbox.depth().waiting == 1


@pytest.mark.parametrize("key", [*SENTENCES, "thread:1:0", "edit:1:0", "alert:x:1:begun"])
def test_what_was_sent_in_part_or_is_held_or_is_an_agents_is_never_queued_anew(
    journal: Store, key: str
) -> None:
    queue(journal, key, "one", "two")
    item = outbound(journal)
    if keys.is_sentence(key):
        sent(journal, item, 0, "mid.1")
    assert journal.outbox.decide(item.id, Outcome.EXPIRED, error="x", now=NOW)
    queue(journal, key, "anew")
    assert journal.outbox.depth().waiting == 0

    held = f"{key}0"
    queue(journal, held, "one")
    assert journal.outbox.decide(outbound(journal).id, Outcome.HOLD, error="x", now=NOW)
    queue(journal, held, "anew")
    assert journal.outbox.depth().waiting == 0
