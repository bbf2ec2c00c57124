"""With the store down every read is answered, and no invalidation made meanwhile is lost."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
import redis

from cache_core import Cache, StoreUnavailableError
from cache_core.guard import GuardedStore
from cache_core.operations import check_store
from cache_core.stores import Put, Store, open_store
from tests.cache.helpers import (
    PATIENCE_S,
    Clock,
    Events,
    HeldSource,
    finish_background,
    still,
    threads,
)
from tests.servers.faulty_line import FaultyLine
from tests.servers.redis_server import RedisServer, free_port
from tests.servers.rest_front import RestFront


def read(cache: Cache, value: object) -> object:
    return cache.get_or_compute("ns", "k", lambda: value, ttl_s=60, tags=["t"])


@pytest.fixture
def severed_cache(faulty_line: FaultyLine, clock: Clock, events: Events) -> Iterator[Cache]:
    """A cache on Redis over a line that the test cuts and mends."""
    store = open_store(f"redis://127.0.0.1:{faulty_line.port}/0", prefix=f"cut-{faulty_line.port}")
    guarded = GuardedStore(store, background=False)
    with Cache(guarded, recorder=events, timing=still(clock)) as cache:
        yield cache


@pytest.fixture(params=["redis", "upstash"])
def refused_cache(request: pytest.FixtureRequest, events: Events) -> Iterator[Cache]:
    """A cache on a server that is not there."""
    scheme = "redis" if request.param == "redis" else "http"
    token = None if scheme == "redis" else "token"
    store = open_store(f"{scheme}://127.0.0.1:{free_port()}", prefix="down", token=token)
    with Cache(store, recorder=events, timing=still()) as cache:
        yield cache


def test_reads_go_to_the_source_while_the_server_refuses(
    refused_cache: Cache, events: Events
) -> None:
    @refused_cache.cached("ns", ttl_s=60)
    def double(number: int) -> int:
        return 2 * number

    assert double(1) == 2
    assert double.read(1).outcome == "bypass"
    assert [found.value for found in double.read_many([(1,), (2,)])] == [2, 4]
    assert double.refresh(3).value == 6
    assert refused_cache.get_many("ns", ["k"]) == {}
    assert {event.outcome for event in events.reads} == {"bypass"}


def test_invalidating_and_closing_do_not_raise_while_the_server_refuses(
    refused_cache: Cache,
) -> None:
    refused_cache.invalidate("ns", "k")
    refused_cache.invalidate_tags(["t"])
    refused_cache.clear("ns")
    assert refused_cache.pending_invalidations == 3
    refused_cache.close()


def test_the_sources_exception_reaches_the_caller_while_the_server_refuses(
    refused_cache: Cache,
) -> None:
    def failing() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        refused_cache.get_or_compute("ns", "k", failing, ttl_s=60)


def test_warming_says_that_there_is_no_store(refused_cache: Cache) -> None:
    function = refused_cache.cached("ns", ttl_s=60)(lambda: 1)
    with pytest.raises(StoreUnavailableError, match="out of reach"):
        function.warm()


def test_threads_share_one_computation_while_the_server_refuses(refused_cache: Cache) -> None:
    for _ in range(3):
        read(refused_cache, "the breaker opens")
    source = HeldSource("value")
    with threads(4) as submit:
        first = submit(refused_cache.get_or_compute, "ns", "k", source, ttl_s=60)
        source.wait_until_running()
        others = [
            submit(refused_cache.get_or_compute, "ns", "k", source, ttl_s=60) for _ in range(3)
        ]
        (flight,) = refused_cache._path.flights._by_key.values()
        while len(flight.future._waiters) < 3:
            assert not any(other.done() for other in others)
        source.go_on.set()
        assert [f.result(PATIENCE_S) for f in (first, *others)] == ["value"] * 4
    assert source.calls == 1


def test_who_joins_a_computation_without_the_store_is_counted_as_going_past_it(
    severed_cache: Cache, faulty_line: FaultyLine, events: Events
) -> None:
    """Whatever it is to the one who began it while the store was there."""
    source = HeldSource("value")
    with threads(2) as submit:
        first = submit(severed_cache.get_or_compute, "ns", "k", source, ttl_s=60)
        source.wait_until_running()
        faulty_line.fault = "reset_mid_reply"
        second = submit(severed_cache.get_or_compute, "ns", "k", source, ttl_s=60)
        (flight,) = severed_cache._path.flights._by_key.values()
        while not flight.future._waiters:
            assert not second.done()
        faulty_line.fault = None
        source.go_on.set()
        assert [f.result(PATIENCE_S) for f in (first, second)] == ["value"] * 2
    assert source.calls == 1
    assert sorted(events.outcomes) == ["bypass", "miss.cold"]


def test_a_store_that_keeps_failing_is_not_asked_after_three_failures(
    severed_cache: Cache, faulty_line: FaultyLine
) -> None:
    read(severed_cache, "kept")
    faulty_line.fault = "reset_mid_reply"
    for _ in range(3):
        read(severed_cache, "from the source")
    assert severed_cache.is_store_down
    asked = faulty_line.requests
    for _ in range(50):
        assert read(severed_cache, "from the source") == "from the source"
    assert faulty_line.requests == asked


def test_a_store_that_answers_again_is_used_again(
    severed_cache: Cache, faulty_line: FaultyLine
) -> None:
    read(severed_cache, "kept")
    faulty_line.fault = "reset_mid_reply"
    for _ in range(3):
        read(severed_cache, "from the source")
    assert not severed_cache.store.breaker.probe()
    faulty_line.fault = None
    assert severed_cache.store.breaker.probe()
    assert not severed_cache.is_store_down
    assert read(severed_cache, "new") == "kept"


def test_a_probe_in_the_background_finds_that_the_store_answers_again(
    faulty_line: FaultyLine, events: Events
) -> None:
    store = open_store(f"redis://127.0.0.1:{faulty_line.port}/0", prefix=f"back-{faulty_line.port}")
    with Cache(store, recorder=events, timing=still()) as cache:
        read(cache, "kept")
        faulty_line.fault = "reset_mid_reply"
        for _ in range(3):
            read(cache, "from the source")
        prober = cache.store.breaker.prober
        assert prober is not None
        faulty_line.fault = None
        prober.join(PATIENCE_S)
        assert not cache.is_store_down
        assert read(cache, "new") == "kept"


def test_one_open_breaker_spares_figures_and_pages_their_wait_too(
    severed_cache: Cache, faulty_line: FaultyLine
) -> None:
    faulty_line.fault = "reset_on_accept"
    for _ in range(3):
        read(severed_cache, "from the source")
    with pytest.raises(StoreUnavailableError, match="not asked"):
        severed_cache.store.get_fields(["t:late"])


@pytest.mark.parametrize("way", ["key", "tag", "namespace"])
def test_an_invalidation_made_while_the_line_is_cut_is_carried_out_before_the_next_read(
    severed_cache: Cache, faulty_line: FaultyLine, way: str
) -> None:
    assert read(severed_cache, "old") == "old"
    faulty_line.fault = "reset_on_accept"
    drop_connections(severed_cache)
    if way == "key":
        severed_cache.invalidate("ns", "k")
    elif way == "tag":
        severed_cache.invalidate_tags(["t"])
    else:
        severed_cache.clear("ns")
    assert severed_cache.pending_invalidations > 0
    assert read(severed_cache, "from the source") == "from the source"
    faulty_line.fault = None
    severed_cache.store.breaker.probe()
    assert read(severed_cache, "new") == "new"
    assert severed_cache.pending_invalidations == 0
    assert read(severed_cache, "newer") == "new"


def test_who_reads_other_keys_does_not_carry_out_what_waits(
    severed_cache: Cache, faulty_line: FaultyLine
) -> None:
    other = severed_cache.cached("other", ttl_s=60)(lambda: "kept")
    other()
    faulty_line.fault = "reset_on_accept"
    drop_connections(severed_cache)
    severed_cache.invalidate("ns", "k")
    faulty_line.fault = None
    severed_cache.store.breaker.probe()
    asked = faulty_line.requests
    assert other.read().outcome == "hit"
    assert faulty_line.requests == asked + 1
    assert severed_cache.pending_invalidations == 1


def test_invalidations_are_carried_out_in_the_background_though_nobody_reads(
    faulty_line: FaultyLine, events: Events
) -> None:
    prefix = f"replay-{faulty_line.port}"
    store = open_store(f"redis://127.0.0.1:{faulty_line.port}/0", prefix=prefix)
    with Cache(store, recorder=events, timing=still()) as cache:
        read(cache, "old")
        faulty_line.fault = "reset_on_accept"
        drop_connections(cache)
        cache.invalidate_tags(["t"])
        assert cache.pending_invalidations == 1
        faulty_line.fault = None
        thread = cache.store.replay._thread
        assert thread is not None
        thread.join(PATIENCE_S)
        assert cache.pending_invalidations == 0
        assert cache.get_many("ns", ["k"]) == {}


def test_closing_carries_out_what_waits_if_the_store_answers_by_then(
    severed_cache: Cache, faulty_line: FaultyLine, own_look: Store
) -> None:
    read(severed_cache, "old")
    (entry,) = [key for batch in own_look.scan("e:") for key in batch]
    faulty_line.fault = "reset_on_accept"
    drop_connections(severed_cache)
    severed_cache.invalidate("ns", "k")
    faulty_line.fault = None
    severed_cache.close()
    assert own_look.get_many([entry]) == [None]
    assert severed_cache.store.pending.dropped == 0


@pytest.fixture
def own_look(severed_cache: Cache, redis_server: RedisServer) -> Iterator[Store]:
    """What lies under the same prefix, past the line."""
    with open_store(redis_server.url, prefix=severed_cache.store.prefix) as store:
        yield store


def drop_connections(cache: Cache) -> None:
    for connection in cache.store._store._pool._idle:  # type: ignore[attr-defined]
        connection.disconnect()


def test_invalidations_survive_a_server_that_was_killed_and_came_back_with_its_data(
    own_redis_server: RedisServer, clock: Clock, events: Events
) -> None:
    store = open_store(own_redis_server.url, prefix="killed")
    with Cache(store, recorder=events, timing=still(clock)) as cache:
        read(cache, "old")
        saved = everything(store)
        own_redis_server.kill()
        cache.invalidate_tags(["t"])
        assert read(cache, "meanwhile") == "meanwhile"
        own_redis_server.restart()
        with open_store(own_redis_server.url, prefix="killed") as other:
            other.put_many(saved)
        assert cache.store.breaker.probe()
        assert read(cache, "new") == "new"


def everything(store: Store) -> list[Put]:
    names = [key for start in "eg" for batch in store.scan(start) for key in batch]
    values = store.get_many(names)
    return [Put(n, v, 60) for n, v in zip(names, values, strict=True) if v is not None]


def test_a_value_computed_before_an_invalidation_in_an_outage_is_not_stored_after_it(
    severed_cache: Cache, faulty_line: FaultyLine
) -> None:
    source = HeldSource("old")
    with threads(1) as submit:
        under_way = submit(severed_cache.get_or_compute, "ns", "k", source, ttl_s=60)
        source.wait_until_running()
        faulty_line.fault = "reset_on_accept"
        drop_connections(severed_cache)
        severed_cache.invalidate("ns", "k")
        faulty_line.fault = None
        severed_cache.store.breaker.probe()
        source.go_on.set()
        assert under_way.result() == "old"
    assert severed_cache.get_or_compute("ns", "k", lambda: "new", ttl_s=60) == "new"


def test_an_invalidation_put_off_again_during_its_replay_stays(store: Store) -> None:
    """The first removal may have reached the server before a value that the second one is about."""
    with Cache(store, recorder=Events(), timing=still()) as cache:
        guard = cache.store
        guard.pending.keep(["k"])

        class PutOffAgain:
            address = store.address

            def get_many(self, keys: list[str]) -> list[bytes | None]:
                return store.get_many(keys)

            def remove(self, keys: list[str]) -> int:
                removed = store.remove(keys)
                if not again:
                    again.append(True)
                    guard.pending.keep(["k"])
                else:
                    raise StoreUnavailableError("gone again")
                return removed

            def close(self) -> None:
                """The test's store outlives it."""

        again: list[bool] = []
        guard._store = PutOffAgain()  # type: ignore[assignment]
        with pytest.raises(StoreUnavailableError):
            guard.get_many(["k"])
        assert cache.pending_invalidations == 1


@pytest.mark.parametrize(
    "fault",
    "unauthorized html_500 throttled empty_body not_json null_body empty_object short_pipeline "
    "reset_before reset_after redirected".split(),
)
def test_every_read_is_answered_whatever_the_rest_server_says(
    faulty_front: RestFront, fault: str, events: Events
) -> None:
    store = open_store(faulty_front.url, prefix=f"faulty-{fault}", token=faulty_front.token)
    with Cache(store, recorder=events, timing=still()) as cache:
        read(cache, "kept")
        faulty_front.fault = fault  # type: ignore[assignment]
        cache.invalidate_tags(["t"])
        assert read(cache, "from the source") == "from the source"
        assert check_store(cache).problem or fault == "short_pipeline"
        faulty_front.fault = None


@pytest.fixture
def full_server() -> Iterator[RedisServer]:
    """A Redis with no room for more."""
    server = RedisServer("--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    with redis.Redis.from_url(server.url) as client, contextlib.suppress(redis.OutOfMemoryError):
        for number in range(10_000):
            client.set(f"filler-{number}", os.urandom(1_000))
    yield server
    server.stop()


def test_a_full_store_costs_nobody_an_answer(full_server: RedisServer, events: Events) -> None:
    with Cache(open_store(full_server.url, prefix="full"), recorder=events) as cache:
        for number in range(60):
            value = cache.get_or_compute("ns", f"k{number}", lambda n=number: n, ttl_s=60)  # type: ignore[misc]
            assert value == number
        cache.invalidate_tags(["t"])
    assert {event.outcome for event in events.reads} <= {"miss", "bypass"}


def test_a_value_the_store_has_no_room_for_leaves_no_lease_behind(
    own_redis_server: RedisServer, events: Events
) -> None:
    with (
        redis.Redis.from_url(own_redis_server.url) as client,
        Cache(open_store(own_redis_server.url, prefix="full"), recorder=events) as cache,
    ):
        source = HeldSource("value")
        with threads(1) as submit:
            under_way = submit(cache.get_or_compute, "ns", "k", source, ttl_s=60)
            source.wait_until_running()
            client.config_set("maxmemory", 1)
            source.go_on.set()
            assert under_way.result(PATIENCE_S) == "value"
        finish_background(cache)
        assert events.incidents["not_stored"] == 1
        assert list(cache.store.scan("l:")) == []
