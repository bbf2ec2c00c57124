"""Invalidations that the store has not confirmed: kept, newest of a key only, within a bound."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable

from cache_core.logs import log

_KEYS_MAX = 100_000
_BATCH = 1_000

Batch = dict[str, object]


class PendingInvalidations:
    """Keys to remove as soon as the store answers. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Each with a mark of its own: a key put off again while it is being removed stays.
        self._marks: Batch = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._marks)

    def keep(self, keys: Iterable[str]) -> None:
        """Put the removal of these keys off."""
        with self._lock:
            for key in keys:
                if len(self._marks) >= _KEYS_MAX and key not in self._marks:
                    self._marks.pop(next(iter(self._marks)))
                    self.dropped += 1
                    log.error(
                        "invalidations_dropped",
                        "too many invalidations wait for the store: %d were dropped so far",
                        self.dropped,
                        dropped=self.dropped,
                    )
                self._marks[key] = object()

    def batch(self) -> Batch:
        """Some that are to be removed next, oldest first; empty when none is left."""
        with self._lock:
            return dict(itertools.islice(self._marks.items(), _BATCH))

    def confirm(self, removed: Batch) -> None:
        """Forget what was removed, but for what was put off anew since."""
        with self._lock:
            for key, mark in removed.items():
                if self._marks.get(key) is mark:
                    del self._marks[key]

    def after_fork(self) -> None:
        """The parent carries its own out; doing so twice is harmless, losing one is not."""
        self._lock = threading.Lock()
