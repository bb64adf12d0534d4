"""The rows of the simulated FreeScout's tables.

Times are whole seconds since the epoch, as FreeScout keeps them (contract freescout.md 7).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

STATUSES = ("active", "pending", "closed", "spam")
CONVERSATION_STATES = ("published", "draft", "deleted")
CONVERSATION_TYPES = ("email", "phone", "chat", "custom")
THREAD_STATES = ("published", "draft", "hidden")
THREAD_TYPES = ("customer", "message", "note", "lineitem")
COUNTED_TYPES = ("customer", "message")
"""Threads that raise threadsCount and set "latest reply from"; notes and line items do not."""

UNDO_SECONDS = 15
PREVIEW_LETTERS = 255

FileIn = tuple[str, str, bytes | str]
"""A file as the agent's browser uploads it: name, MIME type, content (as text: in base64)."""


@dataclass(frozen=True, slots=True)
class DeskEvent:
    """A change made over the API, for an observer of the simulator (the demo prints it)."""

    kind: str
    conversation_id: int | None = None
    thread_id: int | None = None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox; ``position`` decides its folders' ids."""

    id: int
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class User:
    """An agent."""

    id: int
    first_name: str
    last_name: str

    @property
    def name(self) -> str:
        """The name as action texts show it."""
        return f"{self.first_name} {self.last_name}"

    @property
    def email(self) -> str:
        """A made-up address."""
        return f"{self.last_name.lower()}@lab.test"


class Email(NamedTuple):
    """A customer's address: their only unique property."""

    id: int
    value: str
    type: str = "work"


class Labelled(NamedTuple):
    """A phone or a social profile with the kind it was given."""

    value: str
    type: str


@dataclass(slots=True)
class Customer:
    """A customer."""

    id: int
    created_at: int
    updated_at: int
    first_name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    company: str | None = None
    notes: str | None = None
    emails: list[Email] = field(default_factory=list)
    phones: list[Labelled] = field(default_factory=list)
    social_profiles: list[Labelled] = field(default_factory=list)
    websites: list[str] = field(default_factory=list)
    address: dict[str, str | None] = field(default_factory=dict)

    @property
    def email(self) -> str:
        """The main address; an empty string, not null, when there is none."""
        return self.emails[0].value if self.emails else ""

    @property
    def name(self) -> str:
        """The name as action texts show it."""
        parts = [part for part in (self.first_name, self.last_name) if part]
        return " ".join(parts) or self.email


@dataclass(slots=True)
class Attachment:
    """A stored file; ``folder`` and ``token`` make its address."""

    id: int
    name: str
    mime_type: str
    data: bytes
    folder: str
    token: str

    @property
    def path(self) -> str:
        """The path under the application's address, as it is stored (not percent-encoded)."""
        return f"/storage/attachment/{self.folder}/{self.name}"


@dataclass(slots=True)
class Thread:
    """One entry of a conversation."""

    id: int
    conversation_id: int
    type: str
    body: str | None
    created_at: int
    source_type: str
    customer_id: int | None
    status: str = "active"
    state: str = "published"
    created_by_user: int | None = None
    created_by_customer: int | None = None
    assignee_id: int | None = None
    to: list[str] = field(default_factory=list)
    action: str = ""
    did: str = "replied to conversation #{number}"
    """What its author did; ``{number}`` is the conversation it stands in *now* (case 57), ``{customer}`` the name its customer has *now*."""
    attachments: list[Attachment] = field(default_factory=list)
    files_late: bool = False
    forwarded_to: int | None = None
    merged_into: int | None = None

    @property
    def via(self) -> str:
        """Who made it: ``user`` or ``customer``."""
        return "user" if self.created_by_user is not None else "customer"

    @property
    def published(self) -> bool:
        """Whether the API shows it (contract freescout.md 3: drafts and hidden ones never)."""
        return self.state == "published"


@dataclass(slots=True)
class Conversation:
    """A ticket."""

    id: int
    mailbox_id: int
    type: str
    subject: str
    customer_id: int | None
    created_at: int
    updated_at: int
    source_type: str
    customer_email: str = ""
    """Where replies go: the customer's first address when they last wrote, not the one they have now."""
    created_by_user: int | None = None
    created_by_customer: int | None = None
    status: str = "active"
    state: str = "published"
    folder_id: int = 0
    assignee_id: int | None = None
    user_updated_at: int | None = None
    closed_by: int | None = None
    """Shown while it is closed only."""
    closed_at: int | None = None
    preview: str = ""
    threads_count: int = 0
    waiting_since: int | None = None
    latest_reply_from: str = ""

    @property
    def via(self) -> str:
        """Who began it: ``user`` or ``customer``."""
        return "user" if self.created_by_user is not None else "customer"
