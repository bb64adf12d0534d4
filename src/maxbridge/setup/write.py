"""Write the settings: place, text, atomically, readable for their owner alone."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import signal
import stat
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from maxbridge.config import loading as config
from maxbridge.config.sources import CREDENTIALS
from maxbridge.core.errors import ConfigError, ExitCode, UserError
from maxbridge.core.text import clean
from maxbridge.paths import as_owner, has_unit, is_read_only, owner_of, sync
from maxbridge.saying import read_only, say

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def write_all(files: Mapping[Path, str], folders: Mapping[Path, int], keep: Path | None) -> None:
    """Write files of mode 0600, all of them or none.

    Args:
        files: Contents by path. The user's own link is followed; any other is replaced, as it may
            be an attack.
        folders: Modes of folders that are created if missing.
        keep: A file whose old content is kept as ``NAME.old``.

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
    """Return the file meant: where a link leads that this user created in their own folder.

    Such a link may lead into another user's folder; files there are written as its owner.
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
    """Return the file to name in an error: not a temporary one, which nobody knows."""
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
    """Write a complete temporary file beside its final place."""
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
    """Delay Ctrl+C for the milliseconds until all files are in place.

    A signal mask would not do: another thread of the process may take the signal, and Python then
    handles it here.
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


# --- Where ``maxbridge init`` puts things: the configuration, the secrets, the database.


SYSTEMD = Path("/run/systemd/system")
"""Is there where systemd has booted the machine (sd_booted(3))."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files go.

    Attributes:
        config: The configuration file.
        unit: The service that uses it: ``maxbridge``, ``maxbridge-NAME``; None for a user's own.
        store: The database, if the configuration does not name one.
        may_part: Secrets may be stored separately, for systemd to pass on.
    """

    config: Path
    unit: str | None
    store: Path
    may_part: bool

    @property
    def service(self) -> str | None:
        """The unit's name: ``maxbridge``, ``maxbridge@NAME``."""
        return None if self.unit is None else self.unit.replace("-", "@", 1)

    @property
    def has_unit(self) -> bool:
        """Whether the unit is installed."""
        name = "maxbridge.service" if self.unit == config.SERVICE else "maxbridge@.service"
        return has_unit(name)

    def secret_file(self, where: tuple[str, str]) -> Path:
        """Return where systemd looks for a secret."""
        return config.CREDSTORE / f"{self.unit}.{CREDENTIALS[where]}"

    def folders(self, *, apart: bool) -> dict[Path, int]:
        """Return the folders to create, with their modes."""
        public = 0o755 if self.unit is not None else 0o700
        made = {self.config.parent: public}
        return made | ({config.CREDSTORE: 0o700} if apart else {})


def places(path: Path | None, environ: Mapping[str, str]) -> Places:
    """Decide where the files go.

    Args:
        path: ``--config``.
        environ: The environment.

    Raises:
        ConfigError: A relative name has no folder to be relative to.
    """
    is_root = os.geteuid() == 0
    named = path or (Path(environ[config.ENV_CONFIG]) if environ.get(config.ENV_CONFIG) else None)
    file = named or (config.SYSTEM_CONFIG if is_root else Path(config.CONFIG_NAME))
    try:
        file = file.absolute()
    except FileNotFoundError:
        raise ConfigError(
            say("The folder that you are in was deleted: go to another one first (cd).")
        ) from None
    unit = config.unit_of(file)
    return Places(
        file,
        unit,
        config.service_store(unit) if unit else config.default_store(environ, file),
        unit is not None and is_root and SYSTEMD.is_dir(),
    )


# --- The text of a new configuration: the commented example with the answers put in.


NAME = "config.example.toml"
Where = tuple[str, str]
_KEY = re.compile(r"(?:# )?([a-z_]+) = ")
_HEADER = """\
# Настройки maxbridge, записаны командой maxbridge init. Проверить: maxbridge check
# Settings of maxbridge, written by maxbridge init. To try them: maxbridge check
#
# Строки с «#» показывают значения по умолчанию. Уберите «#», чтобы изменить.
# Lines with “#” show the defaults. Remove the “#” to change one.
#
# Любой ключ можно задать и переменной окружения, например MAXBRIDGE_FREESCOUT__USER_ID=7.
# Every key can also come from the environment, for example MAXBRIDGE_FREESCOUT__USER_ID=7.

"""


def example() -> str:
    """Return the packaged example; in a working copy, the one in its top folder."""
    packaged = resources.files("maxbridge").joinpath(NAME)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[3] / NAME).read_text(encoding="utf-8")


def document(values: Mapping[Where, Any], apart: Collection[Where] = ()) -> str:
    """Return the text of a configuration.

    Args:
        values: Values that differ from the defaults, by section and key.
        apart: Secrets stored elsewhere; their lines stay as comments.

    Raises:
        UserError: The text would not have the intended meaning; nothing may be written then.
    """
    lines = []
    section = ""
    left = dict(values)
    body = example()
    for line in body[body.index("[max]\n") :].splitlines():
        found = _KEY.match(line)
        if line.startswith("["):
            section = line.strip("[]")
        where = (section, found[1]) if found else ("", "")
        if where in left:
            lines.append(f"{where[1]} = {_toml(left.pop(where))}")
        elif where in apart and not line.startswith("#"):
            lines.append(f"# {line}")
        else:
            lines.append(line)
    text = _HEADER + "\n".join(lines) + "\n"
    if left or not _says(text, values, apart):
        raise UserError(
            say("The configuration cannot be written as TOML: an answer is too unusual.")
        )
    return text


def _says(text: str, values: Mapping[Where, Any], apart: Collection[Where]) -> bool:
    """Whether a configuration text means exactly these answers."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    told = {(section, key): value for section, keys in data.items() for key, value in keys.items()}
    return told == {where: _plain(value) for where, value in values.items()} and not (
        told.keys() & set(apart)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    return list(value) if isinstance(value, tuple) else value


def _toml(value: Any) -> str:
    # JSON of texts, numbers and lists of texts is TOML as well, but for one control character.
    return json.dumps(_plain(value), ensure_ascii=False).replace("\x7f", "\\u007f")
