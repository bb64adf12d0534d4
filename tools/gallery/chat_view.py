"""FreeScout → MAX: what a customer gets of every recorded body of an agent's reply.

Everything that is decided or written here is decided and written by the program itself; what the files
are is told by the first bytes of such files, as the sender does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gallery.chat_look import chat, sent_text
from gallery.desk_look import reply
from gallery.entries import Entry, GalleryError, Group, Source
from gallery.samples import EDITOR_CASE, Body, editor_bodies, reply_bodies
from maxbridge.core.events import Conversation, DeskFile, Names, Thread
from maxbridge.core.filetype import sniff
from maxbridge.core.parts import Part, PartFile, by_content, max_kind, proper_name
from maxbridge.freescout.client import Directory
from maxbridge.freescout.parse import own_file
from maxbridge.i18n import RU
from maxbridge.outbound.replies import ReplyMaker

_AGENT, _CUSTOMER = Names("Борис", "Агентов"), Names("Марина", "Тестова")
_DIRECTORY = Directory(mailbox_names={1: "Ромашка"})
_MAKER = ReplyMaker(RU, "", own_file=own_file, directory=lambda: _DIRECTORY)
_SIGNATURE = "{name}, Ромашка"
_SIGNING = ReplyMaker(RU, _SIGNATURE, own_file=own_file, directory=lambda: _DIRECTORY)
_HEADS = {
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x02\x51\x00\x00\x01\x90",
    "pdf": b"%PDF-1.4\n",
    "mp4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2",
    "txt": b"ten bytes\n",
}
"""How files with these endings begin."""
_WHERE = {
    "chat": (
        "max-chat",
        "Replies from chat tickets",
        "The editor of a chat ticket has no tool bar.",
    ),
    "chat: files": ("max-files", "Pictures and files", "Pasted pictures are only in the body."),
    "email": ("max-email", "Replies from e-mail tickets", "The full editor, and pastes from Word."),
}
_RECORDED = {
    "50: thread 2": "A reply with bold and a line break.",
    "51: thread 4": "A reply with a file.",
    "51: thread 5": "A picture pasted into the text.",
    "51: thread 6": "A file and a pasted picture.",
    "51: thread 7": "A picture pasted as base64, which FreeScout stores.",
    "51b: <div><br></div>": "A file without words.",
    "51b: <p><br></p>": "A file without words, in other HTML.",
    "53: thread 12": "A draft that was published.",
    "54: thread 15": "A reply that is undone within 15 seconds.",
    "54: thread 15, text 2": "The same thread, sent again.",
    "55: thread 17": "A reply.",
    "55: thread 18": "The last reply, edited by an administrator.",
    "55: thread 17, text 2": "An earlier reply, edited.",
    "57: thread 31": "A reply that had been delivered when its ticket was merged.",
    "57b: thread 10": "A reply to another customer, brought by a merge.",
    "58: thread 38": "A reply after the ticket was moved to another mailbox.",
    "59: thread 41": "A forward: a mail to somebody else.",
    "60: thread 44": "A reply in a deleted ticket, which restores it.",
    "62: thread 53": "A conversation that an agent begins.",
    "68: thread 10": "A reply in the chat mode of the agent's session.",
}
_GETS = {
    "55: thread 18": "The message that the customer has changes in place.",
    "55: thread 17, text 2": "It changes with the next reading of the ticket.",
}
_NEVER = {
    "54: thread 15": "It is not sent: it is a draft again when its undo window ends.",
    "57: thread 31": "Nothing more: the customer has it already.",
    "57b: thread 10": "It is not sent from here: its thread belongs to another customer.",
    "59: thread 41": "Nothing: the new conversation belongs to its addressee.",
}


def chat_groups() -> list[Group]:
    """The chapters of the second part.

    Raises:
        GalleryError: A recorded body has no place, or MAX would refuse or lose something of it.
    """
    editor: dict[str, list[Entry]] = {name: [] for name in _WHERE}
    for body in editor_bodies():
        editor[_chapter(body)].append(_entry(body, ""))
    replies = {body.sample: body for body in reply_bodies()}
    if set(replies) != set(_RECORDED):
        raise GalleryError(f"replies without a place: {sorted(set(replies) ^ set(_RECORDED))}")
    recorded = [_entry(replies[sample], what) for sample, what in _RECORDED.items()]
    return [
        *(Group(*_WHERE[name], tuple(entries)) for name, entries in editor.items()),
        Group(
            "max-replies",
            "Replies in the recorded cases",
            f"Cases with an agent's message; the bodies above are all of case {EDITOR_CASE}.",
            (*recorded, _signed(), _greeting()),
        ),
    ]


def _chapter(body: Body) -> str:
    where = body.what.partition(":")[0]
    has_files = body.files or "<img" in (body.body or "") or "file" in body.what
    return f"{where}: files" if has_files and where == "chat" else where


# --- entries --------------------------------------------------------------------------------------


def _entry(body: Body, what: str) -> Entry:
    if body.body is None:
        return Entry(body.sample, what, f"Nothing: {body.note}.")
    desk = Source("Body in FreeScout", "html", body.body)
    if body.sample in _NEVER:
        return Entry(body.sample, what, _NEVER[body.sample], (desk,))
    return _shown(body.sample, what, _MAKER, body, (desk,))


def _shown(
    sample: str, what: str, maker: ReplyMaker, body: Body, sources: tuple[Source, ...]
) -> Entry:
    parts = messages(maker, body)
    sent = tuple(_source(part, number, len(parts)) for number, part in enumerate(parts, start=1))
    files = [(name, size or 0) for name, _, size, _ in body.files]
    beside = reply(_AGENT.full, body.body or "", files)
    return Entry(sample, what, _GETS.get(sample, ""), sources + sent, chat(parts), beside)


def _source(part: Part, number: int, count: int) -> Source:
    title = "Message to MAX" if count == 1 else f"Message {number} of {count} to MAX"
    # Plain text of what is shown besides: how MAX itself reads the markup.
    marks = [f"[{each['type']} {each['from']}+{each['length']}]" for each in sent_text(part).markup]
    files = [f"[{file.kind}: {file.name}]" for file in part.files]
    return Source(title, "html", "\n".join(filter(None, [part.text, " ".join(marks + files)])))


def _signed() -> Entry:
    body = Body("", "", "<div>Всё готово.</div>")
    setting = Source("[texts] signature", "text", _SIGNATURE)
    return _shown(
        "a signature", "Every reply where `[texts] signature` has one.", _SIGNING, body, (setting,)
    )


def _greeting() -> Entry:
    text = "Здравствуйте! Напишите ваш вопрос. Голосовые сообщения до нас не доходят."
    part = Part(text, button="Поделиться телефоном")
    what = "What a customer who starts the bot gets where `[texts] greeting` and `phone_button` are set."
    return Entry("a greeting", what, "", (_source(part, 1, 1),), chat([part]))


# --- what the program makes of them ---------------------------------------------------------------


def messages(maker: ReplyMaker, body: Body) -> list[Part]:
    """The messages that a reply becomes, its files as their first bytes tell them."""
    files = tuple(
        DeskFile(number, name, url, mime, size)
        for number, (name, mime, size, url) in enumerate(body.files, start=1)
    )
    thread = Thread(
        1,
        "message",
        "published",
        body.body or "",
        0.0,
        author=_AGENT,
        author_type="user",
        files=files,
    )
    ticket = Conversation(
        5, 5, "active", "published", "MAX: Где мой заказ?", mailbox_id=1, customer=_CUSTOMER
    )
    parts = maker.reply(ticket, thread, 0).parts
    return [
        each for part in parts for each in by_content(replace(part, files=_looked_at(part.files)))
    ]


def _looked_at(files: Iterable[PartFile]) -> tuple[PartFile, ...]:
    """The files as the sender knows them after a look at their content."""
    seen = []
    for file in files:
        content = sniff(_HEADS[file.name.rpartition(".")[2]])
        kind = max_kind(content, file.name, file.size or 0)
        seen.append(replace(file, kind=kind, name=proper_name(file.name, content)))
    return tuple(seen)
