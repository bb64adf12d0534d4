"""Reads the real FreeScout over its API, apart from the bridge: what agents have in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from real_desk.ledger import TOKEN, Sightings
from real_desk.settings import RealDesk

Json = dict[str, Any]

_PAGE = 200
_LOOK_EVERY = 1.0
_PROFILE = re.compile(r"max(?:-chat)?:(?:.*:)?(-?\d+)")
"""The key by which the bridge, or the webhook bridge of old, finds a record: a person's id, or a group's."""


class Desk:
    """All conversations that changed since the run began, read again whenever they change."""

    def __init__(self, settings: RealDesk) -> None:
        self.settings = settings
        self.conversations: dict[int, Json] = {}
        """As GET /conversations/{id} shows them; those that were deleted for ever are gone."""
        self._began = ""
        self._people: dict[int, set[int]] = {}
        self._files: dict[int, list[str]] = {}
        self._http = httpx.AsyncClient(
            base_url=settings.url,
            timeout=120,
            trust_env=False,
            headers={
                "X-FreeScout-API-Key": settings.api_key,
                "Accept": "application/json",
            },
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def begin(self) -> str:
        """Start at this moment by the desk's clock; gives the versions that it shows."""
        answer = await self._http.get("/api/mailboxes")
        answer.raise_for_status()
        known = {row["id"] for row in answer.json()["_embedded"]["mailboxes"]}
        wanted = {self.settings.mailbox, self.settings.mailbox2}
        if not wanted <= known:
            raise LookupError(f"no mailboxes {sorted(wanted - known)} at {self.settings.url}")
        moment = parsedate_to_datetime(answer.headers["date"])
        self._began = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._began

    async def watch(self) -> None:
        """Read again what changed, every second, as long as the task lives.

        A desk that is down is looked at again: the scenarios take it down themselves.
        """
        while True:
            with contextlib.suppress(httpx.HTTPError):
                await self.refresh()
            await asyncio.sleep(_LOOK_EVERY)

    async def refresh(self, *, whole: bool = False) -> None:
        """Read what changed since the last look.

        Args:
            whole: Read every conversation of the run again: an edit of an old thread changes no time.
        """
        rows = [row async for row in self._changed()]
        gone = self.conversations.keys() - {row["id"] for row in rows}
        for number in gone:
            del self.conversations[number]
        for row in rows:
            known = self.conversations.get(row["id"])
            if whole or known is None or _stamps(known) != _stamps(row) or _is_fresh(row):
                answer = await self._http.get(f"/api/conversations/{row['id']}")
                if answer.status_code == 404:
                    continue
                answer.raise_for_status()
                self.conversations[row["id"]] = answer.json()

    async def _changed(self) -> Any:
        page = 1
        while True:
            answer = await self._http.get(
                "/api/conversations",
                params={
                    "updatedSince": self._began,
                    "sortField": "createdAt",
                    "sortOrder": "asc",
                    "pageSize": _PAGE,
                    "page": page,
                },
            )
            answer.raise_for_status()
            data = answer.json()
            for row in data["_embedded"]["conversations"]:
                yield row
            if page >= data["page"]["totalPages"]:
                return
            page += 1

    def threads(self, ticket: int) -> list[Json]:
        """A ticket's published threads, oldest first."""
        rows = self.conversations.get(ticket, {}).get("_embedded", {}).get("threads", [])
        return sorted(rows, key=lambda row: (row["createdAt"], row["id"]))

    def thread_with(self, token: str) -> Json | None:
        """The published thread in which a token stands."""
        for number in self.conversations:
            for row in self.threads(number):
                if token in (row["body"] or ""):
                    return row
        return None

    async def post(self, path: str, body: Json) -> Json:
        """Act as another program of the API, such as the webhook bridge of old."""
        answer = await self._http.post(path, json=body)
        answer.raise_for_status()
        data: Json = answer.json()
        return data

    async def customer(self, number: int) -> Json:
        """A customer's record."""
        answer = await self._http.get(f"/api/customers/{number}")
        answer.raise_for_status()
        data: Json = answer.json()
        return data

    async def put(self, path: str, body: Json) -> None:
        """Change something over the API."""
        (await self._http.put(path, json=body)).raise_for_status()

    # What the ledger counts

    async def sightings(self, seen: Sightings) -> None:
        """Put what the desk shows into the sightings.

        Raises:
            httpx.HTTPError: The desk does not answer.
        """
        for number in sorted(self.conversations):
            for row in self.threads(number):
                await self._see(seen, number, row)
        seen.replies = [token for token, _ in sorted(_replies(self), key=lambda pair: pair[1])]

    async def _see(self, seen: Sightings, number: int, row: Json) -> None:
        tokens = TOKEN.findall(row["body"] or "")
        if row["type"] == "customer":
            seen.tickets[number] += tokens
            for file in row["_embedded"]["attachments"]:
                seen.ticket_files[number] += await self._tokens_in(file)
            bearers = await self.people_of((row["customer"] or {}).get("id"))
            for token in tokens:
                seen.bearers[token] |= bearers
        elif row["type"] == "note" and row["source"]["type"] == "api":
            seen.notes[number].append(" ".join((row["body"] or "").split()))

    async def _tokens_in(self, file: Mapping[str, Any]) -> list[str]:
        number = file["id"]
        if number not in self._files:
            answer = await self._http.get(file["fileUrl"])
            answer.raise_for_status()
            self._files[number] = TOKEN.findall(answer.content.decode("latin-1"))
        return self._files[number]

    async def people_of(self, customer: int | None) -> set[int]:
        """The MAX users, or the group, whose id a customer's record bore when it was first looked at."""
        if customer is None:
            return set()
        if customer not in self._people:
            answer = await self._http.get(f"/api/customers/{customer}")
            if answer.status_code == 404:  # merged away since
                return set()
            answer.raise_for_status()
            values = [row["value"] for row in answer.json()["_embedded"]["social_profiles"]]
            found = [_PROFILE.fullmatch(value) for value in values]
            self._people[customer] = {int(each[1]) for each in found if each is not None}
        return self._people[customer]


def _replies(desk: Desk) -> list[tuple[str, tuple[str, int]]]:
    return [
        (token, (row["createdAt"], row["id"]))
        for number in desk.conversations
        for row in desk.threads(number)
        if row["type"] == "message" and row["source"]["type"] == "web"
        for token in TOKEN.findall(row["body"] or "")
    ]


def _stamps(row: Json) -> tuple[Any, ...]:
    return (row["updatedAt"], row["userUpdatedAt"], row["threadsCount"], row["state"])


def _is_fresh(row: Json) -> bool:
    """Whether it changed within the last seconds: times are whole seconds, more may have followed."""
    changed = datetime.fromisoformat(row["updatedAt"])
    return abs((datetime.now(UTC) - changed).total_seconds()) < 3
