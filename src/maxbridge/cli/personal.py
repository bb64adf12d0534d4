"""``maxbridge dialogs export``: what is kept of one person, shown (152-ФЗ); and who that is, for ``forget``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Protocol

import click

from maxbridge.cli.options import File, chat_argument, config_option, json_option, yes_option
from maxbridge.cli.output import JSON_VERSION, print_json, see_that_it_is_free, write_private
from maxbridge.cli.personal_page import PERSONAL
from maxbridge.cli.store import open_store
from maxbridge.config.loading import load
from maxbridge.core.errors import UserError
from maxbridge.saying import local, say, utc
from maxbridge.store.forgetting import PersonStore
from maxbridge.store.forgotten import Tombstones
from maxbridge.store.store import Store


@click.command()
@config_option
@json_option
@chat_argument
@click.argument("file", type=File(), required=False)
@yes_option
def export(
    config_path: Path | None, as_json: bool, chat: int, file: Path | None, yes: bool
) -> None:
    """Write everything that is stored about one person into a file, with a page to read beside it.

    FILE is JSON, by default maxbridge-CHAT.json; the page has the same name with .html. Both have
    mode 0600. All chats of the person are included. Existing files are replaced only with --yes.
    """
    language = load(config_path, sections=("store", "texts")).settings.texts.language
    texts = PERSONAL[language]
    target = file or Path(f"maxbridge-{chat}.json")
    shown = target.with_suffix(".html")
    if shown == target:
        raise UserError(
            say(
                "{target} is the name of the page: give the file another ending, as .json.",
                target=target,
            )
        )
    for path in (target, shown):
        see_that_it_is_free(path, replaces=yes)
    with open_store(config_path) as store:
        whose = store.forgetting.whose(chat)
        if whose is None:
            raise nobody(store, chat)
        kept = PersonStore(store.db).kept(whose)
    from maxbridge.cli.personal_page import page  # noqa: PLC0415 - for this command alone

    data = {
        "version": JSON_VERSION,
        "exported": utc(time.time()),
        "user": whose.user_id,
        "chats": whose.chats,
        "tickets": whose.tickets,
        "cards": whose.cards,
        "kept": kept,
    }
    for path, text in (
        (target, json.dumps(data, ensure_ascii=False, indent=2) + "\n"),
        (shown, page(whose, kept, texts, target.name)),
    ):
        write_private(path, text, replaces=yes)
    rows = {name: len(found) for name, found in kept.items() if found}
    if as_json:
        print_json(file=str(target), page=str(shown), chats=whose.chats, rows=rows)
        return
    counted = ", ".join(f"{name} {count}" for name, count in rows.items())
    click.echo(
        say(
            "{target} and {shown}: {named}. Rows: {counted}.",
            target=target,
            shown=shown,
            named=named(whose),
            counted=counted,
        )
    )
    click.echo(say("They hold what the person wrote: delete them when they have served."))


class _Somebody(Protocol):
    """A person, or a group."""

    @property
    def user_id(self) -> int | None:
        """The MAX user; None for a group."""

    @property
    def chats(self) -> tuple[int, ...]:
        """Their chats."""


def named(whose: _Somebody) -> str:
    """A person, or a group, in words."""
    chats = ", ".join(map(str, whose.chats))
    if whose.user_id is None:
        return say("chat {chats}", chats=chats)
    return say(
        "MAX user {user} (chats {chats})"
        if len(whose.chats) > 1
        else "MAX user {user} (chat {chats})",
        user=whose.user_id,
        chats=chats,
    )


def nobody(store: Store, chat: int) -> UserError:
    """Why there is nothing of a chat."""
    stone = Tombstones(store.db).of_chat(chat)
    if stone is not None:
        return UserError(
            say(
                "Chat {chat} was erased on {at}; nothing is kept of it since.",
                chat=chat,
                at=local(stone.at),
            )
        )
    return UserError(say("Nothing is kept of chat {chat}. See: maxbridge dialogs list", chat=chat))
