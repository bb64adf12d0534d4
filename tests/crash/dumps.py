"""Reading the dumps of both simulators: what was said and what arrived, as the ends themselves know it.

Every text of the traffic carries a word of its own (``C17``, ``R5p2``), so it is recognised wherever it
turns up, whatever was wrapped around it. What must arrive is not taken from what the harness meant to
do, but from MAX's events and the desk's published replies, in their order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from crash.ledger import Picture

Json = dict[str, Any]

GREETING = "Здравствуйте! Напишите нам."
TOKEN = re.compile(r"\b[A-Z]\d+(?:[ep]\d+)?\b")
_QUOTE = re.compile(r"<blockquote.*?</blockquote>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_MARKER = re.compile(r"<!-- maxbridge:(\S+) -->")


def tokens_in(text: str) -> list[str]:
    """The words that name what a text is; the text itself where it has none."""
    return TOKEN.findall(text) or ([text.strip()] if text.strip() else [])


def plain(html: str) -> str:
    """A thread's own words: no quotes of others, no tags, no markers."""
    return _TAG.sub(" ", _QUOTE.sub(" ", html))


def picture_of(max_dump: Json, desk_dump: Json, *, private: Collection[str]) -> Picture:
    """Read both simulators' dumps; the store's part (held, returned) is the caller's to add."""
    people = {
        chat["chat_id"]: chat["dialog_with_user"]["user_id"]
        for chat in max_dump["chats"]
        if chat["type"] == "dialog"
    }
    customers = {
        int(key): _user_of(value["social_profiles"])
        for key, value in desk_dump["customers"].items()
    }
    owners = {
        int(key): customers.get(value["customer_id"]) or 0
        for key, value in desk_dump["conversations"].items()
    }
    threads = sorted(desk_dump["threads"].values(), key=lambda each: each["id"])
    received = {
        people[chat["chat_id"]]: [
            token for message in chat["sent"] for token in tokens_of_message(message)
        ]
        for chat in max_dump["chats"]
        if chat["chat_id"] in people
    }
    greetings = _greetings(max_dump["events"], received)
    return Picture(
        told=_told(max_dump["events"]),
        filed=_by_owner(owners, [each for each in threads if each["type"] == "customer"]),
        answered=_by_owner(owners, sorted(filter(_is_reply, threads), key=_time_of)),
        received={
            user: [each for each in row if each != GREETING] for user, row in received.items()
        },
        private=private,
        greetings=greetings,
        tickets=Counter(user for user in owners.values() if user),
        cards=Counter(user for user in customers.values() if user),
        folded=_folded(max_dump["events"]),
        markers=Counter(key for each in threads for key in _MARKER.findall(each["body"] or "")),
    )


def tokens_of_message(message: Json) -> list[str]:
    """What a message of the bot is; files will be known by their names."""
    return tokens_in(plain(message["body"].get("text", "")))


def tokens_of_thread(thread: Json) -> list[str]:
    """What a thread is; files will be known by their names."""
    return tokens_in(plain(thread["body"] or ""))


def _told(events: Sequence[Json]) -> dict[int, list[str]]:
    told: dict[int, dict[str, None]] = {}  # in order, each once, however often MAX told it
    for event in events:
        if event["update_type"] not in ("message_created", "message_edited"):
            continue
        message = event["message"]
        row = told.setdefault(message["sender"]["user_id"], {})
        row |= dict.fromkeys(tokens_in(message["body"].get("text", "")))
    return {user: list(row) for user, row in told.items()}


def _folded(events: Sequence[Json]) -> set[str]:
    """Edits after which the same message was edited again: the last word may be the only one."""
    edits: dict[str, dict[int, str]] = {}
    for event in events:
        if event["update_type"] == "message_edited":
            body = event["message"]["body"]
            edits.setdefault(body["mid"], {})[event["timestamp"]] = body.get("text", "")
    return {
        token
        for texts in edits.values()
        for when in sorted(texts)[:-1]
        for token in tokens_in(texts[when])
    }


def _greetings(
    events: Sequence[Json], received: Mapping[int, Sequence[str]]
) -> dict[int, tuple[int, int]]:
    starts = {
        (event["user"]["user_id"], event["timestamp"])
        for event in events
        if event["update_type"] == "bot_started"
    }
    due = Counter(user for user, _ in starts)
    return {
        user: (due[user], sum(each == GREETING for each in row)) for user, row in received.items()
    }


def _by_owner(owners: Mapping[int, int], threads: Sequence[Json]) -> dict[int, list[str]]:
    rows: dict[int, list[str]] = {}
    for thread in threads:
        tokens = [
            each for each in tokens_of_thread(thread) if TOKEN.fullmatch(each) or _is_reply(thread)
        ]
        rows.setdefault(owners[thread["conversation_id"]], []).extend(tokens)
    return rows


def _is_reply(thread: Json) -> bool:
    kind = (thread["type"], thread["state"], thread["source_type"])
    return kind == ("message", "published", "web")


def _time_of(thread: Json) -> tuple[int, int]:
    return thread["created_at"], thread["id"]


def _user_of(profiles: Sequence[Sequence[str]]) -> int | None:
    for value, *_ in profiles:
        if value.startswith("max:"):
            return int(value.removeprefix("max:"))
    return None
