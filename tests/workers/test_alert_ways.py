"""The command is run without a shell and without our secrets; the sign of life is one request."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import pytest

from maxbridge.engine import alerts
from maxbridge.engine.alerts import PING_TIMEOUT, ping, run_command
from virtual_time import virtual


async def run(folder: Path, script: str, *arguments: str, words: str = "слова") -> tuple[str, str]:
    """Run a program; gives what it wrote, and why it failed."""
    program, out = folder / "tell", folder / "out"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nout = open({str(out)!r}, 'w')\n{script}\n"
    )
    program.chmod(0o755)
    failure = await run_command([str(program), *arguments], words, {"ALERT": "desk"})
    return out.read_text() if out.exists() else "", str(failure or "")


async def test_it_gets_its_arguments_as_they_are_and_the_words_on_stdin(tmp_path: Path) -> None:
    nasty = "$(touch x); `id` * > y"
    out, failure = await run(
        tmp_path,
        "out.write(repr(sys.argv[1:]) + sys.stdin.read() + os.environ['MAXBRIDGE_ALERT'])",
        nasty,
        words="🔴 FreeScout",
    )
    assert (out, failure) == (f"{[nasty]!r}🔴 FreeScout\ndesk", "")
    assert not (tmp_path / "x").exists()


async def test_none_of_our_secrets_is_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAXBRIDGE_MAX__TOKEN", "geheim")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/geheim")
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    out, _ = await run(tmp_path, "out.write(repr(dict(os.environ)))")
    assert "geheim" not in out
    assert "ru_RU.UTF-8" in out


async def test_one_that_fails_is_told_by_its_code_not_by_its_words(tmp_path: Path) -> None:
    _, failure = await run(tmp_path, "print('geheim'); sys.exit(7)")
    assert "alerts.command" in failure
    assert "exit code 7" in failure
    assert "geheim" not in failure


@pytest.mark.parametrize("program", ["/nonexistent/tell", "/", "/etc/hostname"])
async def test_what_cannot_be_run_is_told(program: str) -> None:
    failure = await run_command([program], "слова", {})
    assert failure is not None
    assert failure.code == "alerts.command"


def has_child(pid: Path) -> bool:
    """Does the process of that number still run?"""
    try:
        state = Path(f"/proc/{pid.read_text()}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


async def test_one_that_hangs_is_ended_with_all_that_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "COMMAND_TIMEOUT", 0.5)
    pid = tmp_path / "pid"
    script = f"""import subprocess
child = subprocess.Popen(['sleep', '1000'])
open({str(pid)!r}, 'w').write(str(child.pid))
child.wait()"""
    _, failure = await run(tmp_path, script)
    assert "not done within" in failure
    # On a busy machine it may not have come so far as to have one.
    for _ in range(200):
        if not has_child(pid):
            return
        await asyncio.sleep(0.01)
    pytest.fail("its child is still there")


async def test_one_that_reads_nothing_is_no_trouble(tmp_path: Path) -> None:
    assert (await run(tmp_path, "os.close(0)", words="x" * 200_000))[1] == ""


class Answer(httpx.AsyncBaseTransport):
    """Whoever waits for the sign."""

    def __init__(self, status: int = 200, error: Exception | None = None) -> None:
        self.status, self.error = status, error
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return httpx.Response(self.status, headers={"Location": "https://elsewhere.example/"})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(200), ""),
        (Answer(204), ""),
        (Answer(302), "status 302"),
        (Answer(404), "status 404"),
        (Answer(500), "status 500"),
        (Answer(error=httpx.ConnectError("https://hc.example/geheim")), "ConnectError"),
        (Answer(error=httpx.ReadTimeout("geheim")), "ReadTimeout"),
    ],
)
async def test_a_sign_of_life_is_one_request_and_tells_no_address(
    answer: Answer, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = httpx.AsyncClient

    def client(**more: object) -> httpx.AsyncClient:
        return made(transport=answer)

    monkeypatch.setattr(httpx, "AsyncClient", client)
    failure = await ping("https://hc.example/geheim")
    assert told in str(failure or "")
    assert bool(failure) is bool(told)
    assert "geheim" not in str(failure)
    assert [(each.method, each.url.path) for each in answer.asked] == [("GET", "/geheim")]


@pytest.mark.parametrize(
    "address", ["https://192.168.1.300/geheim", "https://[1::2::3]/geheim", "x" * 70_000]
)
async def test_an_address_that_a_library_takes_for_none_is_a_failure_not_a_bug(
    address: str,
) -> None:
    failure = await ping(address)
    assert failure is not None
    assert failure.code == "alerts.ping"
    assert "geheim" not in str(failure)


class Drip(httpx.AsyncBaseTransport):
    """An answer that never is whole, though no single read of it takes too long."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1e6)
        raise AssertionError(request.url)


@virtual
async def test_a_sign_of_life_that_is_answered_in_drips_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **_: made(transport=Drip()))
    clock = asyncio.get_running_loop().time
    began = clock()
    failure = await ping("https://hc.example/geheim")
    assert "TimeoutError" in str(failure)
    assert clock() - began == pytest.approx(PING_TIMEOUT)
