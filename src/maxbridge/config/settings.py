"""The settings as data: names, types, defaults and meanings.

:mod:`maxbridge.config.loading` reads their values.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote

MAX_API = "https://platform-api2.max.ru"
MEDIA_HOSTS = ("*.oneme.ru", "*.okcdn.ru", "*.mycdn.me")


class Secret:
    """A text that is never shown: not in ``repr``, logs, tracebacks or dumps."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret, for the one call that needs it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "'***'" if self._value else "''"


def setting(default: Any, **rules: Any) -> Any:
    """Declare a setting with its rules: ``least``, ``most``, ``choices``, ``required``, ``secret``, ``url``.

    ``live``: a reload applies it; any other change needs a restart.
    """
    return field(default=default, metadata=rules)


@dataclass(frozen=True, slots=True)
class MaxSettings:
    """``[max]``: the messenger."""

    token: Secret = setting(Secret(""), required=True, secret=True)
    api_url: str = setting(MAX_API, url=True)
    first_start: str = setting("new", choices=("new", "all"))
    groups: str = setting("ignore", choices=("ignore", "ticket"), live=True)
    media_hosts: tuple[str, ...] = setting(MEDIA_HOSTS)
    flood_limit: int = setting(600, least=0, most=1_000_000, live=True)
    max_file_mb: int = setting(250, least=1, most=4000)
    proxy: Secret = setting(Secret(), secret=True, proxy=True)


@dataclass(frozen=True, slots=True)
class FreeScoutSettings:
    """``[freescout]``: the help desk."""

    url: str = setting("", required=True, url=True)
    api_key: Secret = setting(Secret(""), required=True, secret=True)
    mailbox_id: int = setting(0, required=True, least=1)
    user_id: int = setting(0, required=True, least=1)
    poll_interval: float = setting(5.0, least=0.5, most=3600.0, live=True)
    undo_window: float = setting(15.0, least=0.0, most=3600.0, live=True)
    max_request_mb: int = setting(8, least=1, most=2000, live=True)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """``[store]``: the database."""

    path: Path = setting(Path())
    keep_texts_days: int = setting(7, least=1, most=36500, live=True)
    keep_ids_days: int = setting(30, least=30, most=36500, live=True)
    second_host: str = setting("no", choices=("yes", "no"))


@dataclass(frozen=True, slots=True)
class TicketSettings:
    """``[tickets]``: how tickets are made."""

    reopen_days: int = setting(14, least=-1, most=36500, live=True)
    max_threads: int = setting(1000, least=0, most=1_000_000, live=True)
    max_mb: int = setting(8, least=0, most=1000, live=True)
    subject: str = setting("MAX: {text}", live=True, fills=("text", "name"))
    status: str = setting("active", choices=("active", "pending"), live=True)


@dataclass(frozen=True, slots=True)
class TextSettings:
    """``[texts]``: what people read."""

    language: str = setting("ru", choices=("ru", "en"), live=True)
    greeting: str = setting("", live=True, fills=())
    phone_button: str = setting("", live=True)
    tell_not_received: str = setting("yes", choices=("yes", "no"), live=True)
    signature: str = setting("", live=True, fills=("name",))
    privacy: str = setting("", live=True, message=True, fills=())
    accepted: str = setting("", live=True, message=True, fills=("number",))
    closed: str = setting("", live=True, message=True, fills=("number",))
    commands: str = setting("no", choices=("yes", "no"), live=True)
    help: str = setting("", live=True, message=True, fills=())
    rating: str = setting("no", choices=("yes", "no"), live=True)
    away: str = setting("", live=True, message=True, fills=("until",))


@dataclass(frozen=True, slots=True)
class FilesSettings:
    """``[files]``: what customers and agents attach."""

    wait_minutes: int = setting(5, least=0, most=1440, live=True)


@dataclass(frozen=True, slots=True)
class HoursSettings:
    """``[hours]``: when somebody answers."""

    timezone: str = setting("Europe/Moscow", live=True, zone=True)
    monday: str = setting("", live=True, day=True)
    tuesday: str = setting("", live=True, day=True)
    wednesday: str = setting("", live=True, day=True)
    thursday: str = setting("", live=True, day=True)
    friday: str = setting("", live=True, day=True)
    saturday: str = setting("", live=True, day=True)
    sunday: str = setting("", live=True, day=True)
    holidays: tuple[str, ...] = setting((), live=True, holidays=True)

    @property
    def week(self) -> tuple[str, ...]:
        """The days, Monday first."""
        return (
            self.monday,
            self.tuesday,
            self.wednesday,
            self.thursday,
            self.friday,
            self.saturday,
            self.sunday,
        )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """``[log]``: what is written for the administrator."""

    level: str = setting("info", choices=("debug", "info", "warning", "error"), live=True)
    format: str = setting("auto", choices=("auto", "console", "journald", "json"), live=True)


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """``[metrics]``: numbers for the Prometheus node exporter."""

    textfile: str = setting("", textfile=True)


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """``[alerts]``: how the administrator hears of a trouble."""

    ping_url: Secret = setting(Secret(), secret=True, ping=True, live=True)
    command: tuple[str, ...] = setting((), program=True, live=True)
    max_chat: int = setting(0, live=True)
    after_minutes: int = setting(5, least=1, most=1440, live=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    max: MaxSettings = field(default_factory=MaxSettings)
    freescout: FreeScoutSettings = field(default_factory=FreeScoutSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    tickets: TicketSettings = field(default_factory=TicketSettings)
    texts: TextSettings = field(default_factory=TextSettings)
    files: FilesSettings = field(default_factory=FilesSettings)
    hours: HoursSettings = field(default_factory=HoursSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)


def secret_texts(settings: Settings) -> tuple[str, ...]:
    """Return every secret in the settings, and the passwords inside addresses, for redaction."""
    found: list[str] = []
    for section in fields(settings):
        values = getattr(settings, section.name)
        for each in fields(values):
            value = getattr(values, each.name)
            if isinstance(value, Secret) and value:
                found += [value.reveal(), *_passwords(value.reveal())]
    return tuple(found)


def _passwords(address: str) -> list[str]:
    """Return the password in an address as written, and decoded."""
    user, _, _ = address.partition("://")[2].rpartition("@")
    password = user.partition(":")[2]
    return [password, unquote(password)] if password else []


SECTIONS: dict[str, type[Any]] = {
    each.name: each.default_factory  # type: ignore[misc]
    for each in fields(Settings)
}
"""Section classes by name."""
