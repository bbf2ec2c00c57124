"""Several processes on one store: one computation, one truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cache_core import Cache
from cache_core.stores import open_store
from tests.cache.helpers import Events, HeldSource, still, threads
from tests.cache.replica import Replica, function_with_many_arguments, run_replica
from tests.servers.places import StorePlace


@pytest.fixture
def remote_cache(remote_place: StorePlace) -> Iterator[Cache]:
    with Cache(remote_place.open(), recorder=Events(), timing=still()) as cache:
        yield cache


@pytest.mark.parametrize("way", ["key", "tag", "namespace"])
def test_an_invalidation_by_another_process_wins_over_a_compute_under_way(
    remote_cache: Cache, remote_place: StorePlace, way: str
) -> None:
    source = HeldSource("old")

    def read(source: object) -> object:
        return remote_cache.get_or_compute("ns", "k", source, ttl_s=60, tags=["t"])  # type: ignore[arg-type]

    with threads(1) as submit:
        under_way = submit(read, source)
        source.wait_until_running()
        run_replica(remote_place, "invalidate", way)
        source.go_on.set()
        assert under_way.result() == "old"
    assert read(lambda: "new") == "new"


def test_four_processes_with_four_threads_each_compute_a_cold_key_once(
    remote_place: StorePlace, tmp_path: Path
) -> None:
    log = tmp_path / "computed"
    replicas = [Replica(remote_place, "read", "4", str(log)) for _ in range(4)]
    for replica in replicas:
        replica.go()
    values = [value for replica in replicas for value in replica.lines()]
    computed = log.read_text().split()
    assert values == [f"value of {computed[0]}"] * 16
    assert len(computed) == 1


def test_an_owner_that_was_killed_costs_no_more_than_its_lease(
    remote_cache: Cache, remote_place: StorePlace
) -> None:
    """The lease has a time to live, and nobody renews it any more."""
    replica = Replica(remote_place, "hang")
    replica.go()
    assert replica._process.stdout is not None
    assert replica._process.stdout.readline() == "computing\n"
    replica.die()
    assert remote_cache.get_or_compute("ns", "k", lambda: "new", ttl_s=60) == "new"
    assert remote_cache.get_many("ns", ["k"]) == {"k": "new"}


def test_two_processes_make_the_same_key_of_the_same_arguments(remote_place: StorePlace) -> None:
    """Whatever the order in which sets are iterated."""
    keys = {run_replica(remote_place, "key", hash_seed=seed)[0] for seed in ("1", "2")}
    with Cache(open_store("memory://", prefix=remote_place.prefix), recorder=Events()) as cache:
        assert keys == {function_with_many_arguments(cache)}
