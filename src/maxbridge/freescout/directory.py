"""Who and what there is at the desk, as its lists told when they were last asked for."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Directory:
    """Mailboxes and users by id; empty values are known to be empty.

    Attributes:
        mailbox_names: Names of mailboxes.
        mailbox_mails: Their addresses.
        user_mails: Addresses of users.
        user_phones: Their numbers.
        user_jobs: What they are.
        user_zones: Their time zones, such as ``Europe/Moscow``: in these they read times.
    """

    mailbox_names: dict[int, str] = field(default_factory=dict)
    mailbox_mails: dict[int, str] = field(default_factory=dict)
    user_mails: dict[int, str] = field(default_factory=dict)
    user_phones: dict[int, str] = field(default_factory=dict)
    user_jobs: dict[int, str] = field(default_factory=dict)
    user_zones: dict[int, str] = field(default_factory=dict)
