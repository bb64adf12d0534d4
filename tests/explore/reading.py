"""Look-ups in the small world, judged by the real rules."""

from __future__ import annotations

from functools import cache

from explore.rules import Rules
from explore.world import NONE, Copy, Row, Scenario, Shown, World
from maxbridge.core.delivery import Direction, Doubt
from maxbridge.core.history import Finding, Message, Said, Search, fold, judge
from maxbridge.core.parts import Part

_FOUND = "a look-up finds it"
_ABSENT = Shown("a look-up finds no trace")
_UNCLEAR = "a look-up finds something that may be it"


class Reading:
    """Reads a service of the small world."""

    def __init__(self, scenario: Scenario, rules: Rules) -> None:
        self._s = scenario
        self._rules = rules
        self._messages = tuple(
            tuple(Message.of(Part(f"{words} {part or ''}")) for part in range(count))
            for words, count in zip(scenario.words, scenario.parts, strict=False)
        )
        self._judge = cache(self._judged)

    def look_up(self, world: World, item: int) -> Shown:
        """What a look-up shows now."""
        row, copies = world.rows[item], world.copies[self._s.chats[item]]
        if self._s.to is Direction.TO_DESK:
            return self._at_desk(world, item)
        shown = tuple(
            (at, each.of[0], each.part, self._known(row, each, item))
            for at, each in enumerate(copies)
            if each.hidden == NONE
        )
        others = tuple(
            (each, part)
            for each in (*self._s.before(item), item, *self._s.behind(item))
            for part in self._in_doubt(each, world.rows[each])
            if (each, part) != (item, row.part)
        )
        return self._judge((item, row.part), shown, others, restored=row.doubt is Doubt.RESTORED)

    def _at_desk(self, world: World, item: int) -> Shown:
        """The marker is exact, and shows at once; of before a restore, what was read is asked."""
        row, copies = world.rows[item], world.copies[self._s.chats[item]]
        if (
            row.doubt is Doubt.RESTORED
            and row.age == NONE
            and (item, row.part) not in (world.read or ())
        ):
            return _ABSENT
        for at, each in enumerate(copies):
            if item in each.of and each.part == row.part:
                return Shown(_FOUND, at)
        return _ABSENT

    def _in_doubt(self, item: int, row: Row) -> range:
        """As :meth:`maxbridge.store.outbox.OutboxTable.parts_in_doubt` says it."""
        if row.doubt is Doubt.NONE or item in self._s.changes:
            return range(0)
        last = self._s.parts[item] if row.doubt is Doubt.RESTORED else row.part + 1
        return range(row.part, min(last, self._s.parts[item]))

    def _known(self, row: Row, copy: Copy, item: int) -> bool | None:
        """As :meth:`maxbridge.store.outbox.OutboxTable.claimed_mids` says it; None for unknown."""
        if not copy.claimed:
            return None
        return not self._rules.knew or copy.of[0] in (item, *row.knew)

    def _judged(
        self,
        wanted: tuple[int, int],
        shown: tuple[tuple[int, int, int, bool | None], ...],
        others: tuple[tuple[int, int], ...],
        *,
        restored: bool,
    ) -> Shown:
        said = [
            Said(
                str(at),
                float(at),
                "" if earlier is not None else fold(self._messages[item][part].words),
                known=earlier is not None,
                later=earlier is False,
            )
            for at, item, part, earlier in reversed(shown)
        ]
        search = Search(
            self._messages[wanted[0]][wanted[1]],
            0.0,
            [self._messages[item][part] for item, part in others],
            since=0.0 if restored else None,
        )
        verdict = judge(said, search, complete=True)
        if verdict.finding in (Finding.FOUND, Finding.EDITED) and verdict.mid is not None:
            return Shown(_FOUND, int(verdict.mid), shared=verdict.shared and self._rules.shared)
        return _ABSENT if verdict.finding is Finding.ABSENT else Shown(_UNCLEAR, unclear=True)
