"""The life of a delivery in both directions, as one table: state × doubt × outcome → what follows.

A delivery is a customer's message or a note on its way to the desk, or a reply, an edit or a
greeting on its way to MAX. Three facts decide what follows:

- its *state*: its place in the queue (:class:`State`);
- its *doubt*: whether it may have been carried out although nobody confirmed it (:class:`Doubt`).
  Set when an attempt begins, kept while ``held``, cleared only by a look-up or by a clear answer;
- the *outcome*: what has just happened (:class:`Outcome`).

:data:`TABLE` is the whole rule; :func:`follow` looks a row up. If the table has no row for a
combination, :func:`follow` returns None and nothing changes: for example, an administrator decided
in the meantime. The failure's code (column ``error``) is for people; no rule reads it.

Neither service takes an idempotency key (contract max.md 5.1, freescout.md 4). Therefore:

- ``sending`` and a doubt are committed before each call. A delivery found ``sending`` at start was
  being sent when the process died.
- No call is made for a delivery in doubt, except changes that may be repeated (an edit, a
  deletion).
- A held delivery keeps its doubt, so ``queue retry`` looks it up before it is sent again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from maxbridge.core.errors import Failure, Invariant, Kind, RuleBrokenError


class State(StrEnum):
    """Where a delivery stands in its queue; the names follow Postfix."""

    QUEUED = "queued"
    SENDING = "sending"
    """A call is being made, or its outcome is unknown and must be looked up. Every pending delivery in doubt has
    this state, except a change that waits for its customer."""
    DEFERRED = "deferred"
    """Put off; retried automatically."""
    HELD = "held"
    """Waits for an administrator's decision."""
    DONE = "done"
    BOUNCED = "bounced"
    """Returned to the agent with a note."""
    IGNORED = "ignored"
    """Stored; nothing to do."""
    PARKED = "parked"
    """The customer or chat it concerns is unknown."""


PENDING = (State.QUEUED, State.SENDING, State.DEFERRED)
"""States that a worker still has to do something about."""
_WAITING = (State.QUEUED, State.DEFERRED)
FINISHED = (State.DONE, State.IGNORED, State.BOUNCED)
"""States from which nothing follows any more."""


class Doubt(StrEnum):
    """Why a delivery may have been carried out although nobody confirmed it."""

    NONE = ""
    """It was certainly not carried out: no attempt was made, or none since the last look-up."""
    CRASHED = "crashed"
    """The process ended during the call. Every attempt sets this value first, so a crash leaves it."""
    NO_ANSWER = "no_answer"
    """The connection broke or the call timed out; the service may still carry it out for a while."""
    ANSWERED = "answered"
    """The answer does not say whether it was done (a 500, or an unreadable success)."""
    RESTORED = "restored"
    """The database was restored from a backup; the lost one may have carried it out."""
    RETRIED = "retried"
    """It was held in doubt and will be looked up again; later deliveries may have been sent since."""


_DOUBTS = tuple(each for each in Doubt if each is not Doubt.NONE)
_CALL = (Doubt.CRASHED,)
_ANY = tuple(Doubt)


class Direction(StrEnum):
    """The direction of a delivery."""

    TO_DESK = "in"
    TO_MAX = "out"


_BOTH = tuple(Direction)


class Outcome(StrEnum):
    """What has just happened to a delivery."""

    # A call
    STARTED = "started"
    """A call is about to be made; committed before the first byte leaves."""
    CHANGE_STARTED = "change started"
    """As ATTEMPT, for a change in place, which may be repeated without harm."""
    ACCEPTED = "accepted"
    """The service did it, or a look-up shows that it did."""
    PARTLY = "partly accepted"
    """As ACCEPTED, and another call follows for the rest of this delivery."""
    FAILED = "failed"
    """It was certainly not done; a later try may succeed."""
    REFUSED = "refused"
    """It was certainly not done and never will be in this form."""
    NO_ANSWER = "no answer"
    UNCLEAR = "unclear answer"
    BLOCKED = "blocked"
    """The customer stopped the bot."""

    # Before a call
    UNREADY = "unready"
    """Something that the call needs (a ticket, a file) is not available now."""
    STEPPED_DOWN = "stepped down"
    """It was certainly not done; a simpler form replaces it."""
    TAKEN_BACK = "taken back"
    """It shared a call with others, and that call was certainly not carried out."""
    GIVEN_UP = "given up"
    """It fails by itself in every form while the service accepts others (:mod:`maxbridge.core.blame`)."""
    MAKES_WAY = "makes way"
    """Its turn has not come yet; not a failure."""
    ELSEWHERE = "nothing to do"
    """Nothing needs to be sent (any more): nobody has to see it, or it is there already."""
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    """No part of it is left that can be sent."""
    EXPIRED = "expired"

    # A look-up
    ABSENT = "absent"
    """The service does not have it and had enough time: it was certainly not done."""
    TOO_EARLY = "too early to tell"
    """No trace of it yet, but the hanging call may still be carried out."""
    LOOK_UP_FAILED = "look-up failed"
    UNKNOWABLE = "cannot be known"
    """No look-up can tell."""
    OTHER_FOUND = "an earlier version found"
    """The service has it with other words: edit it in place instead of sending it."""

    # A bug, and an administrator
    BUG = "bug"
    HOLD = "hold"
    RETRY = "retry"
    RETRY_ANYWAY = "retry anyway"
    DROP = "drop"
    RELEASE = "release"


class Due(StrEnum):
    """When a delivery is worked on again."""

    NOW = "now"
    LATER = "later"
    """After the backoff, or after the pause that the service asked for."""
    SETTLED = "settled"
    """When the hanging call can no longer be carried out."""
    NEVER = "never"
    """Never by itself: finished, or waits for a person or the customer."""


@dataclass(frozen=True, slots=True)
class Next:
    """What follows from an outcome.

    Attributes:
        state: The new state.
        doubt: The new doubt.
        due: When it is worked on again.
        counts: Count one more failed try.
        anew: Restart the count of tries: the delivery has another form, or goes on with another
            part.
        tell: Tell the agents with a private note.
        why: The reason for this row, for readers of the table.
    """

    state: State
    doubt: Doubt
    due: Due
    counts: bool
    anew: bool
    tell: bool
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    Attributes:
        outcome: The outcome that it applies to.
        states: The states that it applies to.
        doubts: The doubts that it applies to.
        state: The new state; None to keep it.
        doubt: The new doubt; None to keep it.
        due: When the delivery is worked on again.
        why: The reason for the row.
        to: The directions that it applies to.
        counts: See :class:`Next`.
        anew: See :class:`Next`.
        tell: See :class:`Next`.
    """

    outcome: Outcome
    states: Collection[State]
    doubts: Collection[Doubt]
    state: State | None
    doubt: Doubt | None
    due: Due
    why: str = field(kw_only=True)
    to: Collection[Direction] = field(default=_BOTH, kw_only=True)
    counts: bool = field(default=False, kw_only=True)
    anew: bool = field(default=False, kw_only=True)
    tell: bool = field(default=False, kw_only=True)


_S, _D, _O, _T = State, Doubt, Outcome, Due
_IN_FLIGHT = (State.SENDING,)
_TO_MAX, _TO_DESK = (Direction.TO_MAX,), (Direction.TO_DESK,)
_RESTORED = (Doubt.RESTORED,)

# fmt: off
TABLE: tuple[Rule, ...] = (
    # --- a call begins ----------------------------------------------------------------------------
    Rule(_O.STARTED, _WAITING, (_D.NONE,), _S.SENDING, _D.CRASHED, _T.NOW,
         why="Nothing may be sent that is still in doubt: then a look-up comes first."),
    Rule(_O.CHANGE_STARTED, _WAITING, (_D.NONE,), _S.SENDING, _D.CRASHED, _T.NOW, to=_TO_MAX,
         why="Editing or deleting twice is as good as once: what is in doubt is made again, without a look-up."),
    Rule(_O.CHANGE_STARTED, PENDING, _RESTORED, _S.SENDING, None, _T.NOW, to=_TO_MAX,
         why="What a change leaves behind it may have been sent all the same, by the lost database."),

    # --- and ends ---------------------------------------------------------------------------------
    Rule(_O.ACCEPTED, _IN_FLIGHT, _DOUBTS, _S.DONE, _D.NONE, _T.NEVER,
         why="An answer that says yes ends a doubt; so does a look-up that finds it."),
    Rule(_O.ACCEPTED, _WAITING, _ANY, _S.DONE, _D.NONE, _T.NEVER,
         why="It is there without a call of ours: the lost database made it, or it needed none."),
    Rule(_O.PARTLY, _IN_FLIGHT, (*_CALL, _D.NO_ANSWER, _D.ANSWERED, _D.RETRIED), _S.QUEUED, _D.NONE, _T.NOW,
         anew=True, why="The next part was never tried: parts are sent one after another."),
    Rule(_O.PARTLY, _IN_FLIGHT, _RESTORED, _S.SENDING, None, _T.NOW, anew=True,
         why="The lost database sent this part, so it may have sent the next one, too."),
    Rule(_O.FAILED, _IN_FLIGHT, _CALL, _S.DEFERRED, _D.NONE, _T.LATER, counts=True,
         why="The service said no, or was not reached: certainly not done."),
    Rule(_O.FAILED, _IN_FLIGHT, _RESTORED, None, None, _T.LATER, counts=True, to=_TO_MAX,
         why="A change failed; whether what stands behind it was sent is still not known."),
    Rule(_O.REFUSED, _IN_FLIGHT, _CALL, _S.HELD, _D.NONE, _T.NEVER, counts=True, tell=True, to=_TO_DESK,
         why="A customer's words are never thrown away: a person decides, and the ticket says so."),
    Rule(_O.REFUSED, _IN_FLIGHT, (*_CALL, *_RESTORED), _S.BOUNCED, _D.NONE, _T.NEVER, counts=True, tell=True,
         to=_TO_MAX, why="The agent still has the words: they go back with the reason."),
    Rule(_O.NO_ANSWER, _IN_FLIGHT, _CALL, None, _D.NO_ANSWER, _T.LATER, counts=True,
         why="It may have been done, and may still be done for a while."),
    Rule(_O.UNCLEAR, _IN_FLIGHT, _CALL, None, _D.ANSWERED, _T.LATER, counts=True,
         why="It may have been done; what the service did, it has done by now."),
    Rule(_O.BLOCKED, _IN_FLIGHT, _CALL, _S.DEFERRED, _D.NONE, _T.NEVER, tell=True, to=_TO_MAX,
         why="Certainly not sent; it leaves when the customer starts the bot or writes again."),
    Rule(_O.BLOCKED, _IN_FLIGHT, _RESTORED, _S.DEFERRED, None, _T.NEVER, tell=True, to=_TO_MAX,
         why="The same for a change; what stands behind it is looked up when the customer is back."),

    Rule(_O.TAKEN_BACK, _IN_FLIGHT, (*_CALL, _D.NO_ANSWER, _D.ANSWERED, _D.RETRIED), _S.QUEUED, _D.NONE, _T.NOW,
         to=_TO_DESK, why="What was not done for the first of a batch was done for none of it."),

    # --- before a call ----------------------------------------------------------------------------
    Rule(_O.UNREADY, _WAITING, (_D.NONE,), _S.DEFERRED, None, _T.LATER, counts=True,
         why="Nothing was sent: a reading or a transfer failed before it."),
    Rule(_O.UNREADY, PENDING, _RESTORED, None, None, _T.LATER, counts=True, to=_TO_MAX,
         why="The same for a change with others in doubt behind it."),
    Rule(_O.MAKES_WAY, _WAITING, _ANY, _S.DEFERRED, None, _T.LATER,
         why="Order or pace wants it so; nothing failed."),
    Rule(_O.MAKES_WAY, _IN_FLIGHT, _RESTORED, _S.DEFERRED, None, _T.LATER, to=_TO_MAX,
         why="A change whose customer stopped the bot waits, and what stands behind it stays in doubt."),
    Rule(_O.STEPPED_DOWN, PENDING, (_D.NONE, *_CALL), _S.QUEUED, _D.NONE, _T.NOW, anew=True,
         why="Certainly not done in this form; the next form has its own tries."),
    Rule(_O.STEPPED_DOWN, PENDING, _RESTORED, _S.SENDING, None, _T.NOW, anew=True, to=_TO_MAX,
         why="A change takes another form; what stands behind it stays in doubt."),
    Rule(_O.GIVEN_UP, _WAITING, (_D.NONE,), _S.HELD, None, _T.NEVER, tell=True, to=_TO_DESK,
         why="It would stop its customer's later messages for ever; the ticket says that one is missing."),
    Rule(_O.GIVEN_UP, PENDING, (_D.NONE, *_RESTORED), _S.BOUNCED, _D.NONE, _T.NEVER, tell=True, to=_TO_MAX,
         why="It would stop the later replies for ever; the agent still has the words."),
    Rule(_O.ELSEWHERE, PENDING, _ANY, _S.IGNORED, _D.NONE, _T.NEVER,
         why="Nobody has to see it."),
    Rule(_O.UNREADABLE, _WAITING, (_D.NONE,), _S.PARKED, None, _T.NEVER, to=_TO_DESK,
         why="Nobody can say what it means; it is kept and shown."),
    Rule(_O.EMPTY, PENDING, _ANY, _S.BOUNCED, _D.NONE, _T.NEVER, tell=True, to=_TO_MAX,
         why="Nothing is left to send, so there is nothing to be sent twice."),
    Rule(_O.EXPIRED, _WAITING, _ANY, _S.BOUNCED, None, _T.NEVER, tell=True, to=_TO_MAX,
         why="After so long an answer helps nobody; what is in doubt is not given up but looked up."),

    # --- a look-up --------------------------------------------------------------------------------
    Rule(_O.ABSENT, PENDING, _DOUBTS, _S.QUEUED, _D.NONE, _T.NOW,
         why="Only a look-up that came late enough may say so; then it is sent like any other."),
    Rule(_O.TOO_EARLY, _IN_FLIGHT, _DOUBTS, None, None, _T.SETTLED,
         why="A call that hung may still be carried out: look again when it has had its time."),
    Rule(_O.LOOK_UP_FAILED, PENDING, _DOUBTS, None, None, _T.LATER, counts=True,
         why="Nothing new is known: the doubt stays, whatever the look-up met."),
    Rule(_O.UNKNOWABLE, PENDING, _DOUBTS, _S.HELD, None, _T.NEVER, tell=True,
         why="We do not guess. It keeps its doubt, so that a retry looks it up again."),
    Rule(_O.OTHER_FOUND, PENDING, _RESTORED, _S.SENDING, None, _T.NOW, to=_TO_MAX,
         why="It was sent and edited since: its words are changed in place."),

    # --- a bug, and an administrator --------------------------------------------------------------
    Rule(_O.BUG, PENDING, _ANY, _S.HELD, None, _T.NEVER, tell=True,
         why="The doubt of the attempt, if one was begun, says whether it may have been done."),
    Rule(_O.HOLD, _WAITING, _ANY, _S.HELD, None, _T.NEVER,
         why="Only what is not being sent can be stopped."),
    Rule(_O.RETRY, (_S.HELD,), (_D.NONE,), _S.QUEUED, None, _T.NOW, anew=True,
         why="It certainly was not done."),
    Rule(_O.RETRY, (_S.HELD,), _RESTORED, _S.SENDING, None, _T.NOW, anew=True,
         why="It may have been done, and others behind it: a look-up first."),
    Rule(_O.RETRY, (_S.HELD,), (*_CALL, _D.NO_ANSWER, _D.ANSWERED, _D.RETRIED), _S.SENDING, _D.RETRIED, _T.NOW,
         anew=True, why="It may have been done, and others were sent since: a look-up first."),
    Rule(_O.RETRY_ANYWAY, (_S.HELD,), _ANY, _S.QUEUED, _D.NONE, _T.NOW, anew=True,
         why="The administrator has looked, and says so in as many words."),
    Rule(_O.DROP, (*_WAITING, _S.HELD), _ANY, _S.IGNORED, None, _T.NEVER,
         why="The administrator gives it up; a call that is under way cannot be taken back."),
    Rule(_O.DROP, (_S.PARKED,), (_D.NONE, *_RESTORED), _S.IGNORED, None, _T.NEVER, to=_TO_DESK,
         why="The same for what was put aside."),
    Rule(_O.RELEASE, (_S.PARKED,), (_D.NONE,), _S.QUEUED, None, _T.NOW, to=_TO_DESK,
         why="What was put aside goes on in its order."),
    Rule(_O.RELEASE, (_S.PARKED,), _RESTORED, _S.SENDING, None, _T.NOW, to=_TO_DESK,
         why="The same, and the lost database may have posted it: a look-up first."),
)
# fmt: on


def _rows() -> Iterator[tuple[tuple[Direction, State, Doubt, Outcome], Next]]:
    for rule in TABLE:
        for direction in rule.to:
            for state in rule.states:
                for doubt in rule.doubts:
                    yield (
                        (direction, state, doubt, rule.outcome),
                        Next(
                            state if rule.state is None else rule.state,
                            doubt if rule.doubt is None else rule.doubt,
                            rule.due,
                            rule.counts,
                            rule.anew,
                            rule.tell,
                            rule.why,
                        ),
                    )


def _table() -> dict[tuple[Direction, State, Doubt, Outcome], Next]:
    table: dict[tuple[Direction, State, Doubt, Outcome], Next] = {}
    for key, following in _rows():
        if key in table:
            raise ValueError(f"two rows for {key}")
        table[key] = following
    return table


_TABLE = _table()


_ENDS_A_CALL = (_O.FAILED, _O.REFUSED, _O.NO_ANSWER, _O.UNCLEAR, _O.BLOCKED)
"""How a call of ours ends that was not accepted: nobody but its worker moves a delivery out of ``sending``."""


def see_that_it_may_move(state: State, outcome: Outcome) -> None:
    """Check that an outcome for which the table has no row is merely late, not a bug.

    Between two steps of a worker an administrator may hold, drop, retry or release a delivery, and
    it may expire. But a call that has begun ends in ``sending``, and a finished delivery is not
    carried out again.

    Args:
        state: The delivery's state.
        outcome: The reported outcome.

    Raises:
        RuleBrokenError: It is a bug.
    """
    done_again = state is State.DONE and outcome in (Outcome.ACCEPTED, Outcome.PARTLY)
    if done_again or outcome in _ENDS_A_CALL:
        raise RuleBrokenError(Invariant.MOVE, f"{outcome.value} while {state.value}")


def see_that_it_may_leave(standing: Collection[tuple[State, Doubt]], many: int) -> None:
    """Check that every delivery of one call is stored as ``sending`` before the call is made.

    Args:
        standing: Stored state and doubt of each.
        many: How many there must be.

    Raises:
        RuleBrokenError: One is not; after a crash it would be sent twice.
    """
    if len(standing) != many:
        raise RuleBrokenError(
            Invariant.UNWRITTEN, f"{many - len(standing)} of {many} not in the queue"
        )
    for state, doubt in standing:
        if state is not State.SENDING or doubt is Doubt.NONE:
            raise RuleBrokenError(
                Invariant.UNWRITTEN, f"{state.value}, doubt {doubt.value or 'none'}"
            )


def outcome_of(failure: Failure) -> Outcome:
    """Return the outcome of a failed call.

    A failure that leaves the delivery in doubt never counts as a refusal, whatever its other
    attributes say.

    Args:
        failure: What happened.
    """
    if not failure.certain:
        return Outcome.UNCLEAR if failure.settled else Outcome.NO_ANSWER
    return Outcome.REFUSED if failure.kind is Kind.PERMANENT else Outcome.FAILED


def follow(direction: Direction, state: State, doubt: Doubt, outcome: Outcome) -> Next | None:
    """Return what follows from an outcome; None if the table has no row for it.

    Args:
        direction: The delivery's direction.
        state: Its state.
        doubt: Its doubt.
        outcome: What has just happened.
    """
    return _TABLE.get((direction, state, doubt, outcome))
