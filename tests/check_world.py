"""Both ends in process, a configuration in a folder, and everything that `check` finds of them."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from bridge import SimTransport
from maxbridge.checks.messenger import Confirm
from maxbridge.checks.network import OutsideChecks, StepError, Way, redirected
from maxbridge.checks.records import Finding
from maxbridge.checks.runner import run
from maxbridge.config.loading import Examined, examine
from maxbridge.config.settings import FreeScoutSettings, MaxSettings
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.client import MaxClient
from maxbridge.sim.desk import DeskSim
from maxbridge.sim.faults import Faulty
from maxbridge.sim.max import MaxSim
from maxbridge.sim.transport import desk_transport
from maxbridge.store.store import Store

NOW = 1_793_000_000.0
KEY = "0123456789abcdef0123456789abcdef"
HOOK = "https://bot.example.ru/hook?a=1&b=2"
PROXY = "http://egor:geheim@proxy.lan:3128"


class World:
    """What a check can meet.

    Attributes:
        ways: By host: where the way to it ends, none for one that can be gone.
        programs: By first word: exit code and output of other programs.
        walked: Address and proxy of each way that was gone.
        last_days: By host: first and last moment of the certificate that it shows.
        now: The clock by which they are judged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.max = MaxSim(now=lambda: NOW)
        self.skew = 0.0
        self.desk = DeskSim(
            now=lambda: NOW + self.skew, key=KEY, app_url="https://desk.romashka.ru"
        )
        self.max_line = Faulty(self.max, rng=Random(0))
        self.desk_line = Faulty(self.desk, rng=Random(0))
        self.ways: dict[str, StepError] = {}
        self.programs: dict[str, tuple[int, str]] = {}
        self.walked: list[tuple[str, str]] = []
        self.heic: str | None = None
        self.last_days: dict[str, tuple[float, float]] = {}
        self.now = NOW
        self.settings: dict[str, dict[str, Any]] = {
            "max": {"token": self.max.token},
            "freescout": {
                "url": "https://desk.romashka.ru",
                "api_key": KEY,
                "mailbox_id": 1,
                "user_id": 2,
            },
            "store": {"path": str(folder / "maxbridge.db")},
        }

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def store(self) -> Path:
        return self.folder / "maxbridge.db"

    def write(self, mode: int = 0o600) -> Path:
        """Write the settings as they are now."""
        lines = []
        for section, keys in self.settings.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        self.config.write_text("\n".join(lines))
        self.config.chmod(mode)
        return self.config

    def examined(self, environ: Mapping[str, str] | None = None) -> Examined:
        return examine(self.write(), environ or {})

    def outside(self) -> OutsideChecks:
        async def walk(url: str, context: ssl.SSLContext, proxy: str) -> Way:
            assert context.verify_mode is ssl.CERT_REQUIRED
            self.walked.append((url, proxy))
            host = url.split("/")[2].split(":", maxsplit=1)[0]
            if host in self.ways:
                raise self.ways[host]
            return Way(
                ("10.0.0.7",), bool(proxy), "Test CA", *self.last_days.get(host, (None, None))
            )

        def connect_max(settings: MaxSettings) -> MaxClient:
            line = SimTransport(self.max_line, 30.0, settings.token.reveal())
            return MaxClient(line, line)

        def connect_desk(settings: FreeScoutSettings) -> FreeScoutClient:
            network = desk_transport(self.desk_line)
            key = settings.api_key.reveal()
            return FreeScoutClient(settings.url, key, now=lambda: NOW, transport=network)

        def program(command: Sequence[str]) -> tuple[int, str] | None:
            return self.programs.get(command[0])

        place = partial(redirected, transport=desk_transport(self.desk_line))
        return OutsideChecks(
            connect_max, connect_desk, walk, place, program, lambda: self.now, lambda: self.heic
        )

    async def check(
        self,
        confirm: Confirm | None = None,
        seen: Examined | None = None,
        *,
        set_commands: bool = False,
    ) -> dict[str, Finding]:
        """All findings by name; a name comes once."""
        known = seen or self.examined()
        found = [
            one async for one in run(known, self.outside(), confirm, set_commands=set_commands)
        ]
        named = {one.name: one for one in found}
        assert len(named) == len(found)
        return named

    def claim(self, bot: int) -> None:
        """Make the database, and give it to a bot."""
        journal = Store(self.store)
        journal.meta.claim(bot, "bot")
        journal.close()
