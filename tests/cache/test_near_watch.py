"""Copies near by end with changes made elsewhere, at once where the server tells of them."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from cache_core import Cache
from cache_core.by_hand import entry_key
from cache_core.stores import open_store
from cache_core.stores.memory import MemoryStore
from cache_core.stores.tracking import THREAD_NAME
from tests.cache.helpers import Clock, Events, still
from tests.cache.tracked import TellingStore, wait_until, wait_until_heard
from tests.servers.meter import CountingMeter, cluster_meter, redis_meter
from tests.servers.redis_cluster import RedisCluster
from tests.servers.redis_server import RedisServer
from tests.telemetry.test_lifetime import in_a_fork, needs_fork

# It stands still, so that no copy ends because its time is over.
CLOCK = Clock()
OpenReplica = Callable[[], Cache]


@pytest.fixture(params=["redis", "cluster"])
def server(request: pytest.FixtureRequest) -> RedisServer | RedisCluster:
    """A server of the test's own, or a cluster that is shared."""
    kinds = {"redis": "own_redis_server", "cluster": "redis_cluster"}
    found: RedisServer | RedisCluster = request.getfixturevalue(kinds[request.param])
    return found


@pytest.fixture
def number_of_threads(server: RedisServer | RedisCluster) -> int:
    """That listen for one cache: of a cluster to each node, and one looks for changes of it."""
    return 4 if isinstance(server, RedisCluster) else 1


@pytest.fixture
def open_replica(server: RedisServer | RedisCluster) -> Iterator[OpenReplica]:
    """Opens caches with connections of their own; all are closed at the end of the test."""
    prefix = f"test-{uuid4().hex}"
    with ExitStack() as opened:

        def open_one() -> Cache:
            store = open_store(server.url, prefix=prefix, timeout_s=10.0, connect_timeout_s=10.0)
            store.ping()  # what a cluster is asked first is not the cost of a call
            return opened.enter_context(Cache(store, recorder=Events(), timing=still(CLOCK)))

        yield open_one
    wait_until(lambda: not threads(), "every listening thread has ended")


@pytest.fixture
def cache(open_replica: OpenReplica) -> Cache:
    return open_replica()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def read(cache: Cache, namespace: str = "ns", key: str = "key", value: object = 1) -> object:
    return cache.get_or_compute(
        namespace, key, lambda: value, ttl_s=60, near_ttl_s=50, stale_if_error_s=60, tags=["t"]
    )


def has_copy(cache: Cache, namespace: str = "ns", key: str = "key") -> bool:
    return cache._path.near.get(entry_key(namespace, key, 1)) is not None


def bring_near(cache: Cache, namespace: str = "ns", key: str = "key") -> None:
    """Read until there is a copy that stays: those from before changes were heard are cleared."""
    for _ in range(2):
        read(cache, namespace, key)
    wait_until_heard(cache)

    def is_here() -> bool:
        read(cache, namespace, key)
        return has_copy(cache, namespace, key)

    wait_until(is_here, "there is a copy")


def wait_until_gone(cache: Cache) -> None:
    wait_until(lambda: not has_copy(cache), "the copy is gone")


@pytest.mark.parametrize("way", ["key", "tag", "namespace"])
def test_an_invalidation_elsewhere_removes_the_copy_at_once(
    cache: Cache, open_replica: OpenReplica, way: str
) -> None:
    bring_near(cache)
    elsewhere = open_replica()
    if way == "key":
        elsewhere.invalidate("ns", "key")
    elif way == "tag":
        elsewhere.invalidate_tags(["t"])
    else:
        elsewhere.clear("ns")
    wait_until_gone(cache)
    assert read(cache, value=2) == 2


def test_an_entry_written_anew_elsewhere_removes_the_copy(
    cache: Cache, open_replica: OpenReplica
) -> None:
    values = iter(["old", "new"])

    def cached_by(replica: Cache) -> Callable[[], str]:
        @replica.cached("fn", ttl_s=60, near_ttl_s=50)
        def value_of() -> str:
            return next(values)

        return value_of

    here, there = cached_by(cache), cached_by(open_replica())
    assert [here(), here()] == ["old", "old"]
    wait_until_heard(cache)
    assert here() == "old"
    there.refresh()  # type: ignore[attr-defined]
    wait_until(lambda: here() == "new", "the new value is read")


def test_an_invalidation_elsewhere_leaves_other_copies(
    cache: Cache, open_replica: OpenReplica
) -> None:
    for key in ("other", "key"):  # a copy goes once more when its own write is heard
        bring_near(cache, key=key)
    open_replica().invalidate("ns", "key")
    wait_until_gone(cache)
    assert has_copy(cache, key="other")


def test_a_namespace_used_later_is_heard_as_well(cache: Cache, open_replica: OpenReplica) -> None:
    bring_near(cache, "first")
    bring_near(cache, "second")
    elsewhere = open_replica()
    for namespace in ("first", "second"):
        bring_near(cache, namespace)
        elsewhere.invalidate(namespace, "key")
        wait_until(
            lambda namespace=namespace: not has_copy(cache, namespace),  # type: ignore[misc]
            "the copy is gone",
        )


def test_copies_of_coroutines_end_too(cache: Cache, open_replica: OpenReplica) -> None:
    async def source() -> int:
        return 1

    async def bring_near_by_coroutine() -> None:
        for _ in range(2):
            await cache.aio.get_or_compute("ns", "key", source, ttl_s=60, near_ttl_s=50)
        await asyncio.to_thread(wait_until_heard, cache)
        await cache.aio.get_or_compute("ns", "key", source, ttl_s=60, near_ttl_s=50)
        await cache.store.aio.aclose()

    asyncio.run(bring_near_by_coroutine())
    assert has_copy(cache)
    open_replica().clear("ns")
    wait_until_gone(cache)


def test_many_copies_end_with_one_generation(cache: Cache, open_replica: OpenReplica) -> None:
    @cache.cached("fn", ttl_s=60, near_ttl_s=50)
    def double(number: int) -> int:
        return 2 * number

    arguments = [(number,) for number in range(50)]
    for _ in range(2):
        double.read_many(arguments)
    wait_until_heard(cache)
    double.read_many(arguments)
    near = cache._path.near
    assert len(near._copies) == 50
    open_replica().clear("fn")
    wait_until(lambda: not near._copies, "all copies are gone")


# Cost


@pytest.fixture
def meter(server: RedisServer | RedisCluster, monkeypatch: pytest.MonkeyPatch) -> CountingMeter:
    counted = cluster_meter if isinstance(server, RedisCluster) else redis_meter
    return counted(monkeypatch)


def test_a_hit_on_a_copy_still_asks_nobody(cache: Cache, meter: CountingMeter) -> None:
    bring_near(cache)
    meter.reset()
    assert read(cache) == 1
    assert (meter.round_trips, meter.commands) == (0, 0)


@pytest.mark.parametrize("way", ["key", "tag", "namespace"])
def test_an_invalidation_that_others_hear_of_is_still_one_command(
    cache: Cache, open_replica: OpenReplica, meter: CountingMeter, way: str
) -> None:
    bring_near(cache)
    elsewhere = open_replica()
    meter.reset()
    if way == "key":
        elsewhere.invalidate("ns", "key")
    elif way == "tag":
        elsewhere.invalidate_tags(["t"])
    else:
        elsewhere.clear("ns")
    assert (meter.round_trips, meter.commands) == (1, 1)


def test_without_near_ttl_nothing_is_listened_to(cache: Cache) -> None:
    for _ in range(3):
        cache.get_or_compute("ns", "key", lambda: 1, ttl_s=60)
    assert cache._path.watch._tracking is None
    assert not threads()


def test_a_store_that_cannot_tell_is_not_asked_to() -> None:
    with Cache(MemoryStore(prefix="p"), recorder=Events(), timing=still(CLOCK)) as cache:
        for _ in range(3):
            read(cache)
        assert has_copy(cache)
        assert cache._path.watch._tracking is None


# Lost lines and ends


@pytest.mark.parametrize("server", ["redis"], indirect=True)
def test_when_the_server_is_lost_copies_are_served_only_where_nothing_else_answers(
    cache: Cache, server: RedisServer
) -> None:
    bring_near(cache)
    server.kill()
    wait_until_gone(cache)

    def failing() -> int:
        raise LookupError("down")

    assert (
        cache.get_or_compute(
            "ns", "key", failing, ttl_s=60, near_ttl_s=50, stale_if_error_s=60, tags=["t"]
        )
        == 1
    )


def test_copies_from_before_an_interruption_are_gone_when_changes_are_heard_again() -> None:
    store = TellingStore()
    with Cache(store, recorder=Events(), timing=still(CLOCK)) as cache:
        bring_near_at_once(cache)
        cache._path.watch.unheard()
        cache._path.watch.changed(None)
        assert cache._path.near.get_stale(entry_key("ns", "key", 1)) is None


def bring_near_at_once(cache: Cache) -> None:
    """The same on a store that tells only when it is told to."""
    for _ in range(3):
        read(cache)
    assert has_copy(cache)


def test_a_copy_lost_to_the_message_of_its_own_write_comes_back_with_the_next_hit() -> None:
    store = TellingStore()
    with Cache(store, recorder=Events(), timing=still(CLOCK)) as cache:
        bring_near_at_once(cache)
        cache.invalidate("ns", "key")
        for _ in range(2):
            read(cache)
        (told,) = store.told
        while told.waiting:
            told.tell()
        assert not has_copy(cache)
        read(cache)
        assert has_copy(cache)


def test_a_read_under_way_while_something_else_changes_still_brings_a_copy() -> None:
    """Or copies would hardly come about where much is written."""
    store = TellingStore()
    with Cache(store, recorder=Events(), timing=still(CLOCK)) as cache:
        bring_near_at_once(cache)
        cache._path.near.clear()
        look = store.get_many

        def slow_look(keys: list[str]) -> list[bytes | None]:
            found = look(keys)
            cache._path.watch.changed(["e:ns:another"])
            return found

        store.get_many = slow_look  # type: ignore[method-assign, assignment]
        read(cache)
        assert has_copy(cache)


def test_closing_the_cache_ends_the_listening(cache: Cache, number_of_threads: int) -> None:
    bring_near(cache)
    assert len(threads()) == number_of_threads
    cache.close()
    wait_until(lambda: not threads(), "the thread has ended")


def test_a_cache_that_nobody_holds_any_more_is_not_kept_by_its_listening(
    server: RedisServer | RedisCluster,
) -> None:
    cache = Cache(open_store(server.url, prefix="lost"), recorder=Events(), timing=still(CLOCK))
    bring_near(cache)
    del cache
    gc.collect()
    wait_until(lambda: not threads(), "the thread has ended")


@needs_fork
def test_a_forked_child_listens_for_itself(
    cache: Cache, open_replica: OpenReplica, number_of_threads: int
) -> None:
    bring_near(cache)
    elsewhere = open_replica()

    def in_child() -> str:
        assert not has_copy(cache)
        bring_near(cache)
        elsewhere.clear("ns")
        wait_until_gone(cache)
        return f"{len(threads())} threads"

    assert in_a_fork(in_child) == f"{number_of_threads} threads"
    wait_until_gone(cache)
    bring_near(cache)
    elsewhere.clear("ns")
    wait_until_gone(cache)


def test_a_namespace_whose_name_begins_like_another_is_followed_apart(
    cache: Cache, open_replica: OpenReplica
) -> None:
    for namespace in ("ns", "ns.more", "ns"):
        bring_near(cache, namespace)
    open_replica().clear("ns.more")
    wait_until(lambda: not has_copy(cache, "ns.more"), "the copy is gone")
    assert has_copy(cache, "ns")
