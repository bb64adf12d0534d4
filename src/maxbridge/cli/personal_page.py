"""A person's export as a page, and the words of the act of their erasure, in the language of the texts for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from maxbridge.core.attachment_html import is_known_kind
from maxbridge.core.events import Event
from maxbridge.core.render import plain
from maxbridge.max.parse import parse_update
from maxbridge.saying import local, said_in
from maxbridge.store.forgetting import Whose
from maxbridge.store.inbox import NOTE_TYPE, PHONE_TYPE


@dataclass(frozen=True, slots=True)
class PersonalTexts:
    """One language; ``{…}`` are templates."""

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
    """What stands on an emptied card."""
    note_erased: str
    """In the ticket, for agents."""
    act: str
    act_whose: str
    act_whose_group: str
    categories: str
    how: str
    not_erased: str

    def say(self, english: str, /, **values: Any) -> str:
        """A sentence of the catalogue: what the act names is in the act's language, not the terminal's."""
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
    """The page.

    Args:
        whose: The person.
        kept: What :class:`maxbridge.store.forgotten.PersonStore` gives.
        texts: The language.
        json_name: The file with everything.
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
