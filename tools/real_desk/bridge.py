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
from collections.abc import AsyncIterator
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
_CONFIG = """\
[max]
token = "{token}"
api_url = "{max_url}"
first_start = "all"
[freescout]
url = "{url}"
api_key = "{key}"
mailbox_id = {mailbox}
user_id = {user}
poll_interval = 1.0
[store]
path = "{database}"
[tickets]
reopen_days = {reopen_days}
[log]
level = "debug"
format = "json"
"""


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
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, folder: Path, desk: RealDesk, *, bot: int, reopen_days: int = 14
    ) -> AsyncIterator[Bridge]:
        """Serve MAX and write the configuration; the daemon is killed at the end if it still runs."""
        folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else runs yet
        max_sim = MaxSim(now=time.time, bot_id=bot)
        line = Faulty(max_sim, rng=Random(bot))  # noqa: S311 - it has to be repeatable
        bridge = cls(folder, desk, max_sim, line)
        async with serve(line) as url:
            bridge._url = url
            bridge.configure(reopen_days=reopen_days)
            try:
                yield bridge
            finally:
                if bridge._process is not None:
                    await bridge.kill()

    def configure(self, *, reopen_days: int) -> None:
        """Write the configuration; every rule that is not named keeps its default."""
        self.config.write_text(
            _CONFIG.format(
                token=self.max.token,
                max_url=self._url,
                url=self.desk.url,
                key=self.desk.api_key,
                mailbox=self.desk.mailbox,
                user=self.desk.bridge_user,
                database=self.database,
                reopen_days=reopen_days,
            )
        )
        self.config.chmod(0o600)

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "config.toml"

    @property
    def database(self) -> Path:
        """The database."""
        return self.folder / "maxbridge.db"

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

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            code = self._process.returncode if self._process else None
            raise RuntimeError(f"the daemon does not run (exit code {code}); see {self.log}")
        return self._process

    def lose_database(self) -> None:
        """Remove the database and everything beside it; the daemon must not run."""
        for path in self.folder.glob("maxbridge.db*"):
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
        for user, person in state.people.items():
            chat = state.chats[person.chat_id]
            for message in chat.history:
                if state.is_own(message):
                    seen.chats[user] += TOKEN.findall(message["body"].get("text", ""))
                    seen.chat_files[user] += _in_files(state, message)
            for message in chat.sent:
                seen.ever[user] |= {
                    *TOKEN.findall(message["body"].get("text", "")),
                    *_in_files(state, message),
                }
        seen.log += self.log.read_text(errors="replace") if self.log.exists() else ""


def _in_files(state: Any, message: dict[str, Any]) -> list[str]:
    found = []
    for one in message["body"].get("attachments", ()):
        media = state.media.find(one["type"], one.get("payload", {}).get("token", ""))
        if media is not None and media.content is not None:
            found += TOKEN.findall(media.content.decode("latin-1"))
    return found


def _command(*words: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("maxbridge")), *words)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
