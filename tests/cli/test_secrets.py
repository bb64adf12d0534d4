"""No secret leaves the process but in the request it is for: the real daemon, through every trouble.

Both ends are one hostile server here, which sends back whatever it was sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from command import PATIENCE, run, start
from maxbridge.config.settings import FreeScoutSettings, MaxSettings, Secret, Settings, secret_texts

TOKEN = "f9LHodD0cOI-TOKEN-c4pQm7Zt"
KEY = "9a8b7c6d5e4f-KEY-30211203445566"
PASSWORD = "qP3-PASSWORD-w8Rx"
SECRETS = (TOKEN, KEY, PASSWORD)


@dataclass
class Hostile:
    """A server that answers everything alike, and remembers what it was sent."""

    status: int = 401
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    @contextlib.contextmanager
    def serving(self) -> Iterator[int]:
        end = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                request = f"{self.requestline}\n{self.headers}"
                end.seen.append(request)
                body = json.dumps({"code": request, "message": request}).encode()
                self.send_response(end.status, request.splitlines()[0])
                for name, value in end.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Echo", " ".join(request.split()))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_CONNECT = answer  # noqa: N815 - http.server calls them so

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Tell the terminal nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Run:
    """One life of `maxbridge run` at the most talkative level, and all that it leaves behind."""

    def __init__(self, folder: Path, max_url: str, desk_url: str, *, proxy: str = "") -> None:
        self.state = folder / "state"
        self.config = folder / "config.toml"
        self.config.write_text(
            f'[max]\ntoken = "{TOKEN}"\napi_url = "{max_url}"\nproxy = "{proxy}"\n'
            f'[freescout]\nurl = "{desk_url}"\napi_key = "{KEY}"\nmailbox_id = 1\nuser_id = 1\n'
            f'[store]\npath = "{self.state / "maxbridge.db"}"\n'
        )
        self.config.chmod(0o600)
        self.output = folder / "output"
        self.code: int | None = None
        self.arguments = ""

    def until(
        self,
        words: str,
        *,
        met: Callable[[], bool] = lambda: True,
        program: tuple[str, ...] = (),
        fresh: bool = False,
    ) -> str:
        """Run until the log has these words or the process ends; gives all that can be seen of it."""
        options = ["--config", str(self.config)]
        environment = {"PATH": os.environ["PATH"], "PYTHONASYNCIODEBUG": "1", "LC_ALL": "C.UTF-8"}
        with self.output.open("wb") as output:
            told = ["run", "--log-level", "debug", *options]
            place: dict[str, Any] = {
                "stdout": output,
                "stderr": subprocess.STDOUT,
                "env": environment,
                "umask": 0,
            }
            process: subprocess.Popen[bytes] = (
                subprocess.Popen([*program, *told], **place)
                if program
                else start(told, fresh=fresh, **place)
            )
            try:
                self._wait(process, lambda: met() and words in self.output.read_text())
            except BaseException:
                process.kill()
                process.wait()
                raise
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                self.arguments = Path(f"/proc/{process.pid}/cmdline").read_text()
            status = run(["status", "--json", *options], env=environment)
            process.send_signal(signal.SIGTERM)
            self.code = process.wait(PATIENCE)
        return self._everything(words, status.stdout + status.stderr)

    def _wait(self, process: subprocess.Popen[bytes], done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and not done():
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)

    def _everything(self, words: str, status: str) -> str:
        files = [each for each in self.state.rglob("*") if each.is_file()]
        assert files, "nothing was left behind"
        for each in [self.state, *self.state.rglob("*")]:
            # Though the umask of the shell would let everybody read and write.
            mode = stat.S_IMODE(each.stat().st_mode)
            assert mode == (0o700 if each.is_dir() else 0o600), (each, oct(mode))
        stored = "".join(each.read_bytes().decode("latin-1") for each in files)
        log = self.output.read_text()
        assert words in log
        return f"{log}\n{self.arguments}\n{status}\n{stored}"


def assert_tells_nothing(seen: str) -> None:
    for secret in SECRETS:
        assert secret not in seen


STATUSES = (200, 400, 401, 404, 429, 500, 503)


@pytest.fixture(scope="module")
def echoed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Future[tuple[Hostile, str]]]:
    """An end for each status, and all that a life with it leaves behind; most of it is waiting."""

    folders = {status: tmp_path_factory.mktemp(f"echo-{status}") for status in STATUSES}

    def live(status: int) -> tuple[Hostile, str]:
        end = Hostile(status)
        with end.serving() as port:
            url = f"http://127.0.0.1:{port}"
            life = Run(folders[status], url, url)
            # Two at each end are enough to see how a failure is told, or that it ends the program.
            return end, life.until("maxbridge", met=lambda: len(end.seen) > 3)

    with ThreadPoolExecutor(4) as pool:
        return {status: pool.submit(live, status) for status in STATUSES}


@pytest.mark.parametrize("status", STATUSES)
def test_an_end_that_echoes_what_it_is_sent(
    echoed: Mapping[int, Future[tuple[Hostile, str]]], status: int
) -> None:
    end, seen = echoed[status].result()
    assert any(TOKEN in each or KEY in each for each in end.seen)
    assert_tells_nothing(seen)


def test_a_redirect_gets_neither_a_visit_nor_a_secret(tmp_path: Path) -> None:
    stranger = Hostile(200)
    with stranger.serving() as elsewhere:
        headers = {"Location": f"http://127.0.0.1:{elsewhere}/{TOKEN}"}
        with Hostile(302, headers).serving() as port:
            url = f"http://127.0.0.1:{port}"
            # A child of the tests' nursery has another command line than the one that is looked at here.
            assert_tells_nothing(Run(tmp_path, url, url).until("redirect", fresh=True))
    assert stranger.seen == []


def test_a_certificate_that_nobody_trusts(tmp_path: Path, untrusted: ssl.SSLContext) -> None:
    imposter = Hostile(200, tls=untrusted)
    with imposter.serving() as port:
        url = f"https://127.0.0.1:{port}"
        assert_tells_nothing(Run(tmp_path, url, url).until("max.tls"))
    assert imposter.seen == []


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    life = Run(tmp_path, "https://max.invalid", "https://desk.invalid")
    assert_tells_nothing(life.until("max.unreachable"))


def test_a_closed_port_behind_a_proxy_that_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    proxy = f"http://user:{PASSWORD}@127.0.0.1:{port}"
    url = f"http://127.0.0.1:{port}"
    life = Run(tmp_path, "https://max.invalid", url, proxy=proxy)
    assert_tells_nothing(life.until("max.unreachable"))


def test_a_proxy_that_refuses_and_echoes(tmp_path: Path) -> None:
    proxy = Hostile(407)
    with proxy.serving() as port:
        address = f"http://user:{PASSWORD}@127.0.0.1:{port}"
        life = Run(tmp_path, "https://max.invalid", f"http://127.0.0.1:{port}", proxy=address)
        assert_tells_nothing(life.until("max."))
    # A proxy carries the token inside of TLS only; it sees where to, and its own password.
    assert any(each.startswith("CONNECT max.invalid:443") for each in proxy.seen)
    assert not any(TOKEN in each for each in proxy.seen)


BUG = """
import sys
from maxbridge import daemon
from maxbridge.cli import main

async def bug(self):
    secrets = self._settings.max.token.reveal(), self._settings.freescout.api_key.reveal()
    raise RuntimeError(f"{secrets} {self._settings.max.proxy.reveal()}")

daemon.Daemon.run = bug
main()
"""


def test_a_bug_whose_error_quotes_all_secrets(tmp_path: Path) -> None:
    life = Run(
        tmp_path, "https://max.invalid", "https://x.invalid", proxy=f"http://u:{PASSWORD}@x.invalid"
    )
    program = (sys.executable, "-c", BUG)
    seen = life.until("a bug in maxbridge stops it", met=lambda: False, program=program)
    assert_tells_nothing(seen.replace(BUG, ""))
    assert life.code == 70


CARELESS = """
import logging
from maxbridge import daemon
from maxbridge.cli import main

async def careless(self):
    secrets = self.settings.max.token.reveal(), self.settings.max.proxy.reveal()
    logging.getLogger("library").warning("sent %s to %s", *secrets)
    self._log.info("settings", settings=self.settings, proxy=secrets[1].partition("@")[0])

daemon.Daemon.run = careless
main()
"""


def test_whoever_logs_a_secret_is_muted(tmp_path: Path) -> None:
    life = Run(
        tmp_path, "https://max.invalid", "https://x.invalid", proxy=f"http://u:{PASSWORD}@x.invalid"
    )
    seen = life.until("settings", program=(sys.executable, "-c", CARELESS))
    assert_tells_nothing(seen)
    assert "sent *** to" in seen


def test_secrets_are_found_in_all_settings_and_inside_of_addresses() -> None:
    settings = Settings(
        max=MaxSettings(token=Secret(TOKEN), proxy=Secret("http://u:a%40b@proxy:1")),
        freescout=FreeScoutSettings(api_key=Secret(KEY)),
    )
    assert set(secret_texts(settings)) == {TOKEN, KEY, "http://u:a%40b@proxy:1", "a%40b", "a@b"}
    assert TOKEN not in repr(settings)


@pytest.fixture(scope="session")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The certificate of a server that no authority has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -batch "
        f"-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout {file} -out {file}.crt"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{file}.crt", file)
    return context
