"""What every store promises, on each kind of store, to threads and to coroutines."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from cache_core.stores import (
    FieldPut,
    LeaseWrite,
    Put,
    Store,
    StoreRejectedError,
    StoreUnavailableError,
    Touch,
)
from tests.conftest import OpenSameStore
from tests.servers.coroutine_face import by_face
from tests.servers.meter import Meter
from tests.servers.places import StorePlace

EVERY_BYTE = bytes(range(256))
LIFE_S = 60.0
# In one slot of a cluster, as settle wants it.
ENTRY, LEASE = "e:{a}", "l:{a}"


@pytest.fixture(params=["threads", "coroutines"])
def store(store_place: StorePlace, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store of each kind, by either of its faces."""
    with by_face(request.param) as facing, store_place.open() as opened:
        yield facing(opened)


def kept(key: str, value: bytes = b"value") -> Put:
    return Put(key, value, LIFE_S)


# Reading and writing


def test_an_absent_key_reads_as_none(store: Store) -> None:
    assert store.get_many(["absent"]) == [None]


def test_values_come_back_in_the_order_of_the_keys(store: Store) -> None:
    store.put_many([kept("a", b"1"), kept("b", b"2")])
    assert store.get_many(["b", "absent", "a"]) == [b"2", None, b"1"]


def test_a_key_asked_for_twice_is_answered_twice(store: Store) -> None:
    store.put_many([kept("a", b"1")])
    assert store.get_many(["a", "a"]) == [b"1", b"1"]


@pytest.mark.parametrize(
    "value",
    [b"", b"OK", b"T0s=", b"null", b"12", EVERY_BYTE, "naïve ✓".encode(), b"x" * 1_000_000],
    ids=["empty", "OK", "coded-OK", "null", "number", "every-byte", "text", "megabyte"],
)
def test_a_value_comes_back_byte_for_byte(store: Store, value: bytes) -> None:
    store.put_many([kept("a", value), kept("b")])
    assert store.get_many(["a"]) == [value]
    assert store.get_many(["a", "b"]) == [value, b"value"]


def test_putting_replaces_the_old_value(store: Store) -> None:
    store.put_many([kept("a", b"old")])
    store.put_many([kept("a", b"new")])
    assert store.get_many(["a"]) == [b"new"]


def test_a_key_may_hold_any_text(store: Store) -> None:
    keys = ["with space", "star*", "brackets[a-z]?", "back\\slash", "ü:✓", "a/b?c=d&e"]
    store.put_many([kept(key, key.encode()) for key in keys])
    assert store.get_many(keys) == [key.encode() for key in keys]


def test_a_hash_reads_as_none_among_values(store: Store) -> None:
    store.put_fields([FieldPut("hash", "field", b"1", LIFE_S)])
    store.put_many([kept("a", b"1")])
    assert store.get_many(["hash"]) == [None]
    assert store.get_many(["a", "hash"]) == [b"1", None]
    assert store.add_then_get([kept("b")], ["hash"]) == [None]


def test_putting_replaces_a_hash(store: Store) -> None:
    store.put_fields([FieldPut("key", "field", b"1", LIFE_S)])
    store.put_many([kept("key", b"value")])
    assert store.get_many(["key"]) == [b"value"]
    assert store.get_fields(["key"]) == [{}]


def test_nothing_asked_is_nothing_sent(store: Store, meter: Meter) -> None:
    assert store.get_many([]) == []
    assert store.add_then_get([], []) == []
    store.put_many([])
    store.put_fields([])
    assert store.settle([]) == []
    assert store.get_fields([]) == []
    assert store.remove([]) == 0
    assert meter.round_trips == 0


@pytest.mark.parametrize("ttl_s", [0, -1, float("nan"), float("inf"), 1e12])
def test_a_time_to_live_out_of_range_is_a_value_error(store: Store, ttl_s: float) -> None:
    bad = Put("a", b"1", ttl_s)
    with pytest.raises(ValueError, match="ttl_s"):
        store.put_many([bad])
    with pytest.raises(ValueError, match="ttl_s"):
        store.add_then_get([bad], ["a"])
    with pytest.raises(ValueError, match="ttl_s"):
        store.put_fields([FieldPut("h", "f", b"1", ttl_s)])
    with pytest.raises(ValueError, match="ttl_s"):
        store.settle([LeaseWrite("a", b"token", entry=bad)])
    assert store.get_many(["a", "h"]) == [None, None]


def test_a_time_to_live_below_a_millisecond_is_rounded_up(store: Store) -> None:
    store.put_many([Put("a", b"1", 0.0001)])
    assert store.get_many(["a"]) in ([b"1"], [None])


# Adding


def test_adding_keeps_what_is_there(store: Store) -> None:
    store.put_many([kept("a", b"old")])
    assert store.add_then_get([kept("a", b"new")], ["a"]) == [b"old"]


def test_reads_see_the_adds_of_the_same_call(store: Store) -> None:
    found = store.add_then_get([kept("a", b"1"), kept("b", b"2")], ["b", "a", "absent"])
    assert found == [b"2", b"1", None]


def test_adding_keeps_a_hash(store: Store) -> None:
    store.put_fields([FieldPut("hash", "field", b"1", LIFE_S)])
    store.add_then_get([kept("hash")], ["hash"])
    assert store.get_fields(["hash"]) == [{"field": b"1"}]


def test_adding_without_reading_adds(store: Store) -> None:
    assert store.add_then_get([kept("a", b"1")], []) == []
    assert store.get_many(["a"]) == [b"1"]


def test_reading_without_adding_reads(store: Store) -> None:
    store.put_many([kept("a", b"1")])
    assert store.add_then_get([], ["a"]) == [b"1"]


def test_one_of_many_threads_gets_to_add(store: Store, open_same_store: OpenSameStore) -> None:
    stores = [store, open_same_store()]
    start = threading.Barrier(16)
    found: list[bytes | None] = []

    def take(number: int) -> None:
        start.wait()
        token = str(number).encode()
        found.extend(stores[number % 2].add_then_get([kept("lease", token)], ["lease"]))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1


# Leases


def test_a_held_lease_lets_its_owner_write(store: Store) -> None:
    store.put_many([kept(LEASE, b"mine")])
    assert store.settle([LeaseWrite(LEASE, b"mine", entry=kept(ENTRY, EVERY_BYTE))]) == [True]
    assert store.get_many([ENTRY, LEASE]) == [EVERY_BYTE, None]


def test_a_lease_of_another_owner_stops_the_write(store: Store) -> None:
    store.put_many([kept(LEASE, b"theirs")])
    assert store.settle([LeaseWrite(LEASE, b"mine", entry=kept(ENTRY))]) == [False]
    assert store.get_many([ENTRY, LEASE]) == [None, b"theirs"]


def test_a_lost_lease_stops_the_write(store: Store) -> None:
    assert store.settle([LeaseWrite(LEASE, b"mine", entry=kept(ENTRY))]) == [False]
    assert store.get_many([ENTRY, LEASE]) == [None, None]


def test_a_hash_under_the_lease_key_is_a_lease_not_held(store: Store) -> None:
    store.put_fields([FieldPut(LEASE, "field", b"mine", LIFE_S)])
    assert store.settle([LeaseWrite(LEASE, b"mine", entry=kept(ENTRY))]) == [False]
    assert store.get_many([ENTRY]) == [None]


def test_a_lease_may_be_kept_after_the_write(store: Store) -> None:
    store.put_many([kept(LEASE, b"mine")])
    assert store.settle([LeaseWrite(LEASE, b"mine", 30, kept(ENTRY))]) == [True]
    assert store.get_many([LEASE]) == [b"mine"]


def test_a_lease_may_be_given_up_without_a_write(store: Store) -> None:
    store.put_many([kept(LEASE, b"mine")])
    assert store.settle([LeaseWrite(LEASE, b"mine")]) == [True]
    assert store.get_many([LEASE]) == [None]


def test_each_lease_of_a_batch_is_judged_by_itself(store: Store) -> None:
    store.put_many([kept("l:{a}", b"mine"), kept("l:{b}", b"theirs"), kept("l:{c}", b"mine")])
    writes = [
        LeaseWrite("l:{a}", b"mine", entry=kept("e:{a}")),
        LeaseWrite("l:{b}", b"mine", entry=kept("e:{b}")),
        LeaseWrite("l:{c}", b"mine", hold_s=30),
    ]
    assert store.settle(writes) == [True, False, True]
    found = store.get_many(["e:{a}", "e:{b}", "l:{a}", "l:{b}", "l:{c}"])
    assert found == [b"value", None, None, b"theirs", b"mine"]


def test_an_entry_under_the_lease_key_itself_is_kept(store: Store) -> None:
    store.put_many([kept("a", b"mine")])
    assert store.settle([LeaseWrite("a", b"mine", 30, kept("a", b"value"))]) == [True]
    assert store.get_many(["a"]) == [b"value"]


def test_a_written_entry_replaces_a_hash(store: Store) -> None:
    store.put_many([kept(LEASE, b"mine")])
    store.put_fields([FieldPut(ENTRY, "field", b"1", LIFE_S)])
    assert store.settle([LeaseWrite(LEASE, b"mine", entry=kept(ENTRY))]) == [True]
    assert store.get_many([ENTRY]) == [b"value"]


@pytest.mark.parametrize("hold_s", [-1, float("nan"), float("inf")])
def test_a_hold_out_of_range_is_a_value_error(store: Store, hold_s: float) -> None:
    with pytest.raises(ValueError, match="ttl_s"):
        store.settle([LeaseWrite(LEASE, b"mine", hold_s)])


# Lives


def _wait_until_absent(store: Store, key: str) -> None:
    pause = threading.Event()
    for _ in range(3_000):
        if store.get_many([key]) == [None]:
            return
        pause.wait(0.01)
    pytest.fail(f"{key} never expired")


def test_a_key_is_absent_when_its_life_is_over(store: Store) -> None:
    store.put_many([Put("short", b"1", 0.05), kept("long")])
    _wait_until_absent(store, "short")
    assert store.get_many(["long"]) == [b"value"]


def test_a_touch_starts_the_life_of_a_key_anew(store: Store) -> None:
    store.put_many([Put("touched", b"1", 0.3), Put("left", b"2", 0.3)])
    store.touch([Touch("touched", LIFE_S), Touch("absent", LIFE_S)])
    _wait_until_absent(store, "left")
    assert store.get_many(["touched", "absent"]) == [b"1", None]


def test_a_touch_may_be_kept_from_shortening_a_life(store: Store) -> None:
    store.put_many([kept("long"), Put("short", b"1", 0.3), Put("left", b"2", 0.3)])
    store.touch([Touch("long", 0.1, may_shorten=False), Touch("absent", 1, may_shorten=False)])
    store.touch([Touch("short", LIFE_S, may_shorten=False)])
    _wait_until_absent(store, "left")
    assert store.get_many(["long", "short", "absent"]) == [b"value", b"1", None]


def test_a_touch_is_one_round_trip(store: Store, meter: Meter) -> None:
    store.put_many([kept("a"), kept("b")])
    meter.reset()
    store.touch([Touch("a", LIFE_S), Touch("b", LIFE_S)])
    assert meter.round_trips == 1


def test_a_touch_of_nothing_and_for_no_time(store: Store) -> None:
    store.touch([])
    with pytest.raises(ValueError, match="ttl_s"):
        store.touch([Touch("a", 0)])


# Removing


def test_removing_says_how_many_there_were(store: Store) -> None:
    store.put_many([kept("a"), kept("b")])
    store.put_fields([FieldPut("hash", "field", b"1", LIFE_S)])
    assert store.remove(["a", "hash", "absent"]) == 2
    assert store.get_many(["a", "b"]) == [None, b"value"]
    assert store.get_fields(["hash"]) == [{}]


def test_removing_twice_is_safe(store: Store) -> None:
    store.put_many([kept("a")])
    assert store.remove(["a"]) == 1
    assert store.remove(["a"]) == 0


# Hashes


def test_putting_a_field_keeps_the_others(store: Store) -> None:
    store.put_fields([FieldPut("hash", "a", b"1", LIFE_S), FieldPut("hash", "b", b"2")])
    store.put_fields([FieldPut("hash", "b", EVERY_BYTE)])
    assert store.get_fields(["hash"]) == [{"a": b"1", "b": EVERY_BYTE}]


def test_the_last_of_two_puts_to_a_field_stays(store: Store) -> None:
    store.put_fields([FieldPut("hash", "a", b"1", LIFE_S), FieldPut("hash", "a", b"2", LIFE_S)])
    assert store.get_fields(["hash"]) == [{"a": b"2"}]


def test_hashes_come_back_in_the_order_of_the_keys(store: Store) -> None:
    store.put_fields([FieldPut("x", "f", b"1", LIFE_S), FieldPut("y", "ü ✓", b"", LIFE_S)])
    assert store.get_fields(["y", "absent", "x"]) == [{"ü ✓": b""}, {}, {"f": b"1"}]


def test_a_value_reads_as_an_empty_hash(store: Store) -> None:
    store.put_many([kept("a")])
    store.put_fields([FieldPut("hash", "f", b"1", LIFE_S)])
    assert store.get_fields(["a"]) == [{}]
    assert store.get_fields(["a", "hash", "absent"]) == [{}, {"f": b"1"}, {}]


def test_a_field_of_a_value_is_rejected(store: Store) -> None:
    store.put_many([kept("a", b"1")])
    with pytest.raises(StoreRejectedError):
        store.put_fields([FieldPut("a", "field", b"2", LIFE_S)])
    assert store.get_many(["a"]) == [b"1"]


# Scanning


def test_scanning_finds_the_keys_that_begin_so(store: Store) -> None:
    store.put_many([kept(f"e:ns:{number}") for number in range(1500)])
    store.put_many([kept("e:other:1"), kept("f:ns:1")])
    found = {key for batch in store.scan("e:ns:") for key in batch}
    assert found == {f"e:ns:{number}" for number in range(1500)}


@pytest.mark.parametrize("start", ["a*", "a?", "a[bc]", "a\\", "a^", "a-"])
def test_scanning_takes_signs_of_patterns_literally(store: Store, start: str) -> None:
    store.put_many([kept(start + "1"), kept("ab1"), kept("axx1")])
    assert {key for batch in store.scan(start) for key in batch} == {start + "1"}


def test_scanning_yields_no_empty_batch(store: Store) -> None:
    store.put_many([kept("a")])
    assert list(store.scan("absent")) == []
    assert list(store.scan("a")) == [["a"]]


def test_scanning_for_everything_is_a_value_error_at_once(store: Store) -> None:
    with pytest.raises(ValueError, match="scan"):
        store.scan("")


def test_keys_may_be_removed_while_scanning(store: Store) -> None:
    store.put_many([kept(f"a:{number}") for number in range(1200)])
    for batch in store.scan("a:"):
        store.remove(batch)
    assert list(store.scan("a:")) == []


# Apart from others


def test_two_prefixes_on_one_server_do_not_meet(store: Store, store_place: StorePlace) -> None:
    store.put_many([kept("a", b"mine")])
    other = StorePlace(
        store_place.kind, store_place.url, store_place.prefix + "x", store_place.token
    )
    with other.open() as neighbour:
        assert neighbour.get_many(["a"]) == [None]
        assert neighbour.remove(["a"]) == 0
        assert list(neighbour.scan("a")) == []
    assert store.get_many(["a"]) == [b"mine"]


def test_another_store_object_sees_the_same_keys(
    store: Store, open_same_store: OpenSameStore
) -> None:
    store.put_many([kept("a", EVERY_BYTE)])
    assert open_same_store().get_many(["a"]) == [EVERY_BYTE]


# Cost


def test_reading_one_key_is_one_get(store: Store, meter: Meter) -> None:
    store.get_many(["a"])
    assert (meter.round_trips, meter.names) == (1, Counter(GET=1))


def test_reading_many_keys_is_one_mget(store: Store, meter: Meter) -> None:
    store.get_many([str(number) for number in range(100)])
    assert (meter.round_trips, meter.names) == (1, Counter(MGET=1))


def test_adding_and_reading_is_one_round_trip(store: Store, meter: Meter) -> None:
    store.add_then_get([kept("a"), kept("b")], ["a", "b", "c"])
    assert (meter.round_trips, meter.names) == (1, Counter(SET=2, MGET=1))


def test_putting_many_is_one_round_trip(store: Store, meter: Meter) -> None:
    store.put_many([kept(str(number), b"x" * 2000) for number in range(100)])
    assert (meter.round_trips, meter.names) == (1, Counter(SET=100))


def test_settling_many_is_one_round_trip(store: Store, meter: Meter) -> None:
    store.settle([LeaseWrite(str(number), b"token") for number in range(10)])
    assert (meter.round_trips, meter.names) == (1, Counter(EVAL=10))


def test_removing_many_is_one_command(store: Store, meter: Meter) -> None:
    store.remove([str(number) for number in range(100)])
    assert (meter.round_trips, meter.commands) == (1, 1)


def test_fields_of_one_hash_are_two_commands(store: Store, meter: Meter) -> None:
    store.put_fields([FieldPut("h", str(number), b"1", LIFE_S) for number in range(20)])
    assert (meter.round_trips, meter.commands) == (1, 2)


def test_reading_hashes_is_one_round_trip(store: Store, meter: Meter) -> None:
    store.get_fields(["a", "b", "c"])
    assert (meter.round_trips, meter.commands) == (1, 3)


def test_ping_and_info_are_one_round_trip_each(store: Store, meter: Meter) -> None:
    store.ping()
    store.info()
    assert meter.round_trips == 2


def test_the_clock_is_one_round_trip(store: Store, meter: Meter) -> None:
    store.now_s()
    assert meter.round_trips == 1


# The store itself


def test_a_store_says_what_and_where_it_is(store: Store, store_place: StorePlace) -> None:
    assert store.kind == store_place.kind
    assert store.address == store_place.url
    assert store.prefix == store_place.prefix


def test_a_store_on_this_machine_has_this_machines_time(store: Store) -> None:
    before = time.time()
    found = store.now_s()
    assert before - 0.01 <= found <= time.time() + 0.01


def test_info_counts_keys_and_bytes(store: Store) -> None:
    store.put_many([kept("a")])
    found = store.info()
    assert found.keys is not None
    assert found.keys >= 1
    assert found.used_bytes is not None
    assert found.used_bytes > 0
    assert found.evicted == 0


def test_closing_twice_is_safe(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreUnavailableError):
        store.ping()


def test_a_closed_store_is_unavailable(store: Store) -> None:
    store.ping()
    store.close()
    calls = [
        lambda: store.get_many(["a"]),
        lambda: store.add_then_get([kept("a")], ["a"]),
        lambda: store.put_many([kept("a")]),
        lambda: store.settle([LeaseWrite("lease", b"mine")]),
        lambda: store.touch([Touch("a", LIFE_S)]),
        lambda: store.remove(["a"]),
        lambda: store.put_fields([FieldPut("h", "f", b"1")]),
        lambda: store.get_fields(["h"]),
        lambda: store.scan("a"),
        store.ping,
        store.now_s,
        store.info,
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError, match="closed"):
            call()


def test_many_threads_may_share_a_store(store: Store) -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        for step in range(20):
            key, value = f"{number}:{step}", f"{number}/{step}".encode()
            store.put_many([kept(key, value)])
            if store.get_many([key, "absent"]) != [value, None]:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len({key for batch in store.scan("3") for key in batch}) >= 20
