"""What a person's export and the act of their erasure say, in the language of the texts for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from maxbridge.saying import said_in


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
