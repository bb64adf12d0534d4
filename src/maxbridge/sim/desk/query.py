"""Filters, order and pages of the lists, including FreeScout's tolerance of invalid values (case 70)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from maxbridge.sim.desk.model import (
    CONVERSATION_STATES,
    CONVERSATION_TYPES,
    STATUSES,
    Conversation,
    Customer,
)
from maxbridge.sim.desk.php import PhpError, parse_time, to_id
from maxbridge.sim.desk.store import DeskStore, digits

Query = Mapping[str, str | None]
Row = TypeVar("Row")
Test = Callable[[Any], bool]

DEFAULT_PAGE_SIZE = 50


def page(rows: Sequence[Row], query: Query, name: str, build: Callable[[Row], Any]) -> Any:
    """Cut an OFFSET page; past the end it is empty, and pageSize has no maximum (contract 3).

    Raises:
        PhpError: On a negative or non-numeric pageSize.
    """
    size = _page_size(query)
    number = _page_number(query)
    start = int((number - 1) * size)
    shown = rows[start : start + int(size)]
    return {
        "_embedded": {name: [build(row) for row in shown]},
        "page": {
            "size": int(size),
            "totalElements": len(rows),
            "totalPages": max(1, math.ceil(len(rows) / size)),
            "number": number,
        },
    }


def _page_size(query: Query) -> float:
    """Read pageSize as a number: 1.5 shows one row and counts pages of one and a half."""
    try:
        size = float(query.get("pageSize") or 0)
    except ValueError as error:
        raise PhpError from error
    if size and not 1 <= size < math.inf:
        raise PhpError
    return size or DEFAULT_PAGE_SIZE


def _page_number(query: Query) -> int:
    text = query.get("page") or ""
    return max(1, to_id(text)) if text.isdecimal() else 1


def conversations(store: DeskStore, query: Query) -> list[Conversation]:
    """List conversations: filtered, sorted, ties by ascending id in either order (case 73).

    Raises:
        PhpError: On a date that cannot be read.
    """
    tests = _conversation_tests(store, query) + _since_tests(store, query)
    rows = _passing(store.conversations.values(), tests)
    rows.sort(key=lambda row: row.id)
    keys: dict[str, Callable[[Conversation], Any]] = {
        "createdAt": lambda row: row.created_at,
        "updatedAt": lambda row: row.updated_at,
        "number": lambda row: row.id,
        "subject": lambda row: row.subject.casefold(),
        "mailboxId": lambda row: row.mailbox_id,
        "waitingSince": lambda row: row.waiting_since or 0,
    }
    key = keys.get(query.get("sortField") or "", keys["createdAt"])
    rows.sort(key=key, reverse=not _ascending(query))
    return rows


def customers(store: DeskStore, query: Query) -> list[Customer]:
    """List customers; there is no filter by notes, profile or id (case 11).

    Raises:
        PhpError: On a date that cannot be read.
    """
    tests = _customer_tests(query) + _since_tests(store, query)
    rows = _passing(store.customers.values(), tests)
    keys: dict[str, Callable[[Customer], Any]] = {
        "createdAt": lambda row: row.created_at,
        "updatedAt": lambda row: row.updated_at,
        "firstName": lambda row: (row.first_name or "").casefold(),
        "lastName": lambda row: (row.last_name or "").casefold(),
    }
    key = keys.get(query.get("sortField") or "", keys["createdAt"])
    rows.sort(key=lambda row: (key(row), row.id), reverse=not _ascending(query))
    return rows


def _passing(rows: Iterable[Row], tests: Iterable[Test]) -> list[Row]:
    """Filter by one test after the other: quicker for many rows than all tests for each row."""
    found = list(rows)
    for test in tests:
        found = [row for row in found if test(row)]
    return found


def has_phone(customer: Customer | None, phone: str) -> bool:
    """Match digits as a substring: ``abc`` matches whoever has a phone (contract 2, case 11)."""
    wanted = digits(phone)
    return customer is not None and any(wanted in digits(row.value) for row in customer.phones)


def has_email(customer: Customer | None, email: str) -> bool:
    """Match an address exactly, without regard to letter case (case 11)."""
    wanted = email.casefold()
    return customer is not None and any(row.value.casefold() == wanted for row in customer.emails)


def _ascending(query: Query) -> bool:
    return query.get("sortOrder") == "asc"  # "ASC" is not understood (case 70)


def _since_tests(store: DeskStore, query: Query) -> list[Test]:
    """Make the tests for updatedSince and createdSince: at or after, whole seconds (case 73)."""
    tests: list[Test] = []
    if updated := query.get("updatedSince"):
        updated_since = parse_time(updated, store.second())
        tests.append(lambda row: row.updated_at >= updated_since)
    if created := query.get("createdSince"):
        created_since = parse_time(created, store.second())
        tests.append(lambda row: row.created_at >= created_since)
    return tests


def _conversation_tests(store: DeskStore, query: Query) -> list[Test]:
    tests = _choice_tests(query) + _id_tests(query) + _person_tests(store, query)
    mailboxes = query.get("mailboxId")
    if mailboxes and mailboxes != "0":  # PHP falsy: the filter is dropped
        wanted = {to_id(part) for part in mailboxes.split(",")}
        tests.append(lambda row: row.mailbox_id in wanted)
    if "assignedTo" in query:  # empty means nobody
        assignee = to_id(query["assignedTo"]) if query["assignedTo"] else None
        tests.append(lambda row: row.assignee_id == assignee)
    if subject := (query.get("subject") or "").casefold():
        tests.append(lambda row: subject in row.subject.casefold())
    return tests


def _choice_tests(query: Query) -> list[Test]:
    """Filter by status (a list), state and type; unknown values are dropped (contract 3)."""
    tests: list[Test] = []
    parts = [part.strip() for part in (query.get("status") or "").split(",")]
    if statuses := _known(parts, STATUSES):
        tests.append(lambda row: row.status in statuses)
    if states := _known([query.get("state")], CONVERSATION_STATES):
        tests.append(lambda row: row.state in states)
    if types := _known([query.get("type")], CONVERSATION_TYPES):
        tests.append(lambda row: row.type in types)
    return tests


def _known(given: Iterable[str | None], known: Sequence[str]) -> set[str]:
    return {value for value in given if value is not None and value in known}


def _id_tests(query: Query) -> list[Test]:
    columns = {
        "customerId": "customer_id",
        "folderId": "folder_id",
        "number": "id",
        "createdByUserId": "created_by_user",
        "createdByCustomerId": "created_by_customer",
    }
    return [
        _equals(column, to_id(query[name])) for name, column in columns.items() if query.get(name)
    ]


def _equals(column: str, wanted: int) -> Test:
    return lambda row: bool(getattr(row, column) == wanted)


def _person_tests(store: DeskStore, query: Query) -> list[Test]:
    tests: list[Test] = []
    if email := query.get("customerEmail"):
        tests.append(lambda row: row.customer_email.casefold() == email.casefold())
    if phone := query.get("customerPhone"):
        tests.append(lambda row: has_phone(store.customers.get(row.customer_id), phone))
    return tests


def _customer_tests(query: Query) -> list[Test]:
    tests: list[Test] = []
    if email := query.get("email"):
        tests.append(lambda row: has_email(row, email))
    if phone := query.get("phone"):
        tests.append(lambda row: has_phone(row, phone))
    if first := (query.get("firstName") or "").casefold():
        tests.append(lambda row: (row.first_name or "").casefold() == first)
    if last := (query.get("lastName") or "").casefold():
        tests.append(lambda row: (row.last_name or "").casefold() == last)
    return tests
