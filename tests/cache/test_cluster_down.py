"""The cache on a Redis Cluster that loses a node: every read is answered, none with old data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from cache_core import Cache, StoreUnavailableError
from cache_core.guard import GuardedStore
from cache_core.stores import Put, open_store
from tests.cache.helpers import Events, still
from tests.servers.redis_cluster import RedisCluster, until

KEYS = range(24)
SHORT_S = 0.3


class Source:
    """Numbers that change, behind a cached function with a tag for each."""

    def __init__(self, cluster: RedisCluster, events: Events) -> None:
        self.truth = dict.fromkeys(KEYS, 0)
        self._events = events
        store = open_store(cluster.url, prefix="down", timeout_s=SHORT_S, connect_timeout_s=SHORT_S)
        self.cache = Cache(store, recorder=events, timing=still())
        self._read = self.cache.cached("ns", ttl_s=600, tags=lambda key: [f"tag-{key}"])(self.now)

    def now(self, key: int) -> int:
        return self.truth[key]

    def change(self, key: int) -> None:
        """Half of them are invalidated by key, half by tag."""
        self.truth[key] += 1
        if key % 2:
            self._read.invalidate(key)
        else:
            self.cache.invalidate_tags([f"tag-{key}"])

    def read_all(self) -> set[str]:
        """Outcomes of reading all; none may be older than the last change."""
        before = len(self._events.reads)
        assert {key: self._read(key) for key in KEYS} == self.truth
        return {event.outcome for event in self._events.reads[before:]}

    def is_well(self) -> bool:
        return self.read_all() == {"hit"} and not self.cache.pending_invalidations


@contextlib.contextmanager
def filled(cluster: RedisCluster, events: Events) -> Iterator[Source]:
    source = Source(cluster, events)
    with source.cache:
        until(source.is_well)
        yield source


def test_invalidations_for_a_frozen_node_are_carried_out_when_it_goes_on(
    cluster: RedisCluster, events: Events
) -> None:
    with filled(cluster, events) as source:
        cluster.primaries[0].pause()
        for key in KEYS:
            source.change(key)
        source.read_all()
        assert source.cache.pending_invalidations
        cluster.primaries[0].resume()
        until(source.is_well)


@pytest.mark.parametrize("fault", ["pause", "kill"])
def test_entries_of_the_other_nodes_are_hits_while_one_is_gone(
    cluster: RedisCluster, events: Events, fault: str
) -> None:
    """Though invalidations wait for the one that is gone, and though it is asked all the time."""
    with filled(cluster, events) as source:
        keeper = cluster.owner("down:g:n:ns")  # of what every entry needs
        gone = next(node for node in cluster.primaries if node is not keeper)
        getattr(gone, fault)()
        for key in KEYS:
            source.change(key)
        for _ in range(6):  # those that can be are stored anew
            source.read_all()
        assert source.cache.pending_invalidations
        assert not source.cache.is_store_down
        before = len(events.reads)
        source.read_all()
        outcomes = [event.outcome for event in events.reads[before:]]
        assert 0 < outcomes.count("bypass") < len(KEYS)
        assert outcomes.count("hit") + outcomes.count("bypass") == len(KEYS)
        if fault == "pause":
            gone.resume()


def test_a_killed_node_that_comes_back_serves_nothing_old(
    cluster: RedisCluster, events: Events
) -> None:
    with filled(cluster, events) as source:
        cluster.primaries[0].kill()
        for key in KEYS:
            source.change(key)
        source.read_all()
        assert source.cache.pending_invalidations
        cluster.primaries[0].restart()
        until(source.is_well)


def test_a_replica_that_takes_over_serves_nothing_old(
    replicated: RedisCluster, events: Events
) -> None:
    with filled(replicated, events) as source:
        sizes = [node.ask("DBSIZE") for node in replicated.primaries]
        until(lambda: [node.ask("DBSIZE") for node in replicated.replicas] == sizes)
        replicated.primaries[0].kill()
        for key in KEYS:
            source.change(key)
        source.read_all()
        assert source.cache.pending_invalidations
        until(source.is_well)


def test_a_dead_node_does_not_keep_callers_from_the_others(cluster: RedisCluster) -> None:
    store = GuardedStore(
        open_store(cluster.url, prefix="down", timeout_s=SHORT_S), background=False
    )
    gone, live = (cluster.key_at(node, "down") for node in cluster.primaries[:2])
    store.put_many([Put(live, b"value", 60)])
    cluster.primaries[0].kill()
    for _ in range(20):
        with pytest.raises(StoreUnavailableError):
            store.get_many([gone])
        assert store.get_many([live]) == [b"value"]
    store.close()
