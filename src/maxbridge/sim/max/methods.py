"""The methods of the MAX Bot API, one function for each."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from maxbridge.sim.max.call import Call
from maxbridge.sim.max.check import Checker, Draft
from maxbridge.sim.max.errors import (
    ApiError,
    bad,
    denied,
    not_allowed,
    not_found,
    too_many,
)
from maxbridge.sim.max.events import keyboards
from maxbridge.sim.max.habits import Habits
from maxbridge.sim.max.media import KINDS
from maxbridge.sim.max.pace import Pace
from maxbridge.sim.max.state import MaxState
from maxbridge.sim.max.store import Chat, Json, mid_of
from maxbridge.sim.wire import Request

BATCH = 100  # limits of 11.05.2026, contract max.md 1
POLL_SECONDS = 30
POLLS_A_SECOND = 2
SENDS_A_SECOND = 2  # per chat, contract max.md 5.1
EDIT_MS = 7 * 86_400_000  # contract max.md 5.2
ACTIONS = frozenset(
    {
        "typing_on",
        "sending_photo",
        "sending_video",
        "sending_audio",
        "sending_file",
        "mark_seen",  # not documented any more, but all clients have it (contract max.md 5.2)
    }
)
SUCCESS = {"success": True}

Method = Callable[[Call], Awaitable[Any]]


class Route(NamedTuple):
    """Which function answers a request."""

    verb: str
    path: re.Pattern[str]
    method: Method


class Methods:
    """Does what the bot asks for.

    Attributes:
        check: Judges the messages that the bot wants to post.
        habits: What becomes of them.
        actions: What was shown as the bot's doing, as (chat id, action).
        answers: The bodies of answers to pressed buttons.
    """

    def __init__(self, state: MaxState) -> None:
        self.check = Checker(state)
        self.habits = Habits()
        self.actions: list[tuple[int, str]] = []
        self.answers: list[Json] = []
        self.commands: list[Json] = [{"name": "start", "description": "Начать"}]
        self._state = state
        self._polls = Pace(state.now, POLLS_A_SECOND)
        self._sends = Pace(state.now, SENDS_A_SECOND)
        self._routes = [
            Route(verb, re.compile(path), method)
            for verb, path, method in (
                ("GET", "/me", self.get_me),
                ("PATCH", "/me/commands", self.set_commands),
                ("GET", "/updates", self.get_updates),
                ("GET", "/subscriptions", self.get_subscriptions),
                ("POST", "/subscriptions", self.subscribe),
                ("DELETE", "/subscriptions", self.unsubscribe),
                ("POST", "/messages", self.send),
                ("GET", "/messages", self.get_messages),
                ("PUT", "/messages", self.edit),
                ("DELETE", "/messages", self.delete),
                ("GET", r"/messages/([\w.\-]+)", self.get_message),
                ("GET", r"/videos/([\w.\-]+)", self.get_video),
                ("POST", "/uploads", self.open_upload),
                ("POST", "/answers", self.answer),
                ("GET", r"/chats/(-?\d+)", self.get_chat),
                ("POST", r"/chats/(-?\d+)/actions", self.act),
            )
        ]

    def lift_limits(self) -> None:
        """Count no polls and no sends any more."""
        self._polls.rate = self._sends.rate = sys.maxsize

    async def call(self, request: Request) -> Any:
        """Find the method and run it; raises ApiError for every refusal."""
        known = False
        for route in self._routes:
            match = route.path.fullmatch(request.path)
            if match is None:
                continue
            known = True
            if route.verb == request.method:
                return await route.method(Call(match.groups(), request.query, request.body))
        raise not_allowed() if known else not_found("Path")

    # --- the bot and its events ---

    async def get_me(self, _: Call) -> Json:
        """Answer ``GET /me``."""
        bot = self._state.bot.user(photo=True)
        return {**bot, "description": "Чат поддержки", "commands": self.commands}

    async def set_commands(self, call: Call) -> Json:
        """Answer ``PATCH /me/commands``: at most 32, names of 1 to 64 letters, words of 1 to 128."""
        body = call.json()
        given = body.get("commands") if isinstance(body, dict) else None
        if not isinstance(given, list) or len(given) > 32:
            raise bad("commands: size must be between 0 and 32")
        for each in given:
            for name, most in (("name", 64), ("description", 128)):
                text = each.get(name) if isinstance(each, dict) else None
                if not isinstance(text, str) or not 1 <= len(text) <= most:
                    raise bad(f"commands.{name}: size must be between 1 and {most}")
        self.commands = given
        return {"commands": given}

    async def get_updates(self, call: Call) -> Json:
        """Answer ``GET /updates``, a long poll (contract max.md 1).

        The published schema still allows ``limit`` to 1000 and ``timeout`` to 90; what is above the
        limits of May 2026 is cut to them.
        """
        if not self._polls.admit():
            raise too_many()
        limit = min(call.bounded("limit", BATCH, 1, 1000), BATCH)
        seconds = min(call.bounded("timeout", POLL_SECONDS, 0, 90), POLL_SECONDS)
        marker = call.integer("marker")
        types = [name for name in call.query.get("types", "").split(",") if name] or None
        queue = self._state.queue
        if marker is not None:
            queue.acknowledge(marker)
        start = queue.start(marker)
        if self._state.webhooks:
            # What polling answers beside a webhook is not documented, only that nothing comes.
            await asyncio.sleep(seconds)
            return {"updates": [], "marker": start}
        page = await queue.wait(start, limit, types, seconds)
        return {"updates": page.events, "marker": page.marker}

    async def get_subscriptions(self, _: Call) -> Json:
        """Answer ``GET /subscriptions``."""
        return {"subscriptions": self._state.webhooks}

    async def subscribe(self, call: Call) -> Json:
        """Answer ``POST /subscriptions``."""
        body = call.json()
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str) or not url.startswith("https://"):
            raise bad("url: must start with https://")
        self._state.subscribe(url, body.get("update_types"))
        return SUCCESS

    async def unsubscribe(self, call: Call) -> Json:
        """Answer ``DELETE /subscriptions``: polling works again (contract max.md 1)."""
        if not self._state.unsubscribe(call.text("url")):
            return {"success": False, "message": "subscription not found"}
        return SUCCESS

    # --- messages ---

    async def send(self, call: Call) -> Json:
        """Answer ``POST /messages`` (contract max.md 5.1)."""
        chat = self._target(call)
        call.flag("disable_link_preview")
        self._admit(chat)
        draft = self.check.read_new(call.json())
        content = self.habits.stored(draft.content())
        message = self._state.add(chat, self._state.bot, content, draft.link)
        chat.sent.append(message)
        self._state.changed("bot_sent", chat.chat_id, mid_of(message))
        return {"message": message}

    async def get_messages(self, call: Call) -> Json:
        """Answer ``GET /messages``: newest first, ``from`` is the upper end (contract max.md 6)."""
        if ("chat_id" in call.query) == ("message_ids" in call.query):
            raise bad("Exactly one of chat_id and message_ids expected")
        count = call.bounded("count", 50, 1, 100)
        upper, lower = call.integer("from"), call.integer("to")
        if upper is not None and lower is not None and upper < lower:
            raise bad("from: must not be less than to")
        if "message_ids" in call.query:
            return {"messages": self._by_ids(call.text("message_ids").split(","))[:count]}
        chat = self._state.chat(call.integer("chat_id") or 0)
        self._state.check_access(chat)
        found = [one for one in reversed(chat.history) if _between(one, upper, lower)]
        now_ms, own = self._state.now_ms(), self._state.is_own
        return {"messages": self.habits.shown(found, now_ms=now_ms, own=own)[:count]}

    async def get_message(self, call: Call) -> Json:
        """Answer ``GET /messages/{mid}``; without access it is as if there were none."""
        chat, message = self._state.find(call.args[0])
        if chat.suspended or chat.removed:
            raise not_found()
        return self._state.media.renewed(message)

    async def edit(self, call: Call) -> Json:
        """Answer ``PUT /messages`` (contract max.md 5.2)."""
        chat, message = self._state.find(call.text("message_id"))
        self._state.check_access(chat)
        if not self._may_edit(chat, message):
            return {"success": False, "message": "message can't be edited"}
        self._apply(self.check.read(call.json()), message)
        self._state.changed("bot_edited", chat.chat_id, mid_of(message))
        return SUCCESS

    async def delete(self, call: Call) -> Json:
        """Answer ``DELETE /messages``; the bot may delete its own (contract max.md 5.2)."""
        mid = call.text("message_id")
        chat, message = self._state.find(mid)
        self._state.check_access(chat)
        if not self._state.is_own(message):
            raise denied()
        self._state.discard(mid)
        self._state.changed("bot_deleted", chat.chat_id, mid)
        return SUCCESS

    async def answer(self, call: Call) -> Json:
        """Answer ``POST /answers``: a new content of the message and/or a notification."""
        callback = self._state.callbacks.get(call.text("callback_id"))
        if callback is None:
            raise not_found("Callback")
        chat, message = callback
        self._admit(chat)
        body = call.json()
        if not isinstance(body, dict) or not (body.get("message") or body.get("notification")):
            raise bad("message or notification expected")
        if body.get("message"):
            self._apply(self.check.read(body["message"]), message)
        self.answers.append(body)
        self._state.changed("bot_answered", chat.chat_id, mid_of(message))
        return SUCCESS

    # --- chats and files ---

    async def get_chat(self, call: Call) -> Json:
        """Answer ``GET /chats/{id}``."""
        return self._state.chat(int(call.args[0])).describe()

    async def act(self, call: Call) -> Json:
        """Answer ``POST /chats/{id}/actions``."""
        chat = self._state.chat(int(call.args[0]))
        self._state.check_access(chat)
        body = call.json()
        action = body.get("action") if isinstance(body, dict) else None
        if action not in ACTIONS:
            raise bad(f"action: unknown value {action}")
        self.actions.append((chat.chat_id, action))
        self._state.changed("bot_action", chat.chat_id)
        return SUCCESS

    async def open_upload(self, call: Call) -> Json:
        """Answer ``POST /uploads``, the first step of three (contract max.md 7)."""
        kind = call.text("type")
        if kind not in KINDS:
            raise bad(f"type: unknown value {kind}")
        return self._state.media.open_slot(kind)

    async def get_video(self, call: Call) -> Json:
        """Answer ``GET /videos/{token}``."""
        return self._state.media.video(call.args[0])

    # --- rules ---

    def _target(self, call: Call) -> Chat:
        user_id, chat_id = call.integer("user_id"), call.integer("chat_id")
        if (user_id is None) == (chat_id is None):
            raise bad("Exactly one of user_id and chat_id expected")
        if chat_id is not None:
            return self._state.chat(chat_id)
        return self._state.dialog(user_id or 0)

    def _admit(self, chat: Chat) -> None:
        self._state.check_access(chat)
        if not self._sends.admit(chat.chat_id):
            raise too_many()

    def _by_ids(self, mids: list[str]) -> list[Json]:
        found = []
        for mid in mids:
            try:
                chat, message = self._state.find(mid)
            except ApiError:
                continue  # the list simply lacks what does not exist
            self._state.check_access(chat)
            found.append(message)
        return found

    def _may_edit(self, chat: Chat, message: Json) -> bool:
        if not self._state.is_own(message):
            return False
        if chat.type != "dialog" or keyboards(message):
            return True
        return self._state.now_ms() - int(message["timestamp"]) < EDIT_MS

    def _apply(self, draft: Draft, message: Json) -> None:
        """Change a message in place: what is null stays, an empty list of attachments removes them."""
        body = dict(message["body"])
        if draft.text is not None:
            body.pop("text", None)
            body.pop("markup", None)
        if draft.attachments is not None:
            body.pop("attachments", None)
        body |= self.habits.stored(draft.content())
        if "text" not in body and "attachments" not in body:
            raise bad("text: must not be empty without attachments")
        message["body"] = body


def _between(message: Json, upper: int | None, lower: int | None) -> bool:
    timestamp = message["timestamp"]
    return (upper is None or timestamp <= upper) and (lower is None or timestamp >= lower)
