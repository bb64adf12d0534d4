"""Checks of FreeScout: connection, key, mailbox, user, clock, and its API module."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

from maxbridge.advice import advice
from maxbridge.checks import network
from maxbridge.checks.network import OutsideChecks, StepError, with_last_day
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
from maxbridge.config.settings import FreeScoutSettings
from maxbridge.core.errors import ApiError, Failure
from maxbridge.files.trust import trusted
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import SKEW_TOLD
from maxbridge.saying import later, say
from maxbridge.store.certificates import Kind

_LISTED = 20
_LATER = ("desk.mailbox", "desk.user", "desk.clock", "desk.module")


async def check_desk(seen: Examined, outside: OutsideChecks) -> AsyncIterator[Finding]:
    """Run all of them in order; after a failure the later ones are skipped with a reason."""
    settings = seen.config.settings.freescout
    if "freescout.url" in seen.wrong:
        for name in ("desk.way", "desk.key", *_LATER):
            yield skipped(name, say("needs [freescout] url, see config.values"))
        return
    way = await _way(settings, outside)
    yield way
    why = say("there is no way to FreeScout") if way.exit_code else ""
    if not why and "freescout.api_key" in seen.wrong:
        why = say("needs [freescout] api_key, see config.values")
    if why:
        for name in ("desk.key", *_LATER):
            yield skipped(name, why)
        return
    client = outside.desk(settings)
    try:
        async for finding in _inside(client, seen, outside):
            yield finding
    finally:
        await client.close()


async def _way(settings: FreeScoutSettings, outside: OutsideChecks) -> Finding:
    host = urlsplit(settings.url).hostname
    try:
        way = await outside.walk(settings.url, trusted(), "")
    except StepError as error:
        tell = wrong if error.wrong else unreachable
        return tell("desk.way", f"{host}: {say(error.step)}: {error.why}", _remedy(error))
    seen = (
        say("by {certificate}", certificate=shown(way.certificate))
        if way.certificate
        else say("none, plain http")
    )
    finding = ok(
        "desk.way",
        say(
            "{host} is reached at {addresses}; certificate {seen}",
            host=host,
            addresses=", ".join(way.addresses[:3]),
            seen=seen,
        ),
    )
    return with_last_day(finding, way, Kind.DESK, host or "", outside.now())


def _remedy(error: StepError) -> str:
    match error.step:
        case "name":
            return say(
                "Check [freescout] url for a typing error, and the resolver: getent hosts NAME"
            )
        case "connection":
            return say("Is the web server running there? Check [freescout] url and the firewall.")
        case network.NO_TLS:
            return advice("desk.no_tls")
    if "expired" in error.why:
        return say(
            "Renew the certificate of FreeScout (certbot renew), and check this machine's clock."
        )
    if "mismatch" in error.why.lower():
        return say(
            "The certificate is for another name: [freescout] url must be FreeScout's APP_URL."
        )
    return say(
        "Let the web server send its whole chain; or install the certificate of your own authority: copy it to /usr/local/share/ca-certificates/NAME.crt, then update-ca-certificates"
    )


async def _inside(
    client: FreeScoutClient, seen: Examined, outside: OutsideChecks
) -> AsyncIterator[Finding]:
    settings = seen.config.settings.freescout
    try:
        mailboxes = await client.mailboxes()
    except ApiError as error:
        yield await _refused(error.failure, seen, outside)
        clock = client.clock.known
        for name in _LATER:
            if name == "desk.clock" and clock:
                yield _clock(client)
            else:
                yield skipped(name, say("FreeScout's API does not answer as it should"))
        return
    yield ok("desk.key", say("GET /api/mailboxes: the key is accepted"))
    yield _chosen("desk.mailbox", later("mailbox"), settings.mailbox_id, mailboxes, seen)
    yield await _user(client, seen)
    yield _clock(client)
    yield await _module(client)


async def _refused(failure: Failure, seen: Examined, outside: OutsideChecks) -> Finding:
    settings = seen.config.settings.freescout
    if failure.code == "desk.redirect":
        place = await outside.redirected(settings.url)
        if place is not None:
            return wrong(
                "desk.key",
                say("GET /api/mailboxes: FreeScout redirects to {place}", place=shown(place)),
                say(
                    'Write into the configuration, section [freescout]: url = "{place}"',
                    place=shown(place),
                ),
            )
    found = failed("desk.key", "GET /api/mailboxes", failure, seen.config)
    path = urlsplit(settings.url).path
    if failure.code == "desk.module_off" and path:
        # FreeScout answers alike where there is nothing of it (contract freescout.md 1).
        return replace(
            found,
            remedy=say(
                "{remedy} If it is on, [freescout] url is wrong from {path} on.",
                remedy=found.remedy,
                path=path,
            ),
        )
    return found


def _chosen(name: str, what: str, number: int, known: dict[int, str], seen: Examined) -> Finding:
    """Check a mailbox or user configured by number."""
    key = f"{what}_id"
    listed = _list(known)
    if f"freescout.{key}" in seen.wrong:
        given = seen.values.get(("freescout", key))
        words = (
            later("[freescout] {key} is set, but to no number. FreeScout has: {listed}")
            if given is not None and given.value
            else later("[freescout] {key} is not set. FreeScout has: {listed}")
        )
        return wrong(
            name,
            say(words, key=key, listed=listed),
            say("Set {key}.", key=key),
        )
    if number not in known:
        return wrong(
            name,
            say(
                "there is no {what} {number}. FreeScout has: {listed}",
                what=say(what),
                number=number,
                listed=listed,
            ),
            say("Set [freescout] {key} to one of these.", key=key),
        )
    return ok(
        name,
        say(
            "{what} {number} is there ({name})",
            what=say(what),
            number=number,
            name=shown(known[number]),
        ),
    )


async def _user(client: FreeScoutClient, seen: Examined) -> Finding:
    try:
        users = await client.users()
    except ApiError as error:
        return failed("desk.user", "GET /api/users", error.failure)
    number = seen.config.settings.freescout.user_id
    found = _chosen("desk.user", later("user"), number, users, seen)
    if found.exit_code:
        return found
    return ok(
        found.name,
        say("{words}; FreeScout's API does not tell whether it may log in", words=found.words),
    )


def _clock(client: FreeScoutClient) -> Finding:
    if not client.clock.known:
        return skipped("desk.clock", say("FreeScout's answer had no Date"))
    skew = client.clock.skew
    side = say("ahead of") if skew > 0 else say("behind")
    if abs(skew) > SKEW_TOLD:
        return warning(
            "desk.clock",
            say(
                "FreeScout's clock is {skew:.0f} s {side} this machine's; maxbridge goes by it",
                skew=abs(skew),
                side=side,
            ),
            say("Synchronise the time on both machines: timedatectl set-ntp true"),
        )
    return ok(
        "desk.clock", say("FreeScout's clock and ours differ by {skew:.0f} s", skew=abs(skew))
    )


async def _module(client: FreeScoutClient) -> Finding:
    """Check the API module. It does not tell its version; an old one is recognised by what it does not understand."""
    unknown = say("FreeScout's API tells no version (see Manage → System)")
    try:
        good = await client.honours_page_size()
    except ApiError as error:
        return skipped("desk.module", f"{unknown}; {error.failure}")
    if not good:
        return warning(
            "desk.module",
            say(
                "{unknown}; the module “API & Webhooks” is older than 1.0.87: of more than 50 mailboxes or users only 50 are seen",
                unknown=unknown,
            ),
            say("Update the module: Manage → Modules."),
        )
    return ok(
        "desk.module",
        say("{unknown}; the module “API & Webhooks” behaves as 1.0.87 and later", unknown=unknown),
    )


def _list(known: dict[int, str]) -> str:
    rows = [f"{number} ({shown(name)})" for number, name in sorted(known.items())]
    more = say(" and {more} more", more=len(rows) - _LISTED) if len(rows) > _LISTED else ""
    return (", ".join(rows[:_LISTED]) or "none") + more
