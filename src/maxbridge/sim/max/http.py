"""A strict simulator of the MAX Bot API: the front that logs, authorises, limits and refuses."""

from __future__ import annotations

import base64
import json
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from random import Random
from typing import Any, Literal

from maxbridge.sim.max.call import peek
from maxbridge.sim.max.errors import ApiError, invalid_token, malformed_token, too_many
from maxbridge.sim.max.habits import Habits
from maxbridge.sim.max.methods import Methods
from maxbridge.sim.max.pace import Pace
from maxbridge.sim.max.queue import Unruly
from maxbridge.sim.max.state import MaxState
from maxbridge.sim.max.store import MaxEvent, Person
from maxbridge.sim.wire import Now, Request, Response

__all__ = ["Logged", "MaxEvent", "MaxSim"]

REQUESTS_A_SECOND = 30  # for the whole bot, contract max.md 1
LOG_LENGTH = 10_000
CDN = "/cdn/"
CONTROLS = (
    "clear_dialog",
    "contact",
    "dump",
    "duplicate_last",
    "edit",
    "expel_bot",
    "group",
    "inbox",
    "join",
    "leave",
    "mute",
    "person",
    "post",
    "press",
    "raw",
    "remove",
    "remove_dialog",
    "rename",
    "say",
    "sent",
    "start",
    "stop",
    "subscribe",
    "swap_last",
    "texts",
    "unmute",
    "unsubscribe",
    "visible",
    "voice",
)


@dataclass(slots=True)
class Logged:
    """One request: when it began and how it was answered; None while it waits or if it was left."""

    at: float
    method: str
    path: str
    query: Mapping[str, str]
    json: Any
    status: int | None = None


class MaxSim:
    """The MAX of one bot.

    Args:
        now: Seconds since the epoch; all of MAX's times are taken from it.
        token: What ``Authorization`` must say.
        bot_id: The bot's user id.
        bot_name: The bot's name.

    Attributes:
        state: People, chats and messages; its methods are what people do.
        methods: What the bot did besides messages: ``actions``, ``answers``.
        retry_after: Sent with a 429 when set; MAX does not document the header.
        requests: All requests, oldest first.
        leaks: Requests to the CDN that carried the bot's token, which they never must.
    """

    def __init__(
        self,
        *,
        now: Now,
        token: str = "SIM-max-token-0000000000",  # noqa: S107 - it opens nothing
        bot_id: int = 900100200,
        bot_name: str = "Поддержка Ромашка",
    ) -> None:
        bot = Person(bot_id, bot_name, "", "id7700000000_bot", chat_id=0, is_bot=True)
        bot.last_activity_time = int(now() * 1000)
        self.token = token
        self.state = MaxState(now=now, bot=bot, token=token)
        self.methods = Methods(self.state)
        self.retry_after: int | None = None
        self.requests: deque[Logged] = deque(maxlen=LOG_LENGTH)
        self.leaks: list[tuple[str, str]] = []
        self._now = now
        self._pace = Pace(now, REQUESTS_A_SECOND)

    async def handle(self, request: Request) -> Response:
        """Answer one request; the header Date is MAX's own clock."""
        query = dict(request.query)
        entry = Logged(self._now(), request.method, request.path, query, peek(request.body))
        self.requests.append(entry)
        try:
            answer = await self._answer(request)
        except ApiError as error:
            answer = self._refusal(error)
        entry.status = answer.status
        date = formatdate(int(self._now()), usegmt=True)
        return Response(answer.status, answer.body, {**answer.headers, "date": date})

    def starts(self, path: str, method: str = "GET") -> list[float]:
        """Give the times at which requests for a path began, to check a client's pace."""
        return [one.at for one in self.requests if (one.method, one.path) == (method, path)]

    def controls(self) -> dict[str, Callable[..., Any]]:
        """Give what a test in another process may call, see :mod:`maxbridge.sim.serve`."""
        actions = {name: getattr(self.state, name) for name in CONTROLS}
        return {
            **actions,
            "attach": self._attach,
            "disturb": self.disturb,
            "habits": self.habits.set,
            "requests": lambda: list(self.requests),
            "leaks": lambda: self.leaks,
            "unread": lambda: len(self.state.queue.waiting()),
        }

    def lift_limits(self) -> None:
        """Switch MAX's rate limits off, to measure a client's own speed."""
        self._pace.rate = sys.maxsize
        self.methods.lift_limits()

    def disturb(
        self, seed: int, *, repeat: float = 0.0, swap: float = 0.0, rewind: float = 0.0
    ) -> None:
        """Deliver events twice, in another order, and again after they were acknowledged.

        Args:
            seed: Seed of the random choices.
            repeat: A probability, see :class:`maxbridge.sim.max.queue.Unruly`; so are the others.
            swap: A probability.
            rewind: A probability.
        """
        rng = Random(seed)  # noqa: S311 - it needs to be repeatable, not secret
        self.state.queue.unruly = Unruly(rng, repeat, swap, rewind)

    def _attach(self, kind: str, content: str, filename: str, mime: str = "") -> Any:
        """Make an attachment for ``say``; the content in base64, since JSON carries no bytes."""
        return self.state.attach(kind, base64.b64decode(content), filename, mime)

    async def _answer(self, request: Request) -> Response:
        if request.path.startswith(CDN):
            if _mentions(self.token, request):
                self.leaks.append((request.method, request.path))
            return self.state.media.serve(request)
        self._authorise(request)
        if not self._pace.admit():
            raise too_many()
        return _json(200, await self.methods.call(request))

    def _authorise(self, request: Request) -> None:
        """Check the header; a token in the query is dead (contract max.md 2)."""
        sent = request.headers.get("authorization", "")
        if "access_token" in request.query:
            raise invalid_token()
        if sent.lower().startswith("bearer "):
            raise malformed_token()
        if sent != self.token:
            raise invalid_token()

    def _refusal(self, error: ApiError) -> Response:
        headers = {}
        if error.status == 429 and self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return _json(error.status, {"code": error.code, "message": error.message}, headers)

    # --- settings that live deeper, where a test looks for them ---

    @property
    def base_url(self) -> str:
        """Where the simulator is served; links to files begin with it."""
        return self.state.media.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.state.media.base_url = url

    @property
    def habits(self) -> Habits:
        """What MAX does to the bot's messages."""
        return self.methods.habits

    @property
    def no_marker(self) -> Literal["latest", "all"]:
        """What a poll without a marker gives, see EventQueue."""
        return self.state.queue.no_marker

    @no_marker.setter
    def no_marker(self, value: Literal["latest", "all"]) -> None:
        self.state.queue.no_marker = value

    @property
    def not_ready_tries(self) -> int:
        """How many sends of a fresh upload are refused, see MediaStore."""
        return self.state.media.not_ready_tries

    @not_ready_tries.setter
    def not_ready_tries(self, value: int) -> None:
        self.state.media.not_ready_tries = value

    @property
    def stripped_tags(self) -> list[str]:
        """The tags in the bot's HTML that MAX does not know and dropped."""
        return self.methods.check.stripped

    @property
    def on_change(self) -> Callable[[MaxEvent], None] | None:
        """Called after everything that people or the bot do."""
        return self.state.on_change

    @on_change.setter
    def on_change(self, watcher: Callable[[MaxEvent], None] | None) -> None:
        self.state.on_change = watcher


def _mentions(token: str, request: Request) -> bool:
    if "authorization" in request.headers:
        return True
    told = (request.path, *request.headers.values(), *request.query.values())
    return any(token in value for value in told) or token.encode() in request.body


def _json(status: int, data: Any, headers: Mapping[str, str] | None = None) -> Response:
    try:
        return Response.json(status, data, headers)
    except UnicodeEncodeError:
        # Half a character in a customer's text goes out as an escape, as MAX's own JSON may.
        escaped = json.dumps(data).encode()
        return Response(status, escaped, {"content-type": "application/json", **(headers or {})})
