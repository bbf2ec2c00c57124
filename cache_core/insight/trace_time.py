"""An event loop whose time is a trace's: as fast as it goes, or so many times as fast as recorded.

Whatever waits in such a loop (a source that takes its time, a reader who waits for it, the next row
of the trace) waits by the same clock. As fast as it goes: when nothing is left to do, the time is
set to when something is; so hours take seconds, and what happens is the same in every run.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectors import SelectorKey


class TraceClock:
    """Seconds since the trace began.

    `speed`: trace seconds in a second of `monotonic`; None stands still between calls of `skip`.
    """

    def __init__(
        self, speed: float | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if speed is not None and not 0 < speed < math.inf:
            raise ValueError(f"speed is a number above 0, not {speed!r}")
        self.speed = speed
        self._monotonic = monotonic
        self._began = monotonic()
        self._skipped_s = 0.0

    def __call__(self) -> float:
        if self.speed is None:
            return self._skipped_s
        return self._skipped_s + (self._monotonic() - self._began) * self.speed

    def skip(self, seconds: float) -> None:
        """Let `seconds` have passed, and at least as much as a double can tell."""
        self._skipped_s = max(self._skipped_s + seconds, math.nextafter(self._skipped_s, math.inf))

    def hurry(self) -> None:
        """From here on as fast as it goes."""
        self._skipped_s, self.speed = self(), None


class TraceLoop(asyncio.SelectorEventLoop):
    """An event loop that goes by a TraceClock."""

    def __init__(self, clock: TraceClock) -> None:
        self.clock = clock
        super().__init__(_Waiting(clock))

    def time(self) -> float:
        """Seconds since the trace began."""
        return self.clock()


class _Waiting(selectors.DefaultSelector):
    """Waits for other threads in real time, and for the trace's time as the clock says."""

    def __init__(self, clock: TraceClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """What is ready, as the loop asks before each of its rounds."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._clock.speed is not None:
            return super().select(timeout / self._clock.speed)
        ready = super().select(0)
        if not ready:
            self._clock.skip(timeout)
        return ready
