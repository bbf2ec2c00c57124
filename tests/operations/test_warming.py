"""Warming: what is not fresh is computed ahead of its readers, and not counted as a read."""

from __future__ import annotations

import threading

import pytest

from cache_core import Cache, CacheCoreError
from cache_core.operations import AuditLog, NotAllowedError, WarmPlan, warm
from cache_core.operations.warming import plans_by_namespace
from cache_core.stores import open_store
from tests.cache.helpers import PATIENCE_S, Clock, Events, Flaky, absolute
from tests.operations.helpers import OPERATOR, VIEWER

CALLS = [(number,) for number in range(6)]


def test_what_is_not_fresh_is_computed(cache: Cache, audit: AuditLog, events: Events) -> None:
    function = cache.cached("ns", ttl_s=60)(absolute)
    function(0)
    report = warm(WarmPlan(function, CALLS), OPERATOR, audit)
    assert (report.computed, report.fresh, report.failed, report.stopped) == (5, 1, 0, False)
    assert {found.outcome for found in function.read_many(CALLS)} == {"hit"}
    assert events.incidents["warmed"] == 5


def test_warming_is_not_counted_as_reading(cache: Cache, audit: AuditLog, events: Events) -> None:
    warm(WarmPlan(cache.cached("ns", ttl_s=60)(absolute), CALLS), OPERATOR, audit)
    assert events.reads == []


def test_what_is_stale_is_computed_too(ticking_cache: Cache, audit: AuditLog, clock: Clock) -> None:
    function = ticking_cache.cached("ns", ttl_s=60, stale_while_revalidate_s=60)(absolute)
    function.read_many(CALLS)
    clock.advance(61)
    report = warm(WarmPlan(function, CALLS), OPERATOR, audit)
    assert (report.computed, report.fresh) == (6, 0)
    assert {found.outcome for found in function.read_many(CALLS)} == {"hit"}


def test_a_viewer_may_not_warm(cache: Cache, audit: AuditLog) -> None:
    calls: list[int] = []
    function = cache.cached("ns", ttl_s=60)(calls.append)
    with pytest.raises(NotAllowedError, match="operator"):
        warm(WarmPlan(function, CALLS), VIEWER, audit)
    assert calls == []


def test_progress_is_told_up_to_the_end(cache: Cache, audit: AuditLog) -> None:
    told: list[tuple[int, int]] = []
    warm(
        WarmPlan(cache.cached("ns", ttl_s=60)(absolute), CALLS),
        OPERATOR,
        audit,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told)
    assert told[-1] == (6, 6)


def test_a_stop_ends_it_after_the_calls_under_way(cache: Cache, audit: AuditLog) -> None:
    done: list[int] = []
    report = warm(
        WarmPlan(cache.cached("ns", ttl_s=60)(absolute), CALLS),
        OPERATOR,
        audit,
        concurrency=1,
        progress=lambda number, total: done.append(number),
        should_stop=lambda: len(done) >= 2,
    )
    assert (report.computed, report.stopped) == (2, True)


def test_a_call_that_fails_is_counted_and_does_not_end_the_others(
    cache: Cache, audit: AuditLog
) -> None:
    @cache.cached("ns", ttl_s=60)
    def odd(number: int) -> int:
        if number % 2 == 0:
            raise LookupError(f"no {number}")
        return number

    report = warm(WarmPlan(odd, CALLS), OPERATOR, audit, concurrency=1)
    assert (report.computed, report.failed) == (3, 3)
    assert report.first_error is not None
    assert report.first_error.startswith("LookupError at test_warming.py:")
    assert report.first_error.endswith("in odd")


def test_a_source_that_fails_is_counted_though_readers_are_served_stale(
    ticking_cache: Cache, audit: AuditLog, clock: Clock
) -> None:
    flaky = Flaky()
    function = ticking_cache.cached("ns", ttl_s=60, stale_if_error_s=60)(flaky)
    function.read_many(CALLS)
    flaky.fails = True
    clock.advance(61)
    report = warm(WarmPlan(function, CALLS), OPERATOR, audit)
    assert (report.computed, report.fresh, report.failed) == (0, 0, 6)
    assert report.first_error is not None
    assert report.first_error.startswith("LookupError at helpers.py:")
    assert function.read(0).outcome == "stale"


def test_what_is_left_stale_after_a_failure_is_not_called_fresh(
    ticking_cache: Cache, clock: Clock
) -> None:
    flaky = Flaky()
    function = ticking_cache.cached("ns", ttl_s=60, stale_if_error_s=60)(flaky)
    function(1)
    flaky.fails = True
    clock.advance(61)
    assert function.read(1).outcome == "stale"
    with pytest.raises(CacheCoreError, match="still stale"):
        function.warm(1)


def test_no_more_sources_run_at_once_than_asked_for(cache: Cache, audit: AuditLog) -> None:
    two_at_once = threading.Barrier(2)
    running: list[int] = []
    most: list[int] = []

    @cache.cached("ns", ttl_s=60)
    def slow(number: int) -> int:
        running.append(number)
        most.append(len(running))
        two_at_once.wait(PATIENCE_S)
        running.remove(number)
        return number

    assert warm(WarmPlan(slow, CALLS), OPERATOR, audit, concurrency=2).computed == 6
    assert max(most) <= 2


@pytest.mark.parametrize("concurrency", [0, 9])
def test_concurrency_is_bounded(cache: Cache, audit: AuditLog, concurrency: int) -> None:
    with pytest.raises(ValueError, match="concurrency"):
        warm(
            WarmPlan(cache.cached("ns", ttl_s=60)(absolute), CALLS),
            OPERATOR,
            audit,
            concurrency=concurrency,
        )


def test_plans_of_one_namespace_are_one_and_of_two_caches_are_refused(cache: Cache) -> None:
    function = cache.cached("ns", ttl_s=60)(absolute)
    plans = [WarmPlan(function, [(1,)]), WarmPlan(function, [(2,), (3,)])]
    (plan,) = plans_by_namespace(plans).values()
    assert plan.arguments == [(1,), (2,), (3,)]
    with Cache(open_store("memory://", prefix="other"), enabled=True) as another:
        other = WarmPlan(another.cached("ns", ttl_s=60)(absolute), [(4,)])
        with pytest.raises(ValueError, match="two plans for ns are of two caches"):
            plans_by_namespace([*plans, other])
