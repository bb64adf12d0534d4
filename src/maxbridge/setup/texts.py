"""What ``maxbridge init`` says, by name; its Russian is in the catalogue, found by the English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EN: Final = {
    "hello": "This asks for what maxbridge needs, tries each answer and writes\n{path}.\n"
    "Ctrl+C ends it at any time; nothing is written before the last question.",
    "aside": "Careful: maxbridge is a service on this machine, and the service does not read that file. "
    "Its settings\nare {service}; to write those: {command}",
    "aside_question": "Write {path} of your own all the same?",
    "exists": "{path} exists. Answer anew and replace it? The old one stays as {path}.old",
    "kept": "Its other settings are kept; Enter takes the value in [brackets].",
    "unreadable": "{path} cannot be understood, so nothing of it is taken over.",
    "token": "Token of the bot (business.max.ru: Чат-боты → ⋮ → Настройки; not shown)",
    "key": "Key of FreeScout (Manage → API & Webhooks; not shown)",
    "keep_secret": "{question}, Enter keeps the present one",
    "bad_value": "Not so: {problem}",
    "trying": "Trying {what} …",
    "bot": "The token is of the bot “{name}” ({number}).",
    "refused_token": "MAX refuses this token.",
    "webhook": "Note: a webhook takes this bot's messages now ({address}).\n"
    "Before maxbridge can get any: maxbridge check --remove-webhook",
    "failed": "That did not work: {failure}\n{advice}",
    "what_now_max": "Try again (a), another token (t), through a proxy (p), go on unchecked (u)?",
    "what_now_desk": "Try again (a), another answer (o), go on unchecked (u)?",
    "proxy": "HTTP proxy for MAX, such as http://proxy.lan:3128 (not shown; empty for none)",
    "unchecked": "Going on unchecked. Try it later: maxbridge check",
    "url": "Address of FreeScout, as its APP_URL",
    "redirected": "FreeScout leads on to {address}. Take that address?",
    "desk": "FreeScout answers at {address}.",
    "refused_key": "FreeScout refuses this key.",
    "mailboxes": "Mailboxes:",
    "mailbox": "Number of the mailbox for tickets",
    "users": "Users:",
    "user": "Number of the user who writes the notes",
    "user_hint": "Better none of the people: make a user “MAX bridge” (Manage → Users), then answer.",
    "not_listed": "There is no {number} in the list: {known}.",
    "not_number": "A number is wanted, 1 or more.",
    "language": "Language of what customers and agents read from maxbridge (ru, en)",
    "not_language": "ru or en is wanted.",
    "greeting": "What a customer who presses Start is told (empty for nothing)",
    "store": "Where the database goes",
    "apart": "Keep the two secrets apart, in {folder}? systemd hands them to the service",
    "written": "Written: {path}",
    "shadowed": "Careful: [{section}] {key} in force comes from {source}, which is stronger than what is written now. "
    "Remove it there, or change it there as well.",
    "next": "Now:",
    "no_unit": "The unit is in the folder systemd of the sources: copy it to /etc/systemd/system first.",
    "nothing": "Nothing was written.",
    "missing": "{option} is needed: with --yes nothing is asked.",
    "wrong_given": "{option}: {problem}",
}


def proposal(environ: Mapping[str, str]) -> str:
    """Of the bridge's own texts: MAX is Russian, so English only where the locale says so."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "en" if locale.lower().startswith("en") else "ru"
