"""max.signature: only MAX can sign a contact card for the bot."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from maxbridge.max.vcard import card_verifier

TOKEN = "the-token"
CARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nTEL;TYPE=cell:79990000017\r\nFN:Марина Тестова\r\nEND:VCARD\r\n"
)
GOOD = hmac.new(TOKEN.encode(), CARD.encode(), hashlib.sha256).hexdigest()


def test_a_card_signed_by_max_is_accepted_in_either_case_of_letters() -> None:
    assert card_verifier(TOKEN)(CARD, GOOD)
    assert card_verifier(TOKEN)(CARD, GOOD.upper())


@pytest.mark.parametrize(
    ("card", "signature"),
    [
        (CARD.replace("17", "18"), GOOD),
        (CARD.replace("\r\n", "\n"), GOOD),
        (CARD, "0" * 64),
        (CARD, ""),
        (CARD, "подпись"),
    ],
)
def test_anything_else_is_not(card: str, signature: str) -> None:
    assert not card_verifier(TOKEN)(card, signature)


def test_another_bots_signature_is_none() -> None:
    assert not card_verifier("another")(CARD, GOOD)
