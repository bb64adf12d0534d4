"""demo.patience: the demo waits as long as anything happens, and longer the slower the machine is."""

from __future__ import annotations

import asyncio

from maxbridge.demo.patience import QUIET, TICK, TOLD, Patience
from virtual_time import VirtualLoop, virtual


@virtual
async def test_it_ends_when_nothing_has_happened_for_long() -> None:
    patience = Patience(lambda: 0)
    while not patience.is_over:
        await patience.round()
    assert patience.rounds == QUIET > TOLD
    # A call whose answer never comes ends after 30 s, and may be repeated 90 s later.
    assert patience.seconds > 150.0
    assert patience.quiet == patience.seconds


@virtual
async def test_it_never_ends_while_something_happens() -> None:
    loop = asyncio.get_running_loop()
    patience = Patience(lambda: loop.time() // 100)
    for _ in range(20 * QUIET):
        await patience.round()
        assert not patience.is_over
        assert patience.quiet <= 100.0 + TICK


@virtual
async def test_it_is_longer_where_the_machine_has_no_time_for_it() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    patience = Patience(lambda: 0)
    while not patience.is_over:
        loop.jump(0.5)  # something else had the processor
        await patience.round()
    assert patience.seconds > 10 * QUIET * TICK


@virtual
async def test_a_pause_of_the_whole_machine_is_one_round() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    patience = Patience(lambda: 0)
    await patience.round()
    loop.jump(3 * 86400.0)
    await patience.round()
    assert patience.rounds == 2
    assert not patience.is_over
