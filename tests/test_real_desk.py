"""What the scenarios against a real FreeScout count with, and what they say without one.

The scenarios themselves need a FreeScout (``make real-desk``); their judgement must be right without it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from real_desk.__main__ import main
from real_desk.ledger import TOKEN, Ledger, Sightings, Verdict, Way, Word
from real_desk.play import content_of
from real_desk.settings import NEEDED, IncompleteError, RealDesk

ANNA, BORIS = 400_000_001, 400_000_002


class Count:
    """A ledger with one scenario, and what both ends show; all is well unless a test spoils it."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.seen = Sightings()
        self.said = [self.ledger.word("scene", Way.DESK, ANNA) for _ in range(3)]
        self.replies = [self.ledger.word("scene", Way.MAX, ANNA) for _ in range(3)]
        self.secret = self.ledger.word("scene", Way.NOWHERE, ANNA)
        for word in self.said:
            self.seen.tickets[7].append(word.token)
            self.seen.bearers[word.token] = {ANNA}
        for word in self.replies:
            self.arrive(word)

    def arrive(self, word: Word, person: int = ANNA) -> None:
        self.seen.chats[person].append(word.token)
        self.seen.ever[person].add(word.token)
        self.seen.replies.append(word.token)

    def judge(self) -> Verdict:
        verdict = Verdict("scene")
        self.ledger.judge(verdict, self.seen, [7])
        return verdict


def kinds(verdict: Verdict) -> set[str]:
    return {kind for kind in Verdict.KINDS if getattr(verdict, kind)}


def test_what_arrived_once_and_in_order_is_good() -> None:
    verdict = Count().judge()
    assert verdict.good
    assert (verdict.messages, verdict.replies, verdict.inside) == (3, 3, 1)


def test_what_is_missing_is_lost() -> None:
    count = Count()
    count.seen.tickets[7].pop()
    count.seen.chats[ANNA].pop()
    assert len(count.judge().lost) == 2


def test_what_stands_twice_is_doubled_wherever_the_second_one_is() -> None:
    count = Count()
    count.seen.tickets[8].append(count.said[0].token)
    count.seen.chats[ANNA].append(count.replies[0].token)
    assert len(count.judge().doubled) == 2


def test_another_order_is_told_for_both_directions() -> None:
    count = Count()
    count.seen.tickets[7].reverse()
    count.seen.chats[ANNA].reverse()
    assert kinds(count.judge()) == {"disordered"}
    assert len(count.judge().disordered) == 4


def test_words_of_two_tickets_have_no_order_between_them() -> None:
    count = Count()
    count.seen.tickets[6].append(count.seen.tickets[7].pop())
    assert count.judge().good


def test_private_words_are_found_also_where_they_were_deleted_since() -> None:
    count = Count()
    count.seen.ever[ANNA].add(count.secret.token)
    assert kinds(count.judge()) == {"private"}


def test_a_customers_own_words_must_not_be_sent_to_anybody() -> None:
    count = Count()
    count.seen.ever[BORIS].add(count.said[0].token)
    assert kinds(count.judge()) == {"private"}


def test_a_reply_to_another_person_is_misdirected() -> None:
    count = Count()
    count.arrive(count.replies[0], BORIS)
    assert kinds(count.judge()) == {"misdirected"}


def test_a_message_under_another_name_is_misdirected() -> None:
    count = Count()
    count.seen.bearers[count.said[0].token] = {BORIS}
    assert kinds(count.judge()) == {"misdirected"}


def test_notes_are_counted_against_what_the_scenario_expects() -> None:
    count = Count()
    count.seen.notes[7].append("не доставлено")
    assert kinds(count.judge()) == {"other"}
    count.ledger.expected_notes["scene"] = 1
    assert count.judge().good
    count.seen.notes[7].clear()
    assert kinds(count.judge()) == {"other"}


def test_a_word_in_the_log_is_told() -> None:
    count = Count()
    count.seen.log = f'{{"text": "{count.said[1]}"}}'
    assert kinds(count.judge()) == {"other"}


@pytest.mark.parametrize("published", [True, False])
def test_a_reply_of_which_nobody_knows_counts_as_the_desk_shows_it(*, published: bool) -> None:
    count = Count()
    word = count.ledger.word("scene", Way.MAX, ANNA)
    word.sure = False
    if published:
        count.seen.replies.append(word.token)
    assert count.judge().good is not published
    count.seen.chats[ANNA].append(word.token)
    count.seen.ever[ANNA].add(word.token)
    assert count.judge().good is published


def test_what_may_be_missing_may_not_come_twice() -> None:
    count = Count()
    count.said[0].free = count.replies[0].free = True
    count.seen.tickets[7].remove(count.said[0].token)
    count.seen.chats[ANNA].remove(count.replies[0].token)
    assert count.judge().good
    for _ in range(2):
        count.seen.tickets[7].append(count.said[0].token)
        count.seen.chats[ANNA].append(count.replies[0].token)
    assert kinds(count.judge()) == {"doubled", "disordered"}


def test_what_the_bot_says_by_itself_is_compared_whole() -> None:
    count = Count()
    reply = count.replies[0]
    count.ledger.told["scene"] = {ANNA: ["Принято", str(reply), "Закрыто"], BORIS: []}
    count.seen.texts[ANNA] = ["Принято", f"Добрый день, {reply}!", "Закрыто"]
    assert count.judge().good
    count.seen.texts[ANNA].append("Закрыто")
    assert kinds(count.judge()) == {"other"}
    count.seen.texts[ANNA].pop()
    count.seen.texts[BORIS].append("Принято")
    assert kinds(count.judge()) == {"other"}


def test_an_edited_message_is_quoted_once_more() -> None:
    count = Count()
    count.said[0].times = 2
    assert kinds(count.judge()) == {"lost"}
    count.seen.tickets[7].append(count.said[0].token)
    assert count.judge().good


def test_files_are_counted_by_their_content() -> None:
    count = Count()
    word = count.ledger.word("scene", Way.DESK, ANNA, in_file=True)
    assert kinds(count.judge()) == {"lost"}
    count.seen.ticket_files[7].append(word.token)
    assert count.judge().good


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.mp3", "a.mp4", "a.txt", "a.heic"])
def test_a_file_holds_its_word_once(name: str) -> None:
    word = Ledger().word("scene", Way.MAX, ANNA, in_file=True)
    assert TOKEN.findall(content_of("file", name, word).decode("latin-1")) == [word.token]


def test_without_a_desk_it_says_what_is_missing_and_where_it_is_published(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NEEDED:
        monkeypatch.delenv(f"REAL_DESK_{name}", raising=False)
    monkeypatch.delenv("REAL_DESK_ENV", raising=False)
    assert main([]) == 69
    told = capsys.readouterr().err
    assert all(f"REAL_DESK_{name}" in told for name in NEEDED)
    assert "https://github.com/freescout-help-desk/freescout" in told


def test_the_environment_is_stronger_than_the_file(tmp_path: Path) -> None:
    file = tmp_path / "desk.env"
    file.write_text("".join(f"{name}=1\n" for name in NEEDED))
    settings = RealDesk.from_environment(
        {
            "REAL_DESK_ENV": str(file),
            "REAL_DESK_FREESCOUT_URL": "http://127.0.0.1:8080/",
            "REAL_DESK_CONTROL": "lab.sh '/srv/desk one'",
        }
    )
    assert settings.url == "http://127.0.0.1:8080"
    assert settings.mailbox == 1
    assert settings.control == ("lab.sh", "/srv/desk one")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match=r"nowhere\.env"):
        RealDesk.from_environment({"REAL_DESK_ENV": str(tmp_path / "nowhere.env")})
