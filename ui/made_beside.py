"""A value that takes long to make: made once for all viewers, and made anew beside them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_FAILURE_KEPT_S = 3.0


class MadeBeside(Generic[T]):
    """What `make` gave, for all threads.

    Who asks when there is nothing yet waits for it, unless he only looks. Later ones get what there
    is; when that is older than they want it, another is made beside them.
    """

    def __init__(self, make: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._found: tuple[float, T] | None = None
        self._failed: tuple[float, Exception] | None = None
        self._generation = 0

    def get(self, age_s: float, *, at_most_s: float = math.inf) -> T:
        """The value; older than `age_s` at most for as long as a new one is being made.

        at_most_s: who asks waits for a new one rather than take one of this age, seconds.
        Raises: what `make` raised, to whoever asks within three seconds of it.
        """
        found = self._at_hand(age_s)
        if found is None or self._clock() - found[0] >= at_most_s:
            with self._making:
                found = self._at_hand(age_s)
                if found is None or self._clock() - found[0] >= at_most_s:
                    return self._made()
        return found[1]

    def look(self, age_s: float) -> T | None:
        """As `get`, but None instead of waiting. Raises: as `get`."""
        found = self._at_hand(age_s)
        if found is None:
            self._make_beside()
        return None if found is None else found[1]

    def forget(self) -> None:
        """It is not true any more: also what is being made now."""
        with self._lock:
            self._found = self._failed = None
            self._generation += 1

    def _at_hand(self, age_s: float) -> tuple[float, T] | None:
        """What there is; if it is old, begin to make another."""
        with self._lock:
            found, failed = self._found, self._failed
        if failed is not None and self._clock() - failed[0] < _FAILURE_KEPT_S:
            raise failed[1]
        if found is not None and self._clock() - found[0] >= age_s:
            self._make_beside()
        return found

    def _make_beside(self) -> None:
        if not self._making.locked():
            threading.Thread(target=self._make_unless_made, daemon=True).start()

    def _make_unless_made(self) -> None:
        if self._making.acquire(blocking=False):
            try:
                self._made()
            except Exception:  # noqa: BLE001, S110  # it is kept, and raised to the next who asks
                pass
            finally:
                self._making.release()

    def _made(self) -> T:
        generation = self._generation
        try:
            made = self._make()
        except Exception as exc:
            with self._lock:
                self._found, self._failed = None, (self._clock(), exc)
            raise
        with self._lock:
            self._failed = None
            if generation == self._generation:
                self._found = (self._clock(), made)
        return made
