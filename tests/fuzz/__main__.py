"""Fuzz one target with atheris, guided by coverage: ``python -m fuzz NAME [libFuzzer's options]``.

atheris is no dependency: ``make fuzz`` installs it. New inputs are kept under .fuzz/NAME; a crash is
written there too and plays again with ``python -m fuzz NAME FILE``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["maxbridge"]):
    from fuzz.targets import ON_THE_LINE, TARGETS, seeds

ALL = TARGETS | ON_THE_LINE
FOLDER = Path(".fuzz")


def main() -> None:
    """Run the fuzzer; it ends the process."""
    name, *options = sys.argv[1:] or [""]
    if name not in ALL:
        sys.exit(f"usage: python -m fuzz NAME [-max_total_time=300 …]; names: {', '.join(ALL)}")
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    given = [each for each in options if not each.startswith("-")]
    folders = given or [str(corpus), f"-artifact_prefix={FOLDER}/{name}-"]
    flags = [each for each in options if each.startswith("-")]
    atheris.Setup([sys.argv[0], *folders, "-max_len=600", "-timeout=60", *flags], ALL[name])
    atheris.Fuzz()


main()
