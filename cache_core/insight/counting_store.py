"""A store in memory that counts the commands a Redis would have been sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from cache_core.stores.base import LeaseWrite, Put, Touch
from cache_core.stores.memory import MemoryStore

# Beside entries: the namespace's generation, and the lease of whoever writes.
_BESIDE_ENTRIES = 2


class CountingStore(MemoryStore):
    """Counts as `stores.commands` sends: an MGET for all keys of a read, a script for a write.

    Args:
        clock: seconds that never go back.
        entries_max: room for entries, of which the least recently used goes first; None for all.
    """

    def __init__(self, clock: Callable[[], float], entries_max: int | None = None) -> None:
        room = sys.maxsize if entries_max is None else entries_max + _BESIDE_ENTRIES
        super().__init__(max_bytes=sys.maxsize, max_entries=room, clock=clock)
        self.commands = 0

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self.commands += 1
        return super().get_many(keys)

    def add_then_get(self, adds: Sequence[Put], keys: Sequence[str]) -> list[bytes | None]:
        self.commands += len(adds) + bool(keys)
        return super().add_then_get(adds, keys)

    def settle(self, writes: Sequence[LeaseWrite]) -> list[bool]:
        self.commands += len(writes)
        return super().settle(writes)

    def touch(self, touches: Sequence[Touch]) -> None:
        self.commands += len(touches)
        super().touch(touches)

    def remove(self, keys: Sequence[str]) -> int:
        self.commands += 1
        return super().remove(keys)
