"""One look at the store: how fast it answers, or what stands in the way."""

from __future__ import annotations

import pytest

from cache_core import Cache
from cache_core.operations import HealthTest, HealthTests, check_store
from cache_core.operations.health import PINGS
from cache_core.operations.reporting import REPORTED, Reported, value_of
from cache_core.stores import open_store
from tests.cache.helpers import Clock
from tests.servers.meter import Meter
from tests.servers.redis_server import free_port


def test_a_store_that_answers_is_up(cache: Cache) -> None:
    health = check_store(cache, with_info=True)
    assert health.is_up
    assert health.latency_s is not None
    assert health.info is not None
    assert health.as_dict()["status"] == "ok"
    assert health.as_dict()["store"]["kind"] == cache.store.kind


def test_a_store_that_does_not_answer_is_degraded_with_a_reason() -> None:
    url = f"redis://user:do-not-show-me@127.0.0.1:{free_port()}"
    with Cache(open_store(url, prefix="down"), enabled=False) as cache:
        cache.invalidate("ns", "k")
        health = check_store(cache)
    assert not health.is_up
    assert health.latency_s is None
    shown = health.as_dict()
    assert (shown["status"], shown["pending_invalidations"]) == ("degraded", 1)
    assert "do-not-show-me" not in repr(shown)


def test_whether_reads_are_cached_is_told(cache: Cache) -> None:
    assert check_store(cache).is_caching
    with cache.disabled():
        assert not check_store(cache).is_caching


# A test that anybody may ask for


class Ticking:
    """A clock on which each look takes a while."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        self.now_s += 0.25
        return self.now_s


def test_a_test_is_several_pings_with_median_and_worst(cache: Cache, clock: Clock) -> None:
    tests = HealthTests(clock=clock, monotonic=Ticking())
    found = tests.run(cache)
    assert (len(found.times_s), found.problem, found.at_s) == (PINGS, None, clock())
    assert found.median_s == found.worst_s == 0.25
    assert tests.commands == PINGS


def test_the_worst_of_uneven_pings_is_told() -> None:
    found = HealthTest(0.0, (0.001, 0.5, 0.002), None)
    assert (found.median_s, found.worst_s) == (0.002, 0.5)


def test_visitors_who_ask_often_get_the_last_test(cache: Cache, clock: Clock) -> None:
    tests = HealthTests(clock=clock, monotonic=clock)
    first = tests.run(cache)
    clock.advance(9.9)
    assert tests.run(cache) is first
    clock.advance(0.1)
    assert tests.run(cache) is not first
    assert tests.commands == 2 * PINGS


def test_a_store_that_is_down_is_pinged_once(clock: Clock) -> None:
    url = f"redis://user:do-not-show-me@127.0.0.1:{free_port()}"
    with Cache(open_store(url, prefix="down"), enabled=False) as cache:
        tests = HealthTests(clock=clock, monotonic=clock)
        found = tests.run(cache)
    assert (found.times_s, found.median_s, found.worst_s) == ((), None, None)
    assert found.problem is not None
    assert "do-not-show-me" not in found.problem
    assert tests.commands == 1


def test_what_the_store_says_of_itself_is_kept_for_a_while(
    cache: Cache, clock: Clock, meter: Meter
) -> None:
    tests = HealthTests(clock=clock, monotonic=clock)
    meter.reset()
    assert tests.info(cache) is tests.info(cache)
    assert tests.commands == 1
    assert meter.round_trips == 1


@pytest.mark.parametrize("reported", REPORTED, ids=lambda reported: reported.name)
def test_a_store_reports_what_is_said_of_its_kind(cache: Cache, reported: Reported) -> None:
    value = value_of(reported, cache.store.info())
    match reported.by_kind[cache.store.kind]:
        case "yes":
            assert value is not None
        case "no" | "if set":  # the servers of these tests set no limit
            assert value is None
