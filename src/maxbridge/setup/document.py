"""The text of a new configuration: the commented example with the answers put in."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from maxbridge.core.errors import UserError
from maxbridge.core.text import clean
from maxbridge.saying import say

NAME = "config.example.toml"
Where = tuple[str, str]
_KEY = re.compile(r"(?:# )?([a-z_]+) = ")
_HEADER = """\
# Настройки maxbridge, записаны командой maxbridge init. Проверить: maxbridge check
# Settings of maxbridge, written by maxbridge init. To try them: maxbridge check
#
# Строки с «#» показывают значения по умолчанию. Уберите «#», чтобы изменить.
# Lines with “#” show the defaults. Remove the “#” to change one.
#
# Любой ключ можно задать и переменной окружения, например MAXBRIDGE_FREESCOUT__USER_ID=7.
# Every key can also come from the environment, for example MAXBRIDGE_FREESCOUT__USER_ID=7.

"""


def example() -> str:
    """The example, as it is packaged; in a working copy it stands at its root."""
    packaged = resources.files("maxbridge").joinpath(NAME)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[3] / NAME).read_text(encoding="utf-8")


def document(values: Mapping[Where, Any], apart: Collection[Where] = ()) -> str:
    """The text of a configuration.

    Args:
        values: What differs from the defaults, by section and key.
        apart: Secrets that are kept elsewhere; their lines stay as comments.

    Raises:
        UserError: It would not say what it should; nothing may be written then.
    """
    lines = []
    section = ""
    left = dict(values)
    body = example()
    for line in body[body.index("[max]\n") :].splitlines():
        found = _KEY.match(line)
        if line.startswith("["):
            section = line.strip("[]")
        where = (section, found[1]) if found else ("", "")
        if where in left:
            lines.append(f"{where[1]} = {_toml(left.pop(where))}")
        elif where in apart and not line.startswith("#"):
            lines.append(f"# {line}")
        else:
            lines.append(line)
    text = _HEADER + "\n".join(lines) + "\n"
    if left or not _says(text, values, apart):
        raise UserError(
            say("The configuration cannot be written as TOML: an answer is too unusual.")
        )
    return text


def _says(text: str, values: Mapping[Where, Any], apart: Collection[Where]) -> bool:
    """Does it say what was answered, nothing less and nothing else?"""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    told = {(section, key): value for section, keys in data.items() for key, value in keys.items()}
    return told == {where: _plain(value) for where, value in values.items()} and not (
        told.keys() & set(apart)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    return list(value) if isinstance(value, tuple) else value


def _toml(value: Any) -> str:
    # JSON of texts, numbers and lists of texts is TOML as well, but for one control character.
    return json.dumps(_plain(value), ensure_ascii=False).replace("\x7f", "\\u007f")
