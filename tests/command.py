"""The installed executable, run as a user would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def maxbridge(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it with nothing of ours in the environment."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LANG": "C.UTF-8"}
    return subprocess.run(
        [str(Path(sys.executable).with_name("maxbridge")), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=clean | (environment or {}),
        input=typed,
        timeout=50,
    )
