"""Report an unexpected error as a sentence, and write a traceback file that can be sent to us."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from maxbridge import __version__
from maxbridge.core.errors import ExitCode
from maxbridge.origin import commit
from maxbridge.saying import say

_SHOWN = 3
"""Last parts of a file's path: what stands before them names somebody's folders."""


def report(error: BaseException, command: str, environ: Mapping[str, str]) -> ExitCode:
    """Say that this is a bug of ours, and where its traceback is.

    The error's message appears in neither: it may contain a customer's words or a secret.

    Args:
        error: What was raised.
        command: The command's name, without its arguments.
        environ: The environment.

    Returns:
        The process's exit code.
    """
    text = describe(error, command)
    click.echo(
        say(
            "maxbridge: This is a bug in maxbridge, please report it: {name} at {where}.",
            name=_name(error),
            where=_where(error),
        ),
        err=True,
    )
    file = _write(text, environ)
    if file is not None:
        click.echo(
            say(
                "Send this file with your report; it holds no secret and nobody's words: {file}",
                file=file,
            ),
            err=True,
        )
    else:
        click.echo(say("Send these lines with your report:\n{text}", text=text), err=True)
    return ExitCode.SOFTWARE


def describe(error: BaseException, command: str) -> str:
    """Return a traceback without values: types of errors, files, lines, functions."""
    head = [
        f"maxbridge {__version__} {commit()}".rstrip()
        + f", Python {platform.python_version()}, {platform.platform()}",
        f"command: maxbridge {command}".rstrip(),
    ]
    return "\n".join([*head, *_lines(error, set())]) + "\n"


def _lines(error: BaseException, told: set[int]) -> Iterator[str]:
    """Yield the lines; causes come first, as in Python's traceback."""
    told.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in told:
        yield from _lines(before, told)
        yield "which led to:"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f'  "{_short(frame.filename)}", line {frame.lineno}, in {frame.name}'
    yield _name(error)
    if isinstance(error, BaseExceptionGroup):
        for number, each in enumerate(error.exceptions, 1):
            yield f"{number} of {len(error.exceptions)}:"
            yield from _lines(each, told)


def _name(error: BaseException) -> str:
    """Return the type; for the system's errors also their name, a word of a fixed list."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{type(error).__name__} ({os.strerror(error.errno)})"
    return type(error).__name__


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def _short(name: str) -> str:
    return "/".join(Path(name).parts[-_SHOWN:])


def _write(text: str, environ: Mapping[str, str]) -> Path | None:
    """Write it readable for its owner alone; None if no file can be written."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for folder in _folders(environ):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made anew, under a name that nobody can foresee, with mode 0600.
            number, name = tempfile.mkstemp(".txt", f"maxbridge-bug-{stamp}-", folder)
        except (OSError, ValueError):
            continue
        file = Path(name)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as handle:
                handle.write(text)
        except OSError:  # no room: half of it would be of no use
            file.unlink(missing_ok=True)
            continue
        return file
    return None


def _folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield possible folders, the best first: beside an ordinary user's database, /tmp."""
    state, home = environ.get("XDG_STATE_HOME"), Path(environ.get("HOME") or "/")
    with contextlib.suppress(OSError):
        # Root by sudo may have the home of somebody who could not clear root's files away.
        if state or home.stat().st_uid == os.geteuid():
            yield (Path(state) if state else home / ".local/state") / "maxbridge"
    with contextlib.suppress(OSError):  # there is no such place at all
        yield Path(tempfile.gettempdir())
