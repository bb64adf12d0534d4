"""The simulated FreeScout's HTTP side: hosts, keys, routes, and the answers to everything else."""

from __future__ import annotations

import hmac
import inspect
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from maxbridge.sim.desk.answers import ApiError, Call, error_page, nginx_page
from maxbridge.sim.desk.conversations import ConversationsApi
from maxbridge.sim.desk.customers import CustomersApi
from maxbridge.sim.desk.directory import DirectoryApi, paid_module
from maxbridge.sim.desk.files import download
from maxbridge.sim.desk.model import DeskEvent
from maxbridge.sim.desk.php import PhpError, clean_query, read_body
from maxbridge.sim.desk.state import DeskState
from maxbridge.sim.wire import Now, Request, Response

__all__ = ["DeskEvent", "DeskSim", "SeenRequest"]

DEFAULT_KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
NGINX_MAX_BODY = 20 * 1024 * 1024
"""The web server's own limit, measured beside PHP's (case 42): above it 413 is a page."""

_REMEMBERED_REQUESTS = 1000
_METHOD_ORDER = ("GET", "HEAD", "POST", "PUT", "DELETE")

Handler = Callable[[Call], Response]


class SeenRequest(NamedTuple):
    """A request that was answered; ``json`` is None when the body held no parameters."""

    method: str
    path: str
    query: Mapping[str, str]
    json: dict[str, Any] | None
    status: int


class Route(NamedTuple):
    """A path of the API and its methods."""

    pattern: re.Pattern[str]
    handlers: Mapping[str, Handler]

    @property
    def allow(self) -> str:
        """The header Allow of a 405."""
        known = {*self.handlers, "HEAD"} if "GET" in self.handlers else set(self.handlers)
        return ", ".join([name for name in _METHOD_ORDER if name in known] + ["OPTIONS"])


_NO_ROUTE = Route(re.compile(""), {})


class DeskSim:
    """FreeScout 1.8.235 with API & Webhooks 1.0.87, as measured (contract freescout.md).

    ``state`` holds the data and the agent's actions. Switches: ``module_off`` (404 with an empty
    message), ``maintenance`` (503 with this Retry-After), ``db_down`` (500), ``php_down`` (502),
    all of case 83. ``requests`` keeps what was asked; ``leaks`` the paths of files that were asked
    for with the key, which needs none there; ``on_change`` hears of changes made over the API.
    """

    def __init__(
        self,
        *,
        now: Now,
        key: str = DEFAULT_KEY,
        app_url: str = "http://127.0.0.1",
        mailboxes: Iterable[tuple[int, str]] = ((1, "MAX"), (2, "Second")),
        users: Iterable[tuple[int, str, str]] = ((1, "Ada", "Admin"), (2, "Boris", "Agent")),
        max_body: int = 8 * 1024 * 1024,
        check_host: bool = True,
    ) -> None:
        self.key = key
        self.max_body = max_body
        self.check_host = check_host
        self.module_off = False
        self.maintenance: int | None = None
        self.db_down = False
        self.php_down = False
        self.on_change: Callable[[DeskEvent], None] | None = None
        self.requests: deque[SeenRequest] = deque(maxlen=_REMEMBERED_REQUESTS)
        self.leaks: list[str] = []
        self.state = DeskState(now=now, app_url=app_url, mailboxes=mailboxes, users=users)
        self._now = now
        self._routes = self._make_routes()

    async def handle(self, request: Request) -> Response:
        """Answer one request; the header Date is FreeScout's own clock."""
        params = read_body(request.headers.get("content-type", ""), request.body)
        answer = self._answer(request, params)
        self.requests.append(
            SeenRequest(request.method, request.path, request.query, params or None, answer.status)
        )
        date = formatdate(int(self._now()), usegmt=True)
        return Response(answer.status, answer.body, {**answer.headers, "date": date})

    def controls(self) -> dict[str, Callable[..., Any]]:
        """Let another process act as the agents: everything public that the state can do."""
        members = inspect.getmembers(self.state, inspect.ismethod)
        actions = {name: method for name, method in members if not name.startswith("_")}
        return {
            **actions,
            "dump": lambda: {
                name: value for name, value in vars(self.state).items() if not name.startswith("_")
            },
            "tickets": self._tickets,
            "requests": lambda: list(self.requests),
        }

    def _tickets(self) -> list[dict[str, Any]]:
        """Say of each conversation what an agent who looks for one needs to know."""
        return [
            {
                "id": row.id,
                "status": row.status,
                "state": row.state,
                "profiles": [
                    profile.value
                    for profile in self.state.customers[row.customer_id].social_profiles
                ]
                if row.customer_id in self.state.customers
                else [],
            }
            for row in self.state.conversations.values()
        ]

    def _answer(self, request: Request, params: dict[str, Any]) -> Response:
        """Try the gates in turn, then the route."""
        closed = self._gate(request)
        if closed is not None:
            return closed
        if request.path.startswith("/storage/attachment/") and request.method == "GET":
            if self._has_key(request):
                self.leaks.append(request.path)
            return download(self.state, request.path, request.query)
        if not request.path.startswith("/api/") or self.module_off:
            return _error(request, 404, "")
        return self._route(request, params)

    def _gate(self, request: Request) -> Response | None:
        """Refuse what never reaches the API (contract freescout.md 1, cases 42, 43, 83)."""
        if len(request.body) > NGINX_MAX_BODY:
            return nginx_page(413, "Request Entity Too Large")
        if self.php_down:
            return nginx_page(502, "Bad Gateway")
        host = request.headers.get("host")
        if self.check_host and host is not None and not self._trusted(host):
            return _error(request, 403, _untrusted(host))
        if self.maintenance is not None:
            retry = {"retry-after": str(self.maintenance)}
            return _error(request, 503, "Updating", retry)
        if len(request.body) > self.max_body:
            return Response.json(413, {"message": ""})
        return _error(request, 500, "Server Error") if self.db_down else None

    def _trusted(self, host: str) -> bool:
        """Compare names without ports, as APP_URL's host is compared (case 43)."""
        return _host_name(host) == urlsplit(self.state.app_url).hostname

    def _route(self, request: Request, params: dict[str, Any]) -> Response:
        """Find the handler; an unknown path or method is 405 even with a wrong key (case 01)."""
        if request.method == "HEAD":
            return Response(405, b"", {"content-type": "application/json"})
        if request.method == "OPTIONS" and not self._has_key(request):
            return _unauthorised()
        route, ids = self._match(request.path)
        handler = route.handlers.get(request.method)
        if handler is None:
            return _error(request, 405, "", {"allow": route.allow})
        if not self._has_key(request):
            return _unauthorised()
        return self._call(handler, Call(ids, clean_query(request.query), params), request)

    @staticmethod
    def _call(handler: Handler, call: Call, request: Request) -> Response:
        try:
            return handler(call)
        except ApiError as refusal:
            return refusal.response
        except PhpError:
            return _error(request, 500, "Server Error")

    def _match(self, path: str) -> tuple[Route, tuple[str, ...]]:
        for route in self._routes:
            if match := route.pattern.fullmatch(path.removeprefix("/api")):
                return route, match.groups()
        return _NO_ROUTE, ()

    def _has_key(self, request: Request) -> bool:
        """Accept the header or the query parameter, not Bearer (case 01)."""
        given = request.headers.get("x-freescout-api-key") or request.query.get("api_key") or ""
        return hmac.compare_digest(given.encode(errors="replace"), self.key.encode())

    def _emit(self, event: DeskEvent) -> None:
        if self.on_change is not None:
            self.on_change(event)

    def _make_routes(self) -> tuple[Route, ...]:
        directory = DirectoryApi(self.state)
        customers = CustomersApi(self.state, self._emit)
        talks = ConversationsApi(self.state, customers, self._emit)
        fields = paid_module("Custom Fields")
        paths: dict[str, dict[str, Handler]] = {
            "/mailboxes": {"GET": directory.mailboxes},
            "/mailboxes/{id}/folders": {"GET": directory.folders},
            "/mailboxes/{id}/custom_fields": {"GET": fields},
            "/users": {"GET": directory.users},
            "/users/{id}": {"GET": directory.user},
            "/tags": {"GET": paid_module("Tags")},
            "/customers": {"GET": customers.index, "POST": customers.create},
            "/customers/{id}": {"GET": customers.show, "PUT": customers.update},
            "/customers/{id}/customer_fields": {"PUT": paid_module("Customer Fields")},
            "/conversations": {"GET": talks.index, "POST": talks.create},
            "/conversations/{id}": {
                "GET": talks.show,
                "PUT": talks.update,
                "DELETE": talks.delete,
            },
            "/conversations/{id}/threads": {"POST": talks.create_thread},
            "/conversations/{id}/tags": {"PUT": paid_module("Tags")},
            "/conversations/{id}/timelogs": {"GET": paid_module("Time Tracking")},
            "/conversations/{id}/custom_fields": {"PUT": fields},
        }
        return tuple(
            Route(re.compile(path.replace("{id}", "([^/]+)") + "/?"), handlers)
            for path, handlers in paths.items()
        )


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:  # half an IPv6 address
        return host


def _untrusted(host: str) -> str:
    name = _host_name(host)
    return (
        f"Untrusted Host: {name}. Add the following to your .env file and clear cache: "
        f"APP_TRUSTED_HOSTS ='{name}'[display]"
    )


def _unauthorised() -> Response:
    return Response.json(401, {"message": "Not Authorized"})


def _error(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer an error as JSON or, to a client that does not ask for JSON, as a page (case 83)."""
    if _wants_json(request):
        return Response.json(status, {"message": message}, headers)
    return error_page(status, headers)


def _wants_json(request: Request) -> bool:
    first = request.headers.get("accept", "").partition(",")[0]
    return "/json" in first or "+json" in first
