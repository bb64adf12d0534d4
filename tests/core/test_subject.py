"""The subject of a new ticket: what the list of tickets is read by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_samples import event, link
from maxbridge.core.desk_html import is_greeting, subject_line
from maxbridge.core.events import Attachment, LinkKind, What
from maxbridge.i18n import RU


def subject(*texts: str, limit: int = 60) -> str:
    return subject_line([event(each) for each in texts], RU, limit)


@pytest.mark.parametrize(
    "line",
    [
        "Здравствуйте", "здравствуйте!!!", "Добрый день.", "Добрый вечер, уважаемые коллеги!", "Привет 👋",
        "ДОБРОЕ УТРО", "Доброго времени суток)", "День добрый", "Ещё раз здравствуйте", "Hello there!",
        "Good morning, team", "👋", "…", "???", "у меня вопрос", "Подскажите, пожалуйста", "Можно вопрос?", "привет,", "Приветствую вас",
    ],
)  # fmt: skip
def test_a_greeting_is_one(line: str) -> None:
    assert is_greeting(line)


@pytest.mark.parametrize(
    "line",
    [
        "Здравствуйте, где заказ?", "Добрый день, Анна", "заказ 15", "15", "привет 2", "Вечером приеду",
        "Дневная доставка есть?", "Нужен счёт", "+7 900 000-00-00", "hi-res фото", "你好",
    ],
)  # fmt: skip
def test_what_says_more_is_none(line: str) -> None:
    assert not is_greeting(line)


def test_the_first_line_that_says_more_than_a_greeting() -> None:
    assert subject("Здравствуйте!\n\nГде мой заказ № 15?\nЖду") == "Где мой заказ № 15?"
    assert subject("Где мой заказ?\nСпасибо") == "Где мой заказ?"


def test_of_a_burst_any_message_may_give_it() -> None:
    assert subject("Здравствуйте", "👋", "Мы не получили счёт", "номер 7") == "Мы не получили счёт"


def test_where_nothing_says_more_the_greeting_stays() -> None:
    assert subject("Здравствуйте!", "Добрый день") == "Здравствуйте!"
    assert subject("👋") == "👋"
    assert subject("") == ""
    assert subject("", "\u200b") == ""


def test_a_picture_with_a_greeting_is_called_by_the_greeting() -> None:
    photo = Attachment("image")
    assert (
        subject_line([event("Здравствуйте", photo), event("где заказ")], RU, 60) == "Здравствуйте"
    )
    assert subject_line([event("", photo)], RU, 60) == RU.image


def test_a_forward_is_called_by_its_words() -> None:
    forwarded = event("", link=link(LinkKind.FORWARD, "Счёт № 7"))
    assert subject_line([forwarded], RU, 60) == "Счёт № 7"


def test_a_pressed_button_is_called_by_the_button() -> None:
    pressed = event("Здравствуйте, чем помочь?", what=What.CALLBACK, button="Доставка")
    assert "Доставка" in subject_line([pressed], RU, 60)


@given(st.lists(st.text(max_size=200), max_size=5), st.integers(5, 80))
def test_it_is_always_one_short_line(texts: list[str], limit: int) -> None:
    line = subject(*texts, limit=limit)
    assert len(line) <= limit
    assert "\n" not in line
