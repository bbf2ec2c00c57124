"""The store's clock, so that replicas whose own clocks disagree still agree on what is fresh."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from cache_core.logs import log
from cache_core.stores.base import StoreError

_ASK_EVERY_S = 600.0
_ASK_AGAIN_S = 5.0
# Below it the local clock stands: ordinary machines agree to within a few milliseconds, and a
# clock that follows each answer's delay would only tremble.
_NOTEWORTHY_S = 0.5


class StoreClock:
    """Unix seconds by the store's clock: the local clock, moved by how far it is off.

    The store is asked in the background, at first use and every ten minutes; until it answered,
    this is the local clock.

    Args:
        ask: the store's time, Unix seconds; may raise StoreError.
        local: the clock to be moved.
        monotonic: seconds that never jump.
    """

    def __init__(
        self,
        ask: Callable[[], float],
        local: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._local = local
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._due = float("-inf")
        self.offset_s = 0.0

    def __call__(self) -> float:
        if self._monotonic() >= self._due:
            self._ask_later()
        return self._local() + self.offset_s

    def _ask_later(self) -> None:
        with self._lock:
            if self._monotonic() < self._due:
                return
            self._due = self._monotonic() + _ASK_EVERY_S
        # No more threads, or the interpreter is ending: the local clock must do.
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self.measure, name="cache-clock", daemon=True).start()

    def measure(self) -> None:
        """Ask the store for its time, and move this clock if it is far off."""
        before = self._local()
        try:
            there = self._ask()
        except StoreError:
            self._due = self._monotonic() + _ASK_AGAIN_S
            return
        after = self._local()
        offset_s = there - (before + after) / 2
        if abs(offset_s) < max(_NOTEWORTHY_S, after - before):
            offset_s = 0.0
        if abs(offset_s - self.offset_s) > _NOTEWORTHY_S:
            log.warning(
                "clock_off",
                "this machine's clock is %.1f s off the store's, which counts",
                -offset_s,
                off_s=round(-offset_s, 3),
            )
        self.offset_s = offset_s

    def after_fork(self) -> None:
        """The asking thread stayed in the parent."""
        self._lock = threading.RLock()
        self._due = float("-inf")
