"""Logging for administrators: console, journald or JSON; never a secret, never a customer's words.

Every line passes :func:`_redact`, which knows the tokens, as a last safeguard; customers' words are
kept out because nothing logs them: callers pass ids, sizes and outcomes.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import time
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from maxbridge.saying import local

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_SHORTEST_SECRET = 6
_EVENT_WIDTH = 28
_QUOTED = frozenset(" \t=\r\n\"'")


def configure(
    *,
    level: str,
    form: str,
    secrets: Collection[str] = (),
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Set up logging for the process.

    Args:
        level: ``debug`` … ``error``.
        form: ``console``, ``journald``, ``json``, or ``auto`` to choose by what stderr is.
        secrets: Texts to be replaced wherever they occur.
        stream: Where to write, stderr when None.
        environ: The environment, ``os.environ`` when None.
    """
    stream = stream or sys.stderr
    environ = os.environ if environ is None else environ
    chosen = _choose(stream, environ) if form == "auto" else form
    number = getattr(logging, level.upper())
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _exceptions_without_words,
    ]
    if chosen == "json":
        before.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    elif chosen == "console":  # the journal has times of its own
        before.append(_own_time)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redactor(secrets),
            *_renderers(chosen, stream, environ),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for noisy in ("httpx", "httpcore", "aiohttp", "asyncio", "peewee"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> Any:
    """Return the logger of a part of the program."""
    return structlog.stdlib.get_logger(name)


def where(error: BaseException) -> str:
    """Return file and line of an unexpected error; its message may quote customers' words."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119


def _choose(stream: TextIO, environ: Mapping[str, str]) -> str:
    if _is_journal(stream, environ.get("JOURNAL_STREAM", "")):
        return "journald"
    return "console"


def _is_journal(stream: TextIO, journal: str) -> bool:
    """Whether stderr is the journal's socket, by device and inode from systemd's variable."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return journal == f"{status.st_dev}:{status.st_ino}"


def _renderers(chosen: str, stream: TextIO, environ: Mapping[str, str]) -> list[Any]:
    if chosen == "json":
        return [structlog.processors.JSONRenderer(ensure_ascii=False)]
    if chosen == "journald":
        return [_journald]
    if stream.isatty() and not environ.get("NO_COLOR"):
        return [structlog.dev.ConsoleRenderer(colors=True, pad_event_to=_EVENT_WIDTH)]
    return [_plain]


def _plain(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> str:
    """Render a line as structlog's renderer without colours does, in less time: each delivery logs one."""
    words = [str(line.pop("timestamp"))] if "timestamp" in line else []
    words += [f"[{line.pop('level', ''):<9}]", f"{line.pop('event', ''):<{_EVENT_WIDTH}}"]
    words += [f"[{line.pop('logger')}]"] if "logger" in line else []
    words += [f"{key}={_repr(line[key])}" for key in sorted(line)]
    return " ".join(words).rstrip(" ")


def _repr(value: Any) -> str:
    return value if isinstance(value, str) and not _QUOTED.intersection(value) else repr(value)


def _own_time(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write the time in the same form as ``status``."""
    line["timestamp"] = _second(int(time.time()))
    return line


@functools.lru_cache(maxsize=1)
def _second(at: int) -> str:
    """Return the time of a second; the zone is asked for once for all lines of it."""
    return local(at, exact=True)


def _journald(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> str:
    """``<priority>event key=value …``; journald adds time, unit and process itself."""
    priority = _PRIORITIES.get(str(line.pop("level", "info")), 6)
    event = line.pop("event", "")
    line.pop("logger", None)
    pairs = " ".join(f"{key}={_value(value)}" for key, value in line.items())
    return f"<{priority}>{event} {pairs}".rstrip()


def _value(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if " " in text or not text else text


def _exceptions_without_words(
    _logger: Any, _name: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Reduce a traceback to type and place: its last line may quote a customer."""
    info = line.pop("exc_info", None)
    if info:
        error = info if isinstance(info, BaseException) else sys.exc_info()[1]
        if isinstance(info, tuple):
            error = info[1]
        if error is not None:
            line["error"] = type(error).__name__
            line["at"] = where(error)
    return line


def _redactor(secrets: Collection[str]) -> Any:
    known = sorted((each for each in secrets if len(each) >= _SHORTEST_SECRET), key=len)[::-1]

    def redact(
        _logger: Any, _name: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for key, value in line.items():
            if isinstance(value, bool | int | float) or value is None:
                continue
            text = str(value)
            for secret in known:
                text = text.replace(secret, "***")
            line[key] = text.replace("\n", " ").replace("\r", " ")
        return line

    return redact
