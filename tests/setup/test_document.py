"""The configuration that `init` writes: the documented example, with the answers and nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxbridge.config.loading import load
from maxbridge.config.settings import SECTIONS, Settings
from maxbridge.core.errors import UserError
from maxbridge.core.text import clean
from maxbridge.setup.write import NAME, document, example

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef0123456789abcdef"
ANSWERS: dict[tuple[str, str], Any] = {
    ("max", "token"): "token-of-romashka-0001",
    ("freescout", "url"): "https://desk.romashka.ru",
    ("freescout", "api_key"): KEY,
    ("freescout", "mailbox_id"): 3,
    ("freescout", "user_id"): 7,
}


def told(text: str) -> dict[tuple[str, str], Any]:
    return {
        (section, key): value
        for section, keys in tomllib.loads(text).items()
        for key, value in keys.items()
    }


def test_it_loads_and_only_what_was_answered_differs(tmp_path: Path) -> None:
    more = {
        ("texts", "greeting"): 'Здравствуйте!\n"Ромашка" \\ на связи',
        ("texts", "language"): "en",
    }
    path = tmp_path / "config.toml"
    path.write_text(document(ANSWERS | more), encoding="utf-8")
    made = load(path, {}).settings
    for section, cls in SECTIONS.items():
        for key in cls.__dataclass_fields__:
            value = getattr(getattr(made, section), key)
            if hasattr(value, "reveal"):
                value = value.reveal()
            if (section, key) in ANSWERS | more:
                assert value == (ANSWERS | more)[section, key]
            elif (section, key) != ("store", "path"):
                default = getattr(getattr(Settings(), section), key)
                assert value == (default.reveal() if hasattr(default, "reveal") else default)


def test_every_line_of_the_example_is_still_there_to_read() -> None:
    text = document(ANSWERS)
    body = example()
    lines = body[body.index("[max]\n") :].splitlines()
    lost = [line for line in lines if line not in text.splitlines()]
    keys = [line.partition(" = ")[0] for line in lost]
    assert keys == ["token", "url", "api_key", "mailbox_id", "user_id"]
    assert "put-your" not in text


def test_secrets_that_are_kept_apart_do_not_stand_in_it() -> None:
    apart = (("max", "token"), ("freescout", "api_key"))
    inside = {where: value for where, value in ANSWERS.items() if where not in apart}
    text = document(inside, apart)
    assert told(text) == inside
    assert '# token = "put-your-max-token-here"' in text


@given(st.text(max_size=200))
def test_any_text_comes_back_as_it_was_typed(greeting: str) -> None:
    where = ("texts", "greeting")
    assert told(document(ANSWERS | {where: greeting}))[where] == clean(greeting)


def test_a_list_is_written_as_one() -> None:
    where = ("max", "media_hosts")
    assert told(document(ANSWERS | {where: ("*.oneme.ru", "cdn.ru")}))[where] == [
        "*.oneme.ru",
        "cdn.ru",
    ]


def test_what_the_example_does_not_know_is_not_dropped_in_silence() -> None:
    with pytest.raises(UserError):
        document(ANSWERS | {("max", "unknown"): 1})


def test_the_example_is_packaged() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
        "targets"
    ]
    assert wheel["wheel"]["force-include"][NAME] == f"maxbridge/{NAME}"
    assert NAME in "".join(wheel["sdist"]["include"])
    assert example() == (ROOT / NAME).read_text(encoding="utf-8")
