"""The simulators' process as the benchmark's own process sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_CONTROL_TIMEOUT = 3600.0
_LOOK = 5.0
ROOT = Path(__file__).parents[1]


class Ends:
    """A handle on both simulators."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.max_url = addresses["max_url"]
        self.max_token = addresses["max_token"]
        self.desk_url = addresses["freescout_url"]
        self.desk_key = addresses["freescout_key"]
        self.watched: list[subprocess.Popen[bytes]] = []
        """Contenders that are to live while something is waited for."""
        self._http = httpx.Client(timeout=_CONTROL_TIMEOUT, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, name: str, *args: Any, end: str = "max", **kwargs: Any) -> Any:
        """Call a control of a simulator.

        Raises:
            RuntimeError: The simulator refused.
        """
        url = self.max_url if end == "max" else self.desk_url
        answer = self._http.post(
            f"{url}/_sim/{name}", json={"args": list(args), "kwargs": kwargs}
        ).json()
        if "error" in answer:
            raise RuntimeError(f"{name}: {answer['error']}")
        return answer["result"]

    def slow_desk(self, seconds: float) -> None:
        """Let every answer of the desk's API take so much longer."""
        if seconds:
            fault = {"kind": "stall_before", "path": "/api/*", "times": None, "seconds": seconds}
            self.call("faults", fault, end="desk")

    def arrived(self, count: int, *, patience: float, answers: bool = False) -> float:
        """Wait until so many messages have arrived; gives the moment of the last one.

        Raises:
            RuntimeError: They did not arrive in time; a rate of half the work would be a lie.
        """
        control = "wait_answers" if answers else "wait"
        deadline = time.monotonic() + patience
        while True:
            state = self.call(control, count, min(_LOOK, deadline - time.monotonic()))
            if state["count"] >= count:
                return float(state["at"])
            if any(each.poll() is not None for each in self.watched):
                raise RuntimeError(f"the contender ended; {state['count']:.0f} of {count} arrived")
            if time.monotonic() >= deadline:
                raise RuntimeError(f"{state['count']:.0f} of {count} arrived in {patience:.0f} s")

    def desk_calls(self) -> int:
        """Requests that the desk has answered so far."""
        return sum(self.call("traffic")["desk"]["requests"].values())


@contextmanager
def ends(*, unpaced: bool = False) -> Iterator[Ends]:
    """Both simulators in a process of their own, fresh, while the context lasts.

    Args:
        unpaced: MAX's limits on requests a second are lifted.
    """
    command = [sys.executable, "-m", "bench.ends_process", *(["--unpaced"] if unpaced else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        both = Ends(json.loads(process.stdout.readline()))
        try:
            yield both
        finally:
            both.close()
            process.terminate()
