"""The child process that converts a HEIC picture to JPEG, from stdin to stdout, without access to anything else.

It inherits no environment of ours and only these descriptors. Before it reads the first byte it
permanently gives up opening files and sockets, writing files, and using more than a little memory,
time and tasks.

The library is pillow-heif (``pip install 'maxbridge-freescout[heic]'``); without it nothing is
converted.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
from collections.abc import Sequence

LARGEST_FILE = 64 << 20
MOST_PIXELS = 50_000_000
"""A telephone's camera has 12 to 48 million."""
SIDE = 2560
"""Pixels of the longer side of the JPEG; the original lies beside it."""
_SMALLER = 1280
_QUALITY = 85
MEMORY = 768 << 20
"""Address space; 12 million pixels take 158 MiB, 48 million about 540."""
CPU_SECONDS = 15
_MORE_TASKS = 8
"""Beside what runs for this user already, which the kernel counts as well: the decoder does not work without a thread."""
WRONG, LIMITS = 1, 2
"""Exit codes: the picture cannot be converted; the limits cannot be set, so nothing was looked at."""

Command = Sequence[str]


def is_installed() -> bool:
    """Whether the library is installed; it is not loaded for that."""
    return importlib.util.find_spec("pillow_heif") is not None


def command() -> Command:
    """Return the command of the child: this Python with these module paths, and no environment."""
    places = [each for each in sys.path if each]
    code = (
        f"import sys; sys.path[:] = {places!r}; from maxbridge.files.heic_child import main; main()"
    )
    return (sys.executable, "-I", "-S", "-c", code)


def main() -> None:
    """Read a picture from stdin, write a JPEG to stdout; the main function of the child process."""
    try:
        code = _convert(int(sys.argv[-1]))
    except Exception:  # noqa: BLE001 - whatever a stranger's bytes lead to; its words are nobody's business
        code = WRONG
    os._exit(code)  # nothing of the picture runs at the end of the interpreter


def _convert(most: int) -> int:
    import pillow_heif  # noqa: PLC0415
    from PIL import Image, JpegImagePlugin  # noqa: PLC0415

    # Everything that has to be opened for the work is loaded now: later nothing can be.
    pillow_heif.options.DECODE_THREADS = 1
    Image.new("RGB", (1, 1)).save(io.BytesIO(), JpegImagePlugin.JpegImageFile.format)
    try:
        give_up_everything()
    except (OSError, ValueError):
        return LIMITS
    data = sys.stdin.buffer.read(LARGEST_FILE)
    picture = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    width, height = picture.size
    if not 0 < width * height <= MOST_PIXELS:
        return WRONG
    image = picture.to_pillow().convert("RGB")
    colours = image.info.get("icc_profile")
    # What stands beside the pixels stays out of it: where it was taken, with what, by whom.
    image.info = {}
    for side in (SIDE, _SMALLER):
        image.thumbnail((side, side))
        made = io.BytesIO()
        image.save(made, "JPEG", quality=_QUALITY, icc_profile=colours)
        if made.tell() <= most:
            sys.stdout.buffer.write(made.getvalue())
            sys.stdout.buffer.flush()
            return 0
    return WRONG


def give_up_everything() -> None:
    """Set limits that this process cannot raise again.

    Raises:
        OSError, ValueError: The system refuses one.
    """
    import ctypes  # noqa: PLC0415
    import resource  # noqa: PLC0415
    import signal  # noqa: PLC0415

    libc = ctypes.CDLL(None, use_errno=True)
    die_with_parent, dumpable, no_new_privileges = 1, 4, 38  # prctl(2)
    for option, value in (
        (die_with_parent, signal.SIGKILL),
        (dumpable, 0),
        (no_new_privileges, 1),
    ):
        if libc.prctl(option, int(value), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, _tasks() + _MORE_TASKS),
        (resource.RLIMIT_NOFILE, 0),  # the last: no file and no socket any more
    ):
        resource.setrlimit(limit, (most, most))


def _tasks() -> int:
    """Return the number of this user's processes and threads."""
    count = 0
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - names are all that is wanted
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
            if os.stat(f"/proc/{name}").st_uid == os.geteuid():  # noqa: PTH116
                count += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
    return count
