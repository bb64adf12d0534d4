"""The scripted demo: a short conversation that shows what the bridge promises, and checks it."""

from __future__ import annotations

import asyncio

from maxbridge.demo.screen import Screen
from maxbridge.demo.stage import UNDO_WINDOW, DemoError, Stage, stage

_LINES = {
    "ru": {
        "intro": "Настоящий мост между имитацией MAX и имитацией FreeScout, всё на этой машине. "
        "Слева то, что видит клиент, справа то, что видит агент.",
        "left": "MAX, телефон клиента",
        "right": "FreeScout, браузер агента",
        "ticket": "Клиент пишет боту, и сообщение становится заявкой.",
        "reply": f"Агент отвечает. Ответ ждёт окно отмены (здесь {UNDO_WINDOW:.0f} с) и уходит клиенту.",
        "files": "Фото клиента становится вложением заявки, файл агента приходит клиенту файлом.",
        "photo": "Вот накладная.",
        "bill": "Спасибо, вот счёт.",
        "bill_name": "Счёт № 15.pdf",
        "note": "Личная заметка остаётся во FreeScout, отменённый ответ тоже.",
        "undone": "(ответ отменён)",
        "secret": "(личная заметка) клиент постоянный, скидка 5 %",
        "doubt": "Связь рвётся сразу после того, как FreeScout сохранил сообщение. Мост не знает, "
        "дошло ли оно: он ищет свою метку и не отправляет второй раз.",
        "crash": "Мост остановлен. Клиент пишет; после запуска всё доходит, по порядку.",
        "done": "Итог: сообщений клиента {messages} из {expected}, ответов {replies} из {answers}, файлов {files} из 2, "
        "лишних 0, потерянных 0. Дальше: README.ru.md, раздел «Установка».",
        "q1": "Здравствуйте! Где мой заказ № 15? 😀",
        "a1": "Добрый день! Заказ у курьера, будет завтра до 18:00.",
        "a2": "Ой, не тому клиенту…",
        "q2": "Спасибо! А можно с утра?",
        "a3": "Можно, с 9 до 12.",
        "q3": "Отлично, жду.",
        "q4": "И чек, пожалуйста.",
        "a4": "Чек будет у курьера.",
    },
    "en": {
        "intro": "The real bridge between a simulated MAX and a simulated FreeScout, all on this "
        "machine. On the left what the customer sees, on the right what the agent sees.",
        "left": "MAX, the customer's phone",
        "right": "FreeScout, the agent's browser",
        "ticket": "The customer writes to the bot, and the message becomes a ticket.",
        "reply": f"The agent answers. The reply waits for its undo window (here {UNDO_WINDOW:.0f} s) and leaves.",
        "files": "A photo becomes an attachment of the ticket, an agent's file arrives as a file.",
        "photo": "Here is the delivery note.",
        "bill": "Thank you, here is the bill.",
        "bill_name": "Bill 15.pdf",
        "note": "A private note stays in FreeScout, and so does a reply that is undone.",
        "undone": "(reply undone)",
        "secret": "(private note) regular customer, 5 % off",
        "doubt": "The line breaks right after FreeScout has saved a message. The bridge cannot know "
        "whether it arrived: it looks for its marker and does not send it twice.",
        "crash": "The bridge is stopped. The customer writes; after the start all arrives, in order.",
        "done": "Result: {messages} of {expected} customer messages, {replies} of {answers} replies, {files} of 2 "
        "files, none twice, none lost. Next: README.md, “Install”.",
        "q1": "Hello! Where is my order no. 15? 😀",
        "a1": "Good day! It is with the courier and arrives tomorrow before 18:00.",
        "a2": "Oops, wrong customer…",
        "q2": "Thank you! In the morning, perhaps?",
        "a3": "Yes, between 9 and 12.",
        "q3": "Great, I'll wait.",
        "q4": "And the receipt, please.",
        "a4": "The courier will bring the receipt.",
    },
}
_SAID = ("q1", "photo", "q2", "q3", "q4")
_ANSWERED = ("a1", "bill", "a3", "a4")


async def play(language: str) -> None:
    """Play the conversation.

    Raises:
        DemoError: Something did not arrive, arrived twice or in the wrong order.
    """
    lines = _LINES[language]
    screen = Screen()
    screen.narrate(lines["intro"])
    screen.head(lines["left"], lines["right"])
    async with stage(language, screen.told) as played:
        await _play(played, screen, lines)


async def _play(played: Stage, screen: Screen, lines: dict[str, str]) -> None:
    screen.narrate(lines["ticket"])
    played.customer_says(lines["q1"])
    await played.until(lambda: played.messages() == 1)
    screen.narrate(lines["reply"])
    played.agent_replies(lines["a1"])
    await played.until(lambda: len(played.received()) == 1)
    screen.narrate(lines["files"])
    played.customer_sends_photo(lines["photo"])
    await played.until(lambda: played.messages() == 2)
    played.agent_replies(lines["bill"], lines["bill_name"])
    await played.until(played.received_files)
    screen.narrate(lines["note"])
    screen.told("desk", "Boris", lines["secret"])
    played.agent_notes(lines["secret"])
    undone = played.agent_replies(lines["a2"])
    await asyncio.sleep(1)
    played.desk.state.undo(undone)
    screen.told("desk", "Boris", lines["undone"])
    screen.narrate(lines["doubt"])
    played.break_line()
    played.customer_says(lines["q2"])
    await played.until(lambda: played.messages() == 3)
    played.agent_replies(lines["a3"])
    await played.until(lambda: lines["a3"] in played.received())
    screen.narrate(lines["crash"])
    await played.stop()
    played.customer_says(lines["q3"])
    played.customer_says(lines["q4"])
    await played.start()
    await played.until(lambda: played.messages() >= len(_SAID))
    played.agent_replies(lines["a4"])
    await played.until(lambda: lines["a4"] in played.received())
    _check(played, lines)
    screen.narrate(
        lines["done"].format(
            messages=played.messages(),
            expected=len(_SAID),
            replies=len(_words(played)),
            answers=len(_ANSWERED),
            files=len(played.received_files()) + len(played.desk_files()),
        )
    )


def _check(played: Stage, lines: dict[str, str]) -> None:
    """The demo is a test, too: it must not praise what did not happen."""
    if _words(played) != [lines[name] for name in _ANSWERED]:
        raise DemoError("the customer did not get exactly the published replies")
    threads = sorted(played.desk.state.threads.values(), key=lambda each: each.id)
    bodies = [each.body or "" for each in threads if each.type == "customer"]
    wanted = [lines[name] for name in _SAID]
    if len(bodies) != len(wanted) or not all(
        text in body for text, body in zip(wanted, bodies, strict=True)
    ):
        raise DemoError("the desk did not get exactly the customer's messages")
    if (len(played.received_files()), len(played.desk_files())) != (1, 1):
        raise DemoError("the photo and the bill did not arrive exactly once each")


def _words(played: Stage) -> list[str]:
    """What the customer read; a file comes without words of its own."""
    return [text for text in played.received() if text]
