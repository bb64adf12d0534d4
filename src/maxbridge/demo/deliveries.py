"""What was said in the demo, and whether it has arrived at the other service."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from maxbridge.core.events import Fate
from maxbridge.demo.words import WORDS, excerpt
from maxbridge.sim.desk import DeskSim
from maxbridge.sim.max import MaxSim
from maxbridge.store.store import Store


class Arrival(Enum):
    """How far a delivery has come."""

    UNDER_WAY = auto()
    ARRIVED = auto()
    REFUSED = auto()
    """The bridge will not deliver it (any more)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that one person said and the other must receive.

    Attributes:
        text: Its words.
        mid: MAX's id of a customer's message; empty for a reply.
        thread: The desk's id of a reply; 0 for a message.
    """

    text: str
    mid: str = ""
    thread: int = 0

    def named(self, language: str) -> str:
        """Describe it for an error: its words, and where it must arrive."""
        key = "from_customer" if self.mid else "from_agent"
        return WORDS[language][key].format(text=excerpt(self.text))


def arrival(delivery: Delivery, max_end: MaxSim, desk: DeskSim, store: Store) -> Arrival:
    """Check at the other service whether it arrived; the bridge's own record is not enough."""
    if delivery.mid:
        return _of_message(delivery.mid, desk)
    return _of_reply(delivery.thread, max_end, store)


def _of_message(mid: str, desk: DeskSim) -> Arrival:
    there = any(
        each.type == "customer" and mid in (each.body or "") for each in desk.state.threads.values()
    )
    return Arrival.ARRIVED if there else Arrival.UNDER_WAY


def _of_reply(thread: int, max_end: MaxSim, store: Store) -> Arrival:
    delivered = store.outbox.delivered(thread)
    if delivered.count:
        if delivered.pending:
            return Arrival.UNDER_WAY
        mids = {mid for mid, _ in delivered.parts}
        there = {each["body"]["mid"] for each in max_end.state.sent(delivered.chat_id or 0)}
        return Arrival.ARRIVED if mids and mids <= there else Arrival.REFUSED
    known = store.threads.known([thread]).get(thread)
    if known is not None and known.fate is not Fate.SENT:
        return Arrival.REFUSED
    return Arrival.UNDER_WAY
