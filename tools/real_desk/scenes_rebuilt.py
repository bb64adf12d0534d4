"""Scenarios of a database that was lost: restore of an older copy, relink, import of the webhook bridge's."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime

from maxbridge.sim.max.store import Person
from real_desk.ledger import Way
from real_desk.play import Play, Scenario, calm

_AWAY_AT_MOST = 300.0
_HOOK = "https://bot.example.org/webhook"


async def _everybody(play: Play, people: list[Person], tickets: list[int], within: float) -> None:
    """Each customer writes once more and is answered."""
    said = [play.say(person, "и снова {}") for person in people]
    await play.landed(*said, within=within)
    replies = [
        await play.reply(ticket, person) for person, ticket in zip(people, tickets, strict=True)
    ]
    await play.arrived(*replies, within=within)


async def restore(play: Play) -> None:
    """A copy of before some traffic is restored: what was delivered since is not delivered again."""
    people = [play.person(f"Копия{n}") for n in range(4)]
    tickets = [await play.opened(person) for person in people]
    await _everybody(play, people, tickets, 90)
    copy = play.bridge.folder / "copy.db"
    await play.bridge.command("backup", "--yes", str(copy))
    await _everybody(play, people, tickets, 90)
    late = play.person("Новый", "После копии")
    tickets.append(await play.opened(late))
    people.append(late)
    unsent = [await play.reply(tickets[0], people[0]), play.say(people[1], "перед сбоем {}")]
    await play.bridge.kill()
    await play.bridge.command("restore", "--yes", str(copy))
    unsent.append(play.say(people[2], "пока стоял {}"))
    unsent.append(await play.reply(tickets[3], people[3]))
    await play.bridge.start()
    await _everybody(play, people, tickets, _AWAY_AT_MOST)
    await play.landed(*(word for word in unsent if word.way is Way.DESK), within=_AWAY_AT_MOST)
    await play.arrived(*(word for word in unsent if word.way is Way.MAX), within=_AWAY_AT_MOST)


async def relink(play: Play) -> None:
    """The database is gone: relink finds every customer again, and sends what never left."""
    people = [play.person(f"Потеря{n}") for n in range(3)]
    tickets = [await play.opened(person) for person in people]
    # After a restore, as the scenario before, every reply waits for a minute and a half.
    await _everybody(play, people, tickets, _AWAY_AT_MOST)
    await calm(play.bridge, play.stage)
    await play.bridge.stop()
    play.bridge.lose_database()
    unsent = [play.say(people[0], "пока базы не было {}"), await play.reply(tickets[1], people[1])]
    await asyncio.sleep(20)  # past its undo window: relink may judge it
    await play.bridge.command("relink", "--yes")
    await play.bridge.start()
    await _everybody(play, people, tickets, _AWAY_AT_MOST)
    await play.landed(unsent[0], within=_AWAY_AT_MOST)
    await play.arrived(unsent[1], within=_AWAY_AT_MOST)


async def import_old(play: Play) -> None:
    """The webhook bridge's customers are taken over: nothing that it carried is carried again."""
    old = _OldBridge(play)
    people = [play.person(f"Вебхук{n}") for n in range(3)]
    play.bridge.max.state.subscribe(_HOOK)
    tickets = [await old.brings(person) for person in people]
    for person, ticket in zip(people, tickets, strict=True):
        await old.brings(person, ticket)
        await old.carries(person, ticket)
    play.bridge.max.state.unsubscribe(_HOOK)
    unsent = await play.reply(tickets[0], people[0], "<div>после остановки старого моста {}</div>")
    said = play.say(people[1], "пока никого не было {}")
    await asyncio.sleep(20)
    await play.bridge.command("import", str(old.path), "--yes")
    await play.bridge.start()
    await _everybody(play, people, tickets, _AWAY_AT_MOST)
    await play.arrived(unsent, within=_AWAY_AT_MOST)
    await play.landed(said, within=_AWAY_AT_MOST)


class _OldBridge:
    """The webhook bridge as it worked: at once, without our markers, everything in mapping.db."""

    def __init__(self, play: Play) -> None:
        self.path = play.bridge.folder / "mapping.db"
        self._play = play
        self._db = sqlite3.connect(self.path)
        self._db.executescript(
            """
            CREATE TABLE max_freescout_mapping (
                id INTEGER PRIMARY KEY AUTOINCREMENT, max_user_id TEXT UNIQUE NOT NULL,
                freescout_conversation_id INTEGER, freescout_customer_id INTEGER,
                last_message_id TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
            CREATE TABLE message_sync (
                id INTEGER PRIMARY KEY AUTOINCREMENT, max_message_id TEXT,
                freescout_thread_id INTEGER, direction TEXT, synced_at TIMESTAMP);
            """
        )

    async def brings(self, person: Person, ticket: int = 0) -> int:
        """A customer writes; the old bridge brings it to the desk. Gives the ticket."""
        word, mid = self._play.say_with_mid(person, "старому мосту {}")
        thread = {"type": "customer", "text": f"старому мосту {word}"}
        desk = self._play.desk
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        if ticket:
            answer = await desk.post(f"/api/conversations/{ticket}/threads", thread)
            number = answer["id"]
            self._db.execute(
                "UPDATE max_freescout_mapping SET last_message_id = ?, updated_at = ? WHERE max_user_id = ?",
                (mid, now, str(person.user_id)),
            )
        else:
            profile = {"type": "other", "value": f"max:{person.user_id}"}
            answer = await desk.post(
                "/api/conversations",
                {
                    "type": "chat",
                    "mailboxId": self._play.stage.settings.mailbox,
                    "subject": "старый мост",
                    "customer": {"firstName": person.first_name, "socialProfiles": [profile]},
                    "threads": [thread],
                },
            )
            ticket, number = answer["id"], answer["_embedded"]["threads"][0]["id"]
            self._db.execute(
                "INSERT INTO max_freescout_mapping (max_user_id, freescout_conversation_id, "
                "freescout_customer_id, last_message_id) VALUES (?, ?, ?, ?)",
                (str(person.user_id), ticket, answer["customer"]["id"], mid),
            )
        self._sync(mid, number, "max_to_freescout")
        self._play.tickets.add(ticket)
        await asyncio.sleep(1.1)
        return ticket

    async def carries(self, person: Person, ticket: int) -> None:
        """An agent answers; the old bridge sends it."""
        word = await self._play.reply(ticket, person, "<div>ответ старым мостом {}</div>")
        state = self._play.bridge.max.state
        content = {"text": f"ответ старым мостом {word}"}
        message = state.add(state.chats[person.chat_id], state.bot, content)
        state.chats[person.chat_id].sent.append(message)
        self._sync(message["body"]["mid"], await self._play.thread(word), "freescout_to_max")
        await asyncio.sleep(1.1)

    def _sync(self, mid: str, thread: int, direction: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self._db.execute(
            "INSERT INTO message_sync (max_message_id, freescout_thread_id, direction, synced_at) "
            "VALUES (?, ?, ?, ?)",
            (mid, thread, direction, now),
        )
        self._db.commit()


SCENARIOS = (
    Scenario("restore", "An older copy loses and doubles nothing", restore),
    Scenario("relink", "Without the database nothing is lost or doubled", relink),
)

IMPORT = Scenario("import", "What the old bridge carried is not carried again", import_old)
"""It has a bot and a database of its own, and starts the daemon itself."""
