"""log: console, journald and JSON; never a secret, never a customer's words (design.md 2.4)."""

from __future__ import annotations

import io
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.observe import log

TOKEN = "f9LHodD0cOI_token"
KEY = "5f4dcc3b5aa765d6"
FORMS = ("console", "journald", "json")
RESERVED = {"level", "event", "stack"}
WORDS = "Мой пароль qwerty"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Put the logging of the test run back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("httpx", "aiohttp", "peewee")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


class Written(io.StringIO):
    """What was logged, line by line."""

    def lines(self) -> list[str]:
        return self.getvalue().splitlines()


def start(form: str, level: str = "debug", **more: Any) -> Written:
    written = Written()
    log.configure(
        level=level, form=form, secrets=(TOKEN, KEY, "ab", ""), stream=written, environ={}, **more
    )
    return written


every_form = pytest.mark.parametrize("form", FORMS)


# --- what a line looks like ---------------------------------------------------------------------------------


def test_a_line_for_the_journal() -> None:
    written = start("journald")
    log.get("desk_writer").warning("not delivered", chat=5, reason="two words", empty="", none=None)
    assert written.lines() == [
        '<4>not delivered chat=5 reason="two words" empty="" none=None',
    ]


@pytest.mark.parametrize(
    ("level", "priority"),
    [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("exception", 3), ("critical", 2)],
)
def test_the_journal_gets_its_priorities(level: str, priority: int) -> None:
    # sd-daemon(3): the prefix is how systemd learns the level of a line.
    written = start("journald")
    getattr(log.get("x"), level)("happened")
    getattr(logging.getLogger("library"), level)("happened")
    assert [line.split(">")[0] for line in written.lines()] == [f"<{priority}"] * 2


def test_a_line_of_json() -> None:
    written = start("json")
    log.get("desk_writer").info("доставлено", chat=5, part=None, ok=True, seconds=0.5)
    (line,) = written.lines()
    data = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*Z", data.pop("timestamp"))
    assert data == {
        "event": "доставлено",
        "logger": "desk_writer",
        "level": "info",
        "chat": 5,
        "part": None,
        "ok": True,
        "seconds": 0.5,
    }
    assert "доставлено" in line


def test_a_line_on_the_console_has_no_colours_where_nobody_sees_them() -> None:
    written = start("console")
    log.get("desk_writer").info("delivered", chat=5)
    (line,) = written.lines()
    assert "delivered" in line
    assert "chat=5" in line
    assert "\x1b" not in line
    # This machine's time with the offset, as `maxbridge status` writes it.
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d \[", written.getvalue())


@given(
    event=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40),
    values=st.dictionaries(
        st.from_regex("[a-z]{1,5}", fullmatch=True).filter(lambda key: key not in RESERVED),
        st.one_of(
            st.text("aя ='\"<", max_size=8), st.integers(), st.floats(), st.none(), st.booleans()
        ),
        max_size=5,
    ),
)
@law
def test_a_line_without_colours_is_the_one_that_structlog_makes(
    event: str, values: dict[str, Any]
) -> None:
    line = {
        "timestamp": "2026-11-30 14:03:07 +03:00",
        "level": "warning",
        "event": event,
        "logger": "x",
        **values,
    }
    theirs = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=28)(
        None, "warning", dict(line)
    )
    assert log._plain(None, "warning", line) == theirs


def test_a_line_has_its_own_second(monkeypatch: pytest.MonkeyPatch) -> None:
    written = start("console")
    for now in (1_764_540_000.2, 1_764_540_000.9, 1_764_540_001.1):
        monkeypatch.setattr("time.time", lambda now=now: now)
        log.get("x").info("happened")
    seconds = [line[17:19] for line in written.lines()]
    assert seconds == ["00", "00", "01"]


@every_form
def test_what_a_library_says_looks_like_what_we_say(form: str) -> None:
    written = start(form)
    logging.getLogger("library").warning("%s happened", "it", extra={"chat": 5})
    (line,) = written.lines()
    assert "it happened" in line
    assert re.search(r'chat"?[=:] ?5', line)


@every_form
@pytest.mark.parametrize(
    ("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_what_is_less_than_the_level_is_not_written(form: str, level: str, count: int) -> None:
    written = start(form, level)
    for each in ("debug", "info", "warning", "error"):
        getattr(log.get("x"), each)("happened")
        getattr(logging.getLogger("library"), each)("happened")
    assert len(written.lines()) == 2 * count


@every_form
def test_libraries_that_tell_each_request_are_kept_quiet(form: str) -> None:
    # httpx logs every address at INFO: a line per poll.
    written = start(form)
    for name in ("httpx", "httpcore", "aiohttp", "asyncio", "peewee"):
        logging.getLogger(f"{name}.inner").info("GET https://…")
        logging.getLogger(name).debug("SELECT …")
    assert written.lines() == []


@every_form
def test_setting_up_twice_writes_once(form: str) -> None:
    start(form)
    written = start(form)
    log.get("x").info("happened")
    assert len(written.lines()) == 1


# --- secrets ------------------------------------------------------------------------------------------------


class Shown:
    """Anything that tells a secret when it is shown."""

    def __str__(self) -> str:
        return f"<{TOKEN}>"

    __repr__ = __str__


@every_form
@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"https://host/?access_token={TOKEN}&x=1",
        [TOKEN],
        {"a": {"b": TOKEN}},
        Shown(),
        {TOKEN: 1},
    ],
)
def test_no_secret_is_written_wherever_it_stands(form: str, value: Any) -> None:
    written = start(form)
    log.get("x").info("happened", value=value, other=f"{TOKEN}{KEY}")
    log.get("x").info(f"happened {value}")
    logging.getLogger("library").warning("happened %s %r", value, value)
    logging.getLogger("library").warning("happened", extra={"value": value})
    logging.getLogger("library").warning(value)
    text = written.getvalue()
    assert TOKEN not in text
    assert KEY not in text
    assert text.count("***") >= 5
    assert len(written.lines()) == 5


@every_form
def test_a_secret_that_was_bound_is_not_written(form: str) -> None:
    written = start(form)
    log.get("x").bind(token=TOKEN).info("happened")
    with structlog.contextvars.bound_contextvars(token=TOKEN):
        log.get("x").info("happened")
    assert TOKEN not in written.getvalue()
    assert len(written.lines()) == 2


@every_form
def test_a_secret_too_short_to_be_one_hides_nothing(form: str) -> None:
    # "ab" and "" are among the secrets here: redacting them would make every line unreadable.
    written = start(form)
    log.get("x").info("about a cab", chat="abba")
    assert "about a cab" in written.getvalue()
    assert "abba" in written.getvalue()


@every_form
def test_a_longer_secret_is_hidden_whole(form: str) -> None:
    written = Written()
    secrets = ("secret", "secret-and-more")
    log.configure(level="info", form=form, secrets=secrets, stream=written, environ={})
    log.get("x").info("it is secret-and-more")
    assert "more" not in written.getvalue()


# --- one line is one line -----------------------------------------------------------------------------------


@every_form
def test_nothing_logged_can_make_a_line_of_its_own(form: str) -> None:
    # Somebody's name or file name must not forge a line: <2> would be an alarm of ours.
    evil = "a\n<2>forged\r\n<2>forged\rx"
    written = start(form)
    log.get("x").info("happened", name=evil, names=[evil])
    log.get("x").info(evil)
    logging.getLogger("library").warning("happened %s", evil)
    assert len(written.getvalue().splitlines()) == 3
    assert not any(line.startswith("<2>") for line in written.lines())


# --- exceptions ---------------------------------------------------------------------------------------------


def fail() -> None:
    raise ValueError(WORDS)


@every_form
@pytest.mark.parametrize("by_library", [True, False])
@pytest.mark.parametrize("way", ["exception", "exc_info", "the exception itself", "a triple"])
def test_an_exception_gives_its_type_and_place_but_not_its_words(
    form: str, by_library: bool, way: str
) -> None:
    # A traceback's last line may quote what a customer wrote.
    written = start(form)
    logger = logging.getLogger("library") if by_library else log.get("x")
    say = logger.error
    try:
        fail()
    except ValueError as error:
        if way == "exception":
            logger.exception("bug")
        elif way == "exc_info":
            say("bug", exc_info=True)
        elif way == "the exception itself":
            say("bug", exc_info=error)
        else:
            say("bug", exc_info=(ValueError, error, error.__traceback__))
    (line,) = written.lines()
    assert "ValueError" in line
    assert re.search(r"test_log\.py:\d+", line)
    assert "пароль" not in line
    assert "Traceback" not in line


def test_the_place_is_where_it_was_raised() -> None:
    with pytest.raises(ValueError, match=WORDS) as caught:
        fail()
    assert log.where(caught.value) == f"{Path(__file__).name}:{fail.__code__.co_firstlineno + 1}"
    assert log.where(ValueError("never raised")) == "?"


# --- where stderr leads -------------------------------------------------------------------------------------


def chosen(stream: Any, environ: dict[str, str]) -> str:
    return log._choose(stream, environ)


def test_the_journal_is_known_by_its_socket(tmp_path: Path) -> None:
    # systemd.exec(5): JOURNAL_STREAM is device and inode of what stderr is connected to.
    with (tmp_path / "stderr").open("w+") as stream, (tmp_path / "other").open("w") as other:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert chosen(stream, environ) == "journald"
        # Somebody sent stderr elsewhere, or a terminal below a service inherited the variable.
        assert chosen(other, environ) == "console"
        assert chosen(stream, {}) == "console"
        assert chosen(stream, {"JOURNAL_STREAM": "rubbish"}) == "console"
        log.configure(level="info", form="auto", stream=stream, environ=environ)
        log.get("x").info("happened")
        stream.seek(0)
        assert stream.read() == "<6>happened\n"


def test_a_stream_without_a_file_is_no_journal() -> None:
    assert chosen(io.StringIO(), {"JOURNAL_STREAM": "1:2"}) == "console"
