"""What was read a moment ago, kept so that many viewers cost the store what one does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from cache_core.stores.base import StoreError

_FAILURE_KEPT_S = 3.0


@dataclass(slots=True)
class Kept:
    """Readings of a store, by what was asked for. Safe between threads; one reads at a time.

    A failure is kept for three seconds, so that a store that does not answer is not waited for
    again and again.
    """

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _failure: tuple[float, StoreError | None] = (0.0, None)
    _found: dict[Hashable, tuple[float, Any]] = field(default_factory=dict)

    def read(self, asked: Hashable, kept_s: float, read: Callable[[], Any]) -> Any:
        """What `read` gives, or gave within `kept_s` seconds. Raises StoreError."""
        with self._lock:
            now = time.monotonic()
            failed_s, failure = self._failure
            if failure is not None and now - failed_s < _FAILURE_KEPT_S:
                raise failure
            at_s, found = self._found.get(asked, (0.0, None))
            if found is not None and now - at_s < kept_s:
                return found
            try:
                found = read()
            except StoreError as exc:
                self._failure = (time.monotonic(), exc)
                raise
            self._failure = (0.0, None)
            self._found[asked] = (time.monotonic(), found)
            return found

    @property
    def problem(self) -> StoreError | None:
        """Why the last reading failed; None if it did not."""
        return self._failure[1]

    def forget(self) -> None:
        """Let the next reading be made anew."""
        with self._lock:
            self._found.clear()
            self._failure = (0.0, None)
