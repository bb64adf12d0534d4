"""What goes wrong: every recorded refusal of MAX's, and the private notes that agents read then."""

from __future__ import annotations

import json
from collections.abc import Callable

from gallery.desk_look import thread
from gallery.entries import Entry, GalleryError, Group, Source
from gallery.samples import max_names, max_sample
from maxbridge.advice import ADVICE
from maxbridge.core.delivery import State
from maxbridge.core.errors import Failure, Kind
from maxbridge.core.markup import marker, text_to_html
from maxbridge.core.parts import Part, PartFile
from maxbridge.core.retry import RetryPolicy
from maxbridge.i18n import RU
from maxbridge.max.answers import classify_answer
from maxbridge.outbound.notes import BLOCKED, ReplyNotes
from maxbridge.store.inbox import Note
from maxbridge.store.records import OutboxItem, PartItem

_NOTES = ReplyNotes(RU, RetryPolicy().lifetime_days)
_EXCERPT = "Добрый день, счёт во вложении"
_FILE = PartFile(1, "setup.exe", "")
_UPLOAD = "error.upload_forbidden_extension"
_ANOTHER_WAY = {
    "max.markup_refused": "Nothing: the reply is sent again as plain text with its addresses in words.",
    "max.attachment_refused": "Nothing: what MAX refuses as a picture or video is sent again as a file.",
    "max.not_ready": "Nothing: the message is sent again a little later, at last with a plain file.",
}
_PLUMBING = {
    "request.": "what the bridge sends",
    "response.": "what MAX answers",
    "upload.": "how a file is uploaded",
    "updates.": "a poll without news",
}
"""Samples that nobody at either end ever sees, by what their names begin with."""


def trouble_groups() -> list[Group]:
    """The chapters of the third part."""
    return [
        Group(
            "desk-notes",
            "What MAX refuses, and what agents are told",
            "Agents are told of every reply that does not arrive. Temporary failures are retried.",
            (*(_refusal(name) for name in max_names("error.")), *_other_notes()),
        ),
        Group(
            "plumbing",
            "Samples without a visible result",
            "Calls between the programs; the tests of the clients and of the simulator use them.",
            tuple(_plumbing(name) for name in _others()),
        ),
    ]


def _refusal(name: str) -> Entry:
    recorded = max_sample(name)
    source = Source("MAX's answer", "json", json.dumps(recorded["body"], ensure_ascii=False))
    what = f"HTTP {recorded['status']}."
    if name == _UPLOAD:
        failure = Failure("max.forbidden_file", Kind.PERMANENT, certain=True)
        return _noted(name, what, _NOTES.file_lost(_item(), _FILE, failure), source)
    failure = classify_answer(recorded["status"], recorded["body"])
    if failure.code == BLOCKED:
        note = Note("waits:1", 5, _NOTES.waits(_item()))
        return _noted(name, what, note, source)
    if failure.code in _ANOTHER_WAY:
        return Entry(name, what, _ANOTHER_WAY[failure.code], (source,))
    if failure.code == "max.not_found":
        return _noted(name, f"{what} To the edit of a message.", _NOTES.not_edited(_item()), source)
    if failure.kind is Kind.PERMANENT:
        return _noted(name, what, _NOTES.refused(_item(), failure), source)
    return Entry(
        name,
        what,
        f"Nothing in FreeScout: the reply waits. The log and `maxbridge status` say `{failure.code}`: "
        f"{ADVICE[failure.code]}",
        (source,),
    )


def _other_notes() -> list[Entry]:
    """What no single answer of MAX's leads to."""
    partly = _item(Part("первая", html=True), Part("вторая", html=True), sent=1)
    refused = Failure("max.refused", Kind.PERMANENT, certain=True, detail="HTTP 400, proto.payload")
    made: dict[str, tuple[str, Callable[[], Note | None]]] = {
        "a lost answer": (
            "The connection broke, and the chat's history does not tell whether the reply is there.",
            lambda: _NOTES.held(_item()),
        ),
        "five days": (
            "MAX accepted nothing for five days.",
            lambda: _NOTES.expired(_item(), blocked=False),
        ),
        "five days, stopped": (
            "The customer stopped the bot and did not come back.",
            lambda: _NOTES.expired(_item(), blocked=True),
        ),
        "a part": (
            "MAX accepted the first message of a long reply and refused the second.",
            lambda: _NOTES.refused(partly, refused),
        ),
        "an empty reply": (
            "A reply with nothing that could be sent.",
            lambda: _NOTES.empty(_item()),
        ),
        "an edit": (
            "MAX no longer accepts the edit.",
            lambda: _NOTES.not_edited(_item()),
        ),
        "a file": (
            "A file is larger than the limit.",
            lambda: _NOTES.file_lost(
                _item(),
                PartFile(1, "video.mov", ""),
                Failure("desk.file_too_large", Kind.PERMANENT, True),
            ),
        ),
    }
    return [_noted(name, what, note()) for name, (what, note) in made.items()]


def _noted(name: str, what: str, note: Note | None, *sources: Source) -> Entry:
    if note is None:
        raise GalleryError(f"no note for {name}")
    html = f"<div>{text_to_html(note.text)}</div>{marker(f'note:{note.key}')}"
    return Entry(
        name,
        what,
        "A private note in the ticket.",
        (*sources, Source("Note", "html", html)),
        thread("MAX bridge", html, note=True),
    )


def _item(*parts: Part, sent: int = 0) -> OutboxItem:
    """A reply in the outbox, the first ``sent`` messages of which have arrived."""
    planned = parts or (Part("Добрый день, счёт во вложении", html=True),)
    return OutboxItem(
        id=1,
        key="thread:2:0",
        chat_id=1,
        state=State.SENDING,
        created_at=0.0,
        attempts=0,
        first_try_at=None,
        attempted_at=None,
        next_at=0.0,
        error=None,
        conversation_id=5,
        thread_id=2,
        excerpt=_EXCERPT,
        parts=tuple(
            PartItem(seq, part, "mid.1" if seq < sent else None) for seq, part in enumerate(planned)
        ),
    )


def _others() -> list[str]:
    return [
        name for name in max_names() if not name.startswith(("update.", "attachment.", "error."))
    ]


def _plumbing(name: str) -> Entry:
    for beginning, what in _PLUMBING.items():
        if name.startswith(beginning):
            return Entry(name, f"{what[:1].upper()}{what[1:]}.")
    raise GalleryError(f"a sample without a place: {name}")
