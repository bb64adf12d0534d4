"""Files and folders: existence, ownership, the place of the settings, and atomic writing.

Also decides as which user root acts, and whether maxbridge is installed as a service.
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
    """Whether anything exists at the path. Links are followed.

    Raises:
        OSError: Unknown, usually for lack of permission.
    """
    return _mode(path) is not None


def is_file(path: Path) -> bool:
    """Whether it is a file. Links are followed.

    Raises:
        OSError: Unknown.
    """
    return stat.S_ISREG(_mode(path) or 0)


def is_folder(path: Path) -> bool:
    """Whether it is a folder. Links are followed.

    Raises:
        OSError: Unknown.
    """
    return stat.S_ISDIR(_mode(path) or 0)


def is_read_only(path: Path) -> bool:
    """Whether it is, or would be, on a file system mounted read-only, where even root cannot write."""
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
    """Act as a folder's owner, if this is root and the folder is not root's.

    Of root's powers only reading is kept, for the way into the folder. Without effect if not root
    or already another user.

    Args:
        folder: Where to act; it need not exist yet.

    Raises:
        UserError: This root may not act as another user.
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
    """Return user and group of the last non-root owner on the path to a folder; None if all of it is root's.

    A folder's owner decides what its names lead to, and so whose the end of the path is. Links are
    followed as the kernel does; a link made by root counts like a folder of root's.

    Raises:
        OSError: It cannot be examined; ELOOP for circular links.
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
    """There are no settings at all, neither a file nor a variable. One sentence, for every command."""

    def __init__(self) -> None:
        super().__init__(say("No settings yet. Begin with: {command}", command=first_command()))


def first_command(file: Path | None = None) -> str:
    """Return the command that writes the settings.

    Args:
        file: The file to write; None for the usual place.
    """
    for_service = is_service_here() if file is None else file.parent == FOLDER
    named = "" if file is None else f" --config {file}"
    return f"{'sudo ' if for_service else ''}maxbridge init{named}"


def is_service_here() -> bool:
    """Whether the service, or the folder of its settings, is installed on this machine."""
    return FOLDER.is_dir() or has_unit("maxbridge.service")


def has_unit(name: str) -> bool:
    """Whether this unit exists."""
    return any((folder / name).exists() for folder in UNITS)


def settings_file(path: Path) -> bool:
    """Whether a file of this name exists.

    Raises:
        ConfigError: A folder may not be entered, or the name cannot be a file's.
    """
    try:
        return is_file(path)
    except PermissionError:
        raise ConfigError(denied(path), ExitCode.NO_PERMISSION) from None
    except OSError as error:
        raise ConfigError(
            say("{path} cannot be read: {error}.", path=path, error=error.strerror)
        ) from None
