"""MAX → FreeScout: what an agent reads of every recorded update and attachment.

Everything that is decided or written here is decided and written by the program itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from gallery.desk_chapters import (
    ATTACHMENTS,
    CARDS,
    FATES,
    FILES_AND_FORWARDS,
    GROUPS,
    HAPPENINGS,
    WORDS_AND_FORMS,
)
from gallery.desk_look import thread
from gallery.entries import Entry, GalleryError, Group, Source
from gallery.samples import max_names, max_sample
from maxbridge.config.settings import MaxSettings
from maxbridge.core.events import Attachment, Event, What
from maxbridge.core.inbound_files import FileFate, FileOutcome, fetchable, numbers_of, safe_name
from maxbridge.core.markup import marker
from maxbridge.core.plan_inbound import Duty, InboundPolicy, triage
from maxbridge.files.egress import media_rule
from maxbridge.i18n import RU
from maxbridge.inbound.words import DeskWords
from maxbridge.max.parse import parse_update
from maxbridge.sim.desk.text import file_name

BOT_ID = 900100200
CUSTOMER = "Марина Тестова"
_DEFAULT = InboundPolicy(mailbox_id=1)
_WITH_GROUPS = InboundPolicy(mailbox_id=1, groups=True)
_MOSCOW = timezone(timedelta(hours=3))
_WORDS = DeskWords(
    RU,
    media_rule(MaxSettings()),
    _DEFAULT,
    local_time=lambda at: datetime.fromtimestamp(at, _MOSCOW),
    desk_now=lambda: 1_793_000_060.0,  # of the samples' minute: nothing here came late
)
_CONTENT = {
    "image": ("image/jpeg", 214_016),
    "video": ("video/mp4", 3_407_872),
    "audio": ("audio/mpeg", 815_104),
    "sticker": ("image/webp", 9_216),
    "file": ("", 183_204),
}
"""What the files behind the samples' links may be: the links themselves lead nowhere."""
_SIZES = {FileFate.TOO_LARGE: 125_829_120, FileFate.EMPTY: 0}


def desk_groups() -> list[Group]:
    """The chapters of the first part.

    Raises:
        GalleryError: A sample has no place, or something that is sent would not be shown.
    """
    tables = (WORDS_AND_FORMS, FILES_AND_FORWARDS, HAPPENINGS, GROUPS)
    _all_told("update.", [name for table in tables for name in table])
    _all_told("attachment.", [*ATTACHMENTS, *CARDS])
    return [
        Group(
            "desk-words",
            "Words",
            "Escaped text in the tags that FreeScout's page, mails and previews keep.",
            tuple(_update(name, what) for name, what in WORDS_AND_FORMS.items()),
        ),
        Group(
            "desk-forwards",
            "Albums, documents, forwards",
            "Files stand below the text, as FreeScout shows them.",
            tuple(_update(name, what) for name, what in FILES_AND_FORWARDS.items()),
        ),
        Group(
            "desk-files",
            "Files without words",
            "A thread is never empty: the list preview needs words.",
            tuple(_attachment(name, what) for name, what in ATTACHMENTS.items()),
        ),
        Group(
            "desk-cards",
            "Contacts, places, links",
            "Attachments without a file.",
            tuple(_attachment(name, what) for name, what in CARDS.items()),
        ),
        Group(
            "desk-fates",
            "Files that do not arrive",
            "The words always arrive; what is missing is named, with its size and a link to MAX.",
            (*(_fate(*each) for each in FATES), *_several_threads()),
        ),
        Group(
            "desk-events",
            "What customers do without writing",
            "A line in the ticket only if agents need to know.",
            tuple(_update(name, what) for name, what in HAPPENINGS.items()),
        ),
        Group(
            "desk-groups",
            "Groups and channels",
            'Ignored by default. With `[max] groups = "ticket"` each group has a ticket.',
            tuple(_update(name, what) for name, what in GROUPS.items()),
        ),
    ]


def _all_told(prefix: str, told: Sequence[str]) -> None:
    recorded = {name.removeprefix(prefix) for name in max_names(prefix)}
    if recorded != set(told):
        raise GalleryError(f"samples without a place: {sorted(recorded ^ set(told))}")


# --- samples --------------------------------------------------------------------------------------


def _update(name: str, what: str) -> Entry:
    events = [parse_update(raw) for raw in max_sample(f"update.{name}")["updates"]]
    seen, sources, drawn = [], [], []
    for event in events:
        words, posted = _followed(event)
        seen.append(words)
        if event.what is What.STARTED and event.payload:
            html = _first_words_after(event)
            sources.append(Source("Thread", "html", html))
            drawn.append(thread(CUSTOMER, html))
        elif posted:
            sources.append(_posted(event))
            drawn.append(_card(event, _outcomes(event, FileFate.ATTACHED)))
    return Entry(
        f"update.{name}",
        what,
        " ".join(filter(None, dict.fromkeys(seen))),
        tuple(sources),
        "".join(drawn),
    )


def _attachment(name: str, what: str) -> Entry:
    event = _with_attachment(name)
    return Entry(
        f"attachment.{name}",
        what,
        "",
        (_posted(event),),
        _card(event, _outcomes(event, FileFate.ATTACHED)),
    )


def _fate(name: str, fate: FileFate, what: str) -> Entry:
    event = _with_attachment(name, "Посмотрите, пожалуйста")
    outcomes = _outcomes(event, fate)
    return Entry(
        f"attachment.{name}, {fate.value}",
        what,
        "",
        (Source("Thread", "html", _html(event, outcomes)),),
        _card(event, outcomes),
    )


def _several_threads() -> tuple[Entry, ...]:
    """What stands in the further threads of a message, and in the note on what the desk lost."""
    event = _with_attachment("image", "Двадцать пять фотографий")
    kept = {index: FileOutcome(FileFate.ATTACHED) for index in range(20, 25)}
    more = _WORDS.more_files(event, kept, 20, 25) + marker(f"{event.message.mid}+20")
    files = [(file_name(f"Фото {number}.jpg"), 214_016) for number in range(21, 26)]
    (lost,) = fetchable(_with_attachment("file"))
    note = _WORDS.lost([(lost.name, lost)], []) + marker("note:lost")
    return (
        Entry(
            "attachment.image, 25 of them",
            "More files than fit into one request: a further thread.",
            "",
            (Source("Thread", "html", more),),
            thread(CUSTOMER, more, files),
        ),
        Entry(
            "attachment.file, lost by the desk",
            "FreeScout accepted the file and silently did not keep it.",
            "A private note in the ticket.",
            (Source("Note", "html", note),),
            thread("MAX bridge", note, note=True),
        ),
    )


# --- what the program makes of them ---------------------------------------------------------------


def _followed(event: Event) -> tuple[str, bool]:
    """Who sees an event, in words, and whether an agent does."""
    verdict = triage(event, bot_id=BOT_ID, policy=_DEFAULT)
    group = triage(event, bot_id=BOT_ID, policy=_WITH_GROUPS)
    if verdict.duty is Duty.IGNORE and group.duty in (Duty.POST, Duty.REMARK):
        return 'With `[max] groups = "ticket"`: a line in the group\'s ticket.', True
    if verdict.duty is Duty.POST:
        return "", True
    if verdict.duty is Duty.REMARK:
        return "A line in the customer's open ticket; nothing if there is none.", True
    if verdict.duty is Duty.PARK:
        return "Its sender is unknown: it is kept, counted and shown by `maxbridge status`.", False
    words = f"Nothing in FreeScout: {verdict.reason}."
    if event.payload and event.what is What.STARTED:
        words = "It stands before the customer's first words."
    if event.what is What.STARTED and not event.chat_type:
        words += " The customer gets the greeting where `[texts] greeting` has one."
    return words, False


def _first_words_after(start: Event) -> str:
    """The message that follows a start by a deep link, which says where the customer comes from."""
    said = parse_update(max_sample("update.message_created.text")["updates"][0])
    return _WORDS.event(said, {}, None, start) + marker(said.message.mid)


def _with_attachment(name: str, text: str = "") -> Event:
    raw = max_sample("update.message_created.text")["updates"][0]
    raw["message"]["body"] |= {"text": text, "attachments": [max_sample(f"attachment.{name}")]}
    return parse_update(raw)


def _posted(event: Event) -> Source:
    return Source("Thread", "html", _html(event, _outcomes(event, FileFate.ATTACHED)))


def _html(event: Event, outcomes: dict[int, FileOutcome]) -> str:
    key = event.message.mid if event.what is What.MESSAGE and event.message.mid else event.key
    return _WORDS.event(event, outcomes, _before(event)) + marker(key)


def _before(event: Event) -> Event | None:
    """The message that an edit or a deletion is about."""
    if event.what not in (What.EDITED, What.REMOVED):
        return None
    old = parse_update(max_sample("update.message_created.text")["updates"][0])
    if old.message.mid not in (event.message.mid, event.payload):
        raise GalleryError(f"no sample is the message before {event.key}")
    return old


def _outcomes(event: Event, fate: FileFate) -> dict[int, FileOutcome]:
    return {
        index: FileOutcome(fate, _SIZES.get(fate, _size(item)))
        for index, item in enumerate(fetchable(event))
    }


def _card(event: Event, outcomes: dict[int, FileOutcome]) -> str:
    items = fetchable(event)
    numbers = numbers_of(items)
    files = [
        (file_name(safe_name(item, _CONTENT[item.kind][0], numbers[index], RU)), _size(item))
        for index, item in enumerate(items)
        if outcomes[index].fate is FileFate.ATTACHED
    ]
    group: Any = max_sample("response.get_chat.group")
    name = str(group["title"]) if event.chat_type == "chat" or not event.sender else CUSTOMER
    return thread(name, _html(event, outcomes), files)


def _size(item: Attachment) -> int:
    return item.size if item.size is not None else _CONTENT[item.kind][1]
