"""What a read says of itself: why it missed, how long it stays fresh or has been stale."""

from __future__ import annotations

from typing import Any

import pytest

from cache_core import Cache, Policy, Read
from cache_core.cached import CachedFunction
from tests.cache.helpers import Clock, HeldSource, threads


def doubling(
    cache: Cache, is_failing: list[bool] | None = None, **rules: Any
) -> CachedFunction[[int], int]:
    usual: dict[str, Any] = {"ttl_s": 60, "jitter": 0.0, "early_refresh": 0.0, "tags": ["t"]}

    @cache.cached("ns", policy=Policy(**usual, **rules))
    def double(number: int) -> int:
        if is_failing and is_failing[0]:
            raise LookupError("no database")
        return 2 * number

    return double


def said(read: Read[int]) -> tuple[str, str | None]:
    return read.outcome, read.cause


def test_a_miss_says_why_and_a_hit_has_no_cause(ticking_cache: Cache, clock: Clock) -> None:
    double = doubling(ticking_cache)
    reads = [double.read(1), double.read(1)]
    clock.advance(61)
    reads.append(double.read(1))
    ticking_cache.invalidate_tags(["t"])
    reads.append(double.read(1))
    assert [said(read) for read in reads] == [
        ("miss", "cold"),
        ("hit", None),
        ("miss", "expired"),
        ("miss", "invalidated"),
    ]


def test_each_read_of_a_batch_says_its_own_cause(ticking_cache: Cache, clock: Clock) -> None:
    double = doubling(ticking_cache)
    double(1)
    clock.advance(61)
    double(2)
    reads = double.read_many([(1,), (2,), (3,)])
    assert [said(read) for read in reads] == [("miss", "expired"), ("hit", None), ("miss", "cold")]


def test_who_shares_a_computation_is_told_why_he_missed(cache: Cache) -> None:
    source = HeldSource(1)
    function = cache.cached("ns", ttl_s=60)(lambda: source())
    with threads(2) as submit:
        first = submit(function.read)
        source.wait_until_running()
        second = submit(function.read)
        source.go_on.set()
        assert {said(first.result()), said(second.result())} <= {("miss", "cold"), ("hit", None)}
        assert said(first.result()) == ("miss", "cold")


def test_past_the_cache_there_is_no_cause(cache: Cache) -> None:
    double = doubling(cache)
    with cache.disabled():
        assert said(double.read(1)) == ("bypass", None)


@pytest.mark.parametrize("rule", ["stale_while_revalidate_s", "stale_if_error_s"])
def test_a_stale_read_says_for_how_long_it_has_been_stale(
    ticking_cache: Cache, clock: Clock, rule: str
) -> None:
    is_failing = [False]
    double = doubling(ticking_cache, is_failing, **{rule: 600})
    assert double.read(1).ttl_left_s == 60
    is_failing[0] = True
    clock.advance(65)
    read = double.read(1)
    assert (said(read), read.age_s, read.ttl_left_s) == (("stale", None), 65, -5)


def test_what_was_not_kept_has_no_time_left(ticking_cache: Cache) -> None:
    function = ticking_cache.cached("ns", ttl_s=60, cache_if=bool)(lambda: 0)
    assert function.read().ttl_left_s == 0
