"""Lives by use: what is asked for again and stays the same lives longer, within the policy."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core import Cache, Policy, by_use
from cache_core.by_hand import entry_key
from cache_core.envelope import Entry
from cache_core.retuning import write_ttl
from cache_core.stores import Store
from cache_core.timing import Timing
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock, Events, absolute, finish_background, still
from tests.servers.meter import Meter

TTL_S = 600.0
FIRST_S = TTL_S / 2
RULES: dict[str, Any] = {"ttl_s": TTL_S, "jitter": 0, "early_refresh": 0, "keep_by_use": True}


class Data:
    """What a source finds: `version`, until a test says otherwise."""

    def __init__(self) -> None:
        self.version: int | None = 1
        self.runs = 0
        self.fails = False

    def __call__(self, key: str = "k") -> int | None:
        self.runs += 1
        if self.fails:
            raise OSError("gone")
        return self.version


@pytest.fixture
def data() -> Data:
    return Data()


def left_s(cache: Cache, data: Data, **rules: Any) -> float:
    """How long the entry stays fresh, after a read that computes it if it must."""
    call = cache.call_by_hand(
        "ns", "k", data, ttl_s=None, tags=["t"], policy=Policy(**{**RULES, **rules}), rules={}
    )
    return cache.reader.read(call).ttl_left_s


def test_an_entry_begins_with_half_a_life(ticking_cache: Cache, data: Data) -> None:
    assert left_s(ticking_cache, data) == FIRST_S


def test_what_is_asked_for_again_and_is_the_same_lives_longer_by_the_time_it_stood(
    ticking_cache: Cache, data: Data, clock: Clock
) -> None:
    left_s(ticking_cache, data)
    clock.advance(400)
    assert left_s(ticking_cache, data) == FIRST_S + 400
    clock.advance(800)
    assert left_s(ticking_cache, data) == FIRST_S + 400 + 800
    assert data.runs == 3


def test_it_lives_no_longer_than_the_policy_says(
    ticking_cache: Cache, data: Data, clock: Clock
) -> None:
    for _ in range(6):
        lasts_s = left_s(ticking_cache, data)
        clock.advance(lasts_s)
    assert lasts_s == 4 * TTL_S
    assert left_s(ticking_cache, data, ttl_max_s=700) == 700


def test_a_value_that_changed_begins_anew(ticking_cache: Cache, data: Data, clock: Clock) -> None:
    for _ in range(3):
        clock.advance(left_s(ticking_cache, data))
    data.version = 2
    assert left_s(ticking_cache, data) == FIRST_S
    clock.advance(FIRST_S)
    assert left_s(ticking_cache, data) == 2 * FIRST_S


@pytest.mark.parametrize("what", ["key", "tag", "namespace"])
def test_what_was_invalidated_begins_anew_even_if_it_is_the_same(
    ticking_cache: Cache, data: Data, clock: Clock, what: str
) -> None:
    for _ in range(3):
        clock.advance(left_s(ticking_cache, data))
    left_s(ticking_cache, data)
    {
        "key": lambda: ticking_cache.invalidate("ns", "k"),
        "tag": lambda: ticking_cache.invalidate_tags(["t"]),
        "namespace": lambda: ticking_cache.clear("ns"),
    }[what]()
    assert left_s(ticking_cache, data) == FIRST_S


def test_what_the_store_forgot_begins_anew(ticking_cache: Cache, data: Data, clock: Clock) -> None:
    for _ in range(3):
        clock.advance(left_s(ticking_cache, data))
    ticking_cache.store.remove([entry_key("ns", "k", 1)])
    assert left_s(ticking_cache, data) == FIRST_S


def test_entries_of_the_time_before_count(ticking_cache: Cache, data: Data, clock: Clock) -> None:
    assert left_s(ticking_cache, data, keep_by_use=False) == TTL_S
    clock.advance(TTL_S)
    assert left_s(ticking_cache, data) == 2 * TTL_S


def test_without_it_nothing_changes(ticking_cache: Cache, data: Data, clock: Clock) -> None:
    for _ in range(3):
        assert left_s(ticking_cache, data, keep_by_use=False) == TTL_S
        clock.advance(TTL_S)


def test_a_none_with_a_life_of_its_own_keeps_it(
    ticking_cache: Cache, data: Data, clock: Clock
) -> None:
    data.version = None
    for _ in range(3):
        assert left_s(ticking_cache, data, none_ttl_s=20) == 20
        clock.advance(20)


def test_it_works_from_what_the_ttl_was_retuned_to(
    ticking_cache: Cache, store: Store, data: Data, clock: Clock
) -> None:
    write_ttl(store, "ns", 100)
    assert left_s(ticking_cache, data) == max(50, TTL_S / 10)
    for _ in range(6):
        clock.advance(left_s(ticking_cache, data))
    assert left_s(ticking_cache, data) == 400
    write_ttl(store, "ns", 10 * TTL_S)
    clock.advance(400)
    assert left_s(ticking_cache, data) == 5 * TTL_S


def test_jitter_shortens_these_lives_too(open_cache: OpenCache, data: Data, clock: Clock) -> None:
    cache = open_cache(timing=Timing(clock=clock, monotonic=clock, draw=lambda: 0.5))
    assert left_s(cache, data, jitter=0.1) == pytest.approx(FIRST_S * 0.95)


def test_for_how_long_it_may_be_stale_stays_as_it_was(
    ticking_cache: Cache, data: Data, clock: Clock
) -> None:
    function = ticking_cache.cached("ns", **RULES, stale_if_error_s=100)(data)
    function("k")
    data.fails = True
    clock.advance(FIRST_S + 99)
    assert function.read("k").outcome == "stale"
    clock.advance(2)
    with pytest.raises(OSError, match="gone"):
        function("k")


def _batch(function: Any) -> float:
    return float(function.read_many([("k",)])[0].ttl_left_s)


def _refresh(function: Any) -> float:
    return float(function.refresh("k").ttl_left_s)


def _single(function: Any) -> float:
    return float(function.read("k").ttl_left_s)


@pytest.mark.parametrize("way", [_single, _batch, _refresh])
def test_batches_and_refreshes_count_alike(
    ticking_cache: Cache, data: Data, clock: Clock, way: Callable[[Any], float]
) -> None:
    function = ticking_cache.cached("ns", **RULES)(data)
    assert way(function) == FIRST_S
    clock.advance(FIRST_S)
    assert way(function) == 2 * FIRST_S
    clock.advance(2 * FIRST_S)
    data.version = 2
    assert way(function) == FIRST_S


def test_coroutines_count_alike(ticking_cache: Cache, clock: Clock) -> None:
    @ticking_cache.cached("ns", **RULES)
    async def later() -> int:
        return 1

    async def lives() -> list[float]:
        first = await later.read()
        clock.advance(FIRST_S)
        return [first.ttl_left_s, (await later.read()).ttl_left_s]

    assert asyncio.run(lives()) == [FIRST_S, 2 * FIRST_S]


def test_a_refresh_in_the_background_counts_alike(
    ticking_cache: Cache, data: Data, clock: Clock
) -> None:
    function = ticking_cache.cached("ns", **RULES, stale_while_revalidate_s=60)(data)
    function("k")
    clock.advance(FIRST_S + 1)
    assert function.read("k").outcome == "stale"
    finish_background(ticking_cache)
    assert function.read("k").ttl_left_s == 2 * FIRST_S + 1


def test_refreshing_again_and_again_earns_no_more_than_the_time_that_passed(
    ticking_cache: Cache, data: Data, clock: Clock
) -> None:
    function = ticking_cache.cached("ns", **RULES)(data)
    function("k")
    for _ in range(20):
        clock.advance(1)
        read = function.refresh("k")
    assert read.ttl_left_s == FIRST_S + 20


def test_another_replica_goes_on_where_one_was(
    ticking_cache: Cache, open_cache: OpenCache, data: Data, clock: Clock
) -> None:
    clock.advance(left_s(ticking_cache, data))
    assert left_s(open_cache(timing=still(clock)), data) == 2 * FIRST_S


def test_it_is_counted_how_many_lives_were_longer_and_shorter(
    ticking_cache: Cache, data: Data, events: Events, clock: Clock
) -> None:
    given = []
    for _ in range(4):
        given.append(left_s(ticking_cache, data))
        clock.advance(given[-1])
    assert given == [300, 600, 1200, 2400]
    kept = {name: n for name, n in events.incidents.items() if name.startswith("kept_")}
    assert kept == {"kept_shorter": 1, "kept_usual": 1, "kept_longer": 2, "kept_s": sum(given)}


def test_nothing_is_counted_without_it(ticking_cache: Cache, data: Data, events: Events) -> None:
    left_s(ticking_cache, data, keep_by_use=False)
    assert not [name for name in events.incidents if name.startswith("kept_")]


@pytest.mark.parametrize("tags", [0, 2])
def test_a_hit_and_a_recompute_cost_what_they_do_without_it(
    ticking_cache: Cache, meter: Meter, clock: Clock, tags: int
) -> None:
    names = [f"tag-{number}" for number in range(tags)]
    costs = []
    for is_on in (False, True):
        rules = {**RULES, "keep_by_use": is_on}
        function = ticking_cache.cached(f"ns{is_on}", **rules, tags=names)(absolute)
        function(1)
        meter.reset()
        assert function.read(1).outcome == "hit"
        hit = (meter.round_trips, Counter(meter.names))
        clock.advance(TTL_S)
        meter.reset()
        assert function.read(1).outcome == "miss"
        costs.append((hit, meter.round_trips, Counter(meter.names)))
    assert costs[0] == costs[1]
    assert costs[1][0][0] == 1


def test_it_contradicts_sliding_and_bounds_without_room() -> None:
    with pytest.raises(ValueError, match="sliding and keep_by_use"):
        Policy(ttl_s=60, sliding=True, keep_by_use=True)
    with pytest.raises(ValueError, match=r"at least 60 s .*at most 60 s \(ttl_max_s\)"):
        Policy(ttl_s=60, ttl_min_s=60, ttl_max_s=60, keep_by_use=True)
    with pytest.raises(ValueError, match="keep_by_use has nothing to choose"):
        Policy(ttl_s=60, near_ttl_s=60, ttl_max_s=60, keep_by_use=True)


def test_no_life_is_shorter_than_a_copy_near_by() -> None:
    policy = Policy(ttl_s=60, near_ttl_s=50, keep_by_use=True)
    assert by_use.range_s(policy, policy) == (50, 240)


TTLS = st.floats(0.5, 1e6)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    ttl_s = draw(TTLS)
    low_s = draw(st.none() | st.floats(ttl_s / 100, ttl_s))
    high_s = draw(st.none() | st.floats(ttl_s * 1.01, ttl_s * 100))
    near_s = draw(st.floats(0, ttl_s))
    return Policy(
        ttl_s=ttl_s, ttl_min_s=low_s, ttl_max_s=high_s, near_ttl_s=near_s, keep_by_use=True
    )


def entry(created_s: float, life_s: float, source_s: float) -> Entry:
    until_s = created_s + source_s + life_s
    return Entry(created_s, until_s, until_s, until_s, source_s, b"g" * 8, (), False, False, b"1")


ENTRIES = st.builds(
    entry, st.floats(0, 1e9), st.floats(0, 1e7) | st.just(float("inf")), st.floats(0, 1e4)
)


@given(policies(), TTLS, st.none() | ENTRIES, st.floats(0, 2e9))
def test_a_life_is_always_within_the_policys_bounds(
    own: Policy, retuned_s: float, same: Entry | None, now_s: float
) -> None:
    low_s, high_s = own.ttl_range_s
    for policy in (own, own.retuned(retuned_s)):
        assert low_s <= by_use.ttl_s(policy, own, same, now_s) <= high_s


@given(policies(), ENTRIES, st.floats(0, 1e6))
def test_what_is_the_same_never_lives_shorter_than_what_is_not(
    policy: Policy, same: Entry, stood_s: float
) -> None:
    changed_s = by_use.ttl_s(policy, policy, None, same.created_s + stood_s)
    assert changed_s <= by_use.ttl_s(policy, policy, same, same.created_s + stood_s)
    assert changed_s <= max(policy.ttl_s, policy.ttl_range_s[0])
