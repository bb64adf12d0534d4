"""The environment /opt/maxbridge: one virtual environment that several Pythons can use.

A Python looks for its packages in ``lib/pythonX.Y/site-packages``. What is compiled for one version
goes there; everything else lies once in ``lib/python3/site-packages``, named by a ``.pth`` file. So
one package serves Debian 12 and 13, and lives through the upgrade from one to the other.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from debpkg.target import PYTHONS, ROOT, Target

PREFIX = Path("opt/maxbridge")
SHARED = Path("lib/python3/site-packages")
_NEVER_NEEDED = (
    *("*.c", "*.h", "*.pyx", "*.pxd", "*.pxi", "*.pyi", "*.hash", "_testcapi*"),
    # These name the machine that built the package, or files that are not there.
    *("direct_url.json", "INSTALLER", "REQUESTED", "RECORD"),
)
_START = """\
#!/{prefix}/bin/python3
from maxbridge.cli import main

main()
"""
_CONFIGURATION = """\
home = /usr/bin
include-system-site-packages = false
"""


class IncompleteError(Exception):
    """A package is missing that another one requires."""


def make_environment(root: Path, wheel: Path, target: Target, work: Path) -> None:
    """Fill ``root/opt/maxbridge``.

    Args:
        root: The tree of the package.
        wheel: maxbridge itself.
        target: What it is for.
        work: A folder for what is fetched.

    Raises:
        IncompleteError: One of the Pythons would miss something.
        subprocess.CalledProcessError: A wheel cannot be had; pip has said why.
    """
    prefix = root / PREFIX
    shared: dict[str, Path] = {}
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(_fetch, wheel, each, target, work / each) for each in PYTHONS]
    for python, job in zip(PYTHONS, jobs, strict=True):
        fetched = job.result()
        own = [each for each in fetched if not _is_for_every_python(each)]
        shared |= {each.name: each for each in fetched if _is_for_every_python(each)}
        packages = prefix / f"lib/python{python}/site-packages"
        _unpack(own, packages, python, target)
        (packages / "maxbridge.pth").write_text(f"../../../{SHARED}\n")
    _unpack(shared.values(), prefix / SHARED, PYTHONS[0], target)
    for python in PYTHONS:
        check_complete(prefix, python)
    _reduce(prefix, target)
    programs = prefix / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to("/usr/bin/python3")
    (programs / "python").symlink_to("python3")
    (programs / "maxbridge").write_text(_START.format(prefix=PREFIX))
    (programs / "maxbridge").chmod(0o755)
    (prefix / "pyvenv.cfg").write_text(_CONFIGURATION)


def _is_for_every_python(wheel: Path) -> bool:
    return wheel.stem.endswith("-none-any") or "-abi3-" in wheel.name


def _fetch(wheel: Path, python: str, target: Target, into: Path) -> list[Path]:
    """The program and what it needs, in the versions that were tested."""
    _pip(
        *("download", "--dest", into, "--constraint", ROOT / "constraints.txt"),
        *_for(python, target),
        wheel,
    )
    return sorted(into.glob("*.whl"))


def _unpack(wheels: Iterable[Path], into: Path, python: str, target: Target) -> None:
    into.mkdir(parents=True)
    _pip(
        *("install", "--no-deps", "--no-index", "--no-compile", "--target", into),
        *_for(python, target),
        *sorted(wheels),
    )
    # Other packages' commands, and manual pages, which belong elsewhere.
    for each in ("bin", "share"):
        shutil.rmtree(into / each, ignore_errors=True)


def _for(python: str, target: Target) -> list[str]:
    platforms = [word for each in target.platforms for word in ("--platform", each)]
    return [
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", python),
        *platforms,
    ]


def _pip(*arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        check=True,
    )


def check_complete(prefix: Path, python: str) -> None:
    """See that everything is there that this Python requires.

    pip judges ``python_version`` in requirements by the Python that it runs on itself.

    Raises:
        IncompleteError: Something is missing.
    """
    found = [
        *(prefix / SHARED).glob("*.dist-info/METADATA"),
        *(prefix / f"lib/python{python}/site-packages").glob("*.dist-info/METADATA"),
    ]
    names = {canonicalize_name(_metadata(each)["Name"]) for each in found}
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "extra": "",
    }
    for each in found:
        for line in _metadata(each).get_all("Requires-Dist", []):
            wanted = Requirement(line)
            applies = wanted.marker is None or wanted.marker.evaluate(environment)
            if applies and canonicalize_name(wanted.name) not in names:
                raise IncompleteError(f"Python {python}: {each.parent.name} requires {line}")


def _metadata(path: Path) -> Message:
    return HeaderParser().parsestr(path.read_text(encoding="utf-8"))


def _reduce(prefix: Path, target: Target) -> None:
    shutil.rmtree(prefix / SHARED / "certifi" / "tests", ignore_errors=True)
    for pattern in _NEVER_NEEDED:
        for each in prefix.rglob(pattern):
            each.unlink()
    libraries = [str(each) for each in sorted(prefix.rglob("*.so"))]
    subprocess.run([target.strip, "--strip-unneeded", *libraries], check=True)
