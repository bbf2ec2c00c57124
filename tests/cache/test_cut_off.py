"""Reads that are cut off in the middle leave nothing that others would wait for."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import pytest

from cache_core import Cache, SourceTimeoutError
from cache_core.flights import Flights
from cache_core.stores import LeaseWrite, Put, StoreUnavailableError
from cache_core.stores.direct import DirectAsyncStore
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import Clock, Events, still
from tests.cache.tracked import wait_until

LEASE_S = 600.0


def leases(cache: Cache) -> list[str]:
    return [key for batch in cache.store.scan("l:") for key in batch]


def test_a_task_cancelled_while_it_stores_gives_its_lease_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storing = asyncio.Event()

    async def never_answers(_: object, writes: Sequence[LeaseWrite]) -> list[bool]:
        storing.set()
        await asyncio.Event().wait()
        return []

    async def scenario(cache: Cache) -> None:
        @cache.cached("ns", ttl_s=60)
        async def one() -> int:
            return 1

        reading = asyncio.ensure_future(one())
        await storing.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    monkeypatch.setattr(DirectAsyncStore, "settle", never_answers)
    with Cache(MemoryStore(), recorder=Events(), timing=still(lease_s=LEASE_S)) as cache:
        asyncio.run(scenario(cache))
        wait_until(lambda: not leases(cache), "the lease is given back")


def test_leases_that_a_batch_may_have_won_unheard_are_given_back() -> None:
    store = MemoryStore()
    win = store.add_then_get

    def answers_too_late(adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        win(adds, keys)
        raise StoreUnavailableError("no answer in time")

    store.add_then_get = answers_too_late  # type: ignore[method-assign]
    with Cache(store, recorder=Events(), timing=still(lease_s=LEASE_S)) as cache:

        @cache.cached("ns", ttl_s=60)
        def same(number: int) -> int:
            return number

        assert [found.value for found in same.read_many([(1,), (2,)])] == [1, 2]
        wait_until(lambda: not leases(cache), "the leases are given back")


# Event loops that are closed without ending their tasks


def in_a_loop_that_is_just_closed(coroutine: Any) -> Any:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()
        gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_lease_is_not_renewed_for_a_loop_that_was_closed() -> None:
    clock = Clock()
    with Cache(MemoryStore(), recorder=Events(), timing=still(clock, lease_s=LEASE_S)) as cache:
        keeper = cache._path.leases._keeper

        @cache.cached("ns", ttl_s=60, source_timeout_s=0.01)
        async def never() -> None:
            await asyncio.Event().wait()

        with pytest.raises(SourceTimeoutError):
            in_a_loop_that_is_just_closed(never())
        assert keeper._held
        clock.advance(LEASE_S)
        keeper.renew()
        assert not keeper._held


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nobody_joins_what_a_closed_loop_left() -> None:
    with Cache(MemoryStore(), recorder=Events(), timing=still(lease_s=0.5)) as cache:

        async def source() -> int:
            if not is_over:
                await asyncio.Event().wait()
            return 1

        async def read(timeout_s: float) -> int:
            return await cache.aio.get_or_compute(
                "ns", "k", source, ttl_s=60, source_timeout_s=timeout_s
            )

        is_over = False
        with pytest.raises(SourceTimeoutError):
            in_a_loop_that_is_just_closed(read(0.01))
        is_over = True
        assert asyncio.run(read(30)) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_refresh_that_a_closed_loop_left_does_not_prevent_the_next() -> None:
    clock = Clock()
    values = iter(["old", "new", "newer"])
    with Cache(MemoryStore(), recorder=Events(), timing=still(clock)) as cache:
        refresher = cache._path.refresher

        @cache.cached("ns", ttl_s=60, stale_while_revalidate_s=600)
        async def value_of() -> str:
            await asyncio.sleep(0)
            return next(values)

        async def read_and_wait_for_refresh() -> str:
            value = await value_of()
            tasks = [task for task in refresher._tasks if not task.get_loop().is_closed()]
            await asyncio.gather(*tasks)
            return value

        in_a_loop_that_is_just_closed(value_of())
        clock.advance(61)
        assert in_a_loop_that_is_just_closed(value_of()) == "old"
        cache.store.remove(leases(cache))  # as if its time had run out
        assert asyncio.run(read_and_wait_for_refresh()) == "old"
        assert asyncio.run(value_of()) == "new"


def test_a_flight_that_lost_its_lease_is_forgotten_with_its_end() -> None:
    flights = Flights()
    flight, _ = flights.join_or_open("k", None, None, (None,))
    flights.note(flight, b"own", (None,), own=True)
    flights.note(flight, b"another's", (b"g",), own=False)
    flights.end(flight)
    assert not flights._by_holder
