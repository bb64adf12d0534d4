"""The fuzzing targets on their seeds, on random bytes, and on what fuzzing has found so far."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.source import HTML, Source
from fuzz.targets import ON_THE_LINE, TARGETS, seeds
from laws import law

NAMES = pytest.mark.parametrize("name", TARGETS)


@NAMES
def test_the_seeds_hold(name: str) -> None:
    found = seeds(name)
    assert found
    for seed in found:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", ON_THE_LINE)
def test_the_seeds_hold_on_a_line(name: str) -> None:
    for seed in seeds(name):
        ON_THE_LINE[name](seed)


FOUND_ON_A_LINE = (
    b"HTTP/1.1 506 Busy\r\nRetry-After: nt\xff\xff-Length: 0\r\n\r\n",
    "HTTP/1.1 503 Busy\r\nX-Reason: обслуживание\r\nContent-Length: 0\r\n\r\n".encode(),
)
"""Answers that were no failure with a name."""


@pytest.mark.parametrize("side", [b"\x00", b"\x01"], ids=["desk", "MAX"])
@pytest.mark.parametrize("answer", FOUND_ON_A_LINE, ids=range(len(FOUND_ON_A_LINE)))
def test_what_was_found_on_a_line_holds(answer: bytes, side: bytes) -> None:
    ON_THE_LINE["wire"](side + answer)


@NAMES
def test_seeds_with_some_bytes_changed_hold(name: str) -> None:
    chance = random.Random(name)
    some = seeds(name)
    for _ in range(150):
        data = bytearray(chance.choice(some)[:2000])
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        TARGETS[name](bytes(data))


@given(st.binary(max_size=300))
@law
def test_any_bytes_hold(data: bytes) -> None:
    for target in TARGETS.values():
        target(data)


@given(st.lists(st.sampled_from(HTML), max_size=40).map("".join))
@law
def test_any_row_of_tokens_holds_as_a_body(body: str) -> None:
    TARGETS["desk_to_max"](b"\x00\x00\x00\x01" + body.encode("utf-8", "surrogatepass"))


def test_a_source_gives_the_first_choice_when_it_is_empty() -> None:
    source = Source(b"")
    assert (source.byte(), source.wire_text(), source.rest()) == (0, "", b"")
    assert Source(b"\x01{").json(({},), ("a",)) is None
