"""Where the cache is on or off, and that what it destroys is its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cache_core import Cache, connect
from cache_core.settings import Settings
from cache_core.stores import Put, Store, open_store
from tests.cache.helpers import Events, absolute, finish_background, still, threads
from tests.conftest import OpenSameStore
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront


def test_a_cache_made_by_hand_is_on(cache: Cache) -> None:
    assert cache.is_on


@pytest.mark.parametrize(("setting", "is_on"), [("auto", False), ("on", True), ("off", False)])
def test_connect_is_on_as_the_setting_says_and_auto_is_off_under_a_test_runner(
    monkeypatch: pytest.MonkeyPatch, setting: str, is_on: bool
) -> None:
    monkeypatch.setenv("CACHE_ENABLED", setting)
    with connect() as cache:
        assert cache.is_on is is_on


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files hand on variables that nobody set as empty text."""
    for name in ("CACHE_ENABLED", "CACHE_TIMEOUT_S", "REDIS_URL", "UPSTASH_REDIS_REST_URL"):
        monkeypatch.setenv(name, "")
    assert Settings().store_url == "memory://"


def test_disabled_sends_the_reads_of_a_block_to_their_source(cache: Cache, events: Events) -> None:
    values = iter(range(10))

    def read() -> int:
        return cache.get_or_compute("ns", "k", lambda: next(values), ttl_s=60)

    seen = [read()]
    with cache.disabled():
        seen += [read(), read()]
    seen.append(read())
    assert seen == [0, 1, 2, 0]
    assert events.outcomes == ["miss.cold", "bypass", "bypass", "hit"]


def test_disabled_holds_for_its_thread_alone(cache: Cache) -> None:
    with cache.disabled(), threads(1) as submit:
        assert submit(lambda: cache.is_on).result()
        assert not cache.is_on


def test_disabled_holds_for_its_task_alone(cache: Cache) -> None:
    async def run() -> tuple[bool, bool]:
        inside, checked = asyncio.Event(), asyncio.Event()

        async def off() -> bool:
            with cache.disabled():
                inside.set()
                await checked.wait()
                return cache.is_on

        async def other() -> bool:
            await inside.wait()
            checked.set()
            return cache.is_on

        first, second = await asyncio.gather(off(), other())
        return first, second

    assert asyncio.run(run()) == (False, True)


def test_an_invalidation_inside_disabled_still_counts(cache: Cache) -> None:
    cache.get_or_compute("ns", "k", lambda: "old", ttl_s=60)
    with cache.disabled():
        cache.invalidate("ns", "k")
    assert cache.get_or_compute("ns", "k", lambda: "new", ttl_s=60) == "new"


def test_reading_none_of_many_asks_nobody(cache: Cache) -> None:
    function = cache.cached("ns", ttl_s=60)(len)
    assert function.read_many([]) == []
    with cache.disabled():
        assert function.read_many([]) == []
    assert cache.get_many("ns", []) == {}


@pytest.mark.parametrize("prefix", ["", "*", "a*", "a b", "a:b", "?", "x" * 65])
def test_a_prefix_that_does_not_keep_keys_apart_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        open_store("memory://", prefix=prefix)


def test_clearing_a_namespace_leaves_the_others(cache: Cache) -> None:
    for namespace in ("shop", "shop.cart", "shopping"):
        cache.get_or_compute(namespace, "k", lambda: "kept", ttl_s=60)
    cache.clear("shop")
    kept = [cache.get_many(namespace, ["k"]) for namespace in ("shop", "shop.cart", "shopping")]
    assert kept == [{}, {"k": "kept"}, {"k": "kept"}]


@pytest.mark.parametrize("kind", ["redis", "upstash"])
def test_another_prefix_on_the_same_server_is_left_alone(
    kind: str, redis_server: RedisServer, rest_front: RestFront
) -> None:
    url = redis_server.url if kind == "redis" else rest_front.url
    token = None if kind == "redis" else rest_front.token
    caches = [
        Cache(open_store(url, prefix=f"{kind}-{name}", token=token), recorder=Events())
        for name in ("one", "one.two")
    ]
    for cache in caches:
        cache.get_or_compute("ns", "k", lambda: "kept", ttl_s=60, tags=["t"])
    caches[0].clear("ns")
    caches[0].invalidate_tags(["t"])
    caches[0].invalidate("ns", "k")
    assert [cache.get_many("ns", ["k"]) for cache in caches] == [{}, {"k": "kept"}]
    for cache in caches:
        cache.close()


def test_no_command_touches_all_keys(own_redis_server: RedisServer) -> None:
    """After one of everything a cache does, as the server itself counted it."""
    store = open_store(own_redis_server.url, prefix="own")
    with Cache(store, timing=still()) as cache:
        function = cache.cached("ns", ttl_s=60, tags=["t"])(absolute)
        function(1)
        function.read_many([(1,), (2,)])
        function.refresh(1)
        function.invalidate(1)
        function.clear()
        cache.invalidate_tags(["t"])
        for batch in store.scan("e:"):
            store.remove(batch)
        store.info()
        finish_background(cache)
    with own_redis_server.client() as client:
        used = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
    assert "mget" in used
    assert not used & {"flushdb", "flushall", "keys"}


def test_a_closed_cache_still_answers_from_the_source(store: Store) -> None:
    cache = Cache(store, recorder=Events(), timing=still())
    cache.close()
    cache.close()
    assert cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60) == 1


def test_closing_ends_the_threads_of_a_cache(open_same_store: OpenSameStore) -> None:
    cache = Cache(open_same_store(), timing=still())
    cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60, stale_while_revalidate_s=5)
    cache._path.compute.errands._background.submit(lambda: None)
    mine = [cache._path.leases._keeper._thread, *cache._path.compute.errands._background._threads]
    cache.close()
    for thread in mine:
        assert isinstance(thread, threading.Thread)
        thread.join(30)
        assert not thread.is_alive()


def test_what_another_application_keeps_reads_as_absent(store: Store, cache: Cache) -> None:
    store.put_many([Put("unrelated", b"x", 60)])
    cache.clear("ns")
    assert store.get_many(["unrelated"]) == [b"x"]
