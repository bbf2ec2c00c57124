"""Keys that are left alone for a while."""

from __future__ import annotations

import contextlib
import threading


class Pauses:
    """When each key's pause is over, on the monotonic clock. Safe between threads.

    `max_keys`: beyond it the pause that was set first is forgotten, so whoever sets one must not
    rely on its lasting.
    """

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys
        self._lock = threading.RLock()
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def lasts(self, key: str, now: float) -> bool:
        """Whether the key is to be left alone."""
        return now < self._until.get(key, 0.0)

    def set(self, key: str, until: float) -> None:
        """Leave the key alone until then."""
        with self._lock:
            self._until.pop(key, None)
            self._until[key] = until
            if len(self._until) > self._max_keys:
                # A finaliser that reads may set one in between: then there is one too many.
                with contextlib.suppress(RuntimeError):
                    self._until.pop(next(iter(self._until), ""), None)

    def end(self, key: str) -> None:
        """Leave it alone no longer; safe to repeat."""
        with self._lock:
            self._until.pop(key, None)
