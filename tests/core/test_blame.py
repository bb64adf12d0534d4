"""core.blame: whose trouble a failure is. Cases A1 and A3, outages, and the laws behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.core import blame
from maxbridge.core.blame import LEAST_TRIES, MOST_TRIES, PATIENCE, SEVERAL, Blame, Whose
from maxbridge.core.errors import Failure, Kind, Scope

BROKEN = Failure("desk.server_error", Kind.TRANSIENT, certain=False, scope=Scope.UNKNOWN)
FORBIDDEN = Failure("desk.forbidden", Kind.CONFIG, certain=True, scope=Scope.UNKNOWN)
SILENCE = Failure("desk.timeout", Kind.TRANSIENT, certain=False, scope=Scope.UNKNOWN)
SLOW_DOWN = Failure("desk.too_many_requests", Kind.TRANSIENT, certain=True, scope=Scope.END)
FAILURES = (BROKEN, FORBIDDEN, SILENCE)
POISONED, OTHER = 1, 1000


@dataclass
class Service:
    """A service and the deliveries that are tried there, at times that the test tells."""

    blame: Blame
    now: float = 0.0
    others: int = OTHER

    def fails(self, chat: int, failure: Failure = BROKEN) -> Whose:
        """The one delivery of a chat fails."""
        return self.blame.failed(chat, chat, failure, self.now)

    def pass_(self, count: int = 1, *, after: int = 0) -> None:
        """Deliveries of others get through, each after so many failed tries."""
        for _ in range(count):
            self.others += 1
            for _ in range(after):
                self.blame.failed(self.others, self.others, BROKEN, self.now)
            self.blame.accepted(self.others)

    def is_exhausted(self, chat: int = POISONED) -> bool:
        return self.blame.is_exhausted(chat, self.now)


def given_up_after(passing: int, *, every: float, failure: Failure = BROKEN) -> tuple[int, float]:
    """After how many tries, and seconds, a delivery has had its tries while so many others pass between two."""
    service = Service(Blame())
    for tries in range(1, 200):
        service.fails(POISONED, failure)
        if service.is_exhausted():
            return tries, service.now
        service.pass_(passing)
        service.now += every
    raise AssertionError("tried for ever")


# --- cases ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: each.code)
def test_three_poisoned_chats_while_five_others_write(failure: Failure) -> None:
    # Case A1: nobody else got through; every call went to the poisoned three.
    service = Service(Blame())
    poisoned = (1, 2, 3)
    tries: dict[int, int] = defaultdict(int)
    whose: dict[int, list[Whose]] = defaultdict(list)
    while service.now < PATIENCE and not all(map(service.is_exhausted, poisoned)):
        for chat in poisoned:
            if not service.is_exhausted(chat):
                tries[chat] += 1
                whose[chat].append(service.fails(chat, failure))
        service.pass_(5)
        service.now += 20.0
    assert all(map(service.is_exhausted, poisoned))
    assert all(LEAST_TRIES < tries[chat] <= MOST_TRIES + 1 for chat in poisoned)
    for chat in poisoned:
        # Until somebody gets past it, three that fail look like the service.
        assert set(whose[chat][1:]) == {Whose.ITEM}
    assert service.now < PATIENCE / 2


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: each.code)
def test_one_poisoned_message_makes_way_while_others_pass(failure: Failure) -> None:
    # Case A3: a hundred tries in six hours, and the customer's next message never arrived.
    tries, seconds = given_up_after(1, every=60.0, failure=failure)
    assert tries <= MOST_TRIES + 1
    assert seconds <= PATIENCE


def test_the_more_others_get_through_the_sooner_it_makes_way() -> None:
    seconds = [given_up_after(passing, every=30.0)[1] for passing in (1, 5, 20, 100)]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] > 2 * seconds[-1]
    tries = given_up_after(1000, every=1.0)[0]
    assert tries >= LEAST_TRIES


def test_the_only_one_that_fails_while_the_service_answers_is_in_trouble_by_itself() -> None:
    # Nobody else writes that night; polls succeed.
    service = Service(Blame())
    for _ in range(100):
        service.fails(POISONED)
        if service.is_exhausted():
            break
        service.blame.answered()
        service.now += 60.0
    assert service.is_exhausted()
    assert service.now <= 2 * PATIENCE


def test_a_call_that_hangs_is_not_blamed_because_readings_succeed() -> None:
    # POSTs may hang while lists are read; only somebody else's POST tells that this one is different.
    service = Service(Blame())
    for _ in range(100):
        assert service.fails(POISONED, SILENCE) is Whose.UNKNOWN
        service.blame.answered()
        service.now += 60.0
    assert not service.is_exhausted()
    for _ in range(20):
        service.pass_()
        service.fails(POISONED, SILENCE)
        service.now += 60.0
    assert service.is_exhausted()


def test_calls_that_others_overtake_are_their_own_trouble_however_many_hang() -> None:
    blame = Blame()
    for chat in range(40):
        blame.begins(chat, 10.0)
    blame.begins(99, 11.0)
    blame.accepted(99)
    for chat in range(40):
        assert blame.failed(chat, chat, SILENCE, 40.0) is Whose.ITEM
    # One that was not overtaken tells nothing, and those that were do not make it one of several.
    blame.begins(50, 12.0)
    assert blame.failed(50, 50, SILENCE, 42.0) is Whose.UNKNOWN
    # Nor does an answer: it says something of the service, however late it comes.
    blame.begins(51, 10.0)
    assert blame.failed(51, 51, BROKEN, 42.0) is Whose.UNKNOWN


def test_a_reading_may_be_overtaken_by_readings_and_a_post_may_not() -> None:
    blame = Blame()
    blame.begins(1, 10.0)
    blame.begins(2, 10.0)
    blame.begins(0, 11.0)
    blame.answered(0)
    assert blame.failed(1, 1, SILENCE, 40.0) is Whose.UNKNOWN
    assert blame.failed(2, 2, SILENCE, 40.0, reading=True) is Whose.ITEM


def test_where_every_call_fails_nobody_is_blamed_however_well_the_lists_are_read() -> None:
    # The disk of the desk is full: it reads, and takes nothing.
    service = Service(Blame())
    for _ in range(500):
        whose = [service.fails(chat) for chat in range(SEVERAL)]
        service.blame.answered()
        service.now += 60.0
    assert whose[-1] is Whose.SERVICE
    assert not any(map(service.is_exhausted, range(SEVERAL)))


def test_an_outage_that_is_over_has_blamed_nobody() -> None:
    service = Service(Blame())
    for _ in range(50):
        for chat in range(20):
            service.fails(chat)
        service.now += 300.0
    for chat in range(19):
        service.blame.accepted(chat)
    assert not service.is_exhausted(19)
    service.fails(19)
    assert not service.is_exhausted(19)


@pytest.mark.parametrize("failed", [1, 3])
def test_where_many_calls_fail_a_row_of_failures_proves_little(failed: int) -> None:
    # Every second call fails, or three of four: then others fail as often before they get through.
    service = Service(Blame())
    tries = 0
    while not service.is_exhausted():
        service.fails(POISONED)
        tries += 1
        service.pass_(2, after=failed)
        service.now += 60.0
        assert tries < 100
    chance = failed / (failed + 1)
    assert chance**tries < 0.002
    assert tries > MOST_TRIES


def weather(*, reading: bool, passing: int) -> int:
    """Failures until a delivery has had its tries, while every second reading fails and few, or many, others get through."""
    service = Service(Blame())
    for tries in range(1, 100):
        service.fails(POISONED)
        if service.blame.is_exhausted(POISONED, service.now, reading=reading):
            return tries
        service.pass_(passing if tries % 4 == 1 else 0)
        service.blame.answered()
        service.blame.unanswered()
        service.now += 120.0
    raise AssertionError("tried for ever")


def test_one_delivery_that_got_through_does_not_outweigh_readings_that_fail_all_the_time() -> None:
    # Found by a soak: a reply was held after seven look-ups had met the weather of everybody.
    assert 0.5 ** weather(reading=True, passing=1) < 0.002
    assert 0.5 ** weather(reading=False, passing=1) < 0.01
    # Where deliveries do get through, a message is compared with them, and a look-up still with readings.
    assert weather(reading=False, passing=100) <= MOST_TRIES
    assert 0.5 ** weather(reading=True, passing=100) < 0.002


def test_even_too_many_requests_may_be_about_one_delivery() -> None:
    # A firewall may answer one message so for ever; whose pace it is would be met by others, too.
    service = Service(Blame())
    service.fails(POISONED, SLOW_DOWN)
    for _ in range(10):
        service.pass_(3)
        service.now += 60.0
        assert service.fails(POISONED, SLOW_DOWN) is Whose.ITEM
    assert service.is_exhausted()


def exhausted() -> Service:
    service = Service(Blame())
    while not service.is_exhausted():
        service.fails(POISONED)
        service.pass_(2)
        service.now += 60.0
    return service


def test_a_simpler_form_has_one_try_before_the_next() -> None:
    service = exhausted()
    service.blame.stepped_down(POISONED)
    assert not service.is_exhausted()
    service.pass_()
    service.fails(POISONED)
    assert service.is_exhausted()


def test_what_got_through_or_was_mended_begins_anew() -> None:
    for ends in (Blame.accepted, Blame.forget):
        service = exhausted()
        ends(service.blame, POISONED)
        assert not service.is_exhausted()
        assert service.fails(POISONED) is Whose.UNKNOWN


def test_a_clock_that_is_set_back_costs_no_more_than_the_most_tries() -> None:
    service = Service(Blame())
    for _ in range(MOST_TRIES + 1):
        assert not service.is_exhausted()
        service.fails(POISONED)
        service.pass_(2)
        service.now -= 3600.0
    assert service.is_exhausted()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert blame._MOST == 10_000
    monkeypatch.setattr(blame, "_MOST", 100)
    service = Service(Blame())
    for chat in range(300):
        service.fails(chat)
    assert len(service.blame._evidence) == 100


# --- laws -----------------------------------------------------------------------------------------

chats = st.integers(0, 4)
failures = st.sampled_from(FAILURES)
happenings = st.one_of(
    st.tuples(st.just("fails"), chats, failures),
    st.tuples(st.just("passes"), chats),
    st.tuples(st.just("answers")),
    st.tuples(st.just("does not answer")),
    st.tuples(st.just("time"), st.sampled_from([1.0, 60.0, 3600.0])),
)
Happening = tuple[object, ...]


def happen(service: Service, what: Happening) -> None:
    match what:
        case ("fails", int(chat), Failure() as failure):
            service.fails(chat, failure)
        case ("passes", int(chat)):
            service.blame.accepted(chat)
        case ("answers",):
            service.blame.answered()
        case ("does not answer",):
            service.blame.unanswered()
        case ("time", float(seconds)):
            service.now += seconds
        case _:
            raise ValueError(what)


@given(events=st.lists(happenings, max_size=80))
@law
def test_a_real_outage_never_blames_a_delivery(events: Sequence[Happening]) -> None:
    service = Service(Blame())
    for event in events:
        if event[0] not in ("passes", "answers"):
            happen(service, event)
        assert not any(map(service.is_exhausted, range(5)))


@given(events=st.lists(happenings, max_size=120))
@law
def test_nobody_is_blamed_without_three_failures_each_with_a_success_of_others_before_it(
    events: Sequence[Happening],
) -> None:
    service = Service(Blame())
    successes = 0
    since: dict[int, int] = {}
    alone: dict[int, int] = defaultdict(int)
    for event in events:
        happen(service, event)
        match event:
            case ("passes", int(chat)):
                successes += 1
                since.pop(chat, None)
                alone.pop(chat, None)
            case ("answers",):
                successes += 1
            case ("fails", int(chat), _):
                alone[chat] += since.get(chat, successes) < successes
                since[chat] = successes
        for chat in range(5):
            if service.is_exhausted(chat):
                assert alone[chat] >= LEAST_TRIES


@given(events=st.lists(happenings, max_size=60), passing=st.integers(3, 20))
@law
def test_whatever_was_before_what_fails_by_itself_makes_way_in_the_end(
    events: Sequence[Happening], passing: int
) -> None:
    service = Service(Blame())
    for event in events:
        happen(service, event)
    for _ in range(40):
        service.fails(POISONED)
        service.pass_(passing)
        service.now += 60.0
        if service.is_exhausted():
            return
    raise AssertionError("tried for ever")


def test_what_to_expect_of_a_call_is_what_the_counts_say() -> None:
    calls = blame._Calls(passed=3, failed_first=2, answered=5, unanswered=1)
    by_calls, by_readings = 3 / 7, 2 / 8
    expected = (2 + 10 * by_readings) / (2 + 3 + 10)
    assert calls.failing(reading=True) == max(by_calls, by_readings) == by_calls
    assert calls.failing(reading=False) == max(by_calls, expected)
    bad_readings = blame._Calls(passed=3, failed_first=2, answered=1, unanswered=9)
    assert bad_readings.failing(reading=True) == 10 / 12
    assert bad_readings.failing(reading=False) == (2 + 10 * 10 / 12) / 15
    assert blame._Calls().failing(reading=True) == 1 / 2
    assert blame._Calls(answered=2).failing(reading=False) == 1 / 4
    assert blame._Calls(passed=2).failing(reading=False) == 1 / 4


def test_what_is_counted_is_counted_once() -> None:
    service = Service(Blame())
    for _ in range(3):
        service.fails(POISONED)
    service.blame.answered()
    service.blame.unanswered()
    service.blame.accepted(POISONED)
    assert service.blame._calls == blame._Calls(1, 3, 1, 1)
    assert service.blame.answers == 1
    service.fails(POISONED)
    service.blame.stepped_down(POISONED)
    service.blame.accepted(POISONED)
    assert service.blame._calls == blame._Calls(2, 3, 1, 1), (
        "a simpler form says nothing of the service"
    )


def test_what_has_happened_since_is_the_difference() -> None:
    assert blame._Calls(9, 7, 5, 3).since(blame._Calls(1, 2, 3, 1)) == blame._Calls(8, 5, 2, 2)


def test_three_failures_within_seconds_are_no_patience_used_up_whatever_the_clock_says() -> None:
    service = Service(Blame(), now=1_800_000_000.0)
    for _ in range(LEAST_TRIES + 1):
        service.fails(POISONED)
        service.pass_()
        service.now += 1.0
    assert not service.is_exhausted()


def test_a_look_up_that_found_its_delivery_overtakes_no_call() -> None:
    judge = Blame()
    judge.begins(1, at=1.0)
    judge.begins(2, at=2.0)
    judge.found(2)
    judge.accepted(2)
    assert judge.overtook < 1.0
    judge.begins(2, at=3.0)
    judge.accepted(2)
    assert judge.overtook == 3.0
