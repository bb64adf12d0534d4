"""Customers and agents at random: everything that they can do without making a ticket another's.

Each kind of action is one method and one line in the table of weights.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Awaitable, Callable, Collection, Sequence
from random import Random
from typing import Any, Protocol

from crash.history import History
from file_samples import PDF, PNG

Json = dict[str, Any]

FIRST_USER = 410000100
GROUP = -73000000000042
_UNDO_SAFE = 12.0
"""Seconds in which an undo certainly comes in time; the desk allows 15."""
_FILES_KNOWN = 6 * 3600.0
"""Seconds in which the bridge surely knows which files a message had; later an edit brings them once more."""
WORDS = (
    "Сообщение",
    "Исправлено",
    "Ответ",
    "Да.",
    "Черновик",
    "Между нами",
    "подробно",
    "Пробный",
    "Счёт",
)
"""What people wrote and are called; none of it belongs into a log."""
_AWKWARD = (
    f' - {unicodedata.normalize("NFD", "Йод")}, не\u00adпре\u00adменно\u200b "да"...'
    ' <a href="https://romashka.ru/x/">здесь</a>'
)
"""Words that MAX may show in another way than they were sent."""
_LONG = "подробно " * 430
"""Two of these do not fit into one message."""


_HABITS = {
    "_say": 40,
    "_say_much": 4,
    "_say_with_files": 10,
    "_say_in_group": 8,
    "_edit_message": 6,
    "_delete_message": 3,
    "_stop_or_start": 3,
    "_reply": 30,
    "_reply_alike": 6,
    "_reply_at_length": 4,
    "_reply_with_files": 8,
    "_undo": 10,
    "_publish_draft": 6,
    "_save_draft": 4,
    "_discard_draft": 2,
    "_note": 7,
    "_delete_note": 2,
    "_edit_reply": 5,
    "_set_status": 6,
    "_assign": 3,
    "_move": 2,
}
"""What people do, and how often beside everything else."""


class RefusedError(Exception):
    """The end's own page or app does not let a person do this (any more)."""


class Hands(Protocol):
    """How to act at the two ends, wherever the simulators run."""

    def now(self) -> float:
        """The world's time in seconds."""
        ...

    async def max(self, action: str, *args: Any, **kwargs: Any) -> Any:
        """Do something as a person in MAX; raises RefusedError."""
        ...

    async def desk(self, action: str, *args: Any, **kwargs: Any) -> Any:
        """Do something as an agent; raises RefusedError."""
        ...


class Traffic:
    """Some customers, each with a ticket sooner or later, and the agents of one desk.

    Attributes:
        private: Words that must not be seen outside, as things stand now.
        closed: Tickets that an agent has closed at some time: a deletion is told in an open one only.
    """

    def __init__(
        self,
        hands: Hands,
        chance: Random,
        history: History,
        customers: int,
        *,
        without: Collection[str] = (),
    ) -> None:
        """Prepare.

        Args:
            hands: How to act.
            chance: Decides who does what.
            history: Where it is noted.
            customers: How many.
            without: What nobody does (:meth:`habits`).
        """
        self.private: set[str] = set()
        self.closed: set[int] = set()
        self._hands = hands
        self._chance = chance
        self._history = history
        self._users = [FIRST_USER + number for number in range(customers)]
        self._stopped: set[int] = set()
        self._opened: set[int] = set()
        self._said: list[tuple[str, str]] = []
        self._with_files: dict[str, float] = {}
        self._replies: list[tuple[int, str, float]] = []
        self._long: set[str] = set()
        self._drafts: dict[int, str] = {}
        self._notes: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._tickets: list[Json] = []
        self._actions: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (weight, getattr(self, name)) for name, weight in _HABITS.items() if name not in without
        ]

    @staticmethod
    def habits() -> tuple[str, ...]:
        """What people may leave be; that they write and are answered stays."""
        return tuple(name for name in _HABITS if name not in ("_say", "_reply"))

    async def begin(self) -> None:
        """Let the people come into being."""
        for number, user in enumerate(self._users):
            await self._hands.max("person", user, f"Клиент {number}", "Пробный")
        await self._hands.max("group", GROUP, "Пробный чат", self._users[0])

    async def act(self) -> None:
        """Something happens."""
        weights, actions = zip(*self._actions, strict=True)
        (action,) = self._chance.choices(actions, weights)
        try:
            await action()
        except RefusedError as refusal:
            self._history.write("refused", action=action.__name__, why=str(refusal))

    async def come_back(self) -> None:
        """Everybody who stopped the bot starts it again, so that all can be delivered."""
        for user in sorted(self._stopped):
            await self._start(user)

    # --- customers -----------------------------------------------------------------------------

    async def _say(self) -> None:
        user = self._chance.choice(self._users)
        if user in self._stopped or (user not in self._opened and self._chance.random() < 0.5):
            await self._start(user)
        self._opened.add(user)
        token = self._token("C")
        link = None
        if self._said and self._chance.random() < 0.1:
            link = {"type": "reply", "mid": self._chance.choice(self._said)[0]}
        mid = await self._hands.max("say", user, f"Сообщение {token}", link=link)
        self._said.append((mid, token))
        self._history.write("say", user=user, token=token, mid=mid)

    async def _say_much(self) -> None:
        """Somebody forwards many messages at once."""
        user = self._chance.choice(self._users)
        if user not in self._opened or user in self._stopped:
            return
        for _ in range(self._chance.randint(3, 8)):
            token = self._token("C")
            mid = await self._hands.max("say", user, f"Сообщение {token}")
            self._said.append((mid, token))
            self._history.write("say", user=user, token=token, mid=mid)

    async def _say_with_files(self) -> None:
        """A picture, a document or an album, with words or without, to the bot or in the group."""
        user = self._chance.choice(self._users)
        if user not in self._opened or user in self._stopped:
            return
        token = self._token("C")
        attachments = [
            await self._hands.max("attach", kind, base64.b64encode(content).decode(), name)
            for kind, name, content in self._files(token)
        ]
        words = f"Сообщение {token}" if self._chance.random() < 0.6 else None
        where = GROUP if self._chance.random() < 0.2 else None
        mid = await self._hands.max("say", user, words, attachments, chat_id=where)
        self._said.append((mid, token))
        self._with_files[mid] = self._hands.now()
        self._history.write("say", user=user, token=token, mid=mid, files=len(attachments))

    def _files(self, token: str) -> list[tuple[str, str, bytes]]:
        """What a person chose to send: kind for MAX, name, content; one file, or an album of up to five."""
        many = self._chance.choice((1, 1, 1, 2, 3, 5))
        kinds = [self._chance.choice(("image", "image", "file")) for _ in range(many)]
        return [
            (kind, f"Счёт-{token}f{number}.{ending}", sample + f"\n{token}f{number}\n".encode())
            for number, kind in enumerate(kinds, 1)
            for ending, sample in [("png", PNG) if kind == "image" else ("pdf", PDF)]
        ]

    async def _say_in_group(self) -> None:
        user = self._chance.choice(self._users)
        token = self._token("G")
        mid = await self._hands.max("say", user, f"Сообщение {token}", chat_id=GROUP)
        self._said.append((mid, token))
        self._history.write("say in the group", user=user, token=token, mid=mid)

    async def _edit_message(self) -> None:
        if not self._said:
            return
        mid, token = self._chance.choice(self._said[-10:])
        if self._hands.now() - self._with_files.get(mid, self._hands.now()) > _FILES_KNOWN:
            return
        edited = f"{token}e{self._count(token)}"
        await self._hands.max("edit", mid, f"Исправлено {edited}")
        self._history.write("edit", token=edited, mid=mid)

    async def _delete_message(self) -> None:
        """Somebody takes a message back; what agents have of it stays, with a line that says so."""
        if not self._said:
            return
        mid, token = self._chance.choice(self._said[-10:])
        await self._hands.max("remove", mid)
        self._said.remove((mid, token))
        self._history.write("delete", token=token, mid=mid)

    async def _stop_or_start(self) -> None:
        user = self._chance.choice(self._users)
        if user in self._stopped:
            await self._start(user)
        elif user in self._opened:
            await self._hands.max("stop", user)
            self._stopped.add(user)
            self._history.write("stop", user=user)

    async def _start(self, user: int) -> None:
        self._stopped.discard(user)
        self._opened.add(user)
        began = await self._hands.max("start", user)
        self._history.write("start", user=user, began=began)

    # --- agents --------------------------------------------------------------------------------

    async def _reply(self) -> None:
        token = self._token("R")
        status = self._chance.choice(["pending", "pending", "closed", "active"])
        words = self._chance.choice(("", _AWKWARD))
        await self._send(f"<div>Ответ {token}{words}</div>", token, status)

    async def _reply_alike(self) -> None:
        """The same words again: the hardest case for a look-up at MAX."""
        await self._send("<div>Да.</div>", "", "pending")

    async def _reply_at_length(self) -> None:
        token = self._token("R")
        self._long.add(token)
        paragraphs = "".join(f"<div>{token}p{part} {_LONG}</div>" for part in (1, 2, 3))
        await self._send(paragraphs, token, "pending")

    async def _reply_with_files(self) -> None:
        token = self._token("R")
        files = [
            (name, "image/png" if kind == "image" else "application/pdf", content)
            for kind, name, content in self._files(token)
        ]
        self._long.add(token)  # an edit would have to be told of its files as well
        await self._send(f"<div>Ответ {token}</div>", token, "pending", files)

    async def _send(
        self, html: str, token: str, status: str, files: Sequence[tuple[str, str, bytes]] = ()
    ) -> None:
        ticket = await self._ticket()
        if ticket is None:
            return
        if status == "closed":
            self.closed.add(ticket["id"])
        attachments = [(*each, base64.b64encode(data).decode()) for *each, data in files]
        thread = await self._hands.desk(
            "reply", ticket["id"], html, status=status, attachments=attachments
        )
        if token:
            self._replies.append((thread, token, self._hands.now()))
        self._history.write("reply", ticket=ticket["id"], thread=thread, token=token or html)

    async def _undo(self) -> None:
        young = [
            (thread, token)
            for thread, token, at in self._replies
            if self._hands.now() - at < _UNDO_SAFE and thread not in self._drafts
        ]
        if not young:
            return
        thread, token = self._chance.choice(young)
        await self._hands.desk("undo", thread)
        self._replies = [each for each in self._replies if each[0] != thread]
        self._drafts[thread] = token
        parts = (f"{token}{kind}{number}" for kind in "pf" for number in range(1, 6))
        self.private |= {token, *parts}
        self._history.write("undo", thread=thread, token=token)

    async def _save_draft(self) -> None:
        ticket = await self._ticket()
        if ticket is None:
            return
        token = self._token("D")
        thread = await self._hands.desk("save_draft", ticket["id"], f"<div>Черновик {token}</div>")
        self._drafts[thread] = token
        self.private.add(token)
        self._history.write("draft", ticket=ticket["id"], thread=thread, token=token)

    async def _publish_draft(self) -> None:
        """A draft is sent with new words; the old ones stay private."""
        if not self._drafts:
            return
        thread = self._chance.choice(sorted(self._drafts))
        token = self._token("R")
        await self._hands.desk("resend", thread, f"<div>Ответ {token}</div>")
        del self._drafts[thread]
        self._replies.append((thread, token, self._hands.now()))
        self._history.write("publish", thread=thread, token=token)

    async def _discard_draft(self) -> None:
        if self._drafts:
            thread = self._chance.choice(sorted(self._drafts))
            await self._hands.desk("discard_draft", thread)
            del self._drafts[thread]
            self._history.write("discard", thread=thread)

    async def _note(self) -> None:
        ticket = await self._ticket()
        if ticket is None:
            return
        token = self._token("N")
        self.private.add(token)
        thread = await self._hands.desk("note", ticket["id"], f"<div>Между нами: {token}</div>")
        self._notes[thread] = token
        self._history.write("note", ticket=ticket["id"], thread=thread, token=token)

    async def _delete_note(self) -> None:
        if self._notes:
            thread = self._chance.choice(sorted(self._notes))
            await self._hands.desk("delete_note", thread)
            del self._notes[thread]
            self._history.write("delete note", thread=thread)

    async def _edit_reply(self) -> None:
        """Before or after it left, nobody knows; its word stays, and the number of the edit comes to it."""
        if not self._replies:
            return
        thread, token, _ = self._chance.choice(self._replies[-5:])
        if token in self._long:
            return
        words = f"Ответ {token}, исправленный {self._count('edit')}"
        await self._hands.desk("edit_thread", thread, f"<div>{words}</div>")
        self._history.write("edit reply", thread=thread, token=token)

    async def _set_status(self) -> None:
        ticket = await self._ticket()
        if ticket is not None:
            status = self._chance.choice(["closed", "closed", "active", "pending", "spam"])
            if status == "closed":
                self.closed.add(ticket["id"])
            await self._hands.desk("set_status", ticket["id"], status)
            self._history.write("status", ticket=ticket["id"], status=status)

    async def _assign(self) -> None:
        ticket = await self._ticket()
        if ticket is not None:
            await self._hands.desk("assign", ticket["id"], self._chance.choice([1, 2, None]))

    async def _move(self) -> None:
        ticket = await self._ticket()
        if ticket is not None:
            mailbox = self._chance.choice([1, 2])
            await self._hands.desk("move", ticket["id"], mailbox)
            self._history.write("move", ticket=ticket["id"], mailbox=mailbox)

    # --- bookkeeping ---------------------------------------------------------------------------

    async def _ticket(self) -> Json | None:
        """A ticket of some customer; None as long as there is none."""
        if len(self._tickets) <= len(self._users):  # the group has one, too
            self._tickets = await self._hands.desk("tickets")
        return self._chance.choice(self._tickets) if self._tickets else None

    def _token(self, letter: str) -> str:
        return f"{letter}{self._count(letter)}"

    def _count(self, what: str) -> int:
        self._counts[what] = self._counts.get(what, 0) + 1
        return self._counts[what]
