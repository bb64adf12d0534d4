"""config: where each setting comes from, and everything that is wrong with them at once (design.md 8)."""

from __future__ import annotations

import dataclasses
import os
import pickle
import tomllib
import traceback
from pathlib import Path
from typing import Any

import pytest

from maxbridge import paths
from maxbridge.config import loading as config
from maxbridge.config.loading import Config, default_store, examine, load
from maxbridge.config.settings import SECTIONS, Secret, Settings
from maxbridge.config.values import is_loopback
from maxbridge.core.errors import ConfigError, ExitCode
from maxbridge.paths import NoSettingsError

TOKEN = "f9LHodD0cOI_token_of_max"
KEY = "5f4dcc3b5aa765d61d8327deb882cf99"
GOOD: dict[str, dict[str, Any]] = {
    "max": {"token": TOKEN},
    "freescout": {
        "url": "https://desk.romashka.ru",
        "api_key": KEY,
        "mailbox_id": 1,
        "user_id": 2,
    },
}
EXAMPLE = Path(__file__).parents[1] / "config.example.toml"


@pytest.fixture(autouse=True)
def nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration and no service on this machine, wherever the tests run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "SYSTEM_CONFIG", tmp_path / "etc" / "config.toml")
    monkeypatch.setattr(config, "SERVICE_STATE", tmp_path / "var" / "maxbridge.db")


def toml(data: dict[str, Any]) -> str:
    """A TOML text; values as TOML writes them, or raw when they are marked so."""
    lines: list[str] = []
    for section, keys in data.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {written(value)}" for name, value in keys.items()]
    return "\n".join(lines)


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(written(each) for each in value)}]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(value)


def write(path: Path, *changes: tuple[str, str, Any]) -> Path:
    """A good configuration file with some changes."""
    data = {section: dict(keys) for section, keys in GOOD.items()}
    for section, name, value in changes:
        data.setdefault(section, {})[name] = value
    path.write_text(toml(data), encoding="utf-8")
    return path


def loaded(tmp_path: Path, *changes: tuple[str, str, Any], **environ: str) -> Config:
    return load(write(tmp_path / "c.toml", *changes), environ)


def problems(tmp_path: Path, *changes: tuple[str, str, Any], **environ: str) -> list[str]:
    """What is wrong, without the line that names the file."""
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, *changes, **environ)
    assert caught.value.exit_code == ExitCode.CONFIG
    *found, where = caught.value.problems
    assert "configuration file" in where
    return found


# --- the file -----------------------------------------------------------------------------------------------


def test_the_least_that_must_be_said(tmp_path: Path) -> None:
    settings = loaded(tmp_path).settings
    assert settings.max.token.reveal() == TOKEN
    assert settings.freescout.api_key.reveal() == KEY
    assert (settings.freescout.mailbox_id, settings.freescout.user_id) == (1, 2)
    # design.md 8, the table of defaults.
    assert settings.max.api_url == "https://platform-api2.max.ru"
    assert (settings.max.first_start, settings.tickets.reopen_days) == ("new", 14)
    assert settings.max.media_hosts == ("*.oneme.ru", "*.okcdn.ru", "*.mycdn.me")
    assert (settings.freescout.poll_interval, settings.freescout.undo_window) == (5.0, 15.0)
    assert (settings.texts.language, settings.log.level, settings.log.format) == (
        "ru",
        "info",
        "auto",
    )


def test_where_the_file_is_looked_for(tmp_path: Path) -> None:
    here, system = tmp_path / "config.toml", tmp_path / "etc" / "config.toml"
    named, ours = tmp_path / "named.toml", tmp_path / "ours.toml"
    system.parent.mkdir()
    variable = {"MAXBRIDGE_CONFIG": str(named)}
    order: list[tuple[Path, Path | None, dict[str, str]]] = [
        (system, None, {}),
        (here, None, {}),
        (named, None, variable),
        (ours, ours, variable),
    ]
    for path, option, environ in order:
        write(path)
        found = load(option, environ).path
        assert found is not None
        assert found.resolve() == path


@pytest.mark.parametrize("by_option", [True, False])
def test_a_file_that_was_named_must_be_there(tmp_path: Path, by_option: bool) -> None:
    write(tmp_path / "config.toml")
    missing = tmp_path / "missing.toml"
    environ = {} if by_option else {"MAXBRIDGE_CONFIG": str(missing)}
    with pytest.raises(ConfigError, match=r"no configuration file .*missing\.toml"):
        load(missing if by_option else None, environ)


def test_without_any_file_the_places_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {"MAXBRIDGE_LOG__LEVEL": "debug"})
    assert "/etc/maxbridge/config.toml" in caught.value.problems[-1]
    assert "Make one: " in caught.value.problems[-1]
    assert "MAXBRIDGE_MAX__TOKEN" in str(caught.value)


@pytest.mark.parametrize("sections", [tuple(SECTIONS), ("store",), ("store", "texts")])
@pytest.mark.parametrize("service", [True, False])
def test_without_any_settings_one_thing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: bool, sections: tuple[str, ...]
) -> None:
    monkeypatch.setattr(paths, "UNITS", ())
    monkeypatch.setattr(paths, "FOLDER", tmp_path / "etc" / "maxbridge")
    if service:
        (tmp_path / "etc" / "maxbridge").mkdir(parents=True)
    words = f"No settings yet. Begin with: {'sudo ' if service else ''}maxbridge init"
    environ = {"HOME": str(tmp_path), "MAXBRIDGE_CONFIG": "", "MAX_BOT_TOKEN": ""}
    with pytest.raises(NoSettingsError) as caught:
        load(None, environ, sections=sections)
    assert caught.value.problems == (words,)
    assert caught.value.exit_code is ExitCode.CONFIG
    with pytest.raises(NoSettingsError, match="No settings yet"):
        examine(None, environ)


def test_a_database_can_be_looked_into_without_settings(tmp_path: Path) -> None:
    """Somebody's own, with the settings in another folder; the place is the usual one."""
    store = tmp_path / ".local/state/maxbridge/maxbridge.db"
    store.parent.mkdir(parents=True)
    store.touch()
    found = load(None, {"HOME": str(tmp_path)}, sections=("store",))
    assert found.settings.store.path == store


@pytest.mark.parametrize("unit", ["maxbridge.service", None])
def test_the_service_is_here_when_its_unit_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str | None
) -> None:
    monkeypatch.setattr(paths, "UNITS", (tmp_path,))
    monkeypatch.setattr(paths, "FOLDER", tmp_path / "none")
    if unit is not None:
        (tmp_path / unit).touch()
    assert paths.is_service_here() is (unit is not None)


@pytest.mark.parametrize("content", [b"[max\n", b"token = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.toml"):
        load(path, {})


# --- precedence ---------------------------------------------------------------------------------------------

OLD = ("MAX_BOT_TOKEN", "FREESCOUT_API_KEY")


def sources(tmp_path: Path, *present: str) -> tuple[str, str, Config]:
    """Load with the secrets from some of the sources; each secret's value names its source."""
    environ: dict[str, str] = {}
    data: dict[str, dict[str, Any]] = {section: dict(keys) for section, keys in GOOD.items()}
    for section, name in (("max", "token"), ("freescout", "api_key")):
        del data[section][name]
        variable = f"MAXBRIDGE_{section}__{name}".upper()
        for source in present:
            secret = tmp_path / f"{source}_{name}"
            secret.write_text(f"from_{source}\n", encoding="utf-8")
            if source == "toml":
                data[section][name] = "from_toml"
            elif source == "toml_file":
                data[section][f"{name}_file"] = secret.name
            elif source == "env":
                environ[variable] = "from_env"
            elif source == "env_file":
                environ[f"{variable}_FILE"] = str(secret)
            elif source == "old":
                environ |= dict.fromkeys(OLD, "from_old")
            elif source == "credential":
                environ["CREDENTIALS_DIRECTORY"] = str(tmp_path / "credentials")
                (tmp_path / "credentials").mkdir(exist_ok=True)
                credential = {"token": "max_token", "api_key": "freescout_api_key"}[name]
                (tmp_path / "credentials" / credential).write_text("from_credential\n")
    path = tmp_path / "c.toml"
    path.write_text(toml(data), encoding="utf-8")
    made = load(path, environ)
    return made.settings.max.token.reveal(), made.settings.freescout.api_key.reveal(), made


@pytest.mark.parametrize("source", ["env", "env_file", "credential", "toml_file", "toml", "old"])
def test_a_secret_may_come_from_anywhere(tmp_path: Path, source: str) -> None:
    token, key, made = sources(tmp_path, source)
    assert (token, key) == (f"from_{source}", f"from_{source}")
    assert made.sources["max.token"]


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ("env", "env_file"),
        ("env", "credential"),
        ("env", "toml_file"),
        ("env", "toml"),
        ("env", "old"),
        ("env_file", "toml"),
        ("env_file", "old"),
        ("credential", "toml"),
        ("credential", "old"),
        ("toml_file", "toml"),
        ("toml_file", "old"),
        ("toml", "old"),
    ],
)
def test_the_stronger_source_wins_in_whatever_order_they_stand(
    tmp_path: Path, stronger: str, weaker: str
) -> None:
    # design.md 8: environment, credentials and *_file, the file, the old bridge's variables.
    for present in ((stronger, weaker), (weaker, stronger)):
        token, key, _ = sources(tmp_path, *present)
        assert (token, key) == (f"from_{stronger}", f"from_{stronger}"), present


def test_the_variables_of_the_old_bridge_are_enough(tmp_path: Path) -> None:
    environ = {
        "FREESCOUT_URL": "https://desk.romashka.ru",
        "FREESCOUT_API_KEY": KEY,
        "FREESCOUT_MAILBOX_ID": "3",
        "MAX_BOT_TOKEN": TOKEN,
        "MAXBRIDGE_FREESCOUT__USER_ID": "2",
    }
    made = load(None, environ)
    assert made.settings.freescout.mailbox_id == 3
    assert made.settings.max.token.reveal() == TOKEN
    assert made.sources["freescout.url"] == "$FREESCOUT_URL"
    assert made.sources["freescout.user_id"] == "$MAXBRIDGE_FREESCOUT__USER_ID"


def test_a_secret_file_is_found_beside_the_configuration(tmp_path: Path) -> None:
    directory = tmp_path / "elsewhere"
    directory.mkdir()
    (directory / "token").write_text(f"  {TOKEN}\n\n", encoding="utf-8")
    data = {"max": {"token_file": "token"}, "freescout": GOOD["freescout"]}
    (directory / "c.toml").write_text(toml(data), encoding="utf-8")
    assert load(directory / "c.toml", {}).settings.max.token.reveal() == TOKEN


def test_a_secret_file_that_cannot_be_read_is_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff" + KEY.encode())
    for name in ("missing", "bytes"):
        (found,) = problems(tmp_path, ("max", "token_file", name))
        assert name in found
        assert KEY not in found


# --- every key from the environment ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "section", "name", "expected"),
    [
        ("MAXBRIDGE_MAX__FIRST_START", "all", "max", "first_start", "all"),
        (
            "MAXBRIDGE_MAX__MEDIA_HOSTS",
            " *.a.ru, *.b.ru ,",
            "max",
            "media_hosts",
            ("*.a.ru", "*.b.ru"),
        ),
        ("MAXBRIDGE_FREESCOUT__POLL_INTERVAL", "2.5", "freescout", "poll_interval", 2.5),
        ("MAXBRIDGE_FREESCOUT__UNDO_WINDOW", "0", "freescout", "undo_window", 0.0),
        ("MAXBRIDGE_STORE__PATH", "/x/y.db", "store", "path", Path("/x/y.db")),
        ("MAXBRIDGE_TICKETS__REOPEN_DAYS", "-1", "tickets", "reopen_days", -1),
        ("MAXBRIDGE_TEXTS__GREETING", " Здравствуйте! ", "texts", "greeting", "Здравствуйте!"),
        ("MAXBRIDGE_LOG__LEVEL", "debug", "log", "level", "debug"),
    ],
)
def test_a_key_from_the_environment(
    *, tmp_path: Path, variable: str, value: str, section: str, name: str, expected: Any
) -> None:
    settings = loaded(tmp_path, **{variable: value}).settings
    found = getattr(getattr(settings, section), name)
    assert found == expected
    assert type(found) is type(expected)


EVERY_KEY = [
    (section, each) for section, cls in SECTIONS.items() for each in dataclasses.fields(cls)
]


@pytest.mark.parametrize(
    ("section", "each"), EVERY_KEY, ids=lambda each: getattr(each, "name", each)
)
def test_every_key_has_its_variable(
    tmp_path: Path, section: str, each: dataclasses.Field[Any]
) -> None:
    variable = f"MAXBRIDGE_{section}__{each.name}".upper()
    value = each.metadata.get("choices", ["https://127.0.0.1" if "url" in each.name else "31"])[0]
    value = {"proxy": "http://127.0.0.1", "textfile": "/run/m.prom", "command": "/bin/true"}.get(
        each.name, value
    )
    if section == "hours":
        value = {"timezone": "Asia/Omsk", "holidays": "01-01"}.get(each.name, "09:00-18:00")
    made = loaded(tmp_path, **{variable: value})
    assert made.sources[f"{section}.{each.name}"] == f"${variable}"


def test_other_variables_of_ours_are_let_be(tmp_path: Path) -> None:
    loaded(tmp_path, MAXBRIDGE_CONFIG="", MAXBRIDGE_DEBUG="1", PATH="x", MAX="y")


# --- what is wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "name", "value", "says"),
    [
        ("max", "tokn", "x", "[max] tokn: there is no such key. Did you mean token?"),
        ("freescout", "mailbox", 1, "there is no such key. Did you mean mailbox_id?"),
        ("freescot", "url", "x", "[freescot]: there is no such section. Did you mean freescout?"),
        ("store", "path_file", "x", "there is no such key"),
        ("max", "first_start", "al", "must be one of new, all. Did you mean all?"),
        ("log", "level", "verbose", "must be one of debug, info, warning, error."),
        ("texts", "language", "de", "must be one of ru, en."),
        ("texts", "greeting", 5, "must be a text"),
        ("max", "media_hosts", 5, "must be a list of texts"),
        ("max", "media_hosts", [1], "must be a list of texts"),
        ("freescout", "mailbox_id", 0, "must be 1 or more"),
        ("freescout", "mailbox_id", True, "must be a number"),
        ("freescout", "mailbox_id", "one", "must be a number"),
        ("freescout", "mailbox_id", 1.5, "must be a whole number"),
        ("freescout", "mailbox_id", float("inf"), "must be a whole number"),
        ("freescout", "mailbox_id", float("nan"), "must be a whole number"),
        ("freescout", "poll_interval", 0.1, "must be 0.5 or more"),
        ("freescout", "poll_interval", float("nan"), "must be 0.5 or more"),
        ("freescout", "undo_window", -1, "must be 0.0 or more"),
        ("freescout", "undo_window", float("inf"), "must be 3600.0 or less"),
        ("tickets", "reopen_days", -2, "must be -1 or more"),
        # Ids that are forgotten earlier could come back and be sent twice.
        ("store", "keep_ids_days", 29, "must be 30 or more"),
        ("freescout", "url", "", "is missing"),
        ("freescout", "url", "desk.romashka.ru", "is not an address: it must begin with https://"),
        (
            "freescout",
            "url",
            "ftp://desk.romashka.ru",
            "is not an address: it must begin with https://",
        ),
        ("freescout", "url", "https://", "is not an address: it must begin with https://"),
        ("freescout", "url", "https://[", "is not an address: it must begin with https://"),
        (
            "freescout",
            "url",
            "https://desk.romashka.ru:port",
            "is not an address: it must begin with https://",
        ),
        ("freescout", "url", "https://desk.romashka.ru/api/", "leave /api out"),
        ("freescout", "url", "https://u@desk.romashka.ru", "must not contain a user name"),
        ("freescout", "url", "https://:pass@desk.romashka.ru", "must not contain a user name"),
        ("freescout", "url", "https://desk.romashka.ru/?a=b", "must not contain"),
        ("freescout", "url", "http://desk.romashka.ru", "http:// would send the key in the clear"),
        ("freescout", "url", "http://127.0.0.1.evil.ru", "http:// would send the key"),
        ("freescout", "url", "http://10.0.0.1", "http:// would send the key in the clear"),
        ("max", "api_url", "http://platform-api2.max.ru", "http:// would send the key"),
        ("max", "token", "", "is missing"),
        ("max", "token", "two words", "has a blank or an unusual character"),
        ("max", "token", "токен-по-русски", "has a blank or an unusual character"),
        ("max", "token", "put-your-max-token-here", "still has the example value"),
        ("freescout", "url", "https://desk.example.org", "still has the example value"),
        ("freescout", "api_key", "сюда-ключ", "still has the example value"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(
    tmp_path: Path, section: str, name: str, value: Any, says: str
) -> None:
    found = problems(tmp_path, (section, name, value))
    assert any(says in each for each in found), found
    assert any(each.startswith(f"[{section}]") for each in found)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("texts", "language", "de"), ("texts", "language", "nr"), ("log", "level", "verbose")],
)
def test_what_is_like_none_of_the_known_names_gets_no_guess(
    tmp_path: Path, section: str, name: str, value: str
) -> None:
    assert not any("Did you mean" in each for each in problems(tmp_path, (section, name, value)))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]:8080/desk",
        "http://LOCALHOST:1",
        "https://desk.romashka.ru/support/",
        "https://10.0.0.1:8443",
    ],
)
def test_http_is_allowed_to_this_very_machine_only(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, ("freescout", "url", url)).settings.freescout.url == url


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.3", True),
        ("::1", True),
        ("localhost.evil.ru", False),
        ("127.0.0.1.nip.io", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to refuse
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_what_this_very_machine_is(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "proxy", ["http://proxy.romashka.local:3128", "http://user:pass@10.0.0.1:3128", "https://p.ru"]
)
def test_a_proxy_for_max_may_be_reached_over_http(tmp_path: Path, proxy: str) -> None:
    # TLS goes through it to MAX (CONNECT): no key is in the clear, and few proxies speak https.
    settings = loaded(tmp_path, ("max", "proxy", proxy)).settings
    assert settings.max.proxy.reveal() == proxy
    # It may hold a password.
    assert proxy not in repr(settings)


@pytest.mark.parametrize("proxy", ["proxy.romashka.local:3128", "socks5://10.0.0.1", "ftp://x"])
def test_what_is_no_proxy_is_said(tmp_path: Path, proxy: str) -> None:
    (found,) = problems(tmp_path, ("max", "proxy", proxy))
    assert "must be an address like http://proxy.romashka.ru:3128" in found


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[max]\ntokn = "x"\n[freescout]\nurl = 5\nmailbox_id = "x"\n[loog]\n')
    environ = {"MAXBRIDGE_LOG__LEVL": "x", "MAXBRIDGE_TICKETS__STATUS": "closed"}
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    text = str(caught.value)
    for name in ("tokn", "token:", "url", "api_key", "mailbox_id", "user_id", "[loog]", "LEVL"):
        assert name in text
    assert "Did you mean MAXBRIDGE_LOG__LEVEL?" in text
    assert "[tickets] status: must be one of active, pending." in text
    assert f"(configuration file: {path})" in text


def test_a_section_that_is_no_section_is_said(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('max = "x"\n')
    with pytest.raises(ConfigError, match=r"write \[max\] on a line of its own"):
        load(path, {})


# --- sections -------------------------------------------------------------------------------------------------


def test_a_command_that_needs_the_store_alone_minds_no_other_mistake(tmp_path: Path) -> None:
    # `maxbridge status` works without secrets (design.md 9).
    path = tmp_path / "c.toml"
    path.write_text(
        '[max]\ntokn = 5\ntoken_file = "missing"\n[loog]\n[freescout]\nurl = "x"\n'
        '[store]\npath = "/x/y.db"\n'
    )
    environ = {"MAXBRIDGE_LOG__LEVEL": "x", "MAXBRIDGE_NO__SUCH": "x", "FREESCOUT_URL": "x"}
    assert load(path, environ, sections=("store",)).settings.store.path == Path("/x/y.db")


def test_a_command_that_needs_the_store_alone_minds_no_secret_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "max_token").write_bytes(b"\xff\xfe")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    load(write(tmp_path / "c.toml"), environ, sections=("store",))


def test_a_mistake_in_the_needed_section_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", ("store", "pth", "x"))
    with pytest.raises(ConfigError, match="Did you mean path"):
        load(path, {}, sections=("store",))


# --- the database's place -------------------------------------------------------------------------------------


def test_where_the_database_is_when_nothing_says_so(tmp_path: Path) -> None:
    home = {"HOME": "/home/egor"}
    assert default_store(home) == Path("/home/egor/.local/state/maxbridge/maxbridge.db")
    xdg = home | {"XDG_STATE_HOME": "/state"}
    assert default_store(xdg) == Path("/state/maxbridge/maxbridge.db")
    # systemd names the service's own directory, several with colons.
    service = xdg | {"STATE_DIRECTORY": "/var/lib/maxbridge/second:/var/lib/other"}
    assert default_store(service) == Path("/var/lib/maxbridge/second/maxbridge.db")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "maxbridge.db").touch()
    # `maxbridge status` in the administrator's shell looks at the service's database.
    assert default_store(xdg) == tmp_path / "var" / "maxbridge.db"
    assert default_store(service) == Path("/var/lib/maxbridge/second/maxbridge.db")


def test_what_the_configuration_says_goes_before(tmp_path: Path) -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/maxbridge", "HOME": "/home/egor"}
    made = loaded(tmp_path, **environ)
    assert made.settings.store.path == Path("/var/lib/maxbridge/maxbridge.db")
    made = loaded(tmp_path, ("store", "path", "/x/y.db"), **environ)
    assert made.settings.store.path == Path("/x/y.db")


class Forbidden:
    """A path in a folder that only its owner may look into."""

    def stat(self) -> os.stat_result:
        raise PermissionError(13, "Permission denied")


def test_a_service_that_may_not_be_looked_into_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    # /var/lib/maxbridge is the service's own; anybody may ask for the status.
    place = Forbidden()
    monkeypatch.setattr(config, "SERVICE_STATE", place)
    assert default_store({"HOME": "/home/egor"}) is place  # type: ignore[comparison-overlap]


def test_a_configuration_that_may_not_be_looked_for_says_as_whom_to_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config, "SYSTEM_CONFIG", Forbidden())
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    with pytest.raises(ConfigError, match="Use sudo") as caught:
        load(None, {"HOME": "/home/egor"})
    assert caught.value.exit_code == ExitCode.NO_PERMISSION


# --- secrets --------------------------------------------------------------------------------------------------


def test_secrets_show_themselves_to_nobody(tmp_path: Path) -> None:
    made = loaded(tmp_path)
    settings = made.settings
    shown = [
        *(f"{each!r} {each!s} {each}" for each in (settings, settings.max, settings.freescout)),
        repr(dataclasses.asdict(settings)),
        repr(dataclasses.astuple(settings)),
        repr(made),
        repr(made.sources),
        f"{settings.max.token!r} {settings.max.token!s} {settings.max.token}",
        "%s %r" % (settings.max.token, [settings.max.token]),  # noqa: UP031
        repr(vars(made)),
    ]
    for text in shown:
        assert TOKEN not in text
        assert KEY not in text
    assert "***" in shown[0]


def test_an_empty_secret_says_that_it_is_empty() -> None:
    assert repr(Secret("")) == "''"
    assert not Secret("")
    assert Secret("x")
    assert repr(Settings().max.token) == "''"


BROKEN_SECRETS = [f"{TOKEN} x", f"{TOKEN}\n\nx", f"{TOKEN}ы", f"put-your-{TOKEN}", f"\t{TOKEN}\x7f"]


@pytest.mark.parametrize("secret", BROKEN_SECRETS)
def test_secrets_are_in_no_error(tmp_path: Path, secret: str) -> None:
    (tmp_path / "file").write_text(secret, encoding="utf-8")
    attempts: list[tuple[list[tuple[str, str, Any]], dict[str, str]]] = [
        ([("max", "token_file", "file")], {}),
        ([], {"MAXBRIDGE_MAX__TOKEN": secret}),
        ([("freescout", "api_key", secret.replace("\x7f", "ы"))], {}),
        ([("max", "tokn", TOKEN)], {"MAXBRIDGE_MAX__TOKN": TOKEN}),
        ([("max", "token", [TOKEN])], {}),
    ]
    for changes, environ in attempts:
        with pytest.raises(ConfigError) as caught:
            loaded(tmp_path, *changes, **environ)
        assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "line", [f"token = {TOKEN}", f'token = "{TOKEN}', f'token = "\\q{TOKEN}"', f'{TOKEN} = = "x"']
)
def test_secrets_in_a_file_that_is_no_toml_are_not_quoted(tmp_path: Path, line: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f"[max]\n{line}\n")
    with pytest.raises(ConfigError, match="not valid TOML") as caught:
        load(path, {})
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_configuration_of_roots_says_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What everybody does once: `maxbridge status` without sudo."""
    path = tmp_path / "config.toml"
    path.write_text("")

    def refuse(_: Path, **_how: Any) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    with pytest.raises(ConfigError, match=r"No permission for .*config\.toml\. Use sudo") as caught:
        load(path, {})
    assert "Errno" not in str(caught.value)
    assert len(caught.value.problems) == 1
    assert caught.value.exit_code is ExitCode.NO_PERMISSION
    # A service has no sudo; with 77 systemd would start it for ever.
    with pytest.raises(ConfigError) as caught:
        load(path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert caught.value.exit_code is ExitCode.CONFIG


def test_a_secret_cannot_be_pickled_into_the_open_by_accident() -> None:
    assert TOKEN not in repr(pickle.dumps(Settings()))


# --- the example ------------------------------------------------------------------------------------------------

example = pytest.mark.skipif(not EXAMPLE.exists(), reason="no config.example.toml beside the tests")


@example
def test_the_example_is_refused_as_it_stands() -> None:
    with pytest.raises(ConfigError) as caught:
        load(EXAMPLE, {})
    text = str(caught.value)
    assert text.count("still has the example value") >= 3
    # Nothing but what everybody has to fill in is wrong with it.
    assert "there is no such" not in text
    for name in ("token", "url", "api_key", "mailbox_id", "user_id"):
        assert name in text
    assert len(caught.value.problems) == 6


@example
def test_the_example_with_its_comments_taken_away_is_the_defaults(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").split("\n")
    code = [line.removeprefix("# ") for line in lines if is_setting(line)]
    data = tomllib.loads("\n".join(code))
    for section, keys in data.items():
        defaults = SECTIONS[section]()
        for name, value in keys.items():
            if (section, name) in {(s, n) for s, keys in GOOD.items() for n in keys}:
                continue
            if name.endswith("_file") or (section, name) == ("store", "path"):
                continue
            default = getattr(defaults, name)
            expected = list(default) if isinstance(default, tuple) else default
            expected = default.reveal() if isinstance(default, Secret) else expected
            assert value == expected, (section, name)
    told = {(section, name) for section, keys in data.items() for name in keys}
    known = {
        (section, each.name)
        for section, cls in SECTIONS.items()
        for each in dataclasses.fields(cls)
    }
    assert known <= told


def is_setting(line: str) -> bool:
    bare = line.removeprefix("# ")
    name, equals, _ = bare.partition(" = ")
    return (bool(equals) and name.isidentifier() and name.islower()) or line.startswith("[")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/run/maxbridge.txt", "must be the name of a file that ends with .prom."),
        ("maxbridge.prom", "must begin with /, as in /var/lib/maxbridge/maxbridge.prom."),
    ],
)
def test_a_metrics_file_that_nobody_would_find_is_refused(
    tmp_path: Path, value: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, MAXBRIDGE_METRICS__TEXTFILE=value)
    assert words in str(refused.value)
    assert "[metrics] textfile" in str(refused.value)


@pytest.mark.parametrize(
    "host", ["192.168.1.300", "1.2.3", "12345", "192.168.1.1.", "192.168.01.1", "1.2.3.4.5"]
)
@pytest.mark.parametrize(
    ("section", "name"),
    [("alerts", "ping_url"), ("freescout", "url"), ("max", "api_url"), ("max", "proxy")],
)
def test_a_host_of_digits_and_dots_is_an_address_or_refused(
    tmp_path: Path, section: str, name: str, host: str
) -> None:
    (tmp_path / "bad").mkdir()
    found = problems(tmp_path / "bad", (section, name, f"https://{host}/x"))
    assert any(each.startswith(f"[{section}] {name}: has a host that is no IPv4") for each in found)
    loaded(tmp_path, (section, name, "https://192.168.1.30/x"))


def test_each_address_among_the_settings_is_checked() -> None:
    """One whose name says so has a rule for it: whoever adds one thinks of it."""
    for section, cls in SECTIONS.items():
        for each in dataclasses.fields(cls):
            if "url" in each.name or each.name == "proxy":
                rules = {"url", "ping", "proxy"} & set(each.metadata)
                assert rules, f"[{section}] {each.name}"
