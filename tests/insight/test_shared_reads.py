"""Replicas share what they learned of steps: names and counts, nothing twice, nothing private."""

from __future__ import annotations

import pytest

from cache_core import Cache
from cache_core.insight.next_read import NextReads
from cache_core.insight.next_reads_bytes import decode
from cache_core.insight.prefetch import Prefetcher
from cache_core.insight.shared_reads import (
    HAND_OVER_S,
    KEEP_DAYS,
    READ_S,
    SharedReads,
    day_key,
)
from cache_core.stores import Store, open_store
from cache_core.stores.base import FieldPut
from tests.cache.conftest import OpenCache
from tests.cache.helpers import Clock, Events, still, until
from tests.conftest import OpenSameStore
from tests.insight.steps import learn, prefetcher, reads, slow, step
from tests.servers.meter import Meter
from tests.servers.redis_server import RedisServer

DAY_S = 86_400


def shared(store: Store, clock: Clock) -> SharedReads:
    return SharedReads(store, clock, clock)


def walk(replica: SharedReads, clock: Clock, *names: str, times: int = 20) -> None:
    for _ in range(times):
        session = object()
        for name in names:
            replica.observe(session, name)
            clock.advance(1)


def likeliest(replica: SharedReads) -> list[tuple[str, float]]:
    return replica.learned().predict(["home"], 1)


def counted(replica: SharedReads) -> float:
    """How often `home` is read, as a chance within a second: twice as often would be seen."""
    return replica.learned().read_by_anyone("home", 0.0, 1.0)


def fields(store: Store, clock: Clock) -> dict[str, bytes]:
    return store.get_fields([day_key(int(clock.now) // DAY_S)])[0]


def test_a_replica_fetches_ahead_by_what_another_learned(
    open_cache: OpenCache, clock: Clock
) -> None:
    """On each kind of store; the second one saw no session but the one it fetches for."""
    taught = open_cache(timing=still(clock))
    first = prefetcher(taught)
    learn(first, clock, ("home", "list"))
    first.tick()
    cache = open_cache(timing=still(clock))
    second, function = prefetcher(cache), slow(cache, clock)
    second.tick()
    step(second, "ada", "home", {"list": reads(function, ("x",))})
    assert function.read("x").outcome == "hit"
    second.close()
    first.close()


def test_nothing_is_added_twice(store: Store, clock: Clock) -> None:
    """However often it is handed over and read: own steps and those of the other count once."""
    one, other = shared(store, clock), shared(store, clock)
    for replica in (one, other):
        walk(replica, clock, "home", "list")
        replica.keep_up()
    for _ in range(3):
        clock.advance(READ_S)
        for replica in (one, other):
            replica.observe("one more", "detail")
            replica.keep_up()
    clock.advance(READ_S)
    one.observe("one more", "detail")
    one.keep_up()
    expected = NextReads(keys_max=200, pairs_max=1_000)
    for part in (one, other):
        for own in part._own.values():
            expected.add(own)
    both, alone = one.learned(), likeliest(one)[0][1]
    assert alone == pytest.approx(expected.predict(["home"], 1)[0][1], rel=1e-3)
    assert both.read_by_anyone("home", 0.0, 60) == pytest.approx(
        expected.read_by_anyone("home", 0.0, 60), rel=1e-3
    )


def test_its_own_bytes_are_never_added_to_what_it_observed_itself(
    store: Store, clock: Clock
) -> None:
    """Not those of today, nor those of a day that is over, which it reads like the others'."""
    replica, alone = shared(store, clock), shared(store, clock)
    for _ in range(2):
        for observing in (replica, alone):  # `alone` hands nothing over and reads nothing
            before_s = clock.now
            walk(observing, clock, "home", "list")
            ended_s, clock.now = clock.now, before_s
        clock.now = ended_s
        replica.keep_up()
        clock.advance(READ_S)
        replica.observe("one more", "detail")
        alone.observe("one more", "detail")
        replica.keep_up()
        assert replica.replica in fields(store, clock)
        assert counted(replica) == pytest.approx(counted(alone))
        clock.advance(DAY_S)


def test_one_that_begins_anew_counts_what_it_handed_over_before_once(
    store: Store, clock: Clock
) -> None:
    """A child of a process that handed over, or the process that follows on one that ended."""
    replica = shared(store, clock)
    walk(replica, clock, "home", "list")
    replica.keep_up()
    before = counted(replica)
    replica.begin_anew()
    assert likeliest(replica) == []
    for _ in range(2):
        replica._is_idle = False
        replica.keep_up()
        assert counted(replica) == pytest.approx(before, rel=1e-3)
        clock.advance(READ_S)


def test_each_replica_overwrites_its_own_field(store: Store, clock: Clock) -> None:
    one, other = shared(store, clock), shared(store, clock)
    for _ in range(3):
        for replica in (one, other):
            walk(replica, clock, "home", "list")
            clock.advance(HAND_OVER_S)
            replica.keep_up()
    assert fields(store, clock).keys() == {one.replica, other.replica}


def test_what_is_shared_are_names_of_steps_and_counts(store: Store, clock: Clock) -> None:
    replica = shared(store, clock)
    replica.observe("the session of lovelace", "home")
    replica.observe("the session of lovelace", "list")
    replica.keep_up()
    (raw,) = fields(store, clock).values()
    rows = decode(raw).rows
    names = {name for row in rows for name in (*row.name, *dict(row.followers))}
    assert names - {""} == {"home", "list"}
    assert "lovelace" not in repr(decode(raw))
    assert NextReads.from_bytes(raw).recent("the session of lovelace") == ()


def test_another_day_begins_another_hash_and_the_days_before_are_read_at_the_start(
    store: Store, clock: Clock
) -> None:
    replica = shared(store, clock)
    walk(replica, clock, "home", "list")
    replica.keep_up()
    clock.advance(2 * DAY_S)
    replica.observe("later", "home")
    replica.keep_up()
    assert fields(store, clock).keys() == {replica.replica}
    later = shared(store, clock)
    later.observe("later", "home")
    later.keep_up()
    assert likeliest(later)[0][0] == "list"
    clock.advance(KEEP_DAYS * DAY_S)
    much_later = shared(store, clock)
    much_later.observe("later", "home")
    much_later.keep_up()
    assert likeliest(much_later) == []


def test_it_costs_a_command_each_and_none_while_nothing_happens(
    store: Store, clock: Clock, meter: Meter
) -> None:
    replica = shared(store, clock)
    walk(replica, clock, "home", "list")
    replica.keep_up()
    clock.advance(HAND_OVER_S)
    replica.observe("one", "home")
    meter.reset()
    replica.keep_up()
    assert (meter.round_trips, meter.commands) == (1, 1)
    clock.advance(READ_S)
    meter.reset()
    replica.keep_up()
    assert (meter.round_trips, meter.commands) == (1, 1)
    clock.advance(10 * READ_S)
    meter.reset()
    replica.keep_up()
    assert meter.round_trips == 0


def test_it_is_handed_over_once_a_minute_at_most(store: Store, clock: Clock, meter: Meter) -> None:
    replica = shared(store, clock)
    walk(replica, clock, "home", "list", times=1)
    replica.keep_up()
    meter.reset()
    replica.observe("one", "home")
    clock.advance(HAND_OVER_S - 1)
    replica.keep_up()
    assert meter.round_trips == 0


def test_fields_that_are_none_are_left_out(store: Store, clock: Clock) -> None:
    taught, reading = shared(store, clock), shared(store, clock)
    walk(taught, clock, "home", "list")
    taught.keep_up()
    key = day_key(int(clock.now) // DAY_S)
    store.put_fields([FieldPut(key, "0", b"not ours"), FieldPut(key, "zzz", b"")])
    reading.observe("one", "home")
    reading.keep_up()
    assert likeliest(reading)[0][0] == "list"


def test_the_last_word_is_handed_over_when_it_is_closed(cache: Cache, clock: Clock) -> None:
    made = Prefetcher(cache, ("home", "list"), background=False)
    made.step("ada", "home", {})
    made.close()
    day = int(cache.timing.clock()) // DAY_S
    assert cache.store.get_fields([day_key(day)])[0].keys() == {made.shared.replica}


def test_a_store_that_is_down_stops_nobody_and_is_told_later(
    own_redis_server: RedisServer, clock: Clock
) -> None:
    with Cache(open_store(own_redis_server.url), recorder=Events(), timing=still(clock)) as cache:
        made = prefetcher(cache)
        learn(made, clock, ("home", "list"))
        own_redis_server.kill()
        made.tick()
        function = slow(cache, clock)
        step(made, "ada", "home", {"list": reads(function, ("x",))})
        assert function("x") == "X"
        own_redis_server.restart()
        clock.advance(READ_S)
        store = open_store(own_redis_server.url)
        made.shared._store = store
        made.tick()
        assert fields(store, clock).keys() == {made.shared.replica}
        store.close()


def test_its_own_thread_shares_with_the_first_step(open_same_store: OpenSameStore) -> None:
    """In real time: what one replica handed over, the next one reads without being told to."""
    with Cache(open_same_store(), recorder=Events()) as cache:
        first = Prefetcher(cache, ("home", "list"))
        for number in range(20):
            first.step(number, "home", {})
            first.step(number, "list", {})
        first.close()
        second = Prefetcher(cache, ("home", "list"))
        second.step("ada", "home", {})
        assert until(lambda: bool(second.shared.learned().predict(["home"])))
        second.close()
