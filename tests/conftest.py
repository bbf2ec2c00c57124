"""Fixtures that all tests share: real servers, one store of each kind, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from cache_core.logs import log
from cache_core.stores import Store
from tests.servers.faulty_line import FaultyLine
from tests.servers.meter import FrontMeter, Meter, cluster_meter, memory_meter, redis_meter
from tests.servers.places import StorePlace
from tests.servers.postgres import PostgresServer
from tests.servers.redis_cluster import RedisCluster
from tests.servers.redis_server import RedisServer
from tests.servers.rest_front import RestFront

OpenSameStore = Callable[[], Store]


@pytest.fixture(autouse=True)
def nothing_told_yet() -> None:
    """Each test reads in the log what it caused, whatever the one before it caused."""
    log._told.clear()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis server that all tests of this process share; each has keys of its own."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    """Three primaries that all tests of this process share; each has keys of its own."""
    cluster = RedisCluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def rest_front(redis_server: RedisServer) -> Iterator[RestFront]:
    """Upstash's REST API over `redis_server`. A test that sets a fault uses `faulty_front`."""
    front = RestFront(redis_server.url)
    yield front
    front.stop()


@pytest.fixture
def own_redis_server() -> Iterator[RedisServer]:
    """A Redis server of this test's own, to be killed, paused and restarted."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def cluster() -> Iterator[RedisCluster]:
    """Three primaries of this test's own, to be killed and frozen."""
    cluster = RedisCluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def replicated() -> Iterator[RedisCluster]:
    """Three primaries, each with a replica that takes its place within seconds."""
    cluster = RedisCluster(replicas=1, node_timeout_ms=500)
    yield cluster
    cluster.stop()


@pytest.fixture
def faulty_front(redis_server: RedisServer) -> Iterator[RestFront]:
    """A REST front of this test's own, to be made to fail."""
    front = RestFront(redis_server.url)
    yield front
    front.stop()


@pytest.fixture
def faulty_line(redis_server: RedisServer) -> Iterator[FaultyLine]:
    """A TCP line to `redis_server`, to be made to fail."""
    line = FaultyLine(redis_server.port)
    yield line
    line.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that all tests of this process share."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """An empty PostgreSQL database of this test's own, as DATABASE_URL."""
    return postgres_server.new_database()


def _place(kind: str, request: pytest.FixtureRequest) -> StorePlace:
    prefix = f"test-{uuid4().hex}"
    if kind == "memory":
        return StorePlace(kind, "memory://", prefix)
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return StorePlace(kind, server.url, prefix)
    if kind == "cluster":
        cluster: RedisCluster = request.getfixturevalue("redis_cluster")
        return StorePlace(kind, cluster.url, prefix)
    front: RestFront = request.getfixturevalue("rest_front")
    return StorePlace(kind, front.url, prefix, front.token)


@pytest.fixture(params=["memory", "redis", "cluster", "upstash"])
def store_place(request: pytest.FixtureRequest) -> StorePlace:
    """Where the test's store is: each kind in turn, under a prefix of the test's own."""
    return _place(request.param, request)


@pytest.fixture(params=["redis", "cluster", "upstash"])
def remote_place(request: pytest.FixtureRequest) -> StorePlace:
    """As `store_place`, of the kinds that several processes can share."""
    return _place(request.param, request)


@pytest.fixture
def store(store_place: StorePlace) -> Iterator[Store]:
    """A store of each kind."""
    with store_place.open() as opened:
        yield opened


@pytest.fixture
def open_same_store(store_place: StorePlace, store: Store) -> Iterator[OpenSameStore]:
    """Opens further store objects on the same server and prefix, as another replica would.

    A memory store is shared by handing it around, so there it is the store itself. All are closed
    at the end of the test.
    """
    with ExitStack() as opened:

        def open_one() -> Store:
            if store_place.kind == "memory":
                return store
            return opened.enter_context(store_place.open())

        yield open_one


@pytest.fixture
def meter(
    store_place: StorePlace, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Meter:
    """Round trips and commands of the test's kind of store, from 0."""
    if store_place.kind == "memory":
        return memory_meter(monkeypatch)
    if store_place.kind == "redis":
        return redis_meter(monkeypatch)
    if store_place.kind == "cluster":
        return cluster_meter(monkeypatch)
    return FrontMeter(request.getfixturevalue("rest_front"))
