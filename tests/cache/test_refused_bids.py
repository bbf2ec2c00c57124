"""What a store that refuses writes is asked for: its refusals are the server's own count."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cache_core import Cache
from cache_core.keys import namespace_generation_key
from cache_core.stores import open_store
from tests.cache.helpers import Clock, Events, still, wait_for_errands
from tests.servers.redis_cluster import RedisCluster
from tests.servers.redis_server import RedisServer


@pytest.fixture
def full_server(own_redis_server: RedisServer) -> RedisServer:
    with own_redis_server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
    return own_redis_server


@pytest.fixture
def full_cache(full_server: RedisServer, events: Events, clock: Clock) -> Iterator[Cache]:
    with Cache(
        open_store(full_server.url, prefix="full"), recorder=events, timing=still(clock)
    ) as cache:
        yield cache


def refusals(server: RedisServer) -> int:
    """Commands that the server refused for want of room."""
    with server.client() as client:
        return int(client.info("errorstats").get("errorstat_OOM", {}).get("count", 0))


def test_misses_after_a_refusal_ask_for_no_lease(
    full_server: RedisServer, full_cache: Cache, events: Events
) -> None:
    double = full_cache.cached("ns", ttl_s=60)(lambda number: 2 * number)
    assert double(1) == 2
    refused = refusals(full_server)
    assert refused > 0
    assert [double(number) for number in range(2, 12)] == list(range(4, 24, 2))
    assert [read.value for read in double.read_many([(20,), (21,)])] == [40, 42]
    assert {event.outcome for event in events.reads} == {"bypass"}
    assert refusals(full_server) == refused


def test_a_moment_later_the_store_is_asked_again(
    full_server: RedisServer, full_cache: Cache, clock: Clock
) -> None:
    double = full_cache.cached("ns", ttl_s=60)(lambda number: 2 * number)
    double(1)
    refused = refusals(full_server)
    clock.advance(1.0)
    double(1)
    assert refusals(full_server) > refused
    with full_server.client() as client:
        client.config_set("maxmemory", 0)
    assert double.read(1).outcome == "bypass"
    clock.advance(1.0)
    assert double.read(1).outcome == "miss"
    assert double.read(1).outcome == "hit"


def test_hits_do_not_mind(own_redis_server: RedisServer, events: Events, clock: Clock) -> None:
    store = open_store(own_redis_server.url, prefix="full")
    with Cache(store, recorder=events, timing=still(clock)) as cache:
        double = cache.cached("ns", ttl_s=60)(lambda number: 2 * number)
        double(1)
        wait_for_errands(cache)
        with own_redis_server.client() as client:
            client.config_set("maxmemory", 1)
        assert double.read(2).outcome == "bypass"
        assert double.read(1).outcome == "hit"


def test_a_full_node_of_a_cluster_concerns_its_keys_alone(
    cluster: RedisCluster, events: Events, clock: Clock
) -> None:
    full = cluster.nodes[0]
    full.ask("CONFIG", "SET", "maxmemory", 1)
    with Cache(
        open_store(cluster.url, prefix="full"), recorder=events, timing=still(clock)
    ) as cache:
        namespace = next(
            name
            for name in map("ns{}".format, range(1_000))
            if cluster.owner(f"full:{namespace_generation_key(name)}") is not full
        )
        double = cache.cached(namespace, ttl_s=60)(lambda number: 2 * number)
        assert [double(number) for number in range(24)] == list(range(0, 48, 2))
        again = {double.read(number).outcome for number in range(24)}
    assert again == {"hit", "bypass"}


def test_leases_of_other_nodes_are_given_back(
    cluster: RedisCluster, events: Events, clock: Clock
) -> None:
    cluster.nodes[0].ask("CONFIG", "SET", "maxmemory", 1)
    store = open_store(cluster.url, prefix="full")
    with Cache(store, recorder=events, timing=still(clock, lease_s=600)) as cache:
        double = cache.cached("ns", ttl_s=60)(lambda number: 2 * number)
        double.read_many([(number,) for number in range(24)])
        wait_for_errands(cache)
        assert not [name for batch in store.scan("l:") for name in batch]
    assert {event.outcome for event in events.reads} == {"bypass"}
