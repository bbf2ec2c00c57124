"""What reads and invalidations cost in round trips and commands, on each kind of store."""

from __future__ import annotations

import pytest

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.stores import Store
from cache_core.telemetry import SharedRecorder
from tests.cache.helpers import Clock, Events, HeldSource, finish_background, still
from tests.conftest import OpenSameStore
from tests.servers.meter import Meter


def tagged(cache: Cache, tags: int, namespace: str = "ns") -> CachedFunction[[int], int]:
    names = [f"tag-{number}" for number in range(tags)]

    @cache.cached(namespace, ttl_s=60, tags=lambda number: names)
    def double(number: int) -> int:
        return 2 * number

    return double


@pytest.mark.parametrize("tags", [0, 1, 3])
def test_a_fresh_hit_is_one_round_trip_and_one_command(
    cache: Cache, meter: Meter, tags: int
) -> None:
    double = tagged(cache, tags)
    double(1)
    meter.reset()
    assert double.read(1).outcome == "hit"
    assert (meter.round_trips, meter.commands) == (1, 1)


@pytest.mark.parametrize("tags", [0, 1, 3])
def test_a_cold_miss_is_at_most_three_round_trips(cache: Cache, meter: Meter, tags: int) -> None:
    double = tagged(cache, tags)
    assert double.read(1).outcome == "miss"
    finish_background(cache)
    assert meter.round_trips <= 3


def test_a_miss_with_known_generations_sends_four_commands(cache: Cache, meter: Meter) -> None:
    """MGET; SET of the lease and MGET; the write."""
    double = tagged(cache, 3)
    double(1)
    meter.reset()
    assert double.read(2).outcome == "miss"
    finish_background(cache)
    assert (meter.round_trips, meter.commands) == (3, 4)


def test_a_stale_hit_is_one_round_trip_for_the_caller(
    ticking_cache: Cache, clock: Clock, meter: Meter
) -> None:
    """The refresh it sets off takes its lease in one round trip of its own, in the background."""
    source = HeldSource()
    source.go_on.set()

    @ticking_cache.cached("ns", ttl_s=60, stale_while_revalidate_s=60)
    def read() -> object:
        return source()

    read()
    source.go_on.clear()
    source.began.clear()
    clock.advance(61)
    meter.reset()
    assert read.read().outcome == "stale"
    source.wait_until_running()
    assert meter.round_trips == 2
    assert read.read().outcome == "stale"
    assert meter.round_trips == 3
    source.go_on.set()


def test_a_hundred_fresh_keys_are_one_round_trip_and_one_command(
    cache: Cache, meter: Meter
) -> None:
    double = tagged(cache, 2)
    double.read_many([(number,) for number in range(100)])
    meter.reset()
    reads = double.read_many([(number,) for number in range(100)])
    assert {read.outcome for read in reads} == {"hit"}
    assert (meter.round_trips, meter.commands) == (1, 1)


def test_a_hundred_cold_keys_are_three_round_trips(cache: Cache, meter: Meter) -> None:
    """One to read and one to write; taking the leases, which keep others from computing, is one
    more."""
    double = tagged(cache, 2)
    reads = double.read_many([(number,) for number in range(100)])
    finish_background(cache)
    assert {read.outcome for read in reads} == {"miss"}
    assert meter.round_trips == 3


@pytest.mark.parametrize("entries", [1, 200])
def test_invalidating_a_tag_is_one_round_trip_however_many_entries(
    cache: Cache, meter: Meter, entries: int
) -> None:
    double = tagged(cache, 1)
    double.read_many([(number,) for number in range(entries)])
    meter.reset()
    cache.invalidate_tags(["tag-0"])
    assert (meter.round_trips, meter.commands) == (1, 1)
    assert double.read(0).outcome == "miss"


@pytest.mark.parametrize("entries", [1, 200])
def test_clearing_a_namespace_is_one_round_trip_however_many_entries(
    cache: Cache, meter: Meter, entries: int
) -> None:
    double = tagged(cache, 0)
    double.read_many([(number,) for number in range(entries)])
    meter.reset()
    double.clear()
    assert (meter.round_trips, meter.commands) == (1, 1)
    assert double.read(0).outcome == "miss"


def test_invalidating_a_key_is_one_round_trip_and_one_command(cache: Cache, meter: Meter) -> None:
    double = tagged(cache, 0)
    double(1)
    meter.reset()
    double.invalidate(1)
    assert (meter.round_trips, meter.commands) == (1, 1)


def test_invalidating_several_tags_is_one_command(cache: Cache, meter: Meter) -> None:
    cache.invalidate_tags(["a", "b", "c"])
    assert (meter.round_trips, meter.commands) == (1, 1)


def test_get_many_is_one_round_trip_and_one_command(cache: Cache, meter: Meter) -> None:
    for name in ("a", "b"):
        cache.get_or_compute("ns", name, lambda: 1, ttl_s=60)
    meter.reset()
    assert cache.get_many("ns", ["a", "b", "absent"]) == {"a": 1, "b": 1}
    assert (meter.round_trips, meter.commands) == (1, 1)


def test_figures_cost_the_reader_no_round_trip(
    store: Store, open_same_store: OpenSameStore, meter: Meter
) -> None:
    recorder = SharedRecorder(open_same_store(), background=False)
    with Cache(store, recorder=recorder, timing=still()) as cache:
        double = tagged(cache, 1)
        double(1)
        finish_background(cache)
        meter.reset()
        double(1)
        assert (meter.round_trips, meter.commands) == (1, 1)


def test_a_flush_of_figures_is_one_round_trip_and_two_commands(
    store: Store, clock: Clock, meter: Meter
) -> None:
    recorder = SharedRecorder(store, clock=clock, background=False)
    with Cache(store, recorder=recorder, timing=still(clock)) as cache:
        double = tagged(cache, 1)
        double(1)
        recorder.flush()  # the first one of a period also says how long it is kept
        double(1)
        finish_background(cache)
        meter.reset()
        assert recorder.flush()
        assert (meter.round_trips, meter.commands) == (1, 2)


def test_nothing_counted_is_no_round_trip(store: Store, meter: Meter) -> None:
    recorder = SharedRecorder(store, background=False)
    assert recorder.flush()
    assert meter.round_trips == 0


def test_a_cache_that_is_off_asks_the_store_nothing(store: Store, meter: Meter) -> None:
    with Cache(store, recorder=Events(), enabled=False) as cache:
        double = tagged(cache, 1)
        assert [double(1), *(read.value for read in double.read_many([(2,), (3,)]))] == [2, 4, 6]
        assert meter.round_trips == 0
