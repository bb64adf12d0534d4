"""The real runner, driven from one thing that it waits for to the next.

:class:`maxbridge.engine.runner.Runner` is run with a channel that writes nothing down but says what it would
write. What the runner does depends on the delivery as it was taken up and on the answers so far, and on nothing
else; so it is begun anew with these answers for each step, and each step is remembered.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from enum import Enum, auto
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx

from explore.rules import Rules
from explore.world import NONE, TICK, Row, Scenario, Shown, Stage, Times
from maxbridge.core import history
from maxbridge.core.delivery import Direction, Doubt, Outcome
from maxbridge.core.errors import ApiError, Failure
from maxbridge.core.retry import RetryPolicy
from maxbridge.engine import runner as real
from maxbridge.engine.runner import Runner, Seen
from maxbridge.freescout import failures as desk_failures
from maxbridge.max import answers as max_failures
from maxbridge.store.records import InboxItem, Item, OutboxItem

NOW = 1_000_000.0


class Reply(Enum):
    """What a service answers to a call."""

    YES = "yes"
    NO = "a refusal"
    LATER = "not now, nothing was done"
    BROKEN = "an error, after which nobody knows"
    SILENCE = "nothing"
    STOPPED = "the customer has stopped the bot"


FAILURES: dict[tuple[Direction, Reply], Failure] = {
    (Direction.TO_MAX, Reply.NO): max_failures.classify_answer(400, {"code": "proto.payload"}),
    (Direction.TO_MAX, Reply.LATER): max_failures.not_connected(None),
    (Direction.TO_MAX, Reply.BROKEN): max_failures.classify_answer(500, {}),
    (Direction.TO_MAX, Reply.SILENCE): max_failures.timed_out(),
    (Direction.TO_MAX, Reply.STOPPED): max_failures.classify_answer(403, {"code": "chat.denied"}),
    (Direction.TO_DESK, Reply.NO): desk_failures.classify_answer(
        httpx.Response(400, json={"message": "Bad Request"})
    ),
    (Direction.TO_DESK, Reply.LATER): desk_failures.classify_error(httpx.ConnectError("")),
    (Direction.TO_DESK, Reply.BROKEN): desk_failures.classify_answer(httpx.Response(500)),
    (Direction.TO_DESK, Reply.SILENCE): desk_failures.timed_out(),
}
"""The real classifications of the answers."""


class Effect(Enum):
    """What is written down in one transaction, where it is more than an outcome of one delivery."""

    BEGIN = auto()
    """A call begins, of the delivery and of those that go with it."""
    ACCEPTED = auto()
    """The next part is there, and what went with it."""
    STEP_DOWN = auto()
    ALL = auto()
    """An outcome of the delivery and of those in one call with it."""
    HEAD = auto()
    """An outcome of the delivery; those in one call with it are taken back."""
    ONE = auto()


class Commit(NamedTuple):
    """One transaction."""

    effect: Effect
    outcome: Outcome | None = None


class Step(NamedTuple):
    """What the runner does up to the next thing that it waits for.

    Attributes:
        commits: The transactions, in order.
        stage: What it waits for then; None when it is done.
    """

    commits: tuple[Commit, ...]
    stage: Stage | None


class Facts(NamedTuple):
    """What a step depends on besides the answers.

    Attributes:
        row: The delivery as it was taken up.
        changes: It changes a message in place.
        repeats: Its call may be made again without a look-up.
        simpler: It has a simpler form left.
        exhausted: It has had its tries (see :mod:`maxbridge.core.blame`); any verdict is tried.
        begins: The store allows the call to begin.
        others: Others go in one call with it.
        took: Ticks that the call took, or may have taken.
        asked: Ticks since the look-up was asked for.
    """

    row: Row
    changes: bool
    repeats: bool
    simpler: bool
    exhausted: bool = False
    begins: bool = True
    others: bool = False
    took: int = 0
    asked: int = 0


class Answer(NamedTuple):
    """What the runner is told at one stage.

    Attributes:
        shown: Of a look-up.
        ready: Of a preparation: the call can be made.
        failed: A reading failed.
        reply: Of a call.
    """

    shown: Shown | None = None
    ready: bool = False
    failed: bool = False
    reply: Reply | None = None


class _Ask:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def __await__(self) -> Generator[_Ask, Answer, Answer]:
        answer: Answer = yield self
        return answer


class _Channel:
    """Says what it would write down; the real channels are in inbound/channel.py and outbound/channel.py."""

    points = ("before", "after")

    def __init__(self, to: Direction, facts: Facts, times: Times, rules: Rules) -> None:
        self.to = to
        self.facts = facts
        self.times = times
        self.rules = rules
        self.commits: list[Commit] = []
        self.now = NOW - facts.asked * TICK

    def _write(self, effect: Effect, outcome: Outcome | None = None) -> None:
        self.commits.append(Commit(effect, outcome))

    def may_repeat(self, _item: Any) -> bool:
        return self.facts.repeats

    async def look_up(self, item: Any, asked_at: float) -> Seen[str]:
        answer = await _Ask(Stage.LOOK_UP)
        self.now = NOW
        shown = answer.shown
        if answer.failed or shown is None:
            raise ApiError(FAILURES[self.to, Reply.SILENCE])
        asked_at = asked_at if self.rules.by_question else NOW
        again = None if shown.copy != NONE and not shown.shared else self._again(item, asked_at)
        if shown.copy != NONE:
            return Seen(Outcome.ACCEPTED, "there", again_at=again)
        outcome = Outcome.UNKNOWABLE if shown.unclear else Outcome.ABSENT
        return Seen(outcome, again_at=again)

    def _again(self, item: Any, asked_at: float) -> float | None:
        """As the real channels ask the real rules."""
        if self.to is Direction.TO_DESK:
            if item.attempted_at is None:
                return None  # only a lost database can have posted it, and that was read
            policy = RetryPolicy(settle=self.times.settle * TICK)
            return self.rules.absent_after(
                item.doubt,
                item.attempted_at,
                took=self.facts.took * TICK,
                asked_at=asked_at,
                policy=policy,
            )
        looked = None if self.facts.row.absent == NONE else NOW - self.facts.row.absent * TICK
        answered = item.doubt is Doubt.ANSWERED
        with patch.multiple(
            history,
            SHOWN=self.times.answered * TICK,
            CARRIED_OUT=self.times.settle * TICK,
            APART=self.times.apart * TICK,
        ):
            wait = self.rules.look_again_in(
                asked_at - item.attempted_at,
                answered=answered,
                since_look=None if looked is None else asked_at - looked,
            )
        return None if wait is None else self.now + wait

    async def prepare(self, _item: Any) -> str | None:
        answer = await _Ask(Stage.PREPARE)
        if answer.failed:
            raise ApiError(FAILURES[self.to, Reply.LATER])
        if not answer.ready:
            self._write(Effect.ONE, Outcome.MAKES_WAY)
            return None
        return "call"

    def begin(self, call: str) -> str | None:
        self._write(Effect.BEGIN)
        return call if self.facts.begins else None

    async def send(self, _call: str) -> str:
        answer = await _Ask(Stage.SEND)
        if answer.reply is None or answer.reply is Reply.YES:
            return "there"
        failure = FAILURES[self.to, answer.reply]
        if self.facts.changes:
            # As the MAX channel does it: there is never a doubt to be looked up.
            failure = replace(failure, certain=True)
        raise ApiError(failure)

    def release(self, call: str) -> None:
        pass

    def accepted(self, _item: Any, _call: str | None, _receipt: str) -> None:
        self._write(Effect.ACCEPTED)

    def other_way(self, _item: Any, _call: str, failure: Failure) -> bool:
        if failure.code != "max.blocked":
            return False
        self._write(Effect.ONE, Outcome.BLOCKED)
        return True

    def step_down(self, _item: Any, _failure: Failure, _unready: bool) -> bool:
        if not self.facts.simpler:
            return False
        self._write(Effect.STEP_DOWN)
        return True

    def failed(
        self, _item: Any, call: str | None, outcome: Outcome, _failure: Failure, *, at: float
    ) -> None:
        del at  # when it is due again does not matter: here it may be tried at any time
        if self.to is Direction.TO_MAX:
            self._write(Effect.ONE, outcome)
        elif outcome in (Outcome.NO_ANSWER, Outcome.UNCLEAR, Outcome.UNKNOWABLE):
            self._write(Effect.ALL, outcome)
        elif outcome is Outcome.ABSENT:
            self._write(Effect.HEAD, outcome)
        elif call is not None:
            # Nobody knows which of several was refused: each alone, then.
            alone = self.facts.others and outcome is Outcome.REFUSED
            self._write(Effect.HEAD, Outcome.FAILED if alone else outcome)
        else:
            self._write(Effect.ONE, outcome)


class _Silent:
    """Takes whatever it is told."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_fields: None


class _Verdict(_Silent):
    """Says of every delivery that it has had its tries, or that it has not."""

    def __init__(self, exhausted: bool) -> None:
        self._exhausted = exhausted

    def is_exhausted(self, _item_id: int, _now: float, **_of: bool) -> bool:
        return self._exhausted


def _item(to: Direction, row: Row) -> Item:
    common: dict[str, Any] = {
        "id": 1,
        "key": "key",
        "chat_id": 1,
        "state": row.state,
        "doubt": row.doubt,
        "created_at": NOW - 1.0,
        "attempts": 0,
        "first_try_at": NOW,
        "attempted_at": None if row.age == NONE else NOW - row.age * TICK,
        "next_at": 0.0,
        "error": None,
    }
    if to is Direction.TO_DESK:
        return InboxItem(**common, update_type="", payload="", target_id=None, desk_at=None)
    return OutboxItem(**common, conversation_id=None, thread_id=None, excerpt="", parts=())


class Steps:
    """All steps of one way, remembered."""

    def __init__(self, scenario: Scenario, rules: Rules) -> None:
        self._to = scenario.to
        self._times = scenario.times
        self._rules = rules
        self.step = cache(self._step)

    def _step(self, facts: Facts, answers: tuple[Answer, ...]) -> Step:
        """What the runner does after the last of these answers.

        Args:
            facts: What it knows.
            answers: What it was told so far.
        """
        channel = _Channel(self._to, facts, self._times, self._rules)
        gate: Any = SimpleNamespace(
            loop=SimpleNamespace(name="explore"),
            ok=lambda: None,
            accepted=lambda _item_id: None,
            failed_for=lambda *_args: None,
            begins=lambda *_: None,
            blame=_Verdict(facts.exhausted),
        )
        runner: Any = Runner(
            channel, gate, RetryPolicy(), now=lambda: channel.now, jitter=lambda: 0.0
        )
        runner._log = _Silent()
        work = runner.deliver(_item(self._to, facts.row))
        told: Answer | None = None
        with patch.object(real, "outcome_of", self._rules.outcome_of):
            try:
                for answer in (*answers, None):
                    asked: _Ask = work.send(told)
                    told = answer
                    if answer is not None:
                        channel.commits.clear()
                work.close()
            except StopIteration:
                return Step(tuple(channel.commits), None)
        return Step(tuple(channel.commits), asked.stage)
