"""origin: which commit a program was built from, told by a checkout, a wheel and a source archive alike."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from maxbridge import __version__
from maxbridge.origin import NAME, commit_of

ROOT = Path(__file__).parents[1]
GIT = shutil.which("git")
needs_git = pytest.mark.skipif(GIT is None, reason="git is not installed: apt-get install git")
HASH = "0123456789abcdef0123456789abcdef01234567"


def git(folder: Path, *words: str) -> str:
    """Run git as nobody in particular, whatever this user has set for themselves."""
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder)}
    person = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "safe.directory=*")
    done = subprocess.run(
        [str(GIT), *person, *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"]} | own,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / "file").write_text("x")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "x")
    return folder


# --- a checkout --------------------------------------------------------------------------------------


@needs_git
def test_a_checkout_is_read_as_git_reads_it(checkout: Path, tmp_path: Path) -> None:
    told = git(checkout, "rev-parse", "HEAD")[:7]
    assert commit_of(checkout) == told
    git(checkout, "pack-refs", "--all")
    assert commit_of(checkout) == told, "with its branches packed"
    git(checkout, "worktree", "add", "--quiet", str(tmp_path / "second"))
    assert commit_of(tmp_path / "second") == told, "as a further work tree"
    (checkout / "file").write_text("y")
    git(checkout, "commit", "--quiet", "-am", "y")
    newer = git(checkout, "rev-parse", "HEAD")[:7]
    assert newer != told
    assert (commit_of(checkout), commit_of(tmp_path / "second")) == (newer, told)
    git(checkout, "checkout", "--quiet", "--detach", told)
    assert commit_of(checkout) == told, "with no branch"


@needs_git
def test_a_checkout_without_a_commit_tells_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert commit_of(tmp_path) == ""


@pytest.mark.parametrize(
    "head", ["", "ref:", "ref: refs/heads/main", "<html>", HASH[:-1], HASH.upper(), "\0", "я"]
)
def test_whatever_else_lies_there_tells_none(tmp_path: Path, head: str) -> None:
    assert commit_of(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    assert commit_of(tmp_path) == ""
    (tmp_path / ".git" / "HEAD").write_bytes(head.encode("utf-16" if head == "я" else "utf-8"))
    assert commit_of(tmp_path) == ""


def test_a_file_that_leads_nowhere_tells_none(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")
    assert commit_of(tmp_path) == ""


def test_no_other_command_asks(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from maxbridge.cli import main\n"
        "try: main()\n"
        "finally: print([x for x in ('maxbridge.origin', 'subprocess') if x in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "status"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr


# --- what is built -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build needs of this project, in a repository of its own."""
    folder = tmp_path_factory.mktemp("source")
    for name in (".gitignore", "pyproject.toml", "README.md", "LICENSE", "config.example.toml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "maxbridge.1", folder / "docs")
    (folder / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "build_hook.py", folder / "tools")
    package = folder / "src" / "maxbridge"
    (package / "cli").mkdir(parents=True)
    for name in ("__init__.py", "origin.py"):
        shutil.copy(ROOT / "src" / "maxbridge" / name, package)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "x")
    return folder


def build(folder: Path, target: str, into: Path) -> Path:
    """Build as pip and ``python -m build`` do, without a new environment for it."""
    program = (
        "import sys, hatchling.build as b\n"
        f"print({'b.build_wheel' if target == 'wheel' else 'b.build_sdist'}(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(into)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(into)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return into / done.stdout.split()[-1]


def told_by(wheel: Path) -> str | None:
    """The commit in a wheel."""
    with zipfile.ZipFile(wheel) as packed:
        name = f"maxbridge/{NAME}"
        return packed.read(name).decode() if name in packed.namelist() else None


@needs_git
def test_a_wheel_has_it_also_by_way_of_the_source_archive(source: Path, tmp_path: Path) -> None:
    told = git(source, "rev-parse", "HEAD")[:7] + "\n"
    wheel = build(source, "wheel", tmp_path)
    assert wheel.name == f"maxbridge_freescout-{__version__}-py3-none-any.whl"
    assert told_by(wheel) == told
    archive = build(source, "sdist", tmp_path)
    assert archive.name == f"maxbridge_freescout-{__version__}.tar.gz"
    # Not tarfile: extractall wants a filter that the first releases of Python 3.11 do not know.
    subprocess.run(["tar", "-xf", archive.name], cwd=tmp_path, check=True)  # noqa: S607
    unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
    assert (unpacked / "src" / "maxbridge" / NAME).read_text() == told
    (tmp_path / "second").mkdir()
    assert told_by(build(unpacked, "wheel", tmp_path / "second")) == told
    assert not git(source, "status", "--porcelain"), "the checkout stays as it is"


@needs_git
def test_changes_that_no_commit_has_are_told(source: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    git(source.parent, "clone", "--quiet", str(source), str(changed))
    (changed / "README.md").write_text("x")
    told = git(changed, "rev-parse", "HEAD")[:7]
    assert told_by(build(changed, "wheel", tmp_path)) == f"{told} with changes\n"


@needs_git
def test_a_plain_archive_of_the_source_has_none(source: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(source, plain, ignore=shutil.ignore_patterns(".git"))
    assert told_by(build(plain, "wheel", tmp_path)) is None


@needs_git
@pytest.mark.parametrize("written", ["abc1234\n", "abc1234 with changes\n", None])
def test_what_the_package_has_is_what_the_command_says(
    source: Path, tmp_path: Path, written: str | None
) -> None:
    """Installed below a checkout of something else, whose commit is not ours."""
    installed = source / "lib" / "python3" / "site-packages" / "maxbridge"
    installed.mkdir(parents=True, exist_ok=True)
    for name in ("__init__.py", "origin.py"):
        shutil.copy(ROOT / "src" / "maxbridge" / name, installed)
    (installed / NAME).unlink(missing_ok=True)
    if written is not None:
        (installed / NAME).write_text(written)
    done = subprocess.run(
        [sys.executable, "-c", "from maxbridge.origin import commit; print(commit())"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed.parent), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (written or "").strip()
    shutil.rmtree(source / "lib")
