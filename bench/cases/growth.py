"""Case: a store that has grown. What costs more with a million messages than with a thousand?"""

from __future__ import annotations

import functools
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import generator
from bench.cases import Case, Scale, Variant
from bench.cases.delivery import PATIENCE
from bench.cases.startup import run
from bench.contenders import running
from bench.contenders.bridge import MAXBRIDGE as COMMAND
from bench.contenders.names import MAXBRIDGE
from bench.ends import ends
from bench.machine import usage
from bench.results import Sample
from maxbridge.core.parts import Part
from maxbridge.store.inbox import FollowUps, NewUpdate
from maxbridge.store.records import PostResult
from maxbridge.store.store import Store
from maxbridge.store.tidying import Retention

_OPERATIONS = 300
_DELIVERED = 300
_NEW_THREADS = 400_000_000


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Generated stores are kept for all rounds, and gone at the end."""
    return tempfile.TemporaryDirectory(prefix="bench-growth-")


@functools.cache
def _generated(messages: int, people: int) -> Path:
    path = Path(_folder().name) / f"{messages}.db"
    generator.history(path, messages=messages, people=people)
    return path


def _variants(scale: Scale) -> Iterator[Variant]:
    sizes = [(1000, 100), (10_000, 1000), (100_000, 10_000), (1_000_000, 100_000)]
    for messages, people in sizes[: scale.pick(4, 2)]:

        def measure(contender: str, messages: int = messages, people: int = people) -> Sample:
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                path = Path(folder) / "maxbridge.db"
                shutil.copy(_generated(messages, people), path)
                sample = {
                    "file_mib": path.stat().st_size / 1024**2,
                    "bytes_message": path.stat().st_size / messages,
                    "status_s": run([COMMAND, "status"], 3, path)["wall_s"],
                }
                sample |= _daemon(contender, path)
                sample |= _store(path, people)
                return sample | _tidying(path)

        yield Variant(f"{messages} messages, {people} dialogs", (MAXBRIDGE,), measure)


def _daemon(contender: str, path: Path) -> Sample:
    """The whole program on this store, with new people: cost of a message, start, memory."""
    with ends(unpaced=True) as both:
        clock, began = both.call("clock"), time.perf_counter()
        total = both.call("say", 1, 1)
        with running(contender, both, path.parent, unpaced=True) as process:
            clock += time.perf_counter() - began
            first = both.arrived(total, patience=PATIENCE)
            before = usage(process.pid)
            total = both.call("say", _DELIVERED, _DELIVERED)
            said = both.call("clock")
            last = both.arrived(total, patience=PATIENCE)
            after = usage(process.pid)
        return {
            "first_s": first - clock,
            "rate": _DELIVERED / (last - said),
            "cpu_ms": (after.cpu - before.cpu) * 1000 / _DELIVERED,
            "peak_mib": after.peak,
        }


def _store(path: Path, people: int) -> Sample:
    """What the store itself costs for one message each way, as the loops call it."""
    store = Store(path)
    now = time.time()
    began, cpu_began = time.perf_counter(), time.process_time()
    for each in range(_OPERATIONS):
        _to_the_desk(store, each, each * 7919 % people, now)
    middle, cpu_middle = time.perf_counter(), time.process_time()
    for each in range(_OPERATIONS):
        _to_max(store, each, each * 7919 % (people - people // 100), now)
    ended, cpu_ended = time.perf_counter(), time.process_time()
    store.close()
    return {
        "in_ms": (middle - began) * 1000 / _OPERATIONS,
        "in_cpu_ms": (cpu_middle - cpu_began) * 1000 / _OPERATIONS,
        "out_cpu_ms": (cpu_ended - cpu_middle) * 1000 / _OPERATIONS,
        "out_ms": (ended - middle) * 1000 / _OPERATIONS,
    }


def _to_the_desk(store: Store, number: int, person: int, now: float) -> None:
    chat, ticket = generator.FIRST_CHAT + person, generator.FIRST_TICKET + person
    update = NewUpdate(
        f"message_created:bench{number}",
        "message_created",
        generator.payload(person, number, now),
        chat,
        generator.FIRST_USER + person,
    )
    marker = generator.FIRST_MARKER + 1 + number
    store.backfill.store_page([update], marker, now, clears=None, newest=int(now * 1000))
    assert store.inbox.due_chats(now, 4, ()) == [chat]
    item = store.inbox.head(chat)
    assert item is not None
    store.dialogs.ensure(chat, generator.FIRST_USER + person, now)
    store.inbox.previous(item)
    store.outbox.ticket_of_inflight_reply(chat, now)
    store.inbox.mark_sending(item.id, now, target_id=ticket, desk_at=now, covering=0, carrying=0)
    landed = PostResult(ticket, _NEW_THREADS + number, ticket, now, opened=False)
    store.events.landed(item, landed, FollowUps(), now)
    assert store.inbox.head(chat) is None
    assert store.inbox.next_due() is None


def _to_max(store: Store, number: int, person: int, now: float) -> None:
    chat, ticket = generator.FIRST_CHAT + person, generator.FIRST_TICKET + person
    with store.db.transaction():
        store.outbox.add(
            f"thread:{_NEW_THREADS + number}:0",
            chat,
            [Part(generator.WORDS, html=True)],
            now=now,
            conversation_id=ticket,
            thread_id=_NEW_THREADS + number,
            excerpt="Добрый",
        )
    due = store.outbox.due_chats(now, 8, ())
    if due != [chat]:
        return  # of a customer who stopped the bot: it waits
    item = store.outbox.head(chat)
    assert item is not None
    store.dialogs.get(chat)
    store.outbox.mark_sending(item.id, now)
    store.outbox.part_done(item, 0, f"mid.bench{number}", now)
    assert store.outbox.head(chat) is None
    store.outbox.next_due()


def _tidying(path: Path) -> Sample:
    """The hourly tidying of a store that was tidied an hour ago."""
    store = Store(path)
    now = time.time()
    store.tidying.run(now, Retention())
    store.tidying.run(now, Retention())
    began = time.perf_counter()
    store.tidying.run(now + 3600, Retention())
    took = time.perf_counter() - began
    store.close()
    return {"tidy_s": took}


CASE = Case(
    "growth",
    "A generator makes databases as a month of work would leave them (texts of seven days, ids of "
    "thirty); then the real program works on them: the whole daemon with new customers, unpaced; and the "
    "database alone, one message each way with all its queries.",
    _variants,
)
