"""An agent's browser without the browser: FreeScout's own web endpoints, with its session and its token."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

ACTIVE, PENDING, CLOSED, SPAM = 1, 2, 3, 4
_FORM_TOKEN = re.compile(r'name="_token" value="([^"]+)"')
_PAGE_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
_SECONDS = 60.0
_LOGINS = 5
_EXPIRED = 419


class PageError(Exception):
    """FreeScout's page refused what the agent did, or did not answer."""


class _TooEarlyError(Exception):
    """The session was not there yet, or the password is wrong; FreeScout answers alike."""


@dataclass(frozen=True, slots=True)
class File:
    """A file on the agent's disk."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Uploaded:
    key: str
    url: str


class Agent:
    """One logged-in session.

    Every act raises PageError when the page says no, when the answer is no answer of FreeScout's, or when
    nobody answers: then it is unknown whether it was done.
    """

    def __init__(self, url: str, login: tuple[str, str], mailbox: int) -> None:
        """Prepare a session; entering the context logs in.

        Args:
            url: FreeScout's address.
            login: E-mail and password.
            mailbox: Sent with replies whose ticket is there.
        """
        self._login = login
        self._mailbox = mailbox
        self._token = ""
        self._http = httpx.AsyncClient(base_url=url, timeout=_SECONDS, trust_env=False)

    async def __aenter__(self) -> Self:
        for _ in range(_LOGINS):
            with contextlib.suppress(_TooEarlyError):
                await self._log_in()
                return self
            await asyncio.sleep(1.0)
        raise PageError(f"FreeScout does not let {self._login[0]} in")

    async def _log_in(self) -> None:
        """Log in once.

        FreeScout writes its session after it has answered, so the next request may be too early for it.
        """
        self._token = ""
        page = await self._ask("GET", "/login")
        email, password = self._login
        form = {"_token": _found(_FORM_TOKEN, page), "email": email, "password": password}
        answer = await self._ask("POST", "/login", data=form)
        if answer.status_code == _EXPIRED:
            raise _TooEarlyError
        home = await self._http.get("/", follow_redirects=True)
        if answer.status_code != 302 or home.url.path.endswith("/login"):
            raise _TooEarlyError
        self._token = _found(_PAGE_TOKEN, home)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    # Replies

    async def reply(
        self,
        ticket: int,
        html: str,
        *,
        status: int = PENDING,
        files: Sequence[File] = (),
        pasted: Sequence[File] = (),
        draft: int | None = None,
    ) -> None:
        """Press Send.

        Args:
            ticket: The conversation.
            html: What the editor holds.
            status: Of the conversation afterwards.
            files: Attached with the paper-clip.
            pasted: Pictures pasted into the text.
            draft: The draft that is sent with this.
        """
        fields = await self._files(files, pasted)
        images = "".join(f'<div><img src="{one.url}"><br></div>' for one in fields.pasted)
        await self._send(ticket, html + images, fields, status=str(status), thread_id=draft)

    async def note(self, ticket: int, html: str, *, files: Sequence[File] = ()) -> None:
        """Add a private note."""
        await self._send(ticket, html, await self._files(files, ()), is_note="1")

    async def forward(self, ticket: int, email: str, html: str) -> None:
        """Forward a conversation to an address."""
        await self._send(
            ticket, html, _Fields([], []), subtype="1", status=str(PENDING), **{"to_email[]": email}
        )

    async def save_draft(self, ticket: int, html: str, draft: int | None = None) -> int:
        """Let the editor save by itself; gives the draft's thread id."""
        answer = await self._act(
            "save_draft",
            conversation_id=ticket,
            mailbox_id=self._mailbox,
            body=html,
            thread_id=draft or "",
            is_note="",
            subtype="",
        )
        number: int = answer["thread_id"]
        return number

    async def discard_draft(self, draft: int) -> None:
        """Throw a draft away."""
        await self._act("discard_draft", thread_id=draft)

    async def undo(self, thread: int) -> bool:
        """Press Undo in the green box; False when FreeScout says that it is too late."""
        answer = await self._ask("GET", f"/conversation/undo-reply/{thread}")
        if answer.status_code != 302:
            raise PageError(f"undo of {thread}: {answer.status_code}")
        # A reply that was taken back is opened in the editor again.
        return "show_draft" in answer.headers["location"]

    async def edit(self, thread: int, html: str) -> None:
        """Change the words of a published thread."""
        await self._act("save_edit_thread", thread_id=thread, body=html)

    async def delete_note(self, thread: int) -> None:
        """Delete a note of one's own."""
        await self._act("delete_thread", thread_id=thread)

    # Tickets

    async def set_status(self, ticket: int, status: int) -> None:
        """Choose a status in the page."""
        await self._act(
            "conversation_change_status", conversation_id=ticket, status=status, folder_id=""
        )

    async def assign(self, ticket: int, user: int) -> None:
        """Choose an assignee; -1 is nobody."""
        await self._act(
            "conversation_change_user", conversation_id=ticket, user_id=user, folder_id=""
        )

    async def set_subject(self, ticket: int, subject: str) -> None:
        """Change the subject."""
        await self._act("update_subject", conversation_id=ticket, value=subject)

    async def move(self, ticket: int, mailbox: int) -> None:
        """Move to another mailbox."""
        await self._act("conversation_move", conversation_id=ticket, mailbox_id=mailbox)

    async def merge(self, into: int, other: int) -> None:
        """Merge another conversation into one."""
        await self._act(
            "conversation_merge", conversation_id=into, **{"merge_conversation_id[]": other}
        )

    async def clone(self, mailbox: int, thread: int) -> int:
        """Choose "Clone Conversation" in a message's menu; gives the copy's number."""
        answer = await self._ask("GET", f"/mailbox/{mailbox}/clone-ticket/{thread}")
        found = re.search(r"/conversation/(\d+)", answer.headers.get("location", ""))
        if found is None:
            raise PageError(f"clone of thread {thread}: {answer.status_code}")
        return int(found[1])

    async def delete(self, ticket: int) -> None:
        """Delete to the folder."""
        await self._act("delete_conversation", conversation_id=ticket)

    async def restore(self, ticket: int) -> None:
        """Restore from the folder."""
        await self._act("restore_conversation", conversation_id=ticket)

    async def delete_forever(self, ticket: int) -> None:
        """Delete for ever."""
        await self._act("delete_conversation_forever", conversation_id=ticket)

    async def change_customer(self, ticket: int, email: str) -> None:
        """Give the conversation to the customer with this address, who is made if there is none."""
        await self._act(
            "conversation_change_customer", conversation_id=ticket, customer_email=email
        )

    async def merge_customers(self, into: int, other: int) -> None:
        """Merge another customer's record into one: the other's number is gone.

        Raises:
            PageError: FreeScout refuses.
        """
        form = {"_token": self._token, "customer2_id": str(other)}
        answer = await self._ask("POST", f"/customers/{into}/merge", data=form)
        if not answer.headers.get("location", "").endswith(f"/customers/{into}/edit"):
            raise PageError(f"record {other} into {into}: {answer.status_code}")

    async def chat_mode(self, ticket: int, *, on: bool) -> None:
        """Switch the session's chat mode; replies cannot be undone in it."""
        await self._ask("GET", f"/conversation/{ticket}?chat_mode={int(on)}")

    async def new_mail(self, email: str, subject: str, html: str) -> None:
        """Begin a conversation by mail."""
        await self._act(
            "send_reply",
            mailbox_id=self._mailbox,
            is_create="1",
            type="1",
            conversation_id="",
            subject=subject,
            body=html,
            status=PENDING,
            **{"to[]": email},
        )

    # The web's side

    async def _send(self, ticket: int, html: str, files: _Fields, **fields: Any) -> None:
        form = {
            "conversation_id": ticket,
            "mailbox_id": self._mailbox,
            "body": html,
            "is_note": "",
            "subtype": "",
            "conv_history": "global",
            "after_send": "1",
            **files.form(),
            **fields,
        }
        await self._act("send_reply", **{k: v for k, v in form.items() if v is not None})

    async def _files(self, files: Sequence[File], pasted: Sequence[File]) -> _Fields:
        return _Fields(
            [await self._upload(one, attach=True) for one in files],
            [await self._upload(one, attach=False) for one in pasted],
        )

    async def _upload(self, file: File, *, attach: bool) -> _Uploaded:
        answer = await self._ask(
            "POST",
            "/conversation/upload",
            data={"_token": self._token, "attach": str(int(attach))},
            files={"file": (file.name, file.content, file.kind)},
        )
        data = _json(answer)
        return _Uploaded(data["attachment_id"], data["url"])

    async def _act(self, action: str, **fields: Any) -> dict[str, Any]:
        form = {"_token": self._token, "action": action, **fields}
        return _json(await self._ask("POST", "/conversation/ajax", data=form))

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"X-CSRF-TOKEN": self._token, "X-Requested-With": "XMLHttpRequest"}
        try:
            return await self._http.request(
                method, path, headers=headers if self._token else {}, **more
            )
        except httpx.HTTPError as error:
            raise PageError(f"{method} {path}: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class _Fields:
    """What was uploaded before a form is sent."""

    attached: list[_Uploaded]
    pasted: list[_Uploaded]

    def form(self) -> dict[str, list[str]]:
        keys = [one.key for one in (*self.attached, *self.pasted)]
        if not keys:
            return {}
        form = {"attachments_all[]": keys, "attachments[]": keys}
        if self.pasted:
            form["embeds[]"] = [one.key for one in self.pasted]
        return form


def _found(pattern: re.Pattern[str], answer: httpx.Response) -> str:
    match = pattern.search(answer.text)
    if match is None:
        raise PageError(f"{answer.url.path} ({answer.status_code}) has no token of the page")
    return match[1]


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        data: dict[str, Any] = answer.json()
    except ValueError:
        raise PageError(f"{answer.url.path}: {answer.status_code}, no JSON") from None
    if data.get("status") != "success":
        raise PageError(f"{answer.url.path}: {answer.status_code} {data.get('msg') or data}")
    return data
