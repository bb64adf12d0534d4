"""Whether something is at a path, told alike by every Python.

From 3.14 on ``Path.exists`` and its like call absent what this user may not look at; before, they raise. A
sentence such as "there is no database" must not depend on that.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def is_there(path: Path) -> bool:
    """Is anything there? Links are followed.

    Raises:
        OSError: It cannot be told, usually for want of permission.
    """
    return _mode(path) is not None


def is_file(path: Path) -> bool:
    """Is it a file? Links are followed.

    Raises:
        OSError: It cannot be told.
    """
    return stat.S_ISREG(_mode(path) or 0)


def is_folder(path: Path) -> bool:
    """Is it a folder? Links are followed.

    Raises:
        OSError: It cannot be told.
    """
    return stat.S_ISDIR(_mode(path) or 0)


def is_read_only(path: Path) -> bool:
    """Is it, or would it be, on a file system that is mounted read-only? Nobody may write there, root neither."""
    for each in (path, *path.absolute().parents):
        try:
            return bool(os.statvfs(each).f_flag & os.ST_RDONLY)
        except OSError as error:
            if error.errno not in _ABSENT:
                return False
    return False


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except ValueError:  # no name of a file has a NUL in it
        return None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
