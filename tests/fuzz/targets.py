"""What is fuzzed, and the laws that hold for any bytes: each target takes bytes and raises on a broken law.

Run for long with ``make fuzz``; the suite plays the seeds and some random bytes (test_targets.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import json
import re
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.source import Source
from laws import in_order, visible
from max_markup import read
from maxbridge.config.loading import examine
from maxbridge.core.desk_html import event_to_html, first_line
from maxbridge.core.errors import ApiError
from maxbridge.core.events import Attachment, Mark, What
from maxbridge.core.filetype import pixels, sniff
from maxbridge.core.inbound_files import fetchable, numbers_of, safe_name
from maxbridge.core.markup import formatted, has_marker, marker
from maxbridge.core.parts import NAME_LENGTH, max_kind, proper_name
from maxbridge.core.render import render, spelled_out, to_text
from maxbridge.core.text import clean, utf16_len
from maxbridge.freescout.client import Directory, FreeScoutClient
from maxbridge.freescout.parse import (
    ShapeError,
    format_time,
    own_file,
    parse_conversation,
    parse_conversations,
    parse_customer,
    parse_customers,
    parse_date_header,
    parse_file_names,
    parse_names,
    parse_thread,
    parse_time,
)
from maxbridge.i18n import CATALOGUE, EN, RU
from maxbridge.max.answers import (
    classify_answer,
    read_chat,
    read_films,
    read_list,
    read_me,
    read_sent,
    read_slot,
    usable_marker,
)
from maxbridge.max.parse import canonical, parse_update
from maxbridge.max.transport import MaxapiTransport
from maxbridge.max.vcard import read_cards
from maxbridge.outbound.replies import ReplyMaker
from page import Page
from recorded import DATA, desk_cases, desk_exchanges, desk_file, max_body, max_names

Target = Callable[[bytes], None]

_KINDS = (
    "strong", "emphasized", "link", "quote", "blockquote", "monospaced", "underline", "strikethrough",
    "heading", "highlighted", "user_mention", "", "blink",
)  # fmt: skip
_PLACES = (0, 1, 2, 5, 39, 4000, -1, 2**31, 2**63 - 1, -(2**63))
_PER_BYTE = 60e-6
"""Seconds of CPU that a byte of HTML may take on a slow machine under the fuzzer's tracing."""
_START = 1.0
_UNSAFE_IN_NAME = re.compile(r"[/\\\x00-\x1f\x7f]")


def desk_to_max(data: bytes) -> None:
    """An agent's HTML becomes parts that MAX takes, in bounded time, whatever it is."""
    source = Source(data)
    limit = (128, 150, 333, 4000)[source.byte() % 4]
    signature = source.wire_text(20)
    body = source.html()
    began = time.process_time()
    variables = {"customer.firstName": body[:50], "a.b": ""}
    keep = bool(len(data) & 1)
    rendered = render(
        body, EN, signature=signature, variables=variables, keep=lambda _: keep, limit=limit
    )
    for part in rendered.texts:
        read(part, limit)  # allowed tags only, balanced, no half entity, as MAX reads it
        part.encode()
        assert not re.search(r'<a href="(?!https?://|mailto:|tel:)', part), "a link that is no link"
        assert utf16_len(spelled_out(part)) <= utf16_len(part)
    # Quote signs in front of lines and bars between cells are ours; five signs of four letters each.
    size = sum(map(len, rendered.texts))
    assert size <= 2000 + 40 * (
        len(body) + len(variables["customer.firstName"]) * body.count("{%")
    ), size
    to_text(body, RU).encode()
    storable(_MAKER.reply(_TICKET, replace(_THREAD, body=body), 1))
    took = time.process_time() - began
    assert took < _START + _PER_BYTE * len(body), f"{took:.1f} s for {len(body)} characters"


_MAKER = ReplyMaker(EN, "{name}", own_file=own_file, directory=Directory)
_TICKET = parse_conversation(
    {"id": 1, "status": "active", "state": "published", "createdAt": "2026-11-22T22:37:05Z"}
)
_THREAD = parse_thread(
    {"id": 1, "type": "message", "state": "published", "createdAt": "2026-11-22T22:37:05Z"}
)


def max_text_to_desk(data: bytes) -> None:
    """A customer's text with any marks becomes our own tags, balanced, with every letter there."""
    source = Source(data)
    marks = []
    for _ in range(source.byte() % 24):
        kind = _KINDS[source.byte() % len(_KINDS)]
        start, length = (
            _PLACES[place % len(_PLACES)] if place & 128 else place
            for place in (source.byte(), source.byte())
        )
        url = source.wire_text(8) if kind == "link" else ""
        marks.append(Mark(kind, start, length, clean(url)))
    text = clean(source.wire_text())
    html = formatted(text, marks)
    html.encode()
    page = Page(html)
    assert page.is_ours(), html
    assert visible(page.text) == in_order(text)
    assert not has_marker(html, "mid.1")


def update_to_desk(data: bytes) -> None:
    """Any JSON is an event that can be stored and shown; nothing in it is live at the desk."""
    raw = Source(data).json(_updates(), _names())
    canonical(raw).encode()
    event = parse_update(raw)
    storable(event)
    for texts in CATALOGUE.values():
        if event.what in (What.UNREADABLE, What.OTHER):
            continue
        html = event_to_html(event, texts, lambda url: url.startswith("https://i.oneme.ru/"))
        html.encode()
        assert Page(html).is_ours(), html
        assert Page(html).words.strip(), "nothing to see"
        assert "\n" not in first_line(event, texts, 60)
    files = fetchable(event)
    for item, number in zip(files, numbers_of(files), strict=True):
        harmless(safe_name(item, "image/jpeg", number, RU))


def max_answer(data: bytes) -> None:
    """Any JSON of MAX's is an answer or none."""
    raw = Source(data).json(_answers(), _names())
    read_sent(raw)
    read_films(raw)
    usable_marker(raw)
    classify_answer(400, raw)
    if isinstance(raw, dict):  # the transport gives nothing else
        for value in (read_me(raw), read_slot(raw), read_chat(raw)):
            if value is not None:
                storable(value)
        read_list(raw, "updates")


def desk_answer(data: bytes) -> None:
    """Any JSON of FreeScout's is what it should be, and storable, or a ShapeError."""
    raw = Source(data).json(_desk(), _names())
    for reading in (
        parse_conversations,
        parse_conversation,
        parse_thread,
        parse_customers,
        parse_customer,
        lambda value: parse_names(value, "mailboxes", ("name",)),
        lambda value: parse_names(value, "users", ("firstName", "lastName")),
        parse_file_names,
    ):
        try:
            storable(reading(raw))
        except ShapeError:
            continue
    text = data.decode("latin-1")
    for moment in (parse_time(text), parse_date_header(text)):
        if moment is not None:
            format_time(max(0.0, moment))


def card(data: bytes) -> None:
    """Any text is a card with bounded names and numbers."""
    found = read_cards(data.decode("utf-8", "replace"))
    storable(found)
    assert len(found.cards) <= 20
    for each in found.cards:
        assert len(each.name) <= 200
        for values in (each.phones, each.mails, each.addresses, each.sites):
            assert len(values) <= 10
            assert all(value and len(value) <= 200 for value in values)


def file_names(data: bytes) -> None:
    """Any bytes are a kind of file, and any words give a name without folders or hidden turns."""
    source = Source(data)
    name, hint = source.wire_text(300), source.wire_text(4)
    content = source.rest()
    kind = sniff(content[:4096], content[-512:])
    size = pixels(kind, content)
    max_kind(kind, name, len(content), size)
    for made in (proper_name(name, kind), safe_name(Attachment("file", name), hint, 0, EN)):
        harmless(made)
    assert safe_name(Attachment("file", marker(name)), hint, 1, RU)


def harmless(name: str) -> None:
    """No folder, nothing hidden, nothing that turns the name around, no longer than both ends take."""
    name.encode()
    assert name, "no name"
    assert not _UNSAFE_IN_NAME.search(name), ascii(name)
    assert name not in (".", ".."), name
    assert not name.startswith("."), name
    assert len(name) <= NAME_LENGTH, len(name)
    turning = [each for each in name if unicodedata.bidirectional(each) in _TURNS]
    assert not turning, ascii(name)


_TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def storable(value: Any) -> None:
    """What a reading gives can be put into SQLite and into JSON: no half characters, no giant numbers."""
    for each in _leaves(value):
        if isinstance(each, str):
            each.encode()
        elif isinstance(each, int):
            assert -(2**63) <= each < 2**63, each
        else:
            assert isinstance(each, float | bytes) or each is None, type(each)


def _leaves(value: Any) -> Iterator[Any]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list | tuple | frozenset):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, Enum):
        yield value.value
    else:
        yield value


def settings(data: bytes) -> None:
    """Any file is read as settings or complained of in sentences, and none of them quotes a secret."""
    text = data.decode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        first = f'[max]\ntoken = "{_SECRET}"\n' if len(data) & 1 else ""
        path.write_bytes(first.encode() + text.encode("utf-8", "surrogateescape"))
        seen = examine(path, {})
    words = "\n".join(seen.problems)
    words.encode()
    assert _SECRET not in words
    assert seen.problems or not (set(seen.wrong) - set(seen.config.sources))


_SECRET = "f00dfeed-secret-of-nobody"


def wire(data: bytes) -> None:
    """Whatever a server writes on the line, a client gives an answer or a failure with a name, and soon."""
    _runner().run(_wire(data[1:], max_side=bool(data[:1] and data[0] & 1)))


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


async def _wire(answer: bytes, *, max_side: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client: MaxapiTransport | FreeScoutClient
    try:
        async with asyncio.timeout(20.0):
            with contextlib.suppress(ApiError):
                if max_side:
                    client = MaxapiTransport("t" * 20, url, total_timeout=10.0)
                    try:
                        await client.call("GET", "/updates", {})
                    finally:
                        await client.close()
                else:
                    client = FreeScoutClient(url, "k" * 20, now=time.time)
                    try:
                        await client.conversation(1, threads=False)
                    finally:
                        await client.close()
    finally:
        server.close()
        await server.wait_closed()


TARGETS: dict[str, Target] = {
    each.__name__: each
    for each in (
        desk_to_max,
        max_text_to_desk,
        update_to_desk,
        max_answer,
        desk_answer,
        card,
        file_names,
        settings,
    )
}
ON_THE_LINE: dict[str, Target] = {"wire": wire}
"""Takes a socket each time."""


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with, made of the recordings under tests/data."""
    if name == "desk_to_max":
        bodies = [each["body"] for each in desk_file("95") if each["body"]]
        return [b"\x03\x00\x00\x01" + each.encode() for each in bodies]
    if name == "max_text_to_desk":
        return [b"\x02\x00\x00\x05\x02\x03\x04\x02\x40\x0a\x10\x20\x71", bytes(range(64)) * 4]
    if name in ("update_to_desk", "max_answer", "desk_answer"):
        values = {"update_to_desk": _updates, "max_answer": _answers, "desk_answer": _desk}[name]()
        whole = [b"\x01" + json.dumps(each).encode() for each in values[:60]]
        return whole + [bytes([2, number, 1, 7, 200, 90]) for number in range(20)]
    if name == "settings":
        example = Path("config.example.toml").read_bytes()
        return [example, b'[max]\ntoken = "x"\nproxy = 5\n', b"[max]\n[max]", b"a = 'b", b"\xff"]
    if name == "wire":
        body = json.dumps(_desk()[0]).encode()
        packed = gzip.compress(body)
        lines = (
            (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body),
            (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + 5), body),
            (b"HTTP/1.0 200 OK\r\n\r\n", body),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body),
                body + b"\r\n0\r\n\r\n",
            ),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffffff\r\n", body),
            (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
                % len(packed),
                packed,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
                % len(body),
                body,
            ),
            (b"HTTP/1.1 503 Busy\r\nRetry-After: x\r\nContent-Length: 0\r\n\r\n", b""),
            (b"HTTP/9.9 999\r\n", b""),
        )
        return [bytes([side]) + head + rest for side in (0, 1) for head, rest in lines]
    if name == "card":
        recorded = _updates_text("vcf_info")
        return [each.encode() for each in recorded] + [b"BEGIN:VCARD\nTEL;TYPE=cell:+7 999\n"]
    heads = [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"RIFF....WAVE", b"%PDF-1.7"]
    return [b"\x00\x40" + bytes(range(4)) + b"\x00\x10a" + head + bytes(64) for head in heads]


@cache
def _updates() -> tuple[Any, ...]:
    polls = [max_body(each) for each in max_names("update.")]
    return tuple(update for poll in polls for update in poll["updates"])


@cache
def _answers() -> tuple[Any, ...]:
    return tuple(max_body(each) for each in max_names("response.") + max_names("error."))


@cache
def _desk() -> tuple[Any, ...]:
    bodies = [
        exchange["response"].get("body")
        for case in desk_cases()
        for exchange in desk_exchanges(case)
    ]
    found = [each for each in bodies if isinstance(each, dict)]
    rows = [
        row
        for body in found
        for part in [body.get("_embedded")]
        if isinstance(part, dict)
        for some in part.values()
        if isinstance(some, list)
        for row in some[:2]
        if isinstance(row, dict)
    ]
    return tuple([*rows[:40], *(each for each in found if len(json.dumps(each)) < 4000)][:250])


@cache
def _names() -> tuple[str, ...]:
    """The names of all members that the recordings have."""
    names: set[str] = set()
    pending: list[Any] = [*_updates(), *_answers(), *_desk()]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            names |= {name for name in value if len(name) < 30}
            pending += value.values()
        elif isinstance(value, list):
            pending += value
    return tuple(sorted(names))


def _updates_text(member: str) -> list[str]:
    pattern = re.compile(rf'"{member}":\s*("(?:[^"\\]|\\.)*")')
    files = sorted((DATA / "max").glob("*.json"))
    return [
        json.loads(found)
        for path in files
        for found in pattern.findall(path.read_text(encoding="utf-8"))
    ]
