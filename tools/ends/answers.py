"""What an administrator types into ``maxbridge init`` between both ends."""

from __future__ import annotations

from collections.abc import Mapping

from ends.__main__ import DESK

_QUESTIONS = {
    "en": (
        "Token of the bot",
        "Address of FreeScout",
        "Key of FreeScout",
        "Number of the mailbox",
        "Number of the user",
        "Language of what",
        "presses Start",
        "Where the database",
        "Keep the two secrets",
    ),
    "ru": (
        "Токен бота",
        "Адрес FreeScout",
        "Ключ FreeScout",
        "Номер ящика",
        "Номер агента",
        "[ru]",
        "«Начать»",
        "базу данных",
        "Хранить оба секрета",
    ),
}


def answers(keys: Mapping[str, str], language: str, greeting: str) -> list[tuple[str, str]]:
    """Part of each question, and the answer; an empty one takes what is proposed.

    Args:
        keys: What the simulators printed.
        language: Of the questions.
        greeting: What a customer who presses Start is told.
    """
    typed = (keys["max_token"], DESK, keys["freescout_key"], "", "", "", greeting, "", "")
    return list(zip(_QUESTIONS[language], typed, strict=True))
