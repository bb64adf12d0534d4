"""The generated pages of the documentation are up to date, and equal in both languages."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from maxbridge.config.settings import SECTIONS
from reference.configuration import LANGUAGES, document, explained, page


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_configuration_reference_says_what_the_program_does_today(language: str) -> None:
    assert document(language).read_text(encoding="utf-8") == page(language), "run: make reference"


def test_every_key_is_explained() -> None:
    known = {(name, each.name) for name, cls in SECTIONS.items() for each in fields(cls)}
    assert known <= set(explained())


def test_both_languages_name_the_same_things() -> None:
    named = [
        re.findall(r"`([^`]+)`", page(language).split("\n## ", 1)[1]) for language in LANGUAGES
    ]
    assert named[0] == named[1]
