"""What a scenario can do: customers write in MAX, agents act at the desk, both are waited for and counted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from maxbridge.files.heic import SAMPLE
from maxbridge.sim.max.store import Person
from real_desk.agent import Agent, File, PageError
from real_desk.bridge import Bridge
from real_desk.desk import Desk
from real_desk.ledger import Ledger, Sightings, Verdict, Way, Word
from real_desk.settings import RealDesk

UNDO_SECONDS = 15.0
"""FreeScout's own; the bridge waits some more before a reply leaves."""

_WITHIN = 90.0
_STEP = 0.25
_CALM = 25.0
"""Longer than the undo window, its rounding and two polls: what has not moved by then does not move."""

_FIRST_USER = 400_000_000
_CHAT_OFFSET = 500_000_000


class NotYetError(Exception):
    """What a scenario waited for did not come about."""


@dataclass(slots=True)
class Stage:
    """The one desk of a run, its agents, and who plays on it.

    Attributes:
        people: How many customers there have been; their ids are unlike those of earlier runs.
    """

    settings: RealDesk
    desk: Desk
    agent: Agent
    admin: Agent
    folder: Path
    ledger: Ledger = field(default_factory=Ledger)
    began: int = field(default_factory=lambda: int(time.time()))
    people: int = 0

    def new_id(self) -> int:
        """A MAX user id that no run before had."""
        self.people += 1
        return _FIRST_USER + self.began % 1_000_000 * 1000 + self.people

    async def control(self, *words: str) -> None:
        """Stop or start a part of the desk.

        Raises:
            RuntimeError: The control command failed.
        """
        process = await asyncio.create_subprocess_exec(
            *self.settings.control,
            *words,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        if await asyncio.wait_for(process.wait(), 120):
            raise RuntimeError(f"the desk's control failed: {' '.join(words)}")


class Play:
    """One scenario that is running."""

    def __init__(
        self, name: str, stage: Stage, bridge: Bridge, beside: Sequence[Bridge] = ()
    ) -> None:
        self.name = name
        self.beside = [Play(name, stage, each) for each in beside]
        """The same scenario with other bots on the same desk."""
        self.stage = stage
        self.bridge = bridge
        self.desk = stage.desk
        self.agent = stage.agent
        self.admin = stage.admin
        self.tickets: set[int] = set()
        """Tickets whose notes are counted."""

    # Customers

    def person(self, first: str, last: str = "", *, number: int | None = None) -> Person:
        """A customer who has never written before.

        Args:
            first: First name.
            last: Last name.
            number: MAX user id of somebody who knows another bot already; the chat is another one.
        """
        number = self.stage.new_id() if number is None else number
        chat_id = number + _CHAT_OFFSET + self.bridge.max.state.bot.user_id % 1000 * 1_000_000_000
        return self.bridge.max.state.person(number, first, last, chat_id=chat_id)

    def say(self, person: Person, text: str = "{}", **more: Any) -> Word:
        """A customer writes; ``{}`` in the text is the word that is counted."""
        word = self.stage.ledger.word(self.name, Way.DESK, person.user_id)
        self.bridge.max.state.say(person.user_id, text.format(word), **more)
        return word

    def say_with_mid(self, person: Person, text: str = "{}", **more: Any) -> tuple[Word, str]:
        """The same, with MAX's id of the message, to edit or delete it."""
        word = self.stage.ledger.word(self.name, Way.DESK, person.user_id)
        return word, self.bridge.max.state.say(person.user_id, text.format(word), **more)

    def edit(self, person: Person, mid: str, old: Word, text: str = "{}") -> Word:
        """A customer edits a message: the ticket gets a line with the new words and the old ones."""
        word = self.stage.ledger.word(self.name, Way.DESK, person.user_id)
        old.times += 1
        self.bridge.max.state.edit(mid, text.format(word))
        return word

    def send_files(self, person: Person, text: str, *files: tuple[str, str, str]) -> list[Word]:
        """A customer sends files; gives the word of the text and the one inside each file.

        Args:
            person: Who.
            text: With ``{}`` for the word.
            files: Kind, name and MIME type of each.
        """
        inside = [self.word_in_file(Way.DESK, person) for _ in files]
        attachments = [
            self.bridge.max.state.attach(kind, content_of(kind, name, word), name, mime)
            for word, (kind, name, mime) in zip(inside, files, strict=True)
        ]
        return [self.say(person, text, attachments=attachments), *inside]

    def word_in_file(self, way: Way, person: Person) -> Word:
        """A word for the content of a file."""
        return self.stage.ledger.word(self.name, way, person.user_id, in_file=True)

    # Agents

    async def reply(
        self,
        ticket: int,
        person: Person,
        html: str = "<div>{}</div>",
        *,
        by: Agent | None = None,
        **more: Any,
    ) -> Word:
        """An agent answers, and the customer must get it."""
        word = self.stage.ledger.word(self.name, Way.MAX, person.user_id)
        await (by or self.agent).reply(ticket, html.format(word), **more)
        return word

    async def try_reply(self, ticket: int, person: Person, **more: Any) -> Word:
        """An agent answers while the desk may be down: it counts if the desk has it in the end."""
        word = self.stage.ledger.word(self.name, Way.MAX, person.user_id)
        word.sure = False
        with contextlib.suppress(PageError):
            await self.agent.reply(ticket, f"<div>{word}</div>", **more)
        return word

    def inside(self, person: Person) -> Word:
        """A word that must never leave the desk."""
        return self.stage.ledger.word(self.name, Way.NOWHERE, person.user_id)

    def expect_notes(self, count: int = 1) -> None:
        """The bridge has to tell the agents something in this scenario's tickets."""
        self.stage.ledger.expected_notes[self.name] += count

    def told(self, person: Person, *texts: object) -> None:
        """What the customer is to have read in all, in order, the bot's own sentences and agents' words."""
        self.stage.ledger.told[self.name][person.user_id] = [str(text) for text in texts]

    # Waiting

    async def reads(self, person: Person, *texts: object, within: float = _WITHIN) -> None:
        """Wait until the customer has read so many texts; in the end it must be these and no others.

        Raises:
            NotYetError: They have not come.
        """
        self.told(person, *texts)
        sent = self.bridge.max.state.chats[person.chat_id].sent
        await self.until(
            lambda: len(sent) >= len(texts),
            f"{len(texts)} texts for {person.user_id}",
            within,
        )

    async def until(
        self, done: Callable[[], bool], what: str, within: float = _WITHIN, step: float = _STEP
    ) -> None:
        """Wait for something.

        Raises:
            NotYetError: It did not come about in time.
        """
        deadline = time.monotonic() + within
        while not done():
            if time.monotonic() > deadline:
                raise NotYetError(f"not within {within:.0f} s: {what}")
            await asyncio.sleep(step)

    async def landed(self, *words: Word, within: float = _WITHIN) -> None:
        """Wait until customers' words stand at the desk."""
        for word in words:
            await self.until(
                lambda word=word: self.desk.thread_with(word.token) is not None,  # type: ignore[misc]
                f"{word} at the desk",
                within,
            )

    async def ticket(self, word: Word, within: float = _WITHIN) -> int:
        """Wait for the ticket in which a customer's word stands."""
        await self.landed(word, within=within)
        number = next(
            number
            for number in sorted(self.desk.conversations)
            if any(word.token in (row["body"] or "") for row in self.desk.threads(number))
        )
        self.tickets.add(number)
        return number

    async def opened(self, person: Person, text: str = "Здравствуйте! {}") -> int:
        """A customer's first message, and the ticket that it makes."""
        return await self.ticket(self.say(person, text))

    async def arrived(self, *words: Word, within: float = _WITHIN) -> None:
        """Wait until customers have agents' words."""
        for word in words:
            await self.until(
                lambda word=word: self.at_max(word) > 0,  # type: ignore[misc]
                f"{word} in the chat of {word.person}",
                within,
            )

    def at_max(self, word: Word) -> int:
        """How often a person sees a word."""
        seen = Sightings()
        self.bridge.sightings(seen)
        return seen.at_max(word.token, word.person, in_file=word.in_file)

    async def thread(self, word: Word) -> int:
        """Wait for the thread in which a word stands at the desk; gives its id."""
        await self.landed(word)
        row = self.desk.thread_with(word.token)
        if row is None:
            raise NotYetError(f"{word} has gone from the desk")
        number: int = row["id"]
        return number


Scene = Callable[[Play], Awaitable[None]]

_TROUBLES = (
    NotYetError, PageError, RuntimeError, LookupError, OSError, httpx.HTTPError, ExceptionGroup,
)  # fmt: skip
"""What ends a scenario, but not the run; a group of them is what several acts at once raise."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario with its name and the promise that it tries."""

    name: str
    promise: str
    scene: Scene
    outage: bool = False
    """It stops parts of the desk: only where a control command is given."""


async def calm(bridge: Bridge, stage: Stage, within: float = 600.0) -> int:
    """Wait until nothing waits and nothing new has come for some time; gives how many items are held.

    Raises:
        NotYetError: Something still waits.
    """
    deadline = time.monotonic() + within
    since, before, held = time.monotonic(), None, 0
    while time.monotonic() - since < _CALM:
        if time.monotonic() > deadline:
            raise NotYetError(f"not at rest after {within:.0f} s; {before}")
        await asyncio.sleep(2.0)
        waiting, held = await bridge.waiting()
        now = (
            waiting,
            len(bridge.max.state.queue.waiting()),
            sum(len(chat.history) for chat in bridge.max.state.chats.values()),
            sum(len(stage.desk.threads(number)) for number in stage.desk.conversations),
        )
        if now != before or now[0] or now[1]:
            since, before = time.monotonic(), now
    return held


async def perform(
    scenarios: Sequence[Scenario],
    stage: Stage,
    bridge: Bridge,
    *,
    at_once: bool,
    beside: Sequence[Bridge] = (),
) -> list[Verdict]:
    """Play scenarios on one bridge, perhaps beside others, and count when all has come to rest."""
    plays = [Play(each.name, stage, bridge, beside) for each in scenarios]
    verdicts = [Verdict(each.name, each.promise) for each in scenarios]

    async def one(number: int) -> None:
        began = time.monotonic()
        try:
            await scenarios[number].scene(plays[number])
        except _TROUBLES as error:
            several = error.exceptions if isinstance(error, ExceptionGroup) else [error]
            verdicts[number].other += [f"{type(each).__name__}: {each}" for each in several]
        verdicts[number].seconds = time.monotonic() - began

    if at_once:
        async with asyncio.TaskGroup() as tasks:
            for number in range(len(scenarios)):
                tasks.create_task(one(number))
    else:
        for number in range(len(scenarios)):
            await one(number)
    try:
        held = sum([await calm(each, stage) for each in (bridge, *beside)])
        if held:
            verdicts[-1].other.append(f"{held} items are held, of this or another scenario")
    except NotYetError as error:
        verdicts[-1].other.append(str(error))
    seen = await look(stage, bridge, *beside)
    for play, verdict in zip(plays, verdicts, strict=True):
        stage.ledger.judge(verdict, seen, play.tickets)
    return verdicts


async def look(stage: Stage, *bridges: Bridge) -> Sightings:
    """Read both ends, every conversation of the run anew."""
    seen = Sightings()
    await stage.desk.refresh(whole=True)
    await stage.desk.sightings(seen)
    for bridge in bridges:
        bridge.sightings(seen)
    return seen


@contextlib.asynccontextmanager
async def staged(settings: RealDesk, folder: Path) -> AsyncIterator[Stage]:
    """Log the agents in and begin to watch the desk."""
    desk = Desk(settings)
    await desk.begin()
    watching = asyncio.create_task(desk.watch())
    try:
        async with (
            Agent(settings.url, settings.agent, settings.mailbox) as agent,
            Agent(settings.url, settings.admin, settings.mailbox) as admin,
        ):
            yield Stage(settings, desk, agent, admin, folder)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await desk.close()


_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef"
)
"""A picture of one red dot, up to where its end would stand."""

_PNG_END = bytes.fromhex("0000000049454e44ae426082")


def content_of(kind: str, name: str, word: Word) -> bytes:
    """Make a file that is what its name says, with the word in it."""
    import zlib  # noqa: PLC0415 - of no use anywhere else

    text = str(word).encode()
    if kind == "image" or name.endswith(".png"):
        chunk = b"tEXtComment\0" + text
        size, check = len(chunk) - 4, zlib.crc32(chunk)
        return _PNG + size.to_bytes(4, "big") + chunk + check.to_bytes(4, "big") + _PNG_END
    if name.endswith(".heic"):
        # Behind the picture, in a box that everybody passes over.
        return SAMPLE + (len(text) + 8).to_bytes(4, "big") + b"free" + text
    if name.endswith(".pdf"):
        return b"%PDF-1.4\n% " + text + b"\n%%EOF\n"
    if name.endswith((".mp3", ".ogg")):
        return b"ID3\x03\0\0\0\0\0\0" + text + b"\xff\xfb\x90\0" * 64
    if name.endswith(".mp4"):
        return b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + text + b"\0" * 64
    return "Текст: ".encode() + text + b"\n"


def file_of(name: str, kind: str, word: Word) -> File:
    """A file on an agent's disk, with the word in it."""
    return File(name, kind, content_of(kind.partition("/")[0], name, word))
