"""A Redis Cluster whose nodes die, freeze, come back and are replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from cache_core.stores import (
    LeaseWrite,
    Put,
    Store,
    StorePartUnavailableError,
    StoreUnavailableError,
)
from tests.servers.meter import cluster_meter
from tests.servers.redis_cluster import RedisCluster, until
from tests.stores.conftest import Open

LIFE_S = 60.0
SHORT_S = 0.3


@pytest.fixture(scope="module")
def freezing_cluster() -> Iterator[RedisCluster]:
    """Three primaries that tests freeze and let go on."""
    cluster = RedisCluster()
    yield cluster
    cluster.stop()


def kept(key: str, value: bytes = b"value") -> Put:
    return Put(key, value, LIFE_S)


def keys_of(cluster: RedisCluster, store: Store) -> tuple[str, str]:
    """A key on the first primary, which is about to fail, and one on the second."""
    failing, live, _ = cluster.primaries
    return cluster.key_at(failing, store.prefix), cluster.key_at(live, store.prefix)


def answers(store: Store, key: str) -> bool:
    try:
        store.get_many([key])
    except StoreUnavailableError:
        return False
    return True


def test_a_dead_node_concerns_its_keys_only(open_face: Open, cluster: RedisCluster) -> None:
    store = open_face(cluster.url)
    gone, live = keys_of(cluster, store)
    store.put_many([kept(gone), kept(live)])
    cluster.primaries[0].kill()
    for _ in range(5):
        assert store.get_many([live]) == [b"value"]
        for keys in ([gone], [live, gone]):
            with pytest.raises(StorePartUnavailableError, match="get_many on redis"):
                store.get_many(keys)


@pytest.mark.parametrize("open_face", ["threads"], indirect=True)
def test_a_node_that_came_back_is_asked_again(open_face: Open, cluster: RedisCluster) -> None:
    store = open_face(cluster.url)
    gone, _ = keys_of(cluster, store)
    store.put_many([kept(gone)])
    cluster.primaries[0].kill()
    for _ in range(5):
        assert not answers(store, gone)
    cluster.primaries[0].restart()
    until(lambda: answers(store, gone))
    assert store.get_many([gone]) == [None]


def test_a_restarted_node_costs_the_caller_nothing(open_face: Open, cluster: RedisCluster) -> None:
    store = open_face(cluster.url)
    gone, live = keys_of(cluster, store)
    store.put_many([kept(gone), kept(live)])
    cluster.primaries[0].restart()
    until(lambda: b"cluster_state:ok" in cluster.primaries[0].ask("CLUSTER", "INFO"))
    assert store.get_many([gone, live]) == [None, b"value"]
    cluster.primaries[0].restart()
    until(lambda: b"cluster_state:ok" in cluster.primaries[0].ask("CLUSTER", "INFO"))
    assert store.settle([LeaseWrite(gone, b"mine")]) == [False]


def test_a_frozen_node_costs_its_callers_the_deadline_a_few_times(
    open_face: Open, freezing_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_face(freezing_cluster.url, timeout_s=SHORT_S)
    frozen, live = keys_of(freezing_cluster, store)
    store.put_many([kept(frozen), kept(live)])
    meter = cluster_meter(monkeypatch)
    freezing_cluster.primaries[0].pause()
    try:
        slowest_s = 0.0
        for _ in range(100):
            began = time.monotonic()
            assert not answers(store, frozen)
            slowest_s = max(slowest_s, time.monotonic() - began)
            assert store.get_many([live]) == [b"value"]
        # A few, and one every two seconds, on the slowest machine.
        assert meter.names["GET"] - 100 < 30
        assert slowest_s < 10 * SHORT_S
    finally:
        freezing_cluster.primaries[0].resume()
    until(lambda: answers(store, frozen))
    assert store.get_many([frozen, live]) == [b"value"] * 2


def test_what_others_answered_counts_though_one_node_is_frozen(
    open_face: Open, freezing_cluster: RedisCluster
) -> None:
    """Waiting for one is not held against those whose replies lay there in the meantime."""
    store = open_face(freezing_cluster.url, timeout_s=SHORT_S)
    keys = [freezing_cluster.key_at(node, store.prefix) for node in freezing_cluster.primaries]
    store.put_many([kept(key) for key in keys])
    freezing_cluster.primaries[0].pause()
    try:
        for _ in range(6):
            assert not answers(store, keys[0])
            with pytest.raises(StorePartUnavailableError):
                store.get_many(keys)
        assert store.get_many(keys[1:]) == [b"value"] * 2
    finally:
        freezing_cluster.primaries[0].resume()


def test_what_live_nodes_are_asked_is_done_though_another_is_dead(
    open_face: Open, cluster: RedisCluster
) -> None:
    store = open_face(cluster.url)
    gone, live = keys_of(cluster, store)
    store.put_many([kept(live)])
    cluster.primaries[0].kill()
    for _ in range(5):
        store.put_many([kept(live)])
        with pytest.raises(StoreUnavailableError):
            store.remove([gone, live])
        assert store.get_many([live]) == [None]


def test_a_ping_is_answered_while_any_node_works(open_face: Open, cluster: RedisCluster) -> None:
    store = open_face(cluster.url, timeout_s=SHORT_S)
    store.ping()
    cluster.primaries[0].kill()
    cluster.primaries[1].pause()
    try:
        until(lambda: _pings(store))
    finally:
        cluster.primaries[1].resume()
    cluster.primaries[1].kill()
    cluster.primaries[2].kill()
    with pytest.raises(StoreUnavailableError):
        store.ping()


def _pings(store: Store) -> bool:
    try:
        store.ping()
    except StoreUnavailableError:
        return False
    return True


@pytest.mark.parametrize("open_face", ["threads"], indirect=True)
def test_a_cluster_that_wants_all_its_slots_is_down_as_a_whole(open_face: Open) -> None:
    cluster = RedisCluster("--cluster-require-full-coverage", "yes", node_timeout_ms=500)
    try:
        store = open_face(cluster.url)
        _, live = keys_of(cluster, store)
        store.put_many([kept(live)])
        cluster.primaries[0].kill()
        until(lambda: not answers(store, live))
        with pytest.raises(StoreUnavailableError):
            store.ping()
    finally:
        cluster.stop()


def test_a_replica_that_takes_over_is_found(open_face: Open, replicated: RedisCluster) -> None:
    store = open_face(replicated.url)
    gone, live = keys_of(replicated, store)
    store.put_many([kept(gone), kept(live)])
    until(lambda: replicated.replicas[0].ask("DBSIZE") == 1)
    replicated.primaries[0].kill()
    until(lambda: answers(store, gone))
    assert store.get_many([gone, live]) == [b"value"] * 2
    store.put_many([kept(gone, b"new")])
    assert store.get_many([gone]) == [b"new"]


def test_settling_is_not_repeated_when_its_fate_is_unknown(
    open_face: Open, cluster: RedisCluster
) -> None:
    store = open_face(cluster.url, timeout_s=10)
    lease, _ = keys_of(cluster, store)
    node = cluster.primaries[0]
    store.put_many([kept(lease, b"mine")])
    found: list[object] = []

    def settle() -> None:
        try:
            found.append(store.settle([LeaseWrite(lease, b"mine")]))
        except StoreUnavailableError as exc:
            found.append(exc)

    node.pause()
    settling = threading.Thread(target=settle)
    settling.start()
    until(lambda: _has_unread(node.port))
    node.kill()
    settling.join()
    assert isinstance(found[0], StoreUnavailableError)


def _has_unread(port: int) -> bool:
    """Whether something was sent to a local port that its server has not read."""
    with open("/proc/net/tcp") as lines:
        for line in list(lines)[1:]:
            fields = line.split()
            if int(fields[1].partition(":")[2], 16) == port and int(fields[4][9:], 16) > 0:
                return True
    return False
