"""Copies of entries in this process, for a short while: a read that asks nobody.

A copy is at most `near_ttl_s` behind invalidations of other processes; those of this process
remove it at once. Copies are kept as the entry's bytes, so a caller cannot alter them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cache_core.envelope import Entry

_MAX_BYTES = 64_000_000
_OVERHEAD_BYTES = 400


@dataclass(frozen=True, slots=True)
class _Copy:
    entry: Entry
    until: float  # on the monotonic clock
    size_bytes: int


class NearCache:
    """Copies by entry key, least recently used out first. Safe between threads.

    Args:
        epoch: number of invalidations in this process so far; what was read before the last one is
            not kept.
        monotonic: seconds that never jump.
        max_bytes: of all copies together.
    """

    def __init__(
        self,
        epoch: Callable[[], int],
        monotonic: Callable[[], float],
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        self._epoch = epoch
        self._monotonic = monotonic
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        self._used_bytes = 0

    def get(self, entry_key: str) -> Entry | None:
        """The copy under a key, unless its time is over."""
        with self._lock:
            copy = self._copies.get(entry_key)
            if copy is None:
                return None
            if copy.until <= self._monotonic():
                self._drop(entry_key)
                return None
            self._copies.move_to_end(entry_key)
            return copy.entry

    def put(self, entry_key: str, entry: Entry, ttl_s: float, seen_epoch: int) -> None:
        """Keep a copy of an entry that was read from the store when the epoch was `seen_epoch`."""
        size_bytes = len(entry.body) + len(entry_key) + _OVERHEAD_BYTES
        with self._lock:
            # An invalidation raises the epoch before it removes copies, which takes this lock: so
            # either it is seen here, or it removes what is put here.
            if seen_epoch != self._epoch() or size_bytes > self._max_bytes:
                return
            self._drop(entry_key)
            self._copies[entry_key] = _Copy(entry, self._monotonic() + ttl_s, size_bytes)
            self._used_bytes += size_bytes
            while self._used_bytes > self._max_bytes:
                self._drop(next(iter(self._copies)))

    def remove(self, entry_keys: Iterable[str] | None = None) -> None:
        """Remove copies; all of them when it is not known which are concerned."""
        with self._lock:
            if entry_keys is None:
                self._copies.clear()
                self._used_bytes = 0
                return
            for entry_key in entry_keys:
                self._drop(entry_key)

    def _drop(self, entry_key: str) -> None:
        copy = self._copies.pop(entry_key, None)
        if copy is not None:
            self._used_bytes -= copy.size_bytes
