"""The questions of ``maxbridge init`` in order; each answer is tried on the real service before the next question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from maxbridge.checks.network import OutsideChecks
from maxbridge.config.settings import SECTIONS, FreeScoutSettings, MaxSettings, Secret
from maxbridge.config.values import ProblemError, convert
from maxbridge.core.errors import ApiError, ConfigError, Failure
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.answers import Me
from maxbridge.max.client import MaxClient
from maxbridge.saying import say
from maxbridge.setup.talk import OPTIONS, Talk

NO_KEY = "-"
"""Sent where the key is not known yet: FreeScout then says that it is not authorised, if it is one."""

_Client = TypeVar("_Client", MaxClient, FreeScoutClient)
_Answer = TypeVar("_Answer")


class Live:
    """Both services, connected for one question at a time."""

    def __init__(self, outside: OutsideChecks) -> None:
        self._outside = outside

    def bot(self, settings: MaxSettings) -> Me | Failure:
        """Return the token's bot."""
        return _asked(lambda: self._outside.max(settings), lambda client: client.me())

    def webhooks(self, settings: MaxSettings) -> list[str]:
        """Return the addresses of active webhooks; an empty list if MAX does not tell (``check`` will)."""
        found = _asked(lambda: self._outside.max(settings), lambda client: client.webhooks())
        return [] if isinstance(found, Failure) else found

    def address(self, url: str) -> Failure | None:
        """Return why there is no FreeScout at this address, or None."""
        found = self.mailboxes(FreeScoutSettings(url=url, api_key=Secret(NO_KEY)))
        if isinstance(found, dict) or found.code == "desk.unauthorized":
            return None
        return found

    def redirected(self, url: str) -> str | None:
        """Return where the address redirects to, or None."""

        async def ask() -> str | None:
            return await self._outside.redirected(url)

        return asyncio.run(ask())

    def mailboxes(self, settings: FreeScoutSettings) -> dict[int, str] | Failure:
        """Return the mailboxes' names by number."""
        return _asked(lambda: self._outside.desk(settings), lambda client: client.mailboxes())

    def users(self, settings: FreeScoutSettings) -> dict[int, str]:
        """Return the users' names by number; empty if FreeScout does not tell."""
        found = _asked(lambda: self._outside.desk(settings), lambda client: client.users())
        return {} if isinstance(found, Failure) else found


def _asked(
    connect: Callable[[], _Client], question: Callable[[_Client], Awaitable[_Answer]]
) -> _Answer | Failure:
    """Ask a service one question with a temporary client; return the answer or the failure."""

    async def ask() -> _Answer:
        client = connect()
        try:
            return await question(client)
        finally:
            await client.close()

    try:
        return asyncio.run(ask())
    except ApiError as error:
        return error.failure


def with_secret(settings: MaxSettings, token: str, proxy: str) -> MaxSettings:
    """Return MAX's settings with other secrets."""
    return replace(settings, token=Secret(token), proxy=Secret(proxy))


TOKEN, PROXY, API = ("max", "token"), ("max", "proxy"), ("max", "api_url")
URL, KEY = ("freescout", "url"), ("freescout", "api_key")
MAILBOX, USER = ("freescout", "mailbox_id"), ("freescout", "user_id")
LANGUAGE, GREETING = ("texts", "language"), ("texts", "greeting")
STORE = ("store", "path")
Where = tuple[str, str]
_NAMED = "max"
"""A mailbox or user with this in its name is proposed."""


@dataclass(slots=True)
class Known:
    """What is known before the first question.

    Attributes:
        given: Answers from options and the environment; they are not asked for.
        before: Values of an older configuration: proposals.
        language: The terminal's language, proposed for the bridge's texts.
        store: The database's default path.
    """

    given: dict[Where, Any] = field(default_factory=dict, repr=False)  # with secrets
    before: dict[Where, Any] = field(default_factory=dict, repr=False)
    language: str = "ru"
    store: str = ""


class Wizard:
    """One run of the questions.

    Attributes:
        values: The answers so far, by section and key, without defaults.
    """

    def __init__(self, talk: Talk, live: Live, known: Known) -> None:
        self._talk = talk
        self._live = live
        self._known = known
        self._desk_is_away = False
        self.values: dict[Where, Any] = dict(known.before)

    def run(self) -> dict[Where, Any]:
        """Ask everything.

        Returns:
            The values for the configuration.

        Raises:
            click.Abort: The person ended the input.
            ConfigError: An answer given in advance is wrong, and there is no terminal to ask on.
        """
        for where in (API, PROXY):
            if where in self._known.given:
                self._take(where, self._sure(where))
        self._bot()
        self._address()
        mailboxes = self._key()
        self._number(MAILBOX, "mailbox", mailboxes, self._mailboxes)
        self._number(USER, "user", self._users() if mailboxes else {}, self._users)
        self._language()
        self._greeting()
        self._store()
        return self.values

    # --- MAX -------------------------------------------------------------------------------------

    def _bot(self) -> None:
        while True:
            token = self._secret(TOKEN, "token")
            while True:
                found = self._try_bot(token)
                if not isinstance(found, Failure):
                    self._take(TOKEN, token)
                    return
                if found.code == "max.unauthorized":
                    self._again("token", "refused_token")
                    break
                self._tell(found)
                match self._talk.choose("what_now_max", "anpg"):
                    case "n":
                        self._forget("token")
                        break
                    case "p":
                        self._proxy()
                    case "g":
                        self._talk.say("unchecked")
                        self._take(TOKEN, token)
                        return

    def _try_bot(self, token: str) -> Any:
        settings = with_secret(
            MaxSettings(api_url=self.values.get(API) or MaxSettings().api_url),
            token,
            self.values.get(PROXY, ""),
        )
        self._talk.say("trying", what="MAX, GET /me")
        me = self._live.bot(settings)
        if not isinstance(me, Failure):
            self._talk.say("bot", name=me.name, number=me.user_id)
            for address in self._live.webhooks(settings):
                self._talk.say("webhook", address=address)
        return me

    def _proxy(self) -> None:
        while True:
            try:
                self._take(PROXY, self._checked(PROXY, self._talk.secret("proxy")))
            except ProblemError as problem:
                self._talk.say("bad_value", problem=problem)
            else:
                return

    # --- FreeScout -------------------------------------------------------------------------------

    def _address(self) -> None:
        while True:
            url = self._answer(URL, "url", _tidy_url)
            while True:
                self._talk.say("trying", what=f"{url}/api")
                failure = self._live.address(url)
                if failure is None:
                    self._talk.say("desk", address=url)
                    self._take(URL, url)
                    return
                if failure.code == "desk.redirect" and (led := self._led(url)):
                    url = led
                    continue
                self._tell(failure)
                match self._talk.choose("what_now_desk", "ang"):
                    case "n":
                        self._forget("url")
                        break
                    case "g":
                        self._talk.say("unchecked")
                        self._desk_is_away = True
                        self._take(URL, url)
                        return

    def _led(self, url: str) -> str | None:
        """Return the address to which FreeScout redirects, if the person accepts it; only then is the key sent there."""
        place = self._live.redirected(url)
        if place is None or place == url:
            return None
        try:
            place = self._checked(URL, _tidy_url(place))
        except ProblemError:
            return None
        return place if self._talk.confirm("redirected", default=True, address=place) else None

    def _key(self) -> dict[int, str]:
        while True:
            key = self._secret(KEY, "key")
            if self._desk_is_away:
                self._take(KEY, key)
                return {}
            while True:
                self._talk.say("trying", what="FreeScout, GET /api/mailboxes")
                found = self._live.mailboxes(self._desk(key))
                if isinstance(found, dict):
                    self._take(KEY, key)
                    return found
                if found.code == "desk.unauthorized":
                    self._again("key", "refused_key")
                    break
                self._tell(found)
                match self._talk.choose("what_now_desk", "ang"):
                    case "n":
                        self._forget("key")
                        break
                    case "g":
                        self._talk.say("unchecked")
                        self._take(KEY, key)
                        return {}

    def _mailboxes(self) -> dict[int, str]:
        found = self._live.mailboxes(self._desk(self.values[KEY]))
        return found if isinstance(found, dict) else {}

    def _users(self) -> dict[int, str]:
        return self._live.users(self._desk(self.values[KEY]))

    def _desk(self, key: str) -> FreeScoutSettings:
        return FreeScoutSettings(url=self.values[URL], api_key=Secret(key))

    def _number(
        self, where: Where, name: str, rows: dict[int, str], listed: Callable[[], dict[int, str]]
    ) -> None:
        """Ask for a mailbox or user: one of the list, or any number if there is no list."""
        before = self._known.before.get(where)
        proposal = before if before in rows or (before and not rows) else _proposed(rows)
        if where not in self._known.given and rows:
            self._talk.list(_HEADINGS[name], rows)
            if name == "user" and proposal is None:
                self._talk.say("user_hint")
        while True:
            default = None if proposal is None else str(proposal)
            number = self._answer(where, name, str.strip, default)
            # Not in the list: made meanwhile, as the hint advises?
            if not rows or number in rows or number in (now := listed()):
                self._take(where, number)
                return
            known = ", ".join(f"{each} ({label})" for each, label in sorted((now or rows).items()))
            self._again(name, "not_listed", number=number, known=known)

    # --- the rest --------------------------------------------------------------------------------

    def _language(self) -> None:
        proposal = self._known.before.get(LANGUAGE, self._known.language)
        self._take(LANGUAGE, self._answer(LANGUAGE, "language", str.lower, proposal))

    def _greeting(self) -> None:
        proposal = self._known.before.get(GREETING, "")
        self._take(GREETING, self._answer(GREETING, "greeting", str.strip, proposal))

    def _store(self) -> None:
        proposal = self._known.before.get(STORE) or self._known.store
        place = str(self._answer(STORE, "store", str.strip, proposal))
        # Not written where it says what is so anyway; an instance's has no default to rely on.
        self._take(STORE, "" if place == self._known.store else place)

    # --- asking ----------------------------------------------------------------------------------

    def _secret(self, where: Where, name: str) -> str:
        """Return a secret: given in advance, typed, or kept."""
        while True:
            before = self._known.before.get(where, "")
            try:
                if where in self._known.given:
                    return str(self._checked(where, self._known.given[where]))
                typed = self._talk.secret(name, kept=bool(before))
                return str(self._checked(where, typed or before))
            except ProblemError as problem:
                self._again(name, "bad_value", problem=problem)

    def _answer(
        self, where: Where, name: str, tidy: Callable[[str], str], default: str | None = None
    ) -> Any:
        """Return a valid answer: given in advance, or typed."""
        if default is None and where in self._known.before:
            default = str(self._known.before[where])
        while True:
            try:
                if where in self._known.given:
                    return self._checked(where, tidy(str(self._known.given[where])))
                return self._checked(where, tidy(self._talk.ask(name, default)))
            except ProblemError as problem:
                self._again(name, "bad_value", problem=problem)

    def _checked(self, where: Where, value: Any) -> Any:
        """Return a value checked by the settings' own rules, in the form in which it is written.

        Raises:
            ProblemError: The value is invalid.
        """
        (each,) = (one for one in fields(SECTIONS[where[0]]) if one.name == where[1])
        found = convert(each, value) if value != "" or where in (TOKEN, KEY, URL) else value
        if each.metadata.get("required") and not found:
            raise ProblemError(say("must not be empty."))
        if isinstance(found, Secret):
            return found.reveal()
        return str(found) if isinstance(found, Path) else found

    def _sure(self, where: Where) -> Any:
        """Return an answer given in advance."""
        try:
            return self._checked(where, self._known.given[where])
        except ProblemError as problem:
            raise ConfigError(f"[{where[0]}] {where[1]}: {problem}") from None

    def _again(self, name: str, text: str, **words: Any) -> None:
        """Say what is wrong with an answer, and forget it, so that it is asked for."""
        if not self._talk.asks:
            problem = self._talk.text(text, **words)
            raise ConfigError(self._talk.text("wrong_given", option=OPTIONS[name], problem=problem))
        self._talk.say(text, **words)
        self._forget(name)

    def _forget(self, name: str) -> None:
        where = _NAMED_BY[name]
        self._known.given.pop(where, None)
        if name in ("token", "key"):
            self._known.before.pop(where, None)

    def _tell(self, failure: Failure) -> None:
        told = self._talk.advice(failure.code)
        self._talk.say("failed", failure=failure, advice=told)

    def _take(self, where: Where, value: Any) -> None:
        """Store an answer, unless it is empty or the default."""
        (each,) = (one for one in fields(SECTIONS[where[0]]) if one.name == where[1])
        if value in ("", each.default):
            self.values.pop(where, None)
        else:
            self.values[where] = value


_HEADINGS = {"mailbox": "mailboxes", "user": "users"}
_NAMED_BY = {
    "token": TOKEN,
    "key": KEY,
    "url": URL,
    "mailbox": MAILBOX,
    "user": USER,
    "language": LANGUAGE,
    "greeting": GREETING,
    "store": STORE,
}
"""Which setting each question is about."""


def _tidy_url(text: str) -> str:
    """Tidy an address as people type it: without https://, or with a slash or the API's path at its end."""
    url = text.strip()
    if url and "://" not in url:
        url = f"https://{url}"
    return url.rstrip("/").removesuffix("/api").rstrip("/")


def _proposed(rows: dict[int, str]) -> int | None:
    """Return the one with MAX in its name, or the only one."""
    named = [number for number, name in rows.items() if _NAMED in name.lower()]
    if len(named) == 1:
        return named[0]
    return next(iter(rows)) if len(rows) == 1 else None
