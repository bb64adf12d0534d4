"""status for monitoring plugins and for people: the line, the page, the page that redraws itself."""

from __future__ import annotations

import io
import re
import signal
from dataclasses import replace

import pytest

import status_samples
from maxbridge import __version__
from maxbridge.cli.output import Screen
from maxbridge.cli.status import to_nagios
from maxbridge.cli.status_text import to_text, verdict
from maxbridge.observe.status import LOOPS, Report, seconds_left
from maxbridge.store.snapshot import QueueHealth, Snapshot, Traffic
from test_status import EMPTY, HEALTHY, ILL, NOW, WORST, judged, loop

# --- for monitoring -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (
            judged(),
            (
                "MAXBRIDGE OK | inbox=0;;;0 outbox=0;;;0 oldest=0s;900;;0 held=0;0;;0 parked=0;;;0 "
                "slowest_loop=1s;60;;0 troubles=0;0;;0 file_hosts=0;0;;0 in_hour=0;;;0 out_hour=0;;;0"
            ),
        ),
        (
            judged(replace(HEALTHY, outbox=QueueHealth(5, NOW - 1000, 2))),
            (
                "MAXBRIDGE WARNING - outbox: the oldest item waits for 17 min: maxbridge queue list says what for; outbox: 2 held, "
                "waiting for your decision: maxbridge queue list | inbox=0;;;0 outbox=5;;;0 "
                "oldest=1000s;900;;0 held=2;0;;0 parked=0;;;0 slowest_loop=1s;60;;0 troubles=0;0;;0 file_hosts=0;0;;0 "
                "in_hour=0;;;0 out_hour=0;;;0"
            ),
        ),
    ],
)
def test_the_line_for_monitoring(report: Report, line: str) -> None:
    assert to_nagios(report) == line


def test_the_line_for_monitoring_is_one_line_with_one_bar() -> None:
    evil = replace(ILL, error_detail="a|b")
    for report in (judged(WORST), judged(replace(WORST, loops=(evil, loop())), running=False)):
        line = to_nagios(report)
        assert line.count("|") == 1
        assert "\n" not in line


FIGURE = re.compile(r"'?[a-z_]+'?=-?[0-9.]+(s|B|%|c)?(;[0-9.:@~]*){0,4}")


@pytest.mark.parametrize("name", status_samples.SAMPLES)
def test_the_figures_are_in_the_form_that_plugins_use(name: str) -> None:
    with status_samples.sample(name) as report:
        _, _, figures = to_nagios(report).partition(" | ")
    assert figures
    for figure in figures.split(" "):
        assert FIGURE.fullmatch(figure), figure


def test_a_threshold_is_passed_exactly_when_the_verdict_says_so() -> None:
    line = to_nagios(replace(judged(WORST), free=1000))
    figures = dict(each.split("=", 1) for each in line.partition(" | ")[2].split(" "))
    assert figures["held"] == "3;0;;0"
    assert figures["oldest"] == "7200s;900;;0"
    assert figures["slowest_loop"] == "200s;60;;0"
    assert figures["troubles"] == "1;0;;0"
    assert figures["disk_free"] == "1000B;2097152:;;0"


# --- for people ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", status_samples.LANGUAGES)
def test_the_states_in_the_documentation_are_what_status_says(language: str) -> None:
    document = status_samples.document(language).read_text(encoding="utf-8")
    assert document == status_samples.page(language), "make status-doc"


def test_every_state_is_told_in_every_language() -> None:
    for words in status_samples.LANGUAGES.values():
        assert list(words.samples) == list(status_samples.SAMPLES)


def test_the_report_for_people() -> None:
    text = to_text(judged(WORST))
    lines = text.split("\n")
    assert lines[0] == f"maxbridge {__version__}: {verdict(judged(WORST))}"
    assert [line for line in lines if line.startswith("  ! ")] == [
        f"  ! {problem.what}" for problem in judged(WORST).problems
    ]
    for words in (
        "bot 900100200; MAX marker 18000101, 3 s ago; schema 0001_initial",
        "dialogs 17, of which stopped the bot 2",
        "events without a sender: 4",
        "held out-5 thread:5:0: max.lookup, 100 s ago",
    ):
        assert words in text
    queues = [line.split() for line in lines if "desk" in line and "→" in line]
    assert ["MAX", "→", "desk", "3", "2", "h", "1", "0", "0", "25", "h", "ago"] in queues
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (judged(), "OK, messages pass both ways"),
        (
            judged(replace(HEALTHY, traffic_out=Traffic())),
            "OK, both services answer; no reply has been sent yet",
        ),
        (
            judged(replace(HEALTHY, traffic_in=Traffic())),
            "OK, both services answer; no message has come yet",
        ),
        (
            judged(replace(HEALTHY, traffic_in=Traffic(), traffic_out=Traffic())),
            "OK, both services answer; no message has come and no reply has been sent yet",
        ),
        (judged(replace(HEALTHY, loops=())), "OK, starting"),
        (
            judged(replace(HEALTHY, loops=(loop(success_at=None), loop("desk_poller")))),
            "OK, starting",
        ),
        (judged(running=False), "DOWN, nothing is delivered"),
        (
            judged(replace(HEALTHY, loops=(loop("desk_writer"), ILL))),
            "DEGRADED, trouble on the way desk → MAX",
        ),
        (
            judged(replace(HEALTHY, loops=(loop(beat_at=NOW - 99), loop("desk_poller")))),
            "DEGRADED, trouble on the way MAX → desk",
        ),
        (
            judged(replace(HEALTHY, inbox=QueueHealth(0, None, 1))),
            "DEGRADED, messages pass, but something waits for your decision",
        ),
        (
            judged(
                replace(
                    HEALTHY, loops=(loop(success_at=None),), inbox=QueueHealth(1, NOW - 5000, 0)
                )
            ),
            "DEGRADED, messages pass, but not everything is as it should be",
        ),
        (
            judged(replace(HEALTHY, inbox=QueueHealth(1, NOW - 5000, 0))),
            "DEGRADED, messages pass, but not everything is as it should be",
        ),
    ],
)
def test_the_first_line_says_what_it_means_for_the_messages(report: Report, words: str) -> None:
    assert verdict(report) == words


def test_the_same_remedy_is_told_once() -> None:
    both = replace(HEALTHY, loops=(ILL, replace(ILL, name="desk_writer"), loop()))
    assert to_text(judged(both)).count("copy it anew") == 1


def test_no_line_is_wider_than_the_terminal_unless_it_is_a_table() -> None:
    text = to_text(judged(WORST), width=60)
    head, _, figures = text.partition("\n\n")
    assert max(map(len, head.split("\n"))) <= 60
    technical = figures[figures.index("  bot ") :]
    assert "; schema " in technical.replace("\n ", "")
    assert max(map(len, technical.split("\n"))) <= 60
    assert "".join(head.split()).count("copyitanew") == 1


def test_colours_change_no_word() -> None:
    plain, coloured = (to_text(judged(WORST), colour=colour) for colour in (False, True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize(
    ("waiting", "lately", "seconds"),
    [(100, 50, 600.0), (9, 50, None), (100, 0, None), (10, 10, 300.0)],
)
def test_a_backlog_is_said_to_take_as_long_as_its_pace_lets_it(
    waiting: int, lately: int, seconds: float | None
) -> None:
    queue, traffic = QueueHealth(waiting, NOW - 10, 0), Traffic(lately, lately, lately, NOW - 1)
    assert seconds_left(queue, traffic) == seconds
    shown = to_text(judged(replace(HEALTHY, inbox=queue, traffic_in=traffic)))
    assert ("to go" in shown) == (seconds is not None)


def test_loops_stand_in_the_order_in_which_a_message_passes_them() -> None:
    lines = to_text(judged()).split("\n")
    named = [line.split()[0] for line in lines if line.startswith("  ") and line.split()]
    assert [name for name in named if name in LOOPS] == list(LOOPS)


def test_a_store_that_was_never_used_can_be_shown() -> None:
    new = Snapshot(None, "0001_initial", None, None, (), EMPTY, EMPTY, 0, 0)
    text = to_text(judged(new, running=False))
    assert "bot not known yet" in text
    assert "MAX marker none yet" in text
    never = replace(new, loops=(loop(success_at=None),))
    assert "never" in to_text(judged(never))


# --- the page that redraws itself ---------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A terminal of which only the text is kept; it has no size of its own."""


def test_the_screen_is_given_back_whatever_happens() -> None:
    terminal, before = Terminal(), signal.getsignal(signal.SIGTERM)

    def draw() -> None:
        with Screen(terminal) as screen:
            screen.show("one\ntwo")
            screen.show(None)  # type: ignore[arg-type]

    with pytest.raises(AttributeError):
        draw()
    written = terminal.getvalue()
    assert written.startswith("\x1b[?1049h\x1b[?25l\x1b[?7l")
    assert written.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")
    assert "one\x1b[K\ntwo\x1b[K\x1b[J" in written
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_page_that_is_too_long_is_cut_instead_of_scrolled() -> None:
    terminal = Terminal()
    with Screen(terminal) as screen:
        screen.show("\n".join(map(str, range(100))))
    assert terminal.getvalue().count("\n") == 23
    assert "…" in terminal.getvalue()
