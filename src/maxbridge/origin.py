"""Which commit the program was built from, for ``maxbridge --version`` and for the build.

The build writes it into the package (``tools/build_hook.py``); a checkout tells it by its ``.git``, which is read
here without starting git. A plain archive of the source has neither.
"""

from __future__ import annotations

import re
from pathlib import Path

NAME = "commit.txt"
"""Written beside this file by the build, never in a checkout."""
_SHORT = 7
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def commit() -> str:
    """Return seven letters of the commit, with the build's addition; empty if it is unknown."""
    package = Path(__file__).parent
    try:
        return (package / NAME).read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        pass
    # Only in src/maxbridge of a checkout: a virtual environment may lie in a checkout of anything.
    return commit_of(package.parents[1]) if package.parent.name == "src" else ""


def commit_of(checkout: Path) -> str:
    """Return seven letters of the commit checked out there; empty if there is no checkout or no commit.

    Args:
        checkout: Its top folder.
    """
    try:
        return _hash_of(_git_folder(checkout / ".git"))[:_SHORT]
    except (OSError, ValueError):
        return ""


def _git_folder(path: Path) -> Path:
    """Return git's folder; in further work trees a file names it."""
    if path.is_dir():
        return path
    return path.parent / path.read_text(encoding="utf-8").removeprefix("gitdir:").strip()


def _hash_of(folder: Path) -> str:
    head = (folder / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return _checked(head)
    name = head.removeprefix("ref:").strip()
    common = folder / "commondir"
    if common.exists():  # branches are those of all work trees
        folder = folder / common.read_text(encoding="utf-8").strip()
    loose = folder / name
    if loose.is_file():
        return _checked(loose.read_text(encoding="utf-8").strip())
    for line in (folder / "packed-refs").read_text(encoding="utf-8").splitlines():
        found, _, whose = line.partition(" ")
        if whose == name:
            return _checked(found)
    return ""


def _checked(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError("no hash of a commit")
    return text
