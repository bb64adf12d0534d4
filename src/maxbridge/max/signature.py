"""Is a contact card the sender's own? MAX signs those that its "share my phone" button sends."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable


def card_verifier(token: str) -> Callable[[str, str], bool]:
    """Make the check of a vCard and its signature.

    The signature is the hex HMAC-SHA256 of the vCard, unchanged, under the bot's token (contract
    max.md 4, contact).
    """

    def verified(vcf: str, signature: str) -> bool:
        made = hmac.new(token.encode(), vcf.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(made.encode(), signature.lower().encode())

    return verified
