"""What customers are told by itself, without an agent: which sentence, when, and never twice.

Each is a delivery of the outbox, whose key says what it is about: the same one twice is one. Order, doubt and
look-up are those of every delivery.
"""

from __future__ import annotations

from dataclasses import dataclass

from maxbridge.core import keys


@dataclass(frozen=True, slots=True)
class ToldPolicy:
    """The administrator's sentences; an empty one is not said.

    Attributes:
        privacy: How the customer's data is handled, with a link.
    """

    privacy: str = ""


@dataclass(frozen=True, slots=True)
class Saying:
    """A sentence on its way to a customer.

    Attributes:
        key: What it is about.
        text: Plain.
        in_doubt: When a database that is gone may have said it last, our clock; None where it cannot have.
    """

    key: str
    text: str
    in_doubt: float | None = None


def privacy(
    policy: ToldPolicy, chat_id: int, *, shown: bool, in_doubt: float | None
) -> list[Saying]:
    """The notice about personal data, once for each customer.

    Args:
        policy: The sentences.
        chat_id: The customer's chat.
        shown: It was shown before.
        in_doubt: The same, where the event that asks for it is of before a restore.
    """
    if shown or not policy.privacy:
        return []
    return [Saying(keys.privacy(chat_id), policy.privacy, in_doubt)]
