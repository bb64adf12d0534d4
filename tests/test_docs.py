"""The documentation must say what the program does, in both languages alike."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from maxbridge.advice import ADVICE
from maxbridge.cli import COMMANDS, cli
from maxbridge.config.loading import SERVICE_STATE, load
from maxbridge.config.settings import SECTIONS, Secret
from maxbridge.config.sources import CREDENTIALS
from maxbridge.config.values import EXAMPLE_WORDS
from maxbridge.core.errors import ConfigError, ExitCode
from maxbridge.service import RELOAD_FROM

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config.example.toml"
README = ROOT / "README.md"
README_RU = ROOT / "README.ru.md"
BOTH = pytest.mark.parametrize("readme", [README, README_RU], ids=["en", "ru"])
TROUBLE = [ROOT / "docs" / name for name in ("troubleshooting.md", "troubleshooting.ru.md")]
ABOUT_TROUBLE = pytest.mark.parametrize("page", TROUBLE, ids=["en", "ru"])
GUIDES = sorted(
    path
    for name in ("start", "operations", "troubleshooting", "migration", "README")
    for path in (ROOT / "docs").glob(f"{name}*.md")
)
WITH_COMMANDS = pytest.mark.parametrize(
    "page", [README, README_RU, *GUIDES], ids=lambda page: f"{page.parent.name}/{page.name}"
)
UNITS = pytest.mark.parametrize("unit", ["maxbridge.service", "maxbridge@.service"])

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENTED_KEY = re.compile(r"^# ([a-z_]+ = )", re.MULTILINE)
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def code_blocks(readme: Path) -> list[tuple[str, str]]:
    """Language and content of each code block, without lines that are comments."""
    return [
        (language, "\n".join(line for line in code.split("\n") if not line.startswith("#")))
        for language, code in FENCE.findall(readme.read_text())
    ]


def prose(readme: Path) -> str:
    return FENCE.sub("", readme.read_text())


# --- the READMEs ---------------------------------------------------------------------------------


def test_readmes_have_the_same_headings_in_the_same_places() -> None:
    levels = [re.findall(r"^(#+) ", prose(each), re.MULTILINE) for each in (README, README_RU)]
    assert levels[0] == levels[1]


def test_readmes_have_the_same_code_blocks() -> None:
    assert code_blocks(README) == code_blocks(README_RU)


def test_readmes_have_tables_of_the_same_size() -> None:
    rows = [re.findall(r"^\|", prose(each), re.MULTILINE) for each in (README, README_RU)]
    assert rows[0] == rows[1]


def test_readmes_name_the_same_keys_commands_and_codes() -> None:
    """Whatever stands in `backticks` is for the machine, so it has no translation."""
    names = [set(re.findall(r"`([^`\n]+)`", prose(each))) for each in (README, README_RU)]
    assert names[0] == names[1]


@BOTH
def test_a_readme_is_read_in_a_minute_or_two(readme: Path) -> None:
    assert len(readme.read_text().split()) <= 700


@BOTH
def test_a_readme_begins_with_what_it_is_how_it_looks_and_how_it_is_seen_at_work(
    readme: Path,
) -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)|^```sh\n(.*)$", readme.read_text(), re.MULTILINE)
    language = ".ru" if readme == README_RU else ""
    assert [one or other for one, other in shown[:3]] == [
        f"docs/front/talk{language}.png", "make demo", f"docs/screens/demo{language}.svg",
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["", ".ru"], ids=["en", "ru"])
def test_every_command_stands_in_a_guide(language: str) -> None:
    """The page of commands is generated; here is where somebody with a task finds them."""
    guides = "".join(
        each.read_text() for each in GUIDES if each.name.endswith(".ru.md") is bool(language)
    )
    for name in COMMANDS:
        assert f"maxbridge {name}" in guides, name


def test_every_guide_is_there() -> None:
    assert len(GUIDES) == 10


@WITH_COMMANDS
def test_each_command_of_a_page_would_be_understood(page: Path) -> None:
    """Command, subcommand and options of every line of a shell block and of every `maxbridge …`."""
    shell = [code for language, code in code_blocks(page) if language in ("sh", "ini")]
    inline = re.findall(r"`((?:sudo )?maxbridge [^`\n]+)`", prose(page))
    lines = "\n".join([*shell, *inline])
    used = re.findall(
        r"^(?:sudo |.* exec /opt/maxbridge/bin/)?maxbridge\b([^|>;'#\n]*)", lines, re.MULTILINE
    )
    assert used or page.parent.name == "docs", page
    for words in used:
        assert refusal(words.replace("…", "").split()) == "", words


def refusal(words: list[str]) -> str:
    """What is wrong with a command line; nothing is run."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"there is no {words[0]}"
        command, words = found, words[1:]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    wrong = [
        word for word in words if word.startswith("--") and word.partition("=")[0] not in known
    ]
    return f"there is no {' '.join(wrong)}" if wrong else ""


def test_a_command_line_that_is_wrong_is_found_out() -> None:
    assert refusal(["queue", "list", "--chat", "1"]) == ""
    assert refusal(["--version"]) == ""
    assert refusal(["queue", "lst"]) == "there is no lst"
    assert refusal(["check", "--remove-hook"]) == "there is no --remove-hook"


@ABOUT_TROUBLE
def test_every_symptom_with_advice_stands_in_the_table(page: Path) -> None:
    """Each code is what an administrator may find in the log or in ``status``."""
    symptoms = {
        code
        for row in re.findall(r"^\| (.*?) \|", prose(page), re.MULTILINE)
        for code in re.findall(r"`([^`]+)`", row)
    }
    assert sorted(set(ADVICE) - symptoms) == []


@ABOUT_TROUBLE
def test_every_code_of_the_table_exists(page: Path) -> None:
    """A code that the program no longer has would be looked for in vain."""
    kinds = "|".join(sorted({code.partition(".")[0] for code in ADVICE if "." in code}))
    named = re.findall(rf"`((?:{kinds})\.[a-z_]*[a-z])`", prose(page))
    checks = {"max.webhook", "max.bot"}  # lines of `maxbridge check`
    assert set(named) <= set(ADVICE) | checks


@WITH_COMMANDS
def test_settings_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`\[([a-z]+)\] ([a-z_]+)`", prose(page))
    assert named or page.name.startswith(("README", "migration")), page
    for section, key in named:
        assert key in {each.name for each in dataclasses.fields(SECTIONS[section])}, (section, key)


@pytest.mark.parametrize("page", ["commands.md", "commands.ru.md"])
def test_exit_codes_are_listed(page: str) -> None:
    listed = {
        int(code) for code in re.findall(r"^\| (\d+) \|", prose(ROOT / "docs" / page), re.MULTILINE)
    }
    raised = {ExitCode.OK, ExitCode.SOFTWARE, ExitCode.CANT_CREATE, ExitCode.TEMP_FAIL}
    assert listed >= raised | {ExitCode.NO_PERMISSION, ExitCode.CONFIG}


@pytest.mark.parametrize("page", ["systemd.md", "systemd.ru.md"])
def test_the_page_names_what_a_reload_takes_over(page: str) -> None:
    """A section is named by itself when all of its keys are taken over, else key by key."""
    _, _, rest = (ROOT / "docs" / page).read_text().partition("\n## systemctl reload\n\n")
    named = [
        word
        for each in re.findall(r"`([^`\n]+)`", rest.partition("\n\n")[0])
        for word in (each, *each.split())
    ]
    for section, cls in SECTIONS.items():
        live = [each.name for each in dataclasses.fields(cls) if each.metadata.get("live")]
        is_whole = len(live) == len(dataclasses.fields(cls))
        assert (f"[{section}]" in named) is bool(live), section
        assert is_whole or set(live) <= set(named), section


# --- config.example.toml -------------------------------------------------------------------------


def uncommented() -> dict[str, Any]:
    return tomllib.loads(COMMENTED_KEY.sub(r"\1", EXAMPLE.read_text()))


def test_the_example_has_every_key_and_no_other() -> None:
    wanted: dict[str, set[str]] = {}
    for name, section in SECTIONS.items():
        keys = dataclasses.fields(section)
        files = {f"{each.name}_file" for each in keys if each.metadata.get("secret")}
        wanted[name] = {each.name for each in keys} | files
    assert {name: set(section) for name, section in uncommented().items()} == wanted


def test_the_example_shows_the_defaults() -> None:
    shown = uncommented()
    for name, section in SECTIONS.items():
        for each in dataclasses.fields(section):
            if each.metadata.get("required"):
                continue
            value = shown[name][each.name]
            default = list(each.default) if isinstance(each.default, tuple) else each.default
            if isinstance(default, Secret):
                default = default.reveal()
            if isinstance(default, Path):
                value, default = Path(value), SERVICE_STATE
            assert value == default, (name, each.name)


def test_every_key_of_the_example_is_explained_in_russian_and_english() -> None:
    lines = EXAMPLE.read_text().split("\n")
    keys = [at for at, line in enumerate(lines) if re.match(r"(# )?[a-z_]+ = ", line)]
    assert keys
    for at in keys:
        russian, english = lines[at - 2], lines[at - 1]
        assert russian.startswith("# "), lines[at]
        assert CYRILLIC.search(russian), lines[at]
        assert english.startswith("# "), lines[at]
        assert not CYRILLIC.search(english), lines[at]


def test_the_example_asks_for_what_is_required_and_nothing_else() -> None:
    required = {
        (name, each.name)
        for name, section in SECTIONS.items()
        for each in dataclasses.fields(section)
        if each.metadata.get("required")
    }
    given = tomllib.loads(EXAMPLE.read_text())
    assert {(name, key) for name, section in given.items() for key in section} == required


def test_the_unedited_example_is_refused_with_a_line_for_each_value() -> None:
    with pytest.raises(ConfigError) as refused:
        load(EXAMPLE, {})
    *problems, where = refused.value.problems
    given = tomllib.loads(EXAMPLE.read_text())
    wanted = [f"[{name}] {key}:" for name, section in given.items() for key in section]
    assert [problem.partition(":")[0] + ":" for problem in problems] == wanted
    assert str(EXAMPLE) in where


def test_example_texts_are_known_to_be_examples() -> None:
    for section in tomllib.loads(EXAMPLE.read_text()).values():
        for value in section.values():
            assert value == 0 or any(word in value for word in EXAMPLE_WORDS), value


def test_run_ends_with_78_on_the_unedited_example() -> None:
    code = "from maxbridge.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--config", str(EXAMPLE)],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert done.returncode == ExitCode.CONFIG
    assert done.stdout == ""
    assert "still has the example value" in done.stderr
    assert "put-your" not in done.stderr


# --- systemd -------------------------------------------------------------------------------------


def directives(unit: str) -> dict[tuple[str, str], list[str]]:
    """Values by section and key; systemd allows a key more than once, so configparser does not do."""
    found: dict[tuple[str, str], list[str]] = {}
    section = ""
    for line in (ROOT / "systemd" / unit).read_text().split("\n"):
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            assert line in ("[Unit]", "[Service]", "[Install]")
            section = line.strip("[]")
            continue
        key, sign, value = line.partition("=")
        assert sign, line
        assert re.fullmatch(r"[A-Za-z]+", key), line
        found.setdefault((section, key), []).append(value)
    return found


@UNITS
def test_units_have_the_essential_lines(unit: str) -> None:
    found = directives(unit)
    essential = {
        ("Unit", "StartLimitIntervalSec"): "0",
        ("Service", "Type"): "notify",
        ("Service", "NotifyAccess"): "main",
        ("Service", "LimitCORE"): "0",
        ("Service", "DynamicUser"): "yes",
        ("Service", "StateDirectoryMode"): "0700",
        ("Service", "Restart"): "on-failure",
        ("Service", "RestartPreventExitStatus"): str(int(ExitCode.CONFIG)),
        ("Service", "KillSignal"): "SIGTERM",
        ("Service", "UMask"): "0077",
        ("Service", "SocketBindDeny"): "any",
        ("Service", "CapabilityBoundingSet"): "",
        ("Service", "NoNewPrivileges"): "yes",
        ("Service", "ProtectSystem"): "strict",
        ("Install", "WantedBy"): "multi-user.target",
    }
    assert {key: found.get(key) for key in essential} == {
        key: [value] for key, value in essential.items()
    }


@UNITS
def test_units_hand_over_the_settings_as_a_credential(unit: str) -> None:
    """A file of mode 0600 in /etc cannot be read by the service's dynamic user."""
    found = directives(unit)
    assert found["Service", "ExecStart"] == [
        "/opt/maxbridge/bin/maxbridge run --config ${CREDENTIALS_DIRECTORY}/config.toml"
    ]
    sources = dict(each.split(":") for each in found["Service", "LoadCredential"])
    assert sources.pop("config.toml").startswith("/etc/maxbridge/")
    assert set(sources) == set(CREDENTIALS.values())
    for source in sources.values():
        # Only a bare name may be missing: then systemd looks into /etc/credstore and goes on.
        assert "/" not in source


@UNITS
def test_a_reload_reads_the_file_that_the_start_reads(unit: str) -> None:
    """Credentials are of the start; the copy lies where the program looks for it."""
    found = directives(unit)
    source = dict(each.split(":") for each in found["Service", "LoadCredential"])["config.toml"]
    (command,) = found["Service", "ExecReload"]
    assert f' {source} "$${RELOAD_FROM}"; kill -HUP "$$MAINPID"' in command
    assert found["Service", "Environment"] == [f"{RELOAD_FROM}=/run/maxbridge.fresh/%n"]
    assert found["Service", "ExecStopPost"] == ["+/bin/rm -f /run/maxbridge.fresh/%n"]


@UNITS
def test_root_writes_into_no_folder_of_the_services(unit: str) -> None:
    """Whoever has taken over the service could put a link there, and root would follow it."""
    found = directives(unit)
    folders = ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CACHE_DIRECTORY", "/var/lib/maxbridge")
    as_root = [line for values in found.values() for line in values if line.startswith(("+", "!"))]
    assert len(as_root) == 2
    for line in as_root:
        assert not [each for each in folders if each in line]
        # "maxbridge-NAME" is a folder of a service's; no name of a bot makes this one of them.
        assert set(re.findall(r"/run/\S+?(?=[;/ ]|$)", line)) == {"/run/maxbridge.fresh"}


def test_units_differ_in_names_only() -> None:
    one, many = directives("maxbridge.service"), directives("maxbridge@.service")
    service = ("StateDirectory", "LoadCredential", "ExecReload", "NoExecPaths")
    named = {("Unit", "Description"), *(("Service", key) for key in service)}
    assert many.pop(("Service", "User")) == ["maxbridge-%i"]
    assert set(one) == set(many)
    assert {key for key in one if one[key] != many[key]} == named


def test_the_state_directory_is_where_the_program_looks() -> None:
    found = directives("maxbridge.service")
    assert found["Service", "StateDirectory"] == [SERVICE_STATE.parent.name]


def test_no_secret_stands_in_the_repository_as_an_example() -> None:
    given = tomllib.loads(EXAMPLE.read_text())
    for section, key in CREDENTIALS:
        assert "put-your" in given[section][key]
    assert repr(Secret("put-your")) == "'***'"


def test_litestream_runs_as_the_service_in_the_same_sandbox() -> None:
    """The database is readable by one user; nothing of the sandbox may be missing beside it."""
    ours, other = directives("maxbridge.service"), directives("maxbridge-litestream.service")
    assert other["Service", "User"] == ["maxbridge"]
    assert other["Service", "DynamicUser"] == ["yes"]
    assert other["Service", "ExecStart"] == [
        "/usr/bin/litestream replicate -config ${CREDENTIALS_DIRECTORY}/litestream.yml"
    ]
    differs = {"MemoryMax", "TimeoutStopSec", "Restart", "LoadCredential", "ExecStart"}
    its_own = {
        "Type",
        "NotifyAccess",
        "TimeoutStartSec",
        "WatchdogSec",
        "ExecReload",
        "ExecStopPost",
    }
    its_own |= {"Environment", "KillSignal", "LimitNOFILE", "RestartPreventExitStatus"}
    for (section, key), values in ours.items():
        if section == "Service" and key not in differs | its_own:
            assert other[section, key] == values, key
    assert "maxbridge.service" in other["Unit", "Before"]
    assert other["Unit", "PartOf"] == other["Install", "WantedBy"] == ["maxbridge.service"]
