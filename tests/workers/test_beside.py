"""Long work is done beside the loop: what is large delays nobody, whichever way it comes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from bridge import OTHER, Bridge, running
from maxbridge.beside import ANSWER, HUGE, LARGE, _Tokenwise, beside, beside_answer, read_json
from virtual_time import VirtualLoop, virtual

MIB = 1 << 20
LINKS = [
    {
        "type": "link",
        "from": number % 3900,
        "length": 1,
        "url": f"https://e.example/{'a' * 2000}{number}",
    }
    for number in range(4000)
]
HOSTILE: dict[str, dict[str, Any]] = {
    "4,000 links of 2 kB": {"text": "x" * 4000, "markup": LINKS},
    "one word of 2 MiB": {"text": "x" * (2 * MIB)},
}
REPLIES = {
    "8 MiB of words": "<div>" + "слово " * (8 * MIB // 11) + "</div>",
    "8 MiB of one word": "<div>" + "x" * (8 * MIB) + "</div>",
    "a table of 400,000 cells": "<table><tr>" + "<td>1</td>" * 400_000 + "</tr></table>",
    "4,000 links of 2 kB": "".join(f'<a href="{each["url"]}">l</a> ' for each in LINKS),
}


async def test_what_is_small_is_done_at_once_and_what_is_large_in_two_threads() -> None:
    here = threading.current_thread()
    assert await beside(LARGE, threading.current_thread) is here
    large = await beside(LARGE + 1, threading.current_thread)
    huge = await beside(HUGE + 1, threading.current_thread)
    assert len({here, large, huge}) == 3
    assert await beside(LARGE + 1, threading.current_thread) is large


async def test_what_is_large_does_not_wait_for_what_is_huge() -> None:
    goes_on = threading.Event()
    huge = asyncio.ensure_future(beside(HUGE + 1, goes_on.wait))
    assert await beside(LARGE + 1, str, 5) == "5"
    goes_on.set()
    await huge


async def test_an_error_comes_through() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await beside(LARGE + 1, int, "x")


class Watched:
    """Knows of each piece of work whether it was done beside the loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._deep = 0
        self.beside: list[bool] = []
        real = VirtualLoop.run_in_executor

        def counted(loop: VirtualLoop, executor: Any, func: Any, *args: Any) -> Any:
            self._deep += 1
            try:
                return real(loop, executor, func, *args)
            finally:
                self._deep -= 1

        monkeypatch.setattr(VirtualLoop, "run_in_executor", counted)

    def follow(self, name: str, real: Callable[..., Any], large: Callable[..., bool]) -> None:
        """Note each call of a function whose arguments are large."""

        def noted(*args: Any, **more: Any) -> Any:
            if large(*args):
                self.beside.append(self._deep > 0)
            return real(*args, **more)

        self._patch.setattr(name, noted)


@pytest.mark.parametrize("kind", HOSTILE)
@virtual
async def test_a_large_message_is_read_and_written_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from maxbridge.core.desk_html import event_to_html  # noqa: PLC0415
    from maxbridge.max.parse import parse_update  # noqa: PLC0415

    watched = Watched(monkeypatch)

    def is_large(event: Any, *_: Any) -> bool:
        return len(str(event)) > LARGE

    watched.follow("maxbridge.inbound.words.event_to_html", event_to_html, is_large)
    for module in ("gaps.watch", "inbound.channel", "inbound.batch"):
        watched.follow(f"maxbridge.{module}.parse_update", parse_update, is_large)
    async with running(tmp_path) as bridge:
        bridge.desk.max_body = 1 << 30
        bridge.max.state.person(OTHER, "Пётр")
        bridge.say(**HOSTILE[kind])
        bridge.say("привет", OTHER)
        await bridge.until(lambda: len(bridge.tickets()) == 2)
    assert len(watched.beside) == 3
    assert all(watched.beside)


@pytest.mark.parametrize("kind", REPLIES)
@virtual
async def test_a_large_reply_is_read_beside_the_loop_and_others_are_not_kept_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from maxbridge.core.render import render, to_text  # noqa: PLC0415

    watched = Watched(monkeypatch)

    def is_large(body: str, *_: Any) -> bool:
        return len(body) > LARGE

    watched.follow("maxbridge.outbound.replies.render", render, is_large)
    watched.follow("maxbridge.outbound.replies.to_text", to_text, is_large)
    async with running(tmp_path) as bridge:
        await two_tickets(bridge)
        bridge.reply(1, REPLIES[kind])
        bridge.reply(2, "<div>короткий</div>")
        await bridge.until(lambda: bridge.sent(OTHER) == ["короткий"])
        await bridge.until(lambda: bridge.sent() or bridge.bodies(1, "note"))
    assert watched.beside == [True]


async def two_tickets(bridge: Bridge) -> None:
    bridge.max.state.person(OTHER, "Пётр")
    bridge.say("раз")
    await bridge.until(bridge.tickets)
    bridge.say("два", OTHER)
    await bridge.until(lambda: len(bridge.tickets()) == 2)


@virtual
async def test_a_reading_that_takes_long_lets_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maxbridge.outbound.replies import ReplyMaker  # noqa: PLC0415

    prepare = ReplyMaker.prepare

    async def slow(self: ReplyMaker, *given: Any) -> None:
        await asyncio.sleep(100.0)  # as long as a thread may take
        await prepare(self, *given)

    monkeypatch.setattr(ReplyMaker, "prepare", slow)
    async with running(tmp_path, undo_window=0.0, poll_interval=0.5) as bridge:
        await two_tickets(bridge)
        bridge.reply(1, "<div>" + "слово " * 5000 + "</div>")
        bridge.reply(2, "<div>короткий</div>")
        await bridge.until(lambda: bridge.sent(OTHER) == ["короткий"], 4.0)
        bridge.reply(2, "<div>ещё</div>")
        await bridge.until(lambda: bridge.sent(OTHER) == ["короткий", "ещё"], 4.0)
        assert bridge.sent() == []
        await bridge.until(lambda: "".join(bridge.sent()).count("слово") == 5000, 200.0)


# --- answers ------------------------------------------------------------------------------------------------


async def test_an_answer_goes_to_a_thread_when_it_is_larger() -> None:
    here = threading.current_thread()
    assert await beside_answer(ANSWER, threading.current_thread) is here
    assert await beside_answer(ANSWER + 1, threading.current_thread) is not here


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_huge_json_is_read_by_python_and_is_the_same(encoding: str) -> None:
    # C's scanner keeps Python's lock to its end: a thread would help nobody.
    data = [{"слово": "x\ud800\n" * 40, "n": [1, -2.5e3, None, True], "пусто": {}}] * 9000
    content = json.dumps(data).encode(encoding)
    assert len(content) > 2_000_000
    assert read_json(content) == data
    assert isinstance(_Tokenwise().scan_once, FunctionType)
    for broken in (content[:-1], content + content, b"x" * 2_000_001):
        with pytest.raises(ValueError, match=r"line 1|codec|Expecting"):
            read_json(broken)
    with pytest.raises(RecursionError):
        read_json(b"[" * 3_000_000)


LONG = "<div>" + "слово " * 40_000 + "</div>"


@virtual
async def test_long_tickets_are_read_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maxbridge.freescout.parse import parse_conversation  # noqa: PLC0415

    watched = Watched(monkeypatch)

    def is_long(data: Any) -> bool:
        return len(str(data)) > ANSWER

    watched.follow("maxbridge.freescout.client.parse_conversation", parse_conversation, is_long)
    async with running(tmp_path) as bridge:
        bridge.say("раз")
        await bridge.until(bridge.tickets)
        for _ in range(5):
            bridge.desk.state.note(1, LONG)
        bridge.reply(1, "<div>ответ</div>")
        await bridge.until(bridge.sent)
    assert watched.beside
    assert all(watched.beside)


@virtual
async def test_a_reload_during_a_reading_changes_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The reply was rendered beside the loop by the rules of before: it must not be rendered on it by the new ones.
    from maxbridge.outbound.replies import ReplyMaker  # noqa: PLC0415

    prepare, render = ReplyMaker.prepare, ReplyMaker._render
    rendered: list[ReplyMaker] = []
    ready = asyncio.Event()

    async def slow(self: ReplyMaker, *given: Any) -> None:
        await prepare(self, *given)
        ready.set()
        await asyncio.sleep(10.0)

    def noted(self: ReplyMaker, wanted: Any) -> Any:
        rendered.append(self)
        return render(self, wanted)

    monkeypatch.setattr(ReplyMaker, "prepare", slow)
    monkeypatch.setattr(ReplyMaker, "_render", noted)
    async with running(tmp_path) as bridge:
        bridge.say("раз")
        await bridge.until(bridge.tickets)
        bridge.reply(1, "<div>" + "слово " * 5000 + "</div>")
        await bridge.until(ready.is_set)
        assert bridge.daemon is not None
        poller = bridge.daemon.desk_poller
        poller.use(poller._policy)
        await bridge.until(lambda: "".join(bridge.sent()).count("слово") == 5000, 200.0)
    assert len(rendered) == 1
