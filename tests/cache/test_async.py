"""`async def` sources: the same answers, without blocking the event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any

import pytest

from cache_core import Cache
from cache_core.flights import Flight
from cache_core.stores import Store
from tests.cache.helpers import Clock, Events


async def somebody_waits_for(flight: Flight) -> None:
    while not flight.future._done_callbacks:  # type: ignore[attr-defined]
        await asyncio.sleep(0)


def test_fifty_tasks_compute_a_cold_key_once(cache: Cache) -> None:
    calls: list[int] = []

    async def run() -> list[dict[str, int]]:
        everybody_asked = asyncio.Event()

        @cache.cached("ns", ttl_s=60)
        async def read(number: int) -> dict[str, int]:
            calls.append(number)
            await everybody_asked.wait()
            return {"number": number}

        tasks = [asyncio.ensure_future(read(7)) for _ in range(50)]
        while not calls:
            await asyncio.sleep(0)
        everybody_asked.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == [{"number": 7}] * 50
    assert calls == [7]


def test_an_async_function_has_the_same_face(cache: Cache) -> None:
    values = iter(range(10))

    @cache.cached("ns", ttl_s=60)
    async def read(name: str) -> int:
        return next(values)

    async def run() -> list[Any]:
        seen: list[Any] = [await read("a"), await read("a"), (await read.read("a")).outcome]
        await read.invalidate("a")
        seen += [await read("a"), (await read.refresh("a")).value, await read("a")]
        await read.clear()
        seen += [found.value for found in await read.read_many([("a",), ("b",), ("a",)])]
        return seen

    assert asyncio.run(run()) == [0, 0, "hit", 1, 2, 2, 3, 4, 3]


def test_a_task_that_is_cancelled_does_not_fail_those_who_wait(cache: Cache) -> None:
    async def run() -> tuple[bool, str]:
        began = asyncio.Event()
        never = asyncio.Event()
        asked: list[int] = []

        @cache.cached("ns", ttl_s=60)
        async def read() -> str:
            asked.append(1)
            if len(asked) == 1:
                began.set()
                await never.wait()
            return "value"

        leader = asyncio.ensure_future(read())
        await began.wait()
        waiter = asyncio.ensure_future(read())
        (flight,) = cache._path.flights._by_key.values()
        await somebody_waits_for(flight)
        leader.cancel()
        value = await waiter
        return leader.cancelled(), value

    assert asyncio.run(run()) == (True, "value")


def test_a_waiter_that_is_cancelled_leaves_the_computation_alone(cache: Cache) -> None:
    async def run() -> str:
        began, go_on = asyncio.Event(), asyncio.Event()

        @cache.cached("ns", ttl_s=60)
        async def read() -> str:
            began.set()
            await go_on.wait()
            return "value"

        leader = asyncio.ensure_future(read())
        await began.wait()
        (flight,) = cache._path.flights._by_key.values()
        waiter = asyncio.ensure_future(read())
        await somebody_waits_for(flight)
        waiter.cancel()
        go_on.set()
        return await leader

    assert asyncio.run(run()) == "value"


def test_the_sources_exception_reaches_every_task(cache: Cache) -> None:
    async def run() -> list[BaseException]:
        @cache.cached("ns", ttl_s=60)
        async def read() -> str:
            raise LookupError("from the source")

        return await asyncio.gather(*(read() for _ in range(3)), return_exceptions=True)  # type: ignore[return-value]

    assert [str(exc) for exc in asyncio.run(run())] == ["from the source"] * 3


def test_a_stale_value_is_refreshed_in_a_task(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    values = iter(["old", "new", "newer"])

    @ticking_cache.cached("ns", ttl_s=60, stale_while_revalidate_s=60)
    async def read() -> str:
        return next(values)

    async def run() -> list[str]:
        first = await read()
        clock.advance(61)
        second = await read()
        await asyncio.gather(*ticking_cache._path.refresher._tasks)
        return [first, second, await read()]

    assert asyncio.run(run()) == ["old", "old", "new"]
    assert events.incidents["refreshed"] == 1


def test_a_loop_that_ends_before_a_refresh_began_does_not_prevent_the_next(
    ticking_cache: Cache, clock: Clock, store: Store
) -> None:
    values = iter(["old", "new", "newer"])

    @ticking_cache.cached("ns", ttl_s=60, stale_while_revalidate_s=600)
    async def read() -> str:
        await asyncio.sleep(0)  # or a store that never waits would be done before the loop ends
        return next(values)

    async def read_and_wait_for_refresh() -> str:
        value = await read()
        await asyncio.gather(*ticking_cache._path.refresher._tasks)
        return value

    asyncio.run(read())
    clock.advance(61)
    assert asyncio.run(read()) == "old"
    clock.advance(10)  # the pause after an attempt that stored nothing
    for batch in list(store.scan("l:")):
        store.remove(batch)  # the lease that the first attempt may have taken runs out
    assert asyncio.run(read_and_wait_for_refresh()) == "old"
    assert asyncio.run(read()) == "new"


def test_refreshes_in_tasks_are_bounded_and_the_rest_is_skipped(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    async def run() -> list[int]:
        go_on = asyncio.Event()
        go_on.set()

        @ticking_cache.cached("ns", ttl_s=60, stale_while_revalidate_s=60)
        async def read(number: int) -> int:
            await go_on.wait()
            return number

        await asyncio.gather(*(read(number) for number in range(40)))
        clock.advance(61)
        go_on.clear()
        stale = await asyncio.gather(*(read(number) for number in range(40)))
        go_on.set()
        await asyncio.gather(*ticking_cache._path.refresher._tasks)
        return stale

    assert asyncio.run(run()) == list(range(40))
    assert (events.incidents["refreshed"], events.incidents["refresh_skipped"]) == (32, 8)


@pytest.mark.parametrize("is_awaited", [True, False])
def test_the_source_of_many_may_be_async_or_not(cache: Cache, is_awaited: bool) -> None:
    async def many_async(calls: list[tuple[int]]) -> list[int]:
        return [number * 2 for (number,) in calls]

    def many(calls: list[tuple[int]]) -> list[int]:
        return [number * 2 for (number,) in calls]

    @cache.cached("ns", ttl_s=60, source_many=many_async if is_awaited else many)
    async def double(number: int) -> int:
        raise AssertionError("asked one by one")

    async def run() -> list[int]:
        return [found.value for found in await double.read_many([(1,), (2,)])]

    assert asyncio.run(run()) == [2, 4]


def test_an_exception_that_asyncio_has_its_own_of_reaches_who_waits_unchanged(
    cache: Cache,
) -> None:
    """Not as asyncio's CancelledError: nobody cancelled the task that waits."""
    failure = concurrent.futures.CancelledError("of a thread pool")

    async def run() -> list[object]:
        began, go_on = asyncio.Event(), asyncio.Event()

        @cache.cached("ns", ttl_s=60)
        async def read() -> str:
            began.set()
            await go_on.wait()
            raise failure

        leader = asyncio.ensure_future(read())
        await began.wait()
        (flight,) = cache._path.flights._by_key.values()
        waiter = asyncio.ensure_future(read())
        await somebody_waits_for(flight)
        go_on.set()
        return list(await asyncio.gather(leader, waiter, return_exceptions=True))

    assert asyncio.run(run()) == [failure, failure]


def test_a_lambda_that_gives_a_coroutine_is_refreshed_too(
    ticking_cache: Cache, clock: Clock
) -> None:
    values = iter(["old", "new"])

    async def fetch() -> str:
        return next(values)

    async def read() -> str:
        return await ticking_cache.aio.get_or_compute(
            "ns", "k", lambda: fetch(), ttl_s=60, stale_while_revalidate_s=60
        )

    async def run() -> list[str]:
        first = await read()
        clock.advance(61)
        second = await read()
        await asyncio.gather(*ticking_cache._path.refresher._tasks)
        return [first, second, await read()]

    assert asyncio.run(run()) == ["old", "old", "new"]
