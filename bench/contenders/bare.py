"""Contender a: the same calls as maxbridge makes when all goes well, and nothing else.

No store, no look-ups, no retries, no order after a failure: whatever goes wrong loses messages. Its calls go over
the same network library as maxbridge's. It is the least that any bridge must spend, so the others are measured
against it. Run as a program, it is the script itself; :func:`start` is for the benchmark.
"""

from __future__ import annotations

import asyncio
import base64
import html
import os
import ssl
import subprocess
import sys
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from maxbridge.files.transport import AiohttpTransport

WIDTH = 4
"""Chats served at the same time, as in maxbridge."""
POLL_DISTANCE = 0.52
DESK_INTERVAL = 5.0
UNDO = 17.0
SEND_DISTANCE = 1 / 25


def start(ends: Any, folder: Path, *, unpaced: bool) -> subprocess.Popen[bytes]:
    """Start the script in a process of its own."""
    from bench.contenders.environment import environment  # noqa: PLC0415 - not for the script

    return subprocess.Popen(
        [sys.executable, __file__],
        env=environment(ends, folder, unpaced=unpaced),
    )


class Script:
    """Two loops and two dictionaries."""

    def __init__(self, max_http: aiohttp.ClientSession, desk: httpx.AsyncClient) -> None:
        self._max, self._desk = max_http, desk
        self._unpaced = bool(os.environ["BENCH_UNPACED"])
        self._tickets: dict[int, int] = {}
        self._chats: dict[int, int] = {}
        self._waiting: dict[int, deque[Any]] = {}
        self._width = asyncio.Semaphore(WIDTH)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll_max(tasks))
            tasks.create_task(self._poll_desk())

    async def _poll_max(self, tasks: asyncio.TaskGroup) -> None:
        params: dict[str, str | int] = {"limit": 100, "timeout": 30}
        while True:
            began = time.monotonic()
            async with self._max.get("/updates", params=params) as answer:
                page = await answer.json()
            if answer.status == httpx.codes.TOO_MANY_REQUESTS:
                await asyncio.sleep(POLL_DISTANCE)
                continue
            params["marker"] = page["marker"]
            for update in page["updates"]:
                chat = update["message"]["recipient"]["chat_id"]
                if chat in self._waiting:
                    self._waiting[chat].append(update)
                else:
                    self._waiting[chat] = deque([update])
                    tasks.create_task(self._serve(chat))
            if not self._unpaced:
                await asyncio.sleep(max(0.0, began + POLL_DISTANCE - time.monotonic()))

    async def _serve(self, chat: int) -> None:
        async with self._width:
            queue = self._waiting[chat]
            while queue:
                await self._deliver(chat, queue.popleft())
            del self._waiting[chat]

    async def _deliver(self, chat: int, update: dict[str, Any]) -> None:
        message = update["message"]
        text = html.escape(message["body"]["text"]).replace("\n", "<br>")
        thread: dict[str, Any] = {"type": "customer", "text": f"<div>{text}</div>"}
        files = [await self._fetch(each) for each in message["body"].get("attachments", ())]
        if files:
            thread["attachments"] = files
        ticket = self._tickets.get(chat)
        if ticket is not None:
            await self._get(f"conversations/{ticket}", embed="tags")
            await self._post(f"conversations/{ticket}/threads", thread)
            return
        sender = message["sender"]
        names = {"firstName": sender["first_name"], "lastName": sender["last_name"]}
        await self._get("customers", **names)
        made = await self._post(
            "conversations",
            {
                "type": "chat",
                "mailboxId": 1,
                "subject": text[:60],
                "customer": names,
                "threads": [thread],
            },
        )
        self._tickets[chat] = made["id"]
        self._chats[made["id"]] = chat

    async def _fetch(self, attachment: dict[str, Any]) -> dict[str, str]:
        async with aiohttp.request("GET", attachment["payload"]["url"]) as answer:
            data = base64.b64encode(await answer.read()).decode()
        kind = "application/octet-stream"
        return {"fileName": attachment["filename"], "mimeType": kind, "data": data}

    async def _poll_desk(self) -> None:
        sent: set[int] = set()
        seen: dict[int, str] = {}
        due: dict[int, float] = {}
        since = time.time() - 60
        while True:
            began = time.time()
            listed = await self._get(
                "conversations",
                updatedSince=datetime.fromtimestamp(since - 60, UTC).isoformat(),
                sortField="updatedAt",
                sortOrder="asc",
                pageSize="10000",
            )
            for row in listed["_embedded"]["conversations"]:
                moved = row["userUpdatedAt"]
                if row["id"] in self._chats and moved and seen.get(row["id"]) != moved:
                    seen[row["id"]] = moved
                    due[row["id"]] = datetime.fromisoformat(moved).timestamp() + UNDO
            since = began
            while time.time() < began + DESK_INTERVAL:
                ready = [each for each, at in due.items() if at <= time.time()]
                for ticket in ready:
                    del due[ticket]
                    await self._answer(ticket, sent)
                await asyncio.sleep(0.05)

    async def _answer(self, ticket: int, sent: set[int]) -> None:
        talk = await self._get(f"conversations/{ticket}")
        for thread in talk["_embedded"]["threads"]:
            if thread["type"] != "message" or thread["id"] in sent:
                continue
            sent.add(thread["id"])
            began = time.monotonic()
            body: dict[str, Any] = {"text": thread["body"], "format": "html"}
            for file in thread["_embedded"]["attachments"]:
                token = await self._upload(file)
                body["attachments"] = [{"type": "file", "payload": {"token": token}}]
            params = {"chat_id": self._chats[ticket]}
            status: int = httpx.codes.TOO_MANY_REQUESTS
            while status == httpx.codes.TOO_MANY_REQUESTS:
                async with self._max.post("/messages", params=params, json=body) as answer:
                    status = answer.status
            await asyncio.sleep(max(0.0, began + SEND_DISTANCE - time.monotonic()))

    async def _upload(self, file: dict[str, Any]) -> str:
        data = (await self._desk.get(file["fileUrl"])).content
        status: int = httpx.codes.TOO_MANY_REQUESTS
        while status == httpx.codes.TOO_MANY_REQUESTS:
            async with self._max.post("/uploads", params={"type": "file"}) as answer:
                status, slot = answer.status, await answer.json()
        form = aiohttp.FormData()
        form.add_field("data", data, filename=file["fileName"])
        async with aiohttp.request("POST", slot["url"], data=form) as answer:
            token: str = (await answer.json())["token"]
        return token

    async def _get(self, path: str, **params: str) -> Any:
        answer = await self._desk.get(f"/api/{path}", params=params)
        return answer.raise_for_status().json()

    async def _post(self, path: str, body: Any) -> Any:
        answer = await self._desk.post(f"/api/{path}", json=body)
        return answer.raise_for_status().json()


async def main() -> None:
    """Run until killed."""
    token, key = os.environ["BENCH_MAX_TOKEN"], os.environ["BENCH_DESK_KEY"]
    desk_headers = {"X-FreeScout-API-Key": key, "Accept": "application/json"}
    async with (
        aiohttp.ClientSession(
            os.environ["BENCH_MAX_URL"], headers={"Authorization": token}
        ) as max_http,
        httpx.AsyncClient(
            base_url=os.environ["BENCH_DESK_URL"],
            headers=desk_headers,
            timeout=60,
            transport=AiohttpTransport(ssl.create_default_context()),
        ) as desk,
    ):
        await Script(max_http, desk).run()


if __name__ == "__main__":
    asyncio.run(main())
