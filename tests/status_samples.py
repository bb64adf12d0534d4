"""Seven states of the bridge, made through the real store, and what ``maxbridge status`` says of them.

``make status-doc`` writes docs/status.md and status.ru.md from this; tests/test_status_text.py sees that both
are up to date. What the program prints is English in both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from maxbridge import __version__
from maxbridge.cli.status import to_nagios
from maxbridge.cli.status_text import to_text
from maxbridge.core.delivery import Outcome
from maxbridge.core.errors import DOWNLOADS, Failure, HostTrouble, Kind, Scope
from maxbridge.core.parts import Part
from maxbridge.observe.health import Board
from maxbridge.observe.status import LOOPS, Report, assess
from maxbridge.saying import say, speak
from maxbridge.store.certificates import Certificate
from maxbridge.store.certificates import Kind as Whose
from maxbridge.store.inbox import NewUpdate
from maxbridge.store.records import PostResult
from maxbridge.store.store import Store
from store_world import set_blocked

NOW = 1_800_000_000.0
FREE, SIZE = 21_474_836_480, 3_145_728
DOCS = Path(__file__).parents[1] / "docs"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MAX_AWAY = Failure("max.unreachable", Kind.TRANSIENT, True, Scope.END, "ClientConnectorDNSError")
KEY_REFUSED = Failure("desk.unauthorized", Kind.CONFIG, True, Scope.END, "HTTP 401")

LAST_DAYS = (
    Certificate(Whose.BUNDLED, "Russian Trusted Sub CA", NOW - 1740 * DAY, NOW + 50.1 * DAY, NOW),
    Certificate(Whose.DESK, "desk.example.ru", NOW - 40 * DAY, NOW + 50 * DAY, NOW),
    Certificate(Whose.MAX, "platform-api2.max.ru", NOW - 200 * DAY, NOW + 165 * DAY, NOW),
)


class World:
    """A store that a daemon has worked on for a day."""

    def __init__(self, journal: Store) -> None:
        self.journal = journal
        self.now = NOW - 12 * HOUR
        self.board = Board(lambda: self.now)
        self.running = True
        self.polled_at = NOW - 3
        journal.meta.claim(900100200, "Ромашка")
        journal.certificates.write(LAST_DAYS, NOW)

    def a_day(self) -> None:
        """What customers and agents have written until now."""
        journal = self.journal
        for chat in (5, 6, 7):
            self.message(f"mid.{chat}", chat)
        self.now = NOW - 40 * MINUTE
        self.message("mid.8", 5)
        self.now = NOW - 35 * MINUTE
        self.reply(71, 5)
        set_blocked(journal, 7, blocked=True, at=self.now)

    def message(self, mid: str, chat: int, *, delivered: bool = True) -> None:
        """A customer writes."""
        self.journal.dialogs.ensure(chat, chat + 100, self.now)
        update = NewUpdate(f"message_created:{mid}", "message_created", "{}", chat)
        self.journal.inbox.ingest([update], 18000101, self.now)
        item = self.journal.inbox.head(chat)
        assert item is not None
        if delivered:
            landed = PostResult(chat, 70, 1, self.now, opened=True)
            self.journal.inbox.done(item, landed, self.now)

    def reply(self, thread: int, chat: int, *, delivered: bool = True) -> None:
        """An agent answers."""
        with self.journal.db.transaction():
            self.journal.outbox.add(
                f"thread:{thread}:0",
                chat,
                [Part("Добрый день! Заказ уже у курьера.")],
                now=self.now,
                conversation_id=chat,
            )
        item = self.journal.outbox.head(chat)
        assert item is not None
        if delivered:
            self.journal.outbox.mark_sending(item.id, self.now)
            self.journal.outbox.part_done(item, 0, f"mid.{thread}", self.now)

    def loops(self, idle: tuple[str, ...] = (), **troubles: tuple[Failure, float]) -> None:
        """All loops succeeded until just now, but for the idle and these, in trouble for so many seconds."""
        for name in LOOPS:
            if name in idle:
                self.now = NOW
                self.board.loop(name).beat()
                continue
            failure, seconds = troubles.get(name, (None, 0.0))
            loop = self.board.loop(name)
            self.now = NOW - seconds - 2
            loop.ok()
            if failure is not None:
                self.now = NOW - seconds
                loop.trouble(failure)
                self.now = NOW - 4
                loop.trouble(failure)
        self.now = NOW
        self.journal.health.write(self.board.records())

    def report(self) -> Report:
        """What ``maxbridge status`` would judge right now."""
        self.journal.backfill.polled(self.polled_at)
        # The page is to change when status does, not with every migration.
        snapshot = replace(self.journal.health.snapshot(NOW), schema="0004_backfill")
        return assess(snapshot, running=self.running, now=NOW, free=FREE, size=SIZE)


def fresh(world: World) -> None:
    """The service was started minutes ago; a customer has written, nobody has answered yet."""
    world.now = NOW - 2 * MINUTE
    world.message("mid.1", 5)
    world.loops(idle=("max_sender",))


def healthy(world: World) -> None:
    """Everything works."""
    world.a_day()
    world.loops()


def max_down(world: World) -> None:
    """MAX cannot be reached for twenty minutes, and replies wait."""
    world.a_day()
    world.now = NOW - 17 * MINUTE
    world.reply(72, 5, delivered=False)
    world.polled_at = NOW - 20 * MINUTE
    world.loops(max_poller=(MAX_AWAY, 20 * MINUTE), max_sender=(MAX_AWAY, 17 * MINUTE))


def desk_down(world: World) -> None:
    """FreeScout refuses the key, and messages wait."""
    world.a_day()
    world.now = NOW - 9 * MINUTE
    for number in range(14):
        world.message(f"mid.2{number}", 10 + number, delivered=False)
    world.loops(desk_writer=(KEY_REFUSED, 9 * MINUTE), desk_poller=(KEY_REFUSED, 10 * MINUTE))


def held(world: World) -> None:
    """A message is held, and so is a reply of which nobody can tell whether it arrived."""
    world.a_day()
    world.now = NOW - 50 * MINUTE
    world.message("mid.30", 6, delivered=False)
    item = world.journal.inbox.head(6)
    assert item is not None
    world.journal.inbox.decide(item.id, Outcome.BUG, error="desk.refused", now=world.now)
    world.reply(73, 5, delivered=False)
    reply = world.journal.outbox.head(5)
    assert reply is not None
    world.journal.outbox.mark_sending(reply.id, world.now)
    world.journal.outbox.give_up(
        reply, Outcome.UNKNOWABLE, error="max.undecidable", note=None, now=world.now
    )
    world.loops()


def certificate_ends(world: World) -> None:
    """Everything works, but the certificate of FreeScout was not renewed."""
    world.a_day()
    world.loops()
    world.journal.certificates.write([replace(LAST_DAYS[1], ends_at=NOW + 12.5 * DAY)], NOW)


def host_silent(world: World) -> None:
    """A file server of MAX has not answered for four minutes: texts pass, its pictures wait."""
    world.a_day()
    world.now = NOW - 3 * MINUTE
    world.message("mid.40", 6, delivered=False)
    world.loops()
    silent = HostTrouble("i.oneme.ru", DOWNLOADS, NOW - 4 * MINUTE, "media.timeout")
    world.journal.health.write(world.board.records(), [silent])


def daemon_down(world: World) -> None:
    """The daemon is not running, and a reply waits."""
    world.a_day()
    world.now = NOW - 5 * MINUTE
    world.reply(74, 6, delivered=False)
    world.loops()
    rows = [
        replace(each, beat_at=NOW - 5 * MINUTE, success_at=NOW - 5 * MINUTE)
        for each in world.board.records()
    ]
    world.journal.health.write(rows)
    world.polled_at = NOW - 5 * MINUTE
    world.running = False


SAMPLES: dict[str, Callable[[World], None]] = {
    "Just started": fresh,
    "Healthy": healthy,
    "MAX cannot be reached": max_down,
    "FreeScout refuses the key": desk_down,
    "Items are held": held,
    "A certificate ends soon": certificate_ends,
    "A file server is silent": host_silent,
    "The daemon is not running": daemon_down,
}


@contextmanager
def sample(name: str) -> Iterator[Report]:
    """The report of one state."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Store(Path(folder) / "maxbridge.db")
        try:
            world = World(journal)
            SAMPLES[name](world)
            yield world.report()
        finally:
            journal.close()


_WHOLE = "MAX cannot be reached"
"""The sample that is shown to its last line."""
_WITH_ITEMS = "Items are held"
"""The sample whose last lines name the items."""
_WITH_NAGIOS = "Items are held"
"""The sample that shows the line for monitoring, too."""


@dataclass(frozen=True)
class Words:
    """What the page says in one language: for each sample its title and what is the matter."""

    head: str
    samples: dict[str, tuple[str, str]]
    code: str
    nagios: str


LANGUAGES = {
    "en": Words(
        head="""# What `maxbridge status` shows

[По-русски](status.ru.md)

This page shows eight real states (`make status-doc`); what they share is shown once. A terminal has colours (`NO_COLOR=1` switches them off); `maxbridge status --watch` updates the page every two seconds.
What each loop does is in [start](start.md#state-of-the-service).
""",
        samples={name: (name, str(make.__doc__)) for name, make in SAMPLES.items()},
        code="Exit code",
        nagios="With `--nagios`:",
    ),
    "ru": Words(
        head="""# Что показывает `maxbridge status`

[In English](status.md)

Страница составлена по восьми настоящим состояниям (`make status-doc`); общее для всех показано один раз. В терминале вывод цветной (`NO_COLOR=1` отключает цвета); `maxbridge status --watch` обновляет его каждые две
секунды. Что делает каждый цикл, сказано на странице [об установке](start.ru.md#состояние-службы).
""",
        samples={
            "Just started": (
                "Только что запущена",
                "Служба запущена несколько минут назад; клиент написал, никто ещё не ответил.",
            ),
            "Healthy": ("Всё хорошо", "Всё работает."),
            "MAX cannot be reached": (
                "MAX недоступен",
                "MAX недоступен двадцать минут, ответы ждут.",
            ),
            "FreeScout refuses the key": (
                "FreeScout не принимает ключ",
                "FreeScout не принимает ключ, сообщения ждут.",
            ),
            "Items are held": (
                "Записи, ждущие решения (held)",
                "Задержаны сообщение и ответ: дошёл ли ответ, неизвестно.",
            ),
            "A certificate ends soon": (
                "Истекает сертификат",
                "Всё работает, но сертификат FreeScout не продлён.",
            ),
            "A file server is silent": (
                "Файловый сервер не отвечает",
                "Файловый сервер MAX не отвечает четыре минуты: тексты проходят, картинки с него ждут.",
            ),
            "The daemon is not running": (
                "Служба не запущена",
                "Служба не запущена, ответ ждёт.",
            ),
        },
        code="Код завершения",
        nagios="С `--nagios`:",
    ),
}


def document(language: str) -> Path:
    """Where the page of a language stands."""
    return DOCS / ("status.ru.md" if language == "ru" else "status.md")


def page(language: str) -> str:
    """The page, as it must stand in ``docs/``."""
    words = LANGUAGES[language]
    parts = [words.head]
    for name, (title, matter) in words.samples.items():
        speak(language)
        with sample(name) as report:
            shown = to_text(report)
            code = int(report.level)
        parted = shown.split("\n\n")
        if name == _WITH_ITEMS:
            beginning = say("  held {name} {key}: {error}, {ago}").partition("{")[0]
            items = [line for line in parted[-1].splitlines() if line.startswith(beginning)]
            assert items, f"no {beginning!r} in: {parted[-1]}"
            shown = "\n".join([parted[0], "", *items])
        elif name != _WHOLE:
            # The figures below are as in the others: what tells this state from them stands above.
            shown = parted[0]
        parts.append(f"\n## {title}\n\n{matter} {words.code} {code}.\n\n```text\n{shown}\n```\n")
        if name != _WITH_NAGIOS:
            continue
        speak("en")  # as for every program that reads it
        with sample(name) as report:
            parts.append(f"\n{words.nagios}\n\n```text\n{to_nagios(report)}\n```\n")
    speak("en")
    return "".join(parts).replace(f"maxbridge {__version__}:", "maxbridge 1.0.0:")


if __name__ == "__main__":
    for each in LANGUAGES:
        document(each).write_text(page(each), encoding="utf-8")
