"""The whole bridge in process on virtual time: the real daemon between both simulators."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from maxbridge.config.settings import (
    AlertSettings,
    FilesSettings,
    FreeScoutSettings,
    HoursSettings,
    LogSettings,
    MaxSettings,
    MetricsSettings,
    Secret,
    Settings,
    StoreSettings,
    TextSettings,
    TicketSettings,
)
from maxbridge.core.errors import ApiError, Failure
from maxbridge.core.retry import RetryPolicy
from maxbridge.daemon import Daemon, Ends, Runtime
from maxbridge.engine.watch import Notifier
from maxbridge.files.egress import media_egress
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.answers import (
    classify_answer,
    dropped,
    not_connected,
    timed_out,
)
from maxbridge.max.client import MaxClient
from maxbridge.max.media import MaxMedia
from maxbridge.max.transport import Timing
from maxbridge.sim.desk import DeskSim
from maxbridge.sim.faults import Dropped, Fault, Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.transport import desk_transport, max_caller
from maxbridge.sim.wire import Simulator
from maxbridge.store.store import Store
from page import first_lines
from store_world import new_store
from virtual_time import Clock

USER = 410000017
OTHER = 410000018
SECOND_BOT = 900100300
SECOND_CHAT = 612340001
"""Марина's, with the second bot."""
BRIDGE_USER = 1
SETTLED = 17.0
"""Undo window and rounding, in seconds."""


class SimTransport:
    """MAX in process: what :class:`MaxapiTransport` makes of the network, made of a simulator."""

    def __init__(
        self, simulator: Simulator, seconds: float, token: str, timing: Timing | None = None
    ) -> None:
        heard = (timing or Timing()).heard
        self._call = max_caller(simulator, seconds, token=token, heard=heard)

    async def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        try:
            status, content = await self._call(method, path, params, body)
        except TimeoutError:
            raise ApiError(timed_out()) from None
        except Dropped as error:
            if error.kind == "refuse":
                raise ApiError(not_connected(ConnectionRefusedError())) from None
            raise ApiError(dropped(error.kind)) from None
        try:
            data = json.loads(content)
        except ValueError:
            data = content.decode(errors="replace")
        if not 200 <= status < 300 or not isinstance(data, dict):
            raise ApiError(classify_answer(status, data))
        return data

    async def close(self) -> None:
        """Nothing to close."""


class Bridge:
    """One customer Марина at MAX, two agents at the desk, the bridge between them.

    ``beside`` makes a second one with a bot and a database of its own, on the desk of another.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 0,
        lifetime: float = 5 * 86400.0,
        our_skew: float = 0.0,
        beside: Bridge | None = None,
        **changes: Any,
    ) -> None:
        self.retry = RetryPolicy(lifetime=lifetime)
        self.poll_timeout = 45.0
        self.clock = Clock(asyncio.get_running_loop())
        self.our_skew = our_skew
        self.lead = 0.0
        self.desk_skew = 0.0
        self.rng = Random(seed)
        self.max_skew = 0.0
        bot: dict[str, Any] = {"bot_id": SECOND_BOT} if beside else {}
        self.max = MaxSim(now=lambda: self.clock.now() + self.max_skew, **bot)
        # A person's chats with two bots are two chats.
        chat_id = SECOND_CHAT if beside else None
        self.max.state.person(USER, "Марина", "Тестова", chat_id=chat_id)
        self.desk: DeskSim = (
            beside.desk if beside else DeskSim(now=lambda: self.clock.now() + self.desk_skew)
        )
        self.max_line = Faulty(self.max, rng=self.rng)
        self.desk_line = Faulty(self.desk, rng=self.rng)
        self.settings = make_settings(folder / "maxbridge.db", **changes)
        self.daemon: Daemon | None = None
        self._task: asyncio.Task[None] | None = None
        self.journal: Store | None = None
        self.notifier: Notifier | None = None
        self.pings: list[float] = []
        """When a sign of life came."""
        self.commands: list[tuple[Sequence[str], str, Mapping[str, str]]] = []
        """What was run: the command, what it read, and what stood in its environment."""
        self.way_fails: Failure | None = None

    def our_now(self) -> float:
        """The bridge's own clock, which may be another one than the world's."""
        return self.clock.now() + self.our_skew

    # --- the bridge's life -------------------------------------------------------------------------

    def start(self) -> None:
        """Start the daemon, as after a reboot."""
        self.journal = new_store(self.settings.store.path)
        runtime = Runtime(
            now=self.our_now,
            jitter=self.rng.random,
            retry=self.retry,
            lead=self.lead,
            ping=self.ping,
            run=self.run_command,
        )
        self.daemon = Daemon(
            self.settings, self.journal, self.ends(), runtime, notifier=self.notifier
        )
        self._task = asyncio.ensure_future(self.daemon.run())

    async def ping(self, url: str) -> Failure | None:
        """In the place of the network of the one who waits for a sign of life."""
        assert url
        self.pings.append(self.clock.now())
        return self.way_fails

    async def run_command(
        self, command: Sequence[str], words: str, told: Mapping[str, str]
    ) -> Failure | None:
        """In the place of the administrator's program."""
        self.commands.append((command, words, told))
        return self.way_fails

    def ends(self) -> Ends:
        """Clients of both ends."""
        token, timing = self.settings.max.token.reveal(), Timing()
        client = MaxClient(
            SimTransport(self.max_line, self.poll_timeout, token, timing),
            SimTransport(self.max_line, 30.0, token, timing),
            timing=timing,
        )
        return Ends(
            client,
            MaxMedia(
                client,
                media_egress(self.settings.max),
                transport=desk_transport(self.max_line),
            ),
            FreeScoutClient(
                self.settings.freescout.url,
                self.settings.freescout.api_key.reveal(),
                now=self.our_now,
                transport=desk_transport(self.desk_line),
            ),
        )

    async def stop(self) -> None:
        """Stop as for SIGTERM; raises what the daemon raised."""
        assert self.daemon is not None
        assert self._task is not None
        self.daemon.stop.set()
        try:
            await self._task
        finally:
            self._close()

    async def kill(self) -> None:
        """End at once, wherever it is; what was committed stays."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._close()

    async def failed(self) -> BaseException:
        """Wait for the daemon to end by itself; gives why."""
        assert self._task is not None
        result = (await asyncio.gather(self._task, return_exceptions=True))[0]
        self._close()
        assert isinstance(result, BaseException)
        return result

    def _close(self) -> None:
        assert self.journal is not None
        self.journal.close()

    # --- waiting -----------------------------------------------------------------------------------

    async def until(
        self, done: Callable[[], Any], seconds: float = 120.0, *, step: float = 0.1
    ) -> None:
        """Let the world go on until something is so."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not done():
            assert self._task is not None
            if self._task.done():
                self._task.result()
            assert loop.time() < deadline, f"not within {seconds} s; sent: {self.sent()}"
            await asyncio.sleep(step)

    async def quiet(self, seconds: float = 600.0) -> None:
        """Let the world go on until both queues are empty and nothing waits for its undo window."""
        await asyncio.sleep(20.0)  # longer than the longest pause between two polls of the desk
        await self.until(self._is_quiet, seconds, step=2.0)

    def _is_quiet(self) -> bool:
        assert self.journal is not None
        queues = (self.journal.inbox, self.journal.outbox)
        return not any(each.depth().waiting for each in queues) and not self._unread()

    def _unread(self) -> bool:
        assert self.journal is not None
        return self.journal.tickets.next_read() is not None

    # --- the people --------------------------------------------------------------------------------

    def say(self, text: str | None = None, user: int = USER, **more: Any) -> str:
        """A customer writes."""
        mid: str = self.max.state.say(user, text, **more)
        return mid

    def reply(self, conversation_id: int, html: str, **more: Any) -> int:
        """An agent answers."""
        thread_id: int = self.desk.state.reply(conversation_id, html, **more)
        return thread_id

    def by_mail(self, customer_id: int = 1, html: str = "<div>по почте</div>") -> int:
        """An agent writes a mail to a customer, who has an address: FreeScout sends it."""
        customer = self.desk.state.customers[customer_id]
        if not customer.emails:
            customer.emails = [self.desk.state.make_email(f"customer{customer_id}@example.org")]
        number: int = self.desk.state.new_conversation(html, customer_id=customer_id)
        return number

    def chat(self, user: int = USER) -> int:
        """The chat of a customer."""
        chat_id: int = self.max.state.people[user].chat_id
        return chat_id

    def sent(self, user: int = USER) -> list[str]:
        """Texts that a customer got from the bot, in order."""
        return list(self.max.state.texts(self.chat(user)))

    def tickets(self) -> list[int]:
        """Ids of all conversations at the desk."""
        return sorted(self.desk.state.conversations)

    def bodies(self, conversation_id: int, kind: str = "customer") -> list[str]:
        """Bodies of a conversation's threads of one type, in order of making."""
        threads = sorted(self.desk.state.threads.values(), key=lambda each: each.id)
        return [
            each.body or ""
            for each in threads
            if each.conversation_id == conversation_id and each.type == kind
        ]

    def words(self, conversation_id: int = 1) -> list[str]:
        """The first line of each message of the customer's in a ticket; several may share a thread."""
        return first_lines(self.bodies(conversation_id))

    def break_max(self, kind: Any, **more: Any) -> None:
        """Spoil the line to MAX."""
        self.max_line.add(Fault(kind, **more))

    def refuse_sends(
        self, message: str, *, code: str = "proto.payload", times: int | None = 2, **more: Any
    ) -> None:
        """MAX answers a send with 400 and these words: as html, and once more as plain text."""
        body = {"code": code, "message": message}
        fault: dict[str, Any] = {"status": 400, "body": body, "times": times, **more}
        self.break_max("status", method="POST", path="/messages", **fault)

    def break_desk(self, kind: Any, **more: Any) -> None:
        """Spoil the line to the desk."""
        self.desk_line.add(Fault(kind, **more))


def make_settings(path: Path, **changes: Any) -> Settings:
    """Settings for the simulators; ``changes`` are keys of any section."""
    values: dict[str, Any] = {
        "token": Secret("SIM-max-token-0000000000"),
        "api_url": "http://127.0.0.1",
        "first_start": "all",
        "url": "http://127.0.0.1",
        "api_key": Secret(DESK_KEY),
        "mailbox_id": 1,
        "user_id": BRIDGE_USER,
        "path": path,
        **changes,
    }
    sections: list[Any] = [
        MaxSettings, FreeScoutSettings, StoreSettings, TicketSettings, TextSettings,
        FilesSettings, HoursSettings, LogSettings, MetricsSettings, AlertSettings,
    ]  # fmt: skip
    built = [
        cls(**{name: values.pop(name) for name in cls.__dataclass_fields__ if name in values})
        for cls in sections
    ]
    assert not values, f"no such settings: {values}"
    return Settings(*built)


@contextlib.asynccontextmanager
async def running(folder: Path, **changes: Any) -> AsyncIterator[Bridge]:
    """A bridge that runs, and is stopped properly at the end."""
    bridge = Bridge(folder, **changes)
    bridge.start()
    await asyncio.sleep(1.0)  # without a marker MAX tells only the latest event
    try:
        yield bridge
    except BaseException:
        await bridge.kill()
        raise
    await bridge.stop()


DESK_KEY = DeskSim(now=lambda: 0.0).key
