"""Looks at the store that anybody may ask for, so not many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cache_core.cache import Cache
from cache_core.operations import check_store
from cache_core.operations.health import StoreHealth

KEPT_S = 1.0


class Looks:
    """Pings a store once a second at most, however many ask. Safe between threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last: tuple[Cache, float, StoreHealth] | None = None

    def at(self, cache: Cache) -> StoreHealth:
        """How the store is, or was a moment ago. Who asks during a ping waits for it."""
        with self._lock:
            if self._last is not None:
                looked_at, at_s, health = self._last
                if looked_at is cache and self._monotonic() < at_s + KEPT_S:
                    return health
            health = check_store(cache)
            self._last = cache, self._monotonic(), health
            return health
