"""Whether the store answers, how fast, and what stands in the way if it does not."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cache_core.cache import Cache
from cache_core.stores.base import StoreError, StoreInfo


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """One look at the store. `latency_s`: of a ping; None, with a `problem`, if it failed."""

    kind: str
    address: str
    is_caching: bool
    latency_s: float | None
    problem: str | None
    pending_invalidations: int
    info: StoreInfo | None

    @property
    def is_up(self) -> bool:
        """Whether the store answered."""
        return self.problem is None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        latency_ms = None if self.latency_s is None else round(self.latency_s * 1000, 3)
        return {
            "status": "ok" if self.is_up else "degraded",
            "store": {"kind": self.kind, "address": self.address, "latency_ms": latency_ms},
            "caching": self.is_caching,
            "problem": self.problem,
            "pending_invalidations": self.pending_invalidations,
        }


def check_store(
    cache: Cache, *, with_info: bool = False, monotonic: Callable[[], float] = time.monotonic
) -> StoreHealth:
    """Ping the store; never raises because of it."""
    latency_s: float | None = None
    problem: str | None = None
    info: StoreInfo | None = None
    try:
        began = monotonic()
        cache.store.ping()
        latency_s = monotonic() - began
        info = cache.store.info() if with_info else None
    except StoreError as exc:
        problem = str(exc)
    return StoreHealth(
        kind=cache.store.kind,
        address=cache.store.address,
        is_caching=cache.is_on,
        latency_s=latency_s if problem is None else None,
        problem=problem,
        pending_invalidations=cache.pending_invalidations,
        info=info,
    )


PINGS = 5
_TEST_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class HealthTest:
    """Several pings, one after another. `at_s`: Unix time; `times_s`: of those that were answered.

    `problem`: why one was not answered; then no further one was sent.
    """

    at_s: float
    times_s: tuple[float, ...]
    problem: str | None

    @property
    def median_s(self) -> float | None:
        """None if none was answered."""
        return statistics.median(self.times_s) if self.times_s else None

    @property
    def worst_s(self) -> float | None:
        """None if none was answered."""
        return max(self.times_s, default=None)


class HealthTests:
    """Tests of a store that anybody may ask for, so not often. Safe between threads."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._next_s = monotonic()
        self.last: HealthTest | None = None
        self.commands = 0  # sent so far, those of `info` among them
        self._info: tuple[float, StoreInfo] | None = None

    def info(self, cache: Cache) -> StoreInfo:
        """What the store says of itself, at most 10 s old. Raises StoreError."""
        with self._lock:
            now_s = self._monotonic()
            if self._info is None or now_s - self._info[0] >= _TEST_EVERY_S:
                self.commands += 1
                self._info = now_s, cache.store.info()
            return self._info[1]

    def run(self, cache: Cache) -> HealthTest:
        """Ping the store; within 10 s of the last test, that one. Never raises because of a store.

        Visitors who ask while a test goes on wait for it and get its result.
        """
        with self._lock:
            if self.last is not None and self._monotonic() < self._next_s:
                return self.last
            at_s, times_s, problem = self._clock(), [], None
            for _ in range(PINGS):
                began = self._monotonic()
                self.commands += 1
                try:
                    cache.store.ping()
                except StoreError as exc:
                    problem = str(exc)
                    break
                times_s.append(self._monotonic() - began)
            self.last = HealthTest(at_s, tuple(times_s), problem)
            self._next_s = self._monotonic() + _TEST_EVERY_S
            return self.last
