"""Checks of [alerts]: may the command be run, and is the chat somebody's? The sign of life itself is not given."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from maxbridge.checks.records import Finding, failed, ok, shown, skipped, warning, wrong
from maxbridge.config.settings import AlertSettings
from maxbridge.core.errors import ApiError, Failure
from maxbridge.max.client import MaxClient
from maxbridge.saying import say
from maxbridge.there import is_file

_CLOSED = ("/home/", "/root/", "/tmp/", "/var/tmp/", "/dev/shm/", "/var/lib/maxbridge/")  # noqa: S108 - named, not used
"""Where the service may not run programs (systemd/maxbridge.service)."""


def check_command(settings: AlertSettings) -> Iterator[Finding]:
    """The command of [alerts], if there is one; it is not run."""
    if not settings.command:
        return
    program = settings.command[0]
    try:
        there = is_file(Path(program))
    except OSError:
        there = False
    if not there or not os.access(program, os.X_OK):
        yield wrong(
            "alerts.command",
            say("{program} is not there, or may not be run", program=program),
            say("Check [alerts] command: ls -l {program}", program=program),
        )
    elif program.startswith(_CLOSED):
        yield warning(
            "alerts.command",
            say("{program} is where the service may not run programs", program=program),
            say("Put it elsewhere, as /usr/local/bin."),
        )
    else:
        yield ok("alerts.command", say("{program} is there; it is not run now", program=program))


async def check_chat(client: MaxClient, settings: AlertSettings) -> AsyncIterator[Finding]:
    """The administrator's chat, if there is one: asked about, not written to."""
    if not settings.max_chat:
        return
    try:
        chat = await client.chat(settings.max_chat)
    except ApiError as error:
        yield _refused(settings.max_chat, error.failure)
        return
    if chat.type != "dialog":
        yield warning(
            "alerts.max_chat",
            say(
                "chat {chat} is no dialog: everybody in it reads about troubles",
                chat=settings.max_chat,
            ),
            say("Write to the bot from your own MAX, then take the number: maxbridge dialogs list"),
        )
        return
    whom = shown(chat.user.name) if chat.user else say("somebody whom MAX does not name")
    yield ok(
        "alerts.max_chat",
        say("chat {chat} is a dialog with: {name}", chat=settings.max_chat, name=whom),
    )


def skip_chat(settings: AlertSettings, why: str) -> Iterator[Finding]:
    """It could not be asked about."""
    if settings.max_chat:
        yield skipped("alerts.max_chat", why)


def _refused(chat_id: int, failure: Failure) -> Finding:
    if failure.code in ("max.chat_gone", "max.not_found", "max.blocked", "max.refused"):
        return wrong(
            "alerts.max_chat",
            say("chat {chat}: {failure}", chat=chat_id, failure=failure),
            say("Write to the bot from your own MAX, then take the number: maxbridge dialogs list"),
        )
    return failed("alerts.max_chat", f"GET /chats/{chat_id}", failure)
