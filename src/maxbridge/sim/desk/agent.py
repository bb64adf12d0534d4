"""What agents do to single threads on FreeScout's page: replies, undo, drafts, notes, edits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maxbridge.sim.desk.model import UNDO_SECONDS, Conversation, FileIn, Thread
from maxbridge.sim.desk.store import DeskStore
from maxbridge.sim.desk.text import preview

if TYPE_CHECKING:
    from collections.abc import Sequence

ADMIN, DEFAULT_AGENT = 1, 2


class DeskRefusedError(Exception):
    """FreeScout's page refuses an agent's action."""


class AgentThreads(DeskStore):
    """An agent's actions on threads; every method changes what contract freescout.md 6 says."""

    def reply(
        self,
        conversation_id: int,
        html: str,
        user: int = DEFAULT_AGENT,
        status: str = "pending",
        attachments: Sequence[FileIn] = (),
        *,
        source_type: str = "web",
    ) -> int:
        """Send a reply: published at once, pending and assigned in one go (case 50).

        A deleted conversation is published again (case 60). ``email`` is the source of what an agent
        answers to a notification from a mail program; it has no undo.

        Returns:
            The thread's id.

        Raises:
            DeskRefusedError: On an empty text (case 51b), and in a phone conversation whose
                customer has no address, where there is no Reply button (case 63).
        """
        conversation = self.conversations[conversation_id]
        if not html.strip():
            raise DeskRefusedError("Please enter a message")
        if conversation.type == "phone" and not self.turn_into_email(conversation):
            raise DeskRefusedError("a phone conversation has no Reply button")
        self._remember_address(conversation)
        files = [self.store_file(*file) for file in attachments]
        thread = self.add_thread(
            conversation,
            type="message",
            body=html,
            source_type=source_type,
            created_by_user=user,
            to=self._recipients(conversation),
            attachments=files,
            files_late=self.late_attachments and bool(files),
        )
        self._send(conversation, thread, user, status)
        return thread.id

    def mailed_to(self, thread_id: int) -> list[str]:
        """Where FreeScout mails a reply after its undo window; empty where it mails nothing (case 63).

        To the addresses that stand with it, except in chats (app/Listeners/SendReplyToCustomer.php of 1.8.235).
        """
        thread = self.threads[thread_id]
        is_reply = thread.type == "message" and thread.published and thread.source_type != "api"
        is_chat = self.conversations[thread.conversation_id].type == "chat"
        return list(thread.to) if is_reply and not is_chat else []

    def undo(self, thread_id: int) -> None:
        """Undo a reply: it becomes a draft, threadsCount is not lowered (case 54).

        Undoing the only message of a conversation makes the conversation a draft; undoing a forward
        deletes the conversation it created, and the note (case 67).

        Raises:
            DeskRefusedError: Later than 15 whole seconds after createdAt, or not a reply.
        """
        thread = self.threads[thread_id]
        conversation = self.conversations[thread.conversation_id]
        undoable = thread.type == "message" or thread.forwarded_to is not None
        if not (undoable and thread.published and thread.source_type == "web"):
            raise DeskRefusedError("nothing to undo")
        if self.second() - thread.created_at > UNDO_SECONDS:
            raise DeskRefusedError("the time for undo is over")
        if thread.forwarded_to is not None:
            self.drop_conversation(thread.forwarded_to)
        thread.state = "draft"
        alone = self.last_words(conversation.id) is None
        if alone:
            conversation.state = "draft"
        self.recap(conversation)
        self.touch(conversation, by_user=not alone)

    def resend(
        self,
        thread_id: int,
        html: str,
        user: int = DEFAULT_AGENT,
        status: str = "pending",
    ) -> int:
        """Send an undone reply again: the same id, new body, new createdAt (case 54)."""
        self.update_draft(thread_id, html)
        return self.publish_draft(thread_id, user, status)

    def save_draft(self, conversation_id: int, html: str, user: int = DEFAULT_AGENT) -> int:
        """Autosave a reply for the first time: times move, nothing is shown (case 53)."""
        conversation = self.conversations[conversation_id]
        thread = self.add_thread(
            conversation,
            type="message",
            body=html,
            source_type="web",
            state="draft",
            created_by_user=user,
            to=self._recipients(conversation),
        )
        self.touch(conversation, by_user=True)
        return thread.id

    def update_draft(self, thread_id: int, html: str) -> None:
        """Autosave again: nothing moves (case 53)."""
        self._draft(thread_id).body = html

    def publish_draft(
        self, thread_id: int, user: int = DEFAULT_AGENT, status: str = "pending"
    ) -> int:
        """Send a draft: its old id, createdAt is the moment of sending (case 53)."""
        thread = self._draft(thread_id)
        conversation = self.conversations[thread.conversation_id]
        thread.state = "published"
        thread.created_at = self.second()
        thread.created_by_user = user
        self.turn_into_email(conversation)
        self._remember_address(conversation)
        thread.customer_id = conversation.customer_id
        thread.to = self._recipients(conversation)
        self._send(conversation, thread, user, status)
        return thread.id

    def discard_draft(self, thread_id: int) -> None:
        """Discard a draft: no time changes (case 53).

        A conversation that is a draft itself is deleted with it. A draft that is gone or published
        is not refused: it stays as it is.
        """
        thread = self.threads.get(thread_id)
        if thread is None:
            return
        if self.conversations[thread.conversation_id].state == "draft":
            self.drop_conversation(thread.conversation_id)
        elif thread.state == "draft":
            self.drop_thread(thread_id)

    def note(
        self,
        conversation_id: int,
        html: str,
        user: int = DEFAULT_AGENT,
        attachments: Sequence[FileIn] = (),
    ) -> int:
        """Add a private note; the form assigns the conversation, too (case 52)."""
        conversation = self.conversations[conversation_id]
        self._sent(conversation, user, conversation.status)
        thread = self._add_note(conversation, html, user)
        thread.to = self._recipients(conversation)  # of a note, too, which goes to nobody
        thread.attachments = [self.store_file(*file) for file in attachments]
        self.count_thread(conversation, thread)
        self.touch(conversation, by_user=True)
        return thread.id

    def delete_note(self, thread_id: int, user: int = DEFAULT_AGENT) -> None:
        """Delete a note: updatedAt moves if the preview does, userUpdatedAt does not (case 52).

        Raises:
            DeskRefusedError: On anything but a note, and on another one's note, for administrators
                too (contract freescout.md 12).
        """
        thread = self.threads[thread_id]
        if thread.type != "note" or thread.created_by_user != user:
            raise DeskRefusedError("only notes of one's own can be deleted")
        conversation = self.conversations[thread.conversation_id]
        shown = conversation.preview
        self.drop_thread(thread_id)
        self.recap(conversation)
        if conversation.preview != shown:
            self.touch(conversation, by_user=False)

    def edit_thread(self, thread_id: int, html: str, user: int = ADMIN) -> None:
        """Change a published text without a sign of it (contract freescout.md 6, case 55).

        updatedAt moves only if it is the last thread and the first 255 letters of its text
        change (case 76).

        Raises:
            DeskRefusedError: On a line item, and on replies and notes when no administrator tries:
                agents may edit customers' messages only.
        """
        thread = self.threads[thread_id]
        if thread.type == "lineitem" or (thread.type != "customer" and user != ADMIN):
            raise DeskRefusedError("Not enough permissions")
        thread.body = html
        conversation = self.conversations[thread.conversation_id]
        shown = preview(html)
        if self.last_words(conversation.id) is thread and conversation.preview != shown:
            conversation.preview = shown
            self.touch(conversation, by_user=False)

    def paste_picture(self, name: str, mime_type: str, data: bytes | str) -> str:
        """Upload a picture pasted into a text; it is in no attachments list (case 51).

        Returns:
            The address for the ``src`` of an ``<img>``.
        """
        return self.file_url(self.store_file(name, mime_type, data))

    def _add_note(self, conversation: Conversation, html: str, user: int) -> Thread:
        conversation.assignee_id = user
        return self.add_thread(
            conversation,
            type="note",
            body=html,
            status=conversation.status,
            source_type="web",
            created_by_user=user,
            did="added a note to conversation #{number}",
        )

    def _sent(self, conversation: Conversation, user: int, status: str) -> None:
        """Do what every form does to a conversation: state, status, assignee.

        Who closed it, and when, is set only where it was not closed before.
        """
        conversation.state = "published"
        if conversation.status != status:
            self.change_status(conversation, status, closed_by=user)
        conversation.assignee_id = user

    def _send(self, conversation: Conversation, thread: Thread, user: int, status: str) -> None:
        """Do what sending does to a conversation: status, assignee, counters, times."""
        self._sent(conversation, user, status)
        thread.status = status
        thread.assignee_id = user
        self.count_thread(conversation, thread)
        self.touch(conversation, by_user=True)

    def _draft(self, thread_id: int) -> Thread:
        thread = self.threads[thread_id]
        if thread.state != "draft":
            raise DeskRefusedError("not a draft")
        return thread

    @staticmethod
    def _recipients(conversation: Conversation) -> list[str]:
        return [conversation.customer_email] if conversation.customer_email else []

    def _remember_address(self, conversation: Conversation) -> None:
        """Let a reply take the customer's address into a mail conversation that has none."""
        if conversation.type == "email" and not conversation.customer_email:
            conversation.customer_email = self.email_of(conversation.customer_id)

    def turn_into_email(self, conversation: Conversation) -> bool:
        """Let words to somebody turn a phone conversation into a mail one (contract 6, case 63).

        Returns:
            Whether it did: the customer needs an address.
        """
        email = self.email_of(conversation.customer_id)
        if conversation.type != "phone" or not email:
            return False
        conversation.type, conversation.customer_email = "email", email
        return True
