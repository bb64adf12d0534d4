"""Checks of MAX: connection, the token's bot, and whether anything else takes its events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from maxbridge.advice import advice
from maxbridge.checks import network
from maxbridge.checks.network import (
    OutsideChecks,
    StepError,
    Way,
    check_roots,
    check_storage,
    with_last_day,
    without_secret,
)
from maxbridge.checks.records import (
    Finding,
    failed,
    ok,
    shown,
    skipped,
    unreachable,
    warning,
    wrong,
)
from maxbridge.config.loading import Examined
from maxbridge.config.settings import MAX_API, AlertSettings, MaxSettings, TextSettings
from maxbridge.core.errors import ApiError, Failure, UserError
from maxbridge.files.trust import trusted
from maxbridge.i18n import CATALOGUE
from maxbridge.max.answers import Me
from maxbridge.max.client import MaxClient
from maxbridge.max.media import russian_roots
from maxbridge.observe.certificates import told
from maxbridge.paths import is_there
from maxbridge.saying import say
from maxbridge.store.certificates import Kind
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.store import Store

Confirm = Callable[[list[str]], bool]
_NEEDED = ("max.token", "max.api_url", "max.proxy")
REMOVE = "maxbridge check --remove-webhook"


async def check_max(
    seen: Examined,
    outside: OutsideChecks,
    confirm: Confirm | None,
    *,
    set_commands: bool = False,
) -> AsyncIterator[Finding]:
    """Run all of them in order; after a failure the later ones are skipped with a reason.

    Args:
        seen: The settings.
        outside: The network.
        confirm: Asks before webhooks are removed; None to remove none.
        set_commands: Set the bot's commands in MAX.
    """
    settings = seen.config.settings.max
    yield check_roots(outside.now())
    usable = "max.api_url" not in seen.wrong and "max.proxy" not in seen.wrong
    reached = True
    if usable:
        for finding in await _way(settings, outside):
            reached = reached and not finding.exit_code
            yield finding
    else:
        yield skipped("max.way", say("[max] api_url or proxy is wrong, see config.values"))
    unfit = [each for each in _NEEDED if each in seen.wrong]
    if unfit or not reached:
        why = (
            say("needs {settings}", settings=", ".join(unfit))
            if unfit
            else say("there is no way to MAX")
        )
        yield skipped("max.bot", why)
        yield skipped("max.webhook", why)
        for finding in skip_chat(seen.config.settings.alerts, why):
            yield finding
    else:
        client = outside.max(settings)
        try:
            async for finding in _bot(client, seen, confirm):
                yield finding
            if set_commands:
                yield await _commands(client, seen.config.settings.texts)
            async for finding in check_chat(client, seen.config.settings.alerts):
                yield finding
        finally:
            await client.close()
    yield _files(settings, seen.config.settings.store.path, outside.now())


def _files(settings: MaxSettings, path: Path, now: float) -> Finding:
    """Report MAX's storage hosts: they cannot be tried without a file, but the daemon may have used some."""
    names = ", ".join(settings.media_hosts)
    met, ending = check_storage(path, now)
    if ending:
        remedies = [
            f"{what.rstrip(':')}. {remedy}" for what, remedy in (told(each, now) for each in ending)
        ]
        return warning(
            "max.files",
            say("{names}: the daemon has met {met}", names=names, met=met),
            "\n".join(remedies),
        )
    if met:
        return ok("max.files", say("{names}: the daemon has met {met}", names=names, met=met))
    return skipped(
        "max.files",
        say(
            "{hosts}: which host keeps a file is only known when one comes; allow https to these names in the proxy"
            if settings.proxy
            else "{hosts}: which host keeps a file is only known when one comes; allow https to these names",
            hosts=names,
        ),
    )


async def _way(settings: MaxSettings, outside: OutsideChecks) -> list[Finding]:
    host = urlsplit(settings.api_url).hostname
    proxy = settings.proxy.reveal()
    through = say(" through the proxy {proxy}", proxy=without_secret(proxy)) if proxy else ""
    try:
        # Where the bundle is missing, that is told already.
        roots = [russian_roots()] if russian_roots().is_file() else []
        way = await outside.walk(settings.api_url, trusted(*roots), proxy)
    except StepError as error:
        words = f"{host}{through}: {say(error.step)}: {error.why}"
        tell = wrong if error.wrong else unreachable
        return [tell("max.way", words, _remedy(error, proxied=bool(proxy)))]
    finding = ok(
        "max.way",
        say("{host}{through} is reached, {seen}", host=host, through=through, seen=_seen(way)),
    )
    return [with_last_day(finding, way, Kind.MAX, host or "", outside.now())]


def _seen(way: Way) -> str:
    where = ", ".join(way.addresses[:3])
    if way.proxied:
        where = say("the proxy is {addresses}", addresses=where)
    if not way.certificate:
        return say("{where}; plain http, no certificate", where=where)
    return say(
        "{where}; its certificate is by {certificate}",
        where=where,
        certificate=shown(way.certificate),
    )


def _remedy(error: StepError, *, proxied: bool) -> str:
    who = "[max] proxy" if proxied else "[max] api_url"
    match error.step:
        case "name":
            return say(
                "Check {who} for a typing error, and the resolver: getent hosts NAME", who=who
            )
        case "connection" if proxied:
            return say("Is the proxy running? Check [max] proxy, and the firewall in between.")
        case "connection":
            return say("Allow https (port 443) to this host in the firewall, or set [max] proxy.")
        case network.NO_TLS:
            return advice("max.no_tls")
        case "proxy" if error.wrong:
            return say(
                "Put http://USER:PASSWORD@HOST:PORT into the file of [max] proxy_file, or let the proxy allow it."
            )
        case "proxy":
            return say("Check [max] proxy: it must be an HTTP proxy that knows CONNECT.")
    if "expired" in error.why or "not yet valid" in error.why:
        return say("Is this machine's clock right? See timedatectl. Else update maxbridge.")
    if "mismatch" in error.why.lower():
        return say(
            "Another host answers: check [max] api_url ({address}), proxy and DNS.", address=MAX_API
        )
    return say(
        "Somebody in between (an antivirus, a filtering proxy) may show a certificate of its own: exempt this host from inspection. Else update maxbridge: it brings the Russian roots."
    )


async def _bot(
    client: MaxClient, seen: Examined, confirm: Confirm | None
) -> AsyncIterator[Finding]:
    try:
        me = await client.me()
    except ApiError as error:
        yield failed("max.bot", "GET /me", error.failure, seen.config)
        yield skipped("max.webhook", say("MAX did not say whose token this is"))
        return
    yield ok(
        "max.bot",
        say("the token is of bot {user_id} ({name})", user_id=me.user_id, name=shown(me.name)),
    )
    yield _owner(me, seen.config.settings.store.path)
    yield await _webhooks(client, me, seen.config.settings.store.path, confirm)


def _owner(me: Me, path: Path) -> Finding:
    """Check that the database belongs to this bot; its own state is checked elsewhere."""
    try:
        store = Store(path, exclusive=False)
    except UserError:
        return skipped("max.owner", say("no database to compare the bot with, see store.open"))
    try:
        owner = store.meta.bot_id()
    except SQLITE_ERRORS:
        return skipped("max.owner", say("the database cannot be read, see store.open"))
    finally:
        store.close()
    if owner is None:
        return ok(
            "max.owner",
            say("the database is nobody's yet; the first start gives it to this bot"),
        )
    if owner != me.user_id:
        return wrong(
            "max.owner",
            say(
                "the database {path} belongs to bot {owner}, the token to bot {user_id}",
                path=path,
                owner=owner,
                user_id=me.user_id,
            ),
            say("Put the old token back, or give this bot a database of its own: [store] path."),
        )
    return ok("max.owner", say("the database belongs to bot {owner} as well", owner=owner))


async def _commands(client: MaxClient, settings: TextSettings) -> Finding:
    """Set the commands that MAX offers to customers, according to the settings."""
    texts = CATALOGUE[settings.language]
    wanted = [("start", texts.command_start)] if settings.greeting else []
    if settings.commands == "yes":
        wanted += [("help", texts.command_help), ("status", texts.command_status)]
    try:
        await client.set_commands(wanted)
    except ApiError as error:
        return failed("max.commands", "PATCH /me/commands", error.failure)
    if not wanted:
        return warning(
            "max.commands",
            say("MAX offers no commands now: the settings answer none"),
            say("Write [texts] greeting for /start, and [texts] commands for the others."),
        )
    listed = ", ".join(f"/{name}" for name, _ in wanted)
    return ok("max.commands", say("MAX offers these commands now: {listed}", listed=listed))


async def _webhooks(client: MaxClient, me: Me, path: Path, confirm: Confirm | None) -> Finding:
    try:
        found = await client.webhooks()
        if not found:
            return ok("max.webhook", say("none is active, so MAX gives events to polling"))
        if confirm is None or not confirm(found):
            return _taken(found)
        return await _remove(client, me, path, found)
    except ApiError as error:
        return failed("max.webhook", "GET /subscriptions", error.failure)


def _taken(found: list[str]) -> Finding:
    return wrong(
        "max.webhook",
        say("a webhook takes all events of this bot: {listed}", listed=_listed(found)),
        say("Switch it off in the program that set it up, or: {command}", command=REMOVE),
    )


async def _remove(client: MaxClient, me: Me, path: Path, found: list[str]) -> Finding:
    """Remove webhooks, and ask MAX whether they are gone: its answer to the removal is not enough."""
    remembered = _remember(me, path)
    for url in found:
        try:
            await client.remove_webhook(url)
        except ApiError as error:
            if error.failure.code != "max.change_refused":
                return failed("max.webhook", f"DELETE {shown(url)}", error.failure)
    left = await client.webhooks()
    if left:
        return wrong(
            "max.webhook",
            say("still active after it was removed: {listed}", listed=_listed(left)),
            say("A program sets it up again: find it and switch it off."),
        )
    words = say("removed, and none is left: {listed}", listed=_listed(found))
    if not remembered:
        return warning(
            "max.webhook",
            say("{words}. The database could not be told that events were taken", words=words),
            say("Messages that went to the webhook stay there; look into the program behind it."),
        )
    return ok("max.webhook", words)


def _remember(me: Me, path: Path) -> bool:
    """Record in the database that a webhook took events, as the daemon would: it then reads histories.

    Returns:
        False if it could not be recorded.
    """
    try:
        if not is_there(path):
            return True
        store = Store(path, exclusive=False)
    except (UserError, OSError):
        return False
    try:
        if store.meta.bot_id() == me.user_id:
            store.backfill.webhook_seen()
    except SQLITE_ERRORS:
        return False
    else:
        return True
    finally:
        store.close()


def _listed(urls: list[str]) -> str:
    return ", ".join(shown(url) for url in urls)


# --- The administrator's chat of [alerts]


async def check_chat(client: MaxClient, settings: AlertSettings) -> AsyncIterator[Finding]:
    """Check the administrator's chat, if configured, without writing to it."""
    if not settings.max_chat:
        return
    try:
        chat = await client.chat(settings.max_chat)
    except ApiError as error:
        yield _refused(settings.max_chat, error.failure)
        return
    if chat.type != "dialog":
        yield warning(
            "alerts.max_chat",
            say(
                "chat {chat} is no dialog: everybody in it reads about troubles",
                chat=settings.max_chat,
            ),
            say("Write to the bot from your own MAX, then take the number: maxbridge dialogs list"),
        )
        return
    whom = shown(chat.user.name) if chat.user else say("somebody whom MAX does not name")
    yield ok(
        "alerts.max_chat",
        say("chat {chat} is a dialog with: {name}", chat=settings.max_chat, name=whom),
    )


def skip_chat(settings: AlertSettings, why: str) -> Iterator[Finding]:
    """Report that the administrator's chat could not be checked."""
    if settings.max_chat:
        yield skipped("alerts.max_chat", why)


def _refused(chat_id: int, failure: Failure) -> Finding:
    if failure.code in ("max.chat_gone", "max.not_found", "max.blocked", "max.refused"):
        return wrong(
            "alerts.max_chat",
            say("chat {chat}: {failure}", chat=chat_id, failure=failure),
            say("Write to the bot from your own MAX, then take the number: maxbridge dialogs list"),
        )
    return failed("alerts.max_chat", f"GET /chats/{chat_id}", failure)
