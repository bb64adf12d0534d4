"""The stage of the demo: both simulators on loopback, the real daemon, and who sees what."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from html import escape
from pathlib import Path
from random import Random

from maxbridge.core.errors import MaxbridgeError
from maxbridge.core.render import to_text
from maxbridge.daemon import Daemon, connect
from maxbridge.i18n import CATALOGUE
from maxbridge.settings import (
    FreeScoutSettings,
    LogSettings,
    MaxSettings,
    Secret,
    Settings,
    StoreSettings,
    TextSettings,
)
from maxbridge.sim.desk import DeskEvent, DeskSim
from maxbridge.sim.faults import Fault, Faulty
from maxbridge.sim.max import MaxEvent, MaxSim
from maxbridge.sim.serve import loopback_socket, serve
from maxbridge.store.journal import Journal

CUSTOMER = 410000017
AGENT = 2
UNDO_WINDOW = 2.0
"""Shorter than FreeScout's own 15 s, so that nobody has to wait for the demo."""
_DESK_KEY = "0123456789abcdef0123456789abcdef"
_PATIENCE = 20.0
_PHOTO = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c63f8cfc0f01f0005050201a5f645800000000049454e44ae426082"
)
_PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


class DemoError(MaxbridgeError):
    """The demo did not go as it must: something is broken."""


class Stage:
    """Both ends and the daemon between them.

    Attributes:
        max: The simulated MAX.
        desk: The simulated FreeScout.
        told: Called with ("max" or "desk", who, text) for everything that becomes visible.
    """

    def __init__(self, folder: Path, language: str, told: Callable[[str, str, str], None]) -> None:
        self._language = language
        self._database = folder / "maxbridge.db"
        self.told = told
        self.max = MaxSim(now=time.time)
        self.desk_socket = loopback_socket()
        self.desk_url = f"http://127.0.0.1:{self.desk_socket.getsockname()[1]}"
        self.desk = DeskSim(now=time.time, key=_DESK_KEY, app_url=self.desk_url)
        self.desk_line = Faulty(self.desk, rng=Random(0))  # noqa: S311 - faults to order
        self._daemon: Daemon | None = None
        self._task: asyncio.Task[None] | None = None
        self._journal: Journal | None = None
        self._max_url = ""
        self.max.state.person(CUSTOMER, "Марина", "Тестова")
        self.max.state.on_change = self._at_max
        self.desk.on_change = self._at_desk

    def at(self, max_url: str) -> None:
        """Tell where MAX is served."""
        self._max_url = max_url

    async def start(self) -> None:
        """Start the daemon, the same that ``maxbridge run`` runs."""
        settings = Settings(
            max=MaxSettings(token=Secret(self.max.token), api_url=self._max_url),
            freescout=FreeScoutSettings(
                url=self.desk_url,
                api_key=Secret(_DESK_KEY),
                mailbox_id=1,
                user_id=1,
                poll_interval=0.5,
                undo_window=UNDO_WINDOW,
            ),
            store=StoreSettings(path=self._database),
            texts=TextSettings(language=self._language),
            log=LogSettings(),
        )
        self._journal = Journal(self._database)
        self._daemon = Daemon(settings, self._journal, connect(settings))
        self._task = asyncio.create_task(self._daemon.run())
        loops = self._daemon.board
        await self.until(
            lambda: (
                loops.loop("max_poller").record().success_at is not None
                and loops.loop("desk_poller").record().success_at is not None
            )
        )

    async def stop(self) -> None:
        """Stop the daemon as SIGTERM does."""
        if self._daemon is None or self._task is None or self._journal is None:
            return
        self._daemon.stop.set()
        try:
            await self._task
        finally:
            self._journal.close()
            self._daemon = None

    async def until(self, done: Callable[[], object]) -> None:
        """Wait until something is so.

        Raises:
            DemoError: It does not come about.
        """
        deadline = time.monotonic() + _PATIENCE
        while not done():
            if self._task is not None and self._task.done():
                self._task.result()
            if time.monotonic() > deadline:
                raise DemoError("the demo waits in vain: something in the bridge is broken")
            await asyncio.sleep(0.05)

    # --- the people ------------------------------------------------------------------------------

    def customer_says(self, text: str) -> None:
        """Марина writes to the bot."""
        self.told("max", "Марина", text)
        self.max.state.say(CUSTOMER, text)

    def customer_sends_photo(self, text: str) -> None:
        """Марина sends a photo with words under it."""
        self.told("max", "Марина", f"{text} [📷]")
        photo = self.max.state.attach("image", _PHOTO, "photo.png", "image/png")
        self.max.state.say(CUSTOMER, text, attachments=[photo])

    def agent_replies(self, text: str, file: str = "") -> int:
        """Boris answers in the newest ticket, with a PDF of this name if one is given."""
        self.told("desk", "Boris", f"{text} [📎 {file}]" if file else text)
        reply: int = self.desk.state.reply(
            self.ticket(),
            f"<div>{escape(text, quote=False)}</div>",
            user=AGENT,
            attachments=[(file, "application/pdf", _PDF)] if file else [],
        )
        return reply

    def agent_notes(self, text: str) -> None:
        """Boris writes a private note."""
        self.desk.state.note(self.ticket(), f"<div>{escape(text, quote=False)}</div>", user=AGENT)

    def ticket(self) -> int:
        """The newest ticket; 0 when there is none."""
        return max(self.desk.state.conversations, default=0)

    def received(self) -> list[str]:
        """What the customer got from the bot."""
        chat_id = self.max.state.people[CUSTOMER].chat_id
        return list(self.max.state.texts(chat_id))

    def received_files(self) -> list[tuple[str, bytes | None]]:
        """Names and contents of the files that the customer got from the bot."""
        media = self.max.state.media
        found = []
        for message in self.max.state.sent(self.max.state.people[CUSTOMER].chat_id):
            for each in message["body"].get("attachments", []):
                file = media.find(each["type"], each["payload"]["token"])
                if file is not None:
                    found.append((file.filename, file.content))
        return found

    def desk_files(self) -> list[bytes]:
        """Contents of the files under the customer's messages at the desk."""
        return [
            file.data
            for each in self.desk.state.threads.values()
            if each.type == "customer"
            for file in each.attachments
        ]

    def messages(self) -> int:
        """How many threads of the customer the desk has."""
        return sum(1 for each in self.desk.state.threads.values() if each.type == "customer")

    def break_line(self) -> None:
        """The next POST is carried out at the desk, but its answer never arrives."""
        self.desk_line.add(Fault("drop_after", method="POST"))

    # --- what becomes visible --------------------------------------------------------------------

    def _at_max(self, event: MaxEvent) -> None:
        if event.kind == "bot_sent" and event.mid is not None:
            _, message = self.max.state.find(event.mid)
            body = message["body"]
            files = [
                f"[📎 {one.get('filename', one['type'])}]" for one in body.get("attachments", [])
            ]
            words = [body["text"]] if body.get("text") else []
            self.told("max", self.max.state.bot.first_name, " ".join(words + files))

    def _at_desk(self, event: DeskEvent) -> None:
        if event.kind == "conversation created" and event.conversation_id is not None:
            ticket = self.desk.state.conversations[event.conversation_id]
            self.told("desk", f"ticket #{ticket.id}", ticket.subject)
        if event.kind == "thread created" and event.thread_id is not None:
            self._new_thread(event.thread_id)

    def _new_thread(self, thread_id: int) -> None:
        thread = self.desk.state.threads[thread_id]
        text = to_text(thread.body or "", CATALOGUE[self._language])
        text += "".join(f" [📎 {file.name}]" for file in thread.attachments)
        self.told("desk", "Марина" if thread.type == "customer" else "maxbridge", text)


@contextlib.asynccontextmanager
async def stage(language: str, told: Callable[[str, str, str], None]) -> AsyncIterator[Stage]:
    """A stage with everything on it, in a temporary folder; tidied up at the end."""
    with tempfile.TemporaryDirectory(prefix="maxbridge-demo-") as folder:
        played = Stage(Path(folder), language, told)
        async with (
            serve(played.max) as max_url,
            serve(played.desk_line, sock=played.desk_socket),
        ):
            played.at(max_url)
            try:
                await played.start()
                yield played
            finally:
                await played.stop()
