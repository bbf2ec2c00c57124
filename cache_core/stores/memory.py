"""A store in this process: bounded by bytes and by entries, least recently used goes first.

Shared by all threads that hold the object, and by nobody else. It keeps to the same contract as
the remote stores, hashes included, so that what works here works there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from cache_core.stores.arguments import checked_start, hold_ms, ttl_ms
from cache_core.stores.base import (
    FieldPut,
    LeaseWrite,
    Put,
    StoreInfo,
    StoreRejectedError,
    StoreUnavailableError,
    Touch,
    checked_prefix,
)
from cache_core.stores.direct import DirectAsyncStore
from cache_core.stores.forks import mend_after_fork
from cache_core.stores.memory_slots import (
    FIELD_OVERHEAD_BYTES,
    KEY_OVERHEAD_BYTES,
    Slot,
    Slots,
)

MAX_BYTES_DEFAULT = 256 * 1024 * 1024
MAX_ENTRIES_DEFAULT = 100_000

_SCAN_BATCH = 500


class MemoryStore:
    """Implements Store in memory.

    Args:
        prefix: as for every store; here it keeps nothing apart, since nobody else is in here.
        max_bytes: keys, values and Python's overhead together, estimated; >= 1.
        max_entries: keys; >= 1.
        clock: seconds that never go back; tests pass one that ticks by hand.

    A single value that `max_bytes` cannot hold is a StoreRejectedError and changes nothing.
    """

    kind = "memory"

    def __init__(
        self,
        *,
        prefix: str = "cache",
        max_bytes: int = MAX_BYTES_DEFAULT,
        max_entries: int = MAX_ENTRIES_DEFAULT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_bytes < 1 or max_entries < 1:
            raise ValueError(
                f"max_bytes is {max_bytes}, max_entries is {max_entries}; both must be at least 1"
            )
        self.prefix = checked_prefix(prefix)
        self.address = "memory://"
        self._max_bytes = max_bytes
        self._clock = clock
        # Re-entrant because a garbage collection inside may run a finaliser that reads the cache.
        self._lock = threading.RLock()
        self._slots = Slots(max_bytes, max_entries, clock)
        self._closed = False
        mend_after_fork(self)

    def __repr__(self) -> str:
        return f"MemoryStore(prefix={self.prefix!r}, max_bytes={self._max_bytes})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Values

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            self._check_open("get_many")
            return [self._value(key) for key in keys]

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            self._check_open("add_then_get")
            self._check_fit(adds)
            for add in adds:
                if self._slots.live(add.key) is None:
                    self._put(add)
            return [self._value(key) for key in keys]

    def put_many(self, puts: Sequence[Put]) -> None:
        with self._lock:
            self._check_open("put_many")
            self._check_fit(puts)
            for put in puts:
                self._put(put)

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        with self._lock:
            self._check_open("settle")
            self._check_fit([write.entry for write in writes if write.entry is not None])
            for write in writes:
                hold_ms(write.hold_s)
            return [self._settle_one(write) for write in writes]

    def touch(self, touches: Sequence[Touch]) -> None:
        with self._lock:
            self._check_open("touch")
            for touch in touches:
                ttl_ms(touch.ttl_s)
            for touch in touches:
                slot = self._slots.live(touch.key)
                expires = self._clock() + ttl_ms(touch.ttl_s) / 1000
                if slot is None or (not touch.may_shorten and slot.lasts_until(expires)):
                    continue
                self._slots.replace(touch.key, replace(slot, expires=expires))

    def remove(self, keys: Sequence[str]) -> int:
        with self._lock:
            self._check_open("remove")
            there = 0
            for key in keys:
                if self._slots.live(key) is not None:
                    self._slots.drop(key)
                    there += 1
            return there

    # Hashes

    def put_fields(self, fields: Sequence[FieldPut]) -> None:
        with self._lock:
            self._check_open("put_fields")
            for put in fields:
                if put.ttl_s is not None:
                    ttl_ms(put.ttl_s)
            for put in fields:
                self._put_field(put)

    def get_fields(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        with self._lock:
            self._check_open("get_fields")
            return [dict(self._hash(key) or {}) for key in keys]

    # The store itself

    def scan(self, start: str) -> Iterator[list[str]]:
        checked_start(start)
        with self._lock:
            self._check_open("scan")
            found = self._slots.keys(start)
        # One snapshot: the lock is not held while the caller works on a batch.
        return (found[i : i + _SCAN_BATCH] for i in range(0, len(found), _SCAN_BATCH))

    def ping(self) -> None:
        with self._lock:
            self._check_open("ping")

    def now_s(self) -> float:
        with self._lock:
            self._check_open("now_s")
        return time.time()

    def info(self) -> StoreInfo:
        with self._lock:
            self._check_open("info")
            self._slots.drop_expired()
            return StoreInfo(
                used_bytes=self._slots.used_bytes,
                limit_bytes=self._max_bytes,
                keys=len(self._slots),
                evicted=self._slots.evicted,
            )

    @property
    def aio(self) -> DirectAsyncStore:
        # Made anew: kept, it would tie the store into a cycle that only the collector undoes.
        return DirectAsyncStore(self)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._slots.clear()

    def after_fork(self) -> None:
        """In the child: a lock of its own, and nothing that a thread was just changing."""
        was_free = self._lock.acquire(blocking=False)
        self._lock = threading.RLock()
        if not was_free:
            self._slots.clear()

    # Everything below is called with the lock held.

    def _check_open(self, operation: str) -> None:
        if self._closed:
            raise StoreUnavailableError(f"{operation} on {self.address}: the store is closed")

    def _check_fit(self, puts: Sequence[Put]) -> None:
        """Refuse before anything is changed, as a full Redis does."""
        for put in puts:
            ttl_ms(put.ttl_s)
            size_bytes = _value_size(put.key, put.value)
            if size_bytes > self._max_bytes:
                raise StoreRejectedError(
                    f"put on {self.address}: a value of {len(put.value)} bytes does not fit into "
                    f"max_bytes={self._max_bytes}"
                )

    def _value(self, key: str) -> bytes | None:
        slot = self._slots.live(key)
        return None if slot is None else slot.value

    def _hash(self, key: str) -> dict[str, bytes] | None:
        slot = self._slots.live(key)
        return None if slot is None else slot.fields

    def _put(self, put: Put) -> None:
        value = bytes(put.value)
        expires = self._clock() + ttl_ms(put.ttl_s) / 1000
        self._slots.replace(put.key, Slot(value, None, expires, _value_size(put.key, value)))

    def _put_field(self, put: FieldPut) -> None:
        old = self._slots.live(put.key)
        if old is not None and old.fields is None:
            raise StoreRejectedError(
                f"put_fields on {self.address}: the key holds a value, not a hash"
            )
        fields = {} if old is None or old.fields is None else old.fields
        size_bytes = KEY_OVERHEAD_BYTES + len(put.key) if old is None else old.size_bytes
        if put.field in fields:
            size_bytes += len(put.value) - len(fields[put.field])
        else:
            size_bytes += FIELD_OVERHEAD_BYTES + len(put.field) + len(put.value)
        if size_bytes > self._max_bytes:
            raise StoreRejectedError(
                f"put_fields on {self.address}: a hash of {size_bytes} bytes does not fit into "
                f"max_bytes={self._max_bytes}"
            )
        fields[put.field] = bytes(put.value)
        expires = None if old is None else old.expires
        if put.ttl_s is not None:
            expires = self._clock() + ttl_ms(put.ttl_s) / 1000
        self._slots.replace(put.key, Slot(None, fields, expires, size_bytes))

    def _settle_one(self, write: LeaseWrite) -> bool:
        lease = self._slots.live(write.lease_key)
        if lease is None or lease.value != write.token:
            return False
        if write.entry is not None:
            self._put(write.entry)
        # The entry may have pushed the lease out; then there is nothing left to hold or give up.
        if write.hold_s == 0:
            self._slots.drop(write.lease_key)
        else:
            held = self._slots.live(write.lease_key)
            if held is not None:
                expires = self._clock() + hold_ms(write.hold_s) / 1000
                self._slots.replace(write.lease_key, replace(held, expires=expires))
        return True


def _value_size(key: str, value: bytes) -> int:
    return KEY_OVERHEAD_BYTES + len(key) + len(value)
