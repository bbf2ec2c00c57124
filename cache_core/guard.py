"""The store as the read path sees it: a dead one costs little, and no invalidation is lost.

A circuit breaker stops asking a store that keeps failing. Invalidations that could not reach the
store are kept and carried out before anything is read from it again: until then reads go to the
source.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from cache_core.stores.base import Store, StoreError, StoreUnavailableError

_log = logging.getLogger("cache_core")

T = TypeVar("T")

_FAILURES_TO_OPEN = 3
_REST_S = 2.0
_PENDING_MAX = 100_000
_REPLAY_BATCH = 1_000


class Guard:
    """Asks the store, or refuses at once while it is known to be down. Safe between threads."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_until = 0.0
        # Each with a mark of its own: a key put off again while it is being replayed stays.
        self._pending: dict[str, object] = {}
        self.dropped_invalidations = 0

    @property
    def is_resting(self) -> bool:
        """True while the store is not asked because it kept failing."""
        return self._failures >= _FAILURES_TO_OPEN

    @property
    def pending_invalidations(self) -> int:
        """Keys whose removal the store has not confirmed."""
        return len(self._pending)

    def ask(self, call: Callable[[], T]) -> T:
        """Result of a store call. Raises StoreError."""
        if self._pending:
            self._replay()
        return self._attempt(call)

    def forget(self, keys: Iterable[str]) -> bool:
        """Remove keys, now or as soon as the store answers again; False if it had to be put off."""
        wanted = list(keys)
        try:
            self._attempt(lambda: self._store.remove(wanted))
        except StoreError as exc:
            _log.warning("an invalidation waits until the store answers again: %s", exc)
            self._keep(wanted)
            return False
        return True

    def _attempt(self, call: Callable[[], T]) -> T:
        if self._failures >= _FAILURES_TO_OPEN:
            self._take_turn()
        try:
            result = call()
        except StoreUnavailableError:
            with self._lock:
                self._failures += 1
                if self._failures == _FAILURES_TO_OPEN:
                    _log.warning(
                        "store %s is not answering; reads go to the source", self._store.address
                    )
                self._closed_until = self._monotonic() + _REST_S
            raise
        if self._failures:
            with self._lock:
                if self._failures >= _FAILURES_TO_OPEN:
                    _log.warning("store %s answers again", self._store.address)
                self._failures = 0
        return result

    def _take_turn(self) -> None:
        """One caller may try again after the rest; the others are refused meanwhile."""
        with self._lock:
            now = self._monotonic()
            if now < self._closed_until:
                raise StoreUnavailableError(f"{self._store.address} is not answering; not asked")
            self._closed_until = now + _REST_S

    def _keep(self, keys: list[str]) -> None:
        with self._lock:
            for key in keys:
                if len(self._pending) >= _PENDING_MAX and key not in self._pending:
                    self._pending.pop(next(iter(self._pending)))
                    self.dropped_invalidations += 1
                    if self.dropped_invalidations == 1:
                        _log.error("too many invalidations wait for the store: some are dropped")
                self._pending[key] = object()

    def _replay(self) -> None:
        while True:
            with self._lock:
                batch = dict(itertools.islice(self._pending.items(), _REPLAY_BATCH))
            if not batch:
                return
            self._attempt(lambda keys=list(batch): self._store.remove(keys))  # type: ignore[misc]
            with self._lock:
                for key, mark in batch.items():
                    if self._pending.get(key) is mark:
                        del self._pending[key]
