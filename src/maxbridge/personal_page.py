"""A person's export as a page that they can read: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from maxbridge.core.attachment_html import is_known_kind
from maxbridge.core.events import Event
from maxbridge.core.render import plain
from maxbridge.max.parse import parse_update
from maxbridge.personal import PersonalTexts
from maxbridge.store.forgetting import Whose
from maxbridge.store.inbox import NOTE_TYPE, PHONE_TYPE
from maxbridge.times import local

_STYLE = (
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4em;"
    "text-align:left;vertical-align:top}td:nth-child(-n+2){white-space:nowrap;color:#555}"
)


@dataclass(frozen=True, slots=True)
class _Line:
    at: float
    who: str
    words: str
    files: tuple[str, ...] = ()


def page(
    whose: Whose,
    kept: Mapping[str, Sequence[Mapping[str, Any]]],
    texts: PersonalTexts,
    json_name: str,
) -> str:
    """The page.

    Args:
        whose: The person.
        kept: What :class:`maxbridge.store.person.PersonStore` gives.
        texts: The language.
        json_name: The file with everything.
    """
    lines = sorted([*_received(kept, texts), *_sent(kept, texts)], key=lambda each: each.at)
    chats = ", ".join(map(str, whose.chats))
    head = texts.whose_group if whose.user_id is None else texts.whose
    about = [head.format(user=whose.user_id, chats=chats)]
    if whose.tickets:
        about.append(texts.tickets.format(tickets=", ".join(map(str, whose.tickets))))
    if whose.cards:
        about.append(texts.card.format(cards=", ".join(map(str, whose.cards))))
    about += [
        texts.shown.format(when=local(row["privacy_at"]))
        for row in kept["dialog"]
        if row["privacy_at"] is not None
    ]
    rows = "".join(
        f"<tr><td>{escape(local(each.at))}</td><td>{escape(each.who)}</td>"
        f"<td>{_cell(each, texts)}</td></tr>\n"
        for each in lines
    )
    heads = "".join(f"<th>{escape(each)}</th>" for each in (texts.when, texts.who, texts.words))
    said = "".join(f"<p>{escape(each)}</p>\n" for each in about)
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{escape(texts.title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(texts.title)}</h1>\n{said}"
        f"<table><tr>{heads}</tr>\n{rows}</table>\n<p>{escape(texts.raw.format(name=json_name))}</p>\n"
        f"<p>{escape(texts.elsewhere)}</p></body></html>\n"
    )


def _cell(line: _Line, texts: PersonalTexts) -> str:
    words = [escape(line.words).replace("\n", "<br>")] if line.words else []
    if line.files:
        words.append(escape(texts.files.format(names=", ".join(line.files))))
    return "<br>".join(words)


def _received(
    kept: Mapping[str, Sequence[Mapping[str, Any]]], texts: PersonalTexts
) -> Iterator[_Line]:
    for row in kept["inbox"]:
        at, payload = row["created_at"], row["payload"]
        if payload is None:
            yield _Line(at, texts.customer, f"({texts.erased_text})")
        elif row["update_type"] == NOTE_TYPE:
            yield _Line(at, texts.note, payload.get("text", ""))
        elif row["update_type"] == PHONE_TYPE:
            yield _Line(at, texts.customer, payload.get("phone", ""))
        else:
            yield _of_event(at, parse_update(payload), texts)


def _of_event(at: float, event: Event, texts: PersonalTexts) -> _Line:
    at = event.timestamp / 1000 if event.timestamp else at
    said = [
        each.text for each in (event.message, event.link.message if event.link else None) if each
    ]
    files = tuple(
        each.name or each.kind
        for each in event.message.attachments
        if is_known_kind(each) or each.kind
    )
    words = "\n".join(filter(None, said)) or event.button or event.payload
    if not words and not files:
        return _Line(at, texts.event, event.update_type)
    return _Line(at, texts.customer, words, files)


def _sent(kept: Mapping[str, Sequence[Mapping[str, Any]]], texts: PersonalTexts) -> Iterator[_Line]:
    times = {row["id"]: row["finished_at"] or row["created_at"] for row in kept["outbox"]}
    for row in kept["part"]:
        text = row["text"]
        words = f"({texts.erased_text})" if text is None else text
        if row["html"]:
            words = plain(words)
        names = tuple(each.get("name", "") for each in row["files"] or ())
        yield _Line(times[row["outbox_id"]], texts.desk, words, names)
