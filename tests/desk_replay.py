"""Replays the recorded exchanges of FreeScout against the simulator."""

from __future__ import annotations

import base64
import json
import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from maxbridge.sim.desk import DeskSim
from maxbridge.sim.desk.php import iso
from maxbridge.sim.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from maxbridge.sim.desk.state import DeskState

DATA = Path(__file__).parent / "data" / "freescout"
HOST = "desk.example.org"
KEY = "KEY"  # what the recordings have in place of the key
START = 1_795_387_025


def recorded(case: str) -> list[dict[str, Any]]:
    (path,) = DATA.glob(f"{case}_*.json")
    exchanges: list[dict[str, Any]] = json.loads(path.read_text())["exchanges"]
    return exchanges


class Replay:
    """A simulator whose clock is one second on at every step of an agent."""

    def __init__(self) -> None:
        self.now = float(START)
        self.since = START
        self.sim = DeskSim(
            now=lambda: self.now,
            key=KEY,
            app_url=f"http://{HOST}",
            mailboxes=((1, "MAX messenger"), (2, "Second box")),
        )

    @property
    def state(self) -> DeskState:
        return self.sim.state

    def customers(self, *names: str) -> None:
        for name in names:
            first, _, last = name.partition(" ")
            self.state.add_customer(first_name=first, last_name=last or None)

    def ids_from(self, *, conversation: int = 1, thread: int = 1) -> None:
        """Let ids go on where the recording stood."""
        self.state._conversation_ids = count(conversation)
        self.state._thread_ids = count(thread)

    async def chat(
        self, conversation: int, thread: int, text: str = "start", *, customer: int = 1, **more: Any
    ) -> None:
        """Make the conversation that a case began with."""
        self.ids_from(conversation=conversation, thread=thread)
        body = {
            "type": "chat",
            "mailboxId": 1,
            "subject": "Вопрос",
            "customer": {"id": customer},
            "threads": [{"type": "customer", "text": text}],
            **more,
        }
        answer = await self.own("POST", "/api/conversations", body)
        assert answer.status == 201

    def agent(self, action: Callable[[DeskState], object], seconds: int = 1) -> None:
        """Let an agent act, and remember the moment before for the next poll."""
        self.now += seconds
        self.since = int(self.now)
        action(self.state)

    async def ask(self, request: Mapping[str, Any]) -> Response:
        """Send a recorded request."""
        parts = urlsplit(request["url"])
        headers = {"host": HOST, "accept": "application/json"}
        headers |= {name.lower(): value for name, value in request.get("headers", {}).items()}
        body = b""
        if "json" in request:
            headers.setdefault("content-type", "application/json")
            body = json.dumps(whole(request["json"])).encode()
        elif "raw" in request:  # stored as Latin-1, so that broken UTF-8 stays broken
            body = request["raw"].encode("latin-1")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if self.since > START and "updatedSince" in query:
            query["updatedSince"] = iso(self.since)
        wire = Request(request["method"], unquote(parts.path), query, headers, body)
        return await self.sim.handle(wire)

    async def own(self, method: str, url: str, body: Any = None) -> Response:
        """Send a request that is in no recording."""
        request = {"method": method, "url": url, "headers": {"x-freescout-api-key": KEY}}
        return await self.ask(request if body is None else {**request, "json": body})

    async def check(self, exchange: Mapping[str, Any]) -> None:
        """Send a recorded request and compare the answer."""
        wanted = exchange["response"]
        answer = await self.ask(exchange["request"])
        assert answer.status == wanted["status"], answer.body.decode()
        for name in ("content-type", "allow", "retry-after", "resource-id"):
            if name in wanted.get("headers", {}):
                assert answer.headers[name] == wanted["headers"][name], name
        if isinstance(wanted["body"], str):
            assert answer.body[:5].decode() == wanted["body"][:5]
            return
        given = json.loads(answer.body)
        assert plain(project(given, wanted["body"], trimmed(wanted["body"]))) == plain(
            wanted["body"]
        )

    async def run(
        self,
        case: str,
        steps: Mapping[int, Callable[[DeskState], object]] | None = None,
        skip: Iterable[int] = (),
    ) -> None:
        """Replay a case; a step happens before the exchange of its number."""
        for place, exchange in enumerate(recorded(case)):
            if steps and place in steps:
                self.agent(steps[place])
            if "request" in exchange and place not in skip:
                before = self.times()
                await self.check(exchange)
                self.compare_moves(exchange, before)

    def times(self) -> dict[str, int]:
        return {str(row.id): row.updated_at for row in self.state.conversations.values()}

    def compare_moves(self, exchange: Mapping[str, Any], times: Mapping[str, int]) -> None:
        """Compare with the recording which conversations the step before has moved."""
        for number, move in exchange.get("updatedAt_moved", {}).items():
            moved = times.get(number, self.since) >= self.since
            assert moved == move["moved"], number


def whole(data: Any) -> Any:
    """Give a picture, which the recordings cut, its size back."""
    if isinstance(data, dict):
        return {key: whole(value) for key, value in data.items()}
    if isinstance(data, list):
        return [whole(value) for value in data]
    if isinstance(data, str) and data.startswith("iVBORw0KGgo") and "chars in all" in data:
        return base64.b64encode(b"\x89PNG\r\n\x1a\n".ljust(5405, b"\0")).decode()
    return data


def trimmed(body: Any) -> bool:
    return isinstance(body, dict) and "trimmed" in body


def project(given: Any, wanted: Any, condensed: bool) -> Any:
    """Bring an answer into the form of a recording, which may hold only a part of it."""
    if isinstance(wanted, list) and isinstance(given, list):
        pairs = zip(given, wanted, strict=False)
        return [project(one, other, condensed) for one, other in pairs] + given[len(wanted) :]
    if not isinstance(wanted, dict) or not isinstance(given, dict):
        return given
    if not condensed:
        return {key: project(value, wanted.get(key), condensed) for key, value in given.items()}
    return {key: project_key(given, key, value) for key, value in wanted.items()}


def project_key(given: dict[str, Any], key: str, wanted: Any) -> Any:
    """Find what a condensed recording calls ``key``."""
    if key in ("trimmed", "absent"):
        return wanted
    if key == "conversations":
        return project_poll(given["_embedded"]["conversations"], wanted)
    if key in ("threads", "attachments") and key not in given:
        return project(by_id(given["_embedded"][key]), wanted, condensed=True)
    if key == "latestReplyFrom":
        return given["customerWaitingSince"][key]
    if key == "actionText":
        return given["action"]["text"]
    value = given[key]
    if isinstance(value, dict) and not isinstance(wanted, dict):
        return flat(key, value, wanted)
    if value is None and isinstance(wanted, dict):  # a draft's missing customer, condensed
        return dict.fromkeys(wanted)
    if key == "_embedded" and "threads" in wanted:
        value = {"threads": by_id(value["threads"])}
    return project(value, wanted, condensed=True)


def flat(key: str, value: dict[str, Any], wanted: Any) -> Any:
    """Write a reference the short way."""
    if key == "source":
        return f"{value['type']}/{value['via']}"
    if key == "action":
        return value["type"]
    return f"{value['type']} {value['id']}" if isinstance(wanted, str) else value["id"]


def project_poll(rows: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[Any]:
    """Keep the conversations of the case."""
    found = {row["id"]: row for row in rows}
    return [
        {"id": row["id"], "absent": True}
        if row["id"] not in found
        else project(found[row["id"]], row, condensed="threads" in row or "absent" in row)
        for row in wanted
    ]


def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -int(row["id"]))


def plain(data: Any) -> Any:
    """Hide what differs from run to run: times, tokens, folders of files, mail names."""
    if isinstance(data, dict):
        return {
            key: by_id(plain(value)) if key == "threads" and value else plain(value)
            for key, value in data.items()
            if not (key == "size" and data.get("mimeType") == "image/svg+xml")  # cleaned there
        }
    if isinstance(data, list):
        return [plain(value) for value in data]
    if not isinstance(data, str):
        return data
    data = re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", "<time>", data)
    data = re.sub(r"/storage/attachment/\d/\d/\d/", "/storage/attachment/<folder>/", data)
    data = re.sub(r"token=[0-9a-f]{64}", "token=<token>", data)
    data = re.sub(r"\w+@lab\.test", "<user>@lab.test", data)
    return data[:100] if "chars in all" in data else data
