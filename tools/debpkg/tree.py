"""The tree of the package: where units, manual page, completions and documents lie."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from debpkg.environment import PREFIX
from debpkg.target import ROOT, Target, committer

FILES = ROOT / "packaging" / "deb"
UNITS = Path("usr/lib/systemd/system")
_DOCUMENTS = Path("usr/share/doc/maxbridge")
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/maxbridge",
    "zsh": "usr/share/zsh/vendor-completions/_maxbridge",
    "fish": "usr/share/fish/vendor_completions.d/maxbridge.fish",
}
_PICTURES = ("front", "gallery", "screens", "transcripts", "performance")
"""Folders of docs that pages show or lead to."""
_CHANGE = """\
maxbridge ({version}) stable; urgency=medium

  * Packaged from the source of version {upstream}; what is new stands in
    /usr/share/doc/maxbridge/changelog.gz.

 -- {maintainer}  {date}
"""
MAINTAINER = f"maxbridge maintainers <{os.environ.get('DEBEMAIL') or committer()}>"
"""Who distributes the package sets ``DEBEMAIL``; else it is who made the commit that it is built from."""


def make_tree(root: Path, target: Target) -> None:
    """Put everything but the environment into the tree."""
    _link(root / "usr/bin/maxbridge", f"/{PREFIX}/bin/maxbridge")
    (root / "etc/maxbridge").mkdir(parents=True)
    for unit in ("maxbridge.service", "maxbridge@.service"):
        _write(root / UNITS / unit, (ROOT / "systemd" / unit).read_bytes())
        settings = "%i" if "@" in unit else "config"
        drop_in = (FILES / "settings.conf").read_text().replace("@SETTINGS@", settings)
        _write(root / UNITS / f"{unit}.d" / "settings.conf", drop_in.encode())
    litestream = "maxbridge-litestream.service"
    _write(root / UNITS / litestream, (ROOT / "systemd" / litestream).read_bytes())
    _write(root / "usr/share/python3/runtime.d/maxbridge.rtupdate", _file("rtupdate"), 0o755)
    _write(root / "usr/share/lintian/overrides/maxbridge", _file("lintian-overrides"))
    manual = (ROOT / "docs" / "maxbridge.1").read_bytes()
    _write(root / "usr/share/man/man1/maxbridge.1.gz", _packed(manual))
    for shell, path in _COMPLETIONS.items():
        _write(root / path, _completion(shell))
    _documents(root / _DOCUMENTS, target)


def make_control(root: Path, target: Target) -> None:
    """Put what dpkg reads into the tree, when everything else is there."""
    control = root / "DEBIAN"
    files = sorted(each for each in root.rglob("*") if each.is_file() and not each.is_symlink())
    size = sum(-(-each.stat().st_size // 1024) for each in files)
    size += sum(1 for each in root.rglob("*") if each.is_symlink() or each.is_dir())
    text = (FILES / "control").read_text()
    for name, value in {
        "VERSION": target.version,
        "ARCHITECTURE": target.architecture,
        "MAINTAINER": MAINTAINER,
        "SIZE": str(size),
    }.items():
        text = text.replace(f"@{name}@", value)
    _write(control / "control", text.encode())
    sums = "".join(f"{_md5(each)}  {each.relative_to(root)}\n" for each in files)
    _write(control / "md5sums", sums.encode())
    for script in ("preinst", "postinst", "prerm", "postrm"):
        _write(control / script, _file(script), 0o755)


def _documents(folder: Path, target: Target) -> None:
    for page in sorted((*ROOT.glob("README*.md"), *ROOT.glob("SECURITY*.md"))):
        _write(folder / page.name, page.read_bytes())
    pages = (ROOT / "docs").glob("*.md")
    # Their pictures, too: a page without them is half a page.
    pictures = (path for each in _PICTURES for path in (ROOT / "docs" / each).iterdir())
    for path in sorted((*pages, *pictures)):
        _write(folder / path.relative_to(ROOT), path.read_bytes())
    example = (ROOT / "config.example.toml").read_bytes()
    _write(folder / "examples" / "config.example.toml", example)
    for each in sorted((ROOT / "monitoring").iterdir()):
        _write(folder / "examples" / "monitoring" / each.name, each.read_bytes())
    _write(folder / "copyright", _file("copyright"))
    _write(folder / "README.Debian", _file("README.Debian"))
    _write(folder / "changelog.gz", _packed((ROOT / "CHANGELOG.md").read_bytes()))
    change = _CHANGE.format(
        version=target.version,
        upstream=target.version.rpartition("-")[0],
        maintainer=MAINTAINER,
        date=target.date.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    )
    _write(folder / "changelog.Debian.gz", _packed(change.encode()))


def _completion(shell: str) -> bytes:
    program = Path(sys.executable).with_name("maxbridge")
    done = subprocess.run([program, "completion", shell], capture_output=True, check=True)
    return done.stdout


def _file(name: str) -> bytes:
    return (FILES / name).read_bytes()


def _packed(text: bytes) -> bytes:
    return gzip.compress(text, 9, mtime=0)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
