"""Run the bridge as a service: signals, reloading settings, systemd notifications."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from maxbridge.config.loading import Config, load, secrets_elsewhere
from maxbridge.config.settings import Settings
from maxbridge.core.errors import ConfigError, UserError
from maxbridge.daemon import Daemon, connect
from maxbridge.engine.watch import Notifier
from maxbridge.observe import log
from maxbridge.store.store import Store

NOT_RELOADED = "settings not reloaded: see the log"
RELOAD_FROM = "MAXBRIDGE_RELOAD_FROM"
"""Names that file in the unit."""
_UPGRADE = 1800.0
"""Seconds that systemd is asked for while the database is opened."""
RESTART = "some changed settings need a restart: see the log"


class Service:
    """One run of the daemon, started by a terminal or systemd."""

    def __init__(self, config: Config, set_up_log: Callable[[Settings], None]) -> None:
        """Create it.

        Args:
            config: The settings read at the start.
            set_up_log: Called with the new settings after a reload.
        """
        self._config = config
        self._set_up_log = set_up_log
        self._notifier = Notifier.from_environ(os.environ)
        self._log: Any = log.get("daemon")

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP reads the settings again.

        Raises:
            UserError: It cannot start with these settings or this database.
        """
        settings = self._config.settings
        stop = asyncio.Event()
        daemon: Daemon | None = None

        def hang_up() -> None:
            if sys.stdin is not None and sys.stdin.isatty():
                # Somebody tried it out and closed the terminal.
                stop.set()
            elif daemon is not None:
                self.reload(daemon)

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, hang_up)
        try:
            # A database of an older version is brought up to date here, which takes minutes for millions of messages.
            self._notifier.more_time(_UPGRADE)
            store = Store(settings.store.path)
            try:
                daemon = Daemon(
                    settings,
                    store,
                    connect(settings),
                    stop=stop,
                    notifier=self._notifier,
                    elsewhere=secrets_elsewhere(self._config),
                )
                await daemon.run()
            finally:
                store.close()
        except UserError:
            # Everybody may read this line; the log, which says what it is, is for administrators.
            self._notifier.status("cannot go on: see the log, for example journalctl -u maxbridge")
            raise

    def reload(self, daemon: Daemon) -> None:
        """Reload the settings. If they are wrong nothing changes, and all problems are logged."""
        tell = daemon.watch.ready  # before that the word "ready" would say that the start is over
        if tell:
            self._notifier.reloading()
        try:
            self._reload(daemon)
        finally:
            if tell:
                self._notifier.ready()

    def _reload(self, daemon: Daemon) -> None:
        fresh = fresh_copy(os.environ)
        try:
            new = load(self._config.path, fresh=fresh).settings
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("settings not reloaded, the old ones stay", problem=problem)
            daemon.watch.remark(NOT_RELOADED)
            return
        outcome = daemon.reload(new)
        self._set_up_log(outcome.settings)
        for key in outcome.kept:
            self._log.warning("needs a restart, the old value stays", setting=key)
        self._log.info("settings reloaded", changed=", ".join(outcome.taken) or "nothing")
        daemon.watch.remark(RESTART if outcome.kept else "")


def fresh_copy(environ: Mapping[str, str]) -> Path | None:
    """Return the copy of the configuration file made by the unit's ExecReload= at the last reload.

    systemd passes credentials at the start only: the copy passed then is outdated, and the file
    itself is not readable for us. The new copy is in a folder of root's, because root could be
    misled by a link in one of ours. So we cannot delete it; the unit does when the service stops.
    """
    named = environ.get(RELOAD_FROM)
    return Path(named) if named and Path(named).is_file() else None
