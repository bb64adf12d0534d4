"""files.guarded: where a connection really goes, whatever names, resolvers and redirects say."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from loopback import Peer, answering
from maxbridge.config.settings import MaxSettings
from maxbridge.core.errors import ApiError
from maxbridge.files.egress import (
    Address,
    EgressPolicy,
    Fetcher,
    GuardedRequest,
    is_public,
    media_egress,
)
from maxbridge.files.spool import Spool
from maxbridge.files.transport import ADDRESSES
from virtual_time import virtual

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
NAME = "i.oneme.ru"
PUBLIC = "95.163.32.1"


def anywhere(url: str) -> bool:
    return True


def wherever(host: str, address: Address) -> bool:
    return True


def public(host: str, address: Address) -> bool:
    return is_public(address)


class Resolver:
    """Gives addresses from a table, and remembers what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self.addresses


class Network:
    """Remembers what would be connected to."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self.answer)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await request.aread()
        if location := dict(request.url.params).get("to"):
            return httpx.Response(302, headers={"Location": location})
        return httpx.Response(200, content=b"ok")

    @property
    def addresses(self) -> list[list[str]]:
        """For each request all that may be connected to."""
        return [each.extensions[ADDRESSES] for each in self.requests]


@asynccontextmanager
async def opened(line: GuardedRequest) -> AsyncIterator[GuardedRequest]:
    try:
        yield line
    finally:
        await line.close()


async def get(line: GuardedRequest, url: str) -> bytes:
    async with opened(line), line.open("GET", url) as response:
        return await response.aread()


async def failing(line: GuardedRequest, url: str, folder: Path) -> str:
    """Fetch through the line; the code of the failure."""
    async with opened(line):
        with Spool(folder, reserve=0).room() as room, pytest.raises(ApiError) as caught:
            await Fetcher(line, "media.").fetch(url, room, limit=1000)
    return caught.value.failure.code


# --- names and addresses ------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [PUBLIC, "2a00:1148::1"])
async def test_the_connection_goes_to_the_address_that_was_judged(address: str) -> None:
    network, resolver = Network(), Resolver(address)
    line = GuardedRequest(
        EgressPolicy(anywhere, public), verify=NOBODY, transport=network.transport, lookup=resolver
    )
    assert await get(line, f"https://{NAME}/i?r=1") == b"ok"
    (request,) = network.requests
    assert request.extensions[ADDRESSES] == [address]
    # For the server and its certificate nothing has changed.
    assert (request.url.host, request.url.scheme, request.url.path) == (NAME, "https", "/i")
    assert request.headers["Host"] == NAME
    assert resolver.asked == [(NAME, 443)]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1", "192.168.0.1"],
        ["169.254.169.254"],
        ["::1", "::ffff:127.0.0.1"],
        ["not an address"],
        [],
    ],
)
async def test_a_name_that_points_into_this_network_is_refused(
    tmp_path: Path, addresses: list[str]
) -> None:
    network, resolver = Network(), Resolver(*addresses)
    line = GuardedRequest(
        EgressPolicy(anywhere, public), verify=NOBODY, transport=network.transport, lookup=resolver
    )
    assert await failing(line, f"https://{NAME}/", tmp_path) == "media.refused_host"
    assert network.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "[::ffff:7f00:1]"])
async def test_an_address_in_the_link_is_judged_likewise(tmp_path: Path, host: str) -> None:
    network, resolver = Network(), Resolver(PUBLIC)
    line = GuardedRequest(
        EgressPolicy(anywhere, public), verify=NOBODY, transport=network.transport, lookup=resolver
    )
    assert await failing(line, f"https://{host}/", tmp_path) == "media.refused_host"
    assert (network.requests, resolver.asked) == ([], [])


async def test_of_many_addresses_only_allowed_ones_are_used() -> None:
    network, resolver = Network(), Resolver("127.0.0.1", PUBLIC, "10.0.0.1")
    line = GuardedRequest(
        EgressPolicy(anywhere, public), verify=NOBODY, transport=network.transport, lookup=resolver
    )
    await get(line, f"https://{NAME}/")
    assert network.addresses == [[PUBLIC]]


@pytest.mark.parametrize(
    ("found", "tried"),
    [
        (["2a00::1", "8.8.8.1", "8.8.8.2"], ["2a00::1", "8.8.8.1", "8.8.8.2"]),
        (
            ["2a00::1", "2a00::2", "8.8.8.1", "8.8.8.2"],
            ["2a00::1", "8.8.8.1", "2a00::2", "8.8.8.2"],
        ),
        (["8.8.8.1", "8.8.8.2", "2a00::1"], ["8.8.8.1", "2a00::1", "8.8.8.2"]),
        # However many of one family there are, the other one is among those that are tried.
        (
            [*(f"2a00::{each}" for each in range(1, 9)), "8.8.8.1"],
            ["2a00::1", "8.8.8.1", *(f"2a00::{each}" for each in range(2, 8))],
        ),
    ],
)
async def test_both_families_have_their_turn(found: list[str], tried: list[str]) -> None:
    network, resolver = Network(), Resolver(*found)
    line = GuardedRequest(
        EgressPolicy(anywhere, public), verify=NOBODY, transport=network.transport, lookup=resolver
    )
    await get(line, f"https://{NAME}/")
    assert network.addresses == [tried]


DEAD = {
    "one that refuses": ["127.0.0.2"],
    "four that refuse": [f"127.0.0.{each}" for each in range(2, 6)],
    "one of IPv6 that is silent": ["2a00::1"],
    "four of IPv6 that are silent": [f"2a00::{each}" for each in range(1, 5)],
    "three of IPv4 that are silent": [f"10.255.255.{each}" for each in range(1, 4)],
}


def silence(monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop) -> None:
    """Whatever is not on this machine takes what is sent to it and says nothing."""
    connect = loop.sock_connect

    async def silent(sock: Any, address: Any) -> None:
        if not address[0].startswith("127."):
            await asyncio.sleep(3600.0)
        await connect(sock, address)

    monkeypatch.setattr(loop, "sock_connect", silent)


@pytest.mark.parametrize("dead", DEAD)
@virtual
async def test_dead_addresses_cost_a_quarter_of_a_second_each_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: str
) -> None:
    async def answer(peer: Peer) -> None:
        length = int(peer.header("content-length") or 0)
        bodies.append(await peer.reader.readexactly(length))
        await peer.answer("hello")

    bodies: list[bytes] = []
    loop = asyncio.get_running_loop()
    silence(monkeypatch, loop)
    content = tmp_path / "x"
    content.write_bytes(b"content" * 100_000)
    async with answering(answer) as url:
        link = f"http://{NAME}:{httpx.URL(url).port}/"
        resolver = Resolver(*DEAD[dead], "127.0.0.1")
        line = GuardedRequest(EgressPolicy(anywhere, wherever), verify=NOBODY, lookup=resolver)
        async with opened(line):
            began = loop.time()
            async with line.open("GET", link) as response:
                assert await response.aread() == b"hello"
            took = [loop.time() - began]
            with content.open("rb") as file:
                form = {"data": ("x", file, "text/plain")}
                async with line.open("POST", link, files=form) as response:
                    assert response.status_code == 200
            took.append(loop.time() - began - took[0])
    of_one_family = len(DEAD[dead]) if "." in DEAD[dead][0] else 1
    assert max(took) <= 0.25 * of_one_family + 0.01
    # An upload is sent once, whole, to the address that answered.
    assert [b"content" * 100_000 in each for each in bodies] == [False, True]


@virtual
async def test_where_all_addresses_are_dead_the_host_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(monkeypatch, asyncio.get_running_loop())
    for addresses in (["127.0.0.2", "127.0.0.3"], ["10.255.255.1", "2a00::1"]):
        line = GuardedRequest(
            EgressPolicy(anywhere, wherever), verify=NOBODY, lookup=Resolver(*addresses)
        )
        assert await failing(line, f"http://{NAME}:9/", tmp_path) == "media.unreachable"
    assert asyncio.get_running_loop().time() <= 10.5


async def test_every_hop_is_resolved_and_judged_anew(tmp_path: Path) -> None:
    # The first name is good, the second points at this machine.
    network = Network()
    table = {NAME: [PUBLIC], "evil.oneme.ru": ["127.0.0.1"]}

    async def lookup(host: str, port: int) -> list[str]:
        return table[host]

    line = GuardedRequest(
        EgressPolicy(anywhere, public), verify=NOBODY, transport=network.transport, lookup=lookup
    )
    link = f"https://{NAME}/?to=https://evil.oneme.ru/"
    assert await failing(line, link, tmp_path) == "media.refused_host"
    assert network.addresses == [[PUBLIC]]


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_that_nobody_knows_is_unreachable(tmp_path: Path, error: Exception) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise error

    line = GuardedRequest(EgressPolicy(anywhere, public), verify=NOBODY, lookup=lookup)
    assert await failing(line, f"https://{NAME}/", tmp_path) == "media.unreachable"


def test_a_resolver_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    @virtual
    async def scene() -> None:
        async def lookup(host: str, port: int) -> list[str]:
            await asyncio.sleep(3600)
            return [PUBLIC]

        line = GuardedRequest(EgressPolicy(anywhere, public), verify=NOBODY, lookup=lookup)
        assert await failing(line, f"https://{NAME}/", tmp_path) == "media.unreachable"
        assert asyncio.get_running_loop().time() == pytest.approx(10.0)

    scene()


async def test_the_link_is_judged_as_it_is_requested() -> None:
    judged: list[str] = []

    def rule(url: str) -> bool:
        judged.append(url)
        return True

    network = Network()
    line = GuardedRequest(EgressPolicy(rule), verify=NOBODY, transport=network.transport)
    await get(line, "HTTPS://I.OneMe.ru/файл с пробелом?q=№")
    assert judged == [str(network.requests[0].url)]
    assert judged[0].startswith("https://i.oneme.ru/%D1%84%D0%B0%D0%B9%D0%BB%20%D1%81%20")


async def test_where_the_name_is_enough_nothing_is_resolved_here() -> None:
    network, resolver = Network(), Resolver("127.0.0.1")
    line = GuardedRequest(
        EgressPolicy(anywhere), verify=NOBODY, transport=network.transport, lookup=resolver
    )
    await get(line, "https://desk.romashka.ru/")
    (request,) = network.requests
    assert (request.url.host, request.extensions.get(ADDRESSES)) == ("desk.romashka.ru", None)
    assert resolver.asked == []


# --- a proxy ----------------------------------------------------------------------------------------


async def test_a_proxy_gets_the_name_and_resolves_it_itself(tmp_path: Path) -> None:
    heads: list[str] = []

    async def proxy(peer: Peer) -> None:
        heads.append(peer.head)
        await peer.answer(b"", "407 Proxy Authentication Required")

    resolver = Resolver("127.0.0.1")
    async with answering(proxy) as url:
        with_key = url.replace("http://", "http://user:SECRET@")
        line = GuardedRequest(
            EgressPolicy(anywhere, public), verify=NOBODY, proxy=with_key, lookup=resolver
        )
        assert await failing(line, f"https://{NAME}/i", tmp_path) == "media.unreachable"
    assert heads[0].startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\n")
    assert resolver.asked == []


# --- certificates -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for i.oneme.ru that signs itself, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -batch"
    )
    subprocess.run(
        [*made.split(), "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
         "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text(cert.read_text() + key.read_text())
    return both


async def over_tls(authority: Path, trusted: bool, name: str, folder: Path) -> bytes | str:
    """Fetch over a real TLS connection to this machine under a name; the file or the failure."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(authority)
    believed = ssl.create_default_context(cafile=str(authority) if trusted else None)

    async def answer(peer: Peer) -> None:
        await peer.answer(f"hello {peer.header('host')}")

    async with answering(answer, served) as url:
        port = httpx.URL(url).port
        reach = EgressPolicy(anywhere, wherever)
        async with opened(
            GuardedRequest(reach, verify=believed, lookup=Resolver("127.0.0.1"))
        ) as line:
            with Spool(folder, reserve=0).room() as room:
                link = f"https://{name}:{port}/"
                try:
                    file = await Fetcher(line, "media.").fetch(link, room, limit=1000)
                except ApiError as error:
                    return f"{error.failure.code}, {error.failure.kind}"
                return file.path.read_bytes()


async def test_the_certificate_is_checked_against_the_name_not_the_address(
    authority: Path, tmp_path: Path
) -> None:
    told = await over_tls(authority, True, NAME, tmp_path)
    assert isinstance(told, bytes)
    assert told.startswith(f"hello {NAME}:".encode())


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    authority: Path, tmp_path: Path
) -> None:
    assert await over_tls(authority, False, NAME, tmp_path) == "media.tls, config"


async def test_a_certificate_for_another_name_is_refused(authority: Path, tmp_path: Path) -> None:
    assert await over_tls(authority, True, "other.oneme.ru", tmp_path) == "media.tls, config"


async def test_a_connection_serves_one_name_once(authority: Path, tmp_path: Path) -> None:
    """Two names at one address: the second must not get by on the first one's certificate."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(authority)
    connections: set[int] = set()

    async def answer(peer: Peer) -> None:
        connections.add(id(peer))
        await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await peer.reader.read()  # stays open as long as the client likes

    believed = ssl.create_default_context(cafile=str(authority))
    async with answering(answer, served) as url:
        port = httpx.URL(url).port
        reach = EgressPolicy(anywhere, wherever)
        async with opened(
            GuardedRequest(reach, verify=believed, lookup=Resolver("127.0.0.1"))
        ) as line:
            async with line.open("GET", f"https://{NAME}:{port}/") as response:
                assert await response.aread() == b"ok"
            with pytest.raises(httpx.ConnectError):
                async with line.open("GET", f"https://other.oneme.ru:{port}/"):
                    pass
    assert len(connections) == 1


# --- the rule of the settings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api_url", "host", "address", "allowed"),
    [
        ("https://platform-api2.max.ru", NAME, PUBLIC, True),
        ("https://platform-api2.max.ru", NAME, "127.0.0.1", False),
        ("https://platform-api2.max.ru", NAME, "10.0.0.1", False),
        # A simulator on this machine: its own host may live here, MAX's names may not.
        ("http://127.0.0.1:8001", "127.0.0.1", "127.0.0.1", True),
        ("http://localhost:8001", "localhost", "::1", True),
        ("http://localhost:8001", "localhost", "10.0.0.1", False),
        ("http://127.0.0.1:8001", NAME, "127.0.0.1", False),
    ],
)
def test_addresses_of_the_settings(api_url: str, host: str, address: str, allowed: bool) -> None:
    judge = media_egress(MaxSettings(api_url=api_url)).address
    assert judge is not None
    assert judge(host, ipaddress.ip_address(address)) is allowed


async def test_the_real_rule_lets_a_simulator_serve_its_own_files(tmp_path: Path) -> None:
    async def answer(peer: Peer) -> None:
        await peer.answer(b"", "302 X", Location=dict(httpx.URL(peer.target).params)["to"])

    async with answering(answer) as api, answering(answer) as other:
        reach: Any = media_egress(MaxSettings(api_url=api))
        assert await failing(
            GuardedRequest(reach, verify=NOBODY), f"{api}/?to={other}", tmp_path
        ) == ("media.refused_host")
        assert reach.url(f"{api}/cdn/get")
