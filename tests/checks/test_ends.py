"""What `check` says about MAX and FreeScout: each failure with its remedy, and no secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from check_world import HOOK, KEY, PROXY, World
from maxbridge.checks.network import StepError
from maxbridge.checks.records import Finding, Outcome, exit_code
from maxbridge.checks.runner import run
from maxbridge.core.errors import ExitCode
from maxbridge.observe.certificates import day
from maxbridge.sim.faults import Fault
from maxbridge.store.certificates import Certificate, Kind
from maxbridge.store.store import Store


def agree(_: list[str]) -> bool:
    return True


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def bad(found: dict[str, Finding]) -> list[str]:
    return [name for name, one in found.items() if one.outcome is Outcome.WRONG]


async def test_a_bridge_that_is_right_has_nothing_to_mend(world: World) -> None:
    world.claim(900100200)
    found = await world.check()
    odd = {name: one.words for name, one in found.items() if one.remedy}
    assert odd == {}
    assert exit_code(found.values()) == ExitCode.OK
    skips = {name for name, one in found.items() if one.outcome is Outcome.SKIPPED}
    assert skips == {"max.files", "system.unit", "system.time"}
    assert "Поддержка Ромашка" in found["max.bot"].words
    assert "mailbox 1 is there (MAX)" in found["desk.mailbox"].words
    assert "*.oneme.ru" in found["max.files"].words


async def test_a_check_reads_no_events_and_writes_nothing_to_the_ends(world: World) -> None:
    await world.check()
    asked = {(one.method, one.path) for one in world.max.requests}
    assert asked == {("GET", "/me"), ("GET", "/subscriptions")}
    assert {one.method for one in world.desk.requests} == {"GET"}


def no_module(world: World) -> None:
    world.desk.module_off = True


def other_host(world: World) -> None:
    world.settings["freescout"]["url"] = "https://localhost.romashka.ru"


def desk_fault(**rule: Any) -> Callable[[World], None]:
    return lambda world: world.desk_line.add(Fault(times=None, **rule))


def max_fault(**rule: Any) -> Callable[[World], None]:
    return lambda world: world.max_line.add(Fault(times=None, **rule))


def setting(section: str, key: str, value: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.settings[section][key] = value

    return change


@pytest.mark.parametrize(
    ("breakage", "name", "words", "remedy", "code"),
    [
        (setting("max", "token", "x" * 40), "max.bot", "max.unauthorized", "partner cabinet", 78),
        (max_fault(kind="refuse"), "max.bot", "max.unreachable", "firewall", 69),
        (max_fault(kind="html", status=502), "max.bot", "max.unavailable", "keeps trying", 69),
        (max_fault(kind="html", status=403), "max.bot", "max.unexpected", "portal", 69),
        (
            max_fault(kind="status", status=301, path="/me"),
            "max.bot",
            "max.redirect",
            "[max] api_url",
            78,
        ),
        (max_fault(kind="truncate", path="/subscriptions"), "max.webhook", "GET /subs", "", 69),
        (setting("freescout", "api_key", "f" * 32), "desk.key", "401", "API & Webhooks", 78),
        (other_host, "desk.key", "desk.untrusted_host", "APP_TRUSTED_HOSTS", 78),
        (no_module, "desk.key", "desk.module_off", "Manage → Modules", 78),
        (
            setting("freescout", "url", "https://desk.romashka.ru/sub"),
            "desk.key",
            "desk.module_off",
            "[freescout] url is wrong from /sub on",
            78,
        ),
        (
            desk_fault(kind="status", status=405, body={"message": ""}),
            "desk.key",
            "desk.wrong_path",
            "[freescout] url",
            78,
        ),
        (
            desk_fault(
                kind="status", status=301, headers={"location": "https://new.ru/api/mailboxes"}
            ),
            "desk.key",
            "redirects to https://new.ru",
            'url = "https://new.ru"',
            78,
        ),
        (desk_fault(kind="html", status=502), "desk.key", "desk.unavailable", "PHP", 69),
        (desk_fault(kind="refuse"), "desk.key", "desk.unreachable", "[freescout] url", 69),
        (
            desk_fault(kind="html", status=200),
            "desk.key",
            "desk.bad_answer",
            "is not FreeScout's API",
            69,
        ),
        (
            setting("freescout", "mailbox_id", 99),
            "desk.mailbox",
            "FreeScout has: 1 (MAX), 2 (Second)",
            "mailbox_id",
            78,
        ),
        (
            setting("freescout", "user_id", 99),
            "desk.user",
            "FreeScout has: 1 (Ada Admin), 2 (Boris Agent)",
            "user_id",
            78,
        ),
    ],
)
async def test_each_failure_has_its_line_and_its_remedy(
    world: World,
    *,
    breakage: Callable[[World], None],
    name: str,
    words: str,
    remedy: str,
    code: int,
) -> None:
    breakage(world)
    found = await world.check()
    assert bad(found) == [name], found[name]
    assert words in found[name].words
    assert remedy in found[name].remedy
    assert found[name].remedy
    assert exit_code(found.values()) == code
    # The other end, the database and the machine are looked at all the same.
    assert {"max.way", "desk.way", "store.place", "system.python"} <= found.keys()


async def test_both_ends_broken_are_both_told(world: World) -> None:
    world.settings["max"]["token"] = "x" * 40
    world.desk.module_off = True
    found = await world.check()
    assert bad(found) == ["max.bot", "desk.key"]
    assert found["max.webhook"].outcome is Outcome.SKIPPED
    assert found["desk.mailbox"].outcome is Outcome.SKIPPED


async def test_a_mailbox_that_is_not_set_is_shown_what_there_is(world: World) -> None:
    del world.settings["freescout"]["mailbox_id"]
    found = await world.check()
    assert bad(found) == ["config.values", "desk.mailbox"]
    assert "1 (MAX), 2 (Second)" in found["desk.mailbox"].words


@pytest.mark.parametrize(
    ("step", "why", "wrong", "remedy"),
    [
        ("name", "Name or service not known", False, "getent hosts"),
        ("connection", "Connection refused", False, "firewall"),
        ("certificate", "unable to get local issuer certificate", True, "exempt this host"),
        ("certificate", "certificate has expired", True, "clock"),
        ("certificate", "Hostname mismatch, certificate is not valid", True, "[max] api_url"),
    ],
)
async def test_no_way_to_max_is_told_step_by_step(
    world: World, step: str, why: str, wrong: bool, remedy: str
) -> None:
    world.ways["platform-api2.max.ru"] = StepError(step, why, wrong=wrong)
    found = await world.check()
    assert bad(found) == ["max.way"]
    assert f"{step}: {why}" in found["max.way"].words
    assert remedy in found["max.way"].remedy
    assert found["max.bot"].outcome is found["max.webhook"].outcome is Outcome.SKIPPED
    assert exit_code(found.values()) == (78 if wrong else 69)


@pytest.mark.parametrize(
    ("step", "why", "wrong", "remedy"),
    [
        ("name", "Name or service not known", False, "typing error"),
        ("connection", "Connection refused", False, "web server"),
        ("certificate", "unable to get local issuer certificate", True, "update-ca-certificates"),
        ("certificate", "certificate has expired", True, "certbot"),
        ("certificate", "Hostname mismatch, certificate is not valid", True, "APP_URL"),
    ],
)
async def test_no_way_to_freescout_is_told_step_by_step(
    world: World, step: str, why: str, wrong: bool, remedy: str
) -> None:
    world.ways["desk.romashka.ru"] = StepError(step, why, wrong=wrong)
    found = await world.check()
    assert bad(found) == ["desk.way"]
    assert remedy in found["desk.way"].remedy
    assert found["desk.key"].outcome is Outcome.SKIPPED


async def test_the_proxy_is_used_for_max_alone_and_its_password_shown_nowhere(
    world: World,
) -> None:
    world.settings["max"]["proxy"] = PROXY
    world.ways["platform-api2.max.ru"] = StepError("proxy", "it wants a user name", wrong=True)
    found = await world.check()
    assert ("https://platform-api2.max.ru", PROXY) in world.walked
    assert ("https://desk.romashka.ru", "") in world.walked
    assert "http://***@proxy.lan:3128" in found["max.way"].words
    assert "proxy_file" in found["max.way"].remedy
    assert not [one for one in found.values() if "geheim" in one.words + one.remedy]


async def test_no_secret_stands_in_any_line(world: World) -> None:
    for broken in (False, True):
        if broken:
            world.max_line.add(Fault("html", times=None))
            world.desk_line.add(Fault("html", times=None))
        for one in (await world.check()).values():
            assert world.max.token not in one.words + one.remedy
            assert KEY not in one.words + one.remedy


async def test_the_clocks_are_compared(world: World) -> None:
    world.skew = -95
    found = await world.check()
    assert found["desk.clock"].outcome is Outcome.WARNING
    assert "95 s behind" in found["desk.clock"].words
    assert exit_code(found.values()) == ExitCode.OK
    world.skew = 12
    assert (await world.check())["desk.clock"].outcome is Outcome.OK


async def test_an_old_module_is_known_by_what_it_ignores(world: World) -> None:
    # Contract freescout.md 10: 1.0.67 lists 50 whatever is asked, and says so as a text.
    world.desk_line.add(
        Fault("patch", path="/api/users", times=None, skip=1, body={"page": {"size": "50"}})
    )
    found = await world.check()
    assert found["desk.module"].outcome is Outcome.WARNING
    assert "older than 1.0.87" in found["desk.module"].words


async def test_names_from_outside_cannot_play_with_the_terminal(world: World) -> None:
    world.max.state.bot.first_name = "bot\x1b[2J\nok    max.webhook"
    assert "\x1b" not in (await world.check())["max.bot"].words


# --- whose database ---------------------------------------------------------------------------------


async def test_another_bots_database_is_wrong(world: World) -> None:
    world.claim(5)
    found = await world.check()
    assert bad(found) == ["max.owner"]
    assert "belongs to bot 5, the token to bot 900100200" in found["max.owner"].words


# --- webhooks -----------------------------------------------------------------------------------------


async def test_a_webhook_is_wrong_and_the_remedy_is_a_command(world: World) -> None:
    world.max.state.subscribe(HOOK)
    found = await world.check()
    assert bad(found) == ["max.webhook"]
    assert HOOK in found["max.webhook"].words
    assert "maxbridge check --remove-webhook" in found["max.webhook"].remedy
    assert exit_code(found.values()) == 78
    assert world.max.state.webhooks


async def test_webhooks_are_removed_after_a_yes_and_looked_for_again(world: World) -> None:
    asked: list[list[str]] = []

    def confirm(addresses: list[str]) -> bool:
        asked.append(addresses)
        return True

    world.max.state.subscribe(HOOK)
    world.max.state.subscribe("https://other.example.ru/")
    found = await world.check(confirm)
    assert asked == [[HOOK, "https://other.example.ru/"]]
    assert found["max.webhook"].outcome is Outcome.OK
    assert world.max.state.webhooks == []
    deleted = [one.query for one in world.max.requests if one.method == "DELETE"]
    assert deleted == [{"url": HOOK}, {"url": "https://other.example.ru/"}]
    assert world.max.requests[-1].path == "/subscriptions"


async def test_a_no_removes_nothing(world: World) -> None:
    world.max.state.subscribe(HOOK)
    found = await world.check(lambda _: False)
    assert bad(found) == ["max.webhook"]
    assert world.max.state.webhooks


async def test_nobody_is_asked_when_there_is_no_webhook(world: World) -> None:
    found = await world.check(lambda _: pytest.fail("asked"))
    assert found["max.webhook"].outcome is Outcome.OK


async def test_a_webhook_that_comes_back_is_told(world: World) -> None:
    world.max.state.subscribe(HOOK)
    answer = {"subscriptions": [{"url": HOOK, "time": 1, "update_types": None}]}
    world.max_line.add(Fault("patch", "GET", "/subscriptions", skip=1, body=answer))
    found = await world.check(agree)
    assert "still active" in found["max.webhook"].words
    assert "find it" in found["max.webhook"].remedy


async def test_a_webhook_that_is_gone_already_is_no_failure(world: World) -> None:
    world.max.state.subscribe(HOOK)
    world.max_line.add(Fault("status_after", "DELETE", status=200, body={"success": False}))
    assert (await world.check(agree))["max.webhook"].outcome is Outcome.OK


async def test_a_removal_that_max_refuses_is_told(world: World) -> None:
    world.max.state.subscribe(HOOK)
    world.max_line.add(Fault("html", "DELETE", status=502))
    found = await world.check(agree)
    assert "DELETE https://bot" in found["max.webhook"].words
    assert exit_code(found.values()) == 69


async def test_the_database_remembers_that_a_webhook_took_events(world: World) -> None:
    """Else the next start would not read the histories of the time in between."""
    journal = Store(world.store)
    journal.meta.claim(900100200, "bot")
    journal.inbox.ingest([], 7, 1000.0)
    assert journal.backfill.polled_at() is not None
    journal.close()
    world.max.state.subscribe(HOOK)
    await world.check(agree)
    journal = Store(world.store)
    assert journal.backfill.saw_webhook()
    journal.close()


async def test_another_bots_database_is_told_nothing(world: World) -> None:
    journal = Store(world.store)
    journal.meta.claim(5, "bot")
    journal.inbox.ingest([], 7, 1000.0)
    journal.close()
    world.max.state.subscribe(HOOK)
    await world.check(agree)
    journal = Store(world.store)
    assert not journal.backfill.saw_webhook()
    journal.close()


async def test_a_bug_in_one_group_does_not_hide_the_others(world: World) -> None:
    seen = world.examined()
    outside = replace(world.outside(), desk=lambda _: None)  # type: ignore[arg-type, return-value]
    found = {one.name: one async for one in run(seen, outside)}
    assert found["desk.bug"].exit_code == ExitCode.SOFTWARE
    assert "AttributeError at desk.py:" in found["desk.bug"].words
    assert {"max.bot", "store.place", "system.python"} <= found.keys()
    assert exit_code(found.values()) == ExitCode.SOFTWARE


# --- last days --------------------------------------------------------------------------------------

DAY = 86400.0
MAX_HOST, DESK_HOST = "platform-api2.max.ru", "desk.romashka.ru"


def shows(world: World, host: str, left: float) -> None:
    """The host shows a certificate of a year that has so many days left."""
    world.last_days[host] = (world.now + (left - 365) * DAY, world.now + left * DAY)


async def test_every_last_day_is_told(world: World) -> None:
    shows(world, MAX_HOST, 100.5)
    shows(world, DESK_HOST, 200.5)
    found = await world.check()
    assert found["max.roots"].words.endswith(
        "Russian Trusted Sub CA until 2027-03-06, Russian Trusted Root CA until 2032-02-27"
    )
    assert found["max.way"].words.endswith("by Test CA, until 2027-02-03")
    assert found["desk.way"].words.endswith("by Test CA, until 2027-05-14")
    assert [name for name, one in found.items() if one.remedy] == []


@pytest.mark.parametrize(
    ("host", "name", "remedy"),
    [(MAX_HOST, "max.way", "Only MAX can renew it"), (DESK_HOST, "desk.way", "certbot renew")],
)
async def test_a_certificate_that_ends_soon_is_told_while_it_works(
    world: World, host: str, name: str, remedy: str
) -> None:
    shows(world, host, 20.5)
    found = await world.check()
    assert found[name].outcome is Outcome.WARNING
    assert "ends on 2026-11-15, in 20 days" in found[name].words
    assert remedy in found[name].remedy
    assert exit_code(found.values()) == ExitCode.OK
    # Everything behind it is tried all the same.
    assert found["max.bot"].outcome is found["desk.key"].outcome is Outcome.OK


@pytest.mark.parametrize(
    ("now", "words", "remedy"),
    [
        (1_802_300_000.0, "ends on 2027-03-06, in 24 days", "Update maxbridge before that day"),
        (1_806_000_000.0, "ended on 2027-03-06, 19 days ago", "Update maxbridge now"),
    ],
)
async def test_the_bundle_is_told_thirty_days_before_and_after(
    world: World, now: float, words: str, remedy: str
) -> None:
    world.now = now
    found = await world.check()
    assert found["max.roots"].outcome is Outcome.WARNING
    assert "Russian Trusted Sub CA, which maxbridge brings, " + words in found["max.roots"].words
    assert remedy in found["max.roots"].remedy
    assert exit_code(found.values()) == ExitCode.OK


@pytest.mark.parametrize("left", [60.5, 20.5, -1.5])
async def test_hosts_with_maxs_files_are_told_as_the_daemon_has_met_them(
    world: World, left: float
) -> None:
    world.claim(900100200)
    ends = world.now + left * DAY
    met = Certificate(Kind.FILES, "i.oneme.ru", ends - 365 * DAY, ends, world.now)
    journal = Store(world.store)
    journal.certificates.write([met], world.now)
    journal.close()
    found = (await world.check())["max.files"]
    assert f"the daemon has met i.oneme.ru until {day(ends)}" in found.words
    if left > 30:
        assert (found.outcome, found.remedy) == (Outcome.OK, "")
    else:
        assert found.outcome is Outcome.WARNING
        assert "i.oneme.ru" in found.remedy
        assert "Only MAX can renew it" in found.remedy or "only MAX can renew it" in found.remedy
