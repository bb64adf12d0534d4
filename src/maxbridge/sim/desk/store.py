"""The tables of the simulated FreeScout and the basic changes that all actions consist of."""

from __future__ import annotations

import hashlib
from itertools import count
from typing import TYPE_CHECKING, Any

from maxbridge.sim.desk.model import (
    COUNTED_TYPES,
    Attachment,
    Conversation,
    Customer,
    Email,
    Labelled,
    Mailbox,
    Thread,
    User,
)
from maxbridge.sim.desk.php import PhpError, decode_base64
from maxbridge.sim.desk.text import file_name, preview

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from maxbridge.sim.wire import Now

FOLDERS = ("Unassigned", "Drafts", "Assigned", "Closed", "Spam", "Deleted")
"""The shared folders of a mailbox, in the order of their ids (case 02)."""

_LONGEST_NAME = 255
_LONGEST_NOTES = 65535
_LONGEST_SUBJECT = 998


class DeskStore:
    """Customers, conversations, threads and files; ids are given once and never again."""

    def __init__(
        self,
        *,
        now: Now,
        app_url: str,
        mailboxes: Iterable[tuple[int, str]],
        users: Iterable[tuple[int, str, str]],
    ) -> None:
        self._now = now
        self.app_url = app_url.rstrip("/")
        self.installed_at = self.second()
        self.zone = "Europe/Moscow"
        self.mailboxes = {row[0]: Mailbox(*row, place) for place, row in enumerate(mailboxes)}
        self.users = {row[0]: User(*row) for row in users}
        self.customers: dict[int, Customer] = {}
        self.conversations: dict[int, Conversation] = {}
        self.threads: dict[int, Thread] = {}
        self._standing: dict[int, dict[int, Thread]] = {}
        """The threads again, by the conversation that they stand in."""
        self.attachments: dict[int, Attachment] = {}
        self.late_attachments = False
        self.storage_broken = False
        self._customer_ids: Iterator[int] = count(1)
        self._email_ids: Iterator[int] = count(1)
        self._conversation_ids: Iterator[int] = count(1)
        self._thread_ids: Iterator[int] = count(1)
        self._attachment_ids: Iterator[int] = count(1)

    def second(self) -> int:
        """FreeScout's own clock, in whole seconds."""
        return int(self._now())

    # Customers

    def add_customer(self, **fields: Any) -> Customer:
        """Insert a customer."""
        now = self.second()
        customer = Customer(next(self._customer_ids), now, now, **fields)
        self.customers[customer.id] = customer
        return customer

    def make_email(self, value: str, kind: str = "work") -> Email:
        """Give an address its id."""
        return Email(next(self._email_ids), value, kind)

    def email_of(self, customer_id: int | None) -> str:
        """Give a customer's first address, empty without one."""
        customer = self.customers.get(customer_id or 0)
        return customer.email if customer else ""

    def customer_by_email(self, email: str) -> Customer | None:
        """Find the owner of an address; letter case does not matter (contract 2, case 10)."""
        wanted = email.casefold()
        for customer in self.customers.values():
            if any(row.value.casefold() == wanted for row in customer.emails):
                return customer
        return None

    def customer_by_phone(self, phone: str) -> Customer | None:
        """Find by exact digits (contract freescout.md 2, case 21)."""
        wanted = digits(phone)
        for customer in self.customers.values():
            if any(digits(row.value) == wanted for row in customer.phones):
                return customer
        return None

    @staticmethod
    def cut_customer(customer: Customer) -> None:
        """Cut over-long values, as MySQL does when it stores them (contract freescout.md 1)."""
        for name in ("first_name", "last_name"):
            value = getattr(customer, name)
            setattr(customer, name, value[:_LONGEST_NAME] if value else value)
        if customer.notes:
            notes = customer.notes.encode()[:_LONGEST_NOTES]
            customer.notes = notes.decode(errors="ignore")

    # Conversations

    def add_conversation(self, **fields: Any) -> Conversation:
        """Insert a conversation, updated now."""
        now = self.second()
        row = {"created_at": now, "updated_at": now, **fields}
        conversation = Conversation(id=next(self._conversation_ids), **row)
        self.conversations[conversation.id] = conversation
        self.refile(conversation)
        return conversation

    def drop_conversation(self, conversation_id: int) -> None:
        """Remove a conversation and its threads for ever; the ids stay used up.

        The line in a conversation that was merged into it names no number any more.
        """
        del self.conversations[conversation_id]
        for thread in self.threads_of(conversation_id):
            self.drop_thread(thread.id)
        for thread in self.threads.values():
            if thread.merged_into == conversation_id:
                thread.did = "merged into conversation #"

    @staticmethod
    def cut_conversation(conversation: Conversation) -> None:
        """Cut the subject as MySQL does (contract freescout.md 3, case 22)."""
        conversation.subject = conversation.subject[:_LONGEST_SUBJECT]

    def folder_id(self, mailbox_id: int, name: str) -> int:
        """Compute the id of a shared folder: six for a mailbox, then two for each user."""
        per_mailbox = len(FOLDERS) + 2 * len(self.users)
        return self.mailboxes[mailbox_id].position * per_mailbox + FOLDERS.index(name) + 1

    def refile(self, conversation: Conversation) -> None:
        """Put a conversation into the folder that its state, status and assignee ask for."""
        conversation.folder_id = self.folder_id(conversation.mailbox_id, _folder(conversation))

    def touch(self, conversation: Conversation, *, by_user: bool) -> None:
        """Move updatedAt, and userUpdatedAt if an agent did it; refile."""
        conversation.updated_at = self.second()
        if by_user:
            conversation.user_updated_at = conversation.updated_at
        self.refile(conversation)

    def change_status(
        self, conversation: Conversation, status: str, closed_by: int | None = None
    ) -> None:
        """Set a status; who closed it, and when, outlives the closing (cases 34, 56)."""
        if status == "closed" and closed_by is not None:
            conversation.closed_by = closed_by
            conversation.closed_at = self.second()
        conversation.status = status

    # Threads

    def add_thread(self, conversation: Conversation, **fields: Any) -> Thread:
        """Insert a thread of the conversation's customer and assignee, made now."""
        row = {
            "created_at": self.second(),
            "customer_id": conversation.customer_id,
            "assignee_id": conversation.assignee_id,
            **fields,
        }
        thread = Thread(id=next(self._thread_ids), conversation_id=conversation.id, **row)
        self.threads[thread.id] = thread
        self._standing.setdefault(conversation.id, {})[thread.id] = thread
        return thread

    def drop_thread(self, thread_id: int) -> None:
        """Remove a thread for ever."""
        thread = self.threads.pop(thread_id)
        del self._standing[thread.conversation_id][thread_id]

    def move_thread(self, thread: Thread, into: int) -> None:
        """Put a thread into another conversation; its id stays (case 57)."""
        del self._standing[thread.conversation_id][thread.id]
        thread.conversation_id = into
        self._standing.setdefault(into, {})[thread.id] = thread

    def add_lineitem(
        self, conversation: Conversation, action: str, did: str, user: int, **fields: Any
    ) -> Thread:
        """Insert the line that an agent's change leaves in a conversation."""
        row = {"body": None, "status": "nochange", **fields}
        return self.add_thread(
            conversation,
            type="lineitem",
            source_type="web",
            created_by_user=user,
            action=action,
            did=did,
            **row,
        )

    def threads_of(self, conversation_id: int) -> list[Thread]:
        """All threads of a conversation, drafts included."""
        return sorted(self._standing.get(conversation_id, {}).values(), key=lambda row: row.id)

    def published_of(self, conversation_id: int) -> list[Thread]:
        """List the threads the API shows: newest first, ascending id in a second (contract 3)."""
        shown = [row for row in self.threads_of(conversation_id) if row.published]
        return sorted(shown, key=lambda row: (-row.created_at, row.id))

    def last_words(self, conversation_id: int, *, forwards: bool = True) -> Thread | None:
        """The newest published thread that is not a line item, nor the note of a forward."""
        spoken = [
            row
            for row in self.published_of(conversation_id)
            if row.type != "lineitem" and (forwards or row.forwarded_to is None)
        ]
        return max(spoken, key=lambda row: (row.created_at, row.id), default=None)

    def count_thread(self, conversation: Conversation, thread: Thread) -> None:
        """Let a freshly published thread change preview, threadsCount and latest reply."""
        if not thread.published or thread.type == "lineitem":
            return
        conversation.preview = preview(thread.body)
        if thread.type in COUNTED_TYPES:
            conversation.threads_count += 1
            conversation.waiting_since = self.second()
            conversation.latest_reply_from = thread.via

    def recap(self, conversation: Conversation) -> None:
        """Recompute preview and latest reply after a thread has gone; the count stays (case 54).

        The note of a forward is no preview.
        """
        last = self.last_words(conversation.id, forwards=False)
        if last is None:
            return
        conversation.preview = preview(last.body)
        replies = [row for row in self.published_of(conversation.id) if row.type in COUNTED_TYPES]
        if replies:
            newest = max(replies, key=lambda row: (row.created_at, row.id))
            conversation.waiting_since = newest.created_at
            conversation.latest_reply_from = newest.via

    # Files

    def store_file(self, name: str, mime_type: str, data: bytes | str) -> Attachment:
        """Store a file that belongs to no thread yet.

        Raises:
            PhpError: If the storage is not writable (case 84).
        """
        if self.storage_broken:
            raise PhpError
        content = data if isinstance(data, bytes) else decode_base64(data)
        clean_name = file_name(name)
        number = next(self._attachment_ids)
        token = hashlib.sha256(f"{self.app_url} {number}".encode()).hexdigest()
        folder = f"{int(token[0], 16) % 10}/{int(token[1], 16) % 10}"
        twins = sum(
            row.name == clean_name and row.folder.startswith(folder)
            for row in self.attachments.values()
        )
        attachment = Attachment(
            number, clean_name, mime_type, content, f"{folder}/{twins + 1}", token
        )
        self.attachments[number] = attachment
        return attachment

    def file_url(self, attachment: Attachment) -> str:
        """Build the address from APP_URL; only ``%`` in a name is encoded (case 40)."""
        path = attachment.path.replace("%", "%25")
        return f"{self.app_url}{path}?id={attachment.id}&token={attachment.token}"


def digits(phone: str) -> str:
    """Reduce a phone to its digits."""
    return "".join(letter for letter in phone if letter in "0123456789")


def unite(kept: list[Labelled], added: list[Labelled]) -> list[Labelled]:
    """Unite two lists of phones or profiles without doubles."""
    return kept + [row for row in added if row not in kept]


def _folder(conversation: Conversation) -> str:
    special = {"draft": "Drafts", "deleted": "Deleted"}.get(conversation.state)
    special = special or {"spam": "Spam", "closed": "Closed"}.get(conversation.status)
    return special or ("Unassigned" if conversation.assignee_id is None else "Assigned")
