"""Whatever lies under an entry's key: a miss with its cause, replaced, and never an exception."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cache_core import Cache, envelope
from cache_core.call import make_call
from cache_core.keys import text_digest
from cache_core.policy import Policy
from cache_core.stores import FieldPut, Put, Store
from cache_core.stores.memory import MemoryStore
from tests.cache.helpers import Events, still

VALUE = {"text": "value " * 400, "numbers": (1, 2, 3)}


def read(cache: Cache) -> object:
    return cache.get_or_compute("ns", "k", lambda: VALUE, ttl_s=60, tags=["t"])


def entry_key() -> str:
    return make_call(
        "p", "ns", Policy(ttl_s=60), {}, text_digest("k"), [], lambda: 1, "x"
    ).entry_key


def stored(store: Store) -> bytes:
    (raw,) = store.get_many([entry_key()])
    assert raw is not None
    return raw


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch executed-from-a-cache-entry",)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "cut short": lambda raw: raw[:-1],
    "header only": lambda raw: raw[:20],
    "one bit": lambda raw: raw[:60] + bytes([raw[60] ^ 1]) + raw[61:],
    "longer": lambda raw: raw + b"x",
    "text": lambda raw: b"plain text of somebody else",
    "JSON": lambda raw: b'{"!": "model", "c": "os.system", "v": {}}',
    "pickle": lambda raw: pickle.dumps(Evil()),
    "zeros": lambda raw: bytes(len(raw)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_bytes_are_a_miss_that_is_counted_and_replaced(
    cache: Cache, events: Events, store: Store, damage: str
) -> None:
    read(cache)
    store.put_many([Put(entry_key(), DAMAGES[damage](stored(store)), 60)])
    assert [read(cache), read(cache)] == [VALUE, VALUE]
    assert events.outcomes == ["miss.cold", "miss.damaged", "hit"]


def test_a_hash_under_an_entrys_key_is_a_miss_and_replaced(
    cache: Cache, events: Events, store: Store
) -> None:
    store.put_fields([FieldPut(entry_key(), "field", b"foreign", 60)])
    assert [read(cache), read(cache)] == [VALUE, VALUE]
    assert [event.outcome for event in events.reads] == ["miss", "hit"]


# {"a": [1, 2]} under one tag, as version 0.1 of this library wrote it.
FORMAT_1 = (
    b"\xc5C\x01\x00\xfb\x16\xc72?\xf0\x00\x00\x00\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x00@\x08\x00\x00"
    b"\x00\x00\x00\x00@\x10\x00\x00\x00\x00\x00\x00?\xe0\x00\x00\x00\x00\x00\x00\x01ggggggggttttttttuuuuuuuu"
    b'{"a":[1,2]}'
)


@pytest.mark.parametrize(
    "older",
    [lambda raw: FORMAT_1, lambda raw: FORMAT_1[:50], lambda raw: raw[:2] + b"\x03" + raw[3:]],
)
def test_an_entry_of_another_format_is_a_miss_by_version(
    cache: Cache, events: Events, store: Store, older: Callable[[bytes], bytes]
) -> None:
    read(cache)
    store.put_many([Put(entry_key(), older(stored(store)), 60)])
    assert [read(cache), read(cache)] == [VALUE, VALUE]
    assert events.outcomes == ["miss.cold", "miss.version", "hit"]


def test_an_entry_with_other_tags_is_a_miss_by_version(cache: Cache, events: Events) -> None:
    """The function's tags were changed since: the entry would escape their invalidation."""
    read(cache)
    cache.get_or_compute("ns", "k", lambda: 2, ttl_s=60, tags=["t", "more"])
    assert events.outcomes == ["miss.cold", "miss.version"]


def test_damage_in_a_batch_is_a_miss_of_that_key_alone(
    cache: Cache, events: Events, store: Store
) -> None:
    @cache.cached("ns", ttl_s=60)
    def double(number: int) -> int:
        return 2 * number

    double.read_many([(1,), (2,)])
    store.put_many([Put(double.key(1).removeprefix(f"{store.prefix}:"), b"damaged", 60)])
    assert [found.value for found in double.read_many([(1,), (2,)])] == [2, 4]
    assert sorted(events.outcomes[2:]) == ["hit", "miss.damaged"]


def test_get_many_leaves_out_what_is_damaged(cache: Cache, store: Store) -> None:
    read(cache)
    store.put_many([Put(entry_key(), b"damaged", 60)])
    assert cache.get_many("ns", ["k"]) == {}


SEAL = envelope.seal_of("e:ns:1:{digest}")
SAMPLE = envelope.pack(
    envelope.Entry(
        1.0, 2.0, 3.0, 4.0, 0.5, b"g" * 8, ((b"t" * 8, b"u" * 8),),
        *envelope.encode_value(VALUE, {}),
    ),
    SEAL,
)  # fmt: skip


@given(st.binary(max_size=200))
def test_foreign_bytes_are_never_an_entry(raw: bytes) -> None:
    with pytest.raises(envelope.DamagedEntryError):
        envelope.unpack(raw, SEAL)


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_no_altered_byte_goes_unnoticed(at: int, change: int) -> None:
    altered = SAMPLE[:at] + bytes([SAMPLE[at] ^ change]) + SAMPLE[at + 1 :]
    with pytest.raises(envelope.DamagedEntryError):
        envelope.unpack(altered, SEAL)


@given(st.integers(0, len(SAMPLE) - 1))
def test_no_truncation_goes_unnoticed(length: int) -> None:
    with pytest.raises(envelope.DamagedEntryError):
        envelope.unpack(SAMPLE[:length], SEAL)


@given(st.text(max_size=40))
def test_an_entry_is_damaged_under_every_other_key(key: str) -> None:
    assume(key != "e:ns:1:{digest}")
    with pytest.raises(envelope.DamagedEntryError):
        envelope.unpack(SAMPLE, envelope.seal_of(key))


def test_an_entry_copied_to_another_key_is_a_miss(
    cache: Cache, events: Events, store: Store
) -> None:
    """As a reply that was taken for another's would be."""
    double = cache.cached("ns", ttl_s=60)(lambda number: 2 * number)
    here, there = (double.key(number).removeprefix(f"{store.prefix}:") for number in (1, 2))
    double(1)
    (raw,) = store.get_many([here])
    assert raw is not None
    store.put_many([Put(there, raw, 60)])
    assert double(2) == 4
    assert events.outcomes == ["miss.cold", "miss.damaged"]


@given(st.binary(max_size=100))
@settings(max_examples=30, deadline=None)
def test_a_read_survives_any_bytes_in_the_store(raw: bytes) -> None:
    with Cache(MemoryStore(), recorder=Events(), timing=still()) as cache:
        cache.store.put_many([Put(entry_key(), raw, 60), Put("g:n:ns", raw, 60)])
        assert [read(cache), read(cache)] == [VALUE, VALUE]
