"""The conversations' and threads' endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maxbridge.sim.desk import query
from maxbridge.sim.desk.answers import (
    ApiError,
    Call,
    created,
    invalid,
    no_content,
    not_found,
    required,
)
from maxbridge.sim.desk.files import attach, file_rows
from maxbridge.sim.desk.json import conversation_json, thread_json
from maxbridge.sim.desk.model import (
    CONVERSATION_TYPES,
    STATUSES,
    THREAD_STATES,
    THREAD_TYPES,
    Conversation,
    DeskEvent,
    Thread,
)
from maxbridge.sim.desk.php import Params, PhpError, is_imported, parse_time, to_id, to_text
from maxbridge.sim.wire import Response

if TYPE_CHECKING:
    from maxbridge.sim.desk.customers import CustomersApi, Emit
    from maxbridge.sim.desk.state import DeskState

_REQUIRED = ("subject", "type", "mailboxId", "customer", "threads")
_NEED_BY_USER = ("status", "assignTo", "mailboxId")
_NOBODY = -1


class ConversationsApi:
    """Conversations and the posting of threads (contract freescout.md 3 and 4)."""

    def __init__(self, state: DeskState, customers: CustomersApi, emit: Emit) -> None:
        self._state = state
        self._customers = customers
        self._emit = emit

    def index(self, call: Call) -> Response:
        """Answer GET /conversations: threads only with ``embed=threads``."""
        rows = query.conversations(self._state, call.query)
        embed = "threads" in _embeds(call)
        answer = query.page(
            rows,
            call.query,
            "conversations",
            lambda row: self._shown(row, self._state.published_of(row.id) if embed else []),
        )
        return Response.json(200, answer)

    def show(self, call: Call) -> Response:
        """Answer GET /conversations/{id}: any ``embed`` but threads removes them (case 71)."""
        conversation = self._find(call)
        embeds = _embeds(call)
        embed = not embeds or "threads" in embeds
        threads = self._state.published_of(conversation.id) if embed else []
        return Response.json(200, self._shown(conversation, threads))

    def create(self, call: Call) -> Response:
        """Answer POST /conversations (contract freescout.md 3, cases 20 to 22)."""
        params = call.params
        for name in _REQUIRED:
            if name not in params:
                raise required(name)
        rows = _thread_rows(params["threads"])
        # Made before the mailbox is looked at: a bad mailbox leaves an orphan (contract 3).
        customer = self._customers.resolve(params["customer"])
        mailbox_id = to_id(params["mailboxId"])
        if mailbox_id not in self._state.mailboxes:
            raise invalid("mailboxId", "Mailbox not found")
        conversation = self._insert(params, mailbox_id, customer.id)
        threads = self._first_threads(conversation, rows, imported=params.get("imported"))
        self._emit(DeskEvent("conversation created", conversation.id, threads[-1].id))
        self._state.cut_conversation(conversation)  # before it is shown (contract freescout.md 12)
        return created(conversation.id, conversation_json(self._state, conversation, threads[::-1]))

    def update(self, call: Call) -> Response:
        """Answer PUT /conversations/{id}; state and type are ignored (case 72)."""
        conversation = self._find(call)
        params = call.params
        by_user = self._by_user(params)
        self._check_targets(params)
        customer_id = to_id(params.get("customerId"))
        if customer_id not in (0, conversation.customer_id):
            conversation.customer_id = customer_id
            conversation.customer_email = self._state.email_of(customer_id)
            self._state.touch(conversation, by_user=False)
        subject = to_text(params.get("subject")) or ""
        if "subject" in params and subject != conversation.subject:
            self._state.set_subject(conversation.id, subject)
            self._state.cut_conversation(conversation)
        if by_user is not None:
            self._apply(conversation, params, by_user)
        self._emit(DeskEvent("conversation changed", conversation.id))
        return no_content()

    def delete(self, call: Call) -> Response:
        """Answer DELETE /conversations/{id}: for ever, at once (case 72)."""
        conversation = self._find(call)
        self._state.delete_forever(conversation.id)
        self._emit(DeskEvent("conversation deleted", conversation.id))
        return no_content()

    def create_thread(self, call: Call) -> Response:
        """Answer POST /conversations/{id}/threads (contract freescout.md 4, cases 32 and 34)."""
        conversation = self._find(call)
        params = call.params
        thread = self._thread(conversation, params, imported=params.get("imported"))
        if thread.type == "customer":
            conversation.customer_id = thread.customer_id
            conversation.customer_email = self._state.email_of(thread.customer_id)
        if not conversation.threads_count:
            _begin(conversation, thread)
        self._after_thread(conversation, thread, to_text(params.get("status")))
        self._state.count_thread(conversation, thread)
        self._wait_since_import(conversation, thread, params.get("imported"))
        self._state.touch(conversation, by_user=thread.type != "customer")
        attach(self._state, thread, params.get("attachments"))
        self._emit(DeskEvent("thread created", conversation.id, thread.id))
        answer = thread_json(self._state, thread)
        if isinstance(params["text"], int):
            answer["body"] = params["text"]  # not yet the string that a GET shows (case 30)
        return created(thread.id, answer)

    def _shown(self, conversation: Conversation, threads: list[Thread]) -> dict[str, Any]:
        """Build the answer to a GET, after which late files are there (case 82)."""
        answer = conversation_json(self._state, conversation, threads)
        for thread in threads:
            thread.files_late = False
        return answer

    def _find(self, call: Call) -> Conversation:
        conversation = self._state.conversations.get(to_id(call.ids[0]))
        if conversation is None:
            raise not_found()
        return conversation

    # Creating

    def _insert(self, params: Params, mailbox_id: int, customer_id: int) -> Conversation:
        """Insert the conversation; unknown type is email, unknown status is active (case 22)."""
        kind, status = to_text(params["type"]), to_text(params.get("status"))
        assignee = to_id(params.get("assignTo"))
        now = self._state.second()
        conversation = self._state.add_conversation(
            mailbox_id=mailbox_id,
            type=kind if kind in CONVERSATION_TYPES else "email",
            subject=to_text(params["subject"]) or "",
            customer_id=customer_id,
            customer_email=self._state.email_of(customer_id),
            source_type="api",
            created_by_customer=customer_id,
            status=status if status in STATUSES else "active",
            state="draft" if params.get("state") == "draft" else "published",
            assignee_id=assignee if assignee in self._state.users else None,
            # Kept even without ``imported`` (contract 4, case 33).
            created_at=parse_time(params.get("createdAt"), now),
        )
        conversation.waiting_since = now
        if params.get("state") == "deleted":  # published, but in the Deleted folder (case 22)
            conversation.folder_id = self._state.folder_id(mailbox_id, "Deleted")
        return conversation

    def _first_threads(
        self, conversation: Conversation, rows: list[Params], *, imported: Any
    ) -> list[Thread]:
        """Insert threads, last given first; bad ones are dropped, all bad is an error (case 22)."""
        made: list[Thread] = []
        error = invalid("threads", "Could no create thread(s)")
        for row in reversed(rows):
            try:
                thread = self._thread(conversation, row, imported=imported)
            except ApiError as problem:
                error = problem
                continue
            if not made:
                _begin(conversation, thread)
            made.append(thread)
            self._state.count_thread(conversation, thread)
            self._wait_since_import(conversation, thread, imported)
            if thread.type != "customer":
                self._state.touch(conversation, by_user=True)
            attach(self._state, thread, row.get("attachments"))
        if not made:
            self._state.drop_conversation(conversation.id)
            raise error
        return made

    def _thread(self, conversation: Conversation, params: Params, *, imported: Any) -> Thread:
        """Insert a thread; the text is stored raw (contract freescout.md 4, case 30)."""
        for name in ("text", "type"):
            if name not in params:
                raise required(name)
        body, kind = to_text(params["text"]), to_text(params["type"])
        if kind == "chat":
            raise PhpError
        file_rows(params.get("attachments"))
        kind = kind if kind in THREAD_TYPES else "customer"
        state = to_text(params.get("state"))
        user_id = None if kind == "customer" else self._existing_user(params)
        customer_id = conversation.customer_id
        if kind == "customer" and "customer" in params:
            customer_id = self._customers.resolve(params["customer"]).id
        now = self._state.second()
        email = "" if kind == "customer" else self._state.email_of(customer_id)
        return self._state.add_thread(
            conversation,
            to=[email] if email else [],
            type=kind,
            body=body,
            source_type="api",
            state=state if state in THREAD_STATES else "published",
            customer_id=customer_id,
            created_by_user=user_id,
            created_by_customer=customer_id if user_id is None else None,
            created_at=parse_time(params.get("createdAt"), now) if is_imported(imported) else now,
            did=_did(kind),
        )

    def _existing_user(self, params: Params) -> int:
        user_id = to_id(params.get("user"))
        if user_id not in self._state.users:
            raise required("user")
        return user_id

    def _after_thread(self, conversation: Conversation, thread: Thread, given: str | None) -> None:
        """Set status and state after a thread (contract freescout.md 4, cases 32 and 34).

        A customer thread reopens whatever it was and undeletes; a message means pending; a note
        changes the status only if one is given. Neither of these undeletes (measured on 1.8.235).
        """
        default = {"customer": "active", "message": "pending"}.get(thread.type)
        status = given if given in STATUSES else default
        if status:
            closed_by = thread.created_by_user if thread.type == "message" else None
            self._state.change_status(conversation, status, closed_by)
        if thread.type == "customer" and conversation.state == "deleted":
            conversation.state = "published"

    @staticmethod
    def _wait_since_import(conversation: Conversation, thread: Thread, imported: Any) -> None:
        """Wait since an imported createdAt; with the string "1" since now (case 33b)."""
        if is_imported(imported) and not isinstance(imported, str):
            conversation.waiting_since = thread.created_at

    # Changing

    def _by_user(self, params: Params) -> int | None:
        """Read byUser, which only status, assignTo and mailboxId need (case 72)."""
        if not any(name in params for name in _NEED_BY_USER):
            return None
        if params.get("byUser") is None:
            raise invalid("byUser", "byUser parameter is required.")
        user_id = to_id(params["byUser"])
        if user_id not in self._state.users:
            raise invalid("byUser", "User not found.")
        return user_id

    def _check_targets(self, params: Params) -> None:
        mailbox, customer = params.get("mailboxId"), params.get("customerId")
        if mailbox is not None and to_id(mailbox) not in self._state.mailboxes:
            raise invalid("mailboxId", "Mailbox not found.")
        if customer is not None and to_id(customer) not in self._state.customers:
            raise invalid("customerId", "Customer not found.")

    def _apply(self, conversation: Conversation, params: Params, by_user: int) -> None:
        """Change status, assignee and mailbox, each with its line item (case 72)."""
        if params.get("status") is not None:
            given = to_text(params["status"])
            status = given if given in STATUSES else "active"
            if status != conversation.status:
                self._state.set_status(conversation.id, status, by_user)
        if params.get("assignTo") is not None:
            nobody = to_text(params["assignTo"]) == str(_NOBODY)
            assignee = None if nobody else to_id(params["assignTo"])
            # Nobody is not nobody to PHP: -1 differs from null, and leaves its line item.
            if nobody or assignee != conversation.assignee_id:
                self._state.assign(conversation.id, assignee, by_user)
        mailbox_id = to_id(params.get("mailboxId"))
        if mailbox_id not in (0, conversation.mailbox_id):
            self._state.move(conversation.id, mailbox_id, by_user)


def _embeds(call: Call) -> set[str]:
    return {part.strip() for part in (call.query.get("embed") or "").split(",")} - {""}


def _thread_rows(given: Any) -> list[Params]:
    """Read ``threads``: a list of objects, where PHP takes {} for [] (case 22)."""
    rows = list(given.values()) if isinstance(given, dict) else given
    if not isinstance(rows, list) or any(not isinstance(row, dict | list) for row in rows):
        raise invalid("threads", "'threads' parameter must be an array")
    return [row if isinstance(row, dict) else {} for row in rows]


def _begin(conversation: Conversation, thread: Thread) -> None:
    """Let a thread be the first one: also that of a phone ticket, which has only notes until then."""
    thread.did = "started a new conversation #{number}"
    conversation.created_by_user = thread.created_by_user
    if thread.created_by_customer is not None:
        conversation.created_by_customer = thread.created_by_customer


def _did(kind: str) -> str:
    if kind == "note":
        return "added a note to conversation #{number}"
    return "replied to conversation #{number}"
