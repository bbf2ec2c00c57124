"""Readers near an entry's expiry volunteer by lot, so that nobody waits when it expires."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core import Cache
from cache_core.freshness import is_due_early
from cache_core.steps import run
from cache_core.stores import Store
from cache_core.timing import Timing
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock, Events, finish_background, still, until

SECONDS = st.floats(1e-6, 1e6)
SHARES = st.floats(0, 1, exclude_max=True)


def due(left_s: float, source_s: float, drawn: float, eagerness: float = 1.0) -> bool:
    return is_due_early(left_s=left_s, source_s=source_s, eagerness=eagerness, draw=lambda: drawn)


@given(source_s=SECONDS, drawn=SHARES)
def test_from_expiry_on_everybody_volunteers(source_s: float, drawn: float) -> None:
    assert due(0.0, source_s, drawn)
    assert due(-1.0, source_s, drawn)


@given(left_s=SECONDS, source_s=SECONDS)
def test_the_share_of_volunteers_falls_off_with_the_time_left(
    left_s: float, source_s: float
) -> None:
    share = math.exp(-left_s / source_s)
    assert due(left_s, source_s, min(1 - share * 0.9, 1 - 2**-53)) == (share > 2**-53)
    assert not due(left_s, source_s, max(1 - share * 1.1, 0.0))


@given(left_s=SECONDS, source_s=SECONDS, drawn=SHARES)
def test_without_eagerness_nobody_volunteers(left_s: float, source_s: float, drawn: float) -> None:
    assert not due(left_s, source_s, drawn, eagerness=0.0)


@given(left_s=SECONDS, source_s=SECONDS, drawn=SHARES, eagerness=st.floats(0.1, 5))
def test_who_volunteers_does_so_with_more_eagerness_too(
    left_s: float, source_s: float, drawn: float, eagerness: float
) -> None:
    if due(left_s, source_s, drawn, eagerness):
        assert due(left_s, source_s, drawn, eagerness * 2)


class Source:
    """Takes a second of the test's clock; counts its calls, and fails when told to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.calls = 0
        self.fails = False

    def __call__(self) -> int:
        self._clock.advance(1.0)
        self.calls += 1
        if self.fails:
            raise LookupError("down")
        return self.calls


@pytest.fixture
def source(clock: Clock) -> Source:
    return Source(clock)


@pytest.fixture
def eager_cache(store: Store, events: Events, clock: Clock) -> Iterator[Cache]:
    """A cache whose lots all fall on volunteering, once that is possible at all."""
    timing = Timing(clock=clock, monotonic=clock, draw=lambda: 1 - 2**-53)
    with Cache(store, recorder=events, timing=timing) as cache:
        yield cache


def read(cache: Cache, source: Source, **rules: Any) -> int:
    return cache.get_or_compute("ns", "k", source, ttl_s=60, jitter=0, **rules)


def test_a_reader_near_expiry_gets_the_value_and_has_it_computed_anew(
    eager_cache: Cache, source: Source, clock: Clock, events: Events
) -> None:
    read(eager_cache, source)
    clock.advance(59)
    assert read(eager_cache, source) == 1
    finish_background(eager_cache)
    clock.advance(30)
    assert read(eager_cache, source) == 2
    assert events.outcomes == ["miss.cold", "hit", "hit"]
    assert events.incidents["refreshed"] == 1


def test_far_from_expiry_nobody_volunteers(
    eager_cache: Cache, source: Source, clock: Clock
) -> None:
    read(eager_cache, source)
    clock.advance(10)
    read(eager_cache, source)
    finish_background(eager_cache)
    assert source.calls == 1


def test_a_policy_may_forbid_it(eager_cache: Cache, source: Source, clock: Clock) -> None:
    read(eager_cache, source)
    clock.advance(59)
    read(eager_cache, source, early_refresh=0)
    finish_background(eager_cache)
    assert source.calls == 1


def test_a_failing_early_refresh_costs_the_next_reader_no_wait(
    eager_cache: Cache, open_cache: OpenCache, source: Source, clock: Clock
) -> None:
    read(eager_cache, source)
    clock.advance(58)
    source.fails = True
    assert read(eager_cache, source) == 1
    finish_background(eager_cache)
    assert source.calls == 2
    clock.advance(3)
    source.fails = False
    other = open_cache(timing=still(clock))
    assert read(other, source) == 3


def test_what_another_process_computed_meanwhile_is_not_computed_again(
    eager_cache: Cache, open_cache: OpenCache, source: Source, clock: Clock
) -> None:
    read(eager_cache, source)
    clock.advance(59)
    call = eager_cache.call_by_hand(
        "ns", "k", source, ttl_s=60, tags=(), policy=None, rules={"jitter": 0}
    )
    (seen,) = run(eager_cache._path.sharing.bids.look([call]), eager_cache.store)
    other = open_cache(timing=still(clock))
    other.reader.renew(call)
    assert source.calls == 2
    eager_cache._path.refresher.refresh_later([call], [seen])
    finish_background(eager_cache)
    assert source.calls == 2


def test_readers_near_by_volunteer_too(
    eager_cache: Cache, source: Source, clock: Clock, events: Events
) -> None:
    for _ in range(3):
        read(eager_cache, source, near_ttl_s=60)
    clock.advance(57)
    assert read(eager_cache, source, near_ttl_s=60) == 1
    finish_background(eager_cache)
    assert source.calls == 2
    assert events.incidents["near_hit"] > 0


def test_a_batch_volunteers_too(eager_cache: Cache, source: Source, clock: Clock) -> None:
    function = eager_cache.cached("ns", ttl_s=60, jitter=0)(lambda _: source())
    function.read_many([(1,), (2,)])
    clock.advance(50)
    assert [found.outcome for found in function.read_many([(1,), (2,)])] == ["hit", "hit"]
    finish_background(eager_cache)
    assert source.calls == 4


def test_a_batch_with_one_source_has_it_asked_once(
    eager_cache: Cache, source: Source, clock: Clock, events: Events
) -> None:
    def many(calls: list[tuple[int]]) -> list[int]:
        return [source()] * len(calls)

    function = eager_cache.cached("ns", ttl_s=60, jitter=0, source_many=many)(lambda _: source())
    function.read_many([(1,), (2,)])
    clock.advance(50)
    assert [found.outcome for found in function.read_many([(1,), (2,)])] == ["hit", "hit"]
    finish_background(eager_cache)
    assert source.calls == 2
    assert events.incidents["refreshed"] == 2


def test_an_attempt_that_failed_is_not_repeated_before_a_pause(
    eager_cache: Cache, source: Source, clock: Clock
) -> None:
    def calls() -> int:
        read(eager_cache, source)
        assert until(lambda: not eager_cache._path.refresher._refreshing)
        return source.calls

    read(eager_cache, source)
    source.fails = True
    clock.advance(30)
    assert [calls(), calls()] == [2, 2]
    clock.advance(5)
    assert [calls(), calls()] == [3, 3]


def test_a_coroutine_volunteers_too(eager_cache: Cache, source: Source, clock: Clock) -> None:
    @eager_cache.cached("async", ttl_s=60, jitter=0)
    async def value() -> int:
        return source()

    async def reads() -> None:
        await value()
        clock.advance(59)
        assert await value() == 1
        while eager_cache._path.refresher._tasks:
            await asyncio.sleep(0)
        assert await value() == 2

    asyncio.run(reads())
