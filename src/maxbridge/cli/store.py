"""Opening the store for a command: beside the running daemon, with only its own settings read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maxbridge.config.loading import handles, load
from maxbridge.core.errors import ExitCode, NoDatabaseError, UserError
from maxbridge.saying import say
from maxbridge.store.db import SQLITE_ERRORS
from maxbridge.store.store import Store


@contextmanager
def open_store(config_path: Path | None) -> Iterator[Store]:
    """The store of this configuration; the daemon may be running on it.

    Raises:
        UserError: There is none, or it cannot be used.
    """
    config = load(config_path, sections=("store",))
    with contextlib.ExitStack() as stack:
        try:
            store = stack.enter_context(opened(config.settings.store.path, exclusive=False))
        except NoDatabaseError as error:
            start = handles(config).start
            raise NoDatabaseError(
                say("{problem} Start it: {start}", problem=error.problems[0], start=start)
            ) from None
        yield store


@contextmanager
def opened(path: Path, *, exclusive: bool) -> Iterator[Store]:
    """A store, closed at the end.

    Args:
        path: The database.
        exclusive: For this process alone.

    Raises:
        UserError: It cannot be used, or another process works on it.
    """
    store = Store(path, exclusive=exclusive)
    try:
        yield store
    except SQLITE_ERRORS as error:
        raise UserError(
            say("The database cannot be used: {error}.", error=error), ExitCode.TEMP_FAIL
        ) from error
    finally:
        store.close()
