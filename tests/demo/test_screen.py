"""demo.screen: two columns where there is room for them, one where there is not."""

from __future__ import annotations

import re

import pytest

from maxbridge.demo.screen import Screen

LONG = "Здравствуйте! Где мой заказ № 15? 😀 " * 3 + "x" * 100


def shown(width: int | None) -> list[str]:
    lines: list[str] = []
    screen = Screen(lines.append, width=width)
    screen.list(
        (("c TEXT", "the customer writes in MAX"), ("u", "the agent undoes the last reply"))
    )
    screen.head("MAX, the customer's phone", "FreeScout, the agent's browser")
    screen.narrate("The agent answers. The reply waits for its undo window and leaves.")
    screen.told("max", "Марина", LONG)
    screen.told("desk", "Boris", "Good day!\n\nIt is with the courier.")
    screen.told("desk", "", "")
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]


@pytest.mark.parametrize("width", [27, 40, 58, 59, 60, 72, 86, 87, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    lines = shown(width)
    assert max(map(len, lines)) <= width
    assert "".join(lines).count("x") >= 100
    assert any("Boris" in line for line in lines)


@pytest.mark.parametrize("width", [0, 1, 10])
def test_a_terminal_of_hardly_any_width_breaks_nothing(width: int) -> None:
    assert max(map(len, shown(width))) <= 27


def test_a_narrow_one_says_whose_screen_it_is() -> None:
    text = "\n".join(shown(40))
    assert "[MAX] Марина: " in text
    assert "[FreeScout] Boris: " in text


def test_a_pipe_has_the_usual_width() -> None:
    lines = shown(None)
    assert max(map(len, lines)) == 87
    boris = next(line for line in lines if "Boris" in line)
    assert boris.index("Boris") == 7 + 38 + 4
