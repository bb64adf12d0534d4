"""The benchmarks themselves: their arithmetic, their generated store, and that each contender delivers."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from bench import budgets, generator, report
from bench.cases import Scale, all_cases, trouble
from bench.cases.delivery import burst
from bench.contenders.names import ALL, BARE, MAXBRIDGE
from bench.results import METRICS, Results, percentile
from maxbridge.sim.faults import Fault
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention


def some_results() -> Results:
    results = Results({"cpu": "1 × test"}, 3, quick=False, notes={"backlog": "words"})
    for bare, bridge in ((100.0, 80.0), (200.0, 100.0), (50.0, 45.0)):
        results.add("backlog", "10 from 1", BARE, {"rate": bare})
        results.add("backlog", "10 from 1", MAXBRIDGE, {"rate": bridge, "cpu_ms": 2.0})
    return results


def test_a_ratio_compares_what_was_measured_in_the_same_round() -> None:
    results = some_results()
    bare, bridge = results.of("backlog")
    assert bare.median("rate") == 100.0
    assert bridge.spread("rate") == (45.0, 100.0)
    # Medians by themselves would say 80 / 100.
    assert results.ratio(bridge, "rate", BARE) == pytest.approx(0.8)
    assert results.ratio(bridge, "cpu_ms", BARE) is None


def test_results_survive_their_json() -> None:
    data = json.loads(json.dumps(some_results().to_json()))
    assert Results.from_json(data).to_json() == data


def test_runs_are_put_together_round_by_round() -> None:
    one = some_results().to_json()
    other = Results({"cpu": "1 × test"}, 1, quick=False, notes={"idle": "more"})
    other.add("backlog", "10 from 1", BARE, {"rate": 70.0})
    other.add("idle", "an hour", MAXBRIDGE, {"cpu_ms": 1.0})
    both = Results.of_runs([one, other.to_json()])
    assert both.cases() == ["backlog", "idle"]
    assert both.of("backlog")[0].values("rate") == [100.0, 200.0, 50.0, 70.0]
    assert (both.rounds, both.notes) == (3, {"backlog": "words", "idle": "more"})


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (75, 3.0), (95, 4.0), (99, 4.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_the_tables_go_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.into(page, some_results())
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| 0.80" in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="are missing"):
        report.into(page, some_results())


def measured(bare: float, bridge: float, *, rounds: int = 3) -> Results:
    """A run in which every budget of messages of new people was measured."""
    results = Results({}, rounds, quick=True)
    for each in range(rounds):
        line = "300 from 300, unpaced"
        results.add("backlog", line, BARE, {"rate": bare})
        sample = {"rate": bridge + each, "cpu_ms": 1.0 + each, "writes_kib": 50.0, "peak_mib": 72.0}
        results.add("backlog", line, MAXBRIDGE, sample)
    return results


def row_of(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name))


def test_each_budget_is_kept_or_not_by_its_median() -> None:
    text = budgets.table(measured(100.0, 90.0))
    cpu = row_of(text, "a message, all of new people, CPU ms").split("  ")
    assert [each.strip() for each in cpu if each.strip()][1:] == [
        "≤ 2",
        "2.00",
        "1.00 to 3.00",
        "kept",
    ]
    assert row_of(text, "a message, KiB to disk").endswith("not kept")
    assert row_of(text, "messages a second, all of new people").endswith(" kept")
    assert "not kept" in row_of(budgets.table(measured(100.0, 80.0)), "messages a second, all")
    assert "not measured" in row_of(text, "a reply, CPU ms")


def test_what_changed_is_told_from_the_noise() -> None:
    text = budgets.table(measured(100.0, 90.0), measured(100.0, 45.0))
    assert row_of(text, "a message, all of new people, CPU ms").endswith("within the spread")
    assert row_of(text, "messages a second, all of new people").endswith("+0.45 (+98%)")


def test_a_quick_run_measures_every_budget() -> None:
    for each in budgets.BUDGETS:
        assert each.metric in METRICS
        lines = [
            one
            for one in all_cases()[each.case].variants(Scale(quick=True))
            if each.variant in one.name
        ]
        assert [one for one in lines if each.contender in one.contenders] == lines
        assert len(lines) == 1
        assert each.over is None or BARE in lines[0].contenders


@pytest.mark.parametrize("quick", [True, False])
def test_no_two_lines_of_a_case_have_one_name(quick: bool) -> None:
    for case in all_cases().values():
        names = [each.name for each in case.variants(Scale(quick))]
        assert len(set(names)) == len(names) > 0


@pytest.mark.parametrize("name", trouble.TROUBLES)
def test_each_trouble_is_made_of_faults_that_the_simulators_know(name: str) -> None:
    group = trouble.Group(6, list(range(7, 13)), list(range(100, 106)))
    what = trouble.TROUBLES[name]
    for each in (*what.at_max(group), *what.at_desk(group)):
        assert Fault.parse(each).times is None


def test_a_generated_month_is_what_the_program_takes_for_its_own(tmp_path: Path) -> None:
    path = tmp_path / "maxbridge.db"
    generator.history(path, messages=1000, people=100)
    journal = Store(path)
    snapshot = journal.health.snapshot()
    assert (snapshot.dialogs, snapshot.blocked) == (100, 1)
    assert (snapshot.inbox.waiting, snapshot.outbox.waiting) == (0, 0)
    # Nothing is left to forget or to scrub: the generator has done what tidying does.
    assert journal.tidying.run(time.time(), Retention()) == 0
    journal.close()
    with closing(sqlite3.connect(path)) as store:
        (texts,) = store.execute("SELECT COUNT(*) FROM inbox WHERE payload IS NOT NULL").fetchone()
        assert 100 < texts < 200
        assert store.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_generated_queue_is_read_by_the_program(tmp_path: Path) -> None:
    path = tmp_path / "maxbridge.db"
    generator.waiting(path, messages=30, people=10)
    journal = Store(path)
    assert journal.inbox.depth().waiting == 30
    first = generator.FIRST_CHAT
    assert journal.inbox.due_chats(time.time(), 3, {first}) == [first + 1, first + 2, first + 3]
    journal.close()


@pytest.mark.parametrize("contender", ALL)
def test_every_contender_delivers_everything(contender: str) -> None:
    sample = burst(contender, people=3, messages=6, unpaced=True)
    assert set(sample) <= set(METRICS)
    # A first message and its ticket, then the look before each further one; the webhook bridge does not.
    assert sample["calls"] == pytest.approx(1.0 if contender.startswith("b") else 2.0, abs=0.6)
