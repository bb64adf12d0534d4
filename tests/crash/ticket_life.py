"""The life of tickets as a state machine: any order of what people, faults and crashes can do.

The real daemon runs on virtual time between both simulators. After every step nothing may be there
twice, out of order, at the wrong person, or outside that is private; and whenever all comes to rest,
nothing may be missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge import OTHER, USER, Bridge
from crash.dumps import tokens_in
from crash.light import POLL
from crash.ticket_events import events, pauses, users
from crash.ticket_model import Model, Reply, tokens_of
from crash.weather import Rule
from maxbridge import failpoints
from maxbridge.daemon import POLL_PAUSE
from maxbridge.sim.desk.agent import DeskRefusedError
from maxbridge.sim.faults import Fault
from virtual_time import VirtualLoop

T = TypeVar("T")
DAY = 86400.0


class KilledError(BaseException):
    """The process would be gone here."""


class TicketLife(RuleBasedStateMachine):
    """Two customers at MAX, people who write mail, and the agents."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=VirtualLoop)
        self._folder = tempfile.TemporaryDirectory()
        self._model = Model({USER: [], OTHER: []})
        self._counts: dict[str, int] = {}
        self._sound = True
        """No promise has been broken yet."""
        self._dying = False
        """It was killed, perhaps not all of it has noticed."""
        self._bridge = self.run(self._begin())
        self._state = self._bridge.desk.state

    async def _begin(self) -> Bridge:
        bridge = Bridge(Path(self._folder.name), poll_interval=10.0)
        bridge.poll_timeout = 2.0 * POLL
        bridge.max.state.person(OTHER, "Олег", "Пробный")
        bridge.start()
        await asyncio.sleep(1.0)
        return bridge

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Let the world go on until something is done."""
        return self._runner.run(coroutine)

    def teardown(self) -> None:
        try:
            if self._sound:
                self.rest()
        finally:
            failpoints.arm(None)
            self.run(self._bridge.kill())
            self._runner.close()
            self._folder.cleanup()

    # --- what happens ------------------------------------------------------------------------------

    @initialize(user=users)
    def begin(self, user: int) -> None:
        self.say(user)
        self.run(asyncio.sleep(1.0))

    @rule(event=events, pause=pauses)
    def happens(self, event: tuple[Any, ...], pause: float) -> None:
        # What stands in the tickets now is noted before anybody moves or deletes it.
        self._model.observe(self._bridge)
        name, *arguments = event
        getattr(self, name)(*arguments)
        self.run(asyncio.sleep(pause))

    @invariant()
    def every_promise_is_kept(self) -> None:
        self._sound = False
        if self._is_dead():
            # Only where it was killed; it starts again, as under systemd.
            self.run(self._revive())
        self._model.check(self._bridge)
        self._sound = True

    # --- customers ---------------------------------------------------------------------------------

    def say(self, user: int) -> None:
        self._come_back(user)
        token = self._token("C")
        self._bridge.say(f"Сообщение {token}", user)
        self._model.told[user].append(token)

    def say_much(self, user: int, count: int) -> None:
        for _ in range(count):
            self.say(user)

    def edit_message(self, user: int, which: int) -> None:
        seen = self._bridge.max.state.visible(self._bridge.chat(user))
        message = _some([each for each in seen if each["sender"]["user_id"] == user], which)
        if message is not None:
            token = self._token("C")
            before = message["body"].get("text", "")
            if before.startswith("Иначе"):
                self._model.folded |= set(tokens_in(before))
            self._bridge.max.state.edit(message["body"]["mid"], f"Иначе {token}")
            self._model.told[user].append(token)

    def stop_the_bot(self, user: int) -> None:
        chat = self._bridge.max.state.chats[self._bridge.chat(user)]
        if chat.opened and not chat.suspended:
            self._bridge.max.state.stop(user)

    def _come_back(self, user: int) -> None:
        if self._bridge.max.state.chats[self._bridge.chat(user)].suspended:
            self._bridge.max.state.start(user)

    # --- agents ------------------------------------------------------------------------------------

    def reply(self, which: int, status: str) -> None:
        def act(ticket: int) -> None:
            token = self._token("R")
            thread = self._state.reply(ticket, f"<div>Ответ {token}</div>", status=status)
            self._published(thread, token)

        self._with_ticket(which, act)

    def reply_and_undo(self, which: int, seconds: float, after: float) -> None:
        """A reply that is taken back, perhaps soon after another one: that one's reading sees it, too."""
        if after:
            self.reply(which, "pending")
            self.run(asyncio.sleep(after))
        self.reply(which, "pending")
        self.run(asyncio.sleep(seconds))
        self.undo(0)

    def undo(self, which: int) -> None:
        thread = _some(self._present(self._model.replies), which, newest=True)
        if thread is None:
            return
        with contextlib.suppress(DeskRefusedError):
            self._state.undo(thread)
            undone = self._model.replies.pop(thread)
            self._model.private.add(undone.token)
            self._model.drafts[thread] = undone.token

    def publish_draft(self, which: int) -> None:
        thread = _some(self._present(self._model.drafts), which)
        if thread is not None:
            token = self._token("R")
            self._state.resend(thread, f"<div>Ответ {token}</div>")
            del self._model.drafts[thread]
            self._published(thread, token)

    def write_note(self, which: int) -> None:
        token = self._private("N")
        self._with_ticket(which, lambda ticket: self._state.note(ticket, f"<div>{token}</div>"))

    def save_draft(self, which: int) -> None:
        token = self._private("D")

        def act(ticket: int) -> None:
            self._model.drafts[self._state.save_draft(ticket, f"<div>{token}</div>")] = token

        self._with_ticket(which, act)

    def edit_reply(self, which: int) -> None:
        thread = _some(self._present(self._model.replies), which, newest=True)
        if thread is not None:
            token = self._model.replies[thread].token
            self._state.edit_thread(thread, f"<div>Ответ {token}, исправлен</div>")

    def set_status(self, which: int, status: str) -> None:
        def act(ticket: int) -> None:
            if self._state.conversations[ticket].status != status:  # else the page refuses it
                self._state.set_status(ticket, status)

        self._with_ticket(which, act)

    def move(self, which: int) -> None:
        def act(ticket: int) -> None:
            self._state.move(ticket, 3 - self._state.conversations[ticket].mailbox_id)

        self._with_ticket(which, act)

    def delete(self, which: int) -> None:
        self._with_ticket(which, self._state.delete)

    def restore(self, which: int) -> None:
        deleted = [row.id for row in self._state.conversations.values() if row.state == "deleted"]
        # What was merged away stays away: nothing is left in it.
        ticket = _some([each for each in deleted if self._state.last_words(each)], which)
        if ticket is not None:
            self._state.restore(ticket)

    def delete_for_ever(self, which: int) -> None:
        def act(ticket: int) -> None:
            self._model.shaken.add(ticket)
            for thread in self._state.threads_of(ticket):
                self._model.erased.update(tokens_of(thread))
            self._state.delete_forever(ticket)

        self._with_ticket(which, act)

    def merge(self, which: int, other: int) -> None:
        source, target = self._ticket(which), self._ticket(other)
        if source is None or target is None or source == target:
            return
        self._model.shaken |= {source, target}
        owner, rows = self._model.owners.get(source), self._state.conversations
        if owner is not None and rows[source].customer_id == rows[target].customer_id:
            self._model.owners.setdefault(target, owner)
        self._state.merge(target, source)

    def change_customer(self, which: int, other: int) -> None:
        ticket, customer = self._ticket(which), _some(sorted(self._state.customers), other)
        if ticket is not None and customer is not None:
            self._model.shaken.add(ticket)
            self._model.shared.add(customer)
            self._state.change_customer(ticket, customer)

    def begin_by_mail(self, which: int, stranger: bool) -> None:
        """A ticket that the bridge does not know, of one of its customers or of somebody else."""
        customer = _some(sorted(self._state.customers), which)
        if stranger or customer is None:
            customer = self._state.add_customer(first_name="Пётр").id
        token = self._token("M")
        ticket = self._state.new_conversation(f"<div>Письмо {token}</div>", customer_id=customer)
        self._model.shaken.add(ticket)
        (thread,) = self._state.threads_of(ticket)
        self._published(thread.id, token)

    def clone(self, which: int) -> None:
        def act(ticket: int) -> None:
            if not any(each.type == "customer" for each in self._state.threads_of(ticket)):
                return  # a clone is made of a customer's words
            copy = self._state.clone(ticket)
            self._model.copies.update(each.id for each in self._state.threads_of(copy))
            of = self._model.clones.get(ticket)  # perhaps it is a clone itself
            self._model.clones[copy] = self._model.owners.get(ticket, of)
            self._model.shaken.add(copy)

        self._with_ticket(which, act)

    # --- troubles ----------------------------------------------------------------------------------

    def spoil(self, fault: Rule, times: int) -> None:
        data = {**fault, "times": times}
        line = self._bridge.max_line if data.pop("end") == "max" else self._bridge.desk_line
        line.add(Fault.parse(data))

    def restart(self, politely: bool) -> None:
        self.run(self._restart(politely=politely))

    def die_at(self, point: str, times: int) -> None:
        """Die when that point is reached for so many times."""
        left = times

        def hook(reached: str) -> None:
            nonlocal left
            left -= reached == point
            if left == 0:
                failpoints.arm(None)
                self._dying = True
                raise KilledError(point)

        failpoints.arm(hook)

    def rest(self) -> None:
        """Good weather, everybody there; then nothing may be missing."""
        failpoints.arm(None)
        self._bridge.max_line.clear()
        self._bridge.desk_line.clear()
        self.every_promise_is_kept()
        for user in (USER, OTHER):
            self._come_back(user)
        self.run(self._until_quiet())
        self._model.check_at_rest(self._bridge)

    def holidays(self) -> None:
        """Nothing for so long that a closed ticket takes no messages any more."""
        self.rest()
        self.run(self._restart(politely=True, away=15 * DAY))

    # --- helpers -----------------------------------------------------------------------------------

    def _published(self, thread: int, token: str) -> None:
        row = self._state.threads[thread]
        owner = self._model.owners.get(row.conversation_id)
        order = (row.created_at, thread)
        self._model.replies[thread] = Reply(token, owner, row.conversation_id, order)

    def _present(self, threads: dict[int, Any]) -> list[int]:
        return [each for each in threads if each in self._state.threads]

    def _ticket(self, which: int) -> int | None:
        """Some ticket that agents see; 0 is the newest."""
        shown = [row.id for row in self._state.conversations.values() if row.state == "published"]
        return _some(shown, which, newest=True)

    def _with_ticket(self, which: int, act: Callable[[int], Any]) -> None:
        ticket = self._ticket(which)
        if ticket is not None:
            act(ticket)

    def _private(self, letter: str) -> str:
        token = self._token(letter)
        self._model.private.add(token)
        return token

    def _token(self, letter: str) -> str:
        self._counts[letter] = self._counts.get(letter, 0) + 1
        return f"{letter}{self._counts[letter]}"

    def _is_dead(self) -> bool:
        task = self._bridge._task
        return self._dying or (task is not None and task.done())

    async def _until_quiet(self) -> None:
        await asyncio.sleep(POLL_PAUSE)  # of a poller that was in trouble
        await self._bridge.quiet(7200.0)

    async def _revive(self) -> None:
        error = await self._bridge.failed()
        self._dying = False
        if not isinstance(error, KilledError):
            raise error
        self._bridge.start()
        await asyncio.sleep(0.5)

    async def _restart(self, *, politely: bool, away: float = 0.0) -> None:
        failpoints.arm(None)
        if self._is_dead():
            await self._revive()
        await (self._bridge.stop() if politely else self._bridge.kill())
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.jump(away)
        self._bridge.start()
        await asyncio.sleep(0.5)


def _some(items: list[T], which: int, *, newest: bool = False) -> T | None:
    """One of a list by any number, None when there is none."""
    if not items:
        return None
    return items[-1 - which % len(items)] if newest else items[which % len(items)]
