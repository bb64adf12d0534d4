"""What the simulated MAX may do to the bot's messages when a test wants it."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Any

import pytest

from max_world import CHAT, USER, World
from virtual_time import virtual

NFD = unicodedata.normalize("NFD", "Йод")
TEXT = (
    f'<b>{NFD}</b> и не\u00adпременно\u200b "да" -- <a href="https://romashka.ru/x">👍 здесь</a>...'
)


async def shown(world: World) -> Any:
    """The chat's history as a bot reads it, newest first."""
    _, data = await world.get("/messages", {"chat_id": CHAT})
    return data["messages"]


async def kept(world: World, text: str = TEXT) -> Any:
    """What MAX keeps of a text in HTML."""
    status, data = await world.send({"text": text, "format": "html"})
    assert status == 200, data
    return data["message"]["body"]


def opened(**habits: Any) -> World:
    world = World()
    world.state.start(USER)
    world.sim.habits.set(**habits)
    return world


@virtual
async def test_without_a_habit_a_text_stays_as_it_is() -> None:
    world = opened()
    body = await kept(world)
    assert body["text"] == f'{NFD} и не\u00adпременно\u200b "да" -- 👍 здесь...'
    assert [each["type"] for each in body["markup"]] == ["strong", "link"]


@pytest.mark.parametrize(
    ("habit", "text"),
    [
        ("nfc", 'Йод и не\u00adпременно\u200b "да" -- 👍 здесь...'),
        ("no_invisible", f'{NFD} и непременно "да" -- 👍 здесь...'),
        ("typography", f"{NFD} и не\u00adпременно\u200b «да» — 👍 здесь…"),
        (
            "spelled_links",
            f'{NFD} и не\u00adпременно\u200b "да" -- 👍 здесь (https://romashka.ru/x)...',
        ),
    ],
)
@virtual
async def test_each_habit_changes_the_text_and_keeps_the_markup_around_its_words(
    habit: str, text: str
) -> None:
    world = opened(**{habit: True})
    body = await kept(world)
    assert body["text"] == text
    units = text.encode("utf-16-le")
    marked = [
        units[2 * each["from"] : 2 * (each["from"] + each["length"])].decode("utf-16-le")
        for each in body["markup"]
    ]
    assert [unicodedata.normalize("NFC", each) for each in marked] == ["Йод", "👍 здесь"]


@virtual
async def test_all_habits_together_and_an_edit_as_well() -> None:
    world = opened(nfc=True, no_invisible=True, typography=True, spelled_links=True)
    body = await kept(world)
    assert body["text"] == "Йод и непременно «да» — 👍 здесь (https://romashka.ru/x)…"
    query = {"message_id": body["mid"]}
    _, data = await world.call("PUT", "/messages", {"text": f'"{NFD}"'}, query)
    assert data == {"success": True}
    assert world.state.texts(CHAT) == ["«Йод»"]


@virtual
async def test_a_text_of_invisible_letters_has_no_markup_afterwards() -> None:
    world = opened(no_invisible=True)
    body = await kept(world, "да<b>\u200b</b>")
    assert (body["text"], body.get("markup")) == ("да", None)


@virtual
async def test_the_history_may_lag_behind_the_answer() -> None:
    world = opened(lag=5.0)
    mid = await world.sent("раз")
    await asyncio.sleep(4.9)
    assert await shown(world) == []
    # By its id it is there at once.
    assert (await world.get(f"/messages/{mid}"))[0] == 200
    await asyncio.sleep(0.2)
    assert [each["body"]["mid"] for each in await shown(world)] == [mid]


@virtual
async def test_the_history_may_show_the_bots_pictures_as_files() -> None:
    world = opened(pictures_as_files=True)
    image = world.state.attach("image", b"1", "x.png")
    world.state.say(USER, "моя", attachments=[image])
    token = image["payload"]["token"]
    attachment = {"type": "image", "payload": {"token": token}}
    assert (await world.send({"text": "наша", "attachments": [attachment]}))[0] == 200
    kinds = [
        (each["body"]["text"], [one["type"] for one in each["body"]["attachments"]])
        for each in await shown(world)
    ]
    assert kinds == [("наша", ["file"]), ("моя", ["image"])]
    # People see what was sent.
    assert world.state.sent(CHAT)[0]["body"]["attachments"][0]["type"] == "image"


@virtual
async def test_habits_can_be_set_from_outside_and_are_forgotten_with_the_next_ones() -> None:
    world = opened()
    world.sim.controls()["habits"](lag=3.0, nfc=True)
    assert (world.sim.habits.lag, world.sim.habits.nfc) == (3.0, True)
    world.sim.controls()["habits"]()
    assert (world.sim.habits.lag, world.sim.habits.nfc) == (0.0, False)
    with pytest.raises(TypeError):
        world.sim.controls()["habits"](nfx=True)
