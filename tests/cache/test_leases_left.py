"""A lease that could not be given back because the line was cut goes when the line is mended.

Nobody holds it, so whoever reads the key then would wait until it expires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.guard import GuardedStore
from cache_core.stores import Store, open_store
from tests.cache.helpers import Events, finish_background, still, until
from tests.servers.faulty_line import FaultyLine
from tests.servers.redis_server import RedisServer

WAYS: dict[str, Callable[[CachedFunction[..., int]], object]] = {
    "one": lambda function: function.read(1).value,
    "many": lambda function: [read.value for read in function.read_many([(1,), (2,)])],
    "refresh": lambda function: function.refresh(1).value,
}
RIGHT = {"one": 10, "many": [10, 20], "refresh": 10}


@pytest.fixture
def prefix(faulty_line: FaultyLine) -> str:
    return f"leases-{faulty_line.port}"


@pytest.fixture
def beside(redis_server: RedisServer, prefix: str) -> Iterator[Store]:
    """The same store past the line."""
    with open_store(redis_server.url, prefix=prefix, timeout_s=10) as store:
        yield store


@pytest.fixture
def cache(faulty_line: FaultyLine, prefix: str) -> Iterator[Cache]:
    store = open_store(f"redis://127.0.0.1:{faulty_line.port}/0", prefix=prefix, timeout_s=0.3)
    guarded = GuardedStore(store, slow_s=60, background=False)
    # A reader that waits for a lease gives up before it expires, and then stores nothing.
    with Cache(guarded, recorder=Events(), timing=still(lease_s=600, wait_s=1)) as cache:
        yield cache


def leases(store: Store) -> list[str]:
    return [name for batch in store.scan("l:") for name in batch]


def mend(line: FaultyLine, cache: Cache) -> None:
    """Make the line whole again, after what was to be given back could not be."""
    assert until(lambda: not cache._path.compute.errands._background._taken)
    line.fault = None
    line.listen()
    cache.store.breaker.probe()


@pytest.mark.parametrize("way", WAYS)
def test_a_bid_that_was_not_answered(
    cache: Cache,
    beside: Store,
    faulty_line: FaultyLine,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    function = cache.cached("ns", ttl_s=60)(lambda number: 10 * number)
    bid = cache.store._store.add_then_get

    def cut_off(*arguments: Any) -> object:
        faulty_line.fault = "silent"
        try:
            return bid(*arguments)
        finally:
            faulty_line.refuse()

    with monkeypatch.context() as patched:
        patched.setattr(cache.store._store, "add_then_get", cut_off)
        assert WAYS[way](function) == RIGHT[way]
    assert leases(beside), "the server heard the bid"
    mend(faulty_line, cache)
    assert function.read(1).outcome == "miss"
    assert function.read(1).outcome == "hit"
    finish_background(cache)
    cache.store.replay.once()
    assert not leases(beside)


@pytest.mark.parametrize("way", WAYS)
def test_a_write_that_did_not_reach_the_server(
    cache: Cache, beside: Store, faulty_line: FaultyLine, way: str
) -> None:
    def source(number: int) -> int:
        if is_cut_off:
            faulty_line.refuse()
        return 10 * number

    function = cache.cached("ns", ttl_s=60)(source)
    is_cut_off = True
    assert WAYS[way](function) == RIGHT[way]
    is_cut_off = False
    assert leases(beside)
    mend(faulty_line, cache)
    assert function.read(1).outcome == "miss"
    assert function.read(1).outcome == "hit"
    finish_background(cache)
    cache.store.replay.once()
    assert not leases(beside)
