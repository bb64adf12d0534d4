"""The small worlds: what the command explores, what the tests explore, and what no rule can promise."""

from __future__ import annotations

from dataclasses import replace

from explore.world import MIDDLE, REAL, SHORT, Scenario
from maxbridge.core.delivery import Direction

_MAX, _DESK = Direction.TO_MAX, Direction.TO_DESK
_AT_ONCE = replace(SHORT, lag=0, work=2)
_AT_ONCE_REAL = replace(REAL, lag=0, work=9)
"""The desk shows at once what it did, so what hangs may take all the time that is waited for."""

_REPLIES = Scenario("replies", _MAX, "two replies to one customer")
_MESSAGES = Scenario("messages", _DESK, "two messages of one customer", times=_AT_ONCE)

SMALL: tuple[Scenario, ...] = (
    _REPLIES,
    _MESSAGES,
    replace(
        _REPLIES,
        name="slow reading, MAX",
        says="a reply; a look-up takes a while, and the history lags",
        chats=(0,),
        times=MIDDLE,
        reading=1,
    ),
    replace(
        _MESSAGES,
        name="slow reading, desk",
        says="two messages; a look-up takes a while",
        reading=1,
    ),
    replace(
        _REPLIES,
        name="real times, MAX",
        says="a reply, with the times that maxbridge works with",
        chats=(0,),
        times=REAL,
        reading=3,
    ),
    replace(
        _MESSAGES,
        name="real times, desk",
        says="a message, with the times that maxbridge works with",
        chats=(0,),
        times=_AT_ONCE_REAL,
        reading=3,
    ),
    replace(
        _REPLIES, name="parts, MAX", says="a reply of three messages", chats=(0,), parts=(3,)
    ),
    replace(
        _MESSAGES,
        name="parts, desk",
        says="a message whose files take two threads, and a message",
        parts=(2, 1),
    ),
    replace(
        _MESSAGES,
        name="files",
        says="a message with files, whose call may take long",
        chats=(0,),
        times=replace(_AT_ONCE, patience=3),
        files=True,
    ),
    replace(
        _MESSAGES,
        name="batch",
        says="two messages that may go in one POST",
        batches=True,
    ),
    replace(
        _REPLIES,
        name="simpler forms, MAX",
        says="a reply with two simpler forms; retried anyway, once",
        chats=(0,),
        rungs=(2,),
        forced=frozenset({0}),
    ),
    replace(
        _MESSAGES,
        name="simpler forms, desk",
        says="a message with three simpler forms; retried anyway, once",
        chats=(0,),
        rungs=(3,),
        forced=frozenset({0}),
    ),
    replace(
        _REPLIES,
        name="change",
        says="a reply, and a change of an older message",
        changes=frozenset({1}),
    ),
    replace(
        _MESSAGES,
        name="poisoned, desk",
        says="two messages; the desk never takes the first, which has a simpler form",
        rungs=(1, 0),
        poisoned=frozenset({0}),
    ),
    replace(_REPLIES, name="stopped", says="a reply; the customer stops the bot and comes back",
            chats=(0,), stops=True),
    replace(_REPLIES, name="restore, MAX", says="a reply of two messages; a backup is put back",
            chats=(0,), parts=(2,), restores=True),
    replace(
        _MESSAGES,
        name="restore, desk",
        says="a message whose files take two threads; a backup is put back",
        chats=(0,),
        parts=(2,),
        restores=True,
    ),
    replace(
        _MESSAGES,
        name="restore, files",
        says="a message with files that had just been tried; a backup of that moment is put back; retried anyway, once",
        chats=(0,),
        times=replace(_AT_ONCE, patience=3),
        files=True,
        forced=frozenset({0}),
        reading=1,
        restores=True,
    ),
    replace(
        _REPLIES,
        name="restore, one change",
        says="a change with a simpler form; a backup is put back, the customer stops the bot",
        chats=(0,),
        changes=frozenset({0}),
        rungs=(1,),
        forced=frozenset({0}),
        restores=True,
        stops=True,
    ),
)  # fmt: skip
"""What the tests explore, in seconds."""

LARGE: tuple[Scenario, ...] = (
    *SMALL,
    replace(
        _REPLIES,
        name="poisoned, MAX",
        says="two replies; MAX never takes the first, which has a simpler form",
        rungs=(1, 0),
        poisoned=frozenset({0}),
    ),
    replace(
        _REPLIES,
        name="same words",
        says="two replies with the same words",
        words=("one", "one"),
    ),
    replace(
        _REPLIES,
        name="three, MAX",
        says="two replies to one customer and one to another",
        chats=(0, 0, 1),
        calm=frozenset({2}),
    ),
    replace(
        _MESSAGES,
        name="three, desk",
        says="two messages of one customer and one of another",
        chats=(0, 0, 1),
        calm=frozenset({2}),
    ),
    replace(
        _REPLIES,
        name="longer times, MAX",
        says="two replies; the history lags for longer than two readings are apart",
        times=MIDDLE,
    ),
    replace(
        _MESSAGES,
        name="real times, two messages",
        says="two messages, with the times that maxbridge works with",
        times=_AT_ONCE_REAL,
    ),
    replace(
        _MESSAGES,
        name="files, two messages",
        says="two messages with files, whose calls may take long",
        times=replace(_AT_ONCE, patience=3),
        files=True,
    ),
    replace(
        _MESSAGES,
        name="batch of three",
        says="three messages that may go in one POST",
        chats=(0, 0, 0),
        batches=True,
    ),
    replace(_REPLIES, name="slow reading, two replies", says="two replies; a look-up takes a while",
            reading=1),
    replace(_REPLIES, name="parts and one behind", says="a reply of two messages, and another reply",
            parts=(2, 1)),
    replace(
        _MESSAGES,
        name="simpler forms, two messages",
        says="two messages, one with a simpler form; retried anyway, once",
        rungs=(1, 0),
        forced=frozenset({0}),
    ),
    replace(
        _REPLIES,
        name="simpler forms, two replies",
        says="two replies, one with a simpler form; retried anyway, once",
        rungs=(1, 0),
        forced=frozenset({0}),
    ),
    replace(_REPLIES, name="stopped, two replies", says="two replies; the customer stops the bot",
            stops=True),
    replace(_REPLIES, name="restore, two replies", says="two replies; a backup is put back",
            restores=True),
    replace(
        _MESSAGES,
        name="restore, two messages",
        says="two messages that may go in one POST; a backup is put back",
        batches=True,
        restores=True,
    ),
    replace(
        _REPLIES,
        name="restore, alike",
        says="two replies that share half of their words; a backup is put back",
        words=("good day one", "good day two"),
        restores=True,
    ),
    replace(
        _REPLIES,
        name="restore, change",
        says="a reply and a change; a backup is put back",
        changes=frozenset({1}),
        restores=True,
    ),
)  # fmt: skip
"""What ``make explore`` explores, in minutes."""

LIMITS: tuple[tuple[Scenario, str], ...] = (
    (
        replace(
            _REPLIES,
            name="two changes",
            says="two changes of one message",
            changes=frozenset({0, 1}),
        ),
        "an older change stands there",
    ),
)
"""What cannot be promised (docs/reliability.md), and what is found there."""
