"""Runs one command and prints what it took, as JSON: wall and CPU seconds, peak KiB.

A process of its own, and a small one: Linux counts the memory of who forks as the first peak of the child.
"""

import json
import os
import sys
import time

if __name__ == "__main__":
    began = time.perf_counter()
    nowhere = [(os.POSIX_SPAWN_OPEN, each, os.devnull, os.O_WRONLY, 0) for each in (1, 2)]
    pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=nowhere)
    _, _, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - began
    print(json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
