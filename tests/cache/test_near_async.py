"""Copies near by answer coroutines as they answer threads."""

from __future__ import annotations

import asyncio

from cache_core import Cache
from tests.cache.helpers import Clock, Events
from tests.cache.tracked import wait_until_heard
from tests.servers.meter import Meter


def test_a_coroutine_is_answered_by_a_copy_and_asks_nobody(
    ticking_cache: Cache, clock: Clock, meter: Meter, events: Events
) -> None:
    @ticking_cache.cached("ns", ttl_s=60, near_ttl_s=10)
    async def listed(number: int) -> list[int]:
        return [number]

    async def scenario() -> None:
        for _ in range(2):
            await listed(1)
        wait_until_heard(ticking_cache)
        await listed(1)
        meter.reset()
        events.incidents.clear()
        (await listed(1)).append(2)  # a copy of its own
        read = await listed.read(1)
        assert (read.value, read.outcome) == ([1], "hit")
        assert (meter.round_trips, events.incidents["near_hit"]) == (0, 2)
        clock.advance(10)
        assert await listed(1) == [1]
        assert meter.round_trips == 1

    asyncio.run(scenario())
