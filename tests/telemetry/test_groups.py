"""Groups of keys in the figures: what stands out is counted, adds up and stays small."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cache_core import Cache, Policy
from cache_core.stores import Store
from cache_core.telemetry import WINDOWS, MetricsReader, SharedRecorder
from cache_core.telemetry.counts import decode
from cache_core.telemetry.groups import (
    GroupCounts,
    Groups,
    add_lookups,
    from_json,
    merge,
    most_missed,
    most_read,
    standing_out,
    to_json,
)
from cache_core.telemetry.periods import hour_key, minute_key
from tests.cache.helpers import Clock
from tests.conftest import OpenSameStore


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_010.0)


def counted(names: list[str], *, miss: bool = False) -> Groups:
    groups: Groups = {}
    add_lookups(groups, names, [0.0] * len(names), miss)
    return groups


def as_tuples(groups: Groups) -> dict[str, tuple[int, int, float]]:
    return {name: (c.lookups, c.misses, c.saved_s) for name, c in groups.items()}


def cache_on(store: Store, clock: Clock) -> tuple[Cache, SharedRecorder]:
    recorder = SharedRecorder(store, clock=clock, background=False)
    return Cache(store, recorder=recorder), recorder


def groups_of(store: Store, clock: Clock, namespace: str) -> Groups:
    return MetricsReader(store, clock).groups(WINDOWS["24h"]).namespaces[namespace].groups


def test_each_key_is_a_group_under_the_beginning_of_its_digest(store: Store, clock: Clock) -> None:
    cache, recorder = cache_on(store, clock)

    @cache.cached("orders", ttl_s=60)
    def orders(user: str) -> str:
        return user

    for user in ("ann", "ann", "ann", "bob"):
        orders(user)
    recorder.flush()
    digests = {user: orders.key(user).rpartition("{")[2][:8] for user in ("ann", "bob")}
    found = groups_of(store, clock, "orders")
    assert {name: (c.lookups, c.misses) for name, c in found.items()} == {
        f"#{digests['ann']}": (3, 1),
        f"#{digests['bob']}": (1, 1),
    }


def test_a_function_may_name_the_groups_of_its_calls(store: Store, clock: Clock) -> None:
    cache, recorder = cache_on(store, clock)

    @cache.cached("orders", policy=Policy(ttl_s=60, group=lambda plan, user: f"plan {plan}"))
    def orders(plan: str, user: str) -> str:
        return user

    for user in range(5):
        orders("free", str(user))
        orders("paid", "one")
    recorder.flush()
    found = groups_of(store, clock, "orders")
    assert {name: (c.lookups, c.misses) for name, c in found.items()} == {
        "plan free": (5, 5),
        "plan paid": (5, 1),
    }


def test_reads_of_many_and_reads_by_hand_have_groups_too(store: Store, clock: Clock) -> None:
    cache, recorder = cache_on(store, clock)

    @cache.cached("orders", ttl_s=60, group=lambda user: f"first letter {user[0]}")
    def orders(user: str) -> str:
        return user

    orders.read_many([("ann",), ("amy",), ("bob",)])
    cache.get_or_compute("by.hand", "k", lambda: 1, ttl_s=60, group="one")
    recorder.flush()
    found = groups_of(store, clock, "orders")
    assert {name: c.lookups for name, c in found.items()} == {
        "first letter a": 2,
        "first letter b": 1,
    }
    assert set(groups_of(store, clock, "by.hand")) == {"one"}


@pytest.mark.parametrize("group", ["", "x" * 41, 7])
def test_a_group_that_will_not_do_is_refused_with_what_would(
    store: Store, clock: Clock, group: object
) -> None:
    cache, _ = cache_on(store, clock)

    @cache.cached("orders", ttl_s=60, group=lambda: group)
    def orders() -> int:
        return 1

    with pytest.raises(ValueError, match="group must be a text of 1 to 40 characters"):
        orders()


def test_seconds_saved_are_counted_with_the_group(store: Store, clock: Clock) -> None:
    cache, recorder = cache_on(store, clock)

    @cache.cached("slow", ttl_s=60, group="all")
    def slow() -> int:
        return 1

    slow()
    slow()
    recorder.flush()
    totals = MetricsReader(store, clock).read(WINDOWS["24h"]).totals["slow"]
    found = groups_of(store, clock, "slow")["all"]
    assert found.saved_s == pytest.approx(totals.saved_s, abs=0.001)


def test_minutes_tell_no_groups(store: Store, clock: Clock) -> None:
    """They would double what is handed over every few seconds."""
    cache, recorder = cache_on(store, clock)
    cache.get_or_compute("by.hand", "k", lambda: 1, ttl_s=60)
    recorder.flush()
    minute, hour = (
        decode(raw)
        for key in (minute_key(int(clock()) // 60), hour_key(int(clock()) // 3600))
        for raw in store.get_fields([key])[0].values()
    )
    assert minute.namespaces["by.hand"].groups == {}
    assert len(hour.namespaces["by.hand"].groups) == 1


def test_a_window_counts_groups_from_the_beginning_of_its_first_hour(
    store: Store, clock: Clock
) -> None:
    cache, recorder = cache_on(store, clock)
    begin_s = 1_700_000_010
    hour_s = begin_s - begin_s % 3600
    for passed_s in (0, 3600, 3600):
        clock.advance(passed_s)
        cache.get_or_compute("by.hand", "k", lambda: 1, ttl_s=60, group="one")
        recorder.flush()
    reader = MetricsReader(store, clock)
    for name, hours, lookups in (("1h", 2, 2), ("6h", 7, 3), ("24h", 24, 3)):
        (window,) = [window for window in WINDOWS.values() if window.name == name]
        found = reader.groups(window)
        assert found.begin_s == hour_s + 2 * 3600 - (hours - 1) * 3600
        assert found.namespaces["by.hand"].groups["one"].lookups == lookups
        assert found.namespaces["by.hand"].lookups == lookups


def test_replicas_add_up(store: Store, open_same_store: OpenSameStore, clock: Clock) -> None:
    for there in (store, open_same_store()):
        cache, recorder = cache_on(there, clock)
        cache.get_or_compute("by.hand", "k", lambda: 1, ttl_s=60, group="one")
        recorder.flush()
    assert groups_of(store, clock, "by.hand")["one"].lookups == 2


def test_what_is_read_past_the_cache_is_in_no_group(store: Store, clock: Clock) -> None:
    cache, recorder = cache_on(store, clock)
    with cache.disabled():
        cache.get_or_compute("by.hand", "k", lambda: 1, ttl_s=60)
    recorder.flush()
    assert groups_of(store, clock, "by.hand") == {}


names = some.sampled_from([f"g{number}" for number in range(30)])
parts = some.lists(some.lists(names, max_size=50), max_size=6)


@given(parts)
def test_parts_add_up_to_the_whole_in_any_order(parts: list[list[str]]) -> None:
    whole = counted([name for part in parts for name in part])
    for order in (parts, parts[::-1]):
        added: Groups = {}
        for part in order:
            merge(added, counted(part))
        assert as_tuples(added) == as_tuples(whole)


def test_merging_leaves_what_is_added_alone() -> None:
    one = counted(["a"])
    total: Groups = {}
    merge(total, one)
    merge(total, one)
    assert (total["a"].lookups, one["a"].lookups) == (2, 1)


def test_of_many_groups_the_hottest_and_the_most_missed_stay_and_none_is_counted_too_often() -> (
    None
):
    """Keys with Zipf's frequencies, and among 20,000 seldom ones a few that always miss."""
    chance = random.Random(11)
    weights = [1 / rank for rank in range(1, 20_001)]
    lookups = chance.choices([f"k{rank}" for rank in range(20_000)], weights, k=60_000)
    missed = [f"m{number % 4}" for number in range(2_000)]
    groups: Groups = {}
    for at in range(0, 60_000, 300):
        add_lookups(groups, lookups[at : at + 300], [0.0] * 300, miss=False)
        add_lookups(groups, missed[at // 30 : at // 30 + 10], [0.0] * 10, miss=True)
    truth = Counter(lookups) + Counter(missed)
    assert len(groups) < 1_024
    assert most_read(groups, 8) == [name for name, _ in truth.most_common(8)]
    assert sorted(most_missed(groups, 4)) == ["m0", "m1", "m2", "m3"]
    assert all(groups[name].lookups <= truth[name] for name in groups)
    assert all(groups[name].lookups == truth[name] for name in most_read(groups, 8))


def saving(*seconds: float, name: str = "user") -> Groups:
    return {f"{name} {at}": GroupCounts(1, 0, saved_s) for at, saved_s in enumerate(seconds)}


def test_what_is_handed_over_are_the_first_by_lookups_and_by_misses() -> None:
    groups = counted([f"#hot{n}" for n in range(20) for _ in range(100 - n)])
    merge(groups, counted([f"#missed{n}" for n in range(20) for _ in range(50 - n)], miss=True))
    told = from_json(to_json(standing_out({"ns": groups})["ns"]))
    assert set(told) == {f"#{kind}{n}" for kind in ("hot", "missed") for n in range(8)}
    assert as_tuples(told) == {name: as_tuples(groups)[name] for name in told}


def test_of_named_groups_those_that_saved_most_are_handed_over_too() -> None:
    seldom = saving(*map(float, range(200)))
    often = counted(["#hot"] * 9)
    told = standing_out({"ns": {**seldom, **often}})["ns"]
    assert {f"user {n}" for n in range(104, 200)} < set(told)
    assert "#hot" in told
    assert len(told) <= 96 + 8


def test_namespaces_share_what_is_handed_over_of_named_groups() -> None:
    """However many functions name groups, a hand-over grows by no more."""
    naming = {f"ns {n}": saving(*map(float, range(200))) for n in range(12)}
    told = standing_out({**naming, "plain": saving(*[1.0] * 200, name="#")})
    assert all(len(groups) <= 96 // 12 + 8 for groups in told.values())
    assert {f"user {n}" for n in range(192, 200)} < set(told["ns 3"])
    assert len(told["plain"]) == 8


def test_a_group_without_misses_is_not_among_the_most_missed() -> None:
    assert most_missed(counted(["a", "b"]), 5) == []


def test_the_hit_rate_of_a_group_is_the_share_that_was_served() -> None:
    assert GroupCounts(4, 1, 0.0).hit_rate == 0.75
    assert GroupCounts(0, 0, 0.0).hit_rate is None
