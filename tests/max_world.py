"""A MAX on virtual time with one customer, as the tests of its simulator start from."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from maxbridge.sim.max import MaxSim
from maxbridge.sim.transport import max_caller
from virtual_time import Clock

BOT = 900100200
USER = 410000017
CHAT = 512340001
GROUP = -73000000000042
TIMEOUT = 45.0
SAMPLES = Path(__file__).parent / "data" / "max"


def sample(name: str) -> Any:
    """Read a recorded exchange."""
    return json.loads((SAMPLES / f"{name}.json").read_text())


class World:
    """The simulator, a customer Марина who has not written yet, and a bot to call it with."""

    def __init__(self) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.sim = MaxSim(now=self.clock.now)
        self.state = self.sim.state
        self.marina = self.state.person(USER, "Марина", "Тестова")
        self._call = max_caller(self.sim, TIMEOUT)

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> tuple[int, Any]:
        answer = await self._call(method, path, query or {}, body)
        return answer.status, json.loads(answer.body)

    async def get(self, path: str, query: dict[str, Any] | None = None) -> tuple[int, Any]:
        return await self.call("GET", path, None, query)

    async def poll(self, marker: int | None = None, **query: Any) -> Any:
        """Poll at a lawful pace; gives the answer's body."""
        await asyncio.sleep(0.5)
        if marker is not None:
            query["marker"] = marker
        status, data = await self.get("/updates", query)
        assert status == 200, data
        return data

    async def events(self) -> list[Any]:
        """Give all events, without waiting."""
        self.sim.no_marker = "all"
        events: list[Any] = (await self.poll(timeout=0))["updates"]
        return events

    async def send(self, body: Any, **query: Any) -> tuple[int, Any]:
        """Send to the customer at a lawful pace."""
        await asyncio.sleep(0.5)
        return await self.call("POST", "/messages", body, query or {"chat_id": CHAT})

    async def sent(self, text: str) -> str:
        """Send a text that must be accepted; gives its mid."""
        status, data = await self.send({"text": text})
        assert status == 200, data
        mid: str = data["message"]["body"]["mid"]
        return mid
