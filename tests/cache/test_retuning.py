"""A ttl that was changed while the app runs counts in every process from its next miss on."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from cache_core import Cache, Policy
from cache_core.retuning import read_ttls, ttl_in, write_ttl
from cache_core.stores import FieldPut, Put, Store
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock, absolute, finish_background, still

STALE: dict[str, Any] = {"ttl_s": 600, "jitter": 0, "stale_while_revalidate_s": 60}


def life_s(cache: Cache, key: str = "k", **rules: float) -> float:
    """For how long what is computed now will be fresh."""
    cache.invalidate("ns", key)
    call = cache.call_by_hand(
        "ns", key, lambda: 1, ttl_s=600, tags=(), policy=None, rules={"jitter": 0, **rules}
    )
    cache.reader.read(call)
    return cache.reader.read(call).ttl_left_s


def test_what_is_computed_afterwards_lives_as_long_as_it_says(
    ticking_cache: Cache, store: Store
) -> None:
    assert life_s(ticking_cache) == 600
    write_ttl(store, "ns", 1200)
    assert life_s(ticking_cache) == 1200
    write_ttl(store, "ns", None)
    assert life_s(ticking_cache) == 600


def test_another_replica_follows_at_its_next_miss(
    ticking_cache: Cache, open_cache: OpenCache, clock: Clock
) -> None:
    other = open_cache(timing=still(clock))
    assert life_s(other) == 600
    write_ttl(ticking_cache.store, "ns", 60)
    assert life_s(other) == 60


def test_entries_that_are_stored_live_on(ticking_cache: Cache, store: Store, clock: Clock) -> None:
    function = ticking_cache.cached("ns", ttl_s=600, jitter=0)(absolute)
    function(1)
    write_ttl(store, "ns", 60)
    clock.advance(100)
    assert function.read(1).outcome == "hit"


def test_a_batch_a_refresh_and_a_coroutine_follow_too(ticking_cache: Cache, store: Store) -> None:
    function = ticking_cache.cached("ns", ttl_s=600, jitter=0, stale_while_revalidate_s=60)(
        absolute
    )
    write_ttl(store, "ns", 1200)
    assert {read.ttl_left_s for read in function.read_many([(1,), (2,)])} == {1200}
    write_ttl(store, "ns", 300)
    assert function.refresh(1).ttl_left_s == 300

    @ticking_cache.cached("async", ttl_s=600, jitter=0)
    async def later() -> int:
        return 1

    write_ttl(store, "async", 120)
    assert asyncio.run(_left_s(later)) == 120


async def _left_s(function: object) -> float:
    read = await function.read()  # type: ignore[attr-defined]
    return float(read.ttl_left_s)


def test_a_background_refresh_follows_too(ticking_cache: Cache, store: Store, clock: Clock) -> None:
    function = ticking_cache.cached("ns", ttl_s=600, jitter=0, stale_while_revalidate_s=60)(
        absolute
    )
    function(1)
    write_ttl(store, "ns", 1200)
    clock.advance(601)
    assert function.read(1).outcome == "stale"
    finish_background(ticking_cache)
    assert function.read(1).ttl_left_s == 1200


def test_only_the_namespace_that_was_meant_is_retuned(ticking_cache: Cache, store: Store) -> None:
    write_ttl(store, "other", 1200)
    assert life_s(ticking_cache) == 600


@pytest.mark.parametrize(("asked_s", "given_s"), [(1, 60), (1e6, 6000)])
def test_the_policy_bounds_it_whatever_stands_in_the_store(
    ticking_cache: Cache, store: Store, asked_s: float, given_s: float
) -> None:
    write_ttl(store, "ns", asked_s)
    assert life_s(ticking_cache) == given_s


def test_the_policys_own_bounds_count(ticking_cache: Cache, store: Store) -> None:
    write_ttl(store, "ns", 1)
    assert life_s(ticking_cache, ttl_min_s=500) == 500
    write_ttl(store, "ns", 10_000)
    assert life_s(ticking_cache, ttl_max_s=700) == 700
    assert life_s(ticking_cache, near_ttl_s=300) == 6000


def test_entries_that_slide_are_not_retuned(ticking_cache: Cache, store: Store) -> None:
    write_ttl(store, "ns", 60)
    assert life_s(ticking_cache, sliding=True) == 600


@pytest.mark.parametrize("foreign", [b"", b"nan", b"inf", b"-5", b"0", b"soon", b"\xff\x00"])
def test_what_is_no_ttl_changes_nothing(ticking_cache: Cache, store: Store, foreign: bytes) -> None:
    assert ttl_in(foreign) is None
    store.put_many([Put("o:ns", foreign, 60)])
    assert life_s(ticking_cache) == 600


def test_another_type_in_its_place_changes_nothing(ticking_cache: Cache, store: Store) -> None:
    store.put_fields([FieldPut("o:ns", "field", b"60", 60)])
    assert life_s(ticking_cache) == 600
    assert read_ttls(store, ["ns"]) == {}


def test_what_was_retuned_is_read_in_one_go(store: Store) -> None:
    assert read_ttls(store, []) == {}
    write_ttl(store, "a", 60)
    write_ttl(store, "b", 0.5)
    assert read_ttls(store, ["a", "b", "c"]) == {"a": 60, "b": 0.5}


def test_bounds_that_contradict_the_ttl_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ttl_s \(60\) is not between ttl_min_s \(90\)"):
        Policy(ttl_s=60, ttl_min_s=90)
    with pytest.raises(ValueError, match="ttl_max_s"):
        Policy(ttl_s=60, ttl_max_s=30)
    with pytest.raises(ValueError, match="ttl_max_s must be a number of seconds above 0"):
        Policy(ttl_s=60, ttl_max_s=0)


@dataclass
class AtLeast:
    """A rule of values; dataclasses that are compared cannot be hashed."""

    least: int

    def __call__(self, value: int) -> bool:
        return value >= self.least


@dataclass
class Always:
    """A function of a call's arguments that cannot be hashed either."""

    given: Any

    def __call__(self, number: int) -> Any:
        return self.given


@pytest.mark.parametrize(
    "rule", [{"cache_if": AtLeast(0)}, {"tags": Always(["t"])}, {"group": Always("all")}]
)
def test_rules_that_cannot_be_hashed_are_retuned_too(
    ticking_cache: Cache, store: Store, rule: dict[str, Any]
) -> None:
    function = ticking_cache.cached("ns", ttl_s=600, jitter=0, **rule)(absolute)
    write_ttl(store, "ns", 1200)
    assert function.read(1).ttl_left_s == 1200
    assert {read.ttl_left_s for read in function.read_many([(2,), (3,)])} == {1200}
    finish_background(ticking_cache)
    assert [key for keys in store.scan("l:") for key in keys] == []


def test_a_retuned_policy_differs_in_its_ttl_alone() -> None:
    policy = Policy(
        ttl_s=60, near_ttl_s=10, none_ttl_s=20, cache_if=AtLeast(0), tags=["a"], version="b"
    )
    assert policy.retuned(90) == replace(policy, ttl_s=90)
    assert policy.retuned(1) == replace(policy, ttl_s=20)


@pytest.mark.parametrize("number", [np.float64(1200), np.int64(1200), np.float32(1200), 1200])
def test_a_ttl_may_be_a_number_of_any_kind(store: Store, number: Any) -> None:
    write_ttl(store, "ns", number)
    assert read_ttls(store, ["ns"]) == {"ns": 1200.0}


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_a_ttl_that_would_be_read_as_none_is_refused(store: Store, bad: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        write_ttl(store, "ns", bad)


@pytest.mark.parametrize("bad", ["60", True, b"60"])
def test_a_ttl_that_is_no_number_is_refused(store: Store, bad: Any) -> None:
    with pytest.raises(TypeError, match="a number of seconds"):
        write_ttl(store, "ns", bad)
