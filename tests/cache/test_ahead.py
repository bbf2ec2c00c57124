"""Fetching ahead: what is missing is computed if it may, what is there costs one look."""

from __future__ import annotations

from typing import Any

import pytest

from cache_core import Cache
from cache_core.stores import open_store
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock, Events, Flaky, HeldSource, absolute, threads
from tests.servers.meter import Meter

CALLS = [(1,), (2,), (1,)]


def test_what_is_missing_is_computed_and_not_counted_as_read(cache: Cache, events: Events) -> None:
    function = cache.cached("ns", ttl_s=60)(absolute)
    reads = function.fetch_ahead(CALLS)
    assert [(read.value, read.outcome) for read in reads if read] == [
        (1, "miss"),
        (2, "miss"),
        (1, "miss"),
    ]
    assert events.reads == []
    assert [read.outcome for read in function.read_many(CALLS)] == ["hit"] * 3


def test_what_is_there_is_told_and_the_source_not_asked(cache: Cache) -> None:
    function = cache.cached("ns", ttl_s=60)(absolute)
    function.read_many(CALLS)
    asked: list[int] = []

    def may_run(number: int) -> bool:
        asked.append(number)
        return True

    reads = function.fetch_ahead(CALLS, may_run)
    assert [read.outcome for read in reads if read] == ["hit"] * 3
    assert asked == []


def test_nothing_runs_unless_it_may(cache: Cache) -> None:
    calls: list[int] = []
    function = cache.cached("ns", ttl_s=60)(calls.append)
    asked: list[int] = []

    def may_run(number: int) -> bool:
        asked.append(number)
        return False

    assert function.fetch_ahead([(1,), (2,)], may_run) == [None, None]
    assert (calls, asked) == ([], [2])


def test_one_source_call_computes_all_that_miss(cache: Cache) -> None:
    together: list[list[int]] = []

    def many(calls: list[tuple[int]]) -> list[int]:
        together.append([number for (number,) in calls])
        return [abs(number) for (number,) in calls]

    function = cache.cached("ns", ttl_s=60, source_many=many)(absolute)
    function(2)
    reads = function.fetch_ahead([(1,), (2,), (3,)])
    assert [(read.value, read.outcome) for read in reads if read] == [
        (1, "miss"),
        (2, "hit"),
        (3, "miss"),
    ]
    assert together == [[1, 3]]


def test_what_somebody_else_computes_is_left_to_him(cache: Cache, open_cache: OpenCache) -> None:
    source = HeldSource()

    def answer() -> str:
        return str(source())

    other = open_cache().cached("ns", ttl_s=60)(answer)
    with threads(1) as submit:
        reading = submit(other)
        source.wait_until_running()
        assert cache.cached("ns", ttl_s=60)(answer).fetch_ahead([()]) == [None]
        source.go_on.set()
        assert reading.result() == "old"
    assert source.calls == 1


def test_what_is_there_costs_one_round_trip(cache: Cache, meter: Meter) -> None:
    function = cache.cached("ns", ttl_s=60)(absolute)
    function(1)
    meter.reset()
    function.fetch_ahead([(1,)])
    assert (meter.round_trips, meter.commands) == (1, 1)


def test_what_has_expired_is_computed_anew(ticking_cache: Cache, clock: Clock) -> None:
    function = ticking_cache.cached("ns", ttl_s=60)(absolute)
    function(1)
    clock.advance(61)
    (read,) = function.fetch_ahead([(1,)])
    assert read is not None
    assert (read.outcome, read.ttl_left_s > 0) == ("miss", True)


def test_with_caching_off_nothing_is_done() -> None:
    calls: list[int] = []
    with Cache(open_store("memory://"), enabled=False) as cache:
        assert cache.cached("ns", ttl_s=60)(calls.append).fetch_ahead([(1,)]) == [None]
    assert calls == []


@pytest.mark.parametrize("at_once", [False, True])
def test_what_stands_in_for_a_source_that_fails_is_stale(
    ticking_cache: Cache, clock: Clock, at_once: bool
) -> None:
    flaky = Flaky()
    many = (lambda calls: [flaky(*args) for args in calls]) if at_once else None
    rules: dict[str, Any] = {"ttl_s": 60, "stale_if_error_s": 60, "source_many": many}
    function = ticking_cache.cached("ns", **rules)(flaky)
    function(1)
    flaky.fails = True
    clock.advance(61)
    (read,) = function.fetch_ahead([(1,)])
    assert read is not None
    assert (read.value, read.outcome) == (1, "stale")
    assert read.ttl_left_s == pytest.approx(-1)
