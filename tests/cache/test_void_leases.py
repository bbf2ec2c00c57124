"""A lease under which nothing of use can be computed any more is not waited for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.call import Call, make_call
from cache_core.keys import text_digest
from cache_core.lease_token import is_owned, is_void, new_owner, token_of
from cache_core.policy import Policy
from cache_core.steps import run
from cache_core.stores import LeaseWrite, Put, Store
from tests.cache.conftest import OpenCache
from tests.cache.helpers import (
    PATIENCE_S,
    Clock,
    Events,
    HeldSource,
    finish_background,
    still,
    threads,
)

VOIDING: dict[str, Callable[[Cache], None]] = {
    "tag": lambda cache: cache.invalidate_tags(["t"]),
    "namespace": lambda cache: cache.clear("ns"),
}


@pytest.fixture(params=VOIDING)
def void(request: pytest.FixtureRequest) -> Callable[[Cache], None]:
    return VOIDING[request.param]


def cached_by(cache: Cache, source: Callable[[int], object]) -> CachedFunction[[int], object]:
    """The same function in each replica, with a source of its own."""

    @cache.cached("ns", ttl_s=60, tags=["t"])
    def value_of(number: int) -> object:
        return source(number)

    return value_of


def test_a_batch_does_not_wait_for_what_is_void(
    cache: Cache, open_cache: OpenCache, void: Callable[[Cache], None]
) -> None:
    source, events = HeldSource("old"), Events()
    other = open_cache(recorder=events)

    here = cached_by(cache, lambda number: source())
    there = cached_by(other, lambda number: f"new {number}")
    with threads(1) as submit:
        under_way = submit(here.read_many, [(1,), (2,)])
        source.wait_until_running()
        void(cache)
        found = there.read_many([(1,), (2,), (3,)])
        assert [read.value for read in found] == ["new 1", "new 2", "new 3"]
        source.go_on.set()
        assert {read.value for read in under_way.result(PATIENCE_S)} == {"old"}
    assert not events.incidents["waited_out"]
    assert {read.outcome for read in there.read_many([(1,), (2,), (3,)])} == {"hit"}


def test_the_pause_of_a_failing_source_ends_with_the_entry_it_was_for(
    open_cache: OpenCache, clock: Clock, void: Callable[[Cache], None]
) -> None:
    """There is nothing to serve any more, so the source has to be asked."""
    cache = open_cache(timing=still(clock, pause_s=600.0))

    def read(source: Callable[[], str]) -> str:
        return cache.get_or_compute("ns", "k", source, ttl_s=60, tags=["t"], stale_if_error_s=600)

    def fails() -> str:
        raise RuntimeError("down")

    read(lambda: "old")
    clock.advance(61)
    assert read(fails) == "old"
    assert read(lambda: "not asked in the pause") == "old"
    void(cache)
    assert read(lambda: "new") == "new"


def test_refresh_stores_under_a_lease_that_is_not_void(
    cache: Cache, void: Callable[[Cache], None]
) -> None:
    source = HeldSource("old")
    function = cache.cached("ns", ttl_s=60, tags=["t"])(lambda: source())
    with threads(1) as submit:
        under_way = submit(function.read)
        source.wait_until_running()
        void(cache)
        source.go_on.set()
        source.value = "new"
        assert function.refresh().value == "new"
        under_way.result(PATIENCE_S)
    assert function.read().outcome == "hit"


# What happens to a bid between its steps


class Interrupted:
    """A store in which something happens before each part of `add_then_get`, as on a cluster,
    where a lease and the generations are on different nodes."""

    def __init__(self, store: Store, before_generations: Callable[[], None]) -> None:
        self._store = store
        self._before_generations = before_generations

    def add_then_get(self, adds: list[Put], keys: list[str]) -> list[bytes | None]:
        self._store.add_then_get([put for put in adds if put.key.startswith("l:")], [])
        self._before_generations()
        return self._store.add_then_get([put for put in adds if put.key.startswith("g:")], keys)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def cold_call() -> Call:
    return make_call("p", "ns", Policy(ttl_s=60), {}, text_digest("k"), ["t"], lambda: 1, "race")


def test_a_lease_won_under_generations_another_bid_replaced_is_not_computed_under(
    store: Store, cache: Cache
) -> None:
    """Two processes find a key cold that has no generations yet: either makes some. Only one may
    compute, and nobody may take its lease away from it."""
    call, owner, other = cold_call(), new_owner(), new_owner()
    bids = cache._path.sharing.bids
    (cold,) = run(bids.look([call]), store)
    beaten: list[bytes | None] = []

    def another_bid() -> None:
        if not beaten:
            (look,) = run(bids.bid([call], [cold], other), store)
            assert look.holder is not None
            beaten.append(look.holder)
            assert is_owned(look.holder, other)
            assert not is_void(look.holder, look.generations)

    (look,) = run(bids.bid([call], [cold], owner), Interrupted(store, another_bid))
    assert beaten
    assert look.holder == beaten[0], "the first made its generations too late, and waits"


def test_a_bid_that_lost_its_generations_on_the_way_bids_again(store: Store, cache: Cache) -> None:
    call, owner = cold_call(), new_owner()
    bids = cache._path.sharing.bids
    (cold,) = run(bids.look([call]), store)
    other_generations = [Put(name, bytes(8), 60) for name in call.generation_keys]
    racing = Interrupted(store, lambda: store.put_many(other_generations))
    (look,) = run(bids.bid([call], [cold], owner), racing)
    assert look.generations == (bytes(8), bytes(8))
    assert look.holder == token_of(owner, [bytes(8), bytes(8)])


def test_a_lease_that_changed_hands_is_not_taken_away(store: Store, cache: Cache) -> None:
    call = cold_call()
    bids = cache._path.sharing.bids
    (cold,) = run(bids.look([call]), store)
    (mine,) = run(bids.bid([call], [cold], new_owner()), store)
    assert mine.holder is not None
    void = LeaseWrite(call.lease_key, token_of(new_owner(), [b"of before"]))
    run(bids._take_away([void]), store)
    (look,) = run(bids.look([call]), store)
    assert look.holder == mine.holder


def test_a_token_says_under_which_generations_it_is_held() -> None:
    owner = new_owner()
    token = token_of(owner, [b"one", b"two"])
    assert is_owned(token, owner)
    assert not is_owned(token, new_owner())
    assert not is_owned(None, owner)
    assert not is_void(token, (b"one", b"two"))
    assert is_void(token, (b"one", b"other"))
    assert not is_void(token, (b"one", None)), "its owner may be about to make it"
    assert not is_void(None, (b"one", b"two"))
    assert is_void(b"foreign", (b"one", b"two"))


def test_one_that_waits_goes_on_once_the_lease_is_void(cache: Cache, open_cache: OpenCache) -> None:
    """Not only one that comes after the invalidation."""
    source, other = HeldSource("old"), open_cache()

    def read(cache: Cache, source: Callable[[], object]) -> object:
        return cache.get_or_compute("ns", "k", source, ttl_s=60, tags=["t"])

    with threads(2) as submit:
        under_way = submit(read, cache, source)
        source.wait_until_running()
        waiting = submit(read, other, lambda: "new")
        cache.invalidate_tags(["t"])
        assert waiting.result(PATIENCE_S) == "new"
        source.go_on.set()
        assert under_way.result(PATIENCE_S) == "old"
    finish_background(cache)
