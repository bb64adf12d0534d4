"""The shape of the message catalogue: every sentence that a customer or an agent may read.

The sentences themselves are in :mod:`maxbridge.i18n`; a missing one is a type error.
Fields with ``{…}`` are templates; their values are escaped by whoever puts them into HTML.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """One language of the catalogue."""

    language: str

    # --- into the ticket, for agents -------------------------------------------------------------
    subject: str
    """Subject of a ticket whose first message has no words."""
    nameless: str
    """First name of a customer whom MAX gives no name; FreeScout refuses an empty one."""
    empty_message: str
    unknown_part: str
    broken_part: str
    image: str
    video: str
    audio: str
    file: str
    sticker: str
    contact: str
    location: str
    share: str
    keyboard: str
    open_link: str
    size: str
    units: tuple[str, str, str, str]
    edited: str
    removed: str
    reply_to: str
    forwarded: str
    forwarded_unknown: str
    pressed: str
    stopped: str

    # --- notes of the bridge, for agents ---------------------------------------------------------
    bounced: str
    bounced_partly: str
    waits_blocked: str
    held: str
    skipped: str
    merged_away: str
    reason_blocked: str
    reason_gone: str
    reason_refused: str
    reason_expired: str
    reason_empty: str
    what_now_blocked: str
    what_now: str

    # --- to the customer -------------------------------------------------------------------------
    reply_picture: str
    reply_file: str
