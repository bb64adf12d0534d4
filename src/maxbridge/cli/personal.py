"""``maxbridge dialogs export`` and ``forget``: what is kept of one person, shown or erased (152-ФЗ)."""

from __future__ import annotations

import getpass
import glob
import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maxbridge.advice import advice
from maxbridge.as_owner import as_owner
from maxbridge.cli.kinds import NUMBER, File
from maxbridge.cli.options import ask, config_option, json_option, yes_option
from maxbridge.cli.output import JSON_VERSION, print_json
from maxbridge.cli.personal_page import PERSONAL, PersonalTexts
from maxbridge.cli.private import write_private
from maxbridge.cli.store import open_store
from maxbridge.config.loading import Config, load, secrets_elsewhere
from maxbridge.config.settings import FreeScoutSettings
from maxbridge.core.errors import ApiError, ExitCode, StoreError, UserError
from maxbridge.saying import local, say, utc
from maxbridge.store.access import ProcessLock
from maxbridge.store.forgetting import PersonStore, Whose
from maxbridge.store.forgotten import Act, Acts, Tombstones
from maxbridge.store.store import Store
from maxbridge.there import is_folder

if TYPE_CHECKING:
    from maxbridge.freescout.client import FreeScoutClient

_LONGEST = 1000
"""Letters of a reason, and of a name."""
_chat = click.argument("chat", type=NUMBER)


@click.command()
@config_option
@json_option
@_chat
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
    with open_store(config_path) as store:
        whose = _whose(store, chat)
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
            named=_named(whose),
            counted=counted,
        )
    )
    click.echo(say("They hold what the person wrote: delete them when they have served."))


@click.command()
@config_option
@json_option
@_chat
@click.option("--reason", required=True, help="Why, for the act: the request, its date and number.")
@click.option(
    "--by", default="", help="Who does it, for the act; by default the name of the login."
)
@click.option("--desk", is_flag=True, help="Empty the customer record in FreeScout, too.")
@yes_option
def forget(
    *,
    config_path: Path | None,
    as_json: bool,
    chat: int,
    reason: str,
    by: str,
    desk: bool,
    yes: bool,
) -> None:
    """Erase everything that is stored about one person, for good. The daemon may run.

    All chats of the person are erased, and what waits for delivery, too. Their next message is a
    new customer's; nothing old comes back from a retry, a restore, a gap or relink.

    The line for the act (Roskomnadzor's order 179 of 28.10.2022) is printed and stored in the file
    of acts beside the database. Keep a copy of that file: it tells a restored database who must
    stay erased.
    """
    reason, by = _one_line("--reason", reason), _one_line("--by", by) if by else _login()
    sections = ("store", "texts", "freescout") if desk else ("store", "texts")
    config = load(config_path, sections=sections)
    settings = config.settings
    texts = PERSONAL[settings.texts.language]
    with open_store(config_path) as store:
        whose = _whose(store, chat)
        if desk:
            _look_at_cards(config, whose)
        ask(_question(whose, desk=desk), yes=yes)
        acts = Acts(store.db.path)
        act = acts.begin(store.forgetting.stones(whose, time.time()), reason, by)
        erased = store.forgetting.erase(act.stones, texts.note_erased)
        copies = store.forgetting.drop_copies()
        settled = store.forgetting.settle()
        files = _drop_files(store.db.path, texts)
        desk_left = _empty_cards(settings.freescout, whose, texts) if desk else None
        left = _Left.of(store, whose, settled=settled, files=files, desk=desk_left, texts=texts)
        act = acts.finish(act, _line(act, whose, left, texts, store.db.path))
    if as_json:
        print_json(
            chats=whose.chats, user=whose.user_id, erased=erased, copies=copies,
            left=left.words, act=act.number, line=act.line, acts=str(acts.path),
        )  # fmt: skip
        return
    counted = ", ".join(f"{say(name)} {count}" for name, count in erased.items()) or say("nothing")
    click.echo(say("Erased: {named}. Rows: {counted}.", named=_named(whose), counted=counted))
    if copies:
        click.echo(
            say("Copies of the database of before an upgrade, deleted: {copies}.", copies=copies)
        )
    click.echo(say("Not reached, and for you to decide about:"))
    for each in left.words:
        click.echo(f"  {each}")
    click.echo(f"\n{act.line}\n")
    click.echo(say("The line is kept in {path}", path=acts.path))


@dataclass(slots=True)
class _Left:
    """What the erasure does not reach: for the administrator, one line each."""

    words: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        store: Store,
        whose: Whose,
        *,
        settled: bool,
        files: str,
        desk: Sequence[str] | None,
        texts: PersonalTexts,
    ) -> _Left:
        words = [texts.say("MAX: the chat itself, at the customer and at MAX")]
        if whose.tickets:
            numbers = ", ".join(map(str, whose.tickets[:50]))
            words.append(
                texts.say(
                    "FreeScout: the tickets {numbers} with their subjects, messages and files; delete them there",
                    numbers=numbers,
                )
            )
        if desk is not None:
            words += desk
        elif whose.cards:
            cards = ", ".join(map(str, whose.cards))
            words.append(
                texts.say(
                    "FreeScout: the customer's record {cards} (--desk empties it)", cards=cards
                )
            )
        path = store.db.path
        aside = sorted(path.parent.glob(f"{glob.escape(path.name)}.before-restore-*"))
        words += [
            texts.say("the database of before a restore: {path}; delete it", path=each)
            for each in aside
        ]
        words.append(
            texts.say("backups made before now; after a restore the person is erased again")
        )
        if is_folder(path.with_name(f".{path.name}-litestream")):
            words.append(
                texts.say(
                    "copies that Litestream keeps, here and on its storage: they go when its retention is over"
                )
            )
        words.append(texts.say("the log of the system (stored): it has ids and times, no words"))
        if files:
            words.append(files)
        if not settled:
            words.append(
                texts.say(
                    "old pages in the log of the database, which the running daemon overwrites by itself"
                )
            )
        return cls(words)


def _drop_files(database: Path, texts: PersonalTexts) -> str:
    """Delete what a killed daemon has left of files on their way; says what stays, empty for nothing."""
    from maxbridge.files.spool import Spool  # noqa: PLC0415 - brings httpx

    spool, lock = Spool.beside(database), ProcessLock(database)
    if not lock.is_held():
        try:
            lock.acquire()
            try:
                with as_owner(database.parent):
                    spool.sweep()
            finally:
                lock.release()
        except ApiError as error:
            return texts.say(
                "files on their way in {folder} ({failure}); delete them",
                folder=spool.folder,
                failure=error.failure,
            )
        except StoreError:
            pass  # a daemon has started just now: it sweeps by itself, and its own files are named
        else:
            return ""
    if not spool.holds_any():
        return ""
    return texts.say(
        "files on their way in {folder}: the running daemon deletes each with its delivery",
        folder=spool.folder,
    )


def _line(act: Act, whose: Whose, left: _Left, texts: PersonalTexts, database: Path) -> str:
    chats = ", ".join(map(str, whose.chats))
    head = texts.act_whose_group if whose.user_id is None else texts.act_whose
    return texts.act.format(
        number=act.number,
        whose=head.format(user=whose.user_id, chats=chats),
        categories=texts.categories,
        database=database,
        host=socket.gethostname(),
        how=texts.how,
        reason=act.reason,
        when=local(act.stones[0].at),
        by=act.by,
        not_erased=texts.not_erased.format(what="; ".join(left.words)),
    )


def _question(whose: Whose, *, desk: bool) -> str:
    lines = [
        say("Everything that maxbridge keeps of {named} is erased for good.", named=_named(whose))
    ]
    if whose.tickets:
        lines.append(
            say("What waits is not delivered, and replies in their tickets no longer leave.")
        )
    if desk and whose.cards:
        lines.append(
            say(
                "The record {cards} at FreeScout is emptied.",
                cards=", ".join(map(str, whose.cards)),
            )
        )
    return " ".join([*lines, say("Go on?")])


def _named(whose: Whose) -> str:
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


def _whose(store: Store, chat: int) -> Whose:
    whose = store.forgetting.whose(chat)
    if whose is not None:
        return whose
    stone = Tombstones(store.db).of_chat(chat)
    if stone is not None:
        raise UserError(
            say(
                "Chat {chat} was erased on {at}; nothing is kept of it since.",
                chat=chat,
                at=local(stone.at),
            )
        )
    raise UserError(say("Nothing is kept of chat {chat}. See: maxbridge dialogs list", chat=chat))


def _one_line(option: str, text: str) -> str:
    """Words for the act: a line that a person reads."""
    words = " ".join(text.split())
    if not words or not words.isprintable() or len(words) > _LONGEST:
        raise click.BadParameter(
            say("must be one line of text, at most {most} letters.", most=_LONGEST),
            param_hint=option,
        )
    return words


def _login() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


# --- the desk ----------------------------------------------------------------------------------------


def _look_at_cards(config: Config, whose: Whose) -> None:
    """Find out beforehand whether the desk answers: then nothing is half done.

    Raises:
        UserError: It does not.
    """
    import asyncio  # noqa: PLC0415

    from maxbridge.freescout.client import FreeScoutClient  # noqa: PLC0415 - brings httpx

    settings = config.settings.freescout

    async def look() -> None:
        client = FreeScoutClient(settings.url, settings.api_key.reveal())
        try:
            for card in whose.cards:
                await client.profiles_of(card)
        finally:
            await client.close()

    try:
        asyncio.run(look())
    except ApiError as error:
        raise UserError(
            say(
                "FreeScout cannot be asked for the customer's record, so nothing is erased: {failure}. {advice} Without --desk the rest is erased.",
                failure=error.failure,
                advice=advice(error.failure.code, secrets_elsewhere(config)),
            ),
            ExitCode.TEMP_FAIL,
        ) from None


def _empty_cards(settings: FreeScoutSettings, whose: Whose, texts: PersonalTexts) -> list[str]:
    """Empty the person's records; says what is left of them."""
    import asyncio  # noqa: PLC0415

    from maxbridge.freescout.client import FreeScoutClient  # noqa: PLC0415

    async def empty() -> list[str]:
        client = FreeScoutClient(settings.url, settings.api_key.reveal())
        try:
            return [
                words
                for card in whose.cards
                for words in await empty_card(client, card, whose, texts)
            ]
        finally:
            await client.close()

    return asyncio.run(empty())


async def empty_card(
    client: FreeScoutClient, card: int, whose: Whose, texts: PersonalTexts
) -> list[str]:
    """Empty one record; gives what of it could not be reached, in words."""
    from maxbridge.freescout.blank import blank_card, take_user_off  # noqa: PLC0415

    try:
        if card in whose.shared and whose.user_id is not None:
            await take_user_off(client, card, whose.user_id)
            return [
                texts.say(
                    "FreeScout: the record {card} is another customer's as well; only the MAX id was taken off it",
                    card=card,
                )
            ]
        left = await blank_card(client, card, name=texts.card_name)
    except ApiError as error:
        if error.failure.code == "desk.not_found":
            return []
        return [
            texts.say(
                "FreeScout: the record {card} ({failure}); empty it there by hand",
                card=card,
                failure=error.failure,
            )
        ]
    return (
        [texts.say("FreeScout: of the record {card}: {left}", card=card, left=", ".join(left))]
        if left
        else []
    )
