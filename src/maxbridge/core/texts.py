"""The fields of the message catalogue: every sentence that a customer or an agent may read.

The sentences are in :mod:`maxbridge.i18n`; a missing one is a type error. Fields with ``{…}`` are
templates; the caller escapes values for HTML.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language."""

    language: str

    # --- into the ticket, for agents -------------------------------------------------------------
    subject: str
    """Subject of a ticket whose first message has no words."""
    nameless_group: str
    nameless: str
    """First name of a customer whom MAX gives no name; FreeScout refuses an empty one."""
    empty_message: str
    unknown_part: str
    broken_part: str
    image: str
    video: str
    audio: str
    voice: str
    file: str
    sticker: str
    contact: str
    contact_phone: str
    contact_mail: str
    contact_site: str
    contact_address: str
    contact_note: str
    contact_left_out: str
    """Contents of a contact card that are not shown."""
    contact_photo: str
    contact_logo: str
    contact_sound: str
    contact_more: str
    contact_more_cards: str
    max_id: str
    location: str
    share: str
    keyboard: str
    file_name: str
    """A file's kind followed by its name."""
    times: str
    """Several of the same kind on one line."""
    open_link: str
    size: str
    units: tuple[str, str, str, str]
    too_large: str
    unreachable: str
    empty_file: str
    refused: str
    more_files: str
    files_lost: str
    words_in_file: str
    words_file: str
    continues: str
    follows: str
    """In the first message of a ticket that follows a too long one."""
    followed: str
    """The note in the ticket that was too long."""
    message_held: str
    message_unknown: str
    name_image: str
    """Names for files without a name in MAX; an extension is added."""
    name_video: str
    name_voice: str
    name_audio: str
    name_sticker: str
    name_file: str
    edited: str
    edited_at: str
    removed: str
    removed_at: str
    before_edit: str
    reply_to: str
    reply_to_unknown: str
    forwarded: str
    forwarded_unknown: str
    pressed: str
    pressed_unknown: str
    started: str
    started_with: str
    stopped: str
    dialog_removed: str
    bot_added: str
    bot_removed: str
    group_deaf: str
    group_hears: str
    written: str
    """At a late message: when it was written."""
    written_at: str
    """At a message that stands in one thread with earlier ones: the time of day."""
    written_on: str
    """As ``written_at``, with the date if it is another day."""
    moment: str
    """A date with a time and its zone, for strftime."""
    moment_short: str
    """A date with a time without its zone: for a message in the same ticket."""

    # --- notes of the bridge, for agents ---------------------------------------------------------
    bounced: str
    bounced_partly: str
    waits_blocked: str
    waits_removed: str
    late: str
    why_away: str
    why_slow: str
    why_setup: str
    why_doubt: str
    why_refused: str
    put_aside: str
    """The customer exceeds the flood limit."""
    held: str
    skipped: str
    skipped_unclear: str
    unreadable: str
    too_long: str
    by_mail: str
    """A reply by mail that may quote private words."""
    merged_away: str
    merged_chats: str
    merged_bots: str
    two_chats: str
    two_bots: str
    unfinished: str
    """Some of a message's files are missing: only the lost database knew them."""
    awaited: str
    adopted_mail: str
    unlinked: str
    reason_blocked: str
    reason_removed: str
    reason_gone: str
    reason_group_gone: str
    reason_refused: str
    reason_expired: str
    reason_empty: str
    what_now_blocked: str
    what_now_removed: str
    what_now: str
    not_edited: str
    file_lost: str
    file_forbidden: str
    file_too_large: str
    file_empty: str
    file_gone: str
    file_refused: str
    file_silent: str

    # --- to the administrator ---------------------------------------------------------------------
    alert_desk: str
    alert_desk_over: str
    alert_max: str
    alert_max_over: str
    alert_store: str
    alert_store_over: str
    alert_stuck: str
    alert_stuck_over: str
    alert_held: str
    alert_held_over: str

    # --- to the customer -------------------------------------------------------------------------
    not_received: str
    rated: str
    """In the ticket, for agents."""
    rating_thanks: str
    help: str
    status_line: str
    status_none: str
    status_open: str
    status_pending: str
    status_closed: str
    command_start: str
    command_help: str
    command_status: str
    moment_told: str
    """Format of a moment for customers, for strftime."""
    reply_picture: str
