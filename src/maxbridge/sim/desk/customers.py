"""The customers' endpoints, and the customer written into a conversation or thread."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from maxbridge.sim.desk import query
from maxbridge.sim.desk.answers import ApiError, Call, created, invalid, no_content, not_found
from maxbridge.sim.desk.json import customer_json
from maxbridge.sim.desk.model import Customer, DeskEvent, Email, Labelled
from maxbridge.sim.desk.php import Params, PhpError, to_id, to_text
from maxbridge.sim.desk.text import strip_tags
from maxbridge.sim.wire import Response

if TYPE_CHECKING:
    from maxbridge.sim.desk.state import DeskState

Emit = Callable[[DeskEvent], None]

_TEXTS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "jobTitle": "job_title",
    "company": "company",
    "notes": "notes",
}
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")
_PLACE = ("city", "state", "zip", "country")
_COUNTRY = re.compile(r"[A-Z]{2}")
"""What its list of countries has, more or less."""
DEFAULT_KIND = "work"
EMAIL_TYPES = frozenset(("work", "home", "other"))
PHONE_TYPES = frozenset(("work", "home", "other", "mobile", "fax", "pager"))
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
SOCIAL_TYPES = frozenset(
    "twitter facebook telegram linkedin aboutme google googleplus tungleme quora foursquare youtube "
    "flickr vk other".split()
)
"""Kinds of social profiles that FreeScout knows; any other comes back as ``other`` (contract 12)."""


class CustomersApi:
    """GET, POST and PUT of customers (contract freescout.md 2)."""

    def __init__(self, state: DeskState, emit: Emit) -> None:
        self._state = state
        self._emit = emit

    def index(self, call: Call) -> Response:
        """Answer GET /customers."""
        rows = query.customers(self._state, call.query)
        return Response.json(200, query.page(rows, call.query, "customers", customer_json))

    def show(self, call: Call) -> Response:
        """Answer GET /customers/{id}."""
        return Response.json(200, customer_json(self._find(call)))

    def create(self, call: Call) -> Response:
        """Answer POST /customers; names and phones are not checked for doubles (case 10)."""
        self._refuse_known_emails(call.params)
        customer = self._insert(call.params)
        self._emit(DeskEvent("customer created"))
        answer = created(customer.id, customer_json(customer))  # uncut, as measured
        self._state.cut_customer(customer)
        return answer

    def update(self, call: Call) -> Response:
        """Answer PUT /customers/{id}: partial, lists are replaced, emailsAdd adds (case 12).

        Unlike in POST, ``email`` means nothing, ``phone`` is added, an e-mail address may be a plain string, and no
        list of these empties them: one of empty texts does.
        """
        customer = self._find(call)
        params = {**call.params}
        emails, phone, _ = (params.pop(name, None) for name in ("emails", "phone", "email"))
        fields = self._read(params, put=True)
        if "address" in fields:
            fields["address"] = {**customer.address, **fields["address"]}
        if phone := _plain(phone):
            fields["phones"] = [*fields.get("phones", customer.phones), Labelled(phone, "work")]
        added = _rows(params.get("emails_add") or params.get("emailsAdd"))
        if emails:
            fields["emails"] = self._known(self._emails(_addresses(_rows(emails))))
        elif added:
            new = self._emails(_addresses(added))
            # One that anybody has already is left with them.
            free = [row for row in new if self._state.customer_by_email(row.value) is None]
            fields["emails"] = [*customer.emails, *free]
        before = customer.emails
        changed = {
            name: value for name, value in fields.items() if getattr(customer, name) != value
        }
        for name, value in changed.items():
            setattr(customer, name, value)
        if changed:
            customer.updated_at = self._state.second()
        if emails:
            self._part_with(before, customer)
        self._state.cut_customer(customer)
        self._emit(DeskEvent("customer changed"))
        return no_content()

    def _known(self, given: list[Email]) -> list[Email]:
        """Give those that somebody has already as they are; the oldest, which is the main one, first."""
        known = {
            row.value.casefold(): row
            for customer in self._state.customers.values()
            for row in customer.emails
        }
        once = {row.value.casefold(): row for row in given}
        return sorted((known.get(each, once[each]) for each in once), key=lambda row: row.id)

    def _part_with(self, before: list[Email], customer: Customer) -> None:
        """Take addresses from a customer, and those given to them from others.

        An address that a conversation bears is not deleted: it gets a nameless customer of its own.
        """
        given = {row.value.casefold() for row in customer.emails}
        for other in self._state.customers.values():
            if other is not customer:
                other.emails = [row for row in other.emails if row.value.casefold() not in given]
        borne = {row.customer_email.casefold() for row in self._state.conversations.values()}
        for row in before:
            if row.value.casefold() in borne - given:
                self._state.add_customer(emails=[row])

    def resolve(self, given: Any) -> Customer:
        """Find or make the customer written into a conversation or thread (contract 2, case 21).

        By id, names ignored; by email or phone, found or made; by names only, always a new one.
        """
        params: Params = given if isinstance(given, dict) else {}
        if params.get("id") is not None:
            return self._by_id(params["id"])
        found = self._by_email(params) or self._by_phone(params)
        if found is None:
            found = self._insert(params)
            self._state.cut_customer(found)
        return found

    def _by_id(self, given: Any) -> Customer:
        customer = self._state.customers.get(to_id(given))
        if customer is None:
            message = f"Customer with the following ID not found: {to_text(given)}"
            raise invalid("customer", message)
        return customer

    def _by_email(self, params: Params) -> Customer | None:
        found = (self._state.customer_by_email(row.value) for row in _given_emails(params))
        return next((customer for customer in found if customer), None)

    def _by_phone(self, params: Params) -> Customer | None:
        found = (self._state.customer_by_phone(row.value) for row in _given_phones(params) or ())
        return next((customer for customer in found if customer), None)

    def _find(self, call: Call) -> Customer:
        customer = self._state.customers.get(to_id(call.ids[0]))
        if customer is None:
            raise not_found()
        return customer

    def _refuse_known_emails(self, params: Params) -> None:
        """Refuse addresses of which none is new; a list of plain strings has no new one, either."""
        if not params.get("email") and not params.get("emails"):
            return
        given = _given_emails(params)
        if all(self._state.customer_by_email(row.value) for row in given):
            raise invalid("emails", "Customers with such email(s) already exist")

    def _insert(self, params: Params) -> Customer:
        fields = self._read(params)
        if not fields.get("first_name") and not fields.get("emails"):
            raise _nameless()
        return self._state.add_customer(**fields)

    def _read(self, params: Params, *, put: bool = False) -> dict[str, Any]:
        """Read the fields given; photoUrl is unreachable here, the rest is ignored (contract 2)."""
        fields: dict[str, Any] = {
            column: _plain(params[key]) for key, column in _TEXTS.items() if key in params
        }
        if fields.get("notes"):
            fields["notes"] = re.sub(r"\r?\n|\r", " ", fields["notes"])
        if "email" in params or "emails" in params:
            _check_types(_rows(params.get("emails")))
            fields["emails"] = self._emails(_given_emails(params))
        lists: dict[str, Any] = {
            "phones": _given_phones(params),
            "social_profiles": _given_profiles(params.get("socialProfiles")),
            "websites": _given_websites(params.get("websites")),
            "address": _given_address(params, put=put),
        }
        return {**fields, **{name: value for name, value in lists.items() if value is not None}}

    def _emails(self, given: list[Labelled]) -> list[Email]:
        for row in given:
            if not _EMAIL.fullmatch(row.value):
                raise invalid("emails", f"Invalid email: {row.value}")
        return [self._state.make_email(row.value, row.type) for row in given]


def _nameless() -> ApiError:
    return invalid("customer.first_name", "Customer first name or email is required.")


def _plain(given: Any) -> str | None:
    text = to_text(given)
    return strip_tags(text) or None if text else None


def _rows(given: Any) -> list[Any]:
    """Read a list that may be missing, null or a single value."""
    if given is None:
        return []
    return given if isinstance(given, list) else [given]


def _labelled(given: Any, kind: str = DEFAULT_KIND) -> list[Labelled]:
    """Read rows that are plain strings or objects with value and type."""
    rows = []
    for row in _rows(given):
        pair = row if isinstance(row, dict) else {"value": row}
        value = _plain(pair.get("value"))
        if value:
            rows.append(Labelled(value, _plain(pair.get("type")) or kind))
    return rows


def _given_emails(params: Params) -> list[Labelled]:
    """Read the addresses of a POST: a list of plain strings holds none."""
    listed = [row for row in _rows(params.get("emails")) if isinstance(row, dict)]
    return _kinds(_labelled(listed) + _labelled(params.get("email")), EMAIL_TYPES)


def _addresses(rows: list[Any]) -> list[Labelled]:
    """Read the addresses of a PUT, which may be plain strings."""
    _check_types(rows)
    return _kinds(_labelled(rows), EMAIL_TYPES)


def _check_types(rows: list[Any]) -> None:
    """Let a request die of an address without a type (measured on 1.8.235)."""
    if any(isinstance(row, dict) and "type" not in row for row in rows):
        raise PhpError


def _given_phones(params: Params) -> list[Labelled] | None:
    """Read phones; a plain string for the list kills the request."""
    if "phone" not in params and "phones" not in params:
        return None
    if isinstance(params.get("phones"), str):
        raise PhpError
    return _kinds(_labelled(params.get("phones")) + _labelled(params.get("phone")), PHONE_TYPES)


def _given_profiles(given: Any) -> list[Labelled] | None:
    """Read social profiles; plain strings kill the request (contract freescout.md 1, case 10).

    One without a type is dropped, and so is the second one with the same value.
    """
    if given is None:
        return None
    if not isinstance(given, list) or any(not isinstance(row, dict | list) for row in given):
        raise PhpError
    typed = [row for row in given if isinstance(row, dict) and "type" in row]
    rows = [
        Labelled(row.value, row.type if row.type in SOCIAL_TYPES else "other")
        for row in _labelled(typed)
    ]
    return list({row.value: row for row in reversed(rows)}.values())[::-1]


def _kinds(rows: list[Labelled], known: frozenset[str]) -> list[Labelled]:
    """Replace kinds that FreeScout does not know."""
    return [Labelled(row.value, row.type if row.type in known else DEFAULT_KIND) for row in rows]


def _given_websites(given: Any) -> list[str] | None:
    """Read websites; one without a scheme gets http."""
    if given is None:
        return None
    sites = [row.value for row in _labelled(given)]
    return [site if _SCHEME.match(site) else f"http://{site}" for site in sites]


def _given_address(params: Params, *, put: bool) -> dict[str, str | None] | None:
    """Read a place, whose parts stand in the object ``address`` or beside it, which is stronger.

    PHP 8 dies of an empty country, of an object without a street (in a PUT also of one with an empty street), and
    of a street beside the others, which only an empty one may be (measured on 1.8.235).
    """
    given = params.get("address")
    places: Params = {}
    if given:
        if not isinstance(given, dict) or not (given.get("address") if put else "address" in given):
            raise PhpError
        places = {**given}
    elif "address" in params and not isinstance(given, dict | list):
        places = {"address": None}
    places |= {name: params[name] for name in _PLACE if name in params}
    if not places:
        return None
    found = {name: (_plain(value) or "").strip() or None for name, value in places.items()}
    if "country" in found:
        if found["country"] is None:
            raise PhpError
        country = found["country"].upper()
        found["country"] = country if _COUNTRY.fullmatch(country) else ""
    return found
