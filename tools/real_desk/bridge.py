"""The real daemon as a process of its own, and the simulator of MAX on the other side of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from maxbridge.sim.faults import Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.max.store import Person
from maxbridge.sim.serve import serve
from real_desk.ledger import TOKEN, Sightings
from real_desk.settings import RealDesk

_OURS = ("MAXBRIDGE_", "FREESCOUT_", "MAX_BOT", "REAL_DESK_")
_STOPS_WITHIN = 60.0
_STEP = 0.2
_COMMAND_SECONDS = 300.0
_RELOADED = '"event": "settings reloaded"'
Toml = Mapping[str, Mapping[str, object]]
"""Settings by section and name; what JSON and TOML write alike."""


class Bridge:
    """One bot, one database, one daemon that may be stopped and killed."""

    def __init__(self, folder: Path, desk: RealDesk, max_sim: MaxSim, line: Faulty) -> None:
        self.folder = folder
        self.max = max_sim
        self.line = line
        """The way from the daemon to MAX, on which a scenario may put faults."""
        self.desk = desk
        self.kills = 0
        self._url = ""
        self._settings: dict[str, dict[str, object]] = {}
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, folder: Path, desk: RealDesk, *, bot: int, settings: Toml | None = None
    ) -> AsyncIterator[Bridge]:
        """Serve MAX and write the configuration; the daemon is killed at the end if it still runs.

        Args:
            folder: For the database and the log.
            desk: FreeScout.
            bot: MAX user id of the bot.
            settings: What is otherwise than by default.
        """
        folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
        max_sim = MaxSim(now=time.time, bot_id=bot)
        line = Faulty(max_sim, rng=Random(bot))  # noqa: S311 - it has to be repeatable
        bridge = cls(folder, desk, max_sim, line)
        async with serve(line) as url:
            bridge._url = url
            bridge.configure(settings or {})
            try:
                yield bridge
            finally:
                if bridge._process is not None:
                    await bridge.kill()

    def configure(self, settings: Toml) -> None:
        """Write the configuration; every rule that was never named keeps its default."""
        ours: Toml = {
            "max": {"token": self.max.token, "api_url": self._url, "first_start": "all"},
            "freescout": {
                "url": self.desk.url,
                "api_key": self.desk.api_key,
                "mailbox_id": self.desk.mailbox,
                "user_id": self.desk.bridge_user,
                "poll_interval": 1.0,
            },
            "store": {"path": str(self.database)},
            "log": {"level": "debug", "format": "json"},
            "metrics": {"textfile": str(self.metrics)},
        }
        for source in (settings, ours):
            for section, values in source.items():
                self._settings.setdefault(section, {}).update(values)
        self.config.write_text(
            "".join(
                f"[{section}]\n"
                + "".join(f"{name} = {_toml(value)}\n" for name, value in values.items())
                for section, values in self._settings.items()
            )
        )
        self.config.chmod(0o600)

    async def reload(self, settings: Toml) -> None:
        """Change settings, and have the running daemon read them."""
        self.configure(settings)
        told = self._times_reloaded()
        self._running().send_signal(signal.SIGHUP)
        while self._times_reloaded() == told:
            self._running()
            await asyncio.sleep(_STEP)

    def _times_reloaded(self) -> int:
        return self.log.read_text(errors="replace").count(_RELOADED)

    def twin(self, folder: Path) -> Bridge:
        """Another host with the same bot and settings, and a disk of its own."""
        other = Bridge(folder, self.desk, self.max, self.line)
        other._url = self._url
        for section, values in self._settings.items():
            other._settings[section] = dict(values)
        other.configure({})
        return other

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "config.toml"

    @property
    def database(self) -> Path:
        """The database."""
        return self.folder / "maxbridge.db"

    @property
    def metrics(self) -> Path:
        """What Prometheus' node_exporter would read."""
        return self.folder / "maxbridge.prom"

    @property
    def log(self) -> Path:
        """What all lives of the daemon wrote."""
        return self.folder / "daemon.log"

    # The daemon's lives

    async def start(self) -> None:
        """Start ``maxbridge run``."""
        with self.log.open("ab") as words:
            self._process = await asyncio.create_subprocess_exec(
                *_command("run", "--config", str(self.config)),
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=words,
                stderr=words,
            )

    async def start_first(self, person: Person) -> None:
        """Start with an empty database, and wait until it has a position in MAX's queue.

        Before that MAX tells only the latest event, and nothing can be promised about others.

        Args:
            person: Presses Start, which is an event with nothing to deliver.
        """
        await self.start()
        while not self.max.starts("/updates"):
            self._running()
            await asyncio.sleep(_STEP)
        self.max.state.start(person.user_id)
        while self.max.state.queue.waiting():
            self._running()
            await asyncio.sleep(_STEP)

    async def kill(self) -> None:
        """SIGKILL."""
        process = self._running()
        process.kill()
        await process.wait()
        self._process = None
        self.kills += 1

    async def stop(self) -> None:
        """SIGTERM, as systemd does.

        Raises:
            RuntimeError: It ended otherwise than a daemon that was asked to.
        """
        process = self._running()
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), _STOPS_WITHIN)
        self._process = None
        if code not in (0, -signal.SIGTERM):  # the latter before it listens to signals
            raise RuntimeError(f"the daemon ended with {code}; see {self.log}")

    async def ends(self, within: float) -> int:
        """Wait until the daemon ends by itself; gives its exit code.

        Raises:
            TimeoutError: It goes on.
        """
        code = await asyncio.wait_for(self._running().wait(), within)
        self._process = None
        return code

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            code = self._process.returncode if self._process else None
            raise RuntimeError(f"the daemon does not run (exit code {code}); see {self.log}")
        return self._process

    def lose_database(self) -> None:
        """Remove the database and everything beside it but the acts of erasure; the daemon must not run."""
        for path in self.folder.glob("maxbridge.db*"):
            if path.suffix == ".acts":
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    async def command(self, *words: str) -> str:
        """Run another command of maxbridge; gives what it printed.

        Raises:
            RuntimeError: Its exit code is not 0.
        """
        verb, *more = words
        process = await asyncio.create_subprocess_exec(
            *_command(verb, *more, "--config", str(self.config)),
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), _COMMAND_SECONDS)
        if process.returncode:
            raise RuntimeError(f"maxbridge {verb} ended with {process.returncode}: {err.decode()}")
        return out.decode()

    async def waiting(self) -> tuple[int, int]:
        """How many items wait for their delivery, in both directions, and how many are held."""
        items = json.loads(await self.command("queue", "list", "--json"))["items"]
        held = sum(item["state"] == "held" for item in items)
        return len(items) - held, held

    # What the ledger counts

    def sightings(self, seen: Sightings) -> None:
        """Put what the customers see, and the log, into the sightings."""
        state = self.max.state
        for chat in state.chats.values():
            whose = chat.chat_id if chat.person is None else chat.person.user_id
            for message in chat.history:
                if state.is_own(message):
                    seen.chats[whose] += TOKEN.findall(message["body"].get("text", ""))
                    seen.chat_files[whose] += _in_files(state, message)
            for message in chat.sent:
                text = message["body"].get("text", "")
                seen.texts[whose].append(text)
                seen.ever[whose] |= {*TOKEN.findall(text), *_in_files(state, message)}
        seen.log += self.log.read_text(errors="replace") if self.log.exists() else ""


def _in_files(state: Any, message: dict[str, Any]) -> list[str]:
    found = []
    for one in message["body"].get("attachments", ()):
        media = state.media.find(one["type"], one.get("payload", {}).get("token", ""))
        if media is not None and media.content is not None:
            found += TOKEN.findall(media.content.decode("latin-1"))
    return found


def _toml(value: object) -> str:
    """A text, number or list of texts: TOML writes them as JSON does."""
    return json.dumps(value, ensure_ascii=False)


def _command(*words: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("maxbridge")), *words)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    programs = Path(sys.executable).parent
    return kept | {"PATH": f"{programs}:{kept['PATH']}"}
