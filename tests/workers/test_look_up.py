"""The look-up at MAX cannot be fooled: whatever MAX does to a message, nobody gets it twice (contract max.md 12)."""

from __future__ import annotations

import asyncio
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge import SETTLED, Bridge, running
from file_samples import JPEG, PDF
from maxbridge.sim.wire import Request, Response
from virtual_time import virtual

NFD = unicodedata.normalize("NFD", "Йогурт, ёлка")
TEXT = (
    f'<div>{NFD}: не\u00adпре\u00adменно\u200b "завтра" - <b>да</b>...</div>'
    '<div><a href="https://romashka.ru/x/">здесь</a> &amp; &lt;там&gt; ❤️</div>'
)
AFTER_THE_WORK: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("status_after", {"status": 500}),
    ("status_after", {"status": 503}),
    ("html_after", {"status": 200}),
    ("html_after", {"status": 502}),
    ("html_after", {"status": 403}),
    ("html_after", {"status": 302}),
    ("truncate", {}),
    ("stall_after", {"seconds": 120.0}),
    ("late", {"seconds": 40.0}),
]
BEFORE_THE_WORK: list[tuple[str, dict[str, Any], float]] = [
    # How MAX fails, and how long after the attempt it may be made again.
    ("drop_before", {}, 90.0),
    ("stall_before", {"seconds": 120.0}, 90.0),
    ("status", {"status": 503}, 90.0),
    ("status", {"status": 500}, 30.0),
    ("html", {"status": 200}, 30.0),
    ("html", {"status": 302}, 30.0),
    ("html", {"status": 404}, 30.0),
    ("status", {"status": 200, "body": {"success": False, "code": "internal.error"}}, 30.0),
    ("status", {"status": 200, "body": {"success": False, "code": "access.denied"}}, 0.0),
    ("status", {"status": 403, "body": {"code": "deprecated.token", "message": "x"}}, 0.0),
]
HABITS: dict[str, dict[str, Any]] = {
    "nfc": {"nfc": True},
    "no invisible letters": {"no_invisible": True},
    "typography": {"typography": True},
    "links": {"spelled_links": True},
    "files": {"pictures_as_files": True},
    "lag": {"lag": 5.0},
    "long lag": {"lag": 25.0},
    "all": {
        "nfc": True, "no_invisible": True, "typography": True, "spelled_links": True,
        "pictures_as_files": True, "lag": 8.0,
    },
}  # fmt: skip


def name_of(kind: str, more: dict[str, Any]) -> str:
    return f"{kind}-{more.get('status', '')}-{more.get('body', {}).get('code', '')}"


async def acquainted(bridge: Bridge) -> None:
    """Марина has a ticket, and a first answer in it."""
    bridge.say("вопрос")
    await bridge.until(bridge.tickets)
    bridge.reply(1, "<div>здравствуйте</div>")
    await bridge.quiet()


def break_sends(bridge: Bridge, kind: str, **more: Any) -> None:
    bridge.break_max(kind, method="POST", path="/messages", **more)


class Line:
    """When the bridge called ``/messages``, whether MAX got that or not."""

    def __init__(self, bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: dict[str, list[float]] = {"GET": [], "POST": []}
        handle = bridge.max_line.handle

        async def watched(request: Request) -> Response:
            if request.path == "/messages":
                self.calls[request.method].append(bridge.our_now())
            return await handle(request)

        monkeypatch.setattr(bridge.max_line, "handle", watched)


def held(bridge: Bridge) -> list[str | None]:
    assert bridge.journal is not None
    return [each.error for each in bridge.journal.health.snapshot().held]


def kinds(bridge: Bridge) -> list[list[str]]:
    """What is attached to each message that Марина got."""
    return [
        [each["type"] for each in message["body"].get("attachments", ())]
        for message in bridge.max.state.sent(bridge.chat())
    ]


@pytest.mark.parametrize(
    ("kind", "more"), AFTER_THE_WORK, ids=[name_of(*each) for each in AFTER_THE_WORK]
)
@pytest.mark.parametrize("habit", HABITS)
@virtual
async def test_a_reply_that_arrived_is_found_whatever_max_makes_of_it(
    tmp_path: Path, habit: str, kind: str, more: dict[str, Any]
) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        bridge.max.habits.set(**HABITS[habit])
        break_sends(bridge, kind, **more)
        bridge.reply(1, TEXT, attachments=[("a.jpg", "image/jpeg", JPEG)])
        await asyncio.sleep(2)
        bridge.reply(1, "<div>и ещё</div>")
        await bridge.quiet(3600)
        await bridge.max_line.settle()
        assert kinds(bridge) == [[], ["image"], []]
        assert bridge.sent()[-1] == "и ещё"
        assert not held(bridge)
        assert bridge.bodies(1, "note") == []


@pytest.mark.parametrize(
    ("kind", "more", "least"),
    BEFORE_THE_WORK,
    ids=[name_of(kind, more) for kind, more, _ in BEFORE_THE_WORK],
)
@pytest.mark.parametrize("times", [1, 3])
@virtual
async def test_a_reply_that_did_not_arrive_is_sent_once_and_never_too_soon(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: str,
    more: dict[str, Any],
    least: float,
    times: int,
) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        bridge.max.habits.set(**HABITS["all"])
        line = Line(bridge, monkeypatch)
        break_sends(bridge, kind, times=times, **more)
        bridge.reply(1, TEXT)
        await bridge.quiet(3600)
        assert len(bridge.sent()) == 2
        tries = line.calls["POST"]
        assert len(tries) == times + 1
        for sooner, later in pairwise(tries):
            assert later - sooner >= least
            looks = [each for each in line.calls["GET"] if sooner < each <= later]
            # What is certain is not looked up; what is in doubt twice.
            assert not looks if least == 0.0 else looks[-1] - looks[0] >= 10.0


@virtual
async def test_an_album_without_words_is_known_by_its_number_of_files(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        bridge.max.habits.set(pictures_as_files=True)
        break_sends(bridge, "drop_after", times=2)
        pictures = [(f"{name}.jpg", "image/jpeg", JPEG) for name in "abc"]
        bridge.reply(1, "<div></div>", attachments=[*pictures, ("d.pdf", "application/pdf", PDF)])
        await bridge.quiet(3600)
        assert kinds(bridge) == [[], ["image"] * 3, ["file"]]


@pytest.mark.parametrize("lag", [0.0, 60.0])
@virtual
async def test_what_was_sent_before_a_crash_is_found_when_the_history_shows_it(
    tmp_path: Path, lag: float
) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    await acquainted(bridge)
    bridge.max.habits.set(nfc=True, lag=lag)
    break_sends(bridge, "stall_after", seconds=20.0)
    bridge.reply(1, f"<div>{NFD}</div>")
    await bridge.until(lambda: len(bridge.sent()) == 2)
    await bridge.kill()
    bridge.start()
    await bridge.quiet(3600)
    assert len(bridge.sent()) == 2
    await bridge.stop()


@virtual
async def test_long_after_a_crash_it_is_looked_up_twice_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = Bridge(tmp_path)
    bridge.start()
    await asyncio.sleep(1)
    await acquainted(bridge)
    line = Line(bridge, monkeypatch)
    break_sends(bridge, "stall_before", seconds=20.0)
    bridge.reply(1, "<div>ответ</div>")
    await bridge.until(lambda: line.calls["POST"])
    await bridge.kill()
    await asyncio.sleep(3600)
    bridge.start()
    await bridge.quiet()
    first, *_, last = line.calls["GET"]
    assert last - first >= 10.0
    assert bridge.sent() == ["здравствуйте", "ответ"]
    await bridge.stop()


# --- other words ---------------------------------------------------------------------------------------


def reword(bridge: Bridge, text: str) -> None:
    """MAX shows the bot's last message in a way that nobody foresaw."""
    bridge.max.state.chats[bridge.chat()].sent[-1]["body"]["text"] = text


@virtual
async def test_a_message_of_the_bots_that_nobody_knows_is_never_followed_by_a_second_copy(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        break_sends(bridge, "drop_after")
        bridge.reply(1, "<div>привет :-)</div>")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        reword(bridge, "привет 🙂")
        await bridge.quiet()
        assert held(bridge) == ["max.undecidable"]
        assert ["Неизвестно, дошёл ли" in note for note in bridge.bodies(1, "note")] == [True]
        assert bridge.sent()[1:] == ["привет 🙂"]
        # The next one goes, also when it is in doubt itself: the message is the held one's or nobody's.
        break_sends(bridge, "drop_after")
        bridge.reply(1, "<div>дальше</div>")
        await bridge.quiet()
        assert bridge.sent()[1:] == ["привет 🙂", "дальше"]
        # A person who has it looked into again learns the same; who insists gets what they ask for.
        assert bridge.journal is not None
        (item,) = bridge.journal.health.snapshot().held
        number = int(item.name.removeprefix("out-"))
        bridge.journal.outbox.retry(number, anyway=False, now=bridge.our_now())
        await bridge.quiet()
        assert held(bridge) == ["max.undecidable"]
        assert len(bridge.sent()) == 3
        bridge.journal.outbox.retry(number, anyway=True, now=bridge.our_now())
        await bridge.quiet()
        assert bridge.sent()[3:] == ["привет :-)"]


@virtual
async def test_what_is_held_and_arrived_all_the_same_holds_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path, lifetime=300.0) as bridge:
        await acquainted(bridge)
        break_sends(bridge, "drop_after")
        bridge.break_max("status", method="GET", path="/messages", times=None, status=500)
        bridge.reply(1, "<div>в сомнении</div>")
        await asyncio.sleep(1200)
        assert held(bridge) == ["max.server_error"]
        bridge.max_line.clear()
        break_sends(bridge, "status", status=500)
        bridge.reply(1, "<div>второй</div>")
        await bridge.quiet()
        # The first one's message is not taken for the second one.
        assert bridge.sent()[1:] == ["в сомнении", "второй"]
        assert held(bridge) == ["max.server_error"]


@virtual
async def test_what_another_program_sent_long_before_is_passed_over(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        chat = bridge.max.state.chats[bridge.chat()]
        bridge.max.state.add(chat, bridge.max.state.bot, {"text": "Ваш заказ готов"})
        await asyncio.sleep(7200)
        bridge.say("ещё вопрос")
        await bridge.quiet()
        break_sends(bridge, "status", status=500)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.quiet()
        assert bridge.sent() == ["здравствуйте", "ответ"]
        assert not held(bridge)


@virtual
async def test_what_another_program_sent_just_now_may_be_the_reply(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        break_sends(bridge, "drop_before")
        bridge.reply(1, "<div>ответ</div>")
        await asyncio.sleep(SETTLED)
        chat = bridge.max.state.chats[bridge.chat()]
        bridge.max.state.add(chat, bridge.max.state.bot, {"text": "Ваш заказ готов"})
        await bridge.quiet()
        assert bridge.sent() == ["здравствуйте"]
        assert held(bridge) == ["max.undecidable"]


# --- a history that tells nothing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"body": None, "sender": {"user_id": 900100200}, "timestamp": 1_793_000_300_000}],
        [{"text": "a new format", "from": "bot"}],
    ],
    ids=["empty", "no body", "a new format"],
)
@virtual
async def test_a_history_that_cannot_be_read_is_no_proof(
    tmp_path: Path, messages: list[Any]
) -> None:
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        break_sends(bridge, "drop_after")
        body = {"messages": messages}
        bridge.break_max("patch", method="GET", path="/messages", times=None, body=body)
        bridge.reply(1, "<div>дошло ли?</div>")
        await bridge.quiet()
        assert bridge.sent() == ["здравствуйте", "дошло ли?"]
        assert held(bridge) == ["max.undecidable"]


@virtual
async def test_the_first_message_of_all_may_be_missing_in_an_empty_history(tmp_path: Path) -> None:
    async with running(tmp_path, greeting="Здравствуйте!") as bridge:
        break_sends(bridge, "status", status=500)
        bridge.max.state.start(410000017)
        await bridge.quiet()
        assert bridge.sent() == ["Здравствуйте!"]


@virtual
async def test_entries_that_are_no_messages_do_not_end_the_history(tmp_path: Path) -> None:
    """A page of forwards without a body looks short, and is not the last one."""
    async with running(tmp_path) as bridge:
        await acquainted(bridge)
        break_sends(bridge, "drop_after")
        bridge.reply(1, "<div>дошло</div>")
        await bridge.until(lambda: len(bridge.sent()) == 2)
        chat = bridge.max.state.chats[bridge.chat()]
        for number in range(150):
            message = bridge.max.state.add(chat, chat.person, {"text": f"пересылка {number}"})
            message["body"] = None if number % 2 else message["body"]
            await asyncio.sleep(0.01)
        await bridge.quiet()
        assert bridge.sent() == ["здравствуйте", "дошло"]
        assert not held(bridge)
