"""Python imports this before anything else, in a process that has this folder on its PYTHONPATH."""

import os
import sys
from pathlib import Path

if "CRASH_CLOCK" in os.environ:
    sys.path.insert(1, str(Path(__file__).parents[2]))
    from crash import child

    child.prepare()
    child.obey(os.environ)
