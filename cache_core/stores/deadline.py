"""One deadline over everything a call does on the network.

Drivers bound each wait by itself: a server that sends a byte now and then keeps a caller for ever.
Here the thread that makes the call notes when it must be over, and each step on a socket gets only
the time that is left.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Deadline:
    """When the calling thread's present call must be over; each thread has its own.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls = threading.local()

    @contextmanager
    def within(self, timeout_s: float) -> Iterator[None]:
        """Give the block `timeout_s` seconds in all."""
        # A finaliser that runs in the middle of a call may make one of its own; the first goes on
        # with its own deadline afterwards.
        before: float | None = getattr(self._calls, "ends", None)
        self._calls.ends = self._clock() + timeout_s
        try:
            yield
        finally:
            self._calls.ends = before

    @property
    def ends(self) -> float:
        """When the present call must be over, on the clock; infinity outside of a call."""
        ends: float | None = getattr(self._calls, "ends", None)
        return math.inf if ends is None else ends

    def left_s(self, limit_s: float) -> float:
        """Seconds the next step may take: `limit_s`, or less when the call has less left.

        Outside of a call it is `limit_s`. TimeoutError when nothing is left.
        """
        ends: float | None = getattr(self._calls, "ends", None)
        if ends is None:
            return limit_s
        left_s = ends - self._clock()
        if left_s <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return min(limit_s, left_s)
