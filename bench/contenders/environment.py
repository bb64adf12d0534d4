"""What every contender is told: where the ends are, and no settings of the machine's."""

from __future__ import annotations

import os
from pathlib import Path

from bench.ends import ROOT, Ends

_OF_DEVELOPERS = ("rich", "pygments")
"""httpx and structlog load all of these where they are, for 66 ms of CPU and 3.5 MiB; only tools of developers bring them."""
_OURS = ("MAXBRIDGE_", "FREESCOUT_", "MAX_BOT", "BENCH_")


def environment(ends: Ends, folder: Path, *, unpaced: bool) -> dict[str, str]:
    """The environment of a contender's process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    # An installed program is compiled; where this says no, each start would compile all of our modules.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **kept,
        "PYTHONPATH": f"{import_path(folder)}:{ROOT}",
        "HOME": str(folder),
        "BENCH_MAX_URL": ends.max_url,
        "BENCH_MAX_TOKEN": ends.max_token,
        "BENCH_DESK_URL": ends.desk_url,
        "BENCH_DESK_KEY": ends.desk_key,
        "BENCH_UNPACED": "yes" if unpaced else "",
    }


def import_path(folder: Path) -> str:
    """``PYTHONPATH`` of an installed program: this checkout, without what only developers have beside it.

    Args:
        folder: Of this run; what hides the others is written there.
    """
    hidden = folder / "as-installed"
    hidden.mkdir(exist_ok=True)
    for name in _OF_DEVELOPERS:
        words = f"{name} is not installed with maxbridge"
        (hidden / f"{name}.py").write_text(f"raise ImportError({words!r})\n")
    return f"{hidden}:{ROOT / 'src'}"
