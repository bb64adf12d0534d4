"""The interactive demo: type as the customer and as the agent."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import select
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import click

from maxbridge.demo.screen import Screen
from maxbridge.demo.stage import UNDO_WINDOW, DemoError, Stage, stage
from maxbridge.demo.words import WORDS, excerpt
from maxbridge.sim.desk.agent import DeskRefusedError

_TYPING = 1.0
_HELP = {
    "ru": (
        ("м ТЕКСТ", "клиент пишет в MAX"),
        ("а ТЕКСТ", "агент отвечает"),
        ("п ТЕКСТ", "примечание агента"),
        ("о", "агент отменяет последний ответ (пока он не ушёл)"),
        ("в", "выход"),
    ),
    "en": (
        ("c TEXT", "the customer writes in MAX"),
        ("a TEXT", "the agent answers"),
        ("n TEXT", "a note of the agent"),
        ("u", "the agent undoes the last reply (before it leaves)"),
        ("q", "quit"),
    ),
}
_COMMANDS = {"c": "say", "м": "say", "a": "reply", "а": "reply", "n": "note", "п": "note",
             "з": "note", "u": "undo", "о": "undo", "q": "quit", "в": "quit"}  # fmt: skip
_PIECE = 65536


async def play(language: str) -> None:
    """Carry out typed lines until the end of the input; then wait for deliveries under way.

    Raises:
        DemoError: Something that was typed did not arrive.
    """
    screen = Screen()
    screen.list(_HELP[language])
    screen.head("MAX", f"FreeScout (undo {UNDO_WINDOW:.0f} s)")
    async with stage(language, screen.told, screen.narrate) as played:
        typist = _Typist(played, screen, language)
        async for line in _typed():
            if not await typist.take(line):
                break
            if not _is_terminal():
                await asyncio.sleep(_TYPING)  # nobody types faster than the other side sees it
        await typist.end()


class _Typist:
    """Carries out the lines, and records what must arrive."""

    def __init__(self, played: Stage, screen: Screen, language: str) -> None:
        self._played = played
        self._screen = screen
        self._language = language
        self._last_reply = 0
        self._refused: list[str] = []

    async def take(self, line: str) -> bool:
        """Carry out a line; return False if it is the last one."""
        word, _, text = line.partition(" ")
        action, text = _COMMANDS.get(word.lower()), text.strip()
        played = self._played
        if action == "quit":
            return False
        if action == "say" and text:
            played.customer_says(text)
        elif action in ("reply", "note") and text:
            # Whoever answers has read the question.
            await played.delivered([each for each in played.said if each.mid])
            self._agent(text, is_note=action == "note")
        elif action == "undo" and self._last_reply:
            self._undo()
        else:
            self._screen.list(_HELP[self._language])
        return True

    def _agent(self, text: str, *, is_note: bool) -> None:
        played = self._played
        if not played.ticket():
            click.echo(f"       ({WORDS[self._language]['no_ticket']})")
            self._refused.append(text)
        elif is_note:
            played.agent_notes(text)
            played.told("desk", "Boris", f"(note) {text}")
        else:
            self._last_reply = played.agent_replies(text)

    def _undo(self) -> None:
        try:
            self._played.agent_undoes(self._last_reply)
        except DeskRefusedError as error:
            click.echo(f"       ({error})")
        else:
            self._played.told("desk", "Boris", "(undone)")

    async def end(self) -> None:
        """Wait for deliveries under way at the end of the input, and print the result."""
        words = WORDS[self._language]
        if self._played.under_way():
            self._screen.narrate(words["under_way"])
        await self._played.delivered()
        if self._refused:
            lost = "; ".join(words["nowhere"].format(text=excerpt(each)) for each in self._refused)
            raise DemoError(words["missing"].format(what=lost) + " " + words["no_ticket"])
        messages = sum(1 for each in self._played.said if each.mid)
        replies = len(self._played.said) - messages
        self._screen.narrate(words["arrived"].format(messages=messages, replies=replies))


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


async def _typed() -> AsyncIterator[str]:
    """Lines from standard input, whatever it is: a terminal, a pipe, a file, nothing at all.

    A thread reads them, because asyncio can only read pipes and would leave a terminal non-blocking.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the demo has ended, and its loop with it
            for line in _lines():
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        if line.strip():
            yield line.strip()


def _lines() -> Iterator[str]:
    """Read lines of standard input, with bytes that are not text replaced.

    Read past Python's own buffer: a thread that waits with its lock would keep the process from ending.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    while True:
        piece = _piece()
        rest += decoder.decode(piece, final=not piece)
        *whole, rest = rest.split("\n")
        yield from whole
        if not piece:
            yield rest
            return


def _piece() -> bytes:
    """Read some bytes of standard input; none at its end, or if there is no stdin."""
    try:
        number = sys.stdin.fileno()
        while True:
            try:
                return os.read(number, _PIECE)
            except BlockingIOError:  # somebody else has made it non-blocking
                select.select([number], [], [])
    except (OSError, ValueError, AttributeError):
        return b""
