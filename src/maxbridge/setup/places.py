"""Where ``maxbridge init`` puts things: the configuration, the secrets, the database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maxbridge.config import loading as config
from maxbridge.config.beginning import has_unit
from maxbridge.config.sources import CREDENTIALS
from maxbridge.core.errors import ConfigError
from maxbridge.saying import say

SYSTEMD = Path("/run/systemd/system")
"""Is there where systemd has booted the machine (sd_booted(3))."""


@dataclass(frozen=True, slots=True)
class Places:
    """What goes where.

    Attributes:
        config: The configuration file.
        unit: The service that uses it: ``maxbridge``, ``maxbridge-NAME``; None for a user's own.
        store: The database, when the configuration does not name one.
        may_part: May the secrets be kept apart, for systemd to hand over?
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
        """Is the unit installed?"""
        name = "maxbridge.service" if self.unit == config.SERVICE else "maxbridge@.service"
        return has_unit(name)

    def secret_file(self, where: tuple[str, str]) -> Path:
        """Where systemd looks for a secret."""
        return config.CREDSTORE / f"{self.unit}.{CREDENTIALS[where]}"

    def folders(self, *, apart: bool) -> dict[Path, int]:
        """Folders to make, with their modes."""
        public = 0o755 if self.unit is not None else 0o700
        made = {self.config.parent: public}
        return made | ({config.CREDSTORE: 0o700} if apart else {})


def places(path: Path | None, environ: Mapping[str, str]) -> Places:
    """Decide.

    Args:
        path: ``--config``.
        environ: The environment.

    Raises:
        ConfigError: There is no place that a relative name could be relative to.
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
