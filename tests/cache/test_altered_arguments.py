"""A source that runs beside its caller: arguments altered meanwhile leave no wrong value behind."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pandas as pd
import pytest

from cache_core import Cache, SourceTimeoutError
from cache_core.cached import CachedFunction
from cache_core.timing import Timing
from tests.cache.conftest import OpenCache
from tests.cache.helpers import (
    PATIENCE_S,
    Clock,
    Events,
    HeldSource,
    finish_background,
    threads,
    until,
)

SHORT_S = 0.05
STALE: dict[str, Any] = {"ttl_s": 10, "jitter": 0, "stale_while_revalidate_s": 600}


class HeldSum:
    """A sum that says when it runs, and adds up when it is let; at once while `held` is None."""

    def __init__(self) -> None:
        self.held: HeldSource | None = None

    def __call__(self, numbers: list[int]) -> int:
        if self.held is not None:
            self.held()
        return sum(numbers)

    def hold(self) -> HeldSource:
        self.held = HeldSource()
        return self.held


def test_a_refresh_of_altered_arguments_is_not_stored(
    ticking_cache: Cache, clock: Clock, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    source, numbers = HeldSum(), [1, 2]
    total = ticking_cache.cached("ns", **STALE)(source)
    total(numbers)
    clock.advance(11)
    held = source.hold()
    assert total.read(numbers).outcome == "stale"
    held.wait_until_running()
    numbers.append(100)
    with caplog.at_level(logging.WARNING, "cache_core"):
        held.go_on.set()
        finish_background(ticking_cache)
    assert (total([1, 2]), events.incidents["not_stored"]) == (3, 1)
    assert [getattr(record, "cache_event", None) for record in caplog.records] == [
        "arguments_altered"
    ]


def test_a_refresh_of_arguments_that_stayed_is_stored(ticking_cache: Cache, clock: Clock) -> None:
    source, numbers = HeldSum(), [1, 2]
    total = ticking_cache.cached("ns", **STALE)(source)
    total(numbers)
    clock.advance(11)
    total(numbers)
    finish_background(ticking_cache)
    assert total.read([1, 2]).outcome == "hit"


def test_an_early_refresh_of_an_altered_frame_is_not_stored(
    open_cache: OpenCache, clock: Clock
) -> None:
    held = HeldSource()
    held.go_on.set()
    events = Events()
    eager = Timing(clock=clock, monotonic=clock, draw=lambda: 0.9999)
    cache = open_cache(timing=eager, recorder=events)

    @cache.cached("ns", ttl_s=10, jitter=0, early_refresh=10)
    def total(frame: pd.DataFrame) -> int:
        held()
        clock.advance(1)
        return int(frame["a"].sum())

    frame = pd.DataFrame({"a": [1, 2]})
    total(frame)
    clock.advance(8)
    held.began.clear()
    held.go_on.clear()
    assert total.read(frame).outcome == "hit"
    held.wait_until_running()
    frame.loc[0, "a"] = 100
    held.go_on.set()
    finish_background(cache)
    assert events.incidents["not_stored"] == 1


def test_a_refresh_of_altered_arguments_in_a_coroutine_is_not_stored(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()
        go_on.set()

        @ticking_cache.cached("ns", **STALE)
        async def total(numbers: list[int]) -> int:
            await go_on.wait()
            return sum(numbers)

        numbers = [1, 2]
        await total(numbers)
        clock.advance(11)
        go_on.clear()
        assert (await total.read(numbers)).outcome == "stale"
        numbers.append(100)
        go_on.set()
        async with asyncio.timeout(PATIENCE_S):
            while not events.incidents["not_stored"]:
                await asyncio.sleep(0.005)
        assert await total([1, 2]) == 3

    asyncio.run(scenario())


def _sum_in_time(cache: Cache, source: Any, **rules: Any) -> CachedFunction[[list[int]], int]:
    function: CachedFunction[[list[int]], int] = cache.cached(
        "ns", ttl_s=60, source_timeout_s=SHORT_S, **rules
    )(source)
    return function


def test_a_source_that_outlasts_its_caller_does_not_store_altered_arguments(
    cache: Cache, events: Events
) -> None:
    source, numbers = HeldSum(), [1, 2]
    held = source.hold()
    total = _sum_in_time(cache, source)
    with pytest.raises(SourceTimeoutError):
        total(numbers)
    numbers.append(100)
    held.go_on.set()
    assert until(lambda: events.incidents["not_stored"] == 1)
    assert total([1, 2]) == 3


def test_who_joined_it_is_not_handed_the_value_of_altered_arguments(cache: Cache) -> None:
    source, numbers = HeldSum(), [1, 2]
    held = source.hold()
    total = cache.cached("ns", ttl_s=60, source_timeout_s=PATIENCE_S)(source)
    with threads(2) as submit:
        leading = submit(total, numbers)
        held.wait_until_running()
        joining = submit(total, [1, 2])
        numbers.append(100)
        held.go_on.set()
        assert (leading.result(), joining.result()) == (103, 3)


def test_a_batch_that_outlasts_its_caller_does_not_store_altered_arguments(
    cache: Cache, events: Events
) -> None:
    source, numbers = HeldSum(), [1, 2]
    held = source.hold()

    def many(calls: list[tuple[list[int]]]) -> list[int]:
        return [source(*args) for args in calls]

    total = _sum_in_time(cache, source, source_many=many)
    with pytest.raises(SourceTimeoutError):
        total.read_many([(numbers,), ([7],)])
    numbers.append(100)
    held.go_on.set()
    assert until(lambda: events.incidents["not_stored"] == 1)
    assert until(lambda: total.read([7]).outcome == "hit")
    assert total([1, 2]) == 3


def test_a_key_of_ones_own_is_made_again_too(cache: Cache, events: Events) -> None:
    source, numbers = HeldSum(), [1, 2]
    held = source.hold()
    total = _sum_in_time(cache, source, key=tuple)
    with pytest.raises(SourceTimeoutError):
        total(numbers)
    numbers.append(100)
    held.go_on.set()
    assert until(lambda: events.incidents["not_stored"] == 1)
    assert total([1, 2]) == 3
