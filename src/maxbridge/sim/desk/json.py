"""The JSON of the simulated API, key by key as recorded (cases 02, 10, 20, 50)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maxbridge.sim.desk.php import iso
from maxbridge.sim.desk.store import FOLDERS, DeskStore

if TYPE_CHECKING:
    from maxbridge.sim.desk.model import (
        Attachment,
        Conversation,
        Customer,
        Mailbox,
        Thread,
        User,
    )

Json = dict[str, Any]

_FOLDER_TYPES = {
    "Unassigned": 1,
    "Mine": 20,
    "Starred": 25,
    "Drafts": 30,
    "Assigned": 40,
    "Closed": 60,
    "Deleted": 70,
    "Spam": 80,
}
_ADDRESS = ("city", "state", "zip", "country", "address")
_FRIENDLY = ((86400, "day"), (3600, "hour"), (60, "minute"))


def mailbox_json(store: DeskStore, mailbox: Mailbox) -> Json:
    """Build a mailbox."""
    return {
        "id": mailbox.id,
        "name": mailbox.name,
        "email": f"mailbox{mailbox.id}@lab.test",
        "createdAt": iso(store.installed_at),
        "updatedAt": iso(store.installed_at),
    }


def folders_json(store: DeskStore, mailbox: Mailbox) -> list[Json]:
    """Build a mailbox's folders, the shared and each user's two, ordered by type."""
    rows = [_folder_json(store.folder_id(mailbox.id, name), name, None) for name in FOLDERS]
    next_id = store.folder_id(mailbox.id, FOLDERS[-1]) + 1
    for place, user in enumerate(store.users):
        rows.append(_folder_json(next_id + 2 * place, "Mine", user))
        rows.append(_folder_json(next_id + 2 * place + 1, "Starred", user))
    for row in rows:
        inside = [one for one in store.conversations.values() if one.folder_id == row["id"]]
        row["totalCount"] = len(inside)
        row["activeCount"] = sum(one.status == "active" for one in inside)
    return sorted(rows, key=lambda row: (row["type"], row["id"]))


def user_json(store: DeskStore, user: User) -> Json:
    """Build a user as /users shows it."""
    return {
        "id": user.id,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "email": user.email,
        "role": "admin" if user.id == min(store.users) else "user",
        "alternateEmails": None,
        "jobTitle": None,
        "phone": None,
        "timezone": store.zone,
        "photoUrl": "",
        "language": None,
        "createdAt": iso(store.installed_at),
        "updatedAt": iso(store.installed_at),
    }


def customer_json(customer: Customer) -> Json:
    """Build a customer as /customers shows it."""
    return {
        "id": customer.id,
        "firstName": customer.first_name,
        "lastName": customer.last_name,
        "jobTitle": customer.job_title,
        "company": customer.company,
        "photoType": "unknown",
        "photoUrl": "",
        "createdAt": iso(customer.created_at),
        "updatedAt": iso(customer.updated_at),
        "notes": customer.notes,
        "_embedded": {
            "emails": [row._asdict() for row in customer.emails],
            "phones": [{"id": 0, **row._asdict()} for row in customer.phones],
            "social_profiles": [{"id": 0, **row._asdict()} for row in customer.social_profiles],
            "websites": [{"id": 0, "value": site} for site in customer.websites],
            "address": {key: customer.address.get(key) for key in _ADDRESS},
        },
    }


def conversation_json(store: DeskStore, conversation: Conversation, threads: list[Thread]) -> Json:
    """Build a conversation with the threads given (an empty list when not embedded, case 71)."""
    closed_by = conversation.closed_by if conversation.status == "closed" else None
    return {
        "id": conversation.id,
        "number": conversation.id,
        "threadsCount": conversation.threads_count,
        "type": conversation.type,
        "folderId": conversation.folder_id,
        "status": conversation.status,
        "state": conversation.state,
        "subject": conversation.subject,
        "preview": conversation.preview,
        "mailboxId": conversation.mailbox_id,
        "assignee": _user_ref(store, conversation.assignee_id),
        "createdBy": _author_ref(store, conversation),
        "createdAt": iso(conversation.created_at),
        "updatedAt": iso(conversation.updated_at),
        "closedBy": closed_by,
        "closedByUser": _user_ref(store, closed_by),
        "closedAt": _optional_iso(conversation.closed_at),
        "userUpdatedAt": _optional_iso(conversation.user_updated_at),
        "customerWaitingSince": _waiting_json(store, conversation),
        "source": {"type": conversation.source_type, "via": conversation.via},
        "cc": [],
        "bcc": [],
        "customer": _customer_ref(store, conversation.customer_id),
        "_embedded": {"threads": [thread_json(store, row) for row in threads]},
    }


def thread_json(store: DeskStore, thread: Thread) -> Json:
    """Build a thread; its number is that of the conversation it stands in now (case 57)."""
    return {
        "id": thread.id,
        "type": thread.type,
        "status": thread.status,
        "state": thread.state,
        "action": {
            "type": thread.action,
            "text": _action_text(store, thread),
            "associatedEntities": [],
        },
        "body": thread.body,
        "source": {"type": thread.source_type, "via": thread.via},
        "customer": _customer_ref(store, thread.customer_id),
        "createdBy": _author_ref(store, thread),
        "assignedTo": _user_ref(store, thread.assignee_id),
        "to": list(thread.to),
        "cc": [],
        "bcc": [],
        "createdAt": iso(thread.created_at),
        "openedAt": None,
        "_embedded": {
            "attachments": []
            if thread.files_late
            else [_attachment_json(store, row) for row in thread.attachments]
        },
    }


def _attachment_json(store: DeskStore, attachment: Attachment) -> Json:
    return {
        "id": attachment.id,
        "fileName": attachment.name,
        "fileUrl": store.file_url(attachment),
        "mimeType": attachment.mime_type,
        "size": len(attachment.data),
    }


def _folder_json(folder_id: int, name: str, user_id: int | None) -> Json:
    return {
        "id": folder_id,
        "name": name,
        "type": _FOLDER_TYPES[name],
        "userId": user_id,
        "totalCount": 0,
        "activeCount": 0,
        "meta": None,
    }


def _waiting_json(store: DeskStore, conversation: Conversation) -> Json:
    since = conversation.waiting_since
    return {
        "time": _optional_iso(since),
        "friendly": "" if since is None else _friendly(store.second() - since),
        "latestReplyFrom": conversation.latest_reply_from,
    }


def _friendly(seconds: int) -> str:
    for unit, name in _FRIENDLY:
        amount = seconds // unit
        if amount > 0:
            return f"{amount} {name}{'s' if amount > 1 else ''} ago"
    return "Just now"


def _optional_iso(second: int | None) -> str | None:
    return None if second is None else iso(second)


def _action_text(store: DeskStore, thread: Thread) -> str:
    did = thread.did.replace("{number}", str(thread.conversation_id))
    owner = store.customers.get(thread.customer_id or 0)
    did = did.replace("{customer}", owner.name if owner else "")
    user = store.users.get(thread.created_by_user or 0)
    customer = store.customers.get(thread.created_by_customer or 0)
    author = user or customer
    return f"{(author and author.name) or 'System'} {did}"


def _author_ref(store: DeskStore, row: Conversation | Thread) -> Json | None:
    if row.created_by_user is not None:
        return _user_ref(store, row.created_by_user)
    return _customer_ref(store, row.created_by_customer)


def _user_ref(store: DeskStore, user_id: int | None) -> Json | None:
    user = store.users.get(user_id or 0)
    if user is None:
        return None  # also for an assignee who does not exist (case 72)
    return _person("user", user.id, user.first_name, user.last_name, user.email)


def _customer_ref(store: DeskStore, customer_id: int | None) -> Json | None:
    row = store.customers.get(customer_id or 0)
    if row is None:
        return None
    return _person("customer", row.id, row.first_name, row.last_name, row.email)


def _person(kind: str, number: int, first: str | None, last: str | None, email: str) -> Json:
    return {
        "id": number,
        "type": kind,
        "firstName": first,
        "lastName": last,
        "photoUrl": "",
        "email": email,
    }
