"""What an agent does to whole conversations and customers: the simulator's full state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxbridge.sim.desk.agent import ADMIN, DEFAULT_AGENT, AgentThreads, DeskRefusedError
from maxbridge.sim.desk.store import unite
from maxbridge.sim.desk.text import preview

if TYPE_CHECKING:
    from maxbridge.sim.desk.model import Conversation, Customer

__all__ = ["DeskRefusedError", "DeskState"]


class DeskState(AgentThreads):
    """Everything FreeScout knows, with the agent's actions as methods.

    Every action has exactly the effect on updatedAt, userUpdatedAt and threads that the table in
    contract freescout.md 6 states. ``late_attachments`` makes the files of later replies missing
    from the first answer that shows the reply (case 82); ``storage_broken`` makes saving a file
    fail after its thread was made (case 84).
    """

    def set_status(
        self,
        conversation_id: int,
        status: str,
        user: int = DEFAULT_AGENT,
        *,
        in_list: bool = False,
    ) -> None:
        """Set a status by hand: a line item (case 56).

        Args:
            conversation_id: Of which.
            status: The new one.
            user: Who does it.
            in_list: By the page's list of tickets, which sets and times a status that is set already, too.

        Raises:
            DeskRefusedError: It has this status already; nothing changes then (contract 12).
        """
        conversation = self.conversations[conversation_id]
        if conversation.status == status and not in_list:
            raise DeskRefusedError("Status already set")
        self.change_status(conversation, status, closed_by=user)
        self.add_lineitem(
            conversation,
            "changed-ticket-status",
            f"marked as {status.capitalize()} conversation #{{number}}",
            user,
            status=status,
        )
        self.touch(conversation, by_user=True)

    def assign(self, conversation_id: int, assignee: int | None, user: int = DEFAULT_AGENT) -> None:
        """Assign, or unassign with None: a line item (case 56).

        Raises:
            DeskRefusedError: It is assigned to this agent already. Unassigning what is nobody's is
                not refused.
        """
        conversation = self.conversations[conversation_id]
        if assignee is not None and conversation.assignee_id == assignee:
            raise DeskRefusedError("Assignee already set")
        conversation.assignee_id = assignee
        self.add_lineitem(
            conversation,
            "changed-ticket-assignee",
            f"assigned {self._assignee_name(assignee)} conversation #{{number}}",
            user,
        )
        self.touch(conversation, by_user=True)

    def set_subject(self, conversation_id: int, subject: str) -> None:
        """Change the subject: updatedAt moves, no line item (case 56)."""
        conversation = self.conversations[conversation_id]
        conversation.subject = subject
        self.touch(conversation, by_user=False)

    def move(self, conversation_id: int, mailbox_id: int, user: int = DEFAULT_AGENT) -> None:
        """Move to another mailbox: a line item (case 58)."""
        conversation = self.conversations[conversation_id]
        conversation.mailbox_id = mailbox_id
        self.add_lineitem(
            conversation,
            "moved-from-mailbox",
            "moved conversation from another mailbox",
            user,
            status=conversation.status,
            body="",
        )
        self.touch(conversation, by_user=True)

    def change_customer(
        self, conversation_id: int, customer_id: int, user: int = DEFAULT_AGENT, email: str = ""
    ) -> None:
        """Give the conversation to another customer; earlier threads keep theirs (case 61).

        The page names them by one of their addresses, to which replies go from then on.
        """
        conversation = self.conversations[conversation_id]
        conversation.customer_id = customer_id
        conversation.customer_email = email or self.email_of(customer_id)
        self.add_lineitem(
            conversation,
            "changed-ticket-customer",
            "changed the customer to {customer} in conversation #{number}",
            user,
        )
        self.touch(conversation, by_user=True)

    def merge_customers(self, winner_id: int, loser_id: int) -> None:
        """Merge two customers: the loser's id is gone everywhere (case 65).

        What was opened under the loser's record was created by nobody from now on.
        """
        winner, loser = self.customers[winner_id], self.customers.pop(loser_id)
        _absorb(winner, loser)
        winner.updated_at = self.second()
        for conversation in self.conversations.values():
            if conversation.customer_id == loser_id:
                conversation.customer_id = winner_id
                self.touch(conversation, by_user=False)
        for thread in self.threads.values():
            if thread.customer_id == loser_id:
                thread.customer_id = winner_id
            if thread.created_by_customer == loser_id:
                thread.created_by_customer = winner_id

    def rename_customer(self, customer_id: int, first_name: str, last_name: str | None) -> None:
        """Change a name in the profile form: no conversation moves (case 66)."""
        customer = self.customers[customer_id]
        customer.first_name, customer.last_name = first_name, last_name
        customer.updated_at = self.second()

    def merge(self, into: int, source: int, user: int = DEFAULT_AGENT) -> None:
        """Merge ``source`` into ``into`` (contract freescout.md 6, cases 57 and 57b).

        The threads move with their ids, createdAt and customers; counters and previews are not
        updated; the source is left deleted with two line items.
        """
        target, merged = self.conversations[into], self.conversations[source]
        for thread in self.threads_of(source):
            self.move_thread(thread, into)
        for conversation, did, merged_into in (
            (target, "merged with another conversation", None),
            (merged, f"merged into conversation #{into}", into),
        ):
            self.add_lineitem(
                conversation,
                "merged",
                did,
                user,
                status=conversation.status,
                body="",
                merged_into=merged_into,
            )
        self.touch(target, by_user=True)
        self.delete(source, user)

    def forward(
        self,
        conversation_id: int,
        to: str,
        html: str,
        user: int = DEFAULT_AGENT,
        status: str | None = None,
    ) -> int:
        """Forward: a note here, and a new mail conversation with the addressee (case 59).

        The note does not become the original's preview.

        Returns:
            The note's id; its ``forwarded_to`` is the new conversation. Undo it to delete that.
        """
        original = self.conversations[conversation_id]
        self.turn_into_email(original)
        self._sent(original, user, status or original.status)
        note = self._add_note(original, html, user)
        note.to = [to]
        self.touch(original, by_user=True)
        copy = self.add_conversation(
            mailbox_id=original.mailbox_id,
            type="email",
            subject=f"Fwd: {original.subject}",
            customer_id=self._addressee(to).id,
            customer_email=to,
            source_type="web",
            created_by_user=user,
            assignee_id=user,
            status=original.status,
            closed_by=original.closed_by,
            closed_at=original.closed_at,
        )
        self._open(copy, "message", html, [to], f"forwarded a conversation #{conversation_id}")
        note.forwarded_to = copy.id
        return note.id

    def delete(self, conversation_id: int, user: int = ADMIN) -> None:
        """Delete to the folder: still listed unless state=published is asked (case 60)."""
        self._set_state(conversation_id, "deleted", "deleted-ticket", user)

    def restore(self, conversation_id: int, user: int = ADMIN) -> None:
        """Restore from the folder (case 60)."""
        self._set_state(conversation_id, "published", "restore-ticket", user)

    def delete_forever(self, conversation_id: int) -> None:
        """Delete for ever: 404, absent from lists (case 60)."""
        self.drop_conversation(conversation_id)

    def clone(self, conversation_id: int, thread_id: int | None = None) -> int:
        """Clone from a customer's message: a second ticket with that message (agent-ui 1).

        Same assignee and body, marker included; files are copied; userUpdatedAt stays empty. The customer is
        that of the message: after a merge perhaps not that of the ticket.

        Args:
            conversation_id: The original.
            thread_id: The message whose menu was used; by default the customer's last one.

        Returns:
            The new conversation's id.

        Raises:
            DeskRefusedError: On anything but a customer's message: the menu has no such entry.
        """
        original = self.conversations[conversation_id]
        said = [row for row in self.published_of(conversation_id) if row.type == "customer"]
        row = max(said, key=lambda row: (row.created_at, row.id))
        if thread_id is not None:
            row = self.threads[thread_id]
        if row.type != "customer":
            raise DeskRefusedError("only a customer's message can be cloned")
        copy = self.add_conversation(
            mailbox_id=original.mailbox_id,
            type=original.type,
            subject=original.subject,
            customer_id=row.customer_id,
            customer_email=self.email_of(row.customer_id),
            source_type=original.source_type,
            created_by_customer=row.created_by_customer,
            assignee_id=original.assignee_id,
        )
        thread = self.add_thread(
            copy,
            type="customer",
            body=row.body,
            source_type=row.source_type,
            customer_id=row.customer_id,
            created_by_customer=row.created_by_customer,
            # As measured: nobody, unless the message was nobody's; then as the copy.
            assignee_id=None if row.assignee_id else copy.assignee_id,
            attachments=[
                self.store_file(file.name, file.mime_type, file.data) for file in row.attachments
            ],
            did="started a new conversation #{number}",
        )
        self.count_thread(copy, thread)
        return copy.id

    def new_conversation(
        self,
        html: str,
        *,
        customer_id: int | None = None,
        mailbox_id: int | None = None,
        kind: str = "email",
        subject: str = "New",
        user: int = DEFAULT_AGENT,
        draft: bool = False,
    ) -> int:
        """Start a conversation: email begins with a message, phone with a note (case 62).

        A draft is listed in state draft, without customer and threads (case 67).

        Returns:
            The conversation's id.
        """
        conversation = self.add_conversation(
            mailbox_id=mailbox_id or next(iter(self.mailboxes)),
            type=kind,
            subject=subject,
            customer_id=None if draft else customer_id,
            customer_email="" if draft or kind == "phone" else self.email_of(customer_id),
            source_type="web",
            created_by_user=user,
            status="active" if draft else "pending",
            state="draft" if draft else "published",
            assignee_id=None if draft else user,
        )
        to = [] if kind == "phone" else self._recipients(conversation)
        thread_kind = "note" if kind == "phone" else "message"
        self._open(conversation, thread_kind, html, to, "started a new conversation #{number}")
        return conversation.id

    def publish_conversation(self, conversation_id: int, customer_id: int) -> None:
        """Send a new conversation that was a draft until now, to its addressee (cases 53, 67)."""
        conversation = self.conversations[conversation_id]
        conversation.customer_id = customer_id
        conversation.customer_email = self.email_of(customer_id)
        for draft in self.threads_of(conversation_id):
            draft.customer_id = customer_id
            self.publish_draft(draft.id)

    def _open(
        self, conversation: Conversation, kind: str, html: str, to: list[str], did: str
    ) -> None:
        """Put the first thread into a conversation that an agent has made."""
        thread = self.add_thread(
            conversation,
            type=kind,
            body=html,
            status=conversation.status,
            state="draft" if conversation.state == "draft" else "published",
            source_type="web",
            created_by_user=conversation.created_by_user,
            to=to,
            did=did,
        )
        conversation.preview = preview(html)  # of a draft, too (case 67)
        self.count_thread(conversation, thread)
        if thread.published:
            conversation.waiting_since = self.second()
            conversation.latest_reply_from = "user"
        self.touch(conversation, by_user=True)

    def _set_state(self, conversation_id: int, state: str, action: str, user: int) -> None:
        conversation = self.conversations[conversation_id]
        conversation.state = state
        did = "deleted" if state == "deleted" else "restored"
        self.add_lineitem(conversation, action, did, user)
        self.touch(conversation, by_user=True)

    def _assignee_name(self, assignee: int | None) -> str:
        if assignee is None:
            return "anyone"
        user = self.users.get(assignee)
        return user.name if user else ""  # the API lets unknown users in (case 72)

    def _addressee(self, email: str) -> Customer:
        found = self.customer_by_email(email)
        return found or self.add_customer(emails=[self.make_email(email)])


def _absorb(winner: Customer, loser: Customer) -> None:
    for name in ("first_name", "last_name", "company", "job_title", "notes"):
        setattr(winner, name, getattr(winner, name) or getattr(loser, name))
    for part, value in loser.address.items():
        winner.address[part] = winner.address.get(part) or value
    winner.emails = sorted(winner.emails + loser.emails)  # by their ids: the oldest is the main one
    winner.phones = unite(winner.phones, loser.phones)
    winner.social_profiles = unite(winner.social_profiles, loser.social_profiles)
    winner.websites += [site for site in loser.websites if site not in winner.websites]
