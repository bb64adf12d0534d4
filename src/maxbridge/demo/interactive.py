"""The demo to play with: type as the customer and as the agent."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator

import click

from maxbridge.demo.screen import Screen
from maxbridge.demo.stage import UNDO_WINDOW, Stage, stage
from maxbridge.sim.desk.agent import DeskRefusedError

_TYPING = 1.0
_HELP = {
    "ru": "м ТЕКСТ  клиент пишет в MAX   |  а ТЕКСТ  агент отвечает   |  з ТЕКСТ  заметка агента\n"
    "о        агент отменяет последний ответ (пока он не ушёл)      |  в        выход",
    "en": "c TEXT  the customer writes in MAX  |  a TEXT  the agent answers  |  n TEXT  a note\n"
    "u       the agent undoes the last reply (before it leaves)   |  q       quit",
}
_WORDS = {"c": "say", "м": "say", "a": "reply", "а": "reply", "n": "note", "з": "note",
          "u": "undo", "о": "undo", "q": "quit", "в": "quit"}  # fmt: skip


async def play(language: str) -> None:
    """Serve typed lines until the end of the input."""
    screen = Screen()
    click.echo(_HELP[language])
    screen.head("MAX", f"FreeScout (undo {UNDO_WINDOW:.0f} s)")
    async with stage(language, screen.told) as played:
        last_reply = 0
        async for line in _typed():
            word, _, text = line.partition(" ")
            action = _WORDS.get(word.lower())
            if action == "quit":
                return
            last_reply = _act(played, action, text.strip(), last_reply, _HELP[language])
            if not sys.stdin.isatty():
                await asyncio.sleep(_TYPING)  # nobody types faster than the other side sees it
        # The input has ended: let what is under way arrive.
        await asyncio.sleep(2 * UNDO_WINDOW + 2)


def _act(played: Stage, action: str | None, text: str, last_reply: int, usage: str) -> int:
    if action == "say" and text:
        played.customer_says(text)
    elif action in ("reply", "note") and text and not played.ticket():
        click.echo("       (no ticket yet: the customer must write first)")
    elif action == "reply" and text:
        return played.agent_replies(text)
    elif action == "note" and text:
        played.agent_notes(text)
        played.told("desk", "Boris", f"(note) {text}")
    elif action == "undo" and last_reply:
        _undo(played, last_reply)
    else:
        click.echo(usage)
    return last_reply


def _undo(played: Stage, thread_id: int) -> None:
    try:
        played.desk.state.undo(thread_id)
    except DeskRefusedError as error:
        click.echo(f"       ({error})")
    else:
        played.told("desk", "Boris", "(undone)")


async def _typed() -> AsyncIterator[str]:
    """Lines from standard input, whatever it is: a terminal, a pipe, a file, nothing at all.

    A thread reads them, because asyncio can only read pipes and would leave a terminal non-blocking.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin or ():
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        if line.strip():
            yield line.strip()
