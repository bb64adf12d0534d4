"""Parse FreeScout's JSON; recognise the desk's own files.

Strict about members on which decisions depend, lenient about all others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from maxbridge.core.events import Conversation, DeskFile, Names, Thread
from maxbridge.core.file_names import decoded_name
from maxbridge.core.text import clean, int_in, text_in
from maxbridge.files.egress import EgressPolicy


class ShapeError(ValueError):
    """A member on which a decision depends is missing or has another type."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer record, as far as we use it.

    Attributes:
        id: FreeScout's id.
        first_name: May be empty.
        last_name: May be empty.
        phones: Number and type (``work``, ``mobile``, …) of each, in order.
        profiles: Values of the social profiles; ``max:<user id>`` is ours.
        updated_at: When it was last changed or merged; 0 if not given.
    """

    id: int
    first_name: str = ""
    last_name: str = ""
    phones: tuple[tuple[str, str], ...] = ()
    profiles: tuple[str, ...] = ()
    updated_at: float = 0.0


def parse_time(value: Any) -> float | None:
    """Parse ``2026-11-22T22:37:05Z`` into seconds since the epoch; None for null or an invalid value."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def format_time(seconds: float) -> str:
    """Format seconds since the epoch for FreeScout: UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_date_header(value: str | None) -> float | None:
    """Parse the ``Date`` header into seconds since the epoch; None if absent or invalid."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def parse_conversations(data: Any) -> list[Conversation]:
    """Parse the conversations of a list answer.

    Raises:
        ShapeError: It is no such list.
    """
    return [parse_conversation(row) for row in _rows(data)]


class ListReader:
    """Parses the answers of a list that is requested repeatedly; rows of the previous answer are reused."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[Any, Conversation]] = {}
        """By id: a row of the last answer, and what it says."""

    def read(self, data: Any) -> list[Conversation]:
        """Return the conversations of an answer.

        Raises:
            ShapeError: It is no such list.
        """
        read = [(row, self._known(row) or parse_conversation(row)) for row in _rows(data)]
        self._before = {known.id: (row, known) for row, known in read}
        return [known for _, known in read]

    def _known(self, row: Any) -> Conversation | None:
        number = int_in(_dict(row).get("id"))
        before = None if number is None else self._before.get(number)
        return None if before is None or before[0] != row else before[1]


def _rows(data: Any) -> list[Any]:
    rows: list[Any] = _get(_get(data, "_embedded", dict), "conversations", list)
    return rows


def parse_conversation(data: Any) -> Conversation:
    """Parse one conversation, with its threads if the answer has them.

    Raises:
        ShapeError: A member on which a decision depends is missing.
    """
    threads = _dict(_dict(data).get("_embedded")).get("threads")
    created_at = parse_time(_get(data, "createdAt", str))
    return Conversation(
        id=_get(data, "id", int),
        number=int_in(data.get("number")) or _get(data, "id", int),
        status=_get(data, "status", str),
        state=_get(data, "state", str),
        subject=text_in(data.get("subject")),
        mailbox_id=int_in(data.get("mailboxId")),
        customer=_names(_dict(data.get("customer"))),
        customer_id=int_in(_dict(data.get("customer")).get("id")),
        created_at=created_at or 0.0,
        closed_at=parse_time(data.get("closedAt")),
        updated_at=parse_time(data.get("updatedAt")) or 0.0,
        user_updated_at=parse_time(data.get("userUpdatedAt")),
        # Of whoever spoke last (case 50), in spite of the name.
        spoken_at=parse_time(_dict(data.get("customerWaitingSince")).get("time")),
        threads=tuple(parse_thread(each) for each in threads)
        if isinstance(threads, list)
        else None,
        threads_count=int_in(data.get("threadsCount")) or 0,
        type=text_in(data.get("type")),
        customer_email=text_in(_dict(data.get("customer")).get("email")),
        via=text_in(_dict(data.get("source")).get("via")),
    )


def parse_thread(data: Any) -> Thread:
    """Parse one thread.

    Raises:
        ShapeError: A member on which a decision depends is missing.
    """
    created_at = parse_time(_get(data, "createdAt", str))
    if created_at is None:
        raise ShapeError("createdAt is no time")
    author = _dict(data.get("createdBy"))
    action = _dict(data.get("action"))
    files = _dict(data.get("_embedded")).get("attachments")
    return Thread(
        id=_get(data, "id", int),
        type=_get(data, "type", str),
        state=_get(data, "state", str),
        body=clean(data["body"]) if isinstance(data.get("body"), str) else "",
        created_at=created_at,
        source=text_in(_dict(data.get("source")).get("type")),
        author_type=text_in(author.get("type")),
        author=_names(author),
        author_id=int_in(author.get("id")),
        author_email=text_in(author.get("email")),
        customer_id=int_in(_dict(data.get("customer")).get("id")),
        action=text_in(action.get("type")),
        action_text=text_in(action.get("text")),
        files=tuple(_file(_dict(each)) for each in _list(files)),
        to=tuple(filter(None, map(text_in, data["to"])))
        if isinstance(data.get("to"), list)
        else None,
    )


def _names(person: dict[str, Any]) -> Names:
    return Names(text_in(person.get("firstName")), text_in(person.get("lastName")))


def _file(data: dict[str, Any]) -> DeskFile:
    return DeskFile(
        id=int_in(data.get("id")) or 0,
        name=decoded_name(text_in(data.get("fileName"))) or "?",
        url=text_in(data.get("fileUrl")),
        mime=text_in(data.get("mimeType")),
        size=int_in(data.get("size")),
    )


def parse_names(data: Any, what: str, members: tuple[str, ...]) -> dict[int, str]:
    """Parse names by id from a list answer; a name consists of ``members``.

    Raises:
        ShapeError: It is no such list.
    """
    rows = _get(_get(data, "_embedded", dict), what, list)
    return {
        row["id"]: " ".join(text_in(row.get(member)) for member in members).strip()
        for row in rows
        if int_in(_dict(row).get("id")) is not None
    }


def parse_customers(data: Any) -> list[tuple[int, list[str], float]]:
    """Parse customers of a list answer: id, social profile values, time of the last change.

    Raises:
        ShapeError: It is no such list.
    """
    return [
        (row["id"], _profiles(row), parse_time(row.get("updatedAt")) or 0.0)
        for row in _get(_get(data, "_embedded", dict), "customers", list)
        if int_in(_dict(row).get("id")) is not None
    ]


@dataclass(frozen=True, slots=True)
class Card:
    """A customer in a list: id, social profile values, time of creation."""

    id: int
    profiles: tuple[str, ...]
    created_at: float


def parse_cards(data: Any) -> list[Card]:
    """Parse customers of a list answer.

    Raises:
        ShapeError: It is no such list.
    """
    return [
        Card(row["id"], tuple(_profiles(row)), parse_time(row.get("createdAt")) or 0.0)
        for row in _get(_get(data, "_embedded", dict), "customers", list)
        if int_in(_dict(row).get("id")) is not None
    ]


def parse_total(data: Any) -> int:
    """Return the number of rows over all pages of a list; 0 if not given."""
    return int_in(_dict(_dict(data).get("page")).get("totalElements")) or 0


def _profiles(data: Any) -> list[str]:
    profiles = _dict(_dict(data).get("_embedded")).get("social_profiles")
    return [text_in(_dict(each).get("value")) for each in _list(profiles)]


def parse_customer(data: Any) -> Customer:
    """Parse one customer.

    Raises:
        ShapeError: It is none, or a list is missing: writing it back would empty it.
    """
    lists = _get(data, "_embedded", dict)
    phones = [_dict(each) for each in _get(lists, "phones", list)]
    return Customer(
        id=_get(data, "id", int),
        first_name=text_in(data.get("firstName")),
        last_name=text_in(data.get("lastName")),
        phones=tuple(
            (text_in(each.get("value")), text_in(each.get("type")) or "work") for each in phones
        ),
        profiles=tuple(_profiles(data)),
        updated_at=parse_time(data.get("updatedAt")) or 0.0,
    )


def parse_file_names(thread: Any) -> tuple[str, ...] | None:
    """Return the names of the attachments in the answer to a new thread; None if not given."""
    files = _dict(_dict(thread).get("_embedded")).get("attachments")
    return tuple(_file(_dict(each)).name for each in files) if isinstance(files, list) else None


def same_phone(one: str, other: str) -> bool:
    """Whether both are the same number, however written. Russians write +7 as 8."""
    return _digits(one) == _digits(other)


def _digits(phone: str) -> str:
    digits = re.sub(r"\D", "", phone)
    return f"7{digits[1:]}" if len(digits) == 11 and digits.startswith("8") else digits


def _get(data: Any, name: str, kind: type) -> Any:
    value = _dict(data).get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ShapeError(f"{name} is {type(value).__name__}, not {kind.__name__}")
    if isinstance(value, int) and int_in(value) is None:
        raise ShapeError(f"{name} is no number of 64 bits")
    return clean(value) if isinstance(value, str) else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# --- Which files are the desk's own, and where they are fetched (contract freescout.md 5, traps 12 and 18).


STORAGE = "/storage/attachment/"


def own_file(url: str) -> bool:
    """Whether the address is that of a file in a desk's storage.

    Judged by the path alone: its host is that of ``APP_URL``, which we do not know. That host is
    never contacted, see :func:`at_desk`.
    """
    return _stored(url) is not None


def at_desk(url: str, desk: str) -> str | None:
    """Return a desk file's address at the configured desk.

    FreeScout builds links to its files from ``APP_URL``, whatever address it is called at, and
    anybody who writes HTML can name any host. So only path, id and token are taken from a link; the
    host is always the configured one.

    Args:
        url: ``fileUrl``, or the source of a picture in a reply.
        desk: ``[freescout] url``.

    Returns:
        None if it is no file of a desk.
    """
    stored = _stored(url)
    return None if stored is None else desk.rstrip("/") + stored


def desk_egress(desk: str) -> EgressPolicy:
    """Return the rule for fetching the desk's files: its own host, its own storage.

    Private addresses are allowed because the administrator configured the host. A redirect may go
    from http to https (as with an https ``APP_URL``), never back.
    """
    own = httpx.URL(desk)

    def allowed(url: str) -> bool:
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL:
            return False
        if target.host != own.host or target.userinfo:
            return False
        same = (target.scheme, target.port) == (own.scheme, own.port)
        upgraded = (own.scheme, target.scheme, target.port) == ("http", "https", None)
        return (same or upgraded) and own_file(url)

    return EgressPolicy(allowed)


def _stored(url: str) -> str | None:
    """Return path and query of a file in a desk's storage, without the desk's own folder before it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("", "http", "https") or "\\" in url:
        return None
    _, storage, name = parts.path.partition(STORAGE)
    if not storage or not name or any(each in (".", "..") for each in unquote(name).split("/")):
        return None
    return f"{storage}{name}?{parts.query}" if parts.query else storage + name
