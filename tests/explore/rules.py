"""The rules that are explored: the real ones, and each of them weakened on purpose.

An explorer that finds nothing may be blind. So every weakened rule must be found out (test_explore.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from explore.world import MIDDLE, SHORT, Row, Scenario, is_pending
from maxbridge.core import delivery, history, retry
from maxbridge.core.delivery import Direction, Doubt, Next, Outcome, State
from maxbridge.core.errors import Failure


def oldest_first(items: Sequence[int]) -> Sequence[int]:
    """In which order the store looks for the head of a chat."""
    return items


@dataclass(frozen=True)
class Rules:
    """What decides; the members that are no functions of the program stand for a line of its code.

    Attributes:
        follow: The table of :mod:`maxbridge.core.delivery`.
        outcome_of: What a failed call means.
        absent_after: When "no trace" counts at the desk.
        look_again_in: The same at MAX.
        in_line: Does a delivery keep those behind it waiting? (store/queue.py)
        order: In which order the store looks for the head of a chat. (store/queue.py)
        looks_up: What is in doubt is looked up before it is sent again. (engine/runner.py)
        by_question: A look-up is judged by the time at which it was asked for. (engine/runner.py)
        from_its_end: A call with files settles from when it was given up. (inbound/channel.py)
        knew: Only what was known when an attempt began ends the search for it. (store/outbox.py)
        shared: What may be another one's, which has the same words, is not believed at once. (core/history.py)
        gives_up: What fails by itself takes a simpler form, and makes way at last. (core/blame.py)
        restored: The doubt of what a backup calls undone. (store/restored.py)
        reads_late: After a restore the desk is read when what hung has had its time. (restore/recovery.py)
    """

    follow: Callable[[Direction, State, Doubt, Outcome], Next | None] = delivery.follow
    outcome_of: Callable[[Failure], Outcome] = delivery.outcome_of
    absent_after: Callable[..., float | None] = retry.absent_after
    look_again_in: Callable[..., float | None] = history.look_again_in
    in_line: Callable[[Row], bool] = is_pending
    order: Callable[[Sequence[int]], Sequence[int]] = oldest_first
    looks_up: bool = True
    by_question: bool = True
    from_its_end: bool = True
    knew: bool = True
    shared: bool = True
    gives_up: bool = True
    restored: Doubt = Doubt.RESTORED
    reads_late: bool = True


@dataclass(frozen=True)
class Weakened:
    """A rule that was weakened on purpose.

    Attributes:
        name: What the command calls it.
        says: The wrong rule.
        rules: It.
        scenario: A world in which it does harm.
        wrong: What is found.
    """

    name: str
    says: str
    rules: Rules
    scenario: Scenario
    wrong: str


def _following(changed: Callable[[Next, Outcome], Next | None]) -> Rules:
    """The table with every row that this changes."""

    def follow(to: Direction, state: State, doubt: Doubt, outcome: Outcome) -> Next | None:
        after = delivery.follow(to, state, doubt, outcome)
        return None if after is None else changed(after, outcome)

    return Rules(follow=follow)


def _held_without_doubt(after: Next, _outcome: Outcome) -> Next:
    return replace(after, doubt=Doubt.NONE) if after.state is State.HELD else after


def _retried_into_the_queue(after: Next, outcome: Outcome) -> Next:
    if outcome is Outcome.RETRY:
        return replace(after, state=State.QUEUED, doubt=Doubt.NONE)
    return after


def _not_written_down(after: Next, outcome: Outcome) -> Next:
    if outcome is Outcome.STARTED:
        return replace(after, state=State.QUEUED, doubt=Doubt.NONE)
    return after


def _too_early_is_absent(after: Next, outcome: Outcome) -> Next:
    if outcome is Outcome.TOO_EARLY:
        return replace(after, state=State.QUEUED, doubt=Doubt.NONE)
    return after


def _look_up_fails_for_good(after: Next, outcome: Outcome) -> Next:
    if outcome is Outcome.LOOK_UP_FAILED:
        return replace(after, state=State.DEFERRED, doubt=Doubt.NONE)
    return after


def _given_up_in_silence(after: Next, outcome: Outcome) -> Next:
    return replace(after, tell=False) if outcome is Outcome.GIVEN_UP else after


def _parts_share_a_doubt(after: Next, outcome: Outcome) -> Next:
    if outcome is Outcome.PARTLY:
        return replace(after, state=State.DONE)
    return after


def _in_doubt_and_sent(to: Direction, state: State, doubt: Doubt, outcome: Outcome) -> Next | None:
    if outcome is Outcome.STARTED and state in delivery.PENDING:
        state, doubt = State.QUEUED, Doubt.NONE
    return delivery.follow(to, state, doubt, outcome)


def _no_answer_is_a_failure(failure: Failure) -> Outcome:
    return delivery.outcome_of(replace(failure, certain=True))


def _an_error_is_a_failure(failure: Failure) -> Outcome:
    return delivery.outcome_of(replace(failure, certain=failure.certain or failure.settled))


def _at_once(*_facts: object, **_more: object) -> None:
    return None


def _from_the_beginning(age: float, *, answered: bool, since_look: float | None) -> float | None:
    left = (history.SHOWN if answered else history.CARRIED_OUT) - age
    if since_look is None:
        return max(left, history.APART)
    left = max(left, history.APART - since_look)
    return left if left > 0 else None


def _one_look_is_enough(
    age: float,
    *,
    answered: bool,
    since_look: float | None,
) -> float | None:
    left = (history.SHOWN if answered else history.CARRIED_OUT) - age
    return left if left > 0 else None


def _held_too(row: Row) -> bool:
    return is_pending(row) or row.state is State.HELD


def _newest_first(items: Sequence[int]) -> Sequence[int]:
    return items[::-1]


_MAX = Scenario("replies", Direction.TO_MAX)
_DESK = Scenario("messages", Direction.TO_DESK, times=replace(SHORT, lag=0, work=2))
_SLOW = replace(_DESK, reading=1)
_LAGGING = replace(_MAX, chats=(0,), times=MIDDLE)

WEAKENED: tuple[Weakened, ...] = (
    Weakened("held without doubt", "A held delivery forgets that it may have been carried out.",
             _following(_held_without_doubt), _MAX, "twice"),
    Weakened("retried into the queue", "A retry sends what is in doubt again without a look-up.",
             _following(_retried_into_the_queue), _DESK, "twice"),
    Weakened("no answer is a failure", "A call without an answer was not carried out.",
             Rules(outcome_of=_no_answer_is_a_failure), _MAX, "twice"),
    Weakened("an error is a failure", "A call that was answered with an error was not carried out.",
             Rules(outcome_of=_an_error_is_a_failure), _DESK, "twice"),
    Weakened("sent while in doubt", "A call may begin while an earlier one is in doubt.",
             Rules(follow=_in_doubt_and_sent, looks_up=False), _MAX, "twice"),
    Weakened("not written down", "A call leaves before it is written down that it does.",
             _following(_not_written_down), _DESK, "twice"),
    Weakened("absent at once, MAX", "What the history does not show at once was not sent.",
             Rules(look_again_in=_at_once), _MAX, "twice"),
    Weakened("absent at once, desk", "What FreeScout does not show at once will not be there later.",
             Rules(absent_after=_at_once), _DESK, "twice"),
    Weakened("too early is absent", "A look-up that comes too early is believed.",
             _following(_too_early_is_absent), _DESK, "twice"),
    Weakened("from the beginning", "The time for the history to show what was answered with an error runs "
             "from the beginning of the call.",
             Rules(look_again_in=_from_the_beginning), _LAGGING, "twice"),
    Weakened("one look is enough", "One look-up that comes late enough is believed.",
             Rules(look_again_in=_one_look_is_enough), _LAGGING, "twice"),
    Weakened("by its answer", "A look-up tells what was there when its answer came.",
             Rules(by_question=False), _SLOW, "twice"),
    Weakened("files like words", "A call with files is carried out or not as soon as one with words alone.",
             Rules(from_its_end=False), replace(_DESK, chats=(0,), files=True), "twice"),
    Weakened("any known message", "Any message that is known by now ends the search in the history.",
             Rules(knew=False), _MAX, "twice"),
    Weakened("the same words", "A message with the same words is this one, even while another one with them is "
             "in doubt.",
             Rules(shared=False), replace(_MAX, words=("one", "one")), "twice"),
    Weakened("a failed look-up", "A look-up that failed ends the doubt.",
             _following(_look_up_fails_for_good), _DESK, "twice"),
    Weakened("restored without doubt", "What a backup calls undone was not done.",
             Rules(restored=Doubt.NONE), replace(_MAX, restores=True), "twice"),
    Weakened("read at once", "What FreeScout has right after a restore is all that it will have of before.",
             Rules(reads_late=False), replace(_DESK, chats=(0,), restores=True), "twice"),
    Weakened("one part is all", "The first message of a reply ends it.",
             _following(_parts_share_a_doubt), replace(_MAX, chats=(0,), parts=(2,)), "not there"),
    Weakened("held in front", "A held delivery keeps those behind it waiting.",
             Rules(in_line=_held_too), _DESK, "never comes to its end"),
    Weakened("tried for ever", "What fails by itself is tried again for ever.",
             Rules(gives_up=False), replace(_DESK, poisoned=frozenset({0})), "never comes to its end"),
    Weakened("newest first", "The newest delivery of a chat is served first.",
             Rules(order=_newest_first), _DESK, "overtakes"),
    Weakened("given up in silence", "What is given up is given up without a note.",
             _following(_given_up_in_silence), _DESK, "nobody is told"),
)  # fmt: skip
