"""An agent answers a notification by mail: only their own words reach the customer, or none and a note."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from bridge import SETTLED, Bridge, running
from mail_shapes import gmail, notification, outlook_header_only, outlook_web
from maxbridge.i18n import RU
from virtual_time import virtual

SECRET = "Клиент скандальный, скидку больше пяти процентов не давать"


async def asked(bridge: Bridge) -> None:
    """A ticket with a private note in it."""
    bridge.say("Где мой заказ № 15? Жду уже вторую неделю")
    await bridge.until(bridge.tickets)
    bridge.desk.state.note(1, f"<div>{SECRET}</div>")


def quoted(**more: Any) -> str:
    return notification([("Пётр", SECRET), ("Марина", "Где мой заказ № 15?")], **more)


@virtual
@pytest.mark.parametrize("shape", [outlook_header_only, outlook_web, gmail])
async def test_of_a_reply_by_mail_the_customer_gets_what_the_agent_wrote(
    tmp_path: Path, shape: Callable[[str, str], str]
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        body = shape("Будет в пятницу.", quoted(marked=False))
        bridge.reply(1, body, source_type="email")
        await bridge.until(bridge.sent)
        assert bridge.sent() == ["Будет в пятницу."]


@virtual
async def test_in_doubt_nothing_leaves_and_the_agent_is_asked_to_answer_on_the_page(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        bridge.reply(1, f"<div>Будет в пятницу.</div><div>{SECRET}</div>", source_type="email")
        await bridge.until(lambda: len(bridge.bodies(1, "note")) > 1, 60)
        await bridge.quiet()
        assert bridge.sent() == []
        note = RU.by_mail.format(excerpt="Будет в пятницу. Клиент скандальный, скидку больше пяти…")
        (told,) = bridge.bodies(1, "note")[1:]
        assert note in unescape(told)
        # The answer on the page leaves, whatever its words.
        bridge.reply(1, "<div>Будет в пятницу.</div>")
        await bridge.until(bridge.sent)
        assert bridge.sent() == ["Будет в пятницу."]


@virtual
async def test_the_edit_of_a_reply_by_mail_is_judged_like_the_reply(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        thread = bridge.reply(1, outlook_web("Будет в пятницу.", quoted()), source_type="email")
        await bridge.until(bridge.sent)
        bridge.desk.state.edit_thread(thread, outlook_web("Будет в субботу.", quoted()))
        await bridge.until(lambda: bridge.sent() == ["Будет в субботу."], SETTLED * 10)
        bridge.desk.state.edit_thread(thread, f"<div>Будет в среду.</div><div>{SECRET}</div>")
        await bridge.until(lambda: len(bridge.bodies(1, "note")) > 1, SETTLED * 10)
        assert bridge.sent() == ["Будет в субботу."]
        assert "пришёл по почте" in bridge.bodies(1, "note")[-1]


@virtual
async def test_a_note_that_a_merge_brought_is_a_note_of_the_ticket(tmp_path: Path) -> None:
    async with running(tmp_path) as bridge:
        await asked(bridge)
        other = bridge.desk.state.new_conversation("<div>x</div>", customer_id=1)
        await bridge.until(lambda: bridge.sent() == ["x"])
        bridge.desk.state.note(other, "<div>Поставщик подвёл, деньги вернём только в феврале</div>")
        bridge.desk.state.merge(1, other)
        words = "Поставщик подвёл, деньги вернём только в феврале"
        bridge.reply(1, f"<div>Ждём.</div><div>{words}</div>", source_type="email")
        await bridge.until(lambda: any("по почте" in each for each in bridge.bodies(1, "note")), 60)
        await bridge.quiet()
        assert bridge.sent() == ["x"]
