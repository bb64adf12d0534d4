"""Files that a command writes for its owner alone: whole or not at all, and nothing replaced unasked."""

from __future__ import annotations

from pathlib import Path

from maxbridge.core.errors import ExitCode, StoreError
from maxbridge.saying import denied, say
from maxbridge.store.atomic_file import sync, temporary
from maxbridge.there import is_there


def see_that_it_is_free(path: Path, *, replaces: bool) -> None:
    """See that a file may be written: of several none is then.

    Raises:
        StoreError: There is one of this name already.
    """
    if is_there(path) and not replaces:
        raise StoreError(
            say("{path} exists: name another file, or use --yes to replace it.", path=path)
        )


def write_private(path: Path, text: str, *, replaces: bool) -> None:
    """Write a file with mode 0600.

    Args:
        path: Its name.
        text: All of it.
        replaces: One that is there is replaced.

    Raises:
        StoreError: There is one, or it cannot be written.
    """
    see_that_it_is_free(path, replaces=replaces)
    try:
        with temporary(path) as part:
            part.write_text(text, encoding="utf-8", errors="replace")
            sync(part)
            part.replace(path)
    except PermissionError as error:
        raise StoreError(denied(path), ExitCode.NO_PERMISSION) from error
    except OSError as error:
        raise StoreError(
            say("{path} cannot be written: {error}.", path=path, error=error.strerror or error)
        ) from error
