"""What an administrator can do about each failure, in one sentence; English, as all of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from maxbridge.core.errors import Invariant
from maxbridge.saying import later, say

ADVICE: Final = {
    "max.unauthorized": "MAX refuses the token: put the current one from the MAX partner cabinet "
    "into [max] token and restart.",
    "max.token_deprecated": "MAX says that the way of showing the token is deprecated: update maxbridge, "
    "and see that no proxy in between changes its requests. If it lasts, ask MAX's support.",
    "max.access_denied": "MAX refuses access: is the bot published and not blocked in the MAX partner "
    "cabinet?",
    "max.forbidden": "MAX refuses access with a code that maxbridge does not know: look at the bot in the "
    "MAX partner cabinet, and for an update of maxbridge.",
    "max.tls": "The certificate of MAX is not trusted: update maxbridge (it brings the Russian "
    "root certificate), and check [max] proxy.",
    "max.no_tls": "What answers at MAX's address does not speak TLS: check [max] api_url and proxy.",
    "max.needs_tls": "What answers at MAX's address wants https: check [max] api_url.",
    "max.webhook": "A webhook is active for this bot, so polling gets nothing: switch it off in "
    "the program that set it up, or remove it: maxbridge check --remove-webhook. Then restart.",
    "max.redirect": "MAX redirects to another address: check [max] api_url.",
    "max.method_refused": "MAX refuses this method: check [max] api_url.",
    "max.unreachable": "MAX cannot be reached: check the internet connection, the firewall and "
    "[max] api_url and proxy. Messages wait at MAX for 24 hours.",
    "max.timeout": "MAX does not answer in time; maxbridge keeps trying.",
    "max.dropped": "The connection to MAX breaks; maxbridge keeps trying.",
    "max.server_error": "MAX is in trouble; maxbridge keeps trying.",
    "max.unavailable": "MAX is in trouble; maxbridge keeps trying.",
    "max.unexpected": "What answers is not MAX: a proxy or a portal in between? Check [max] api_url "
    "and proxy.",
    "max.too_many_requests": "MAX asks to slow down: is another program using this token?",
    "max.bad_answer": "What answers is not MAX, or MAX is in trouble: check [max] api_url.",
    "desk.unauthorized": "FreeScout refuses the key: copy it anew from Manage → API & Webhooks "
    "into [freescout] api_key and restart.",
    "desk.untrusted_host": "FreeScout does not accept this host name: [freescout] url must be its "
    "APP_URL, or add the name to APP_TRUSTED_HOSTS in FreeScout's .env.",
    "desk.forbidden": "FreeScout, or a firewall before it, refuses access: check [freescout] url.",
    "desk.module_off": "FreeScout's module “API & Webhooks” is switched off: switch it on under "
    "Manage → Modules.",
    "desk.wrong_path": "There is no FreeScout API at this address: check [freescout] url.",
    "desk.redirect": "FreeScout redirects to another address: write that one (often https://) into "
    "[freescout] url.",
    "desk.tls": "The certificate of FreeScout is not trusted: renew it, or install the "
    "certificate of your own authority on this machine.",
    "desk.no_tls": "What answers at FreeScout's address does not speak TLS: check the port in [freescout] url, "
    "and that https is switched on in its web server.",
    "desk.needs_tls": "FreeScout's port is for https: write https:// into [freescout] url.",
    "desk.unreachable": "FreeScout cannot be reached: is the server running, is [freescout] url "
    "right? Messages wait in maxbridge's database.",
    "desk.timeout": "FreeScout does not answer in time; maxbridge keeps trying.",
    "desk.dropped": "The connection to FreeScout breaks; maxbridge keeps trying.",
    "desk.server_error": "FreeScout reports an error of its own: see storage/logs on its server.",
    "desk.unavailable": "FreeScout's PHP does not answer (502/503/504): see its server.",
    "desk.not_listed": "FreeScout does not give its list of changed conversations, but gives single tickets. Replies in known "
    "tickets leave; what agents begin waits. One conversation may be the cause: see storage/logs on its server.",
    "desk.maintenance": "FreeScout is in maintenance mode; maxbridge goes on when it ends.",
    "desk.bad_answer": "What answers is not FreeScout's API, or it is cut off: check "
    "[freescout] url and proxies in between.",
    "desk.unexpected": "What answers is not FreeScout: a proxy or firewall in between? Check "
    "[freescout] url.",
    "desk.too_many_requests": "FreeScout, or a firewall before it, asks to slow down.",
    "desk.too_large": "FreeScout takes no request of this size: lower [freescout] max_request_mb, or "
    "raise PHP's post_max_size and the web server's limit there.",
    **dict.fromkeys(
        (
            "media.timeout",
            "media.dropped",
            "max.upload_timeout",
            "max.upload_dropped",
            "desk.file_timeout",
        ),
        "It is asked again by itself; when that lasts, check the line and the firewall to that host.",
    ),
    "files.busy": "Many files are carried at once: the others follow.",
    "media.refused_host": "A file's link leads outside [max] media_hosts, or its name into your own "
    "network: the file stays a link. Ask your resolver, or add the host if MAX uses it.",
    "media.unreachable": "MAX's file servers cannot be reached: allow https to the hosts of [max] "
    "media_hosts, check [max] proxy.",
    "media.tls": "The certificate of a file server of MAX is not trusted: update maxbridge, and check "
    "[max] proxy.",
    "media.no_tls": "What answers in the place of MAX's file servers does not speak TLS: check [max] proxy.",
    "max.upload_no_tls": "What answers in the place of MAX's file servers does not speak TLS: check [max] proxy.",
    "max.upload_refused_host": "MAX wants files uploaded to a host outside [max] media_hosts: add it "
    "if it is MAX's.",
    "max.upload_unreachable": "MAX's file servers cannot be reached: allow https to the hosts of "
    "[max] media_hosts, check [max] proxy.",
    "max.upload_tls": "The certificate of a file server of MAX is not trusted: update maxbridge, and "
    "check [max] proxy.",
    "desk.file_refused_host": "FreeScout sends files from another address: [freescout] url must be "
    "its APP_URL.",
    "desk.file_tls": "The certificate of FreeScout is not trusted: renew it, or install the "
    "certificate of your own authority on this machine.",
    "desk.file_no_tls": "What answers at FreeScout's address does not speak TLS: check the port in [freescout] url, "
    "and that https is switched on in its web server.",
    "desk.file_unreachable": "FreeScout's files cannot be reached: is the server running, is "
    "[freescout] url right?",
    "files.full": "There is no room for files on their way: free some space on the disk of the "
    "database. Files wait until then.",
    "files.error": "The folder for files beside the database cannot be used: check the disk and the "
    "owner of the folder.",
    "gap.away": "MAX keeps events for 24 hours. What customers wrote who are known here is fetched "
    "from their chats' histories; what others wrote for the first time is lost: where you can, ask "
    "them to write again.",
    "gap.webhook": "What customers wrote who are known here is fetched from their chats' histories; "
    "the rest went to the webhook: look into the program that set it up.",
    "gap.missed": "Another program seems to use this bot's token, so each of the two takes what the "
    "other does not get: stop it, or give it a bot of its own. Known chats' histories are read once.",
    "gap.restored": "Nothing need be done: what the desk and the customers have already is looked up, not "
    "sent again. Lost are edits, deletions and first messages of new customers that had not reached "
    "FreeScout when the database was lost and that MAX does not give a second time.",
    "restored": "The database was restored: whether this was sent before is looked up in the chat.",
    "gap.clock": "This machine's clock jumped, so nobody can tell how long MAX was not asked; known "
    "chats' histories are read to be sure. Set up time synchronisation (systemd-timesyncd).",
    "store.full": "The disk is full: free some space. Nothing is taken from MAX until then.",
    "store.locked": "Another program keeps the database locked: close it. Nothing is taken from MAX "
    "until then.",
    "store.read_only": "The database can only be read: check the file's owner, its permissions and "
    "whether the disk is mounted read-only. Nothing is taken from MAX until then.",
    "store.damaged": "The database is damaged: stop maxbridge, check the disk, restore a backup.",
    "store.disk": "The disk reports errors (see dmesg). Nothing is taken from MAX until it works.",
    "store.error": "The database cannot be written: check the disk and the file's owner.",
    "alerts.ping": "The sign of life of [alerts] ping_url does not arrive: check the address, and whether "
    "this machine may reach it.",
    "alerts.command": "[alerts] command does not work: run it by hand, as the service's user and outside "
    "of /home, /tmp and /var/lib/maxbridge.",
    "metrics.no_folder": "The folder of [metrics] textfile does not exist: create it, or name another "
    "file.",
    "metrics.denied": "The service may not write [metrics] textfile: give it the right to the folder "
    "(docs/monitoring.md has the lines for systemd), or put the file beside the database.",
    "metrics.full": "There is no room for [metrics] textfile: free some space on its disk.",
    "metrics.error": "The file [metrics] textfile cannot be written: check its disk and folder.",
    "certificate.bundled": "Update maxbridge before that day: a newer one brings the next certificate. Without it "
    "MAX may not be believed any more, and nothing is delivered; messages wait.",
    "certificate.bundled_over": "Update maxbridge now. If there is no newer one and MAX is not believed any more "
    "(max.tls), install the authority's new certificate on this machine and restart.",
    "certificate.max": "Only MAX can renew it, and it usually does in time. If it does not, messages wait from that "
    "day on: watch maxbridge status then.",
    "certificate.max_over": "Is this machine's clock right (timedatectl)? If it is, only MAX can renew its "
    "certificate: maxbridge goes on by itself when it has. Messages wait at MAX for 24 hours.",
    "certificate.files": "Only MAX can renew it, and it usually does in time. If it does not, files from there "
    "become lines with a link from that day on.",
    "certificate.files_over": "Is this machine's clock right (timedatectl)? If it is, only MAX can renew it; files "
    "from there stay lines with a link until then.",
    "certificate.desk": "See that whatever renews it on FreeScout's server works, for example certbot renew "
    "--dry-run. From that day on nothing is delivered; messages wait.",
    "certificate.desk_over": "Renew it on FreeScout's server, for example certbot renew, and reload its web server. "
    "maxbridge goes on by itself; messages wait in its database.",
    **dict.fromkeys(
        [each.value for each in Invariant],
        "A bug in maxbridge that was stopped before it did harm: what it was about is held or asked for "
        "again, everything else goes on. See maxbridge queue list, and send us what maxbridge report writes.",
    ),
    "internal": "A bug in maxbridge: please report it with this line.",
}


ELSEWHERE: Final = {
    "max.unauthorized": (
        "max.token",
        later(
            "MAX refuses the token in force, which comes from {source}, not from the configuration file: put the "
            "current one from the MAX partner cabinet there and restart."
        ),
    ),
    "desk.unauthorized": (
        "freescout.api_key",
        later(
            "FreeScout refuses the key in force, which comes from {source}, not from the configuration file: copy it "
            "anew from Manage → API & Webhooks to there and restart."
        ),
    ),
}
"""For a refused secret: its setting, and what to do where its value stands outside of the configuration file."""


def advice(code: str, elsewhere: Mapping[str, str] | None = None) -> str:
    """What to do about a failure; empty when there is nothing to do but wait.

    Args:
        code: The failure's.
        elsewhere: Settings whose value in force is not in the configuration file, with its source.
    """
    setting, words = ELSEWHERE.get(code, ("", ""))
    source = (elsewhere or {}).get(setting)
    return say(words, source=source) if source else say(ADVICE.get(code, ""))
