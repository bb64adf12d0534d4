"""files.hosts: which host of files is in trouble, who may ask it meanwhile, and what is too slow."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from maxbridge.core.errors import DOWNLOADS, UPLOADS, ApiError, HostTrouble
from maxbridge.files.failures import file_error
from maxbridge.files.hosts import BUSY, MOST_AT_ONCE, Flow, Hosts, HostWaitsError, Patience
from virtual_time import EPOCH, virtual

A, B = "https://a.oneme.ru/secret?sig=1", "https://b.oneme.ru:8443/x"
KIB = 1 << 10
PATIENCE = Patience()


class World:
    """A register of hosts, and what it told."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.begun: list[HostTrouble] = []
        self.ended: list[HostTrouble] = []
        self.hosts = Hosts(
            lambda: EPOCH + loop.time(), begun=self.begun.append, ended=self.ended.append
        )

    async def transfer(
        self, url: str = A, error: str = "", *, seconds: float = 0.0, way: str = DOWNLOADS
    ) -> None:
        """One transfer that ends so; raises nothing but a refusal to begin."""
        try:
            async with self.hosts.transfer(url, "media.", PATIENCE, way=way):
                await asyncio.sleep(seconds)
                if error:
                    raise file_error("media.", error)
        except HostWaitsError:
            raise
        except ApiError:
            return

    def named(self) -> list[str]:
        return [each.host for each in self.hosts.troubles()]


SILENT = ["timeout", "unreachable", "dropped", "truncated", "tls"]
ANSWERED = ["gone", "too_large", "refused", "unexpected", "unavailable", "bad_answer"]


@pytest.mark.parametrize("error", SILENT)
@virtual
async def test_two_silences_in_a_row_are_the_hosts_trouble_until_it_answers(error: str) -> None:
    world = World()
    await world.transfer(error=error, seconds=20.0)
    assert world.named() == []
    await world.transfer(error=error, seconds=20.0)
    (trouble,) = world.begun
    assert trouble == HostTrouble("a.oneme.ru", DOWNLOADS, EPOCH, f"media.{error}")
    assert world.named() == ["a.oneme.ru"]
    await asyncio.sleep(10.0)
    await world.transfer()
    assert world.named() == []
    assert world.ended == [trouble]


@pytest.mark.parametrize("error", ANSWERED)
@virtual
async def test_an_answer_of_any_kind_is_the_files_trouble(error: str) -> None:
    world = World()
    for _ in range(20):
        await world.transfer(error=error)
    await world.transfer(error="timeout")
    await world.transfer(error=error)
    await world.transfer(error="timeout")
    assert world.begun == []


@virtual
async def test_a_disk_that_is_full_or_a_refused_link_says_nothing_of_the_host() -> None:
    world = World()
    await world.transfer(error="timeout")
    await world.transfer(error="refused_host")
    with pytest.raises(OSError, match="full"):
        async with world.hosts.transfer(A, "media.", PATIENCE):
            raise OSError("full")
    await world.transfer(error="timeout")
    assert world.named() == ["a.oneme.ru"]


@virtual
async def test_hosts_and_ways_are_told_apart() -> None:
    world = World()
    for _ in range(2):
        await world.transfer(error="timeout")
    await world.transfer(B)
    await world.transfer(way=UPLOADS)
    with pytest.raises(HostWaitsError):
        await world.transfer()


@virtual
async def test_in_trouble_one_at_a_time_finds_out_after_a_pause_that_grows() -> None:
    world = World()
    for _ in range(2):
        await world.transfer(error="timeout")
    tries: list[float] = []
    refused: list[HostWaitsError] = []
    late: list[float] = []
    clock = asyncio.get_running_loop().time
    while clock() < 900.0:
        try:
            await world.transfer(error="timeout", seconds=1.0)
            tries.append(clock() - 1.0)
        except HostWaitsError as error:
            refused.append(error)
            late.append(error.lasts - clock())
            await asyncio.sleep(0.5)
    assert {each.failure.code for each in refused} == {"media.timeout"}
    assert {each.failure.detail for each in refused} == {"a.oneme.ru is in trouble"}
    assert all(0.0 < each.pause <= 120.0 for each in refused)
    assert late == pytest.approx([0.0] * len(late))
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert tries[0] == pytest.approx(10.0, abs=0.5)
    assert gaps == pytest.approx([21.0, 41.0, 81.0] + [121.0] * (len(gaps) - 3), abs=0.6)


@virtual
async def test_while_one_finds_out_all_others_are_turned_away_at_times_of_their_own() -> None:
    world = World()
    for _ in range(2):
        await world.transfer(error="timeout")
    await asyncio.sleep(10.0)
    probe = asyncio.ensure_future(world.transfer(seconds=5.0))
    await asyncio.sleep(1.0)
    pauses = []
    for _ in range(100):
        with pytest.raises(HostWaitsError) as caught:
            await world.transfer()
        pauses.append(caught.value.pause)
    assert len(set(pauses)) == 100
    await probe
    await world.transfer()


@virtual
async def test_a_probe_that_was_broken_off_lets_the_next_one_find_out() -> None:
    world = World()
    for _ in range(2):
        await world.transfer(error="timeout")
    await asyncio.sleep(10.0)
    probe = asyncio.ensure_future(world.transfer(seconds=500.0))
    await asyncio.sleep(1.0)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    await world.transfer()
    assert world.named() == []


@virtual
async def test_so_many_at_once_from_one_host_some_wait_and_the_others_come_back() -> None:
    world = World()
    clock = asyncio.get_running_loop().time
    ended: list[float] = []

    async def carry() -> None:
        await world.transfer(seconds=20.0)
        ended.append(clock())

    tasks = [asyncio.ensure_future(carry()) for _ in range(MOST_AT_ONCE + 16)]
    await asyncio.sleep(1.0)
    with pytest.raises(HostWaitsError) as caught:
        await world.transfer()
    assert (caught.value.failure.code, caught.value.lasts) == (BUSY, 0.0)
    await world.transfer(B)
    await asyncio.gather(*tasks)
    assert ended == [20.0] * MOST_AT_ONCE + [40.0] * 16


@virtual
async def test_whoever_is_cancelled_at_their_turn_passes_it_on() -> None:
    world = World()
    busy = [asyncio.ensure_future(world.transfer(seconds=20.0)) for _ in range(MOST_AT_ONCE)]
    await asyncio.sleep(1.0)
    first, second = (asyncio.ensure_future(world.transfer(seconds=20.0)) for _ in range(2))
    await asyncio.sleep(0)
    # One place is free: the first one's turn has come, and in the same moment it is stopped.
    busy[0].cancel()
    await asyncio.sleep(0)
    assert not first.done()
    first.cancel()
    await second
    assert asyncio.get_running_loop().time() == 21.0
    await asyncio.gather(*busy, first, return_exceptions=True)
    await world.transfer()
    assert world.begun == []


@virtual
async def test_whoever_waits_for_a_busy_host_learns_at_once_that_it_is_in_trouble() -> None:
    world = World()
    tasks = [
        asyncio.ensure_future(world.transfer(error="timeout", seconds=20.0))
        for _ in range(MOST_AT_ONCE)
    ]
    await asyncio.sleep(1.0)
    waiting = [asyncio.ensure_future(world.transfer()) for _ in range(5)]
    gone = asyncio.ensure_future(world.transfer())
    await asyncio.sleep(1.0)
    gone.cancel()
    await asyncio.gather(*tasks)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, HostWaitsError) for each in results)
    assert asyncio.get_running_loop().time() == 20.0


@virtual
async def test_a_redirect_is_an_answer_and_what_follows_is_the_next_hosts() -> None:
    world = World()

    async def redirected() -> None:
        async with world.hosts.transfer(A, "media.", PATIENCE) as flow:
            flow.goes_to(B)
            raise file_error("media.", "timeout")

    for _ in range(2):
        with pytest.raises(ApiError):
            await redirected()
    assert world.named() == ["b.oneme.ru:8443"]
    with pytest.raises(HostWaitsError):
        await redirected()


@virtual
async def test_a_host_that_nobody_asks_for_is_forgotten_after_an_hour() -> None:
    world = World()
    for _ in range(2):
        await world.transfer(error="timeout")
    await asyncio.sleep(3599.0)
    assert world.named() == ["a.oneme.ru"]
    await asyncio.sleep(2.0)
    assert world.named() == []
    assert [each.host for each in world.ended] == ["a.oneme.ru"]


# --- slowness ----------------------------------------------------------------------------------------------


async def lasts(work: Callable[[Flow], Awaitable[None]], hosts: Hosts) -> tuple[float, str]:
    """Seconds until a transfer ended, and the detail of its failure."""
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        async with hosts.transfer(A, "media.", PATIENCE) as flow:
            await work(flow)
    except ApiError as error:
        return clock() - began, str(error.failure)
    return clock() - began, ""


def at(rate: float, seconds: float = 2000.0) -> Callable[[Flow], Awaitable[None]]:
    """So many KiB a second."""

    async def work(flow: Flow) -> None:
        for _ in range(int(seconds)):
            await asyncio.sleep(1.0)
            flow.moved(int(rate * KIB))

    return work


@pytest.mark.parametrize(
    ("rate", "many", "ends"),
    [
        (0, 1, (30.0, "media.timeout (silent)")),
        (3, 1, (30.0, "media.timeout (too slow)")),
        (3, 4, (30.0, "media.timeout (too slow)")),
        (5, 1, (900.0, "media.timeout (took too long)")),
        # A line that many share: together they get on.
        (3, 15, (900.0, "media.timeout (took too long)")),
        (2, 15, (30.0, "media.timeout (too slow)")),
    ],
)
@virtual
async def test_what_is_too_slow(rate: float, many: int, ends: tuple[float, str]) -> None:
    hosts = Hosts(lambda: 0.0)
    found = await asyncio.gather(*(lasts(at(rate), hosts) for _ in range(many)))
    assert set(found) == {ends}


@virtual
async def test_a_transfer_that_stops_in_the_middle_is_given_up_within_two_windows() -> None:
    async def work(flow: Flow) -> None:
        await at(1000.0, 20.0)(flow)
        await asyncio.sleep(5000.0)

    seconds, detail = await lasts(work, Hosts(lambda: 0.0))
    assert (seconds, detail) == (60.0, "media.timeout (too slow)")
