"""The endpoints that only read what the administrator set up: mailboxes, folders, users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxbridge.sim.desk import query
from maxbridge.sim.desk.answers import Call, module_missing, not_found
from maxbridge.sim.desk.json import folders_json, mailbox_json, user_json
from maxbridge.sim.desk.php import to_id
from maxbridge.sim.wire import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from maxbridge.sim.desk.state import DeskState


class DirectoryApi:
    """Mailboxes, folders and users (case 02)."""

    def __init__(self, state: DeskState) -> None:
        self._state = state

    def mailboxes(self, call: Call) -> Response:
        """Answer GET /mailboxes."""
        rows = list(self._state.mailboxes.values())
        answer = query.page(
            rows, call.query, "mailboxes", lambda row: mailbox_json(self._state, row)
        )
        return Response.json(200, answer)

    def folders(self, call: Call) -> Response:
        """Answer GET /mailboxes/{id}/folders."""
        mailbox = self._state.mailboxes.get(to_id(call.ids[0]))
        if mailbox is None:
            raise not_found()
        rows = folders_json(self._state, mailbox)
        return Response.json(200, query.page(rows, call.query, "folders", lambda row: row))

    def users(self, call: Call) -> Response:
        """Answer GET /users: newest first, filtered by ``email``."""
        email = call.query.get("email")
        rows = [row for row in self._state.users.values() if not email or row.email == email]
        rows.sort(key=lambda row: -row.id)
        answer = query.page(rows, call.query, "users", lambda row: user_json(self._state, row))
        return Response.json(200, answer)

    def user(self, call: Call) -> Response:
        """Answer GET /users/{id}."""
        user = self._state.users.get(to_id(call.ids[0]))
        if user is None:
            raise not_found()
        return Response.json(200, user_json(self._state, user))


def paid_module(name: str) -> Callable[[Call], Response]:
    """Make the handler of an endpoint whose module is not there (case 02)."""

    def refuse(_call: Call) -> Response:
        raise module_missing(name)

    return refuse
