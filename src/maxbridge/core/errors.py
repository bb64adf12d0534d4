"""The error hierarchy and the classification of failed calls.

::

    MaxbridgeError
    ├── UserError            the person at the terminal can fix it: text, no traceback, an exit code
    │   ├── ConfigError      a setting is wrong or missing (exit 78)
    │   └── StoreError       the database cannot be used as it is
    │       ├── NoDatabaseError  not created yet; the daemon's first start does
    │       └── OldSchemaError  the daemon's next start upgrades it
    │           └── StartingError  the daemon is creating or upgrading it now
    ├── ApiError             a call to MAX or FreeScout failed; carries a Failure
    └── RuleBrokenError      a bug of ours, noticed before it did harm; carries an Invariant

A :class:`Failure` says what decides the next step (design.md 7): may a later try succeed, was the
call certainly *not* carried out, and does it concern this delivery only or the whole service?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """Process exit codes, named as in sysexits.h where it has the case."""

    OK = 0
    FAILURE = 1
    UNAVAILABLE = 69
    SOFTWARE = 70
    CANT_CREATE = 73
    IO_ERROR = 74
    TEMP_FAIL = 75
    NO_PERMISSION = 77
    CONFIG = 78
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    """What a shell reports for a program ended by SIGPIPE: 128 + 13."""


class Kind(StrEnum):
    """Whether a later try may succeed."""

    TRANSIENT = "transient"
    """Yes: try again with backoff."""
    PERMANENT = "permanent"
    """No: tell the agent or the administrator."""
    CONFIG = "config"
    """Only after an administrator fixes a key, an address, a module or a webhook."""


class Scope(StrEnum):
    """What a failure concerns, as far as the answer itself tells."""

    ITEM = "item"
    """The service is healthy: it refused this delivery, or one file cannot be fetched."""
    UNKNOWN = "unknown"
    """This delivery or everybody: a 500, a page of HTML, a redirect, no answer.
    Only other deliveries can tell, so one such failure never stops others."""
    END = "end"
    """Every call to this service would fail alike, so all its calls pause: the key, the certificate, no
    connection, rate limiting, maintenance."""


_UNANSWERED = frozenset({"unreachable", "timeout", "dropped", "tls", "no_tls"})
_SETTLED = frozenset(
    {
        "desk.server_error",
        "desk.bad_answer",
        "desk.forbidden",
        "desk.redirect",
        "desk.wrong_path",
        "desk.unexpected",
        "max.server_error",
        "max.bad_answer",
        "max.redirect",
        "max.unexpected",
    }
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call, classified.

    Attributes:
        code: Stable name such as ``desk.unauthorized``, used in logs, status and tests.
        kind: Whether a later try may succeed.
        certain: True if the call was certainly not carried out; False if it may have been, so it
            must be looked up before it is repeated.
        scope: Whether it concerns this delivery or the service. A hint; :mod:`maxbridge.core.blame`
            decides.
        detail: Status and machine words for the log. Never a customer's text, never a secret.
        retry_after: Seconds that the service asked us to wait, if it did.
    """

    code: str
    kind: Kind
    certain: bool
    scope: Scope = Scope.ITEM
    detail: str = ""
    retry_after: float | None = None

    @property
    def answered(self) -> bool:
        """Whether the service or something in front of it answered, so network and host work."""
        return self.code.rpartition(".")[2] not in _UNANSWERED

    @property
    def settled(self) -> bool:
        """Whether the call ended with an answer instead of a timeout: it is not still being carried out."""
        return self.code in _SETTLED

    def __str__(self) -> str:
        return f"{self.code} ({self.detail})" if self.detail else self.code


class MaxbridgeError(Exception):
    """Base class of the errors that this program raises."""


class ApiError(MaxbridgeError):
    """A call to MAX or FreeScout failed.

    Attributes:
        failure: Its classification.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Invariant(StrEnum):
    """Rules that must always hold; the value is the code that ``status`` shows."""

    MOVE = "rule.move"
    """A delivery moves only as the table of :mod:`maxbridge.core.delivery` says."""
    ORDER = "rule.order"
    """A chat's deliveries are carried out in order."""
    OWNER = "rule.owner"
    """A ticket belongs to one chat: only this chat gets its replies and adds messages to it."""
    UNWRITTEN = "rule.unwritten"
    """A call is made only after ``sending`` is committed for its delivery."""
    MARKER = "rule.marker"
    """A poll confirms a marker to MAX only after the events before it are committed."""


class RuleBrokenError(MaxbridgeError):
    """An invariant was about to be broken: a bug of ours, noticed before anything was sent.

    Attributes:
        rule: The invariant.
    """

    def __init__(self, rule: Invariant, detail: str) -> None:
        """Create the error.

        Args:
            rule: The invariant.
            detail: Our ids and words, for the log.
        """
        super().__init__(f"{rule}: {detail}")
        self.rule = rule


class UserError(MaxbridgeError):
    """An error that the administrator can fix; shown as text without a traceback.

    Attributes:
        problems: One sentence each: what is wrong and what to do.
        exit_code: The process's exit code.
    """

    exit_code: ExitCode = ExitCode.FAILURE

    def __init__(self, problems: str | Sequence[str], exit_code: ExitCode | None = None) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        if exit_code is not None:
            self.exit_code = exit_code
        super().__init__("\n".join(self.problems))


class ConfigError(UserError):
    """The configuration is missing or wrong, or a service rejects a value of it."""

    exit_code = ExitCode.CONFIG


class StoreError(UserError):
    """The database is locked, unreadable, of another bot, or newer than this program."""

    exit_code = ExitCode.CANT_CREATE


class NoDatabaseError(StoreError):
    """The database does not exist yet."""


class OldSchemaError(StoreError):
    """The database has an older schema; the daemon's next start upgrades it."""


class StartingError(OldSchemaError):
    """The daemon is creating or upgrading the database now."""

    exit_code = ExitCode.TEMP_FAIL


BUGS = (
    Warning,
    TypeError,
    AttributeError,
    NameError,
    LookupError,
    ArithmeticError,
    AssertionError,
    NotImplementedError,
    ImportError,
)
"""What no network, server or disk does to us: an error in a program, ours or a library's. Only where what
comes from outside is read by hand may one of these mean bad data, and is caught there, by its name."""


def bug_behind(error: BaseException) -> Exception | None:
    """Return the programming error that a library wrapped as a network error, or None.

    aiohttp wraps whatever happens while it writes a request or reads an answer into a
    ``ClientError`` and keeps the reason as its cause. Treated as a network error, a bug would be
    retried like an outage that nobody can fix.

    Args:
        error: What was raised. An impossible host name (``idna``) is not a bug; other text that
            cannot be encoded is.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, BUGS):
            return seen
        if isinstance(seen, UnicodeEncodeError) and seen.encoding != "idna":
            return seen
        seen = seen.__cause__
    return None


# --- A file host that does not work


DOWNLOADS, UPLOADS = "downloads", "uploads"


@dataclass(frozen=True, slots=True)
class HostTrouble:
    """A file host that does not work.

    Attributes:
        host: Its name, with its port if that is unusual.
        way: :data:`DOWNLOADS` or :data:`UPLOADS`.
        since: When it stopped working, our clock.
        error: Code of its last failure.
    """

    host: str
    way: str
    since: float
    error: str
