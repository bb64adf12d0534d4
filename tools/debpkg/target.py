"""What a package is built for: machines, and the Pythons of the distributions that it serves."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from maxbridge import __version__

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Debian 12, Ubuntu 24.04, Debian 13, Ubuntu 26.04; without a gap, because the package depends on the range."""

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_STRIP = {"amd64": "x86_64-linux-gnu-strip", "arm64": "aarch64-linux-gnu-strip"}
_GLIBC = ("2_28", "2_17", "2_5")
"""Of Debian 10 and older: what the wheels are built against."""


@dataclass(frozen=True, slots=True)
class Target:
    """One package to be built.

    Attributes:
        architecture: Debian's name of it.
        revision: Debian's count of packages of one version.
        moment: Unix time that every file bears, so that the same source makes the same package.
    """

    architecture: str
    revision: str
    moment: int

    @property
    def version(self) -> str:
        """As Debian writes and sorts it: 1.0rc1 comes before 1.0."""
        upstream = re.sub(r"\.?(a|b|rc|dev)", r"~\1", __version__)
        return f"{upstream}-{self.revision}"

    @property
    def file_name(self) -> str:
        """Of the package."""
        return f"maxbridge_{self.version}_{self.architecture}.deb"

    @property
    def platforms(self) -> list[str]:
        """Tags of wheels that run there, in pip's words."""
        machine = _MACHINES[self.architecture]
        return [f"manylinux_{each}_{machine}" for each in _GLIBC] + [f"manylinux2014_{machine}"]

    @property
    def strip(self) -> str:
        """The program that takes debugging symbols out of its libraries."""
        return _STRIP[self.architecture]

    @property
    def date(self) -> dt.datetime:
        """:attr:`moment` as people write it."""
        return dt.datetime.fromtimestamp(self.moment, dt.UTC)


def architectures() -> list[str]:
    """Those that can be built."""
    return list(_MACHINES)


def this_architecture() -> str:
    """That of this machine, in Debian's words."""
    done = subprocess.run(
        ["dpkg", "--print-architecture"],  # noqa: S607 - from Debian's PATH
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def last_change() -> int:
    """When the source was last changed, by its last commit."""
    return int(_of_commit("%ct"))


def committer() -> str:
    """The address of whoever made the last commit."""
    return _of_commit("%ce")


def _of_commit(form: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", f"--format={form}"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
