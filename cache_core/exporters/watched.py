"""How watched caches and their stores are doing, read when somebody collects metrics."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cache_core.cache import Cache

IS_DOWN = "1 while the store is left alone because it kept failing; reads go to their sources."
PENDING = "Keys whose removal waits until the store answers again."
DROPPED = "Keys whose removal was given up because too many waited; others may serve old values."
LOST = "Minutes and hours of shared figures given up because the store was away for too long."


class State(NamedTuple):
    """Of a store and the caches of this process over it, as IS_DOWN, PENDING, DROPPED, LOST say."""

    is_down: int
    pending: int
    dropped: int
    lost: int


class WatchedCaches:
    """Caches that somebody watches. Keeps none of them alive. Safe between threads."""

    def __init__(self) -> None:
        self._caches: weakref.WeakSet[Cache] = weakref.WeakSet()
        self._lock = threading.RLock()

    def add(self, cache: Cache) -> None:
        """Watch this one too; nothing happens if it is watched already."""
        with self._lock:
            self._caches.add(cache)

    def by_store(self) -> dict[str, State]:
        """States by the store's address, which holds no password. Asks no store."""
        with self._lock:
            caches = list(self._caches)
        found: dict[str, State] = {}
        for cache in caches:
            known = found.get(cache.store.address, State(0, 0, 0, 0))
            found[cache.store.address] = State(
                max(known.is_down, int(cache.is_store_down)),
                known.pending + cache.pending_invalidations,
                known.dropped + cache.dropped_invalidations,
                known.lost + cache.recorder.lost_periods,
            )
        return found
