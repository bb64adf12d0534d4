"""The count at the end: what was said and what arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields

_UNDECIDABLE = ".undecidable"
"""A look-up could not tell."""
_SERVICES = ("max.", "desk.")
"""A look-up could not be made, again and again, while the service did other work."""


@dataclass(frozen=True, slots=True)
class Held:
    """An item that waits for a person."""

    key: str
    error: str
    tokens: frozenset[str] = frozenset()
    in_doubt: bool = True

    @property
    def may_be(self) -> bool:
        """Is it held because nobody can tell whether it arrived? Nothing else may be."""
        services = self.in_doubt and self.error.startswith(_SERVICES)
        return services or self.error.endswith(_UNDECIDABLE)


@dataclass(frozen=True, slots=True)
class Picture:
    """What both ends and the store know when all has come to rest; people by their MAX id.

    Attributes:
        told: What MAX gave the bot of each person, in its order.
        filed: What stands in each person's tickets, in order of writing.
        answered: What agents published in each person's tickets, in order.
        received: What each person got from the bot, in order.
        private: What must never be seen outside the desk.
        greetings: How many greetings each person should have and has.
        tickets: How many tickets each person has.
        cards: How many customers at the desk are each person.
        markers: How often each marker occurs.
        held: What waits for a person to decide.
        undelivered: Replies returned to their agents.
        left_behind: Files that could not be had for long, and are named in their person's ticket instead.
        swapped: Messages that MAX told in another order than they were written: either order is right.
        again: Files that may come twice: MAX told the edit of their message before the message.
        altered: Files that arrived with other bytes than they were sent with.
        stale: Replies of which a customer has another version than agents see.
        deletions: Messages that their writers deleted while their ticket was open, and how often agents read so.
        folded: Edits after which the same message was edited again; they need not be shown.
    """

    told: Mapping[int, Sequence[str]]
    filed: Mapping[int, Sequence[str]]
    answered: Mapping[int, Sequence[str]]
    received: Mapping[int, Sequence[str]]
    private: Collection[str] = ()
    greetings: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    tickets: Mapping[int, int] = field(default_factory=dict)
    cards: Mapping[int, int] = field(default_factory=dict)
    markers: Mapping[str, int] = field(default_factory=dict)
    held: Sequence[Held] = ()
    undelivered: Sequence[str] = ()
    folded: Collection[str] = ()
    left_behind: Collection[str] = ()
    swapped: Collection[str] = ()
    again: Collection[str] = ()
    altered: Collection[str] = ()
    stale: Collection[str] = ()
    deletions: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Verdict:
    """The count.

    Attributes:
        messages: Customers' messages and edits that had to arrive.
        replies: Published replies, by parts, that had to arrive.
        lost: Did not arrive.
        doubled: Arrived more than once.
        disordered: Arrived in another order.
        misdirected: Arrived at another person, or in another person's ticket.
        leaked: Private words that came out.
        altered: Arrived as something else than it is: other bytes, an older version.
        late: Took longer than is promised.
        grown: What should be given back at rest and is not.
        held: Waits for a person because no look-up can tell; counted as neither lost nor doubled.
        left_behind: Files of which an agent reads that they could not be had; counted likewise.
        wrong: Anything else that must not be.
    """

    messages: int = 0
    replies: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    misdirected: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    grown: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def complaints(self) -> dict[str, list[str]]:
        """Everything that breaks a promise; empty when all is well."""
        counted = ("messages", "replies", "held", "left_behind")
        return {
            each.name: getattr(self, each.name) for each in fields(self) if each.name not in counted
        }

    @property
    def good(self) -> bool:
        """Was every promise kept?"""
        return not any(self.complaints.values())

    def __str__(self) -> str:
        bad = {name: what for name, what in self.complaints.items() if what}
        return f"{self.messages} messages, {self.replies} replies, {len(self.held)} held; " + (
            f"BROKEN: {bad}" if bad else "all promises kept"
        )


def judge(picture: Picture) -> Verdict:
    """Count what became of everything."""
    verdict = Verdict(
        messages=sum(map(len, picture.told.values())),
        replies=sum(map(len, picture.answered.values())),
        left_behind=sorted(picture.left_behind),
    )
    excused = frozenset((*picture.folded, *picture.left_behind)).union(
        *(each.tokens for each in picture.held)
    )
    for sent, got, end in (
        (picture.told, picture.filed, "desk"),
        (picture.answered, picture.received, "MAX"),
    ):
        owner = {token: user for user, tokens in sent.items() for token in tokens}
        for user in sorted(sent.keys() | got.keys()):
            line = _Line(f"{end} {user}", sent.get(user, ()), got.get(user, ()))
            line.find_missing(verdict, excused)
            line.find_extra(verdict, owner, picture)
            line.find_disorder(verdict, excused.union(picture.swapped))
    _count_the_rest(verdict, picture)
    return verdict


@dataclass(frozen=True, slots=True)
class _Line:
    """One direction of one person."""

    name: str
    sent: Sequence[str]
    got: Sequence[str]

    def find_missing(self, verdict: Verdict, excused: Collection[str]) -> None:
        missing = Counter(self.sent) - Counter(self.got)
        verdict.lost += [
            f"{self.name}: {each}" for each in missing.elements() if each not in excused
        ]

    def find_extra(self, verdict: Verdict, owner: Mapping[str, int], picture: Picture) -> None:
        extra = Counter(self.got) - Counter(self.sent) - Counter(picture.again)
        for token in extra.elements():
            if token in picture.private:
                verdict.leaked.append(f"{self.name}: {token}")
            elif token in self.sent:
                verdict.doubled.append(f"{self.name}: {token}")
            elif token in owner:
                verdict.misdirected.append(f"{self.name}: {token} of {owner[token]}")
            else:
                verdict.wrong.append(f"{self.name}: {token} was never sent")

    def find_disorder(self, verdict: Verdict, excused: Collection[str]) -> None:
        common = Counter(self.sent) & Counter(self.got)
        order = [
            _firsts([each for each in row if each not in excused], common)
            for row in (self.sent, self.got)
        ]
        verdict.disordered += [
            f"{self.name}: {there} where {here} should be"
            for here, there in zip(*order, strict=True)
            if here != there
        ]


def _firsts(row: Sequence[str], common: Mapping[str, int]) -> list[str]:
    """As many of each as both sides have, so that a double is not called disorder, too."""
    left = Counter(common)
    kept = []
    for each in row:
        if left[each] > 0:
            left[each] -= 1
            kept.append(each)
    return kept


def _count_the_rest(verdict: Verdict, picture: Picture) -> None:
    for user, (due, got) in picture.greetings.items():
        if got < due:
            verdict.lost += [f"MAX {user}: greeting"] * (due - got)
        verdict.doubled += [f"MAX {user}: greeting"] * (got - due)
    for what, counts in (("tickets", picture.tickets), ("customers", picture.cards)):
        verdict.doubled += [
            f"desk {user}: {many} {what}" for user, many in counts.items() if many > 1
        ]
    verdict.doubled += [
        f"marker {key} {many} times" for key, many in picture.markers.items() if many > 1
    ]
    for item in picture.held:
        line = f"{item.key}: {item.error}"
        (verdict.held if item.may_be else verdict.wrong).append(line)
    verdict.altered += sorted([*picture.altered, *picture.stale])
    verdict.lost += [f"deletion of {mid}" for mid, times in picture.deletions.items() if not times]
    verdict.doubled += [
        f"deletion of {mid}" for mid, times in picture.deletions.items() if times > 1
    ]
    verdict.wrong += [f"returned to its agent: {each}" for each in picture.undelivered]
