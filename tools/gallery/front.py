"""The picture on the first screen of the READMEs: one conversation, on a phone and in the agent's browser.

The customer's words go through what writes the ticket, the agent's through what writes to MAX.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from gallery.chat_look import bubble
from gallery.chat_view import messages
from gallery.desk_look import reply, thread
from gallery.page import WIDTH, html_page
from gallery.samples import ROOT, Body, max_sample
from maxbridge.config.settings import MaxSettings
from maxbridge.core.inbound_files import (
    FileFate,
    FileOutcome,
    fetchable,
    numbers_of,
    safe_name,
)
from maxbridge.core.markup import marker
from maxbridge.core.plan_inbound import InboundPolicy
from maxbridge.core.texts import Texts
from maxbridge.files.egress import media_rule
from maxbridge.freescout.client import Directory
from maxbridge.freescout.parse import own_file
from maxbridge.i18n import CATALOGUE
from maxbridge.inbound.words import DeskWords
from maxbridge.max.parse import parse_update
from maxbridge.outbound.replies import ReplyMaker
from maxbridge.sim.desk.text import file_name

PICTURES = ROOT / "docs" / "front"
_CSS = (
    f"* {{ box-sizing: border-box; }} html, body {{ margin: 0; width: {WIDTH}px; }}"
    """
body { background: #fff; }
.front { display: flex; gap: 26px; padding: 16px; align-items: flex-start; }
.phone { flex: 0 0 300px; border: 9px solid #1d2228; border-radius: 34px; overflow: hidden; background: #dfe7f1;
  box-shadow: 0 3px 14px #b7c0c8; }
.phone .top { background: #fff; padding: 14px 18px 10px; font: bold 15px/19px "Liberation Sans", Arial, sans-serif; color: #16181d; }
.phone .top small { display: block; font-weight: normal; font-size: 12px; color: #8a949e; }
.phone .chat { min-height: 470px; padding: 12px 10px; }
.phone .bubble { max-width: 232px; }
.phone .bubble.own { margin-left: auto; background: #cfe3ff; }
.phone .bubble .media { width: 190px; }
.browser { flex: 1; min-width: 0; border: 1px solid #cbd3da; border-radius: 8px; overflow: hidden;
  box-shadow: 0 3px 14px #d5dbe0; font: 14px/20px "Liberation Sans", Arial, sans-serif; }
.browser .bar { background: #0078d7; color: #fff; padding: 12px 18px; font-size: 14px; }
.browser .bar span { margin-right: 22px; }
.browser .subject { padding: 16px 18px 14px; font-size: 20px; color: #1f2b33; display: flex; justify-content: space-between; }
.browser .subject small { color: #93a1af; font-size: 14px; }
.browser .thread { padding: 12px 18px 12px; }
.browser .thread .head { margin-bottom: 5px; }
.browser .thread .name { font-size: 15px; }
.browser .thread .face { margin-right: 12px; }
"""
)


@dataclass(frozen=True, slots=True)
class _Talk:
    """What is said in one language, and what both programs write around it."""

    customer: tuple[str, str]
    bot: str
    kind: str
    bar: tuple[str, str]
    asks: str
    photo: str
    answers: str
    bill: str
    bill_name: str
    note: str


_TALKS = {
    "ru": _Talk(
        customer=("Марина", "Тестова"),
        bot="Поддержка Ромашка",
        kind="бот",
        bar=("Ящик", "Управление"),
        asks="Здравствуйте! Где мой заказ № 15? 😀",
        photo="Вот накладная.",
        answers="Добрый день! Заказ у курьера, будет <b>завтра до 18:00</b>.",
        bill="Спасибо, вот счёт.",
        bill_name="Счёт № 15.pdf",
        note="Клиент постоянный, скидка 5 %.",
    ),
    "en": _Talk(
        customer=("Anna", "Test"),
        bot="Camomile support",
        kind="bot",
        bar=("Mailbox", "Manage"),
        asks="Hello! Where is my order no. 15? 😀",
        photo="Here is the delivery note.",
        answers="Good day! It is with the courier and arrives <b>tomorrow before 18:00</b>.",
        bill="Thank you, here is the bill.",
        bill_name="Bill 15.pdf",
        note="A regular customer, 5 % off.",
    ),
}
_AGENT = {"ru": "Борис Агентов", "en": "Boris Agent"}


def picture(language: str) -> Path:
    """Where the picture of a language stands."""
    return PICTURES / ("talk.ru.png" if language == "ru" else "talk.png")


def pages() -> dict[Path, str]:
    """The page of each picture."""
    return {picture(language): _page(language) for language in _TALKS}


def _page(language: str) -> str:
    talk = _TALKS[language]
    body = (
        f'<div class="front"><div class="phone"><div class="top">{talk.bot}<small>{talk.kind}</small></div>'
        f'<div class="chat">{"".join(_phone(talk, language))}</div></div>'
        f'<div class="browser"><div class="bar">{"".join(f"<span>{each} ▾</span>" for each in talk.bar)}</div>'
        f'<div class="subject">MAX: {escape(talk.asks)}<small>#15</small></div>'
        f"{''.join(_ticket(talk, language))}</div></div>"
    )
    return html_page("maxbridge", _CSS, body, language)


def _phone(talk: _Talk, language: str) -> Iterator[str]:
    """What the customer wrote, and what reached them, the oldest first."""
    maker = ReplyMaker(
        CATALOGUE[language], "", own_file=own_file, directory=lambda: Directory(mailbox_names={})
    )
    yield _own(talk.asks)
    yield from (bubble(part, talk.bot) for part in messages(maker, _reply(talk.answers)))
    yield _own(talk.photo, photo=True)
    bill = _reply(talk.bill, (talk.bill_name, "application/pdf", 48_204, ""))
    yield from (bubble(part, talk.bot) for part in messages(maker, bill))


def _reply(html: str, *files: tuple[str, str, int | None, str]) -> Body:
    return Body("", "", f"<div>{html}</div>", files)


def _own(words: str, *, photo: bool = False) -> str:
    shown = '<span class="media">🖼</span>' if photo else ""
    return (
        f'<div class="bubble own">{shown}<div class="text">{escape(words)}</div>'
        '<div class="time">12:31</div></div>'
    )


def _ticket(talk: _Talk, language: str) -> Iterator[str]:
    """The ticket, the newest first, as FreeScout shows it; the note never leaves."""
    yield thread(_AGENT[language], f"<div>{talk.note}</div>{marker('note')}", note=True)
    yield reply(_AGENT[language], f"<div>{talk.bill}</div>", [(talk.bill_name, 48_204)])
    yield _message(talk, language, talk.photo, photo=True)
    yield reply(_AGENT[language], f"<div>{talk.answers}</div>", [])
    yield _message(talk, language, talk.asks)


def _message(talk: _Talk, language: str, words: str, *, photo: bool = False) -> str:
    """A message of the customer's, written by the program itself."""
    texts: Texts = CATALOGUE[language]
    raw = deepcopy(max_sample("update.message_created.text")["updates"][0])
    first, last = talk.customer
    raw["message"]["sender"] |= {"first_name": first, "last_name": last, "name": f"{first} {last}"}
    attachments = [max_sample("attachment.image")] if photo else []
    raw["message"]["body"] |= {"text": words, "attachments": attachments}
    event = parse_update(raw)
    items = fetchable(event)
    outcomes = {index: FileOutcome(FileFate.ATTACHED, 214_016) for index in range(len(items))}
    writer = DeskWords(
        texts,
        media_rule(MaxSettings()),
        InboundPolicy(mailbox_id=1),
        local_time=lambda at: datetime.fromtimestamp(at, UTC),
        desk_now=lambda: 1_793_000_060.0,  # of the sample's minute: nothing came late
    )
    html = writer.event(event, outcomes, None) + marker(event.message.mid)
    numbers = numbers_of(items)
    files = [
        (file_name(safe_name(item, "image/jpeg", numbers[index], texts)), 214_016)
        for index, item in enumerate(items)
    ]
    return thread(f"{first} {last}", html, files)
