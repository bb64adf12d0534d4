"""Writes into wheel and source archive which commit they are built from (``maxbridge.origin``).

hatchling calls it (``[tool.hatch.build.hooks.custom]``). An editable installation gets nothing: the checkout that it
points at tells for itself, also after the next commit.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACES = {"wheel": "maxbridge", "sdist": "src/maxbridge"}


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]
    """One build of one target."""

    _folder: str | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files are gathered."""
        root = Path(self.root)
        # The program tells how a checkout is read and where the answer lies.
        sys.path.insert(0, str(root / "src"))
        try:
            from maxbridge.origin import NAME, commit_of  # noqa: PLC0415
        finally:
            sys.path.pop(0)
        if version == "editable" or (root / "src" / "maxbridge" / NAME).exists():
            return  # the second: a source archive, which has been told already
        commit = commit_of(root)
        if not commit:
            return
        self._folder = tempfile.mkdtemp()
        file = Path(self._folder) / NAME
        file.write_text(
            f"{commit}{' with changes' if _is_changed(root) else ''}\n", encoding="ascii"
        )
        file.chmod(0o644)
        build_data["force_include"][str(file)] = f"{_PLACES[self.target_name]}/{NAME}"

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """After the package is written."""
        if self._folder is not None:
            shutil.rmtree(self._folder)


def _is_changed(root: Path) -> bool:
    """Are there changes that no commit has? False where git is missing or does not tell."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0 and bool(done.stdout.strip())
