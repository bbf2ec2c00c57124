"""Copies in this process: no round trip, safe from callers, gone with an invalidation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cache_core import Cache, Policy
from cache_core.call import Look, bare_call
from cache_core.envelope import Entry
from cache_core.keys import tag_generation_key
from cache_core.near import NearCache
from cache_core.stores import Store
from cache_core.stores.memory import MemoryStore
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock, Events, absolute, still
from tests.cache.tracked import wait_until_heard
from tests.servers.meter import Meter


def put(
    near: NearCache, name: str, size_bytes: int, *, tag: bytes = b"tag-one!", seen_epoch: int = 0
) -> None:
    """Keep a copy of an entry of so many bytes, as a read that found it would."""
    call = replace(bare_call("ns", {}, name, (tag,)), policy=Policy(ttl_s=60, near_ttl_s=10))
    entry = Entry(0.0, 1e12, 1e12, 1e12, 0.1, b"", (), False, False, b"x" * size_bytes)
    near.put(call, Look((), None, "fresh", before=entry, value=[]), seen_epoch, Clock()())


def _read(cache: Cache, **rules: Any) -> object:
    return cache.get_or_compute(
        "ns", "key", lambda: [1], ttl_s=60, near_ttl_s=10, tags=["t"], **rules
    )


def bring_near(cache: Cache, **rules: Any) -> None:
    """Read until there is a copy that stays: those from before changes were heard are cleared."""
    for _ in range(2):
        _read(cache, **rules)
    wait_until_heard(cache)
    _read(cache, **rules)


def test_a_second_hit_asks_nobody(ticking_cache: Cache, meter: Meter, events: Events) -> None:
    bring_near(ticking_cache)
    meter.reset()
    events.incidents.clear()
    assert _read(ticking_cache) == [1]
    assert meter.round_trips == 0
    assert events.incidents["near_hit"] == 1
    assert events.outcomes[-1] == "hit"


def test_a_copy_is_asked_for_anew_when_its_time_is_over(
    ticking_cache: Cache, meter: Meter, clock: Clock
) -> None:
    bring_near(ticking_cache)
    clock.advance(10)
    meter.reset()
    _read(ticking_cache)
    assert meter.round_trips == 1


def test_a_copy_never_outlives_its_entry(
    ticking_cache: Cache, clock: Clock, events: Events
) -> None:
    _read(ticking_cache)
    clock.advance(55)
    _read(ticking_cache)
    clock.advance(6)
    _read(ticking_cache)
    assert events.outcomes == ["miss.cold", "hit", "miss.expired"]


@pytest.mark.parametrize("how", ["key", "tag", "namespace"])
def test_an_invalidation_here_removes_the_copy_at_once(
    ticking_cache: Cache, events: Events, how: str
) -> None:
    bring_near(ticking_cache)
    if how == "key":
        ticking_cache.invalidate("ns", "key")
    elif how == "tag":
        ticking_cache.invalidate_tags(["t"])
    else:
        ticking_cache.clear("ns")
    _read(ticking_cache)
    assert events.reads[-1].outcome == "miss"


def test_an_invalidation_elsewhere_is_seen_when_the_copy_ends(
    ticking_cache: Cache,
    open_cache: OpenCache,
    clock: Clock,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the server does not tell of changes; `test_near_watch` has the rest."""
    monkeypatch.setattr(ticking_cache.store, "track", lambda _: None)
    for _ in range(2):
        _read(ticking_cache)
    open_cache().invalidate_tags(["t"])
    _read(ticking_cache)
    clock.advance(10)
    _read(ticking_cache)
    assert events.outcomes[2:] == ["hit", "miss.invalidated"]


def test_callers_cannot_alter_a_copy(ticking_cache: Cache) -> None:
    bring_near(ticking_cache)
    for _ in range(2):
        value = _read(ticking_cache)
        assert isinstance(value, list)
        value.append(2)
    assert _read(ticking_cache) == [1]


def test_what_was_read_before_an_invalidation_is_not_kept() -> None:
    epoch = 0
    near = NearCache(lambda: epoch, Clock(), Clock())
    seen = epoch
    epoch += 1
    near.remove(["a"])
    put(near, "a", 10, seen_epoch=seen)
    assert near.get("a") is None


def test_what_was_read_before_everything_was_cleared_is_not_kept() -> None:
    epoch = 0
    near = NearCache(lambda: epoch, Clock(), Clock())
    seen = epoch
    epoch += 1
    near.clear()
    put(near, "a", 10, seen_epoch=seen)
    assert near.get("a") is None


def test_an_invalidation_of_something_else_does_not_matter() -> None:
    epoch = 0
    near = NearCache(lambda: epoch, Clock(), Clock())
    seen = epoch
    epoch += 1
    near.remove(["b", tag_generation_key(b"tag-two!")])
    put(near, "a", 10, seen_epoch=seen)
    assert near.get("a") is not None


def test_a_removal_that_is_not_remembered_any_more_concerns_every_key() -> None:
    epoch = 0
    near = NearCache(lambda: epoch, Clock(), Clock())
    seen = epoch
    epoch += 1
    near.remove(["a"])
    near.remove(map(str, range(10_000)))
    put(near, "a", 10, seen_epoch=seen)
    assert near.get("a") is None


def test_the_copies_are_bounded_by_bytes_least_recently_used_out_first() -> None:
    near = NearCache(lambda: 0, Clock(), Clock(), max_bytes=3_000)
    for name in ("a", "b"):
        put(near, name, 1_000)
    assert near.get("a") is not None
    put(near, "c", 1_000)
    assert near.get("b") is None
    assert near.get("a") is not None
    put(near, "big", 5_000)
    assert near.get("big") is None


def test_removing_a_generation_removes_the_copies_under_it_and_no_others() -> None:
    near = NearCache(lambda: 0, Clock(), Clock())
    for name, tag in (("a", b"tag-one!"), ("b", b"tag-two!")):
        put(near, name, 10, tag=tag)
    near.remove([tag_generation_key(b"tag-one!")])
    assert (near.get("a"), near.get("b") is None) == (None, False)


def test_without_near_ttl_every_hit_asks_the_store(
    cache: Cache, store: Store, meter: Meter
) -> None:
    for _ in range(2):
        cache.get_or_compute("ns", "key", lambda: 1, ttl_s=60)
    meter.reset()
    cache.get_or_compute("ns", "key", lambda: 1, ttl_s=60)
    assert meter.round_trips == 1


def test_refresh_replaces_the_copy(cache: Cache) -> None:
    values = iter(["old", "new"])

    @cache.cached("ns", ttl_s=60, near_ttl_s=10)
    def value_of() -> str:
        return next(values)

    seen = [value_of(), value_of(), value_of.refresh().value, value_of()]
    assert seen == ["old", "old", "new", "new"]


def failing() -> list[int]:
    raise LookupError("down")


@pytest.mark.parametrize(("stale_if_error_s", "is_served"), [(0.0, False), (60.0, True)])
def test_with_store_and_source_down_a_copy_stands_in_where_the_policy_allows(
    ticking_cache: Cache, clock: Clock, events: Events, stale_if_error_s: float, is_served: bool
) -> None:
    bring_near(ticking_cache, stale_if_error_s=stale_if_error_s)
    clock.advance(30)
    ticking_cache.store._store.close()

    def read() -> object:
        return ticking_cache.get_or_compute(
            "ns", "key", failing, ttl_s=60, near_ttl_s=10, stale_if_error_s=stale_if_error_s
        )

    if is_served:
        assert read() == [1]
        assert events.reads[-1].outcome == "stale"
        clock.advance(100)
    with pytest.raises(LookupError, match="down"):
        read()


def test_a_copy_that_was_invalidated_never_stands_in(ticking_cache: Cache) -> None:
    bring_near(ticking_cache, stale_if_error_s=60.0)
    ticking_cache.store._store.close()
    ticking_cache.invalidate("ns", "key")
    with pytest.raises(LookupError, match="down"):
        ticking_cache.get_or_compute(
            "ns", "key", failing, ttl_s=60, near_ttl_s=10, stale_if_error_s=60.0
        )


def test_a_value_nobody_can_alter_is_handed_out_as_it_is(cache: Cache) -> None:
    @cache.cached("ns", ttl_s=60, near_ttl_s=10)
    def names() -> tuple[str, ...]:
        return ("a", "b")

    for _ in range(2):
        assert names() == ("a", "b")
    wait_until_heard(cache)
    first, second = names(), names()
    assert first is second


def test_a_value_with_an_alterable_part_is_each_callers_own(cache: Cache) -> None:
    @cache.cached("ns", ttl_s=60, near_ttl_s=10)
    def names() -> tuple[list[str], ...]:
        return (["a"],)

    for _ in range(2):
        names()
    wait_until_heard(cache)
    for _ in range(3):
        names()[0].append("b")
    assert names() == (["a"],)


@pytest.mark.parametrize(("source_s", "ends_s"), [(0.0, 60), (1.0, 55), (100.0, 30)])
def test_a_copy_ends_before_its_entry_by_the_time_in_which_readers_volunteer(
    clock: Clock, source_s: float, ends_s: float
) -> None:
    """Five times the source's time, and at most half of the entry's life."""
    near = NearCache(lambda: 0, clock, clock)
    call = replace(bare_call("ns", {}, "a", ()), policy=Policy(ttl_s=60, near_ttl_s=60))
    ends = clock() + 60
    entry = Entry(clock(), ends, ends, ends, source_s, b"", (), False, False, b"")
    near.put(call, Look((), None, "fresh", before=entry, value=[]), 0, clock())
    clock.advance(ends_s - 0.5)
    assert near.get("a") is not None
    clock.advance(1)
    assert near.get("a") is None


def test_a_batch_leaves_copies_too(cache: Cache, events: Events) -> None:
    function = cache.cached("ns", ttl_s=60, near_ttl_s=10)(absolute)
    for _ in range(2):
        function.read_many([(1,), (2,)])
    wait_until_heard(cache)
    function.read_many([(1,), (2,)])
    assert [function(1), function(2)] == [1, 2]
    assert events.incidents["near_hit"] == 2


def test_the_time_of_a_copy_runs_from_before_the_store_was_asked(clock: Clock) -> None:
    """Or it would be served for longer after a change than near_ttl_s, by what the read took."""
    store = MemoryStore()
    with Cache(store, recorder=Events(), timing=still(clock)) as cache:
        _read(cache)
        look = store.get_many

        def slow_look(keys: list[str]) -> list[bytes | None]:
            found = look(keys)
            clock.advance(4)
            return found

        store.get_many = slow_look  # type: ignore[method-assign, assignment]
        _read(cache)
        (copy,) = cache._path.near._copies.values()
        assert copy.until == clock() + 6
