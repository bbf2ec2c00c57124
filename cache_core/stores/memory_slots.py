"""What lies under keys in memory: bounded by bytes and by entries, least recently used goes first.

Not safe between threads: the store that holds it has the lock.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# What Python needs around a key and around a hash field (objects, dict slots, heap item), measured
# with tracemalloc on CPython 3.11 and rounded up, so that the bound is on memory, not on payload.
KEY_OVERHEAD_BYTES = 400
FIELD_OVERHEAD_BYTES = 160


@dataclass(slots=True)
class Slot:
    """What is under one key: a value or a hash, never both."""

    value: bytes | None
    fields: dict[str, bytes] | None
    expires: float | None  # on the store's clock; None only for a hash nobody gave a time to live
    size_bytes: int

    def lasts_until(self, moment: float) -> bool:
        """Whether it does not expire before then, on the store's clock."""
        return self.expires is None or self.expires >= moment


class Slots:
    """Slots by key. `clock`: seconds that never go back."""

    def __init__(self, max_bytes: int, max_entries: int, clock: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._clock = clock
        self._slots: OrderedDict[str, Slot] = OrderedDict()  # least recently used first
        self._expiries: list[tuple[float, str]] = []  # heap; items of replaced slots are skipped
        self.used_bytes = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._slots)

    def live(self, key: str) -> Slot | None:
        """The slot if it has not expired, marked as used just now."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        if slot.expires is not None and slot.expires <= self._clock():
            self.drop(key)
            return None
        self._slots.move_to_end(key)
        return slot

    def keys(self, start: str) -> list[str]:
        """Those of live slots that begin with `start`."""
        self.drop_expired()
        return [key for key in self._slots if key.startswith(start)]

    def replace(self, key: str, slot: Slot) -> None:
        """Put the slot in as the most recently used, then make room."""
        self.drop(key)
        self._slots[key] = slot
        self.used_bytes += slot.size_bytes
        if slot.expires is not None:
            heapq.heappush(self._expiries, (slot.expires, key))
        self.drop_expired()
        while self.used_bytes > self._max_bytes or len(self._slots) > self._max_entries:
            oldest = next(iter(self._slots))
            self.drop(oldest)
            self.evicted += 1

    def drop(self, key: str) -> None:
        """Take the slot out if there is one."""
        slot = self._slots.pop(key, None)
        if slot is not None:
            self.used_bytes -= slot.size_bytes

    def drop_expired(self) -> None:
        """Give back what expired, so that it never costs a live entry its place."""
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            _, key = heapq.heappop(self._expiries)
            slot = self._slots.get(key)
            if slot is not None and slot.expires is not None and slot.expires <= now:
                self.drop(key)
        if len(self._expiries) > 2 * len(self._slots) + 1000:
            # Mostly items of replaced slots; without this, rewriting one key would grow the heap.
            self._expiries = [
                (slot.expires, key) for key, slot in self._slots.items() if slot.expires is not None
            ]
            heapq.heapify(self._expiries)

    def clear(self) -> None:
        """Take all out."""
        self._slots.clear()
        self._expiries.clear()
        self.used_bytes = 0
