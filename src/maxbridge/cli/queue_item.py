"""One queue item in words and as data; people's words only on request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from maxbridge.advice import advice
from maxbridge.core import keys
from maxbridge.core.delivery import Doubt, State
from maxbridge.core.parts import Part
from maxbridge.saying import age, later, local, say, utc
from maxbridge.store.linking import ItemView
from maxbridge.store.records import Item

STATES = {
    State.QUEUED: later("waits for its turn"),
    State.SENDING: later("may have arrived: that is looked up before anything else"),
    State.DEFERRED: later("waits for the next try"),
    State.HELD: later("waits for your decision"),
    State.DONE: later("was delivered"),
    State.BOUNCED: later("was given back to the agent with a note"),
    State.IGNORED: later("nobody has to do anything about it"),
    State.PARKED: later("nobody can say whom it concerns"),
}
"""What each state means for an item."""
PUT_ASIDE = later("is put aside: its chat sent more than [max] flood_limit in an hour")
"""What "parked" means for an item of such a chat."""

_DOUBTS = {
    Doubt.CRASHED: later("it may have: maxbridge ended while it was being sent"),
    Doubt.NO_ANSWER: later("it may have: no answer came"),
    Doubt.ANSWERED: later("it may have: the answer did not say"),
    Doubt.RESTORED: later("it may have: before the database was restored"),
    Doubt.RETRIED: later("it may have: that is looked up first"),
}
"""Whether it may have arrived, and why nobody knows."""


_WAITS_FOR = {
    "customer": later("the customer stopped the bot: it leaves when they start it again or write"),
    "group": later("the group removed the bot: it leaves when the bot is added again"),
}
"""Whom a reply waits for, where it is not its turn that it waits for."""


_WHY = {
    "max.undecidable": later("No look-up can tell whether it arrived: look into the chat."),
    "desk.undecidable": later("No look-up can tell whether it arrived: look into the ticket."),
}
"""What held an item, where no end of the bridge is in trouble."""


def waits_for(name: str, item: Item, stopped: Mapping[int, bool]) -> str | None:
    """Return whom a reply waits for: ``customer``, ``group``, or None.

    Args:
        name: Such as ``out-7``.
        item: The delivery.
        stopped: The chats to which nothing can be sent now, and whether each is a group's.
    """
    waits = item.state in (State.QUEUED, State.DEFERRED) and item.chat_id in stopped
    if not waits or not name.startswith(f"{keys.TO_MAX}-"):
        return None
    return "group" if stopped[item.chat_id] else "customer"


def reason(whom: str | None) -> str:
    """Return the sentence for the result of :func:`waits_for`; empty for None."""
    return "" if whom is None else say(_WAITS_FOR[whom])


def as_data(name: str, view: ItemView, whom: str | None, *, text: bool) -> dict[str, Any]:
    """Return the item for programs; keys are added, never changed or removed."""
    item = view.item
    data: dict[str, Any] = {
        "id": name,
        "direction": view.direction,
        "key": item.key,
        "kind": view.kind,
        "chat": item.chat_id or None,
        "user": view.user_id,
        "conversation": view.conversation_id,
        "thread": view.thread_id,
        "state": item.state.value,
        "since": utc(item.created_at),
        "tries": item.attempts,
        "last_try": utc(item.attempted_at),
        "next_try": utc(item.next_at) if item.state is State.DEFERRED and item.next_at else None,
        "finished": utc(view.finished_at),
        "waits_for": whom,
        "may_have_arrived": item.doubt is not Doubt.NONE,
        "put_aside": view.is_put_aside,
        "error": item.error,
        "advice": _remedy(item.error or "") or None,
        "files": view.files,
        "parts": [_part(part, mid, text=text) for part, mid in view.parts],
        "notes": [{"id": note.name, "state": note.state} for note in view.notes],
        "next": _next(name, view, whom),
    }
    if text:
        data["payload"] = view.payload
    return data


def _remedy(error: str) -> str:
    return say(_WHY[error]) if error in _WHY else advice(error)


def as_text(name: str, view: ItemView, whom: str | None, *, text: bool, now: float) -> str:
    """Return the item for people."""
    item = view.item
    lines = [
        f"{name}: {item.state.value}, {say(PUT_ASIDE if view.is_put_aside else STATES[item.state])}",
        say("  item      {key}", key=item.key),
        say("  direction {direction} ({kind})", direction=view.direction, kind=view.kind),
        say(
            "  chat      {chat_id}, MAX user {user_id}",
            chat_id=item.chat_id or say("not known"),
            user_id=view.user_id or say("not known"),
        ),
        say(
            "  ticket    {conversation_id}, thread {thread_id}",
            conversation_id=view.conversation_id or say("none yet"),
            thread_id=view.thread_id or say("none yet"),
        ),
        say(
            "  came      {at}, {age} ago",
            at=local(item.created_at),
            age=age(now - item.created_at),
        ),
        say(
            "  tries     {attempts} failed{tried}", attempts=item.attempts, tried=_tried(view, now)
        ),
    ]
    if view.finished_at is not None:
        lines.append(
            say(
                "  ended     {at}, {age} ago",
                at=local(view.finished_at),
                age=age(now - view.finished_at),
            )
        )
    if whom is not None:
        lines.append(say("  waits for {reason}", reason=reason(whom)))
    if item.doubt is not Doubt.NONE:
        lines.append(say("  arrived   {doubt}", doubt=say(_DOUBTS[item.doubt])))
    if item.error:
        lines.append(
            say(
                "  error     {error}. {remedy}", error=say(item.error), remedy=_remedy(item.error)
            ).rstrip()
        )
    if view.files:
        lines.append(say("  files     {files}", files=view.files))
    for number, (part, mid) in enumerate(view.parts, 1):
        files = say(", files {count}", count=len(part.files)) if part.files else ""
        state = say("at MAX as {mid}", mid=mid) if mid else say("not sent yet")
        letters = say("{count} letters{files}", count=len(part.text), files=files)
        lines.append(
            say(
                "  part {number}    {action}, {letters}, {state}",
                number=number,
                action=part.action.value,
                letters=letters,
                state=state,
            )
        )
        if text and part.text:
            lines.append(_indented(part.text))
    lines += [
        say("  note      {name}: {state}", name=note.name, state=note.state) for note in view.notes
    ]
    if text and view.payload is not None:
        lines += [say("  as it came"), _indented(_readable(view.payload))]
    elif text and not view.parts:
        lines.append(say("  the text is no longer stored"))
    lines += [say("  next      {step}", step=each) for each in _next(name, view, whom)]
    return "\n".join(lines)


def _tried(view: ItemView, now: float) -> str:
    item = view.item
    words = ""
    if item.attempted_at is not None:
        words += say(", the last one {age} ago", age=age(now - item.attempted_at))
    if item.state in (State.DEFERRED, State.SENDING) and item.next_at > now:
        words += say(", the next one in {age}", age=age(item.next_at - now))
    return words


def _next(name: str, view: ItemView, whom: str | None) -> list[str]:
    """Return what the administrator can do."""
    item = view.item
    if item.state is State.HELD:
        in_doubt = item.doubt is not Doubt.NONE
        first = (
            say("looks whether it arrived, then sends it") if in_doubt else say("tries it again")
        )
        choices = [say("maxbridge queue retry {name}: {first}", name=name, first=first)]
        if in_doubt:
            choices.append(
                say(
                    "maxbridge queue retry --anyway {name}: sends it without looking; it may arrive twice",
                    name=name,
                )
            )
        return [
            *choices,
            say(
                "maxbridge queue drop {name}: gives it up, for example if it has arrived", name=name
            ),
        ]
    if item.state in (State.QUEUED, State.DEFERRED):
        tried = (
            [
                say(
                    "maxbridge dialogs unblock {chat}: tries it now",
                    chat=item.chat_id if item.chat_id > 0 else f"-- {item.chat_id}",
                )
            ]
            if whom is not None
            else []
        )
        return [
            *tried,
            say("nothing need be done; maxbridge queue hold {name} stops it", name=name),
            say("maxbridge queue drop {name}: gives it up", name=name),
        ]
    if item.state is State.SENDING:
        return [say("nothing need be done")]
    if view.is_put_aside:
        return [
            say(
                "maxbridge queue release {chat}: delivers all that is put aside of this chat, in order",
                chat=item.chat_id,
            ),
            say("maxbridge queue drop {name}: gives it up", name=name),
        ]
    return []


def _part(part: Part, mid: str | None, *, text: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "action": part.action.value,
        "letters": len(part.text),
        "files": len(part.files),
        "message": mid or part.target or None,
        "sent": mid is not None,
    }
    return data | ({"text": part.text} if text else {})


def _readable(payload: str) -> str:
    """Indent JSON for people; any other text stays as it is."""
    try:
        return json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
    except ValueError:
        return payload


def _indented(words: str) -> str:
    return "\n".join(f"    | {line}" for line in words.splitlines())
