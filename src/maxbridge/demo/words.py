"""The demo's texts besides the conversation: what it waits for, what did not arrive, where to look."""

from __future__ import annotations

WORDS = {
    "ru": {
        "from_customer": "сообщение клиента «{text}» не дошло до FreeScout",
        "from_agent": "ответ агента «{text}» не дошёл до клиента в MAX",
        "start": "первый опрос MAX и FreeScout остался без ответа",
        "waiting": "Это дольше обычного, демонстрация ждёт: пока что {what}.",
        "missing": "{what}.",
        "refused": "мост отказался от доставки: {what}.",
        "waited": "Ожидание заняло {seconds:.0f} с, последние {quiet:.0f} с ничего не происходило.",
        "held": "Доставка задержана (held): исход отправки неизвестен, или её не приняли.",
        "no_room": "базу нельзя записать ({code}). Освободите место на диске с каталогом {folder} "
        "или задайте другой в $TMPDIR.",
        "trouble": "Мост сообщает: {troubles}.",
        "ended": "мост завершился сам",
        "wrong_replies": "клиент получил не те ответы, что отправлены. Отправлено: {wanted}. Получено: {got}.",
        "wrong_messages": "во FreeScout не те сообщения, что написал клиент, или не в том порядке. "
        "Написано: {wanted}. Пришло: {got}.",
        "wrong_files": "фото и файл должны прийти ровно по одному разу. Пришло: фото — {photos}, файлов — {files}.",
        "nowhere": "слова агента «{text}» некуда было добавить",
        "no_ticket": "Тикета ещё нет: сначала должен написать клиент.",
        "arrived": "Дошло всё, что введено: сообщений клиента — {messages}, ответов агента — {replies}.",
        "under_way": "Ввод закончен, ждём того, что ещё в пути. Ctrl+C — не ждать.",
    },
    "en": {
        "from_customer": "the customer's message “{text}” has not arrived at FreeScout",
        "from_agent": "the agent's reply “{text}” has not reached the customer in MAX",
        "start": "the first poll of MAX and FreeScout was not answered",
        "waiting": "This takes longer than usual, the demo waits: so far {what}.",
        "missing": "{what}.",
        "refused": "the bridge has given up: {what}.",
        "waited": "It waited for {seconds:.0f} s; in the last {quiet:.0f} s nothing happened any more.",
        "held": "It is held: nobody can tell whether it was sent, or it was not taken.",
        "no_room": "the database cannot be written ({code}). Free some space on the disk of {folder}, "
        "or name another folder in $TMPDIR.",
        "trouble": "The bridge says: {troubles}.",
        "ended": "the bridge has ended by itself",
        "wrong_replies": "the customer did not get exactly the published replies. Sent: {wanted}. Got: {got}.",
        "wrong_messages": "FreeScout does not have exactly the customer's messages, in order. "
        "Written: {wanted}. There: {got}.",
        "wrong_files": "the photo and the file must arrive once each. There: photos {photos}, files {files}.",
        "nowhere": "the agent's words “{text}” had no ticket to go to",
        "no_ticket": "There is no ticket yet: the customer must write first.",
        "arrived": "Everything that was typed has arrived: {messages} of the customer, {replies} of the agent.",
        "under_way": "The input has ended; what is under way is waited for. Ctrl+C to leave at once.",
    },
}
_SHOWN = 60


def excerpt(text: str) -> str:
    """Shorten a text to one line for an error."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
