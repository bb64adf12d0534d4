"""``maxbridge dialogs forget``: erase everything stored about one person, with the line for the act (152-ФЗ)."""

from __future__ import annotations

import functools
import getpass
import glob
import operator
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from maxbridge.cli.forget_desk import Emptied, empty_records, require_desk
from maxbridge.cli.options import ask, chat_argument, config_option, json_option, yes_option
from maxbridge.cli.output import print_json
from maxbridge.cli.personal import PERSONAL, PersonalTexts, named, nobody
from maxbridge.config.loading import load
from maxbridge.core.errors import ApiError, StoreError
from maxbridge.paths import as_owner, is_folder
from maxbridge.saying import local, say
from maxbridge.store.access import ProcessLock
from maxbridge.store.forgetting import Whose
from maxbridge.store.forgotten import Act, Acts, AtDesk
from maxbridge.store.store import Store, open_store

_LONGEST = 1000
"""Letters of a reason, and of a name."""


@click.command()
@config_option
@json_option
@chat_argument
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

    A command that was interrupted goes on when it is given again; --desk may be given later, too.
    """
    reason, by = _one_line("--reason", reason), _one_line("--by", by) if by else _login()
    sections = ("store", "texts", "freescout") if desk else ("store", "texts")
    config = load(config_path, sections=sections)
    texts = PERSONAL[config.settings.texts.language]
    with open_store(config_path) as store:
        todo = _Erasure.of(store, chat, desk=desk)
        if desk:
            require_desk(config, todo.at_desk.cards)
        ask(_question(todo.person, todo.at_desk, desk=desk), yes=yes)
        act = todo.begin(store, reason, by)
        erased = store.forgetting.erase(act.stones, texts.note_erased) if todo.whose else {}
        copies = store.forgetting.drop_copies()
        settled = store.forgetting.settle()
        files = _drop_files(store.db.path, texts)
        emptied = Emptied(todo.at_desk.cards)
        if desk:
            bot_id = store.meta.bot_id()
            emptied = empty_records(
                config.settings.freescout, todo.at_desk, todo.person.user_id, texts, bot_id=bot_id
            )
        left = _left(store, todo.at_desk, settled=settled, files=files, desk=emptied, texts=texts)
        line = _line(act, todo.person, left, texts, store.db.path)
        unkept = todo.finish(store, act, line, emptied.left)
        path = Acts(store.db.path).path
    if as_json:
        print_json(
            chats=todo.person.chats, user=todo.person.user_id, erased=erased, copies=copies,
            left=left, act=act.number, line=line, acts=str(path),
        )  # fmt: skip
    else:
        _show(todo.person, erased, copies, left, line)
    if unkept is not None:
        raise unkept
    if not as_json:
        click.echo(say("The line is kept in {path}", path=path))


def _show(
    person: _Person, erased: Mapping[str, int], copies: int, left: Sequence[str], line: str
) -> None:
    counted = ", ".join(f"{say(name)} {count}" for name, count in erased.items()) or say("nothing")
    click.echo(say("Erased: {named}. Rows: {counted}.", named=named(person), counted=counted))
    if copies:
        click.echo(
            say("Copies of the database of before an upgrade, deleted: {copies}.", copies=copies)
        )
    click.echo(say("Not reached, and for you to decide about:"))
    for each in left:
        click.echo(f"  {each}")
    click.echo(f"\n{line}\n")


@dataclass(frozen=True, slots=True)
class _Person:
    """The person to erase: from the database, or from the acts if the database no longer knows them."""

    user_id: int | None
    chats: tuple[int, ...]

    @classmethod
    def of(cls, whose: Whose | None, before: Sequence[Act]) -> _Person:
        stones = [stone for each in before for stone in each.stones]
        users = [None if whose is None else whose.user_id, *(each.user_id for each in stones)]
        chats = {*(() if whose is None else whose.chats), *(each.chat_id for each in stones)}
        return cls(next((each for each in users if each is not None), None), tuple(sorted(chats)))


@dataclass(frozen=True, slots=True)
class _Erasure:
    """What to do about one person.

    Attributes:
        whose: The person in the database; None if an earlier command has erased them there.
        before: Unfinished acts of such a command.
        person: From both.
        at_desk: From both.
    """

    whose: Whose | None
    before: tuple[Act, ...]
    person: _Person
    at_desk: AtDesk

    @classmethod
    def of(cls, store: Store, chat: int, *, desk: bool) -> _Erasure:
        """Determine what to do.

        Raises:
            UserError: Nothing.
        """
        found = Acts(store.db.path).unfinished(chat)
        before = tuple(each for each in found if desk or not each.line)
        whose = store.forgetting.whose(chat)
        if whose is None and not before:
            raise nobody(store, chat)
        at_desk = functools.reduce(operator.or_, (each.desk for each in before), AtDesk())
        if whose is not None:
            under_way = store.forgetting.under_way(whose)
            at_desk |= AtDesk(whose.tickets, whose.cards, whose.shared, under_way)
        return cls(whose, before, _Person.of(whose, before), at_desk)

    def begin(self, store: Store, reason: str, by: str) -> Act:
        """Return the act: a new one, or the one to continue."""
        if self.whose is None:
            return replace(self.before[-1], desk=self.at_desk)
        stones = store.forgetting.stones(self.whose, time.time())
        return Acts(store.db.path).begin(stones, reason, by, self.at_desk)

    def finish(self, store: Store, act: Act, line: str, cards: Sequence[int]) -> StoreError | None:
        """Store the line; return the error if that failed. Print the line before: then it is stored nowhere else."""
        acts = Acts(store.db.path)
        try:
            acts.finish(act, line, tuple(cards))
            for each in self.before:
                if each.number != act.number:
                    acts.finish(each, each.line or line)
        except StoreError as error:
            return error
        return None


def _left(
    store: Store,
    at_desk: AtDesk,
    *,
    settled: bool,
    files: str,
    desk: Emptied,
    texts: PersonalTexts,
) -> list[str]:
    """Return, one line each, what the erasure does not reach."""
    words = [texts.say("MAX: the chat itself, at the customer and at MAX")]
    if at_desk.tickets:
        numbers = ", ".join(map(str, at_desk.tickets[:50]))
        words.append(
            texts.say(
                "FreeScout: the tickets {numbers} with their subjects, messages and files; delete them there",
                numbers=numbers,
            )
        )
    if at_desk.under_way:
        words.append(
            texts.say(
                "FreeScout: messages that were on their way ({count}); look there for a ticket and a record of this customer",
                count=at_desk.under_way,
            )
        )
    if desk.words is not None:
        words += desk.words
    elif at_desk.cards:
        cards = ", ".join(map(str, at_desk.cards))
        words.append(
            texts.say(
                "FreeScout: the customer's record {cards} (the same command with --desk empties it)",
                cards=cards,
            )
        )
    path = store.db.path
    aside = sorted(path.parent.glob(f"{glob.escape(path.name)}.before-restore-*"))
    words += [
        texts.say("the database of before a restore: {path}; delete it", path=each)
        for each in aside
    ]
    words.append(texts.say("backups made before now; after a restore the person is erased again"))
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
    return words


def _drop_files(database: Path, texts: PersonalTexts) -> str:
    """Delete transfer files left by a killed daemon; return what stays, empty for nothing."""
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


def _line(
    act: Act, whose: _Person, left: Sequence[str], texts: PersonalTexts, database: Path
) -> str:
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
        not_erased=texts.not_erased.format(what="; ".join(left)),
    )


def _question(whose: _Person, at_desk: AtDesk, *, desk: bool) -> str:
    lines = [
        say("Everything that maxbridge keeps of {named} is erased for good.", named=named(whose))
    ]
    if at_desk.tickets:
        lines.append(
            say("What waits is not delivered, and replies in their tickets no longer leave.")
        )
    if desk and at_desk.cards:
        lines.append(
            say(
                "The record {cards} at FreeScout is emptied.",
                cards=", ".join(map(str, at_desk.cards)),
            )
        )
    return " ".join([*lines, say("Go on?")])


def _one_line(option: str, text: str) -> str:
    """Check that words for the act are one readable line."""
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
