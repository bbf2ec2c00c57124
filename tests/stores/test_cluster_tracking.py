"""Changes told by the nodes of a real Redis Cluster: of which part, and how the listening ends."""

from __future__ import annotations

import gc
import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from uuid import uuid4

import pytest
from redis.crc import key_slot

from cache_core.stores import Put
from cache_core.stores.base import Part
from cache_core.stores.cluster import ClusterStore
from cache_core.stores.cluster_tracking import ClusterTracking
from cache_core.stores.tracking import THREAD_NAME
from tests.cache.tracked import is_heard, wait_until
from tests.servers.redis_cluster import ClusterNode, RedisCluster
from tests.telemetry.test_lifetime import in_a_fork, needs_fork

Open = Callable[[RedisCluster], ClusterStore]


class Listener:
    """Remembers what it was told, and of which part."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.heard: list[Part] = []
        self.lost: list[Part] = []

    def changed(self, keys: Sequence[str] | None, within: Part | None = None) -> None:
        if keys is not None:
            self.told.extend(keys)
            return
        assert within is not None
        self.heard.append(within)

    def unheard(self, within: Part | None = None) -> None:
        assert within is not None
        self.lost.append(within)

    def wait_for(self, key: str) -> None:
        wait_until(lambda: key in self.told, f"{key} was told: {self.told}")


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[RedisCluster]:
    """A cluster whose nodes tests of this module freeze and restart, and whose slots they move."""
    cluster = RedisCluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def opening() -> Iterator[Open]:
    """Opens stores with a prefix of the test's own; all are closed at its end."""
    prefix = f"test-{uuid4().hex}"
    with ExitStack() as opened:
        yield lambda cluster: opened.enter_context(
            ClusterStore(cluster.url, prefix=prefix, timeout_s=10.0, connect_timeout_s=10.0)
        )


@pytest.fixture
def store(opening: Open, own_cluster: RedisCluster) -> ClusterStore:
    return opening(own_cluster)


def listening(store: ClusterStore, *starts: str) -> tuple[Listener, ClusterTracking]:
    """A listener whom changes under `starts` are told from now on, by every node."""
    listener = Listener()
    tracking = store.track(listener)
    tracking.follow(starts)
    wait_until(lambda: is_heard(tracking), "changes are heard")
    return listener, tracking


def key_at(cluster: RedisCluster, store: ClusterStore, at: int) -> str:
    return cluster.key_at(cluster.primaries[at], store.prefix, "e:")


def change(store: ClusterStore, key: str) -> None:
    store.put_many([Put(key, b"1", 60)])


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def listening_clients(node: ClusterNode) -> list[dict[str, str]]:
    with node.client() as client:
        return [line for line in client.client_list() if "t" in line["flags"]]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not threads(), "every listening thread has ended")


def test_what_any_node_has_is_told(store: ClusterStore, own_cluster: RedisCluster) -> None:
    listener, _ = listening(store, "e:")
    keys = [key_at(own_cluster, store, at) for at in range(3)]
    for key in keys:
        change(store, key)
        listener.wait_for(key)
    assert not listener.lost


def test_a_further_start_is_told_by_every_node(
    store: ClusterStore, own_cluster: RedisCluster
) -> None:
    listener, tracking = listening(store, "e:")
    tracking.follow(["g:"])
    wait_until(lambda: is_heard(tracking), "changes are heard")
    for node in own_cluster.primaries:
        key = own_cluster.key_at(node, store.prefix, "g:")
        change(store, key)
        listener.wait_for(key)


def test_nothing_is_connected_before_something_is_followed(store: ClusterStore) -> None:
    store.track(Listener())
    assert not threads()


def test_an_emptied_node_tells_of_what_it_has(
    store: ClusterStore, own_cluster: RedisCluster
) -> None:
    listener, _ = listening(store, "e:")
    heard = len(listener.heard)
    own_cluster.primaries[1].ask("FLUSHALL")
    wait_until(lambda: len(listener.heard) > heard, "it was told")
    within = listener.heard[-1]
    assert [within(key_at(own_cluster, store, at)) for at in range(3)] == [False, True, False]


def test_an_interruption_concerns_what_the_node_has(
    store: ClusterStore, own_cluster: RedisCluster
) -> None:
    listener, tracking = listening(store, "e:")
    heard = len(listener.heard)
    own_cluster.primaries[1].restart()
    wait_until(lambda: len(listener.heard) > heard and is_heard(tracking), "it is heard again")
    for within in (*listener.lost, *listener.heard[heard:]):
        assert [within(key_at(own_cluster, store, at)) for at in range(3)] == [False, True, False]
    assert listener.lost


def test_a_slot_that_another_node_has_by_now_is_noticed_without_a_call(
    store: ClusterStore, own_cluster: RedisCluster
) -> None:
    """It is empty, so that no node tells of a key that went."""
    source, target, _ = own_cluster.primaries
    tag = own_cluster.tag_at(source, f"{store.prefix}-a")
    listener, tracking = listening(store, "e:")
    heard = len(listener.heard)
    own_cluster.move(key_slot(tag.encode()), source, target)
    wait_until(lambda: len(listener.heard) > heard, "it was told")
    moved, stays = f"e:{{{tag}}}", key_at(own_cluster, store, 0)
    assert any(within(moved) for within in listener.heard[heard:])
    assert not any(within(stays) for within in listener.heard[heard:])
    assert is_heard(tracking)


def test_a_redirection_is_a_reason_to_look(
    store: ClusterStore, own_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cache_core.stores.cluster_tracking._LOOK_EVERY_S", 3600.0)
    source, target, _ = own_cluster.primaries
    tag = own_cluster.tag_at(source, f"{store.prefix}-b")
    listener, _ = listening(store, "e:")
    heard = len(listener.heard)
    own_cluster.move(key_slot(tag.encode()), source, target)
    moved = f"e:{{{tag}}}"
    store.get_many([moved])
    wait_until(lambda: len(listener.heard) > heard, "it was told")
    assert any(within(moved) for within in listener.heard[heard:])


# Ends


def test_closing_ends_all_connections_and_threads(
    store: ClusterStore, own_cluster: RedisCluster
) -> None:
    _listener, tracking = listening(store, "e:")
    assert len(threads()) == 4
    tracking.close()
    tracking.close()
    tracking.follow(["g:"])
    wait_until(lambda: not threads(), "the threads have ended")
    wait_until(
        lambda: not any(map(listening_clients, own_cluster.primaries)), "connections have ended"
    )


def test_closing_the_store_ends_the_tracking(store: ClusterStore) -> None:
    _listener, _ = listening(store, "e:")
    store.close()
    wait_until(lambda: not threads(), "the threads have ended")


def test_closing_does_not_wait_for_a_node_that_does_not_answer(
    store: ClusterStore, own_cluster: RedisCluster
) -> None:
    _listener, tracking = listening(store, "e:")
    own_cluster.primaries[0].pause()
    try:
        tracking.close()
        wait_until(lambda: not threads(), "the threads have ended")
    finally:
        own_cluster.primaries[0].resume()


def test_threads_end_when_nobody_listens_any_more(store: ClusterStore) -> None:
    listener, tracking = listening(store, "e:")
    del listener
    gc.collect()
    wait_until(lambda: not threads(), "the threads have ended")
    tracking.close()


@needs_fork
def test_a_forked_child_leaves_its_parents_lines_alone_and_may_track_anew(
    store: ClusterStore, own_cluster: RedisCluster
) -> None:
    listener, _ = listening(store, "e:")
    parent = os.getpid()
    here, there = (key_at(own_cluster, store, at) for at in (0, 1))

    def in_child() -> str:
        before = len(threads())
        own, _ = listening(store, "e:")
        change(store, here)
        own.wait_for(here)
        store.close()
        return f"{before} {os.getpid() != parent}"

    assert in_a_fork(in_child) == "0 True"
    change(store, there)
    listener.wait_for(there)
    assert not listener.lost


def test_without_threads_to_spare_nothing_fails_and_later_all_is_told(
    store: ClusterStore, own_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cache_core.stores.cluster_tracking._LOOK_EVERY_S", 0.05)
    start = threading.Thread.start
    listener, places = Listener(), itertools.count()
    tracking = store.track(listener)

    def few_threads(thread: threading.Thread) -> None:
        if next(places) != 1:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", few_threads)
        tracking.follow(["e:"])
        assert not threads()
        tracking.follow(["g:"])
        wait_until(lambda: next(places) > 6, "each node's thread was refused")
    wait_until(lambda: is_heard(tracking), "changes are heard")
    tracking.close()
