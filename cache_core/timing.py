"""Durations of the read path, and where its time and chance come from."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, clocks and chance; tests pass their own.

    `lease_s`: what a dead owner costs at most. `hung_s`: after so long a source is taken to hang,
    and others compute as if it had never begun. `wait_s`: how long to wait for somebody else's
    computation. `pause_s`: how long a failing source is left alone where a stale value exists.
    `clock`: Unix time. `monotonic`: time that never jumps. `draw`: uniform in [0, 1).
    `errands_beside`: what nobody waits for (a longer life of an entry, a lease given back) is done
    by a thread; False: at once, for clocks that would have moved on before it got to it.
    """

    lease_s: float = 10.0
    hung_s: float = 600.0
    wait_s: float = 30.0
    pause_s: float = 5.0
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = random.random
    errands_beside: bool = True
