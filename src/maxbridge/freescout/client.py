"""FreeScout's calls: each returns plain data or raises a classified failure."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx

from maxbridge.beside import beside_answer
from maxbridge.core.errors import ApiError, Scope
from maxbridge.core.events import Conversation
from maxbridge.core.text import dialable
from maxbridge.files.egress import Fetched, Fetcher, GuardedRequest
from maxbridge.files.failures import file_error
from maxbridge.files.hosts import Hosts
from maxbridge.files.spool import Room
from maxbridge.files.transport import AiohttpTransport
from maxbridge.files.trust import Heard, trusted
from maxbridge.freescout.exchange import Answer, Exchange
from maxbridge.freescout.failures import bad_answer
from maxbridge.freescout.parse import (
    Card,
    Customer,
    ListReader,
    ShapeError,
    at_desk,
    desk_egress,
    format_time,
    parse_cards,
    parse_conversation,
    parse_conversations,
    parse_customer,
    parse_customers,
    parse_file_names,
    parse_names,
    parse_total,
    same_phone,
)

PAGE_SIZE = 100
FILE = "desk.file_"
"""What the codes of failures with the desk's files begin with."""
_TALKS = 20
_TOO_MUCH = frozenset({"desk.bad_answer", "desk.server_error", "desk.timeout"})
"""What comes of asking for more than an answer may have, or than PHP can give at once."""
_T = TypeVar("_T")
_NO_THREADS = {"embed": "tags"}
"""Any ``embed`` other than threads leaves the threads out (contract freescout.md 3, case 71)."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The result of a POST.

    Attributes:
        conversation_id: The ticket.
        thread_id: None if the answer does not tell.
        customer_id: None if the answer does not tell.
        desk_time: A moment of the desk's clock.
        files: Names of the attachments that the desk kept, as it calls them: it silently drops bad
            files (contract freescout.md 5). None if the answer does not tell.
        number: Visible number of a new ticket; 0 if the answer does not tell.
    """

    conversation_id: int
    thread_id: int | None
    customer_id: int | None
    desk_time: float
    files: tuple[str, ...] | None = None
    number: int = 0


class _TooMuchError(Exception):
    """The answer would be too large."""


class FreeScoutClient:
    """One connection pool to one FreeScout.

    Attributes:
        clock: The desk's time.
        directory: Mailboxes and users, as last requested.
        hosts: State of the host of its files; the owner may replace it by a watched one.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        now: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
        heard: Heard | None = None,
    ) -> None:
        """Prepare the client; nothing is called yet.

        Args:
            url: Address of FreeScout, without ``/api``.
            api_key: Key of the API & Webhooks module.
            now: Our clock.
            transport: Replaces the network, in tests.
            heard: Called with the certificates of connections.
        """
        verify = trusted(heard=heard)
        self._desk = Exchange(
            url, api_key, now=now, transport=transport or AiohttpTransport(verify)
        )
        self.clock = self._desk.clock
        self.directory = Directory()
        self._changes = ListReader()
        self._url = url
        # Files need no key (contract freescout.md 5), so theirs is a way that does not know it.
        self._line = GuardedRequest(desk_egress(url), verify=verify, transport=transport)
        self.hosts = Hosts()

    def page_of(self, conversation_id: int) -> str:
        """Return the address of a conversation's page for agents."""
        return f"{self._url.rstrip('/')}/conversation/{conversation_id}"

    def watch(self, told: Callable[[str], None]) -> None:
        """Report the end of each API call to ``told``: ``ok``, or the code of its failure."""
        self._desk.told = told

    async def close(self) -> None:
        """Close the connections."""
        await self._desk.close()
        await self._line.close()

    async def mailboxes(self) -> dict[int, str]:
        """Request the mailboxes: names by id. :attr:`directory` keeps all their data."""
        names, mails = await self._listed("mailboxes", ("name",), ("email",))
        self.directory.mailbox_names, self.directory.mailbox_mails = names, mails
        return names

    async def users(self) -> dict[int, str]:
        """Request the users: names by id. :attr:`directory` keeps their other data."""
        members = ("email",), ("phone",), ("jobTitle",), ("timezone",)
        names, *rest = await self._listed("users", ("firstName", "lastName"), *members)
        known = self.directory
        known.user_mails, known.user_phones, known.user_jobs, known.user_zones = rest
        return names

    async def honours_page_size(self) -> bool:
        """Whether the module is 1.0.87 or later. Older ones always list 50 users (contract 10)."""
        answer = await self._desk.get("users", params={"pageSize": "1"})
        page = answer.data.get("page") if isinstance(answer.data, dict) else None
        return isinstance(page, dict) and page.get("size") == 1

    async def changed_since(
        self, since: float, page_size: int = PAGE_SIZE
    ) -> tuple[list[Conversation], float]:
        """Conversations with any change at or after a desk time, oldest change first, no threads.

        Args:
            since: Desk time.
            page_size: Most rows; FreeScout sets no upper limit (contract freescout.md 3).

        Returns:
            The conversations and the desk's time of the answer.
        """
        answer = await self._desk.get(
            "conversations",
            params={
                "updatedSince": format_time(since),
                "sortField": "updatedAt",
                "sortOrder": "asc",
                "pageSize": str(page_size),
            },
        )
        return await self._shape(self._changes.read, answer), answer.desk_time

    async def chats_changed_last(
        self, since: float, page_size: int
    ) -> tuple[list[Conversation], float]:
        """Like :meth:`changed_since` from the other end, chats only: the latest change first."""
        answer = await self._desk.get(
            "conversations",
            params={
                "updatedSince": format_time(since),
                "type": "chat",
                "sortField": "updatedAt",
                "sortOrder": "desc",
                "pageSize": str(page_size),
            },
        )
        return await self._shape(parse_conversations, answer), answer.desk_time

    async def count_changed(self, since: float) -> int:
        """Return the number of conversations with a change at or after a desk time."""
        answer = await self._desk.get(
            "conversations", params={"updatedSince": format_time(since), "pageSize": "1"}
        )
        return parse_total(answer.data)

    async def created_since(self, since: float, *, page: int, page_size: int) -> list[Conversation]:
        """Return chat conversations created at or after a desk time, oldest first, with threads."""
        answer = await self._chats(since, page_size, page)
        return await self._shape(parse_conversations, answer)

    async def chats_since(
        self, since: float, page_size: int
    ) -> tuple[list[Conversation], int, float]:
        """Return all chat conversations created at or after a desk time, oldest first, with threads.

        Includes drafts and deleted ones. Expensive: 2 ms of the desk for each thread.

        Returns:
            A page of them, how many there are from that time, and the desk's time.
        """
        answer = await self._chats(since, page_size)
        rows = await self._shape(parse_conversations, answer)
        return rows, parse_total(answer.data), answer.desk_time

    async def _chats(self, since: float, page_size: int, page: int = 1) -> Answer:
        """Return a page of the chat conversations created at or after a desk time, oldest first, with threads."""
        return await self._desk.get(
            "conversations",
            params={
                "createdSince": format_time(since),
                "type": "chat",
                "sortField": "createdAt",
                "sortOrder": "asc",
                "embed": "threads",
                "pageSize": str(page_size),
                "page": str(page),
            },
        )

    async def customers_page(self, page: int) -> tuple[list[tuple[int, list[str], float]], int]:
        """Return a page of all customers, oldest first: id, social profile values, time of the last change.

        Returns:
            The customers (none after the last page), and their total number.
        """
        params = {
            "sortField": "createdAt",
            "sortOrder": "asc",
            "pageSize": str(PAGE_SIZE),
            "page": str(page),
        }
        answer = await self._desk.get("customers", params=params)
        return await self._shape(parse_customers, answer), parse_total(answer.data)

    async def by_number(self, number: int) -> Conversation | None:
        """Return the conversation with a visible number, without threads."""
        answer = await self._desk.get("conversations", params={"number": str(number)})
        found = await self._shape(parse_conversations, answer)
        return next((each for each in found if each.number == number), None)

    async def conversation(
        self, conversation_id: int, *, threads: bool
    ) -> tuple[Conversation, float]:
        """Return one conversation and the desk's time of the reading.

        Args:
            conversation_id: FreeScout's id, not its number.
            threads: With threads; costs the desk 2 ms each (contract freescout.md 7).
        """
        params = {} if threads else _NO_THREADS
        answer = await self._desk.get(f"conversations/{conversation_id}", params=params)
        # One ticket that cannot be read is not the desk's trouble.
        return await self._shape(parse_conversation, answer, Scope.ITEM), answer.desk_time

    async def customers_named(self, first: str, last: str) -> list[Card]:
        """Return the customers with exactly this name."""
        params = {"firstName": first, "pageSize": str(PAGE_SIZE)}
        if last:
            params["lastName"] = last
        answer = await self._desk.get("customers", params=params)
        return await self._shape(parse_cards, answer)

    async def customers_of_email(self, address: str) -> list[Card]:
        """Return the customers with this e-mail address."""
        answer = await self._desk.get("customers", params={"email": address})
        return await self._shape(parse_cards, answer)

    async def profiles_of(self, customer_id: int) -> tuple[str, ...] | None:
        """Return the values of a customer's social profiles; None if the customer does not exist (any more).

        When an agent merges two customers, one id disappears (contract freescout.md 2).
        """
        card = await self.find_customer(customer_id)
        return None if card is None else card.profiles

    async def find_customer(self, customer_id: int) -> Customer | None:
        """Return a customer record; None if it does not exist (any more)."""
        try:
            return await self.customer(customer_id)
        except ApiError as error:
            if error.failure.code != "desk.not_found":
                raise
            return None

    async def talks_of(self, customer_id: int) -> list[Conversation]:
        """Return a customer's latest conversations, with threads; expensive, so use it rarely.

        If the answer would be too large for us or for the desk, each is read separately; unreadable
        or deleted ones are left out.
        """
        with contextlib.suppress(_TooMuchError):
            return await self._talks(customer_id, {"embed": "threads"})
        rows = await self._talks(customer_id, {})
        talks: list[Conversation] = []
        for row in rows:
            try:
                talks.append((await self.conversation(row.id, threads=True))[0])
            except ApiError as error:
                if error.failure.scope is Scope.END:
                    raise
        return talks

    async def _talks(self, customer_id: int, more: Mapping[str, str]) -> list[Conversation]:
        params = {"customerId": str(customer_id), "pageSize": str(_TALKS), **more}
        try:
            answer = await self._desk.get("conversations", params=params)
            found = await self._shape(parse_conversations, answer, Scope.ITEM)
        except ApiError as error:
            if more and error.failure.code in _TOO_MUCH:
                raise _TooMuchError from None
            raise
        # A filter that the desk does not understand returns everything (contract freescout.md 1).
        return [each for each in found if each.customer_id == customer_id]

    async def open_conversation(self, body: Mapping[str, Any]) -> Posted:
        """Create a conversation; never repeated automatically.

        Args:
            body: As FreeScout takes it; :class:`DiskFile` may stand in ``attachments``.

        Raises:
            ApiError: ``desk.too_large``: the files do not fit into one request; a 500 may come
                after the thread was created without its files (trap 1).
        """
        answer = await self._desk.call("POST", "conversations", body=body)
        made = await self._shape(parse_conversation, answer)
        thread = made.threads[0] if made.threads else None
        return Posted(
            conversation_id=made.id,
            thread_id=thread.id if thread else None,
            customer_id=made.customer_id,
            desk_time=answer.desk_time,
            files=tuple(each.name for each in thread.files) if thread else None,
            number=made.number,
        )

    async def add_thread(self, conversation_id: int, body: Mapping[str, Any]) -> Posted:
        """Add a thread to a conversation; never repeated automatically.

        See :meth:`open_conversation`.
        """
        answer = await self._desk.call(
            "POST", f"conversations/{conversation_id}/threads", body=body
        )
        thread_id = answer.data.get("id") if isinstance(answer.data, dict) else None
        if not isinstance(thread_id, int):
            raise ApiError(bad_answer("thread without id"))
        files = parse_file_names(answer.data)
        return Posted(conversation_id, thread_id, None, answer.desk_time, files)

    async def fetch_file(self, url: str, room: Room, *, limit: int) -> Fetched:
        """Download a file that an agent attached, or a picture pasted into a reply.

        Args:
            url: The desk's address of it; only its path is used, with the configured host.
            room: Where the file is stored.
            limit: Bytes; a larger file is refused.

        Raises:
            ApiError: Certain in every case: ``desk.file_gone``, ``desk.file_too_large``, …
        """
        address = at_desk(url, self._url)
        if address is None:
            raise file_error(FILE, "refused_host", "no file of the desk")
        fetcher = Fetcher(self._line, FILE, hosts=self.hosts)
        return await fetcher.fetch(address, room, limit=limit)

    async def customer(self, customer_id: int) -> Customer:
        """Return a customer record.

        Raises:
            ApiError: ``desk.not_found``: merged into another one by an agent, for example.
        """
        answer = await self._desk.get(f"customers/{customer_id}")
        return await self._shape(parse_customer, answer, Scope.ITEM)

    async def customer_fields(self, customer_id: int) -> dict[str, Any]:
        """Return all fields of a customer record, unparsed.

        Raises:
            ApiError: ``desk.not_found``: it does not exist (any more).
        """
        answer = await self._desk.get(f"customers/{customer_id}")
        await self._shape(parse_customer, answer, Scope.ITEM)
        return dict(answer.data)

    async def change_customer(self, customer_id: int, fields: Mapping[str, Any]) -> None:
        """Set these fields of a customer record; lists replace the existing ones."""
        await self._desk.call("PUT", f"customers/{customer_id}", body=fields)

    async def update_customer_phones(self, customer_id: int, phone: str) -> bool:
        """Add a phone number to a customer record.

        The desk replaces the whole list (contract freescout.md 2 [12]), so it is read first; a
        change that an agent saves within these milliseconds is lost. Repeating the call does no
        harm.

        Args:
            customer_id: The customer.
            phone: As MAX wrote it: without the +, which is added because a phone that dials it from
                the page needs it.

        Returns:
            False if the record had the number already.
        """
        known = (await self.customer(customer_id)).phones
        if any(same_phone(phone, value) for value, _ in known):
            return False
        phones = [*known, (dialable(phone) or phone, "mobile")]
        body = {"phones": [{"value": value, "type": kind} for value, kind in phones]}
        await self._desk.call("PUT", f"customers/{customer_id}", body=body)
        return True

    async def _listed(self, what: str, *wanted: tuple[str, ...]) -> list[dict[int, str]]:
        """Return for each wanted member, or combination of members, its values by id."""
        answer = await self._desk.get(what, params={"pageSize": "500"})
        return await self._shape(
            lambda data: [parse_names(data, what, members) for members in wanted], answer
        )

    @staticmethod
    async def _shape(
        parse: Callable[[Any], _T], answer: Answer, scope: Scope = Scope.UNKNOWN
    ) -> _T:
        try:
            return await beside_answer(answer.size, parse, answer.data)
        except ShapeError as error:
            raise ApiError(replace(bad_answer(str(error)), scope=scope)) from error


# --- Who and what there is at the desk, as its lists told when they were last asked for.


@dataclass(slots=True)
class Directory:
    """Mailboxes and users by id; empty values are known to be empty.

    Attributes:
        mailbox_names: Names of mailboxes.
        mailbox_mails: Their addresses.
        user_mails: Addresses of users.
        user_phones: Their phone numbers.
        user_jobs: Their job titles.
        user_zones: The time zones in which they read times, such as ``Europe/Moscow``.
    """

    mailbox_names: dict[int, str] = field(default_factory=dict)
    mailbox_mails: dict[int, str] = field(default_factory=dict)
    user_mails: dict[int, str] = field(default_factory=dict)
    user_phones: dict[int, str] = field(default_factory=dict)
    user_jobs: dict[int, str] = field(default_factory=dict)
    user_zones: dict[int, str] = field(default_factory=dict)
