"""One world: a database, the daemon that lives and dies on it, and both ends; and how to act in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from crash.child import BUG, DATABASE, KILL_AT
from crash.clock import FastClock
from crash.dumps import GREETING, held_of, picture_of
from crash.history import History
from crash.ledger import Picture
from crash.processes import Life, Starter, environment, simulators
from crash.store_state import StoreState, read_store
from crash.traffic import RefusedError
from maxbridge.store.store import Store

_STOPS_WITHIN = 60.0
"""Seconds of ours in which a daemon that was asked to stop must have stopped, however busy the machine."""


_PATIENCE = 3600.0
"""Seconds of the world that a control of a simulator may take."""


class EndedError(AssertionError):
    """The daemon ended in a way that nobody asked for."""


class World:
    """A bridge that can be killed, between simulators that cannot."""

    def __init__(self, folder: Path, clock: FastClock, starter: Starter, *, bug: str = "") -> None:
        """Prepare a world; :meth:`opened` makes it.

        Args:
            folder: To be made, for everything that is kept: database, log, history.
            clock: Its time.
            starter: Starts the daemon.
            bug: Of :mod:`crash.bugs`, to see whether it is noticed.
        """
        folder.mkdir(parents=True)
        self.folder = folder
        self.clock = clock
        self.history = History(folder / "history.jsonl", clock.monotonic)
        self.life: Life | None = None
        self.kills = self.stops = 0
        self._starter = starter
        self._bug = bug
        self._doomed = False
        self._began = 0.0
        self._http = httpx.AsyncClient(trust_env=False, timeout=_PATIENCE)
        self._ends: dict[str, str] = {}
        self._secrets: tuple[str, ...] = ()

    @contextlib.asynccontextmanager
    async def opened(self, seed: int, *, apart: bool = True) -> AsyncIterator[World]:
        """Simulators and a configuration, until the context ends.

        Args:
            seed: Of the faults with a probability.
            apart: Simulators in a process of their own; else in this one, which starts faster.
        """
        async with simulators(self.clock, seed, apart=apart) as ready:
            try:
                self.settle_in(ready)
                yield self
            finally:
                if self.life is not None:
                    self.life.signal(signal.SIGKILL)
                    await self.life.ended
                await self._http.aclose()
                self.history.close()

    def settle_in(self, ready: dict[str, str]) -> None:
        """Write the configuration for these ends; every rule keeps its default."""
        self._ends = {"max": ready["max_url"], "desk": ready["freescout_url"]}
        self._secrets = (ready["max_token"], ready["freescout_key"])
        self.config.write_text(
            f"""
            [max]
            token = "{ready["max_token"]}"
            api_url = "{ready["max_url"]}"
            first_start = "all"
            groups = "ticket"
            [freescout]
            url = "{ready["freescout_url"]}"
            api_key = "{ready["freescout_key"]}"
            mailbox_id = 1
            user_id = 1
            [store]
            path = "{self.database}"
            [texts]
            greeting = "{GREETING}"
            [log]
            format = "json"
            """
        )

    async def remember_position(self) -> None:
        """Make the database of a bridge that has polled both ends before: without a marker MAX tells
        the latest event only, and no bridge can promise anything about the others."""
        marker = (await self.max("dump"))["marker"]
        journal = Store(self.database)
        journal.meta.set_flag("started", value=True)
        journal.backfill.store_page((), marker, self.clock.now(), clears=None)
        journal.readings.noticed({}, since=0.0, marker=self.clock.now(), now=self.clock.now())
        journal.close()

    @property
    def config(self) -> Path:
        """The daemon's configuration."""
        return self.folder / "config.toml"

    @property
    def database(self) -> Path:
        """The daemon's database."""
        return self.folder / "maxbridge.db"

    @property
    def log(self) -> Path:
        """What all lives of the daemon wrote."""
        return self.folder / "daemon.log"

    # --- people (:class:`crash.traffic.Hands`) -------------------------------------------------------

    def now(self) -> float:
        return self.clock.monotonic()

    async def max(self, action: str, *args: Any, **kwargs: Any) -> Any:
        return await self._call("max", action, args, kwargs)

    async def desk(self, action: str, *args: Any, **kwargs: Any) -> Any:
        return await self._call("desk", action, args, kwargs)

    async def _call(
        self, end: str, action: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        url = f"{self._ends[end]}/_sim/{action}"
        answer = await self._http.post(url, json={"args": args, "kwargs": kwargs})
        data = answer.json()
        if "error" in data:
            raise RefusedError(data["error"])
        return data["result"]

    # --- the daemon's lives ------------------------------------------------------------------------

    async def start(self, kill_at: str = "") -> None:
        """Start the daemon.

        Args:
            kill_at: A kill point at which it shall end itself, or a system call (:data:`crash.child.CALL`).
        """
        assert self.life is None
        variables = {KILL_AT: kill_at, BUG: self._bug, DATABASE: str(self.database)}
        environ = environment(
            self.clock, **{name: each for name, each in variables.items() if each}
        )
        self._doomed = bool(kill_at)
        self._began = self.clock.now()
        self.life = await self._starter.start(self.config, environ, self.log)
        self.history.write("daemon starts", pid=self.life.pid, kill_at=kill_at)

    async def kill(self) -> None:
        """End it without farewell."""
        assert self.life is not None
        self.life.signal(signal.SIGKILL)
        await self.died("killed")

    async def died(self, how: str) -> None:
        """Wait for a death by SIGKILL, ours or its own at a kill point."""
        assert self.life is not None
        code = await self.life.ended
        self.life = None
        self.history.write(how, code=code)
        if code != -signal.SIGKILL:
            raise EndedError(f"the daemon ended with code {code}; see {self.log}")
        self.kills += 1

    async def stop(self) -> None:
        """End it as systemd does."""
        assert self.life is not None
        self.life.signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.life.ended, _STOPS_WITHIN * self.clock.speed)
        self.life = None
        self.history.write("stopped", code=code)
        if code == -signal.SIGKILL and self._doomed:
            self.kills += 1
            return
        # Asked so early that it did not listen yet, it ends as any program does.
        if code not in (0, -signal.SIGTERM):
            raise EndedError(f"the daemon ended with code {code}; see {self.log}")
        self.stops += 1

    async def command(self, *arguments: str, **variables: str) -> None:
        """What an administrator types; its exit code must be 0.

        Args:
            arguments: What follows the program's name.
            variables: Of its environment.
        """
        environ = environment(self.clock, **variables)
        life = await self._starter.start(self.config, environ, self.log, arguments)
        code = await life.ended
        self.history.write("command", arguments=arguments, code=code)
        assert code == 0, f"{arguments} ended with code {code}; see {self.log}"

    def check_alive(self) -> None:
        """Raise when the daemon has ended by itself, other than at a kill point."""
        if self.life is not None and self.life.ended.done() and not self._doomed:
            raise EndedError(
                f"the daemon ended with code {self.life.ended.result()}; see {self.log}"
            )

    # --- looking -----------------------------------------------------------------------------------

    async def quiet(self, seconds: float, *, calm: float = 75.0) -> None:
        """Let the world go on until nothing is on its way and no news can be unnoticed.

        Args:
            seconds: At most.
            calm: How long nothing may be on its way, with both pollers at work: two rounds of the
                desk poller, and after trouble the longest pause of a poll.
        """
        deadline, since = self.now() + seconds, 0.0
        while not since or self.now() - since < calm:
            self.check_alive()
            assert self.now() < deadline, f"not at rest within {seconds} s; see {self.folder}"
            await asyncio.sleep(5.0)
            state = self.store()
            busy = state.working < 2 or state.waiting or state.unread or await self.max("unread")
            since = 0.0 if busy else since or self.now()

    def store(self) -> StoreState:
        """Read the database, also while the daemon works."""
        return read_store(self.database, self._began)

    def found_in_log(self, words: Sequence[str]) -> list[str]:
        """Which of these, or of the secrets, the daemon has logged in any of its lives."""
        log = self.log.read_text(errors="replace")
        return [f"log: {each}" for each in (*words, *self._secrets) if each in log]

    async def picture(self, private: set[str]) -> Picture:
        """Everything that both ends and the store know."""
        max_dump, desk_dump = await self.max("dump"), await self.desk("dump")
        for name, dump in (("max", max_dump), ("desk", desk_dump)):
            (self.folder / f"{name}.json").write_text(
                json.dumps(dump, ensure_ascii=False, indent=1)
            )
        state = self.store()
        picture = picture_of(max_dump, desk_dump, private=private)
        return replace(picture, held=held_of(state.held, desk_dump), undelivered=state.bounced)
