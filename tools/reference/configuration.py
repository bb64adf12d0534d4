"""The configuration reference: types, limits and defaults from the settings, words from the example.

``config.example.toml`` explains each key twice, in Russian and in English on the line after it. What a
key is called, may be and is by itself comes from :mod:`maxbridge.config.settings`, so neither can be wrong alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from maxbridge.config.loading import SERVICE_STATE
from maxbridge.config.settings import SECTIONS, Secret
from maxbridge.config.sources import CREDENTIALS, OLD_BRIDGE

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"
_KEY = re.compile(r"(?:# )?([a-z_]+) = ")
_SECTION = re.compile(r"\[([a-z]+)\]")


@dataclass(frozen=True, slots=True)
class Words:
    """What the page says in one language."""

    title: str
    other: str
    intro: str
    sections: dict[str, str]
    default: str
    required: str
    one_of: str
    number: str
    limits: str
    least: str
    texts: str
    file: str
    hidden: str
    hidden_from: str
    old: str
    same: str


LANGUAGES = {
    "en": Words(
        title="Configuration reference",
        other="[По-русски](configuration.ru.md)",
        intro="""\
The program generates this page (`make reference`). `maxbridge init` writes the file for you, and
`config.example.toml` is one with comments. `maxbridge config show` prints the settings in force and the source of each;
`maxbridge check` tries them.

The file is TOML: the one named by `--config`, else `$MAXBRIDGE_CONFIG`, else `./config.toml`, else
`/etc/maxbridge/config.toml`. Every key can also come from the environment, as `MAXBRIDGE_SECTION__KEY`: for example
`$MAXBRIDGE_MAX__TOKEN`. When a key is set in several places, the order is: environment, systemd credentials (`/etc/credstore`), the file, the variables of the old webhook
bridge. An unknown key is an error. All errors are listed at once.""",
        sections={
            "max": "the messenger",
            "freescout": "the help desk",
            "store": "the database",
            "tickets": "how tickets are made",
            "texts": "texts for customers and agents",
            "files": "attachments",
            "hours": "working hours",
            "log": "the log",
            "metrics": "metrics for monitoring",
            "alerts": "alerts for the administrator",
        },
        default="default",
        required="**required**",
        one_of="one of",
        number="number",
        limits="{least} to {most}",
        least="{least} or more",
        texts="list of texts",
        file="file name",
        hidden="secret",
        hidden_from="file: `{key}_file`{credential}",
        old="old bridge: `${variable}`",
        same="The same on the other days.",
    ),
    "ru": Words(
        title="Справочник настроек",
        other="[In English](configuration.md)",
        intro="""\
Эту страницу составляет сама программа (`make reference`). Файл настроек напишет `maxbridge init`; образец с
комментариями — `config.example.toml`. `maxbridge config show` показывает действующие значения и откуда взялось каждое,
`maxbridge check` их проверяет.

Файл — в формате TOML: тот, что указан в `--config`, иначе `$MAXBRIDGE_CONFIG`, иначе `./config.toml`, иначе
`/etc/maxbridge/config.toml`. Любой ключ можно задать и переменной окружения `MAXBRIDGE_SECTION__KEY`, например
`$MAXBRIDGE_MAX__TOKEN`. Если ключ задан в нескольких местах, порядок такой: окружение, systemd credentials (`/etc/credstore`), файл, переменные старого моста на вебхуках.
Неизвестный ключ — ошибка. Обо всех ошибках сообщается сразу.""",
        sections={
            "max": "мессенджер",
            "freescout": "хелпдеск",
            "store": "база данных",
            "tickets": "как создаются тикеты",
            "texts": "тексты для клиентов и агентов",
            "files": "вложения",
            "hours": "рабочее время",
            "log": "журнал",
            "metrics": "показатели для мониторинга",
            "alerts": "оповещения администратора",
        },
        default="по умолчанию",
        required="обязательный параметр",
        one_of="одно из",
        number="число",
        limits="от {least} до {most}",
        least="не меньше {least}",
        texts="список текстов",
        file="имя файла",
        hidden="секрет",
        hidden_from="файлом: `{key}_file`{credential}",
        old="у старого моста: `${variable}`",
        same="То же в остальные дни.",
    ),
}


def document(language: str) -> Path:
    """Where the page of a language stands."""
    suffix = ".ru.md" if language == "ru" else ".md"
    return ROOT / "docs" / f"configuration{suffix}"


def page(language: str) -> str:
    """The page, as it must stand in ``docs/``."""
    words = LANGUAGES[language]
    lines = [f"# {words.title}", "", words.other, "", words.intro, ""]
    for section, cls in SECTIONS.items():
        lines += [f"## [{section}]: {words.sections[section]}", ""]
        for alike in _alike(section, fields(cls)):
            lines += [*_entry(words, language, section, alike), ""]
    return "\n".join(lines)


def explained() -> dict[tuple[str, str], dict[str, str]]:
    """By section and key, what the example says about it in each language."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    section = ""
    lines = EXAMPLE.read_text(encoding="utf-8").split("\n")
    for at, line in enumerate(lines):
        if head := _SECTION.fullmatch(line):
            section = head[1]
        elif key := _KEY.match(line):
            russian, english = (lines[at - back].removeprefix("# ") for back in (2, 1))
            found[section, key[1]] = {"ru": russian, "en": english}
    return found


def _alike(section: str, keys: Iterable[Field[Any]]) -> Iterator[list[Field[Any]]]:
    """The keys one by one; those that the example explains as "the same" as one before go together."""
    together: list[Field[Any]] = []
    for each in keys:
        if together and not all(_same(section, key) for key in (together[0], each)):
            yield together
            together = []
        together.append(each)
    if together:
        yield together


def _same(section: str, each: Field[Any]) -> bool:
    return explained()[section, each.name]["en"].startswith("The same on ")


def _entry(words: Words, language: str, section: str, alike: list[Field[Any]]) -> list[str]:
    each = alike[0]
    required = each.metadata.get("required")
    default = words.required if required else f"{words.default}: {_default(each)}"
    facts = [*filter(None, [_kind(words, each)]), default]
    if isinstance(each.default, Secret):
        name = CREDENTIALS.get((section, each.name))
        credential = f", systemd credential `{name}`" if name else ""
        facts.append(words.hidden_from.format(key=each.name, credential=credential))
    facts += [
        words.old.format(variable=old)
        for old, where in OLD_BRIDGE.items()
        if where == (section, each.name)
    ]
    said = words.same if len(alike) > 1 else explained()[section, each.name][language]
    names = ", ".join(f"`{key.name}`" for key in alike)
    line = "; ".join(facts)
    return [f"### {names}", "", said, "", f"{line[0].upper()}{line[1:]}."]


def _kind(words: Words, each: Field[Any]) -> str:
    rules = each.metadata
    if rules.get("choices"):
        return f"{words.one_of} " + ", ".join(f"`{choice}`" for choice in rules["choices"])
    if isinstance(each.default, Secret):
        return words.hidden
    if isinstance(each.default, Path):
        return words.file
    if isinstance(each.default, tuple):
        return words.texts
    if isinstance(each.default, int | float):
        least, most = rules.get("least"), rules.get("most")
        if least is None:
            return words.number
        if most is not None:
            return f"{words.number}, {words.limits.format(least=least, most=most)}"
        return f"{words.number}, {words.least.format(least=least)}"
    return ""


def _default(each: Field[Any]) -> str:
    value = each.default
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, Path):
        return f"`{SERVICE_STATE}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value) or "`[]`"
    return f"`{value}`" if value != "" else '`""`'
