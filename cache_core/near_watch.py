"""Copies near by end with changes that other processes make, where the store's server tells them.

Why no copy is served that is older than a change which was heard (`changed` returned):

- The epoch is raised first, the copies are removed second, under the lock that putting one takes.
- A read notes the epoch when it begins. If it began before a change was heard, its copy is either
  put before the removal, which removes it, or after, and then the removal is on record with a
  later epoch than the read's: it is refused.
- If it began afterwards, the server had made the change before the read reached it: the server
  tells of a change after it made it. So what the read shows is not older.

Only a change of what is there is told, and that is enough: a key that is absent when it is
invalidated was told when it went, and no read since then had a fresh entry from it.

While changes are not heard (before the first line, and while it is lost), copies end after
`near_ttl_s`, and when changes are heard again all go: which of them were missed is not known. Where
a store has parts that tell apart from each other, that holds for copies with a name in such a part.

Changes of this process are told as well. An entry that was just written loses the copy taken
meanwhile, once; the next hit brings another one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cache_core import keys
from cache_core.flights import Flights
from cache_core.guard import GuardedStore
from cache_core.near import NearCache
from cache_core.stores.base import Part, Tracking


class NearWatch:
    """Removes copies near by when the store tells of changes. Implements ChangeListener.

    Nothing is listened to before the first namespace is followed.
    """

    def __init__(self, store: GuardedStore, flights: Flights, near: NearCache) -> None:
        self._store = store
        self._flights = flights
        self._near = near
        # Re-entrant because a garbage collection inside may run a finaliser that reads the cache.
        self._lock = threading.RLock()
        self._followed: set[str] = set()
        self._tracking: Tracking | None = None
        self._closed = False

    def follow(self, namespace: str) -> None:
        """Let copies of this namespace end with changes; called before one is put, by readers."""
        if namespace in self._followed:
            return
        with self._lock:
            if self._closed or namespace in self._followed:
                return
            self._followed.add(namespace)
            starts = [keys.generations_start(), *map(keys.entries_start, self._followed)]
            if self._tracking is None:
                self._tracking = self._store.track(self)
            if self._tracking is not None:
                self._tracking.follow(starts)

    def changed(self, names: Sequence[str] | None, within: Part | None = None) -> None:
        """Drop the copies of these entries, or under these generations; None: all of them, or all
        that any of whose names is in this part."""
        self._flights.void()
        if names is None:
            self._near.clear(within)
        else:
            self._near.remove(names)

    def unheard(self, within: Part | None = None) -> None:
        """What is here may be older than changes that are not heard any more."""
        self._near.withhold(within)

    def close(self) -> None:
        """Listen no more; safe to repeat."""
        with self._lock:
            self._closed = True
        if self._tracking is not None:
            self._tracking.close()
