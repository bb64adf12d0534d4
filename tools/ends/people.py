"""The customer and the agent: calls the controls of the simulators."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from ends.__main__ import CONTROLS, DESK, MAX


class RefusedError(Exception):
    """The simulator could not do it."""


def at_max(action: str, *args: Any) -> Any:
    """Do something at MAX: ``say``, ``subscribe`` and so on."""
    return _control(CONTROLS[MAX], action, args)


def at_desk(action: str, *args: Any) -> Any:
    """Do something at FreeScout: ``reply``, ``dump`` and so on."""
    return _control(CONTROLS[DESK], action, args)


def _control(port: int, action: str, args: tuple[Any, ...]) -> Any:
    body = json.dumps({"args": list(args)}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_sim/{action}", body)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http
        data = json.load(answer)
    if "error" in data:
        raise RefusedError(f"{action}: {data['error']}")
    return data["result"]
