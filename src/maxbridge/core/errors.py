"""Names for everything that can go wrong, grouped by what the program can do about it.

::

    MaxbridgeError
    ├── UserError            the person at the terminal can mend it: text, no traceback, an exit code
    │   ├── ConfigError      a setting is wrong or missing (exit 78)
    │   └── StoreError       the database cannot be used as it is
    │       ├── NoDatabaseError  the daemon's first start makes it
    │       └── OldSchemaError  the daemon's next start mends it
    │           └── StartingError  the daemon is at it
    ├── ApiError             a call to MAX or FreeScout failed; carries a Failure
    └── RuleBrokenError      a bug of ours, noticed before it did harm; carries an Invariant

A :class:`Failure` answers the questions that decide what happens next (design.md 7): will it pass by
itself, was the call certainly *not* carried out, and is only this delivery hit or the whole end?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """Process exit codes, from sysexits.h where it has a name for the case."""

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
    """What a shell sees of a program that SIGPIPE has ended: 128 and 13."""


class Kind(StrEnum):
    """Will it pass?"""

    TRANSIENT = "transient"
    """By itself, sooner or later: try again with backoff."""
    PERMANENT = "permanent"
    """Never, for this delivery: tell the agent or the administrator."""
    CONFIG = "config"
    """When an administrator mends it: key, address, module, webhook."""


class Scope(StrEnum):
    """How far does it reach, as far as the answer itself can tell?"""

    ITEM = "item"
    """The service is well: it said no to this delivery, or one file cannot be had."""
    UNKNOWN = "unknown"
    """It may be this delivery's own trouble or everybody's: a 500, a page of HTML, a redirect, silence.
    Only what others meet meanwhile can tell, so one such answer never stops anybody else."""
    END = "end"
    """Every call to this end would fail alike, so the whole end pauses: the key, the certificate, no
    connection, "slow down", maintenance."""


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
    """One failed call, classified.

    Attributes:
        code: Stable name such as ``desk.unauthorized``; what logs, status and tests refer to.
        kind: Will it pass?
        certain: True when the call was certainly not carried out; False when it may have been, so
            that it must be looked up before it is repeated.
        scope: Does it hit this delivery only, or the end as a whole? A hint: who meets it decides.
        detail: Status and machine words for the log. Never a customer's text, never a secret.
        retry_after: Seconds the other side asked us to wait, if it did.
    """

    code: str
    kind: Kind
    certain: bool
    scope: Scope = Scope.ITEM
    detail: str = ""
    retry_after: float | None = None

    @property
    def answered(self) -> bool:
        """Somebody at the other end answered, so neither the network nor the host is in trouble."""
        return self.code.rpartition(".")[2] not in _UNANSWERED

    @property
    def settled(self) -> bool:
        """Nobody gave up waiting for the answer: what was done, is done by now."""
        return self.code in _SETTLED

    def __str__(self) -> str:
        return f"{self.code} ({self.detail})" if self.detail else self.code


class MaxbridgeError(Exception):
    """Base of everything this program raises on purpose."""


class ApiError(MaxbridgeError):
    """A call to MAX or FreeScout failed.

    Attributes:
        failure: What it means for us.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Invariant(StrEnum):
    """What holds whatever people, services and disks do; the value is the code that ``status`` shows."""

    MOVE = "rule.move"
    """A delivery moves only as the table of :mod:`maxbridge.core.delivery` says."""
    ORDER = "rule.order"
    """Nothing overtakes what its chat had before it."""
    OWNER = "rule.owner"
    """A ticket is one chat's: its words go to this chat, and this chat's words into it."""
    UNWRITTEN = "rule.unwritten"
    """No call is made for a delivery of which the disk does not say that it is being made."""
    MARKER = "rule.marker"
    """MAX hears no marker before the events that came with it are on the disk."""


class RuleBrokenError(MaxbridgeError):
    """A rule was about to be broken: a bug of ours, noticed before anything left.

    Attributes:
        rule: Which.
    """

    def __init__(self, rule: Invariant, detail: str) -> None:
        """Say so.

        Args:
            rule: Which.
            detail: Ids and words of ours, for the log.
        """
        super().__init__(f"{rule}: {detail}")
        self.rule = rule


class UserError(MaxbridgeError):
    """Something the administrator can mend; shown as text without a traceback.

    Attributes:
        problems: One sentence each, saying what is wrong and what to do.
        exit_code: What the process ends with.
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
    """The configuration is missing or wrong, or an end says that what it was given is wrong."""

    exit_code = ExitCode.CONFIG


class StoreError(UserError):
    """The database is locked, unreadable, of another bot, or newer than this program."""

    exit_code = ExitCode.CANT_CREATE


class NoDatabaseError(StoreError):
    """There is none yet."""


class OldSchemaError(StoreError):
    """The database is of an older version; the daemon's next start brings it up to date."""


class StartingError(OldSchemaError):
    """The daemon is making the database, or bringing it up to date, at this moment."""

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
    """The programming error that a library passes off as one of the network's; None where there is none.

    aiohttp wraps whatever happens while it writes a request or reads an answer into a
    ``ClientError`` and keeps the reason as its cause. Taken for the network's, a bug would be
    waited for like an outage that nobody can mend.

    Args:
        error: What was raised. A name of a host that cannot be (``idna``) is no bug; other text that
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
        host: Its name, with its port if that is not the usual one.
        way: :data:`DOWNLOADS` from it or :data:`UPLOADS` to it.
        since: When that began, our clock.
        error: Code of its last failure.
    """

    host: str
    way: str
    since: float
    error: str
