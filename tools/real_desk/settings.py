"""Which FreeScout the scenarios run against: read from the environment, and said in full when incomplete."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "REAL_DESK_"
FILE = f"{PREFIX}ENV"
CONTROL = f"{PREFIX}CONTROL"

NEEDED = {
    "FREESCOUT_URL": "its address, exactly as in its APP_URL",
    "FREESCOUT_API_KEY": "the key of the module API & Webhooks",
    "MAILBOX_ID": "the mailbox in which tickets are opened",
    "MAILBOX2_ID": "another mailbox, for moved tickets",
    "AGENT_EMAIL": "an agent who may see both mailboxes",
    "AGENT_PASSWORD": "their password",
    "ADMIN_EMAIL": "an administrator, who may edit replies and delete tickets",
    "ADMIN_PASSWORD": "their password",
    "ADMIN_USER_ID": "their number: the bridge's notes are written under it",
}

PUBLISHED = """\
FreeScout (AGPL-3.0)     https://github.com/freescout-help-desk/freescout, branch "dist" has the vendor folder
API & Webhooks           https://freescout.net/module/api-webhooks/ (AGPL-3.0, sold by its makers); a public copy:
                         https://github.com/rilustrisimo/freescout-support, folder Modules/ApiWebhooks
Debian packages for it   php-fpm php-cli php-mysql php-mbstring php-xml php-imap php-zip php-gd php-curl
                         php-intl mariadb-server nginx-light
None of it is part of this repository. Set it up on 127.0.0.1 with a mail server that sends nothing on, and with
tickets that nobody needs: the scenarios write into it, delete from it, and stop its parts."""


class IncompleteError(Exception):
    """The environment does not name a FreeScout; the text says what is missing and where it is published."""


@dataclass(frozen=True, slots=True)
class RealDesk:
    """A FreeScout that is running.

    Attributes:
        url: Its address as in APP_URL.
        api_key: The key of its API.
        mailbox: For tickets.
        mailbox2: For moved tickets.
        agent: Address and password of an agent.
        admin: Address and password of an administrator.
        bridge_user: Who writes the bridge's notes.
        control: Command that takes ``stop PART``, ``start PART`` (fpm, nginx, db) and ``artisan down|up``
            as further arguments; empty when its parts cannot be stopped.
    """

    url: str
    api_key: str
    mailbox: int
    mailbox2: int
    agent: tuple[str, str]
    admin: tuple[str, str]
    bridge_user: int
    control: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> RealDesk:
        """Read ``REAL_DESK_ENV`` (a file of NAME=VALUE lines) and ``REAL_DESK_<NAME>``, which is stronger.

        Raises:
            IncompleteError: A value is missing, or the file cannot be read.
        """
        values = _from_file(environ.get(FILE, ""))
        given = {name: environ.get(PREFIX + name, values.get(name, "")) for name in NEEDED}
        missing = [name for name, value in given.items() if not value]
        if missing:
            lines = [f"  {PREFIX}{name:20} {NEEDED[name]}" for name in missing]
            raise IncompleteError(
                f"No FreeScout to run against. Missing, from the environment or as NAME=VALUE lines "
                f"(without {PREFIX}) from the file that {FILE} names:\n" + "\n".join(lines) + "\n"
                f"  {CONTROL + ' (optional)':30} command that stops and starts its parts: COMMAND stop fpm\n\n"
                + PUBLISHED
            )
        return cls(
            url=given["FREESCOUT_URL"].rstrip("/"),
            api_key=given["FREESCOUT_API_KEY"],
            mailbox=int(given["MAILBOX_ID"]),
            mailbox2=int(given["MAILBOX2_ID"]),
            agent=(given["AGENT_EMAIL"], given["AGENT_PASSWORD"]),
            admin=(given["ADMIN_EMAIL"], given["ADMIN_PASSWORD"]),
            bridge_user=int(given["ADMIN_USER_ID"]),
            control=tuple(shlex.split(environ.get(CONTROL, ""))),
        )


def _from_file(path: str) -> dict[str, str]:
    if not path:
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise IncompleteError(f"{FILE} names {path}: {error.strerror}") from error
    pairs = (line.strip().partition("=") for line in lines if "=" in line)
    return {name: value for name, _, value in pairs}
