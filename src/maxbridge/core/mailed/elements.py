"""Elements by which mail programs and FreeScout tell where a quote or a signature begins.

Sources: contract freescout.md 12, and bodies of the programs named beside each mark. Programs on the way
put something before the names of ids and classes (Outlook ``x_``, Gmail ``m_123``, Yandex a number) or
behind them (Mail.ru ``_mr_css_attr``), so a name counts wherever it stands.
"""

from __future__ import annotations

import re
from enum import StrEnum

from maxbridge.core.reply.elements import Element


class Kind(StrEnum):
    """What stands behind a mark."""

    QUOTE = "quote"
    """The message that is answered. An agent may have answered between its lines, or below it."""
    REST = "rest"
    """Nothing but older messages to the end of the mail."""


_QUOTES = (
    "gmail_quote",  # Gmail, K-9, Thunderbird for Android
    "gmail_attr",
    "moz-cite-prefix",  # Thunderbird
    "mail-quote-collapse",  # Mail.ru
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",  # Zoho
    "reply-intro",  # Roundcube
    "messagereplysection",  # Spark
    "quote-header",
    "quoted-message",
)
_RESTS = (
    "fsnotifreplyabove",  # FreeScout's notification
    "fsreplyabove",
    "divrplyfwdmsg",  # Outlook
    "appendonsend",  # Outlook on the web
    "mail-editor-reference-message-container",  # Outlook mobile
    "outlookmessageheader",
    "stopspelling",  # Hotmail
    "moz-forward-container",
    "zwchr",  # Zimbra
)
_SIGNATURE = "signature"
"""gmail_signature, moz-signature, ms-outlook-mobile-signature, data-signature-widget, …"""
_OUTLOOK_RULE = re.compile(
    r"border-top[^;]*(?:#e1e1e1|#b5c4df|rgb\(225,225,225\)|rgb\(181,196,223\))"
    r"|border-color:(?:#e1e1e1|#b5c4df|rgb\(225,225,225\)|rgb\(181,196,223\))(?:currentcolor|;|$)"
)
"""The line above the header of desktop Outlook, as Outlook writes it and as others write it anew."""
_NOTIFICATION_COLOUR = "#f8f9f9"
"""Background of FreeScout's notification: stays when ids and classes are gone."""
_MAIL_SCHEMA = "schema.org/emailmessage"


def mark_of(element: Element) -> Kind | None:
    """What an element begins; None when it is no mark."""
    attributes = element.attributes
    if not attributes:
        return None
    names = _names(element)
    if any(each in names for each in _RESTS) or any("data-fs" in each for each in attributes):
        return Kind.REST
    if attributes.get("bgcolor", "").lower() == _NOTIFICATION_COLOUR:
        return Kind.REST
    if _MAIL_SCHEMA in attributes.get("itemtype", "").lower():
        return Kind.REST
    if element.tag == "hr" and attributes.get("tabindex") == "-1":
        return Kind.REST
    if _OUTLOOK_RULE.search("".join(attributes.get("style", "").lower().split())):
        return Kind.REST
    if any(each in names for each in _QUOTES) or attributes.get("name") == "quote":
        return Kind.QUOTE
    if element.tag == "blockquote" and ("cite" in attributes or attributes.get("type") == "cite"):
        return Kind.QUOTE
    return None


def is_signature(element: Element) -> bool:
    """Does a program put the agent's standing lines into this element?"""
    return bool(element.attributes) and (
        _SIGNATURE in _names(element) or any(_SIGNATURE in each for each in element.attributes)
    )


def _names(element: Element) -> str:
    attributes = element.attributes
    return " ".join(attributes.get(each, "") for each in ("id", "class", "name")).lower()
