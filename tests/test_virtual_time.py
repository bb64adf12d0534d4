"""The virtual clock must never wait, never skip a timer and never hide a deadlock."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest

import virtual_time
from virtual_time import EPOCH, Clock, VirtualLoop, run, virtual


def test_sleeping_takes_virtual_time_only() -> None:
    async def night() -> float:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(8 * 3600)
        return loop.time()

    before = time.monotonic()
    assert run(night()) == 8 * 3600
    assert time.monotonic() - before < 3600


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def main() -> list[tuple[float, str]]:
        log: list[tuple[float, str]] = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            log.append((asyncio.get_running_loop().time(), name))

        await asyncio.gather(after(3, "c"), after(1, "a"), after(2, "b"))
        return log

    assert run(main()) == [(1, "a"), (2, "b"), (3, "c")]


def test_a_timeout_ends_a_wait_at_its_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(main()) == 30


def test_small_steps_add_up() -> None:
    async def main() -> float:
        for _ in range(1000):
            await asyncio.sleep(0.1)
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(100)


def test_a_deadlock_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="deadlock"):
        run(main())


def test_time_that_stands_still_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110 - this is what is to be found
            await asyncio.sleep(0)

    monkeypatch.setattr(virtual_time, "STILL", 1000)
    with pytest.raises(RuntimeError, match=r"the time stands still for 1000 turns(.|\n)*in main"):
        run(main())


def test_waiting_again_and_again_without_an_end_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(1)

    monkeypatch.setattr(virtual_time, "TURNS", 1000)
    with pytest.raises(RuntimeError, match=r"no end in 1000 turns(.|\n)*in main"):
        run(main())


def test_work_without_an_end_is_an_error_that_no_program_can_swallow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        while True:
            with contextlib.suppress(Exception):
                while True:
                    pass

    monkeypatch.setattr(virtual_time, "WORK", 0.05)
    with pytest.raises(virtual_time.Hung, match="in main"):
        run(main())


def test_no_time_of_the_wall_limits_a_virtual_test() -> None:
    (mark,) = test_a_test_can_be_virtual_and_have_fixtures.pytestmark  # type: ignore[attr-defined]
    assert (mark.name, mark.args) == ("timeout", (0,))


def test_the_clock_starts_at_the_epoch_and_can_be_skewed() -> None:
    async def main() -> list[float]:
        clock = Clock(asyncio.get_running_loop())
        told = [clock.now()]
        await asyncio.sleep(90)
        told.append(clock.now())
        clock.skew = -3600
        told.append(clock.now())
        return told

    assert run(main()) == [EPOCH, EPOCH + 90, EPOCH + 90 - 3600]


def test_a_clock_without_a_loop_follows_the_running_one() -> None:
    clock = Clock(epoch=1000)

    async def main() -> float:
        await asyncio.sleep(5)
        return clock.now()

    assert run(main()) == 1005


def test_work_for_threads_is_done_at_once() -> None:
    async def main() -> tuple[int, float]:
        result = await asyncio.to_thread(lambda: 6 * 7)
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return result, asyncio.get_running_loop().time()

    assert run(main()) == (42, 0)


def test_sockets_work_without_time_passing() -> None:
    async def main() -> bytes:
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        loop = asyncio.get_running_loop()
        reading = asyncio.create_task(loop.sock_recv(far, 10))
        await loop.sock_sendall(near, b"hello")
        received = await reading
        near.close()
        far.close()
        return received

    assert run(main()) == b"hello"


def test_a_moment_can_be_jumped_over() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.jump(10)
        return loop.time()

    assert run(main()) == 10


@pytest.fixture
def seconds() -> int:
    return 1000


@virtual
async def test_a_test_can_be_virtual_and_have_fixtures(seconds: int) -> None:
    before = time.monotonic()
    await asyncio.sleep(seconds)
    assert asyncio.get_running_loop().time() == 1000
    assert time.monotonic() - before < 1000
