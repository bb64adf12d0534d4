"""Turn a desk thread into MAX messages: words, pictures, files, signature, edits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from maxbridge.beside import LARGE, beside
from maxbridge.core import keys
from maxbridge.core.events import Conversation, DeskFile, Thread
from maxbridge.core.file_names import decoded_name
from maxbridge.core.parts import Part, PartFile, edits_of, plan_parts
from maxbridge.core.render import Picture, Rendered, TooLongError, render, to_text
from maxbridge.core.text import one_line
from maxbridge.core.texts import Texts
from maxbridge.freescout.client import Directory
from maxbridge.store.outbox import Delivered
from maxbridge.store.readings import Reply

__all__ = ["QuoteError", "ReplyMaker", "TooLongError", "is_long"]

_EXCERPT = 60
_EXCERPT_EVENTS = 5000
"""How much of a reply is read for its first words, see :func:`to_text`."""
_FILE_ID = re.compile(r"[0-9]{1,18}")
"""An agent may paste any address; Python refuses to read a number of thousands of digits."""


def is_long(thread: Thread) -> bool:
    """Whether a reply must be parsed in a worker thread. One by mail is compared with its whole ticket."""
    return thread.is_by_mail or len(thread.body) > LARGE


class QuoteError(ValueError):
    """A reply by mail may contain more than its agent wrote (:class:`maxbridge.core.mailed.own.Doubt`)."""


class _Wanted(NamedTuple):
    """Everything that a rendered reply depends on."""

    body: str
    signature: str
    variables: tuple[tuple[str, str], ...]
    mail: tuple[Thread, ...] = ()
    """For a reply by mail: the reply, then its ticket's threads."""


class ReplyMaker:
    """Renders threads as deliveries."""

    def __init__(
        self,
        texts: Texts,
        signature: str,
        *,
        own_file: Callable[[str], bool],
        directory: Callable[[], Directory],
    ) -> None:
        """Create it.

        Args:
            texts: The language of customers and agents.
            signature: Put under each reply; ``{name}`` is the agent's name.
            own_file: Whether a picture is in the desk's own storage, so that it can be sent.
            directory: The desk's mailboxes and users, as far as known.
        """
        self._texts = texts
        self._signature = signature
        self._own_file = own_file
        self._directory = directory
        self._prepared: dict[int, dict[_Wanted, Rendered | TooLongError | QuoteError]] = {}
        """By ticket."""

    async def prepare(self, ticket: Conversation, threads: Iterable[Thread]) -> None:
        """Render the long ones of these replies in a worker thread, so that no loop waits for them.

        :meth:`reply` and :meth:`edit` use the result if their arguments are the same, until
        :meth:`forget`.
        """
        prepared = self._prepared[ticket.id] = {}
        for thread in filter(is_long, threads):
            wanted = self._wanted(ticket, thread)
            size = sum(len(each.body) for each in wanted.mail) or len(wanted.body)
            prepared[wanted] = await beside(max(size, LARGE + 1), self._render, wanted)

    def forget(self, ticket: Conversation) -> None:
        """Drop what was rendered for a ticket."""
        self._prepared.pop(ticket.id, None)

    def reply(self, ticket: Conversation, thread: Thread, revision: int) -> Reply:
        """Return the delivery of a reply.

        Raises:
            QuoteError: It came by mail, and may quote private words.
            TooLongError: It is too long for MAX.
        """
        return Reply(
            key=keys.reply(thread.id, revision),
            thread_id=thread.id,
            parts=tuple(self._parts(ticket, thread)),
            excerpt=self.excerpt(thread),
        )

    def edit(self, ticket: Conversation, thread: Thread, delivered: Delivered) -> Reply | None:
        """Return the delivery of an agent's edit; None if the customer would see no difference.

        Raises:
            QuoteError: It came by mail, and may quote private words.
            TooLongError: It is too long for MAX.
        """
        had = frozenset(file.id for _, part in delivered.parts for file in part.files)
        changes = edits_of(delivered.parts, self._parts(ticket, thread), same=had)
        if not changes:
            return None
        return Reply(
            key=keys.edit(thread.id, delivered.count),
            thread_id=thread.id,
            parts=tuple(changes),
            excerpt=self.excerpt(thread),
            chat_id=delivered.chat_id,
        )

    def excerpt(self, thread: Thread) -> str:
        """Return the first words of a reply, for notes to agents."""
        words = to_text(thread.body[:LARGE], self._texts, _EXCERPT_EVENTS)
        return one_line(words or " ".join(file.name for file in thread.files), _EXCERPT)

    def _parts(self, ticket: Conversation, thread: Thread) -> list[Part]:
        wanted = self._wanted(ticket, thread)
        rendered = self._prepared.get(ticket.id, {}).get(wanted) or self._render(wanted)
        if isinstance(rendered, Exception):
            raise rendered
        return plan_parts(
            rendered.texts,
            [_picture(each) for each in rendered.pictures],
            [(_attached(each), each.mime) for each in thread.files],
        )

    def _wanted(self, ticket: Conversation, thread: Thread) -> _Wanted:
        signature = self._signature.replace("{name}", thread.author.full).strip()
        return _Wanted(
            thread.body,
            signature,
            tuple(self._variables(ticket, thread).items()),
            (thread, *(ticket.threads or ())) if thread.is_by_mail else (),
        )

    def _render(self, wanted: _Wanted) -> Rendered | TooLongError | QuoteError:
        body = wanted.body
        if wanted.mail:
            # Only here: of all rules those for mail take longest to load, and few replies come by mail.
            from maxbridge.core.mailed.own import own_words  # noqa: PLC0415

            own = own_words(wanted.mail[0], wanted.mail[1:])
            if own.doubt is not None:
                return QuoteError(own.doubt)
            body = own.body
        try:
            return render(
                body,
                self._texts,
                signature=wanted.signature,
                variables=dict(wanted.variables),
                keep=self._own_file,
            )
        except TooLongError as error:
            return error

    def _variables(self, ticket: Conversation, thread: Thread) -> dict[str, str]:
        """Return the values of the desk's variables; its editor leaves them unfilled (contract freescout-agent-ui.md 4).

        Only known variables, even blank ones: others stay in the text.
        """
        known = self._directory()
        values = {
            "subject": ticket.subject,
            "conversation.number": str(ticket.number),
            "conversation.subject": ticket.subject,
            "customer.firstName": ticket.customer.first,
            "customer.lastName": ticket.customer.last,
            "customer.fullName": ticket.customer.full,
            "customer.email": ticket.customer_email,
            "mailbox.name": known.mailbox_names.get(ticket.mailbox_id or 0),
            "mailbox.fromName": known.mailbox_names.get(ticket.mailbox_id or 0),
            "mailbox.email": known.mailbox_mails.get(ticket.mailbox_id or 0),
            "user.firstName": thread.author.first,
            "user.lastName": thread.author.last,
            "user.fullName": thread.author.full,
            "user.email": thread.author_email or known.user_mails.get(thread.author_id or 0),
            "user.phone": known.user_phones.get(thread.author_id or 0),
            "user.jobTitle": known.user_jobs.get(thread.author_id or 0),
        }
        return {name: value for name, value in values.items() if value is not None}


def _attached(file: DeskFile) -> PartFile:
    return PartFile(file.id, file.name, file.url, file.size)


def _picture(picture: Picture) -> PartFile:
    """Return a picture pasted into the words; its address contains its id (contract freescout.md 5)."""
    address = urlsplit(picture.url)
    number = parse_qs(address.query).get("id", [""])[0]
    name = picture.name or decoded_name(address.path.rpartition("/")[2]) or "image.png"
    return PartFile(int(number) if _FILE_ID.fullmatch(number) else 0, name, picture.url)
