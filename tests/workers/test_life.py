"""The daemon's life: starting, outages, stopping, customers who leave, what the log may say."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge import USER, Bridge, running
from maxbridge.config.settings import Secret
from maxbridge.core.errors import ConfigError
from maxbridge.observe import log
from maxbridge.observe.status import Level, assess
from virtual_time import virtual


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative level."""
    stream = io.StringIO()
    log.configure(level="debug", form="json", secrets=["SIM-max-token-0000000000"], stream=stream)
    yield stream
    logging.getLogger().handlers.clear()


def events(stream: io.StringIO, name: str) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [row for row in rows if row["event"] == name]


# --- starting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": Secret("wrong-token-000000000")}, "MAX refuses the token"),
        ({"api_key": Secret("0" * 32)}, "FreeScout refuses the key"),
        ({"mailbox_id": 99}, "there is no mailbox 99. FreeScout has: 1 (MAX), 2 (Second)"),
        ({"user_id": 99}, "there is no user 99. FreeScout has: 1 (Ada Admin), 2 (Boris Agent)"),
        ({"url": "http://localhost"}, "APP_TRUSTED_HOSTS"),
    ],
)
@virtual
async def test_what_an_end_calls_wrong_ends_the_start_with_the_remedy(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    bridge = Bridge(tmp_path, **changes)
    bridge.start()
    error = await bridge.failed()
    assert isinstance(error, ConfigError)
    assert error.exit_code == 78
    assert words in str(error)


@virtual
async def test_an_active_webhook_ends_the_start(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.max.state.subscribe("https://bot.example.com/webhook")
    bridge.start()
    error = await bridge.failed()
    assert isinstance(error, ConfigError)
    assert "a webhook is active for this bot (https://bot.example.com/webhook)" in str(error)


@virtual
async def test_a_module_switched_off_is_waited_for(tmp_path: Path) -> None:
    # It is off during an update of FreeScout, too: nobody restarts a service that exited with 78.
    bridge = Bridge(tmp_path)
    bridge.desk.module_off = True
    bridge.start()
    await asyncio.sleep(10)
    assert bridge.daemon is not None
    assert bridge.daemon.board.loop("desk_poller").record().error == "desk.module_off"
    bridge.desk.module_off = False
    bridge.say("вопрос")
    await bridge.until(bridge.tickets, 400)
    await bridge.stop()


@virtual
async def test_another_bots_token_is_refused_by_the_database(tmp_path: Path) -> None:
    first = Bridge(tmp_path)
    first.start()
    await asyncio.sleep(1)
    await first.stop()
    second = Bridge(tmp_path)
    second.max.state.bot.user_id = 900100999
    second.start()
    error = await second.failed()
    assert isinstance(error, ConfigError)
    assert "belongs to bot 900100200, but the token is of bot 900100999" in str(error)


@virtual
async def test_an_end_that_does_not_answer_does_not_end_the_start(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.break_desk("refuse", times=None)
    bridge.break_max("refuse", times=None)
    bridge.start()
    await asyncio.sleep(900)
    bridge.max_line.clear()
    await asyncio.sleep(400)
    bridge.say("стол ещё не отвечает")
    await asyncio.sleep(60)
    assert bridge.journal is not None
    assert bridge.journal.inbox.depth().waiting == 1
    bridge.desk_line.clear()
    await bridge.until(bridge.tickets, 400)
    await bridge.stop()


# --- outages ---------------------------------------------------------------------------------------


@virtual
async def test_an_outage_is_one_line_at_its_start_and_one_at_its_end(
    tmp_path: Path, lines: io.StringIO
) -> None:
    async with running(tmp_path) as bridge:
        await asyncio.sleep(60)
        bridge.break_desk("html", status=502, times=None)
        await asyncio.sleep(1800)
        bridge.desk_line.clear()
        await asyncio.sleep(400)
        started = [each for each in events(lines, "trouble") if each["loop"] == "desk_poller"]
        ended = [each for each in events(lines, "trouble is over") if each["loop"] == "desk_poller"]
        assert [each["error"] for each in started] == ["desk.unavailable"]
        assert len(ended) == 1
        assert 1800 <= int(str(ended[0]["seconds"])) < 1800 + 400


@virtual
async def test_nobody_is_hammered_during_an_outage(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        for number in range(50):
            bridge.max.state.person(500 + number, f"Человек {number}")
        bridge.break_desk("refuse", times=None)
        bridge.break_max("refuse", path="/updates", times=None, skip=5)
        for number in range(50):
            bridge.say("вопрос", 500 + number)
        await asyncio.sleep(3600)
        assert len(bridge.desk_line.injected) < 150
        assert len(bridge.max_line.injected) < 110
        bridge.desk_line.clear()
        bridge.max_line.clear()
        await bridge.quiet(1200)
        assert len(bridge.tickets()) == 50


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize("from_the_start", [True, False])
@virtual
async def test_an_end_that_answers_errors_to_everything_is_not_hammered_and_is_told(
    tmp_path: Path, status: int, from_the_start: bool
) -> None:
    bridge = Bridge(tmp_path)
    body = {"message": "Server Error" if status == 500 else "Not Found"}

    def fail() -> None:
        bridge.break_desk("status", status=status, body=body, times=None)
        bridge.break_max("status", path="/updates", status=status, body=body, times=None)
        bridge.break_max("status", path="/me", status=status, body=body, times=None)

    if from_the_start:
        fail()
    bridge.start()
    await asyncio.sleep(60)
    fail()
    bridge.desk_line.injected.clear()
    bridge.max_line.injected.clear()
    await asyncio.sleep(1800)
    assert 5 < len(bridge.desk_line.injected) < 60
    assert 5 < len(bridge.max_line.injected) < 60
    assert bridge.daemon is not None
    trouble = {each.name for each in bridge.daemon.board.records() if each.trouble_since}
    assert trouble == {"desk_poller", "max_poller"}
    await bridge.stop()


@virtual
async def test_a_key_that_is_refused_later_stops_that_side_only(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        key, bridge.desk.key = bridge.desk.key, "f" * 32
        bridge.say("второй")
        await asyncio.sleep(300)
        assert bridge.journal is not None
        assert bridge.daemon is not None
        bridge.journal.health.write(bridge.daemon.board.records())
        report = assess(bridge.journal.health.snapshot(), running=True, now=bridge.clock.now())
        assert report.level is Level.DEGRADED
        assert "FreeScout refuses the key" in " ".join(report.reasons)
        bridge.desk.key = key
        await bridge.until(lambda: len(bridge.bodies(1)) == 2, 700)


@virtual
async def test_a_webhook_set_up_while_we_run_is_noticed_and_outlived(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.max.state.subscribe("https://bot.example.com/webhook")
        await asyncio.sleep(1200)
        assert bridge.daemon is not None
        assert bridge.daemon.board.loop("max_poller").record().error == "max.webhook"
        bridge.max.state.unsubscribe("https://bot.example.com/webhook")
        bridge.say("привет")
        await bridge.until(bridge.tickets, 700)


@pytest.mark.parametrize("kind", ["truncate", "empty", "wrong_type", "html", "stall_before"])
@virtual
async def test_no_answer_to_a_poll_is_fatal(tmp_path: Path, kind: str) -> None:
    more = {"seconds": 100.0} if kind.startswith("stall") else {}
    async with running(tmp_path) as bridge:
        bridge.break_max(kind, method="GET", times=3, **more)
        bridge.break_desk(kind, method="GET", times=3, **more)
        bridge.say("вопрос")
        await bridge.until(bridge.tickets, 900)
        bridge.reply(1, "<div>ответ</div>")
        bridge.break_max(kind, method="GET", times=3, **more)
        bridge.break_desk(kind, method="GET", times=3, **more)
        await bridge.until(bridge.sent, 900)


@virtual
async def test_an_answer_without_a_marker_is_trouble_and_never_a_loss(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("раз")
        await bridge.until(bridge.tickets)
        assert bridge.journal is not None
        marker = bridge.journal.inbox.marker()
        bridge.break_max("patch", path="/updates", body={"marker": None}, times=3)
        bridge.say("два")
        await bridge.quiet(900)
        assert len(bridge.bodies(1)) == 2
        assert (bridge.journal.inbox.marker() or 0) > (marker or 0)


# --- customers who leave ---------------------------------------------------------------------------


@virtual
async def test_a_customer_who_stopped_the_bot_gets_his_replies_when_he_is_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, poll_interval=20.0) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        # MAX refuses before the event about it has come.
        bridge.break_max(
            "status", method="POST", path="/messages", status=403,
            body={"code": "chat.denied", "message": "error.dialog.suspended"},
        )  # fmt: skip
        bridge.reply(1, "<div>раз</div>")
        await asyncio.sleep(60)
        bridge.reply(1, "<div>два</div>")
        await asyncio.sleep(700)
        assert not bridge.sent()
        notes = bridge.bodies(1, "note")
        assert ["остановил бота" in note for note in notes] == [True]
        sends = [each for each in bridge.max.requests if each.method == "POST"]
        assert len(sends) <= 1
        bridge.say("я вернулся")
        await bridge.quiet()
        assert bridge.sent() == ["раз", "два"]


@virtual
async def test_a_customer_who_does_not_come_back_costs_the_agent_two_notes(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, lifetime=900.0) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.max.state.stop(USER)
        await asyncio.sleep(5)
        bridge.reply(1, "<div>ответ в пустоту</div>")
        await asyncio.sleep(1500)
        waits, bounced = bridge.bodies(1, "note")
        assert "Ответ «ответ в пустоту» ждёт: клиент остановил бота" in waits
        assert "Не доставлено в MAX: «ответ в пустоту»" in bounced
        assert "не запустил его снова" in bounced
        assert not bridge.sent()
        assert bridge.journal is not None
        assert bridge.journal.outbox.depth().waiting == 0


@virtual
async def test_a_reply_that_max_refuses_for_good_comes_back_as_a_note(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max(
            "status", method="POST", path="/messages", status=404,
            body={"code": "chat.not.found", "message": "Chat 512340001 not found"},
        )  # fmt: skip
        bridge.reply(1, "<div>раз</div>")
        await bridge.quiet()
        assert ["Диалога с клиентом в MAX больше нет" in n for n in bridge.bodies(1, "note")] == [
            True
        ]
        bridge.reply(1, "<div>два</div>")
        await bridge.quiet()
        assert bridge.sent() == ["два"]


@virtual
async def test_max_away_for_longer_than_replies_wait_is_told_to_the_agent(tmp_path: Path) -> None:
    async with running(tmp_path, lifetime=900.0) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.break_max("refuse", times=None)
        bridge.reply(1, "<div>ответ</div>")
        await asyncio.sleep(1500)
        notes = bridge.bodies(1, "note")
        assert ["MAX не принимал сообщение" in note for note in notes] == [True]
        bridge.max_line.clear()
        await asyncio.sleep(1200)
        assert not bridge.sent()


@virtual
async def test_a_note_in_doubt_is_written_once(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        bridge.say("вопрос")
        await bridge.until(bridge.tickets)
        bridge.refuse_sends("text: size must be between 0 and 4000")
        bridge.break_desk("drop_after", method="POST", path="/api/conversations/1/threads")
        bridge.reply(1, "<div>раз</div>")
        await bridge.quiet(900)
        assert len(bridge.bodies(1, "note")) == 1


# --- stopping, and what the log may say ------------------------------------------------------------


@virtual
async def test_stopping_finishes_the_call_in_flight(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    bridge.break_desk("stall_before", method="POST", seconds=2.0)
    bridge.say("вопрос")
    await asyncio.sleep(0.5)
    began = asyncio.get_running_loop().time()
    await bridge.stop()
    assert asyncio.get_running_loop().time() - began < 5
    assert len(bridge.tickets()) == 1
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert len(bridge.bodies(1)) == 1


@virtual
async def test_stopping_takes_less_than_five_seconds_whatever_hangs(tmp_path: Path) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    bridge.break_desk("stall_after", method="POST", seconds=25.0)
    bridge.say("вопрос")
    await asyncio.sleep(0.5)
    began = asyncio.get_running_loop().time()
    await bridge.stop()
    assert asyncio.get_running_loop().time() - began < 5
    bridge.start()
    await bridge.quiet()
    await bridge.stop()
    assert len(bridge.bodies(1)) == 1


@virtual
async def test_no_words_of_people_and_no_token_in_any_log(
    tmp_path: Path, lines: io.StringIO
) -> None:
    async with running(tmp_path) as bridge:
        for kind in ("drop_after", "truncate", "html", "wrong_type"):
            bridge.break_desk(kind, method="POST")
            bridge.break_max(kind, method="POST")
            bridge.say(f"СЛОВАКЛИЕНТА {kind}")
            await asyncio.sleep(3)
        bridge.max.state.raw({"update_type": "message_created", "text": "СЛОВАКЛИЕНТА"})
        await bridge.quiet(3600)
        for number in range(4):
            bridge.reply(1, f"<div>СЛОВААГЕНТА {number}</div>")
        bridge.desk.state.note(1, "СЛОВАЗАМЕТКИ")
        await bridge.quiet(3600)
        assert len(bridge.sent()) == 4
    text = lines.getvalue()
    assert text.count('"event": "delivered"') >= 8
    for secret in ("СЛОВА", "Марина", bridge.max.token, bridge.desk.key):
        assert secret not in text
