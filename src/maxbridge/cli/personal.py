"""``maxbridge dialogs export``: what is kept of one person, shown (152-ФЗ), as data or as a page.

Who that is, and the words of the act of their erasure, are what ``forget`` shares with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final, Protocol

import click

from maxbridge.cli.options import File, chat_argument, config_option, json_option, yes_option
from maxbridge.cli.output import JSON_VERSION, print_json, see_that_it_is_free, write_private
from maxbridge.config.loading import load
from maxbridge.core.attachment_html import is_known_kind
from maxbridge.core.errors import UserError
from maxbridge.core.events import Event
from maxbridge.core.render import plain
from maxbridge.max.parse import parse_update
from maxbridge.saying import local, said_in, say, utc
from maxbridge.store.forgetting import PersonStore, Whose
from maxbridge.store.forgotten import Tombstones
from maxbridge.store.inbox import NOTE_TYPE, PHONE_TYPE
from maxbridge.store.store import Store, open_store


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
    from maxbridge.cli.personal import page  # noqa: PLC0415 - for this command alone

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
    """A person or a group."""

    @property
    def user_id(self) -> int | None:
        """The MAX user; None for a group."""

    @property
    def chats(self) -> tuple[int, ...]:
        """Their chats."""


def named(whose: _Somebody) -> str:
    """Describe a person or group in words."""
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
    """Return the error that says why nothing is stored about a chat."""
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


@dataclass(frozen=True, slots=True)
class PersonalTexts:
    """The sentences of one language; ``{…}`` are placeholders."""

    language: str

    title: str
    whose: str
    whose_group: str
    tickets: str
    card: str
    shown: str
    when: str
    who: str
    words: str
    customer: str
    desk: str
    note: str
    event: str
    erased_text: str
    files: str
    raw: str
    elsewhere: str
    card_name: str
    """Replaces the name in an emptied customer record."""
    note_erased: str
    """In the ticket, for agents."""
    act: str
    act_whose: str
    act_whose_group: str
    categories: str
    how: str
    not_erased: str

    def say(self, english: str, /, **values: Any) -> str:
        """Return a sentence of the catalogue in the act's language, which may differ from the terminal's."""
        return said_in(self.language, english).format(**values)


RU: Final = PersonalTexts(
    language="ru",
    title="Персональные данные в maxbridge",
    whose="Пользователь MAX {user}, чаты: {chats}",
    whose_group="Группа MAX, чат {chats}",
    tickets="Тикеты FreeScout: {tickets}",
    card="Карточка клиента FreeScout: {cards}",
    shown="Уведомление о персональных данных показано: {when}",
    when="Когда",
    who="Кто",
    words="Что",
    customer="клиент",
    desk="поддержка",
    note="примечание для агентов",
    event="событие",
    erased_text="текст уже удалён по сроку хранения",
    files="файлы: {names}",
    raw="Все поля всех записей есть в файле {name} рядом с этой страницей.",
    elsewhere=(
        "Здесь только то, что хранит maxbridge. Переписка хранится ещё в чате MAX, в тикетах FreeScout и в "
        "резервных копиях."
    ),
    card_name="Удалено",
    note_erased=(
        "ℹ️ Данные этого клиента удалены из программы связи с MAX. Ответы отсюда ему не уходят; его новое "
        "сообщение откроет новый тикет."
    ),
    act=(
        "Уничтожение персональных данных № {number}. Субъект: {whose}. Категории: {categories}. "
        "Информационная система: maxbridge, база данных {database} на сервере {host}. Способ: {how}. "
        "Причина: {reason}. Дата: {when}. Исполнитель: {by}. {not_erased}"
    ),
    act_whose="пользователь MAX {user} (чаты {chats})",
    act_whose_group="группа MAX (чат {chats})",
    categories=(
        "идентификаторы пользователя и чата в MAX, имя в MAX, тексты сообщений и ответов, ссылки на вложения, "
        "номер телефона, если клиент им поделился, время сообщений, номера карточки и тикетов FreeScout"
    ),
    how="удаление записей с перезаписью их места в файле базы данных",
    not_erased="Не уничтожено этой операцией: {what}.",
)

EN: Final = PersonalTexts(
    language="en",
    title="Personal data in maxbridge",
    whose="MAX user {user}, chats: {chats}",
    whose_group="MAX group, chat {chats}",
    tickets="FreeScout tickets: {tickets}",
    card="FreeScout customer record: {cards}",
    shown="The notice about personal data was shown: {when}",
    when="When",
    who="Who",
    words="What",
    customer="customer",
    desk="support",
    note="note for agents",
    event="event",
    erased_text="the text is deleted already, its time is over",
    files="files: {names}",
    raw="All fields of all rows are in the file {name} beside this page.",
    elsewhere=(
        "This is what maxbridge keeps. The talk is kept in the MAX chat, in FreeScout's tickets and in backups "
        "as well."
    ),
    card_name="Erased",
    note_erased=(
        "ℹ️ The data of this customer was erased from the link with MAX. Replies from here do not reach them; "
        "their new message opens a new ticket."
    ),
    act=(
        "Erasure of personal data No. {number}. Whose: {whose}. Categories: {categories}. "
        "System: maxbridge, database {database} on {host}. How: {how}. Why: {reason}. When: {when}. "
        "By: {by}. {not_erased}"
    ),
    act_whose="MAX user {user} (chats {chats})",
    act_whose_group="MAX group (chat {chats})",
    categories=(
        "ids of the user and the chat in MAX, name in MAX, texts of messages and replies, links to "
        "attachments, phone number if the customer shared it, times of messages, ids of FreeScout's record "
        "and tickets"
    ),
    how="rows deleted and their place in the database file overwritten",
    not_erased="Not erased by this: {what}.",
)

PERSONAL: Final = {"ru": RU, "en": EN}


# --- A person's export as a page that they can read ------------------------------------------------


_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4em;"
    "text-align:left;vertical-align:top}td:nth-child(-n+2){white-space:nowrap;color:#555}"
)


@dataclass(frozen=True, slots=True)
class _Line:
    at: float
    who: str
    words: str
    files: tuple[str, ...] = ()


def page(
    whose: Whose,
    kept: Mapping[str, Sequence[Mapping[str, Any]]],
    texts: PersonalTexts,
    json_name: str,
) -> str:
    """Return the page.

    Args:
        whose: The person.
        kept: The result of :class:`maxbridge.store.forgetting.PersonStore`.
        texts: The language.
        json_name: The file with all data.
    """
    lines = sorted([*_received(kept, texts), *_sent(kept, texts)], key=lambda each: each.at)
    chats = ", ".join(map(str, whose.chats))
    head = texts.whose_group if whose.user_id is None else texts.whose
    about = [head.format(user=whose.user_id, chats=chats)]
    if whose.tickets:
        about.append(texts.tickets.format(tickets=", ".join(map(str, whose.tickets))))
    if whose.cards:
        about.append(texts.card.format(cards=", ".join(map(str, whose.cards))))
    about += [
        texts.shown.format(when=local(row["privacy_at"]))
        for row in kept["dialog"]
        if row["privacy_at"] is not None
    ]
    rows = "".join(
        f"<tr><td>{escape(local(each.at))}</td><td>{escape(each.who)}</td>"
        f"<td>{_cell(each, texts)}</td></tr>\n"
        for each in lines
    )
    heads = "".join(f"<th>{escape(each)}</th>" for each in (texts.when, texts.who, texts.words))
    said = "".join(f"<p>{escape(each)}</p>\n" for each in about)
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{escape(texts.title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(texts.title)}</h1>\n{said}"
        f"<table><tr>{heads}</tr>\n{rows}</table>\n<p>{escape(texts.raw.format(name=json_name))}</p>\n"
        f"<p>{escape(texts.elsewhere)}</p></body></html>\n"
    )


def _cell(line: _Line, texts: PersonalTexts) -> str:
    words = [escape(line.words).replace("\n", "<br>")] if line.words else []
    if line.files:
        words.append(escape(texts.files.format(names=", ".join(line.files))))
    return "<br>".join(words)


def _received(
    kept: Mapping[str, Sequence[Mapping[str, Any]]], texts: PersonalTexts
) -> Iterator[_Line]:
    for row in kept["inbox"]:
        at, payload = row["created_at"], row["payload"]
        if payload is None:
            yield _Line(at, texts.customer, f"({texts.erased_text})")
        elif row["update_type"] == NOTE_TYPE:
            yield _Line(at, texts.note, payload.get("text", ""))
        elif row["update_type"] == PHONE_TYPE:
            yield _Line(at, texts.customer, payload.get("phone", ""))
        else:
            yield _of_event(at, parse_update(payload), texts)


def _of_event(at: float, event: Event, texts: PersonalTexts) -> _Line:
    at = event.timestamp / 1000 if event.timestamp else at
    said = [
        each.text for each in (event.message, event.link.message if event.link else None) if each
    ]
    files = tuple(
        each.name or each.kind
        for each in event.message.attachments
        if is_known_kind(each) or each.kind
    )
    words = "\n".join(filter(None, said)) or event.button or event.payload
    if not words and not files:
        return _Line(at, texts.event, event.update_type)
    return _Line(at, texts.customer, words, files)


def _sent(kept: Mapping[str, Sequence[Mapping[str, Any]]], texts: PersonalTexts) -> Iterator[_Line]:
    times = {row["id"]: row["finished_at"] or row["created_at"] for row in kept["outbox"]}
    for row in kept["part"]:
        text = row["text"]
        words = f"({texts.erased_text})" if text is None else text
        if row["html"]:
            words = plain(words)
        names = tuple(each.get("name", "") for each in row["files"] or ())
        yield _Line(times[row["outbox_id"]], texts.desk, words, names)
