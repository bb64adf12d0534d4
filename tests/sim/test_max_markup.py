"""Formatted texts in the simulated MAX: what becomes markup, what is stripped, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from max_world import USER, World, sample
from virtual_time import virtual


def refused(name: str) -> tuple[int, Any]:
    data = sample(f"error.{name}")
    return data["status"], data["body"]


def keyboard(*buttons: Any) -> Any:
    return {"type": "inline_keyboard", "payload": {"buttons": [list(buttons)]}}


def opened() -> World:
    world = World()
    world.state.start(USER)
    return world


@virtual
async def test_the_markup_counts_too() -> None:
    world = opened()
    body = {"text": f"<b>{'я' * 3994}</b>", "format": "html"}
    assert await world.send(body) == refused("400.text_too_long")


@virtual
async def test_html_becomes_text_and_markup() -> None:
    world = opened()
    text = '👍 <b>Важно</b>: см. <a href="https://example.com/?a=1&amp;b=2">сайт</a> &lt;3'
    _, data = await world.send({"text": text, "format": "html"})
    assert data["message"]["body"]["text"] == "👍 Важно: см. сайт <3"
    assert data["message"]["body"]["markup"] == [
        {"type": "strong", "from": 3, "length": 5},
        {"type": "link", "from": 14, "length": 4, "url": "https://example.com/?a=1&b=2"},
    ]
    assert world.sim.stripped_tags == []


@virtual
async def test_all_documented_tags_are_known_and_others_stripped() -> None:
    world = opened()
    for tag in "b strong i em u ins s del code pre mark h1 h2 h3 h4 blockquote".split():
        _, data = await world.send({"text": f"<{tag}>а</{tag}>", "format": "html"})
        assert len(data["message"]["body"]["markup"]) == 1
    assert world.sim.stripped_tags == []
    _, data = await world.send({"text": "<p>а<br>б</p><!-- в -->", "format": "html"})
    assert data["message"]["body"]["text"] == "аб"
    assert world.sim.stripped_tags == ["p", "br", "!--"]


@pytest.mark.parametrize("text", ["<b>а", "а</b>", "<b><i>а</b></i>", "<b/>а"])
@virtual
async def test_unbalanced_html_is_refused(text: str) -> None:
    assert (await opened().send({"text": text, "format": "html"}))[0] == 400


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "http://localhost/a", "https://desk.local", "ftp://example.com", ""],
)
@virtual
async def test_a_link_needs_a_public_name(url: str) -> None:
    world = opened()
    bad_link = refused("400.bad_link")
    body = {"text": f'<a href="{url}">а</a>', "format": "html"}
    assert await world.send(body) == bad_link
    button = {"type": "link", "text": "а", "url": url}
    assert await world.send({"text": "а", "attachments": [keyboard(button)]}) == bad_link


@virtual
async def test_a_mention_is_a_link_to_a_person() -> None:
    body = {"text": '<a href="max://user/17">Олег</a>', "format": "html"}
    _, data = await opened().send(body)
    assert data["message"]["body"]["markup"] == [
        {"type": "user_mention", "from": 0, "length": 4, "user_id": 17}
    ]


@virtual
async def test_markdown_is_read_and_stray_marks_are_refused() -> None:
    world = opened()
    text = "**жирно** _курсив_ `a_b` [сайт](https://example.com)"
    _, data = await world.send({"text": text, "format": "markdown"})
    assert data["message"]["body"]["text"] == "жирно курсив a_b сайт"
    kinds = [one["type"] for one in data["message"]["body"]["markup"]]
    assert kinds == ["strong", "emphasized", "monospaced", "link"]
    for stray in ("snake_case", "a ` b", "**а", "**а _б** в_"):
        answer = await world.send({"text": stray, "format": "markdown"})
        assert answer == refused("400.markdown_unsupported")
