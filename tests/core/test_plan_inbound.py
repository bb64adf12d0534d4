"""core.plan_inbound: what an event of MAX asks of us, and where at the desk it lands (design.md 5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk_samples import ticket as sample
from event_samples import BOT, MARINA, event
from laws import law, texts
from maxbridge.core.events import Attachment, Conversation, Event, Person, What
from maxbridge.core.plan_inbound import (
    DAY,
    NAME_LENGTH,
    SUBJECT_LENGTH,
    Duty,
    InboundPolicy,
    Placement,
    Triage,
    Where,
    bots_of,
    customer_fields,
    desk_name,
    group_fields,
    is_full,
    is_others_record,
    place,
    profile_of,
    subject_of,
    triage,
    users_of,
)
from maxbridge.core.text import clean
from maxbridge.i18n import EN, RU
from maxbridge.max.parse import parse_update
from recorded import max_names, max_update

NOW = 1_800_000_000.0
POLICY = InboundPolicy(mailbox_id=1)
GREETING = InboundPolicy(mailbox_id=1, greeting="Здравствуйте!")

# --- triage -------------------------------------------------------------------------------------------

EVERY_RECORDED = {
    "bot_added": Duty.IGNORE,
    "bot_removed": Duty.IGNORE,
    "bot_started": Duty.IGNORE,
    "bot_started.payload": Duty.IGNORE,
    "bot_stopped": Duty.REMARK,
    "chat_title_changed": Duty.IGNORE,
    "dialog_cleared": Duty.IGNORE,
    "dialog_muted": Duty.IGNORE,
    "dialog_removed": Duty.REMARK,
    "dialog_unmuted": Duty.IGNORE,
    "message_callback": Duty.POST,
    "message_callback.message_null": Duty.POST,
    "message_created.body_null": Duty.POST,
    # Group chats and channels: the bot stays silent (design.md 5).
    "message_created.channel_no_sender": Duty.IGNORE,
    "message_created.from_other_bot": Duty.IGNORE,
    "message_created.group": Duty.IGNORE,
    "message_created.file": Duty.POST,
    "message_created.forward": Duty.POST,
    "message_created.forward_from_channel": Duty.POST,
    "message_created.markup": Duty.POST,
    "message_created.native_voice_empty": Duty.PARK,
    "message_created.reply": Duty.POST,
    "message_created.text": Duty.POST,
    "message_created.two_images_with_caption": Duty.POST,
    "message_created.unknown_attachment": Duty.POST,
    "message_edited": Duty.POST,
    "message_removed": Duty.REMARK,
    "unknown_type.comment_created": Duty.IGNORE,
    "user_added": Duty.IGNORE,
    "user_removed": Duty.IGNORE,
}


def test_the_table_above_has_every_recorded_update() -> None:
    names = {name.removeprefix("update.") for name in max_names("update.")}
    assert set(EVERY_RECORDED) == names - {"batch_with_poison"}


@pytest.mark.parametrize(("name", "duty"), EVERY_RECORDED.items())
def test_recorded_updates(name: str, duty: Duty) -> None:
    assert triage(parse_update(max_update(name)), bot_id=BOT.user_id, policy=POLICY).duty is duty


@pytest.mark.parametrize(
    ("happened", "policy", "expected"),
    [
        (event(what=What.STARTED), GREETING, Triage(Duty.GREET, "started", unblocks=True)),
        (event(what=What.STARTED), POLICY, Triage(Duty.IGNORE, "started", unblocks=True)),
        (event(what=What.STOPPED), POLICY, Triage(Duty.REMARK, "stopped", blocks=True)),
        # Who writes, edits or presses a button can be written to again (contract max.md 9, trap 20).
        (event("a"), POLICY, Triage(Duty.POST, "message", unblocks=True)),
        (event("a", what=What.EDITED), POLICY, Triage(Duty.POST, "edited", unblocks=True)),
        (event(what=What.CALLBACK), POLICY, Triage(Duty.POST, "callback", unblocks=True)),
        # He may delete a message in a dialog that he has stopped.
        (event(what=What.REMOVED), POLICY, Triage(Duty.REMARK, "removed")),
        (event("a", chat_type=""), POLICY, Triage(Duty.POST, "message", unblocks=True)),
        # Our own words never come back to the desk (contract max.md 3.3).
        (event("a", sender=BOT), POLICY, Triage(Duty.IGNORE, "our own message")),
        (event("a", what=What.EDITED, sender=BOT), POLICY, Triage(Duty.IGNORE, "our own message")),
        # A customer may use a bot of his own; only we are to be silent.
        (
            event("a", sender=Person(5, is_bot=True)),
            POLICY,
            Triage(Duty.POST, "message", unblocks=True),
        ),
    ],
)
def test_triage(happened: Event, policy: InboundPolicy, expected: Triage) -> None:
    assert triage(happened, bot_id=BOT.user_id, policy=policy) == expected


@pytest.mark.parametrize(
    ("text", "greets"),
    [
        ("/start", True),
        ("  /start order-4821\n", True),
        ("/started", False),
        ("what is /start?", False),
        ("/help", False),
        ("", False),
    ],
)
def test_the_typed_command_greets_where_there_is_a_greeting(text: str, greets: bool) -> None:
    # Contract max.md 3: /start typed by hand is a plain message.
    verdict = triage(event(text), bot_id=BOT.user_id, policy=GREETING)
    assert verdict.duty is (Duty.GREET if greets else Duty.POST)
    assert verdict.unblocks
    # Files of a customer are never swallowed.
    with_file = event(text, Attachment("file"))
    assert triage(with_file, bot_id=BOT.user_id, policy=GREETING).duty is Duty.POST
    assert triage(event(text), bot_id=BOT.user_id, policy=POLICY).duty is Duty.POST


GROUPS = InboundPolicy(mailbox_id=1, greeting="Здравствуйте!", groups=True)


@pytest.mark.parametrize(
    ("what", "duty"),
    [
        (What.MESSAGE, Triage(Duty.POST, "message", unblocks=True)),
        (What.EDITED, Triage(Duty.POST, "edited", unblocks=True)),
        (What.CALLBACK, Triage(Duty.POST, "callback", unblocks=True)),
        (What.REMOVED, Triage(Duty.REMARK, "removed")),
        # Added and removed: in a group nobody asked the bot to speak.
        (What.STARTED, Triage(Duty.IGNORE, "started", unblocks=True)),
        (What.STOPPED, Triage(Duty.REMARK, "stopped", blocks=True)),
    ],
)
def test_a_group_has_its_ticket_where_the_administrator_wants_it(what: What, duty: Triage) -> None:
    happened = event("/start", what=what, chat_type="chat")
    assert triage(happened, bot_id=BOT.user_id, policy=GROUPS) == duty
    channel = event("a", what=what, chat_type="channel")
    assert triage(channel, bot_id=BOT.user_id, policy=GROUPS).duty is Duty.IGNORE


def test_the_customer_of_a_group_is_the_group() -> None:
    fields = group_fields(-73, "Чат <b>дачников</b>", RU, 66)
    assert fields == {
        "firstName": "Чат ‹b›дачников‹/b›",
        "socialProfiles": [
            {"type": "other", "value": "max-chat:-73"},
            {"type": "other", "value": "max-bot:66"},
        ],
        "notes": "MAX chat -73",
    }
    assert group_fields(-73, " ", RU, 66)["firstName"] == "Группа MAX"


@pytest.mark.parametrize("what", [each for each in What if each is not What.UNREADABLE])
@pytest.mark.parametrize("chat_type", ["chat", "channel"])
def test_nothing_happens_in_groups_and_channels(what: What, chat_type: str) -> None:
    verdict = triage(
        event("a", what=what, chat_type=chat_type), bot_id=BOT.user_id, policy=GREETING
    )
    assert verdict.duty is Duty.IGNORE
    assert not verdict.blocks
    assert not verdict.unblocks


def test_the_sign_of_the_chat_proves_nothing() -> None:
    # Contract max.md 3.1: dialogs with a negative chat id exist.
    happened = event("a", chat_id=-73000000000042)
    assert triage(happened, bot_id=BOT.user_id, policy=POLICY).duty is Duty.POST


# --- place --------------------------------------------------------------------------------------------


def ticket(**more: Any) -> Conversation:
    return sample(**({"status": "active", "threads": None} | more))


def closed(ago: float, **members: Any) -> Conversation:
    return ticket(status="closed", closed_at=NOW - ago, **members)


PLACES = [
    # ticket, reopen_days, message lands, remark lands
    (None, 14, (Where.OPEN, None, None), (Where.NOWHERE, None, None)),
    (ticket(), 14, (Where.APPEND, 7, None), (Where.APPEND, 7, "active")),
    # A remark is no question: "pending" stays so; a message makes the desk set "active".
    (
        ticket(status="pending"),
        14,
        (Where.APPEND, 7, None),
        (Where.APPEND, 7, "pending"),
    ),
    # Trap 14: without a status the desk would take a spammer out of spam.
    (ticket(status="spam"), 14, (Where.APPEND, 7, "spam"), (Where.APPEND, 7, "spam")),
    (ticket(state="deleted"), 14, (Where.FOLLOW_MERGE, 7, None), (Where.FOLLOW_MERGE, 7, None)),
    (
        ticket(state="deleted", status="spam"),
        14,
        (Where.FOLLOW_MERGE, 7, None),
        (Where.FOLLOW_MERGE, 7, None),
    ),
    # Closed: reopened within so many days; never brought back by a remark.
    *(
        (
            closed(ago),
            days,
            (Where.APPEND, 7, None) if reopens else (Where.OPEN, None, None),
            (Where.NOWHERE, None, None),
        )
        for days, ago, reopens in [
            (14, 0.0, True),
            (14, 14 * DAY - 1, True),
            (14, 14 * DAY, False),
            (14, 14 * DAY + 1, False),
            (1, DAY - 1, True),
            (1, DAY, False),
            (0, 0.0, False),
            (0, 1.0, False),
            # The desk's time of our reading is up to some seconds early: a ticket may seem to have
            # been closed in the future, and 0 is "always new" all the same (design.md 5).
            (0, -5.0, False),
            (-1, 0.0, True),
            (-1, 10_000 * DAY, True),
        ]
    ),
]


@pytest.mark.parametrize(("now_ticket", "days", "message", "remark"), PLACES)
def test_where_it_lands(
    now_ticket: Conversation | None, days: int, message: Any, remark: Any
) -> None:
    policy = InboundPolicy(mailbox_id=1, reopen_days=days)

    def lands(duty: Duty) -> tuple[Where, int | None, str | None]:
        found: Placement = place(now_ticket, duty=duty, now=NOW, policy=policy)
        assert found.reason
        return found.where, found.conversation_id, found.status

    assert lands(Duty.POST) == message
    assert lands(Duty.REMARK) == remark


@pytest.mark.parametrize(("ago", "where"), [(14 * DAY - 1, Where.APPEND), (14 * DAY, Where.OPEN)])
def test_a_closed_ticket_without_a_closing_time_is_judged_by_its_last_change(
    ago: float, where: Where
) -> None:
    # Module 1.0.67 leaves closedAt empty when the API closes (contract freescout.md 10).
    old = ticket(status="closed", closed_at=None, updated_at=NOW - ago)
    assert place(old, duty=Duty.POST, now=NOW, policy=POLICY).where is where


def test_the_days_count_from_the_last_that_agents_did() -> None:
    # Workflows close without setting closedAt: it tells of an earlier closing then.
    old = closed(20 * DAY, user_updated_at=NOW - DAY)
    assert place(old, duty=Duty.POST, now=NOW, policy=POLICY).where is Where.APPEND
    old = closed(20 * DAY, user_updated_at=NOW - 15 * DAY, updated_at=NOW)
    assert place(old, duty=Duty.POST, now=NOW, policy=POLICY).where is Where.OPEN


@given(
    st.sampled_from(["active", "pending", "closed", "spam"]),
    st.sampled_from(["published", "deleted"]),
    st.sampled_from([Duty.POST, Duty.REMARK]),
    st.booleans(),
    st.integers(-1, 20),
)
def test_nothing_lands_in_a_ticket_that_is_too_long(
    status: str, state: str, duty: Duty, given_away: bool, days: int
) -> None:
    policy = InboundPolicy(mailbox_id=1, reopen_days=days)
    now_ticket = (
        closed(DAY, state=state) if status == "closed" else ticket(status=status, state=state)
    )
    found = place(now_ticket, duty=duty, now=NOW, policy=policy, given_away=given_away, full=True)
    assert found.where is not Where.APPEND
    # A merge is followed first: the survivor may have room.
    assert (found.where is Where.FOLLOW_MERGE) == (state == "deleted")
    if found.follows is not None:
        assert found.follows == now_ticket.id
        assert found.status == ("spam" if status == "spam" else None)
    if duty is Duty.REMARK:
        assert found.where is not Where.OPEN


@given(st.integers(0, 3000), st.integers(0, 20 << 20), st.integers(0, 2000), st.integers(0, 16))
def test_a_ticket_is_full_by_its_threads_or_by_their_size(
    threads: int, size: int, most: int, mib: int
) -> None:
    policy = InboundPolicy(mailbox_id=1, max_threads=most, max_bytes=mib << 20)
    expected = (most > 0 and threads >= most) or (mib > 0 and size >= mib << 20)
    assert is_full(threads, size, policy) is expected
    assert not is_full(threads, size, InboundPolicy(mailbox_id=1, max_threads=0, max_bytes=0))


@pytest.mark.parametrize("status", ["active", "pending", "closed", "spam"])
def test_nothing_lands_under_another_customers_name(status: str) -> None:
    # A thread bears the name of the ticket's customer (case 61).
    given = ticket(status=status)
    for duty, where in ((Duty.POST, Where.OPEN), (Duty.REMARK, Where.NOWHERE)):
        found = place(given, duty=duty, now=NOW, policy=POLICY, given_away=True)
        assert found.where is where
    merged = ticket(state="deleted")
    found = place(merged, duty=Duty.POST, now=NOW, policy=POLICY, given_away=True)
    assert found.where is Where.FOLLOW_MERGE


@pytest.mark.parametrize(
    ("profiles", "users"),
    [
        ([], set()),
        (["max:410000017"], {410000017}),
        (["https://max.ru/u/1", "max:1", "max:2", "max:1"], {1, 2}),
        # People write into this field, too.
        (["max:", "max:-5", "max: 7", "xmax:7", "max:7x", "max-chat:7", "max:" + "9" * 30], set()),
        ([profile_of(17)], {17}),
    ],
)
def test_the_max_users_on_a_card(profiles: list[str], users: set[int]) -> None:
    assert users_of(profiles) == users


# --- names and subject ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "first", "last"),
    [
        (MARINA, "Марина", "Тестова"),
        (Person(1, "Олег", ""), "Олег", None),
        (Person(1, "  ", "Ким"), "Ким", None),
        (Person(1, "", "", "oleg_demo"), "oleg_demo", None),
        (Person(1, " \n", " ", " "), "Клиент MAX", None),
        # Contract freescout.md 2: names are stripped of tags.
        (Person(1, "<b>Олег</b>", "<3"), "‹b›Олег‹/b›", "‹3"),
        (Person(1, "О" * 300, "К" * 300), "О" * 255, "К" * 255),
        (Person(1, "a\n b\t c"), "a b c", None),
    ],
)
def test_a_customer_has_a_first_name_always_and_no_email_ever(
    person: Person, first: str, last: str | None
) -> None:
    fields = customer_fields(person, RU, 66)
    assert (fields["firstName"], fields.get("lastName")) == (first, last)
    # Trap 20: an e-mail would bring auto replies by mail.
    assert set(fields) <= {"firstName", "lastName", "socialProfiles", "notes"}
    # design.md 4: the key by which the dialog is found again when our database is lost.
    values = [f"max:{person.user_id}", "max-bot:66"]
    assert fields["socialProfiles"] == [{"type": "other", "value": each} for each in values]
    assert (users_of(values), bots_of(values)) == ({person.user_id}, {66})
    assert (is_others_record(values, 66), is_others_record(values, 77)) == (False, True)
    assert fields["notes"] == f"MAX id {person.user_id}"


@given(texts.map(clean))
@law
def test_a_name_is_one_line_without_tags_of_at_most_255_letters(name: str) -> None:
    kept = desk_name(name)
    assert not set(kept) & {"<", ">", "\n", "\t"}
    assert len(kept) <= NAME_LENGTH
    assert kept == kept.strip()
    assert desk_name(kept) == kept


@pytest.mark.parametrize(
    ("template", "line", "person", "subject"),
    [
        ("MAX: {text}", "Не приходит письмо", MARINA, "MAX: Не приходит письмо"),
        ("MAX: {text}", "", MARINA, "MAX: Сообщение из MAX"),
        ("{name}: {text}", "Привет", MARINA, "Марина Тестова: Привет"),
        ("{name}", "Привет", None, "Сообщение из MAX"),
        ("Обращение", "Привет", MARINA, "Обращение"),
        ("{что-то} {text", "Привет", MARINA, "{что-то} {text"),
        ("{text}{text}", "а", MARINA, "аа"),
        # The customer's words are words, not a template of ours.
        ("MAX: {text}", "пишу в {name} и {text}", MARINA, "MAX: пишу в {name} и {text}"),
    ],
)
def test_the_subject_follows_the_administrators_template(
    template: str, line: str, person: Person | None, subject: str
) -> None:
    policy = InboundPolicy(mailbox_id=1, subject=template)
    assert subject_of(line, person, RU, policy) == subject


@given(texts.map(clean), texts.map(clean), st.sampled_from(["{text}", "{name}", "", " {text} "]))
@law
def test_a_subject_is_one_line_and_never_empty_nor_too_long(
    line: str, name: str, template: str
) -> None:
    policy = InboundPolicy(mailbox_id=1, subject=template)
    subject = subject_of(line, Person(1, name), EN, policy)
    assert 0 < len(subject) <= SUBJECT_LENGTH
    assert len(subject.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("\u202eнави", "нави"),
        ("\u200b\u3164", ""),
        ("\u2066Олег\u2069 \u200eКим", "Олег Ким"),
        ("О\u00adлег\ufeff", "Олег"),
        ("\u200d\ufe0f", ""),
        (" \u2800 ", ""),
        ("Анна 👩\u200d💻", "Анна 👩\u200d💻"),
        ("\u202e<b>", "‹b›"),
    ],
)
def test_nobodys_name_turns_the_desks_lists_around_or_is_blank(name: str, kept: str) -> None:
    assert desk_name(name) == kept
    fields = customer_fields(Person(5, name, "\u202e\u200b"), RU, None)
    assert fields["firstName"] == (kept or "Клиент MAX")
    assert "lastName" not in fields
    assert customer_fields(Person(5, "\u3164", name, "user"), RU, None)["firstName"] == (
        kept or "user"
    )
    assert group_fields(-73, name, RU, None)["firstName"] == (kept or "Группа MAX")
    policy = InboundPolicy(mailbox_id=1, subject="{name}: {text}")
    assert subject_of("\u202eатёлпо", Person(5, name), RU, policy) == f"{kept}: атёлпо".strip()


def test_a_subject_that_shows_nothing_is_the_usual_one() -> None:
    policy = InboundPolicy(mailbox_id=1, subject="{text}")
    assert subject_of("\u202e\u200b", None, RU, policy) == "Сообщение из MAX"
