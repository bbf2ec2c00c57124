"""A batch's stale entries are refreshed together where one source computes them all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.keys import lease_key
from cache_core.lease_token import new_owner, token_of
from cache_core.stores import LeaseWrite, Put, Store, StoreUnavailableError, open_store
from cache_core.stores.memory import MemoryStore
from tests.cache.conftest import OpenCache
from tests.cache.helpers import PATIENCE_S, Clock, Events, still, until, wait_for_errands
from tests.servers.meter import Meter
from tests.servers.redis_server import RedisServer

STALE: dict[str, Any] = {"ttl_s": 60, "jitter": 0, "stale_while_revalidate_s": 600}
PAUSE_S = 0.1
MANY = [(number,) for number in range(100)]


class Squares:
    """Squares of numbers, many at a time: keeps what it was asked, waits and fails when told."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.fails = False
        self.go_on = threading.Event()
        self.go_on.set()

    def one(self, number: int) -> int:
        return self.many([(number,)])[0]

    def many(self, calls: list[tuple[int]]) -> list[int]:
        self.asked.append([number for (number,) in calls])
        assert self.go_on.wait(PATIENCE_S)
        if self.fails:
            raise RuntimeError("no squares today")
        return [number * number for (number,) in calls]


@pytest.fixture
def squares() -> Squares:
    return Squares()


def squared(cache: Cache, squares: Squares, **rules: Any) -> CachedFunction[[int], int]:
    return cache.cached("ns", source_many=squares.many, **{**STALE, **rules})(squares.one)


def outcomes(function: CachedFunction[[int], int], calls: list[tuple[int]] = MANY) -> set[str]:
    found = function.read_many(calls)
    assert [read.value for read in found] == [number * number for (number,) in calls]
    return {read.outcome for read in found}


def is_idle(cache: Cache) -> Callable[[], bool]:
    return lambda: not cache._path.refresher._refreshing


def test_all_at_once(
    ticking_cache: Cache, squares: Squares, clock: Clock, events: Events, meter: Meter
) -> None:
    square = squared(ticking_cache, squares)
    outcomes(square)
    wait_for_errands(ticking_cache)
    clock.advance(61)
    meter.reset()
    assert outcomes(square) == {"stale"}
    assert until(is_idle(ticking_cache))
    assert meter.round_trips == 3, "one to look, one to take the leases, one to write"
    assert squares.asked == [list(range(100))] * 2
    assert (events.incidents["refreshed"], events.incidents["refresh_skipped"]) == (100, 0)
    assert outcomes(square) == {"hit"}


def test_without_such_a_source_a_few_are_refreshed(
    ticking_cache: Cache, squares: Squares, clock: Clock, events: Events
) -> None:
    square = ticking_cache.cached("ns", **STALE)(squares.one)
    outcomes(square)
    clock.advance(61)
    squares.go_on.clear()
    assert outcomes(square) == {"stale"}
    squares.go_on.set()
    assert until(is_idle(ticking_cache))
    assert (events.incidents["refreshed"], events.incidents["refresh_skipped"]) == (4, 96)


def test_what_is_under_way_already_is_left_out(
    ticking_cache: Cache, squares: Squares, clock: Clock
) -> None:
    square = squared(ticking_cache, squares)
    outcomes(square, MANY[:4])
    clock.advance(61)
    squares.asked.clear()
    squares.go_on.clear()
    assert square.read(1).outcome == "stale"
    assert until(lambda: squares.asked == [[1]])
    assert outcomes(square, MANY[:4]) == {"stale"}
    assert until(lambda: squares.asked == [[1], [0, 2, 3]])
    assert outcomes(square, MANY[:4]) == {"stale"}
    squares.go_on.set()
    assert until(is_idle(ticking_cache))
    assert outcomes(square, MANY[:4]) == {"hit"}
    assert squares.asked == [[1], [0, 2, 3]]


def test_what_another_process_refreshes_is_left_to_it(
    ticking_cache: Cache, open_cache: OpenCache, squares: Squares, clock: Clock
) -> None:
    square = squared(ticking_cache, squares)
    outcomes(square, MANY[:4])
    clock.advance(61)
    squares.asked.clear()
    squares.go_on.clear()
    elsewhere = squared(open_cache(timing=still(clock)), squares)
    assert outcomes(elsewhere, MANY[:2]) == {"stale"}
    assert until(lambda: squares.asked == [[0, 1]])
    assert outcomes(square, MANY[:4]) == {"stale"}
    assert until(lambda: squares.asked == [[0, 1], [2, 3]])
    squares.go_on.set()
    assert until(lambda: outcomes(square, MANY[:4]) == {"hit"})
    assert squares.asked == [[0, 1], [2, 3]]


def test_a_source_that_fails_is_left_alone_for_a_while(
    open_cache: OpenCache, squares: Squares, clock: Clock, events: Events
) -> None:
    cache = open_cache(recorder=events, timing=still(clock, pause_s=PAUSE_S))
    square = squared(cache, squares)
    outcomes(square)
    clock.advance(61)
    squares.fails = True
    for _ in range(3):
        assert outcomes(square) == {"stale"}
        assert until(is_idle(cache))
    assert squares.asked == [list(range(100))] * 2
    assert events.incidents["refresh_failed"] == 100
    squares.fails = False

    def is_refreshed_after_a_pause() -> bool:
        clock.advance(PAUSE_S)
        return outcomes(square) == {"hit"}

    assert until(is_refreshed_after_a_pause)


def test_what_is_invalidated_meanwhile_is_not_written(
    ticking_cache: Cache, squares: Squares, clock: Clock, events: Events
) -> None:
    square = squared(ticking_cache, squares)
    outcomes(square, MANY[:4])
    clock.advance(61)
    squares.go_on.clear()
    assert outcomes(square, MANY[:4]) == {"stale"}
    assert until(lambda: len(squares.asked) == 2)
    square.invalidate(2)
    squares.go_on.set()
    assert until(is_idle(ticking_cache))
    assert (events.incidents["refreshed"], events.incidents["not_stored"]) == (3, 1)
    assert {number: square.read(number).outcome for number in range(4)} == {
        0: "hit",
        1: "hit",
        2: "miss",
        3: "hit",
    }


def test_a_value_of_altered_arguments_is_not_written(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    go_on = threading.Event()
    go_on.set()

    def many(calls: list[tuple[list[int]]]) -> list[int]:
        assert go_on.wait(PATIENCE_S)
        return [sum(*args) for args in calls]

    total: CachedFunction[[list[int]], int] = ticking_cache.cached("ns", source_many=many, **STALE)(
        lambda numbers: sum(numbers)
    )
    numbers = [1, 2]
    total.read_many([(numbers,), ([7],)])
    clock.advance(61)
    go_on.clear()
    assert [read.outcome for read in total.read_many([(numbers,), ([7],)])] == ["stale"] * 2
    numbers.append(100)
    go_on.set()
    assert until(is_idle(ticking_cache))
    assert events.incidents["not_stored"] == 1
    assert total.read([7]).outcome == "hit"
    assert total.read([1, 2]).value == 3


def test_what_the_function_will_not_keep_gives_its_lease_back(
    ticking_cache: Cache, squares: Squares, clock: Clock, events: Events
) -> None:
    keeps = True
    square = squared(ticking_cache, squares, cache_if=lambda value: keeps or value % 2)
    outcomes(square, MANY[:4])
    clock.advance(61)
    keeps = False
    assert outcomes(square, MANY[:4]) == {"stale"}
    assert until(is_idle(ticking_cache))
    wait_for_errands(ticking_cache)
    assert (events.incidents["refreshed"], events.incidents["refused"]) == (2, 2)
    clock.advance(601)
    assert square.read(2).outcome == "miss"


def test_leases_of_more_keys_than_errands_have_places_are_shortened_to_the_pause(
    store: Store, open_cache: OpenCache, squares: Squares, clock: Clock
) -> None:
    many = [(number,) for number in range(400)]
    cache = open_cache(timing=still(clock, pause_s=PAUSE_S, lease_s=600))
    square = squared(cache, squares)
    outcomes(square, many)
    clock.advance(61)
    squares.fails = True
    outcomes(square, many)
    assert until(is_idle(cache))
    wait_for_errands(cache)
    assert until(lambda: not [name for batch in store.scan("l:") for name in batch])


def test_what_was_won_is_given_back_where_the_bid_fails_later(
    clock: Clock, events: Events, squares: Squares
) -> None:
    class LosesOne(MemoryStore):
        loses = False

        def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
            if self.loses:
                self.loses = False
                raise StoreUnavailableError("cut off")
            return super().settle(writes)

    store = LosesOne()
    with Cache(store, recorder=events, timing=still(clock)) as cache:
        square = squared(cache, squares)
        outcomes(square)
        clock.advance(61)
        lease = lease_key(square.key(3).removeprefix(f"{store.prefix}:"))
        store.put_many([Put(lease, token_of(new_owner(), [b"other"]), 600)])
        store.loses = True
        assert outcomes(square) == {"stale"}
        assert until(is_idle(cache))
        wait_for_errands(cache)
        assert events.incidents["refresh_failed"] == 100
        assert [name for batch in store.scan("l:") for name in batch] in ([], [lease])


def test_in_a_coroutine(ticking_cache: Cache, clock: Clock, events: Events) -> None:
    asked = []

    async def many(calls: list[tuple[int]]) -> list[int]:
        asked.append(len(calls))
        return [number * number for (number,) in calls]

    async def scenario() -> None:
        @ticking_cache.cached("ns", source_many=many, **STALE)
        async def square(number: int) -> int:
            return number * number

        await square.read_many(MANY)
        clock.advance(61)
        assert {read.outcome for read in await square.read_many(MANY)} == {"stale"}
        async with asyncio.timeout(PATIENCE_S):
            while ticking_cache._path.refresher._refreshing:
                await asyncio.sleep(0.005)
        assert {read.outcome for read in await square.read_many(MANY)} == {"hit"}

    asyncio.run(scenario())
    assert asked == [100, 100]
    assert events.incidents["refreshed"] == 100


@pytest.mark.parametrize("at_once", [True, False])
def test_a_stale_value_stands_in_where_nothing_may_be_written_either(
    own_redis_server: RedisServer, squares: Squares, clock: Clock, events: Events, at_once: bool
) -> None:
    store = open_store(own_redis_server.url, prefix="full")
    with Cache(store, recorder=events, timing=still(clock)) as cache:
        square = squared(cache, squares, stale_while_revalidate_s=0, stale_if_error_s=600)
        outcomes(square, MANY[:2])
        clock.advance(61)
        with own_redis_server.client() as client:
            client.config_set("maxmemory", 1)
        squares.fails = True
        read: Callable[[], Any] = (
            (lambda: outcomes(square, MANY[:2])) if at_once else lambda: {square.read(1).outcome}
        )
        assert read() == {"stale"}
        squares.fails = False
        assert read() == {"bypass"}
