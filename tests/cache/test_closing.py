"""A cache that is closed while others read: they are answered by their source."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from cache_core import Cache
from cache_core.stores import Store
from tests.cache.helpers import Events, HeldSource, still, threads, until
from tests.servers.places import StorePlace

READERS = 8
KEYS = 10
BEGUN = 30  # reads of each


def descriptors() -> int:
    return int(psutil.Process().num_fds())


def read_until(stop: threading.Event, began: threading.Barrier, read: Callable[[int], Any]) -> int:
    """How many reads were right; raises what a read raises."""
    number = 0
    while not stop.is_set():
        assert read(number % KEYS) == number % KEYS
        number += 1
        if number == BEGUN:
            began.wait(30)
    return number


def test_threads_reading_are_answered_by_their_source(store_place: StorePlace) -> None:
    before = descriptors()
    stop, began = threading.Event(), threading.Barrier(READERS + 1)
    cache = Cache(store_place.open(), recorder=Events(), timing=still())
    function = cache.cached("ns", ttl_s=0.05, stale_while_revalidate_s=60)(lambda number: number)
    with threads(READERS) as submit:
        reading = [submit(read_until, stop, began, function) for _ in range(READERS)]
        began.wait(30)
        cache.close()
        last = function.read(1)
        stop.set()
        assert all(done.result() >= BEGUN for done in reading)
    assert (last.value, last.outcome) == (1, "bypass")
    assert until(lambda: descriptors() <= before), "connections are left open"


def test_tasks_reading_are_answered_by_their_source(store_place: StorePlace) -> None:
    before = descriptors()

    async def main() -> Any:
        cache = Cache(store_place.open(), recorder=Events(), timing=still())

        @cache.cached("ns", ttl_s=60)
        async def function(number: int) -> int:
            await asyncio.sleep(0)
            return number

        async def read(first: int) -> None:
            for number in itertools.count(first):
                was_closed = closed.is_set()
                assert await function(number % KEYS) == number % KEYS
                if number == first + BEGUN:
                    began.set()
                if was_closed:
                    return
                await asyncio.sleep(0)

        closed, began = asyncio.Event(), asyncio.Event()
        reading = [asyncio.create_task(read(first)) for first in range(READERS)]
        await began.wait()
        await cache.aio.close()
        closed.set()
        await asyncio.gather(*reading)
        return await function.read(1)

    last = asyncio.run(main())
    assert (last.value, last.outcome) == (1, "bypass")
    assert until(lambda: descriptors() <= before), "connections are left open"


@pytest.mark.parametrize("waits", [False, True])
def test_a_read_that_computes_or_waits_is_answered(store: Store, waits: bool) -> None:
    source = HeldSource("value")
    cache = Cache(store, recorder=Events(), timing=still())
    with threads(2) as submit:
        reading = [submit(cache.get_or_compute, "ns", "k", source, ttl_s=60)]
        source.wait_until_running()
        if waits:
            reading.append(submit(cache.get_or_compute, "ns", "k", source, ttl_s=60))
        cache.close()
        source.go_on.set()
        assert [done.result(30) for done in reading] == ["value"] * len(reading)


def test_invalidating_and_reading_many_after_closing_do_not_raise(store: Store) -> None:
    cache = Cache(store, recorder=Events(), timing=still())
    function = cache.cached("ns", ttl_s=60)(lambda number: number)
    cache.close()
    function.invalidate(1)
    cache.invalidate_tags(["t"])
    cache.clear("ns")
    assert [read.value for read in function.read_many([(1,), (2,)])] == [1, 2]
    assert function.refresh(3).value == 3
    assert cache.get_many("ns", ["k"]) == {}
