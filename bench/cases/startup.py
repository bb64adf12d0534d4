"""Case: how heavy the commands are, against a bare interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.cases import Case, Scale, Variant
from bench.contenders.bridge import MAXBRIDGE
from bench.contenders.environment import import_path
from bench.ends import ROOT
from bench.results import Sample
from maxbridge.store.store import Store

_TOKEN = "f9LHodD0cOL-placeholder-of-the-benchmark"

COMMANDS: dict[str, list[str]] = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import maxapi": [sys.executable, "-c", "import maxapi"],
    "import of the daemon": [
        sys.executable,
        "-c",
        "import maxbridge.daemon, maxbridge.max.transport as t; t.load_library()",
    ],
    "maxbridge --version": [MAXBRIDGE, "--version"],
    "maxbridge --help": [MAXBRIDGE, "--help"],
    "maxbridge status": [MAXBRIDGE, "status"],
    "maxbridge queue list": [MAXBRIDGE, "queue", "list"],
}


def _variants(scale: Scale) -> Iterator[Variant]:
    for name, command in COMMANDS.items():

        def measure(_: str, command: list[str] = command) -> Sample:
            return run(command, scale.pick(5, 1))

        yield Variant(name, ("process",), measure)


def run(command: list[str], times: int, path: Path | None = None) -> Sample:
    """The fastest of some runs of a command beside a database: the rest is other people's noise."""
    with tempfile.TemporaryDirectory() as folder:
        store = path or Path(folder) / "m.db"
        if path is None:
            Store(store).close()
        environment = _environment(folder, store)
        samples = [_once(command, environment) for _ in range(times)]
    return min(samples, key=lambda each: each["wall_s"])


def _once(command: list[str], environment: dict[str, str]) -> Sample:
    measured = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "bench" / "child.py"), *command],
        check=True,
        capture_output=True,
        env=environment,
    )
    wall, cpu, peak = json.loads(measured.stdout)
    return {"wall_s": wall, "process_ms": cpu * 1000, "peak_mib": peak / 1024}


def _environment(folder: str, store: Path) -> dict[str, str]:
    # An installed program is compiled: the first run may write down what the others read.
    kept = {each: value for each, value in os.environ.items() if each != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept,
        "HOME": folder,
        "PYTHONPATH": import_path(Path(folder)),
        "MAXBRIDGE_MAX__TOKEN": _TOKEN,
        "MAXBRIDGE_FREESCOUT__URL": "http://127.0.0.1:9",
        "MAXBRIDGE_FREESCOUT__API_KEY": "0" * 32,
        "MAXBRIDGE_FREESCOUT__MAILBOX_ID": "1",
        "MAXBRIDGE_FREESCOUT__USER_ID": "1",
        "MAXBRIDGE_STORE__PATH": str(store),
    }


CASE = Case(
    "startup",
    "Wall time, CPU and peak memory of a whole process, the fastest of five in every round. maxapi is what "
    "is heavy; only commands that talk to MAX may load it.",
    _variants,
)
