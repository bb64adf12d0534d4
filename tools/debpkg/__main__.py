"""``make deb`` and ``make rpm``: build a package from the wheel in ``dist``, or both from one tree."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from debpkg import rpm
from debpkg.environment import PREFIX, IncompleteError, make_environment
from debpkg.target import ROOT, Target, architectures, last_change, this_architecture
from debpkg.tree import make_control, make_tree
from maxbridge import __version__

_LIBRARIES = PREFIX / "lib"


def main() -> int:
    """Build the package."""
    parser = argparse.ArgumentParser(prog="debpkg", description=__doc__)
    # Not as choices: Python 3.11 looks for the whole list among them when none is named.
    parser.add_argument("formats", nargs="*", type=_format, help="deb, rpm; deb if none is named")
    parser.add_argument("--arch", choices=architectures(), help="else that of this machine")
    parser.add_argument("--revision", default="1", help="Debian's count of this version")
    parser.add_argument("--outdir", type=Path, default=ROOT / "dist")
    given = parser.parse_args()
    formats = given.formats or ["deb"]
    wheel = ROOT / "dist" / f"maxbridge_freescout-{__version__}-py3-none-any.whl"
    if not wheel.exists():
        print(f"There is no {wheel}; build it first: make package", file=sys.stderr)
        return 1
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or last_change())
    target = Target(given.arch or this_architecture(), given.revision, moment)
    with tempfile.TemporaryDirectory(prefix="maxbridge-deb-") as work:
        root = Path(work) / "root"
        root.mkdir()
        try:
            make_environment(root, wheel, target, Path(work) / "wheels")
        except IncompleteError as error:
            print(f"{error}; name it in pyproject.toml or constraints.txt", file=sys.stderr)
            return 1
        make_tree(root, target)
        given.outdir.mkdir(parents=True, exist_ok=True)
        made = []
        if "deb" in formats:
            make_control(root, target)
            _settle(root, moment)
            made.append(given.outdir / target.file_name)
            _pack(root, made[-1], moment)
        if "rpm" in formats:  # the last one: it takes out of the tree what is Debian's
            _settle(root, moment)
            made.append(given.outdir / rpm.file_name(target))
            rpm.pack(root, target, made[-1], Path(work))
    for package in made:
        print(f"{package}: {package.stat().st_size / 1e6:.1f} MB")
    return 0


def _format(name: str) -> str:
    if name not in ("deb", "rpm"):
        raise argparse.ArgumentTypeError(f"{name!r} is neither deb nor rpm")
    return name


def _settle(root: Path, moment: int) -> None:
    """Give everything the modes and times that do not depend on who builds it, and when."""
    for each in sorted(root.rglob("*")):
        if not each.is_symlink():
            # Libraries bring modes of whatever machine they were packed on.
            theirs = _LIBRARIES in each.relative_to(root).parents
            executable = each.is_dir() or (not theirs and each.stat().st_mode & 0o100)
            each.chmod(0o755 if executable else 0o644)
        os.utime(each, (moment, moment), follow_symlinks=False)
    root.chmod(0o755)
    os.utime(root, (moment, moment))


def _pack(root: Path, package: Path, moment: int) -> None:
    # With more threads xz cuts its blocks elsewhere.
    options = ("--root-owner-group", "-Zxz", "--threads-max=1")
    subprocess.run(
        ["dpkg-deb", *options, "--build", str(root), str(package)],  # noqa: S607
        env=os.environ | {"SOURCE_DATE_EPOCH": str(moment)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
