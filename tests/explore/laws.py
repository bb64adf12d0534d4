"""What must be true of every state of the small world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from explore.world import NONE, Scenario, World, is_pending
from maxbridge.core.delivery import Doubt, State

Law = Callable[[Scenario, World], str]
"""What is wrong with a state; empty for nothing."""


def promised(_scenario: Scenario, world: World) -> str:
    """Order is kept, and what is held or given back is told: noticed by the move that breaks it."""
    return world.wrong


def never_twice(scenario: Scenario, world: World) -> str:
    """Nothing is at the service more often than it was asked for; only "retry anyway" asks again."""
    wanted: Counter[str] = Counter()
    for item, row in enumerate(world.rows):
        wanted[scenario.words[item]] += 1 + row.anyway
    there: Counter[tuple[str, int]] = Counter()
    for chat in world.copies:
        for copy in chat:
            for item in copy.of:
                words = scenario.words[item]
                there[words, copy.part] += 1
                if there[words, copy.part] > wanted[words]:
                    return f"{scenario.title(item)} is there twice"
    return ""


def never_lost(scenario: Scenario, world: World) -> str:
    """What is called done is there."""
    for item, row in enumerate(world.rows):
        if row.state is not State.DONE or item in scenario.changes:
            continue
        alike = [
            each
            for each in range(len(world.rows))
            if scenario.words[each] == scenario.words[item] and each not in scenario.changes
        ]
        done = sum(world.rows[each].state is State.DONE for each in alike)
        for part in range(scenario.parts[item]):
            there = sum(
                each in copy.of and copy.part == part
                for chat in world.copies
                for copy in chat
                for each in alike
            )
            if there < done:
                return f"{scenario.title(item)} is called done, and is not there"
    return ""


def certain(scenario: Scenario, world: World) -> str:
    """What is in no doubt is not there, and no earlier call of it may still be carried out.

    So a doubt is dropped by nothing but a look-up that may be believed, or an answer.
    """
    for item, row in enumerate(world.rows):
        if row.doubt is not Doubt.NONE or row.state in (State.DONE, State.IGNORED):
            continue
        if row.anyway or item in scenario.changes or _is_told_by_a_list(world, item, row.part):
            continue
        if any(item in each.of and each.part == row.part for each in world.calls):
            return (
                f"{scenario.title(item)} is in no doubt, and a call of it may still be carried out"
            )
        copies = world.copies[scenario.chats[item]]
        if any(item in each.of and each.part == row.part and not each.claimed for each in copies):
            return f"{scenario.title(item)} is in no doubt, and it is there"
    return ""


def _is_told_by_a_list(world: World, item: int, part: int) -> bool:
    """Towards the desk a restore leaves no doubt at a delivery: what was there is read, and written down."""
    if world.restored == NONE:
        return False
    return world.read is None or (item, part) in world.read


def last_change_stays(scenario: Scenario, world: World) -> str:
    """In the end a message reads as the last change of it that is done says."""
    if not scenario.changes or world.calls or any(map(is_pending, world.rows)):
        return ""
    for chat, changed in enumerate(world.changed):
        done = [
            item
            for item in sorted(scenario.changes)
            if scenario.chats[item] == chat and world.rows[item].state is State.DONE
        ]
        if done and changed < done[-1]:
            return f"{scenario.title(done[-1])} is called done, and an older change stands there"
    return ""


LAWS: tuple[Law, ...] = (promised, never_twice, never_lost, certain, last_change_stays)
PROMISES: tuple[Law, ...] = (promised, never_twice, never_lost, last_change_stays)
"""Without what is only a way to them: a counter-example ends with what a customer or an agent sees."""
