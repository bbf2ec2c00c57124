"""Copies near by on a Redis Cluster: what becomes of them when nodes go, come back and exchange."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from redis.crc import key_slot

from cache_core import Cache
from cache_core.by_hand import entry_key
from cache_core.keys import namespace_generation_key
from cache_core.stores import open_store
from tests.cache.helpers import Clock, Events, still
from tests.cache.tracked import is_heard, wait_until
from tests.servers.redis_cluster import ClusterNode, RedisCluster, until

PREFIX = "near"
# It stands still, so that no copy ends because its time is over.
CLOCK = Clock()
OpenReplica = Callable[[RedisCluster], Cache]


@pytest.fixture
def open_replica(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenReplica]:
    """Opens caches, as processes of their own would; all are closed at the end of the test."""
    monkeypatch.setattr("cache_core.stores.tracking._GAP_MAX_S", 1.0)
    with ExitStack() as opened:

        def open_one(cluster: RedisCluster) -> Cache:
            store = open_store(cluster.url, prefix=PREFIX, timeout_s=10.0, connect_timeout_s=10.0)
            return opened.enter_context(Cache(store, recorder=Events(), timing=still(CLOCK)))

        yield open_one


def slot_of(key: str) -> int:
    return key_slot(f"{PREFIX}:{key}".encode())


def namespace_at(cluster: RedisCluster, node: ClusterNode) -> str:
    """A namespace whose generation lies on a node."""
    names = map("ns{}".format, itertools.count())
    return next(
        name
        for name in names
        if cluster.owner(f"{PREFIX}:{namespace_generation_key(name)}") is node
    )


def key_at(cluster: RedisCluster, node: ClusterNode, namespace: str) -> str:
    """A key of the caller's whose entry lies on a node."""
    keys = map("key{}".format, itertools.count())
    return next(
        key for key in keys if cluster.owner(f"{PREFIX}:{entry_key(namespace, key, 1)}") is node
    )


def read(cache: Cache, namespace: str, key: str, value: object = 1) -> object:
    return cache.get_or_compute(namespace, key, lambda: value, ttl_s=60, near_ttl_s=50)


def has_copy(cache: Cache, namespace: str, key: str) -> bool:
    return cache._path.near.get(entry_key(namespace, key, 1)) is not None


def bring_near(cache: Cache, namespace: str, *keys: str) -> None:
    """Read until there are copies that stay."""
    for key in keys:
        read(cache, namespace, key)
    for key in keys:
        read(cache, namespace, key)
    wait_until_all_are_heard(cache)

    def are_here() -> bool:
        for key in keys:
            read(cache, namespace, key)
        return all(has_copy(cache, namespace, key) for key in keys)

    wait_until(are_here, "there are copies")


def wait_until_all_are_heard(cache: Cache) -> None:
    tracking = cache._path.watch._tracking
    assert tracking is not None
    wait_until(lambda: is_heard(tracking), "every node is heard")  # type: ignore[arg-type]


def test_a_lost_node_ends_copies_of_its_keys_and_no_others(
    cluster: RedisCluster, open_replica: OpenReplica
) -> None:
    gone_node, live_node, _ = cluster.primaries
    cache = open_replica(cluster)
    namespace = namespace_at(cluster, live_node)
    gone = key_at(cluster, gone_node, namespace)
    live = key_at(cluster, live_node, namespace)
    bring_near(cache, namespace, gone, live)
    gone_node.kill()
    wait_until(lambda: not has_copy(cache, namespace, gone), "the copy is withheld")
    assert has_copy(cache, namespace, live)
    assert read(cache, namespace, gone, value=2) == 2
    gone_node.restart()
    wait_until_all_are_heard(cache)
    assert cache._path.near.get_stale(entry_key(namespace, gone, 1)) is None
    assert has_copy(cache, namespace, live)
    bring_near(cache, namespace, gone)
    open_replica(cluster).invalidate(namespace, gone)
    wait_until(lambda: not has_copy(cache, namespace, gone), "changes are heard again")
    assert has_copy(cache, namespace, live)


def test_a_lost_node_ends_copies_under_a_generation_that_it_has(
    cluster: RedisCluster, open_replica: OpenReplica
) -> None:
    gone_node, live_node, _ = cluster.primaries
    cache = open_replica(cluster)
    under_gone = namespace_at(cluster, gone_node)
    under_live = namespace_at(cluster, live_node)
    keys = {name: key_at(cluster, live_node, name) for name in (under_gone, under_live)}
    for _ in range(2):  # a namespace that is followed later ends copies once
        for namespace, key in keys.items():
            bring_near(cache, namespace, key)
    gone_node.kill()
    wait_until(lambda: not has_copy(cache, under_gone, keys[under_gone]), "the copy is withheld")
    assert has_copy(cache, under_live, keys[under_live])


def test_a_replica_that_takes_over_is_heard(
    replicated: RedisCluster, open_replica: OpenReplica
) -> None:
    gone_node, live_node, _ = replicated.primaries
    cache, elsewhere = open_replica(replicated), open_replica(replicated)
    namespace = namespace_at(replicated, live_node)
    gone = key_at(replicated, gone_node, namespace)
    live = key_at(replicated, live_node, namespace)
    bring_near(cache, namespace, gone, live)
    gone_node.kill()
    wait_until(lambda: not has_copy(cache, namespace, gone), "the copy is withheld")
    successor = ("127.0.0.1", replicated.replicas[0].port)
    tracking = cache._path.watch._tracking
    until(lambda: successor in tracking._lines and is_heard(tracking))  # type: ignore[union-attr, arg-type]
    assert has_copy(cache, namespace, live)
    bring_near(cache, namespace, gone)
    elsewhere.invalidate(namespace, gone)
    wait_until(lambda: not has_copy(cache, namespace, gone), "the change is heard")
    assert has_copy(cache, namespace, live)


def test_primaries_that_exchange_with_their_replicas_are_noticed_by_looking(
    replicated: RedisCluster, open_replica: OpenReplica
) -> None:
    """No line is lost by it, and this process, which has copies, asks no node for anything."""
    old, live_node, _ = replicated.primaries
    cache, elsewhere = open_replica(replicated), open_replica(replicated)
    namespace = namespace_at(replicated, live_node)
    key = key_at(replicated, old, namespace)
    bring_near(cache, namespace, key)
    replicated.replicas[0].cluster("FAILOVER")
    tracking = cache._path.watch._tracking
    successor = ("127.0.0.1", replicated.replicas[0].port)
    until(lambda: successor in tracking._lines and is_heard(tracking))  # type: ignore[union-attr, arg-type]
    assert ("127.0.0.1", old.port) not in tracking._lines  # type: ignore[union-attr]
    bring_near(cache, namespace, key)
    elsewhere.invalidate(namespace, key)
    wait_until(lambda: not has_copy(cache, namespace, key), "the change is heard")


def test_a_key_that_moved_to_a_new_node_is_heard_there(
    cluster: RedisCluster, open_replica: OpenReplica
) -> None:
    source, live_node, _ = cluster.primaries
    cache, elsewhere = open_replica(cluster), open_replica(cluster)
    namespace = namespace_at(cluster, live_node)
    moving = key_at(cluster, source, namespace)
    stays = key_at(cluster, live_node, namespace)
    bring_near(cache, namespace, moving, stays)
    added = ClusterNode()
    cluster.nodes.append(added)
    added.cluster("MEET", *source.address)
    until(lambda: all("cluster_known_nodes:4" in node.cluster("INFO") for node in cluster.nodes))
    until(lambda: "cluster_state:ok" in added.cluster("INFO"))
    cluster.move(slot_of(entry_key(namespace, moving, 1)), source, added)
    wait_until(lambda: not has_copy(cache, namespace, moving), "the copy is gone")
    assert has_copy(cache, namespace, stays)
    tracking = cache._path.watch._tracking
    wait_until(lambda: added.address in tracking._lines, "it was found")  # type: ignore[union-attr]
    bring_near(cache, namespace, moving)
    elsewhere.invalidate(namespace, moving)
    wait_until(lambda: not has_copy(cache, namespace, moving), "the change is heard")
    assert has_copy(cache, namespace, stays)
