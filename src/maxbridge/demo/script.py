"""The scripted demo: a short conversation that shows what the bridge promises, and checks it."""

from __future__ import annotations

import asyncio
import re

from maxbridge.demo.screen import Screen
from maxbridge.demo.stage import UNDO_WINDOW, DemoError, Stage, stage
from maxbridge.demo.words import WORDS
from maxbridge.sim.desk.agent import DeskRefusedError

_LINES = {
    "ru": {
        "intro": "Настоящий мост между имитацией MAX и имитацией FreeScout, всё на этой машине. "
        "Слева то, что видит клиент, справа то, что видит агент.",
        "left": "MAX, телефон клиента",
        "right": "FreeScout, браузер агента",
        "ticket": "Клиент пишет боту, и сообщение становится тикетом.",
        "reply": f"Агент отвечает. Ответ уходит, когда отменить его уже нельзя (здесь {UNDO_WINDOW:.0f} с).",
        "files": "Фото клиента становится вложением в тикете, файл агента приходит клиенту файлом.",
        "photo": "Вот накладная.",
        "bill": "Спасибо, вот счёт.",
        "bill_name": "Счёт № 15.pdf",
        "note": "Примечание остаётся во FreeScout, отменённый ответ тоже.",
        "undone": "(ответ отменён)",
        "secret": "(примечание) клиент постоянный, скидка 5 %",
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


async def play(language: str) -> None:
    """Play the conversation.

    Raises:
        DemoError: Something did not arrive, arrived twice or in the wrong order.
    """
    lines = _LINES[language]
    screen = Screen()
    screen.narrate(lines["intro"])
    screen.head(lines["left"], lines["right"])
    async with stage(language, screen.told, screen.narrate) as played:
        await _Conversation(played, screen, language).play()


class _Conversation:
    """The scenes in order; each begins when the messages of the previous one have arrived."""

    def __init__(self, played: Stage, screen: Screen, language: str) -> None:
        self._played = played
        self._screen = screen
        self._lines = _LINES[language]
        self._words = WORDS[language]
        self._answered = ["a1", "bill", "a2", "a3", "a4"]

    async def play(self) -> None:
        played, screen, lines = self._played, self._screen, self._lines
        screen.narrate(lines["ticket"])
        played.customer_says(lines["q1"])
        await played.delivered()
        screen.narrate(lines["reply"])
        played.agent_replies(lines["a1"])
        await played.delivered()
        screen.narrate(lines["files"])
        played.customer_sends_photo(lines["photo"])
        await played.delivered()
        played.agent_replies(lines["bill"], lines["bill_name"])
        await played.delivered()
        screen.narrate(lines["note"])
        screen.told("desk", "Boris", lines["secret"])
        played.agent_notes(lines["secret"])
        await self._undo(played.agent_replies(lines["a2"]))
        screen.narrate(lines["doubt"])
        played.break_line()
        played.customer_says(lines["q2"])
        await played.delivered()
        played.agent_replies(lines["a3"])
        await played.delivered()
        screen.narrate(lines["crash"])
        await played.stop()
        played.customer_says(lines["q3"])
        played.customer_says(lines["q4"])
        await played.start()
        await played.delivered()
        played.agent_replies(lines["a4"])
        await played.delivered()
        self._check()
        screen.narrate(
            lines["done"].format(
                messages=len(_SAID),
                expected=len(_SAID),
                replies=len(self._read()),
                answers=len(self._answered),
                files=len(played.received_files()) + len(played.desk_files()),
            )
        )

    async def _undo(self, reply: int) -> None:
        await asyncio.sleep(1)
        try:
            self._played.agent_undoes(reply)
        except DeskRefusedError:
            # The machine stood still for all of FreeScout's 15 seconds: then the reply is to arrive.
            return
        self._answered.remove("a2")
        self._screen.told("desk", "Boris", self._lines["undone"])

    def _check(self) -> None:
        """Check the result: the demo is a test as well, and must not report what did not happen."""
        played, lines = self._played, self._lines
        wanted = [lines[name] for name in self._answered]
        if self._read() != wanted:
            self._fail("wrong_replies", wanted=_quoted(wanted), got=_quoted(self._read()))
        threads = sorted(played.desk.state.threads.values(), key=lambda each: each.id)
        bodies = "\n".join(each.body or "" for each in threads if each.type == "customer")
        wanted = [lines[name] for name in _SAID]
        places = [bodies.find(text) for text in wanted]
        if -1 in places or places != sorted(places) or any(bodies.count(one) > 1 for one in wanted):
            self._fail("wrong_messages", wanted=_quoted(wanted), got=_quoted(_words_of(bodies)))
        photos, files = len(played.desk_files()), len(played.received_files())
        if (photos, files) != (1, 1):
            self._fail("wrong_files", photos=photos, files=files)

    def _read(self) -> list[str]:
        """Return what the customer read; a file has no text."""
        return [text for text in self._played.received() if text]

    def _fail(self, key: str, **values: object) -> None:
        raise DemoError(self._words[key].format(**values))


def _words_of(bodies: str) -> list[str]:
    return [
        " ".join(re.sub(r"<!--.*?-->|<[^>]*>", " ", each).split()) for each in bodies.split("\n")
    ]


def _quoted(texts: list[str]) -> str:
    return " | ".join(texts)
