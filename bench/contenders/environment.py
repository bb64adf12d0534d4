"""What every contender is told: where the ends are, and no settings of the machine's."""

from __future__ import annotations

import os
from pathlib import Path

from bench.ends import ROOT, Ends

_OURS = ("MAXBRIDGE_", "FREESCOUT_", "MAX_BOT", "BENCH_")


def environment(ends: Ends, folder: Path, *, unpaced: bool) -> dict[str, str]:
    """The environment of a contender's process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    # An installed program is compiled; where this says no, each start would compile all of our modules.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **kept,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}",  # this checkout, whatever is installed
        "HOME": str(folder),
        "BENCH_MAX_URL": ends.max_url,
        "BENCH_MAX_TOKEN": ends.max_token,
        "BENCH_DESK_URL": ends.desk_url,
        "BENCH_DESK_KEY": ends.desk_key,
        "BENCH_UNPACED": "yes" if unpaced else "",
    }
