"""Files and folders of ours and of others: what is there, where the settings are, and writing whole or not at all.

As whose owner root works there is decided here, too; and whether maxbridge is a service on this machine.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maxbridge.core.errors import ConfigError, ExitCode, UserError
from maxbridge.saying import denied, say

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


# --- Root in other people's folders: what it does there, it does as their owner.


_MOST_LINKS = 40
"""As many as the kernel follows."""
READ_ANYWHERE = 1 << 2
"""CAP_DAC_READ_SEARCH of capabilities(7): /var/lib/private, where systemd keeps the folders of its dynamic users,
may be entered by root alone."""
_VERSION = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 of capget(2)."""


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Be who owns a folder, where this is root and the folder is not root's.

    Of root's powers only reading is kept, for the way into the folder. Already being somebody else, or not being root
    at all, changes nothing.

    Args:
        folder: Where something is to be done; it need not exist yet.

    Raises:
        UserError: This root may not be anybody else.
    """
    owner = owner_of(folder) if os.geteuid() == 0 else None
    if owner is None:
        yield
        return
    before = os.getegid(), os.getgroups()
    _become(folder, *owner)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[0])
        os.setgroups(before[1])


def owner_of(folder: Path) -> tuple[int, int] | None:
    """User and group of the last one on the way to a folder who is not root; None where all of it is root's.

    Whoever owns a folder decides what its names lead to, and so whose folder the end of the way is. Links are
    followed as the kernel does; one that root has made is as good as a folder of root's.

    Raises:
        OSError: It cannot be looked at; ELOOP for links without end.
    """
    found: tuple[int, int] | None = None
    at, names, links = Path("/"), list(reversed(folder.absolute().parts[1:])), 0
    while names:
        name = names.pop()
        if name == "..":
            at = at.parent
            continue
        step = at / name
        try:
            seen = step.lstat()
        except FileNotFoundError:
            break  # it is going to be made
        if seen.st_uid != 0:
            found = seen.st_uid, seen.st_gid
        if not stat.S_ISLNK(seen.st_mode):
            at = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
        target = step.readlink()
        if target.is_absolute():
            at = Path("/")
        names += [each for each in reversed(target.parts) if each != "/"]
    return found


def _become(folder: Path, user: int, group: int) -> None:
    import ctypes  # noqa: PLC0415 - for root alone, and before it is a user who may not read this program

    libc = ctypes.CDLL(None)
    # Version and process; two sets, as a power has its bit in the first or in the second: effective, permitted,
    # inheritable.
    header, sets = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    before = os.getegid(), os.getgroups()
    try:
        os.setgroups([group])
        os.setegid(group)
        os.seteuid(user)
    except OSError as error:
        if os.getgroups() != before[1]:
            os.setegid(before[0])
            os.setgroups(before[1])
        # A container may have taken the right away; to go on as root would be what must not be.
        raise UserError(
            say(
                "{folder} belongs to user {user}, and root may not act as another user here. Run this as that user.",
                folder=folder,
                user=user,
            ),
            ExitCode.NO_PERMISSION,
        ) from error
    # The one power back that the change of the user has put aside, where this root has it at all; where not, the
    # folder must be open to its owner, as it is everywhere but under systemd.
    if libc.capget(header, sets) == 0:
        sets[0] = sets[1] & READ_ANYWHERE
        sets[3] = 0
        libc.capset(header, sets)


# --- Atomic private files: written beside their place and synced to disk before they get their name.


@contextmanager
def temporary(target: Path) -> Iterator[Path]:
    """Create a private file beside another one; it is deleted at the end unless it was renamed.

    Meanwhile root is the owner of the folder.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with as_owner(target.parent):
        for each in family(part):
            each.unlink(missing_ok=True)  # of a process with our number that was killed
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            yield part
        finally:
            for each in family(part):
                each.unlink(missing_ok=True)


def family(path: Path) -> list[Path]:
    """Return a database and the files that SQLite may keep beside it."""
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


FOLDER = Path("/etc/maxbridge")
"""Of the service's settings; the package brings it along, empty."""
UNITS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))


class NoSettingsError(ConfigError):
    """Nobody has said anything yet: no file, no variable. One sentence, whatever was to be done."""

    def __init__(self) -> None:
        super().__init__(say("No settings yet. Begin with: {command}", command=first_command()))


def first_command(file: Path | None = None) -> str:
    """What writes the settings.

    Args:
        file: Where to; None for the usual place.
    """
    for_service = is_service_here() if file is None else file.parent == FOLDER
    named = "" if file is None else f" --config {file}"
    return f"{'sudo ' if for_service else ''}maxbridge init{named}"


def is_service_here() -> bool:
    """Is the service, or the folder of its settings, installed on this machine?"""
    return FOLDER.is_dir() or has_unit("maxbridge.service")


def has_unit(name: str) -> bool:
    """Is there such a unit?"""
    return any((folder / name).exists() for folder in UNITS)


def settings_file(path: Path) -> bool:
    """Is there a file of this name?

    Raises:
        ConfigError: A folder may not be entered, or the name is none that a file can have.
    """
    try:
        return is_file(path)
    except PermissionError:
        raise ConfigError(denied(path), ExitCode.NO_PERMISSION) from None
    except OSError as error:
        raise ConfigError(
            say("{path} cannot be read: {error}.", path=path, error=error.strerror)
        ) from None
