"""An invalidation during a compute wins: what began before it is never served after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.stores import FieldPut, Store
from tests.cache.conftest import OpenCache
from tests.cache.helpers import PATIENCE_S, Clock, HeldSource, finish_background, threads

Invalidate = Callable[[Cache], None]

WAYS: dict[str, Invalidate] = {
    "key": lambda cache: cache.invalidate("ns", "k"),
    "tag": lambda cache: cache.invalidate_tags(["other", "t"]),
    "namespace": lambda cache: cache.clear("ns"),
}


@pytest.fixture(params=WAYS)
def invalidate(request: pytest.FixtureRequest) -> Invalidate:
    """Each way to invalidate the entry that `read` reads."""
    return WAYS[request.param]


def read(cache: Cache, source: Callable[[], Any], **rules: Any) -> Any:
    return cache.get_or_compute("ns", "k", source, tags=["t"], **{"ttl_s": 60, **rules})


def test_an_invalidated_entry_is_computed_anew(cache: Cache, invalidate: Invalidate) -> None:
    read(cache, lambda: "old")
    invalidate(cache)
    assert read(cache, lambda: "new") == "new"
    assert read(cache, lambda: "newer") == "new"


def test_another_replica_sees_an_invalidation_at_once(
    cache: Cache, open_cache: OpenCache, invalidate: Invalidate
) -> None:
    read(cache, lambda: "old")
    invalidate(open_cache())
    assert read(cache, lambda: "new") == "new"


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in-another-replica"])
def test_what_was_being_computed_is_not_served_afterwards(
    cache: Cache, open_cache: OpenCache, invalidate: Invalidate, elsewhere: bool
) -> None:
    source = HeldSource("old")
    with threads(1) as submit:
        under_way = submit(read, cache, source)
        source.wait_until_running()
        invalidate(open_cache() if elsewhere else cache)
        source.go_on.set()
        assert under_way.result() == "old", "it began before the invalidation"
    assert read(cache, lambda: "new") == "new"


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in-another-replica"])
def test_a_read_that_begins_afterwards_does_not_join_what_was_being_computed(
    cache: Cache, open_cache: OpenCache, invalidate: Invalidate, elsewhere: bool
) -> None:
    source = HeldSource("old")
    with threads(2) as submit:
        under_way = submit(read, cache, source)
        source.wait_until_running()
        invalidate(open_cache() if elsewhere else cache)
        later = submit(read, cache, lambda: "new")
        assert later.result(PATIENCE_S) == "new", "it waits for nothing that is void"
        source.go_on.set()
        assert (under_way.result(), later.result()) == ("old", "new")


def test_an_invalidation_during_a_background_refresh_wins(
    ticking_cache: Cache, clock: Clock, invalidate: Invalidate
) -> None:
    rules = {"stale_while_revalidate_s": 60}
    read(ticking_cache, lambda: "oldest", **rules)
    clock.advance(61)
    source = HeldSource("old")
    assert read(ticking_cache, source, **rules) == "oldest"
    source.wait_until_running()
    invalidate(ticking_cache)
    source.go_on.set()
    finish_background(ticking_cache)
    assert read(ticking_cache, lambda: "new", **rules) == "new"


def double_many(cache: Cache, source: HeldSource) -> CachedFunction[[int], object]:
    @cache.cached(
        "ns", ttl_s=60, tags=lambda number: ["t"], source_many=lambda calls: [source()] * len(calls)
    )
    def value_of(number: int) -> object:
        return "alone"

    return value_of


def invalidate_each(cache: Cache, function: CachedFunction[[int], Any]) -> None:
    for number in range(5):
        function.invalidate(number)


FUNCTION_WAYS: dict[str, Callable[[Cache, CachedFunction[[int], Any]], None]] = {
    "key": invalidate_each,
    "tag": lambda cache, function: cache.invalidate_tags(["t"]),
    "namespace": lambda cache, function: function.clear(),
}


@pytest.mark.parametrize("way", FUNCTION_WAYS)
def test_an_invalidation_while_a_batch_is_computed_wins(cache: Cache, way: str) -> None:
    source = HeldSource("old")
    value_of = double_many(cache, source)
    calls = [(number,) for number in range(5)]
    with threads(1) as submit:
        under_way = submit(value_of.read_many, calls)
        source.wait_until_running()
        FUNCTION_WAYS[way](cache, value_of)
        source.go_on.set()
        assert {found.value for found in under_way.result()} == {"old"}
    assert {found.outcome for found in value_of.read_many(calls)} == {"miss"}


@pytest.mark.parametrize("way", FUNCTION_WAYS)
def test_an_invalidation_while_refresh_computes_wins(cache: Cache, way: str) -> None:
    source = HeldSource("old")

    @cache.cached("ns", ttl_s=60, tags=["t"])
    def value_of(number: int) -> Any:
        return source()

    with threads(1) as submit:
        under_way = submit(value_of.refresh, 0)
        source.wait_until_running()
        FUNCTION_WAYS[way](cache, value_of)
        source.value = "new"
        source.go_on.set()
        assert under_way.result().value == "old"
    assert value_of(0) == "new"


def test_refresh_replaces_a_fresh_entry(cache: Cache) -> None:
    values = iter(["first", "second", "third"])

    @cache.cached("ns", ttl_s=60)
    def value_of() -> str:
        return next(values)

    assert [value_of(), value_of.refresh().value, value_of()] == ["first", "second", "second"]


def test_refresh_begun_later_wins_over_a_compute_under_way(cache: Cache) -> None:
    source = HeldSource("old")

    @cache.cached("ns", ttl_s=60)
    def value_of() -> Any:
        return source()

    with threads(1) as submit:
        under_way = submit(value_of)
        source.wait_until_running()
        source.value = "new"
        refreshed = submit_now(value_of, source)
        assert refreshed == "new"
        assert under_way.result() == "old"
    assert value_of.read().value == "new"


def submit_now(value_of: CachedFunction[[], Any], source: HeldSource) -> Any:
    source.go_on.set()
    return value_of.refresh().value


def test_a_generation_that_was_lost_turns_its_entries_into_misses(
    cache: Cache, store: Store
) -> None:
    """As when the server evicts it."""
    read(cache, lambda: "old")
    for batch in list(store.scan("g:")):
        store.remove(batch)
    assert read(cache, lambda: "new") == "new"


def test_a_lost_generation_that_is_made_anew_brings_no_old_entry_back(
    cache: Cache, store: Store
) -> None:
    read(cache, lambda: "old")
    for batch in list(store.scan("g:")):
        store.remove(batch)
    cache.get_or_compute("ns", "another key", lambda: 1, tags=["t"], ttl_s=60)
    assert read(cache, lambda: "new") == "new"


def test_an_invalidation_reaches_entries_of_every_namespace_with_the_tag(cache: Cache) -> None:
    for namespace in ("a", "b"):
        cache.get_or_compute(namespace, "k", lambda: "old", ttl_s=60, tags=["t"])
    cache.invalidate_tags(["t"])
    found = [
        cache.get_or_compute(namespace, "k", lambda: "new", ttl_s=60, tags=["t"])
        for namespace in ("a", "b")
    ]
    assert found == ["new", "new"]


def test_an_invalidation_leaves_entries_without_the_tag(cache: Cache) -> None:
    read(cache, lambda: "kept")
    cache.invalidate_tags(["another"])
    cache.invalidate("ns", "another")
    cache.clear("another")
    assert read(cache, lambda: "new") == "kept"


def test_a_version_given_by_hand_is_invalidated_by_that_version(cache: Cache) -> None:
    cache.get_or_compute("ns", "k", lambda: "old", ttl_s=60, version=2)
    cache.invalidate("ns", "k", version=2)
    assert cache.get_many("ns", ["k"], version=2) == {}


def test_tags_are_names_in_a_list(cache: Cache) -> None:
    with pytest.raises(ValueError, match="list of names"):
        cache.invalidate_tags("user:1")
    with pytest.raises(TypeError, match="a tag is a text, not int"):
        cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60, tags=[7])  # type: ignore[list-item]


def test_tags_given_in_another_order_are_the_same_tags(cache: Cache) -> None:
    """A function may give them as a set, whose order differs between processes."""
    cache.get_or_compute("ns", "k", lambda: "kept", ttl_s=60, tags=["a", "b"])
    assert cache.get_or_compute("ns", "k", lambda: "new", ttl_s=60, tags=["b", "a"]) == "kept"


def test_something_foreign_in_place_of_a_generation_is_replaced(
    store: Store, cache: Cache, open_cache: OpenCache
) -> None:
    store.put_fields([FieldPut("g:n:ns", "field", b"foreign", 60)])
    assert read(cache, lambda: "first") == "first"
    finish_background(cache)
    again = open_cache()
    assert read(again, lambda: "second") == "second"
    assert read(again, lambda: "third") == "second"


def test_something_foreign_in_place_of_a_lease_hangs_nobody(store: Store, cache: Cache) -> None:
    @cache.cached("ns", ttl_s=60)
    def value_of() -> int:
        return 1

    lease = value_of.key().removeprefix(f"{store.prefix}:").replace("e:", "l:", 1)
    store.put_fields([FieldPut(lease, "field", b"foreign", 60)])
    assert value_of.read().outcome == "miss"
