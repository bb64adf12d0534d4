"""How heavy the commands are: import time, wall time and memory, against a bare interpreter.

Run with ``make bench``. Everything is measured in one run on one machine, several rounds, medians; the
ratios are what may be compared between machines.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 7
IDLE_SECONDS = 20.0
MAXBRIDGE = str(Path(sys.executable).with_name("maxbridge"))


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Median wall seconds and peak MiB of a command."""
    seconds, memory = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        seconds.append(time.perf_counter() - began)
        memory.append(usage.ru_maxrss / 1024)
    return statistics.median(seconds), statistics.median(memory)


def idle(environment: dict[str, str]) -> tuple[float, float]:
    """CPU seconds an hour and resident MiB of an idle daemon between the simulators."""
    with subprocess.Popen(
        [sys.executable, "-m", "maxbridge.sim"], stdout=subprocess.PIPE, text=True
    ) as ends:
        assert ends.stdout is not None
        ready = json.loads(ends.stdout.readline())
        settings = {
            "MAXBRIDGE_MAX__TOKEN": ready["max_token"],
            "MAXBRIDGE_MAX__API_URL": ready["max_url"],
            "MAXBRIDGE_FREESCOUT__URL": ready["freescout_url"],
            "MAXBRIDGE_FREESCOUT__API_KEY": ready["freescout_key"],
            "MAXBRIDGE_FREESCOUT__MAILBOX_ID": "1",
            "MAXBRIDGE_FREESCOUT__USER_ID": "1",
        }
        with subprocess.Popen(
            [MAXBRIDGE, "run"], env=environment | settings, stderr=subprocess.DEVNULL
        ) as daemon:
            time.sleep(5)
            before = cpu_seconds(daemon.pid)
            time.sleep(IDLE_SECONDS)
            used = cpu_seconds(daemon.pid) - before
            status = Path(f"/proc/{daemon.pid}/status").read_text()
            resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
            daemon.terminate()
        ends.terminate()
    return used * 3600 / IDLE_SECONDS, int(resident.split()[1]) / 1024


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MAXBRIDGE_STORE__PATH": f"{folder}/m.db", "HOME": folder}
        idle_cpu, resident = idle(environment)
        bare, bare_memory = measured([sys.executable, "-c", "pass"], environment)
        rows = [("python -c pass", bare, bare_memory)]
        rows += [
            (name, *measured(command, environment))
            for name, command in (
                ("maxbridge --version", [MAXBRIDGE, "--version"]),
                ("maxbridge status", [MAXBRIDGE, "status"]),
                (
                    "import of the daemon",
                    [sys.executable, "-c", "import maxbridge.daemon, maxbridge.max.transport"],
                ),
            )
        ]
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, medians of {ROUNDS} runs")
    for name, seconds, memory in rows:
        print(f"{name:<22}{seconds:7.3f} s  x{seconds / bare:4.1f}  {memory:6.1f} MiB")
    print(f"{'maxbridge run, idle':<22}{idle_cpu:7.1f} CPU s an hour, {resident:.1f} MiB resident")


if __name__ == "__main__":
    main()
