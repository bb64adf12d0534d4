"""What is drawn: commands as they are run, and the state in which they find the bridge."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from cli.terminal import Terminal
from ends.answers import answers
from ends.authority import AUTHORITY
from ends.people import at_max
from maxbridge.store.store import Store
from screens.still import NOW
from screens.words import COLUMNS
from status_samples import World, healthy, held, max_down

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "screens"
_PROMPT = "\x1b[1;32m$\x1b[0m \x1b[1m"
_HOOK = "https://bot.example.ru/webhook"
_LOCALES = {"en": "en_US.UTF-8", "ru": "ru_RU.UTF-8"}
_GREETINGS = {"en": "Hello! Write to us here.", "ru": "Здравствуйте! Напишите нам здесь."}


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture.

    Attributes:
        title: What is to be seen.
        play: Gives what the terminal was sent.
        apart: It needs the world of its own that world.sh makes.
        cheap: It takes so little that a test does it again.
        moves: The picture fills as the terminal did.
    """

    title: str
    play: Callable[[], str]
    apart: bool = False
    cheap: bool = False
    moves: bool = False


def typed(command: str) -> str:
    """A command line, as it stands before its output."""
    return f"{_PROMPT}{command}\x1b[0m\n"


def shown(
    command: str, environment: Mapping[str, str], *, still: bool = True, code: int | None = 0
) -> str:
    """Run a command on a terminal; gives its line and what it printed."""
    words = command.removeprefix("sudo ").split()
    terminal = Terminal(
        *words[1:], cwd=Path.cwd(), environment=_plain(environment), columns=COLUMNS,
        program=_program(still=still),
    )  # fmt: skip
    ended = terminal.ended()
    if code not in (ended, None):
        raise AssertionError(f"{command}: exit code {ended}:\n{terminal.seen}")
    return f"{typed(command)}{terminal.seen}"


def _program(*, still: bool) -> tuple[str, ...]:
    installed = str(Path(sys.executable).with_name("maxbridge"))
    return (sys.executable, "-m", "screens.still") if still else (installed,)


def _plain(more: Mapping[str, str]) -> dict[str, str]:
    return {
        "HOME": tempfile.gettempdir(), "LANG": "en_US.UTF-8", "TZ": "MSK-3",
        "PYTHONPATH": os.pathsep.join(sys.path[1:]), "PYTHONDONTWRITEBYTECODE": "1",
    } | dict(more)  # fmt: skip


# --- the demo ------------------------------------------------------------------------------------------------


def _demo(language: str) -> Callable[[], str]:
    def play() -> str:
        return shown(f"maxbridge demo --language {language}", {}, still=False)

    return play


# --- from a prepared database ----------------------------------------------------------------------------------


@contextmanager
def _database(state: Callable[[World], None]) -> Iterator[dict[str, str]]:
    """A database in some state, held as the running daemon holds it; gives the environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "maxbridge.db"
        journal = Store(path)
        try:
            with redirect_stdout(io.StringIO()):  # what the daemon would log
                world = World(journal)
                state(world)
            journal.backfill.polled(world.polled_at)
            yield {"MAXBRIDGE_STORE__PATH": str(path)}
        finally:
            journal.close()


def _status(language: str) -> Callable[[], str]:
    def play() -> str:
        with _database(healthy) as environment:
            return shown("maxbridge status", environment | {"LANG": _LOCALES[language]})

    return play


def _watch() -> str:
    with _database(max_down) as environment:
        terminal = Terminal(
            "status", "--watch", cwd=Path.cwd(), environment=_plain(environment), columns=COLUMNS,
            program=_program(still=True),
        )  # fmt: skip
        terminal.wait_for("Ctrl+C ends")
        terminal.interrupt()
        if terminal.ended() != 1:
            raise AssertionError(terminal.seen)
    # What the alternate screen showed stands on the normal one in the end, as it was.
    page = terminal.seen.rpartition("\x1b[?1049l")[2]
    return f"{typed('maxbridge status --watch')}{page}"


def _queue() -> str:
    with _database(held) as environment:
        listed = shown("maxbridge queue list", environment)
        item = next(each for each in listed.split() if each.startswith("out-"))
        return f"{listed}\n{shown(f'maxbridge queue show {item}', environment)}"


# --- as root, between both ends ----------------------------------------------------------------------------------


@contextmanager
def _ends(*options: str) -> Iterator[dict[str, str]]:
    """Both simulators; gives their keys."""
    folder = Path("/run/ends")
    process = subprocess.Popen(
        [sys.executable, "-m", "ends", str(folder), "--clock", str(NOW), *options],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | _plain({}),
    )
    try:
        keys: dict[str, str] = json.loads(process.stdout.readline() if process.stdout else "")
        yield keys
    finally:
        process.terminate()
        process.wait(10)


def _as_root(**more: str) -> dict[str, str]:
    authority = Path("/run/ends") / AUTHORITY
    return {"SUDO_USER": "anna", "HOME": "/root", "SSL_CERT_FILE": str(authority)} | more


def _init(language: str) -> Callable[[], str]:
    def play() -> str:
        with _ends() as keys:
            return _answered(language, keys)

    return play


def _answered(language: str, keys: Mapping[str, str]) -> str:
    terminal = Terminal(
        "init", cwd=Path.cwd(), environment=_plain(_as_root(LANG=_LOCALES[language])), columns=COLUMNS,
        program=_program(still=True),
    )  # fmt: skip
    for question, answer in answers(keys, language, _GREETINGS[language]):
        terminal.answer(question, answer)
    if terminal.ended() != 0:
        raise AssertionError(terminal.seen)
    return f"{typed('sudo maxbridge init')}{terminal.seen}"


def _check(language: str, *, ill: bool) -> Callable[[], str]:
    def play() -> str:
        with _ends(*(("--ahead", "412") if ill else ())) as keys, _service():
            _answered(language, keys)
            if ill:
                at_max("subscribe", _HOOK)
            environment = _as_root(LANG=_LOCALES[language])
            return shown("sudo maxbridge check", environment, code=78 if ill else 0)

    return play


@contextmanager
def _service() -> Iterator[None]:
    """The database of a running service, in its usual place."""
    path = Path("/var/lib/maxbridge/maxbridge.db")
    path.parent.mkdir(exist_ok=True)
    journal = Store(path)
    try:
        healthy(World(journal))
        yield
    finally:
        journal.close()


SCENES: Mapping[str, Scene] = {
    "demo": Scene("maxbridge demo", _demo("en"), moves=True),
    "demo.ru": Scene("maxbridge demo: разговор клиента с агентом", _demo("ru"), moves=True),
    "init": Scene("maxbridge init: each answer is tried at once", _init("en"), apart=True),
    "init.ru": Scene("maxbridge init: каждый ответ сразу проверяется", _init("ru"), apart=True),
    "check": Scene("maxbridge check: all is well", _check("en", ill=False), apart=True),
    "check.ru": Scene("maxbridge check: всё в порядке", _check("ru", ill=False), apart=True),
    "check-wrong": Scene(
        "maxbridge check: a webhook takes the messages, and a clock is wrong",
        _check("en", ill=True),
        apart=True,
    ),
    "status": Scene("maxbridge status: all is well", _status("en"), cheap=True),
    "status.ru": Scene("maxbridge status: всё в порядке", _status("ru"), cheap=True),
    "status-watch": Scene(
        "maxbridge status --watch: MAX cannot be reached, replies wait", _watch, cheap=True
    ),
    "queue": Scene(
        "maxbridge queue: what is held, and what can be done about it", _queue, cheap=True
    ),
}
