"""One item of a queue in words and as data; what people wrote only where that is asked for."""

from __future__ import annotations

import json
from typing import Any

from maxbridge.advice import advice
from maxbridge.core.delivery import Doubt, State
from maxbridge.core.parts import Part
from maxbridge.store.inspection import ItemView
from maxbridge.times import age, local, utc

STATES = {
    State.QUEUED: "waits for its turn",
    State.SENDING: "may have arrived: that is looked up before anything else",
    State.DEFERRED: "waits for the next try",
    State.HELD: "waits for your decision",
    State.DONE: "was delivered",
    State.BOUNCED: "was given back to the agent with a note",
    State.IGNORED: "nobody has to do anything about it",
    State.PARKED: "nobody can say whom it concerns",
}
"""What each state means for an item."""

_DOUBTS = {
    Doubt.CRASHED: "it may have: maxbridge ended while it was being sent",
    Doubt.NO_ANSWER: "it may have: no answer came",
    Doubt.ANSWERED: "it may have: the answer did not say",
    Doubt.RESTORED: "it may have: before the database was restored",
    Doubt.RETRIED: "it may have: that is looked up first",
}
"""Whether it may have arrived, and why nobody knows."""


_WHY = {
    "max.undecidable": "No look-up can tell whether it arrived: look into the chat.",
    "desk.undecidable": "No look-up can tell whether it arrived: look into the ticket.",
}
"""What held an item, where no end of the bridge is in trouble."""


def as_data(name: str, view: ItemView, *, text: bool) -> dict[str, Any]:
    """The item for programs; keys are added, never changed or removed."""
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
        "may_have_arrived": item.doubt is not Doubt.NONE,
        "error": item.error,
        "advice": _remedy(item.error or "") or None,
        "files": view.files,
        "parts": [_part(part, mid, text=text) for part, mid in view.parts],
        "notes": [{"id": note.name, "state": note.state} for note in view.notes],
        "next": _next(name, view),
    }
    if text:
        data["payload"] = view.payload
    return data


def _remedy(error: str) -> str:
    return _WHY.get(error) or advice(error)


def as_text(name: str, view: ItemView, *, text: bool, now: float) -> str:
    """The item for people."""
    item = view.item
    lines = [
        f"{name}: {item.state.value}, {STATES[item.state]}",
        f"  item      {item.key}",
        f"  direction {view.direction} ({view.kind})",
        f"  chat      {item.chat_id or 'not known'}, MAX user {view.user_id or 'not known'}",
        f"  ticket    {view.conversation_id or 'none yet'}, thread {view.thread_id or 'none yet'}",
        f"  came      {local(item.created_at)}, {age(now - item.created_at)} ago",
        f"  tries     {item.attempts} failed{_tried(view, now)}",
    ]
    if view.finished_at is not None:
        lines.append(f"  ended     {local(view.finished_at)}, {age(now - view.finished_at)} ago")
    if item.doubt is not Doubt.NONE:
        lines.append(f"  arrived   {_DOUBTS[item.doubt]}")
    if item.error:
        lines.append(f"  error     {item.error}. {_remedy(item.error)}".rstrip())
    if view.files:
        lines.append(f"  files     {view.files}")
    for number, (part, mid) in enumerate(view.parts, 1):
        files = f", files {len(part.files)}" if part.files else ""
        state = f"at MAX as {mid}" if mid else "not sent yet"
        letters = f"{len(part.text)} letters{files}"
        lines.append(f"  part {number}    {part.action.value}, {letters}, {state}")
        if text and part.text:
            lines.append(_indented(part.text))
    lines += [f"  note      {note.name}: {note.state}" for note in view.notes]
    if text and view.payload is not None:
        lines += ["  as it came", _indented(_readable(view.payload))]
    elif text and not view.parts:
        lines.append("  the text is no longer stored")
    lines += [f"  next      {each}" for each in _next(name, view)]
    return "\n".join(lines)


def _tried(view: ItemView, now: float) -> str:
    item = view.item
    words = ""
    if item.attempted_at is not None:
        words += f", the last one {age(now - item.attempted_at)} ago"
    if item.state in (State.DEFERRED, State.SENDING) and item.next_at > now:
        words += f", the next one in {age(item.next_at - now)}"
    return words


def _next(name: str, view: ItemView) -> list[str]:
    """What one can do."""
    item = view.item
    if item.state is State.HELD:
        in_doubt = item.doubt is not Doubt.NONE
        first = "looks whether it arrived, then sends it" if in_doubt else "tries it again"
        choices = [f"maxbridge queue retry {name}: {first}"]
        if in_doubt:
            choices.append(
                f"maxbridge queue retry --anyway {name}: sends it without looking; it may arrive twice"
            )
        return [
            *choices,
            f"maxbridge queue drop {name}: gives it up, for example if it has arrived",
        ]
    if item.state in (State.QUEUED, State.DEFERRED):
        return [
            f"nothing need be done; maxbridge queue hold {name} stops it",
            f"maxbridge queue drop {name}: gives it up",
        ]
    if item.state is State.SENDING:
        return ["nothing need be done"]
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
    """JSON as people read it; what is none as it is."""
    try:
        return json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
    except ValueError:
        return payload


def _indented(words: str) -> str:
    return "\n".join(f"    | {line}" for line in words.splitlines())
