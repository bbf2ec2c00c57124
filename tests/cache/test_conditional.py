"""Which values are kept, for how long, and what happens when the source fails."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from cache_core import Cache
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock, Events, HeldSource, finish_background, still


class Flaky:
    """A source that fails while told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0
        self.failure: Exception | None = None

    def __call__(self) -> str:
        self.calls += 1
        if self.failure:
            raise self.failure
        return f"value {self.calls}"


def read(cache: Cache, source: Any, **rules: Any) -> Any:
    return cache.get_or_compute("ns", "k", source, **{"ttl_s": 60, **rules})


def test_none_is_a_value(cache: Cache, events: Events) -> None:
    assert [read(cache, lambda: None), read(cache, lambda: 1)] == [None, None]
    assert events.outcomes == ["miss.cold", "hit"]


def test_a_value_that_cache_if_refuses_is_returned_and_not_kept(
    cache: Cache, events: Events
) -> None:
    values: list[list[int]] = [[], [], [1], [2]]
    kept = [read(cache, lambda value=value: value, cache_if=bool) for value in values]
    assert kept == [[], [], [1], [1]]
    assert events.incidents["refused"] == 2


def test_a_cache_if_that_raises_frees_the_lease(cache: Cache) -> None:
    def refuse(value: object) -> bool:
        raise LookupError("from cache_if")

    with pytest.raises(LookupError, match="from cache_if"):
        read(cache, lambda: 1, cache_if=refuse)
    finish_background(cache)
    assert [key for batch in cache.store.scan("l:") for key in batch] == []


def test_an_exception_is_not_kept(cache: Cache, events: Events) -> None:
    source = Flaky()
    source.failure = RuntimeError("first")
    with pytest.raises(RuntimeError):
        read(cache, source)
    source.failure = None
    assert read(cache, source) == "value 2"
    assert events.outcomes == ["error", "miss.cold"]


def test_the_sources_own_exception_reaches_the_caller_unchanged(cache: Cache) -> None:
    source = Flaky()
    source.failure = LookupError("mine", 7)
    with pytest.raises(LookupError) as raised:
        read(cache, source)
    assert raised.value is source.failure
    assert raised.value.__cause__ is None
    frames = traceback.extract_tb(raised.value.__traceback__)
    assert frames[-1].line == "raise self.failure"


def test_a_sources_timeout_is_not_taken_for_one_of_ours(cache: Cache) -> None:
    source = Flaky()
    source.failure = TimeoutError("of the database")
    with pytest.raises(TimeoutError, match="of the database"):
        read(cache, source)
    assert source.calls == 1


def test_a_failing_source_leaves_no_lease_behind(cache: Cache) -> None:
    source = Flaky()
    source.failure = RuntimeError("no")
    with pytest.raises(RuntimeError):
        read(cache, source)
    finish_background(cache)
    assert [key for batch in cache.store.scan("l:") for key in batch] == []


def test_an_expired_entry_is_computed_anew(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    source = Flaky()
    read(ticking_cache, source)
    clock.advance(59)
    assert read(ticking_cache, source) == "value 1"
    clock.advance(1)
    assert read(ticking_cache, source) == "value 2"
    assert events.outcomes == ["miss.cold", "hit", "miss.expired"]


def test_a_none_may_live_shorter(ticking_cache: Cache, clock: Clock) -> None:
    read(ticking_cache, lambda: None, none_ttl_s=5)
    clock.advance(4)
    assert read(ticking_cache, lambda: 1, none_ttl_s=5) is None
    clock.advance(1)
    assert read(ticking_cache, lambda: 1, none_ttl_s=5) == 1


def test_a_stale_value_is_served_while_the_source_fails(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    source = Flaky()
    read(ticking_cache, source, stale_if_error_s=600)
    source.failure = RuntimeError("down")
    clock.advance(61)
    assert read(ticking_cache, source, stale_if_error_s=600) == "value 1"
    assert events.outcomes == ["miss.cold", "stale"]


def test_a_failing_source_is_left_alone_for_a_pause(open_cache: OpenCache, clock: Clock) -> None:
    cache = open_cache(timing=still(clock, pause_s=600.0))
    source = Flaky()
    read(cache, source, stale_if_error_s=600)
    source.failure = RuntimeError("down")
    clock.advance(61)
    for _ in range(20):
        assert read(cache, source, stale_if_error_s=600) == "value 1"
    assert source.calls == 2


def test_a_failing_source_of_many_is_left_alone_for_a_pause(
    open_cache: OpenCache, clock: Clock
) -> None:
    cache = open_cache(timing=still(clock, pause_s=600.0))
    source = Flaky()

    def many(calls: list[tuple[int]]) -> list[str]:
        return [source()] * len(calls)

    @cache.cached("ns", ttl_s=60, stale_if_error_s=600, source_many=many)
    def value_of(number: int) -> str:
        return source()

    calls = [(1,), (2,)]
    value_of.read_many(calls)
    source.failure = RuntimeError("down")
    clock.advance(61)
    for _ in range(5):
        assert {found.value for found in value_of.read_many(calls)} == {"value 1"}
    assert source.calls == 2


def test_after_the_time_for_errors_the_failure_is_the_callers(
    ticking_cache: Cache, clock: Clock
) -> None:
    source = Flaky()
    read(ticking_cache, source, stale_if_error_s=100)
    source.failure = RuntimeError("down")
    clock.advance(161)
    with pytest.raises(RuntimeError, match="down"):
        read(ticking_cache, source, stale_if_error_s=100)


def test_an_invalidated_value_is_not_served_while_the_source_fails(cache: Cache) -> None:
    source = Flaky()
    read(cache, source, stale_if_error_s=600, tags=["t"])
    source.failure = RuntimeError("down")
    cache.invalidate_tags(["t"])
    with pytest.raises(RuntimeError):
        read(cache, source, stale_if_error_s=600, tags=["t"])


def test_refresh_shows_the_failure_and_keeps_the_entry(cache: Cache) -> None:
    source = Flaky()

    @cache.cached("ns", ttl_s=60, stale_if_error_s=600)
    def value_of() -> str:
        return source()

    value_of()
    source.failure = RuntimeError("down")
    with pytest.raises(RuntimeError):
        value_of.refresh()
    assert value_of.read().outcome == "hit"


def test_a_stale_value_is_replaced_by_one_background_refresh(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    source = HeldSource("old")
    source.go_on.set()
    rules = {"stale_while_revalidate_s": 60}
    read(ticking_cache, source, **rules)
    source.go_on.clear()
    source.began.clear()
    source.value = "new"
    clock.advance(61)
    assert [read(ticking_cache, source, **rules) for _ in range(10)] == ["old"] * 10
    source.wait_until_running()
    source.go_on.set()
    finish_background(ticking_cache)
    assert read(ticking_cache, source, **rules) == "new"
    assert source.calls == 2
    assert events.incidents["refreshed"] == 1
    assert events.incidents["changed"] == 1


def test_a_value_above_max_bytes_is_returned_and_not_kept(cache: Cache, events: Events) -> None:
    large = "".join(map(chr, range(0x100, 0x1100)))
    for _ in range(2):
        assert read(cache, lambda: large, max_bytes=2_000) == large
    assert events.outcomes == ["miss.cold", "miss.cold"]
    assert events.incidents["oversize"] == 2


def test_a_source_may_raise_stop_iteration(cache: Cache) -> None:
    empty: list[int] = []
    with pytest.raises(StopIteration):
        read(cache, lambda: next(iter(empty)))


def test_what_a_slow_source_leaves_too_late_is_not_served(
    ticking_cache: Cache, clock: Clock
) -> None:
    """The time for errors counts when the source has failed, not when it began."""
    read(ticking_cache, lambda: 1, stale_if_error_s=10)
    clock.advance(65)

    def fails_late() -> int:
        clock.advance(6)
        raise LookupError("down")

    with pytest.raises(LookupError, match="down"):
        read(ticking_cache, fails_late, stale_if_error_s=10)


def test_the_pause_is_no_longer_than_there_is_something_to_serve(
    open_cache: OpenCache, clock: Clock
) -> None:
    """Or readers would wait for a lease under which nobody computes."""
    cache = open_cache(timing=still(clock, pause_s=600.0))
    source = Flaky()
    read(cache, source, stale_if_error_s=10)
    source.failure = RuntimeError("down")
    clock.advance(69.999)
    assert read(cache, source, stale_if_error_s=10) == "value 1"
    clock.advance(1)
    source.failure = None
    assert read(cache, source, stale_if_error_s=10) == "value 3"
