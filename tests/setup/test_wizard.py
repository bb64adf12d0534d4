"""The questions of `init`, with both simulators behind the answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from check_world import HOOK, KEY, PROXY, World
from maxbridge.core.errors import ConfigError
from maxbridge.setup.talk import Nobody, Words
from maxbridge.setup.wizard import (
    API,
    GREETING,
    LANGUAGE,
    MAILBOX,
    STORE,
    TOKEN,
    URL,
    USER,
    Known,
    Live,
    Wizard,
)
from maxbridge.setup.wizard import KEY as KEY_
from maxbridge.setup.wizard import PROXY as PROXY_
from maxbridge.sim.desk.model import User
from maxbridge.sim.faults import Fault

DESK = "https://desk.romashka.ru"
HOME = "/var/lib/maxbridge/maxbridge.db"


class Script(Words):
    """A person whose answers are known before; "" is Enter.

    Attributes:
        heard: What was said, as (name, words).
        asked: The questions that were asked, with their proposals.
    """

    asks = True

    def __init__(self, *answers: str) -> None:
        super().__init__("en")
        self._answers = list(answers)
        self.heard: list[str] = []
        self.asked: list[tuple[str, Any]] = []

    def say(self, name: str, /, **words: Any) -> None:
        self.text(name, **words)
        self.heard.append(name)

    def list(self, name: str, rows: Mapping[int, str]) -> None:
        self.heard.append(f"{name} {dict(rows)}")

    def ask(self, name: str, default: str | None = None) -> str:
        return self._next(name, default) or default or ""

    def secret(self, name: str, *, kept: bool = False) -> str:
        return self._next(name, kept)

    def confirm(self, name: str, /, *, default: bool, **words: Any) -> bool:
        self.text(name, **words)
        answer = self._next(name, default)
        return default if not answer else answer == "y"

    def choose(self, name: str, letters: str) -> str:
        answer = self._next(name, letters)
        assert answer in letters
        return answer

    def _next(self, name: str, proposal: Any) -> str:
        self.asked.append((name, proposal))
        assert self._answers, f"nobody knows what to say to {name}"
        return self._answers.pop(0)

    def done(self) -> bool:
        return not self._answers


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def run(world: World, script: Any, known: Known | None = None) -> dict[tuple[str, str], Any]:
    known = known or Known()
    known.store = known.store or HOME
    values = Wizard(script, Live(world.outside()), known).run()
    if isinstance(script, Script):
        assert script.done()
    return values


def rest(*, mailbox: str = "1", user: str = "2") -> tuple[str, ...]:
    """Mailbox, user; Enter for language, greeting and database."""
    return (mailbox, user, "", "", "")


GOOD = {TOKEN: "SIM-max-token-0000000000", URL: DESK, KEY_: KEY, MAILBOX: 1, USER: 2}


def test_good_answers_one_after_another(world: World) -> None:
    script = Script(world.max.token, DESK, KEY, *rest())
    assert run(world, script) == GOOD
    assert [name for name, _ in script.asked] == [
        *("token", "url", "key", "mailbox", "user", "language", "greeting", "store")
    ]
    assert "mailboxes {1: 'MAX', 2: 'Second'}" in script.heard
    assert "users {1: 'Ada Admin', 2: 'Boris Agent'}" in script.heard or (
        "users {2: 'Boris Agent', 1: 'Ada Admin'}" in script.heard
    )
    assert "user_hint" in script.heard
    assert ("mailbox", "1") in script.asked  # named like MAX
    assert ("user", None) in script.asked


def test_what_is_no_default_is_written(world: World) -> None:
    script = Script(world.max.token, DESK, KEY, "2", "1", "EN", "Здравствуйте!", "/srv/m.db")
    assert run(world, script) == GOOD | {
        MAILBOX: 2,
        USER: 1,
        LANGUAGE: "en",
        GREETING: "Здравствуйте!",
        STORE: "/srv/m.db",
    }


def test_a_user_named_like_max_is_proposed(world: World) -> None:
    user = world.desk.state.users[2]
    object.__setattr__(user, "first_name", "MAX")
    object.__setattr__(user, "last_name", "bridge")
    script = Script(world.max.token, DESK, KEY, "", "", "", "", "")
    assert run(world, script) == GOOD
    assert ("user", "2") in script.asked


def test_a_user_that_was_made_meanwhile_is_found(world: World) -> None:
    class Maker(Script):
        def _next(self, name: str, proposal: Any) -> str:
            if name == "user":
                world.desk.state.users[7] = User(7, "MAX", "bridge")
            return super()._next(name, proposal)

    assert run(world, Maker(world.max.token, DESK, KEY, *rest(user="7"))) == GOOD | {USER: 7}


@pytest.mark.parametrize("typed", ["desk.romashka.ru", f" {DESK}/ ", f"{DESK}/api", f"{DESK}/api/"])
def test_an_address_as_people_type_it(world: World, typed: str) -> None:
    assert run(world, Script(world.max.token, typed, KEY, *rest()))[URL] == DESK


def test_wrong_answers_are_asked_again_at_once(world: World) -> None:
    script = Script(
        *("with blank in it", "x" * 40, world.max.token),
        *("http://desk.romashka.ru", "ftp://x", DESK),
        *("f" * 32, KEY),
        *("99", "x", "1"),
        *("3", "2"),
        *("de", "ru"),
        "",
        *("/", "/srv/m.db"),
    )
    assert run(world, script) == GOOD | {STORE: "/srv/m.db"}
    said = [each for each in script.heard if not each.startswith(("mailboxes", "users"))]
    assert said.count("bad_value") == 6
    assert [each for each in said if each.startswith(("refused", "not_"))] == [
        *("refused_token", "refused_key", "not_listed", "not_listed")
    ]


def test_where_freescout_leads_to_is_proposed(world: World) -> None:
    location = {"location": "https://new.romashka.ru/api/mailboxes"}
    world.desk.check_host = False
    world.desk_line.add(Fault("status", times=2, status=301, headers=location))
    script = Script(world.max.token, DESK, "y", KEY, *rest())
    assert run(world, script)[URL] == "https://new.romashka.ru"
    assert all(request.path != "/" for request in world.desk.requests)


def test_a_redirect_that_is_not_wanted(world: World) -> None:
    location = {"location": "https://evil.example.ru/api/mailboxes"}
    world.desk_line.add(Fault("status", times=2, status=301, headers=location))
    script = Script(world.max.token, DESK, "n", "a", KEY, *rest())
    assert run(world, script)[URL] == DESK


def test_no_redirect_makes_the_key_go_in_the_clear(world: World) -> None:
    location = {"location": "http://desk.romashka.ru/api/mailboxes"}
    world.desk_line.add(Fault("status", times=2, status=301, headers=location))
    script = Script(world.max.token, DESK, "a", KEY, *rest())
    assert run(world, script)[URL] == DESK


def test_the_key_is_sent_nowhere_before_the_address_is_settled(world: World) -> None:
    keys: list[str] = []
    handle = world.desk.handle

    async def watched(request: Any) -> Any:
        keys.append(request.headers.get("x-freescout-api-key", ""))
        return await handle(request)

    world.desk.handle = watched  # type: ignore[method-assign]
    run(world, Script(world.max.token, DESK, KEY, *rest()))
    assert keys[0] == "-"
    assert set(keys[1:]) == {KEY}


def test_an_end_that_is_away_lets_one_go_on(world: World) -> None:
    world.max_line.add(Fault("refuse", times=None))
    world.desk_line.add(Fault("refuse", times=None))
    script = Script(world.max.token, "g", DESK, "g", KEY, "5", "7", "", "", "")
    assert run(world, script) == GOOD | {MAILBOX: 5, USER: 7}
    assert script.heard.count("unchecked") == 2


def test_an_end_that_goes_away_in_between_lets_one_go_on(world: World) -> None:
    world.desk_line.add(Fault("refuse", times=None, skip=1))
    script = Script(world.max.token, DESK, KEY, "g", "5", "7", "", "", "")
    assert run(world, script) == GOOD | {MAILBOX: 5, USER: 7}


def test_no_secret_shows_itself(world: World) -> None:
    assert KEY not in repr(Known(given=dict(GOOD), before=dict(GOOD)))
    assert KEY not in repr(world.examined())


def test_an_end_that_comes_back_is_tried_again(world: World) -> None:
    world.max_line.add(Fault("refuse"))
    world.desk_line.add(Fault("refuse"))
    script = Script(world.max.token, "a", DESK, "a", KEY, *rest())
    assert run(world, script) == GOOD


def test_max_through_a_proxy(world: World) -> None:
    world.max_line.add(Fault("refuse"))
    script = Script(world.max.token, "p", "proxy.lan:3128", PROXY, DESK, KEY, *rest())
    assert run(world, script) == GOOD | {PROXY_: PROXY}


def test_another_answer_instead_of_one_that_was_given(world: World) -> None:
    world.max_line.add(Fault("refuse"))
    world.desk_line.add(Fault("refuse"))
    known = Known(given={TOKEN: "given-token-0000000000", URL: "https://other.romashka.ru"})
    script = Script("n", world.max.token, "n", DESK, KEY, *rest())
    assert run(world, script, known) == GOOD


def test_a_webhook_is_mentioned(world: World) -> None:
    world.max.state.subscribe(HOOK)
    script = Script(world.max.token, DESK, KEY, *rest())
    run(world, script)
    assert "webhook" in script.heard


def test_an_older_configuration_gives_proposals_and_keeps_the_rest(world: World) -> None:
    before = GOOD | {("tickets", "reopen_days"): 3, GREETING: "Привет", MAILBOX: 2}
    script = Script("", "", "", "", "", "", "", "")
    known = Known(before=dict(before))
    assert run(world, script, known) == before
    assert ("url", DESK) in script.asked
    assert ("token", True) in script.asked
    assert ("greeting", "Привет") in script.asked


def test_an_old_token_that_is_refused_is_not_kept(world: World) -> None:
    known = Known(before=GOOD | {TOKEN: "x" * 40})
    script = Script("", world.max.token, "", "", "", "", "", "", "")
    assert run(world, script, known) == GOOD
    assert [kept for name, kept in script.asked if name == "token"] == [True, False]


# --- with --yes ---------------------------------------------------------------------------------------


def test_nothing_is_asked_when_everything_is_given(world: World) -> None:
    assert run(world, Nobody("en"), Known(given=dict(GOOD))) == GOOD


@pytest.mark.parametrize(
    ("missing", "option"),
    [
        (TOKEN, "--max-token-file"),
        (URL, "--freescout-url"),
        (KEY_, "--freescout-api-key-file"),
        (USER, "--user-id"),
    ],
)
def test_what_is_missing_is_named(world: World, missing: tuple[str, str], option: str) -> None:
    given = {where: value for where, value in GOOD.items() if where != missing}
    with pytest.raises(ConfigError, match=option):
        run(world, Nobody("en"), Known(given=given))


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (TOKEN, "x" * 40, "--max-token-file: MAX refuses this token"),
        (KEY_, "f" * 32, "--freescout-api-key-file: FreeScout refuses this key"),
        (MAILBOX, "99", r"--mailbox-id: There is no 99 in the list: 1 \(MAX\), 2 \(Second\)\."),
        (MAILBOX, "9" * 30, "--mailbox-id: Not so: must be a number of up to 19 digits"),
        (USER, "x", "--user-id: Not so: must be a number"),
        (URL, "http://desk.romashka.ru", "--freescout-url: Not so: http:// would send the key"),
        (LANGUAGE, "de", "--language: Not so: must be one of ru, en"),
        (API, "x", "api_url: is not an address"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_asked(
    world: World, where: tuple[str, str], value: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        run(world, Nobody("en"), Known(given=GOOD | {where: value}))
    assert "x" * 40 not in str(caught.value)
    assert "f" * 32 not in str(caught.value)


def test_an_end_that_is_away_is_no_obstacle(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.max_line.add(Fault("refuse", times=None))
    world.desk_line.add(Fault("refuse", times=None))
    assert run(world, Nobody("en"), Known(given=dict(GOOD))) == GOOD
    assert "MAX cannot be reached" in capsys.readouterr().out
