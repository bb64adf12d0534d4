"""A JPEG beside a HEIC picture: real pictures, and everything that a stranger or a broken child can do."""

from __future__ import annotations

import ast
import asyncio
import io
import os
import select
import sys
from pathlib import Path

import pytest

from command import PATIENCE
from file_samples import HEIC, HEIC_TURNED
from maxbridge.files.heic import Job, Pictures
from maxbridge.files.heic_child import MEMORY, Command, command, is_installed

pytestmark = pytest.mark.skipif(
    not is_installed(), reason="pillow-heif is missing: pip install pillow-heif"
)
MOST = 1 << 20


def written(folder: Path, content: bytes) -> Path:
    path = folder / "picture"
    path.write_bytes(content)
    return path


def child(code: str) -> Command:
    """Another program in the place of the child."""
    return (sys.executable, "-I", "-S", "-c", code)


def lying(width: int, height: int) -> bytes:
    """A picture that says it is larger."""
    at = HEIC_TURNED.index(b"ispe") + 8
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return HEIC_TURNED[:at] + size + HEIC_TURNED[at + 8 :]


def test_a_real_picture_becomes_a_jpeg_the_right_way_up_without_what_stands_beside_it(
    tmp_path: Path,
) -> None:
    from PIL import Image  # noqa: PLC0415

    assert b"secret place" in HEIC_TURNED
    job = Job(command(), written(tmp_path, HEIC_TURNED), MOST)
    made = job.run()
    assert made is not None, job.why
    with Image.open(io.BytesIO(made)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (48, 64))
        assert not picture.getexif()
        red, green, blue = picture.convert("RGB").getpixel((2, 2))  # type: ignore[misc]
        assert red > 150
        assert max(green, blue) < 80
    assert b"secret" not in made


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(HEIC, id="a beginning and zeros"),
        pytest.param(HEIC_TURNED[:300], id="cut short"),
        pytest.param(lying(60_000, 60_000), id="a bomb"),
        pytest.param(lying(9_000, 9_000), id="more pixels than allowed"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_picture_has_no_jpeg(tmp_path: Path, content: bytes) -> None:
    job = Job(command(), written(tmp_path, content), MOST)
    assert job.run() is None
    assert job.why == "no picture that can be read"


def test_the_child_gives_everything_up_before_it_looks_at_a_byte(tmp_path: Path) -> None:
    """In the place of the decoder: whatever a hole in it would be used for."""
    told = written(tmp_path, b"mine")
    attack = f"""
import os, socket, subprocess, sys
sys.path[:] = {sys.path!r}
from maxbridge.files.heic_child import give_up_everything
names = sorted(os.environ)
give_up_everything()
outcomes = []
def attempt(what):
    try:
        what()
    except (OSError, MemoryError) as error:
        outcomes.append(type(error).__name__)
    else:
        outcomes.append("done")
attempt(lambda: open("/etc/passwd").read())
attempt(lambda: open({str(told)!r}, "w").write("x"))
attempt(lambda: socket.socket())
attempt(lambda: os.dup(0))
attempt(lambda: subprocess.run(["/bin/true"]))
attempt(lambda: bytearray({MEMORY}))
sys.stdout.buffer.write(b"\\xff\\xd8\\xff" + repr((names, outcomes)).encode())
"""
    job = Job(child(attack), told, MOST)
    made = job.run()
    assert made is not None, job.why
    names, outcomes = ast.literal_eval(made[3:].decode())
    assert outcomes == ["OSError"] * 5 + ["MemoryError"]
    assert set(names) <= {"LC_CTYPE"}, "nothing of ours is in its environment"
    assert told.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("code", "seconds", "why"),
    [
        ("import time; time.sleep(600)", 0.2, "it took too long"),
        ("import os; os.close(1); import time; time.sleep(600)", 0.2, "it took too long"),
        ("import os; os.kill(os.getpid(), 9)", 30.0, "ended by signal 9"),
        ("import os; os._exit(7)", 30.0, "the child ended with code 7"),
        ("print('GIF89a')", 30.0, "the child gave no JPEG"),
        ("pass", 30.0, "the child gave no JPEG"),
        (
            "import sys\nwhile True: sys.stdout.buffer.write(b'\\xff\\xd8\\xff' * 9999)",
            30.0,
            "it is larger than what was asked for",
        ),
    ],
)
def test_a_child_that_does_not_do_as_it_should_costs_the_jpeg(
    tmp_path: Path, code: str, seconds: float, why: str
) -> None:
    job = Job(child(code), written(tmp_path, HEIC_TURNED), MOST, seconds)
    assert job.run() is None
    assert job.why == why
    assert job._process is not None
    assert job._process.returncode is not None, "nobody is left behind"


def test_a_child_that_cannot_be_started_costs_the_jpeg(tmp_path: Path) -> None:
    job = Job((str(tmp_path / "none"),), written(tmp_path, HEIC_TURNED), MOST)
    assert job.run() is None
    assert job.why == "the child cannot be started (FileNotFoundError)"


async def test_whoever_stops_the_daemon_stops_the_child(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = f"import os, time; print(os.getpid(), file=open({str(pipe)!r}, 'w')); time.sleep(600)"
    pictures = Pictures(child(code))
    path = written(tmp_path, HEIC_TURNED)
    task = asyncio.create_task(pictures.jpeg(path, MOST))
    pid = int(await asyncio.to_thread(pipe.read_text))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    # The thread has taken leave of the child when the next one has had its turn.
    assert await Pictures(child("pass")).jpeg(path, MOST) == "the child gave no JPEG"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_bombs_use_up_a_budget_and_nobody_waits_for_more(tmp_path: Path) -> None:
    now = 0.0

    def clock() -> float:
        return now

    pictures = Pictures(child("pass"), now=clock)
    path = written(tmp_path, HEIC_TURNED)
    pictures._budget, pictures._counted_at = 0.0, now
    assert await pictures.jpeg(path, MOST) == "too many have been converted lately"
    now = 20.0
    assert await pictures.jpeg(path, MOST) == "the child gave no JPEG"
    assert await pictures.jpeg(path, 0) == "it is too large"


async def test_waiting_for_another_picture_costs_nothing(tmp_path: Path) -> None:
    now = 0.0
    slow = Pictures(child("import sys; sys.stdin.read()"), now=lambda: now)
    path = written(tmp_path, HEIC_TURNED)
    async with slow._turn:  # another one
        waiting = asyncio.create_task(slow.jpeg(path, MOST))
        await asyncio.sleep(0)
        before, now = slow._budget, 50.0
    await waiting
    assert slow._budget == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_an_ordinary_user_is_bound_by_limits_that_root_is_not(tmp_path: Path) -> None:
    """The decoder needs a thread, and the kernel counts those of the daemon, which is the same user."""
    if not Path("/").stat().st_mode & 0o001:  # a root that mktemp -d made for chroot
        pytest.skip("nobody but root may enter /")
    # What is imported lies where another user may not read.
    before = (
        "import ctypes, io, os, resource, signal, pillow_heif; from PIL import Image, JpegImagePlugin;"
        " Image.new('RGB', (1, 1)).save(io.BytesIO(), 'JPEG'); os.setgid(61235); os.setuid(61235); main()"
    )
    *start, code = command()
    job = Job((*start, code.replace("main()", before)), written(tmp_path, HEIC_TURNED), MOST)
    assert job.run() is not None, job.why


def test_what_the_child_has_started_ends_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import os, time\n"
        f"if os.fork() == 0: print(os.getpid(), file=open({str(pid)!r}, 'w'), flush=True); time.sleep(600)\n"
        f"while not os.path.exists({str(pid)!r}) or not open({str(pid)!r}).read(): pass\n"
        "os.close(1)"
    )
    job = Job(child(code), written(tmp_path, HEIC_TURNED), MOST, 0.5)
    assert job.run() is None
    assert is_gone(int(pid.read_text()))


def is_gone(pid: int) -> bool:
    """Does a process end? Killed it is already, but it dies in its own time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE)[0])
    finally:
        os.close(descriptor)
