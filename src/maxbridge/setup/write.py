"""Writing the configuration and the secrets: all or nothing, readable for their owner alone."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import signal
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from maxbridge.as_owner import as_owner, owner_of
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.saying import read_only, say
from maxbridge.store.atomic_file import sync
from maxbridge.there import is_read_only

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def write_all(files: Mapping[Path, str], folders: Mapping[Path, int], keep: Path | None) -> None:
    """Write files of mode 0600; either all of them are there afterwards, or none has changed.

    Args:
        files: Contents by path. A link of one's own is written through; any other is replaced, for it may be a trap.
        folders: Modes of folders that are made when they are missing.
        keep: A file whose old content stays beside it as ``NAME.old``.

    Raises:
        UserError: Something cannot be written.
    """
    files = {behind_link(path): text for path, text in files.items()}
    keep = None if keep is None else behind_link(keep)
    try:
        with _undisturbed(), contextlib.ExitStack() as undo:
            for folder, mode in folders.items():
                with as_owner(folder):
                    _make(folder, mode)
            ready = {path: _beside(path, text, undo) for path, text in files.items()}
            if keep is not None and keep.exists():
                with as_owner(keep.parent):
                    old = keep.read_bytes()
                    backup = keep.with_name(f"{keep.name}.old")
                    _beside_bytes(backup, old, undo).replace(backup)
            for path, draft in ready.items():
                with as_owner(path.parent):
                    draft.replace(path)
            for folder in {path.parent for path in files}:
                sync(folder)
    except OSError as error:
        place = _place(error, files)
        if error.errno == errno.EROFS or is_read_only(Path(place)):
            raise UserError(read_only(place), ExitCode.CANT_CREATE) from None
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            full = say("There is no room for {target}: free some space.", target=place)
            raise UserError(full, ExitCode.CANT_CREATE) from None
        raise UserError(
            say(
                "{place} cannot be written: {error}. Look at its owner and attributes (ls -ld, lsattr), or choose another place with --config.",
                place=place,
                error=error.strerror,
            )
            if os.getuid() == 0
            else say(
                "{place} cannot be written: {error}. Run as root (sudo), or choose another place with --config.",
                place=place,
                error=error.strerror,
            ),
            ExitCode.NO_PERMISSION if isinstance(error, PermissionError) else ExitCode.CANT_CREATE,
        ) from None


def behind_link(path: Path) -> Path:
    """The file that is meant: where a link leads that we have made ourselves, in a folder that is ours.

    Such a link may lead into somebody else's folder; what is done there is done as its owner.
    """
    try:
        link, folder = path.lstat(), path.parent.stat()
        ours = link.st_uid == folder.st_uid == os.geteuid()
        if not stat.S_ISLNK(link.st_mode) or not ours or folder.st_mode & 0o022:
            return path
        if os.geteuid() == 0 and owner_of(path.parent) is not None:
            return path
        return path.resolve()
    except (OSError, RuntimeError):  # none yet, or links in a circle
        return path


def _place(error: OSError, files: Mapping[Path, str]) -> str:
    """The file that is told about: not a draft, which nobody knows."""
    for path in files:
        folder, draft = str(path.parent), f".{path.name}."
        named = Path(str(error.filename or ""))
        if str(named.parent) == folder and named.name.startswith((draft, f".{path.name}.old.")):
            return str(path)
    return str(error.filename or ", ".join(map(str, files)))


def _make(folder: Path, mode: int) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(mode)  # whatever the umask is


def _beside(path: Path, text: str, undo: contextlib.ExitStack) -> Path:
    with as_owner(path.parent):
        return _beside_bytes(path, text.encode(), undo)


def _beside_bytes(path: Path, content: bytes, undo: contextlib.ExitStack) -> Path:
    """A complete file beside its place, under a name of its own until it is moved there."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    undo.callback(draft.unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o600)
        os.fsync(file.fileno())
    return draft


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl+C waits until all files are there; it takes milliseconds.

    A mask would not do: another thread of the process may take the signal, and Python then handles it here.
    """
    came: list[int] = []
    before = {number: signal.signal(number, lambda got, _: came.append(got)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for got in came:
            signal.raise_signal(got)
