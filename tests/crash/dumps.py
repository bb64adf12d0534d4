"""Reading the dumps of both simulators: what was said and what arrived, as the ends themselves know it.

Every text of the traffic carries a word of its own (``C17``, ``R5p2``), and so does the content of every
file (``C17f2``), so they are recognised wherever they turn up, whatever was wrapped around them. What must arrive is not taken from what the harness meant to
do, but from MAX's events and the desk's published replies, in their order.
"""

from __future__ import annotations

import base64
import html
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from crash.ledger import Held, Picture
from crash.store_state import HeldRow
from maxbridge.i18n import RU

Json = dict[str, Any]

GREETING = "Здравствуйте! Напишите нам."
TOKEN = re.compile(r"\b[A-Z]\d+(?:[efp]\d+)?\b")
_FILE = re.compile(r"\b[A-Z]\d+f\d+\b")
_EDIT = re.compile(r"[A-Z]\d+e\d+")
_EDITED = re.compile(r"([A-Z]\d+), исправленный \d+")
_QUOTE = re.compile(r"<blockquote.*?</blockquote>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_LINK = re.compile(r"[?&;]token=([^&\"]+)")
_MARKER = re.compile(r"<!-- maxbridge:(\S+) -->")


def tokens_in(text: str) -> list[str]:
    """The words that name what a text is; the text itself where it has none."""
    return TOKEN.findall(text) or ([text.strip()] if text.strip() else [])


def plain(text: str) -> str:
    """A thread's own words: no quotes of others, no tags, no markers."""
    return _TAG.sub(" ", _QUOTE.sub(" ", text))


def picture_of(
    max_dump: Json,
    desk_dump: Json,
    *,
    private: Collection[str],
    from_history: bool = False,
    closed: Collection[int] | None = None,
) -> Picture:
    """Read both simulators' dumps; the store's part (held, returned) is the caller's to add.

    Args:
        max_dump: Of MAX.
        desk_dump: Of the desk.
        private: What must not be seen outside.
        closed: Tickets that were ever closed; None where nobody has kept that: then deletions are not counted.
        from_history: The bridge may have read histories, which have the last words of a message only.
    """
    media = max_dump.get("media", {})
    people = {chat["chat_id"]: _owner(chat) for chat in max_dump["chats"]}
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
            token for message in chat["sent"] for token in tokens_of_message(message, media)
        ]
        for chat in max_dump["chats"]
    }
    greetings = _greetings(max_dump["events"], received)
    heard = _told(max_dump["events"], media)
    told = {user: list(row) for user, row in heard.rows.items()}
    swapped = heard.swapped
    if from_history:  # it brings later messages before the poll that brings an edit
        swapped.update(token for row in told.values() for token in row if _EDIT.fullmatch(token))
        # And no history shows what was deleted: that comes with the poll, behind what came later.
        removed = {event.get("message_id") for event in max_dump["events"]}
        swapped.update(
            token
            for row in heard.rows.values()
            for token, (_, mid) in row.items()
            if mid in removed
        )
    answered = _by_owner(owners, sorted(filter(_is_reply, threads), key=_time_of))
    left_behind = {
        (owners[each["conversation_id"]], token)
        for each in threads
        for token in _left_behind(each, media)
    }
    markers = Counter(key for each in threads for key in _MARKER.findall(each["body"] or ""))
    return Picture(
        altered=_altered(max_dump, threads, media),
        stale=_stale(max_dump, owners, people, threads),
        deletions=(
            {} if closed is None else _deletions(max_dump["events"], owners, closed, markers)
        ),
        told=told,
        filed=_by_owner(owners, [each for each in threads if each["type"] == "customer"]),
        answered=answered,
        received={
            user: [each for each in row if each not in (GREETING, RU.not_received)]
            for user, row in received.items()
        },
        private=private,
        greetings=greetings,
        tickets=Counter(user for user in owners.values() if user),
        cards=Counter(user for user in customers.values() if user),
        folded=_folded(max_dump["events"], originals=from_history),
        swapped=swapped,
        again=heard.again,
        left_behind={
            token
            for rows in (told, answered)
            for user, row in rows.items()
            for token in row
            if (user, token) in left_behind
        },
        markers=markers,
    )


def delays(
    max_dump: Json, desk_dump: Json, *, max_skew: float, desk_skew: float
) -> dict[str, float]:
    """Seconds from when something was said to when it stood at the other end, by its word; of what arrived.

    Edits are not among them: a customer's waits for a better one, an agent's keeps its thread's time.

    Args:
        max_dump: Of MAX.
        desk_dump: Of the desk.
        max_skew: Seconds by which MAX's clock is ahead of the world's.
        desk_skew: The same of the desk's.
    """
    media = max_dump.get("media", {})
    threads = desk_dump["threads"].values()
    at_max: dict[str, float] = {}
    for event in max_dump["events"]:
        if event["update_type"] == "message_created":
            for token in tokens_of_message(event["message"], media):
                at_max.setdefault(token, event["message"]["timestamp"] / 1000 - max_skew)
    at_desk = {
        token: each["created_at"] - desk_skew
        for each in threads
        if each["type"] == "customer"
        for token in tokens_of_thread(each)
    }
    said = {
        token: each["created_at"] - desk_skew
        for each in threads
        if _is_reply(each)
        for token in tokens_of_thread(each)
        if TOKEN.fullmatch(token)
    }
    got = {
        token: message["timestamp"] / 1000 - max_skew
        for chat in max_dump["chats"]
        for message in chat["sent"]
        for token in tokens_of_message(message, media)
    }
    return {
        token: there - here[token]
        for here, arrived in ((at_max, at_desk), (said, got))
        for token, there in arrived.items()
        if token in here
    }


def held_of(rows: Iterable[HeldRow], desk_dump: Json) -> list[Held]:
    """What waits for a person, with the words of it: a message's own, or those of the agent's thread."""
    return [
        Held(
            key,
            error or "",
            frozenset(
                TOKEN.findall(
                    payload or str(desk_dump["threads"].get(str(thread_id), {}).get("body"))
                )
            ),
            in_doubt=bool(doubt),
        )
        for key, error, thread_id, payload, doubt in rows
    ]


def tokens_of_message(message: Json, media: Mapping[str, str] = {}) -> list[str]:
    """What a message is: its words, and what its files hold, as base64 by their tokens."""
    body = message["body"]
    files = [each["payload"].get("token") for each in body.get("attachments", ())]
    contents = [media[token] for token in files if token in media]
    return _with_files(tokens_in(plain(body.get("text", ""))), contents)


def tokens_of_thread(thread: Json) -> list[str]:
    """What a thread is: its words, and what its files hold.

    Of an agent's files the pictures come first, as the bridge sends them: together, with the words.
    """
    files = list(thread.get("attachments", ()))
    if _is_reply(thread):
        files.sort(key=lambda each: not each["mime_type"].startswith("image/"))
    contents = [each["data"] for each in files]
    return _with_files(
        tokens_in(f"{plain(thread['body'] or '')} {_words_as_file(files)}"), contents
    )


def _words_as_file(files: Iterable[Json]) -> str:
    """What a customer wrote where the desk did not take it as words; quotes are left out, as in a thread."""
    texts = [
        base64.b64decode(each["data"]).decode()
        for each in files
        if each.get("name") == RU.words_file
    ]
    return "\n".join(
        line for text in texts for line in text.splitlines() if not line.startswith(">")
    )


def _with_files(words: Sequence[str], contents: Sequence[str]) -> list[str]:
    """A file is where its content is; that words name it proves nothing."""
    said = [each for each in words if not _FILE.fullmatch(each)]
    return said + [token for each in contents for token in _held_by(each)]


def _held_by(content: str) -> list[str]:
    return _FILE.findall(base64.b64decode(content).decode("ascii", "replace"))


def _left_behind(thread: Json, media: Mapping[str, str]) -> list[str]:
    """Files that the bridge names or links instead of bringing them, in a customer's thread or a note."""
    body = thread["body"] or ""
    if not _MARKER.search(body):
        return []
    linked = [
        token
        for link in _LINK.findall(body)
        for token in _held_by(media.get(unquote(html.unescape(link)), ""))
    ]
    return linked + _FILE.findall(plain(body))


def _altered(max_dump: Json, threads: Sequence[Json], media: Mapping[str, str]) -> list[str]:
    """Files whose bytes are none of those that somebody sent under this name of content."""
    of_customers = _contents(
        media[token]
        for event in max_dump["events"]
        if event["update_type"] in ("message_created", "message_edited")
        for token in _media_of(event["message"], media)
    )
    of_agents = _contents(
        file["data"]
        for each in threads
        if not _MARKER.search(each["body"] or "")
        for file in each.get("attachments", ())
    )
    at_the_desk = _contents(
        file["data"]
        for each in threads
        if each["type"] == "customer"
        for file in each.get("attachments", ())
    )
    at_max = _contents(
        media[token]
        for chat in max_dump["chats"]
        for message in chat["sent"]
        for token in _media_of(message, media)
    )
    return [
        f"{token} has other bytes"
        for sent, arrived in ((of_customers, at_the_desk), (of_agents, at_max))
        for token, contents in arrived.items()
        if token in sent and contents - sent[token]
    ]


def _media_of(message: Json, media: Mapping[str, str]) -> list[str]:
    tokens = [each["payload"].get("token") for each in message["body"].get("attachments", ())]
    return [each for each in tokens if each in media]


def _contents(files: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for content in files:
        for token in _held_by(content):
            found.setdefault(token, set()).add(content)
    return found


def _stale(
    max_dump: Json,
    owners: Mapping[int, int],
    people: Mapping[int, int],
    threads: Sequence[Json],
) -> list[str]:
    """Replies whose last edit is not what their customer has; where agents were told so, nothing."""
    texts = {
        people[chat["chat_id"]]: [plain(each["body"].get("text", "")) for each in chat["sent"]]
        for chat in max_dump["chats"]
    }
    told = {
        each["conversation_id"]
        for each in threads
        if each["type"] == "note" and "note:edit" in (each["body"] or "")
    }
    stale = []
    for thread in filter(_is_reply, threads):
        edited = _EDITED.search(plain(thread["body"] or ""))
        if edited is None or thread["conversation_id"] in told:
            continue
        word = f"{edited[1]},"
        theirs = [each for each in texts.get(owners[thread["conversation_id"]], ()) if word in each]
        if theirs and not any(edited[0] in each for each in theirs):
            stale.append(f"{edited[1]}: agents see {edited[0]!r}, the customer {theirs}")
    return stale


def _deletions(
    events: Sequence[Json],
    owners: Mapping[int, int],
    closed: Collection[int],
    markers: Mapping[str, int],
) -> dict[str, int]:
    """How often a deletion is told at the desk, of those that must be told there."""
    sometimes_closed = {owners[number] for number in closed if number in owners}
    written: dict[str, int] = {}
    due: dict[str, int] = {}
    for event in events:
        if event["update_type"] == "message_created":
            message = event["message"]
            place = message["recipient"]
            group = place.get("chat_type", "dialog") != "dialog"
            owner = place["chat_id"] if group else message["sender"]["user_id"]
            written[message["body"]["mid"]] = owner
        elif event["update_type"] == "message_removed" and event["message_id"] in written:
            due[event["message_id"]] = written[event["message_id"]]
    return {
        mid: sum(many for key, many in markers.items() if "removed" in key and mid in key)
        for mid, owner in due.items()
        if owner not in sometimes_closed
    }


def _owner(chat: Json) -> int:
    """Whose row a chat is: its person's, or the group's own."""
    if chat["type"] == "dialog":
        user: int = chat["dialog_with_user"]["user_id"]
        return user
    return int(chat["chat_id"])


@dataclass(slots=True)
class _Told:
    """What MAX told of each person or group.

    Attributes:
        rows: In MAX's order, each with its time, once, however often MAX told it.
        again: Files of messages whose edit was told before them: they come with the one and the other.
    """

    rows: dict[int, dict[str, tuple[int, str]]] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)

    @property
    def swapped(self) -> set[str]:
        """What was told in another order than it was written."""
        return {
            token
            for row in self.rows.values()
            for pair in zip(row, sorted(row, key=row.__getitem__), strict=True)
            if pair[0] != pair[1]
            for token in pair
        }


def _told(events: Sequence[Json], media: Mapping[str, str]) -> _Told:
    told, created = _Told(), set()
    for event in events:
        if event["update_type"] not in ("message_created", "message_edited"):
            continue
        message = event["message"]
        mid = message["body"].get("mid", "")
        place = message["recipient"]
        group = place.get("chat_type", "dialog") != "dialog"
        row = told.rows.setdefault(place["chat_id"] if group else message["sender"]["user_id"], {})
        tokens = tokens_of_message(message, media)
        for token in tokens:
            row.setdefault(token, (event.get("timestamp", 0), mid))
        if event["update_type"] == "message_created":
            created.add(mid)
        elif mid not in created:
            told.again.update(filter(_FILE.fullmatch, tokens))
    return told


def _folded(events: Sequence[Json], *, originals: bool) -> set[str]:
    """Edits after which the same message was edited again: the last word may be the only one."""
    kinds = ("message_edited", "message_created") if originals else ("message_edited",)
    texts: dict[str, dict[int, str]] = {}
    for event in events:
        if event["update_type"] in kinds:
            body = event["message"]["body"]
            texts.setdefault(body["mid"], {})[event["timestamp"]] = body.get("text", "")
    return {
        token
        for row in texts.values()
        for when in sorted(row)[:-1]
        for token in tokens_in(row[when])
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
        for prefix in ("max:", "max-chat:"):
            if value.startswith(prefix):
                return int(value.removeprefix(prefix))
    return None
