"""Slots that move to another node while a store reads and writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from redis.crc import key_slot

from cache_core.stores import FieldPut, LeaseWrite, Put, Store, StoreUnavailableError, Touch
from tests.servers.meter import ClusterMeter, cluster_meter
from tests.servers.redis_cluster import ClusterNode, RedisCluster
from tests.stores.conftest import Open

LIFE_S = 60.0


@pytest.fixture(scope="module")
def moving_cluster() -> Iterator[RedisCluster]:
    """A cluster whose slots this module moves; each test has slots of its own, by its prefix."""
    cluster = RedisCluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def source(moving_cluster: RedisCluster) -> ClusterNode:
    return moving_cluster.primaries[0]


@pytest.fixture
def target(moving_cluster: RedisCluster) -> ClusterNode:
    return moving_cluster.primaries[1]


@pytest.fixture
def store(open_face: Open, moving_cluster: RedisCluster) -> Store:
    return open_face(moving_cluster.url)


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> ClusterMeter:
    return cluster_meter(monkeypatch)


def kept(key: str, value: bytes = b"value") -> Put:
    return Put(key, value, LIFE_S)


@dataclass(frozen=True)
class Slot:
    """A slot on the source that no other test uses, and keys in it."""

    number: int
    entry: str
    lease: str


@pytest.fixture
def slot(moving_cluster: RedisCluster, source: ClusterNode, store: Store) -> Slot:
    return new_slot(moving_cluster, source, store, "a")


def new_slot(cluster: RedisCluster, node: ClusterNode, store: Store, stem: str) -> Slot:
    tag = cluster.tag_at(node, f"{store.prefix}-{stem}")
    return Slot(key_slot(tag.encode()), f"e:{{{tag}}}", f"l:{{{tag}}}")


# MOVED


def test_a_key_that_moved_is_found_in_one_more_round_trip_and_then_in_one(
    moving_cluster: RedisCluster,
    source: ClusterNode,
    target: ClusterNode,
    store: Store,
    slot: Slot,
    meter: ClusterMeter,
) -> None:
    store.put_many([kept(slot.entry, b"1")])
    moving_cluster.move(slot.number, source, target)
    meter.reset()
    assert store.get_many([slot.entry]) == [b"1"]
    assert meter.round_trips == 2
    assert store.get_many([slot.entry]) == [b"1"]
    assert meter.round_trips == 3


def test_one_redirection_teaches_all_that_moved(
    moving_cluster: RedisCluster,
    source: ClusterNode,
    target: ClusterNode,
    store: Store,
    slot: Slot,
    meter: ClusterMeter,
) -> None:
    other = new_slot(moving_cluster, source, store, "b")
    store.put_many([kept(slot.entry, b"1"), kept(other.entry, b"2")])
    for moved in (slot, other):
        moving_cluster.move(moved.number, source, target)
    assert store.get_many([slot.entry]) == [b"1"]
    meter.reset()
    assert store.get_many([other.entry]) == [b"2"]
    assert meter.round_trips == 1


def test_what_stayed_is_not_asked_for_twice(
    moving_cluster: RedisCluster,
    source: ClusterNode,
    target: ClusterNode,
    store: Store,
    slot: Slot,
    meter: ClusterMeter,
) -> None:
    stayed = moving_cluster.key_at(moving_cluster.primaries[2], store.prefix)
    store.put_many([kept(slot.entry, b"1"), kept(stayed, b"2")])
    moving_cluster.move(slot.number, source, target)
    meter.reset()
    assert store.get_many([stayed, slot.entry]) == [b"2", b"1"]
    assert (meter.round_trips, meter.names) == (2, Counter(MGET=1, GET=1))


def test_every_call_follows_a_key_that_moved(
    moving_cluster: RedisCluster, source: ClusterNode, target: ClusterNode, store: Store, slot: Slot
) -> None:
    moves = [(source, target), (target, source)] * 4
    store.put_many([kept(slot.lease, b"mine")])

    def moved(number: int) -> None:
        moving_cluster.move(slot.number, *moves[number])

    moved(0)
    assert store.settle([LeaseWrite(slot.lease, b"mine", 30, kept(slot.entry, b"1"))]) == [True]
    moved(1)
    assert store.add_then_get([kept(slot.entry, b"2")], [slot.entry]) == [b"1"]
    moved(2)
    store.touch([Touch(slot.entry, LIFE_S)])
    moved(3)
    assert store.remove([slot.entry, slot.lease]) == 2
    moved(4)
    store.put_fields([FieldPut(slot.entry, "f", b"1", LIFE_S)])
    moved(5)
    assert store.get_fields([slot.entry]) == [{"f": b"1"}]
    moved(6)
    assert [key for batch in store.scan(slot.entry) for key in batch] == [slot.entry]


# ASK


def test_keys_are_read_and_written_while_their_slot_moves(
    moving_cluster: RedisCluster, source: ClusterNode, target: ClusterNode, store: Store, slot: Slot
) -> None:
    old, new = f"{slot.entry}:old", f"{slot.entry}:new"
    store.put_many([kept(old, b"1")])
    moving_cluster.begin_to_move(slot.number, source, target)
    store.put_many([kept(new, b"2")])
    assert source.ask("EXISTS", f"{store.prefix}:{old}") == 1
    assert store.get_many([old, new, f"{slot.entry}:absent"]) == [b"1", b"2", None]
    assert store.add_then_get([kept(slot.lease, b"mine")], [slot.lease, old]) == [b"mine", b"1"]
    moving_cluster.finish_move(slot.number, source, target)
    assert store.get_many([old, new, slot.lease]) == [b"1", b"2", b"mine"]


def test_asking_elsewhere_once_moves_nothing_in_mind(
    moving_cluster: RedisCluster,
    source: ClusterNode,
    target: ClusterNode,
    store: Store,
    slot: Slot,
    meter: ClusterMeter,
) -> None:
    stays = f"{slot.entry}:stays"
    store.put_many([kept(stays, b"1")])
    moving_cluster.begin_to_move(slot.number, source, target)
    assert store.get_many([slot.entry]) == [None]
    meter.reset()
    assert store.get_many([stays]) == [b"1"]
    assert (meter.round_trips, meter.names) == (1, Counter(GET=1))


@pytest.mark.parametrize("there", ["entry", "lease", "both", "neither"])
def test_an_invalidation_reaches_entry_and_lease_while_their_slot_moves(
    moving_cluster: RedisCluster,
    source: ClusterNode,
    target: ClusterNode,
    store: Store,
    slot: Slot,
    there: str,
) -> None:
    keys = {"entry": [slot.entry], "lease": [slot.lease], "both": [slot.entry, slot.lease]}
    for key in keys.get(there, []):
        store.put_many([kept(key)])
    moving_cluster.begin_to_move(slot.number, source, target)
    store.remove([slot.entry, slot.lease])
    assert store.get_many([slot.entry, slot.lease]) == [None, None]


def test_a_write_under_a_lease_on_the_other_node_is_put_off_whole(
    moving_cluster: RedisCluster, source: ClusterNode, target: ClusterNode, store: Store, slot: Slot
) -> None:
    """Redis refuses commands with several keys that lie on both sides."""
    store.put_many([kept(slot.lease, b"mine")])
    moving_cluster.begin_to_move(slot.number, source, target)
    write = LeaseWrite(slot.lease, b"mine", entry=kept(slot.entry))
    with pytest.raises(StoreUnavailableError):
        store.settle([write])
    assert store.get_many([slot.entry, slot.lease]) == [None, b"mine"]
    moving_cluster.finish_move(slot.number, source, target)
    assert store.settle([write]) == [True]
