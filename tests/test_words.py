"""One word for one thing, in both languages: what FreeScout's own page, Debian and systemd call it.

The words are of the project's glossary; a wrong one is named with its page and its better one.
"""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from maxbridge import i18n
from maxbridge.russian import CATALOGUE

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```.*?^```$|`[^`\n]*`|<!--.*?-->|\]\([^)]*\)", re.DOTALL | re.MULTILINE)
"""Code, and where links lead: not words."""

RUSSIAN = {
    r"заявк\w*": "тикет",
    r'(?<!")(?:обращени[еюя]\b|обращений)': "тикет, сообщение",  # in quotes: a company's words to its customers
    r"заметк\w*|заметок": "примечание",
    r"собеседник\w*": "клиент",
    r"придерж\w+": "задержать, приостановить",
    r"снова взяться|взяться снова": "повторить",
    r"служб\w+ поддержки FreeScout|самое узкое место — служба": "FreeScout, хелпдеск",
    r"стандартн\w+ (?:ввод|вывод|поток)\w*": "stdin, stdout, stderr",
    r"жалоб\w+": "сообщения об ошибках",
    r"признак(?!\w{0,2}\s+жизни)\w*": "код ошибки",
    r"(?:код|вид|имя)\w* неудачи": "код ошибки",
    r"вердикт\w*": "итог",
    r"Manage →": "Управление →",
    r"Email Sent": "Сообщение отправлено",
    r"(?<![а-яё])в FreeScout": "во FreeScout",
    r"отличать повтор": "ключ идемпотентности",
    r"снаружи не добраться": "за NAT, без белого IP",
    r"мост переехал": "программу перенесли на другой сервер",
    r"жив(?:ой|ого) человек\w*": "сотрудник, агент",
    r"цед(?:ит|ят)\b|\bне конча\w+": "отдаёт по байту, не завершает",
    r"\bро[йя] процессов": "форк-бомба",
    r"так нельзя:": "неверно:",
    r"чепух\w+": "некорректный ответ",
    r"на взгляд\b|при последнем взгляде": "за обновление",
    r"(?:нечитаем\w+ событи|событи\w+ неизвестн)\w+": "событие без отправителя",
    r"файлов\w+ хост\w*|хост\w* с файлами": "файловый сервер",
    r"втор\w+ хост\w*": "второй сервер",
    r"нет доверия": "сертификат не прошёл проверку",
    r"знаком(?:ые|ых|ого|ому|ый) (?:чат|клиент|диалог)\w*": "известный",
    r"исходник\w*": "исходный код",
}
ENGLISH = {
    r"\b(?:he|his|him|himself)\b": "they, their, them",
    r"unreadable events?|events? of unknown customers?": "event without a sender",
    r"file hosts?": "file server",
}


TO_CUSTOMERS = ("status_line", "status_none", "help", "command_status")
"""Said to customers, who know no ticket: «обращение» is the word between a company and them."""


def bare(text: str) -> str:
    return FENCE.sub(" ", text)


def texts_of(path: Path) -> str:
    return bare(path.read_text("utf-8"))


def cyrillic_strings(path: Path) -> str:
    """What a module says in Russian."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return "\n".join(each for each in found if isinstance(each, str) and re.search("[а-яё]", each))


def russian() -> dict[str, str]:
    pages = [
        ROOT / "README.ru.md",
        ROOT / "SECURITY.ru.md",
        *sorted((ROOT / "docs").glob("*.ru.md")),
    ]
    found = {str(each.relative_to(ROOT)): texts_of(each) for each in pages}
    found["src/maxbridge/russian"] = "\n".join(CATALOGUE.values())
    found["src/maxbridge/i18n.py, RU"] = "\n".join(
        str(getattr(i18n.RU, each.name))
        for each in fields(i18n.RU)
        if each.name not in TO_CUSTOMERS
    )
    for name in ("demo/script.py", "demo/words.py", "demo/interactive.py", "cli/personal.py"):
        found[f"src/maxbridge/{name}"] = cyrillic_strings(ROOT / "src" / "maxbridge" / name)
    found["config.example.toml"] = "\n".join(
        line
        for line in (ROOT / "config.example.toml").read_text("utf-8").splitlines()
        if re.search("[а-яё]", line)
    )
    found["monitoring/zabbix_template_maxbridge.ru.yaml"] = (
        ROOT / "monitoring" / "zabbix_template_maxbridge.ru.yaml"
    ).read_text("utf-8")
    board = (ROOT / "monitoring" / "grafana-dashboard.json").read_text("utf-8")
    found["monitoring/grafana-dashboard.json"] = "\n".join(re.findall(r'"[^"]*[а-яё][^"]*"', board))
    found["docs/gallery.md, its Russian lines"] = "\n".join(
        line
        for line in (ROOT / "docs" / "gallery.md").read_text("utf-8").splitlines()[:8]
        if re.search("[а-яё]", line)
    )
    return found


def english() -> dict[str, str]:
    names = ["README.md", "SECURITY.md", "CONTRIBUTING.md"]
    pages = [ROOT / each for each in names]
    pages += [each for each in (ROOT / "docs").glob("*.md") if not each.name.endswith(".ru.md")]
    found = {str(each.relative_to(ROOT)): texts_of(each) for each in sorted(pages)}
    found["src/maxbridge/russian, English"] = "\n".join(CATALOGUE)
    return found


def wrong(text: str, words: dict[str, str]) -> list[str]:
    return [
        f"{found[0]!r} → {better}"
        for pattern, better in words.items()
        for found in re.finditer(pattern, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("where", russian())
def test_russian_has_one_word_for_one_thing(where: str) -> None:
    assert wrong(russian()[where], RUSSIAN) == []


@pytest.mark.parametrize("where", english())
def test_english_has_one_word_for_one_thing(where: str) -> None:
    assert wrong(english()[where], ENGLISH) == []


@pytest.mark.parametrize(
    ("words", "better"),
    [
        ("Заявка клиента", "тикет"),
        ("две заметки", "примечание"),
        ("поле «Заметки» карточки", "примечание"),
        ("поле «Примечания» карточки", ""),
        ("файловые хосты молчат", "файловый сервер"),
        ("имя хоста", ""),
        ("номер, указанный со знаком #, клиента", ""),
        ("признаки жизни цикла", ""),
        ("найдите признак", "код ошибки"),
        ("`заявка` в коде", ""),
        ("сервер цедит", "отдаёт по байту, не завершает"),
        ("цена", ""),
    ],
)
def test_a_wrong_word_is_found_and_nothing_else(words: str, better: str) -> None:
    found = wrong(bare(words), RUSSIAN)
    assert [each.rpartition("→ ")[2] for each in found] == ([better] if better else [])
