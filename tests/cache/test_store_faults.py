"""Every read is answered whatever a server does: from the source, and never with its fault."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cache_core import Cache
from cache_core.cached import CachedFunction
from cache_core.operations import check_store
from cache_core.stores import open_store
from tests.cache.helpers import Events, absolute, still
from tests.servers.faulty_line import FaultyLine
from tests.servers.redis_server import RedisServer

SHORT_S = 0.2


def quick_cache(url: str, events: Events, timeout_s: float = SHORT_S) -> Cache:
    store = open_store(url, prefix="faults", timeout_s=timeout_s, connect_timeout_s=timeout_s)
    return Cache(store, recorder=events, timing=still())


def use_everything(cache: Cache) -> None:
    """One of everything a caller does; each must be answered rightly."""
    function: CachedFunction[[int], int] = cache.cached("ns", ttl_s=60, tags=["t"])(absolute)
    assert function(-1) == 1
    assert [read.value for read in function.read_many([(-1,), (-2,)])] == [1, 2]
    assert function.refresh(-3).value == 3
    function.invalidate(-1)
    function.clear()
    cache.invalidate_tags(["t"])
    assert function(-1) == 1
    assert cache.get_many("ns", ["k"]) == {}


@pytest.mark.parametrize("fault", ["silent", "garbage", "reset_mid_reply", "reset_on_accept"])
def test_a_line_that_misbehaves_costs_nobody_an_answer(
    faulty_line: FaultyLine, events: Events, fault: str
) -> None:
    faulty_line.fault = fault  # type: ignore[assignment]
    with quick_cache(f"redis://127.0.0.1:{faulty_line.port}/0", events) as cache:
        use_everything(cache)
        assert cache.pending_invalidations > 0
    assert {event.outcome for event in events.reads} == {"bypass"}


def test_a_line_that_drips_costs_nobody_an_answer(faulty_line: FaultyLine, events: Events) -> None:
    """Short replies come in time, long ones do not."""
    faulty_line.fault = "drip"
    with quick_cache(f"redis://127.0.0.1:{faulty_line.port}/0", events) as cache:
        use_everything(cache)
    assert "bypass" in {event.outcome for event in events.reads}


def test_a_frozen_server_costs_nobody_an_answer(
    own_redis_server: RedisServer, events: Events
) -> None:
    with quick_cache(own_redis_server.url, events) as cache:
        use_everything(cache)
        own_redis_server.pause()
        use_everything(cache)
        own_redis_server.resume()
    assert events.reads[-1].outcome == "bypass"


@pytest.fixture
def locked_server() -> Iterator[RedisServer]:
    server = RedisServer("--requirepass", "the-right-password")
    yield server
    server.stop()


def test_a_wrong_password_costs_nobody_an_answer_and_is_told(
    locked_server: RedisServer, events: Events
) -> None:
    url = f"redis://:a-wrong-password@127.0.0.1:{locked_server.port}/0"
    with quick_cache(url, events) as cache:
        use_everything(cache)
        problem = check_store(cache).problem
    assert problem is not None
    assert "a-wrong-password" not in problem
    assert {event.outcome for event in events.reads} == {"bypass"}


@pytest.fixture
def replica_server() -> Iterator[RedisServer]:
    """A replica whose master is away: it answers reads and refuses writes."""
    server = RedisServer("--replicaof", "127.0.0.1", "1")
    yield server
    server.stop()


def test_a_read_only_replica_costs_nobody_an_answer(
    replica_server: RedisServer, events: Events
) -> None:
    with quick_cache(replica_server.url, events) as cache:
        use_everything(cache)
        assert cache.pending_invalidations > 0, "it could not be carried out"


def test_a_script_cache_that_was_flushed_costs_nobody_an_answer(
    own_redis_server: RedisServer, events: Events
) -> None:
    with quick_cache(own_redis_server.url, events, timeout_s=10) as cache:
        use_everything(cache)
        with own_redis_server.client() as client:
            client.script_flush()
        assert cache.get_or_compute("more", "k", lambda: "kept", ttl_s=60) == "kept"
        assert cache.get_many("more", ["k"]) == {"k": "kept"}
