"""The demo's environment: both simulators on loopback, the real daemon, and what each person sees."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from html import escape
from pathlib import Path
from random import Random

from maxbridge.config.settings import (
    FreeScoutSettings,
    LogSettings,
    MaxSettings,
    Secret,
    Settings,
    StoreSettings,
    TextSettings,
)
from maxbridge.core.errors import MaxbridgeError
from maxbridge.core.render import to_text
from maxbridge.daemon import Daemon, connect
from maxbridge.demo.deliveries import Arrival, Delivery, arrival
from maxbridge.demo.log_file import a_place
from maxbridge.demo.patience import TOLD, Patience
from maxbridge.demo.words import WORDS
from maxbridge.i18n import CATALOGUE
from maxbridge.sim.desk import DeskEvent, DeskSim
from maxbridge.sim.faults import Fault, Faulty
from maxbridge.sim.max import MaxEvent, MaxSim
from maxbridge.sim.serve import loopback_socket, serve
from maxbridge.store.store import Store

CUSTOMER = 410000017
AGENT = 2
UNDO_WINDOW = 2.0
"""Shorter than FreeScout's own 15 s, so that nobody has to wait for the demo."""
_DESK_KEY = "0123456789abcdef0123456789abcdef"
_PHOTO = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c63f8cfc0f01f0005050201a5f645800000000049454e44ae426082"
)
_PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


_NO_ROOM = frozenset({"store.full", "store.read_only", "store.disk"})
"""Troubles of the database that waiting does not mend."""
_NAMED = 5
"""So many of what is missing are named one by one."""


class DemoError(MaxbridgeError):
    """The demo failed; says what did not arrive."""


class Stage:
    """Both simulators and the daemon between them.

    Attributes:
        max: The simulated MAX.
        desk: The simulated FreeScout.
        told: Called with ("max" or "desk", who, text) for everything that becomes visible.
        remarked: Called with a line for the viewer.
        said: Everything said so far that must arrive.
    """

    def __init__(
        self,
        folder: Path,
        language: str,
        told: Callable[[str, str, str], None],
        remarked: Callable[[str], None],
    ) -> None:
        self._language = language
        self._words = WORDS[language]
        self._folder = folder
        self._database = folder / "maxbridge.db"
        self.told = told
        self.remarked = remarked
        self.said: list[Delivery] = []
        self._arrived: set[Delivery] = set()
        self.max = MaxSim(now=time.time)
        self.desk_socket = loopback_socket()
        self.desk_url = f"http://127.0.0.1:{self.desk_socket.getsockname()[1]}"
        self.desk = DeskSim(now=time.time, key=_DESK_KEY, app_url=self.desk_url)
        self.desk_line = Faulty(self.desk, rng=Random(0))  # noqa: S311 - faults to order
        self._daemon: Daemon | None = None
        self._task: asyncio.Task[None] | None = None
        self._store: Store | None = None
        self._max_url = ""
        self._happened = 0
        self._failed: Exception | None = None
        self.max.state.person(CUSTOMER, "Марина", "Тестова")
        self.max.state.on_change = self._at_max
        self.desk.on_change = self._at_desk

    def at(self, max_url: str) -> None:
        """Set the address where MAX is served."""
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
        self._store = Store(self._database)
        self._daemon = Daemon(settings, self._store, connect(settings))
        self._task = asyncio.create_task(self._daemon.run())
        watch = self._daemon.watch
        # As `systemctl start` does: both ends have been polled, and whatever is said from now on arrives.
        await self._until(lambda: watch.ready, lambda: self._words["start"])

    async def stop(self) -> None:
        """Stop the daemon as SIGTERM does."""
        if self._daemon is None or self._task is None or self._store is None:
            return
        self._daemon.stop.set()
        try:
            await self._task
        finally:
            self._store.close()
            self._daemon = None

    # --- waiting ---------------------------------------------------------------------------------

    async def delivered(self, some: Sequence[Delivery] | None = None) -> None:
        """Wait until everything said has arrived.

        Args:
            some: What to wait for; None for everything.

        Raises:
            DemoError: It does not arrive; says what.
        """
        waited_for = self.said if some is None else some

        def missing() -> str:
            left = self.under_way(waited_for)
            named = [each.named(self._language) for each in left[:_NAMED]]
            more = [f"… (+{len(left) - _NAMED})"] if len(left) > _NAMED else []
            return "; ".join(named + more)

        await self._until(lambda: not self.under_way(waited_for), missing)

    def under_way(self, some: Sequence[Delivery] | None = None) -> list[Delivery]:
        """Return what has not arrived yet.

        Raises:
            DemoError: The bridge has refused some of it.
        """
        found = []
        for each in self.said if some is None else some:
            if each in self._arrived:
                continue
            state = arrival(each, self.max, self.desk, self._opened)
            if state is Arrival.REFUSED:
                raise DemoError(self._words["refused"].format(what=each.named(self._language)))
            if state is Arrival.UNDER_WAY:
                found.append(each)
            else:
                self._arrived.add(each)
        return found

    async def _until(self, done: Callable[[], object], missing: Callable[[], str]) -> None:
        """Wait for a condition, for as long as anything happens.

        Args:
            done: The condition.
            missing: Describes what is missing.

        Raises:
            DemoError: It does not come true.
        """
        patience = Patience(self._progress)
        while self._failed is None and not done():
            self._look_after(missing)
            if patience.is_over:
                what = self._words["missing"].format(what=missing())
                waited = self._words["waited"].format(
                    seconds=patience.seconds, quiet=patience.quiet
                )
                raise DemoError(" ".join([what, waited, *self._troubles()]))
            if patience.rounds == TOLD:
                self.remarked(self._words["waiting"].format(what=missing()))
            await patience.round()
        if self._failed is not None:
            raise self._failed

    def _progress(self) -> object:
        return self._happened, self._opened.health.pulse()

    def _look_after(self, missing: Callable[[], str]) -> None:
        """Check that waiting makes sense: the daemon runs, the disk has room, nothing is held."""
        if self._task is not None and self._task.done():
            self._task.result()
            raise DemoError(self._words["ended"])
        records = self._daemon.board.records() if self._daemon is not None else []
        for each in records:
            if each.trouble_since is not None and each.error in _NO_ROOM:
                words = self._words["no_room"].format(code=each.error, folder=self._folder.parent)
                raise DemoError(words)
        if self._opened.health.pulse().held:
            what = self._words["missing"].format(what=missing())
            raise DemoError(" ".join([what, self._words["held"], *self._troubles()]))

    def _troubles(self) -> list[str]:
        records = self._daemon.board.records() if self._daemon is not None else []
        found = [f"{each.name}: {each.error}" for each in records if each.trouble_since is not None]
        return [self._words["trouble"].format(troubles=", ".join(found))] if found else []

    @property
    def _opened(self) -> Store:
        if self._store is None:
            raise DemoError(self._words["ended"])
        return self._store

    # --- the people ------------------------------------------------------------------------------

    def customer_says(self, text: str) -> None:
        """Марина writes to the bot."""
        self.told("max", "Марина", text)
        self.said.append(Delivery(text, mid=self.max.state.say(CUSTOMER, text)))

    def customer_sends_photo(self, text: str) -> None:
        """Марина sends a photo with words under it."""
        self.told("max", "Марина", f"{text} [📷]")
        photo = self.max.state.attach("image", _PHOTO, "photo.png", "image/png")
        mid = self.max.state.say(CUSTOMER, text, attachments=[photo])
        self.said.append(Delivery(text, mid=mid))

    def agent_replies(self, text: str, file: str = "") -> int:
        """Boris answers in the newest ticket, with a PDF of this name if one is given."""
        self.told("desk", "Boris", f"{text} [📎 {file}]" if file else text)
        reply: int = self.desk.state.reply(
            self.ticket(),
            f"<div>{escape(text, quote=False)}</div>",
            user=AGENT,
            attachments=[(file, "application/pdf", _PDF)] if file else [],
        )
        self.said.append(Delivery(text, thread=reply))
        return reply

    def agent_undoes(self, reply: int) -> None:
        """Boris undoes a reply, which must not arrive then.

        Raises:
            DeskRefusedError: It is too late for that.
        """
        self.desk.state.undo(reply)
        self.said = [each for each in self.said if each.thread != reply]

    def agent_notes(self, text: str) -> None:
        """Boris writes a private note."""
        self.desk.state.note(self.ticket(), f"<div>{escape(text, quote=False)}</div>", user=AGENT)

    def ticket(self) -> int:
        """The newest ticket; 0 if there is none."""
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

    def break_line(self) -> None:
        """Carry the next POST out at the desk, but lose its answer."""
        self.desk_line.add(Fault("drop_after", method="POST"))

    # --- what becomes visible --------------------------------------------------------------------

    def _at_max(self, event: MaxEvent) -> None:
        self._happened += 1
        if event.kind == "bot_sent" and event.mid is not None:
            _, message = self.max.state.find(event.mid)
            body = message["body"]
            files = [
                f"[📎 {one.get('filename', one['type'])}]" for one in body.get("attachments", [])
            ]
            words = [body["text"]] if body.get("text") else []
            self._show("max", self.max.state.bot.first_name, " ".join(words + files))

    def _at_desk(self, event: DeskEvent) -> None:
        self._happened += 1
        if event.kind == "conversation created" and event.conversation_id is not None:
            ticket = self.desk.state.conversations[event.conversation_id]
            self._show("desk", f"ticket #{ticket.id}", ticket.subject)
        if event.kind == "thread created" and event.thread_id is not None:
            self._new_thread(event.thread_id)

    def _show(self, side: str, who: str, text: str) -> None:
        """Call :attr:`told`; this runs inside a request, where nobody could catch its errors."""
        try:
            self.told(side, who, text)
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            self._failed = self._failed or error

    def _new_thread(self, thread_id: int) -> None:
        thread = self.desk.state.threads[thread_id]
        text = to_text(thread.body or "", CATALOGUE[self._language])
        text += "".join(f" [📎 {file.name}]" for file in thread.attachments)
        self._show("desk", "Марина" if thread.type == "customer" else "maxbridge", text)


@contextlib.asynccontextmanager
async def stage(
    language: str, told: Callable[[str, str, str], None], remarked: Callable[[str], None]
) -> AsyncIterator[Stage]:
    """Context with a complete stage in a temporary folder, cleaned up at the end."""
    with a_place():
        made = tempfile.TemporaryDirectory(prefix="maxbridge-demo-", ignore_cleanup_errors=True)
    with made as folder:
        played = Stage(Path(folder), language, told, remarked)
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
