"""What `check` says about this machine: configuration, database, service, clock."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from check_world import KEY, World
from maxbridge.checks.network import try_heic
from maxbridge.checks.records import Outcome, exit_code, ok, wrong
from maxbridge.checks.settings import check_settings
from maxbridge.config import loading as config
from maxbridge.config.loading import examine
from maxbridge.core.errors import ExitCode
from maxbridge.files.heic_child import is_installed
from maxbridge.store.store import Store

OK, WARNING, WRONG, SKIPPED = Outcome.OK, Outcome.WARNING, Outcome.WRONG, Outcome.SKIPPED


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- configuration ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "outcome"), [(0o600, OK), (0o644, WARNING), (0o640, WARNING)])
def test_secrets_in_a_file_that_others_can_read(world: World, mode: int, outcome: Outcome) -> None:
    found = {one.name: one for one in check_settings(examine(world.write(mode), {}))}
    assert found["config.mode"].outcome is outcome
    assert "[max] token, [freescout] api_key" in found["config.mode"].words
    if outcome is WARNING:
        assert found["config.mode"].remedy == f"chmod 600 {world.config}"


def test_a_file_without_secrets_may_be_read_by_all(world: World) -> None:
    del world.settings["max"]["token"]
    del world.settings["freescout"]["api_key"]
    environ = {"MAXBRIDGE_MAX__TOKEN": "x" * 40, "MAXBRIDGE_FREESCOUT__API_KEY": KEY}
    found = {one.name: one for one in check_settings(examine(world.write(0o644), environ))}
    assert found["config.mode"].outcome is SKIPPED
    assert found["config.token"].words == "from $MAXBRIDGE_MAX__TOKEN, 40 characters"


def test_a_secrets_own_file_is_looked_at_as_well(world: World) -> None:
    (world.folder / "token").write_text("x" * 40)
    (world.folder / "token").chmod(0o604)
    del world.settings["max"]["token"]
    world.settings["max"]["token_file"] = "token"
    (found,) = (
        one for one in check_settings(examine(world.write(), {})) if one.name == "config.mode"
    )
    assert found.outcome is WARNING
    assert found.remedy == f"chmod 600 {world.folder / 'token'}"
    assert str(world.config) in found.words


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_configuration_that_this_user_may_not_read(world: World) -> None:
    (found, *_) = check_settings(examine(world.write(0o000), {}))
    assert found.outcome is WRONG
    assert "sudo maxbridge check" in found.remedy


@pytest.mark.parametrize(
    ("section", "key", "value", "name", "outcome", "words"),
    [
        ("max", "token", KEY, "config.token", WRONG, "the same text"),
        ("max", "token", "f" * 32, "config.token", WARNING, "looks like a key of FreeScout"),
        ("max", "token", "abcdefg", "config.token", WARNING, "only 7 characters"),
        ("max", "token", "Bearer abc", "config.token", SKIPPED, "config.values"),
        ("freescout", "api_key", KEY[:-1], "config.key", WARNING, "31 characters"),
        ("max", "api_url", "https://platform-api.max.ru", "config.api_url", WARNING, "old address"),
        ("max", "api_url", "https://botapi.max.ru", "config.api_url", WARNING, "old address"),
    ],
)
def test_what_was_copied_wrongly_is_seen_before_anything_is_called(
    world: World, *, section: str, key: str, value: str, name: str, outcome: Outcome, words: str
) -> None:
    world.settings[section][key] = value
    found = {one.name: one for one in check_settings(world.examined())}
    assert found[name].outcome is outcome
    assert words in found[name].words
    assert value not in found[name].words or section == "max"


def test_the_new_address_is_named(world: World) -> None:
    world.settings["max"]["api_url"] = "https://platform-api.max.ru"
    (found,) = (one for one in check_settings(world.examined()) if one.name == "config.api_url")
    assert "https://platform-api2.max.ru" in found.remedy


async def test_every_mistake_is_told_and_what_is_right_is_tried(world: World) -> None:
    world.settings["freescout"] |= {"url": "desk", "mailbox_id": "x"}
    world.settings["max"]["tokn"] = 1
    found = await world.check()
    assert found["config.values"].outcome is WRONG
    for part in ("[freescout] url", "[freescout] mailbox_id", "[max] tokn"):
        assert part in found["config.values"].remedy
    assert found["max.bot"].outcome is OK
    assert found["desk.key"].outcome is SKIPPED
    assert exit_code(found.values()) == 78


async def test_a_file_that_is_no_toml_hides_nothing_else(world: World) -> None:
    world.config.write_text("[max\n")
    found = await world.check(seen=examine(world.config, {}))
    assert "not valid TOML" in found["config.values"].remedy
    assert found["max.bot"].outcome is SKIPPED
    assert found["max.way"].outcome is OK
    assert exit_code(found.values()) == 78


async def test_no_configuration_file_points_to_init(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    monkeypatch.setattr(config, "SYSTEM_CONFIG", world.folder / "none" / "config.toml")
    some = {"HOME": str(world.folder), "MAXBRIDGE_LOG__LEVEL": "debug"}
    found = await world.check(seen=examine(None, some))
    assert "maxbridge init" in found["config.file"].remedy
    assert exit_code(found.values()) == 78


# --- a service's secrets ------------------------------------------------------------------------------


@pytest.fixture
def etc(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """/etc of a machine with a service, whose secrets are in the credstore."""
    root = world.folder / "etc"
    (root / "maxbridge").mkdir(parents=True)
    (root / "credstore").mkdir(mode=0o700)
    monkeypatch.setattr(config, "SYSTEM_CONFIG", root / "maxbridge" / "config.toml")
    monkeypatch.setattr(config, "CREDSTORE", root / "credstore")
    monkeypatch.setattr(config, "SERVICE_STATE", world.folder / "var/maxbridge/maxbridge.db")
    return root


def without_secrets(world: World, path: Path) -> Path:
    del world.settings["max"]["token"]
    del world.settings["freescout"]["api_key"]
    path.write_bytes(world.write().read_bytes())
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("file", "prefix"), [("config.toml", "maxbridge"), ("shop.toml", "maxbridge-shop")]
)
def test_beside_a_service_the_credstore_is_read(
    world: World, etc: Path, file: str, prefix: str
) -> None:
    (etc / "credstore" / f"{prefix}.max_token").write_text("token-of-the-service-01\n")
    (etc / "credstore" / f"{prefix}.freescout_api_key").write_text(KEY)
    (etc / "credstore" / "maxbridge-other.max_token").write_text("another")
    seen = examine(without_secrets(world, etc / "maxbridge" / file), {})
    assert seen.problems == []
    assert seen.config.settings.max.token.reveal() == "token-of-the-service-01"
    assert seen.config.sources["max.token"] == str(etc / "credstore" / f"{prefix}.max_token")


def test_the_credstore_has_the_rank_of_credentials(world: World, etc: Path) -> None:
    (etc / "credstore" / "maxbridge.max_token").write_text("from-the-credstore-000")
    path = etc / "maxbridge" / "config.toml"
    path.write_bytes(world.write().read_bytes())
    handed = world.folder / "handed"
    handed.mkdir()
    (handed / "max_token").write_text("handed-over")

    def token(**environ: str) -> str:
        return examine(path, environ).config.settings.max.token.reveal()

    assert token() == "from-the-credstore-000"
    assert token(MAXBRIDGE_MAX__TOKEN="from-the-environment") == "from-the-environment"
    assert token(CREDENTIALS_DIRECTORY=str(handed)) == "handed-over"
    assert token(CREDENTIALS_DIRECTORY=str(world.folder)) == world.max.token


def test_another_configuration_never_gets_the_services_secrets(world: World, etc: Path) -> None:
    (etc / "credstore" / "maxbridge.max_token").write_text("from-the-credstore-000")
    seen = examine(world.write(), {})
    assert seen.config.settings.max.token.reveal() == world.max.token


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_credstore_that_may_not_be_read_is_named(world: World, etc: Path) -> None:
    (etc / "credstore").chmod(0)
    seen = examine(without_secrets(world, etc / "maxbridge" / "config.toml"), {})
    assert any("use sudo" in problem for problem in seen.problems)


@pytest.mark.skipif(os.geteuid() != 0, reason="is about root")
def test_roots_database_is_the_services_before_its_first_start(world: World, etc: Path) -> None:
    del world.settings["store"]
    for file, folder in (("config.toml", "maxbridge"), ("shop.toml", "maxbridge-shop")):
        path = etc / "maxbridge" / file
        path.write_bytes(world.write().read_bytes())
        store = examine(path, {"HOME": "/root"}).config.settings.store.path
        assert store == world.folder / "var" / folder / "maxbridge.db"


async def test_a_database_where_the_service_may_not_write(world: World, etc: Path) -> None:
    path = etc / "maxbridge" / "config.toml"
    path.write_bytes(world.write().read_bytes())
    found = await world.check(seen=examine(path, {}))
    assert found["store.service"].outcome is WARNING
    assert str(world.folder / "var/maxbridge/maxbridge.db") in found["store.service"].remedy


# --- the database ---------------------------------------------------------------------------------------


async def test_a_sound_database(world: World) -> None:
    world.claim(900100200)
    found = await world.check()
    assert "mode 0600" in found["store.place"].words
    assert "of bot 900100200" in found["store.open"].words
    assert "no maxbridge works on it now" in found["store.daemon"].words


async def test_beside_the_running_daemon(world: World) -> None:
    journal = Store(world.store)
    try:
        found = await world.check()
        assert "yes, a maxbridge works on it" in found["store.daemon"].words
        assert found["store.open"].outcome is OK
    finally:
        journal.close()


async def test_a_database_that_others_can_read(world: World) -> None:
    world.claim(900100200)
    world.store.chmod(0o644)
    found = await world.check()
    assert found["store.place"].outcome is WARNING
    assert found["store.place"].remedy == f"chmod 600 {world.store}"


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)


def torn(path: Path) -> None:
    """A page of a table is overwritten, as by a bad disk."""
    journal = Store(path)
    for number in range(300):
        journal.db.tables.meta.insert(key=f"k{number}", value="v" * 200).execute()
    journal.db.pragma("wal_checkpoint(TRUNCATE)")
    journal.close()
    content = bytearray(path.read_bytes())
    size = 4096
    for page in range(len(content) // size - 8, len(content) // size - 2):
        content[page * size : page * size + 200] = b"\xff" * 200
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [garbage, torn])
async def test_a_damaged_database(world: World, damage: Callable[[Path], None]) -> None:
    damage(world.store)
    found = await world.check()
    assert found["store.open"].outcome is WRONG
    assert found["store.open"].remedy
    assert found["max.bot"].outcome is OK
    assert exit_code(found.values()) == 78


async def test_a_folder_in_its_place(world: World) -> None:
    world.settings["store"]["path"] = str(world.folder / "file" / "x.db")
    (world.folder / "file").write_text("")
    found = await world.check()
    assert found["store.place"].outcome is WRONG


async def test_an_old_database_needs_only_a_start(world: World) -> None:
    world.claim(900100200)
    with contextlib.closing(sqlite3.connect(world.store)) as raw, raw:
        raw.execute(
            "DELETE FROM schema_migration WHERE name = (SELECT max(name) FROM schema_migration)"
        )
    found = await world.check()
    assert found["store.open"].outcome is WARNING
    assert "older maxbridge" in found["store.open"].words


async def test_a_disk_without_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def usage(_: Any) -> Any:
        return type("Usage", (), {"free": 300_000_000})

    monkeypatch.setattr("maxbridge.checks.store.shutil.disk_usage", usage)
    found = await world.check()
    assert found["store.room"].outcome is WARNING
    assert "300 MB are free" in found["store.room"].words
    world.settings["max"]["max_file_mb"] = 50
    assert (await world.check())["store.room"].outcome is OK


async def test_the_folder_for_temporary_files_is_named_where_it_has_no_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = world.folder / "full"
    full.mkdir()
    free = {full: 9_000_000}

    def usage(folder: Path) -> Any:
        return type("Usage", (), {"free": free.get(folder, 1 << 40)})

    monkeypatch.setattr("maxbridge.checks.store.shutil.disk_usage", usage)
    monkeypatch.setattr("tempfile.tempdir", str(full))
    found = (await world.check())["system.temp"]
    assert found.outcome is WARNING
    assert f"9 MB are free in {full}, " in found.words
    assert "10 MB are wanted" in found.words
    assert "$TMPDIR" in found.remedy
    free[full] = 10_000_000
    assert "system.temp" not in await world.check()


def sparse(path: Path, size: int) -> None:
    path.write_bytes(b"")
    os.truncate(path, size)


async def test_with_a_second_host_a_replica_must_fit_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.settings["store"]["second_host"] = "yes"
    sparse(Path(world.store), 50_000_000)

    def usage(_: Any) -> Any:
        return type("Usage", (), {"free": 59_999_999})

    monkeypatch.setattr("maxbridge.checks.store.shutil.disk_usage", usage)
    assert "60 MB are wanted" in (await world.check())["system.temp"].words


async def test_no_folder_for_temporary_files_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    found = (await world.check())["system.temp"]
    assert (
        found.words
        == "no folder for temporary files can be written: No usable temporary directory found"
    )


async def test_a_full_disk_is_wrong_as_the_daemon_does_not_start_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(_: Any) -> Any:
        return type("Usage", (), {"free": 999_999})

    monkeypatch.setattr("maxbridge.checks.store.shutil.disk_usage", usage)
    found = await world.check()
    assert found["store.room"].outcome is WRONG
    assert exit_code(found.values()) == 73


async def test_a_database_below_a_file_is_an_error_that_a_script_sees(world: World) -> None:
    (world.folder / "taken").write_text("x")
    world.settings["store"]["path"] = str(world.folder / "taken" / "x.db")
    found = await world.check()
    assert found["store.place"].outcome is WRONG
    assert f"{world.folder / 'taken'} is a file, not a folder" in found["store.place"].words
    assert exit_code(found.values()) == 73


@pytest.mark.parametrize("code", [each for each in ExitCode if each])
def test_whatever_is_wrong_the_process_does_not_end_with_0(code: ExitCode) -> None:
    assert exit_code([ok("a", ""), wrong("b", "", "", code)]) is code
    with pytest.raises(ValueError, match="with code 0"):
        wrong("b", "", "", ExitCode.OK)


async def test_a_number_that_is_none_is_not_called_unset(world: World) -> None:
    world.settings["freescout"]["mailbox_id"] = "MAX"
    assert "mailbox_id is set, but to no number" in (await world.check())["desk.mailbox"].words
    del world.settings["freescout"]["mailbox_id"]
    assert "mailbox_id is not set" in (await world.check())["desk.mailbox"].words


async def test_a_refused_secret_is_mended_where_it_stands(world: World) -> None:
    world.settings["freescout"] |= {"api_key_file": "key"}
    world.settings["max"] |= {"token_file": "token"}
    (world.folder / "key").write_text("f" * 32)
    (world.folder / "token").write_text("x" * 40)
    found = await world.check()
    assert f"comes from {world.folder / 'key'}" in found["desk.key"].remedy
    assert f"comes from {world.folder / 'token'}" in found["max.bot"].remedy
    for name, section, key in (("desk.key", "freescout", "api_key"), ("max.bot", "max", "token")):
        del world.settings[section][f"{key}_file"]
        world.settings[section][key] = "f" * 32
        remedy = (await world.check())[name].remedy
        assert f"[{section}] {key}" in remedy
        assert "comes from" not in remedy


# --- the machine ------------------------------------------------------------------------------------------


def unit(
    load: str, active: str, sub: str, enabled: str, user: str = "maxbridge"
) -> tuple[int, str]:
    state = f"LoadState={load}\nActiveState={active}\nSubState={sub}\n"
    return 0, f"{state}UnitFileState={enabled}\nUser={user}\n"


WAITS = ("loaded", "activating", "auto-restart", "enabled")
"""A unit that systemd tries to start again and again."""


@pytest.mark.parametrize(
    ("answer", "outcome", "remedy"),
    [
        (unit("loaded", "active", "running", "enabled"), OK, ""),
        (unit("loaded", "failed", "failed", "enabled"), WARNING, "journalctl -u maxbridge -n 50"),
        (unit("loaded", "inactive", "dead", "enabled"), WARNING, "enable --now maxbridge"),
        (unit("loaded", "active", "running", "disabled"), WARNING, "enable --now maxbridge"),
        (unit(*WAITS, "maxbridge-shop.example.org"), WARNING, "User=maxbridge-short"),
        (unit(*WAITS, f"maxbridge-{'x' * 22}"), WARNING, "User=maxbridge-short"),
        (unit(*WAITS, f"maxbridge-{'x' * 21}"), OK, ""),
        (unit(*WAITS, "1000"), OK, ""),
        (unit("not-found", "inactive", "dead", ""), SKIPPED, ""),
        ((1, "System has not been booted with systemd as init system"), SKIPPED, ""),
    ],
)
async def test_the_unit_never_fails_a_check(
    world: World, answer: tuple[int, str], outcome: Outcome, remedy: str
) -> None:
    world.programs["systemctl"] = answer
    found = await world.check()
    assert found["system.unit"].outcome is outcome
    assert remedy in found["system.unit"].remedy
    assert exit_code(found.values()) == 0


@pytest.mark.parametrize(
    ("answer", "outcome"), [((0, "yes\n"), OK), ((0, "no\n"), WARNING), ((1, ""), SKIPPED)]
)
async def test_the_time_is_synchronised(
    world: World, answer: tuple[int, str], outcome: Outcome
) -> None:
    world.programs["timedatectl"] = answer
    assert (await world.check())["system.time"].outcome is outcome


async def test_heic_is_told_where_it_is_on_and_where_it_does_not_work(world: World) -> None:
    assert "system.heic" not in await world.check()
    world.heic = "ended by signal 31"
    found = (await world.check())["system.heic"]
    assert found.outcome is WARNING
    assert found.words == "HEIC pictures cannot be converted: ended by signal 31"
    world.heic = ""
    assert (await world.check())["system.heic"].outcome is OK


def test_heic_is_tried_by_a_real_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    assert try_heic() == ("" if is_installed() else None)
    monkeypatch.setattr("maxbridge.checks.network.is_installed", lambda: True)
    monkeypatch.setattr("maxbridge.files.heic.command", lambda: ("/bin/true",))
    assert try_heic() == "the child gave no JPEG"
