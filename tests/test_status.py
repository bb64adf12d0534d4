"""status: what the store says, judged; for people, for programs, for monitoring (design.md 9)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from maxbridge import __version__
from maxbridge.advice import ADVICE
from maxbridge.cli.status import to_json, to_nagios
from maxbridge.cli.status_text import to_text
from maxbridge.config.loading import Handles
from maxbridge.observe.status import (
    GAP_LOUD,
    GAP_SHOWN,
    LATE_AFTER,
    LOOPS,
    STARTING,
    STUCK_AFTER,
    Level,
    Problem,
    Report,
    assess,
    is_starting,
)
from maxbridge.saying import age, local, utc
from maxbridge.store.snapshot import (
    BrokenRule,
    Flood,
    GapRecord,
    HeldItem,
    LoopHealth,
    QueueHealth,
    Snapshot,
    Traffic,
)

NOW = 1_800_000_000.0
EMPTY = QueueHealth(0, None, 0)


def loop(name: str = "max_poller", **more: Any) -> LoopHealth:
    members: dict[str, Any] = {
        "beat_at": NOW - 1,
        "success_at": NOW - 1,
        "error_at": None,
        "error": None,
        "error_detail": None,
        "trouble_since": None,
    }
    return LoopHealth(name, **(members | more))


PASSED = Traffic(hour=0, day=0, last_at=NOW - 90000)
HEALTHY = Snapshot(
    bot_id=900100200,
    schema="0001_initial",
    marker=18000101,
    marker_at=NOW - 3,
    loops=tuple(loop(name) for name in sorted(LOOPS)),
    inbox=EMPTY,
    outbox=EMPTY,
    dialogs=17,
    blocked=2,
    traffic_in=PASSED,
    traffic_out=PASSED,
)
ILL = loop(
    "desk_poller",
    error_at=NOW - 5,
    error="desk.unauthorized",
    error_detail="HTTP 401",
    trouble_since=NOW - 600,
)
WORST = replace(
    HEALTHY,
    loops=(ILL, loop("max_sender", beat_at=NOW - 200), loop()),
    inbox=QueueHealth(3, NOW - 7200, 1, 4),
    outbox=QueueHealth(2, NOW - 60, 2),
    held=(HeldItem("out-5", "thread:5:0", "max.lookup", NOW - 100),),
)


def judged(snapshot: Snapshot = HEALTHY, *, running: bool = True) -> Report:
    return assess(snapshot, running=running, now=NOW)


# --- the judgement ------------------------------------------------------------------------------------------


def test_exit_codes_are_those_of_monitoring_plugins() -> None:
    # design.md 9: 0 healthy, 1 degraded, 2 down.
    assert [int(each) for each in Level] == [0, 1, 2]


@pytest.mark.parametrize(
    ("snapshot", "running", "level", "says"),
    [
        (HEALTHY, True, Level.OK, None),
        # Just started: no loop has had a chance to succeed or fail.
        (replace(HEALTHY, loops=()), True, Level.OK, None),
        (HEALTHY, False, Level.DOWN, "not running: systemctl start maxbridge"),
        (replace(HEALTHY, loops=()), False, Level.DOWN, "not running"),
        (
            replace(HEALTHY, loops=tuple(loop(name, beat_at=NOW - 61) for name in LOOPS)),
            True,
            Level.DOWN,
            "none of its loops moves or it cannot write its database",
        ),
        (
            replace(HEALTHY, loops=(loop(beat_at=NOW - 61), loop("desk_poller"))),
            True,
            Level.DEGRADED,
            "max_poller has not moved for 61 s",
        ),
        (
            replace(HEALTHY, loops=(loop(beat_at=NOW - STUCK_AFTER), loop("desk_poller"))),
            True,
            Level.OK,
            None,
        ),
        (
            replace(HEALTHY, loops=(ILL, loop())),
            True,
            Level.DEGRADED,
            "desk_poller has been in trouble for 10 min: desk.unauthorized (HTTP 401). FreeScout refuses",
        ),
        # A trouble that is over is none.
        (replace(HEALTHY, loops=(replace(ILL, trouble_since=None),)), True, Level.OK, None),
        (
            replace(HEALTHY, inbox=QueueHealth(1, NOW - LATE_AFTER - 1, 0)),
            True,
            Level.DEGRADED,
            "inbox: the oldest item waits for 15 min",
        ),
        (replace(HEALTHY, inbox=QueueHealth(1, NOW - LATE_AFTER, 0)), True, Level.OK, None),
        (
            replace(HEALTHY, outbox=QueueHealth(0, None, 2)),
            True,
            Level.DEGRADED,
            "outbox: 2 held, waiting for your decision",
        ),
        # Unreadable events are shown, but nobody can do anything about them (design.md 5).
        (replace(HEALTHY, inbox=QueueHealth(0, None, 0, parked=9)), True, Level.OK, None),
        # The agents of a group were told; here it is worth knowing (contract max.md 12).
        (replace(HEALTHY, deaf=2), True, Level.OK, None),
        # Our clock was set back: nothing hangs for it.
        (replace(HEALTHY, loops=(loop(beat_at=NOW + 9999),)), True, Level.OK, None),
    ],
)
def test_the_judgement(snapshot: Snapshot, running: bool, level: Level, says: str | None) -> None:
    report = judged(snapshot, running=running)
    assert report.level is level
    assert bool(report.reasons) == (level is not Level.OK)
    if says is not None:
        assert any(says in reason for reason in report.reasons), report.reasons


def test_every_reason_is_told_the_worst_first() -> None:
    reasons = judged(WORST, running=False).reasons
    assert reasons[0].startswith("the daemon is not running")
    assert len(reasons) == 4
    assert len(judged(WORST).reasons) == 5


NEW = loop(success_at=None)


@pytest.mark.parametrize(
    ("snapshot", "running_for", "starting", "level", "says"),
    [
        (replace(HEALTHY, loops=()), 1.0, True, Level.OK, None),
        (replace(HEALTHY, loops=()), STARTING, True, Level.OK, None),
        (
            replace(HEALTHY, loops=()),
            STARTING + 59,
            True,
            Level.DEGRADED,
            "no loop has reported since the start, 119 s ago.",
        ),
        (replace(HEALTHY, loops=(NEW, *HEALTHY.loops[:1])), STARTING, True, Level.OK, None),
        (
            replace(HEALTHY, loops=(NEW, *HEALTHY.loops[:3])),
            STARTING + 60,
            True,
            Level.DEGRADED,
            "max_poller has not succeeded since the start, 2 min ago. See journalctl -u maxbridge",
        ),
        # Nothing to deliver is no trouble, however long it lasts.
        (
            replace(
                HEALTHY,
                loops=tuple(
                    loop(name, success_at=None if name in ("desk_writer", "max_sender") else NOW)
                    for name in LOOPS
                ),
            ),
            86400.0,
            False,
            Level.OK,
            None,
        ),
        # What is in trouble has been tried; that is told already.
        (
            replace(HEALTHY, loops=(ILL, loop(), loop("housekeeper"))),
            900.0,
            False,
            Level.DEGRADED,
            "desk_poller has been in trouble for 10 min",
        ),
        # The clock was set back since the start.
        (replace(HEALTHY, loops=(NEW,)), -9999.0, True, Level.OK, None),
    ],
)
def test_a_start_takes_a_minute_and_then_names_whom_it_waits_for(
    snapshot: Snapshot, running_for: float, starting: bool, level: Level, says: str | None
) -> None:
    report = assess(snapshot, running=True, now=NOW, started_at=NOW - running_for)
    assert (is_starting(report), report.level) == (starting, level)
    if says is not None:
        assert any(says in reason for reason in report.reasons), report.reasons
    shown = {each["name"]: each["ok"] for each in to_json(report)["loops"]}
    assert (not all(shown.values())) == (level is not Level.OK and bool(snapshot.loops))


def test_remedies_are_those_of_this_very_maxbridge() -> None:
    shop = Handles.of("maxbridge@shop")
    still = replace(HEALTHY, loops=(loop(beat_at=NOW - 99), loop("desk_poller")))
    stuck = assess(still, running=True, now=NOW, handles=shop)
    assert "See journalctl -u maxbridge@shop; when nothing" in str(stuck.problems[0])
    assert stuck.problems[0].remedy.endswith("systemctl restart maxbridge@shop")
    assert assess(HEALTHY, running=False, now=NOW, handles=shop).problems[0].remedy == (
        "systemctl start maxbridge@shop"
    )


@pytest.mark.parametrize(
    ("name", "error", "setting", "place"),
    [
        ("max_poller", "max.unauthorized", "max.token", "/etc/credstore/maxbridge.max_token"),
        ("desk_poller", "desk.unauthorized", "freescout.api_key", "$MAXBRIDGE_FREESCOUT__API_KEY"),
    ],
)
def test_a_refused_secret_is_mended_where_it_stands(
    name: str, error: str, setting: str, place: str
) -> None:
    section, _, key = setting.partition(".")
    ill = replace(HEALTHY, loops=(loop(name, trouble_since=NOW - 60, error=error),))

    def remedy(secrets: dict[str, str]) -> str:
        report = assess(ill, running=True, now=NOW, handles=Handles(secrets=secrets))
        return report.problems[0].remedy

    assert f"comes from {place}" in remedy({setting: place})
    assert f"into [{section}] {key}" in remedy({})
    assert remedy({"another.one": place}) == remedy({})


AWAY = GapRecord("away", NOW - 30 * 3600, NOW, dialogs=300, left=288, messages=5, unread=2)
DONE = replace(AWAY, left=0, unread=0)


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (
            AWAY,
            (
                f"MAX was not asked for 30 h, until {local(NOW)}: 12 of 300 known dialogs "
                "are read again, 5 messages found, 2 cannot be read. MAX keeps events for 24 hours."
            ),
        ),
        (DONE, "all 300 known dialogs are read again, 5 messages found. MAX keeps"),
        (
            replace(AWAY, kind="clock"),
            f"this machine's clock jumped ({local(NOW)}): 12",
        ),
        (replace(AWAY, kind="webhook"), f"a webhook took this bot's events until {local(NOW)}"),
        (
            replace(AWAY, kind="missed"),
            f"polling does not bring every message (noticed {local(NOW)}",
        ),
    ],
)
def test_a_gap_is_told_with_what_becomes_of_it(gap: GapRecord, words: str) -> None:
    (reason,) = judged(replace(HEALTHY, gap=gap)).reasons
    assert words in reason
    assert reason.endswith(ADVICE[f"gap.{gap.kind}"])


@pytest.mark.parametrize(
    ("gap", "age_of_gap", "level", "notices"),
    [
        (DONE, 0.0, Level.DEGRADED, 0),
        (DONE, GAP_LOUD - 1, Level.DEGRADED, 0),
        # Monitoring has told somebody by now, and nobody can undo it.
        (DONE, GAP_LOUD, Level.OK, 1),
        (DONE, GAP_SHOWN - 1, Level.OK, 1),
        (DONE, GAP_SHOWN, Level.OK, 0),
        # As long as histories are read, there is something to wait for.
        (AWAY, 30 * 86400.0, Level.DEGRADED, 0),
        # The clock was set back: it was noticed in the future.
        (DONE, -3600.0, Level.DEGRADED, 0),
    ],
)
def test_a_gap_degrades_for_a_day_and_is_shown_for_a_week(
    gap: GapRecord, age_of_gap: float, level: Level, notices: int
) -> None:
    report = judged(replace(HEALTHY, gap=replace(gap, noticed_at=NOW - age_of_gap)))
    assert (report.level, len(report.notices)) == (level, notices)
    shown = [line for line in to_text(report).split("\n") if line.startswith("  i ")]
    assert len(shown) == len(to_json(report)["notices"]) == notices


def test_the_json_of_a_gap() -> None:
    report = assess(replace(HEALTHY, gap=AWAY), running=True, now=NOW, show=utc)
    assert "until 2027-01-15T08:00:00Z: 12 of 300" in to_json(report)["reasons"][0]
    assert to_json(report)["gap"] == {
        "kind": "away",
        "since": "2027-01-14T02:00:00Z",
        "noticed": "2027-01-15T08:00:00Z",
        "dialogs": 300,
        "dialogs_left": 288,
        "dialogs_unread": 2,
        "messages": 5,
    }


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_a_trouble_comes_with_what_to_do(code: str) -> None:
    ill = replace(ILL, error=code, error_detail=None)
    (reason,) = judged(replace(HEALTHY, loops=(ill, loop()))).reasons
    assert reason.endswith(ADVICE[code])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (2 * 86400 - 1, "48 h"),
        (2 * 86400, "2 d"),
        (400 * 86400, "400 d"),
    ],
)
def test_ages_read_as_people_say_them(seconds: float, words: str) -> None:
    assert age(seconds) == words


# --- for programs -------------------------------------------------------------------------------------------


def test_the_json_of_a_healthy_daemon_is_this_and_stays_so() -> None:
    # Scripts read it: a member that changes or goes needs another "version".
    others = loop("desk_poller"), loop("housekeeper")
    data = to_json(judged(replace(HEALTHY, loops=(loop(), *others))))
    data["loops"] = data["loops"][:1]
    assert json.loads(json.dumps(data)) == {
        "version": 1,
        "status": "ok",
        "reasons": [],
        "notices": [],
        "running": True,
        "starting": False,
        "time": "2027-01-15T08:00:00Z",
        "maxbridge": __version__,
        "problems": [],
        "disk_free": None,
        "database_size": None,
        "schema": "0001_initial",
        "bot_id": 900100200,
        "marker": 18000101,
        "marker_at": "2027-01-15T07:59:57Z",
        "loops": [
            {
                "name": "max_poller",
                "ok": True,
                "last_beat": "2027-01-15T07:59:59Z",
                "last_success": "2027-01-15T07:59:59Z",
                "last_error": None,
                "error": None,
                "error_detail": None,
                "trouble_since": None,
            }
        ],
        "inbox": {
            "waiting": 0,
            "oldest_waiting": None,
            "oldest_waiting_seconds": None,
            "held": 0,
            "parked": 0,
            "put_aside": 0,
            "delivered_hour": 0,
            "delivered_day": 0,
            "last_delivered": "2027-01-14T07:00:00Z",
            "seconds_left": None,
        },
        "outbox": {
            "waiting": 0,
            "oldest_waiting": None,
            "oldest_waiting_seconds": None,
            "held": 0,
            "parked": 0,
            "put_aside": 0,
            "delivered_hour": 0,
            "delivered_day": 0,
            "last_delivered": "2027-01-14T07:00:00Z",
            "seconds_left": None,
        },
        "dialogs": 17,
        "blocked": 2,
        "removed": 0,
        "hosts": [],
        "gap": None,
        "certificates": [],
        "held": [],
        "broken_rules": [],
        "put_aside": [],
    }


def test_a_rule_that_only_a_newer_version_knows_is_told() -> None:
    broken = BrokenRule("rule.of_tomorrow", "in-7", NOW - 60)
    report = assess(replace(HEALTHY, broken=(broken,)), running=True, now=NOW)
    assert "a rule of this program did not hold (in-7" in "\n".join(map(str, report.reasons))


def test_chats_that_sent_too_much_are_named_up_to_a_number() -> None:
    floods = tuple(Flood(chat, 10 - chat, NOW - 60) for chat in range(1, 9))
    snapshot = replace(HEALTHY, inbox=QueueHealth(0, None, 0, put_aside=44), floods=floods)
    report = judged(snapshot)
    assert report.level is Level.DEGRADED
    assert len(report.reasons) == 6
    assert report.reasons[0] == (
        "chat 1 sent more than [max] flood_limit in an hour, messages put aside: 9: maxbridge queue release 1 "
        "delivers them, maxbridge queue drop --put-aside 1 gives them up"
    )
    assert "flood_limit: 3, messages put aside: 9:" in report.reasons[5]
    data = to_json(report)
    assert data["inbox"]["put_aside"] == 44
    assert data["put_aside"][0] == {"chat": 1, "messages": 9, "since": "2027-01-15T07:59:00Z"}


def test_the_json_of_trouble() -> None:
    data = to_json(judged(WORST))
    assert (data["status"], len(data["reasons"])) == ("degraded", 5)
    assert [each["ok"] for each in data["loops"]] == [False, False, True]
    assert data["loops"][0]["error"] == "desk.unauthorized"
    assert data["inbox"]["oldest_waiting_seconds"] == 7200
    assert data["held"] == [
        {
            "id": "out-5",
            "key": "thread:5:0",
            "error": "max.lookup",
            "since": utc(NOW - 100),
        }
    ]


NOTHING = Report(
    Level.DOWN, (Problem("There is no database at /x."),), None, running=False, now=NOW
)


def test_without_a_database_the_reason_is_told() -> None:
    data = to_json(NOTHING)
    assert (data["status"], data["running"]) == ("down", False)
    assert data["reasons"] == ["There is no database at /x."]
    assert "There is no database at /x." in to_text(NOTHING)
    assert to_nagios(NOTHING) == "MAXBRIDGE CRITICAL - There is no database at /x."


def test_groups_that_removed_the_bot_are_counted_beside_customers_who_stopped_it() -> None:
    lines = to_text(judged(replace(HEALTHY, dialogs=9, blocked=3, removed=2))).splitlines()
    assert "  dialogs 9, of which stopped the bot 1" in lines
    assert "  groups that removed the bot: 2" in lines
    assert "removed" not in to_text(judged(replace(HEALTHY, blocked=3)))


def test_groups_that_the_bot_may_not_read_are_a_notice() -> None:
    (notice,) = judged(replace(HEALTHY, deaf=2)).notices
    assert "may not read: 2." in notice
