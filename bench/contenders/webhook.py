"""Contender b: a webhook bridge as most people write it, for who has a public HTTPS address.

One thread, one request at a time, a commit for every step, SQLite as it comes, the whole file in
memory. It answers the webhook when the work is done. It has no queue, no look-ups and no order after
a failure, and it sends a reply at once, undone ones included. It asks nothing before it posts, which
is one call less than maxbridge makes. Connections are kept open, which many forget.
"""

from __future__ import annotations

import base64
import html
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx

_PATIENCE = 10.0


def start(ends: Any, folder: Path, *, unpaced: bool) -> subprocess.Popen[bytes]:
    """Start the bridge in a process of its own, and let both ends push to it."""
    from bench.contenders.environment import environment  # noqa: PLC0415 - not for the bridge

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, __file__, str(port), str(folder / "mapping.db")],
        env=environment(ends, folder, unpaced=unpaced),
    )
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    ends.call("push_to", f"http://127.0.0.1:{port}")
    return process


class Handler(BaseHTTPRequestHandler):
    """One webhook."""

    protocol_version = "HTTP/1.1"
    store: ClassVar[sqlite3.Connection]
    desk: ClassVar[httpx.Client]
    max: ClassVar[httpx.Client]

    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        if self.path == "/max":
            self._from_max(data)
        else:
            self._from_desk(data)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing."""

    def _from_max(self, update: dict[str, Any]) -> None:
        message = update["message"]
        mid, chat = message["body"]["mid"], message["recipient"]["chat_id"]
        if self.store.execute("SELECT 1 FROM message_sync WHERE max_mid = ?", (mid,)).fetchone():
            return
        self._commit("INSERT INTO message_sync VALUES (?, NULL, 'received')", mid)
        found = self.store.execute("SELECT ticket FROM mapping WHERE chat = ?", (chat,)).fetchone()
        text = html.escape(message["body"]["text"]).replace("\n", "<br>")
        thread: dict[str, Any] = {"type": "customer", "text": f"<div>{text}</div>"}
        files = [_fetched(each) for each in message["body"].get("attachments", ())]
        if files:
            thread["attachments"] = files
        if found:
            thread_id = self._post(f"conversations/{found[0]}/threads", thread)["id"]
        else:
            sender = message["sender"]
            body = {
                "type": "chat",
                "mailboxId": 1,
                "subject": text[:60],
                "customer": {"firstName": sender["first_name"], "lastName": sender["last_name"]},
                "threads": [thread],
            }
            made = self._post("conversations", body)
            self._commit("INSERT INTO mapping VALUES (?, ?)", chat, made["id"])
            thread_id = made["_embedded"]["threads"][0]["id"]
        sql = "UPDATE message_sync SET thread = ?, state = 'sent' WHERE max_mid = ?"
        self._commit(sql, thread_id, mid)

    def _from_desk(self, talk: dict[str, Any]) -> None:
        row = self.store.execute(
            "SELECT chat FROM mapping WHERE ticket = ?", (talk["id"],)
        ).fetchone()
        replies = [each for each in talk["_embedded"]["threads"] if each["type"] == "message"]
        if row is None or not replies:
            return
        thread = max(replies, key=lambda each: int(each["id"]))
        body = {"text": thread["body"], "format": "html"}
        answer = self.max.post("/messages", params={"chat_id": row[0]}, json=body)
        while answer.status_code == 429:
            time.sleep(0.05)
            answer = self.max.post("/messages", params={"chat_id": row[0]}, json=body)
        mid = answer.raise_for_status().json()["message"]["body"]["mid"]
        self._commit("INSERT INTO message_sync VALUES (?, ?, 'sent')", mid, thread["id"])

    def _post(self, path: str, body: Any) -> Any:
        return self.desk.post(f"/api/{path}", json=body).raise_for_status().json()

    def _commit(self, sql: str, *values: Any) -> None:
        self.store.execute(sql, values)
        self.store.commit()


def _fetched(attachment: dict[str, Any]) -> dict[str, str]:
    data = httpx.get(attachment["payload"]["url"]).content
    return {
        "fileName": attachment["filename"],
        "mimeType": "application/octet-stream",
        "data": base64.b64encode(data).decode(),
    }


def main() -> None:
    """Serve until killed."""
    port, path = int(sys.argv[1]), sys.argv[2]
    Handler.store = sqlite3.connect(path)
    Handler.store.execute("CREATE TABLE mapping (chat INTEGER PRIMARY KEY, ticket INTEGER UNIQUE)")
    Handler.store.execute(
        "CREATE TABLE message_sync (max_mid TEXT PRIMARY KEY, thread INTEGER, state TEXT)"
    )
    headers = {
        "X-FreeScout-API-Key": os.environ["BENCH_DESK_KEY"],
        "Accept": "application/json",
    }
    Handler.desk = httpx.Client(base_url=os.environ["BENCH_DESK_URL"], headers=headers, timeout=60)
    Handler.max = httpx.Client(
        base_url=os.environ["BENCH_MAX_URL"],
        headers={"Authorization": os.environ["BENCH_MAX_TOKEN"]},
        timeout=60,
    )
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
