"""One computation for a cold key, however many threads want it; nobody waits for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis

from cache_core import Cache
from cache_core.flights import Flights
from cache_core.stores import Put, Store, Touch
from cache_core.stores.cluster import ClusterStore
from cache_core.stores.memory import MemoryStore
from tests.cache.conftest import OpenCache
from tests.cache.helpers import (
    PATIENCE_S,
    Clock,
    Events,
    HeldSource,
    finish_background,
    still,
    threads,
)
from tests.servers.redis_server import RedisServer


def read(cache: Cache, source: Any, **rules: Any) -> Any:
    return cache.get_or_compute("ns", "k", source, **{"ttl_s": 60, **rules})


def test_sixteen_threads_compute_a_cold_key_once(cache: Cache) -> None:
    source = HeldSource({"the": "value"})
    source.go_on.set()
    together = threading.Barrier(16)

    def read_together() -> Any:
        together.wait(PATIENCE_S)
        return read(cache, source)

    with threads(16) as submit:
        values = [future.result() for future in [submit(read_together) for _ in range(16)]]
    assert source.calls == 1
    assert values == [{"the": "value"}] * 16


def test_two_replicas_compute_a_cold_key_once(cache: Cache, open_cache: OpenCache) -> None:
    source, other = HeldSource("value"), HeldSource("never asked")
    with threads(2) as submit:
        first = submit(read, cache, source)
        source.wait_until_running()
        second = submit(read, open_cache(), other)
        source.go_on.set()
        assert (first.result(), second.result()) == ("value", "value")
    assert other.calls == 0


def test_those_who_wait_count_as_shared_misses(cache: Cache, events: Events) -> None:
    source = HeldSource("value")
    with threads(2) as submit:
        first = submit(read, cache, source)
        source.wait_until_running()
        second = submit(read, cache, source)
        wait_for_company(cache)
        source.go_on.set()
        assert (first.result(), second.result()) == ("value", "value")
    assert source.calls == 1
    assert events.outcomes == ["miss.cold", "miss.cold"]
    assert events.incidents["shared"] == 1


def wait_for_company(cache: Cache) -> None:
    """Return when some thread waits for the flight that is under way."""
    (flight,) = cache._path.flights._by_key.values()
    waiting = threading.Event()

    class Watched(list[Any]):
        def append(self, waiter: Any) -> None:
            super().append(waiter)
            waiting.set()

    with flight.future._condition:
        if flight.future._waiters:
            return
        flight.future._waiters = Watched()
    assert waiting.wait(PATIENCE_S), "nobody came to wait"


def test_the_sources_exception_reaches_everyone_who_waits(cache: Cache) -> None:
    source = HeldSource()
    failure = RuntimeError("from the source")

    def failing() -> None:
        source()
        raise failure

    with threads(2) as submit:
        first = submit(read, cache, failing)
        source.wait_until_running()
        second = submit(read, cache, failing)
        wait_for_company(cache)
        source.go_on.set()
        assert first.exception() is failure
        assert second.exception() is failure
    assert source.calls == 1


class Stopped(BaseException):
    """As Streamlit ends a script run."""


def test_a_leader_that_is_stopped_does_not_fail_those_who_wait(cache: Cache) -> None:
    source = HeldSource()
    asked: list[int] = []

    def stopped_at_first() -> str:
        asked.append(len(asked))
        if len(asked) == 1:
            source()
            raise Stopped
        return "value"

    with threads(2) as submit:
        first = submit(read, cache, stopped_at_first)
        source.wait_until_running()
        second = submit(read, cache, stopped_at_first)
        wait_for_company(cache)
        source.go_on.set()
        assert isinstance(first.exception(), Stopped)
        assert second.result() == "value"


def leave_lease_behind(cache: Cache, store: Store, lease_s: float) -> None:
    """What an owner that died in the middle of its source leaves."""

    class Died(BaseException):
        pass

    def dies() -> None:
        (name,) = [key for batch in store.scan("l:") for key in batch]
        (token,) = store.get_many([name])
        assert token is not None
        # Another owner's, under the same generations: one's own would be given back.
        store.put_many([Put(name, b"departed" + token[8:], lease_s)])
        raise Died

    with pytest.raises(Died):
        read(cache, dies)
    finish_background(cache)


def test_a_dead_owner_costs_no_more_than_its_lease(
    cache: Cache, store: Store, open_cache: OpenCache
) -> None:
    leave_lease_behind(cache, store, lease_s=0.2)
    assert read(open_cache(), lambda: "value") == "value"
    assert read(cache, lambda: "another") == "value"


def test_who_waited_too_long_computes_without_storing(
    cache: Cache, store: Store, open_cache: OpenCache
) -> None:
    leave_lease_behind(cache, store, lease_s=600)
    events = Events()
    impatient = open_cache(timing=still(wait_s=0.05), recorder=events)
    assert read(impatient, lambda: "mine") == "mine"
    assert events.incidents["waited_out"] == 1
    assert impatient.get_many("ns", ["k"]) == {}


def test_who_waited_too_long_for_a_thread_computes_without_storing(
    open_cache: OpenCache, events: Events
) -> None:
    source = HeldSource("first")
    impatient = open_cache(timing=still(wait_s=0.05), recorder=events)
    with threads(2) as submit:
        first = submit(read, impatient, source)
        source.wait_until_running()
        assert submit(read, impatient, lambda: "own").result() == "own"
        source.go_on.set()
        first.result()
    assert events.incidents["waited_out"] == 1
    assert impatient.get_many("ns", ["k"]) == {"k": "first"}


def lease_left_s(store: Store, name: str, server: RedisServer) -> float:
    """How long a lease still holds, as the store or the server behind it says."""
    if isinstance(store, MemoryStore):
        slot = store._slots.live(name)
        assert slot is not None
        assert slot.expires is not None
        return slot.expires - store._clock()
    if isinstance(store, ClusterStore):
        port = int(store.address.rpartition("/")[0].rpartition(":")[2])
        client: redis.Redis = redis.RedisCluster("127.0.0.1", port)  # type: ignore[assignment]
    else:
        client = redis.Redis.from_url(server.url)
    with client:
        return float(client.pttl(f"{store.prefix}:{name}")) / 1000


def test_a_source_slower_than_its_lease_keeps_it(
    store: Store, open_cache: OpenCache, clock: Clock, redis_server: RedisServer
) -> None:
    """The lease is renewed when a third of its time has passed; here it had nearly run out."""
    source = HeldSource("value")
    slow = open_cache(timing=still(clock, lease_s=600.0))
    keeper = slow._path.leases._keeper
    with threads(1) as submit:
        under_way = submit(read, slow, source)
        source.wait_until_running()
        (name,) = [key for batch in store.scan("l:") for key in batch]
        store.touch([Touch(name, 60)])
        keeper.renew()
        assert lease_left_s(store, name, redis_server) <= 60, "not due yet"
        clock.advance(201)
        keeper.renew()
        assert lease_left_s(store, name, redis_server) > 500
        source.go_on.set()
        assert under_way.result() == "value"


def test_a_lease_that_was_voided_is_not_renewed(
    store: Store, open_cache: OpenCache, clock: Clock
) -> None:
    source = HeldSource("old")
    slow = open_cache(timing=still(clock, lease_s=600.0))
    with threads(1) as submit:
        under_way = submit(read, slow, source)
        source.wait_until_running()
        slow.invalidate("ns", "k")
        clock.advance(201)
        slow._path.leases._keeper.renew()
        assert [key for batch in store.scan("l:") for key in batch] == []
        source.go_on.set()
        under_way.result()
    assert read(slow, lambda: "new") == "new"


def test_a_source_that_hangs_is_waited_for_no_more(
    store: Store, open_cache: OpenCache, clock: Clock
) -> None:
    """Neither by its own process, which would join it, nor by others, which see its lease."""
    source = HeldSource("late")
    hanging = open_cache(timing=still(clock, hung_s=600.0))
    with threads(1) as submit:
        under_way = submit(read, hanging, source)
        source.wait_until_running()
        clock.advance(601)
        hanging._path.leases._keeper.renew()
        assert not hanging._path.leases._keeper._held
        (lease,) = [key for batch in store.scan("l:") for key in batch]
        store.remove([lease])  # as it would expire now
        assert read(hanging, lambda: "here") == "here"
        assert read(open_cache(timing=still(clock)), lambda: "elsewhere") == "here"
        source.go_on.set()
        assert under_way.result() == "late"
    assert read(hanging, lambda: "again") == "here", "what hung did not overwrite it"


def test_absent_generations_prove_nothing_so_nobody_joins_under_them() -> None:
    """Removing an absent generation once more, as an invalidation does, would not show."""
    flights = Flights()
    flight, _ = flights.join_or_open("k", None, None, (None,))
    flights.note(flight, b"holder", (None,), own=True)
    _, leads = flights.join_or_open("k", flight, b"holder", (None,))
    assert leads
    assert flights.held_here("k", b"holder", (None,)) is None


def test_a_flight_that_lost_its_lease_to_another_process_is_not_kept_under_it() -> None:
    flights = Flights()
    flight, _ = flights.join_or_open("k", None, None, (b"generation",))
    flights.note(flight, b"ours", (b"generation",), own=True)
    flights.note(flight, b"theirs", (b"generation",), own=False)
    flights.end(flight)
    assert not flights._by_holder


def test_a_store_without_room_for_a_lease_hangs_nobody() -> None:
    with Cache(MemoryStore(max_entries=1), recorder=Events(), timing=still()) as cache:
        assert read(cache, lambda: 1) == 1
        assert read(cache, lambda: 2) == 2


def test_a_value_shared_by_waiters_is_a_copy_for_each(cache: Cache) -> None:
    source = HeldSource([1])
    with threads(2) as submit:
        first = submit(read, cache, source)
        source.wait_until_running()
        second = submit(read, cache, source)
        wait_for_company(cache)
        source.go_on.set()
        first.result().append(2)
        second.result().append(3)
    assert (first.result(), second.result()) == ([1, 2], [1, 3])
    assert read(cache, source) == [1]
