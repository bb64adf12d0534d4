"""What MAX is asked about old talks, when its answers are strange."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from maxbridge.core.errors import ApiError, Failure, Kind, Scope
from maxbridge.core.old_rows import Trace, Written, trace
from maxbridge.max.client import MaxClient
from maxbridge.max.transport import Transport
from maxbridge.restore.old_chats import OldChats
from virtual_time import virtual

BOT, USER, CHAT = 900, 17, 512340001
MID = "mid.000000001e89b02101a17720cde80001"


class Answers:
    """MAX with one answer for each path."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def call(
        self, method: str, path: str, params: Mapping[str, Any], body: Any = None
    ) -> dict[str, Any]:
        del method, params, body
        self.asked.append(path)
        answer = self.answers.get(path, Failure("max.not_found", Kind.PERMANENT, certain=True))
        if isinstance(answer, Failure):
            raise ApiError(answer)
        return cast("dict[str, Any]", answer)

    async def close(self) -> None:
        """Nothing to close."""


def chats(answers: Answers) -> OldChats:
    line = cast("Transport", answers)
    return OldChats(MaxClient(line, line), BOT)


def message(mid: str, sender: int, text: str, timestamp: Any) -> dict[str, Any]:
    return {
        "sender": {"user_id": sender},
        "recipient": {"chat_id": CHAT, "chat_type": "dialog"},
        "timestamp": timestamp,
        "body": {"mid": mid, "text": text},
    }


@virtual
async def test_a_message_without_a_time_proves_nothing_and_may_be_any_reply() -> None:
    page = [message("mid.2", BOT, "Да.", None), message("mid.1", USER, "вопрос", 0)]
    history = await chats(Answers({"/messages": {"messages": page}})).history(CHAT, 0.0)
    reply = Written(5, 1000.0, ("Да.",), "Да.")
    assert history.reaches_to({}) is None
    for words in ("Да.", "Нет."):
        reply = Written(5, 1000.0, (words,), words)
        found = trace([reply], history.said, reaches_to=history.reaches_to({"mid.1": 500.0}))
        assert found[5] is not Trace.UNSENT


@virtual
async def test_a_chat_is_asked_about_once() -> None:
    answers = Answers({f"/messages/{MID}": message(MID, USER, "вопрос", 1_793_000_000_000)})
    both = chats(answers)
    for _ in range(2):
        chat = await both.of([MID])
        assert chat is not None
        assert (chat.chat_id, chat.user_id, chat.known_at) == (CHAT, USER, 1_793_000_000_000)
    assert len(answers.asked) == 1


@virtual
async def test_the_bots_own_message_tells_no_person_but_its_chat_does() -> None:
    answers = Answers(
        {
            f"/messages/{MID}": message(MID, BOT, "ответ", 1),
            f"/chats/{CHAT}": {"type": "dialog", "dialog_with_user": {"user_id": USER}},
        }
    )
    chat = await chats(answers).of([MID])
    assert chat is not None
    assert chat.user_id == USER


@pytest.mark.parametrize("answer", [{"type": "dialog"}, {"type": "channel"}, {}])
@virtual
async def test_a_chat_that_tells_no_person_is_none(answer: dict[str, Any]) -> None:
    if not answer:
        with pytest.raises(ApiError):
            await chats(Answers({f"/chats/{CHAT}": answer})).of([MID])
        return
    assert await chats(Answers({f"/chats/{CHAT}": answer})).of([MID]) is None


@virtual
async def test_an_end_in_trouble_is_waited_for_and_then_named() -> None:
    down = Failure("max.unavailable", Kind.TRANSIENT, certain=False, scope=Scope.END)
    answers = Answers({f"/messages/{MID}": down})
    with pytest.raises(ApiError):
        await chats(answers).of([MID])
    assert len(answers.asked) == 6
