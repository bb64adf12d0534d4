"""The bill of materials of what the wheel installs: CycloneDX JSON, the same for the same versions.

Run with ``make sbom``: the wheel goes into an empty environment, so that no tool of development is in
the list. Nothing of the machine that made it is either: no time, no serial number, no path, no address
of a package index.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class LeakError(Exception):
    """The list names a place of the machine that made it."""


def tidied(bom: dict[str, Any], private: tuple[str, ...]) -> dict[str, Any]:
    """The list without addresses that nobody else can open.

    Args:
        bom: CycloneDX as cyclonedx-py writes it.
        private: Paths and addresses that must not be in it.

    Raises:
        LeakError: One of them is still in it, or a local file is.
    """
    result = {name: value for name, value in bom.items() if name != "serialNumber"}
    result["metadata"] = {k: v for k, v in bom.get("metadata", {}).items() if k != "timestamp"}
    result["components"] = [_public(each) for each in bom.get("components", [])]
    text = json.dumps(result)
    found = [each for each in ("file:", *private) if each and each in text]
    if found:
        raise LeakError(f"still in the list: {', '.join(found)}")
    return result


def _public(component: dict[str, Any]) -> dict[str, Any]:
    references = [
        each
        for each in component.get("externalReferences", [])
        if each["url"].startswith(("https://", "http://")) and each["type"] != "distribution"
    ]
    rest = {name: value for name, value in component.items() if name != "externalReferences"}
    return rest | ({"externalReferences": references} if references else {})


def main(target: Path) -> None:
    """Build the wheel, install it into an empty environment, list what is there."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([*pip, "wheel", "--no-deps", "-w", name, str(ROOT)], check=True)
        venv.create(folder / "env", with_pip=False)
        python = folder / "env" / "bin" / "python"
        wheels = [str(each) for each in folder.glob("*.whl")]
        limits = ["-c", str(ROOT / "constraints.txt")]
        subprocess.run([*pip, "--python", str(python), "install", *limits, *wheels], check=True)
        listed = subprocess.run(
            [
                str(Path(sys.executable).with_name("cyclonedx-py")),
                *("environment", str(python), "--output-reproducible", "--of", "JSON"),
            ],
            check=True,
            capture_output=True,
        )
        index = subprocess.run([*pip, "config", "list"], check=True, capture_output=True, text=True)
        values = [line.partition("=")[2] for line in index.stdout.splitlines()]
        addresses = [word.strip("'\"") for value in values for word in value.split()]
        places = [each for each in addresses if "/" in each and "pypi.org" not in each]
        bom = tidied(json.loads(listed.stdout), (name, str(ROOT), str(Path.home()), *places))
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(bom, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    print(f"{target}: {len(bom['components'])} components")


if __name__ == "__main__":
    main(ROOT / "dist" / "sbom.cdx.json")
