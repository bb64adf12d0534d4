"""freescout.files and the client's calls with files: in, out, and never with the key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given

from laws import law, wire_texts
from loopback import Peer, answering
from maxbridge.core.errors import ApiError, Kind, Scope
from maxbridge.files.spool import Room, Spool
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.freescout.exchange import DiskFile
from maxbridge.freescout.parse import at_desk, desk_egress, own_file
from maxbridge.sim.desk import DeskSim
from maxbridge.sim.desk.model import Labelled
from maxbridge.sim.faults import Fault, Faulty
from maxbridge.sim.transport import desk_transport
from recorded import desk_exchanges
from virtual_time import virtual

NOW = 1_795_387_025.0
DESK = "https://desk.romashka.ru"
STORED = "/storage/attachment/4/4/1/photo.png?id=1&token=8e9e"
PDF = b"%PDF-1.4 \xff\x00"


class World:
    """A simulated FreeScout behind a line that can be spoilt, with a ticket, and its client."""

    def __init__(self, **options: Any) -> None:
        self.sim = DeskSim(now=lambda: NOW, **options)
        self.line = Faulty(self.sim, rng=Random(1))
        self.client = FreeScoutClient(
            "http://127.0.0.1",
            self.sim.key,
            now=lambda: NOW,
            transport=desk_transport(self.line),
        )

    async def ticket(self, *files: DiskFile) -> Any:
        thread = {"type": "customer", "text": "Вот файл", "attachments": list(files)}
        return await self.client.open_conversation(
            {
                "subject": "S",
                "type": "chat",
                "mailboxId": 1,
                "customer": {"firstName": "Марина"},
                "threads": [thread],
            }
        )

    async def thread(self, conversation_id: int, *files: DiskFile) -> Any:
        body = {"type": "customer", "text": "Ещё", "attachments": list(files)}
        return await self.client.add_thread(conversation_id, body)

    def stored(self) -> list[tuple[str, str, bytes]]:
        rows = sorted(self.sim.state.attachments.values(), key=lambda each: each.id)
        return [(each.name, each.mime_type, each.data) for each in rows]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    spool = Spool(tmp_path / "spool", reserve=0)
    with spool.room() as room:
        yield room
    assert spool.used == 0


def on_disk(folder: Path, name: str, content: bytes, mime: str = "application/pdf") -> DiskFile:
    path = folder / f"on disk {len(list(folder.iterdir()))}"
    path.write_bytes(content)
    return DiskFile(path, name, mime, len(content))


async def failing(call: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await call
    error: ApiError = caught.value
    return error


# --- which files are the desk's ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"{DESK}{STORED}",
        f"http://desk.example.org{STORED}",  # APP_URL may be any other name of it
        f"https://desk.romashka.ru/support{STORED}",
        STORED,
        f"//desk.romashka.ru{STORED}",
        f"{DESK}/storage/attachment/8/1/1/Отчёт_за_«май»_№1_100%25.pdf?id=2&token=bd",
        f"{DESK}/storage/attachment/3/9/1/.._.._up.txt_?id=10&token=ee",
    ],
)
def test_files_in_the_desks_storage(url: str) -> None:
    assert own_file(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://desk.romashka.ru/logo.png",
        "https://i.imgur.com/x.png",
        "data:image/png;base64,/storage/attachment/x",
        "javascript:/storage/attachment/x",
        "file:///storage/attachment/x",
        "https://evil.example/?x=/storage/attachment/1/1/1/a.png",
        "https://evil.example/#/storage/attachment/1/1/1/a.png",
        f"{DESK}/storage/attachment/",
        f"{DESK}/storage/attachment/../../api/conversations",
        f"{DESK}/storage/attachment/%2e%2e/%2e%2e/api/users",
        f"{DESK}/storage/attachment/..%2f..%2fapi/users",
        f"{DESK}/storage/attachment\\..\\api",
        f"{DESK}/storage/attachment/..\\..\\api",
        "https://[/storage/attachment/x",
    ],
)
def test_what_is_no_file_of_a_desk(url: str) -> None:
    assert not own_file(url)
    assert at_desk(url, DESK) is None


def test_every_recorded_file_is_the_desks_own() -> None:
    urls = [
        each["fileUrl"]
        for exchange in desk_exchanges("40")
        for each in (exchange["response"]["body"].get("_embedded") or {}).get("attachments") or []
    ]
    assert len(urls) > 20
    assert all(own_file(each) for each in urls)


@pytest.mark.parametrize(
    ("url", "desk", "address"),
    [
        (f"{DESK}{STORED}", DESK, f"{DESK}{STORED}"),
        (f"{DESK}{STORED}", f"{DESK}/", f"{DESK}{STORED}"),
        # Whatever host a link names, the one of the settings is asked, and no other.
        (f"https://evil.example{STORED}", DESK, f"{DESK}{STORED}"),
        (f"https://user:pass@evil.example:99{STORED}", DESK, f"{DESK}{STORED}"),
        (f"//evil.example{STORED}", DESK, f"{DESK}{STORED}"),
        (STORED, DESK, f"{DESK}{STORED}"),
        (f"https://desk.romashka.ru{STORED}", "http://127.0.0.1:8080", f"http://127.0.0.1:8080{STORED}"),
        (f"https://a.ru/support{STORED}", "https://a.ru/support", f"https://a.ru/support{STORED}"),
        (f"{DESK}/storage/attachment/1/1/1/a.png#x", DESK, f"{DESK}/storage/attachment/1/1/1/a.png"),
    ],
)  # fmt: skip
def test_a_file_is_fetched_from_the_desk_that_we_know(url: str, desk: str, address: str) -> None:
    assert at_desk(url, desk) == address


@given(wire_texts)
@law
def test_no_link_leads_to_another_host(text: str) -> None:
    for url in (text, f"https://{text}{STORED}", f"{text}{STORED}", f"{DESK}{STORED}{text}"):
        address = at_desk(url, DESK)
        assert address is None or address.startswith(f"{DESK}/storage/attachment/")


@pytest.mark.parametrize(
    ("desk", "url", "allowed"),
    [
        (DESK, f"{DESK}{STORED}", True),
        (DESK, f"{DESK}:443{STORED}", True),
        ("https://поддержка.рф", f"https://xn--80aaahd2acjle0m.xn--p1ai{STORED}", False),
        ("https://ромашка.рф", f"https://ромашка.рф{STORED}", True),
        ("http://127.0.0.1", f"https://127.0.0.1{STORED}", True),  # APP_URL says https
        ("http://127.0.0.1:8080", f"http://127.0.0.1:8080{STORED}", True),
        (DESK, f"http://desk.romashka.ru{STORED}", False),  # never back
        (DESK, f"https://desk.romashka.ru:8443{STORED}", False),
        (DESK, f"https://evil.example{STORED}", False),
        (DESK, f"https://u@desk.romashka.ru{STORED}", False),
        (DESK, f"{DESK}/login", False),
        ("http://127.0.0.1:8080", f"http://127.0.0.1:8081{STORED}", False),
        (DESK, "https://[", False),
    ],
)
def test_where_a_redirect_may_lead(desk: str, url: str, allowed: bool) -> None:
    rule = desk_egress(desk)
    assert rule.url(url) is allowed
    # The administrator's own machine may live in his own network.
    assert rule.address is None


# --- out: what an agent attached -----------------------------------------------------------------------


@virtual
async def scene_of_a_file(room: Room, name: str, content: bytes, app_url: str) -> None:
    world = World(app_url=app_url, check_host=False)
    posted = await world.ticket()
    world.sim.state.reply(
        posted.conversation_id, "<div>Вот</div>", attachments=[(name, "x/y", content)]
    )
    ticket, _ = await world.client.conversation(posted.conversation_id, threads=True)
    assert ticket.threads is not None
    (file,) = [each for thread in ticket.threads for each in thread.files]
    got = await world.client.fetch_file(file.url, room, limit=10_000)
    assert got.path.read_bytes() == content
    # Files need no key, and are served by what may be another machine.
    assert world.sim.leaks == []


@pytest.mark.parametrize("app_url", ["http://127.0.0.1", "https://desk.romashka.ru"])
@pytest.mark.parametrize("name", ["a.pdf", "Отчёт за «май» №1 100%.pdf", "x.php", "a b?c#d.pdf"])
def test_an_agents_file_comes_whatever_it_is_called(room: Room, name: str, app_url: str) -> None:
    scene_of_a_file(room, name, PDF, app_url)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ("token=0", "desk.file_gone"),
        ("id=99999", "desk.file_gone"),
    ],
)
def test_pages_of_errors_are_no_files(room: Room, spoil: str, code: str) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        posted = await world.ticket()
        world.sim.state.reply(posted.conversation_id, "x", attachments=[("a.pdf", "x/y", PDF)])
        (file,) = world.sim.state.attachments.values()
        link = f"/storage/attachment/{file.folder}/a.pdf?id={file.id}&token={file.token}&{spoil}"
        failure = (await failing(world.client.fetch_file(link, room, limit=1000))).failure
        assert (failure.code, failure.kind, failure.certain) == (code, Kind.PERMANENT, True)

    scene()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("refuse"), "desk.file_unreachable"),
        (Fault("truncate"), "desk.file_truncated"),
        (Fault("html", status=502), "desk.file_unavailable"),
        (Fault("status", status=413), "desk.file_too_large"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_a_bad_line_to_the_files_has_names(room: Room, fault: Fault, code: str) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        posted = await world.ticket()
        world.sim.state.reply(posted.conversation_id, "x", attachments=[("a.pdf", "x/y", PDF)])
        ticket, _ = await world.client.conversation(posted.conversation_id, threads=True)
        (url,) = [each.url for thread in ticket.threads or () for each in thread.files]
        world.line.add(fault)
        failure = (await failing(world.client.fetch_file(url, room, limit=1000))).failure
        assert (failure.code, failure.certain, failure.scope) == (code, True, Scope.ITEM)
        assert (await failing(world.client.fetch_file(url, room, limit=3))).failure.code == (
            "desk.file_too_large"
        )
        assert (await world.client.fetch_file(url, room, limit=1000)).size == len(PDF)

    scene()


async def test_what_is_no_file_of_the_desk_is_not_asked_for(room: Room) -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    client = FreeScoutClient(DESK, "KEY", transport=httpx.MockTransport(nobody))
    for url in ("https://evil.example/x.png", f"{DESK}/api/users", "", "data:image/png;base64,x"):
        failure = (await failing(client.fetch_file(url, room, limit=1000))).failure
        assert failure.code == "desk.file_refused_host"
    await client.close()


async def test_names_are_percent_encoded_and_the_key_stays_at_home(room: Room) -> None:
    heads: list[str] = []

    async def answer(peer: Peer) -> None:
        heads.append(peer.head)
        await peer.answer(b"x")

    async with answering(answer) as url:
        client = FreeScoutClient(url, "VERY-SECRET-KEY")
        link = "https://elsewhere.ru/storage/attachment/8/1/1/Отчёт_№1_100%25.pdf?id=2&token=b"
        await client.fetch_file(link, room, limit=1000)
        await client.close()
    (head,) = heads
    assert head.startswith(
        "GET /storage/attachment/8/1/1/%D0%9E%D1%82%D1%87%D1%91%D1%82_%E2%84%961_100%25.pdf"
        "?id=2&token=b HTTP/1.1\r\n"
    )
    assert "SECRET" not in head
    assert "freescout-api-key" not in head.lower()


def redirecting(to: str) -> FreeScoutClient:
    """A desk that serves files over https only, at the address that it redirects to."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(200, content=b"file")
        return httpx.Response(302, headers={"Location": to})

    return FreeScoutClient("http://127.0.0.1", "KEY", transport=httpx.MockTransport(answer))


async def test_a_redirect_to_https_on_the_same_host_is_followed(room: Room) -> None:
    client = redirecting(f"https://127.0.0.1{STORED}")
    assert (await client.fetch_file(STORED, room, limit=1000)).size == 4


@pytest.mark.parametrize(
    "to", [f"https://desk.romashka.ru{STORED}", "https://127.0.0.1/login", f"/login?{STORED}"]
)
async def test_no_other_redirect_is_followed(room: Room, to: str) -> None:
    error = await failing(redirecting(to).fetch_file(STORED, room, limit=1000))
    assert error.failure.code == "desk.file_refused_host"


# --- in: what a customer sent --------------------------------------------------------------------------


@virtual
async def scene_of_posts(folder: Path) -> None:
    world = World()
    content = bytes(range(256)) * 1000
    first = on_disk(folder, "Счёт № 17.pdf", content)
    posted = await world.ticket(first)
    assert posted.files == ("Счёт_№_17.pdf",)
    added = await world.thread(
        posted.conversation_id, on_disk(folder, "a.txt", b"1", "text/plain"), first
    )
    assert added.files == ("a.txt", "Счёт_№_17.pdf")
    assert world.stored() == [
        ("Счёт_№_17.pdf", "application/pdf", content),
        ("a.txt", "text/plain", b"1"),
        ("Счёт_№_17.pdf", "application/pdf", content),
    ]


def test_files_on_the_disk_arrive_in_new_tickets_and_in_old(tmp_path: Path) -> None:
    scene_of_posts(tmp_path)


def test_what_the_desk_dropped_without_a_word_is_seen(tmp_path: Path) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        # Contract freescout.md 5: empty, and the one digit that PHP takes for nothing.
        bad = [on_disk(tmp_path, "e.txt", b""), on_disk(tmp_path, "0.txt", b"0")]
        good = on_disk(tmp_path, "good.txt", b"1")
        posted = await world.ticket(bad[0], good, bad[1])
        assert posted.files == ("good.txt",)
        assert (await world.thread(posted.conversation_id, *bad)).files == ()
        assert (await world.thread(posted.conversation_id)).files == ()

    scene()


async def test_an_answer_that_does_not_tell_of_files_tells_nothing() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json={"id": 5})

    client = FreeScoutClient(DESK, "KEY", transport=httpx.MockTransport(answer))
    assert (await client.add_thread(1, {"type": "note", "text": "x", "user": 1})).files is None
    await client.close()


def test_a_request_too_large_for_php_is_refused_for_good(tmp_path: Path) -> None:
    @virtual
    async def scene() -> None:
        world = World(max_body=100_000)
        posted = await world.ticket(on_disk(tmp_path, "a.bin", b"x" * 70_000))
        failure = (
            await failing(
                world.thread(posted.conversation_id, on_disk(tmp_path, "b", b"x" * 80_000))
            )
        ).failure
        assert (failure.code, failure.kind, failure.certain) == (
            "desk.too_large", Kind.PERMANENT, True,
        )  # fmt: skip

    scene()


def test_a_thread_without_its_files_may_exist_after_a_500(tmp_path: Path) -> None:
    # Contract freescout.md 8, trap 1: storage fails after the thread is saved.
    @virtual
    async def scene() -> None:
        world = World()
        posted = await world.ticket()
        world.sim.state.storage_broken = True
        failure = (
            await failing(world.thread(posted.conversation_id, on_disk(tmp_path, "a", b"1")))
        ).failure
        assert (failure.code, failure.certain) == ("desk.server_error", False)

    scene()


async def test_a_file_that_vanished_breaks_nothing_at_the_desk(tmp_path: Path) -> None:
    file = on_disk(tmp_path, "a", b"1234")
    file.path.unlink()
    bodies: list[bytes] = []

    async def answer(peer: Peer) -> None:
        bodies.append(await peer.reader.read())

    async with answering(answer) as url:
        client = FreeScoutClient(url, "KEY")
        call = client.add_thread(1, {"type": "customer", "text": "x", "attachments": [file]})
        failure = (await failing(call)).failure
        await client.close()
    assert (failure.code, failure.kind, failure.certain) == ("files.error", Kind.TRANSIENT, True)
    assert b"}" not in b"".join(bodies)  # never a whole request


async def test_the_length_is_told_beforehand_and_right(tmp_path: Path) -> None:
    heads: list[str] = []
    bodies: list[bytes] = []

    async def answer(peer: Peer) -> None:
        heads.append(peer.head)
        bodies.append(await peer.reader.readexactly(int(peer.header("content-length") or "0")))
        await peer.answer(b'{"id": 5}', "201 Created")

    async with answering(answer) as url:
        client = FreeScoutClient(url, "KEY")
        file = on_disk(tmp_path, "a", b"x" * 100_001)
        await client.add_thread(1, {"type": "customer", "text": "я", "attachments": [file]})
        await client.close()
    assert "transfer-encoding" not in heads[0].lower()
    assert bodies[0].endswith(b"}]}")


# --- customers' telephones -----------------------------------------------------------------------------


async def card(world: World, **fields: Any) -> int:
    row = world.sim.state.add_customer(first_name="Марина", **fields)
    return int(row.id)


def phones(world: World, customer_id: int) -> list[tuple[str, str]]:
    return [(each.value, each.type) for each in world.sim.state.customers[customer_id].phones]


@virtual
async def test_a_phone_is_put_beside_those_that_are_there() -> None:
    world = World()
    customer_id = await card(world)
    assert await world.client.update_customer_phones(customer_id, "+79990000017")
    assert await world.client.update_customer_phones(customer_id, "+74950000000")
    assert phones(world, customer_id) == [("+79990000017", "mobile"), ("+74950000000", "mobile")]
    customer = await world.client.customer(customer_id)
    assert customer.phones == (("+79990000017", "mobile"), ("+74950000000", "mobile"))
    assert customer.first_name == "Марина"


@pytest.mark.parametrize("known", ["+7 (999) 000-00-17", "79990000017", "8 999 000-00-17"])
def test_a_phone_that_is_there_is_left_as_the_agent_wrote_it(known: str) -> None:
    @virtual
    async def scene() -> None:
        world = World()
        customer_id = await card(world)
        world.sim.state.customers[customer_id].phones = [Labelled(known, "mobile")]
        assert not await world.client.update_customer_phones(customer_id, "79990000017")
        assert phones(world, customer_id) == [(known, "mobile")]
        assert [each.method for each in world.sim.requests] == ["GET"]

    scene()


def test_other_members_of_a_card_are_not_touched() -> None:
    @virtual
    async def scene() -> None:
        world = World()
        posted = await world.ticket()
        body = {
            "socialProfiles": [{"value": "max:1", "type": "other"}],
            "phones": [{"value": "112", "type": "home"}],
        }
        await world.client._desk.call("PUT", f"customers/{posted.customer_id}", body=body)
        await world.client.update_customer_phones(posted.customer_id, "+79990000017")
        customer = await world.client.customer(posted.customer_id)
        assert customer.profiles == ("max:1",)
        assert customer.phones == (("112", "home"), ("+79990000017", "mobile"))

    scene()


@virtual
async def test_a_customer_who_was_merged_away_is_not_found() -> None:
    world = World()
    error = await failing(world.client.update_customer_phones(99, "+79990000017"))
    assert error.failure.code == "desk.not_found"


def test_a_card_without_its_list_of_phones_is_not_written() -> None:
    # Writing a list that was not read would empty it.
    @virtual
    async def scene() -> None:
        world = World()
        customer_id = await card(world)
        world.line.add(Fault("patch", path="/api/customers/*", body={"_embedded": {}}))
        error = await failing(world.client.update_customer_phones(customer_id, "+79990000017"))
        assert (error.failure.code, error.failure.scope) == ("desk.bad_answer", Scope.ITEM)
        assert [each.method for each in world.sim.requests] == ["GET"]

    scene()
