"""core.plan_late: what arrives late says so (design.md 6: a delay warning after 15 minutes)."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from maxbridge.core.desk_html import written_line
from maxbridge.core.plan_inbound import written_at
from maxbridge.core.retry import LateReply, RetryPolicy, Why, late_note, why_late
from maxbridge.core.texts import Texts
from maxbridge.i18n import EN, RU

NOW = 1_800_000_000.0
POLICY = RetryPolicy()
MINUTE, DAY = 60.0, 86400.0


def reply(
    *, waited: float = 20 * MINUTE, doubtful: bool = False, error: str | None = None
) -> LateReply:
    return LateReply("thread:7:0", 5, 7, "Здравствуйте", NOW - waited, doubtful, error)


# --- customers' messages ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "late"),
    [
        (NOW - 1, False),
        (NOW - 15 * MINUTE, False),
        (NOW - 15 * MINUTE - 1, True),
        (NOW - 30 * 3600, True),
        # MAX's clock is ahead of the desk's, or the event had no time.
        (NOW + DAY, False),
        (0, False),
        (-5, False),
    ],
)
def test_a_message_shows_its_own_time_where_the_desks_time_misleads(
    written: float, late: bool
) -> None:
    assert written_at(int(written * 1000), NOW) == (written if late else None)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (RU, "🕓 Написано 15.01.2027 в 08:00 (UTC), сюда попало позже."),
        (EN, "🕓 Written 2027-01-15 at 08:00 (UTC), it reached this ticket later."),
    ],
)
def test_the_line_names_date_time_and_zone(texts: Texts, words: str) -> None:
    line = written_line(datetime.fromtimestamp(NOW, UTC), texts)
    assert line.startswith("<div style=")
    assert f">{words}</div>" in line


# --- replies ---------------------------------------------------------------------------------------

TABLE = [
    # what MAX is in trouble with, the reply's own failure, in doubt → why
    ("max.unreachable", None, False, Why.AWAY),
    ("max.unavailable", "max.unavailable", True, Why.AWAY),
    ("max.too_many_requests", None, False, Why.SLOW),
    ("max.unauthorized", None, False, Why.SETUP),
    ("max.tls", None, False, Why.SETUP),
    (None, "max.server_error", False, Why.AWAY),
    (None, "max.dropped", True, Why.DOUBT),
    (None, "max.not_ready", False, Why.REFUSED),
    # A trouble of the whole explains more than a failure of one.
    ("max.unreachable", "max.not_ready", False, Why.AWAY),
    # MAX is well and it was not tried yet: after an outage the queue is being worked off.
    (None, None, False, None),
]


@pytest.mark.parametrize(("trouble", "error", "doubtful", "why"), TABLE)
def test_why_a_reply_is_late(
    trouble: str | None, error: str | None, doubtful: bool, why: Why | None
) -> None:
    late = reply(error=error, doubtful=doubtful)
    assert why_late(late, trouble=trouble, now=NOW, policy=POLICY) is why


@pytest.mark.parametrize(
    ("waited", "told"),
    [
        (-DAY, False),  # the clock was set back
        (0, False),
        (POLICY.late, False),
        (POLICY.late + 1, True),
        (4 * DAY, True),
        # It is given up within the hour: one note is enough, and that one says more.
        (5 * DAY - 3600, False),
        (6 * DAY, False),
    ],
)
def test_when_a_late_reply_is_told(waited: float, told: bool) -> None:
    late = reply(waited=waited)
    assert bool(why_late(late, trouble="max.timeout", now=NOW, policy=POLICY)) is told


@pytest.mark.parametrize("texts", [RU, EN])
@pytest.mark.parametrize("why", Why)
def test_every_reason_has_its_words(why: Why, texts: Texts) -> None:
    assert why.value in {each.name for each in fields(Texts)}
    note = late_note(reply(), why, texts, POLICY)
    assert "Здравствуйте" in note
    assert getattr(texts, why.value) in note
    assert "5 " in note
    assert "{" not in note
