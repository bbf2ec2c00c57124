"""What only the memory store promises: its bounds, its order, its clock."""

from __future__ import annotations

from typing import cast

import pytest

from cache_core.stores import FieldPut, LeaseWrite, Put, StoreRejectedError, open_store
from cache_core.stores.memory import MemoryStore


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def entries(store: MemoryStore) -> int:
    keys = store.info().keys
    assert keys is not None
    return keys


def used(store: MemoryStore) -> int:
    used_bytes = store.info().used_bytes
    assert used_bytes is not None
    return used_bytes


def test_a_value_lives_until_its_time_is_over(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    store.put_many([Put("a", b"1", 10)])
    clock.now_s += 9.999
    assert store.get_many(["a"]) == [b"1"]
    clock.now_s += 0.001
    assert store.get_many(["a"]) == [None]


def test_putting_again_starts_the_time_again(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    store.put_many([Put("a", b"1", 10)])
    clock.now_s += 9
    store.put_many([Put("a", b"2", 10)])
    clock.now_s += 9
    assert store.get_many(["a"]) == [b"2"]


def test_an_expired_lease_is_free_to_add(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    store.put_many([Put("lease", b"theirs", 5)])
    clock.now_s += 5
    assert store.add_then_get([Put("lease", b"mine", 5)], ["lease"]) == [b"mine"]


def test_an_expired_lease_writes_nothing(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    store.put_many([Put("lease", b"mine", 5)])
    clock.now_s += 5
    assert store.settle([LeaseWrite("lease", b"mine", entry=Put("a", b"1", 10))]) == [False]
    assert store.get_many(["a"]) == [None]


def test_a_held_lease_lives_from_the_write_on(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    store.put_many([Put("lease", b"mine", 5)])
    clock.now_s += 4
    store.settle([LeaseWrite("lease", b"mine", hold_s=5)])
    clock.now_s += 4
    assert store.get_many(["lease"]) == [b"mine"]
    clock.now_s += 1
    assert store.get_many(["lease"]) == [None]


def test_removing_what_expired_counts_nothing(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    store.put_many([Put("a", b"1", 10)])
    clock.now_s += 10
    assert store.remove(["a"]) == 0


def test_a_hash_lives_by_the_last_time_it_was_given(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    store.put_fields([FieldPut("h", "a", b"1", 10)])
    clock.now_s += 5
    store.put_fields([FieldPut("h", "b", b"2")])
    clock.now_s += 4
    assert store.get_fields(["h"]) == [{"a": b"1", "b": b"2"}]
    clock.now_s += 1
    assert store.get_fields(["h"]) == [{}]


def test_scanning_leaves_out_what_expired(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    store.put_many([Put("a:1", b"1", 5), Put("a:2", b"2", 10)])
    clock.now_s += 5
    assert list(store.scan("a:")) == [["a:2"]]


def test_the_least_recently_used_entry_goes_first() -> None:
    store = MemoryStore(max_entries=2)
    store.put_many([Put("a", b"1", 10), Put("b", b"2", 10)])
    store.get_many(["a"])
    store.put_many([Put("c", b"3", 10)])
    assert store.get_many(["a", "b", "c"]) == [b"1", None, b"3"]
    assert store.info().evicted == 1


def test_adding_over_a_live_key_counts_as_use() -> None:
    store = MemoryStore(max_entries=2)
    store.put_many([Put("a", b"1", 10), Put("b", b"2", 10)])
    store.add_then_get([Put("a", b"x", 10)], [])
    store.put_many([Put("c", b"3", 10)])
    assert store.get_many(["a", "b"]) == [b"1", None]


def test_an_expired_entry_gives_way_before_a_live_one(clock: HandClock) -> None:
    store = MemoryStore(max_entries=2, clock=clock)
    store.put_many([Put("old", b"1", 100), Put("brief", b"2", 5)])
    clock.now_s += 5
    store.put_many([Put("new", b"3", 100)])
    assert store.get_many(["old", "new"]) == [b"1", b"3"]
    assert store.info().evicted == 0


def test_used_bytes_stay_within_the_bound() -> None:
    store = MemoryStore(max_bytes=100_000)
    for number in range(500):
        store.put_many([Put(f"key-{number}", b"x" * 1000, 10)])
        store.put_fields([FieldPut(f"hash-{number % 7}", str(number % 11), b"x" * 100)])
        assert used(store) <= 100_000
    assert entries(store) > 40
    assert store.info().limit_bytes == 100_000


def test_used_bytes_return_to_nothing() -> None:
    store = MemoryStore()
    store.put_many([Put("a", b"x" * 1000, 10), Put("lease", b"mine", 10)])
    store.put_many([Put("a", b"y", 10)])
    store.put_fields([FieldPut("h", "f", b"1"), FieldPut("h", "f", b"22"), FieldPut("h", "g", b"")])
    store.settle([LeaseWrite("lease", b"mine")])
    store.remove(["a", "h"])
    assert used(store) == 0
    assert entries(store) == 0


def test_a_value_larger_than_the_store_is_rejected_and_changes_nothing() -> None:
    store = MemoryStore(max_bytes=10_000)
    store.put_many([Put("a", b"old", 10)])
    with pytest.raises(StoreRejectedError, match="max_bytes"):
        store.put_many([Put("b", b"1", 10), Put("a", b"x" * 10_000, 10)])
    assert store.get_many(["a", "b"]) == [b"old", None]


def test_a_hash_that_outgrows_the_store_is_rejected() -> None:
    store = MemoryStore(max_bytes=10_000)
    fields = [FieldPut("h", str(number), b"x" * 1000) for number in range(100)]
    with pytest.raises(StoreRejectedError, match="max_bytes"):
        store.put_fields(fields)
    assert used(store) <= 10_000


def test_rewriting_one_key_does_not_grow_the_store() -> None:
    store = MemoryStore()
    for _ in range(5000):
        store.put_many([Put("a", b"1", 1000)])
    assert len(store._slots._expiries) < 2000


def test_a_caller_cannot_alter_a_stored_value() -> None:
    store = MemoryStore()
    value = bytearray(b"old")
    store.put_many([Put("a", cast(bytes, value), 10)])
    value[:] = b"new"
    assert store.get_many(["a"]) == [b"old"]


def test_a_caller_cannot_alter_a_stored_hash() -> None:
    store = MemoryStore()
    store.put_fields([FieldPut("h", "f", b"1")])
    store.get_fields(["h"])[0]["f"] = b"2"
    assert store.get_fields(["h"]) == [{"f": b"1"}]


@pytest.mark.parametrize(("max_bytes", "max_entries"), [(0, 1), (1, 0), (-1, 5)])
def test_bounds_below_one_are_a_value_error(max_bytes: int, max_entries: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MemoryStore(max_bytes=max_bytes, max_entries=max_entries)


def test_the_url_may_set_the_bounds() -> None:
    with open_store("memory://?max_bytes=5000&max_entries=3") as store:
        assert store.info().limit_bytes == 5000
        store.put_many([Put(str(number), b"1", 10) for number in range(9)])
        assert store.info().keys == 3


def test_each_memory_store_is_its_own() -> None:
    with open_store("memory://") as one, open_store("memory://") as other:
        one.put_many([Put("a", b"1", 10)])
        assert other.get_many(["a"]) == [None]
